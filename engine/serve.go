package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"ringsync/engine/plan"
	"ringsync/state"
)

// Schedule says when a serving job reads.
type Schedule struct {
	// Incremental and Full return the next start after a moment; the zero time for never.
	Incremental, Full func(after time.Time) time.Time
	// Jitter returns a number in [0, 1): by how much of a tenth of the interval a start is put off, so that many jobs
	// do not start together. nil: none.
	Jitter func() float64
	// Places are shared by jobs of which only so many are to begin a cycle at a time, when thousands are overdue: each cycle
	// on schedule has one of them while it lasts, for placeTime at most. nil: the job has its own.
	Places chan struct{}
}

// placeTime is how long a cycle may have a place. What takes longer waits for a service, and nobody else has to for that.
const placeTime = 10 * time.Second

// hold returns what gives up the place that a cycle has.
func (s Schedule) hold() (leave func()) {
	once := sync.OnceFunc(func() { <-s.Places })
	late := time.AfterFunc(placeTime, once)
	return func() {
		late.Stop()
		once()
	}
}

// ErrNotServing is what Request returns when Serve is not at work.
var ErrNotServing = errors.New("the job is not being served")

// service is a job that Serve is at work on.
type service struct {
	exporter *exporter
	requests chan request
	changed  chan struct{} // somebody paused, resumed, restarted
	done     chan struct{}

	turned atomic.Pointer[turn] // of the loop, the last

	one     lock // held by the request that is being served
	errands lock // held by the errand that the exporter is on

	mu   sync.Mutex
	next time.Time // start of the next cycle
}

type request struct {
	kind   Kind
	answer chan<- answer
}

type answer struct {
	report *plan.Report
	round  round
	err    error
}

// turn is one turn of a serving job's loop.
type turn struct {
	at   time.Time // with its monotonic reading: the clock on the wall may be set
	busy bool      // it is in a cycle, or finding out whether one can be
}

// glance is how long the loop waits at most without a look at the clock on the wall. A timer stands still while the
// machine sleeps, and knows nothing of a clock that is set.
const glance = time.Minute

// Serve runs cycles on schedule until ctx ends, and all the time sends what is in the outbox: a leaver found at 10:40
// goes out at 10:40, whatever else waits. A cycle begins only when the one before has ended. A cycle that is overdue
// begins at once; a job that has no watermark begins with an initial cycle.
//
// While the state cannot be written, neither service is asked for anything: see unblock. An error means that it is damaged,
// or somebody else's. Whatever else fails is put down in the state, and tried again when its time comes.
func (j *Job) Serve(ctx context.Context, target Target, s Schedule) error {
	v := &service{
		exporter: j.newExporter(target), requests: make(chan request), changed: make(chan struct{}, 1), done: make(chan struct{}),
		one: newLock(), errands: newLock(),
	}
	v.exporter.serving, v.exporter.shut, v.exporter.recovering = true, true, true
	if s.Places == nil {
		s.Places = make(chan struct{}, 1)
	}
	if !j.service.CompareAndSwap(nil, v) {
		return errors.New("the job is being served already")
	}
	defer func() { j.service.Store(nil); close(v.done) }()
	if j.Serving != nil {
		j.Serving()
	}
	if err := v.exporter.begin(ctx, round{}); err != nil {
		return err
	}
	working, stop := context.WithCancel(ctx)
	exporting := make(chan error, 1)
	v.exporter.serve(working, exporting)
	var copying sync.WaitGroup
	defer copying.Wait()
	defer stop() // before that
	if j.Logbook.File != "" {
		copying.Go(func() { j.copyLog(working) })
	}
	auditing := j.auditing(working, v)
	err := j.serve(ctx, v, s, exporting)
	stop()
	if auditErr := <-auditing; err == nil {
		err = auditErr
	}
	if exportErr := <-exporting; err == nil || ended(ctx, err) {
		err = exportErr
	}
	if ended(ctx, err) {
		return nil
	}
	return err
}

// ended reports whether an error only says that ctx has.
func ended(ctx context.Context, err error) bool {
	return errors.Is(err, context.Canceled) || ctx.Err() != nil && errors.Is(err, ctx.Err())
}

func (j *Job) serve(ctx context.Context, v *service, s Schedule, exporting chan error) error {
	// After a time in which nothing could go out, what is in the outbox may be long out of date: somebody who was to be
	// disabled last week may be back. If a cycle is due by then, it comes first, or at least the attempt at one.
	fresh, recovered := false, false
	steady := s.drawn()
	for {
		v.turned.Store(&turn{at: time.Now()})
		waited, err := j.unblock(ctx, v, exporting)
		if err != nil {
			return err
		}
		fresh = fresh && !waited
		if !recovered {
			if err := j.recover(ctx); isUnwritable(err) {
				continue
			} else if err != nil {
				return err
			}
			recovered = true
			v.exporter.begun()
		}
		kind, at, still, err := j.upcoming(ctx, v, steady)
		if err != nil {
			return err
		}
		ahead := at.Sub(j.Now())
		due := !at.IsZero() && ahead <= 0
		fresh = !still && (fresh || !due)
		v.exporter.gate(!fresh)
		wait := glance
		var place chan<- struct{} // that a cycle is waiting for
		if due {
			place = s.Places
		} else if !at.IsZero() {
			wait = min(ahead, glance)
		}
		timer := time.NewTimer(wait)
		tried := false
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-exporting:
			exporting <- err // for Serve, which waits for it
			return err
		case <-v.changed:
		case <-timer.C:
		case r := <-v.requests:
			tried, err = true, j.requested(ctx, v, r)
		case place <- struct{}{}:
			leave := s.hold()
			tried, err = j.scheduled(ctx, v, kind)
			leave()
		}
		timer.Stop()
		if err != nil {
			return err
		}
		if tried {
			fresh, steady = true, s.drawn()
		}
	}
}

