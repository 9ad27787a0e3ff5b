package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"ringsync/configs"
)

// session is a sandbox under way in this process.
type session struct {
	lines  *bufio.Scanner // standard output
	stderr *bytes.Buffer
	stop   context.CancelFunc
	code   chan int
}

func startSandbox(t *testing.T, args ...string) *session {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	in, out := io.Pipe()
	s := &session{lines: bufio.NewScanner(in), stderr: &bytes.Buffer{}, stop: stop, code: make(chan int, 1)}
	go func() {
		code := run(ctx, append([]string{"sandbox", "--graph-port", "0", "--ringcentral-port", "0"}, args...), strings.NewReader(""), out, s.stderr)
		out.Close()
		s.code <- code
	}()
	t.Cleanup(func() { stop(); in.Close() })
	return s
}

// until reads standard output up to and with the first line that has the text.
func (s *session) until(t *testing.T, text string) (read []string) {
	t.Helper()
	for s.lines.Scan() {
		read = append(read, s.lines.Text())
		if strings.Contains(s.lines.Text(), text) {
			return read
		}
	}
	t.Fatalf("no line with %q in:\n%s\n%s", text, strings.Join(read, "\n"), s.stderr)
	return nil
}

// do sends one request and returns the status and the body.
func do(t *testing.T, method, url, token, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(b)
}

// The configuration that the sandbox writes loads and names two services that answer to its tokens; the curl lines
// that it prints do what they say.
func TestSandbox(t *testing.T) {
	file := filepath.Join(t.TempDir(), "sandbox.yaml")
	s := startSandbox(t, "--file", file, "--people", "20", "--groups", "2", "--licenses", "5", "--limits")
	text := s.until(t, "Ctrl-C stops both")

	c, err := configs.Load(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	graph, token := c.Source.Endpoint, c.Source.Credential.Token.Reveal()
	status, body := do(t, "GET", graph+"/servicePrincipals(appId='"+c.Source.App+"')", token, "")
	if status != http.StatusOK || !strings.Contains(body, c.Source.Tenant) {
		t.Errorf("service principal: %d %s", status, body)
	}
	if status, _ := do(t, "GET", graph+"/users", "wrong", ""); status != http.StatusUnauthorized {
		t.Errorf("Graph takes a wrong token: %d", status)
	}
	status, body = do(t, "GET", c.Target.URL+"/Users", c.Target.Token.Reveal(), "")
	if status != http.StatusOK || !strings.Contains(body, `"totalResults":0`) {
		t.Errorf("RingCentral's users: %d %s", status, body)
	}
	if status, _ := do(t, "GET", c.Target.URL+"/Users", "wrong", ""); status != http.StatusUnauthorized {
		t.Errorf("RingCentral takes a wrong token: %d", status)
	}

	changes := curls(strings.Join(text, "\n"))
	if len(changes) != 4 {
		t.Fatalf("%d curl lines in\n%s", len(changes), strings.Join(text, "\n"))
	}
	for _, change := range changes {
		if status, answer := do(t, change.method, change.url, token, change.body); status != http.StatusNoContent {
			t.Errorf("%+v is answered %d %s", change, status, answer)
		}
	}
	for i, want := range []string{`"jobTitle":"Astronaut"`, `"accountEnabled":false`} {
		if _, body := do(t, "GET", changes[i].url+"?$select=jobTitle,accountEnabled", token, ""); !strings.Contains(body, want) {
			t.Errorf("after %+v the person is %s", changes[i], body)
		}
	}

	if status, body := do(t, "GET", c.Target.URL+"/Users", c.Target.Token.Reveal(), ""); status != http.StatusServiceUnavailable {
		t.Errorf("after %+v RingCentral answers %d %s", changes[3], status, body)
	}

	s.stop()
	if code := <-s.code; code != exitOK || s.stderr.Len() > 0 {
		t.Errorf("exit code %d, %s", code, s.stderr)
	}
	if _, err := os.Stat(filepath.Dir(c.State.Path)); !os.IsNotExist(err) {
		t.Errorf("the state's folder is still there: %v", err)
	}

	// A second start may write the file again; its addresses differ.
	s = startSandbox(t, "--file", file, "--json")
	var place sandboxPlace
	if err := json.Unmarshal([]byte(strings.Join(s.until(t, "}"), "")), &place); err != nil {
		t.Fatal(err)
	}
	if again, err := configs.Load(file, nil); err != nil || again.Source.Endpoint != place.Graph || again.Target.URL != place.RingCentral {
		t.Errorf("%+v, %v", place, err)
	}
}

// Both services can be down for a while, with any status, and RingCentral's tells what it was sent.
func TestSandboxControl(t *testing.T) {
	file := filepath.Join(t.TempDir(), "sandbox.yaml")
	s := startSandbox(t, "--file", file, "--json", "--latency", "1ms")
	var place sandboxPlace
	if err := json.Unmarshal([]byte(strings.Join(s.until(t, "}"), "")), &place); err != nil {
		t.Fatal(err)
	}
	graph, ringCentral := strings.TrimSuffix(place.Graph, "/v1.0"), strings.TrimSuffix(place.RingCentral, "/scim/v2")
	users := map[string]struct{ url, token string }{
		graph: {place.Graph + "/users", sandboxGraphToken}, ringCentral: {place.RingCentral + "/Users", sandboxRingCentralToken},
	}
	for root, u := range users {
		for _, step := range []struct {
			method, query  string
			status, answer int // of the step, and of the service after it
		}{
			{"POST", "", 204, 503}, {"DELETE", "", 204, 200}, {"POST", "?status=401&for=5m", 204, 401}, {"POST", "?status=500", 204, 500},
			{"POST", "?for=1ns", 204, 200}, {"POST", "?for=soon", 400, 200}, {"POST", "?for=-1m", 400, 200}, {"POST", "?status=200", 400, 200}, {"POST", "?status=x", 400, 200},
		} {
			if status, body := do(t, step.method, root+"/sandbox/outage"+step.query, "", ""); status != step.status {
				t.Errorf("%+v is answered %d %s", step, status, body)
			}
			if status, body := do(t, "GET", u.url, u.token, ""); status != step.answer {
				t.Errorf("after %+v the service answers %d %s", step, status, body)
			}
		}
	}
	do(t, "POST", users[ringCentral].url, sandboxRingCentralToken, `{"userName": "nobody"}`)
	do(t, "DELETE", users[ringCentral].url+"/1", sandboxRingCentralToken, "")
	status, body := do(t, "GET", ringCentral+"/sandbox/writes?from=1", "", "")
	var writes []sandboxWrite
	if err := json.Unmarshal([]byte(body), &writes); err != nil || status != http.StatusOK || len(writes) != 1 ||
		writes[0].Method != "DELETE" || writes[0].User != "1" || writes[0].Status != 404 || writes[0].Effect || !strings.HasPrefix(writes[0].Client, "Go-http") {
		t.Errorf("%d %s, %v", status, body, err)
	}
	for query, want := range map[string]string{"": "nobody", "?from=2": "[]", "?from=9": "[]", "?from=-1": "from is", "?from=x": "from is"} {
		if _, body := do(t, "GET", ringCentral+"/sandbox/writes"+query, "", ""); !strings.Contains(body, want) {
			t.Errorf("writes%s: %s", query, body)
		}
	}
}

// The real program ends by a signal, cleanly: that is how a person stops it.
func TestSandboxEndsBySignal(t *testing.T) {
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		file := filepath.Join(t.TempDir(), "sandbox.yaml")
		cmd := program(t, "ringsync", "sandbox", "--graph-port", "0", "--ringcentral-port", "0", "--file", file)
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		s := &session{lines: bufio.NewScanner(stdout), stderr: &bytes.Buffer{}}
		s.until(t, "Ctrl-C stops both")
		if err := cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v: %v", signal, err)
		}
	}
}

