package engine_test

import (
	"bytes"
	"net/http"
	"runtime/pprof"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ringsync/connectors/entra/entratest"
	"ringsync/engine"
)

// exporting counts the goroutines that send what jobs have to send.
func exporting(t *testing.T) int {
	var stacks bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&stacks, 2); err != nil {
		t.Fatal(err)
	}
	n := 0
	for stack := range strings.SplitSeq(stacks.String(), "\n\n") {
		if strings.Contains(stack, "engine.(*exporter)") {
			n++
		}
	}
	return n
}

// A job that has nothing to send has no goroutine for it, and sends at once when there is something: what a cycle finds,
// and what somebody approves.
func TestExporterRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *setup) { s.guard = engine.Guard{Count: 1} })
		s := w.serve(daily)
		defer s.stop()
		pass(5 * time.Second)
		if n, linked := exporting(t), s.status().Linked; n != 0 || linked != 12 {
			t.Fatalf("after the initial cycle %d goroutines are exporting, and %d people are linked", n, linked)
		}
		w.dir.UpdateUser(w.people[0], map[string]any{"accountEnabled": false})
		w.dir.UpdateUser(w.people[1], map[string]any{"accountEnabled": false})
		w.dir.UpdateUser(w.people[2], map[string]any{"jobTitle": "Pilot"})
		pass(40 * time.Minute)
		if got := w.accountOf(w.people[2]).Title; got != "Pilot" || exporting(t) != 0 {
			t.Errorf("after a cycle the title is %q, and %d goroutines are exporting", got, exporting(t))
		}
		if n := len(s.status().Held); n != 1 {
			t.Fatalf("%d lists are held", n)
		}
		if _, err := s.job.Approve(t.Context(), 1, nil); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		if w.accountOf(w.people[0]).Active || w.accountOf(w.people[1]).Active || exporting(t) != 0 {
			t.Errorf("a second after the approval: %+v, and %d goroutines are exporting", s.status(), exporting(t))
		}
	})
}

// Of jobs that are all overdue only so many begin a cycle at a time. One that a service keeps waiting gives its place up.
func TestCyclesTakePlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := daily
		shared.Places = make(chan struct{}, 1)
		hangs := newWorld(t, nil)
		hangs.dir.Fault(func(*http.Request) *entratest.Fault { return &entratest.Fault{Delay: time.Minute} })
		first := hangs.serve(shared)
		defer first.stop()
		waits := newWorld(t, nil)
		second := waits.serve(shared)
		defer second.stop()
		pass(5 * time.Second)
		if n := len(waits.account.Users()); n != 0 || first.status().State != "reading" {
			t.Fatalf("with one place there are %d accounts of the second job while the first is %s", n, first.status().State)
		}
		if _, busy, serving := second.job.Turned(); busy || !serving {
			t.Error("a job that waits for a place seems to be in a cycle")
		}
		pass(6 * time.Second)
		if n := len(waits.account.Users()); n != 12 || first.status().State != "reading" {
			t.Errorf("once the place was given up there are %d accounts of the second job, and the first is %s", n, first.status().State)
		}
		// Whoever asks for a cycle does not wait for a place.
		shared.Places <- struct{}{}
		waits.dir.UpdateUser(waits.people[0], map[string]any{"jobTitle": "Pilot"})
		if _, err := second.job.Request(t.Context(), engine.Full, 0); err != nil || waits.accountOf(waits.people[0]).Title != "Pilot" {
			t.Errorf("a cycle that was asked for: %v, title %q", err, waits.accountOf(waits.people[0]).Title)
		}
		<-shared.Places
		hangs.dir.Fault(nil)
		pass(10 * time.Minute)
		if n := len(hangs.account.Users()); n != 12 {
			t.Errorf("%d accounts of the first job when its service is back", n)
		}
	})
}