// upcoming is Upcoming for the loop, and whether nothing may go out at all.
func (j *Job) upcoming(ctx context.Context, v *service, s Schedule) (kind Kind, at time.Time, still bool, err error) {
	if kind, at, err = j.Upcoming(ctx, s); err != nil {
		return kind, at, false, err
	}
	v.mu.Lock()
	v.next = at
	v.mu.Unlock()
	still, err = j.still(ctx)
	return kind, at, still, err
}

// requested runs a cycle that somebody waits for. An error means that the state cannot be read.
func (j *Job) requested(ctx context.Context, v *service, r request) error {
	v.turned.Store(&turn{time.Now(), true})
	report, rd, err := j.turn(ctx, v, r.kind)
	v.exporter.gate(false) // whoever asked waits for what follows
	r.answer <- answer{report, rd, err}
	if isDamage(err) {
		return err
	}
	return nil
}

// scheduled runs the cycle that is due, unless the target still refuses everything. An error means that the state cannot
// be read.
func (j *Job) scheduled(ctx context.Context, v *service, kind Kind) (tried bool, err error) {
	v.turned.Store(&turn{time.Now(), true})
	if err := j.probe(ctx, v.exporter.target); err != nil {
		j.Logger.Warn("still in quarantine", "job", j.Name, "error", err)
		return false, nil
	}
	report, _, err := j.turn(ctx, v, kind)
	j.tell(report, err)
	if isDamage(err) {
		return true, err
	}
	return true, nil
}

// drawn returns the schedule with its jitter drawn once: however often the next start is asked for, it stays the same.
func (s Schedule) drawn() Schedule {
	if s.Jitter != nil {
		share := s.Jitter()
		s.Jitter = func() float64 { return share }
	}
	return s
}

// Turned returns when the loop of a job that is being served last turned, which it does at least every minute unless it
// is busy with a cycle. ok is false if nobody serves the job. It asks nothing of the state.
func (j *Job) Turned() (at time.Time, busy, ok bool) {
	v := j.service.Load()
	if v == nil {
		return time.Time{}, false, false
	}
	last := v.turned.Load()
	if last == nil { // Serve is about to begin
		return time.Now(), true, true
	}
	return last.at, last.busy, true
}

// isDamage reports whether the state cannot be read: what it still says is not to be acted on.
func isDamage(err error) bool {
	_, ok := errors.AsType[*state.DamagedError](err)
	return ok
}

// still reports whether nothing may go out at all: the job is paused, or the target refuses it.
func (j *Job) still(ctx context.Context) (still bool, err error) {
	err = j.store.View(ctx, func(v *state.View) error {
		classes, err := j.open(v, true)
		still = len(classes) == 0
		return err
	})
	return still, err
}

// tell logs how a scheduled cycle ended.
func (j *Job) tell(report *plan.Report, err error) {
	switch {
	case errors.Is(err, context.Canceled):
	case err != nil:
		j.Logger.Error("cycle failed", "job", j.Name, "error", err)
	default:
		for _, w := range report.Warnings {
			j.Logger.Warn(w, "job", j.Name)
		}
		j.Logger.Info("cycle done", "job", j.Name, "kind", report.Kind, "skipped", len(report.Skipped), "held", report.Summary.Held)
	}
}

// turn is one cycle of a serving job, up to where the exporter takes over what was decided.
func (j *Job) turn(ctx context.Context, v *service, kind Kind) (*plan.Report, round, error) {
	defer j.phase(PhaseIdle)
	if err := j.reading.take(ctx); err != nil {
		return nil, round{}, err
	}
	defer j.reading.release()
	cycle, why, err := j.begin(ctx, kind)
	if err != nil {
		return nil, round{}, err
	}
	rd := round{cycle: cycle, direct: true}
	report := j.report(cycle, why)
	if err = j.read(ctx, v.exporter.target, &rd, report); err == nil {
		err = v.exporter.begin(ctx, rd)
	}
	if err == nil && rd.read.diverted {
		v.exporter.gate(false) // what was decided a moment ago may go out, and is to
		err = j.conclude(ctx, ctx, v.exporter, rd)
	}
	if err == nil {
		err = j.remaining(ctx, report, rd, v.exporter)
	}
	if endErr := j.end(context.WithoutCancel(ctx), rd.cycle, report, err); err == nil {
		err = endErr
	}
	j.keepLog(ctx)
	return report, rd, err
}

