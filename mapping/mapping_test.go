package mapping

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"ringsync/connectors"
	"ringsync/mapping/filter"
)

const department = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department"

// directory is a source, service a target, of these tests.
var directory = connectors.NewSchema("directory", []connectors.Attribute{
	{Name: "id"}, {Name: "userPrincipalName"}, {Name: "displayName"}, {Name: "accountEnabled", Type: connectors.TypeBoolean},
	{Name: "mail"}, {Name: "givenName"}, {Name: "surname"}, {Name: "jobTitle"}, {Name: "department"}, {Name: "mobilePhone"},
	{Name: "streetAddress"}, {Name: "city"}, {Name: "state"}, {Name: "postalCode"}, {Name: "country"},
	{Name: "businessPhones", MultiValued: true}, {Name: "hired", Type: connectors.TypeDateTime},
}, nil, nil)

var service = connectors.NewSchema("the service", []connectors.Attribute{
	{Name: "id", ReadOnly: true},
	{Name: "userName", Required: true, Filterable: true},
	{Name: "externalId", CaseExact: true, Filterable: true},
	{Name: "active", Type: connectors.TypeBoolean},
	{Name: "name.givenName", Required: true}, {Name: "name.familyName", Required: true},
	{Name: "title"}, {Name: "level", Type: connectors.TypeInteger}, {Name: "tags", MultiValued: true},
	{Name: "boss", Type: connectors.TypeReference},
	{Name: `emails[type eq "work"].value`, Required: true, Filterable: true},
	{Name: `phoneNumbers[type eq "mobile"].value`},
	{Name: `addresses[type eq "work"].streetAddress`}, {Name: `addresses[type eq "work"].locality`},
	{Name: `addresses[type eq "work"].region`}, {Name: `addresses[type eq "work"].postalCode`},
	{Name: `addresses[type eq "work"].country`},
	{Name: department},
}, nil, nil)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

var matchByMail = Rule{Target: "userName", Source: "mail", Match: 1}

func valueOf(s string) *connectors.Value {
	v := connectors.StringValue(s)
	return &v
}

func compile(t testing.TB, filters []filter.Group, rules ...Rule) (*Mapping, *connectors.Slots) {
	t.Helper()
	slots := connectors.NewSourceSlots()
	m, err := Compile(rules, filters, directory, service, slots)
	if err != nil {
		t.Fatal(err)
	}
	return m, slots
}

func rowOf(slots *connectors.Slots, person map[string]any) []connectors.Value {
	row := make([]connectors.Value, slots.Len())
	for i, name := range slots.Names() {
		if raw, ok := person[name]; ok {
			row[i] = connectors.FromJSON(raw)
		}
	}
	return row
}

