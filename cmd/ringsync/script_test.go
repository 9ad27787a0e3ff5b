package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"ringsync/connectors/ringcentral/ringcentraltest"
)

// waitFor tries again and again, for half a minute at most.
func waitFor(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: waitfor REGEXP ARG...")
	}
	pattern, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		_ = ts.Exec("ringsync", args[1:]...) // it may fail while what is waited for is not there
		if pattern.MatchString(ts.ReadFile("stdout")) {
			return
		}
	}
	ts.Fatalf("no match of %q", args[0])
}

func terminate(ts *testscript.TestScript, neg bool, args []string) {
	signalAll(ts, syscall.SIGTERM, neg || len(args) > 0)
}

func hangUp(ts *testscript.TestScript, neg bool, args []string) {
	signalAll(ts, syscall.SIGHUP, neg || len(args) > 0)
}

func signalAll(ts *testscript.TestScript, signal os.Signal, misused bool) {
	if misused {
		ts.Fatalf("usage: terminate, hangup")
	}
	for _, cmd := range ts.BackgroundCmds() {
		ts.Check(cmd.Process.Signal(signal))
	}
}

func writeJob(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: job PATH NAME [FILE]")
	}
	place, path := stageOf(ts).place, ts.MkAbs(args[0])
	place.State = ts.MkAbs(args[1] + ".db")
	text := strings.Replace(string(place.config()), "job: sandbox", "job: "+args[1], 1)
	if _, err := os.Stat(path + ".token"); err == nil {
		text = strings.Replace(text, sandboxRingCentralToken, `"${file:`+filepath.Base(path)+`.token}"`, 1)
	}
	if len(args) == 3 {
		text += ts.ReadFile(args[2])
	}
	ts.Check(os.WriteFile(path+"~", []byte(text), 0o600))
	ts.Check(os.Rename(path+"~", path))
}

// stageKey is where a script keeps its *stage.
type stageKey struct{}

// prepare gives a script a place for its stage, and $EXAMPLES, the folder of the configurations to copy.
func prepare(e *testscript.Env) error {
	e.Values[stageKey{}] = new(stage)
	examples, err := filepath.Abs("../../configs/examples")
	e.Setenv("EXAMPLES", examples)
	e.Setenv("RINGSYNC_LISTEN", "off")
	e.Setenv("TOKEN", sandboxRingCentralToken)
	return err
}

func stageOf(ts *testscript.TestScript) *stage {
	s := ts.Value(stageKey{}).(*stage)
	if s.dir == nil {
		ts.Fatalf("no stage")
	}
	return s
}

func setStage(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: stage PEOPLE GROUPS [FILE]")
	}
	more := ""
	if len(args) == 3 {
		more = ts.ReadFile(args[2])
	}
	s := openStage(ts.Getenv("WORK"), number(ts, args[0]), number(ts, args[1]), ringcentraltest.Options{Licenses: -1}, ts.Defer)
	ts.Check(s.write(more))
	for i, id := range s.people {
		user, _ := s.dir.User(id)
		ts.Setenv(fmt.Sprintf("ID%d", i), id)
		ts.Setenv(fmt.Sprintf("WHO%d", i), fmt.Sprint(user["userPrincipalName"]))
	}
	*ts.Value(stageKey{}).(*stage) = *s
}

func changeDirectory(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: directory update N JSON | leave N | empty GROUP")
	}
	s, n := stageOf(ts), number(ts, args[1])
	switch {
	case args[0] == "update" && len(args) == 3:
		var changes map[string]any
		ts.Check(json.Unmarshal([]byte(args[2]), &changes))
		s.dir.UpdateUser(s.people[n], changes)
	case args[0] == "leave" && len(args) == 2:
		s.dir.Unassign(s.people[n])
		for _, g := range s.groups {
			s.dir.RemoveMember(g, s.people[n])
		}
	case args[0] == "empty" && len(args) == 2:
		for _, id := range s.dir.Members(s.groups[n]) {
			s.dir.RemoveMember(s.groups[n], id)
		}
	default:
		ts.Fatalf("no such change: %q", args)
	}
}

func setRingCentral(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 || args[0] != "refuses" && args[0] != "works" {
		ts.Fatalf("usage: ringcentral refuses | works")
	}
	var fault func(*http.Request) *ringcentraltest.Fault
	if args[0] == "refuses" {
		fault = func(*http.Request) *ringcentraltest.Fault {
			return &ringcentraltest.Fault{Status: http.StatusUnauthorized}
		}
	}
	stageOf(ts).account.Fault(fault)
}

func printAccounts(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: accounts")
	}
	out := ts.Stdout()
	for _, u := range stageOf(ts).account.Users() {
		fmt.Fprintln(out, u.UserName, u.Active, u.Title)
	}
}

func number(ts *testscript.TestScript, text string) int {
	n, err := strconv.Atoi(text)
	ts.Check(err)
	return n
}
