package configs

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ringsync/connectors"
)

const ids = `  tenant: contoso.com
  app: 4d1e2c3b-0a19-4f28-b7c6-d5e4f3a2b1c0
`

// base is a right configuration of nine lines; tests append to it.
const base = `job: contoso
source:
` + ids + `  credential: {kind: client-secret, client_id: x, client_secret: "${SECRET}"}
target:
  url: https://platform.ringcentral.com/scim/v2
  token: t0ken
`

func environment(name string) (string, bool) {
	v, ok := map[string]string{"SECRET": "hunter2", "EMPTY": "", "PORT": "2525", "SHARE": "0.5", "YES": "true",
		"ENTRA_CLIENT_SECRET": "s", "RINGCENTRAL_SCIM_TOKEN": "t", "NAMES": "a ${SECRET}"}[name]
	return v, ok
}

func mustParse(t *testing.T, text string) *Config {
	t.Helper()
	c, err := Parse("ringsync.yaml", []byte(text), environment)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// problemsOf returns what Parse finds wrong, "" for nothing.
func problemsOf(text string) string {
	if _, err := Parse("ringsync.yaml", []byte(text), environment); err != nil {
		return err.Error()
	}
	return ""
}

func TestDefaults(t *testing.T) {
	c := mustParse(t, base)
	for _, tc := range []struct {
		name      string
		got, want any
	}{
		{"cloud", c.Source.Cloud, "public"},
		{"scope", c.Source.Scope, "assigned"},
		{"nested_groups", c.Source.NestedGroups, false},
		{"default_access", c.Source.DefaultAccess, "auto"},
		{"rate_share", c.Target.RateShare, 1.0},
		{"concurrency", c.Target.Concurrency, 16},
		{"audit_share", c.Target.AuditShare, 0.0},
		{"incremental", c.Schedule.Incremental, "40m"},
		{"full", c.Schedule.Full, "0 3 * * 0"},
		{"actions", strings.Join(c.Users.Actions, " "), "create update disable"},
		{"filters", len(c.Users.Filters), 0},
		{"attributes", len(c.Users.Attributes), 14},
		{"deprovision", c.Deprovision, Deprovision{"disable", "disable", "disable", "disable", "disable"}},
		{"removals", c.Safety.Removals, Removals{Count: 25, Percent: 10, From: 20}},
		{"adopt", c.Safety.Adopt, "unclaimed"},
		{"quarantine", c.Quarantine, Quarantine{MinAttempts: 20, FailurePercent: 40}},
		{"notify", c.Notify, Notify{}},
		{"state", filepath.Base(c.State.Path), "contoso.db"},
	} {
		if tc.got != tc.want {
			t.Errorf("%s = %v, want %v", tc.name, tc.got, tc.want)
		}
	}
	if ws := c.Warnings(); len(ws) > 0 {
		t.Errorf("warnings of a configuration that sets nothing unusual: %v", ws)
	}
}

func TestDefaultMapping(t *testing.T) {
	doc := &document{file: "default-mapping.yaml"}
	if doc.parse(defaultMapping); len(doc.problems) > 0 {
		t.Fatal(doc.problems)
	}
	got := DefaultMapping()
	var matching []string
	for _, a := range got {
		if a.Apply != "always" || a.WhenNull != "keep" || a.Target == "" || (a.Source == "") == (a.Expression == "") {
			t.Errorf("%+v", a)
		}
		if a.Match > 0 {
			matching = append(matching, a.Target)
		}
	}
	if len(got) != 14 || strings.Join(matching, " ") != "userName" {
		t.Errorf("%d attributes, matching by %v", len(got), matching)
	}
	// As a part of a whole file it has no problems either.
	indented := "users:\n  " + strings.ReplaceAll(string(defaultMapping), "\n", "\n  ")
	if wrong := problemsOf(base + indented); wrong != "" {
		t.Error(wrong)
	}
}

// exampleFiles returns the configurations among the examples, or the tests of one.
func exampleFiles(t *testing.T, tests bool) []string {
	t.Helper()
	files, err := filepath.Glob("examples/*.yaml")
	files = slices.DeleteFunc(files, func(name string) bool { return strings.HasSuffix(name, ".test.yaml") != tests })
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	return files
}

func TestExamples(t *testing.T) {
	files := exampleFiles(t, false)
	secret := "t0ken"
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			c, problems := parse(file, data, lookups{environment, func(string) (string, error) { return secret, nil }})
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			want, err := filepath.Abs(filepath.Join("examples", c.Job+".db"))
			if err != nil || c.State.Path != want {
				t.Errorf("state.path = %q, want %q beside the file (%v)", c.State.Path, want, err)
			}
			if cert := c.Source.Credential.Certificate; cert != "" && cert != filepath.Join(filepath.Dir(want), "ringsync.pem") {
				t.Errorf("certificate = %q, want it beside the file", cert)
			}
			for _, w := range c.Warnings() {
				if !strings.Contains(w.Text, "delete destroys") {
					t.Error(w)
				}
			}
		})
	}
}

