package engine_test

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"ringsync/connectors/entra/entratest"
	"ringsync/connectors/ringcentral/ringcentraltest"
	"ringsync/engine"
	"ringsync/engine/plan"
	"ringsync/mapping/filter"
	"ringsync/state"
)

func total(requests map[string]int) (n int) {
	for _, k := range requests {
		n += k
	}
	return n
}

// posted leaves out what is counted within a batch.
func sent(requests map[string]int) (n int) {
	for operation, k := range requests {
		if !strings.HasPrefix(operation, "$batch") {
			n += k
		}
	}
	return n
}

// The budget of an incremental cycle: 1 + ⌈assignments/999⌉ + ⌈G/50⌉ + 1 requests when nothing changed, and none to
// the target; with changes their pages, a bulk read of newcomers and one question in bulk about those who left, and at
// the target one write each and one look-up for each newcomer.
func TestRequestsOfAnIncrementalCycle(t *testing.T) {
	w := newWorld(t, func(s *setup) { s.people, s.groups = 300, 60 })
	w.sync()
	w.kind = engine.Incremental
	w.dir.ResetRequests()
	w.account.ResetRequests()
	w.sync()
	if got := sent(w.dir.Requests()); got != 1+1+2+1 {
		t.Errorf("nothing changed: %d requests to the directory: %v", got, w.dir.Requests())
	}
	if got := total(w.account.Requests()); got != 0 {
		t.Errorf("nothing changed: %d requests to the target: %v", got, w.account.Requests())
	}
	for i := range 5 {
		name := fmt.Sprintf("new%d@contoso.com", i)
		id := w.dir.AddUser(entratest.User{"userPrincipalName": name, "mail": name, "displayName": name, "givenName": "New", "surname": fmt.Sprint(i)})
		w.dir.AddMember(w.groups[i], id)
	}
	for _, id := range w.people[:3] {
		w.dir.UpdateUser(id, map[string]any{"jobTitle": "Changed"})
	}
	w.dir.UpdateUser(w.people[10], map[string]any{"accountEnabled": false})
	w.dir.SoftDelete(w.people[11])
	w.dir.ResetRequests()
	r := w.sync()
	if r.Kind != "incremental" || r.Summary.Create != 5 || r.Summary.Update != 3 || r.Summary.Disable != 2 {
		t.Fatalf("%s: %+v", r.Kind, r.Summary)
	}
	requests := w.account.Requests()
	if requests["POST /Users"] != 5 || requests["PATCH /Users/{id}"] != 5 || requests["GET /Users?filter"] != 5 || total(requests) != 15 {
		t.Errorf("requests to the target: %v", requests)
	}
	// The newcomers' rows came with the changes of users already; a bulk read would be one more.
	if got := sent(w.dir.Requests()); got > 1+1+2+1+1 {
		t.Errorf("%d requests to the directory: %v", got, w.dir.Requests())
	}
}

