package configs

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"ringsync/connectors"
)

// decoder fills the types from the parsed file by their tags and notes everything that does not fit, never stopping
// at the first.
type decoder struct {
	*document
	lookups
}

var (
	secretType = reflect.TypeFor[Secret]()
	valueType  = reflect.TypeFor[connectors.Value]()
)

// section fills a struct from a mapping. A nil node is a section that the file leaves out: it gets the defaults.
func (d *decoder) section(path string, node ast.Node, into reflect.Value) {
	entries, ok := d.entries(path, node)
	if !ok {
		return
	}
	at, keys := d.place(path), keysOf(into.Type())
	for _, k := range keys {
		field, child := into.Field(k.index), join(path, k.name)
		e, ok := entries[k.name]
		if ok {
			d.places[child] = e.key
			delete(entries, k.name)
		}
		if !ok || e.value.Type() == ast.NullType {
			d.absent(child, at, k, field)
			continue
		}
		d.value(child, e.value, field, k.rules)
	}
	for _, e := range entries {
		d.addAt(e.key, join(path, e.key.Value), "%s", unknownKey(path, e.key.Value, keys))
	}
}

// absent gives a key that the file leaves out, or leaves empty, its default.
func (d *decoder) absent(path string, at *token.Token, k key, into reflect.Value) {
	switch {
	case k.rules.required:
		where := at
		if d.places[path] != nil {
			where = d.places[path] // "tenant:" with nothing behind it
		}
		if in := parent(path); in != "" {
			d.addAt(where, path, "missing key %q in %s", k.name, in)
		} else {
			d.addAt(where, path, "missing key %q", k.name)
		}
	case isSection(into):
		d.section(path, nil, into)
	case into.Kind() == reflect.Slice:
		if len(k.rules.defaults) > 0 {
			into.Set(reflect.ValueOf(slices.Clone(k.rules.defaults)))
		}
	case len(k.rules.defaults) > 0:
		setScalar(into, k.rules.defaults[0])
	}
}

// entry is one key of a mapping with its value.
type entry struct {
	key   *token.Token
	value ast.Node
}

// entries returns a mapping's entries by key, and whether it is one. A nil node is an empty mapping.
func (d *decoder) entries(path string, node ast.Node) (map[string]entry, bool) {
	if node == nil {
		return nil, true
	}
	mapping, ok := node.(ast.MapNode)
	if !ok {
		d.wrongType(path, node, "a section of keys")
		return nil, false
	}
	found := map[string]entry{}
	for it := mapping.MapRange(); it.Next(); {
		name := it.Key().GetToken()
		if !isPlainKey(it.Key()) {
			d.addAt(name, path, "anchors, aliases, tags and merged keys are not used here: write the key out")
			continue
		}
		if first, ok := found[name.Value]; ok {
			line, _ := position(first.key)
			d.addAt(name, join(path, name.Value), "key %q is there already, in line %d", name.Value, line)
			continue
		}
		found[name.Value] = entry{name, it.Value()}
	}
	return found, true
}

// isPlainKey refuses ? keys, << and decorated ones.
func isPlainKey(key ast.MapKeyNode) bool {
	switch key.Type() {
	case ast.StringType, ast.IntegerType, ast.FloatType, ast.BoolType, ast.NullType, ast.InfinityType, ast.NanType:
		return true
	}
	return false
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func unknownKey(path, name string, keys []key) string {
	if path == "" && name == "groups" {
		return "Groups assign and scope people. RingCentral's SCIM has no group resource, so no group objects are written: " +
			"leave the groups section out"
	}
	text := fmt.Sprintf("unknown key %q", name)
	if path != "" {
		text += " in " + path
	}
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.name
	}
	if near := connectors.Nearest(name, names); near != "" {
		return text + fmt.Sprintf("; did you mean %q?", near)
	}
	return text + "; known are " + strings.Join(names, ", ")
}

