package configs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
)

const someCases = `config: contoso.yaml
now: 2026-03-01
object: {accountEnabled: true}
cases:
  - name: one
    object:
      employeeId: 00042
      level: 42
      text: "${HOME} $${"
      businessPhones: ["1", ~, 2]
      "@odata.type": user
      onPremisesExtensionAttributes: {extensionAttribute1: one}
      mail: ~
    target: {userName: a, 'emails[type eq "work"].value': b, active: true}
    absent: [title]
    warnings: []
  - {name: two, in_scope: false, clause: mail, account: existing}
`

func TestCases(t *testing.T) {
	c, err := parseCases(filepath.Join("folder", "a.test.yaml"), []byte(someCases))
	if err != nil {
		t.Fatal(err)
	}
	one, two := c.Cases[0], c.Cases[1]
	if c.Config != filepath.Join("folder", "contoso.yaml") || !c.Time(time.Now()).Equal(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)) ||
		!one.InScope || one.Account != "new" || two.InScope || two.Account != "existing" || c.Line(1) != 17 ||
		one.Warnings == nil || two.Warnings != nil {
		t.Errorf("%+v", c)
	}
	object, _ := one.Object.MarshalJSON()
	if want := `{"employeeId":"00042","level":42,"text":"${HOME} $${","businessPhones":["1",null,2],"@odata.type":"user",` +
		`"onPremisesExtensionAttributes":{"extensionAttribute1":"one"},"mail":null}`; string(object) != want {
		t.Errorf("got\n%s\nwant\n%s", object, want)
	}
	if target, _ := one.Target.MarshalJSON(); string(target) != `{"userName":"a","emails[type eq \"work\"].value":"b","active":true}` {
		t.Errorf("got %s", target)
	}
	later := time.Now()
	if c, err = parseCases("a", []byte("cases: [{name: a}]")); err != nil || !c.Time(later).Equal(later) || c.Config != "" {
		t.Error(c, err)
	}
}

func TestCasesProblems(t *testing.T) {
	for text, want := range map[string]string{
		"":                                     `a.yaml:1:1: missing key "cases"`,
		"cases: []":                            `a.yaml:1:1: cases must not be an empty list`,
		"cases:\n  - {name: a, objekt: {}}":    `a.yaml:2:15: unknown key "objekt" in cases[0]; did you mean "object"?`,
		"cases:\n  - {object: {}}":             `a.yaml:2:5: missing key "name" in cases[0]`,
		"cases:\n  - {name: a}\n  - {name: a}": `a.yaml:3:12: case 1 has the name "a" already`,
		"cases:\n  - {name: a, object: mail}":  `a.yaml:2:23: cases[0].object must be a section of attributes, not a text`,
		"cases:\n  - {name: a, object: {mail: a, mail: b}}": `a.yaml:2:33: key "mail" is there already, in line 2`,
		"cases:\n  - {name: a, object: {mail: *b}}":         `a.yaml:2:30: anchors, aliases and tags are not used here: write the value out`,
		"cases:\n  - {name: a, account: none}":              `a.yaml:2:24: cases[0].account cannot be "none"; it is one of new, existing`,
		"cases:\n  - {name: a, in_scope: no}":               `a.yaml:2:25: cases[0].in_scope must be true or false, not a text`,
		"cases:\n  - {name: a, in_scope: false, absent: [title]}": `a.yaml:2:25: nothing is mapped for somebody who is not in scope: ` +
			`leave target, absent, errors and warnings out`,
		"now: soon\ncases:\n  - {name: a}": `a.yaml:1:6: now is neither a day (2026-01-31) nor an instant (2026-01-31T08:00:00Z)`,
		"cases: [":                         `a.yaml:1:8: sequence end token ']' not found`,
	} {
		if _, err := parseCases("a.yaml", []byte(text)); err == nil || err.Error() != want {
			t.Errorf("%s: got\n%v\nwant\n%s", text, err, want)
		}
	}
	if _, err := LoadCases(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// Attributes that there are not are found wherever they are named, those within another by both names.
func TestCasesCheck(t *testing.T) {
	known := func(names ...string) func(string) string {
		return func(name string) string {
			for _, n := range names {
				if n == name {
					return ""
				}
			}
			return "no " + name
		}
	}
	source := []string{"accountEnabled", "employeeId", "level", "text", "businessPhones", "@odata.type", "mail",
		"onPremisesExtensionAttributes.extensionAttribute1"}
	target := []string{"userName", `emails[type eq "work"].value`, "active", "title"}
	check := func(source, target []string) string {
		c, err := parseCases("a.yaml", []byte(someCases))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Check(known(source...), known(target...)); err != nil {
			return err.Error()
		}
		return ""
	}
	if got := check(source, target); got != "" {
		t.Error(got)
	}
	want := `a.yaml:3:10: no accountEnabled
a.yaml:12:39: no onPremisesExtensionAttributes.extensionAttribute1
a.yaml:14:27: no emails[type eq "work"].value
a.yaml:15:14: no title`
	if got := check(source[1:len(source)-1], []string{"userName", "active"}); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestCasesSchema(t *testing.T) {
	s := &openapi3.Schema{}
	if err := s.UnmarshalJSON(CasesSchema()); err != nil {
		t.Fatal(err)
	}
	for _, file := range exampleFiles(t, true) {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parseCases(file, data); err != nil {
			t.Error(err)
		}
		if err := validate(s, string(data)); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	for _, wrong := range []string{"{}", "cases: [{name: a, x: 1}]", "cases: [{name: a, object: 5}]", "cases: [{name: a, account: b}]"} {
		if err := validate(s, wrong); err == nil {
			t.Errorf("the schema takes %s", wrong)
		}
	}
	if text := string(CasesSchema()); !strings.Contains(text, "Target attributes with their values") {
		t.Error("the schema does not describe the keys")
	}
}

func FuzzCases(f *testing.F) {
	f.Add([]byte(someCases))
	for _, seed := range []string{"cases: [{name: a, object: {a: {b: [~, {c: d}]}}}]", "object: {? [a]: b}", "object: {<<: {a: b}}", "object: {a: !!int 5, b: .nan, c: 1e3}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := parseCases("f.yaml", data)
		if err != nil {
			if problems, ok := err.(Problems); !ok || len(problems) == 0 {
				t.Errorf("refused without a problem: %v", err)
			}
			return
		}
		for i := range c.Cases {
			if c.Line(i) < 1 {
				t.Errorf("case %d is nowhere", i)
			}
		}
		_ = c.Check(func(string) string { return "no" }, func(string) string { return "no" })
	})
}
