package engine_test

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ringsync/connectors/ringcentral/ringcentraltest"
	"ringsync/engine"
	"ringsync/state"
)

// fullDisk is a state that has no room while it is full. Small changes go in all the same if there is a gap.
type fullDisk struct {
	state.DB
	full, gap atomic.Bool
	tight     atomic.Bool // what the state is tried with goes in, and nothing else
}

// Update meets state.DB: like a file's, the function has run by the time that the disk says no.
func (d *fullDisk) Update(ctx context.Context, fn func(state.Writer) error) error {
	if !d.full.Load() {
		return d.DB.Update(ctx, fn)
	}
	m := &measured{}
	err := d.DB.Update(ctx, func(w state.Writer) error {
		m.Writer = w
		if err := fn(m); err != nil {
			return err
		}
		if d.tight.Load() && (m.bytes > 200_000 || m.bytes < 10) {
			return nil
		}
		if m.bytes > 1024 || !d.gap.Load() {
			return &state.UnwritableError{What: "state file contoso.db", Remedy: "make room", Err: context.DeadlineExceeded}
		}
		return nil
	})
	return err
}

type measured struct {
	state.Writer
	bytes int
}

func (m *measured) Put(space state.Space, key, value []byte) error {
	m.bytes += len(value)
	return m.Writer.Put(space, key, value)
}

func (s *served) requests() (n int) {
	for _, requests := range []map[string]int{s.dir.Requests(), s.account.Requests()} {
		for n1 := range maps.Values(requests) {
			n += n1
		}
	}
	return n
}

// onDisk serves a job that has everybody in its state, on a disk of the test's.
func onDisk(t *testing.T, change func(*setup)) (*served, *fullDisk) {
	w := newWorld(t, change)
	w.disk = &fullDisk{}
	s := w.serve(daily)
	pass(time.Minute)
	if st := s.status(); st.Linked != 12 || st.Unwritable != nil {
		t.Fatalf("%+v", st)
	}
	w.account.ResetRequests()
	w.dir.ResetRequests()
	return s, w.disk
}

// On a full disk no service is asked for anything, for however long; once there is room, the cycle that was due comes,
// and what has happened meanwhile goes out.
func TestNothingIsAskedOnAFullDisk(t *testing.T) {
	for name, gap := range map[string]bool{"not a byte goes in": false, "small changes go in": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, d := onDisk(t, nil)
				d.full.Store(true)
				d.gap.Store(gap)
				pass(41 * time.Minute) // the next cycle finds that it cannot be written down
				s.dir.UpdateUser(s.people[0], map[string]any{"accountEnabled": false})
				s.dir.UpdateUser(s.people[1], map[string]any{"jobTitle": "Pilot"})
				if gap { // an incremental cycle that finds nothing is small
					pass(40 * time.Minute)
				}
				before := s.requests()
				pass(2 * time.Hour)
				if st := s.status(); st.State != "blocked" || st.Unwritable == nil || time.Since(st.Unwritable.Since) < 2*time.Hour {
					t.Errorf("%s, %+v", st.State, st.Unwritable)
				}
				if n := s.requests() - before; n != 0 {
					t.Errorf("%d requests in two hours on a full disk", n)
				}
				if _, err := s.job.Request(t.Context(), engine.Full, 0); !isUnwritable(err) {
					t.Errorf("a cycle that somebody asks for: %v", err)
				}
				if _, err := s.job.Provision(t.Context(), s.target, s.people[:1]); !isUnwritable(err) {
					t.Errorf("a person whom somebody asks for: %v", err)
				}
				d.full.Store(false)
				pass(10 * time.Second)
				if st := s.status(); st.Unwritable != nil || st.State != "idle" {
					t.Errorf("with room: %+v", st)
				}
				if a, b := s.accountOf(s.people[0]), s.accountOf(s.people[1]); a.Active || b.Title != "Pilot" {
					t.Errorf("with room: %+v, %+v", a, b)
				}
				s.stop()
			})
		})
	}
}

