package entraschema

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"ringsync/connectors"
	"ringsync/connectors/entra"
	"ringsync/connectors/ringcentral"
	"ringsync/mapping"
	"ringsync/mapping/filter"
)

// inUse returns the rules and filters of an import that are in use.
func inUse(i *Import) (rules []mapping.Rule, filters []filter.Group) {
	for _, a := range i.Attributes {
		if a.Off == "" {
			rules = append(rules, a.Rule)
		}
	}
	for _, f := range i.Filters {
		if f.Off == "" {
			filters = append(filters, f.Group)
		}
	}
	return rules, filters
}

// checkCompiles holds the promise of the package: whatever is in use compiles, and what is not has a reason and a note.
func checkCompiles(t testing.TB, i *Import) {
	t.Helper()
	rules, filters := inUse(i)
	if i.Name == "" {
		if len(rules) > 0 {
			t.Fatalf("nothing is imported, but %+v is in use", rules)
		}
		rules = []mapping.Rule{{Target: "userName", Source: "mail", Match: 1}}
	}
	if _, err := mapping.Compile(rules, filters, entra.Schema(), ringcentral.Schema(), connectors.NewSourceSlots()); err != nil {
		t.Fatalf("%v\n%+v\n%+v", err, rules, filters)
	}
	if len(i.Actions) == 0 {
		t.Fatal("no actions")
	}
	for _, n := range i.Notes {
		if n.Line < 1 || n.Column < 1 || strings.ContainsAny(n.Text, "\r\n") {
			t.Fatalf("note %+v", n)
		}
	}
}

// export makes an export of a user mapping's attribute mappings and scope.
func export(attributes, scope string) string {
	return fmt.Sprintf(`{"synchronizationRules": [{"sourceDirectoryName": "Microsoft Entra ID", "objectMappings": [
		{"sourceObjectName": "User", "name": "people", "flowTypes": "Add,Update", "scope": %s, "attributeMappings": [%s]}]}]}`, scope, attributes)
}

const (
	matchByMail = `{"targetAttributeName": "userName", "matchingPriority": 1, "source": {"expression": "[mail]"}}`
	mapsActive  = `{"targetAttributeName": "active", "source": {"expression": "[IsSoftDeleted]"}}`
)

// shape gives an attribute mapping as a test writes it.
func shape(a Attribute) string {
	var b strings.Builder
	b.WriteString(a.Target + " <- ")
	switch {
	case a.Constant != nil:
		fmt.Fprintf(&b, "%q", *a.Constant)
	case a.Expression != "":
		b.WriteString(a.Expression)
	default:
		b.WriteString("[" + a.Source + "]")
	}
	if a.Match != 0 {
		fmt.Fprintf(&b, " match=%d", a.Match)
	}
	if a.Default != nil {
		v, _ := a.Default.MarshalJSON()
		fmt.Fprintf(&b, " default=%s", v)
	}
	for _, word := range []string{a.Apply, a.WhenNull} {
		if word != "" {
			b.WriteString(" " + word)
		}
	}
	if a.Off != "" {
		b.WriteString(" OFF " + a.Off)
	}
	for _, r := range a.Remarks {
		b.WriteString(" # " + r)
	}
	return b.String()
}

