package filter

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"ringsync/connectors"
)

// people are the attributes of these tests, a slot each.
type people struct{}

var attributes = []connectors.Attribute{
	{Name: "department"}, {Name: "country"}, {Name: "employeeId"},
	{Name: "accountEnabled", Type: connectors.TypeBoolean},
	{Name: "level", Type: connectors.TypeInteger},
	{Name: "photo", Type: connectors.TypeBinary},
	{Name: "hired", Type: connectors.TypeDateTime},
	{Name: "manager", Type: connectors.TypeReference},
	{Name: "phones", MultiValued: true},
	{Name: "IsSoftDeleted", Type: connectors.TypeBoolean},
}

func (people) Attribute(name string) (int, connectors.Attribute, bool) {
	i := slices.IndexFunc(attributes, func(a connectors.Attribute) bool { return strings.EqualFold(a.Name, name) })
	if i < 0 {
		return 0, connectors.Attribute{}, false
	}
	return i, attributes[i], true
}

func (people) Nearest(name string) string {
	names := make([]string, len(attributes))
	for i, a := range attributes {
		names[i] = a.Name
	}
	return connectors.Nearest(name, names)
}

func row(person map[string]any) []connectors.Value {
	row := make([]connectors.Value, len(attributes))
	for i, a := range attributes {
		if raw, ok := person[a.Name]; ok {
			row[i] = connectors.FromJSON(raw)
		}
	}
	return row
}

