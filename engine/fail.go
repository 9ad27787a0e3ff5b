package engine

import (
	"cmp"
	"errors"
	"time"

	"ringsync/connectors"
	"ringsync/engine/plan"
	"ringsync/state"
)

// fail sorts an error by what is done about it.
func (x *exporter) fail(tx *state.Tx, p *state.Person, o *outcome, cycle state.Cycle, now time.Time) (plan.Change, error) {
	c := x.job.change(o.prepared, plan.StatusPending)
	fault := connectors.FaultOf(o.err)
	creating := o.posted && p.TargetID == ""
	if o.written && (fault == connectors.FaultUnsettled || fault == connectors.FaultProtocol || o.aborted) {
		p.Unsettled = true // it may have taken effect, whatever is wanted by the time it is tried again
	}
	e, _ := errors.AsType[*connectors.Error](o.err)
	code, status := "", 0
	if e != nil {
		code, status = cmp.Or(e.Entra, e.Code), e.Status
	}
	switch {
	case o.fatal || o.aborted || quarantines(o.err) && fault != connectors.FaultPermission: // the record stays as it is, and in the outbox
	case fault == connectors.FaultCapacity:
		c.Status = plan.StatusWaiting
		p.Failure = state.Failure{Code: "LicenseLimitExceeded", Text: x.job.told(p, o.err), Since: since(p, now), Status: status}
		p.Escrowed, p.RetryCycle, p.Due = false, 0, now
		x.setExhausted()
		if err := tx.Set(metaCapacity, now); err != nil {
			return c, err
		}
	case fault == connectors.FaultNotFound && p.TargetID != "":
		return c, x.vanish(tx, p, &c, cycle, now)
	case fault == connectors.FaultTransient && status == 429:
		p.Due = now.Add(x.throttled(e)) // no failure of this person: the limits are everybody's
		x.retryAt(o.id, p.Due)
	case fault == connectors.FaultConflict && creating && x.tried(o.id) == 1:
		// Somebody has the mail. It may be this person's own account, made since the list was read: look again.
		p.Due = now
		x.retryAt(o.id, p.Due)
	case fault == connectors.FaultConflict && !creating && p.Attempts == 0 && x.tried(o.id) < placeTries:
		// Whoever is about to give the value up may not have done so yet.
		p.Due = now.Add(x.job.RetryBase)
		x.retryAt(o.id, p.Due)
	case fault == connectors.FaultConflict && !creating && x.giveWay(o, &conflict{code: code, text: x.job.told(p, o.err), status: status}):
		p.Due = now
		x.retryAt(o.id, p.Due)
	case passing(fault, status) || fault == connectors.FaultUnsettled && !creating:
		if n := x.tried(o.id); n < placeTries {
			p.Due = now.Add(x.job.RetryBase << (n - 1))
			x.retryAt(o.id, p.Due)
			break
		}
		fallthrough
	default:
		o.firstFailure = p.Attempts == 0
		c.Status = plan.StatusEscrowed
		if fault == connectors.FaultConflict {
			c.Status = plan.StatusConflict
		}
		x.escrow(p, cycle, state.Failure{Code: code, Text: x.job.told(p, o.err), Since: since(p, now), Status: status}, now)
	}
	return c, tx.PutPerson(p)
}

// passing reports whether an error may be over in a moment. An answer to a create that says yes and not to what is none
// of those: the account is most likely there, and is looked for in the next cycle.
func passing(fault connectors.Fault, status int) bool {
	switch fault {
	case connectors.FaultTransient, connectors.FaultUnavailable:
		return true
	case connectors.FaultUnsettled:
		return status/100 != 2
	}
	return false
}

// throttled is how long a throttled person waits on top of what the pacer makes everybody wait.
func (x *exporter) throttled(e *connectors.Error) time.Duration {
	if e.RetryAfter > 0 {
		return 0 // the group is stopped for that long already
	}
	return x.job.RetryBase
}

