package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"

	"ringsync/connectors/entra/entratest"
	"ringsync/connectors/ringcentral/ringcentraltest"
)

// stage is both emulators on loopback and a configuration that points at them.
type stage struct {
	dir     *entratest.Directory
	account *ringcentraltest.Account
	people  []string
	groups  []string
	place   sandboxPlace
	config  string // path
	folder  string
	etcd    string // address of one, if the script has begun it
}

func newStage(t testing.TB, people, groups int, options ringcentraltest.Options) *stage {
	t.Helper()
	s := openStage(t.TempDir(), people, groups, options, t.Cleanup)
	if err := s.write(""); err != nil {
		t.Fatal(err)
	}
	return s
}

// openStage starts the emulators, until the test cleans up.
func openStage(folder string, people, groups int, options ringcentraltest.Options, cleanup func(func())) *stage {
	s := &stage{dir: entratest.New(entratest.Options{Token: sandboxGraphToken, Seed: 1}), folder: folder}
	s.people, s.groups = s.dir.Populate(people, groups)
	options.Token = sandboxRingCentralToken
	s.account = ringcentraltest.New(options)
	graph, ringCentral := httptest.NewServer(s.dir), httptest.NewServer(s.account)
	cleanup(graph.Close)
	cleanup(ringCentral.Close)
	s.place = sandboxPlace{
		Graph: graph.URL + "/v1.0", RingCentral: ringCentral.URL + "/scim/v2",
		Tenant: s.dir.Tenant(), App: s.dir.AppID(), State: filepath.Join(folder, "job.db"),
	}
	s.config = filepath.Join(folder, "ringsync.yaml")
	return s
}

// write writes the configuration, with more at its end.
func (s *stage) write(more string) error {
	return os.WriteFile(s.config, append(s.place.config(), more...), 0o600)
}

// program returns a command that runs this test binary as the program, or as one of the helpers of TestMain.
func program(t testing.TB, name string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Args[0] = name
	cmd.Stderr = os.Stderr
	return cmd
}

// The program is killed ten times in the middle of an initial sync, at a target that takes duplicates. Afterwards
// everybody is there, nobody twice, and nobody was sent a second time but those whose reply the kill cut off.
func TestKilledInTheMiddle(t *testing.T) {
	const people, kills = 2000, 10
	s := newStage(t, people, 10, ringcentraltest.Options{Licenses: -1, AllowDuplicates: true})
	var posts atomic.Int64
	var victim atomic.Pointer[os.Process]
	s.account.Fault(func(r *http.Request) *ringcentraltest.Fault {
		if r.Method == http.MethodPost {
			// The kill comes while this request and those beside it are under way.
			if n := posts.Add(1); n%(people/kills/2) == 0 {
				if p := victim.Load(); p != nil {
					_ = p.Kill() // it may have ended by itself
				}
			}
		}
		return nil
	})
	for range kills {
		cmd := program(t, "ringsync", "-q", "-c", s.config, "sync")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		victim.Store(cmd.Process)
		if err := cmd.Wait(); err == nil {
			t.Fatal("the sync ended before it could be killed")
		}
	}
	s.account.Fault(nil)
	if out, err := program(t, "ringsync", "-q", "-c", s.config, "sync").Output(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	count := map[string]int{}
	for _, u := range s.account.Users() {
		count[u.ExternalID]++
	}
	for _, id := range s.people {
		if count[id] != 1 {
			t.Errorf("%s has %d accounts", id, count[id])
		}
	}
	if len(count) != people {
		t.Errorf("%d people have accounts, want %d", len(count), people)
	}
	for who, n := range s.account.Posts() {
		if n.All != 1 {
			t.Errorf("%s was sent %d times", who, n.All)
		}
	}
}
