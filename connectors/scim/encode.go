package scim

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"ringsync/connectors"
)

// Encoder builds JSON from the values of slots. It is compiled once from the paths and used concurrently.
type Encoder struct {
	schemas []section         // the core schema first
	types   []connectors.Type // by slot
}

// section is the part of a resource that one schema owns.
type section struct {
	urn        string
	containers []container
}

// container is one attribute as JSON has it: a simple value, an object, or, with many, a list of objects.
type container struct {
	name     string
	many     bool
	elements []element // one unless many
}

type element struct {
	key   string // the folded path, by which elements are told apart
	where string // the filter's conditions as JSON members: an element says what it is
	parts []part
}

type part struct {
	slot int
	sub  string // "" for the attribute itself
}

// NewEncoder compiles the paths that slots name. Two paths that want different things of one attribute (name and
// name.givenName, emails.value and emails[type eq "work"].value) are an error, and so is a filter without a
// sub-attribute.
func NewEncoder(slots *connectors.Slots, schema *connectors.Schema) (*Encoder, error) {
	e := &Encoder{schemas: []section{{urn: CoreUser}}, types: make([]connectors.Type, slots.Len())}
	for slot, name := range slots.Names() {
		p, err := ParsePath(name)
		if err != nil {
			return nil, err
		}
		if len(p.Where) > 0 && p.Sub == "" {
			return nil, fmt.Errorf("attribute path %s cannot be written: it names no sub-attribute", p)
		}
		if a, ok := schema.Lookup(name); ok {
			e.types[slot] = a.Type
		}
		if !e.section(p.URN).container(p).add(p, slot) {
			return nil, fmt.Errorf("attribute path %s cannot be written together with another one of its attribute", p)
		}
	}
	return e, nil
}

func (e *Encoder) section(urn string) *section {
	if urn == "" {
		urn = CoreUser
	}
	i := slices.IndexFunc(e.schemas, func(s section) bool { return strings.EqualFold(s.urn, urn) })
	if i < 0 {
		i = len(e.schemas)
		e.schemas = append(e.schemas, section{urn: urn})
	}
	return &e.schemas[i]
}

func (s *section) container(p Path) *container {
	i := slices.IndexFunc(s.containers, func(c container) bool { return strings.EqualFold(c.name, p.Name) })
	if i < 0 {
		i = len(s.containers)
		s.containers = append(s.containers, container{name: p.Name, many: len(p.Where) > 0})
	}
	return &s.containers[i]
}

// add reports false if p contradicts what is there already, or names the same place.
func (c *container) add(p Path, slot int) bool {
	if c.many != (len(p.Where) > 0) {
		return false
	}
	key := Fold(p.Element().String())
	i := slices.IndexFunc(c.elements, func(e element) bool { return e.key == key })
	if i < 0 {
		var where []byte
		for _, condition := range p.Where {
			where = appendMember(where, condition.Name)
			where = appendValue(where, condition.Value)
		}
		i = len(c.elements)
		c.elements = append(c.elements, element{key: key, where: string(where)})
	}
	for _, other := range c.elements[i].parts {
		if other.sub == "" || p.Sub == "" || strings.EqualFold(other.sub, p.Sub) {
			return false
		}
	}
	c.elements[i].parts = append(c.elements[i].parts, part{slot, p.Sub})
	return true
}

// Resource returns the body of a POST (RFC 7644, section 3.3): the core schema and those extensions that occur, and
// every value that is not empty, in slot order.
func (e *Encoder) Resource(values []connectors.Value) []byte {
	b := append(make([]byte, 0, 1024), `{"schemas":[`...)
	for i, s := range e.schemas {
		if i == 0 || s.occurs(values) {
			b = appendText(comma(b), s.urn)
		}
	}
	b = append(b, ']')
	for i, s := range e.schemas {
		switch {
		case i == 0:
			b = e.appendSection(b, s, values)
		case s.occurs(values):
			b = append(appendMember(b, s.urn), '{')
			b = append(e.appendSection(b, s, values), '}')
		}
	}
	return append(b, '}')
}

// Attribute returns a core attribute as a whole, as Resource would write it: all addresses, say. It is nil when no
// value in it is set.
func (e *Encoder) Attribute(name string, values []connectors.Value) []byte {
	for _, c := range e.schemas[0].containers {
		if strings.EqualFold(c.name, name) && c.occurs(values) {
			return e.appendContainer(nil, c, values)
		}
	}
	return nil
}

