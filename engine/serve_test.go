package engine_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ringsync/connectors/entra/entratest"
	"ringsync/connectors/ringcentral/ringcentraltest"
	"ringsync/engine"
	"ringsync/mapping/filter"
	"ringsync/state"
	"ringsync/state/bolt"
)

func every(d time.Duration) func(time.Time) time.Time {
	return func(after time.Time) time.Time { return after.Add(d) }
}

// served is a job that is being served, in virtual time.
type served struct {
	*world
	db     state.DB
	job    *engine.Job
	target engine.Target
	stop   func()
}

// serve serves the world's job until the test calls stop.
func (w *world) serve(s engine.Schedule) *served {
	w.t.Helper()
	file, err := bolt.Open(w.path, bolt.Options{Create: true})
	w.must(err)
	db := state.DB(file)
	if w.disk != nil {
		w.disk.DB, db = db, w.disk
	}
	job, target := w.job(db)
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan error, 1)
	go func() { done <- job.Serve(ctx, target, s) }()
	synctest.Wait()
	return &served{world: w, db: db, job: job, target: target, stop: func() {
		cancel()
		began := time.Now()
		w.must(<-done)
		if took := time.Since(began); took > 5*time.Second {
			w.t.Errorf("it took %s to stop", took)
		}
		w.must(db.Close())
	}}
}

// pass lets virtual time pass.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (s *served) status() engine.Status {
	s.t.Helper()
	st, err := s.job.Status(s.t.Context())
	s.must(err)
	return st
}

var daily = engine.Schedule{Incremental: every(40 * time.Minute), Full: every(7 * 24 * time.Hour)}

// A job begins with an initial cycle at once, goes on with incremental ones, and reads everything once a week.
func TestServe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		s := w.serve(daily)
		pass(time.Minute)
		if st := s.status(); st.LastGood == nil || st.LastGood.Kind != "initial" || st.Linked != 12 || st.State != "idle" {
			t.Errorf("after the first minute: %+v", st)
		}
		if c := s.status().LastGood.Counters; c["create"] != 12 || c["unchanged"] != 0 {
			t.Errorf("the first cycle counts %v", c)
		}
		w.dir.UpdateUser(w.people[0], map[string]any{"jobTitle": "Pilot"})
		pass(40 * time.Minute)
		if got := w.accountOf(w.people[0]).Title; got != "Pilot" {
			t.Errorf("the title is %q after the next cycle", got)
		}
		w.account.ResetRequests()
		pass(6 * 24 * time.Hour)
		if st := s.status(); st.LastGood.Kind != "incremental" || total(w.account.Requests()) != 0 {
			t.Errorf("within the week: %s, %v", st.LastGood.Kind, w.account.Requests())
		}
		pass(25 * time.Hour)
		if w.account.Requests()["GET /Users"] == 0 {
			t.Error("no full cycle in a week")
		}
		s.stop()
		// Started again, an overdue cycle comes at once and nothing is repeated.
		pass(3 * time.Hour)
		w.dir.UpdateUser(w.people[1], map[string]any{"jobTitle": "Navigator"})
		s = w.serve(daily)
		pass(time.Second)
		if got := w.accountOf(w.people[1]).Title; got != "Navigator" {
			t.Errorf("the title is %q after the start", got)
		}
		s.stop()
		w.settled()
	})
}

// A filter that asks for the date has everybody evaluated anew at the beginning of each day: somebody's first day comes
// without any change in the directory.
func TestDailyEvaluation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *setup) {
			s.people, s.groups = 3, 1
			s.filters = []filter.Group{{Name: "has begun", All: []filter.Clause{{Attribute: "employeeHireDate", Operator: "Less_Than_OR_EQUALS", Value: "today"}}}}
		})
		begins := time.Now().UTC().Truncate(24 * time.Hour)
		for i, id := range w.people {
			w.dir.UpdateUser(id, map[string]any{"employeeHireDate": begins.AddDate(0, 0, i).Format(time.RFC3339)})
		}
		s := w.serve(engine.Schedule{Incremental: every(7 * time.Hour), Full: every(7 * 24 * time.Hour)})
		for day := range 3 {
			pass(23 * time.Hour)
			if n := len(w.account.Users()); n != day+1 {
				t.Errorf("on day %d there are %d accounts", day, n)
			}
			pass(time.Hour)
		}
		s.stop()
	})
}