func compiled(t testing.TB, groups ...Group) *Filter {
	t.Helper()
	f, err := Compile(groups, people{})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestOperators(t *testing.T) {
	for _, tc := range []struct {
		attribute, operator, value string
		saw                        any
		want                       bool
	}{
		{"department", "EQUALS", "Sales", "Sales", true},
		{"department", "equals", "Sales", "sales", false},
		{"DEPARTMENT", "EQUALS", "Sales", "Sales", true},
		{"department", "EQUALS", "Sales", "Sales ", false},
		{"level", "EQUALS", "7", 7.0, true},
		{"level", "EQUALS", "007", 7.0, true},
		{"employeeId", "EQUALS", "7", "007", false},
		{"department", "NOT EQUALS", "Sales", "Marketing", true},
		{"department", "NOT EQUALS", "Sales", "Sales", false},

		{"department", "REGEX MATCH", "^(Sales|Marketing)$", "Marketing", true},
		{"department", "REGEX MATCH", "ales", "Sales", true},
		{"department", "REGEX MATCH", "sales", "Sales", false},
		{"department", "REGEX MATCH", `^(?!Sales$)`, "Sales Europe", true},
		{"employeeId", "REGEX MATCH", `^\d{3}\.\d$`, "123.4", true},
		{"department", "NOT REGEX MATCH", "^Sales", "Marketing", true},
		{"department", "NOT REGEX MATCH", "^Sales", "Sales Europe", false},

		{"accountEnabled", "IS TRUE", "", true, true},
		{"accountEnabled", "IS TRUE", "", false, false},
		{"accountEnabled", "IS FALSE", "", false, true},
		{"accountEnabled", "IS FALSE", "", true, false},

		{"level", "Greater_Than", "3", 4.0, true},
		{"level", "Greater_Than", "3", 3.0, false},
		{"level", "GREATER_THAN_OR_EQUALS", "3", 3.0, true},
		{"employeeId", "Greater_Than", "9", "10", true},
		{"employeeId", "Greater_Than", "9", "A10", false},

		{"department", "Includes", "ale", "Sales", true},
		{"department", "Includes", "ALE", "Sales", false},
		{"department", "ENDS_WITH", "les", "Sales", true},
		{"department", "ENDS_WITH", "Sal", "Sales", false},

		{"photo", "IS NULL", "", "x", false},
		{"photo", "IS NOT NULL", "", "x", true},
		{"accountEnabled", "IS NOT NULL", "", false, true},
	} {
		f := compiled(t, Group{Name: "one", All: []Clause{{tc.attribute, tc.operator, tc.value}}})
		_, a, _ := people{}.Attribute(tc.attribute)
		if got := f.Decide(row(map[string]any{a.Name: tc.saw})); got.Pass != tc.want || got.Err != nil {
			t.Errorf("%s %s %q saw %v: %+v, want %v", tc.attribute, tc.operator, tc.value, tc.saw, got, tc.want)
		}
	}
}

// Whoever lacks the attribute, or has it empty, is admitted by IS NULL alone.
func TestNothingPassesOnlyIsNull(t *testing.T) {
	for _, o := range operators {
		c := Clause{Attribute: "department", Operator: o.name, Value: "1"}
		if slices.Equal(o.types, truths) {
			c.Attribute = "accountEnabled"
		}
		if o.unary {
			c.Value = ""
		}
		f := compiled(t, Group{All: []Clause{c}})
		for name, person := range map[string]map[string]any{
			"absent": nil,
			"null":   {"department": nil, "accountEnabled": nil},
			"empty":  {"department": "", "accountEnabled": ""},
		} {
			if got := f.Decide(row(person)).Pass; got != (o.name == "IS NULL") {
				t.Errorf("%s on %s: %v", o.name, name, got)
			}
		}
	}
	if compiled(t, Group{All: []Clause{{"country", "IS NOT NULL", ""}}}).Decide(nil).Pass {
		t.Error("a row without the slot passes")
	}
}

var usSales = Group{"US sales", []Clause{{"department", "EQUALS", "Sales"}, {"country", "equals", "US"}}}
var staff = Group{"Staff", []Clause{{"level", "Greater_Than", "2"}}}

func TestDecisionSaysWhy(t *testing.T) {
	for name, tc := range map[string]struct {
		groups        []Group
		person        map[string]any
		pass          bool
		group, clause int
		why           string
	}{
		"no filters": {nil, nil, true, -1, -1, "there are no scoping filters"},
		"all clauses": {[]Group{usSales}, map[string]any{"department": "Sales", "country": "US"}, true, 0, 1,
			`filter "US sales": department EQUALS "Sales" saw "Sales" and country EQUALS "US" saw "US"`},
		"one clause false": {[]Group{usSales}, map[string]any{"department": "Sales", "country": "DE"}, false, 0, 1,
			`filter "US sales": country EQUALS "US" saw "DE"`},
		"nothing to see": {[]Group{usSales}, nil, false, 0, 0,
			`filter "US sales": department EQUALS "Sales" saw no value`},
		"second group": {[]Group{usSales, staff}, map[string]any{"department": "IT", "level": 3.0}, true, 1, 0,
			`filter "Staff": level Greater_Than "2" saw "3"`},
		"neither group": {[]Group{usSales, staff}, map[string]any{"department": "IT", "level": 1.0}, false, 0, 0,
			`filter "US sales": department EQUALS "Sales" saw "IT"; filter "Staff": level Greater_Than "2" saw "1"`},
		"unary": {[]Group{{"Enabled", []Clause{{"accountEnabled", "IS TRUE", ""}}}}, map[string]any{"accountEnabled": false}, false, 0, 0,
			`filter "Enabled": accountEnabled IS TRUE saw False`},
	} {
		d := compiled(t, tc.groups...).Decide(row(tc.person))
		if d.Pass != tc.pass || d.Group != tc.group || d.Clause != tc.clause || d.Why() != tc.why || d.Err != nil {
			t.Errorf("%s: got %v %d %d %v\n got %s\nwant %s", name, d.Pass, d.Group, d.Clause, d.Err, d.Why(), tc.why)
		}
	}
}

// A pattern that runs out of time leaves the question open, unless another clause or group settles it.
func TestUndecided(t *testing.T) {
	endless := map[string]any{"department": strings.Repeat("a", 60) + "!", "country": "US"}
	slow := Clause{"department", "REGEX MATCH", "(a+)+$"}
	slowNot := Clause{"department", "NOT REGEX MATCH", "(a+)+$"}
	german := Clause{"country", "EQUALS", "DE"}
	american := Clause{"country", "EQUALS", "US"}
	for name, tc := range map[string]struct {
		groups []Group
		pass   bool
		err    string
	}{
		"alone":                {[]Group{{"g", []Clause{slow}}}, false, `filter "g": department REGEX MATCH "(a+)+$": the regular expression took longer than 100ms: make it simpler`},
		"negated":              {[]Group{{"g", []Clause{slowNot}}}, false, `filter "g": department NOT REGEX MATCH "(a+)+$": the regular expression took longer than 100ms: make it simpler`},
		"another clause false": {[]Group{{"g", []Clause{slow, german}}}, false, ""},
		"another group passes": {[]Group{{"g", []Clause{slow}}, {"h", []Clause{american}}}, true, ""},
		"another group fails":  {[]Group{{"h", []Clause{german}}, {"g", []Clause{american, slow}}}, false, `filter "g": department REGEX MATCH "(a+)+$": the regular expression took longer than 100ms: make it simpler`},
	} {
		d := compiled(t, tc.groups...).Decide(row(endless))
		if d.Pass != tc.pass || (d.Err != nil) != (tc.err != "") || d.Err != nil && d.Why() != tc.err {
			t.Errorf("%s: got %v, %v", name, d.Pass, d.Err)
		}
	}
}

func TestCompileErrors(t *testing.T) {
	for _, tc := range []struct {
		clause Clause
		field  string
		want   string
	}{
		{Clause{"departmnt", "EQUALS", "x"}, "attribute", `filter "f", clause 2: unknown attribute "departmnt"; did you mean department?`},
		{Clause{"xyzzy", "EQUALS", "x"}, "attribute", `filter "f", clause 2: unknown attribute "xyzzy"`},
		{Clause{"phones", "EQUALS", "x"}, "attribute", `filter "f", clause 2: phones has several values: only attributes with one can be filtered`},
		{Clause{"manager", "IS NULL", ""}, "attribute", `filter "f", clause 2: manager is of type Reference, which cannot be filtered`},
		{Clause{"hired", "EQUALS", "x"}, "attribute", `filter "f", clause 2: hired is of type DateTime, which cannot be filtered`},
		{Clause{"IsSoftDeleted", "IS TRUE", ""}, "attribute", `filter "f", clause 2: IsSoftDeleted depends on the filters, so no filter can ask for it`},
		{Clause{"department", "EQUAL", "x"}, "operator", `filter "f", clause 2: unknown operator "EQUAL"; did you mean EQUALS?`},
		{Clause{"department", "LIKE", "x"}, "operator", `filter "f", clause 2: unknown operator "LIKE"; there are EQUALS, NOT EQUALS, ` +
			`REGEX MATCH, NOT REGEX MATCH, IS NULL, IS NOT NULL, IS TRUE, IS FALSE, Greater_Than, Greater_Than_OR_EQUALS, Includes, ENDS_WITH`},
		{Clause{"department", "!&", "1"}, "operator", `filter "f", clause 2: operator !& is not supported: its meaning is not documented: ` +
			`write a NOT REGEX MATCH of the values that should not pass`},
		{Clause{"department", "isMemberOf", "1"}, "operator", `filter "f", clause 2: operator isMemberOf is not supported: ` +
			`Entra lists it without supporting it: assign the group to the application`},
		{Clause{"department", "IS TRUE", ""}, "operator", `filter "f", clause 2: IS TRUE takes an attribute of type Boolean, and this is String`},
		{Clause{"accountEnabled", "EQUALS", "True"}, "operator", `filter "f", clause 2: EQUALS takes an attribute of type String or Integer, and this is Boolean`},
		{Clause{"department", "EQUALS", ""}, "value", `filter "f", clause 2: EQUALS needs a value: use IS NULL for people without department`},
		{Clause{"department", "IS NULL", "x"}, "value", `filter "f", clause 2: IS NULL takes no value`},
		{Clause{"level", "EQUALS", "high"}, "value", `filter "f", clause 2: level is a whole number, and "high" is none`},
		{Clause{"level", "Greater_Than", "3.5"}, "value", `filter "f", clause 2: Greater_Than compares whole numbers, and "3.5" is none`},
		{Clause{"department", "REGEX MATCH", "(a"}, "value", `filter "f", clause 2: regular expression "(a": missing closing )`},
	} {
		groups := []Group{usSales, {"f", []Clause{{"department", "IS NOT NULL", ""}, tc.clause}}}
		_, err := Compile(groups, people{})
		e, ok := errors.AsType[*Error](err)
		if !ok {
			t.Errorf("%v: got %v", tc.clause, err)
			continue
		}
		if e.Group != 1 || e.Clause != 1 || e.Field != tc.field || err.Error() != tc.want {
			t.Errorf("%v: got %+v\n got %s\nwant %s", tc.clause, *e, err, tc.want)
		}
	}
}

func TestAllErrorsAreReported(t *testing.T) {
	_, err := Compile([]Group{{Name: "empty"}, {"bad", []Clause{{"departmnt", "EQUAL", "x"}, {"level", "EQUALS", "high"}}}}, people{})
	want := `filter "empty": it has no clauses, so everyone would pass
filter "bad", clause 1: unknown operator "EQUAL"; did you mean EQUALS?
filter "bad", clause 1: unknown attribute "departmnt"; did you mean department?
filter "bad", clause 2: level is a whole number, and "high" is none`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestCanonicalForm(t *testing.T) {
	f := compiled(t, usSales, Group{"x", []Clause{{"ACCOUNTENABLED", "is true", ""}}})
	want := `(department EQUALS "Sales" and country EQUALS "US") or (accountEnabled IS TRUE)`
	if f.String() != want {
		t.Errorf("got %s, want %s", f, want)
	}
}

func TestDecideAllocatesNothing(t *testing.T) {
	f := compiled(t, staff, usSales)
	for name, r := range map[string][]connectors.Value{
		"pass": row(map[string]any{"department": "Sales", "country": "US"}),
		"fail": row(map[string]any{"department": "IT"}),
	} {
		want := name == "pass"
		if n := testing.AllocsPerRun(100, func() {
			if f.Decide(r).Pass != want {
				t.Fatal(name)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkDecide(b *testing.B) {
	f := compiled(b, staff, usSales)
	r := row(map[string]any{"department": "Sales", "country": "US"})
	b.ReportAllocs()
	for b.Loop() {
		if !f.Decide(r).Pass {
			b.Fatal("out of scope")
		}
	}
}

// FuzzClause compiles any clause and decides on any value: nothing panics, and a decision has a reason on one line.
func FuzzClause(f *testing.F) {
	for _, o := range operators {
		f.Add("department", o.name, "1", "2")
		f.Add("level", o.name, "", "")
	}
	f.Add("department", "REGEX MATCH", `(?<a>\p{L}+)\k<a>|(?=x)`, "xx\ny")
	f.Fuzz(func(t *testing.T, attribute, operator, value, saw string) {
		filter, err := Compile([]Group{{"g\n", []Clause{{attribute, operator, value}}}}, people{})
		if err != nil {
			if _, ok := errors.AsType[*Error](err); !ok {
				t.Fatalf("got a %T", err)
			}
			return
		}
		r := make([]connectors.Value, len(attributes))
		for i := range r {
			r[i] = connectors.StringValue(saw)
		}
		d := filter.Decide(r)
		if why := d.Why(); why == "" || strings.Contains(why, "\n") || d.Pass && d.Err != nil {
			t.Fatalf("%+v: %q", d, why)
		}
	})
}