// Value returns one slot's value with the JSON type that the schema asks for: Entra's expressions speak of booleans and
// numbers as text.
func (e *Encoder) Value(slot int, v connectors.Value) []byte { return e.appendTyped(nil, slot, v) }

func (e *Encoder) appendSection(b []byte, s section, values []connectors.Value) []byte {
	for _, c := range s.containers {
		if c.occurs(values) {
			b = e.appendContainer(appendMember(b, c.name), c, values)
		}
	}
	return b
}

func (e *Encoder) appendContainer(b []byte, c container, values []connectors.Value) []byte {
	if !c.many && c.elements[0].parts[0].sub == "" {
		slot := c.elements[0].parts[0].slot
		return e.appendTyped(b, slot, values[slot])
	}
	if c.many {
		b = append(b, '[')
	}
	for _, el := range c.elements {
		if !el.occurs(values) {
			continue
		}
		b = append(append(comma(b), '{'), el.where...)
		for _, p := range el.parts {
			if !values[p.slot].IsEmpty() {
				b = e.appendTyped(appendMember(b, p.sub), p.slot, values[p.slot])
			}
		}
		b = append(b, '}')
	}
	if c.many {
		b = append(b, ']')
	}
	return b
}

func (s section) occurs(values []connectors.Value) bool {
	return slices.ContainsFunc(s.containers, func(c container) bool { return c.occurs(values) })
}

func (c container) occurs(values []connectors.Value) bool {
	return slices.ContainsFunc(c.elements, func(e element) bool { return e.occurs(values) })
}

func (e element) occurs(values []connectors.Value) bool {
	return slices.ContainsFunc(e.parts, func(p part) bool { return !values[p.slot].IsEmpty() })
}

func (e *Encoder) appendTyped(b []byte, slot int, v connectors.Value) []byte {
	switch e.types[slot] {
	case connectors.TypeBoolean:
		if x, ok := v.AsBool(); ok {
			v = connectors.BoolValue(x)
		}
	case connectors.TypeInteger:
		if n, ok := v.AsInt(); ok {
			v = connectors.IntValue(n)
		}
	}
	return appendValue(b, v)
}

// Operation is one operation of a PATCH (RFC 7644, section 3.5.2). Op is add, replace or remove, in lower case: the
// only spelling that every server takes.
type Operation struct {
	Op    string
	Path  string
	Value []byte // JSON; nil for remove
}

// PatchBody returns the body of a PATCH.
func PatchBody(operations []Operation) []byte {
	b := []byte(`{"schemas":["` + patchOp + `"],"Operations":[`)
	for _, o := range operations {
		b = append(comma(b), '{')
		b = appendText(appendMember(b, "op"), o.Op)
		b = appendText(appendMember(b, "path"), o.Path)
		if o.Value != nil {
			b = append(appendMember(b, "value"), o.Value...)
		}
		b = append(b, '}')
	}
	return append(b, "]}"...)
}

func appendValue(b []byte, v connectors.Value) []byte {
	switch v.Kind() {
	case connectors.String:
		return appendText(b, v.Text())
	case connectors.Bool:
		x, _ := v.AsBool()
		return strconv.AppendBool(b, x)
	case connectors.Int:
		n, _ := v.AsInt()
		return strconv.AppendInt(b, n, 10)
	case connectors.List:
		b = append(b, '[')
		for i := range v.Len() {
			b = appendValue(comma(b), v.At(i))
		}
		return append(b, ']')
	case connectors.Object:
		b = append(b, '{')
		for i := range v.Len() {
			b = appendValue(appendMember(b, v.FieldName(i)), v.At(i))
		}
		return append(b, '}')
	default:
		return append(b, "null"...)
	}
}

// appendMember begins a member of an object.
func appendMember(b []byte, name string) []byte { return append(appendText(comma(b), name), ':') }

// comma separates what follows from what precedes it in an object or array.
func comma(b []byte) []byte {
	if len(b) > 0 && strings.IndexByte("{[:", b[len(b)-1]) < 0 {
		b = append(b, ',')
	}
	return b
}

// appendText writes a JSON string with the fewest escapes. It serves filters, too, and not every parser of these takes
// hexadecimal digits in lower case.
func appendText(b []byte, s string) []byte {
	const hex = "0123456789ABCDEF"
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < ' ':
			b = append(b, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}
