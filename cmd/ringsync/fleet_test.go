package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"ringsync/configs"
	"ringsync/connectors/ringcentral/ringcentraltest"
)

// as writes the stage's configuration under another name, as that of another job, with more at its end.
func (s *stage) as(t *testing.T, name, more string) (file string) {
	t.Helper()
	place := s.place
	place.State = filepath.Join(s.folder, name+".db")
	file = filepath.Join(s.folder, name+".yaml")
	text := strings.Replace(string(place.config()), "job: sandbox", "job: "+name, 1) + more
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// on is a stage seen through another configuration file.
func (s *stage) on(file string) *stage {
	other := *s
	other.config = file
	return &other
}

// until runs a command until its standard output has the text.
func (s *stage) until(t *testing.T, text string, args ...string) {
	t.Helper()
	var out said
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if out = s.say(t.Context(), args...); strings.Contains(out.stdout, text) {
			return
		}
	}
	t.Fatalf("ringsync %q never says %q but %+v", args, text, out)
}

// A write that is in flight when the configuration changes ends, and counts: nobody is sent twice, and nobody forgotten.
func TestReloadLetsWritesEnd(t *testing.T) {
	s := newStage(t, 40, 2, ringcentraltest.Options{Licenses: -1, AllowDuplicates: true})
	if err := s.write(rarely); err != nil {
		t.Fatal(err)
	}
	writing, goOn := make(chan struct{}), make(chan struct{})
	begun, release := sync.OnceFunc(func() { close(writing) }), sync.OnceFunc(func() { close(goOn) })
	t.Cleanup(release)
	s.account.Fault(func(r *http.Request) *ringcentraltest.Fault {
		if r.Method == http.MethodPost {
			begun()
			<-goOn
		}
		return nil
	})
	serveStage(t, s)
	<-writing
	if err := s.write(rarely + "target_: {}\n"); err != nil {
		t.Fatal(err)
	}
	s.until(t, "configurationRefused", "status", "--json")
	if err := s.write(rarely + "safety: {removals: {count: 3}}\n"); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(time.Second, release) // by then the daemon waits for them
	s.until(t, "configuration changed", "log", "-n", "0")
	s.until(t, `"linked": 40`, "status", "--json")
	var names []string
	for _, u := range s.account.Users() {
		names = append(names, u.UserName)
	}
	slices.Sort(names)
	if len(names) != 40 || len(slices.Compact(names)) != 40 {
		t.Errorf("%d accounts: %q", len(s.account.Users()), names)
	}
	creates := 0
	for _, w := range s.account.Writes() {
		if w.Method == http.MethodPost {
			creates++
		}
	}
	if creates != 40 {
		t.Errorf("%d creates were sent", creates)
	}
}

// A command that runs while the configuration changes is told so, and the next one is answered by the new one.
func TestReloadEndsCommands(t *testing.T) {
	s := smallStage(t, rarely)
	s.must(t, exitOK, "sync")
	serveStage(t, s)
	waiting, release := s.hold(t)
	left := make(chan said)
	go func() { left <- s.say(t.Context(), "diff") }()
	<-waiting
	if err := s.write(rarely + "safety: {removals: {count: 3}}\n"); err != nil {
		t.Fatal(err)
	}
	if out := <-left; out.code != exitFailed || out.stderr != "ringsync: the job has just got a new configuration: run the command again\n" {
		t.Errorf("%+v", out)
	}
	release()
	s.must(t, exitOK, "diff")
}

// A job whose state is damaged while it is served ends alone: the others go on, it is told of, and it is back by itself
// once it can be.
func TestOneJobFails(t *testing.T) {
	s := newStage(t, 3, 1, ringcentraltest.Options{Licenses: -1})
	one, other := s.on(s.as(t, "one", rarely)), s.on(s.as(t, "other", rarely))
	at := startAt(t, s.folder)
	eventually(t, at+"/readyz", `^one: ready; .*\nother: ready; `)
	backup, state := filepath.Join(s.folder, "backup"), filepath.Join(s.folder, "one.db")
	one.must(t, exitOK, "state", "backup", backup)
	file, err := os.OpenFile(state, os.O_WRONLY, 0) // the file that the daemon has open, and not another
	if err != nil {
		t.Fatal(err)
	}
	info, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	const kept = 8192 // bytes at the beginning, which say that it is a state file and where all the rest is
	_, err = file.WriteAt(bytes.Repeat([]byte("this is no state"), int(info.Size()-kept)/16), kept)
	if err = errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
	one.say(t.Context(), "pause") // it has to be written to
	eventually(t, at+"/readyz", `^one: not served: .*one.db.*\nother: ready; `)
	_, metrics := do(t, http.MethodGet, at+"/metrics", "", "")
	for _, want := range []string{
		fmt.Sprintf(`ringsync_up{file=%q,job="one"} 0`, one.config), fmt.Sprintf(`ringsync_up{file=%q,job="other"} 1`, other.config),
		fmt.Sprintf(`ringsync_config_accepted{file=%q,job="other"} 1`, other.config),
	} {
		if !strings.Contains(metrics, "\n"+want+"\n") {
			t.Errorf("no %s in\n%s", want, metrics)
		}
	}
	other.must(t, exitOK, "sync")
	if err := os.Rename(backup, state); err != nil {
		t.Fatal(err)
	}
	eventually(t, at+"/readyz", `^one: (ready|starting).*\nother: ready; `) // after some seconds
	one.must(t, exitOK, "sync")
}