func TestAttributeMappings(t *testing.T) {
	const title, mobile = `"targetAttributeName": "title", `, `"targetAttributeName": "phoneNumbers[type eq \"mobile\"].value", `
	for _, test := range []struct{ name, mapping, want string }{
		{"direct", title + `"source": {"expression": "[jobTitle]", "name": "jobTitle", "type": "Attribute"}`, `title <- [jobTitle]`},
		{"direct, other case", title + `"source": {"expression": "[JOBTITLE]"}`, `title <- [jobTitle]`},
		{"an old name", mobile + `"source": {"expression": "[mobile]"}`, `phoneNumbers[type eq "mobile"].value <- [mobilePhone] # mobile in the export`},
		{"an old name that is a list now", `"targetAttributeName": "phoneNumbers[type eq \"work\"].value", "source": {"expression": "[telephoneNumber]"}`,
			`phoneNumbers[type eq "work"].value <- Item([businessPhones], 1) # telephoneNumber in the export`},
		{"old names within an expression", title + `"source": {"expression": "Join(\"-\",[physicalDeliveryOfficeName], [mobile],[Mobile])"}`,
			`title <- Join("-", [officeLocation], [mobilePhone], [mobilePhone]) # Mobile, mobile, physicalDeliveryOfficeName in the export`},
		{"an expression stays as it is written", title + `"source": {"expression": "  join( \"-\",[givenName] , [surname] )"}`, `title <- join( "-",[givenName] , [surname] )`},
		{"over several lines", title + `"source": {"expression": "Join(\"-\",\r\n  [givenName], [surname])"}`, `title <- Join("-", [givenName], [surname])`},
		{"target in another spelling", `"targetAttributeName": "ADDRESSES[type EQ \"work\"].Region", "source": {"expression": "[state]"}`, `addresses[type eq "work"].region <- [state]`},
		{"constant", title + `"source": {"expression": "\"CEO\"", "name": "CEO", "type": "Constant"}`, `title <- "CEO"`},
		{"a constant that is a number", title + `"source": {"expression": "1", "name": "1", "type": "Constant"}`, `title <- "1"`},
		{"a constant without a text", title + `"source": {"name": "C\"EO", "type": "constant", "parameters": null}`, `title <- "C\"EO"`},
		{"an attribute without a text", title + `"source": {"name": "jobTitle"}`, `title <- [jobTitle]`},
		{"a word for an attribute", title + `"source": {"expression": "jobTitle", "name": "jobTitle", "type": "Attribute"}`, `title <- [jobTitle]`},
		{"a function without a text", title + `"source": {"name": "Replace", "type": "Function", "parameters": [
			{"key": "source", "value": {"name": "mobile", "type": "Attribute"}}, {"key": "Replacement", "value": {"name": "", "type": "Constant"}},
			{"key": "RegularExpression", "value": {"name": "[()\\s]", "type": "Constant"}}]}`,
			`title <- Replace([mobilePhone], , "[()\\s]", , "", , ) # the export has no readable text of this expression; it was put together from its parameters # mobile in the export`},
		{"a Switch without a text", title + `"source": {"name": "Switch", "type": "Function", "parameters": [
			{"key": "source", "value": {"name": "country"}}, {"key": "DE", "value": {"name": "Chef", "type": "Constant"}}, {"key": "US", "value": {"expression": "[jobTitle]"}}]}`,
			`title <- Switch([country], , "DE", "Chef", "US", [jobTitle]) # the export has no readable text of this expression; it was put together from its parameters`},
		{"a function within one", title + `"source": {"name": "Join", "type": "Function", "parameters": [{"key": "separator", "value": {"name": " ", "type": "Constant"}},
			{"key": "a", "value": {"name": "ToUpper", "type": "Function", "parameters": [{"key": "source", "value": {"name": "surname"}}]}}, {"key": "b", "value": {"expression": "Trim([city])"}}]}`,
			`title <- Join(" ", ToUpper([surname]), Trim([city])) # the export has no readable text of this expression; it was put together from its parameters`},
		{"default", title + `"defaultValue": "Employee", "source": {"expression": "[jobTitle]"}`, `title <- [jobTitle] default="Employee"`},
		{"an empty default is none", title + `"defaultValue": "", "source": {"expression": "[jobTitle]"}`, `title <- [jobTitle]`},
		{"a default of another kind", title + `"defaultValue": 7, "source": {"expression": "[jobTitle]"}`, `title <- [jobTitle] default=7`},
		{"a default and no source", title + `"defaultValue": "Employee", "source": null`,
			`title <- "Employee" create # the export has a default value and no source, so it is sent when an account is created; without apply: create it is sent always`},
		{"neither", title + `"source": null`, `title <- [] OFF it has neither a source nor a default value`},
		{"an empty source", title + `"defaultValue": "", "source": {"expression": null, "parameters": []}`, `title <- [] OFF it has neither a source nor a default value`},
		{"a source without sense", title + `"source": {"expression": " ", "type": "Function"}`, `title <- [] OFF the source is empty`},
		{"an empty constant", title + `"source": {"type": "Constant"}`, `title <- "" OFF it is empty`},
		{"a hexadecimal number", title + `"source": {"expression": "&HF"}`, `title <- &HF`},
		{"at create only", title + `"flowType": "ObjectAddOnly", "source": {"expression": "[jobTitle]"}`, `title <- [jobTitle] create`},
		{"a flow type of its own", title + `"flowType": "ValueAddOnly", "source": {"expression": "[jobTitle]"}`,
			`title <- [jobTitle] create # the flow type ValueAddOnly has no counterpart: it is sent only when an account is created`},
		{"always, whether changed or not", title + `"flowBehavior": "FlowAlways", "source": {"expression": "[jobTitle]"}`,
			`title <- [jobTitle] # the flow behaviour FlowAlways has no counterpart: ringsync sends what differs`},
		{"missing references", title + `"exportMissingReferences": true, "source": {"expression": "[jobTitle]"}`,
			`title <- [jobTitle] # exportMissingReferences has no counterpart and is left out`},
		{"null flows", title + `"flowNullValues": true, "source": {"expression": "[jobTitle]"}`, `title <- [jobTitle] clear`},
		{"null does not flow at create only", title + `"flowNullValues": true, "flowType": "ObjectAddOnly", "source": {"expression": "[jobTitle]"}`,
			`title <- [jobTitle] create # null values do not flow: clear has no effect with apply: create, which leaves existing accounts alone`},
		{"second matching attribute", `"targetAttributeName": "emails[type eq \"work\"].value", "matchingPriority": 2, "source": {"expression": "[mail]"}`, `emails[type eq "work"].value <- [mail] match=2`},
		{"the same priority", `"targetAttributeName": "emails[type eq \"work\"].value", "matchingPriority": 1, "source": {"expression": "[mail]"}`,
			`emails[type eq "work"].value <- [mail] match=2 # the matching priority 1 is taken`},
		{"RingCentral cannot search by it", `"targetAttributeName": "externalId", "matchingPriority": 2, "source": {"expression": "[objectId]"}`,
			`externalId <- [id] # objectId in the export # it does not match: RingCentral user cannot be searched by externalId`},
		{"a matching attribute with everything", `"targetAttributeName": "emails[type eq \"work\"].value", "matchingPriority": 2, "defaultValue": "a@b", "flowType": "ObjectAddOnly", "flowNullValues": true, "source": {"expression": "[mail]"}`,
			`emails[type eq "work"].value <- [mail] match=2` +
				` # null values do not flow: clear has no effect with apply: create, which leaves existing accounts alone` +
				` # when it is sent has changed: a matching attribute applies always` +
				` # the default value "a@b" is left out: a matching attribute has no default: all who lack a value would share it`},
		{"unknown target", `"targetAttributeName": "nickName", "source": {"expression": "[mail]"}`, `nickName <- [mail] OFF RingCentral user has no attribute nickName`},
		{"mapped twice", `"targetAttributeName": "username", "source": {"expression": "[mail]"}`, `userName <- [mail] OFF userName is mapped already, by mapping 1`},
		{"unknown source", title + `"source": {"expression": "[shoeSize]"}`, `title <- [shoeSize] OFF unknown attribute shoeSize`},
		{"a wrong expression", title + `"source": {"expression": "Join(\"-\", [a"}`, `title <- Join("-", [a OFF column 11: this attribute has no closing "]"`},
		{"an unknown function", title + `"source": {"expression": "Frobnicate([mail])"}`, `title <- Frobnicate([mail]) OFF column 1: unknown function Frobnicate`},
		{"switched off", title + `"enabled": false, "source": {"expression": "[jobTitle]"}`, `title <- [jobTitle] OFF switched off in the export`},
	} {
		i := mustImport(t, export(matchByMail+", {"+test.mapping+"}, "+mapsActive, "null"))
		checkCompiles(t, i)
		a := i.Attributes[1]
		if got := shape(a); got != test.want {
			t.Errorf("%s\n got %s\nwant %s", test.name, got, test.want)
		}
		noted := slices.ContainsFunc(i.Notes, func(n Note) bool { return n.Path == a.Path && a.Off != "" && strings.HasSuffix(n.Text, a.Off) })
		if a.Off != "" && !noted {
			t.Errorf("%s: left out in silence", test.name)
		}
	}
}

