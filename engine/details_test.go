package engine_test

import (
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"

	"ringsync/connectors/entra/entratest"
	"ringsync/connectors/ringcentral/ringcentraltest"
	"ringsync/engine"
	"ringsync/engine/plan"
	"ringsync/state"
	"ringsync/state/bolt"
)

// app signs the job in with a JWT, whose token opens the REST API.
func app(s *setup) {
	s.account.App = &ringcentraltest.App{ClientID: "app", ClientSecret: "secret", JWT: "aGVhZA.e30.c2lnbmVk"}
}

// dryRun is a dry run of that depth over the state file.
func (w *world) dryRun(depth engine.Depth) *plan.Report {
	w.t.Helper()
	db, err := bolt.Open(w.path, bolt.Options{ReadOnly: true})
	w.must(err)
	defer func() { w.must(db.Close()) }()
	job, target := w.job(state.NewOverlay(db))
	r, err := job.Diff(w.t.Context(), target, depth)
	w.must(err)
	return r
}

// What somebody has changed by hand where lists do not show it is seen by reading accounts whole: one by one, or in
// bulk with a token that opens the REST API.
func TestDeepDiff(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*setup)
		reads  map[string]int
	}{
		{"one by one", func(*setup) {}, map[string]int{"GET /Users": 1, "GET /Users/{id}": 12}},
		{"in bulk", app, map[string]int{"GET /Users": 1, "GET /Users/{id}": 0}},
		{"the REST API is down", app, map[string]int{"GET /Users": 1, "GET /Users/{id}": 12}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, test.change)
			w.account.Fault(func(r *http.Request) *ringcentraltest.Fault {
				if strings.HasSuffix(test.name, "down") && strings.HasSuffix(r.URL.Path, "/extension") {
					return unavailable()
				}
				return nil
			})
			phone := func(id, number string) { w.dir.UpdateUser(id, map[string]any{"mobilePhone": number}) }
			phone(w.people[0], "+16505550100")
			w.sync()
			w.account.Edit(w.accountOf(w.people[0]).ID, func(u *ringcentraltest.User) {
				u.Phones = append(u.Phones[:0:0], ringcentraltest.Phone{Type: "mobile", Value: "+16505550199"})
			})
			if r := w.dryRun(engine.Listed); r.Summary.Changes() != 0 {
				t.Errorf("lists show %v", statuses(r))
			}
			w.account.ResetRequests()
			r := w.dryRun(engine.Whole)
			if r.Summary.Update != 1 || len(r.Changes) != 1 || len(r.Changes[0].Attributes) != 1 || r.Changes[0].Attributes[0].Old.Text() != "+16505550199" {
				t.Errorf("%+v %+v", r.Summary, r.Changes)
			}
			got := w.account.Requests()
			for route, n := range test.reads {
				if got[route] != n {
					t.Errorf("%d requests %s, want %d (of %v)", got[route], route, n, got)
				}
			}
		})
	}
}

// A first cycle that takes over many accounts reads what their list leaves out in bulk, if the token allows that.
func TestAdoptionReadsInBulk(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*setup)
		single int
	}{{"a SCIM token", func(*setup) {}, 12}, {"a token for the REST API", app, 0}} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, test.change)
			for i, id := range w.people {
				w.dir.UpdateUser(id, map[string]any{"mobilePhone": fmt.Sprintf("+1650555%04d", i)})
				w.account.Add(ringcentraltest.User{UserName: w.mail(id), Email: w.mail(id), GivenName: "Old", FamilyName: "Name", Active: true,
					Phones: []ringcentraltest.Phone{{Type: "mobile", Value: fmt.Sprintf("+1650555%04d", i)}}})
			}
			if r := w.sync(); r.Summary.Update != len(w.people) {
				t.Errorf("%+v", r.Summary)
			}
			if n := w.account.Requests()["GET /Users/{id}"]; n != test.single {
				t.Errorf("%d accounts are read alone, want %d", n, test.single)
			}
			for _, write := range w.account.Writes() {
				if strings.Contains(string(write.Body), "+1650555") {
					t.Errorf("a phone number that is there already is sent: %s", write.Body)
				}
			}
		})
	}
}

// A dry run says how many licences are needed and free, and who will wait; the sync that follows does just that.
func TestCapacityIsForeseen(t *testing.T) {
	w := newWorld(t, func(s *setup) { app(s); s.account.Licenses = 5 })
	forecast := w.diff()
	if c := forecast.Capacity; c == nil || c.Needs != 12 || c.Free != 5 || forecast.Summary.Create != 5 || forecast.Summary.Waiting != 7 {
		t.Fatalf("%+v %+v", forecast.Capacity, forecast.Summary)
	}
	if text := (plan.Text{}).Summary(forecast); !strings.Contains(text, "needs 12, 5 free") {
		t.Errorf("%q", text)
	}
	waits := map[string]bool{}
	for _, c := range forecast.Changes {
		waits[c.Source.ID] = c.Status == plan.StatusWaiting
	}
	w.setup.concurrency = 1
	r := w.sync()
	if r.Summary != forecast.Summary {
		t.Errorf("foretold %+v, done %+v", forecast.Summary, r.Summary)
	}
	for _, c := range r.Changes {
		if (c.Status == plan.StatusWaiting) != waits[c.Source.ID] {
			t.Errorf("%s: %s, foretold to wait: %v", c.Source.UserPrincipalName, c.Status, waits[c.Source.ID])
		}
	}
	if again := w.diff(); again.Capacity == nil || again.Capacity.Free != 0 || again.Summary.Waiting != 7 {
		t.Errorf("%+v %+v", again.Capacity, again.Summary)
	}
	w.account.SetLicenses(100)
	if later := w.diff(); later.Summary.Create != 7 || later.Summary.Waiting != 0 {
		t.Errorf("licences were bought: %+v %+v", later.Capacity, later.Summary)
	}
	if w.sync(); w.diff().Capacity != nil {
		t.Error("licences are asked for though nobody needs one")
	}
}

// Explaining one person closely reads their account, and no other.
func TestExplainDeep(t *testing.T) {
	w := newWorld(t, nil)
	w.dir.UpdateUser(w.people[0], map[string]any{"mobilePhone": "+16505550100"})
	w.sync()
	w.account.Edit(w.accountOf(w.people[0]).ID, func(u *ringcentraltest.User) { u.Phones = nil })
	db, err := bolt.Open(w.path, bolt.Options{ReadOnly: true})
	w.must(err)
	defer func() { w.must(db.Close()) }()
	for depth, changes := range map[engine.Depth]bool{engine.Listed: false, engine.Whole: true} {
		job, target := w.job(state.NewOverlay(db))
		e, err := job.Explain(t.Context(), target, w.people[0], depth)
		w.must(err)
		if (e.Change != nil) != changes {
			t.Errorf("depth %d: %+v", depth, e.Change)
		}
	}
}

var _ = []any{math.MaxInt, http.MethodGet, entratest.User{}}
