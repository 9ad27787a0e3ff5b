package engine_test

import (
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"ringsync/connectors"
	"ringsync/connectors/entra/entratest"
	"ringsync/connectors/ringcentral/ringcentraltest"
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

// Each event of a linked person's life leads to exactly the change that the table says, and to one request.
func TestLifecycle(t *testing.T) {
	for _, test := range []struct {
		name    string
		setup   func(*setup)
		event   func(w *world, id string)
		action  plan.Action
		reason  string
		request string
		active  bool
		full    bool // only a full cycle sees it
	}{
		{name: "title changed", event: func(w *world, id string) { w.dir.UpdateUser(id, map[string]any{"jobTitle": "Principal"}) },
			action: plan.Update, reason: "differs in title", request: "PATCH", active: true},
		{name: "account disabled", event: func(w *world, id string) { w.dir.UpdateUser(id, map[string]any{"accountEnabled": false}) },
			action: plan.Disable, reason: "disabled", request: "PATCH"},
		{name: "unassigned", event: func(w *world, id string) { w.leave(id) },
			action: plan.Disable, reason: "unassigned", request: "PATCH"},
		{name: "soft-deleted", event: func(w *world, id string) { w.dir.SoftDelete(id) },
			action: plan.Disable, reason: "soft deleted", request: "PATCH"},
		{name: "hard-deleted", event: func(w *world, id string) { w.dir.HardDelete(id) },
			action: plan.Disable, reason: "hard deleted", request: "PATCH"},
		{name: "hard-deleted, Entra's way", setup: func(s *setup) {
			s.delete, s.deprovision[state.HardDeleted] = true, plan.DeprovisionDelete
		}, event: func(w *world, id string) { w.dir.HardDelete(id) },
			action: plan.Delete, reason: "hard deleted", request: "DELETE"},
		{name: "out of a filter", setup: func(s *setup) {
			s.filters = []filter.Group{{Name: "not contractors", All: []filter.Clause{{Attribute: "jobTitle", Operator: "NOT EQUALS", Value: "Contractor"}}}}
		}, event: func(w *world, id string) { w.dir.UpdateUser(id, map[string]any{"jobTitle": "Contractor"}) },
			action: plan.Disable, reason: `saw "Contractor"`, request: "PATCH"},
		{name: "kept when unassigned", setup: func(s *setup) { s.deprovision[state.Unassigned] = plan.DeprovisionKeep },
			event: func(w *world, id string) { w.leave(id) }, active: true},
		{name: "edited by hand at RingCentral", event: func(w *world, id string) {
			w.account.Edit(w.accountOf(id).ID, func(u *ringcentraltest.User) { u.Title = "Hacked" })
		}, action: plan.Update, reason: "differs in title", request: "PATCH", active: true, full: true},
		{name: "deleted by hand at RingCentral", event: func(w *world, id string) { w.account.Remove(w.accountOf(id).ID) },
			action: plan.Create, request: "POST", active: true, full: true},
	} {
		run := func(t *testing.T, kind engine.Kind) {
			w := newWorld(t, test.setup)
			w.kind = kind
			id := w.people[0]
			w.dir.UpdateUser(id, map[string]any{"jobTitle": "Engineer"})
			w.sync()
			w.account.ResetRequests()
			test.event(w, id)
			dry := w.diff()
			if got := w.writes(); len(got) != 0 {
				t.Fatalf("the dry run wrote: %v", got)
			}
			if test.action == plan.None {
				if w.sync(); len(w.writes()) != 0 || len(dry.Changes) != 0 || !w.accountOf(id).Active {
					t.Fatalf("something was done: %+v", dry.Changes)
				}
				return
			}
			if len(dry.Changes) != 1 || dry.Changes[0].Action != test.action || !strings.Contains(dry.Changes[0].Reason, test.reason) {
				t.Fatalf("dry run: %+v", dry.Changes)
			}
			r := w.sync()
			if len(r.Changes) != 1 || r.Changes[0].Action != test.action || r.Changes[0].Status != plan.StatusDone {
				t.Fatalf("sync: %+v", r.Changes)
			}
			if got := w.writes(); len(got) != 1 || !strings.HasPrefix(got[0], test.request) {
				t.Fatalf("writes: %v", got)
			}
			if test.action != plan.Delete && w.accountOf(id).Active != test.active {
				t.Errorf("active is %v", !test.active)
			}
			if w.sync(); len(w.writes()) != 0 {
				t.Error("the next sync wrote again")
			}
		}
		t.Run(test.name, func(t *testing.T) { run(t, engine.Full) })
		if !test.full {
			t.Run(test.name+", incremental", func(t *testing.T) { run(t, engine.Incremental) })
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

// Whoever comes back gets their account back.
func TestReturn(t *testing.T) {
	for _, test := range []struct {
		name     string
		go_, ret func(w *world, id string)
	}{
		{"enabled again", func(w *world, id string) { w.dir.UpdateUser(id, map[string]any{"accountEnabled": false}) },
			func(w *world, id string) { w.dir.UpdateUser(id, map[string]any{"accountEnabled": true}) }},
		{"restored", func(w *world, id string) { w.dir.SoftDelete(id) }, func(w *world, id string) { w.dir.Restore(id) }},
		{"assigned again", func(w *world, id string) { w.leave(id) }, func(w *world, id string) { w.dir.Assign(id, "") }},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, func(s *setup) { s.directory.AppName = "RingCentral" })
			id := w.people[1]
			w.sync()
			account := w.accountOf(id).ID
			test.go_(w, id)
			w.sync()
			if w.accountOf(id).Active {
				t.Fatal("still active")
			}
			test.ret(w, id)
			if test.name == "assigned again" {
				w.dir.AddMember(w.groups[0], id)
			}
			r := w.sync()
			if r.Summary.Enable != 1 || !w.accountOf(id).Active || w.accountOf(id).ID != account {
				t.Errorf("%+v, account %+v", r.Summary, w.accountOf(id))
			}
			w.settled()
		})
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
	t.Run("refused by the target", func(t *testing.T) {
		w := newWorld(t, nil)
		var posts atomic.Int64
		w.account.Fault(func(r *http.Request) *ringcentraltest.Fault {
			if r.Method == "POST" && posts.Add(1) == 3 {
				return ringcentraltest.SCIMFault(400, "invalidValue", "Parameter [extension.contact.businessAddress.state] value is invalid.")
			}
			return nil
		})
		r := w.sync()
		if r.Summary.Create != 11 || r.Summary.Escrowed != 1 {
			t.Fatalf("%+v", r.Summary)
		}
		i := slices.IndexFunc(r.Changes, func(c plan.Change) bool { return c.Status == plan.StatusEscrowed })
		if c := r.Changes[i]; !strings.Contains(c.Error, "businessAddress.state") {
			t.Errorf("the error does not lead with the target's words: %s", c.Error)
		}
		w.account.Fault(nil)
		if r := w.sync(); r.Summary.Create != 1 || r.Summary.Escrowed != 0 {
			t.Errorf("the escrow is not tried again in the next cycle: %+v", r.Summary)
		}
		w.settled()
	})
}

// Who is already there is adopted, not made again; what differs is written, what does not is not.
func TestAdopt(t *testing.T) {
	mail := func(w *world, i int) string { return w.mail(w.people[i]) }
	for _, test := range []struct {
		name     string
		setup    func(*setup)
		accounts func(w *world) []ringcentraltest.User
		status   string // of the person's change, "" if there is none but perhaps an update
		text     string // in the error
		posts    int
	}{
		{name: "unclaimed", accounts: func(w *world) []ringcentraltest.User {
			return []ringcentraltest.User{{UserName: strings.ToUpper(mail(w, 0)), Email: mail(w, 0), Active: true}}
		}, posts: 11},
		{name: "another tool's", accounts: func(w *world) []ringcentraltest.User {
			return []ringcentraltest.User{{UserName: mail(w, 0), Email: mail(w, 0), ExternalID: "okta-7", Active: true}}
		}, status: plan.StatusConflict, text: `externalId is "okta-7"`, posts: 11},
		{name: "another tool's, moving in", setup: func(s *setup) { s.adopt = plan.AdoptAlways }, accounts: func(w *world) []ringcentraltest.User {
			return []ringcentraltest.User{{UserName: mail(w, 0), Email: mail(w, 0), ExternalID: "okta-7", Active: true}}
		}, posts: 11},
		{name: "adopt nobody", setup: func(s *setup) { s.adopt = plan.AdoptNever }, accounts: func(w *world) []ringcentraltest.User {
			return []ringcentraltest.User{{UserName: mail(w, 0), Email: mail(w, 0), Active: true}}
		}, status: plan.StatusConflict, text: "safety.adopt is never", posts: 11},
		{name: "two accounts for one person", setup: func(s *setup) { s.account.AllowDuplicates = true }, accounts: func(w *world) []ringcentraltest.User {
			return []ringcentraltest.User{{UserName: mail(w, 0), Email: mail(w, 0)}, {UserName: mail(w, 0), Email: mail(w, 0)}}
		}, status: plan.StatusConflict, text: "2 accounts have userName", posts: 11},
		{name: "protected", setup: func(s *setup) { s.protect = []string{"SVC@contoso.com"} }, accounts: func(w *world) []ringcentraltest.User {
			w.dir.UpdateUser(w.people[0], map[string]any{"mail": "svc@contoso.com"})
			return []ringcentraltest.User{{UserName: "svc@contoso.com", Email: "svc@contoso.com", Active: true}}
		}, posts: 11},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, test.setup)
			var before []ringcentraltest.User
			for _, u := range test.accounts(w) {
				u.GivenName, u.FamilyName = "Old", "Name"
				id := w.account.Add(u)
				u, _ = w.account.User(id)
				before = append(before, u)
			}
			dry := w.diff()
			r := w.sync()
			if dry.Summary != r.Summary {
				t.Errorf("the dry run said %+v, the sync did %+v", dry.Summary, r.Summary)
			}
			if got := w.account.Requests()["POST /Users"]; got != test.posts {
				t.Errorf("%d POSTs, want %d", got, test.posts)
			}
			i := slices.IndexFunc(r.Changes, func(c plan.Change) bool { return c.Source.ID == w.people[0] })
			switch {
			case test.status == "" && test.name != "protected":
				if u, _ := w.account.User(before[0].ID); u.ExternalID != w.people[0] || u.GivenName == "Old" {
					t.Errorf("not taken over: %+v", u)
				}
				w.settled()
			case test.status != "" && (i < 0 || r.Changes[i].Status != test.status || !strings.Contains(r.Changes[i].Error, test.text)):
				t.Errorf("changes: %v", statuses(r))
			}
			if test.status != "" || test.name == "protected" {
				for _, u := range before {
					if now, _ := w.account.User(u.ID); now.ExternalID != u.ExternalID || now.GivenName != "Old" {
						t.Errorf("an account that is not ours was written: %+v", now)
					}
				}
			}
		})
	}
}

