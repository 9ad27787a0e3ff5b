//go:build !windows

package bolt

import (
	"os"
	"syscall"
)

// letGo gives up the lock on a file that bbolt may still have mapped, which closing it does not.
func letGo(file *os.File) { _ = syscall.Flock(int(file.Fd()), syscall.LOCK_UN) }
