package bolt_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"ringsync/connectors"
	"ringsync/state"
	"ringsync/state/bolt"
)

var errEnough = errors.New("measured, not to be kept")

// What questions to a long log cost: RINGSYNC_BENCH_LOG sets another number of entries than 20,000. Each person has ten.
func BenchmarkLog(b *testing.B) {
	entries := 20_000
	if n, err := strconv.Atoi(os.Getenv("RINGSYNC_BENCH_LOG")); err == nil {
		entries = n
	}
	db := open(b, filepath.Join(b.TempDir(), "contoso.db"), bolt.Options{Create: true})
	s := bound(b, db)
	begun := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	person := func(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012x", n%(entries/10)*7919) }
	for n := 0; n < entries; {
		if err := s.Update(b.Context(), func(tx *state.Tx) error {
			for range 2000 {
				id := person(n)
				err := tx.AppendLog(&state.LogEntry{
					Time: begun.Add(time.Duration(n) * time.Second), Cycle: "5d0c5c53-6d5c-4b0e-9f4b-3c8d8f1b2a10", Change: "5d0c5c53/" + id + "/1",
					Action: "update", Status: "success", Reason: "differs in title", Duration: 5 * time.Millisecond,
					Source:   state.SourceRef{ID: id, UserPrincipalName: fmt.Sprintf("p%d@contoso.com", n), DisplayName: "Pat Smith"},
					Target:   state.TargetRef{ID: strconv.Itoa(n), UserName: fmt.Sprintf("p%d@contoso.com", n)},
					Modified: []state.Modified{{Name: "title", Old: connectors.StringValue("Engineer"), New: connectors.StringValue("Director")}},
					Steps:    []state.Step{{Type: "scoping", Status: "success", Description: "in scope"}},
				})
				if err != nil {
					return err
				}
				n++
			}
			return nil
		}); err != nil {
			b.Fatal(err)
		}
	}
	bytes := float64(db.Size()) / float64(entries)
	for _, question := range []struct {
		name string
		ask  func(*state.View) (found int, err error)
		want int
	}{
		{"last 50", func(v *state.View) (n int, err error) {
			for range v.LastLog(50) {
				n++
			}
			return n, nil
		}, 50},
		{"of a person", func(v *state.View) (int, error) {
			found, err := v.LogOf(person(entries/2), v.LogEnd()+1, 50)
			return len(found), err
		}, 10},
		{"since a time", func(v *state.View) (n int, err error) {
			for range v.Log(v.LogSince(begun.Add(time.Duration(entries-50) * time.Second))) {
				n++
			}
			return n, nil
		}, 50},
		{"a page from the middle", func(v *state.View) (int, error) {
			found, _ := v.LogBack(uint64(entries/2), 50)
			return len(found), nil
		}, 50},
	} {
		b.Run(question.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				viewed(b, s, func(v *state.View) error {
					n, err := question.ask(v)
					if err == nil && n != question.want {
						err = fmt.Errorf("%d entries", n)
					}
					return err
				})
			}
			b.ReportMetric(bytes, "file-B/entry")
		})
	}
	b.Run("drop the oldest 500", func(b *testing.B) {
		for b.Loop() {
			err := s.Update(b.Context(), func(tx *state.Tx) error {
				if n, err := tx.TrimLog(begun.Add(time.Hour), begun.Add(24*365*time.Hour), 0, 500); err != nil || n != 500 {
					return fmt.Errorf("%d dropped: %w", n, err)
				}
				return errEnough
			})
			if !errors.Is(err, errEnough) {
				b.Fatal(err)
			}
		}
	})
}
