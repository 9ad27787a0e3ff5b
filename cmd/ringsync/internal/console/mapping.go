package console

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"ringsync/configs"
	"ringsync/connectors"
	"ringsync/mapping"
	"ringsync/mapping/expr"
)

// mappingPage is the attribute mappings and the scoping filters as they are loaded, and the place to try expressions.
type mappingPage struct {
	Job     string
	Rules   []ruleRow
	Filters []filterText
	Actions string
	Trial   trial
}

type ruleRow struct {
	Target, From, Kind, Match, Default, Apply, WhenNull string
	Secret                                              bool
}

type filterText struct {
	Name    string
	Clauses []string
}

// trial is an expression tried for a person.
type trial struct {
	Job, Expression, Who, Object string
	Done                         bool
	Value                        string // as JSON
	Kind                         string
	Problem, Caret               string
}

func (c *Console) mapping(v *visit) error {
	return v.showMapping(trial{Job: v.job.Name(), Expression: `Join(" ", [givenName], [surname])`, Object: sampleObject})
}

// sampleObject is somebody for whom expressions can be tried without asking the directory.
const sampleObject = `{
  "userPrincipalName": "ada@contoso.com",
  "mail": "ada@contoso.com",
  "displayName": "Ada Lovelace",
  "givenName": "Ada",
  "surname": "Lovelace",
  "jobTitle": "Engineer",
  "department": "Analysis",
  "mobilePhone": "+44 20 7946 0000",
  "country": "United Kingdom",
  "accountEnabled": true,
  "IsSoftDeleted": false
}`

func (v *visit) showMapping(t trial) error {
	config := v.job.Config
	data := mappingPage{Job: v.job.Name(), Actions: strings.Join(config.Users.Actions, ", "), Trial: t}
	attributes := v.job.Engine.Mapping.Attributes()
	for i, r := range config.Rules() {
		row := ruleRow{Target: r.Target, From: r.Expression, Kind: "expression", Apply: or(r.Apply, "always"), WhenNull: or(r.WhenNull, "keep")}
		switch {
		case r.Source != "":
			row.From, row.Kind = r.Source, "direct"
		case r.Constant != nil:
			row.From, row.Kind = *r.Constant, "constant"
		}
		if r.Match > 0 {
			row.Match = fmt.Sprint(r.Match)
		}
		if r.Default != nil {
			row.Default = shownValue(*r.Default)
		}
		row.Secret = i < len(attributes) && attributes[i].Secret
		data.Rules = append(data.Rules, row)
	}
	for _, f := range config.Users.Filters {
		text := filterText{Name: f.Name}
		for _, clause := range f.All {
			text.Clauses = append(text.Clauses, inWords(clause))
		}
		data.Filters = append(data.Filters, text)
	}
	return v.page("mapping", page{Title: "Mapping", Tab: "mapping", Content: data})
}

// operatorWords say what Entra's operators mean, by their names without blanks and underscores.
var operatorWords = map[string]string{
	"EQUALS": "is", "NOTEQUALS": "has a value other than", "ISTRUE": "is true", "ISFALSE": "is false", "ISNULL": "has no value",
	"ISNOTNULL": "has a value", "REGEXMATCH": "matches", "NOTREGEXMATCH": "has a value that does not match", "GREATERTHAN": "is greater than",
	"GREATERTHANOREQUALS": "is at least", "LESSTHAN": "is less than", "LESSTHANOREQUALS": "is at most", "INCLUDES": "contains", "ENDSWITH": "ends with",
}

// inWords says what a clause asks of a person.
func inWords(c configs.Clause) string {
	words, ok := operatorWords[strings.ToUpper(strings.NewReplacer(" ", "", "_", "").Replace(c.Operator))]
	if !ok {
		words = c.Operator
	}
	text := c.Attribute + " " + words
	if c.Multivalued != "" {
		text = c.Multivalued + " of " + text
	}
	if c.Value != "" {
		text += " " + fmt.Sprintf("“%s”", c.Value)
	}
	return text
}

// try evaluates an expression, or reads the person to try it for from the directory first.
func (c *Console) try(v *visit) error {
	t := trial{Job: v.job.Name(), Expression: v.r.PostFormValue("expression"), Object: v.r.PostFormValue("object"), Who: strings.TrimSpace(v.r.PostFormValue("who"))}
	if v.r.PostFormValue("read") != "" && t.Who != "" {
		if object, err := v.sample(t.Who); err == nil {
			t.Object = object
		} else {
			t.Problem, t.Done = err.Error(), true
			return v.showMapping(t)
		}
	}
	t.evaluate(c.Now())
	if v.wantsPart() {
		return v.showPart("mapping", "result", t)
	}
	return v.showMapping(t)
}

// sample reads somebody from the directory and returns what of them the job's mappings and filters name, as JSON. What a
// mapping redacts stays out.
func (v *visit) sample(who string) (string, error) {
	row, err := v.job.Source.Person(v.ctx, who)
	switch {
	case connectors.FaultOf(err) == connectors.FaultNotFound:
		return "", fmt.Errorf("the directory has nobody with the object id or userPrincipalName %s", who)
	case err != nil:
		return "", err
	}
	object := map[string]connectors.Value{}
	enabled, said := row.Values[connectors.SlotAccountEnabled].AsBool()
	object[connectors.AttrIsSoftDeleted] = connectors.BoolValue(said && !enabled)
	for slot, name := range v.job.Engine.Slots.Names() {
		if slot < len(row.Values) && !connectors.IsComputed(name) && !row.Values[slot].IsNull() && !v.job.Engine.Mapping.Secret(slot) {
			object[name] = row.Values[slot]
		}
	}
	text, err := json.MarshalIndent(object, "", "  ")
	return string(text), err
}

// evaluate works the expression out.
func (t *trial) evaluate(now time.Time) {
	t.Done = true
	fail := func(err error) {
		t.Problem = err.Error()
		if place, ok := errors.AsType[*expr.Error](err); ok {
			t.Caret = place.Caret()
		}
	}
	var person connectors.Value
	if err := json.Unmarshal([]byte(t.Object), &person); err != nil {
		fail(fmt.Errorf("the person is not JSON: %w", err))
		return
	}
	if person.Kind() != connectors.Object {
		fail(errors.New("the person is not a JSON object of attributes"))
		return
	}
	program, row, err := mapping.CompileFor(t.Expression, person)
	if err != nil {
		fail(err)
		return
	}
	value, err := program.Eval(row, &expr.Environment{Now: now})
	if err != nil {
		fail(err)
		return
	}
	switch value.Kind() {
	case connectors.Absent:
		t.Kind = "nothing: the attribute is left alone"
	case connectors.Null:
		t.Kind = "no value"
	default:
		t.Kind = "value"
	}
	text, err := value.MarshalJSON()
	if err != nil {
		fail(err)
		return
	}
	t.Value = string(text)
}
