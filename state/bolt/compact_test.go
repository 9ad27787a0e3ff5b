package bolt_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"

	"ringsync/state"
	"ringsync/state/bolt"
)

// airy makes a file of which most is free, and returns what is left in it.
func airy(t *testing.T, path string) *bolt.DB {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("a file that is open cannot be replaced on Windows")
	}
	db := open(t, path, bolt.Options{Create: true})
	for _, space := range []state.Space{state.SpacePeople, state.SpaceLog} {
		if err := db.Update(t.Context(), func(w state.Writer) error {
			for n := range 20_000 {
				if err := w.Put(space, fmt.Appendf(nil, "%06d", n), fmt.Appendf(nil, "%0200d", n)); err != nil {
					return err
				}
			}
			return w.Put(space, []byte("large"), make([]byte, 3<<20))
		}); err != nil {
			t.Fatal(err)
		}
		if err := db.Update(t.Context(), func(w state.Writer) error {
			for n := range 20_000 {
				if n%10 == 0 {
					continue
				}
				if err := w.Delete(space, fmt.Appendf(nil, "%06d", n)); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	return db
}

func everything(t *testing.T, db state.DB) map[string]string {
	t.Helper()
	all := map[string]string{}
	if err := db.View(t.Context(), func(r state.Reader) error {
		for _, space := range state.Spaces {
			for key, value := range r.Scan(space, nil, nil) {
				all[strconv.Itoa(int(space))+string(key)] = string(value)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

// A compacted file has what was in it in less room, goes on being read and written, is still this process's alone, and
// is the one that the next process finds.
func TestCompact(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "contoso.db")
	db := airy(t, path)
	want, before := everything(t, db), db.Size()
	for _, left := range []string{".compact", ".compact.pid"} { // by one that was killed
		if err := os.WriteFile(path+left, []byte("half of it"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := everything(t, db); !maps.Equal(got, want) {
		t.Errorf("%d records, there were %d", len(got), len(want))
	}
	if after := db.Size(); after > before*2/3 {
		t.Errorf("of %d bytes %d are left", before, after)
	}
	put(t, db, state.SpaceMeta, "a", "after")
	if _, err := bolt.Open(path, bolt.Options{}); !errors.As(err, new(*bolt.InUseError)) {
		t.Errorf("somebody else opens it: %v", err)
	}
	if got := files(t, folder); len(got) != 2 { // and whose it is
		t.Errorf("there are %v", got)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, path, bolt.Options{})
	if got := everything(t, again); len(got) != len(want)+1 || got["1a"] != "after" {
		t.Errorf("reopened it has %d records, want %d and one", len(got), len(want))
	}
}

// Those who read and write meanwhile notice nothing.
func TestCompactBesideOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "contoso.db")
	db := airy(t, path)
	ctx, stop := context.WithCancel(t.Context())
	var others sync.WaitGroup
	written := make([]int, 3)
	for i := range written {
		others.Go(func() {
			for ; ctx.Err() == nil; written[i]++ {
				put(t, db, state.SpaceMeta, "writer "+strconv.Itoa(i), strconv.Itoa(written[i]))
				if got := get(t, db, state.SpaceMeta, "writer "+strconv.Itoa(i)); got != strconv.Itoa(written[i]) {
					t.Errorf("writer %d reads %s, wrote %d", i, got, written[i])
				}
			}
		})
		others.Go(func() {
			for ctx.Err() == nil {
				// One within another: the second must not wait for whoever waits for the first.
				if err := db.View(context.Background(), func(r state.Reader) error {
					return db.View(context.Background(), func(again state.Reader) error {
						if v := again.Get(state.SpacePeople, []byte("000010")); len(v) != 200 || len(r.Get(state.SpaceLog, []byte("000010"))) != 200 {
							return fmt.Errorf("read %q", v)
						}
						return nil
					})
				}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 5 {
		if err := db.Compact(t.Context()); err != nil {
			t.Error(err)
		}
	}
	stop()
	others.Wait()
	for i, n := range written {
		if got := get(t, db, state.SpaceMeta, "writer "+strconv.Itoa(i)); got != strconv.Itoa(n-1) {
			t.Errorf("writer %d wrote %d last, there is %s", i, n-1, got)
		}
	}
}

// Whoever has begun to read goes on reading what was there, and the DB is closed only after them.
func TestCompactUnderSnapshot(t *testing.T) {
	db := airy(t, filepath.Join(t.TempDir(), "contoso.db"))
	s := snapshot(t, db)
	before := everything(t, state.NewOverlay(s))
	if err := db.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	put(t, db, state.SpacePeople, "later", "x")
	if got := everything(t, state.NewOverlay(s)); !maps.Equal(got, before) {
		t.Errorf("the snapshot has %d records, it had %d", len(got), len(before))
	}
	closed := make(chan error, 1)
	go func() { closed <- db.Close() }()
	if got := everything(t, state.NewOverlay(s)); len(got) != len(before) {
		t.Errorf("the snapshot has %d records, it had %d", len(got), len(before))
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

// What cannot be compacted stays as it is, and goes on.
func TestCompactRefused(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "contoso.db")
	db := airy(t, path)
	want, before := everything(t, db), db.Size()
	check := func(why string, err, wanted error) {
		t.Helper()
		if !errors.Is(err, wanted) {
			t.Errorf("%s: %v, want %v", why, err, wanted)
		}
		if got := everything(t, db); !maps.Equal(got, want) || db.Size() != before {
			t.Errorf("%s: %d records of %d, %d bytes of %d", why, len(got), len(want), db.Size(), before)
		}
		if got := files(t, folder); len(got) != 2 {
			t.Errorf("%s: there are %v", why, got)
		}
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	check("cancelled", db.Compact(cancelled), context.Canceled)

	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := db.Compact(t.Context()); !errors.Is(err, state.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	db = open(t, path, bolt.Options{ReadOnly: true})
	if err := db.Compact(t.Context()); !errors.Is(err, state.ErrReadOnly) {
		t.Errorf("for reading only: %v", err)
	}
}

// A link to the file stays one.
func TestCompactThroughLink(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "contoso.db")
	if err := airy(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link.db")
	if err := os.Symlink(path, link); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	db := open(t, link, bolt.Options{})
	if err := db.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after, err := os.Stat(path); err != nil || after.Size() >= info.Size() {
		t.Errorf("%v bytes, %v", after.Size(), err)
	}
	if target, err := os.Readlink(link); err != nil || target != path {
		t.Errorf("the link leads to %q, %v", target, err)
	}
}