// After a time on a full disk, what was decided before it is out of date: the cycle that has come due goes first, and whoever
// is back by then keeps their phone.
func TestCycleComesBeforeAnOldOutbox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d := onDisk(t, func(s *setup) { s.concurrency, s.account.Latency = 1, time.Second })
		var sent []string
		s.account.Fault(func(r *http.Request) *ringcentraltest.Fault {
			if r.Method == http.MethodPatch {
				if len(sent) == 0 {
					d.full.Store(true)
				}
				sent = append(sent, r.PathValue("id"))
			}
			return nil
		})
		leavers := s.people[:6]
		for _, id := range leavers {
			s.leave(id)
		}
		pass(40 * time.Minute)
		if st := s.status(); st.Unwritable == nil || st.Outbox["remove"] == 0 {
			t.Fatalf("nobody waits on a full disk: %+v", st)
		}
		before := len(sent)
		for _, id := range leavers {
			s.dir.AddMember(s.groups[0], id)
		}
		pass(2 * time.Hour)
		d.full.Store(false)
		pass(5 * time.Minute)
		if st := s.status(); st.Unwritable != nil || st.Active != 12 {
			t.Errorf("with room: %+v", st)
		}
		if n := len(sent) - before; n > before {
			t.Errorf("%d writes with room, for the %d before: somebody who was back lost their phone in between", n, before)
		}
		s.stop()
	})
}

func isUnwritable(err error) bool {
	_, ok := errors.AsType[*state.UnwritableError](err)
	return ok
}

// What the target has acknowledged when the disk fills up is known once there is room, is not sent again, and counts once:
// as a change, and as a try that has failed (safety rule S4). Nobody else is sent meanwhile.
func TestResultsWaitForRoom(t *testing.T) {
	for name, status := range map[string]int{"acknowledged": 0, "failed": http.StatusServiceUnavailable} {
		t.Run(name, func(t *testing.T) {
			patches := func(t *testing.T, full bool) (n, entries int) {
				synctest.Test(t, func(t *testing.T) {
					s, d := onDisk(t, func(s *setup) { s.retryBase, s.concurrency, s.account.Latency = time.Second, 1, time.Second })
					s.account.Fault(func(r *http.Request) *ringcentraltest.Fault {
						if r.Method != http.MethodPatch {
							return nil
						}
						if n++; n == 1 {
							d.full.Store(full)
						}
						if status == 0 {
							return nil
						}
						return &ringcentraltest.Fault{Status: status, Delay: time.Second}
					})
					for _, id := range s.people[:4] {
						s.dir.UpdateUser(id, map[string]any{"accountEnabled": false})
					}
					pass(40 * time.Minute)
					if st := s.status(); full && st.Unwritable == nil {
						t.Errorf("%+v", st)
					}
					if full && n > 2 { // one that was on its way while the first was being written down
						t.Errorf("%d requests before there is room", n)
					}
					d.full.Store(false)
					pass(time.Minute)
					log, err := s.job.LogOf(t.Context(), s.people[0], 1<<63, 100)
					s.must(err)
					entries = len(log)
					if st := s.status(); status == 0 && st.Active != 8 {
						t.Errorf("%+v", st)
					}
					s.stop()
				})
				return n, entries
			}
			n, entries := patches(t, true)
			if usual, told := patches(t, false); n != usual || entries != told {
				t.Errorf("%d requests and %d entries of the log where a full disk came between, %d and %d otherwise", n, entries, usual, told)
			}
		})
	}
}

// There may be room for what the state is tried with and none for the results in hand. Nothing more is sent then, either.
func TestResultsInHandComeFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d := onDisk(t, func(s *setup) { s.concurrency, s.account.Latency = 1, time.Second })
		d.tight.Store(true)
		n := 0
		s.account.Fault(func(r *http.Request) *ringcentraltest.Fault {
			if r.Method == http.MethodPatch {
				n++
				d.full.Store(true)
			}
			return nil
		})
		for _, id := range s.people[:6] {
			s.dir.UpdateUser(id, map[string]any{"accountEnabled": false})
		}
		pass(2 * time.Hour)
		if n == 0 || n > 2 {
			t.Errorf("%d requests before there is room", n)
		}
		s.account.Fault(nil)
		d.full.Store(false)
		pass(time.Minute)
		if st := s.status(); st.Active != 6 {
			t.Errorf("%+v", st)
		}
		s.stop()
	})
}
