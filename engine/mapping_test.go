package engine_test

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"ringsync/connectors"
	"ringsync/connectors/ringcentral/ringcentraltest"
	"ringsync/engine"
	"ringsync/engine/plan"
	"ringsync/mapping"
	"ringsync/mapping/filter"
	"ringsync/state"
	"ringsync/state/bolt"
)

// with returns a change of the default mapping: rules whose targets it has take their places, others are added.
func with(changed ...mapping.Rule) func(*setup) {
	return func(s *setup) {
		s.people, s.groups = 2, 1
		s.rules = func(rules []mapping.Rule) []mapping.Rule {
			for _, c := range changed {
				i := slices.IndexFunc(rules, func(r mapping.Rule) bool { return r.Target == c.Target })
				if i < 0 {
					rules = append(rules, c)
					continue
				}
				rules[i] = c
			}
			return rules
		}
	}
}

// What one attribute mapping does to the account, cycle by cycle: as it is made, and after each change in the directory.
func TestAttributeMappingEndToEnd(t *testing.T) {
	employee := connectors.StringValue("Employee")
	constant := "Staff"
	const extension = "extension_0123456789abcdef0123456789abcdef_costCentre"
	for name, test := range map[string]struct {
		rule    mapping.Rule
		changes []map[string]any // of the directory; the first before the first cycle
		titles  []string         // after each cycle; "" for none
		writes  int              // beyond the create
	}{
		"direct": {mapping.Rule{Source: "jobTitle"},
			[]map[string]any{{"jobTitle": "Pilot"}, {"jobTitle": "Captain"}, {}}, []string{"Pilot", "Captain", "Captain"}, 1},
		"letter case alone is no change": {mapping.Rule{Source: "jobTitle"},
			[]map[string]any{{"jobTitle": "Pilot"}, {"jobTitle": "PILOT"}}, []string{"Pilot", "Pilot"}, 0},
		"null is not sent": {mapping.Rule{Source: "jobTitle"},
			[]map[string]any{{"jobTitle": "Pilot"}, {"jobTitle": nil}}, []string{"Pilot", "Pilot"}, 0},
		"null clears": {mapping.Rule{Source: "jobTitle", WhenNull: "clear"},
			[]map[string]any{{"jobTitle": "Pilot"}, {"jobTitle": nil}, {}}, []string{"Pilot", "", ""}, 1},
		"an empty text is a value": {mapping.Rule{Source: "jobTitle"},
			[]map[string]any{{"jobTitle": "Pilot"}, {"jobTitle": ""}, {}}, []string{"Pilot", "", ""}, 1},
		"the default is for creates": {mapping.Rule{Source: "jobTitle", Default: &employee},
			[]map[string]any{{"jobTitle": nil}, {"jobTitle": "Pilot"}, {"jobTitle": nil}}, []string{"Employee", "Pilot", "Pilot"}, 1},
		"a default, then cleared": {mapping.Rule{Source: "jobTitle", Default: &employee, WhenNull: "clear"},
			[]map[string]any{{"jobTitle": "Pilot"}, {"jobTitle": nil}}, []string{"Pilot", ""}, 1},
		"on create only": {mapping.Rule{Source: "jobTitle", Apply: "create"},
			[]map[string]any{{"jobTitle": "Pilot"}, {"jobTitle": "Captain"}, {"jobTitle": nil}}, []string{"Pilot", "Pilot", "Pilot"}, 0},
		"constant": {mapping.Rule{Constant: &constant},
			[]map[string]any{{"jobTitle": "Pilot"}, {"jobTitle": "Captain"}}, []string{"Staff", "Staff"}, 0},
		"expression": {mapping.Rule{Expression: `Join(" ", [jobTitle], [companyName])`},
			[]map[string]any{{"jobTitle": "Pilot", "companyName": nil}, {"companyName": "Air"}}, []string{"Pilot", "Pilot Air"}, 1},
		"extension attribute": {mapping.Rule{Source: "onPremisesExtensionAttributes.extensionAttribute7"},
			[]map[string]any{{"onPremisesExtensionAttributes": map[string]any{"extensionAttribute7": "seven"}}, {}}, []string{"seven", "seven"}, 0},
		"directory extension": {mapping.Rule{Expression: `ToUpper([` + extension + `])`},
			[]map[string]any{{extension: "north"}, {extension: "south"}}, []string{"NORTH", "SOUTH"}, 1},
		"an expression that fails leaves its attribute alone": {mapping.Rule{Expression: `IIF(IsPresent([jobTitle]), [jobTitle], Error("no title"))`},
			[]map[string]any{{"jobTitle": "Pilot"}, {"jobTitle": nil}}, []string{"Pilot", "Pilot"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			test.rule.Target = "title"
			w := newWorld(t, with(test.rule))
			id := w.people[0]
			for i, change := range test.changes {
				w.dir.UpdateUser(id, change)
				w.sync()
				if got := w.accountOf(id).Title; got != test.titles[i] {
					t.Errorf("after change %d the title is %q, want %q", i, got, test.titles[i])
				}
			}
			patches := 0
			for _, write := range w.account.Writes() {
				if write.ID == w.accountOf(id).ID && write.Method == "PATCH" {
					patches++
				}
			}
			if patches != test.writes {
				t.Errorf("%d updates, want %d", patches, test.writes)
			}
		})
	}
}

