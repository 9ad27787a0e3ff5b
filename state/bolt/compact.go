package bolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"ringsync/state"
)

const (
	// compactMost bounds what one transaction of a compaction writes, in bytes.
	compactMost = 1 << 20
	// compactFill is how full pages are made: what comes later needs some room between.
	compactFill = 0.9
)

// Compact writes what is in the file into a new one, which takes its place: what was freed goes back to the disk, and
// every record is read and checked on the way. Updates wait meanwhile. Views and Snapshots go on, on what they began with;
// the old file's room is free when the last of them has ended. It needs room for the new file beside the old one. An error,
// or a crash at any time, leaves the file as it was.
//
// On Windows a file that is open cannot be replaced, so there it is an error.
func (db *DB) Compact(ctx context.Context) (err error) {
	switch {
	case db.readOnly:
		return state.ErrReadOnly
	case runtime.GOOS == "windows":
		return errors.New("a state file cannot be compacted on Windows: export it, move it away and import it")
	}
	select {
	case db.turn <- struct{}{}:
		defer func() { <-db.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if db.closed.Load() {
		return state.ErrClosed
	}
	if broken := db.broken.Load(); broken != nil {
		return broken
	}
	place, err := filepath.EvalSymlinks(db.path) // a link to it stays one
	if err != nil {
		return fmt.Errorf("compact state file: %w", err)
	}
	partial := place + ".compact"
	if err := os.Remove(partial); err != nil && !errors.Is(err, fs.ErrNotExist) { // of a compaction that was killed
		return fmt.Errorf("compact state file: %w", err)
	}
	fresh, err := Open(partial, Options{Create: true})
	if err != nil {
		return fmt.Errorf("compact state file: %w", err)
	}
	fresh.owner.leave() // it is db's as soon as it is anybody's
	now := fresh.now
	now.bolt.NoSync = true
	if err = db.pour(ctx, fresh); err == nil {
		now.bolt.NoSync = false
		err = now.bolt.Sync()
	}
	if damage, is := errors.AsType[*state.DamagedError](err); is { // found while writing, and not in what was written
		err = db.damaged(damage.Err)
	}
	if err == nil {
		err = takeRights(partial, place)
	}
	if err == nil {
		err = os.Rename(partial, place) // with the lock on it, so that it never is nobody's
	}
	if err != nil {
		return errors.Join(fmt.Errorf("compact state file: %w", err), now.bolt.Close(), os.Remove(partial))
	}
	db.swap.Lock()
	before := db.now
	db.now = now
	db.swap.Unlock()
	db.old.Go(func() {
		before.users.Wait()
		_ = before.bolt.Close() // there is nothing in it that now has not
	})
	if err := syncFolder(filepath.Dir(place)); err != nil {
		// What is written from now on is in the new file, and after a power cut the old one might be back.
		broken := db.damaged(fmt.Errorf("it was compacted, and its folder cannot be written: %w", err))
		db.broken.Store(broken)
		return broken
	}
	return nil
}

// pour copies every record.
func (db *DB) pour(ctx context.Context, fresh *DB) error {
	return db.View(ctx, func(r state.Reader) error {
		for _, space := range state.Spaces {
			for from := []byte{}; from != nil; {
				if err := ctx.Err(); err != nil {
					return err
				}
				err := fresh.update(func(tx *transaction) (err error) {
					w := &writer{tx.reader()}
					w.bucket(space).FillPercent = compactFill
					from, err = pourSome(w, r, space, from)
					return err
				})
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// pourSome copies some records of a space and returns the key to go on from, nil after the last.
func pourSome(w state.Writer, r state.Reader, space state.Space, from []byte) (next []byte, err error) {
	room := compactMost
	for key, value := range r.Scan(space, from, nil) {
		if room -= len(key) + len(value); room < 0 && !bytes.Equal(key, from) {
			return bytes.Clone(key), nil
		}
		if err := w.Put(space, key, value); err != nil {
			return nil, err
		}
	}
	return nil, nil
}
