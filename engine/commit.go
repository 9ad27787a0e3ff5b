package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"ringsync/connectors"
	"ringsync/engine/plan"
	"ringsync/state"
)

// What a crash leaves behind, and why nobody is made twice (safety rule S1):
//
//   - before a POST: the key is in the outbox; the next run matches before it creates.
//   - after a POST, before its commit: the same. The account is found by its matching value, and if that value has
//     changed since, by the one that was wanted before (state.Person.Tried).
//   - after the commit: the link is known.
//
// A POST without an answer is the second case without the crash: the record says Unsettled, and every matching value
// is looked for by filter, never in a list that was read before.

// commit puts a group of outcomes into the state in one transaction. Only after it does anything count as done.
func (x *exporter) commit(ctx context.Context, group []outcome) error {
	var summary, served plan.Summary
	var changes []plan.Change
	x.mu.Lock()
	room := x.tally.keep - len(x.tally.changes)
	rd := x.round
	asked := x.errand
	var answers []plan.Change
	x.mu.Unlock()
	quarantineChanged := false
	undo := x.undo(group)
	err := x.job.store.Update(ctx, func(tx *state.Tx) (err error) {
		summary, served, changes, answers = plan.Summary{}, plan.Summary{}, nil, nil
		for i := range group {
			if group[i].nothing {
				continue
			}
			of := rd
			if asked.has(group[i].id) {
				of = asked.round
			}
			c, err := x.apply(tx, &group[i], of)
			if err != nil {
				return err
			}
			if asked.has(group[i].id) && c.Status == plan.StatusDone && c.Action != plan.None {
				answers = append(answers, c)
			}
			if !asked.has(group[i].id) {
				served.Count(c)
			}
			if c.Status == plan.StatusDone {
				summary.Count(c)
				if c.Action != plan.None && len(changes) < room {
					changes = append(changes, c)
				}
			}
		}
		if err := credit(tx, rd.cycle.Number, served); err != nil {
			return err
		}
		quarantineChanged, err = x.job.watch(tx, group, x.serving)
		return err
	})
	if err != nil {
		undo() // or a group that is tried again would count twice
		return err
	}
	x.job.logged()
	if quarantineChanged {
		x.job.touch() // the next cycle comes at another time now
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.tally.summary.Add(summary)
	x.tally.changes = append(x.tally.changes, changes...)
	if asked != nil {
		asked.changes = append(asked.changes, answers...)
	}
	for i := range group {
		if group[i].nothing {
			continue
		}
		if group[i].free {
			x.tally.adopted++
		}
		x.job.progress.exported.Add(1)
	}
	return nil
}

// undo returns what takes back all that the exporter itself notes while it writes a group down.
func (x *exporter) undo(group []outcome) func() {
	x.mu.Lock()
	defer x.mu.Unlock()
	type notes struct {
		tries   int
		later   time.Time
		refused *conflict
	}
	before := make(map[string]notes, len(group))
	for i := range group {
		id := group[i].id
		before[id] = notes{x.tries[id], x.later[id], x.refused[id]}
	}
	exhausted, cautious, lateList := x.exhausted, x.cautious, x.lateList
	return func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		x.exhausted, x.cautious, x.lateList = exhausted, cautious, lateList
		for id, n := range before {
			restore(x.tries, id, n.tries)
			restore(x.later, id, n.later)
			restore(x.refused, id, n.refused)
		}
	}
}

// restore gives a key the value that it had; the zero value is none.
func restore[V comparable](m map[string]V, key string, value V) {
	var none V
	if m[key] = value; value == none {
		delete(m, key)
	}
}

// credit adds what was done, and what failed, to the record of the cycle that it was done for: of a served job that goes on
// after the cycle has ended.
func credit(tx *state.Tx, number uint64, s plan.Summary) error {
	if s.Changes()+s.Escrowed == 0 {
		return nil
	}
	c := tx.Cycle(number)
	if c == nil {
		return nil // nothing has been read yet since the job began to be served
	}
	if c.Counters == nil {
		c.Counters = map[string]int{}
	}
	for name, n := range doneCounters(s) {
		c.Counters[name] += n
	}
	return tx.PutCycle(c)
}

