package filter

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

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
	{Name: "appRoleAssignments", Type: connectors.TypeComplex, MultiValued: true},
	{Name: "extension_f00d_x", Untyped: true},
	{Name: "salary", Secret: true},
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

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

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
		{"level", "Less_Than", "3", 2.0, true},
		{"level", "Less_Than", "3", 3.0, false},
		{"level", "Less_Than_OR_EQUALS", "3", 3.0, true},
		{"level", "Less_Than", "-3", -4.0, true},
		{"employeeId", "Less_Than", "9", "none", false},
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
		f := compiled(t, Group{Name: "one", All: []Clause{{tc.attribute, tc.operator, tc.value, ""}}})
		_, a, _ := people{}.Attribute(tc.attribute)
		if got := f.Decide(row(map[string]any{a.Name: tc.saw}), noon); got.Pass != tc.want || got.Err != nil {
			t.Errorf("%s %s %q saw %v: %+v, want %v", tc.attribute, tc.operator, tc.value, tc.saw, got, tc.want)
		}
	}
}

// Dates are moments; today is the day (UTC) of the moment of the decision, which is noon of 1 March 2026.
func TestDates(t *testing.T) {
	for _, tc := range []struct {
		attribute, operator, value string
		saw                        any
		want                       bool
	}{
		{"hired", "EQUALS", "2026-03-01", "2026-03-01T00:00:00Z", true},
		{"hired", "EQUALS", "2026-03-01T09:00:00+01:00", "2026-03-01T08:00:00.000Z", true},
		{"hired", "EQUALS", "2026-03-01", "2026-03-01T00:00:01Z", false},
		{"hired", "NOT EQUALS", "2026-03-01", "2026-03-02T00:00:00Z", true},
		{"hired", "NOT EQUALS", "2026-03-01", "2026-03-01T00:00:00Z", false},
		{"hired", "EQUALS", "today", "2026-03-01T00:00:00Z", true},
		{"hired", "Less_Than_OR_EQUALS", "today+7d", "2026-03-08T00:00:00Z", true},
		{"hired", "Less_Than_OR_EQUALS", "Today +7D", "2026-03-08T00:00:01Z", false},
		{"hired", "Less_Than", "today - 28d", "2026-01-31T23:59:59Z", true},
		{"hired", "Less_Than", "today-28d", "2026-02-01T00:00:00Z", false},
		{"hired", "Greater_Than", "today", "2026-03-01T00:00:00Z", false},
		{"hired", "Greater_Than_OR_EQUALS", "today", "2026-03-01T00:00:00Z", true},
		{"hired", "Greater_Than", "2025-12-31", "someday", false},
		{"hired", "Less_Than", "2025-12-31", "someday", false},
		{"hired", "IS NULL", "", "", true},
		{"hired", "IS NOT NULL", "", "2026-03-01T00:00:00Z", true},
		// A date that is kept as text, in an extension attribute.
		{"employeeId", "Less_Than", "today+1d", "2026-03-01", true},
		{"employeeId", "Less_Than", "today+1d", "2026-03-02", false},
		{"extension_f00d_x", "Greater_Than", "2026-01-01", "2026-03-02T00:00:00Z", true},
	} {
		f := compiled(t, Group{Name: "one", All: []Clause{{tc.attribute, tc.operator, tc.value, ""}}})
		if got := f.Decide(row(map[string]any{tc.attribute: tc.saw}), noon); got.Pass != tc.want || got.Err != nil {
			t.Errorf("%s %s %q saw %v: %+v, want %v", tc.attribute, tc.operator, tc.value, tc.saw, got, tc.want)
		}
		if want := strings.HasPrefix(strings.ToLower(tc.value), "today"); f.ReadsClock() != want {
			t.Errorf("%q reads the clock: %v", tc.value, !want)
		}
	}
}

// A day begins at midnight UTC, wherever the clock is.
func TestToday(t *testing.T) {
	f := compiled(t, Group{All: []Clause{{"hired", "EQUALS", "today", ""}}})
	person := row(map[string]any{"hired": "2026-03-01T00:00:00Z"})
	east := time.FixedZone("UTC+9", 9*60*60)
	for moment, want := range map[time.Time]bool{
		time.Date(2026, 2, 28, 23, 59, 59, 0, time.UTC): false,
		time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC):     true,
		time.Date(2026, 3, 1, 23, 59, 59, 0, time.UTC):  true,
		time.Date(2026, 3, 2, 8, 59, 0, 0, east):        true,
		time.Date(2026, 3, 2, 9, 0, 0, 0, east):         false,
	} {
		if got := f.Decide(person, moment).Pass; got != want {
			t.Errorf("at %v: %v", moment, got)
		}
	}
}

