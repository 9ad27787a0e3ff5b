package bolt_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"ringsync/connectors"
	"ringsync/state"
	"ringsync/state/bolt"
	"ringsync/state/statetest"
)

const inOneUpdate = 500 // people

func bound(t testing.TB, db state.DB) *state.Store {
	t.Helper()
	s := state.New(db)
	id := state.Identity{Tenant: "tenant", App: "app", Target: "target"}
	if err := s.Bind(t.Context(), id, statetest.Attributes[:], []string{"userName"}); err != nil {
		t.Fatal(err)
	}
	return s
}

// fill stores n people, then lets some of them be written to again, as daily life does, so that pages are as full as
// they are in the long run. One in a hundred is queued.
func fill(t testing.TB, s *state.Store, n int) {
	t.Helper()
	put := func(from, step int, change func(*state.Person)) {
		for from < n {
			if err := s.Update(t.Context(), func(tx *state.Tx) error {
				for range inOneUpdate {
					if from >= n {
						break
					}
					p := statetest.Person(from)
					change(p)
					if err := tx.PutPerson(p); err != nil {
						return err
					}
					from += step
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
	put(0, 1, func(*state.Person) {})
	put(0, 100, func(p *state.Person) {
		p.Generation++
		p.Attribute("title").Want = connectors.StringValue("Retail Manager")
		p.Class, p.Due = state.ClassUpdate, p.LastWrite.Add(time.Hour)
	})
}

// usage is what a person takes: bytes in use in the pages of everything that grows with people, and whole pages.
func usage(t testing.TB, path string, people int) (live, pages float64) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if err := db.View(func(tx *bbolt.Tx) error {
		for _, space := range []state.Space{state.SpacePeople, state.SpaceByTarget, state.SpaceByMatch, state.SpaceOutbox} {
			s := tx.Bucket([]byte{byte(space)}).Stats()
			live += float64(s.LeafInuse + s.BranchInuse)
			pages += float64(s.LeafAlloc + s.BranchAlloc)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return live / float64(people), pages / float64(people)
}

// The budget is 600 live bytes a person; a page's own header and the indexes count.
func TestLiveBytes(t *testing.T) {
	const people = 5000
	db := open(t, filepath.Join(t.TempDir(), "contoso.db"), bolt.Options{Create: true})
	fill(t, bound(t, db), people)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	live, pages := usage(t, db.Path(), people)
	t.Logf("%.0f live bytes a person, %.0f in pages", live, pages)
	if live > 600 {
		t.Errorf("a person takes %.0f live bytes, more than 600", live)
	}
}

func BenchmarkPutPerson(b *testing.B) {
	db := open(b, filepath.Join(b.TempDir(), "contoso.db"), bolt.Options{Create: true})
	s := bound(b, db)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if err := s.Update(b.Context(), func(tx *state.Tx) error {
			for range inOneUpdate {
				if err := tx.PutPerson(statetest.Person(n)); err != nil {
					return err
				}
				n++
			}
			return nil
		}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/person")
}

func BenchmarkHundredThousand(b *testing.B) {
	const people = 100_000
	path := filepath.Join(b.TempDir(), "contoso.db")
	db := open(b, path, bolt.Options{Create: true})
	fill(b, bound(b, db), people)
	size := float64(db.Size()) / people
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
	live, pages := usage(b, path, people)
	db = open(b, path, bolt.Options{})
	s := bound(b, db)

	b.Run("people", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			viewed(b, s, func(v *state.View) error {
				n := 0
				for _, err := range v.People("") {
					if err != nil {
						return err
					}
					n++
				}
				if n != people {
					return fmt.Errorf("%d people", n)
				}
				return nil
			})
		}
		b.ReportMetric(live, "live-B/person")
		b.ReportMetric(pages, "page-B/person")
		b.ReportMetric(size, "file-B/person")
	})
	b.Run("due", func(b *testing.B) {
		b.ReportAllocs()
		now := time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
		for b.Loop() {
			viewed(b, s, func(v *state.View) error {
				n := 0
				for e := range v.Due(state.ClassUpdate, now) {
					p, err := v.Person(e.ID)
					if err != nil || p == nil {
						return fmt.Errorf("%s: %w", e.ID, err)
					}
					if n++; n == 16 { // as many as are in flight
						break
					}
				}
				return nil
			})
		}
	})
	b.Run("nothing due", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			viewed(b, s, func(v *state.View) error {
				for range v.Due(state.ClassCreate, time.Unix(0, 0)) {
					return fmt.Errorf("something is due")
				}
				_ = v.Counts()
				return nil
			})
		}
	})
}

func viewed(b *testing.B, s *state.Store, fn func(*state.View) error) {
	b.Helper()
	if err := s.View(b.Context(), fn); err != nil {
		b.Fatal(err)
	}
}

// Opened for writing, a file is read whole; its structure is a small part of that.
func BenchmarkOpen(b *testing.B) {
	const people = 100_000
	path := filepath.Join(b.TempDir(), "contoso.db")
	db := open(b, path, bolt.Options{Create: true})
	fill(b, bound(b, db), people)
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
	for name, options := range map[string]bolt.Options{"for writing": {}, "for reading": {ReadOnly: true}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				db, err := bolt.Open(path, options)
				if err != nil {
					b.Fatal(err)
				}
				if err := db.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