// shown gives a value as a test writes it: - for Absent, null, or the value with its kind.
func shown(v connectors.Value) string {
	switch v.Kind() {
	case connectors.Absent:
		return "-"
	case connectors.Null:
		return "null"
	}
	b, err := v.MarshalJSON()
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// What a rule makes of a value: what goes out always, what goes out on create only, and what fails.
func TestApply(t *testing.T) {
	constant := "Employee"
	for name, tc := range map[string]struct {
		rule   Rule
		person map[string]any
		want   string // always, create
	}{
		"a value":                    {Rule{Source: "jobTitle"}, map[string]any{"jobTitle": "CEO"}, `"CEO" -`},
		"an empty text":              {Rule{Source: "jobTitle"}, map[string]any{"jobTitle": ""}, `"" -`},
		"null":                       {Rule{Source: "jobTitle"}, map[string]any{"jobTitle": nil}, `- -`},
		"absent":                     {Rule{Source: "jobTitle"}, nil, `- -`},
		"null, kept":                 {Rule{Source: "jobTitle", WhenNull: "keep"}, nil, `- -`},
		"null clears":                {Rule{Source: "jobTitle", WhenNull: "clear"}, map[string]any{"jobTitle": nil}, `null -`},
		"absent clears":              {Rule{Source: "jobTitle", WhenNull: "clear"}, nil, `null -`},
		"default for null":           {Rule{Source: "jobTitle", Default: valueOf("none")}, nil, `- "none"`},
		"no default for a value":     {Rule{Source: "jobTitle", Default: valueOf("none")}, map[string]any{"jobTitle": "CEO"}, `"CEO" -`},
		"no default for empty":       {Rule{Source: "jobTitle", Default: valueOf("none")}, map[string]any{"jobTitle": ""}, `"" -`},
		"an empty default is none":   {Rule{Source: "jobTitle", Default: valueOf("")}, nil, `- -`},
		"cleared, default on create": {Rule{Source: "jobTitle", Default: valueOf("none"), WhenNull: "clear"}, nil, `null "none"`},
		"create only":                {Rule{Source: "jobTitle", Apply: "create"}, map[string]any{"jobTitle": "CEO"}, `- "CEO"`},
		"create only, null":          {Rule{Source: "jobTitle", Apply: "create", Default: valueOf("none")}, nil, `- "none"`},
		"constant":                   {Rule{Constant: &constant}, nil, `"Employee" -`},
		"constant on create":         {Rule{Constant: &constant, Apply: "create"}, nil, `- "Employee"`},
		"expression":                 {Rule{Expression: `ToUpper([jobTitle])`}, map[string]any{"jobTitle": "ceo"}, `"CEO" -`},
		"expression left out": {Rule{Expression: `IgnoreFlowIfNullOrEmpty([jobTitle])`, WhenNull: "clear", Default: valueOf("none")},
			map[string]any{"jobTitle": ""}, `- -`},
		"Boolean":          {Rule{Target: "active", Source: "accountEnabled"}, map[string]any{"accountEnabled": true}, `true -`},
		"Boolean of text":  {Rule{Target: "active", Expression: `Not([IsSoftDeleted])`}, map[string]any{"IsSoftDeleted": true}, `false -`},
		"Boolean default":  {Rule{Target: "active", Source: "jobTitle", Default: valueOf("TRUE")}, nil, `- true`},
		"text of Boolean":  {Rule{Source: "accountEnabled"}, map[string]any{"accountEnabled": false}, `"False" -`},
		"Integer of text":  {Rule{Target: "level", Source: "jobTitle"}, map[string]any{"jobTitle": "7"}, `7 -`},
		"text of Integer":  {Rule{Expression: `Count([businessPhones])`}, map[string]any{"businessPhones": []any{"a", "b"}}, `"2" -`},
		"list of one":      {Rule{Source: "businessPhones"}, map[string]any{"businessPhones": []any{"1"}}, `"1" -`},
		"list of none":     {Rule{Source: "businessPhones", WhenNull: "clear"}, map[string]any{"businessPhones": []any{}}, `null -`},
		"list of null":     {Rule{Source: "businessPhones"}, map[string]any{"businessPhones": []any{nil}}, `- -`},
		"list to list":     {Rule{Target: "tags", Source: "businessPhones"}, map[string]any{"businessPhones": []any{"1", nil, "2"}}, `["1","2"] -`},
		"one to list":      {Rule{Target: "tags", Source: "jobTitle"}, map[string]any{"jobTitle": "a"}, `["a"] -`},
		"nulls to list":    {Rule{Target: "tags", Source: "businessPhones"}, map[string]any{"businessPhones": []any{nil, nil}}, `- -`},
		"several into one": {Rule{Source: "businessPhones"}, map[string]any{"businessPhones": []any{"1", "2"}}, `SchemaPropertyCanOnlyAcceptValue: there are 2 values for an attribute that takes one; choose with Item, or Join them`},
		"not a Boolean":    {Rule{Target: "active", Source: "jobTitle"}, map[string]any{"jobTitle": "yes"}, `"yes" does not fit an attribute of type Boolean`},
		"not an Integer":   {Rule{Target: "level", Source: "jobTitle"}, map[string]any{"jobTitle": strings.Repeat("7.5", 20)}, `"` + strings.Repeat("7.5", 13) + `7…" does not fit an attribute of type Integer`},
		"an object":        {Rule{Source: "jobTitle"}, map[string]any{"jobTitle": map[string]any{"a": "b"}}, `an object does not fit an attribute of type String`},
		"a list of lists":  {Rule{Target: "tags", Source: "businessPhones"}, map[string]any{"businessPhones": []any{[]any{"1"}}}, `value 1: a list within a list fits no attribute`},
		"expression fails": {Rule{Expression: `Error("no title")`}, nil, `column 1: no title`},
	} {
		if tc.rule.Target == "" {
			tc.rule.Target = "title"
		}
		m, slots := compile(t, nil, matchByMail, tc.rule)
		var r Result
		m.Apply(rowOf(slots, tc.person), noon, &r)
		slot, _ := m.Target().Index(tc.rule.Target)
		got := shown(r.Always[slot]) + " " + shown(r.Create[slot])
		if len(r.Failures) > 0 {
			if got != "- -" || r.Failures[0].Slot != slot {
				t.Errorf("%s: failed and got %s", name, got)
			}
			got = r.Failures[0].Err.Error()
		}
		if got != tc.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, tc.want)
		}
	}
}

