//go:build unix

package bolt

import (
	"errors"
	"os"
	"syscall"
)

// takeRights gives a file the owner and the rights of the one whose place it is to take: whoever compacts may be root, and
// whoever opens the file next is not.
func takeRights(path, of string) error {
	info, err := os.Stat(of)
	if err != nil {
		return err
	}
	made, err := os.Stat(path)
	if err != nil {
		return err
	}
	want, has := info.Sys().(*syscall.Stat_t), made.Sys().(*syscall.Stat_t)
	if want.Uid != has.Uid || want.Gid != has.Gid {
		err = os.Chown(path, int(want.Uid), int(want.Gid))
	}
	return errors.Join(err, os.Chmod(path, info.Mode().Perm()))
}
