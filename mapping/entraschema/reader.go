package entraschema

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Read reads an export: what the portal downloads, or Graph answers to GET …/synchronization/jobs/{id}/schema, as it is
// or as tools save it (UTF-16, wrapped in a list or in "value", keys in another letter case, lists of one written without
// brackets, numbers as texts). Errors are *Error.
func Read(data []byte) (*Schema, error) {
	source, err := decode(data)
	if err != nil {
		return nil, err
	}
	root, err := parse(source)
	if err != nil {
		return nil, err
	}
	r := &reader{schema: &Schema{source: source}}
	r.root(root, "")
	if r.err == nil && len(r.schema.Rules) == 0 {
		r.fail(root, "there are no synchronizationRules here: is this a provisioning schema?")
	}
	if r.err != nil {
		return nil, r.err
	}
	return r.schema, nil
}

// reader fills a Schema. The first error stays; after it everything reads as empty.
type reader struct {
	schema *Schema
	err    error
}

func (r *reader) fail(n node, format string, args ...any) {
	if r.err == nil {
		r.err = newError(r.schema.source, n.offset, format, args...)
	}
}

func (r *reader) note(at Place, format string, args ...any) {
	r.schema.notes = append(r.schema.notes, newNote(at, format, args...))
}

// wrongKind explains a value of the wrong kind. ConvertTo-Json, left to itself, writes what is deep down as the name of its
// type.
func (r *reader) wrongKind(n node, path string, want kind) {
	if n.kind == text && (strings.HasPrefix(n.text, "@{") || strings.HasPrefix(n.text, "System.") || strings.HasPrefix(n.text, "Microsoft.")) {
		r.fail(n, "%s was cut off when it was saved: use ConvertTo-Json -Depth 20", path)
		return
	}
	r.fail(n, "%s must be %s, not %s", path, want, n.kind)
}

// fields are the values of an object by their keys in lower case; those that are null are not in it.
type fields struct {
	*reader
	at     Place
	values map[string]node
}

// fields opens an object. Keys that are not known are noted, those of OData apart.
func (r *reader) fields(n node, path string, known ...string) fields {
	f := fields{r, Place{Path: path, offset: n.offset}, map[string]node{}}
	if n.kind != object {
		r.wrongKind(n, nameOf(path), object)
		return f
	}
	seen := map[string]bool{}
	for i, k := range n.keys {
		name := strings.ToLower(k.name)
		at := Place{Path: join(path, k.name), offset: k.offset}
		switch {
		case strings.Contains(name, "@odata."):
			continue
		case seen[name]:
			r.note(at, "%s is there twice: the last one counts", k.name)
		case !slices.ContainsFunc(known, func(s string) bool { return strings.EqualFold(s, name) }):
			r.note(at, "%s is not known and left out", clip(at.Path))
		}
		seen[name] = true
		if n.items[i].kind != null {
			f.values[name] = n.items[i]
		} else {
			delete(f.values, name)
		}
	}
	return f
}

