package main

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"ringsync/connectors/ringcentral/ringcentraltest"
	"ringsync/state"
)

// manager is a service manager that the real program reports to.
type manager struct {
	t      *testing.T
	socket *net.UnixConn
}

func newManager(t *testing.T) (m *manager, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = socket.Close() })
	return &manager{t, socket}, path
}

// hears returns the first message that matches, with those before it.
func (m *manager) hears(pattern string) (all []string) {
	m.t.Helper()
	want := regexp.MustCompile("(?m)" + pattern)
	if err := m.socket.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		m.t.Fatal(err)
	}
	for buffer := make([]byte, 4096); ; {
		n, err := m.socket.Read(buffer)
		if err != nil {
			m.t.Fatalf("no %s after %q: %v", pattern, all, err)
		}
		all = append(all, string(buffer[:n]))
		if want.Match(buffer[:n]) {
			return all
		}
	}
}

// systemd hears when the daemon is ready, which is when its jobs have been tried, that it works, when it reloads, with
// the time that takes part in it, and when it stops.
func TestServiceManager(t *testing.T) {
	s := newStage(t, 3, 1, ringcentraltest.Options{Licenses: -1})
	if err := s.write(rarely); err != nil {
		t.Fatal(err)
	}
	m, path := newManager(t)
	broken := filepath.Join(s.folder, "broken.yaml")
	if err := os.WriteFile(broken, []byte("job: broken\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := program(t, "ringsync", "-q", "run", s.folder)
	cmd.Stderr = nil
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+path, "WATCHDOG_USEC=300000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // it has ended, unless the test failed
	first := m.hears(`^READY=1$`)
	if len(first) != 1 || first[0] != "READY=1\nSTATUS=serving 1 of 2 jobs" {
		t.Errorf("at the start it says %q", first)
	}
	s.must(t, exitOK, "status") // it is there by then
	for range 3 {
		m.hears(`^WATCHDOG=1$`)
	}
	if err := os.Remove(broken); err != nil {
		t.Fatal(err)
	}
	m.hears(`^STATUS=serving sandbox$`)
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	all := m.hears(`^RELOADING=1$`)
	if !regexp.MustCompile(`(?m)^MONOTONIC_USEC=\d+$`).MatchString(all[len(all)-1]) {
		t.Errorf("reloading, it says %q", all[len(all)-1])
	}
	m.hears(`^READY=1$`)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	m.hears(`^STOPPING=1$`)
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// A program that is not started by a manager tells nobody, and one that is told rubbish goes on.
func TestNoServiceManager(t *testing.T) {
	t.Setenv("WATCHDOG_USEC", "soon")
	s := smallStage(t, rarely)
	d := serveStage(t, s)
	s.must(t, exitOK, "sync")
	d.end(t)
	if !strings.Contains(d.stderr.String(), "systemd's watchdog is not fed") {
		t.Errorf("%s", d.stderr)
	}
}

// stuckDB is a state whose reads never end, once it is stuck.
type stuckDB struct {
	state.DB
	stuck chan struct{} // nil: it is not
}

func (db *stuckDB) View(ctx context.Context, fn func(state.Reader) error) error {
	if db.stuck != nil {
		<-db.stuck
	}
	return db.DB.View(ctx, fn)
}

// The process is not well if the state of a job cannot be read; that a service does not answer is no such thing.
func TestHung(t *testing.T) {
	s := smallStage(t, rarely)
	at := daemonAt(t, s, rarely)
	waiting, release := s.hold(t)
	go func() { _ = s.say(t.Context(), "sync") }()
	<-waiting
	if status, body := do(t, http.MethodGet, at+"/healthz", "", ""); status != http.StatusOK || body != "ok\n" {
		t.Errorf("while RingCentral does not answer: %d %q", status, body)
	}
	release()

	_, w := watchedJob(t)
	db := &stuckDB{DB: w.job.db}
	j := *w.job
	var err error
	if j.store, err = j.bind(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	f := &fleet{members: map[string]*member{"a": {given: j.config, served: &served{job: &j}}}}
	if err := f.hung(10 * time.Second); err != nil {
		t.Error(err)
	}
	db.stuck = make(chan struct{})
	defer close(db.stuck)
	if err := f.hung(10 * time.Millisecond); err == nil || err.Error() != "the state of job sandbox cannot be read for 10ms" {
		t.Errorf("a state that cannot be read: %v", err)
	}
}