type change struct{ method, url, body string }

// curls reads the curl commands of the sandbox's text.
func curls(text string) (found []change) {
	text = strings.ReplaceAll(text, " \\\n   ", "")
	for line := range strings.Lines(text) {
		_, rest, ok := strings.Cut(line, "curl -X ")
		if !ok {
			continue
		}
		method, rest, _ := strings.Cut(rest, " ")
		c := change{method: method}
		quoted := strings.Split(rest, "'")
		for i := 1; i < len(quoted); i += 2 {
			if strings.HasPrefix(quoted[i], "http") {
				c.url = quoted[i]
			}
			if strings.HasPrefix(quoted[i], "{") {
				c.body = quoted[i]
			}
		}
		found = append(found, c)
	}
	return found
}

func TestSandboxPortTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := strconv.Itoa(taken.Addr().(*net.TCPAddr).Port)
	for _, flag := range []string{"--graph-port", "--ringcentral-port"} {
		file := filepath.Join(t.TempDir(), "sandbox.yaml")
		s := startSandbox(t, flag, port, "--file", file)
		if code := <-s.code; code != exitFailed {
			t.Errorf("exit code %d", code)
		}
		want := "ringsync: listen tcp 127.0.0.1:" + port + ": bind: address already in use; " + flag + " names another port, 0 takes any\n"
		if got := s.stderr.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if _, err := os.Stat(file); !os.IsNotExist(err) {
			t.Errorf("a configuration was written: %v", err)
		}
	}
}
