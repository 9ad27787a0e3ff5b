package engine_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ringsync/connectors/entra/entratest"
	"ringsync/connectors/ringcentral/ringcentraltest"
	"ringsync/engine"
	"ringsync/engine/plan"
	"ringsync/state"
)

// history is one simulated life of a job, from the first cycle to the last. Everything in it follows from its seed.
type history struct {
	seed    uint64
	random  *rand.Rand
	plan    simPlan
	dir     *entratest.Directory
	account *ringcentraltest.Account
	net     *network
	path    string // the state file
	program
	process *process
	began   time.Time
	round   int

	mu      sync.Mutex // of what an event in the middle of a read may touch
	people  []string   // everybody who ever was in the directory
	names   map[string]string
	users   map[string]entratest.User // of those in the directory, as far as they were looked up
	purged  map[string]bool           // those deleted for good
	role    string
	mails   int // how many new ones were given out
	kept    map[string]ringcentraltest.User
	written map[string]bool // accounts that a write of ours has changed or made
	// byHand are people whose accounts somebody has enabled, disabled or deleted: only the target's list tells.
	byHand map[string]bool
	// restored are people who were deleted and are back.
	restored map[string]bool
	expired  bool // delta tokens have expired since the cycle began
	// first: no cycle has come to its end, and only the target's list tells whose accounts there are.
	first bool
	// windows are what was true in this cycle and those before it, newest first.
	windows []map[string]window
	active  []activity
	logged  uint64 // the last log entry that was looked at
	// operator is the chance of what an administrator does.
	operator *rand.Rand
	lost     time.Time // when the state file was lost last
	served   bool      // a cycle read while the exporter wrote
	// deaf: while the directory does not answer, a job that is served sends what was decided before.
	deaf bool

	notes   sync.Mutex // of what follows
	lines   []string
	fault   string // the first rule that was broken
	allowed []approval
}

// note adds a line to what is told of the history should it fail.
func (h *history) note(format string, args ...any) {
	h.notes.Lock()
	defer h.notes.Unlock()
	h.lines = append(h.lines, fmt.Sprintf("%12v  ", time.Since(h.began).Round(time.Millisecond))+fmt.Sprintf(format, args...))
}

// broken says that a rule was broken. The history ends.
func (h *history) broken(rule, format string, args ...any) {
	text := rule + ": " + fmt.Sprintf(format, args...)
	h.note("BROKEN %s", text)
	h.notes.Lock()
	defer h.notes.Unlock()
	if h.fault == "" {
		h.fault = text
	}
}

func (h *history) over() bool {
	h.notes.Lock()
	defer h.notes.Unlock()
	return h.fault != ""
}

// must takes errors that nothing in the history explains.
func (h *history) must(err error) {
	if err != nil {
		panic(err)
	}
}

func (h *history) name(id string) string {
	if n, ok := h.names[id]; ok {
		return n
	}
	return id
}

func (h *history) short(path string) string {
	for id, name := range h.names {
		path = strings.ReplaceAll(path, id, name)
	}
	return path
}

func (h *history) meet(id string) {
	h.people = append(h.people, id)
	h.names[id] = fmt.Sprint("p", len(h.people))
}

// user returns somebody's properties, false if they are not in the directory. They are not to be changed.
func (h *history) user(id string) (entratest.User, bool) {
	u, known := h.users[id]
	if !known {
		u, _ = h.dir.User(id)
		h.users[id] = u
	}
	return u, u != nil
}

// changed says that somebody is no longer as they were.
func (h *history) changed(id string) { delete(h.users, id) }

func (h *history) meetGroup(id string) { h.names[id] = fmt.Sprint("g", len(h.names)-len(h.people)+1) }