func (w *world) mail(id string) string {
	u, _ := w.dir.User(id)
	s, _ := u["mail"].(string)
	return s
}

// Two people with one mail: nobody guesses. The newcomer waits, the other keeps their account.
func TestTwoPeopleOneMail(t *testing.T) {
	w := newWorld(t, nil)
	mail := w.mail(w.people[0])
	w.dir.UpdateUser(w.people[1], map[string]any{"mail": strings.ToUpper(mail)})
	r := w.sync()
	if r.Summary.Create != 10 || r.Summary.Escrowed != 2 || len(w.account.ByMail(mail)) != 0 {
		t.Fatalf("two newcomers: %+v", r.Summary)
	}
	for _, c := range r.Changes {
		if c.Status == plan.StatusConflict && (!strings.Contains(c.Error, w.people[0]) || !strings.Contains(c.Error, w.people[1])) {
			t.Errorf("the conflict does not name both: %s", c.Error)
		}
	}
	w.dir.UpdateUser(w.people[1], map[string]any{"mail": "other@contoso.com"})
	if r := w.sync(); r.Summary.Create != 2 || r.Summary.Escrowed != 0 {
		t.Fatalf("after one of them got another mail: %+v", r.Summary)
	}
	// Now one of them is to take the other's: the rest of the change goes out, the mail does not.
	w.dir.UpdateUser(w.people[1], map[string]any{"mail": mail, "jobTitle": "Usurper"})
	r = w.sync()
	if got := w.accountOf(w.people[1]); got.Title != "Usurper" || got.UserName != "other@contoso.com" || r.Summary.Escrowed != 1 {
		t.Errorf("%+v, account %+v", r.Summary, got)
	}
	w.settled()
}