func TestReferencesAreLeftOut(t *testing.T) {
	i := mustImport(t, sample(t))
	for _, a := range i.Attributes {
		if strings.HasSuffix(a.Target, ":manager") {
			if a.Off != "manager refers to another person, and RingCentral keeps no references" {
				t.Error(a.Off)
			}
			return
		}
	}
	t.Error("no manager")
}

// Null values flow if both sides of the portal's switch are on; the source's stands with the directory.
func TestNullValuesNeedTheSourceToo(t *testing.T) {
	for flows, want := range map[string]string{
		"true":  `title <- [jobTitle] clear`,
		"false": `title <- [jobTitle] # null values flow for the mapping and not for the source attribute, so they do not: when_null: clear removes the value`,
	} {
		text := strings.TrimSuffix(export(matchByMail+`, {"targetAttributeName": "title", "flowNullValues": true, "source": {"name": "jobTitle", "type": "Attribute"}}`, "null"), "}") +
			`, "directories": [{"name": "Microsoft Entra ID", "objects": [{"name": "User", "attributes": [{"name": "JobTitle", "flowNullValues": ` + flows + `}]}]}]}`
		if got := shape(mustImport(t, text).Attributes[1]); got != want {
			t.Errorf("%s: %s", flows, got)
		}
	}
}