// value fills anything from a node that is not null.
func (d *decoder) value(path string, node ast.Node, into reflect.Value, r rules) {
	switch node.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode:
		d.addAt(node.GetToken(), path, "anchors, aliases and tags are not used here: write the value out")
		return
	}
	switch {
	case into.Kind() == reflect.Pointer && into.Type().Elem() != valueType:
		into.Set(reflect.New(into.Type().Elem()))
		d.value(path, node, into.Elem(), r)
	case into.Kind() == reflect.Slice:
		d.list(path, node, into, r)
	case into.Type() == objectType:
		if _, ok := node.(ast.MapNode); !ok {
			d.wrongType(path, node, "a section of attributes")
			return
		}
		into.Set(reflect.ValueOf(Object{d.free(path, node)}))
	case isSection(into):
		d.section(path, node, into)
	default:
		d.scalar(path, node, into, r)
	}
}

// isSection reports whether a field is a section with keys of its own.
func isSection(field reflect.Value) bool {
	return field.Kind() == reflect.Struct && field.Type() != secretType && field.Type() != objectType
}

// free takes a node as it is, whatever it is, and its texts without references.
func (d *decoder) free(path string, node ast.Node) connectors.Value {
	if node == nil {
		return connectors.NullValue()
	}
	switch n := node.(type) {
	case *ast.NullNode:
		return connectors.NullValue()
	case ast.MapNode:
		entries, _ := d.entries(path, node)
		byPlace := slices.SortedFunc(maps.Values(entries), func(a, b entry) int {
			return cmp.Compare(a.key.Position.Offset, b.key.Position.Offset)
		})
		fields := make([]connectors.Field, len(byPlace))
		for i, e := range byPlace {
			child := join(path, e.key.Value)
			d.places[child] = e.key
			fields[i] = connectors.Field{Name: e.key.Value, Value: d.free(child, e.value)}
		}
		return connectors.ObjectValue(fields...)
	case *ast.SequenceNode:
		items := make([]connectors.Value, len(n.Values))
		for i, item := range n.Values {
			items[i] = d.free(path, item)
		}
		return connectors.ListValue(items...)
	}
	text, ok := scalarText(node)
	if !ok {
		d.addAt(node.GetToken(), path, "anchors, aliases and tags are not used here: write the value out")
		return connectors.NullValue()
	}
	v := scalarValue(node, text)
	if v.Kind() == connectors.Int && v.Text() != text {
		return connectors.StringValue(text) // 00042 is an employee's number, not 42
	}
	return v
}

func (d *decoder) list(path string, node ast.Node, into reflect.Value, r rules) {
	sequence, ok := node.(*ast.SequenceNode)
	if !ok {
		d.wrongType(path, node, "a list")
		return
	}
	if len(sequence.Values) < r.minItems {
		d.add(path, "%s must not be an empty list", path)
	}
	items := reflect.MakeSlice(into.Type(), len(sequence.Values), len(sequence.Values))
	for i, item := range sequence.Values {
		child := fmt.Sprintf("%s[%d]", path, i)
		d.places[child] = firstToken(item)
		if item.Type() == ast.NullType {
			d.add(child, "%s is empty", child)
			continue
		}
		d.value(child, item, items.Index(i), r)
		if !r.unique || items.Index(i).IsZero() {
			continue
		}
		for j := range i {
			if items.Index(j).Equal(items.Index(i)) {
				d.add(child, "%s is listed already", items.Index(i))
			}
		}
	}
	into.Set(items)
}

// firstToken returns where a node begins: a block mapping's own token is the colon after its first key.
func firstToken(node ast.Node) *token.Token {
	if m, ok := node.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		return m.Values[0].Key.GetToken()
	}
	return node.GetToken()
}

// scalar fills a text, secret, number, boolean or value.
func (d *decoder) scalar(path string, node ast.Node, into reflect.Value, r rules) {
	raw, ok := scalarText(node)
	if !ok {
		d.wrongType(path, node, wanted(into))
		return
	}
	d.places[path] = node.GetToken()
	text, err := d.expand(raw)
	if err != nil {
		d.add(path, "%s", oneLine(err))
		return
	}
	switch {
	case r.required && text == "":
		d.add(path, "%s is empty", path)
	case len(r.enum) > 0 && !slices.Contains(r.enum, text):
		d.add(path, "%s", unknownWord(path, raw, r.enum))
	case !fits(node, into, text != raw) || setScalar(into, text) != nil:
		d.wrongType(path, node, wanted(into))
	default:
		d.checkRange(path, into, r)
	}
	if into.Type() == reflect.PointerTo(valueType) {
		v := scalarValue(node, text)
		into.Set(reflect.ValueOf(&v))
	}
}

