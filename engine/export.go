package engine

import (
	"context"
	"sync"
	"time"

	"ringsync/engine/plan"
	"ringsync/state"
)

const (
	// placeTries is how often a transient failure is tried again in place before the person goes into escrow.
	placeTries = 4
	// grace is how long requests in flight may take to end once the run is told to stop: the whole must be over
	// within five seconds of SIGTERM.
	grace = 4 * time.Second
	// commitMost bounds how many results share one transaction.
	commitMost = 512
	// commitWait bounds how long a result waits for others: an fsync for each handful, and all pages that a handful
	// touches, would cost more than sending it.
	commitWait = 100 * time.Millisecond
)

// round is what one cycle hands to the exporter beside the outbox.
type round struct {
	cycle   state.Cycle
	listing *listing            // the target's list of a full cycle, nil after an incremental one
	notes   map[string][]string // warnings by person
	read    *reading            // for Explain
	by      string              // who had it done, "" for the job itself
	depth   Depth
	// direct: the exporter is at hand, so people may go to it directly. first: nobody is known, nor can anybody be on
	// their way.
	direct, first bool
}

// exporter sends what is in the outbox: until nothing is due, or, serving, whenever something is, until it is told to
// stop. One goroutine dispatches, one commits, and each person in flight has one of their own; while there is nothing to
// send there are none.
type exporter struct {
	job     *Job
	target  Target
	serving bool // obeys pause and quarantine

	results chan *outcome // of the run
	changed chan struct{} // something happened that the dispatcher may be waiting for

	mu       sync.Mutex
	asleep   func()      // what wakes it; nil while it is at work, or not serving
	alarm    *time.Timer // of the next look at the outbox while at rest
	round    round
	inFlight map[string]state.Class
	shut     bool // nothing is dispatched for now but errands
	// recovering: nothing at all is, before it is known what the last run has left.
	recovering bool
	holding    bool                 // results are in hand that could not be put down
	fetched    []state.Entry        // keys looked up ahead; emptied when something more urgent may have come up
	direct     direct               // people of an initial cycle who are in no state yet
	tries      map[string]int       // tries in place, by person
	later      map[string]time.Time // when the next try in place is due
	errand     *errand              // goes before all else, nil if there is none
	moved      chan struct{}        // closed, and another in its place, when outcomes are put down and when wake is called
	idlers     []chan struct{}      // closed once nothing is due and nothing in flight
	refused    map[string]*conflict // by person: the target's refusal of a matching value, after which the rest is sent
	// exhausted: the target said that no licence is free; no further create is tried in this run. cautious: it said so
	// in an earlier run, so one create goes alone to see whether that still holds.
	exhausted, cautious bool
	stopped             error // why nothing more is dispatched
	halt                func()
	// accounts are those that somebody in flight is about to write, by id: two people must not work on one.
	accounts map[string]string
	// refusals and silences count, since the last success, writes that were forbidden or got no answer.
	refusals, silences int
	// lateList is the held list that this round's late removals go on, 0 if there is none yet.
	lateList uint32

	tally tally

	record state.Person // of whoever's outcome is being put down
}

// tally is what the exporter did since it began or since a report began.
type tally struct {
	summary plan.Summary
	keep    int // changes that are done and stay in changes
	changes []plan.Change
	adopted int // accounts that were linked
}

func (j *Job) newExporter(target Target) *exporter {
	return &exporter{
		job: j, target: target, changed: make(chan struct{}, 1),
		inFlight: map[string]state.Class{}, tries: map[string]int{}, later: map[string]time.Time{},
		accounts: map[string]string{}, refused: map[string]*conflict{}, moved: make(chan struct{}),
	}
}

// begin takes over what a cycle decided. One create finds out whether licences are free again.
func (x *exporter) begin(ctx context.Context, rd round) error {
	return x.job.store.View(ctx, func(v *state.View) error {
		counts := v.Counts()
		queued := 0
		for class, n := range counts.Queued {
			if state.Class(class) != state.ClassHeld {
				queued += n
			}
		}
		var since time.Time
		out, err := v.Get(metaCapacity, &since)
		x.mu.Lock()
		if rd.read != nil {
			x.direct = newDirect(rd.read.direct)
			queued += x.direct.left()
			rd.read = nil // it is the caller's, and large
		}
		x.round, x.fetched, x.lateList = rd, nil, 0
		x.exhausted, x.cautious = false, out && !since.IsZero()
		x.mu.Unlock()
		x.job.progress.queued.Store(int64(queued))
		x.job.progress.exported.Store(0)
		x.signal()
		return err
	})
}

// count begins a new tally that keeps so many finished changes, and returns the old one.
func (x *exporter) count(keep int) tally {
	x.mu.Lock()
	defer x.mu.Unlock()
	old := x.tally
	x.tally = tally{keep: keep}
	return old
}

// serve runs now and whenever something may have come up, until ctx ends or that fails, which ended is told.
func (x *exporter) serve(ctx context.Context, ended chan<- error) {
	context.AfterFunc(ctx, x.signal)
	var work func()
	work = func() {
		for resting := false; !resting; resting = x.doze(work) {
			if err := x.run(ctx); err != nil {
				ended <- err
				return
			}
		}
	}
	go work()
}