// notesOf gives the texts of all notes.
func notesOf(i *Import) string {
	var texts []string
	for _, n := range i.Notes {
		texts = append(texts, n.Text)
	}
	return strings.Join(texts, "\n")
}

func shapes(i *Import) string {
	var all []string
	for _, a := range i.Attributes {
		all = append(all, shape(a))
	}
	return strings.Join(all, "\n")
}

// What ringsync cannot do without is put in, or made of what there is.
func TestWhatAnExportLacks(t *testing.T) {
	for _, test := range []struct{ name, attributes, want, actions, note string }{
		{"no matching attribute", `{"targetAttributeName": "userName", "source": {"expression": "[mail]"}}, ` + mapsActive,
			"userName <- [mail] match=1 # it matches, because no matching attribute of the export can\nactive <- [IsSoftDeleted]", "create update disable", ""},
		{"one that cannot", `{"targetAttributeName": "userName", "source": {"expression": "\"x\""}}, ` + mapsActive,
			"userName <- \"x\" OFF no account could be found by it # it matches, because no matching attribute of the export can # it does not match: everyone would match the same account: the value is the same for all\n" +
				"active <- [IsSoftDeleted]\nuserName <- [mail] match=1 # not in the export", "create update disable", ""},
		{"nothing at all", "", "userName <- [mail] match=1 # not in the export", "create update",
			"the export does not map active, so neither Entra's service nor this configuration disables anybody: map active and add disable to users.actions"},
		{"active that does not work", matchByMail + `, {"targetAttributeName": "active", "source": {"expression": "[shoeSize]"}}`,
			"userName <- [mail] match=1\nactive <- [shoeSize] OFF unknown attribute shoeSize\n" +
				`active <- Switch([IsSoftDeleted], , "False", "True", "True", "False") # not in the export`, "create update disable", ""},
		{"active that leavers keep", matchByMail + `, {"targetAttributeName": "active", "source": {"expression": "[accountEnabled]"}}`,
			"userName <- [mail] match=1\nactive <- [accountEnabled]", "create update disable",
			"active does not depend on IsSoftDeleted, so Entra's service leaves the accounts of leavers as they are; ringsync disables them unless deprovision says keep"},
	} {
		i := mustImport(t, export(test.attributes, "null"))
		checkCompiles(t, i)
		if got := shapes(i); got != test.want {
			t.Errorf("%s\n got %s\nwant %s", test.name, got, test.want)
		}
		if got := strings.Join(i.Actions, " "); got != test.actions {
			t.Errorf("%s: actions %s", test.name, got)
		}
		if !strings.Contains(notesOf(i), test.note) {
			t.Errorf("%s: notes\n%s", test.name, notesOf(i))
		}
	}
}

