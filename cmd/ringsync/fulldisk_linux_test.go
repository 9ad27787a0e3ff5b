package main

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ringsync/connectors/entra/entratest"
	"ringsync/connectors/ringcentral/ringcentraltest"
	"ringsync/engine"
	"ringsync/engine/notify"
	"ringsync/engine/plan"
)

// disk is the room that a process has. A limit on the size of its files stands for a full disk: the system refuses the
// same calls, without root, in the very moment that a test chooses.
type disk struct {
	t    *testing.T
	pid  atomic.Int64
	once sync.Once
}

// fill leaves no room to the process: not a byte of a file can be written behind the first two pages.
func (d *disk) fill() { d.limit(2 * 4096) }

func (d *disk) empty() { d.limit(unix.RLIM_INFINITY) }

func (d *disk) limit(size uint64) {
	var now unix.Rlimit
	err := unix.Prlimit(int(d.pid.Load()), unix.RLIMIT_FSIZE, nil, &now)
	if err == nil {
		now.Cur = min(size, now.Max)
		err = unix.Prlimit(int(d.pid.Load()), unix.RLIMIT_FSIZE, &now, nil)
	}
	if err != nil {
		d.t.Error(err)
	}
}

// until holds up everything that is asked of the directory.
func until(begin <-chan struct{}) func(*http.Request) *entratest.Fault {
	return func(*http.Request) *entratest.Fault { <-begin; return nil }
}

// fullAt fills the disk at the n-th write to RingCentral, or, if n is 0, at the first request to it.
func (s *stage) fullAt(d *disk, n int64) {
	var writes atomic.Int64
	s.account.Fault(func(r *http.Request) *ringcentraltest.Fault {
		if n == 0 || r.Method != http.MethodGet && writes.Add(1) == n {
			d.once.Do(d.fill)
		}
		return nil
	})
}

// A first sync meets a full disk. It ends with one line that names the file and says what to do, and the next goes on:
// everybody has an account, and nobody has two, at a target that would make them.
func TestFullDiskInSync(t *testing.T) {
	for name, at := range map[string]int64{"before anything is written": 0, "at the first write": 1, "in the middle": 100} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, 400, 4, ringcentraltest.Options{Licenses: -1, AllowDuplicates: true, Latency: 100 * time.Millisecond})
			d := &disk{t: t}
			cmd := program(t, "ringsync", "-q", "-c", s.config, "sync")
			begin := make(chan struct{})
			s.dir.Fault(until(begin))
			var said strings.Builder
			cmd.Stderr = &said
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			d.pid.Store(int64(cmd.Process.Pid))
			s.fullAt(d, at)
			close(begin)
			_ = cmd.Wait()
			if code := cmd.ProcessState.ExitCode(); code != exitFailed || strings.Count(said.String(), "\n") != 1 ||
				!strings.Contains(said.String(), "state file "+s.place.State+" cannot be written (") || !strings.Contains(said.String(), "make room on its disk") {
				t.Errorf("exit code %d: %s", code, &said)
			}
			made := len(s.account.Users())
			if at == 0 && made != 0 || made == 400 {
				t.Errorf("%d accounts are made on a full disk", made)
			}
			s.account.Fault(nil)
			command(t, exitOK, "-q", "-c", s.config, "sync")
			s.everybodyOnce(t)
		})
	}
}

// everybodyOnce checks that each person has one account and that nothing differs.
func (s *stage) everybodyOnce(t *testing.T) {
	t.Helper()
	if n := len(s.account.Users()); n != len(s.people) {
		t.Errorf("%d accounts for %d people", n, len(s.people))
	}
	command(t, exitOK, "-q", "-c", s.config, "diff")
}

