package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"ringsync/engine"
	"ringsync/engine/plan"
	"ringsync/state"
	"ringsync/state/bolt"
)

var (
	killsWanted = flag.Int("kills", 12, "TestKills: how often the program is killed")
	killsSeed   = flag.Uint64("kills-seed", 0, "TestKills: what the script follows from; 0 draws one")
)

// kills is an hour of nothing but kill -9.
type kills struct {
	*hour
	struck  int            // processes that were killed
	kinds   map[string]int // what they were doing
	backups int
	most    int // the most active accounts there were
}

// TestKills kills the program at random moments, as a power cut or the system's memory killer would: the daemon at work,
// the daemon in the middle of what a command asks of it, the command that asks, and commands that work on the state file
// by themselves. After each blow the program is started again, and may need no help but what an administrator would give
// in any case. What RingCentral was sent, the provisioning log and both sides are then held to the rules S1 to S5, and
// accounts that are not ours to S7.
//
//	go test -c -o kills.test ./cmd/ringsync && ./kills.test -test.run TestKills -test.v -test.timeout 1h -kills 200
//
// The script follows from the seed; at what moment of the program's work it strikes does not.
func TestKills(t *testing.T) {
	seed := *killsSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d", seed)
	k := &kills{hour: newHour(t, seed), kinds: map[string]int{}}
	k.startServices(60, "2ms")
	k.meet()
	strangers := k.addStrangers()
	k.startDaemon()
	const chapter = 25 // blows, after which all must be well
	for k.struck < *killsWanted {
		for goal := min(k.struck+chapter, *killsWanted); k.struck < goal; {
			k.strike()
		}
		k.settle(true)
		k.audit(strangers)
		t.Logf("%d kills %v; %d people, %d writes, %d starts, %d whole backups, state %d kB: the sides are equal", k.struck, k.kinds,
			len(k.staff), k.seen, k.starts, k.backups, k.stateSize()>>10)
	}
	k.terminate()
	if out := k.ask("0", "diff"); !strings.Contains(out.stdout, "no differences") {
		t.Errorf("after the end: %s", out.stdout)
	}
}

// addStrangers puts accounts at RingCentral that are nobody's here, and returns what they show.
func (k *kills) addStrangers() map[string]scimAccount {
	strangers := map[string]scimAccount{}
	for _, mark := range []string{"", "hr-7"} {
		mail := fmt.Sprintf("stranger%s@contoso.com", mark)
		account := map[string]any{
			"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:User"}, "userName": mail, "active": false,
			"name": map[string]string{"givenName": "Some", "familyName": "Stranger"}, "emails": []any{map[string]any{"type": "work", "value": mail}},
		}
		if mark != "" {
			account["externalId"] = mark
		}
		var made scimAccount
		if status := k.scim("POST", "/Users", account, &made); status != http.StatusCreated {
			k.fail("a stranger's account is answered %d", status)
		}
		strangers[made.ID] = made
	}
	return strangers
}

// strike has something happen and kills somebody in the middle of what follows.
func (k *kills) strike() {
	for range 1 + k.r.IntN(4) {
		k.happen()
	}
	if k.r.IntN(8) == 0 {
		for range 10 { // more than may leave unasked
			k.leave()
		}
	}
	ways := map[string]func(){
		"the daemon": k.atWork, "the daemon in a wave": k.inWave, "the daemon while a command asks": k.whileAsked,
		"the daemon while it reloads": k.reloading, "the command that asks": k.whoAsks, "a command without a daemon": k.alone,
	}
	kind := one(k.r, "the daemon", "the daemon in a wave", "the daemon while a command asks", "the daemon while it reloads",
		"the command that asks", "a command without a daemon", "a command without a daemon")
	ways[kind]()
	k.kinds[kind]++
	k.ready()
	k.check()
}

// within is a moment in the next so many milliseconds.
func (k *kills) within(most int) time.Duration {
	return time.Duration(k.r.IntN(most*1000)) * time.Microsecond
}

// fallen starts the daemon again after a blow.
func (k *kills) fallen() {
	k.kill()
	k.struck++
	k.startDaemon()
}

func (k *kills) atWork() {
	time.Sleep(k.within(1500))
	k.fallen()
}

// inWave strikes while writes go out one after the other.
func (k *kills) inWave() {
	before := k.written()
	for range 10 {
		k.hire()
		k.edit()
	}
	goal := before + 1 + k.r.IntN(8)
	k.until("the wave", func(engine.Status) bool {
		k.ready()
		return k.written() >= goal
	})
	k.fallen()
}

