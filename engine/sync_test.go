package engine_test

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"ringsync/connectors"
	"ringsync/connectors/entra/entratest"
	"ringsync/engine"
	"ringsync/engine/plan"
	"ringsync/mapping/filter"
	"ringsync/state"
	"ringsync/state/bolt"
)

// The main job: everybody is made once, a second sync writes nothing and a dry run finds nothing.
func TestInitialSync(t *testing.T) {
	w := newWorld(t, nil)
	before := w.diff()
	if before.Summary.Create != 12 || len(before.Changes) != 12 || before.Kind != "initial" {
		t.Errorf("dry run of the first sync: %+v", before.Summary)
	}
	r := w.sync()
	if r.Summary.Create != 12 || r.Summary.Changes() != 12 || r.Kind != "initial" {
		t.Errorf("first sync: %+v", r.Summary)
	}
	w.settled()
	w.account.ResetRequests()
	if r := w.diff(); len(r.Changes) != 0 || r.Summary.Unchanged != 12 {
		t.Errorf("dry run afterwards: %+v %v", r.Summary, statuses(r))
	}
	if r := w.sync(); r.Summary.Changes() != 0 || r.Summary.Unchanged != 12 || r.Kind != "full" {
		t.Errorf("second sync: %+v", r.Summary)
	}
	if got := w.writes(); len(got) != 0 {
		t.Errorf("writes: %v", got)
	}
}

// What a full cycle costs when nothing changed: the pages of both sides, and no write (budgets).
func TestRequestsOfAnUnchangedCycle(t *testing.T) {
	w := newWorld(t, func(s *setup) { s.people, s.groups = 230, 4 })
	w.sync()
	w.account.ResetRequests()
	w.sync()
	for operation, n := range w.account.Requests() {
		if operation != "GET /Users" || n > 3 {
			t.Errorf("%d × %s", n, operation)
		}
	}
}

// leave takes the person out of the application, however they were in it.
func (w *world) leave(id string) {
	w.dir.Unassign(id)
	for _, g := range w.groups {
		w.dir.RemoveMember(g, id)
	}
}

// One bad record harms only itself, and says what is wrong.
func TestSkipped(t *testing.T) {
	for _, test := range []struct {
		attribute string
		names     string
	}{{"mail", "userName"}, {"givenName", "name.givenName"}, {"surname", "name.familyName"}} {
		t.Run(test.attribute, func(t *testing.T) {
			w := newWorld(t, nil)
			w.dir.UpdateUser(w.people[0], map[string]any{test.attribute: nil})
			r := w.sync()
			if r.Summary.Create != 11 || len(r.Skipped) != 1 || !strings.Contains(r.Skipped[0].Reason, test.names) || r.Skipped[0].Source.ID != w.people[0] {
				t.Errorf("%+v, skipped %+v", r.Summary, r.Skipped)
			}
		})
	}
}

func (w *world) mail(id string) string {
	u, _ := w.dir.User(id)
	s, _ := u["mail"].(string)
	return s
}

// A wrong token is found by the first request, and by no second one.
func TestWrongToken(t *testing.T) {
	w := newWorld(t, func(s *setup) { s.token = "wrong-token-7f3a" })
	r, err := w.trySync(t.Context())
	if connectors.FaultOf(err) != connectors.FaultCredentials || r == nil {
		t.Fatalf("%v", err)
	}
	if strings.Contains(err.Error(), "7f3a") || strings.Contains(err.Error(), "\n") {
		t.Errorf("%q", err)
	}
	total := 0
	for _, n := range w.account.Requests() {
		total += n
	}
	if total != 1 {
		t.Errorf("%d requests: %v", total, w.account.Requests())
	}
}

// Roles reach the mapping, through groups as well.
func TestRoles(t *testing.T) {
	w := newWorld(t, func(s *setup) { s.roles = true })
	role := w.dir.AddRole(entratest.Role{Value: "Dialer", DisplayName: "Dialer", Enabled: true})
	g := w.dir.AddGroup("Dialers", entratest.GroupOptions{})
	w.dir.Assign(g, role)
	id := w.dir.AddUser(entratest.User{"userPrincipalName": "new@contoso.com", "mail": "new@contoso.com", "displayName": "New", "givenName": "New", "surname": "Person"})
	w.dir.AddMember(g, id)
	w.sync()
	if got := w.accountOf(id).Title; got != "Dialer" {
		t.Errorf("title is %q", got)
	}
}

