package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"ringsync/engine"
)

var (
	hourLength = flag.Duration("hour", 0, "TestHour: play chapters until so much time has passed; 0 plays one, with fewer people")
	hourSeed   = flag.Uint64("hour-seed", 1, "TestHour: what the script follows from")
)

// hour is a sandbox, a daemon that serves it, and a script of what happens to both.
type hour struct {
	*sides
	seed   uint64 // of r
	r      *rand.Rand
	config string // path
	flags  []string
	log    string // path of what the daemon has logged
	daemon *os.Process
	ended  <-chan error
	size   int // people in a wave

	groups []string
	staff  []*employee
	byID   map[string]*employee
	owners map[string]string // account id to object id
	mails  int
	seen   int            // writes that were checked
	made   map[string]int // accounts made by ringsync, by object id
	story  []string

	events, kills, terms, starts int
	slowest                      time.Duration // end after SIGTERM
}

func newHour(t *testing.T, seed uint64) *hour {
	return &hour{
		sides: &sides{t: t}, seed: seed, r: rand.New(rand.NewPCG(seed, 0)), size: 60,
		byID: map[string]*employee{}, owners: map[string]string{}, made: map[string]int{},
	}
}

// TestHour plays the whole of a job's life against the real program: the sandbox and the daemon are processes of
// their own, people come, go, move and are edited on both sides, the services are down for a while, and the daemon is
// paused, asked, terminated and killed. After each chapter of it, which has each scene once in some order, the two
// sides are compared through their own APIs, and every write that RingCentral was sent is looked at.
//
// The script follows from the seed; at what moment of the daemon's work it strikes does not.
//
//	go test -c -o hour.test ./cmd/ringsync && ./hour.test -test.run TestHour -test.v -test.timeout 2h -hour 1h
func TestHour(t *testing.T) {
	h := newHour(t, *hourSeed)
	people, latency := 100, "5ms"
	if *hourLength > 0 {
		people, latency, h.size = 300, "20ms", 250
	}
	h.startServices(people, latency)
	h.meet()
	h.startDaemon()
	end := time.Now().Add(*hourLength)
	for chapter := 1; ; chapter++ {
		h.chapter()
		h.settle(chapter%2 == 1)
		h.t.Logf("chapter %d: %d events, %d kills, %d SIGTERMs, the slowest %s, %d starts; %d people; %d writes; state %d kB; the sides are equal",
			chapter, h.events, h.kills, h.terms, h.slowest.Round(time.Millisecond), h.starts, len(h.staff), h.seen, h.stateSize()>>10)
		if !time.Now().Before(end) {
			break
		}
	}
	h.terminate()
	if *hourLength > 0 && h.slowest > 5*time.Second {
		t.Errorf("after a SIGTERM it took %s to end", h.slowest)
	}
	if out := h.ask("0", "diff"); !strings.Contains(out.stdout, "no differences") {
		t.Errorf("after the daemon has ended: %s", out.stdout)
	}
}

// meet gets to know those who are in the tenant. Every third is loyal.
func (h *hour) meet() {
	h.enter()
	h.groups = h.sides.groups()
	for i, u := range listGraph[struct{ ID, Mail string }](h.sides, "/users?$top=999&$select=id,mail") {
		e := &employee{id: u.ID, mail: u.Mail, loyal: i%3 == 0}
		h.staff = append(h.staff, e)
		h.byID[e.id] = e
	}
}

// chapter plays each scene once, with other things happening in between.
func (h *hour) chapter() {
	scenes := map[string]func(){
		"killed while it creates": h.killedWhileCreating, "killed while it updates": h.killedWhileUpdating,
		"killed at any moment": h.killedSometime, "killed while somebody waits": h.killedWhileAsked,
		"terminated": h.terminated, "terminated twice": h.terminatedTwice,
		"paused": h.paused, "asked": h.asked, "many leave": h.manyLeave, "reads all again": h.readsAgain,
		"Graph is down": h.graphDown, "RingCentral is down": h.ringCentralDown, "RingCentral refuses the token": h.refused,
	}
	names := slices.Sorted(maps.Keys(scenes))
	h.r.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	for _, name := range names {
		for range h.r.IntN(5) {
			h.happen()
		}
		h.note("scene: %s", name)
		scenes[name]()
	}
}

// killedWhileCreating kills the daemon in the middle of many creates, and of some once there are people enough.
func (h *hour) killedWhileCreating() {
	h.ready()
	n, before := h.size, h.written()
	if len(h.staff) > 2500 {
		n = 20
	}
	for range n {
		h.hire()
	}
	h.killedAfter(before + 1 + h.r.IntN(n/2))
}

