package engine_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"ringsync/connectors"
	"ringsync/connectors/entra"
	"ringsync/connectors/ringcentral"
	"ringsync/engine"
	"ringsync/mapping"
	"ringsync/state"
	"ringsync/state/bolt"
)

// process is one run of the program, from opening the state file to its end, which may be sudden: after its death
// nothing of it reaches the file or the network any more, and the next process opens the file as it was that moment.
type process struct {
	h      *history
	ctx    context.Context
	cancel context.CancelFunc
	disk   *disk
	store  *state.Store
	job    *engine.Job
	dead   atomic.Bool
	lost   bool // it ended on a full disk, with results in hand
}

// program is what all processes of a history have in common, since making it takes longer than many a cycle. The
// clients know nothing that matters once the time between two processes has passed.
type program struct {
	slots  *connectors.Slots
	mapped *mapping.Mapping
	source *entra.Client
	target *ringcentral.Client
}

func (h *history) build() (err error) {
	h.slots = connectors.NewSourceSlots()
	h.mapped, err = mapping.Compile((&world{}).rules(), h.plan.filters, entra.Schema(), ringcentral.Schema(), h.slots)
	if err != nil {
		return err
	}
	h.source, err = entra.New(entra.Options{
		Tenant: h.dir.Tenant(), App: h.dir.AppID(), Endpoint: "http://127.0.0.1:1/v1.0",
		Credential: entra.Credential{Kind: "static", Token: graphToken}, ScopeAll: h.plan.scopeAll, NestedGroups: h.plan.nested,
		DefaultAccess: h.plan.defaultAccess, Slots: h.slots, Transport: &wire{h: h, side: graph, handler: h.dir}, PageConcurrency: 1,
	})
	if err != nil {
		return err
	}
	h.target, err = ringcentral.New(ringcentral.Options{
		URL: "http://127.0.0.1:1/scim/v2", Token: ringcentral.StaticToken(scimToken), Concurrency: h.plan.concurrency,
		Slots: h.mapped.Target(), Transport: &wire{h: h, side: target, handler: h.account},
	})
	return err
}

var errDead = errors.New("the process is dead")

// end is how a process ends at one of its commits.
type end int

const (
	survives   end = iota
	diesBefore     // before the commit
	diesAfter      // after it, without having learnt that it was done
	terminates     // SIGTERM
)

func (e end) String() string {
	return [...]string{"survives", "dies before commit", "dies after commit", "is told to stop at commit"}[e]
}

// disk is the process's state file. It counts commits, and a commit takes its time.
type disk struct {
	state.DB
	p       *process
	mu      sync.Mutex
	commits int
	at      int // the commit at which the process ends as told
	how     end
	begun   time.Time // when the last commit that succeeded began
	left    []byte    // the file as the dead process left it

	fullAt    int           // the commit from which on the disk is full; 0 for none
	fullFor   time.Duration // for so long
	fullUntil time.Time
}

const commitTime = 997 * time.Microsecond

func (d *disk) View(ctx context.Context, fn func(state.Reader) error) error {
	if d.p.dead.Load() {
		return errDead
	}
	return d.DB.View(ctx, fn)
}

func (d *disk) Update(ctx context.Context, fn func(state.Writer) error) error {
	begun := time.Now()
	time.Sleep(commitTime)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.p.dead.Load() {
		return errDead
	}
	d.commits++
	if d.fullAt > 0 && d.commits >= d.fullAt {
		d.p.h.note("the disk is full for %s", d.fullFor)
		d.fullAt, d.fullUntil = 0, begun.Add(d.fullFor)
	}
	if begun.Before(d.fullUntil) {
		write := fn
		fn = func(w state.Writer) error {
			if err := write(w); err != nil {
				return err
			}
			return &state.UnwritableError{What: "the state", Err: errors.New("no space left on device"), Remedy: "make room"}
		}
	}
	now := d.how
	if d.commits != d.at {
		now = survives
	}
	switch now {
	case diesBefore:
		return d.die()
	case terminates:
		d.p.h.note("told to stop")
		d.p.cancel()
	}
	if err := d.DB.Update(ctx, fn); err != nil {
		return err
	}
	d.begun = begun
	if now == diesAfter {
		return d.die()
	}
	return nil
}

// die copies the file as it is on disk and ends everything else.
func (d *disk) die() error {
	var err error
	if d.left, err = os.ReadFile(d.p.h.path); err != nil {
		return err
	}
	d.p.h.note("dies")
	d.p.dead.Store(true)
	d.p.cancel()
	return errDead
}

// arm sets at which commit from now on the process ends, and how.
func (d *disk) arm(how end, after int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.how, d.at = how, d.commits+after
}

// fill has the disk be full from that commit from now on, for so long; it has room at once if that is 0.
func (d *disk) fill(after int, length time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fullAt, d.fullFor, d.fullUntil = d.commits+after, length, time.Time{}
	if after == 0 {
		d.fullAt = 0
	}
}

// boot starts a process. It may die in it.
func (h *history) boot(how end, after int) error {
	p := &process{h: h}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	db, err := bolt.Open(h.path, bolt.Options{Create: true})
	if err != nil {
		return err
	}
	p.disk = &disk{DB: db, p: p, how: how, at: after}
	h.process = p
	p.store, p.job, err = p.open(p.disk, h.identity())
	return err
}

func (h *history) identity() state.Identity {
	return state.Identity{Tenant: h.dir.Tenant(), App: h.dir.AppID(), Target: "http://127.0.0.1:1/scim/v2"}
}

// open builds the job over any DB.
func (p *process) open(db state.DB, id state.Identity) (*state.Store, *engine.Job, error) {
	store, h := state.New(db), p.h
	if err := store.Bind(p.ctx, id, h.mapped.Target().Names(), engine.MatchingNames(h.mapped)); err != nil {
		return nil, nil, err
	}
	plan := &h.plan
	job := engine.New(store, h.source, engine.Options{
		Name: "contoso", Slots: h.slots, Mapping: h.mapped, ScopeAll: plan.scopeAll, NestedGroups: plan.nested,
		AutoDefaultAccess: plan.defaultAccess == entra.AccessAuto,
		Policy:            plan.policy(), Guard: plan.guard, Concurrency: plan.concurrency, Now: time.Now,
		Logger: slog.New(slog.DiscardHandler),
	})
	if h.seed%3 == 0 { // some of the people of a first cycle are stored, the others go to the exporter directly
		job.SetDirectRoom(5 * 600)
	}
	return store, job, nil
}

// bury ends the process, dead or alive, and leaves the file as a dead one left it.
func (h *history) bury() error {
	p := h.process
	if p == nil {
		return nil
	}
	h.process = nil
	p.cancel()
	if err := p.disk.DB.Close(); err != nil {
		return err
	}
	if p.disk.left == nil {
		return nil
	}
	return os.WriteFile(h.path, p.disk.left, 0o600)
}

// reboot starts the next process. Some time passes before it: a penalty that the old one was told of has ended, which
// the new one could not know.
func (h *history) reboot() {
	h.must(h.bury())
	time.Sleep(3 * time.Minute)
	how, after := survives, 0
	if h.random.IntN(10) == 0 {
		how, after = diesBefore+end(h.random.IntN(2)), 1+h.random.IntN(2)
	}
	err := h.boot(how, after)
	if h.process.dead.Load() {
		h.must(h.bury())
		err = h.boot(survives, 0)
	}
	h.must(err)
	h.process.disk.arm(survives, 0)
	h.must(h.process.job.Resume(h.process.ctx)) // the process before may have died while it was paused
}