// No licence: creates wait, everything else goes on, and one create finds out whether that has changed.
func TestCapacity(t *testing.T) {
	w := newWorld(t, func(s *setup) { s.account.Licenses = 8 })
	r := w.sync()
	if r.Summary.Create != 8 || r.Summary.Waiting != 4 || r.Summary.Escrowed != 0 {
		t.Fatalf("%+v", r.Summary)
	}
	w.account.ResetRequests()
	made := w.account.Users()[0].ExternalID
	w.dir.UpdateUser(made, map[string]any{"jobTitle": "Goes on"})
	if r := w.sync(); r.Summary.Update != 1 || r.Summary.Waiting != 4 || w.account.Requests()["POST /Users"] != 1 {
		t.Fatalf("%+v, %v", r.Summary, w.account.Requests())
	}
	w.account.SetLicenses(-1)
	if r := w.sync(); r.Summary.Create != 4 || r.Summary.Waiting != 0 {
		t.Fatalf("%+v", r.Summary)
	}
	w.settled()
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

// Removals over the limit are held as a numbered list; everything else goes on; who comes back leaves the list.
func TestGuard(t *testing.T) {
	w := newWorld(t, func(s *setup) { s.people = 40; s.guard = engine.Guard{Count: 25, Percent: 10, From: 20} })
	w.sync()
	w.account.ResetRequests()
	for _, id := range w.people[:5] { // the limit of 40 is 4
		w.leave(id)
	}
	w.dir.UpdateUser(w.people[30], map[string]any{"jobTitle": "Goes on"})
	dry := w.diff()
	r := w.sync()
	if r.Summary.Held != 5 || r.Summary.Update != 1 || r.Summary.Disable != 0 || dry.Summary != r.Summary {
		t.Fatalf("%+v, dry %+v", r.Summary, dry.Summary)
	}
	if got := w.writes(); len(got) != 1 {
		t.Errorf("writes: %v", got)
	}
	for _, c := range r.Changes {
		if c.Status == plan.StatusHeld && c.Held != 1 {
			t.Errorf("%s is on list %d", c.Source.UserPrincipalName, c.Held)
		}
	}
	for _, id := range w.people[:2] {
		w.dir.AddMember(w.groups[0], id)
	}
	if r := w.sync(); r.Summary.Held != 3 || r.Summary.Disable != 0 || len(w.writes()) != 0 {
		t.Errorf("after two came back: %+v", r.Summary)
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
		e, err := job.Explain(t.Context(), target, test.who)
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
