package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ringsync/connectors/ringcentral/ringcentraltest"
)

// consoleAt serves the stage's job in this process and returns the address of its console.
func consoleAt(t *testing.T, s *stage, flags ...string) string {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	in, out := io.Pipe()
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, append([]string{"--log-format", "json", "run", "--listen", "127.0.0.1:0", s.config}, flags...), strings.NewReader(""), io.Discard, out)
		out.Close()
	}()
	addresses := make(chan string, 1)
	go func() {
		defer close(addresses)
		for lines := bufio.NewScanner(in); lines.Scan(); {
			var line struct{ Msg, Address string }
			if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "metrics and health" {
				addresses <- line.Address
			}
		}
	}()
	t.Cleanup(func() {
		stop()
		if got := <-code; got != exitOK {
			t.Errorf("the daemon exits with %d", got)
		}
	})
	address, ok := <-addresses
	if !ok {
		t.Fatal("it does not listen")
	}
	return address
}

// heldStage is a job of which three removals are held.
func heldStage(t *testing.T, more string) *stage {
	t.Helper()
	s := smallStage(t, rarely+"safety: {removals: {count: 1}}\n"+more)
	// The first has no phone in the directory.
	s.dir.UpdateUser(s.people[0], map[string]any{"displayName": "Nora Quiet", "mobilePhone": nil})
	s.must(t, exitOK, "sync")
	s.leave(s.people[3:6]...)
	s.must(t, exitHeld, "sync")
	return s
}

var screenshots = flag.String("screenshots", "", "write the pictures of docs/console into this `folder`")

// The pictures of the documentation are of what the demo leaves.
func TestScreenshots(t *testing.T) {
	if *screenshots == "" {
		*screenshots = t.TempDir()
	}
	b := newBrowser(t)
	s := heldStage(t, "users: {filters: [{name: Offices, all: [{attribute: country, operator: IS NOT NULL}]}]}\n")
	s.dir.UpdateUser(s.people[1], map[string]any{"jobTitle": "Head of Telephony"})
	at := "http://" + consoleAt(t, s)
	pages := []struct{ name, path string }{
		{"overview", "/jobs/sandbox"}, {"held", "/jobs/sandbox/held"}, {"people", "/jobs/sandbox/people"},
		{"person", "/jobs/sandbox/people/" + s.people[0]}, {"log", "/jobs/sandbox/log"}, {"entry", "/jobs/sandbox/log/3"},
		{"mapping", "/jobs/sandbox/mapping"}, {"preview", "/jobs/sandbox/preview"}, {"settings", "/jobs/sandbox/settings"},
		{"waiting", "/jobs/sandbox/waiting"},
	}
	b.open(at + "/jobs/sandbox/preview")
	b.click("button", "Start a dry run")
	b.find("link", "Download as JSON")
	for _, p := range pages {
		b.open(at + p.path)
		b.find("heading", "")
		for _, width := range []int64{360, 1280} {
			b.dark(p.name == "overview" && width == 360)
			name := filepath.Join(*screenshots, p.name+map[int64]string{360: "-360", 1280: "-1280"}[width]+".png")
			if err := os.WriteFile(name, b.shot(width), 0o644); err != nil {
				t.Fatal(err)
			}
			if wide := b.evaluate(`String(document.documentElement.scrollWidth > document.documentElement.clientWidth)`); wide != "false" {
				t.Errorf("%s is wider than a screen of %d", p.name, width)
			}
		}
	}
}

var _ = ringcentraltest.Options{}
