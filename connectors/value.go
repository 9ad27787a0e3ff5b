package connectors

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// Kind is the closed set of what a Value can be.
type Kind uint8

// The kinds. Absent means "nothing was said" (a Graph property that was never set is left out of the body; a SCIM
// list does not carry phone numbers); Null means "said to be empty". The two are never confused: an absent
// accountEnabled is not false, and an absent phone number is not a removed one.
const (
	Absent Kind = iota
	Null
	String
	Bool
	Int
	List   // several values of one attribute, in the order given
	Object // named fields, as in appRoleAssignments
)

// Value is one attribute's value, on either side. The zero Value is Absent. Values are immutable; two are compared
// with Equal, never with ==.
type Value struct {
	str  string // of an Int its decimal digits: whole numbers are rare, and a person has dozens of values
	many *many
	kind Kind
	on   bool // of a Bool
}

type many struct {
	items []Value
	names []string // Object only, one for each item
}

// Field is one named part of an Object.
type Field struct {
	Name  string
	Value Value
}

// NullValue says that the attribute is empty.
func NullValue() Value { return Value{kind: Null} }

// StringValue returns s as a Value. An empty string is a value and not Null.
func StringValue(s string) Value { return Value{kind: String, str: s} }

// BoolValue returns b as a Value.
func BoolValue(b bool) Value { return Value{kind: Bool, on: b} }

// IntValue returns n as a Value.
func IntValue(n int64) Value { return Value{kind: Int, str: strconv.FormatInt(n, 10)} }

// ListValue returns the items as one multi-valued Value. The slice is kept, not copied.
func ListValue(items ...Value) Value { return Value{kind: List, many: &many{items: items}} }

// StringsValue returns a List of strings.
func StringsValue(items ...string) Value {
	vs := make([]Value, len(items))
	for i, s := range items {
		vs[i] = StringValue(s)
	}
	return ListValue(vs...)
}

// ObjectValue returns the fields, in their order, as one Value.
func ObjectValue(fields ...Field) Value {
	m := &many{items: make([]Value, len(fields)), names: make([]string, len(fields))}
	for i, f := range fields {
		m.items[i], m.names[i] = f.Value, f.Name
	}
	return Value{kind: Object, many: m}
}

// Kind returns what v is.
func (v Value) Kind() Kind { return v.kind }

// IsNull reports whether v is Null or Absent: expressions and filters treat both as null.
func (v Value) IsNull() bool { return v.kind == Absent || v.kind == Null }

// IsEmpty reports whether v is null or an empty string.
func (v Value) IsEmpty() bool { return v.IsNull() || v.kind == String && v.str == "" }

// Text returns v as the text that Entra's functions see: booleans are "True" and "False", null is "". A List is its
// items joined with commas and an Object its JSON; callers that care look at Kind first.
func (v Value) Text() string {
	switch v.kind {
	case String, Int:
		return v.str
	case Bool:
		if v.on {
			return "True"
		}
		return "False"
	case List:
		parts := make([]string, len(v.many.items))
		for i, item := range v.many.items {
			parts[i] = item.Text()
		}
		return strings.Join(parts, ",")
	case Object:
		b, _ := v.MarshalJSON() // of a Value: cannot fail
		return string(b)
	default:
		return ""
	}
}

// AsBool returns v as a boolean; ok is false when it is none. The texts "true" and "false" count in any case, as
// Entra reads them.
func (v Value) AsBool() (b, ok bool) {
	switch {
	case v.kind == Bool:
		return v.on, true
	case v.kind == String && strings.EqualFold(v.str, "true"):
		return true, true
	case v.kind == String && strings.EqualFold(v.str, "false"):
		return false, true
	}
	return false, false
}

// AsInt returns v as a whole number; ok is false when it is none.
func (v Value) AsInt() (n int64, ok bool) {
	switch v.kind {
	case Int, String:
		n, err := strconv.ParseInt(strings.TrimSpace(v.str), 10, 64)
		return n, err == nil
	}
	return 0, false
}

// Len returns the number of items of a List or fields of an Object, else 0.
func (v Value) Len() int {
	if v.many == nil {
		return 0
	}
	return len(v.many.items)
}

// At returns item i of a List or field i of an Object.
func (v Value) At(i int) Value { return v.many.items[i] }

// FieldName returns the name of field i of an Object.
func (v Value) FieldName(i int) string { return v.many.names[i] }

// Field returns the Object's field of that name, or an Absent value.
func (v Value) Field(name string) Value {
	if v.kind == Object {
		for i, n := range v.many.names {
			if n == name {
				return v.many.items[i]
			}
		}
	}
	return Value{}
}

// Equal reports whether the two are the same kind and the same value, letter case included.
func (v Value) Equal(w Value) bool { return v.equal(w, func(a, b string) bool { return a == b }) }

// EqualFold is Equal without regard to letter case in strings: change detection for attributes that are not
// caseExact (RFC 7643, section 2.2).
func (v Value) EqualFold(w Value) bool { return v.equal(w, strings.EqualFold) }

func (v Value) equal(w Value, same func(a, b string) bool) bool {
	if v.kind != w.kind || v.on != w.on || !same(v.str, w.str) || v.Len() != w.Len() {
		return false
	}
	for i := range v.Len() {
		if v.kind == Object && v.FieldName(i) != w.FieldName(i) || !v.At(i).equal(w.At(i), same) {
			return false
		}
	}
	return true
}

// MarshalJSON writes the natural JSON form; Absent and Null are both null.
func (v Value) MarshalJSON() ([]byte, error) {
	switch v.kind {
	case String:
		return quote(v.str), nil
	case Bool:
		return strconv.AppendBool(nil, v.on), nil
	case Int:
		return []byte(v.str), nil
	case List:
		b := []byte{'['}
		for i, item := range v.many.items {
			if i > 0 {
				b = append(b, ',')
			}
			value, err := item.MarshalJSON()
			if err != nil {
				return nil, err
			}
			b = append(b, value...)
		}
		return append(b, ']'), nil
	case Object:
		b := []byte{'{'}
		for i, item := range v.many.items {
			if i > 0 {
				b = append(b, ',')
			}
			value, err := item.MarshalJSON()
			if err != nil {
				return nil, err
			}
			b = append(append(append(b, quote(v.many.names[i])...), ':'), value...)
		}
		return append(b, '}'), nil
	default:
		return []byte("null"), nil
	}
}

// quote writes a JSON string in which &, < and > stand for themselves; whoever writes JSON into a page escapes there.
func quote(s string) []byte {
	if isPlain(s) {
		return append(append(append(make([]byte, 0, len(s)+2), '"'), s...), '"')
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // of a string into memory: cannot fail
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'})
}

// isPlain reports whether JSON writes s as it is.
func isPlain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// UnmarshalJSON reads any JSON value. Whole numbers become Int; other numbers keep their text as a String; the
// fields of objects come in sorted order of their names.
func (v *Value) UnmarshalJSON(b []byte) error {
	var raw any
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.UseNumber()
	if err := d.Decode(&raw); err != nil {
		return err
	}
	*v = FromJSON(raw)
	return nil
}