func TestRequiredAttributesAreMissed(t *testing.T) {
	notes := notesOf(mustImport(t, export(matchByMail+", "+mapsActive, "null")))
	for _, name := range []string{"name.givenName", "name.familyName", `emails[type eq "work"].value`} {
		if want := "nothing is mapped to " + name + ", which RingCentral requires: nobody can be created"; !strings.Contains(notes, want) {
			t.Errorf("no %q in\n%s", want, notes)
		}
	}
}

// A source and target that share nothing with Entra and RingCentral leave nothing to import, and do not hang.
func TestStrangeSchemas(t *testing.T) {
	s, err := Read([]byte(export(matchByMail+", "+mapsActive, "null")))
	if err != nil {
		t.Fatal(err)
	}
	odd := connectors.NewSchema("odd", []connectors.Attribute{{Name: "id", ReadOnly: true}}, nil, nil)
	if i := s.Import(odd, odd); i.Name != "" || !strings.Contains(notesOf(i), "no attribute mapping can match") {
		t.Errorf("%+v", i)
	}
}

func TestScope(t *testing.T) {
	clause := func(attribute, operator string, values ...string) string {
		v, _ := json.Marshal(values)
		return fmt.Sprintf(`{"sourceOperandName": %q, "operatorName": %q, "targetOperand": {"values": %s}}`, attribute, operator, v)
	}
	group := func(name string, clauses ...string) string {
		return fmt.Sprintf(`{"name": %q, "clauses": [%s]}`, name, strings.Join(clauses, ","))
	}
	groups := func(groups ...string) string { return `{"groups": [` + strings.Join(groups, ",") + `]}` }
	sales, de := clause("department", "EQUALS", "Sales"), clause("country", "EQUALS", "DE")
	const kept, noone = " HOLD", `nobody, until the filters that were left out are written anew(id IS NULL)`
	for _, test := range []struct{ name, scope, want string }{
		{"none", "null", ""},
		{"no groups", `{"groups": [], "inputFilterGroups": null}`, ""},
		{"groups are alternatives, clauses conditions", groups(group("a", sales, de), group("", clause("mail", "IS NOT NULL"))),
			`a(department EQUALS "Sales", country EQUALS "DE"); (mail IS NOT NULL)`},
		{"every operator", groups(group("a", clause("city", "NOT EQUALS", "B"), clause("accountEnabled", "IS TRUE"), clause("accountEnabled", "IS FALSE"), clause("city", "IS NULL"),
			clause("city", "REGEX MATCH", `^\d$`), clause("city", "NOT REGEX MATCH", "x"), clause("employeeId", "Greater_Than", "3"),
			clause("employeeId", "Greater_Than_OR_EQUALS", "3"), clause("city", "Includes", "B"), clause("city", "ENDS_WITH", "n"))),
			`a(city NOT EQUALS "B", accountEnabled IS TRUE, accountEnabled IS FALSE, city IS NULL, city REGEX MATCH "^\\d$", city NOT REGEX MATCH "x",` +
				` employeeId Greater_Than "3", employeeId Greater_Than_OR_EQUALS "3", city Includes "B", city ENDS_WITH "n")`},
		{"old names", groups(group("a", clause("physicalDeliveryOfficeName", "EQUALS", "B"))), `a(officeLocation EQUALS "B")`},
		{"a number for a value", groups(group("a", `{"sourceOperandName": "employeeId", "operatorName": "EQUALS", "targetOperand": {"values": [7]}}`)), `a(employeeId EQUALS "7")`},
		{"bits", groups(group("a", clause("employeeId", "&", "4")), group("b", sales)),
			`a(employeeId & "4") OFF operator & is not supported: its meaning is not documented: write a REGEX MATCH of the values that should pass; b(department EQUALS "Sales")` + kept},
		{"nothing is left", groups(group("a", sales, clause("shoeSize", "EQUALS", "4"))),
			`a(department EQUALS "Sales", shoeSize EQUALS "4") OFF unknown attribute "shoeSize"; ` + noone + kept},
		{"several values", groups(group("a", clause("city", "EQUALS", "B", "C"))),
			`a(city EQUALS "B, C") OFF the clause about city has 2 values, and what that means is not documented; ` + noone + kept},
		{"no value", groups(group("a", clause("city", "EQUALS"))), `a(city EQUALS) OFF EQUALS needs a value: use IS NULL for people without city; ` + noone + kept},
		{"a list now", groups(group("a", clause("telephoneNumber", "IS NOT NULL"), clause("telephoneNumber", "EQUALS", "1"))),
			`a(businessPhones IS NOT NULL, businessPhones EQUALS "1") OFF telephoneNumber has become the list businessPhones, which has several values; ` + noone + kept},
		{"an empty group lets everybody in", groups(group("a")), ""},
		{"an empty one beside others", groups(group("a"), group("b", sales)), `a() OFF it has no clauses, so everyone would pass; b(department EQUALS "Sales")` + kept},
		{"input filters", `{"groups": [` + group("a", sales) + "," + group("b", de) + `], "inputFilterGroups": [` + group("c", clause("mail", "IS NOT NULL")) + `]}`,
			`a and c(department EQUALS "Sales", mail IS NOT NULL); b and c(country EQUALS "DE", mail IS NOT NULL)`},
		{"only a category", `{"categoryFilterGroups": [` + group("c", de) + `]}`, `c(country EQUALS "DE")`},
		{"too many together", `{"groups": [` + strings.Repeat(group("a", sales)+",", 8) + group("a", sales) + `], "inputFilterGroups": [` + strings.Repeat(group("c", de)+",", 7) + group("c", de) + `]}`,
			`inputFilterGroups(department EQUALS "Sales", country EQUALS "DE") OFF every group with every one of inputFilterGroups makes 72 filters, and 64 are allowed; ` + noone + kept},
	} {
		i := mustImport(t, export(matchByMail+", "+mapsActive, test.scope))
		checkCompiles(t, i)
		var all []string
		for _, f := range i.Filters {
			var clauses []string
			for _, c := range f.All {
				text := c.Attribute + " " + c.Operator
				if c.Value != "" {
					text += fmt.Sprintf(" %q", c.Value)
				}
				clauses = append(clauses, text)
			}
			text := fmt.Sprintf("%s(%s)", f.Name, strings.Join(clauses, ", "))
			if f.Off != "" {
				text += " OFF " + f.Off
				if !strings.Contains(notesOf(i), f.Off) {
					t.Errorf("%s: left out in silence", test.name)
				}
			}
			all = append(all, text)
		}
		got := strings.Join(all, "; ")
		if i.HoldScope {
			got += kept
		}
		if got != test.want {
			t.Errorf("%s\n got %s\nwant %s", test.name, got, test.want)
		}
	}
}