// Jobs that sign in alike share a credential, and with it the rate limits that it has learnt of, over reloads too.
func TestJobsShareCredential(t *testing.T) {
	config := func(url, token string, oauth *configs.OAuth) *configs.Config {
		return &configs.Config{Target: configs.Target{URL: url, Token: configs.NewSecret(token), OAuth: oauth}}
	}
	oauth := func(secret string) *configs.OAuth {
		return &configs.OAuth{URL: "https://x.test/token", ClientID: "a", ClientSecret: configs.NewSecret(secret), JWT: configs.NewSecret("e30.e30.x")}
	}
	a := &app{credentials: newCredentials()}
	first, err := credential(config("https://x.test/scim/v2", "t", nil), a)
	if err != nil {
		t.Fatal(err)
	}
	signedIn, err := credential(config("https://x.test/scim/v2", "", oauth("s")), a)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		config *configs.Config
		same   bool
	}{
		{config("https://x.test/scim/v2/", " t\n", nil), true},
		{config("https://x.test/scim/v2", "u", nil), false},
		{config("https://y.test/scim/v2", "t", nil), false},
	} {
		if other, err := credential(c.config, a); err != nil || (other == first) != c.same {
			t.Errorf("%+v: shared %t, want %t (%v)", c.config.Target, other == first, c.same, err)
		}
	}
	for secret, same := range map[string]bool{"s": true, "other": false} {
		if other, err := credential(config("https://z.test/scim/v2", "", oauth(secret)), a); err != nil || (other == signedIn) != same {
			t.Errorf("secret %s: shared %t, want %t (%v)", secret, other == signedIn, same, err)
		}
	}
	if _, err := credential(config("https://x.test/scim/v2", "", &configs.OAuth{URL: "nowhere"}), a); err == nil {
		t.Error("a credential that is none is taken")
	}
}

// Kubernetes replaces all files of a volume at once, by a link; the job's own file is one link further.
func TestReloadOfMountedVolume(t *testing.T) {
	s := smallStage(t, rarely)
	text, err := os.ReadFile(s.config)
	if err != nil {
		t.Fatal(err)
	}
	volume := filepath.Join(s.folder, "volume")
	put := func(version, more string) {
		t.Helper()
		folder := filepath.Join(volume, "..version_"+version)
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, "ringsync.yaml"), append(slices.Clone(text), more...), 0o600); err != nil {
			t.Fatal(err)
		}
		fresh := filepath.Join(volume, "..data_tmp")
		if err := os.Symlink("..version_"+version, fresh); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(fresh, filepath.Join(volume, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	put("1", "")
	s.config = filepath.Join(volume, "ringsync.yaml")
	if err := os.Symlink("..data/ringsync.yaml", s.config); err != nil {
		t.Fatal(err)
	}
	cmd := program(t, "ringsync", "-q", "run", volume)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // it has ended, unless the test failed
	s.until(t, `"linked": 12`, "status", "--json")
	put("2", "safety: {removals: {count: 7}}\n")
	s.until(t, `safety.removals.count: "25" → "7"`, "log", "-n", "1")
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// What belongs to a folder's jobs, by its name.
func TestIsJobFile(t *testing.T) {
	for name, want := range map[string]bool{
		"contoso.yaml": true, "contoso.yml": true, "a.b.yaml": true, "test.yaml": true,
		"contoso.test.yaml": false, "contoso.test.yml": false, ".contoso.yaml": false, ".#contoso.yaml": false, "contoso.yaml~": false,
		"contoso.db": false, "..data": false, "yaml": false, ".yaml": false,
	} {
		if isJobFile(name) != want {
			t.Errorf("%s: %t", name, !want)
		}
	}
}