// doneCounters are the counters of a cycle for what was done, and what failed.
func doneCounters(s plan.Summary) map[string]int {
	return map[string]int{"create": s.Create, "update": s.Update, "enable": s.Enable, "disable": s.Disable, "delete": s.Delete, "failed": s.Escrowed}
}

// apply writes one outcome down and returns what to report of it.
func (x *exporter) apply(tx *state.Tx, o *outcome, rd round) (plan.Change, error) {
	now := x.job.clock()
	p := &x.record
	found, err := tx.FillPerson(p, o.id)
	if err != nil {
		return plan.Change{}, err
	}
	if !found {
		if o.person == nil || o.person.TargetID != "" && tx.PersonByTarget(o.person.TargetID) != "" {
			return plan.Change{}, nil // the account has gone over to somebody else meanwhile
		}
		p = o.person // written to the target meanwhile: it must be remembered all the same
	}
	unlinked := p.TargetID == ""
	if o.linked && !o.busy {
		if err := x.adopt(tx, p, o, rd.cycle, now); err != nil {
			return plan.Change{}, err
		}
	}
	if o.reread {
		takeShown(p, o.person)
	}
	var c plan.Change
	switch {
	case o.conflict != nil && !o.wrote && o.err == nil:
		c, err = x.succeed(tx, p, o, rd.cycle, now)
	case o.err != nil:
		c, err = x.fail(tx, p, o, rd.cycle, now)
	case o.late:
		c, err = x.judgeLate(tx, p, o, now)
	case o.busy:
		c = x.job.change(o.prepared, plan.StatusPending)
		p.Due = now.Add(x.job.RetryBase)
		x.retryAt(o.id, p.Due)
		err = tx.PutPerson(p)
	default:
		c, err = x.succeed(tx, p, o, rd.cycle, now)
	}
	if err == nil && unlinked && !o.late {
		err = x.judgeLinked(tx, p, rd.cycle, now)
	}
	if err != nil {
		return c, err
	}
	c.Warnings = rd.notes[o.id]
	return c, x.log(tx, o, c, p, rd, now)
}

// succeed records what the target acknowledged, or that nothing differs.
func (x *exporter) succeed(tx *state.Tx, p *state.Person, o *outcome, cycle state.Cycle, now time.Time) (plan.Change, error) {
	j := x.job
	c := j.change(o.prepared, plan.StatusDone)
	x.settled(o.id)
	if o.decision.Action == plan.Delete {
		if err := tx.AddRemoval(p.ID, now); err != nil {
			return c, err
		}
		return c, tx.DeletePerson(p.ID)
	}
	if o.wrote {
		if o.decision.Action == plan.Create {
			if holder := tx.PersonByTarget(o.resource.ID); holder != "" && holder != p.ID {
				p.Unsettled = true
				x.escrow(p, cycle, state.Failure{Code: "EntryConflict", Text: fmt.Sprintf("the target answered with account %s, which is linked to %s", o.resource.ID, holder), Since: since(p, now)}, now)
				c.Status = plan.StatusConflict
				return c, tx.PutPerson(p)
			}
			p.TargetID, p.Ours = o.resource.ID, true
			c.Target = state.TargetRef{ID: o.resource.ID, UserName: wanted(o.person, plan.AttrUserName)}
		}
		x.acknowledge(p, o, now)
		if o.decision.Removal {
			if err := tx.AddRemoval(p.ID, now); err != nil {
				return c, err
			}
		}
		if o.decision.Action == plan.Create && x.licensed() {
			if err := tx.Set(metaCapacity, time.Time{}); err != nil {
				return c, err
			}
		}
	}
	if o.conflict != nil {
		x.escrow(p, cycle, state.Failure{Code: o.conflict.code, Text: o.conflict.text, Status: o.conflict.status, Since: since(p, now)}, now)
		if !o.wrote {
			c.Status = plan.StatusConflict
		}
		return c, tx.PutPerson(p)
	}
	p.Attempts, p.Escrowed, p.RetryCycle, p.Failure = 0, false, 0, state.Failure{}
	if p.TargetID == "" && (p.Scope != state.InScope || p.Unfit && p.Generation == o.sent) {
		return c, tx.DeletePerson(p.ID) // no account was made, and none can be
	}
	p.Class, p.Due = j.place(p), now
	switch {
	case p.Generation != o.sent:
	case o.decision.Action == plan.None:
		if p.Class != state.ClassHeld {
			p.Class = state.ClassNone
		}
	case p.Class != state.ClassNone && p.Class != state.ClassHeld && x.again(p, o):
		// Sent and acknowledged, and the account still shows something else: going on would not end.
		x.escrow(p, cycle, state.Failure{Code: "UnprocessableEntity", Text: "the target acknowledged the change and shows the account as it was before", Since: since(p, now)}, now)
		c.Status = plan.StatusEscrowed
		return c, tx.PutPerson(p)
	}
	if p.Class == state.ClassNone {
		p.Due = time.Time{}
	}
	return c, tx.PutPerson(p)
}

