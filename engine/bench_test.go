package engine_test

import (
	"os"
	"strconv"
	"testing"

	"ringsync/engine"
	"ringsync/state/bolt"
)

func benchPeople() int {
	if n, err := strconv.Atoi(os.Getenv("RINGSYNC_BENCH_PEOPLE")); err == nil {
		return n
	}
	return 2000
}

// What a cycle costs when nothing has changed. RINGSYNC_BENCH_PEOPLE sets another number of linked people than 2,000;
// the budget of the incremental cycle is for 100000. Emulators and connectors are in the figures.
func BenchmarkUnchanged(b *testing.B) {
	people := benchPeople()
	w := newWorld(b, func(s *setup) { s.people, s.groups, s.account.NoJournal = people, 10, true })
	w.sync()
	for _, kind := range []engine.Kind{engine.Full, engine.Incremental} {
		b.Run(string(kind), func(b *testing.B) {
			db, err := bolt.Open(w.path, bolt.Options{})
			w.must(err)
			defer db.Close()
			job, target := w.job(db)
			w.dir.ResetRequests()
			w.account.ResetRequests()
			cycles := 0
			b.ReportAllocs()
			for b.Loop() {
				r, err := job.Cycle(b.Context(), target, kind, 0)
				w.must(err)
				if r.Summary.Changes() != 0 || r.Kind != string(kind) {
					b.Fatalf("%s: %+v", r.Kind, r.Summary)
				}
				cycles++
			}
			b.ReportMetric(float64(sent(w.dir.Requests()))/float64(cycles), "source-requests/op")
			b.ReportMetric(float64(total(w.account.Requests()))/float64(cycles), "target-requests/op")
		})
	}
}
