package bolt_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"ringsync/state"
	"ringsync/state/bolt"
	"ringsync/state/statetest"
)

func open(t testing.TB, path string, options bolt.Options) *bolt.DB {
	t.Helper()
	db, err := bolt.Open(path, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func TestDB(t *testing.T) {
	statetest.Run(t,
		func(t *testing.T) state.DB {
			return open(t, filepath.Join(t.TempDir(), "contoso.db"), bolt.Options{Create: true})
		},
		func(t *testing.T, db state.DB) state.DB {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
			return open(t, db.(*bolt.DB).Path(), bolt.Options{})
		})
}

func put(t *testing.T, db state.DB, space state.Space, key, value string) {
	t.Helper()
	if err := db.Update(t.Context(), func(w state.Writer) error { return w.Put(space, []byte(key), []byte(value)) }); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, db state.DB, space state.Space, key string) (value string) {
	t.Helper()
	if err := db.View(t.Context(), func(r state.Reader) error { value = string(r.Get(space, []byte(key))); return nil }); err != nil {
		t.Fatal(err)
	}
	return value
}

// files returns what is in a folder, with sizes and modes.
func files(t *testing.T, folder string) (found []string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, info.Mode().String()+" "+entry.Name()+" "+info.ModTime().String()+" "+strconv.FormatInt(info.Size(), 10))
	}
	return found
}

func TestOpenCreates(t *testing.T) {
	path := filepath.Join(t.TempDir(), "contoso.db")
	if _, err := bolt.Open(path, bolt.Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without Create: %v, want fs.ErrNotExist", err)
	}
	if _, err := bolt.Open(path, bolt.Options{Create: true, ReadOnly: true}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("for reading only: %v, want fs.ErrNotExist", err)
	}
	if found := files(t, filepath.Dir(path)); len(found) != 0 {
		t.Errorf("opening what is not there left %v", found)
	}
	db := open(t, path, bolt.Options{Create: true})
	for _, name := range []string{path, path + ".pid"} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != 0o600 {
			t.Errorf("%s has mode %v, want 0600", name, info.Mode())
		}
	}
	if info, err := os.Stat(path); err != nil || db.Size() != info.Size() || db.Path() != path {
		t.Errorf("Path %s, Size %d, and there is %v (%v)", db.Path(), db.Size(), info, err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if found := files(t, filepath.Dir(path)); len(found) != 1 {
		t.Errorf("after Close there is %v", found)
	}
}

func TestOpenReadOnlyChangesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "contoso.db")
	db := open(t, path, bolt.Options{Create: true})
	put(t, db, state.SpacePeople, "a", "value")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	before := files(t, filepath.Dir(path))
	first, second := open(t, path, bolt.Options{ReadOnly: true}), open(t, path, bolt.Options{ReadOnly: true})
	if a, b := get(t, first, state.SpacePeople, "a"), get(t, second, state.SpacePeople, "a"); a != "value" || b != a {
		t.Errorf("two readers read %q and %q", a, b)
	}
	if err := first.Update(t.Context(), func(state.Writer) error { return nil }); !errors.Is(err, state.ErrReadOnly) {
		t.Errorf("Update = %v, want ErrReadOnly", err)
	}
	_, err := bolt.Open(path, bolt.Options{})
	if inUse, ok := errors.AsType[*bolt.InUseError](err); !ok || inUse.PID != 0 {
		t.Errorf("a writer beside readers: %v, want an *InUseError without pid", err)
	}
	if err := errors.Join(first.Close(), second.Close()); err != nil {
		t.Fatal(err)
	}
	if after := files(t, filepath.Dir(path)); !slices.Equal(after, before) {
		t.Errorf("there was %v\nand there is %v", before, after)
	}
}

// What a process that died left behind: the file as of the last Update, and its pid.
func TestOpenAfterACrash(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "contoso.db")
	db := open(t, path, bolt.Options{Create: true})
	put(t, db, state.SpacePeople, "a", "value")
	err := db.Update(t.Context(), func(w state.Writer) error {
		if err := w.Put(state.SpacePeople, []byte("b"), []byte("never")); err != nil {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(folder, "copy.db"), raw, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "copy.db.pid"), []byte(strconv.Itoa(deadPID(t))), 0o600); err != nil {
		t.Fatal(err)
	}
	copied := open(t, filepath.Join(folder, "copy.db"), bolt.Options{})
	if a, b := get(t, copied, state.SpacePeople, "a"), get(t, copied, state.SpacePeople, "b"); a != "value" || b != "" {
		t.Errorf("after the crash a is %q and b is %q", a, b)
	}
}

