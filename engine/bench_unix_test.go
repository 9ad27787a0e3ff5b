//go:build unix

package engine_test

import (
	"syscall"
	"testing"
	"time"

	"ringsync/mapping/filter"
	"ringsync/state/bolt"
)

// What scoping filters cost a full cycle: x/unfiltered is the ratio of processor time to the same cycle without
// any; the two take turns in one run, and time is the processor's because a busy machine stretches the clock. The budget is 1.10 for RINGSYNC_BENCH_PEOPLE=100000. Everybody passes by the last clause of the last
// group, so that all clauses are evaluated.
func BenchmarkFilteredCycle(b *testing.B) {
	people := benchPeople()
	w := newWorld(b, func(s *setup) { s.people, s.groups, s.account.NoJournal = people, 10, true })
	filters := []filter.Group{
		{Name: "nobody", All: []filter.Clause{
			{Attribute: "department", Operator: "NOT EQUALS", Value: "Astrology"},
			{Attribute: "userPrincipalName", Operator: "REGEX MATCH", Value: `^admin\.`},
		}},
		{Name: "everybody", All: []filter.Clause{
			{Attribute: "department", Operator: "IS NOT NULL"},
			{Attribute: "userPrincipalName", Operator: "Includes", Value: "@"},
			{Attribute: "accountEnabled", Operator: "IS TRUE"},
			{Attribute: "mail", Operator: "ENDS_WITH", Value: ".com"},
		}},
	}
	w.sync()
	var took [2]time.Duration
	cycle := func(which int, filters []filter.Group) {
		w.setup.filters = filters
		db, err := bolt.Open(w.path, bolt.Options{})
		w.must(err)
		job, target := w.job(db)
		began := processorTime(b)
		r, err := job.Sync(b.Context(), target, 0)
		took[which] += processorTime(b) - began
		w.must(err)
		w.must(db.Close())
		if r.Summary.Changes() != 0 || r.Summary.Unchanged != people {
			b.Fatalf("%+v", r.Summary)
		}
	}
	b.ReportAllocs()
	for b.Loop() { // in both orders, for the one before leaves its garbage to the other
		cycle(0, nil)
		cycle(1, filters)
		cycle(1, filters)
		cycle(0, nil)
	}
	b.ReportMetric(took[1].Seconds()/took[0].Seconds(), "x/unfiltered")
}

// processorTime is what this process has used so far, emulators included.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