func TestFlowTypes(t *testing.T) {
	for flow, want := range map[string]string{
		`"Add,Update,Delete"`: "create update disable delete", `"Add, Update"`: "create update disable", `"add"`: "create",
		`"Update"`: "update disable", `"Delete"`: "delete", "5": "create delete", "null": "create update disable",
	} {
		i := mustImport(t, strings.Replace(export(matchByMail+", "+mapsActive, "null"), `"Add,Update"`, flow, 1))
		if got := strings.Join(i.Actions, " "); got != want || i.Name != "people" {
			t.Errorf("%s: %s", flow, got)
		}
	}
}

// A mapping of users that does nothing is kept and not used.
func TestMappingsSwitchedOff(t *testing.T) {
	base := export(matchByMail+", "+mapsActive, "null")
	for _, off := range []string{
		strings.Replace(base, `"Add,Update"`, `"None"`, 1), strings.Replace(base, `"Add,Update"`, `""`, 1), strings.Replace(base, `"Add,Update"`, `0`, 1),
		strings.Replace(base, `"name": "people"`, `"enabled": false`, 1),
		strings.Replace(base, `"name": "people"`, `"metadata": [{"key": "Unsynchronized", "value": "true"}]`, 1),
	} {
		i := mustImport(t, off)
		checkCompiles(t, i)
		if i.Name != "" || len(i.Attributes) != 2 || i.Attributes[0].Off != "switched off in the export" ||
			!strings.Contains(notesOf(i), "the mapping of users is switched off in the export") {
			t.Errorf("%s\n%+v", off, i)
		}
	}
}

