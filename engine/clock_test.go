package engine_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ringsync/connectors/entra/entratest"
	"ringsync/connectors/ringcentral/ringcentraltest"
	"ringsync/engine"
	"ringsync/mapping"
)

// cycles returns how many cycles there were.
func (s *served) cycles() int {
	last := s.status().LastCycle
	if last == nil {
		return 0
	}
	return int(last.Number)
}

// The clock on the wall may jump, as it does when a machine wakes or is set right: what was missed comes once, within a
// minute, and nothing comes in a storm. Timers know nothing of it.
func TestClockJumps(t *testing.T) {
	day := 24 * time.Hour
	for _, c := range []struct {
		name     string
		schedule engine.Schedule
		jump     time.Duration
		soon     int // cycles in the two minutes after the jump
		later    int // and in the four hours after these
	}{
		{"asleep for ten intervals", daily, 400 * time.Minute, 1, 6},
		{"asleep for a month", daily, 30 * day, 1, 6},
		{"asleep for less than is left", daily, 10 * time.Minute, 0, 6},
		{"set back by a minute", daily, -time.Minute, 0, 6},
		{"set back by a year", daily, -365 * day, 1, 6},
		{"set back by a year, with jitter", engine.Schedule{Incremental: daily.Incremental, Full: daily.Full, Jitter: func() float64 { return 0.5 }}, -365 * day, 1, 5},
		{"set ahead by a year", daily, 365 * day, 1, 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, func(s *setup) { s.people, s.groups = 3, 1 })
				s := w.serve(c.schedule)
				pass(20 * time.Minute)
				before := s.cycles()
				w.offset.Store(int64(c.jump))
				pass(2 * time.Minute)
				at := s.cycles()
				if got := at - before; got != c.soon {
					t.Errorf("%d cycles in two minutes, want %d", got, c.soon)
				}
				pass(4 * time.Hour)
				if got := s.cycles() - at; got != c.later {
					t.Errorf("%d cycles in the next four hours, want %d", got, c.later)
				}
				s.stop()
			})
		})
	}
}

// A quarantine that began in what is the future now is tried again, and not only when that has come.
func TestQuarantineAfterClockSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *setup) { s.people, s.groups = 3, 1 })
		w.offset.Store(int64(365 * 24 * time.Hour))
		w.dir.Fault(func(*http.Request) *entratest.Fault { return &entratest.Fault{Status: http.StatusUnauthorized} })
		s := w.serve(daily)
		pass(time.Minute)
		if s.status().Quarantine == nil {
			t.Fatal("no quarantine")
		}
		w.dir.Fault(nil)
		w.offset.Store(0)
		pass(2 * time.Minute)
		if st := s.status(); st.Quarantine != nil || st.Linked != 3 {
			t.Errorf("%+v", st)
		}
		s.stop()
	})
}

// The loop of a served job turns every minute; in a cycle it says that it is busy, however long that takes.
func TestTurned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *setup) { s.people, s.groups = 3, 1 })
		w.dir.Fault(func(*http.Request) *entratest.Fault { return &entratest.Fault{Delay: 30 * time.Second} })
		s := w.serve(daily)
		if at, busy, ok := s.job.Turned(); !ok || !busy || time.Since(at) != 0 {
			t.Errorf("in a cycle: %s %t %t", at, busy, ok)
		}
		pass(30 * time.Minute)
		if at, busy, ok := s.job.Turned(); !ok || busy || time.Since(at) > time.Minute {
			t.Errorf("idle: %s ago, %t %t", time.Since(at), busy, ok)
		}
		s.stop()
		if _, _, ok := s.job.Turned(); ok {
			t.Error("it turns although nobody serves it")
		}
	})
}

