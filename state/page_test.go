package state_test

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"ringsync/state"
)

func TestLogBack(t *testing.T) {
	s, db := logbook(t, 30)
	trim(t, s, minute(11), 0, 100) // the log begins with 11 now
	for _, test := range []struct {
		before uint64
		n      int
		want   []uint64
	}{
		{math.MaxUint64, 3, []uint64{30, 29, 28}},
		{28, 2, []uint64{27, 26}},
		{13, 5, []uint64{12, 11}}, // what has been dropped is no page
		{11, 5, nil},
		{0, 5, nil},
		{30, 0, nil},
		{30, -1, nil},
	} {
		view(t, s, func(v *state.View) {
			entries, damaged := v.LogBack(test.before, test.n)
			var got []uint64
			for _, e := range entries {
				got = append(got, e.Sequence)
			}
			if !slices.Equal(got, test.want) || damaged != 0 {
				t.Errorf("%d before %d: %v, %d damaged; want %v", test.n, test.before, got, damaged, test.want)
			}
		})
	}
	if err := db.Update(t.Context(), func(w state.Writer) error { return w.Put(state.SpaceLog, []byte{0, 0, 0, 0, 0, 0, 0, 29}, []byte("{")) }); err != nil {
		t.Fatal(err)
	}
	view(t, s, func(v *state.View) {
		if entries, damaged := v.LogBack(math.MaxUint64, 3); len(entries) != 2 || damaged != 1 || entries[1].Sequence != 28 {
			t.Errorf("beside a damaged entry: %d entries, %d damaged", len(entries), damaged)
		}
	})
}

// The number found by halving is the one that looking at every entry finds.
func TestLogSince(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 30} {
		s, _ := logbook(t, n)
		trim(t, s, minute(n/3+1), 0, 100)
		first, _, _ := kept(t, s)
		if first == 0 {
			first = uint64(n) + 1
		}
		view(t, s, func(v *state.View) {
			if got := v.LogBegin(); got != first {
				t.Errorf("%d entries: the log begins with %d, want %d", n, got, first)
			}
			for at := range n + 3 {
				for _, offset := range []time.Duration{-time.Second, 0, time.Second} {
					when, want := minute(at).Add(offset), uint64(n)+1
					for e, err := range v.Log(0) {
						if err != nil {
							t.Fatal(err)
						}
						if !e.Time.Before(when) {
							want = e.Sequence
							break
						}
					}
					if got := v.LogSince(when); got != want {
						t.Errorf("%d entries, since %s: %d, want %d", n, when, got, want)
					}
				}
			}
		})
	}
}

// Pages of the outbox, put together, are the outbox.
func TestQueue(t *testing.T) {
	s := bound(t, state.NewOverlay(nil))
	update(t, s, func(tx *state.Tx) error {
		for i := range 40 {
			p := named(fmt.Sprintf("p%02d", i), fmt.Sprintf("p%d@contoso.com", i))
			p.Class, p.Due = state.Class(1+i%5), minute(i*7%11)
			if err := tx.PutPerson(p); err != nil {
				return err
			}
		}
		return nil
	})
	view(t, s, func(v *state.View) {
		var all []state.Entry
		for class := state.ClassRemove; class <= state.ClassHeld; class++ {
			after := state.Entry{}
			for turns := 0; ; turns++ {
				var page []state.Entry
				for e := range v.Queue(class, after) {
					if page = append(page, e); len(page) == 3 {
						break
					}
				}
				if len(page) == 0 || turns > 40 {
					break
				}
				all, after = append(all, page...), page[len(page)-1]
			}
		}
		if want := slices.Collect(v.Outbox()); !slices.Equal(all, want) {
			t.Errorf("pages give\n%v, want\n%v", all, want)
		}
	})
}
