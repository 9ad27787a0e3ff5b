//go:build unix

package bolt_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// Whoever compacts, the file stays its owner's.
func TestCompactKeepsRights(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	db := airy(t, path)
	owner, group := os.Getuid(), os.Getgid()
	if owner == 0 {
		owner, group = 4711, 4712
	}
	if err := os.Chown(path, owner, group); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := db.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if has := info.Sys().(*syscall.Stat_t); int(has.Uid) != owner || int(has.Gid) != group || info.Mode().Perm() != 0o640 {
		t.Errorf("owner %d, group %d, %v", has.Uid, has.Gid, info.Mode())
	}
}
