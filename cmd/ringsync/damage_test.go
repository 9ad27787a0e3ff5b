package main

import (
	"bytes"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ringsync/connectors/ringcentral/ringcentraltest"
)

var damageSeed = flag.Uint64("damage-seed", 1, "TestDamagedState: what the damage follows from")

// damages are what becomes of files.
func damages(r *rand.Rand) map[string]func(file []byte) []byte {
	within := func(file []byte) int { return r.IntN(len(bytes.TrimRight(file, "\x00"))) }
	return map[string]func(file []byte) []byte{
		"cut off": func(file []byte) []byte { return file[:within(file)] },
		"random bytes": func(file []byte) []byte {
			for i := range file {
				file[i] = byte(r.Uint32())
			}
			return file
		},
		"a sector of zeros": func(file []byte) []byte {
			at := within(file) / 512 * 512
			clear(file[at:min(len(file), at+512)])
			return file
		},
		"a bit":         func(file []byte) []byte { file[within(file)] ^= 1 << r.IntN(8); return file },
		"another page":  func(file []byte) []byte { copy(pageOf(file, r), pageOf(file, r)); return file },
		"another state": func([]byte) []byte { return []byte("job: contoso\nsource:\n") },
	}
}

func pageOf(file []byte, r *rand.Rand) []byte {
	at := r.IntN(len(bytes.TrimRight(file, "\x00"))/4096+1) * 4096
	return file[at:min(len(file), at+4096)]
}

// A state file is damaged in some way, and the program is run on it. Either the damage is nowhere that matters, or the
// program says that the file is damaged, what to do, and leaves it as it is. In no case is an account harmed.
func TestDamagedState(t *testing.T) {
	t.Logf("seed %d", *damageSeed)
	r := rand.New(rand.NewPCG(*damageSeed, 0))
	s := newStage(t, 40, 3, ringcentraltest.Options{Licenses: -1, AllowDuplicates: true})
	command(t, exitOK, "-c", s.config, "sync")
	s.dir.UpdateUser(s.people[3], map[string]any{"jobTitle": "Astronaut"})
	command(t, exitOK, "-c", s.config, "sync")
	whole, err := os.ReadFile(s.place.State)
	if err != nil {
		t.Fatal(err)
	}
	before := s.account.Users()
	refused := 0
	for name, spoil := range damages(r) {
		for range 3 {
			damaged := spoil(bytes.Clone(whole))
			for _, args := range [][]string{{"status"}, {"diff"}, {"outbox"}, {"log", "-n", "0"}, {"state", "export", filepath.Join(t.TempDir(), "x.jsonl")}, {"sync"}} {
				if err := os.WriteFile(s.place.State, damaged, 0o600); err != nil {
					t.Fatal(err)
				}
				var out, errs strings.Builder
				code := run(t.Context(), append([]string{"-c", s.config}, args...), strings.NewReader(""), &out, &errs)
				told := strings.Contains(errs.String(), " is damaged: ") && strings.Contains(errs.String(), "Restore the state from a backup, or start with an empty one")
				switch after, err := os.ReadFile(s.place.State); {
				case err != nil:
					t.Fatal(err)
				case code == exitFailed && !told:
					t.Errorf("%s: ringsync %q does not say what to do:\n%s", name, args, &errs)
				case code == exitFailed && !bytes.Equal(after, damaged):
					t.Errorf("%s: ringsync %q refuses the file and has changed it", name, args)
				case code == exitFailed:
					refused++
				case len(damaged) > 0 && code != exitOK && code != exitDifferences:
					t.Errorf("%s: ringsync %q exits with %d:\n%s", name, args, code, &errs)
				}
			}
			if after := s.account.Users(); len(after) != len(before) || !sameAccounts(before, after) {
				t.Fatalf("%s: accounts were changed", name)
			}
		}
	}
	t.Logf("%d commands refused", refused)
	if refused < 25 {
		t.Error("hardly anything is refused")
	}
	// What the message says helps.
	if err := os.Remove(s.place.State); err != nil {
		t.Fatal(err)
	}
	command(t, exitOK, "-c", s.config, "sync")
	if out, _ := command(t, exitOK, "-c", s.config, "diff"); !strings.Contains(out, "no differences") || !sameAccounts(before, s.account.Users()) {
		t.Errorf("after beginning anew: %s", out)
	}
}

func sameAccounts(a, b []ringcentraltest.User) bool {
	byID := map[string]ringcentraltest.User{}
	for _, u := range a {
		byID[u.ID] = u
	}
	for _, u := range b {
		if was, ok := byID[u.ID]; !ok || was.UserName != u.UserName || was.Active != u.Active || was.ExternalID != u.ExternalID || was.Title != u.Title {
			return false
		}
	}
	return len(a) == len(b)
}

// The file is damaged under a daemon at work. It ends with an error that says so, writes to nobody's account, and does not
// start again on that file.
func TestDamagedWhileServed(t *testing.T) {
	s := newStage(t, 40, 3, ringcentraltest.Options{Licenses: -1})
	if err := s.write("schedule: {incremental: 1h}\n"); err != nil {
		t.Fatal(err)
	}
	cmd := program(t, "ringsync", "-c", s.config, "run", "--listen", "off")
	var errs strings.Builder
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // no harm if it has ended
	for end := time.Now().Add(time.Minute); len(s.account.Users()) < len(s.people); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the daemon makes no accounts:\n%s", &errs)
		}
	}
	command(t, exitOK, "-c", s.config, "sync")
	before := s.account.Users()
	file, err := os.OpenFile(s.place.State, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	whole, err := os.ReadFile(s.place.State)
	if err != nil {
		t.Fatal(err)
	}
	// A letter of what many records say: the title that somebody has.
	title := []byte("@contoso.com")
	for at := range whole {
		if bytes.HasPrefix(whole[at:], title) {
			if _, err := file.WriteAt([]byte{'X'}, int64(at)+1); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, id := range s.people {
		s.dir.UpdateUser(id, map[string]any{"jobTitle": "Astronaut"})
	}
	var out, said strings.Builder
	if code := run(t.Context(), []string{"-c", s.config, "sync"}, strings.NewReader(""), &out, &said); code != exitFailed || !strings.Contains(said.String(), " is damaged: ") {
		t.Errorf("sync exits with %d and says: %s", code, &said)
	}
	select {
	case err := <-ended:
		if cmd.ProcessState.ExitCode() != exitFailed || !strings.Contains(errs.String(), "ringsync: ") || !strings.Contains(errs.String(), "Restore the state from a backup") {
			t.Errorf("the daemon ends with %v and says:\n%s", err, &errs)
		}
	case <-time.After(time.Minute):
		t.Fatalf("the daemon goes on:\n%s", &errs)
	}
	if !sameAccounts(before, s.account.Users()) {
		t.Error("accounts were changed")
	}
	said.Reset()
	if code := run(t.Context(), []string{"-c", s.config, "run", "--listen", "off"}, strings.NewReader(""), &out, &said); code != exitFailed || !strings.Contains(said.String(), " is damaged: ") {
		t.Errorf("run exits with %d and says: %s", code, &said)
	}
}
