package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"

	"ringsync/connectors/ringcentral/ringcentraltest"
)

// rarely keeps a daemon from cycles of its own, after the first.
const rarely = "schedule: {incremental: 1000h, full: 0 0 29 2 *}\n"

// atWork is a daemon in this process.
type atWork struct {
	stop   context.CancelFunc
	code   chan int
	stderr *bytes.Buffer
}

// serveStage runs the daemon and returns when it listens.
func serveStage(t *testing.T, s *stage) *atWork {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	in, out := io.Pipe()
	d := &atWork{stop: stop, code: make(chan int, 1), stderr: &bytes.Buffer{}}
	go func() {
		code := run(ctx, []string{"run", s.config}, strings.NewReader(""), out, d.stderr)
		out.Close()
		d.code <- code
	}()
	if line, err := bufio.NewReader(in).ReadString('\n'); err != nil {
		t.Fatalf("%v: %q\n%s", err, line, d.stderr)
	}
	t.Cleanup(func() { d.end(t) })
	return d
}

// end stops the daemon, which is no error; ending it again does nothing.
func (d *atWork) end(t *testing.T) {
	t.Helper()
	d.stop()
	if d.code == nil {
		return
	}
	if code := <-d.code; code != exitOK {
		t.Errorf("the daemon exits with %d: %s", code, d.stderr)
	}
	d.code = nil
}

// said is what came of one command line.
type said struct {
	code           int
	stdout, stderr string
}

func (s *stage) say(ctx context.Context, args ...string) said {
	var stdout, stderr bytes.Buffer
	code := run(ctx, append([]string{"-c", s.config}, args...), strings.NewReader(""), &stdout, &stderr)
	return said{code, stdout.String(), stderr.String()}
}

func (s *stage) must(t *testing.T, code int, args ...string) said {
	t.Helper()
	out := s.say(t.Context(), args...)
	if out.code != code {
		t.Fatalf("ringsync %q exits with %d, want %d\n%s%s", args, out.code, code, out.stdout, out.stderr)
	}
	return out
}

// leave takes people's assignments and memberships away.
func (s *stage) leave(ids ...string) {
	for _, id := range ids {
		s.dir.Unassign(id)
		for _, g := range s.groups {
			s.dir.RemoveMember(g, id)
		}
	}
}

func smallStage(t *testing.T, more string) *stage {
	t.Helper()
	s := newStage(t, 12, 2, ringcentraltest.Options{Licenses: -1})
	if err := s.write(more); err != nil {
		t.Fatal(err)
	}
	return s
}

var cycleID = regexp.MustCompile(`"cycle": "[0-9a-f-]+"`)

// A command says the same, to the letter, whether a daemon answers or the state file.
func TestSameThroughDaemon(t *testing.T) {
	s := smallStage(t, rarely+"safety: {removals: {count: 1}}\n")
	s.must(t, exitOK, "sync")
	s.leave(s.people[:3]...)
	s.must(t, exitHeld, "sync")
	s.dir.UpdateUser(s.people[5], map[string]any{"jobTitle": "Astronaut"})
	commands := [][]string{
		{"outbox"}, {"outbox", "--json"}, {"outbox", "--held", "-q"}, {"log", "--action", "create"},
		{"log", "--json", "-n", "3", "--status", "skipped"}, {"log", "--csv", "--person", s.people[5]},
		{"diff"}, {"diff", "--json"}, {"diff", "-q"}, {"diff", "--user", s.people[5]}, {"diff", "--user", s.people[0], "--json"},
		{"diff", "--user", "nobody"}, {"approve", "9"}, {"approve", "9", "--json"}, {"approve", "x"}, {"log", "--since", "x"},
		{"restart", "--reset", "links"}, {"outbox", "--hold"}, {"restart", "--reset", "escrows", "--json"},
	}
	collect := func() (all []said) {
		for _, args := range commands {
			out := s.say(t.Context(), args...)
			out.stdout = cycleID.ReplaceAllString(out.stdout, "")
			all = append(all, out)
		}
		return all
	}
	alone := collect()
	serveStage(t, s)
	for i, through := range collect() {
		if through != alone[i] {
			t.Errorf("ringsync %q alone:\n%+v\nthrough the daemon:\n%+v", commands[i], alone[i], through)
		}
	}
	for i, want := range []int{exitOK, exitOK, exitOK, exitOK, exitOK, exitOK, exitHeld, exitHeld, exitHeld, exitDifferences, exitHeld,
		exitFailed, exitFailed, exitFailed, exitUsage, exitUsage, exitUsage, exitUsage, exitOK} {
		if alone[i].code != want {
			t.Errorf("ringsync %q exits with %d, want %d", commands[i], alone[i].code, want)
		}
	}
}

