package connectors

import (
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// anyValue draws a value as JSON can carry it.
func anyValue(depth int) *rapid.Generator[Value] {
	return rapid.Custom(func(t *rapid.T) Value {
		kinds := []Kind{Null, String, Bool, Int}
		if depth > 0 {
			kinds = append(kinds, List, Object)
		}
		switch rapid.SampledFrom(kinds).Draw(t, "kind") {
		case String:
			return StringValue(rapid.String().Draw(t, "text"))
		case Bool:
			return BoolValue(rapid.Bool().Draw(t, "bool"))
		case Int:
			return IntValue(rapid.Int64().Draw(t, "int"))
		case List:
			return ListValue(rapid.SliceOfN(anyValue(depth-1), 0, 4).Draw(t, "items")...)
		case Object:
			var fields []Field
			for _, name := range rapid.SliceOfNDistinct(rapid.StringMatching(`[a-c]{1,2}`), 0, 3, rapid.ID).Draw(t, "names") {
				fields = append(fields, Field{name, anyValue(depth-1).Draw(t, name)})
			}
			return ObjectValue(fields...)
		}
		return NullValue()
	})
}

// What is written as JSON is read as the same value; objects come back with their fields in order of name.
func TestValueJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := anyValue(3).Draw(t, "value")
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		var once, twice Value
		if err := json.Unmarshal(b, &once); err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		b, err = json.Marshal(once)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, &twice); err != nil || !twice.Equal(once) {
			t.Fatalf("%s: %v", b, err)
		}
		if v.Kind() != Object && v.Kind() != List && !once.Equal(v) {
			t.Fatalf("%s is read as another value", b)
		}
	})
}

func FuzzValueJSON(f *testing.F) {
	for _, s := range []string{`null`, `"x"`, `-0`, `1e400`, `9223372036854775808`, `[1,[true,{"a":null}]]`, `{"a":1,"a":2}`, `"\ud800"`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var v Value
		if json.Unmarshal(b, &v) == nil && !v.Equal(v) {
			t.Errorf("%q is not equal to itself", b)
		}
	})
}

func TestValueText(t *testing.T) {
	for _, test := range []struct {
		v    Value
		want string
	}{
		{Value{}, ""}, {NullValue(), ""}, {StringValue("x"), "x"}, {BoolValue(true), "True"}, {BoolValue(false), "False"}, {IntValue(-7), "-7"},
		{StringsValue("a", "b"), "a,b"}, {ObjectValue(Field{"id", StringValue("1")}), `{"id":"1"}`},
	} {
		if got := test.v.Text(); got != test.want {
			t.Errorf("%#v: %q, want %q", test.v, got, test.want)
		}
	}
}

func TestSameValue(t *testing.T) {
	text, exact, flag := Attribute{}, Attribute{CaseExact: true}, Attribute{Type: TypeBoolean}
	odd := Attribute{Same: func(a, b string) bool { return strings.TrimLeft(a, "0") == strings.TrimLeft(b, "0") }}
	for _, test := range []struct {
		a    Attribute
		v, w Value
		want bool
	}{
		{text, StringValue("Ada"), StringValue("ADA"), true},
		{exact, StringValue("Ada"), StringValue("ADA"), false},
		{text, NullValue(), Value{}, true},
		{text, NullValue(), StringValue(""), true},
		{text, NullValue(), StringValue("x"), false},
		{text, IntValue(7), StringValue("7"), true},
		{flag, StringValue("True"), BoolValue(true), true},
		{flag, StringValue("False"), BoolValue(true), false},
		{text, StringsValue("a", "b"), StringsValue("B", "a"), true},
		{text, StringsValue("a", "a"), StringsValue("a", "b"), false},
		{text, StringsValue("a"), StringsValue("a", "b"), false},
		{odd, StringValue("007"), StringValue("7"), true},
		{odd, StringValue("007"), StringValue("8"), false},
	} {
		if got := test.a.SameValue(test.v, test.w); got != test.want {
			t.Errorf("%s and %s: %v, want %v", test.v.Text(), test.w.Text(), got, test.want)
		}
	}
}

func TestNearest(t *testing.T) {
	names := []string{"department", "displayName", "mail", "mailNickname", "userName"}
	for _, test := range []struct{ name, want string }{
		{"departmnet", "department"}, {"DEPARTMENT", "department"}, {"mial", "mail"}, {"usrName", "userName"}, {"zzz", ""}, {"", ""},
	} {
		if got := Nearest(test.name, names); got != test.want {
			t.Errorf("%q: %q, want %q", test.name, got, test.want)
		}
	}
}

// An error is one line, whatever the service said.
func TestErrorIsOneLine(t *testing.T) {
	e := &Error{Op: "patch user 7", Status: 400, Code: "invalidValue", Detail: "no\n\tgood " + strings.Repeat("x", 1000), Remedy: "Mend it."}
	got := e.Error()
	if strings.ContainsAny(got, "\n\t") || len(got) > 500 || !strings.HasPrefix(got, "patch user 7: no good x") || !strings.HasSuffix(got, "(400 invalidValue). Mend it.") {
		t.Errorf("%q", got)
	}
	if (&Error{Op: "read", Err: e}).Error() == "" || FaultOf(e) != FaultOther {
		t.Error("a wrapped error has no text, or another fault")
	}
}
