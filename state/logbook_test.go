package state_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"ringsync/state"
	"ringsync/state/statetest"
)

// minute is when entry n of a logbook was made.
func minute(n int) time.Time { return time.Date(2026, 3, 1, 0, n, 0, 0, time.UTC) }

// logbook returns a store whose log has n entries of the same size, a minute apart, by turns of a, ab and nobody.
func logbook(t *testing.T, n int) (*state.Store, state.DB) {
	t.Helper()
	db := state.NewOverlay(nil)
	s := bound(t, db)
	update(t, s, func(tx *state.Tx) (err error) {
		for i := range n {
			id := []string{"a", "ab", ""}[i%3]
			err = errors.Join(err, tx.AppendLog(&state.LogEntry{
				Time: minute(i + 1), Source: state.SourceRef{ID: id}, Reason: fmt.Sprintf("%03d%*s", i, 40-len(id), ""),
			}))
		}
		return err
	})
	return s, db
}

// kept returns the numbers of the first and last entry of the log, and how many there are.
func kept(t *testing.T, s *state.Store) (first, last uint64, n int) {
	t.Helper()
	view(t, s, func(v *state.View) {
		for e, err := range v.Log(0) {
			if err != nil {
				t.Error(err)
			}
			if n++; n == 1 {
				first = e.Sequence
			}
			last = e.Sequence
		}
	})
	return first, last, n
}

func trim(t *testing.T, s *state.Store, before time.Time, size uint64, most int) (dropped int) {
	t.Helper()
	update(t, s, func(tx *state.Tx) (err error) {
		dropped, err = tx.TrimLog(before, time.Unix(1<<40, 0), size, most)
		return err
	})
	return dropped
}

func due(t *testing.T, s *state.Store, before time.Time, size uint64) (due bool) {
	t.Helper()
	view(t, s, func(v *state.View) { due = v.LogDue(before, time.Unix(1<<40, 0), size) })
	return due
}

func TestTrimLogByAge(t *testing.T) {
	s, _ := logbook(t, 90)
	if due(t, s, minute(1), 0) || trim(t, s, minute(1), 0, 9) != 0 {
		t.Error("an entry goes at the moment itself, not after it")
	}
	if due(t, s, time.Time{}, 0) || trim(t, s, time.Time{}, 0, 9) != 0 {
		t.Error("without a limit something goes")
	}
	// One transaction drops no more than it is told to.
	for _, want := range []int{9, 9, 2, 0} {
		if isDue := due(t, s, minute(21), 0); isDue != (want > 0) {
			t.Errorf("before %d are dropped, due is %t", want, isDue)
		}
		if got := trim(t, s, minute(21), 0, 9); got != want {
			t.Errorf("%d dropped, want %d", got, want)
		}
	}
	if first, last, n := kept(t, s); first != 21 || last != 90 || n != 70 {
		t.Errorf("kept are %d entries from %d to %d", n, first, last)
	}
	// Numbers are never given twice, even if nothing is left.
	if got := trim(t, s, minute(1000), 0, 1000); got != 70 {
		t.Errorf("%d dropped, want 70", got)
	}
	e := state.LogEntry{Time: minute(91)}
	update(t, s, func(tx *state.Tx) error { return tx.AppendLog(&e) })
	view(t, s, func(v *state.View) {
		if e.Sequence != 91 || v.LogEnd() != 91 {
			t.Errorf("the next entry is %d, the end %d", e.Sequence, v.LogEnd())
		}
	})
}

// Entries dated by a clock that was ahead are as old as what follows them: they keep nothing from going, and do not go while
// they are the last.
func TestTrimLogOfTheFuture(t *testing.T) {
	s := bound(t, state.NewOverlay(nil))
	dates := []time.Time{minute(1000), minute(1), minute(2), minute(2000), minute(3000), minute(3), minute(9), minute(4000)}
	update(t, s, func(tx *state.Tx) (err error) {
		for _, at := range dates {
			err = errors.Join(err, tx.AppendLog(&state.LogEntry{Time: at}))
		}
		return err
	})
	now := minute(10)
	for _, c := range []struct {
		before time.Time
		want   int
	}{{minute(1), 0}, {minute(3), 3}, {minute(3), 0}, {minute(4), 3}, {minute(9), 0}, {minute(10), 1}, {minute(10), 0}} {
		isDue := false
		view(t, s, func(v *state.View) { isDue = v.LogDue(c.before, now, 0) })
		dropped := 0
		update(t, s, func(tx *state.Tx) (err error) { dropped, err = tx.TrimLog(c.before, now, 0, 100); return err })
		if dropped != c.want || isDue != (c.want > 0) {
			t.Errorf("before %s %d are dropped, due is %t, want %d", c.before, dropped, isDue, c.want)
		}
	}
}