// A target attribute whose letter case counts is written when nothing else changes.
func TestCaseExact(t *testing.T) {
	w := newWorld(t, with(mapping.Rule{Target: "externalId", Source: "employeeId"}))
	w.dir.UpdateUser(w.people[0], map[string]any{"employeeId": "a1"})
	w.sync()
	w.dir.UpdateUser(w.people[0], map[string]any{"employeeId": "A1"})
	if r := w.sync(); r.Summary.Update != 1 || w.accountOf("A1").UserName == "" {
		t.Errorf("%+v", r.Summary)
	}
}

// Accounts are looked for by each matching attribute in its order, and by what an expression gives; the first hit counts.
func TestMatchingOrder(t *testing.T) {
	const mail = `emails[type eq "work"].value`
	local := `Append(Replace([userPrincipalName], , "@.*$", , "", , ), "@old.example")`
	for name, test := range map[string]struct {
		userName, mail int // order of matching
		want           string
	}{
		"the user name first": {1, 2, "by name"},
		"the mail first":      {20, 10, "by mail"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, with(mapping.Rule{Target: "userName", Source: "mail", Match: test.userName},
				mapping.Rule{Target: mail, Source: "mail", Match: test.mail}))
			is := w.mail(w.people[0])
			w.account.Add(ringcentraltest.User{UserName: is, Email: "a@old.example", GivenName: "by name", FamilyName: "x", Active: true})
			w.account.Add(ringcentraltest.User{UserName: "b@old.example", Email: is, GivenName: "by mail", FamilyName: "x", Active: true})
			for _, c := range w.diff().Changes {
				if c.Source.ID != w.people[0] {
					continue
				}
				i := slices.IndexFunc(c.Attributes, func(a plan.Attribute) bool { return a.Name == "name.givenName" })
				if i < 0 || c.Attributes[i].Old.Text() != test.want {
					t.Errorf("matched with another account: %+v", c)
				}
			}
		})
	}
	t.Run("an expression", func(t *testing.T) {
		w := newWorld(t, with(mapping.Rule{Target: "userName", Expression: local, Match: 1}, mapping.Rule{Target: mail, Expression: local}))
		u, _ := w.dir.User(w.people[0])
		name, _, _ := strings.Cut(fmt.Sprint(u["userPrincipalName"]), "@")
		account := w.account.Add(ringcentraltest.User{UserName: name + "@old.example", Email: name + "@old.example", GivenName: "Old", FamilyName: "Name", Active: true})
		w.sync()
		if got := w.accountOf(w.people[0]); got.ID != account || got.GivenName == "Old" {
			t.Errorf("%+v", got)
		}
	})
}