// A failing attribute takes nothing else with it, and nothing of one person is left for the next.
func TestResultIsReused(t *testing.T) {
	m, slots := compile(t, nil, matchByMail,
		Rule{Target: "title", Source: "businessPhones"},
		Rule{Target: "externalId", Source: "id", Apply: "create"})
	var r Result
	m.Apply(rowOf(slots, map[string]any{"mail": "a@b", "businessPhones": []any{"1", "2"}, "id": "7"}), noon, &r)
	if got := fmt.Sprint(shown(r.Always[0]), shown(r.Create[2]), len(r.Failures)); got != `"a@b""7"1` {
		t.Errorf("first: %s", got)
	}
	m.Apply(nil, noon, &r)
	if slices.ContainsFunc(slices.Concat(r.Always, r.Create), func(v connectors.Value) bool { return v.Kind() != connectors.Absent }) || len(r.Failures) > 0 {
		t.Errorf("second: %+v", r)
	}
}

func TestMappingDescribesItself(t *testing.T) {
	m, slots := compile(t, []filter.Group{{Name: "US", All: []filter.Clause{{Attribute: "COUNTRY", Operator: "EQUALS", Value: "US"}}}},
		Rule{Target: `EMAILS[type eq "work"].value`, Source: "mail", Match: 20},
		Rule{Target: "TITLE", Expression: `Append([JOBTITLE], [issoftdeleted])`},
		Rule{Target: "userName", Source: "userprincipalname", Match: 10})
	if got := m.Target().Names(); !slices.Equal(got, []string{`emails[type eq "work"].value`, "title", "userName"}) {
		t.Errorf("target %q", got)
	}
	if got := slots.Names()[4:]; !slices.Equal(got, []string{"mail", "jobTitle", "IsSoftDeleted", "country"}) {
		t.Errorf("source %q", got)
	}
	if got := m.Matching(); !slices.Equal(got, []int{2, 0}) {
		t.Errorf("matching %v", got)
	}
	if a := m.Attributes(); len(a) != 3 || !a[2].Filterable || a[1].Name != "title" {
		t.Errorf("attributes %+v", a)
	}
	if !m.Has("title") || m.Has("active") {
		t.Error("Has is wrong")
	}
	if d := m.Filter().Decide(rowOf(slots, map[string]any{"country": "DE"}), noon); d.Pass {
		t.Error("the filter does not filter")
	}
}