// killedWhileUpdating kills it in the middle of many updates.
func (h *hour) killedWhileUpdating() {
	h.ready()
	before := h.written()
	for _, e := range h.staff[:h.size] {
		if !e.deleted && !e.purged {
			h.graph("PATCH", "/users/"+e.id, map[string]any{"jobTitle": fmt.Sprint("Title ", h.r.IntN(1000))}, nil)
		}
	}
	h.killedAfter(before + 1 + h.r.IntN(h.size/3)) // a third of them never leaves
}

// killedAfter kills the daemon once RingCentral has been sent so many writes.
func (h *hour) killedAfter(goal int) {
	h.t.Helper()
	h.until("the wave", func(engine.Status) bool {
		h.ready() // an outage before may have been too much
		return h.written() >= goal
	})
	h.kill()
	h.startDaemon()
}

func (h *hour) killedSometime() {
	h.happen()
	h.dally()
	h.kill()
	h.happen()
	h.startDaemon()
}

// dally lets up to a cycle pass: what follows strikes at any moment of it.
func (h *hour) dally() { time.Sleep(time.Duration(h.r.IntN(1000)) * time.Millisecond) }

func (h *hour) killedWhileAsked() {
	for range 5 {
		h.edit()
	}
	answer := make(chan said)
	go func() { answer <- h.say("sync") }()
	time.Sleep(time.Duration(h.r.IntN(200)) * time.Millisecond)
	h.kill()
	if out := <-answer; out.code == exitUsage {
		h.fail("a sync that is cut off: %+v", out)
	}
	h.startDaemon()
}

func (h *hour) terminated() {
	for range 5 {
		h.edit()
	}
	h.dally()
	h.terminate()
	h.happen()
	h.ask("0", "status")
	h.startDaemon()
}

func (h *hour) terminatedTwice() {
	h.edit()
	h.dally()
	h.terminateTwice()
	h.startDaemon()
}

func (h *hour) paused() {
	h.ask("0", "pause")
	h.happen()
	h.edit()
	h.ask("2 3 4", "diff", "--json")
	h.ask("0 3 4", "sync") // reads, and writes nothing
	h.ask("0", "outbox")
	h.ask("0", "resume")
}

// asked asks for everything that may be asked of a daemon at work.
func (h *hour) asked() {
	h.edit()
	h.ask("0 2 3 4", "diff")
	h.ask("0 3 4", "sync", "--json")
	h.ask("0", "log", "-n", "20")
	h.ask("0", "outbox", "--held", "--json")
	h.ask("0", "check")
}

// manyLeave goes over the limit on removals, which waits for approval.
func (h *hour) manyLeave() {
	for range 12 {
		h.leave()
	}
	h.cycles(2)
	h.approve()
}

func (h *hour) readsAgain() {
	h.ask("0", "restart", "--reset", "watermark")
	h.happen()
	h.cycles(1)
}

// graphDown mostly ends while the cycle is still trying.
func (h *hour) graphDown() {
	h.rename()
	h.control("POST", h.place.Graph, "/outage?for=1h", nil)
	h.dally()
	if *hourLength > 0 && h.r.IntN(4) == 0 {
		h.cycles(1) // until the read is given up
	}
	h.ask("0", "status")
	h.control("DELETE", h.place.Graph, "/outage", nil)
}

// ringCentralDown lasts for longer than what is tried again in place.
func (h *hour) ringCentralDown() {
	h.control("POST", h.place.RingCentral, "/outage?for=1h", nil)
	for range 4 {
		h.edit()
	}
	h.cycles(1)
	h.dally()
	h.control("DELETE", h.place.RingCentral, "/outage", nil)
}

// refused puts the job into quarantine, and has an administrator lift it.
func (h *hour) refused() {
	h.ready()
	h.control("POST", h.place.RingCentral, "/outage?for=1h&status=401", nil)
	h.set(h.pick(func(e *employee) bool { return e.loyal }), map[string]any{"jobTitle": fmt.Sprint("Refused ", h.r.IntN(1000))})
	h.until("quarantine", func(s engine.Status) bool { return s.State == "quarantined" })
	h.leave()
	h.control("DELETE", h.place.RingCentral, "/outage", nil)
	h.ready()
}

// ready lifts what keeps the daemon from writing.
func (h *hour) ready() {
	if h.status().Quarantine != nil {
		h.ask("0", "restart", "--reset", "quarantine")
	}
}