// whileAsked strikes the daemon that runs a command for somebody, who must hear of it.
func (k *kills) whileAsked() {
	command, _ := k.command()
	cmd, said := k.begin(command)
	time.Sleep(k.within(400))
	k.kill()
	k.struck++
	k.note("the daemon is killed")
	if err := k.await(cmd); cmd.ProcessState.ExitCode() == exitUsage {
		k.fail("ringsync %q, whose daemon was killed, ends with %v\n%s", command, err, said)
	}
	k.startDaemon()
	k.goOn()
}

// reloading strikes the daemon while it takes over a configuration that has changed, or refuses one.
func (k *kills) reloading() {
	good, err := os.ReadFile(k.config)
	k.must(err)
	write := func(text []byte) {
		k.must(os.WriteFile(k.config+".new", text, 0o600))
		k.must(os.Rename(k.config+".new", k.config))
	}
	full := fmt.Sprintf("full: %ds}", 12+k.r.IntN(6))
	write(regexp.MustCompile(`full: \d+s}`).ReplaceAll(good, []byte(full)))
	k.note("the configuration says %s", full)
	if k.r.IntN(2) == 0 {
		changed, err := os.ReadFile(k.config)
		k.must(err)
		time.Sleep(k.within(500))
		write([]byte("job: ["))
		time.Sleep(k.within(500))
		write(changed)
	}
	time.Sleep(k.within(800))
	k.fallen()
}

// whoAsks strikes the one who asks: the daemon goes on.
func (k *kills) whoAsks() {
	command, _ := k.command()
	k.struckDown(command)
	k.goOn()
}

// alone strikes a command that has the state file to itself, and has it repeated, which must do what it says.
func (k *kills) alone() {
	k.kill() // the daemon, at no particular moment
	k.struck++
	command, codes := k.command()
	k.struckDown(command)
	k.kinds[command[0]]++
	k.ask(codes, command...)
	k.startDaemon()
	k.goOn()
}

// goOn undoes what a command may have done on purpose.
func (k *kills) goOn() { k.ask("0", "resume") }

// struckDown begins a command and kills it.
func (k *kills) struckDown(command []string) {
	cmd, _ := k.begin(command)
	time.Sleep(k.within(300))
	k.must(cmd.Process.Kill()) // no error if it has ended by itself: it was not waited for yet
	_ = k.await(cmd)
	if cmd.ProcessState.ExitCode() < 0 { // only a signal does that
		k.struck++
		k.note("killed: %q", command)
	}
}

// begin starts a command as a process of its own.
func (k *kills) begin(command []string) (*exec.Cmd, *bytes.Buffer) {
	k.note("begun: %q", command)
	cmd := program(k.t, "ringsync", append([]string{"-c", k.config}, command...)...)
	said := new(bytes.Buffer)
	cmd.Stdout, cmd.Stderr = io.Discard, said
	k.must(cmd.Start())
	return cmd, said
}

// await waits for a command. One that hangs is an error of the test.
func (k *kills) await(cmd *exec.Cmd) error {
	hung := time.AfterFunc(hang, func() { _ = cmd.Process.Kill() })
	err := cmd.Wait()
	if !hung.Stop() {
		k.fail("%q hangs", cmd.Args)
	}
	return err
}

// command draws a command and the exit codes that it may end with when nobody kills it.
func (k *kills) command() (command []string, codes string) {
	const worked = "0 3 4"
	choices := []func() ([]string, string){
		func() ([]string, string) { return []string{"sync"}, worked },
		func() ([]string, string) {
			return []string{"provision", k.somebody().id, k.somebody().id}, worked + " 1"
		},
		func() ([]string, string) {
			if held := k.status().Held; len(held) > 0 {
				return []string{"approve", fmt.Sprint(held[0].Number)}, "0 1" // 1: it was approved before the blow fell
			}
			return []string{"outbox", "--held"}, "0"
		},
		func() ([]string, string) { return []string{"pause"}, "0" },
		func() ([]string, string) { return []string{"resume"}, "0" },
		func() ([]string, string) {
			return []string{"restart", "--yes", "--reset", one(k.r, "watermark", "escrows", "quarantine", "links", "watermark,escrows")}, "0"
		},
		func() ([]string, string) {
			return []string{"state", "backup", filepath.Join(filepath.Dir(k.config), fmt.Sprintf("backup%d.db", k.struck))}, "0 1"
		},
		func() ([]string, string) { return []string{"state", "export"}, "0" },
		func() ([]string, string) { return []string{"diff"}, "0 2 3 4" },
		func() ([]string, string) { return []string{"log", "-n", "0", "--json"}, "0" },
		func() ([]string, string) { return []string{"log", "--person", k.somebody().mail}, "0" },
	}
	return choices[k.r.IntN(len(choices))]()
}

