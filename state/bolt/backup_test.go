package bolt_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"ringsync/state"
	"ringsync/state/bolt"
)

// A copy has what was there when it was begun, while the file is being written to, and takes nobody's place.
func TestCopyTo(t *testing.T) {
	dir := t.TempDir()
	db := open(t, filepath.Join(dir, "contoso.db"), bolt.Options{Create: true})
	put(t, db, state.SpaceMeta, "a", "before")
	var writing sync.WaitGroup
	writing.Go(func() {
		for range 20 {
			put(t, db, state.SpaceMeta, "b", "meanwhile")
		}
	})
	path := filepath.Join(dir, "copy.db")
	if err := db.CopyTo(path); err != nil {
		t.Fatal(err)
	}
	writing.Wait()
	put(t, db, state.SpaceMeta, "a", "after")
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	copied := open(t, path, bolt.Options{})
	if got := get(t, copied, state.SpaceMeta, "a"); got != "before" {
		t.Errorf("the copy has %q", got)
	}
	if err := db.CopyTo(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over another file: %v", err)
	}
	if err := db.CopyTo(filepath.Join(dir, "nowhere", "copy.db")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("into no folder: %v", err)
	}
}

func TestSettle(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "new"), filepath.Join(dir, "contoso.db")
	for _, name := range []string{from, to} {
		if err := os.WriteFile(name, []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := bolt.Settle(from, to); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over another file: %v", err)
	}
	if err := os.Remove(to); err != nil {
		t.Fatal(err)
	}
	if err := bolt.Settle(from, to); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(to); err != nil || string(text) != from {
		t.Errorf("%q %v", text, err)
	}
}
