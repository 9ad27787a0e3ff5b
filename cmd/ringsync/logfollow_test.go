package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"
)

// follower is log --follow at work in this process.
type follower struct {
	t     *testing.T
	lines *bufio.Scanner
	stop  context.CancelFunc
	code  chan int
}

func (s *stage) follow(t *testing.T, args ...string) *follower {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	in, out := io.Pipe()
	f := &follower{t, bufio.NewScanner(in), stop, make(chan int, 1)}
	f.lines.Buffer(nil, 1<<20)
	go func() {
		code := run(ctx, append([]string{"-c", s.config, "log", "--follow"}, args...), strings.NewReader(""), out, io.Discard)
		out.Close()
		f.code <- code
	}()
	t.Cleanup(func() { stop(); in.Close() })
	return f
}

// next waits for a line and returns it.
func (f *follower) next() string {
	f.t.Helper()
	if !f.lines.Scan() {
		f.t.Fatalf("it ended: %v, exit code %d", f.lines.Err(), <-f.code)
	}
	return f.lines.Text()
}

// entry waits for an entry and returns its number, action and the name of its person.
func (f *follower) entry() (id, what string) {
	f.t.Helper()
	var e struct {
		ID     string
		Action string              `json:"provisioningAction"`
		Source struct{ ID string } `json:"sourceIdentity"`
	}
	if line := f.next(); json.Unmarshal([]byte(line), &e) != nil {
		f.t.Fatalf("no entry: %s", line)
	}
	return e.ID, strings.TrimSpace(e.Action + " " + e.Source.ID)
}

// end is Ctrl-C, which is no failure.
func (f *follower) end() {
	f.t.Helper()
	f.stop()
	for f.lines.Scan() {
		f.t.Errorf("at the end there is %s", f.lines.Text())
	}
	if code := <-f.code; code != exitOK {
		f.t.Errorf("it exits with %d", code)
	}
}

// Whoever follows the log sees each entry once, whether they follow the file or a daemon, or a daemon comes meanwhile.
func TestFollowLog(t *testing.T) {
	s := smallStage(t, rarely)
	s.must(t, exitOK, "sync")
	all, operators := s.follow(t, "--json", "-n", "2"), s.follow(t, "--action", "other", "-q")
	expect := func(id, what string) {
		t.Helper()
		if gotID, got := all.entry(); gotID != id || got != what && what != "" {
			t.Errorf("entry %s is %q, want %s, %q", gotID, got, id, what)
		}
	}
	expect("12", "")
	expect("13", "")
	if got := operators.next(); !strings.Contains(got, "(full cycle asked for) by ") {
		t.Errorf("the other one sees %s", got)
	}
	s.must(t, exitOK, "pause") // no daemon yet
	expect("14", "other")
	if got := operators.next(); !strings.Contains(got, "(paused) by ") {
		t.Errorf("the other one sees %s", got)
	}
	d := serveStage(t, s)
	s.must(t, exitOK, "resume")
	expect("15", "other")
	if got := operators.next(); !strings.Contains(got, "(resumed) by ") {
		t.Errorf("the other one sees %s", got)
	}
	s.dir.UpdateUser(s.people[5], map[string]any{"jobTitle": "Astronaut"})
	s.must(t, exitOK, "sync")
	expect("16", "other")
	if got := operators.next(); !strings.Contains(got, "(full cycle asked for) by ") {
		t.Errorf("the other one sees %s", got)
	}
	expect("17", "update "+s.people[5])
	all.end()
	operators.end()
	d.end(t)
}

// As a table it has the names of its columns once, wherever the rows come from.
func TestFollowLogAsTable(t *testing.T) {
	s := smallStage(t, rarely)
	s.must(t, exitOK, "sync")
	f := s.follow(t, "--csv", "--action", "other")
	if got := f.next(); !strings.HasPrefix(got, "id,activityDateTime,") {
		t.Errorf("it begins with %s", got)
	}
	serveStage(t, s)
	s.must(t, exitOK, "pause")
	for _, want := range []string{"1,", "14,"} { // the sync and the pause
		if got := f.next(); !strings.HasPrefix(got, want) {
			t.Errorf("then comes %s, want %s", got, want)
		}
	}
	f.end()
}