// Request asks a serving job for a cycle now and waits until nothing is due any more. A job in quarantine tries. If ctx
// ends, only the waiting does. One request is served at a time; cycles on schedule go on meanwhile.
func (j *Job) Request(ctx context.Context, kind Kind, keep int) (*plan.Report, error) {
	v := j.service.Load()
	if v == nil {
		return nil, ErrNotServing
	}
	if err := v.one.take(ctx); err != nil {
		return nil, err
	}
	defer v.one.release()
	v.exporter.count(keep)
	answers := make(chan answer, 1)
	select {
	case v.requests <- request{kind, answers}:
	case <-v.done:
		return nil, ErrNotServing
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	var a answer
	select {
	case a = <-answers:
	case <-v.done:
		return nil, ErrNotServing
	}
	if a.err != nil {
		return a.report, a.err
	}
	report := j.report(a.round.cycle, "")
	report.Warnings, report.Skipped = a.report.Warnings, a.report.Skipped
	err := v.exporter.idle(ctx)
	if err == nil {
		err = j.refused()
	}
	done := v.exporter.count(0)
	report.Summary, report.Changes = done.summary, done.changes
	if a.round.listing != nil {
		report.Strangers = a.round.listing.strangers - done.adopted
	}
	if remainErr := j.remaining(context.WithoutCancel(ctx), report, a.round, v.exporter); err == nil {
		err = remainErr
	}
	report.Sort()
	return report, err
}

// Upcoming returns the kind and start of the next cycle; the zero time for none until somebody asks for one.
func (j *Job) Upcoming(ctx context.Context, s Schedule) (kind Kind, at time.Time, err error) {
	var marked bool
	var q *Quarantine
	var paused time.Time
	var last, lastFull time.Time
	cut := true // there was none, or it was cut off: what it was to do is overdue
	err = j.store.View(ctx, func(v *state.View) (err error) {
		_, marked = v.Mark()
		for _, c := range v.Cycles(1) {
			last, cut = c.Started, c.Result != "succeeded" && c.Result != "failed"
		}
		if _, err := v.Get(metaFull, &lastFull); err != nil {
			return err
		}
		if _, err := v.Get(metaPaused, &paused); err != nil {
			return err
		}
		q, err = quarantine(v)
		return err
	})
	now := j.Now()
	// What lies ahead of the clock says that the clock has been set back since. How much time has passed nobody knows, so
	// what it was to wait for is due.
	ahead := func(t time.Time) bool { return t.After(now.Add(glance)) }
	switch {
	case err != nil:
		return "", at, err
	case !paused.IsZero():
		return "", at, nil
	case q != nil && ahead(q.Next.Add(-patience[len(patience)-1])):
		return Full, now, nil
	case q != nil:
		return Full, q.Next, nil
	}
	cut = cut || ahead(last)
	if ahead(lastFull) {
		lastFull = time.Time{}
	}
	jitter := func(t time.Time, from time.Time) time.Time {
		if s.Jitter == nil || t.IsZero() {
			return t
		}
		return t.Add(time.Duration(s.Jitter() * float64(t.Sub(from)) / 10))
	}
	incremental := now
	if !cut {
		incremental = jitter(s.Incremental(last), last)
	}
	full := s.Full(lastFull)
	if j.Mapping.ReadsClock() {
		// What asks for the date is to be asked again, of everybody, once there is another.
		year, month, day := lastFull.UTC().Date()
		if midnight := time.Date(year, month, day+1, 0, 0, 0, 0, time.UTC); full.IsZero() || midnight.Before(full) {
			full = midnight
		}
	}
	if !marked {
		return Initial, incremental, nil
	}
	if !full.IsZero() && !full.After(incremental) {
		if !full.After(last) {
			full = incremental // tried since, and failed: in its turn again, and not at once
		}
		return Full, full, nil
	}
	return Incremental, incremental, nil
}

// probe finds out whether the target, if it refused us, still does. It costs one read.
func (j *Job) probe(ctx context.Context, target TargetReader) error {
	var q *Quarantine
	if err := j.store.View(ctx, func(v *state.View) (err error) { q, err = quarantine(v); return err }); err != nil || q == nil {
		return err
	}
	var refused error
	if q.Reason == quarantineTarget {
		names := j.matchNames
		if _, err := target.Find(ctx, names[0], "nobody-"+uuid.NewString()+"@ringsync.invalid"); quarantines(err) {
			refused = fmt.Errorf("look for somebody who cannot exist: %w", err)
		}
	}
	err := j.store.Update(ctx, func(tx *state.Tx) error {
		switch {
		case refused != nil:
			return tx.Set(metaQuarantine, q.again(quarantineTarget, refused.Error(), j.Now()))
		case q.Reason == quarantineSource:
			return nil // the cycle that follows tells
		}
		if err := tx.Set(metaHealth, nil); err != nil {
			return err
		}
		return tx.Set(metaQuarantine, nil)
	})
	return errors.Join(err, refused)
}