// A reload lifts a quarantine, and says so; what was refused is told too.
func TestReloadedLiftsQuarantine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *setup) { s.people, s.groups = 3, 1 })
		w.dir.Fault(func(*http.Request) *entratest.Fault { return &entratest.Fault{Status: http.StatusUnauthorized} })
		s := w.serve(daily)
		pass(time.Minute)
		if s.status().Quarantine == nil {
			t.Fatal("no quarantine")
		}
		ctx := engine.WithActor(t.Context(), "ada")
		w.must(s.job.Refused(ctx, "contoso.yaml:2:1: unknown key"))
		if s.status().Quarantine == nil {
			t.Error("what is refused lifts the quarantine")
		}
		w.dir.Fault(nil)
		w.must(s.job.Reloaded(ctx, map[string]engine.Setting{"job": {Value: "contoso"}}))
		pass(time.Second)
		if st := s.status(); st.Quarantine != nil || st.Linked != 3 {
			t.Errorf("%+v", st)
		}
		var told []string
		entries, err := s.job.Log(t.Context(), 0, 1000)
		w.must(err)
		for _, e := range entries {
			if e.By == "ada" {
				told = append(told, e.Status+": "+e.Reason)
			}
		}
		if want := []string{"failure: configuration refused: contoso.yaml:2:1: unknown key", "success: reloaded in quarantine: tried again at once, quarantine: source"}; !slices.Equal(told, want) {
			t.Errorf("the log has %q", told)
		}
		w.must(s.job.Reloaded(ctx, map[string]engine.Setting{"job": {Value: "contoso"}})) // which has nothing to tell
		s.stop()
	})
}

const year = 365 * 24 * time.Hour

// threeADay lets three removals of twelve people pass.
func threeADay(s *setup) { s.guard = engine.Guard{Count: 3, Percent: 100, From: 1} }

// A clock that jumps does not empty the 24 hours in which removals count (safety rule S3): neither while the job is served,
// nor between two runs, which have only the directory to tell them.
func TestRemovalsCountWhateverTheClockSays(t *testing.T) {
	for name, jump := range map[string]time.Duration{"ahead": 48 * time.Hour, "ahead by a year": year, "back": -48 * time.Hour, "not": 0} {
		t.Run(name+", served", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, threeADay)
				s := w.serve(daily)
				pass(time.Minute)
				for _, id := range w.people[:3] {
					w.dir.UpdateUser(id, map[string]any{"accountEnabled": false})
				}
				pass(40 * time.Minute)
				if st := s.status(); st.Active != 9 || len(st.Held) != 0 {
					t.Fatalf("%+v", st)
				}
				w.offset.Store(int64(jump))
				w.dir.UpdateUser(w.people[3], map[string]any{"accountEnabled": false})
				pass(41 * time.Minute)
				if st := s.status(); st.Active != 9 || len(st.Held) != 1 {
					t.Errorf("a fourth removal within the hour: %+v", st)
				}
				w.offset.Store(0)
				w.dir.UpdateUser(w.people[4], map[string]any{"accountEnabled": false})
				pass(41 * time.Minute)
				if st := s.status(); st.Active != 9 {
					t.Errorf("a fifth once the clock is right again: %+v", st)
				}
				s.stop()
			})
		})
		t.Run(name+", between two runs", func(t *testing.T) {
			w := newWorld(t, threeADay)
			w.sync()
			for _, id := range w.people[:3] {
				w.dir.UpdateUser(id, map[string]any{"accountEnabled": false})
			}
			if r := w.sync(); r.Summary.Disable != 3 {
				t.Fatalf("%+v", r.Summary)
			}
			w.offset.Store(int64(jump))
			w.dir.UpdateUser(w.people[3], map[string]any{"accountEnabled": false})
			r := w.sync()
			if r.Summary.Held != 1 || r.Summary.Disable != 0 {
				t.Errorf("a fourth removal: %+v", r.Summary)
			}
			if told := slices.ContainsFunc(r.Warnings, func(w string) bool { return strings.Contains(w, "this machine's clock is ") }); told != (jump != 0) {
				t.Errorf("warnings: %q", r.Warnings)
			}
		})
	}
}

// What a wrong clock has dated into the future, where nobody could tell, counts for a day from when that shows, and not
// until that future comes.
func TestRemovalsOfTheFutureDoNotCountForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *setup) { threeADay(s); s.deaf = true })
		w.sync()
		w.offset.Store(int64(year))
		for _, id := range w.people[:3] {
			w.dir.UpdateUser(id, map[string]any{"accountEnabled": false})
		}
		if r := w.sync(); r.Summary.Disable != 3 {
			t.Fatalf("%+v", r.Summary)
		}
		w.offset.Store(0)
		w.sync()
		pass(23 * time.Hour)
		w.dir.UpdateUser(w.people[3], map[string]any{"accountEnabled": false})
		if r := w.sync(); r.Summary.Held != 1 {
			t.Errorf("within a day: %+v", r.Summary)
		}
		pass(2 * time.Hour)
		w.dir.UpdateUser(w.people[4], map[string]any{"accountEnabled": false})
		if r := w.sync(); r.Summary.Disable != 1 {
			t.Errorf("after a day: %+v", r.Summary)
		}
	})
}