// adopt takes over the link and what the account showed. If the account was linked to somebody who has left the
// directory, the link moves.
func (x *exporter) adopt(tx *state.Tx, p *state.Person, o *outcome, cycle state.Cycle, now time.Time) error {
	if holder := tx.PersonByTarget(o.person.TargetID); holder != "" && holder != p.ID {
		why, err := x.job.stillFree(tx.View, o.person)
		if err != nil {
			return err
		}
		if why != "" {
			o.linked, o.conflict = false, &conflict{code: "EntryConflict", text: why}
			return nil
		}
		former, err := tx.Person(holder)
		if err != nil {
			return err
		}
		if err := errors.Join(tx.AppendLog(handedOver(former, p, cycle.ID, now)), tx.DeletePerson(holder)); err != nil {
			return err
		}
	}
	p.TargetID = o.person.TargetID
	if p.Class == state.ClassCreate {
		p.Class = state.ClassUpdate
	}
	takeShown(p, o.person)
	return nil
}

// acknowledge records both halves of each attribute that was sent.
func (x *exporter) acknowledge(p *state.Person, o *outcome, now time.Time) {
	j := x.job
	p.LastWrite = now
	p.Unsettled, p.Tried = false, nil
	for _, d := range o.decision.Differences {
		a := p.Set(j.target.Names()[d.Slot])
		a.Sent, a.Answer = d.New, connectors.Value{}
	}
	sent := o.decision.Slots()
	for slot, v := range o.resource.Values {
		if v.Kind() == connectors.Absent {
			continue
		}
		attribute := j.Policy.Attributes[slot]
		switch a := p.Attribute(attribute.Name); {
		case a == nil && v.IsEmpty():
		case a != nil && slices.Contains(sent, slot):
			a.Answer = v
		default: // not sent just now: the answer may show what somebody has changed by hand
			p.Set(attribute.Name).Show(v, attribute)
		}
	}
}

// again reports whether what is still to be sent includes what has been sent just now.
func (x *exporter) again(p *state.Person, o *outcome) bool {
	sent := o.decision.Slots()
	return slices.ContainsFunc(x.job.Policy.Decide(p).Slots(), func(slot int) bool { return slices.Contains(sent, slot) })
}

// judgeLinked asks the guard about somebody who had no account when a cycle decided to remove them, so that it did not
// count them, and has one now.
func (x *exporter) judgeLinked(tx *state.Tx, p *state.Person, cycle state.Cycle, now time.Time) error {
	if p.TargetID == "" || p.Class != state.ClassRemove {
		return nil
	}
	held, err := x.judgeOne(tx, p, now)
	if err != nil || held == 0 {
		return err
	}
	p.Held = held
	p.Class = x.job.place(p)
	return errors.Join(tx.AppendLog(x.job.heldBack(p, cycle.ID, now)), tx.PutPerson(p))
}

// judgeLate asks the guard about a removal that only showed itself when the account was read, or that comes out of
// escrow.
func (x *exporter) judgeLate(tx *state.Tx, p *state.Person, o *outcome, now time.Time) (plan.Change, error) {
	c := x.job.change(o.prepared, plan.StatusPending)
	held, err := x.judgeOne(tx, p, now)
	if err != nil {
		return c, err
	}
	p.Class, p.Due, p.Held = state.ClassRemove, now, held
	p.Escrowed, p.RetryCycle = false, 0
	if held != 0 {
		p.Class = x.job.place(p)
		c.Status, c.Held = plan.StatusHeld, held
	}
	return c, tx.PutPerson(p)
}

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