func TestStarterNeedsOnlyIDs(t *testing.T) {
	want := []string{"source.tenant", "source.app", "source.credential.client_id"}
	_, err := Parse("ringsync.yaml", Starter(), environment)
	problems, ok := err.(Problems)
	if !ok || len(problems) != len(want) {
		t.Fatalf("want three problems, got: %v", err)
	}
	for i, p := range problems {
		if p.Path != want[i] || !strings.HasPrefix(p.Text, "fill in the ") {
			t.Errorf("problem %d: %v", i, p)
		}
	}
	filled := strings.ReplaceAll(string(Starter()), zeroID, "4d1e2c3b-0a19-4f28-b7c6-d5e4f3a2b1c0")
	c := mustParse(t, filled)
	if ws := c.Warnings(); len(ws) > 0 {
		t.Error(ws)
	}
	// The commented parts are right as well, and the commented mapping is the default one.
	var uncommented strings.Builder
	for line := range strings.Lines(filled) {
		if rest, ok := strings.CutPrefix(line, "  # "); ok && strings.ContainsAny(rest, "{:-") {
			line = "  " + rest
		}
		uncommented.WriteString(line)
	}
	c = mustParse(t, uncommented.String())
	if len(c.Users.Filters) != 1 || len(c.Users.Attributes) != 14 {
		t.Errorf("%d filters, %d attributes", len(c.Users.Filters), len(c.Users.Attributes))
	}
	for i, a := range DefaultMapping() {
		if c.Users.Attributes[i] != a {
			t.Errorf("starter has %+v, the default mapping %+v", c.Users.Attributes[i], a)
		}
	}
}

