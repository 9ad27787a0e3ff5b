package state_test

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"ringsync/connectors"
	"ringsync/state"
	"ringsync/state/statetest"
)

func TestEdges(t *testing.T) {
	db := &writes{DB: state.NewOverlay(nil)}
	s := bound(t, db)
	assigned := connectors.Edge{Parent: "app", Child: "8f0c1c2e-7a52-4c8e-9d7e-1f0a6b3c2d11", Role: connectors.DefaultAccessRole, Group: true, Present: true}
	member := connectors.Edge{Parent: assigned.Child, Child: "adele", Present: true}
	second := connectors.Edge{Parent: "app", Child: "adele", Role: "r2", Present: true}
	first := connectors.Edge{Parent: "app", Child: "adele", Role: "r1", Present: true}
	update(t, s, func(tx *state.Tx) error {
		return errors.Join(tx.PutEdge(second), tx.PutEdge(assigned), tx.PutEdge(member), tx.PutEdge(first))
	})
	db.n = 0
	update(t, s, func(tx *state.Tx) error { return tx.PutEdge(assigned) })
	if db.n != 0 {
		t.Errorf("an edge that is there already took %d writes", db.n)
	}
	view(t, s, func(v *state.View) {
		for parent, want := range map[string][]connectors.Edge{
			"app": {assigned, first, second}, assigned.Child: {member}, "adele": nil, "ap": nil,
		} {
			if got := slices.Collect(v.Edges(parent)); !slices.Equal(got, want) {
				t.Errorf("below %s is %+v, want %+v", parent, got, want)
			}
		}
		if got := slices.Collect(v.AllEdges()); !slices.Equal(got, []connectors.Edge{member, assigned, first, second}) {
			t.Errorf("all edges are %+v", got)
		}
	})
	update(t, s, func(tx *state.Tx) error {
		person := assigned
		person.Group = false // the same child, which turns out to be no group
		return errors.Join(tx.PutEdge(person), tx.DeleteEdge(first), tx.DeleteEdge(connectors.Edge{Parent: "app", Child: "nobody"}))
	})
	view(t, s, func(v *state.View) {
		person := assigned
		person.Group = false
		if got := slices.Collect(v.Edges("app")); !slices.Equal(got, []connectors.Edge{person, second}) {
			t.Errorf("below app is %+v", got)
		}
	})
	if err := s.Update(t.Context(), func(tx *state.Tx) error { return tx.PutEdge(connectors.Edge{Child: "adele"}) }); err == nil {
		t.Error("an edge without a parent was stored")
	}
}

func TestMarkAndSmallRecords(t *testing.T) {
	s := bound(t, state.NewOverlay(nil))
	want := state.Mark{Data: []byte("\x00opaque"), Cycle: 7, Time: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}
	type quarantine struct{ Reason string }
	update(t, s, func(tx *state.Tx) error {
		if _, found := tx.Mark(); found {
			t.Error("there is a mark already")
		}
		return errors.Join(tx.SetMark(want), tx.Set("quarantine", quarantine{"credentials"}), tx.Set("identity", "not the store's"))
	})
	view(t, s, func(v *state.View) {
		if got, found := v.Mark(); !found || !reflect.DeepEqual(got, want) {
			t.Errorf("the mark is %+v (%t), want %+v", got, found, want)
		}
		var q quarantine
		if found, err := v.Get("quarantine", &q); !found || err != nil || q.Reason != "credentials" {
			t.Errorf("got %+v, %t, %v", q, found, err)
		}
	})
	update(t, s, func(tx *state.Tx) error { return errors.Join(tx.ClearMark(), tx.Set("quarantine", nil)) })
	view(t, s, func(v *state.View) {
		if _, found := v.Mark(); found {
			t.Error("the mark is still there")
		}
		if found, err := v.Get("quarantine", new(quarantine)); found || err != nil {
			t.Errorf("forgotten: %t, %v", found, err)
		}
	})
	if err := s.Update(t.Context(), func(tx *state.Tx) error { return tx.Set("x", make(chan int)) }); err == nil {
		t.Error("a channel was stored")
	}
}

func TestRemovals(t *testing.T) {
	s := bound(t, state.NewOverlay(nil))
	at := func(hour int) time.Time { return time.Date(2026, 3, 1, hour, 0, 0, 0, time.UTC) }
	update(t, s, func(tx *state.Tx) error {
		return errors.Join(tx.AddRemoval("a", at(1)), tx.AddRemoval("b", at(2)), tx.AddRemoval("a", at(3)), tx.AddRemoval("a", at(3)))
	})
	view(t, s, func(v *state.View) {
		for hour, want := range []map[string]bool{{"a": true, "b": true}, {"a": true, "b": true}, {"a": true, "b": true}, {"a": true}, {}} {
			if got := v.Removed(at(hour)); !maps.Equal(got, want) {
				t.Errorf("since %d o'clock %v were removed, want %v", hour, got, want)
			}
		}
	})
	update(t, s, func(tx *state.Tx) error { return tx.AgeRemovals(at(3), 0) })
	view(t, s, func(v *state.View) {
		if got := v.Removed(at(0)); !maps.Equal(got, map[string]bool{"a": true}) {
			t.Errorf("what was before 3 o'clock should be forgotten, and nothing else: %v", got)
		}
	})
}

