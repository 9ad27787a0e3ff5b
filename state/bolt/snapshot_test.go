package bolt_test

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"

	"ringsync/state"
	"ringsync/state/bolt"
	"ringsync/state/statetest"
)

func snapshot(t *testing.T, db *bolt.DB) *bolt.Snapshot {
	t.Helper()
	s, err := db.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// What is written after a snapshot began is not in it, and what is put over it is not in the file.
func TestSnapshotStandsStill(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "contoso.db"), bolt.Options{Create: true})
	put(t, db, state.SpaceMeta, "a", "before")
	s := snapshot(t, db)
	over := state.NewOverlay(s)
	put(t, db, state.SpaceMeta, "a", "after")
	put(t, db, state.SpaceMeta, "b", "new")
	put(t, over, state.SpaceMeta, "c", "dry")
	if got := get(t, over, state.SpaceMeta, "a"); got != "before" {
		t.Errorf("the snapshot shows %q", got)
	}
	if got := get(t, over, state.SpaceMeta, "b"); got != "" {
		t.Errorf("the snapshot shows %q, which came later", got)
	}
	if a, c := get(t, db, state.SpaceMeta, "a"), get(t, db, state.SpaceMeta, "c"); a != "after" || c != "" {
		t.Errorf("the file has %q and %q", a, c)
	}
}

// An overlay over a snapshot is a DB like any other, while the file is being written to.
func TestOverlayOverSnapshot(t *testing.T) {
	statetest.Run(t, func(t *testing.T) state.DB {
		db := open(t, filepath.Join(t.TempDir(), "contoso.db"), bolt.Options{Create: true})
		s := snapshot(t, db)
		put(t, db, state.SpacePeople, "later", "x")
		return state.NewOverlay(s)
	}, nil)
}

// Several goroutines may use one snapshot beside a writer.
func TestSnapshotForSeveral(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "contoso.db"), bolt.Options{Create: true})
	store := bound(t, db)
	fill(t, store, 200)
	dry := bound(t, state.NewOverlay(snapshot(t, db)))
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for range 20 {
				people := 0
				if err := dry.View(t.Context(), func(v *state.View) error {
					for _, err := range v.People("") {
						if err != nil {
							return err
						}
						people++
					}
					return nil
				}); err != nil || people != 200 {
					t.Errorf("%d people, %v", people, err)
				}
			}
		})
	}
	fill(t, store, 400)
	readers.Wait()
}

func TestSnapshotEnds(t *testing.T) {
	db, err := bolt.Open(filepath.Join(t.TempDir(), "contoso.db"), bolt.Options{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	s := snapshot(t, db)
	look := func(ctx context.Context) error { return s.View(ctx, func(state.Reader) error { return nil }) }
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := look(cancelled); !errors.Is(err, context.Canceled) {
		t.Errorf("a View that was called off: %v", err)
	}
	if err := errors.Join(look(t.Context()), s.Close(), s.Close()); err != nil {
		t.Error(err)
	}
	if err := look(t.Context()); !errors.Is(err, state.ErrClosed) {
		t.Errorf("a View after Close: %v", err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	if _, err := db.Snapshot(); !errors.Is(err, state.ErrClosed) {
		t.Errorf("a snapshot of a closed file: %v", err)
	}
}