// Everybody in the tenant, when that is the scope.
func TestScopeAll(t *testing.T) {
	w := newWorld(t, func(s *setup) { s.scopeAll = true })
	id := w.dir.AddUser(entratest.User{"userPrincipalName": "new@contoso.com", "mail": "new@contoso.com", "displayName": "New", "givenName": "New", "surname": "Person"})
	if r := w.sync(); r.Summary.Create != 13 {
		t.Fatalf("%+v", r.Summary)
	}
	w.dir.SoftDelete(id)
	if r := w.sync(); r.Summary.Disable != 1 || w.accountOf(id).Active {
		t.Errorf("%+v", r.Summary)
	}
}

// A dry run leaves the state file as it is, to the byte (safety rule S10).
func TestDiffWritesNothing(t *testing.T) {
	w := newWorld(t, nil)
	w.diff()
	if _, err := os.Stat(w.path); !os.IsNotExist(err) {
		t.Errorf("the dry run made a state file: %v", err)
	}
	w.sync()
	before, err := os.ReadFile(w.path)
	w.must(err)
	w.account.ResetRequests()
	w.dir.UpdateUser(w.people[0], map[string]any{"jobTitle": "Changed"})
	w.leave(w.people[1])
	if r := w.diff(); len(r.Changes) != 2 {
		t.Errorf("%v", statuses(r))
	}
	after, err := os.ReadFile(w.path)
	w.must(err)
	if string(before) != string(after) || len(w.writes()) != 0 {
		t.Error("the dry run wrote something")
	}
}

// Why does this phone not work? Each kind of person is explained, and nothing is written.
func TestExplain(t *testing.T) {
	w := newWorld(t, func(s *setup) {
		s.filters = []filter.Group{{Name: "staff", All: []filter.Clause{{Attribute: "jobTitle", Operator: "NOT EQUALS", Value: "Contractor"}}}}
	})
	w.sync()
	w.account.ResetRequests()
	name := func(id string) string { u, _ := w.dir.User(id); return u["userPrincipalName"].(string) }
	w.dir.UpdateUser(w.people[0], map[string]any{"jobTitle": "Contractor"})
	w.dir.UpdateUser(w.people[1], map[string]any{"displayName": "Other", "jobTitle": "Pilot"})
	w.dir.UpdateUser(w.people[2], map[string]any{"accountEnabled": false})
	gone := w.people[3]
	w.dir.HardDelete(gone)
	stranger := w.dir.AddUser(entratest.User{"userPrincipalName": "stranger@contoso.com", "displayName": "S"})
	half := w.dir.AddUser(entratest.User{"userPrincipalName": "half@contoso.com", "displayName": "Half", "jobTitle": "Temp"})
	w.dir.Assign(half, w.role())
	for _, test := range []struct {
		who    string
		action plan.Action
		says   []string
	}{
		{name(w.people[0]), plan.Disable, []string{"out of scope", `saw "Contractor"`, "linked to account"}},
		{name(w.people[1]), plan.Update, []string{"in scope", "through group", "differs in title"}},
		{w.people[2], plan.Disable, []string{"disabled", "IsActive=False"}},
		{w.people[4], plan.None, []string{"in scope", "nothing differs"}},
		{gone, plan.Disable, []string{"does not have", "hard deleted"}},
		{stranger, plan.None, []string{"unassigned", "Assigned=False"}},
		{"half@contoso.com", plan.None, []string{"userName has no value", "directly"}},
		{"nobody@contoso.com", plan.None, []string{"neither the directory nor the state knows"}},
	} {
		db, err := bolt.Open(w.path, bolt.Options{ReadOnly: true})
		w.must(err)
		job, target := w.job(state.NewOverlay(db))
		e, err := job.Explain(t.Context(), target, test.who, engine.Listed)
		w.must(err)
		w.must(db.Close())
		var text strings.Builder
		for _, s := range e.Steps {
			text.WriteString(s.Type + ": " + s.Description + "\n")
			for _, k := range slices.Sorted(maps.Keys(s.Details)) {
				text.WriteString("  " + k + "=" + s.Details[k] + "\n")
			}
		}
		action := plan.None
		if e.Change != nil {
			action = e.Change.Action
		}
		for _, want := range test.says {
			if !strings.Contains(text.String(), want) || action != test.action {
				t.Errorf("%s: %q, want %q with %q in\n%s", test.who, action, test.action, want, text.String())
			}
		}
	}
	if got := w.writes(); len(got) != 0 {
		t.Errorf("writes: %v", got)
	}
}