// Of several values any or all have to pass; empty ones do not count.
func TestMultivalued(t *testing.T) {
	mails := []any{"zoe@contoso.com", nil, "", "zoe@home.example"}
	for _, tc := range []struct {
		operator, value string
		saw             any
		any, all        bool
	}{
		{"EQUALS", "zoe@contoso.com", mails, true, false},
		{"EQUALS", "zoe@contoso.com", []any{"zoe@contoso.com", ""}, true, true},
		{"NOT EQUALS", "zoe@contoso.com", mails, true, false},
		{"NOT EQUALS", "other", mails, true, true},
		{"ENDS_WITH", "@contoso.com", mails, true, false},
		{"Includes", "@", mails, true, true},
		{"REGEX MATCH", "^zoe@", mails, true, true},
		{"NOT REGEX MATCH", "home", mails, true, false},
		{"Includes", "nothing", mails, false, false},
		{"Greater_Than", "5", []any{"4", "6"}, true, false},
		{"NOT EQUALS", "x", []any{}, false, false},
		{"NOT EQUALS", "x", []any{nil, ""}, false, false},
		{"NOT EQUALS", "x", nil, false, false},
		{"EQUALS", "one", "one", true, true},
	} {
		for quantifier, want := range map[string]bool{"any": tc.any, "all": tc.all} {
			for _, attribute := range []string{"phones", "extension_f00d_x"} {
				f := compiled(t, Group{All: []Clause{{attribute, tc.operator, tc.value, quantifier}}})
				if got := f.Decide(row(map[string]any{attribute: tc.saw}), noon); got.Pass != want || got.Err != nil {
					t.Errorf("%s %s %s %q of %v: %v", quantifier, attribute, tc.operator, tc.value, tc.saw, got.Pass)
				}
			}
		}
	}
	for saw, null := range map[*[]any]bool{{}: true, {nil, ""}: true, {"x"}: false} {
		for operator, want := range map[string]bool{"IS NULL": null, "IS NOT NULL": !null} {
			f := compiled(t, Group{All: []Clause{{"phones", operator, "", ""}}})
			if got := f.Decide(row(map[string]any{"phones": *saw}), noon); got.Pass != want {
				t.Errorf("%v %s: %v", *saw, operator, got.Pass)
			}
		}
	}
}

// What a directory extension holds shows only when it comes.
func TestUntyped(t *testing.T) {
	for _, tc := range []struct {
		operator, value string
		saw             any
		pass            bool
		why             string
	}{
		{"EQUALS", "x", []any{"x"}, true, `filter "f": extension_f00d_x EQUALS "x" saw "x"`},
		{"EQUALS", "x", []any{"y"}, false, `filter "f": extension_f00d_x EQUALS "x" saw "y"`},
		{"EQUALS", "7", 7.0, true, `filter "f": extension_f00d_x EQUALS "7" saw "7"`},
		{"IS TRUE", "", true, true, `filter "f": extension_f00d_x IS TRUE saw True`},
		{"IS FALSE", "", "x", false, `filter "f": extension_f00d_x IS FALSE saw "x"`},
		{"EQUALS", "x", []any{"x", "y"}, false, `filter "f": extension_f00d_x EQUALS "x": it has several values: ` +
			`say with multivalued whether any or all of them have to pass`},
	} {
		f := compiled(t, Group{"f", []Clause{{"extension_f00d_x", tc.operator, tc.value, ""}}})
		if d := f.Decide(row(map[string]any{"extension_f00d_x": tc.saw}), noon); d.Pass != tc.pass || d.Why() != tc.why {
			t.Errorf("%v %s: %v %s", tc.saw, tc.operator, d.Pass, d.Why())
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
			if got := f.Decide(row(person), noon).Pass; got != (o.name == "IS NULL") {
				t.Errorf("%s on %s: %v", o.name, name, got)
			}
		}
	}
	if compiled(t, Group{All: []Clause{{"country", "IS NOT NULL", "", ""}}}).Decide(nil, noon).Pass {
		t.Error("a row without the slot passes")
	}
}