func TestProblems(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"nothing", "", `ringsync.yaml:1:1: missing key "job"
ringsync.yaml:1:1: missing key "source"
ringsync.yaml:1:1: missing key "target"`},
		{"comment only", "# later\n", `ringsync.yaml:1:1: missing key "job"
ringsync.yaml:1:1: missing key "source"
ringsync.yaml:1:1: missing key "target"`},
		{"a list", "- a\n", "ringsync.yaml:1:1: the file must be a section of keys, not a list"},
		{"a word", "job\n", "ringsync.yaml:1:1: the file must be a section of keys, not a text"},
		{"unknown key", strings.Replace(base, "tenant:", "tennant:", 1), `ringsync.yaml:2:1: missing key "tenant" in source
ringsync.yaml:3:3: unknown key "tennant" in source; did you mean "tenant"?`},
		{"unknown key, nothing near", base + "state: {colour: red}", `ringsync.yaml:9:9: unknown key "colour" in state; known are path, etcd`},
		{"unknown root key", base + "safty: {}", `ringsync.yaml:9:1: unknown key "safty"; did you mean "safety"?`},
		{"groups", base + "groups: [a]", "ringsync.yaml:9:1: Groups assign and scope people. RingCentral's SCIM has no group resource, " +
			"so no group objects are written: leave the groups section out"},
		{"duplicate key", base + "job: other", `ringsync.yaml:9:1: key "job" is there already, in line 1`},
		{"two documents", base + "---\njob: b\n", "ringsync.yaml:10:4: a second document begins here; a file holds one job"},
		{"syntax", base + "users: [", "ringsync.yaml:9:8: sequence end token ']' not found"},
		{"anchor", "job: &a contoso\n" + base[len("job: contoso\n"):], "ringsync.yaml:1:6: anchors, aliases and tags are not used here: write the value out"},
		{"alias", base + "state: *a", "ringsync.yaml:9:8: anchors, aliases and tags are not used here: write the value out"},
		{"merged keys", base + "state: {<<: {path: a}}", "ringsync.yaml:9:9: anchors, aliases, tags and merged keys are not used here: write the key out"},
		{"tag", base + "state: {path: !!str a}", "ringsync.yaml:9:15: anchors, aliases and tags are not used here: write the value out"},
		{"number for a section", base + "safety: 5", "ringsync.yaml:9:9: safety must be a section of keys, not a number"},
		{"text for a section", strings.Replace(base, "target:\n  url: https://platform.ringcentral.com/scim/v2\n  token: t0ken", "target: t0ken", 1),
			"ringsync.yaml:6:9: target must be a section of keys, not a text"},
		{"text for a list", base + "safety: {protect: me@contoso.com}", "ringsync.yaml:9:19: safety.protect must be a list, not a text"},
		{"list for a text", base + "state: {path: [a]}", "ringsync.yaml:9:9: state.path must be a text, not a list"},
		{"text for a number", base + "safety: {removals: {count: many}}", "ringsync.yaml:9:28: safety.removals.count must be a whole number, not a text"},
		{"quoted number", base + `safety: {removals: {count: "5"}}`, "ringsync.yaml:9:28: safety.removals.count must be a whole number, not a text"},
		{"fraction for a number", base + "safety: {removals: {count: 1.5}}", "ringsync.yaml:9:28: safety.removals.count must be a whole number, not a fraction"},
		{"no number", base + "safety: {removals: {percent: .nan}}", "ringsync.yaml:9:30: safety.removals.percent must be a number, not infinite or undefined"},
		{"text for a boolean", strings.Replace(base, "  app:", "  nested_groups: yes\n  app:", 1), "ringsync.yaml:4:18: source.nested_groups must be true or false, not a text"},
		{"out of range", base + "safety: {removals: {percent: 120}}", "ringsync.yaml:9:30: safety.removals.percent must be at most 100"},
		{"negative", base + "safety: {removals: {count: -1}}", "ringsync.yaml:9:28: safety.removals.count must be at least 0"},
		{"no share", base + "  rate_share: 0", "ringsync.yaml:9:15: target.rate_share must be more than 0"},
		{"unknown word", base + "safety: {adopt: unclamed}", `ringsync.yaml:9:17: safety.adopt cannot be "unclamed"; did you mean "unclaimed"?`},
		{"unknown word, nothing near", base + "safety: {adopt: all-of-them}", `ringsync.yaml:9:17: safety.adopt cannot be "all-of-them"; it is one of unclaimed, always, never`},
		{"unknown action", base + "users: {actions: [create, delte]}", `ringsync.yaml:9:27: users.actions[1] cannot be "delte"; did you mean "delete"?`},
		{"same action twice", base + "users: {actions: [create, create]}", "ringsync.yaml:9:27: create is listed already"},
		{"no action", base + "users: {actions: []}", "ringsync.yaml:9:9: users.actions must not be an empty list"},
		{"empty item", base + "safety: {protect: [~]}", "ringsync.yaml:9:20: safety.protect[0] is empty"},
		{"empty key", strings.Replace(base, "contoso.com", "", 1), `ringsync.yaml:3:3: missing key "tenant" in source`},
		{"empty text", strings.Replace(base, "contoso.com", `""`, 1), "ringsync.yaml:3:11: source.tenant is empty"},
		{"empty clause", base + "users: {filters: [{name: a, all: []}]}", "ringsync.yaml:9:29: users.filters[0].all must not be an empty list"},
		{"clause without operator", base + "users:\n  filters:\n    - all:\n        - attribute: department\n",
			`ringsync.yaml:12:11: missing key "operator" in users.filters[0].all[0]`},
		{"several at once", base + "safety:\n  adopt: no\n  removals: {count: x, from: -2}\nschedule: {full: never}\nuser: 1\n", `ringsync.yaml:10:10: safety.adopt cannot be "no"; it is one of unclaimed, always, never
ringsync.yaml:11:21: safety.removals.count must be a whole number, not a text
ringsync.yaml:11:30: safety.removals.from must be at least 0
ringsync.yaml:12:18: schedule.full: "never" is neither a duration (40m) nor a cron expression (0 3 * * 0)
ringsync.yaml:13:1: unknown key "user"; did you mean "users"?`},
		{"not UTF-8", "job: \xff", "ringsync.yaml:1:1: the file is not UTF-8 text"},
		{"too large", strings.Repeat("#", maxSize+1), "ringsync.yaml:1:1: the file is larger than 256 KiB: is this a configuration file?"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := problemsOf(tc.text); got != tc.want {
				t.Errorf("got\n%s\nwant\n%s", got, tc.want)
			}
		})
	}
}