func TestFingerprint(t *testing.T) {
	group := func(name, value string) []filter.Group {
		return []filter.Group{{Name: name, All: []filter.Clause{{Attribute: "country", Operator: "equals", Value: value}}}}
	}
	title := Rule{Target: "title", Expression: `Join(" ", [jobTitle], "x")`}
	base, _ := compile(t, group("a", "US"), matchByMail, title)
	same := func(filters []filter.Group, rules ...Rule) bool {
		m, _ := compile(t, filters, rules...)
		return m.Fingerprint() == base.Fingerprint()
	}
	for name, equal := range map[string]bool{
		"the same":         same(group("a", "US"), matchByMail, title),
		"order":            same(group("a", "US"), title, matchByMail),
		"spelling":         same(group("b", "US"), Rule{Target: "USERNAME", Source: "MAIL", Match: 5, Apply: "always", WhenNull: "keep"}, Rule{Target: "title", Expression: `join( " ",[jobTitle] , "x" )`}),
		"an empty default": same(group("a", "US"), matchByMail, Rule{Target: "title", Expression: title.Expression, Default: valueOf("")}),
	} {
		if !equal {
			t.Errorf("%s changes the fingerprint", name)
		}
	}
	constant := "x"
	for name, equal := range map[string]bool{
		"filter":     same(group("a", "DE"), matchByMail, title),
		"no filter":  same(nil, matchByMail, title),
		"expression": same(group("a", "US"), matchByMail, Rule{Target: "title", Expression: `Join(" ", [jobTitle], "y")`}),
		"constant":   same(group("a", "US"), matchByMail, Rule{Target: "title", Constant: &constant}),
		"source":     same(group("a", "US"), matchByMail, Rule{Target: "title", Source: "jobTitle"}),
		"target":     same(group("a", "US"), matchByMail, Rule{Target: department, Expression: title.Expression}),
		"default":    same(group("a", "US"), matchByMail, Rule{Target: "title", Expression: title.Expression, Default: valueOf("z")}),
		"apply":      same(group("a", "US"), matchByMail, Rule{Target: "title", Expression: title.Expression, Apply: "create"}),
		"when_null":  same(group("a", "US"), matchByMail, Rule{Target: "title", Expression: title.Expression, WhenNull: "clear"}),
		"match":      same(group("a", "US"), matchByMail, title, Rule{Target: "externalId", Source: "id", Match: 2}),
		"one more":   same(group("a", "US"), matchByMail, title, Rule{Target: "externalId", Source: "id"}),
	} {
		if equal {
			t.Errorf("%s does not change the fingerprint", name)
		}
	}
}

// What depends on the time, what differs with each evaluation, and what nobody may see.
func TestTraits(t *testing.T) {
	hired := []filter.Group{{Name: "a", All: []filter.Clause{{Attribute: "hired", Operator: "Less_Than", Value: "today"}}}}
	for name, tc := range map[string]struct {
		filters     []filter.Group
		rule        Rule
		clock, once bool
	}{
		"neither":                {nil, Rule{Expression: `ToUpper([jobTitle])`}, false, false},
		"a date in a filter":     {hired, Rule{Source: "jobTitle"}, true, false},
		"the clock":              {nil, Rule{Expression: `FormatDateTime(Now(), , "M/d/yyyy h:mm:ss tt", "yyyy")`}, true, false},
		"the clock, on create":   {nil, Rule{Expression: `FormatDateTime(Now(), , "M/d/yyyy h:mm:ss tt", "yyyy")`, Apply: "create"}, false, true},
		"a random value":         {nil, Rule{Expression: `Append([jobTitle], Guid())`, Apply: "create"}, false, true},
		"a constant, on create":  {nil, Rule{Expression: `"x"`, Apply: "create"}, false, false},
		"an attribute on create": {nil, Rule{Source: "jobTitle", Apply: "create"}, false, false},
	} {
		tc.rule.Target = "title"
		m, _ := compile(t, tc.filters, matchByMail, tc.rule)
		if m.ReadsClock() != tc.clock || m.Once(1) != tc.once || m.Once(0) {
			t.Errorf("%s: clock %v, once %v", name, m.ReadsClock(), m.Once(1))
		}
	}
}

