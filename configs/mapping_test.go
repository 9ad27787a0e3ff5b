package configs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"ringsync/connectors"
	"ringsync/mapping"
)

// compile compiles a configuration against two small schemas.
func compile(c *Config) error {
	source := connectors.NewSchema("source", []connectors.Attribute{{Name: "mail"}, {Name: "department"}, {Name: "accountEnabled", Type: connectors.TypeBoolean}}, nil, nil)
	target := connectors.NewSchema("RingCentral user", []connectors.Attribute{{Name: "userName", Required: true, Filterable: true}, {Name: "title"},
		{Name: "active", Type: connectors.TypeBoolean}}, nil, nil)
	_, err := mapping.Compile(c.Rules(), c.FilterGroups(), source, target, connectors.NewSourceSlots())
	if err == nil {
		return nil
	}
	return c.MappingProblems(err)
}

func TestMappingProblems(t *testing.T) {
	const right = `users:
  filters:
    - {name: sales, all: [{attribute: department, operator: EQUALS, value: Sales}]}
  attributes:
    - {target: userName, source: mail, match: 1}
    - {target: active, expression: 'Switch([IsSoftDeleted], , "False", "True", "True", "False")'}
`
	if err := compile(mustParse(t, base+right)); err != nil {
		t.Fatal(err)
	}
	const wrong = `users:
  filters:
    - name: sales
      all:
        - {attribute: departmnt, operator: EQUALS, value: Sales}
        - {attribute: department, operator: EQUAL, value: Sales}
  attributes:
    - {target: userNam, source: mail}
    - {target: userName, source: male, match: 1}
    - target: title
      expression: 'Join("é", Swich([mail]))' # the column is that of the S
    - target: active
      expression: |
        Switch([IsSoftDeleted], ,
          "False", [nothing])
`
	want := `ringsync.yaml:13:23: filter "sales", clause 1: unknown attribute "departmnt"; did you mean department?
ringsync.yaml:14:45: filter "sales", clause 2: unknown operator "EQUAL"; did you mean EQUALS?
ringsync.yaml:16:16: attribute mapping of userNam, target: RingCentral user has no attribute userNam; did you mean userName?
ringsync.yaml:17:34: attribute mapping of userName, source: unknown attribute male; did you mean mail?
ringsync.yaml:19:30: attribute mapping of title: unknown function Swich; did you mean Switch?
    Join("é", Swich([mail]))
              ^
ringsync.yaml:21:19: attribute mapping of active: unknown attribute [nothing]
      "False", [nothing])
               ^`
	if err := compile(mustParse(t, base+wrong)); err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	other := errors.New("of another kind")
	if err := mustParse(t, base).MappingProblems(other); err != other {
		t.Errorf("%v became %v", other, err)
	}
}

// What a further check finds is told with the rest, unless it may only follow from that.
func TestChecksAreToldWithTheRest(t *testing.T) {
	const wrong = `users:
  filters:
    - {name: sales, all: [{attribute: departmnt, operator: EQUALS, value: Sales, values: any}]}
    - {name: more, all: [{attribute: departmnt, operator: EQUALS, value: Sales}]}
  attributes:
    - {target: userName, source: male, match: one}
    - {target: titel, source: mail}
    - {source: mail}
    - {target: active, expression: 'Not([IsSoftDeleted])', apply: never}
    - {target: title, expression: "${NOT_SET}"}
safety: {adopt: no}
`
	_, err := Parse("ringsync.yaml", []byte(base+wrong), environment, compile)
	want := `ringsync.yaml:11:39: filter "sales", clause 1: unknown attribute "departmnt"; did you mean department?
ringsync.yaml:11:82: unknown key "values" in users.filters[0].all[0]; did you mean "value"?
ringsync.yaml:12:38: filter "more", clause 1: unknown attribute "departmnt"; did you mean department?
ringsync.yaml:14:34: attribute mapping of userName, source: unknown attribute male; did you mean mail?
ringsync.yaml:14:47: users.attributes[0].match must be a whole number, not a text
ringsync.yaml:15:16: attribute mapping of titel, target: RingCentral user has no attribute titel; did you mean title?
ringsync.yaml:16:7: missing key "target" in users.attributes[2]
ringsync.yaml:17:67: users.attributes[3].apply cannot be "never"; it is one of always, create
ringsync.yaml:18:35: environment variable NOT_SET is not set
ringsync.yaml:19:17: safety.adopt cannot be "no"; it is one of unclaimed, always, never`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	other := errors.New("of another kind")
	if _, err := Parse("ringsync.yaml", []byte(base), environment, func(*Config) error { return other }); err != other {
		t.Errorf("%v became %v", other, err)
	}
	const right = "users: {attributes: [{target: userName, source: mail, match: 1}, {target: active, source: accountEnabled}]}"
	if c, err := Parse("ringsync.yaml", []byte(base+right), environment, compile); err != nil || c.Job != "contoso" {
		t.Error(err)
	}
	for _, text := range []string{"job: [", "- a", "5"} { // there is nothing to check
		if _, err := Parse("ringsync.yaml", []byte(text), environment, func(*Config) error { return other }); err == other || err == nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// Where only mappings and filters count, neither secrets nor ids need be right; what is wrong with users still is.
func TestLoadUsers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ringsync.yaml")
	const mapped = "attributes: [{target: userName, source: mail, match: 1}, {target: active, source: accountEnabled}]"
	for text, want := range map[string]string{
		"users: {filters: [{name: a, all: [{attribute: department, operator: EQUALS, value: Sales}]}], " + mapped + "}": "",
		"users: {filter: [], " + mapped + "}": path + `:4:9: unknown key "filter" in users; did you mean "filters"?`,
		"users: {attributes: [{target: userName, source: male, match: 1}, {target: active, source: accountEnabled}]}": path +
			`:4:49: attribute mapping of userName, source: unknown attribute male; did you mean mail?`,
		"- a": path + ":1:1: the file must be a section of keys, not a list",
	} {
		if text != "- a" {
			text = "job: contoso\nsource: {tenant: \"${NOT_SET}\"}\ntarget: {url: https://x, token: \"${file:none}\"}\n" + text
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := LoadUsers(path, compile)
		switch {
		case want == "" && (err != nil || len(c.Users.Filters) != 1):
			t.Errorf("%s: %v", text, err)
		case want != "" && (err == nil || err.Error() != want):
			t.Errorf("%s: got\n%v\nwant\n%s", text, err, want)
		}
	}
	if _, err := LoadUsers(path + ".none"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestRulesCarryEverything(t *testing.T) {
	c := mustParse(t, base+`users:
  filters: [{name: a, all: [{attribute: b, operator: EQUALS, value: c}, {attribute: d, operator: IS NULL}]}]
  attributes: [{target: active, constant: x, match: 2, default: y, apply: create, when_null: clear}]
`)
	r := c.Rules()[0]
	if r.Target != "active" || *r.Constant != "x" || r.Match != 2 || r.Default.Text() != "y" || r.Apply != "create" || r.WhenNull != "clear" {
		t.Errorf("%+v", r)
	}
	g := c.FilterGroups()[0]
	if g.Name != "a" || len(g.All) != 2 || g.All[0].Attribute != "b" || g.All[0].Operator != "EQUALS" || g.All[0].Value != "c" || g.All[1].Operator != "IS NULL" {
		t.Errorf("%+v", g)
	}
}