// What an incremental cycle makes of changes of who belongs to what.
func TestIncrementalMemberships(t *testing.T) {
	for _, test := range []struct {
		name  string
		setup func(*setup)
		event func(w *world)
		want  plan.Summary
	}{
		{name: "a group is assigned", event: func(w *world) {
			g := w.dir.AddGroup("New", entratest.GroupOptions{})
			for i := range 3 {
				name := fmt.Sprintf("new%d@contoso.com", i)
				w.dir.AddMember(g, w.dir.AddUser(entratest.User{"userPrincipalName": name, "mail": name, "displayName": name, "givenName": "New", "surname": fmt.Sprint(i)}))
			}
			w.dir.Assign(g, w.role())
		}, want: plan.Summary{Create: 3}},
		{name: "a group within a group, when those count", setup: func(s *setup) { s.nested = true }, event: func(w *world) {
			g := w.dir.AddGroup("Inner", entratest.GroupOptions{})
			w.dir.AddMember(g, w.dir.AddUser(entratest.User{"userPrincipalName": "in@contoso.com", "mail": "in@contoso.com", "displayName": "In", "givenName": "In", "surname": "Ner"}))
			w.dir.AddMember(w.groups[0], g)
		}, want: plan.Summary{Create: 1}},
		{name: "a group within a group, when those do not", event: func(w *world) {
			g := w.dir.AddGroup("Inner", entratest.GroupOptions{})
			w.dir.AddMember(g, w.dir.AddUser(entratest.User{"userPrincipalName": "in@contoso.com", "mail": "in@contoso.com", "displayName": "In", "givenName": "In", "surname": "Ner"}))
			w.dir.AddMember(w.groups[0], g)
		}},
		{name: "changes of people who are nobody here", event: func(w *world) {
			w.dir.AddUser(entratest.User{"userPrincipalName": "x@contoso.com", "mail": "x@contoso.com", "displayName": "X", "givenName": "X", "surname": "Y"})
		}},
		{name: "who was skipped gets a mail", setup: func(s *setup) { s.people = 0; s.groups = 0 }, event: func(w *world) {
			w.dir.UpdateUser(w.people[0], map[string]any{"mail": "late@contoso.com"})
		}, want: plan.Summary{Create: 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, test.setup)
			if w.people == nil {
				id := w.dir.AddUser(entratest.User{"userPrincipalName": "late@contoso.com", "displayName": "Late", "givenName": "La", "surname": "Te"})
				w.people = []string{id}
				w.dir.Assign(id, "")
			}
			w.sync()
			test.event(w)
			w.kind = engine.Incremental
			r := w.sync()
			r.Summary.Unchanged, r.Summary.Skipped = 0, 0
			if r.Kind != "incremental" || r.Summary != test.want {
				t.Errorf("%s: %+v, want %+v", r.Kind, r.Summary, test.want)
			}
			// A full cycle finds nothing that the incremental one has missed.
			w.kind = engine.Full
			if r := w.sync(); r.Summary.Changes() != 0 || r.Summary.Held != 0 {
				t.Errorf("a full cycle afterwards: %+v %v", r.Summary, statuses(r))
			}
		})
	}
}

func (w *world) role() string { return w.dir.AddRole(entratest.Role{Value: "Another", Enabled: true}) }

// Why a cycle that was to be incremental is a full one.
func TestFullInsteadOfIncremental(t *testing.T) {
	for _, test := range []struct {
		name  string
		event func(w *world)
		why   string
	}{
		{"the watermark has expired: 410", func(w *world) { w.dir.ExpireTokens(entratest.ExpiredGone) }, "full cycle is needed"},
		{"410 without Location", func(w *world) { w.dir.ExpireTokens(entratest.ExpiredGoneWithoutLocation) }, "full cycle is needed"},
		{"resyncApplyDifferences", func(w *world) { w.dir.ExpireTokens(entratest.ExpiredResyncApply) }, "full cycle is needed"},
		{"resyncUploadDifferences", func(w *world) { w.dir.ExpireTokens(entratest.ExpiredResyncUpload) }, "full cycle is needed"},
		{"400 syncStateNotFound", func(w *world) { w.dir.ExpireTokens(entratest.ExpiredSyncState) }, "full cycle is needed"},
		{"404 syncStateNotFound", func(w *world) { w.dir.ExpireTokens(entratest.ExpiredNotFound) }, "full cycle is needed"},
		{"badly formed token", func(w *world) { w.dir.ExpireTokens(entratest.ExpiredMalformed) }, "full cycle is needed"},
		{"other filters", func(w *world) {
			w.setup.filters = []filter.Group{{Name: "f", All: []filter.Clause{{Attribute: "mail", Operator: "IS NOT NULL"}}}}
		}, "mapping or the filters have changed"},
		{"other consequences", func(w *world) { w.setup.deprovision[state.Unassigned] = plan.DeprovisionKeep }, "what is done about leavers"},
		{"a full cycle was cut off", func(w *world) {
			w.kind = engine.Full
			w.account.Fault(func(r *http.Request) *ringcentraltest.Fault {
				return ringcentraltest.GatewayFault(401, "OAU-128", "expired")
			})
			if _, err := w.trySync(w.t.Context()); err == nil {
				w.t.Fatal("the full cycle was to fail")
			}
			w.account.Fault(nil)
			w.kind = engine.Incremental
		}, "did not come to its end"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.sync()
			w.kind = engine.Incremental
			w.dir.UpdateUser(w.people[0], map[string]any{"jobTitle": "Changed"})
			test.event(w)
			r := w.sync()
			if r.Kind != "full" || r.Summary.Update != 1 || len(r.Warnings) == 0 || !strings.Contains(strings.Join(r.Warnings, "\n"), test.why) {
				t.Errorf("%s: %+v %q", r.Kind, r.Summary, r.Warnings)
			}
			if r := w.sync(); r.Kind != "incremental" || r.Summary.Changes() != 0 {
				t.Errorf("afterwards: %s %+v", r.Kind, r.Summary)
			}
		})
	}
}

