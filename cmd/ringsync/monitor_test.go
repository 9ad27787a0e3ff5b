package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"ringsync/connectors/ringcentral/ringcentraltest"
	"ringsync/engine/notify"
	"ringsync/state/bolt"
)

// daemonAt starts the real program with more in its configuration and returns the address of metrics and health.
func daemonAt(t *testing.T, s *stage, more string) string {
	t.Helper()
	if err := s.write(more); err != nil {
		t.Fatal(err)
	}
	return startAt(t, s.config)
}

// startAt starts the real program on a file or a folder and returns the address of metrics and health.
func startAt(t *testing.T, source string) string {
	t.Helper()
	cmd := program(t, "ringsync", "--log-format", "json", "run", "--listen", "127.0.0.1:0", source)
	cmd.Stderr = nil
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	addresses := make(chan string, 1)
	var reading sync.WaitGroup
	reading.Go(func() {
		defer close(addresses)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			var line struct{ Msg, Address string }
			if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "metrics and health" {
				addresses <- "http://" + line.Address
			}
		}
	})
	t.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		reading.Wait()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	address, ok := <-addresses
	if !ok {
		t.Fatal("it does not listen")
	}
	return address
}

// eventually asks until the answer matches, and fails after the test's own time only.
func eventually(t *testing.T, url, pattern string) (status int, body string) {
	t.Helper()
	for want := regexp.MustCompile("(?m)" + pattern); t.Context().Err() == nil; {
		if status, body = do(t, http.MethodGet, url, "", ""); want.MatchString(body) {
			return status, body
		}
	}
	t.Fatal("no match of " + pattern)
	return status, body
}

// A daemon at work: it is ready, its numbers are those of what it has done, and its people hear of what needs them.
func TestMonitor(t *testing.T) {
	t.Parallel()
	s := newStage(t, 12, 2, ringcentraltest.Options{Licenses: -1})
	told := make(chan notify.Message, 100)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var m notify.Message
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
			t.Error(err)
		}
		told <- m
	}))
	t.Cleanup(hook.Close)
	at := daemonAt(t, s, "schedule: {incremental: 1s}\nsafety: {removals: {count: 1}}\nnotify: {webhook: {url: '"+hook.URL+"', secret: s}}\n")
	if status, body := do(t, http.MethodGet, at+"/healthz", "", ""); status != http.StatusOK || body != "ok\n" {
		t.Errorf("healthz: %d %q", status, body)
	}
	if status, body := eventually(t, at+"/readyz", "^sandbox: ready; last good cycle 2"); status != http.StatusOK {
		t.Errorf("readyz: %d %q", status, body)
	}
	eventually(t, at+"/metrics", `^ringsync_active\{job="sandbox"\} 12$`)
	s.leave(s.people[:3]...)
	_, body := eventually(t, at+"/metrics", `^ringsync_held_removals\{job="sandbox"\} 3$`)
	for _, want := range []string{
		`ringsync_links{job="sandbox"} 12`, `ringsync_quarantined{job="sandbox",reason="target"} 0`, `ringsync_last_cycle_success{job="sandbox"} 1`,
		`ringsync_outbox{job="sandbox",kind="create"} 0`, `ringsync_requests_total{group="unknown",job="sandbox",service="ringcentral",status="201"} 12`,
		`ringsync_requests_total{group="groups",job="sandbox",service="graph",status="200"} `, `ringsync_last_good_cycle_timestamp_seconds{job="sandbox"} 1.`,
		`ringsync_build_info{`, `ringsync_state_bytes{job="sandbox"} `, `ringsync_state_unwritable{job="sandbox"} 0`, `ringsync_log_file_unwritable{job="sandbox"} 0`, `ringsync_stale{job="sandbox"} 0`, `ringsync_last_cycle_duration_seconds{job="sandbox",kind="`,
	} {
		if !strings.Contains(body, "\n"+want) {
			t.Errorf("no %s in\n%s", want, body)
		}
	}
	if m := <-told; m.Kind != notify.Held || len(m.People) != 3 || !strings.Contains(m.Commands[1].Run, s.config+" approve 1") {
		t.Errorf("%+v", m)
	}
	eventually(t, at+"/metrics", `^ringsync_notifications_total\{channel="webhook",job="sandbox",result="delivered"\} 1$`)
}

// An address that is taken, or is none, ends the program before it has asked either service. Of two daemons on one state
// file the second is told of the first, whose address is taken too.
func TestListenRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := newStage(t, 3, 1, ringcentraltest.Options{Licenses: -1})
	if out := s.must(t, exitFailed, "run", "--listen", l.Addr().String()); !strings.Contains(out.stderr, l.Addr().String()+" is taken, perhaps by another daemon: choose another --listen") {
		t.Errorf("%q", out.stderr)
	}
	if out := s.must(t, exitUsage, "run", "--listen", "8040"); !strings.Contains(out.stderr, `--listen "8040" is not an address`) {
		t.Errorf("%q", out.stderr)
	}
	if asked := len(s.dir.Requests()) + len(s.account.Requests()); asked > 0 {
		t.Errorf("the services were asked all the same: %v %v", s.dir.Requests(), s.account.Requests())
	}
	first, err := bolt.Open(s.place.State, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if out := s.must(t, exitFailed, "run", "--listen", l.Addr().String()); !strings.Contains(out.stderr, fmt.Sprint("in use by pid ", os.Getpid())) {
		t.Errorf("%q", out.stderr)
	}
}