func nameOf(path string) string {
	if path == "" {
		return "the file"
	}
	return path
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// text returns a text; numbers and booleans are their text.
func (f fields) text(name string) string {
	n, ok := f.values[strings.ToLower(name)]
	if ok && n.kind >= list {
		f.wrongKind(n, join(f.at.Path, name), text)
	}
	return n.text
}

func (f fields) number(name string) int64 {
	n, ok := f.values[strings.ToLower(name)]
	if !ok || n.kind == text && strings.TrimSpace(n.text) == "" {
		return 0
	}
	i, err := strconv.ParseInt(strings.TrimSpace(n.text), 10, 32)
	if err != nil {
		f.fail(n, "%s must be a whole number", join(f.at.Path, name))
	}
	return i
}

func (f fields) truth(name string, otherwise bool) bool {
	n, ok := f.values[strings.ToLower(name)]
	if !ok {
		return otherwise
	}
	b, err := strconv.ParseBool(strings.ToLower(strings.TrimSpace(n.text)))
	if err != nil {
		f.fail(n, "%s must be true or false", join(f.at.Path, name))
	}
	return b
}

// list gives the items of a list with their paths; lists within it are opened, and what stands without a list is a list of
// one.
func (f fields) list(name string) func(yield func(node, string) bool) {
	return func(yield func(node, string) bool) {
		if n, ok := f.values[strings.ToLower(name)]; ok {
			each(n, join(f.at.Path, name), yield)
		}
	}
}

func each(n node, path string, yield func(node, string) bool) bool {
	if n.kind != list {
		return n.kind == null || yield(n, path)
	}
	for i, item := range n.items {
		if !each(item, fmt.Sprintf("%s[%d]", path, i), yield) {
			return false
		}
	}
	return true
}

// texts gives a list of texts.
func (f fields) texts(name string) []string {
	var texts []string
	for n, path := range f.list(name) {
		if n.kind == object {
			f.wrongKind(n, path, text)
			return nil
		}
		texts = append(texts, n.text)
	}
	return texts
}

// root finds the schema in what tools wrap around it.
func (r *reader) root(n node, path string) {
	if n.kind == list {
		each(n, path, func(n node, path string) bool { r.root(n, path); return true })
		return
	}
	if n.kind == object {
		for i, k := range n.keys {
			wrapper := strings.EqualFold(k.name, "value") || strings.EqualFold(k.name, "schema")
			if wrapper && n.items[i].kind >= list && !n.has("synchronizationRules") {
				r.root(n.items[i], join(path, k.name))
				return
			}
		}
	}
	f := r.fields(n, path, "id", "version", "synchronizationRules", "directories", "provisioningTaskIdentifier")
	r.schema.ID, r.schema.Version = f.text("id"), f.text("version")
	for n, path := range f.list("synchronizationRules") {
		r.schema.Rules = append(r.schema.Rules, r.rule(n, path))
	}
	for n, path := range f.list("directories") {
		r.schema.Directories = append(r.schema.Directories, r.directory(n, path))
	}
}

func (n node) has(name string) bool {
	return slices.ContainsFunc(n.keys, func(k key) bool { return strings.EqualFold(k.name, name) })
}

func (r *reader) rule(n node, path string) Rule {
	f := r.fields(n, path, "id", "name", "priority", "editable", "sourceDirectoryName", "targetDirectoryName",
		"containerFilter", "groupFilter", "metadata", "objectMappings")
	rule := Rule{Place: f.at, Name: f.text("name"), Priority: f.number("priority"),
		Source: f.text("sourceDirectoryName"), Target: f.text("targetDirectoryName"), Metadata: r.metadata(f)}
	for n, path := range f.list("containerFilter") {
		rule.Containers = append(rule.Containers, r.fields(n, path, "includedContainers").texts("includedContainers")...)
	}
	for n, path := range f.list("groupFilter") {
		rule.Groups = append(rule.Groups, r.fields(n, path, "includedGroups").texts("includedGroups")...)
	}
	for n, path := range f.list("objectMappings") {
		rule.Objects = append(rule.Objects, r.objectMapping(n, path))
	}
	return rule
}

func (r *reader) objectMapping(n node, path string) ObjectMapping {
	f := r.fields(n, path, "id", "name", "enabled", "flowTypes", "sourceObjectName", "targetObjectName", "scope",
		"attributeMappings", "metadata")
	m := ObjectMapping{Place: f.at, Name: f.text("name"), Enabled: f.truth("enabled", true),
		Source: f.text("sourceObjectName"), Target: f.text("targetObjectName"), Metadata: r.metadata(f), Flow: r.flow(f)}
	for n, path := range f.list("scope") {
		f := r.fields(n, path, "name", "groups", "inputFilterGroups", "categoryFilterGroups")
		m.Scope.Groups = append(m.Scope.Groups, r.groups(f, "groups")...)
		m.Scope.Input = append(m.Scope.Input, r.groups(f, "inputFilterGroups")...)
		m.Scope.Category = append(m.Scope.Category, r.groups(f, "categoryFilterGroups")...)
	}
	for n, path := range f.list("attributeMappings") {
		m.Attributes = append(m.Attributes, r.attributeMapping(n, path))
	}
	return m
}

// flow reads flowTypes: one text with commas, a list, or the number of Graph's enumeration objectFlowTypes.
func (r *reader) flow(f fields) []string {
	var flow []string
	for n, path := range f.list("flowTypes") {
		if flow == nil {
			flow = []string{}
		}
		at := Place{Path: path, offset: n.offset}
		if bits, err := strconv.Atoi(n.text); err == nil && bits >= 0 && bits < 8 {
			for i, name := range []string{"Add", "Update", "Delete"} {
				if bits&(1<<i) != 0 {
					flow = append(flow, name)
				}
			}
			continue
		}
		for word := range strings.SplitSeq(n.text, ",") {
			switch name := strings.ToLower(strings.TrimSpace(word)); name {
			case "", "none":
			case "add", "update", "delete":
				flow = append(flow, strings.ToUpper(name[:1])+name[1:])
			default:
				r.note(at, "the flow type %q is not known and left out", clip(word))
			}
		}
	}
	return flow
}

func (r *reader) groups(f fields, name string) []Group {
	var groups []Group
	for n, path := range f.list(name) {
		f := r.fields(n, path, "name", "clauses")
		g := Group{Place: f.at, Name: f.text("name")}
		for n, path := range f.list("clauses") {
			f := r.fields(n, path, "name", "id", "operatorName", "sourceOperandName", "targetOperand")
			c := Clause{Place: f.at, Attribute: f.text("sourceOperandName"), Operator: f.text("operatorName")}
			for n, path := range f.list("targetOperand") {
				c.Values = append(c.Values, r.fields(n, path, "values").texts("values")...)
			}
			g.Clauses = append(g.Clauses, c)
		}
		groups = append(groups, g)
	}
	return groups
}

func (r *reader) attributeMapping(n node, path string) AttributeMapping {
	f := r.fields(n, path, "id", "defaultValue", "exportMissingReferences", "flowBehavior", "flowType", "matchingPriority",
		"source", "targetAttributeName", "flowNullValues", "enabled")
	m := AttributeMapping{Place: f.at, Target: f.text("targetAttributeName"), Priority: f.number("matchingPriority"),
		FlowType: f.text("flowType"), FlowBehavior: f.text("flowBehavior"), Nulls: f.truth("flowNullValues", false),
		Missing: f.truth("exportMissingReferences", false), Enabled: f.truth("enabled", true)}
	if text := f.text("defaultValue"); text != "" {
		k := f.values["defaultvalue"].kind
		m.Default = &Scalar{Text: text, Truth: k == boolean, Number: k == number}
	}
	if n, ok := f.values["source"]; ok {
		if source := r.source(n, join(path, "source")); !source.isEmpty() {
			m.Source = &source
		}
	}
	return m
}

// source reads a tree; a text in its place is an expression.
func (r *reader) source(n node, path string) Source {
	if n.kind == text {
		return Source{Expression: n.text}
	}
	f := r.fields(n, path, "expression", "name", "type", "parameters")
	s := Source{Expression: f.text("expression"), Name: f.text("name"), Type: f.text("type")}
	for n, path := range f.list("parameters") {
		f := r.fields(n, path, "key", "value")
		p := Parameter{Key: f.text("key")}
		if n, ok := f.values["value"]; ok {
			p.Value = r.source(n, join(path, "value"))
		}
		s.Parameters = append(s.Parameters, p)
	}
	return s
}

func (r *reader) metadata(f fields) []Entry {
	var entries []Entry
	for n, path := range f.list("metadata") {
		f := r.fields(n, path, "key", "value")
		entries = append(entries, Entry{f.at, f.text("key"), f.text("value")})
	}
	return entries
}

// directory reads what an importer can use of a directory; how it is described otherwise is Entra's own business.
func (r *reader) directory(n node, path string) Directory {
	f := r.fields(n, path, "id", "name", "readOnly", "version", "discoveryDateTime", "discoverabilities", "objects", "metadata")
	d := Directory{Name: f.text("name")}
	for n, path := range f.list("objects") {
		f := r.fields(n, path, "name", "attributes", "metadata", "supportedApis")
		o := Object{Name: f.text("name")}
		for n, path := range f.list("attributes") {
			f := r.fields(n, path, "anchor", "apiExpressions", "caseExact", "defaultValue", "flowNullValues", "metadata",
				"multivalued", "mutability", "name", "referencedObjects", "required", "type")
			o.Attributes = append(o.Attributes, Definition{f.text("name"), f.text("type"), f.truth("flowNullValues", false)})
		}
		d.Objects = append(d.Objects, o)
	}
	return d
}

// clip keeps a message readable whatever the export holds.
func clip(s string) string {
	const most = 80
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