func TestWhichMappingIsImported(t *testing.T) {
	users := func(name, more string) string {
		return fmt.Sprintf(`{"sourceObjectName": "user", "name": %q, "flowTypes": "Add"%s, "attributeMappings": [%s, %s]}`, name, more, matchByMail, mapsActive)
	}
	rule := func(source string, priority int, objects ...string) string {
		return fmt.Sprintf(`{"name": %q, "sourceDirectoryName": %[1]q, "priority": %d, "objectMappings": [%s]}`, source, priority, strings.Join(objects, ","))
	}
	for _, test := range []struct {
		name   string
		rules  []string
		want   string
		beside []string
		notes  string
	}{
		{"the first by priority", []string{rule("Azure AD", 2, users("b", "")), rule("Microsoft Entra ID", 1, users("a", ""))}, "a",
			[]string{`A second mapping of users ("b") is not imported: a job has one.`}, `A second mapping of users ("b")`},
		{"the first in use", []string{rule("Azure AD", 1, users("a", `, "enabled": false`), users("b", ""))}, "b",
			[]string{`A second mapping of users ("a", switched off in the export) is not imported: a job has one.`}, ""},
		{"not the way back", []string{rule("RingCentral", 1, users("a", "")), rule("Azure Active Directory", 2, users("b", ""))}, "b",
			[]string{`The synchronization rule "RingCentral" reads "RingCentral", not Entra: it is not imported.`}, `The synchronization rule "RingCentral"`},
		{"a directory of another name", []string{rule("Contoso", 1, users("a", ""))}, "a", nil, `the rule reads "Contoso", which is taken for Entra`},
		{"no groups", []string{rule("Azure AD", 1, `{"sourceObjectName": "Group", "name": "g"}`, users("a", ""))}, "a",
			[]string{`The mapping of groups ("g") is not imported: RingCentral's SCIM has no groups. Assigned groups still bring their members into scope.`}, `The mapping of groups ("g")`},
		{"only users", []string{rule("Azure AD", 1, `{"sourceObjectName": "Device"}`, users("a", ""))}, "a",
			[]string{`The mapping of "Device" (without a name) is not imported: ringsync provisions users.`}, `The mapping of "Device"`},
	} {
		i := mustImport(t, `{"synchronizationRules": [`+strings.Join(test.rules, ",")+`]}`)
		checkCompiles(t, i)
		if i.Name != test.want || !slices.Equal(i.Beside, test.beside) || !strings.Contains(notesOf(i), test.notes) {
			t.Errorf("%s: %q %q\n%s", test.name, i.Name, i.Beside, notesOf(i))
		}
	}
}

// Settings of Entra's engine that have no counterpart are noted when they say something.
func TestSettingsWithoutCounterpart(t *testing.T) {
	text := strings.NewReplacer(`"sourceDirectoryName"`, `"containerFilter": {"includedContainers": ["OU=a"]}, "groupFilter": {"includedGroups": ["g"]}, "sourceDirectoryName"`,
		`"name": "people"`, `"metadata": [{"key": "Disposition", "value": "\"Normal\""}, {"key": "Disposition", "value": "Discard"}, {"key": "New", "value": "x"}]`).
		Replace(export(matchByMail+", "+mapsActive, "null"))
	notes := notesOf(mustImport(t, text))
	for _, want := range []string{"containerFilter is left out: ringsync has no filter by organizational unit", "groupFilter is left out: assign the groups to the application",
		"Disposition: Discard has no counterpart and is left out", "New: x has no counterpart and is left out"} {
		if !strings.Contains(notes, want) {
			t.Errorf("no %q in\n%s", want, notes)
		}
	}
	if strings.Contains(notes, "Normal") {
		t.Error(notes)
	}
}