// A clock that is ahead drops nothing of the log that is not old, and dates nothing wrongly.
func TestLogWhateverTheClockSays(t *testing.T) {
	for name, jump := range map[string]time.Duration{"ahead": year, "back": -year} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, func(s *setup) { s.logbook.Keep = 90 * 24 * time.Hour })
				s := w.serve(daily)
				pass(time.Minute)
				w.offset.Store(int64(jump))
				w.dir.UpdateUser(w.people[0], map[string]any{"jobTitle": "Pilot"})
				pass(81 * time.Minute)
				entries, err := s.job.Log(t.Context(), 0, 100)
				w.must(err)
				if len(entries) != 13 {
					t.Errorf("%d entries are kept of 13", len(entries))
				}
				for _, e := range entries {
					if age := time.Since(e.Time); age < 0 || age > 2*time.Hour {
						t.Errorf("entry %d is dated %s", e.Sequence, e.Time)
					}
				}
				s.stop()
				// Started anew, nobody has heard the directory yet.
				w.dir.Fault(func(*http.Request) *entratest.Fault { return &entratest.Fault{Drop: true} })
				if _, err := w.trySync(t.Context()); err == nil {
					t.Fatal("nobody answers, and that is no error")
				}
				w.dir.Fault(nil)
				w.offset.Store(0)
				s = w.serve(daily)
				pass(time.Second)
				if entries, err := s.job.Log(t.Context(), 0, 100); err != nil || len(entries) < 13 || entries[0].Sequence != 1 {
					t.Errorf("%d entries are kept, %v", len(entries), err)
				}
				s.stop()
			})
		})
	}
}

// A mapping asks the directory's clock what day it is when this machine's is wrong.
func TestTodayWhateverTheClockSays(t *testing.T) {
	w := newWorld(t, func(s *setup) {
		s.rules = func(rules []mapping.Rule) []mapping.Rule {
			rules[5] = mapping.Rule{Target: "title", Expression: `FormatDateTime(Now(), , "M/d/yyyy h:mm:ss tt", "yyyy")`}
			return rules
		}
	})
	w.offset.Store(int64(2 * year))
	w.sync()
	if got, want := w.accountOf(w.people[0]).Title, time.Now().UTC().Format("2006"); got != want {
		t.Errorf("the year is %s, not %s", want, got)
	}
}

// A job in quarantine is not given up because a clock jumps.
func TestQuarantineIsNotGivenUpByTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *setup) { s.people, s.groups = 3, 1 })
		w.dir.Fault(func(*http.Request) *entratest.Fault { return &entratest.Fault{Status: http.StatusUnauthorized} })
		s := w.serve(daily)
		pass(time.Minute)
		w.offset.Store(int64(40 * 24 * time.Hour))
		pass(time.Hour)
		if q := s.status().Quarantine; q == nil || q.Next.IsZero() {
			t.Fatalf("after a jump of forty days: %+v", q)
		}
		w.dir.Fault(nil)
		pass(24 * time.Hour)
		if st := s.status(); st.Quarantine != nil || st.Linked != 3 {
			t.Errorf("%+v", st)
		}
		s.stop()
	})
}

// Nobody stays in escrow for longer than a day because a clock was ahead when they were put there.
func TestEscrowOfTheFuture(t *testing.T) {
	w := newWorld(t, func(s *setup) { s.deaf = true })
	w.sync()
	w.dir.UpdateUser(w.people[0], map[string]any{"jobTitle": "Pilot"})
	w.account.Fault(func(r *http.Request) *ringcentraltest.Fault {
		if r.Method != http.MethodPatch {
			return nil
		}
		return &ringcentraltest.Fault{Status: http.StatusBadRequest}
	})
	w.offset.Store(int64(year))
	for range 20 { // so that it has failed often enough to be put aside for many cycles
		w.sync()
	}
	w.account.Fault(nil)
	w.offset.Store(0)
	w.sync()
	if got := w.accountOf(w.people[0]).Title; got != "Pilot" {
		t.Errorf("the title is %q", got)
	}
}