var usSales = Group{"US sales", []Clause{{"department", "EQUALS", "Sales", ""}, {"country", "equals", "US", ""}}}
var staff = Group{"Staff", []Clause{{"level", "Greater_Than", "2", ""}}}

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
		"several values": {[]Group{{"g", []Clause{{"phones", "EQUALS", "x", "all"}}}}, map[string]any{"phones": []any{"x", "y"}}, false, 0, 0,
			`filter "g": all phones EQUALS "x" saw "x", "y"`},
		"a secret": {[]Group{{"g", []Clause{{"salary", "Greater_Than", "9", ""}}}}, map[string]any{"salary": "8"}, false, 0, 0,
			`filter "g": salary Greater_Than "9" saw [Redact]`},
		"a secret that is not there": {[]Group{{"g", []Clause{{"salary", "Greater_Than", "9", ""}}}}, nil, false, 0, 0,
			`filter "g": salary Greater_Than "9" saw no value`},
		"unary": {[]Group{{"Enabled", []Clause{{"accountEnabled", "IS TRUE", "", ""}}}}, map[string]any{"accountEnabled": false}, false, 0, 0,
			`filter "Enabled": accountEnabled IS TRUE saw False`},
	} {
		d := compiled(t, tc.groups...).Decide(row(tc.person), noon)
		if d.Pass != tc.pass || d.Group != tc.group || d.Clause != tc.clause || d.Why() != tc.why || d.Err != nil {
			t.Errorf("%s: got %v %d %d %v\n got %s\nwant %s", name, d.Pass, d.Group, d.Clause, d.Err, d.Why(), tc.why)
		}
	}
}

