package engine_test

import (
	"flag"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/rogpeppe/go-internal/testscript"

	"ringsync/engine"
)

var updateScripts = flag.Bool("update", false, "TestLifecycle: put what was found into the scripts")

// TestLifecycle plays the scripts of testdata/lifecycle, each twice: with full cycles and with incremental ones. A script
// is a story of a directory and an account, told in virtual time to the real engine, connectors and state file. What
// a cycle did is in files, to be compared with what the script expects of it:
//
//	requests    what was asked of RingCentral, its list of accounts apart, in order; not there if nothing was
//	log         the entries of the provisioning log
//	state       what is remembered of each person
//	accounts    what RingCentral has
//	held        removals that wait for approval; not there if none does
//	diff        after the command diff: what would be done, in the words of the log
//
// People, groups and accounts have names in place of ids; an account is called after the person it was made for.
// What the program would print, its kind and warnings among it, is the standard output of a cycle. The commands:
//
//	person NAME… [ATTRIBUTE=VALUE…]    hire people; they have a mail and names unless told otherwise
//	change NAME ATTRIBUTE=VALUE…       change a person; no VALUE is null
//	disable-account | enable-account | soft-delete | restore | hard-delete NAME…
//	group NAME MEMBER…                 make a group
//	delete-group NAME…
//	member | unmember GROUP NAME…      put people into a group, take them out
//	assign | unassign NAME…            assign people and groups to the application, take them off it
//
//	account NAME ATTRIBUTE=VALUE…      an account that was there before
//	hand-edit NAME ATTRIBUTE=VALUE…    edit an account in RingCentral's portal
//	hand-delete NAME…
//	licences N                         how many are free; -1 for as many as anybody wants
//	target-fails STATUS [METHOD [NAME]]     answer so from now on; lost: do it and lose the answer
//	source-fails STATUS
//	target-works | source-works
//
//	config FILE                        take over the sections of a configuration file; the others have their defaults
//	cycle [full | incremental]         run a cycle a minute later; unless told, of the kind that is being played
//	provision NAME…                    provision people on demand; the steps are standard output
//	diff                               a dry run
//	approve N [NAME…]
//	restart watermark | escrows | quarantine | links
//	lose-state                         delete the state file
//	run | quit                         start and stop the daemon, with its default schedule
//	pause | resume | status
//	advance DURATION                   let time pass
//
// A command that is to fail has a ! before it. [full] and [incremental] are conditions.
func TestLifecycle(t *testing.T) {
	commands := map[string]func(*testscript.TestScript, bool, []string){}
	for name, do := range deeds() {
		commands[name] = func(ts *testscript.TestScript, neg bool, args []string) {
			s := ts.Value(sceneKey{}).(*scene)
			s.ts = ts
			err := do(s, args)
			switch {
			case neg && err == nil:
				ts.Fatalf("%s was to fail", name)
			case neg:
				fmt.Fprintln(ts.Stderr(), s.named(err.Error()))
			default:
				ts.Check(err)
			}
		}
	}
	for _, kind := range []engine.Kind{engine.Full, engine.Incremental} {
		t.Run(string(kind), func(t *testing.T) {
			testscript.RunT(stage{t}, testscript.Params{
				Dir:  "testdata/lifecycle",
				Cmds: commands,
				Setup: func(e *testscript.Env) error {
					s := newScene(e.T().(stage).T, kind)
					e.Values[sceneKey{}] = s
					e.Defer(s.quit)
					return nil
				},
				Condition:          func(name string) (bool, error) { return name == string(kind), nil },
				RequireUniqueNames: true,
				UpdateScripts:      *updateScripts,
			})
		})
	}
}

// stage plays each script in virtual time.
type stage struct{ *testing.T }

func (s stage) Run(name string, play func(testscript.T)) {
	s.T.Run(name, func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) { play(stage{t}) })
	})
}

func (stage) Parallel()     {}
func (stage) Verbose() bool { return testing.Verbose() }