// A sync reports the same things in the same shape, and the dry run before it what it then does.
func TestSyncThroughDaemon(t *testing.T) {
	s := smallStage(t, rarely)
	report := func(code int, args ...string) map[string]any {
		t.Helper()
		var v map[string]any
		if err := json.Unmarshal([]byte(s.must(t, code, args...).stdout), &v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	s.must(t, exitOK, "sync")
	s.dir.UpdateUser(s.people[0], map[string]any{"jobTitle": "Astronaut"})
	dry, alone := report(exitDifferences, "diff", "--json"), report(exitOK, "sync", "--json")
	d := serveStage(t, s)
	s.dir.UpdateUser(s.people[0], map[string]any{"jobTitle": "Juggler"})
	dryThere, there := report(exitDifferences, "diff", "--json"), report(exitOK, "sync", "--json")
	for _, other := range []map[string]any{dryThere, alone, there} {
		if want, got := shape(dry), shape(other); !reflect.DeepEqual(want, got) {
			t.Errorf("the shape is\n%v, want\n%v", got, want)
		}
		if !reflect.DeepEqual(dry["summary"], other["summary"]) {
			t.Errorf("the summary is %v, want %v", other["summary"], dry["summary"])
		}
	}
	d.end(t)
	if got := s.must(t, exitOK, "diff").stdout; !strings.Contains(got, "no differences; 12 unchanged") {
		t.Error(got)
	}
}

// shape is a JSON value with its types in place of what is in it.
func shape(v any) any {
	switch v := v.(type) {
	case map[string]any:
		of := map[string]any{}
		for key, value := range v {
			of[key] = shape(value)
		}
		return of
	case []any:
		var of []any
		for _, value := range v[:min(1, len(v))] {
			of = append(of, shape(value))
		}
		return of
	}
	return fmt.Sprintf("%T", v)
}

// hold makes RingCentral's list of accounts wait. It returns a channel that says when somebody waits, and a function
// that lets go.
func (s *stage) hold(t *testing.T) (waiting <-chan struct{}, release func()) {
	arrived, gone := make(chan struct{}, 100), make(chan struct{})
	release = sync.OnceFunc(func() { close(gone) })
	t.Cleanup(release)
	s.account.Fault(func(r *http.Request) *ringcentraltest.Fault {
		if r.Method == http.MethodGet {
			arrived <- struct{}{}
			<-gone
		}
		return nil
	})
	return arrived, release
}

// Whoever asked a daemon for a cycle may go away: the cycle goes on.
func TestCallerGoesAway(t *testing.T) {
	s := smallStage(t, rarely)
	s.must(t, exitOK, "sync")
	serveStage(t, s)
	s.dir.UpdateUser(s.people[0], map[string]any{"jobTitle": "Astronaut"})
	waiting, release := s.hold(t)
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan said)
	go func() { left <- s.say(ctx, "sync") }()
	<-waiting
	cancel()
	out := <-left
	if want := "ringsync: stopped waiting for the daemon of this job; a cycle that it has begun goes on: context canceled\n"; out.code != exitFailed || out.stderr != want {
		t.Errorf("%+v, want %q", out, want)
	}
	release()
	// The next one waits for its turn, and finds that all is done.
	if got := s.must(t, exitOK, "sync").stdout; !strings.Contains(got, "nothing to write; 12 unchanged") {
		t.Error(got)
	}
	if got := s.must(t, exitOK, "log", "-n", "1").stdout; !strings.Contains(got, "Astronaut") {
		t.Error(got)
	}
}

// A dry run ends when its caller goes away, and what it held of the state is let go: the daemon can end.
func TestDryRunEndsWithItsCaller(t *testing.T) {
	s := smallStage(t, rarely)
	s.must(t, exitOK, "sync")
	d := serveStage(t, s)
	waiting, _ := s.hold(t)
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan said)
	go func() { left <- s.say(ctx, "diff") }()
	<-waiting
	cancel()
	if out := <-left; out.code != exitFailed || !strings.Contains(out.stderr, "stopped waiting") {
		t.Errorf("%+v", out)
	}
	d.end(t)
}

// A daemon that is told to stop does not wait for those who wait for it.
func TestDaemonStopsWhileSomebodyWaits(t *testing.T) {
	for _, command := range []string{"sync", "diff"} {
		t.Run(command, func(t *testing.T) {
			s := smallStage(t, rarely)
			s.must(t, exitOK, "sync")
			d := serveStage(t, s)
			waiting, _ := s.hold(t)
			left := make(chan said)
			go func() { left <- s.say(t.Context(), command) }()
			<-waiting
			d.stop()
			if out := <-left; out.code != exitFailed || out.stderr != "ringsync: the daemon is stopping\n" {
				t.Errorf("%+v", out)
			}
			d.end(t)
		})
	}
}