// A daemon meets a full disk in the middle of its first cycle. It sends nothing more and asks nothing more, says so to
// whoever asks, and to people; and when there is room again it goes on by itself, without sending anything twice: what
// RingCentral had acknowledged it has kept.
func TestFullDiskInDaemon(t *testing.T) {
	t.Parallel()
	s := newStage(t, 400, 4, ringcentraltest.Options{Licenses: -1, AllowDuplicates: true, Latency: 100 * time.Millisecond})
	told := make(chan notify.Message, 100)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var m notify.Message
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
			t.Error(err)
		}
		told <- m
	}))
	t.Cleanup(hook.Close)
	heard := func(event notify.Event, subject string) { // of the file of the log people may hear too
		t.Helper()
		for m := range told {
			if m.Kind == notify.Storage && m.Event == event && strings.Contains(m.Subject, subject) {
				return
			}
		}
	}
	d := &disk{t: t}
	begin := make(chan struct{})
	s.dir.Fault(until(begin))
	s.fullAt(d, 100)
	siem := filepath.Join(s.folder, "siem.jsonl")
	rest := "log: {file: '" + siem + "'}\nnotify: {webhook: {url: '" + hook.URL + "'}}\n"
	at := daemonAt(t, s, "schedule: {incremental: 1h}\n"+rest)
	d.pid.Store(s.pid(t))
	close(begin)

	status, body := eventually(t, at+"/readyz", "^sandbox: blocked since .* state file .* cannot be written .*: make room on its disk")
	if status != http.StatusServiceUnavailable {
		t.Errorf("readyz: %d %s", status, body)
	}
	if status, _ := do(t, http.MethodGet, at+"/healthz", "", ""); status != http.StatusOK {
		t.Errorf("healthz: %d: another process would not do better", status)
	}
	eventually(t, at+"/metrics", `^ringsync_state_unwritable\{job="sandbox"\} 1$`)
	heard(notify.Begins, "its state cannot be written")
	// What was in flight has ended by the time that a sync is refused.
	refused := func(args ...string) {
		t.Helper()
		var out, errs strings.Builder
		if code := run(t.Context(), append([]string{"-q", "-c", s.config}, args...), strings.NewReader(""), &out, &errs); code != exitFailed || !strings.Contains(errs.String(), "make room on its disk") {
			t.Errorf("%s exits with %d: %s", args, code, &errs)
		}
	}
	refused("sync")
	refused("provision", s.people[399])
	source, target := s.dir.Requests(), s.account.Requests()
	refused("sync")
	refused("pause")
	backup := filepath.Join(s.folder, "backup.db")
	var out, errs strings.Builder
	if code := run(t.Context(), []string{"-c", s.config, "state", "backup", backup}, strings.NewReader(""), &out, &errs); code != exitFailed || !strings.Contains(errs.String(), backup) {
		t.Errorf("backup exits with %d: %s", code, &errs)
	}
	if left, _ := filepath.Glob(backup + "*"); len(left) != 0 {
		t.Errorf("a backup that failed leaves %v", left)
	}
	if stood := s.status(t); stood.State != "blocked" || stood.Unwritable == nil || stood.Linked == 400 {
		t.Errorf("%+v", stood)
	}
	if n := len(s.account.Posts()); n < 100 || n == 400 {
		t.Errorf("%d accounts were asked for although nothing could be written down", n)
	}
	if said, _ := command(t, exitOK, "-c", s.config, "status"); !regexp.MustCompile(`sandbox: blocked\n  blocked +since .*make room on its disk`).MatchString(said) {
		t.Error(said)
	}
	if !maps.Equal(source, s.dir.Requests()) || !maps.Equal(target, s.account.Requests()) {
		t.Errorf("requests on a full disk: %v, then %v; %v, then %v", source, s.dir.Requests(), target, s.account.Requests())
	}
	// What it has in hand would be lost with it, were another configuration to take its place now.
	if err := s.write("schedule: {incremental: 2h}\n" + rest); err != nil {
		t.Fatal(err)
	}
	eventually(t, at+"/metrics", `^ringsync_config_accepted\{.*\} 0$`)

	d.empty()
	eventually(t, at+"/metrics", `^ringsync_links\{job="sandbox"\} 400$`)
	eventually(t, at+"/metrics", `^ringsync_state_unwritable\{job="sandbox"\} 0$`)
	heard(notify.Over, "its state can be written again")
	if err := syscall.Kill(int(d.pid.Load()), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	eventually(t, at+"/metrics", `^ringsync_config_accepted\{.*\} 1$`)
	command(t, exitOK, "-q", "-c", s.config, "sync")
	s.everybodyOnce(t)
	if n := len(s.account.Posts()); n != 400 {
		t.Errorf("%d accounts were asked for", n)
	}
	s.wholeLog(t, siem)
}

