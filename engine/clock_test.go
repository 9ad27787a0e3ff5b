package engine_test

import (
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"ringsync/connectors/entra/entratest"
	"ringsync/engine"
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