// A pattern that runs out of time leaves the question open, unless another clause or group settles it.
func TestUndecided(t *testing.T) {
	endless := map[string]any{"department": strings.Repeat("a", 60) + "!", "country": "US",
		"phones": []any{strings.Repeat("a", 60) + "!", "b"}}
	slow := Clause{"department", "REGEX MATCH", "(a+)+$", ""}
	slowNot := Clause{"department", "NOT REGEX MATCH", "(a+)+$", ""}
	german := Clause{"country", "EQUALS", "DE", ""}
	american := Clause{"country", "EQUALS", "US", ""}
	for name, tc := range map[string]struct {
		groups []Group
		pass   bool
		err    string
	}{
		"alone":                    {[]Group{{"g", []Clause{slow}}}, false, `filter "g": department REGEX MATCH "(a+)+$": the regular expression took longer than 100ms: make it simpler`},
		"negated":                  {[]Group{{"g", []Clause{slowNot}}}, false, `filter "g": department NOT REGEX MATCH "(a+)+$": the regular expression took longer than 100ms: make it simpler`},
		"one of several":           {[]Group{{"g", []Clause{{"phones", "REGEX MATCH", "(a+)+$", "any"}}}}, false, `filter "g": any phones REGEX MATCH "(a+)+$": the regular expression took longer than 100ms: make it simpler`},
		"another value settles it": {[]Group{{"g", []Clause{{"phones", "REGEX MATCH", "(b|a+)+$", "any"}}}}, true, ""},
		"another clause false":     {[]Group{{"g", []Clause{slow, german}}}, false, ""},
		"another group passes":     {[]Group{{"g", []Clause{slow}}, {"h", []Clause{american}}}, true, ""},
		"another group fails":      {[]Group{{"h", []Clause{german}}, {"g", []Clause{american, slow}}}, false, `filter "g": department REGEX MATCH "(a+)+$": the regular expression took longer than 100ms: make it simpler`},
	} {
		d := compiled(t, tc.groups...).Decide(row(endless), noon)
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
		{Clause{"departmnt", "EQUALS", "x", ""}, "attribute", `filter "f", clause 2: unknown attribute "departmnt"; did you mean department?`},
		{Clause{"xyzzy", "EQUALS", "x", ""}, "attribute", `filter "f", clause 2: unknown attribute "xyzzy"`},
		{Clause{"phones", "EQUALS", "x", ""}, "multivalued", `filter "f", clause 2: phones has several values: say whether any or all of them have to pass`},
		{Clause{"manager", "IS NULL", "", ""}, "attribute", `filter "f", clause 2: manager is of type Reference, which cannot be filtered`},
		{Clause{"phones", "EQUALS", "x", "some"}, "multivalued", `filter "f", clause 2: unknown value "some": any or all`},
		{Clause{"phones", "IS NULL", "", "any"}, "multivalued", `filter "f", clause 2: IS NULL asks of all values together: leave it out`},
		{Clause{"department", "EQUALS", "x", "any"}, "multivalued", `filter "f", clause 2: department has one value: leave it out`},
		{Clause{"appRoleAssignments", "IS NULL", "", ""}, "attribute", `filter "f", clause 2: appRoleAssignments cannot be filtered: ` +
			`assign people to the application, or not`},
		{Clause{"hired", "EQUALS", "x", ""}, "value", `filter "f", clause 2: hired is a date, and "x" is none: ` +
			`write 2026-01-31, 2026-01-31T08:00:00Z, today, or today and days (today-90d)`},
		{Clause{"hired", "Less_Than", "3", ""}, "value", `filter "f", clause 2: hired is a date, and "3" is none: ` +
			`write 2026-01-31, 2026-01-31T08:00:00Z, today, or today and days (today-90d)`},
		{Clause{"hired", "Less_Than", "today-3w", ""}, "value", `filter "f", clause 2: hired is a date, and "today-3w" is none: ` +
			`write 2026-01-31, 2026-01-31T08:00:00Z, today, or today and days (today-90d)`},
		{Clause{"level", "Less_Than", "today", ""}, "value", `filter "f", clause 2: Less_Than compares whole numbers, and "today" is none`},
		{Clause{"hired", "REGEX MATCH", "^2026", ""}, "operator", `filter "f", clause 2: REGEX MATCH takes an attribute of type String or Integer, and hired is DateTime`},
		{Clause{"IsSoftDeleted", "IS TRUE", "", ""}, "attribute", `filter "f", clause 2: IsSoftDeleted depends on the filters, so no filter can ask for it`},
		{Clause{"department", "EQUAL", "x", ""}, "operator", `filter "f", clause 2: unknown operator "EQUAL"; did you mean EQUALS?`},
		{Clause{"department", "LIKE", "x", ""}, "operator", `filter "f", clause 2: unknown operator "LIKE"; there are EQUALS, NOT EQUALS, ` +
			`REGEX MATCH, NOT REGEX MATCH, IS NULL, IS NOT NULL, IS TRUE, IS FALSE, Greater_Than, Greater_Than_OR_EQUALS, Less_Than, Less_Than_OR_EQUALS, Includes, ENDS_WITH`},
		{Clause{"department", "!&", "1", ""}, "operator", `filter "f", clause 2: operator !& is not supported: its meaning is not documented: ` +
			`write a NOT REGEX MATCH of the values that should not pass`},
		{Clause{"department", "isMemberOf", "1", ""}, "operator", `filter "f", clause 2: operator isMemberOf is not supported: ` +
			`Entra lists it without supporting it: assign the group to the application`},
		{Clause{"department", "IS TRUE", "", ""}, "operator", `filter "f", clause 2: IS TRUE takes an attribute of type Boolean, and department is String`},
		{Clause{"accountEnabled", "EQUALS", "True", ""}, "operator", `filter "f", clause 2: EQUALS takes an attribute of type String, Integer or DateTime, and accountEnabled is Boolean`},
		{Clause{"department", "EQUALS", "", ""}, "value", `filter "f", clause 2: EQUALS needs a value: use IS NULL for people without department`},
		{Clause{"department", "IS NULL", "x", ""}, "value", `filter "f", clause 2: IS NULL takes no value`},
		{Clause{"level", "EQUALS", "high", ""}, "value", `filter "f", clause 2: level is a whole number, and "high" is none`},
		{Clause{"level", "Greater_Than", "3.5", ""}, "value", `filter "f", clause 2: Greater_Than compares whole numbers, and "3.5" is none`},
		{Clause{"department", "REGEX MATCH", "(a", ""}, "value", `filter "f", clause 2: regular expression "(a": missing closing )`},
	} {
		groups := []Group{usSales, {"f", []Clause{{"department", "IS NOT NULL", "", ""}, tc.clause}}}
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
	_, err := Compile([]Group{{Name: "empty"}, {"bad", []Clause{{"departmnt", "EQUAL", "x", ""}, {"level", "EQUALS", "high", ""}}}}, people{})
	want := `filter "empty": it has no clauses, so everyone would pass
filter "bad", clause 1: unknown operator "EQUAL"; did you mean EQUALS?
filter "bad", clause 1: unknown attribute "departmnt"; did you mean department?
filter "bad", clause 2: level is a whole number, and "high" is none`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestCanonicalForm(t *testing.T) {
	f := compiled(t, usSales, Group{"x", []Clause{{"ACCOUNTENABLED", "is true", "", ""}, {"phones", "includes", "x", "any"}}})
	want := `(department EQUALS "Sales" and country EQUALS "US") or (accountEnabled IS TRUE and any phones Includes "x")`
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
			if f.Decide(r, noon).Pass != want {
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
		if !f.Decide(r, noon).Pass {
			b.Fatal("out of scope")
		}
	}
}

// FuzzClause compiles any clause and decides on any value: nothing panics, and a decision has a reason on one line.
func FuzzClause(f *testing.F) {
	for _, o := range operators {
		f.Add("department", o.name, "1", "2")
		f.Add("level", o.name, "", "")
		f.Add("hired", o.name, "today-1d", "2026-02-28T00:00:00Z")
	}
	f.Add("department", "REGEX MATCH", `(?<a>\p{L}+)\k<a>|(?=x)`, "xx\ny")
	f.Fuzz(func(t *testing.T, attribute, operator, value, saw string) {
		filter, err := Compile([]Group{{"g\n", []Clause{{attribute, operator, value, ""}}}}, people{})
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
		d := filter.Decide(r, noon)
		if why := d.Why(); why == "" || strings.Contains(why, "\n") || d.Pass && d.Err != nil {
			t.Fatalf("%+v: %q", d, why)
		}
	})
}