// A full cycle that fails is tried again in its turn.
func TestFullCycleThatFailsWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *setup) { s.people, s.groups = 3, 1 })
		s := w.serve(engine.Schedule{Incremental: every(40 * time.Minute), Full: every(3 * time.Hour)})
		pass(2*time.Hour + 50*time.Minute)
		w.dir.ResetRequests()
		var tries atomic.Int64
		w.dir.Fault(func(r *http.Request) *entratest.Fault {
			if strings.Contains(r.URL.Path, "/appRoleAssignedTo") {
				tries.Add(1)
				return &entratest.Fault{Status: http.StatusBadRequest}
			}
			return nil
		})
		pass(2 * time.Hour)
		if n := tries.Load(); n < 2 || n > 4 {
			t.Errorf("read %d times in two hours", n)
		}
		w.dir.Fault(nil)
		s.stop()
	})
}

// 5,000 creates wait at ten writes a minute; a leaver found meanwhile takes the next free place, whatever else waits,
// and the creates go on. No request is sent inside a penalty.
func TestLeaversFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *setup) {
			s.people, s.groups = 5, 2
			s.account.Limits, s.account.Now, s.account.Latency = ringcentraltest.DocumentedLimits(), time.Now, time.Second
			s.guard.Count = 1000
		})
		s := w.serve(engine.Schedule{Incremental: every(10 * time.Minute), Full: every(30 * 24 * time.Hour)})
		pass(5 * time.Minute)
		w.dir.Populate(5000, 3)
		pass(6 * time.Minute)
		if st := s.status(); st.Outbox["create"] < 4900 {
			t.Errorf("found: %v", st.Outbox)
		}
		leaver := w.accountOf(w.people[0])
		w.dir.UpdateUser(w.people[0], map[string]any{"accountEnabled": false})
		pass(10 * time.Minute)
		st := s.status()
		if st.Outbox["create"] < 4700 {
			t.Errorf("the creates did not wait: %v", st.Outbox)
		}
		// The first moment at which RingCentral took anything afterwards. Four are in flight, and who of them is first
		// on the wire does not matter.
		writes := w.account.Writes()
		i := slices.IndexFunc(writes, func(w ringcentraltest.Write) bool { return w.Time.After(st.LastCycle.Ended) })
		k := slices.IndexFunc(writes, func(w ringcentraltest.Write) bool { return w.Method == http.MethodPatch && w.ID == leaver.ID })
		if i < 0 || k < 0 || !writes[k].Time.Equal(writes[i].Time) || w.accountOf(w.people[0]).Active {
			t.Errorf("the leaver was found at %s and sent as number %d; the next free place was that of number %d of %d", st.LastCycle.Ended, k, i, len(writes))
		}
		made := len(w.account.Users())
		pass(30 * time.Minute)
		if n := len(w.account.Users()) - made; n < 280 || n > 310 {
			t.Errorf("%d creates in 30 minutes, the limit allows 300", n)
		}
		if n := w.account.EarlyRequests(); n != 0 {
			t.Errorf("%d requests inside a penalty", n)
		}
		s.stop()
	})
}

// A change that comes while an older one of the same person is on its way is sent after it, and not taken for sent.
func TestChangeWhileAnotherIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		s := w.serve(engine.Schedule{Incremental: every(10 * time.Second), Full: every(30 * 24 * time.Hour)})
		pass(5 * time.Second)
		w.account.Fault(func(r *http.Request) *ringcentraltest.Fault {
			if r.Method == http.MethodPatch && says(r, "First") {
				return &ringcentraltest.Fault{Delay: 25 * time.Second}
			}
			return nil
		})
		w.retitle(w.people[:1], "First")
		pass(10 * time.Second)
		if w.titled("First") != 1 || s.status().Outbox["update"] != 1 {
			t.Fatalf("the first change is not on its way: %v", s.status().Outbox)
		}
		w.retitle(w.people[:1], "Second")
		pass(time.Minute)
		if w.titled("Second") != 1 {
			t.Errorf("the title is %q", w.accountOf(w.people[0]).Title)
		}
		s.stop()
	})
}