// deadPID returns the pid of a process that is gone.
func deadPID(t *testing.T) int {
	t.Helper()
	done := exec.Command(os.Args[0], "-test.run=^$")
	if err := done.Run(); err != nil {
		t.Fatal(err)
	}
	return done.Process.Pid
}

func TestOpenInUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "contoso.db")
	db := open(t, path, bolt.Options{Create: true})
	for name, c := range map[string]struct {
		owner []byte // nil: no file
		pid   int
	}{
		"its own":             {[]byte(strconv.Itoa(os.Getpid()) + "\n"), os.Getpid()},
		"no owner":            {nil, 0},
		"an owner long gone":  {[]byte(strconv.Itoa(deadPID(t))), 0},
		"an owner that is no": {[]byte("pid?"), 0},
		"a negative owner":    {[]byte("-1"), 0},
	} {
		err := os.Remove(path + ".pid")
		if c.owner != nil {
			err = errors.Join(err, os.WriteFile(path+".pid", c.owner, 0o600))
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		for _, options := range []bolt.Options{{}, {Create: true}, {ReadOnly: true}} {
			_, err := bolt.Open(path, options)
			inUse, ok := errors.AsType[*bolt.InUseError](err)
			if !ok || *inUse != (bolt.InUseError{Path: path, PID: c.pid}) {
				t.Errorf("%s, %+v: %v, want in use by %d", name, options, err, c.pid)
			}
		}
	}
	if got, want := (&bolt.InUseError{Path: "contoso.db", PID: 4711}).Error(), "state file contoso.db is in use by pid 4711: "; !strings.HasPrefix(got, want) {
		t.Errorf("%q does not begin with %q", got, want)
	}
	put(t, db, state.SpacePeople, "a", "still ours")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if next := open(t, path, bolt.Options{}); get(t, next, state.SpacePeople, "a") != "still ours" {
		t.Error("what was written while others tried to open is not there")
	}
}

func TestOpenRefuses(t *testing.T) {
	folder := t.TempDir()
	write := func(name string, content []byte) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	text := write("ringsync.yaml", []byte("job: contoso\n"))
	longText := write("long.yaml", []byte(strings.Repeat("job: contoso\n", 10_000)))
	zeros := write("zeros.db", make([]byte, 1<<16))
	other := filepath.Join(folder, "other.db")
	b, err := bbolt.Open(other, 0o600, nil)
	if err == nil {
		err = errors.Join(b.Update(func(tx *bbolt.Tx) error { _, err := tx.CreateBucket([]byte("users")); return err }), b.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	before := files(t, folder)
	for _, path := range []string{text, longText, zeros, other} {
		for _, options := range []bolt.Options{{}, {Create: true}, {ReadOnly: true}} {
			_, err := bolt.Open(path, options)
			if damage, ok := errors.AsType[*state.DamagedError](err); !ok || damage.What != "state file "+path || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s, %+v: %v, want a *state.DamagedError in one line", filepath.Base(path), options, err)
			}
		}
	}
	for path, want := range map[string]error{folder: nil, filepath.Join(text, "contoso.db"): nil, filepath.Join(folder, "none", "contoso.db"): fs.ErrNotExist} {
		_, err := bolt.Open(path, bolt.Options{Create: true})
		if err == nil || want != nil && !errors.Is(err, want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, want an error that names it (%v)", path, err, want)
		}
	}
	if after := files(t, folder); !slices.Equal(after, before) {
		t.Errorf("there was %v\nand there is %v", before, after)
	}
	empty := write("empty.db", nil)
	if _, err := bolt.Open(empty, bolt.Options{ReadOnly: true}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty file, for reading: %v, want fs.ErrNotExist", err)
	}
	put(t, open(t, empty, bolt.Options{}), state.SpacePeople, "a", "value")
}