func TestForms(t *testing.T) {
	c := mustParse(t, "\ufeff%YAML 1.2\n---\r\n"+strings.ReplaceAll(base, "\n", "\r\n")+
		"safety: {removals: {count: ~, percent: 2.5}, protect: }\r\nusers:\r\n  attributes:\r\n"+
		"    - {target: title, constant: 007, match: 1}\r\n    - {target: a, constant: '', default: false}\r\n"+
		"    - {target: active, source: b, default: 12}\r\n    - target: c\r\n      default: plain\r\n      expression: >-\r\n        Join(\"-\",\r\n        [a])\r\n")
	a := c.Users.Attributes
	if c.Safety.Removals.Count != 25 || c.Safety.Removals.Percent != 2.5 || c.Safety.Protect != nil {
		t.Errorf("%+v", c.Safety)
	}
	if *a[0].Constant != "007" || a[0].Match != 1 || *a[1].Constant != "" {
		t.Errorf("constants %q, %q", *a[0].Constant, *a[1].Constant)
	}
	if a[0].Default != nil || !a[1].Default.Equal(connectors.BoolValue(false)) || !a[2].Default.Equal(connectors.IntValue(12)) ||
		!a[3].Default.Equal(connectors.StringValue("plain")) {
		t.Errorf("defaults %v %v %v %v", a[0].Default, a[1].Default, a[2].Default, a[3].Default)
	}
	if want := `Join("-", [a])`; a[3].Expression != want {
		t.Errorf("folded expression %q, want %q", a[3].Expression, want)
	}
}

func TestLoadFromDisk(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("token", "from file\r\n\n")
	path := write("ringsync.yaml", strings.Replace(base, "t0ken", "${file:token}", 1)+"state: {path: data/x.db}\n")
	c, err := Load(path, environment)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Target.Token.Reveal(); got != "from file" {
		t.Errorf("token %q: the trailing line ends are not part of it", got)
	}
	if want := filepath.Join(dir, "data", "x.db"); c.State.Path != want || c.File() != path || c.Folder() != dir {
		t.Errorf("state %q, file %q, folder %q", c.State.Path, c.File(), c.Folder())
	}
	bad := write("bad.yaml", strings.Replace(base, "t0ken", "${file:nothing}", 1))
	if _, err := Load(bad, environment); err == nil || err.Error() != bad+":8:10: open "+filepath.Join(dir, "nothing")+": no such file or directory" {
		t.Error(err)
	}
	if _, err := Load(filepath.Join(dir, "none.yaml"), environment); !os.IsNotExist(unwrap(err)) {
		t.Error(err)
	}
	t.Setenv("SECRET", "from the environment")
	if c, err := Load(path, nil); err != nil || c.Source.Credential.ClientSecret.Reveal() != "from the environment" {
		t.Error(err)
	}
}

func unwrap(err error) error {
	if u, ok := err.(interface{ Unwrap() error }); ok {
		return u.Unwrap()
	}
	return err
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(base))
	f.Add(starter)
	for _, seed := range []string{"a: &b [*b]", "? [a]: b", "- - -", "job: ${", "job: ${file:x}${EMPTY}$${", "{{{{", "a:\n\t- b", "job: |\n x", "--- ---",
		"users: {attributes: [{default: 1e999, expression: \"\\u00e9\"}]}", "%", "job: !!int", "<<: {job: a}", "a: 'b", "\x00", ":\n:", "job: .inf"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, problems := parse("f.yaml", data, lookups{environment, func(string) (string, error) { return "x", nil }})
		c, err := c.checked(problems, nil)
		switch {
		case err == nil:
			for i, a := range c.Users.Attributes {
				path := fmt.Sprintf("users.attributes[%d].expression", i)
				if p := c.ProblemInside(path, len(a.Expression)/2, "x"); p.Line < 1 || p.Column < 1 {
					t.Errorf("%+v", p)
				}
			}
		case len(err.(Problems)) == 0:
			t.Error("refused without a problem")
		default:
			for _, p := range err.(Problems) {
				if p.Line < 1 || p.Column < 1 || strings.Contains(p.Error(), "hunter2") {
					t.Errorf("%+v", p)
				}
			}
		}
	})
}

// What is kept to tell where problems are can be dropped; paths stay relative to the file's folder.
func TestForget(t *testing.T) {
	filled := strings.ReplaceAll(string(Starter()), zeroID, "4d1e2c3b-0a19-4f28-b7c6-d5e4f3a2b1c0")
	c, err := Parse("/etc/ringsync/contoso.yaml", []byte(filled), environment)
	if err != nil {
		t.Fatal(err)
	}
	if line, _ := c.Position("target.url"); line == 1 {
		t.Fatal("the file's text is not known to begin with")
	}
	c.Forget()
	if line, column := c.Position("target.url"); line != 1 || column != 1 || c.File() != "/etc/ringsync/contoso.yaml" || c.Folder() != "/etc/ringsync" {
		t.Errorf("afterwards a problem is at %d:%d of %s in %s", line, column, c.File(), c.Folder())
	}
}