func TestTrimLogBySize(t *testing.T) {
	s, db := logbook(t, 90)
	var sizes []uint64
	if err := db.View(t.Context(), func(r state.Reader) error {
		for _, record := range r.Scan(state.SpaceLog, nil, nil) {
			sizes = append(sizes, uint64(len(record)))
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	var limit uint64
	for _, size := range sizes[60:] {
		limit += size
	}
	if due(t, s, time.Time{}, math.MaxInt64) || !due(t, s, time.Time{}, limit) {
		t.Error("due tells something else than what would go")
	}
	for _, want := range []int{50, 10, 0} {
		if got := trim(t, s, time.Time{}, limit, 50); got != want {
			t.Errorf("%d dropped, want %d", got, want)
		}
	}
	if first, _, n := kept(t, s); first != 61 || n != 30 || due(t, s, time.Time{}, limit) {
		t.Errorf("kept are %d entries from %d on", n, first)
	}
	// One byte less is one entry less.
	if got := trim(t, s, time.Time{}, limit-1, 50); got != 1 {
		t.Errorf("%d dropped, want 1", got)
	}
}

// The index leads to each person's own entries, and goes with them.
func TestLogOf(t *testing.T) {
	s, db := logbook(t, 30)
	of := func(id string, before uint64, n int) (numbers []uint64) {
		t.Helper()
		view(t, s, func(v *state.View) {
			entries, err := v.LogOf(id, before, n)
			if err != nil {
				t.Error(err)
			}
			for _, e := range entries {
				if e.Source.ID != id {
					t.Errorf("entry %d about %q is given for %q", e.Sequence, e.Source.ID, id)
				}
				numbers = append(numbers, e.Sequence)
			}
		})
		return numbers
	}
	for _, c := range []struct {
		id     string
		before uint64
		n      int
		want   []uint64
	}{
		{"a", math.MaxUint64, 3, []uint64{28, 25, 22}}, {"a", 22, 2, []uint64{19, 16}}, {"a", 5, 9, []uint64{4, 1}}, {"a", 1, 9, nil},
		{"ab", math.MaxUint64, 1, []uint64{29}}, {"", math.MaxUint64, 9, nil}, {"b", math.MaxUint64, 9, nil}, {"a", math.MaxUint64, 0, nil},
	} {
		if got := of(c.id, c.before, c.n); !slices.Equal(got, c.want) {
			t.Errorf("%d of %q before %d: %v, want %v", c.n, c.id, c.before, got, c.want)
		}
	}
	trim(t, s, minute(26), 0, 99)
	if got := of("a", math.MaxUint64, 99); !slices.Equal(got, []uint64{28}) {
		t.Errorf("of those dropped are left: %v", got)
	}
	trim(t, s, minute(99), 0, 99)
	if err := db.View(t.Context(), func(r state.Reader) error {
		if left := statetest.Pairs(r, state.SpaceLogOf, nil, nil); len(left) > 0 {
			t.Errorf("of an empty log the index has %d keys", len(left))
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// What cannot be read goes when its turn comes, does not stop the rest, and takes nothing else with it.
func TestTrimDamagedLog(t *testing.T) {
	s, db := logbook(t, 6)
	if err := db.Update(t.Context(), func(w state.Writer) error {
		return w.Put(state.SpaceLog, []byte(statetest.Pairs(w, state.SpaceLog, nil, nil)[3][0]), []byte("{"))
	}); err != nil {
		t.Fatal(err)
	}
	if got := trim(t, s, minute(3), 0, 99); got != 2 {
		t.Errorf("%d dropped before the damaged one, want 2", got)
	}
	if got := trim(t, s, minute(4), 0, 99); got != 2 {
		t.Errorf("%d dropped with the damaged one, want 2", got)
	}
	if first, _, n := kept(t, s); first != 5 || n != 2 {
		t.Errorf("kept are %d entries from %d on", n, first)
	}
	view(t, s, func(v *state.View) {
		if entries, err := v.LogOf("a", math.MaxUint64, 9); err != nil || len(entries) != 0 {
			t.Errorf("of the damaged one's person: %v, %v", entries, err)
		}
	})
}

// An export brings the log with its index and its size.
func TestImportedLog(t *testing.T) {
	s, _ := logbook(t, 30)
	var file bytes.Buffer
	_, err := s.Export(t.Context(), &file)
	db := state.NewOverlay(nil)
	if err == nil {
		_, err = state.Import(t.Context(), db, &file)
	}
	if err != nil {
		t.Fatal(err)
	}
	s = bound(t, db)
	view(t, s, func(v *state.View) {
		if entries, err := v.LogOf("a", math.MaxUint64, 1); err != nil || len(entries) != 1 || entries[0].Sequence != 28 {
			t.Errorf("the last entry of a is %+v, %v", entries, err)
		}
		if !v.LogDue(time.Time{}, time.Unix(1<<40, 0), 1) {
			t.Error("the size of the log is forgotten")
		}
	})
}
