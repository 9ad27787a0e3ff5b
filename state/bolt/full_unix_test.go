//go:build unix

package bolt_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"ringsync/state"
	"ringsync/state/bolt"
)

// A limit on the size of files stands for a full disk: the system refuses the same calls.
func limitFiles(t *testing.T, size uint64) (lift func()) {
	t.Helper()
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: size, Max: before.Max}); err != nil {
		t.Fatal(err)
	}
	lift = func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(lift)
	return lift
}

// TestFullDisk runs itself in a process of its own, or the limit would hit what go test writes beside it.
func TestFullDisk(t *testing.T) {
	const inside = "RINGSYNC_TEST_FULL_DISK"
	if os.Getenv(inside) == "" {
		again := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		again.Env = append(os.Environ(), inside+"=1")
		if said, err := again.CombinedOutput(); err != nil || !strings.Contains(string(said), "PASS: TestFullDisk/update") {
			t.Errorf("%v\n%s", err, said)
		}
		return
	}
	t.Run("create", testFullDiskOnCreate)
	t.Run("compact", testFullDiskOnCompact)
	t.Run("update", testFullDiskOnUpdate)
}

func testFullDiskOnCompact(t *testing.T) {
	folder := t.TempDir()
	db := airy(t, filepath.Join(folder, "contoso.db"))
	want := everything(t, db)
	lift := limitFiles(t, 1<<20)
	err := db.Compact(t.Context())
	lift()
	if damage, ok := errors.AsType[*state.DamagedError](err); err == nil || ok {
		t.Errorf("%v, %v", err, damage)
	}
	if got, left := everything(t, db), files(t, folder); !maps.Equal(got, want) || len(left) != 2 {
		t.Errorf("%d records of %d; what failed left %v", len(got), len(want), left)
	}
	put(t, db, state.SpaceMeta, "a", "afterwards")
	if err := db.Compact(t.Context()); err != nil {
		t.Error("once there is room:", err)
	}
}

func testFullDiskOnCreate(t *testing.T) {
	for _, size := range []uint64{0, 4096, 20_000} {
		folder := t.TempDir()
		lift := limitFiles(t, size)
		_, err := bolt.Open(filepath.Join(folder, "contoso.db"), bolt.Options{Create: true})
		lift()
		if err == nil {
			t.Errorf("a state file was created in %d bytes", size)
		}
		if found := files(t, folder); len(found) != 0 {
			t.Errorf("what failed left %v", found)
		}
	}
}

func testFullDiskOnUpdate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "contoso.db")
	db := open(t, path, bolt.Options{Create: true})
	put(t, db, state.SpacePeople, "a", "value")
	fill := func(w state.Writer) error {
		for n := range 4000 {
			if err := w.Put(state.SpaceLog, fmt.Appendf(nil, "%d", n), make([]byte, 1000)); err != nil {
				return err
			}
		}
		return w.Put(state.SpacePeople, []byte("a"), []byte("changed"))
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	lift := limitFiles(t, uint64(info.Size()))
	for range 3 {
		if err := db.Update(t.Context(), fill); err == nil {
			t.Error("more was written than there is room for")
		} else if _, ok := errors.AsType[*state.DamagedError](err); ok {
			t.Error("a full disk is called damage:", err)
		}
		if got := get(t, db, state.SpacePeople, "a"); got != "value" {
			t.Errorf("a is %q, want what it was", got)
		}
	}
	lift()
	if err := db.Update(t.Context(), fill); err != nil {
		t.Error("once there is room:", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if got := get(t, open(t, path, bolt.Options{}), state.SpacePeople, "a"); got != "changed" {
		t.Errorf("after reopening a is %q", got)
	}
}