// watchedJob returns a monitor and a job that nobody serves, as a probe sees it.
func watchedJob(t *testing.T) (*monitor, *watched) {
	t.Helper()
	s := newStage(t, 3, 1, ringcentraltest.Options{Licenses: -1})
	a := &app{stderr: os.Stderr, monitor: newMonitor()}
	root := newRootCommand(a) // which gives the flags their defaults
	root.SetContext(t.Context())
	a.configPath = s.config
	if err := a.start(root, nil); err != nil {
		t.Fatal(err)
	}
	c, err := a.load()
	if err != nil {
		t.Fatal(err)
	}
	j, err := a.open(t.Context(), c, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.close(); err != nil {
			t.Error(err)
		}
	})
	schedule, err := scheduleOf(c)
	if err != nil {
		t.Fatal(err)
	}
	w, _, err := a.watch(t.Context(), j, schedule)
	if err != nil {
		t.Fatal(err)
	}
	return a.monitor, w
}

// standStill is a fleet that stands like this.
type standStill []standing

func (s standStill) standings() []standing  { return s }
func (standStill) hung(time.Duration) error { return nil }

// readyz says of each job why it is not ready.
func TestReady(t *testing.T) {
	m, w := watchedJob(t)
	server := httptest.NewServer(m.handler(nil))
	t.Cleanup(server.Close)
	ask := func(want int, text string) {
		t.Helper()
		if status, body := do(t, http.MethodGet, server.URL+"/readyz", "", ""); status != want || !strings.HasPrefix(body, text) {
			t.Errorf("%d %q, want %d %q", status, body, want, text)
		}
	}
	m.fleet = standStill{}
	ask(http.StatusServiceUnavailable, "no job is being served yet")
	m.fleet = standStill{{name: "sandbox", watched: w}}
	ask(http.StatusOK, "sandbox: starting")
	w.served = w.served.AddDate(0, 0, -1)
	ask(http.StatusServiceUnavailable, "sandbox: no good cycle since it was started "+stamp(w.served))
	if err := w.job.engine.Pause(t.Context()); err != nil {
		t.Fatal(err)
	}
	ask(http.StatusOK, "sandbox: paused since ")
	m.fleet = standStill{{name: "contoso", down: "its state file is in use"}, {name: "sandbox", watched: w, refused: true}}
	ask(http.StatusServiceUnavailable, "contoso: not served: its state file is in use\nsandbox: paused since ")
}

// The metrics keep to Prometheus' conventions, and to our names; what alerts and documentation speak of is there.
func TestMetricNames(t *testing.T) {
	m, w := watchedJob(t)
	m.fleet = standStill{{name: "sandbox", file: "sandbox.yaml", watched: w, loaded: time.Now()}, {name: "contoso", file: "contoso.yaml"}}
	problems, err := testutil.GatherAndLint(m.registry)
	if err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
	known := map[string]bool{}
	name := regexp.MustCompile(`ringsync_[a-z_]+`)
	for _, d := range described {
		known[name.FindString(d.String())] = true
	}
	for _, n := range []string{"ringsync_requests_total", "ringsync_notifications_total", "ringsync_build_info"} {
		known[n] = true
	}
	documented := map[string]bool{}
	for _, file := range []string{"../../docs/operate.md", "../../deploy/prometheus/ringsync.rules.yaml"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range name.FindAllString(string(text), -1) {
			documented[n] = true
			if !known[n] {
				t.Errorf("%s: there is no %s", file, n)
			}
		}
	}
	for n := range known {
		if !documented[n] {
			t.Errorf("%s is not documented", n)
		}
	}
}

// Labels come from a fixed set, whatever a service or a path says.
func TestMetricLabels(t *testing.T) {
	for path, want := range map[string]string{
		"/v1.0/users/delta": "users", "/v1.0/groups/1/members": "groups", "/v1.0/$batch": "$batch", "/v1.0/servicePrincipals(appId='x')": "servicePrincipals",
		"/v1.0/directoryObjects/getByIds": "directoryObjects", "/beta/me": "other", "": "other",
	} {
		if got := graphGroup(path); got != want {
			t.Errorf("%s is of %s, want %s", path, got, want)
		}
	}
	for header, want := range map[string]string{"Heavy": "heavy", " light ": "light", "": "unknown", "mine": "other"} {
		if got := limitGroup(header); got != want {
			t.Errorf("%q is %s, want %s", header, got, want)
		}
	}
}

func TestShellWord(t *testing.T) {
	for text, want := range map[string]string{"/etc/ringsync/a-b_c.yaml": "/etc/ringsync/a-b_c.yaml", "/my files/it's.yaml": `'/my files/it'\''s.yaml'`, "$(x)": "'$(x)'"} {
		if got := shellWord(text); got != want {
			t.Errorf("%s becomes %s, want %s", text, got, want)
		}
	}
}
