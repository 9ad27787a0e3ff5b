package main

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets scripts run the real program as the command ringsync. Daemons listen for metrics only where a test says so:
// many run at once.
func TestMain(m *testing.M) {
	if err := os.Setenv("RINGSYNC_LISTEN", "off"); err != nil {
		panic(err)
	}
	testscript.Main(m, programs)
}

// programs are what the test binary is under another name.
var programs = map[string]func(){"ringsync": main, "ringsync-emulators": serveEmulators, "ringsync-bare": bareClient, "ringsync-cycle": measureCycle}

// TestScripts runs testdata/script: each script is a session at a terminal, unhappy turns included. Besides
// testscript's own commands there are
//
//	exits CODE ARG...              run ringsync and compare its exit code
//	waitfor REGEXP ARG...          run ringsync until its standard output matches; what it printed then is stdout
//	terminate                      send SIGTERM to what runs in the background
//	hangup                         send SIGHUP to it
//	stage PEOPLE GROUPS [FILE]     start both emulators and write ringsync.yaml, with FILE at its end; the people's
//	                               names are $WHO0, $WHO1 …, their ids $ID0, $ID1 …
//	job PATH NAME [FILE]           write a configuration for the stage's emulators, as editors do: beside its place and
//	                               then into it. Its state is NAME.db; its token comes from PATH.token if there is
//	                               such a file ($TOKEN is the right one)
//	etcd FILE...                   have the jobs of configurations keep their state in an etcd
//	directory update N JSON        change person N; or
//	directory leave N              take away their assignment and memberships, or
//	directory empty GROUP          take everybody out of a group
//	ringcentral refuses | works    answer everything with 401 from now on, or as usual again
//	accounts                       print the accounts, each as "userName active title"
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "waitfor": waitFor, "terminate": terminate, "hangup": hangUp, "job": writeJob,
			"etcd": moveToEtcd, "stage": setStage, "directory": changeDirectory, "accounts": printAccounts, "ringcentral": setRingCentral,
		},
		Setup:               prepare,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: exits CODE ARG...")
	}
	code := 0
	if err := ts.Exec("ringsync", args[1:]...); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("run ringsync: %v", err)
		}
		code = exit.ExitCode()
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("ringsync %q exits with %d, want %s", args[1:], code, args[0])
	}
}