// simulate lives through one history and returns what was broken, "" if nothing, and all that happened.
func simulate(folder string, seed uint64) (fault, story string) {
	r := rand.New(rand.NewPCG(seed, 0x73696d))
	h := &history{
		seed: seed, random: r, plan: newPlan(r, seed), began: time.Now(), path: filepath.Join(folder, fmt.Sprint(seed, ".db")),
		operator: rand.New(rand.NewPCG(seed, 0x6f70)),
		names:    map[string]string{}, users: map[string]entratest.User{}, purged: map[string]bool{}, written: map[string]bool{}, byHand: map[string]bool{}, restored: map[string]bool{},
	}
	h.net = &network{h: h, counts: map[string]int{}, closed: map[string]penalty{}}
	defer func() { _ = os.Remove(h.path) }() // the folder goes anyway
	h.populate()
	h.must(h.build())
	h.windows = []map[string]window{{}}
	h.reboot()
	for range 3 + r.IntN(6) {
		h.live()
		if h.over() {
			break
		}
	}
	if !h.over() {
		h.settle()
	}
	h.must(h.bury())
	return h.fault, fmt.Sprintf("seed %d: %s\n%s", seed, h.plan.String(), strings.Join(h.lines, "\n"))
}

// populate makes the directory and the accounts that are there before the job.
func (h *history) populate() {
	r := h.random
	h.dir, h.account = entratest.New(h.plan.directory), ringcentraltest.New(h.plan.account)
	h.role = h.dir.AddRole(entratest.Role{Value: "User", DisplayName: "User", Enabled: true})
	people, groups := h.dir.Populate(h.plan.people, h.plan.groups)
	for _, id := range people {
		h.meet(id)
	}
	for _, id := range groups {
		h.meetGroup(id)
	}
	for range r.IntN(4) {
		h.nest(r)
	}
	for range r.IntN(8) {
		one(r, (*history).damage, (*history).share, (*history).rename, (*history).leave, (*history).hire,
			func(h *history, r *rand.Rand) bool { return h.enable(r, false) })(h, r)
	}
	h.settleAccounts()
}

// live is one round: things happen, time passes, a dry run, a cycle with faults, perhaps the end of the process.
func (h *history) live() {
	r := h.random
	h.round++
	for range r.IntN(7) {
		h.happen(r)
	}
	h.pass(one(r, 40*time.Minute, 40*time.Minute, 2*time.Hour, 25*time.Hour, 8*24*time.Hour))
	if h.process == nil || chance(r, 15) {
		h.reboot()
	}
	h.operate(h.operator)
	c := cycle{kind: one(r, engine.Incremental, engine.Incremental, engine.Full)}
	if chance(r, 65) {
		c.graph, c.target = one(r, 0, 10, 50, 250), one(r, 0, 20, 100, 350)
	}
	if chance(r, 35) {
		c.how = diesBefore + end(r.IntN(3))
		c.at = 1 + r.IntN(one(r, 4, 12, 40))
	}
	if chance(r, 40) {
		for range 1 + r.IntN(3) {
			c.events = append(c.events, 1+r.IntN(25))
		}
		slices.Sort(c.events)
	}
	if chance(r, 50) {
		c.forecast = h.diff()
	}
	switch k := h.operator.IntN(100); {
	case k < 12:
		c.serve, c.forecast = true, nil
		h.run(c)
	case k < 16:
		c.forecast = nil
		h.paused(c)
	default:
		h.run(c)
	}
}

// cycle is one cycle and what goes wrong in it.
type cycle struct {
	kind          engine.Kind
	graph, target int // requests of a thousand that something befalls
	how           end
	at            int          // the commit at which the process ends
	events        []int        // requests to the directory at which something happens there
	forecast      *plan.Report // what a dry run said just before; nil if none was made
	serve         bool         // not one cycle, but some hours of service
}

func (c cycle) String() string {
	if c.serve {
		return "some hours of service"
	}
	return string(c.kind) + " cycle"
}

// patience is how long a cycle may take: limits of ten writes a minute and every retry are far below.
const patience = 3 * 24 * time.Hour