// pid is who has the state file.
func (s *stage) pid(t *testing.T) int64 {
	t.Helper()
	text, err := os.ReadFile(s.place.State + ".pid")
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// Only the file of the provisioning log meets a full disk. The job goes on, says so, and leaves nothing half-written; with
// room again what is missing follows, each entry once.
func TestFullDiskOfLogFile(t *testing.T) {
	t.Parallel()
	const earlier = 8 << 20 // more than the state takes
	s := newStage(t, 400, 4, ringcentraltest.Options{Licenses: -1})
	siem := filepath.Join(s.folder, "siem.jsonl")
	if err := os.WriteFile(siem, []byte(strings.Repeat("{}\n", earlier/3)), 0o600); err != nil {
		t.Fatal(err)
	}
	d := &disk{t: t}
	begin := make(chan struct{})
	s.dir.Fault(until(begin))
	at := daemonAt(t, s, "schedule: {incremental: 1h}\nlog: {file: '"+siem+"'}\n")
	d.pid.Store(s.pid(t))
	d.limit(earlier + 20_000) // some lines have room, the rest of them has not
	close(begin)
	eventually(t, at+"/metrics", `^ringsync_log_file_unwritable\{job="sandbox"\} 1$`)
	eventually(t, at+"/metrics", `^ringsync_links\{job="sandbox"\} 400$`)
	if said, _ := command(t, exitOK, "-c", s.config, "status"); !regexp.MustCompile(`\n  log file +not written since .*` + regexp.QuoteMeta(siem)).MatchString(said) {
		t.Error(said)
	}
	if status, body := do(t, http.MethodGet, at+"/readyz", "", ""); status != http.StatusOK {
		t.Errorf("readyz: %d %s", status, body)
	}
	d.empty()
	command(t, exitOK, "-q", "-c", s.config, "sync")
	eventually(t, at+"/metrics", `^ringsync_log_file_unwritable\{job="sandbox"\} 0$`)
	s.wholeLog(t, siem)
}

// wholeLog checks that the file of the log has a line for each create, and none that is broken off.
func (s *stage) wholeLog(t *testing.T, path string) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	created := 0
	seen := map[string]bool{"": true}
	for line := range strings.Lines(string(raw)) {
		var entry plan.ObjectSummary
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Errorf("%v: %.200q", err, line)
		}
		if entry.Action == "create" {
			created++
		}
		if entry.ID != "" && seen[entry.ID] {
			t.Errorf("entry %s is there twice", entry.ID)
		}
		seen[entry.ID] = true
	}
	if created != 400 {
		t.Errorf("%d creates in %s", created, path)
	}
}

// A daemon that is told to stop on a full disk stops, and says what is not written down; one that is killed says nothing.
// The next one finds it either way.
func TestFullDiskThenStop(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			s := newStage(t, 400, 4, ringcentraltest.Options{Licenses: -1, AllowDuplicates: true, Latency: 100 * time.Millisecond})
			d := &disk{t: t}
			begin := make(chan struct{})
			s.dir.Fault(until(begin))
			s.fullAt(d, 100)
			cmd := program(t, "ringsync", "-c", s.config, "run", "--listen", "off")
			var said strings.Builder
			cmd.Stderr = &said
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			d.pid.Store(int64(cmd.Process.Pid))
			close(begin)
			for s.status(t).Unwritable == nil {
				if t.Context().Err() != nil {
					t.Fatal("it is not blocked")
				}
			}
			if err := cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
			tells := strings.Contains(said.String(), "ringsync: state file "+s.place.State+" cannot be written")
			if code := cmd.ProcessState.ExitCode(); signal == syscall.SIGTERM && (code != exitFailed || !tells) {
				t.Errorf("exit code %d:\n%s", code, &said)
			}
			if n := len(s.account.Users()); n == 0 || n == 400 {
				t.Errorf("%d accounts", n)
			}
			s.account.Fault(nil)
			command(t, exitOK, "-q", "-c", s.config, "sync")
			s.everybodyOnce(t)
		})
	}
}

func (s *stage) status(t *testing.T) (status engine.Status) {
	t.Helper()
	var out strings.Builder
	if run(t.Context(), []string{"-c", s.config, "status", "--json"}, strings.NewReader(""), &out, io.Discard) == exitOK {
		if err := json.Unmarshal([]byte(out.String()), &status); err != nil {
			t.Fatal(err)
		}
	}
	return status
}
