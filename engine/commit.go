package engine

import (
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