func (h *history) run(c cycle) {
	p := h.process
	h.note("ROUND %d: %s, weather %d/%d, events at %v, %v %d", h.round, c, c.graph, c.target, c.events, c.how, c.at)
	h.deaf = c.serve && c.graph > 0
	h.open()
	h.count()
	h.expired = false
	h.must(p.store.View(p.ctx, func(v *state.View) error {
		_, marked := v.Mark()
		h.first = v.Counts().People == 0 || !marked
		return nil
	}))
	h.net.begin(c.graph, c.target)
	h.arm(c.events)
	p.disk.arm(c.how, c.at)
	first := len(h.net.journal)
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	var report *plan.Report
	var err error
	if c.serve {
		// What befalls the disk follows from numbers of its own.
		if r := rand.New(rand.NewPCG(h.seed, uint64(h.round)<<32|7)); chance(r, 40) {
			p.disk.fill(1+r.IntN(25), time.Duration(1+r.IntN(120))*time.Minute)
		}
		err = h.serve(ctx, h.operator)
		p.disk.fill(0, 0)
	} else {
		report, err = p.job.Cycle(ctx, h.target, c.kind, 1000)
	}
	late := ctx.Err() == context.DeadlineExceeded
	cancel()
	h.net.calm()
	h.dir.OnRequest(nil)
	p.disk.arm(survives, 0)
	switch {
	case report != nil:
		h.note("ended: %s, %+v, error %v, warnings %v", report.Kind, report.Summary, err, report.Warnings)
	default:
		h.note("ended: error %v", err)
	}
	if late {
		h.broken("S5", "a cycle does not end: %v", err)
	}
	if err != nil && c.graph+c.target == 0 && p.ctx.Err() == nil && !h.expired {
		h.broken("S5", "a cycle fails without a fault: %v", err)
	}
	h.checkCycle(c, report, err, h.net.journal[first:])
	if p.ctx.Err() != nil || p.lost {
		h.must(h.bury())
	}
}

// arm has events happen in the directory just before its n-th request is answered.
func (h *history) arm(at []int) {
	if len(at) == 0 {
		return
	}
	var mu sync.Mutex
	n := 0
	h.dir.OnRequest(func(*http.Request) {
		mu.Lock()
		defer mu.Unlock()
		n++
		for i, k := range at {
			if k == n {
				h.happen(rand.New(rand.NewPCG(h.seed, uint64(h.round)<<16|uint64(i))))
			}
		}
	})
}

// settle ends all faults, has an administrator sort out mails that are given twice, and lets cycles and days pass.
// After that both sides are to be equal, and to stay so.
func (h *history) settle() {
	r := h.random
	h.note("SETTLING: no more faults")
	h.account.SetLicenses(-1)
	h.plan.guard = engine.Guard{Count: 1_000_000, Percent: 100}
	taken := map[string]bool{}
	for _, id := range h.dir.Users() {
		u, _ := h.user(id)
		mail, _ := u["mail"].(string)
		if mail = strings.ToLower(mail); mail != "" && taken[mail] {
			h.set(id, map[string]any{"mail": h.newMail()})
		}
		taken[mail] = true
	}
	h.reboot()
	if chance(h.operator, 50) {
		h.forgetEscrows()
		for range 5 { // of changes that lag, a few are not seen until later ones
			h.round++
			h.pass(time.Hour)
			h.run(cycle{kind: engine.Incremental})
			if h.over() {
				return
			}
			h.approve(true)
		}
		h.checkComings()
	}
	for i := range 6 {
		h.round++
		h.pass(25 * time.Hour)
		kind := engine.Full
		if i > 0 && i < 5 && chance(r, 50) {
			kind = engine.Incremental
		}
		h.run(cycle{kind: kind})
		if h.over() {
			return
		}
		h.approve(true)
	}
	h.checkEqual()
	first := len(h.net.journal)
	h.round++
	h.run(cycle{kind: engine.Full})
	for _, w := range h.net.journal[first:] {
		if w.effective() {
			h.broken("S5", "both sides are equal, and yet account %s is written again", w.id)
		}
	}
}

// oneHistory runs one history and reports it if it fails.
func oneHistory(t *testing.T, folder string, seed uint64, verbose bool) bool {
	var fault, story string
	defer func() {
		if p := recover(); p != nil {
			t.Errorf("seed %d: %v", seed, p)
		}
	}()
	fault, story = simulate(folder, seed)
	switch {
	case fault != "":
		t.Errorf("%s\n%s\nReplay: go test ./engine -run TestSimulation -seed %d", fault, story, seed)
	case verbose:
		t.Log(story)
	}
	return fault == ""
}