// dozeTime is how long the serving exporter does without a look at the outbox: a due time may have come up, or a
// quarantine ended.
const dozeTime = time.Minute

// doze has signal call again, and reports false if something has happened since the outbox was looked at.
func (x *exporter) doze(again func()) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	select {
	case <-x.changed:
		return false
	default:
	}
	x.asleep = again
	if x.alarm == nil {
		x.alarm = time.AfterFunc(dozeTime, x.signal)
	} else {
		x.alarm.Reset(dozeTime)
	}
	return true
}

// run works until nothing is due and nobody in flight, or until ctx ends. What is in flight then is given time to end.
func (x *exporter) run(ctx context.Context) error {
	if _, found, _, err := x.next(ctx, false); err != nil || found == drained {
		return x.reason(err)
	}
	flight, land := context.WithCancel(context.WithoutCancel(ctx))
	defer land()
	dispatching, halt := context.WithCancel(ctx)
	defer halt()
	x.results = make(chan *outcome, commitMost)
	defer func() { x.results = nil }()
	x.mu.Lock()
	x.halt = halt
	x.mu.Unlock()
	stopWatch := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(grace, land)
		context.AfterFunc(flight, func() { timer.Stop() })
	})
	defer stopWatch()

	committed := make(chan error, 1)
	go func() { committed <- x.commitAll(ctx) }()
	var workers sync.WaitGroup
	sending, err := x.dispatch(dispatching, flight, &workers)
	workers.Wait()
	close(x.results)
	if commitErr := <-committed; commitErr != nil {
		return commitErr
	}
	if sending {
		if doneErr := x.job.setSending(context.WithoutCancel(flight), false); doneErr != nil && !isUnwritable(doneErr) {
			return doneErr
		}
	}
	return x.reason(err)
}

// reason is why a run ends with err: what had stopped it, if something had.
func (x *exporter) reason(err error) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.stopped != nil {
		return x.stopped
	}
	return err
}

// idle waits until nothing is due and nothing in flight.
func (x *exporter) idle(ctx context.Context) error {
	done := make(chan struct{})
	x.mu.Lock()
	x.idlers = append(x.idlers, done)
	x.mu.Unlock()
	x.signal()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// wake makes the dispatcher look at the outbox anew: something more urgent may be in it.
func (x *exporter) wake() {
	x.mu.Lock()
	x.fetched = nil
	x.move()
	x.mu.Unlock()
	x.signal()
}

// move tells whoever waits for an errand to look again. The caller holds mu.
func (x *exporter) move() {
	close(x.moved)
	x.moved = make(chan struct{})
}

// begun says that what the last run has left is known.
func (x *exporter) begun() {
	x.mu.Lock()
	x.recovering = false
	x.mu.Unlock()
	x.wake()
}

// gate shuts the way out, or opens it.
func (x *exporter) gate(shut bool) {
	x.mu.Lock()
	x.shut = shut
	x.mu.Unlock()
	x.wake()
}

// dispatch hands out people, most urgent first. It takes a place at the target before it chooses whom to send, so
// that the choice is made when it can be carried out. sending reports whether anybody was sent.
func (x *exporter) dispatch(ctx, flight context.Context, workers *sync.WaitGroup) (sending bool, err error) {
	places := make(chan struct{}, x.job.Concurrency)
	for {
		if _, state, wait, err := x.next(ctx, false); err != nil || state == drained {
			return sending, err
		} else if state == nothingYet {
			if err := x.wait(ctx, wait); err != nil {
				return sending, err
			}
			continue
		}
		if !sending {
			if err := x.job.setSending(ctx, true); isUnwritable(err) && x.serving {
				x.job.touch() // the loop sees to it, and next waits for room
				continue
			} else if err != nil {
				return sending, err
			}
			sending = true
		}
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
			return sending, ctx.Err()
		}
		if err := x.target.Reserve(ctx); err != nil {
			return sending, err
		}
		id, state, _, err := x.next(ctx, true)
		if err != nil || state != ready {
			x.target.Release()
			<-places
			if err != nil {
				return sending, err
			}
			continue
		}
		workers.Go(func() {
			o := x.send(flight, id)
			if x.weigh(&o); o.fatal && !x.serving {
				x.stop(o.err) // at once: what goes out while this is being committed would fail alike
			}
			x.results <- &o
			<-places
		})
	}
}

// wait waits until something has happened or, if due is set, until then.
func (x *exporter) wait(ctx context.Context, due time.Time) error {
	var timer <-chan time.Time
	if !due.IsZero() {
		t := time.NewTimer(max(0, due.Sub(x.job.clock())))
		defer t.Stop()
		timer = t.C
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-x.changed:
	case <-timer:
	}
	return nil
}

// signal has the dispatcher look again. The caller does not hold mu.
func (x *exporter) signal() {
	select {
	case x.changed <- struct{}{}:
	default:
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.asleep != nil {
		x.alarm.Stop()
		go x.asleep()
		x.asleep = nil
	}
}

// stop ends the run after what is in flight.
func (x *exporter) stop(err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.stopped == nil {
		x.stopped = err
	}
	if x.halt != nil {
		x.halt() // the dispatcher may be waiting for a place
	}
}