func (d *decoder) checkRange(path string, into reflect.Value, r rules) {
	var number float64
	switch {
	case into.CanInt():
		number = float64(into.Int())
	case into.CanFloat():
		number = into.Float()
	default:
		return
	}
	if wrong := r.outside(number); wrong != "" {
		d.add(path, "%s %s", path, wrong)
	}
}

func unknownWord(path, word string, known []string) string {
	text := fmt.Sprintf("%s cannot be %q", path, word)
	if near := connectors.Nearest(word, known); near != "" {
		return text + fmt.Sprintf("; did you mean %q?", near)
	}
	return text + "; it is one of " + strings.Join(known, ", ")
}

// scalarText returns a scalar as the file writes it, so that an id of digits keeps its leading zeros.
func scalarText(node ast.Node) (string, bool) {
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return node.GetToken().Value, true
	}
	return "", false
}

// fits reports whether a node may stand for a number or boolean: a quoted "25" does not, what a reference gave does.
func fits(node ast.Node, into reflect.Value, expanded bool) bool {
	switch into.Kind() {
	case reflect.Bool:
		return expanded || node.Type() == ast.BoolType
	case reflect.Int:
		return expanded || node.Type() == ast.IntegerType
	case reflect.Float64:
		return expanded || node.Type() == ast.IntegerType || node.Type() == ast.FloatType
	}
	return true
}

// setScalar sets a field of any scalar kind from its text.
func setScalar(into reflect.Value, text string) (err error) {
	switch into.Kind() {
	case reflect.String:
		into.SetString(text)
	case reflect.Struct:
		into.Set(reflect.ValueOf(NewSecret(text)))
	case reflect.Bool:
		var b bool
		b, err = strconv.ParseBool(strings.ToLower(text))
		into.SetBool(b)
	case reflect.Int:
		var n int
		n, err = strconv.Atoi(text)
		into.SetInt(int64(n))
	case reflect.Float64:
		var f float64
		if f, err = strconv.ParseFloat(text, 64); err == nil && f-f != 0 {
			err = errors.New("not finite")
		}
		into.SetFloat(f)
	}
	return err
}

// scalarValue keeps the kind that YAML gives the scalar.
func scalarValue(node ast.Node, text string) connectors.Value {
	switch n := node.(type) {
	case *ast.BoolNode:
		return connectors.BoolValue(n.Value)
	case *ast.IntegerNode:
		if i, err := strconv.ParseInt(text, 10, 64); err == nil {
			return connectors.IntValue(i)
		}
	}
	return connectors.StringValue(text)
}

// wrongType never shows what stands there: it may be a secret in the wrong place.
func (d *decoder) wrongType(path string, node ast.Node, want string) {
	if d.places[path] == nil || node.GetToken() != nil && isScalar(node) {
		d.places[path] = node.GetToken()
	}
	d.add(path, "%s must be %s, not %s", nameOf(path), want, kindOf(node))
}

func nameOf(path string) string {
	if path == "" {
		return "the file"
	}
	return path
}

func isScalar(node ast.Node) bool { _, ok := scalarText(node); return ok }

func kindOf(node ast.Node) string {
	switch node.(type) {
	case ast.MapNode:
		return "a section of keys"
	case *ast.SequenceNode:
		return "a list"
	case *ast.BoolNode:
		return "a boolean"
	case *ast.IntegerNode:
		return "a number"
	case *ast.FloatNode:
		return "a fraction"
	case *ast.InfinityNode, *ast.NanNode:
		return "infinite or undefined"
	case *ast.NullNode:
		return "nothing"
	}
	return "a text"
}

func wanted(into reflect.Value) string {
	switch into.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.Pointer:
		return "a single value"
	}
	return "a text"
}

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