// vanish: the account of a linked person does not exist. What follows passes the guard like a removal.
func (x *exporter) vanish(tx *state.Tx, p *state.Person, c *plan.Change, cycle state.Cycle, now time.Time) error {
	if p.Scope != state.InScope {
		if err := tx.AppendLog(lost(p, cycle.ID, now)); err != nil {
			return err
		}
		return tx.DeletePerson(p.ID) // a leaver whose account is gone: done
	}
	held, err := x.judgeOne(tx, p, now)
	if err != nil {
		return err
	}
	if held != 0 {
		p.Vanished, p.Class, p.Held, p.Due = true, state.ClassHeld, held, now
		c.Status, c.Held = plan.StatusHeld, held
		return tx.PutPerson(p)
	}
	if err := errors.Join(tx.AddRemoval(p.ID, now), tx.AppendLog(lost(p, cycle.ID, now))); err != nil {
		return err
	}
	x.job.unlink(p)
	p.Attempts, p.Escrowed, p.RetryCycle, p.Failure = 0, false, 0, state.Failure{}
	p.Class, p.Due = x.job.place(p), now
	return tx.PutPerson(p)
}

// judgeOne asks the guard about one removal that came up while exporting, and returns the held list that it goes on, 0
// if it may go. All such removals of a round share a list.
func (x *exporter) judgeOne(tx *state.Tx, p *state.Person, now time.Time) (uint32, error) {
	if tx.Removed(now.Add(-window))[p.ID] {
		return 0, nil // counted already
	}
	x.mu.Lock()
	unlinked := tx.Counts().Queued[state.ClassCreate] + x.direct.left() // a first cycle is in the middle of linking or making them
	x.mu.Unlock()
	judged, err := x.job.Guard.judge(tx.View, removals{adding: 1, unlinked: unlinked, but: p.ID}, now)
	if err != nil || judged.list == 0 {
		return 0, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.lateList == 0 {
		x.lateList = judged.list
	}
	judged.list = x.lateList
	return judged.list, judged.hold(tx)
}

// escrowMost is how long anybody stays in escrow at most.
const escrowMost = 24 * time.Hour

// escrow puts the person aside for 1, 2, 4 … cycles, a day at most; a conflict is looked at in every cycle.
func (x *exporter) escrow(p *state.Person, cycle state.Cycle, f state.Failure, now time.Time) {
	p.Failure = f
	p.RetryCycle = cycle.Number + 1<<min(p.Attempts, 10)
	if conflicting(f) {
		p.RetryCycle = cycle.Number + 1 // what settles it may be a change of somebody else
	}
	p.Attempts++
	p.Escrowed = true
	if p.Class == state.ClassNone {
		p.Class = state.ClassUpdate
	}
	p.Due = now.Add(escrowMost)
	x.settled(p.ID)
}

// giveWay reports whether there is something left to send once the refused matching values are taken out, and has it
// sent so the next time.
func (x *exporter) giveWay(o *outcome, refusal *conflict) bool {
	rest := o.prepared
	x.job.giveWay(&rest, refusal)
	x.mu.Lock()
	defer x.mu.Unlock()
	if rest.conflict == nil || rest.decision.Action == plan.None || x.refused[o.id] != nil {
		return false
	}
	x.refused[o.id] = refusal
	return true
}

// settled forgets the tries in place.
func (x *exporter) settled(id string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.tries, id)
	delete(x.refused, id)
}

func since(p *state.Person, now time.Time) time.Time {
	if !p.Failure.Since.IsZero() {
		return p.Failure.Since
	}
	return now
}

func (x *exporter) tried(id string) int {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.tries[id]++
	return x.tries[id]
}

func (x *exporter) retryAt(id string, due time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.tries[id] = max(1, x.tries[id])
	x.later[id] = due
}

func (x *exporter) setExhausted() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.exhausted = true
}

// licensed notes that a create went through, and reports whether that ends a time without licences. One that was on its
// way when a refusal came proves nothing.
func (x *exporter) licensed() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	was := x.cautious
	x.cautious = false
	return was && !x.exhausted
}