func TestRedacted(t *testing.T) {
	m, slots := compile(t, []filter.Group{{Name: "f", All: []filter.Clause{{Attribute: "jobTitle", Operator: "EQUALS", Value: "x"}}}},
		matchByMail, Rule{Target: "level", Expression: `Append("", Redact([jobTitle]))`}, Rule{Target: "title", Source: "department"})
	for i, want := range []bool{false, true, false} {
		if m.Attributes()[i].Secret != want {
			t.Errorf("%s: secret is %v", m.Attributes()[i].Name, !want)
		}
	}
	for name, want := range map[string]bool{"jobTitle": true, "department": false, "mail": false} {
		if slot, _ := slots.Index(name); m.Secret(slot) != want {
			t.Errorf("%s: secret is %v", name, !want)
		}
	}
	row := rowOf(slots, map[string]any{"jobTitle": "Agent"})
	if why := m.Filter().Decide(row, noon).Why(); why != `filter "f": jobTitle EQUALS "x" saw [Redact]` {
		t.Error(why)
	}
	var r Result
	m.Apply(row, noon, &r)
	if len(r.Failures) != 1 || r.Failures[0].Err.Error() != "the value does not fit; it is not shown because of Redact" {
		t.Errorf("%v", r.Failures)
	}
}

// everyday is the mapping that a job without one of its own has, with a filter.
func everyday(t testing.TB) (*Mapping, *connectors.Slots) {
	rules := []Rule{matchByMail, {Target: "active", Expression: `Switch([IsSoftDeleted], , "False", "True", "True", "False")`}}
	for target, source := range map[string]string{
		`emails[type eq "work"].value`: "mail", "externalId": "id", "name.givenName": "givenName", "name.familyName": "surname",
		"title": "jobTitle", `phoneNumbers[type eq "mobile"].value`: "mobilePhone",
		`addresses[type eq "work"].streetAddress`: "streetAddress", `addresses[type eq "work"].locality`: "city",
		`addresses[type eq "work"].region`: "state", `addresses[type eq "work"].postalCode`: "postalCode",
		`addresses[type eq "work"].country`: "country", department: "department",
	} {
		rules = append(rules, Rule{Target: target, Source: source})
	}
	return compile(t, []filter.Group{{Name: "US sales", All: []filter.Clause{
		{Attribute: "department", Operator: "EQUALS", Value: "Sales"}, {Attribute: "country", Operator: "EQUALS", Value: "US"}}}}, rules...)
}

var jane = map[string]any{"id": "8f0c", "userPrincipalName": "jane@contoso.com", "displayName": "Jane Doe", "accountEnabled": true,
	"mail": "jane@contoso.com", "givenName": "Jane", "surname": "Doe", "jobTitle": "CEO", "department": "Sales",
	"mobilePhone": "+15551234567", "streetAddress": "1 Main St", "city": "Denver", "state": "CO", "postalCode": "80014",
	"country": "US", "IsSoftDeleted": false}

func TestEverydayMappingAllocatesNothing(t *testing.T) {
	m, slots := everyday(t)
	row := rowOf(slots, jane)
	var r Result
	m.Apply(row, noon, &r)
	if slices.ContainsFunc(r.Always, connectors.Value.IsNull) || len(r.Failures) > 0 {
		t.Fatalf("got %+v", r)
	}
	if n := testing.AllocsPerRun(100, func() { m.Filter().Decide(row, noon); m.Apply(row, noon, &r) }); n != 0 {
		t.Errorf("%v allocations a person", n)
	}
}

// One person through scoping and the default mapping.
func BenchmarkPerson(b *testing.B) {
	m, slots := everyday(b)
	row := rowOf(slots, jane)
	var r Result
	b.ReportAllocs()
	for b.Loop() {
		if !m.Filter().Decide(row, noon).Pass {
			b.Fatal("out of scope")
		}
		m.Apply(row, noon, &r)
	}
}