// audit holds what was sent and what was put down to the rules.
func (k *kills) audit(strangers map[string]scimAccount) {
	k.t.Helper()
	accounts := map[string]scimAccount{}
	active := 0
	for _, a := range k.accounts() {
		accounts[a.ID] = a
		if a.Active {
			active++
		}
	}
	// S7: whose account is not ours is as it was.
	for id, before := range strangers {
		if now := accounts[id]; now.Active || now.UserName != before.UserName || now.ExternalID != before.ExternalID {
			k.fail("the account of a stranger was %+v and is %+v", before, now)
		}
	}
	// S4: the state knows every account that is at work, and every account that was made is in the log.
	if s := k.status(); s.Active != active {
		k.fail("the state knows %d active accounts, RingCentral has %d", s.Active, active)
	}
	logged, released := map[string]bool{}, map[string]bool{}
	last := uint64(0)
	for _, e := range k.entries() {
		var id uint64
		if _, err := fmt.Sscan(e.ID, &id); err != nil || id != last+1 {
			k.fail("entry %s of the log follows number %d", e.ID, last)
		}
		last = id
		logged[e.TargetIdentity.ID] = true
		if slices.ContainsFunc(e.Steps, func(s plan.SummaryStep) bool { return strings.HasPrefix(s.Description, "released from held list ") }) {
			released[e.SourceIdentity.ID] = true
		}
	}
	removed, off := map[string]bool{}, map[string]bool{}
	for _, w := range k.writes(0) {
		if w.Client != "ringsync" || !w.Effect {
			continue
		}
		if !logged[w.User] {
			k.fail("account %s was written and the log does not know it: %+v", w.User, w)
		}
		if id := k.owners[w.User]; w.Method == http.MethodPatch && removes(w.Body) {
			if !accounts[w.User].Active {
				off[id] = true
			}
			if !released[id] {
				removed[id] = true
			}
		}
	}
	// S3: without anybody's approval no more have been removed than the limit allows, all day. It is taken of those who
	// were active before.
	k.most = max(k.most, active+len(off))
	if limit := min(40, (k.most+4)/5); len(removed) > limit {
		k.fail("%d people were removed without approval, more than %d", len(removed), limit)
	}
	k.lookAtBackups()
}

// removes reports whether a PATCH is a removal by its effect.
func removes(body json.RawMessage) bool {
	var patch struct {
		Operations []struct {
			Path  string
			Value json.RawMessage
		}
	}
	_ = json.Unmarshal(body, &patch) // check has read it before
	for _, op := range patch.Operations {
		if op.Path == "active" && string(op.Value) == "false" || op.Path == "userName" {
			return true
		}
	}
	return false
}

// entries returns the provisioning log from its first entry on.
func (k *kills) entries() (all []plan.ObjectSummary) {
	lines := json.NewDecoder(strings.NewReader(k.ask("0", "log", "-n", "0", "--json").stdout))
	for {
		var e plan.ObjectSummary
		err := lines.Decode(&e)
		if errors.Is(err, io.EOF) {
			return all
		}
		k.must(err)
		all = append(all, e)
	}
}

// lookAtBackups reads every backup from end to end: one that has its name is whole, whatever was killed.
func (k *kills) lookAtBackups() {
	found, err := filepath.Glob(filepath.Join(filepath.Dir(k.config), "backup*.db"))
	k.must(err)
	k.backups = len(found)
	for _, path := range found {
		file, err := bolt.Open(path, bolt.Options{ReadOnly: true})
		k.must(err)
		store := state.New(file)
		identity, _, err := store.Peek(k.t.Context())
		k.must(err)
		// Attributes and matching are in the file already; naming none adds none.
		err = store.Bind(k.t.Context(), identity, nil, []string{"userName"})
		if err == nil {
			_, err = store.Export(k.t.Context(), io.Discard)
		}
		if err := errors.Join(err, file.Close()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			k.fail("backup %s: %v", path, err)
		}
	}
	if i := slices.IndexFunc(found, func(path string) bool { info, err := os.Stat(path); return err == nil && info.Mode().Perm() != 0o600 }); i >= 0 {
		k.fail("others may read backup %s", found[i])
	}
}
