package configs

import (
	"errors"
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
