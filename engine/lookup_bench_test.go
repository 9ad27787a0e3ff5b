package engine_test

import (
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"ringsync/engine"
	"ringsync/state"
	"ringsync/state/bolt"
)

// What the pages of the web console ask for. RINGSYNC_BENCH_PEOPLE sets another number of people than 2,000, and there are
// ten log entries for each; the budget of a page is 100 ms with 100000.
func BenchmarkLookup(b *testing.B) {
	people := benchPeople()
	w := newWorld(b, func(s *setup) { s.people = 0 })
	db, err := bolt.Open(filepath.Join(b.TempDir(), "lookup.db"), bolt.Options{Create: true})
	w.must(err)
	defer db.Close()
	job, _ := w.job(db)
	store := state.New(db)
	w.must(store.Bind(b.Context(), state.Identity{Tenant: w.dir.Tenant(), App: w.dir.AppID(), Target: "http://127.0.0.1:1/scim/v2"},
		w.connect().mapping.Target().Names(), []string{"userName"}))
	fill(b, store, people, 10*people)
	if os.Getenv("RINGSYNC_BENCH_PEOPLE") != "" {
		b.Log(strconv.Itoa(people), "people")
	}
	last := member(people - 1)
	for _, ask := range []struct {
		name string
		do   func() error
	}{
		{"status", func() error { _, err := job.Status(b.Context()); return err }},
		{"people/all", func() error { _, err := job.Search(b.Context(), "", "", 50); return err }},
		{"people/id", func() error { _, err := job.Search(b.Context(), last.ID, "", 1); return err }},
		{"people/nobody", func() error { _, err := job.Search(b.Context(), "nobody", "", 50); return err }},
		{"person", func() error { _, err := job.Profile(b.Context(), last.ID); return err }},
		{"person/history", func() error { _, err := job.LogOf(b.Context(), last.ID, math.MaxUint64, 21); return err }},
		{"log/all", func() error { _, err := job.LogPage(b.Context(), engine.LogQuery{}, 50); return err }},
		{"log/nothing", func() error { _, err := job.LogPage(b.Context(), engine.LogQuery{Status: "warning"}, 50); return err }},
		{"log/since", func() error {
			_, err := job.LogPage(b.Context(), engine.LogQuery{Until: minuteOf(people)}, 50)
			return err
		}},
		{"held", func() error {
			_, _, err := job.Waiting(b.Context(), engine.Queue{Kind: engine.KindHeld, List: 1}, 50)
			return err
		}},
	} {
		b.Run(ask.name, func(b *testing.B) {
			for b.Loop() {
				w.must(ask.do())
			}
		})
	}
}