// Nobody but the owner may use the socket, and it runs nothing but what touches the job.
func TestControlSocket(t *testing.T) {
	s := smallStage(t, rarely)
	d := serveStage(t, s)
	path := socketPath(s.place.State)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 || info.Mode().Type() != fs.ModeSocket {
		t.Errorf("%v, %v", info, err)
	}
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}}
	post := func(body string) (int, string) {
		t.Helper()
		answer, err := client.Post("http://ringsync/v1/command", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		var text strings.Builder
		for frames := json.NewDecoder(answer.Body); answer.StatusCode == http.StatusOK; {
			var f frame
			if err := frames.Decode(&f); err != nil {
				t.Fatalf("%q and then %v", text.String(), err)
			}
			fmt.Fprintf(&text, "%s%s", f.Stdout, f.Stderr)
			if f.Exit != nil {
				return *f.Exit, text.String()
			}
		}
		return answer.StatusCode, text.String()
	}
	for _, c := range []struct {
		body string
		code int
		text string
	}{
		{`{"args": ["run"]}`, exitUsage, `unknown command "run"`},
		{`{"args": ["config", "init", "/tmp/x"]}`, exitUsage, `unknown command "config"`},
		{`{"args": ["sandbox"]}`, exitUsage, `unknown command "sandbox"`},
		{`{"args": ["restart", "--reset", "links"]}`, exitUsage, "--yes confirms it"},
		{`{"args": ["status", "--config", "/nowhere"]}`, exitOK, "sandbox: "},
		{`{"args": null}`, exitOK, "Available Commands:"},
		{`{}`, exitOK, "Available Commands:"},
		{`{`, http.StatusBadRequest, ""},
		{`{"args": "status"}`, http.StatusBadRequest, ""},
		{`{"args": ["` + strings.Repeat("x", 1<<20) + `"]}`, http.StatusBadRequest, ""},
	} {
		if code, text := post(c.body); code != c.code || !strings.Contains(text, c.text) {
			t.Errorf("%.60s is answered %d %s", c.body, code, text)
		}
	}
	client.CloseIdleConnections()
	d.end(t)
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("the socket is still there: %v", err)
	}
}

// What a daemon that fails in the middle has said is not taken for all.
func TestAnswerCutOff(t *testing.T) {
	s := smallStage(t, "")
	socket, err := listenControl(socketPath(s.place.State))
	if err != nil {
		t.Fatal(err)
	}
	answers := make(chan http.HandlerFunc, 1)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (<-answers)(w, r) })}
	go func() { _ = server.Serve(socket) }() // until it is closed
	defer server.Close()
	for want, answer := range map[string]http.HandlerFunc{
		"its answer was cut off: EOF": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, `{"stdout": "aGFsZg=="}`) },
		"503 Service Unavailable: the daemon is stopping": func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "the daemon is stopping", http.StatusServiceUnavailable)
		},
	} {
		answers <- answer
		want = "ringsync: ask the daemon of this job at " + socketPath(s.place.State) + ": " + want + "\n"
		if out := s.say(t.Context(), "status"); out.code != exitFailed || out.stderr != want {
			t.Errorf("%+v, want %q", out, want)
		}
	}
}

// Where the daemon has the secrets, whoever asks it needs none.
func TestSecretsAreTheDaemons(t *testing.T) {
	s := smallStage(t, rarely)
	text, err := os.ReadFile(s.config)
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.Replace(text, []byte("token: "+sandboxRingCentralToken), []byte(`token: "${RINGSYNC_TEST_TOKEN}"`), 1)
	if err := os.WriteFile(s.config, text, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("RINGSYNC_TEST_TOKEN", sandboxRingCentralToken)
	d := serveStage(t, s)
	if err := os.Unsetenv("RINGSYNC_TEST_TOKEN"); err != nil {
		t.Fatal(err)
	}
	s.must(t, exitOK, "sync")
	d.end(t)
	if out := s.must(t, exitUsage, "sync"); !strings.Contains(out.stderr, "RINGSYNC_TEST_TOKEN is not set") {
		t.Error(out.stderr)
	}
}

// A path that no socket can have is refused, and keeps nobody from using the state file.
func TestSocketPathTooLong(t *testing.T) {
	s := newStage(t, 1, 1, ringcentraltest.Options{Licenses: -1})
	folder := filepath.Join(s.folder, strings.Repeat("long", 30))
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	s.place.State = filepath.Join(folder, "job.db")
	if err := s.write(""); err != nil {
		t.Fatal(err)
	}
	out := s.must(t, exitUsage, "run")
	if want := fmt.Sprintf("ringsync: the control socket's path has %d bytes, more than the system takes (about 100): give the job a shorter state.path than %s\n",
		len(socketPath(s.place.State)), s.place.State); out.stderr != want {
		t.Errorf("got %q, want %q", out.stderr, want)
	}
	s.must(t, exitOK, "sync")
}