// Removals dated later than now happen now.
func TestRemovalsOfTheFuture(t *testing.T) {
	s := bound(t, state.NewOverlay(nil))
	at := func(hour int) time.Time { return time.Date(2026, 3, 1, hour, 0, 0, 0, time.UTC) }
	update(t, s, func(tx *state.Tx) error {
		return errors.Join(tx.AddRemoval("a", at(1)), tx.AddRemoval("b", at(9)), tx.AddRemoval("c", at(900)), tx.AddRemoval("d", at(9000)), tx.AddRemoval("b", at(900)))
	})
	update(t, s, func(tx *state.Tx) error { return tx.AgeRemovals(at(10), 2*time.Hour) })
	view(t, s, func(v *state.View) {
		for hour, want := range map[int]map[string]bool{0: {"b": true, "c": true, "d": true}, 10: {"b": true, "c": true, "d": true}, 11: {}} {
			if got := v.Removed(at(hour)); !maps.Equal(got, want) {
				t.Errorf("since %d o'clock %v were removed, want %v", hour, got, want)
			}
		}
	})
}

func TestLogAndCycles(t *testing.T) {
	s := bound(t, state.NewOverlay(nil))
	entry := state.LogEntry{
		Time: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), Cycle: "c", Change: "x", Action: "update", Status: "success",
		Source: state.SourceRef{ID: "a"}, Target: state.TargetRef{ID: "17"}, Duration: time.Second,
		Modified: []state.Modified{{Name: "title", Old: connectors.NullValue(), New: connectors.StringValue("Director")}},
		Steps:    []state.Step{{Type: "export", Status: "success", Details: map[string]string{"k": "v"}}},
	}
	for range 3 {
		update(t, s, func(tx *state.Tx) error {
			return errors.Join(tx.AppendLog(&entry), tx.AppendLog(&state.LogEntry{Action: "other"}), tx.PutCycle(&state.Cycle{Kind: "full"}))
		})
	}
	if err := s.Update(t.Context(), func(tx *state.Tx) error { return errors.Join(tx.AppendLog(&entry), errFull) }); !errors.Is(err, errFull) {
		t.Fatal(err)
	}
	sequences := func(entries iter.Seq2[state.LogEntry, error]) (numbers []uint64) {
		for e, err := range entries {
			if err != nil {
				t.Error(err)
			}
			numbers = append(numbers, e.Sequence)
		}
		return numbers
	}
	view(t, s, func(v *state.View) {
		for _, c := range []struct {
			entries iter.Seq2[state.LogEntry, error]
			want    []uint64
		}{
			{v.Log(0), []uint64{1, 2, 3, 4, 5, 6}}, {v.Log(5), []uint64{5, 6}}, {v.Log(7), nil},
			{v.LastLog(2), []uint64{5, 6}}, {v.LastLog(99), []uint64{1, 2, 3, 4, 5, 6}}, {v.LastLog(0), nil}, {v.LastLog(-1), nil},
		} {
			if got := sequences(c.entries); !slices.Equal(got, c.want) {
				t.Errorf("got entries %v, want %v", got, c.want)
			}
		}
		want := entry
		want.Sequence = 5
		for got := range v.Log(5) {
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
			break
		}
	})
	update(t, s, func(tx *state.Tx) error {
		return errors.Join(tx.PutCycle(&state.Cycle{Number: 2, Result: "succeeded"}), tx.PutCycle(&state.Cycle{Kind: "incremental"}))
	})
	view(t, s, func(v *state.View) {
		got := v.Cycles(3)
		if len(got) != 3 || got[0].Number != 4 || got[0].Kind != "incremental" || got[1].Number != 3 || got[2].Result != "succeeded" {
			t.Errorf("the last three cycles are %+v", got)
		}
		if n := len(v.Cycles(99)); n != 4 {
			t.Errorf("%d cycles, want 4", n)
		}
	})
	if err := s.Update(t.Context(), func(tx *state.Tx) error { return tx.PutCycle(&state.Cycle{Number: 99}) }); err == nil {
		t.Error("a cycle that never began was stored")
	}
}

