package bolt

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// InUseError says that another process has the state file.
type InUseError struct {
	Path string
	PID  int // 0 if it is not known, as when that process only reads
}

func (e *InUseError) Error() string {
	who := "another process"
	if e.PID != 0 {
		who = "pid " + strconv.Itoa(e.PID)
	}
	return fmt.Sprintf("state file %s is in use by %s: let that finish or stop it, or give this job another state.path",
		e.Path, who)
}

// owner is the small file beside the state file that says whose it is: "4711\n" in contoso.db.pid. The lock decides,
// the owner is only there to be named, so nothing depends on its being right.
type owner struct {
	path string // "" if it was not written
}

// claim writes the owner. It is to be called with the lock held.
func claim(path string) owner {
	path += ".pid"
	if err := os.WriteFile(path, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600); err != nil {
		_ = os.Remove(path) // half of it, if anything
		return owner{}
	}
	return owner{path: path}
}

// leave removes what claim wrote. It is to be called before the lock is let go, or the file could be the next one's.
func (o owner) leave() {
	if o.path != "" {
		_ = os.Remove(o.path)
	}
}

// ownerOf returns the process that has the file, 0 if that is not known: there is no owner, or it was left behind by a
// process that is gone.
func ownerOf(path string) int {
	raw, err := os.ReadFile(path + ".pid")
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	if err != nil || pid <= 0 {
		return 0
	}
	process, err := os.FindProcess(pid)
	if err != nil || errors.Is(process.Signal(syscall.Signal(0)), os.ErrProcessDone) {
		return 0
	}
	return pid
}
