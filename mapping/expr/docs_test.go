package expr

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"ringsync/connectors"
)

// example is a row of a table of the documentation: | function or what is given | example | result | … |
var (
	example  = regexp.MustCompile("^\\| ([^|]+) \\| `([^|]+)` \\| (such as )?`([^|]+)` \\| ")
	objectIn = regexp.MustCompile("(?s)```json\n(.+?)```")
)

// Every example of the documentation gives what stands there, and every function has one.
func TestDocumentation(t *testing.T) {
	data, err := os.ReadFile("../../docs/mapping.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(data), "### Functions\n")
	object := objectIn.FindStringSubmatch(section)
	if object == nil {
		t.Fatal("there is no person to try the examples with")
	}
	var who person
	if err := json.Unmarshal([]byte(object[1]), &who); err != nil {
		t.Fatal(err)
	}
	for name, v := range who["onPremisesExtensionAttributes"].(map[string]any) {
		who[name] = v
	}
	env := &Environment{Now: documentedMoment, DefaultDomain: "contoso.com"}
	missing := functionNames()
	for line := range strings.Lines(section) {
		row := example.FindStringSubmatch(line)
		if row == nil {
			continue
		}
		name, _, call := strings.Cut(strings.Trim(row[1], "`"), "(")
		if f := functionNamed(name); call && f != nil {
			missing = slices.DeleteFunc(missing, func(m string) bool { return m == f.name })
			if got := strings.Trim(row[1], "`"); f.name != "Replace" && got != writtenSignature(f) {
				t.Errorf("the signature is %s, want %s", got, writtenSignature(f))
			}
		}
		checkExample(t, row[2], row[3] != "", row[4], who, env)
	}
	if len(missing) > 0 {
		t.Errorf("not documented: %v", missing)
	}
}

// writtenSignature is the signature as the documentation writes it: roles are always those of one attribute.
func writtenSignature(f *function) string {
	return strings.ReplaceAll(f.signature(), "("+connectors.AttrAppRoleAssignments+")", "(["+connectors.AttrAppRoleAssignments+"])")
}

func checkExample(t *testing.T, source string, random bool, want string, who person, env *Environment) {
	t.Helper()
	attributes := newAnyone()
	p, err := Compile(source, attributes)
	if err != nil {
		t.Errorf("%s: %v", source, err)
		return
	}
	v, err := p.Eval(attributes.row(who), env)
	if err != nil {
		t.Errorf("%s: %v", source, err)
		return
	}
	got, err := v.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	var wanted connectors.Value
	if err := wanted.UnmarshalJSON([]byte(want)); err != nil {
		t.Fatalf("%s: %v", want, err)
	}
	same := v.Equal(wanted) || v.IsNull() && wanted.IsNull()
	if random {
		same = len(v.Text()) == len(wanted.Text())
	}
	if !same || random != p.Random() {
		t.Errorf("%s gives %s, want %s", source, got, want)
	}
}