func TestDue(t *testing.T) {
	s := bound(t, state.NewOverlay(nil))
	at := func(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
	if err := s.View(t.Context(), func(v *state.View) error {
		if _, found := v.NextDue(); found {
			t.Error("something is due in an empty outbox")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	entries := []state.Entry{
		{Class: state.ClassRemove, Due: at(300), ID: "r"},
		{Class: state.ClassCreate, Due: at(100), ID: "c1"}, {Class: state.ClassCreate, Due: at(100), ID: "c2"},
		{Class: state.ClassCreate, Due: at(200), ID: "c0"}, {Class: state.ClassUpdate, Due: at(150), ID: "u"},
		{Class: state.ClassHeld, Due: at(1), ID: "h"},
	}
	update(t, s, func(tx *state.Tx) error {
		for _, e := range slices.Backward(entries) {
			if err := tx.PutPerson(&state.Person{ID: e.ID, Class: e.Class, Due: e.Due.Add(time.Microsecond)}); err != nil {
				return err
			}
		}
		return nil
	})
	view(t, s, func(v *state.View) {
		if got := slices.Collect(v.Outbox()); !slices.Equal(got, entries) {
			t.Errorf("the outbox is %v, want %v", got, entries)
		}
		for _, c := range []struct {
			class state.Class
			now   time.Time
			want  []state.Entry
		}{
			{state.ClassCreate, at(99), nil}, {state.ClassCreate, at(100), entries[1:3]},
			{state.ClassCreate, at(100).Add(999 * time.Microsecond), entries[1:3]}, {state.ClassCreate, at(200), entries[1:4]},
			{state.ClassRemove, at(299), nil}, {state.ClassEnable, at(999), nil},
		} {
			if got := slices.Collect(v.Due(c.class, c.now)); !slices.Equal(got, c.want) {
				t.Errorf("due at %d in class %s: %v, want %v", c.now.UnixMilli(), c.class, got, c.want)
			}
		}
		if due, found := v.NextDue(); !found || !due.Equal(at(100)) {
			t.Errorf("next is due %v (%t): held entries do not count", due, found)
		}
		if due, found := v.NextDue(state.ClassUpdate, state.ClassRemove); !found || !due.Equal(at(150)) {
			t.Errorf("next update or removal is due %v (%t)", due, found)
		}
	})
}

// A loop in an Update may change what it walks over.
func TestLoopsMayWrite(t *testing.T) {
	const people = 2500 // more than a loop holds at a time
	s := bound(t, state.NewOverlay(nil))
	update(t, s, func(tx *state.Tx) error {
		for n := range people {
			p := named(fmt.Sprint(n*7919%people), "x@contoso.com") // the keys in another order than the outbox
			p.Class, p.Due = state.ClassCreate, time.UnixMilli(int64(n)).UTC()
			if err := tx.PutPerson(p); err != nil {
				return err
			}
		}
		return nil
	})
	update(t, s, func(tx *state.Tx) error {
		n := 0
		for e := range tx.Due(state.ClassCreate, time.UnixMilli(people)) {
			p, err := tx.Person(e.ID)
			if err != nil {
				return err
			}
			if n++; n == 10 { // the tenth drops the eleventh, which is then not met
				if err := dropNext(tx, e); err != nil {
					return err
				}
			}
			p.Class = state.ClassUpdate
			if err := tx.PutPerson(p); err != nil {
				return err
			}
		}
		if n != people-1 {
			t.Errorf("the loop met %d people, want %d", n, people-1)
		}
		return nil
	})
	update(t, s, func(tx *state.Tx) error {
		for p, err := range tx.People("") {
			if err != nil {
				return err
			}
			if err := tx.DeletePerson(p.ID); err != nil {
				return err
			}
		}
		return nil
	})
	view(t, s, func(v *state.View) {
		if got := v.Counts(); got != (state.Counts{}) {
			t.Errorf("after everybody was deleted: %+v", got)
		}
		if n := len(slices.Collect(v.Outbox())) + len(v.Matches("userName", "x@contoso.com")); n != 0 {
			t.Errorf("%d keys are left", n)
		}
	})
}

// dropNext deletes the person whose entry follows e.
func dropNext(tx *state.Tx, e state.Entry) error {
	for next := range tx.Outbox() {
		if next.Class == e.Class && next.Due.After(e.Due) {
			return tx.DeletePerson(next.ID)
		}
	}
	return nil
}

func TestStoreFromManyGoroutines(t *testing.T) {
	const writers, each = 4, 50
	s := bound(t, state.NewOverlay(nil))
	var wg sync.WaitGroup
	for writer := range writers {
		wg.Go(func() {
			for n := range each {
				if err := s.Update(t.Context(), func(tx *state.Tx) error {
					return errors.Join(tx.PutPerson(statetest.Person(writer*each+n)), tx.AppendLog(&state.LogEntry{}))
				}); err != nil {
					t.Error(err)
				}
			}
		})
		wg.Go(func() {
			for range each {
				if err := s.View(t.Context(), func(v *state.View) error {
					n := 0
					for _, err := range v.People("") {
						if err != nil {
							return err
						}
						n++
					}
					if c := v.Counts(); c.People != n || c.Linked != n || c.Active != n {
						t.Errorf("%d people are counted as %+v", n, c)
					}
					return nil
				}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	view(t, s, func(v *state.View) {
		last := uint64(0)
		for e, err := range v.Log(0) {
			if last++; err != nil || e.Sequence != last {
				t.Fatalf("entry %d has number %d (%v)", last, e.Sequence, err)
			}
		}
		if c := v.Counts(); c.People != writers*each || last != writers*each {
			t.Errorf("%d people and %d log entries, want %d of each", c.People, last, writers*each)
		}
	})
}