// A served job takes requests for a cycle, and tells what came of them.
func TestRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		s := w.serve(daily)
		pass(time.Minute)
		w.dir.UpdateUser(w.people[0], map[string]any{"jobTitle": "Now"})
		w.leave(w.people[1])
		r, err := s.job.Request(t.Context(), engine.Full, 10)
		w.must(err)
		if r.Summary.Update != 1 || r.Summary.Disable != 1 || r.Summary.Unchanged != 10 || len(r.Changes) != 2 || r.Kind != "full" {
			t.Errorf("%+v %v", r.Summary, statuses(r))
		}
		s.stop()
		if _, err := s.job.Request(t.Context(), engine.Full, 10); err == nil {
			t.Error("a job that is not served took a request")
		}
	})
}

// A job that comes back after a time in which nothing went out reads before it sends what was decided then: somebody who
// was to be disabled may be back. With the directory down it sends all the same.
func TestReadsBeforeItSendsWhatIsOld(t *testing.T) {
	for _, test := range []struct {
		name     string
		down     bool
		disables int
	}{{"directory up", false, 0}, {"directory down", true, 1}} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, nil)
				s := w.serve(daily)
				pass(time.Minute)
				w.must(s.job.Pause(t.Context()))
				s.stop()
				w.dir.UpdateUser(w.people[0], map[string]any{"accountEnabled": false})
				w.sync() // finds the leaver, and is paused
				pass(time.Hour)
				w.dir.UpdateUser(w.people[0], map[string]any{"accountEnabled": true})
				if test.down {
					w.dir.Fault(func(*http.Request) *entratest.Fault { return entratest.Gateway(503) })
				}
				w.account.ResetRequests()
				s = w.serve(daily)
				w.must(s.job.Resume(t.Context()))
				pass(30 * time.Minute)
				disables := 0
				for _, write := range w.account.Writes() {
					if strings.Contains(string(write.Body), "false") {
						disables++
					}
				}
				if disables != test.disables {
					t.Errorf("%d disables", disables)
				}
				s.stop()
			})
		})
	}
}

// The status says when the outbox will be empty, by the limit of writes that the target has named.
func TestStatusForetellsWhenTheOutboxIsEmpty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *setup) { s.people = 100; s.account.Limits = ringcentraltest.DocumentedLimits() })
		s := w.serve(daily)
		pass(90 * time.Second)
		foretold := s.status().Drained
		if foretold == nil {
			t.Fatal("nothing is foretold")
		}
		pass(time.Until(*foretold) - 30*time.Second)
		if n := len(w.account.Users()); n == 100 {
			t.Error("the outbox was empty well before")
		}
		pass(time.Minute)
		if n := len(w.account.Users()); n != 100 {
			t.Errorf("%d accounts by then", n)
		}
		if at := s.status().Drained; at != nil {
			t.Errorf("an empty outbox is to be empty at %v", at)
		}
		s.stop()
	})
}

// A full cycle comes when it is due, however many others there were since the last one.
func TestFullIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.sync()
		db, err := bolt.Open(w.path, bolt.Options{})
		w.must(err)
		store := state.New(db)
		w.must(store.Bind(t.Context(), state.Identity{Tenant: w.dir.Tenant(), App: w.dir.AppID(), Target: "http://127.0.0.1:1/scim/v2"}, nil, nil))
		w.must(store.Update(t.Context(), func(tx *state.Tx) error {
			for range 1500 {
				if err := tx.PutCycle(&state.Cycle{Kind: "incremental", Started: time.Now(), Result: "succeeded"}); err != nil {
					return err
				}
			}
			return nil
		}))
		w.must(db.Close())
		w.account.ResetRequests()
		s := w.serve(engine.Schedule{Incremental: every(40 * time.Minute), Full: every(24 * time.Hour)})
		pass(23 * time.Hour)
		if n := w.account.Requests()["GET /Users"]; n > 0 {
			t.Error("a full cycle before its time")
		}
		pass(2 * time.Hour)
		if n := w.account.Requests()["GET /Users"]; n == 0 {
			t.Error("no full cycle")
		}
		s.stop()
	})
}

// A cycle that was cut off is made up for as soon as the job is served again.
func TestCycleCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		ctx, cancel := context.WithCancel(t.Context())
		w.dir.OnRequest(func(*http.Request) { cancel() })
		if _, err := w.trySync(ctx); err == nil {
			t.Fatal("the cycle came to its end")
		}
		w.dir.OnRequest(nil)
		s := w.serve(daily)
		pass(time.Second)
		if st := s.status(); st.Linked != 12 || st.LastGood == nil || st.LastGood.Kind != "initial" {
			t.Errorf("%+v", st)
		}
		s.stop()
		w.settled()
	})
}
