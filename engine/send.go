package engine

import (
	"context"
	"time"

	"ringsync/connectors"
	"ringsync/engine/plan"
	"ringsync/state"
)

// outcome is what came of one person.
type outcome struct {
	prepared
	id       string
	resource connectors.Resource
	wrote    bool // a write was acknowledged
	posted   bool // a create was sent, whatever came of it
	written  bool // a write was sent, whatever came of it
	nothing  bool // the person was not to be sent after all
	busy     bool // somebody else in flight works on the same account
	aborted  bool // the run ended before the answer came
	fatal    bool // the error concerns everybody: see exporter.weigh
	// firstFailure: nobody had failed to send this person before, and it is the person's failure: not capacity, not a
	// limit, not the service as a whole.
	firstFailure bool
	late         bool // the change turned out to take something away, which the guard has not judged
	started      time.Time
	took         time.Duration
}

// send brings one person as far as one request to the target can. The place that was reserved is used up by a write
// or given back.
func (x *exporter) send(ctx context.Context, id string) (o outcome) {
	o.id, o.started = id, x.job.Now()
	place := true
	defer func() {
		if place {
			x.target.Release()
		}
		o.aborted = o.err != nil && ctx.Err() != nil
		o.took = x.job.Now().Sub(o.started)
	}()
	p, err := x.person(ctx, id)
	if err != nil {
		x.stop(err)
		o.nothing = true
		return o
	}
	if p == nil || p.Class == state.ClassNone || p.Class == state.ClassHeld {
		o.nothing = true
		return o
	}
	class := p.Class
	x.mu.Lock()
	l := x.round.listing
	if x.errand.has(id) {
		l = x.errand.round.listing
	}
	if x.tries[id] > 0 || p.Attempts > 0 {
		l = nil // the list is older than what went wrong
	}
	refusal := x.refused[id]
	x.mu.Unlock()
	o.prepared = x.job.prepare(ctx, x.target, l, p)
	if refusal != nil && o.err == nil && o.conflict == nil {
		x.job.giveWay(&o.prepared, refusal)
	}
	if o.err == nil && o.linked && o.decision.Action == plan.None {
		x.claim(ctx, &o)
	}
	if o.err != nil || o.decision.Action == plan.None || o.conflict != nil && p.TargetID == "" {
		return o
	}
	if p.TargetID != "" && !x.claim(ctx, &o) {
		return o
	}
	if o.decision.Removal && (class != state.ClassRemove || o.linked || p.Escrowed) {
		// Who is in escrow was not counted as waiting, so others may have taken their place below the limit.
		o.late = true
		return o
	}
	place = false
	x.write(ctx, &o)
	return o
}

// person returns the record of somebody who was taken, nil if there is none.
func (x *exporter) person(ctx context.Context, id string) (p *state.Person, err error) {
	x.mu.Lock()
	record := x.direct.flying[id]
	x.mu.Unlock()
	if record != nil {
		p = new(state.Person)
		return p, x.job.store.Unpack(p, id, record)
	}
	err = x.job.store.View(ctx, func(v *state.View) error { p, err = v.Person(id); return err })
	return p, err
}

// claim takes the account for this person until the outcome is committed. It reports false if somebody else has it in
// hand, or has been linked to it since it was matched.
func (x *exporter) claim(ctx context.Context, o *outcome) bool {
	account := o.person.TargetID
	x.mu.Lock()
	holder, taken := x.accounts[account]
	if !taken {
		x.accounts[account] = o.id
	}
	x.mu.Unlock()
	if taken && holder != o.id {
		o.busy = true
		return false
	}
	if !o.linked {
		return true
	}
	o.err = x.job.store.View(ctx, func(v *state.View) error {
		why, err := x.job.stillFree(v, o.person)
		if err == nil && why != "" {
			o.conflict = &conflict{code: "EntryConflict", text: why}
			o.linked, o.person.TargetID = false, ""
		}
		return err
	})
	return o.err == nil && o.conflict == nil
}

func (x *exporter) write(ctx context.Context, o *outcome) {
	p := o.person
	want := x.job.values(p, o.decision)
	o.written = true
	switch o.decision.Action {
	case plan.Create:
		o.posted = true
		o.resource, o.err = x.target.Create(ctx, want)
	case plan.Delete:
		o.err = x.target.Delete(ctx, p.TargetID)
	default:
		o.resource, o.err = x.target.Update(ctx, p.TargetID, o.decision.Slots(), want)
	}
	if connectors.FaultOf(o.err) == connectors.FaultNotFound {
		// Only a read by id says that an account is gone. A write that does not find what a read finds is this person's
		// trouble, and no reason to forget the account.
		if _, err := x.target.Get(ctx, p.TargetID); connectors.FaultOf(err) != connectors.FaultNotFound {
			o.err = &connectors.Error{Fault: connectors.FaultRejected, Op: "write account " + p.TargetID,
				Detail: "the write did not find the account, but it is there", Err: o.err}
		}
	}
	o.wrote = o.err == nil
}

// How many writes in a row may be forbidden, or get no answer after all tries, before a run ends: one account that must
// not be touched is that person's trouble, a target that refuses everybody is everybody's.
const (
	refusalsMost = 3
	silencesMost = 50
)

// weigh decides whether an error concerns everybody, so that going on would only repeat it.
func (x *exporter) weigh(o *outcome) {
	x.mu.Lock()
	defer x.mu.Unlock()
	fault := connectors.FaultOf(o.err)
	switch {
	case o.nothing:
	case o.err == nil:
		if o.wrote {
			x.refusals, x.silences = 0, 0
		}
	case fault == connectors.FaultPermission && (o.posted || o.person.TargetID != ""):
		x.refusals++
		o.fatal = x.refusals >= refusalsMost
	case fault == connectors.FaultTransient || fault == connectors.FaultUnavailable || fault == connectors.FaultUnsettled:
		x.silences++
		o.fatal = !x.serving && x.silences >= max(silencesMost, 4*x.job.Concurrency)
	default:
		o.fatal = quarantines(o.err)
	}
}