// Somebody who moves at any moment of an incremental read keeps their phone: nothing is written, not even for one cycle.
// Of sixty groups the changes come in two chains, so a move may show in one and not yet in the other; and the application's
// own assignments are listed after those.
func TestMoveDuringChanges(t *testing.T) {
	application := func(w *world, id string) { w.dir.Assign(id, w.role()) }
	unassign := func(w *world, id string) { w.dir.Unassign(id) }
	into := func(n int) func(*world, string) {
		return func(w *world, id string) { w.dir.AddMember(w.groups[n], id) }
	}
	outOf := func(n int) func(*world, string) {
		return func(w *world, id string) { w.dir.RemoveMember(w.groups[n], id) }
	}
	for _, test := range []struct {
		name          string
		groups        int
		before, leave func(*world, string)
		join          func(*world, string)
	}{
		{"from a group to another", 3, into(1), outOf(1), into(0)},
		{"from the application to a group", 3, application, unassign, into(0)},
		{"from a group to the application", 3, into(0), outOf(0), application},
		{"from the first chain to the second", 60, into(0), outOf(0), into(59)},
		{"from the second chain to the first", 60, into(59), outOf(59), into(0)},
	} {
		t.Run(test.name, func(t *testing.T) {
			moved := 0
			for moment := range int64(5) {
				w := newWorld(t, func(s *setup) { s.people, s.groups = 12, test.groups })
				id := w.people[0]
				for _, g := range w.groups {
					w.dir.RemoveMember(g, id)
				}
				test.before(w, id)
				w.sync()
				w.account.ResetRequests()
				w.kind = engine.Incremental
				var n atomic.Int64
				w.dir.OnRequest(func(*http.Request) {
					if n.Add(1) == moment+1 {
						test.leave(w, id)
						test.join(w, id)
						moved++
					}
				})
				for range 3 {
					w.sync()
					w.dir.OnRequest(nil)
				}
				if got := w.writes(); len(got) > 0 {
					t.Errorf("moment %d: %v", moment, got)
				}
				w.settled()
			}
			if moved < 3 {
				t.Errorf("only %d moves came while changes were read", moved)
			}
		})
	}
}

// An incremental cycle ends before one of its commits: the next one, incremental too, does what it has left undone
// (safety rules S4 and S5).
func TestCrashDuringChanges(t *testing.T) {
	crashed := 0
	for commits := range int64(12) {
		w := newWorld(t, func(s *setup) { s.guard = engine.Guard{Count: 100, Percent: 100} })
		m := &memory{DB: state.NewOverlay(nil)}
		m.left.Store(math.MaxInt64)
		job, target := w.job(m)
		cycle := func(kind engine.Kind) error {
			r, err := job.Cycle(t.Context(), target, kind, 0)
			if err == nil && kind == engine.Incremental && r.Kind != string(kind) {
				t.Errorf("a %s cycle heals what was to be shown", r.Kind)
			}
			return err
		}
		w.must(cycle(engine.Full))
		w.retitle(w.people[:1], "Pilot")
		w.leave(w.people[1])
		w.dir.UpdateUser(w.people[2], map[string]any{"accountEnabled": false})
		w.dir.SoftDelete(w.people[3])
		w.hire("new@contoso.com")
		w.account.Fault(func(*http.Request) *ringcentraltest.Fault {
			if m.left.Load() <= 0 {
				return &ringcentraltest.Fault{Drop: true} // who is dead sends nothing
			}
			return nil
		})
		m.left.Store(commits)
		if err := cycle(engine.Incremental); errors.Is(err, errCrash) {
			crashed++
		} else {
			w.must(err)
		}
		m.left.Store(math.MaxInt64)
		w.must(cycle(engine.Incremental))
		if w.titled("Pilot") != 1 {
			t.Errorf("a crash before commit %d: the new title is lost", commits)
		}
		if w.settled(); t.Failed() {
			t.Fatalf("after a crash before commit %d", commits)
		}
	}
	if crashed < 5 {
		t.Errorf("only %d cycles ended early", crashed)
	}
}