// A random value is drawn once: it is what the account is made with, however often the person is evaluated before, and
// again should the account have to be made anew. No cycle writes it a second time, here or there.
func TestRandomIsDrawnOnce(t *testing.T) {
	w := newWorld(t, with(mapping.Rule{Target: "title", Expression: `RandomString(12, 0, 0, 0, 0)`, Apply: "create"}))
	id := w.people[0]
	w.account.SetLicenses(0)
	w.sync()
	drawn := w.person(id).Attribute("title").Want.Text()
	if !regexp.MustCompile(`^\S{12}$`).MatchString(drawn) {
		t.Fatalf("drew %q", drawn)
	}
	w.sync()
	w.account.SetLicenses(-1)
	w.sync()
	if got := w.accountOf(id).Title; got != drawn {
		t.Errorf("the account was made with %q, first drawn was %q", got, drawn)
	}
	generation := w.person(id).Generation
	w.account.ResetRequests()
	w.sync()
	if got := w.person(id).Generation; got != generation || len(w.writes()) > 0 {
		t.Errorf("generation %d became %d, writes %v", generation, got, w.writes())
	}
	w.account.Remove(w.accountOf(id).ID)
	w.sync()
	if got := w.accountOf(id).Title; got != drawn {
		t.Errorf("the account was made anew with %q, first drawn was %q", got, drawn)
	}
}

// What a mapping redacts goes to the target and is in no report, log or reason, whoever quotes it.
func TestRedactedIsNotShown(t *testing.T) {
	const secret = "Chief of the secret police"
	rule := mapping.Rule{Target: "title", Expression: `Redact([jobTitle])`}
	shows := func(t *testing.T, what string, v any) {
		t.Helper()
		if text := fmt.Sprintf("%+v", v); strings.Contains(text, secret) || !strings.Contains(text, "Redact") {
			t.Errorf("%s: %s", what, text)
		}
	}
	t.Run("a change", func(t *testing.T) {
		w := newWorld(t, with(rule))
		w.dir.UpdateUser(w.people[0], map[string]any{"jobTitle": secret})
		shows(t, "dry run", w.diff().Changes)
		shows(t, "sync", w.sync().Changes)
		if got := w.accountOf(w.people[0]).Title; got != secret {
			t.Errorf("the account has the title %q", got)
		}
		w.dir.UpdateUser(w.people[0], map[string]any{"jobTitle": secret + "!"})
		db, err := bolt.Open(w.path, bolt.Options{ReadOnly: true})
		w.must(err)
		job, target := w.job(state.NewOverlay(db))
		e, err := job.Explain(t.Context(), target, w.people[0], engine.Listed)
		w.must(err)
		log, err := job.Log(t.Context(), 0, 10)
		w.must(err)
		w.must(db.Close())
		shows(t, "explanation", e.Steps)
		shows(t, "explained change", *e.Change)
		shows(t, "log", log)
	})
	t.Run("refused by the target", func(t *testing.T) {
		w := newWorld(t, with(rule))
		w.dir.UpdateUser(w.people[0], map[string]any{"jobTitle": secret})
		w.account.Fault(func(r *http.Request) *ringcentraltest.Fault {
			if r.Method == http.MethodPost && says(r, w.people[0]) {
				return ringcentraltest.SCIMFault(http.StatusBadRequest, "invalidValue", "title "+secret+" is not allowed here")
			}
			return nil
		})
		shows(t, "sync", w.sync().Changes)
		shows(t, "record", w.person(w.people[0]).Failure)
	})
	t.Run("does not fit", func(t *testing.T) {
		w := newWorld(t, with(rule))
		w.dir.UpdateUser(w.people[0], map[string]any{"jobTitle": strings.Repeat(secret, 4)})
		shows(t, "sync", w.sync().Changes)
	})
	t.Run("filtered", func(t *testing.T) {
		w := newWorld(t, func(s *setup) {
			with(rule)(s)
			s.filters = []filter.Group{{Name: "f", All: []filter.Clause{{Attribute: "jobTitle", Operator: "NOT REGEX MATCH", Value: "police"}}}}
		})
		w.dir.UpdateUser(w.people[0], map[string]any{"jobTitle": secret})
		shows(t, "sync", w.sync().Skipped)
	})
}
