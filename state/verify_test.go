package state_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
	"time"

	"ringsync/state"
)

// A record that is gone without anybody having taken it away is damage, of whatever space it was.
func TestVerify(t *testing.T) {
	written := func() (state.DB, *state.Store) {
		db := state.NewOverlay(nil)
		s := bound(t, db)
		update(t, s, func(tx *state.Tx) error {
			var all error
			for n := range 20 {
				p := named(fmt.Sprintf("8f0c1c2e-7a52-4c8e-9d7e-1f0a6b3c2d%02d", n), fmt.Sprintf("p%d@contoso.com", n))
				p.TargetID = fmt.Sprintf("12710%05d", n)
				if n%3 == 0 {
					p.Class, p.Due = state.ClassUpdate, time.Unix(1000, 0)
				}
				all = errors.Join(all, tx.PutPerson(p), tx.AppendLog(&state.LogEntry{Time: time.Unix(int64(n), 0), Action: "create"}))
			}
			return all
		})
		// The oldest entries of the log are dropped, which is no damage.
		update(t, s, func(tx *state.Tx) error {
			_, err := tx.TrimLog(time.Unix(5, 0), time.Unix(1<<40, 0), 0, 100)
			return err
		})
		return db, s
	}
	if _, s := written(); s.Verify(t.Context()) != nil {
		t.Fatalf("what is whole: %v", s.Verify(t.Context()))
	}
	if err := bound(t, state.NewOverlay(nil)).Verify(t.Context()); err != nil {
		t.Fatalf("what is new: %v", err)
	}
	number := func(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
	for name, lost := range map[string]func(w state.Writer) error{
		"a person":         func(w state.Writer) error { return w.Delete(state.SpacePeople, third(w, state.SpacePeople)) },
		"a link":           func(w state.Writer) error { return w.Delete(state.SpaceByTarget, third(w, state.SpaceByTarget)) },
		"an outbox entry":  func(w state.Writer) error { return w.Delete(state.SpaceOutbox, third(w, state.SpaceOutbox)) },
		"an entry of log":  func(w state.Writer) error { return w.Delete(state.SpaceLog, number(12)) },
		"the log's end":    func(w state.Writer) error { return w.Delete(state.SpaceLog, number(20)) },
		"one person more":  func(w state.Writer) error { return w.Put(state.SpacePeople, []byte("another"), []byte{1}) },
		"a log from later": func(w state.Writer) error { return w.Put(state.SpaceLog, number(21), []byte("{}")) },
	} {
		db, s := written()
		if err := db.Update(t.Context(), lost); err != nil {
			t.Fatal(err)
		}
		if _, ok := errors.AsType[*state.DamagedError](s.Verify(t.Context())); !ok {
			t.Errorf("%s: %v, want a *DamagedError", name, s.Verify(t.Context()))
		}
	}
}

// third returns the third key of a space.
func third(r state.Reader, space state.Space) []byte {
	n := 0
	for key := range r.Scan(space, nil, nil) {
		if n++; n == 3 {
			return append([]byte{}, key...)
		}
	}
	return nil
}