// approve approves every held list. One may vanish meanwhile, when all who are on it come back.
func (h *hour) approve() {
	for _, list := range h.status().Held {
		h.ask("0 1", "approve", fmt.Sprint(list.Number))
	}
}

// settle waits until the two sides are equal, and does no more for it than an administrator would: approve removals and
// lift a quarantine; with ask it asks for full cycles, else it waits for those on schedule.
func (h *hour) settle(ask bool) {
	h.t.Helper()
	const rounds = 10
	var left map[string]string
	for range rounds {
		h.ready()
		h.approve()
		if ask {
			h.ask("0 3 4", "sync")
		} else {
			h.cycles(20) // at least one of them is a full one
		}
		h.check()
		if s := h.status(); len(s.Held) > 0 {
			continue
		}
		if left = h.compare(); len(left) == 0 {
			h.ask("0", "diff")
			return
		}
	}
	for id, what := range left {
		h.t.Errorf("%s: %s\n%s", id, what, h.about(id))
	}
	h.fail("the sides differ after %d rounds", rounds)
}

// written is how many writes RingCentral has been sent.
func (h *hour) written() int {
	h.check()
	return h.seen
}

// check looks at the writes that are new. ringsync deletes nobody, makes nobody twice, and disables nobody who is loyal.
func (h *hour) check() {
	h.t.Helper()
	for _, w := range h.writes(h.seen) {
		h.seen++
		if w.Client != "ringsync" || !w.Effect {
			continue
		}
		var body struct {
			ExternalID string
			Active     *bool
			Operations []struct {
				Path  string
				Value json.RawMessage
			}
		}
		h.must(json.Unmarshal(w.Body, &body))
		disables := body.Active != nil && !*body.Active
		for _, op := range body.Operations {
			disables = disables || op.Path == "active" && string(op.Value) == "false"
			if op.Path == "externalId" {
				h.must(json.Unmarshal(op.Value, &body.ExternalID))
			}
		}
		if body.ExternalID != "" {
			h.owners[w.User] = body.ExternalID
		}
		e := h.byID[h.owners[w.User]]
		switch {
		case e == nil:
			h.fail("account %s, which is nobody's, is written: %+v", w.User, w)
		case w.Method == http.MethodDelete:
			h.fail("account %s is deleted\n%s", w.User, h.about(e.id))
		case disables && e.loyal:
			h.fail("account %s is disabled, of somebody who never left\n%s", w.User, h.about(e.id))
		case w.Method == http.MethodPost:
			if h.made[e.id]++; h.made[e.id] > 1+e.removed {
				h.fail("%d accounts were made for %s\n%s", h.made[e.id], e.mail, h.about(e.id))
			}
		}
	}
}

func (h *hour) stateSize() int64 {
	info, err := os.Stat(h.place.State)
	h.must(err)
	return info.Size()
}

func (h *hour) note(format string, args ...any) {
	h.story = append(h.story, time.Now().UTC().Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
}

func (h *hour) tell(e *employee, format string, args ...any) {
	h.note("%s (%s) "+format, append([]any{e.id, e.mail}, args...)...)
}

// about tells all there is of somebody.
func (h *hour) about(id string) string {
	var b strings.Builder
	for _, line := range h.story {
		if strings.Contains(line, id) {
			fmt.Fprintln(&b, line)
		}
	}
	for _, w := range h.writes(0) {
		if h.owners[w.User] == id {
			var body bytes.Buffer
			_ = json.Compact(&body, w.Body) // a DELETE has none
			fmt.Fprintf(&b, "%s %s %s %s: %d %s\n", w.Time.UTC().Format("15:04:05.000"), w.Client, w.Method, w.User, w.Status, &body)
		}
	}
	if h.daemon != nil {
		b.WriteString(h.say("diff", "--user", id).stdout)
		b.WriteString(h.say("log", "--person", id).stdout)
	}
	return b.String()
}

// fail ends the test with the end of the story, and of the daemon's log.
func (h *hour) fail(format string, args ...any) {
	h.t.Helper()
	log, _ := os.ReadFile(h.log) // it may not exist yet
	lines := strings.Split(string(log), "\n")
	h.t.Fatalf("%s\n\nseed %d; the last of the story:\n%s\n\nand of the daemon's log:\n%s", fmt.Sprintf(format, args...), h.seed,
		strings.Join(h.story[max(0, len(h.story)-60):], "\n"), strings.Join(lines[max(0, len(lines)-60):], "\n"))
}
