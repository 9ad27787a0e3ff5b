package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"ringsync/connectors"
	"ringsync/engine/plan"
	"ringsync/state"
)

// ruling is what one cycle says of one person: to be put into the record, and into the outbox.
type ruling struct {
	scope  state.Scope
	reason string
	row    *connectors.Resource // what the account shows, if the listing differs from the record
	gone   bool                 // the account is gone, 404 by id
	listed bool                 // the account is in the list
	// mark is the userName of an account that carries the person's externalId, "" if none does or it is the wanted one:
	// only the list can be searched by that, so it is noted while it is at hand.
	mark string
}

// decide turns a finished read and listing into places in the outbox. It goes over all people twice: first to see
// what each needs, since the guard judges all removals of a cycle together, then to write it down.
func (j *Job) decide(ctx context.Context, r *reading, l *listing) error {
	if err := j.divert(ctx, r, l); err != nil {
		return err
	}
	if err := j.reclaim(ctx, r, l); err != nil {
		return err
	}
	rulings, absent, unlisted, err := j.survey(ctx, r, l)
	if err != nil {
		return err
	}
	warnings, err := j.absent(ctx, r, absent, rulings)
	r.warnings = append(r.warnings, warnings...)
	if err != nil {
		return err
	}
	var counts state.Counts
	if err := j.store.View(ctx, func(v *state.View) error { counts = v.Counts(); return nil }); err != nil {
		return err
	}
	gone, rows, warning, err := j.missing(ctx, r.target, l, unlisted, j.Guard.Limit(counts.Active))
	if err != nil {
		return err
	}
	if warning != "" {
		r.warnings = append(r.warnings, warning)
	}
	for id := range gone {
		ruling := rulings[id]
		ruling.gone = true
		rulings[id] = ruling
	}
	for id, row := range rows {
		ruling := rulings[id]
		ruling.row = &row
		rulings[id] = ruling
	}
	if err := j.inherit(ctx, r, l, rulings); err != nil {
		return err
	}
	held, err := j.settle(ctx, r, rulings)
	if held != "" {
		r.warnings = append(r.warnings, held)
	}
	return err
}

// survey returns a ruling for everybody about whom there is something to put down, the linked people whom the read did
// not show, and those whose accounts the listing did not show.
func (j *Job) survey(ctx context.Context, r *reading, l *listing) (rulings map[string]ruling, absent, unlisted []string, err error) {
	rulings = map[string]ruling{}
	err = j.eachPerson(ctx, func(p *state.Person) error {
		s, seen := r.looked(p.ID)
		rule := ruling{scope: p.Scope, reason: p.Reason, listed: l.linked.Has(p.TargetID)}
		if row, drifted := l.drift[p.ID]; drifted {
			rule.row = &row
		}
		switch {
		case seen && s.scope == state.ScopeUnknown: // in doubt: as they were
		case seen && (j.ScopeAll || r.graph.assigned(p.ID)):
			rule.scope, rule.reason = s.scope, s.why
		case r.removed[p.ID] == connectors.SoftDeleted:
			rule.scope, rule.reason = state.SoftDeleted, ""
		case r.removed[p.ID] == connectors.HardDeleted:
			rule.scope, rule.reason = state.HardDeleted, ""
		default:
			absent = append(absent, p.ID)
		}
		if p.TargetID != "" && !p.Vanished && !rule.listed && p.LastWrite.Before(l.began) {
			unlisted = append(unlisted, p.ID)
			rulings[p.ID] = rule
		}
		if seen {
			r.tellSkip(p, rule)
		}
		rule.mark = l.mark(p)
		if rule.mark == "" && rule.row == nil && r.newcomer(p) {
			r.newcomers = true
			return nil
		}
		if rule.mark != "" || rule.scope != p.Scope || rule.reason != p.Reason || rule.row != nil || p.Vanished || j.place(p) != p.Class {
			rulings[p.ID] = rule
		}
		return nil
	})
	return rulings, absent, unlisted, err
}

// tellSkip notes why the configuration keeps somebody's change from being carried out.
func (r *reading) tellSkip(p *state.Person, rule ruling) {
	then := *p
	then.Scope, then.Reason = rule.scope, rule.reason
	if d := r.job.Policy.Outline(&then); d.Skip != "" {
		r.skipped[p.ID] = plan.Skipped{Source: sourceRef(p), Reason: d.Skip}
	}
}

// eachPerson calls fn for every record, some a transaction: a read transaction that lasts keeps bbolt from reusing pages.
// The person is not to be kept: clone whoever is to be.
func (j *Job) eachPerson(ctx context.Context, fn func(*state.Person) error) error {
	const some = 128 // few, so that what they hold stays near the processor
	people := make([]state.Person, some)
	for after := ""; ; {
		n := 0
		err := j.store.View(ctx, func(v *state.View) (err error) {
			n, err = v.FillPeople(people, after)
			return err
		})
		if err != nil {
			return err
		}
		for i := range people[:n] {
			if err := fn(&people[i]); err != nil {
				return err
			}
		}
		if n < some {
			return nil
		}
		after = people[n-1].ID
	}
}

// place returns the class that the person's record earns as it stands. A removal that is held stays held; the rest of
// the change, if there is any, goes on.
func (j *Job) place(p *state.Person) state.Class {
	d := j.Policy.Outline(p)
	// A create may have been sent, so the account is looked for: and disabled if the person has left, linked if they are
	// as they are no fit subject of a create.
	maybeSent := p.Unsettled || p.Class == state.ClassCreate || p.Class == state.ClassRemove
	switch {
	case p.Vanished && p.Held != 0:
		return state.ClassHeld
	case p.TargetID == "" && p.Scope > state.InScope:
		if maybeSent {
			return state.ClassRemove
		}
		return state.ClassNone
	case p.TargetID == "" && p.Scope == state.InScope && d.Skip != "" && !j.Policy.Create:
		return state.ClassCreate // nobody is made, but who has an account is to be found
	case p.TargetID == "" && p.Unfit:
		if maybeSent {
			return state.ClassCreate
		}
		return state.ClassNone
	case p.Held != 0 && d.Removal:
		if rest := j.Policy.HoldBack(d); rest.Action != plan.None {
			return rest.Class()
		}
		return state.ClassHeld
	case unseen(p) && d.Class() == state.ClassNone:
		return state.ClassUpdate // what the account shows is to be read
	}
	return d.Class()
}

// settle writes the rulings down and queues what follows from them. It returns a warning if removals are held.
func (j *Job) settle(ctx context.Context, r *reading, rulings map[string]ruling) (string, error) {
	ids := slices.Sorted(maps.Keys(rulings))
	asked, now := removals{unlinked: r.relinked}, j.clock()
	var removed map[string]bool
	err := j.store.View(ctx, func(v *state.View) error { removed = v.Removed(now.Add(-window)); return nil })
	if err != nil {
		return "", err
	}
	err = j.eachRuling(ctx, ids, func(v *state.View, p *state.Person) error {
		if r.partial {
			r.tellSkip(p, rulings[p.ID])
		}
		waited := p.TargetID != "" && (p.Held != 0 || p.Class == state.ClassRemove && !p.Escrowed)
		switch class, adds := j.rule(p, rulings[p.ID]); {
		case adds && removed[p.ID]: // counted already
		case adds:
			asked.adding++
		case waited && class != state.ClassRemove && !(p.Held != 0 && j.stillHeld(p)):
			asked.returning++
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	var judged verdict
	if err := j.store.View(ctx, func(v *state.View) (err error) { judged, err = j.Guard.judge(v, asked, now); return err }); err != nil {
		return "", err
	}
	for batch := range slices.Chunk(ids, batchSize) {
		err := j.store.Update(ctx, func(tx *state.Tx) error {
			var p state.Person
			for _, id := range batch {
				found, err := tx.FillPerson(&p, id)
				if err != nil {
					return err
				}
				if found {
					if err := j.enter(tx, &p, rulings[id], judged, now); err != nil {
						return err
					}
				}
			}
			return judged.hold(tx)
		})
		if err != nil {
			return "", err
		}
	}
	if r.newcomers {
		if err := j.admit(ctx, r, rulings, judged, now); err != nil {
			return "", err
		}
	}
	if judged.list != 0 {
		return fmt.Sprintf("removals are held as list %d: %s", judged.list, judged.reason), nil
	}
	return "", nil
}

// newcomer reports whether somebody whom a whole read has shown has just been stored for the first time, and is in scope.
// There may be a million of them, to whom nothing applies but their row: they get no ruling, see admit.
func (r *reading) newcomer(p *state.Person) bool {
	return p.Scope == state.ScopeUnknown && p.TargetID == "" && p.Class == state.ClassNone && p.Held == 0 && !p.Vanished && r.arrives(p.ID)
}

// arrives reports whether a whole read has shown somebody who is in scope.
func (r *reading) arrives(id string) bool {
	if r.partial || r.graph == nil {
		return false
	}
	s, seen := r.looked(id)
	return seen && s.scope == state.InScope && (r.job.ScopeAll || r.graph.assigned(id))
}

// admit queues the newcomers, a batch at a time. None of them is a removal.
func (j *Job) admit(ctx context.Context, r *reading, rulings map[string]ruling, judged verdict, now time.Time) error {
	var batch []string
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		err := j.store.Update(ctx, func(tx *state.Tx) error {
			var p state.Person
			for _, id := range batch {
				found, err := tx.FillPerson(&p, id)
				if err != nil {
					return err
				}
				if !found || !r.newcomer(&p) { // the exporter may have moved on since
					continue
				}
				s, _ := r.looked(id)
				if err := j.enter(tx, &p, ruling{scope: s.scope, reason: s.why}, judged, now); err != nil {
					return err
				}
			}
			return nil
		})
		batch = batch[:0]
		return err
	}
	err := j.eachPerson(ctx, func(p *state.Person) error {
		if _, ruled := rulings[p.ID]; ruled || !r.newcomer(p) {
			return nil
		}
		if batch = append(batch, p.ID); len(batch) < batchSize {
			return nil
		}
		return flush()
	})
	if err != nil {
		return err
	}
	return flush()
}

// eachRuling calls fn for those of these people who have a record. The person is not to be kept.
func (j *Job) eachRuling(ctx context.Context, ids []string, fn func(*state.View, *state.Person) error) error {
	var p state.Person
	for batch := range slices.Chunk(ids, batchSize) {
		err := j.store.View(ctx, func(v *state.View) error {
			for _, id := range batch {
				found, err := v.FillPerson(&p, id)
				if err != nil {
					return err
				}
				if found {
					if err := fn(v, &p); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// rule applies a ruling to the record and returns the class that follows, and whether it adds a removal that the
// guard has not judged yet.
func (j *Job) rule(p *state.Person, rule ruling) (class state.Class, adds bool) {
	judged := p.Class == state.ClassRemove || p.Held != 0
	p.Scope, p.Reason = rule.scope, rule.reason
	if rule.row != nil {
		j.show(p, *rule.row)
	}
	if rule.mark != "" && p.TargetID == "" {
		p.Tried = appendNew(p.Tried, state.MatchKey(plan.AttrUserName, rule.mark))
	}
	p.Vanished = rule.gone || p.Vanished && !rule.listed
	if p.Vanished && p.Scope == state.InScope {
		// The account is gone. What follows counts like a removal: were it not held, a service that answers 404 for
		// everybody would have everybody created again.
		return state.ClassCreate, p.Held == 0
	}
	class = j.place(p)
	// Whether somebody without a link has an account at all shows only when it is looked for; see exporter.judgeLate.
	return class, class == state.ClassRemove && p.TargetID != "" && !judged
}

// stillHeld reports whether there still is something to hold.
func (j *Job) stillHeld(p *state.Person) bool {
	return p.Vanished && p.Scope == state.InScope || j.Policy.Outline(p).Removal
}

// enter writes one ruling down.
func (j *Job) enter(tx *state.Tx, p *state.Person, rule ruling, judged verdict, now time.Time) error {
	before := p.Class
	class, adds := j.rule(p, rule)
	switch {
	case p.Vanished && p.Scope != state.InScope:
		if err := tx.AppendLog(lost(p, j.cycle, now)); err != nil {
			return err
		}
		return tx.DeletePerson(p.ID) // a leaver whose account is gone: done
	case class == state.ClassNone && p.TargetID == "":
		return tx.DeletePerson(p.ID) // never provisioned, nothing on its way: nothing to remember
	}
	if adds && judged.list != 0 {
		p.Held = judged.list
		if err := tx.AppendLog(j.heldBack(p, j.cycle, now)); err != nil {
			return err
		}
	} else if p.Held != 0 && !j.stillHeld(p) {
		if err := tx.AppendLog(about(p, j.cycle, now, fmt.Sprintf("is on held list %d no more: there is nothing to remove", p.Held))); err != nil {
			return err
		}
		p.Held = 0
	}
	if p.Vanished && p.Held == 0 {
		if err := errors.Join(tx.AddRemoval(p.ID, now), tx.AppendLog(lost(p, j.cycle, now))); err != nil {
			return err
		}
		j.unlink(p)
	}
	if class = j.place(p); class == state.ClassNone && p.TargetID == "" {
		return tx.DeletePerson(p.ID)
	}
	j.queue(p, class, before, now)
	return tx.PutPerson(p)
}

// queue puts the person into the outbox. Whoever is in the same class keeps their place, an escrow its due time;
// a change of class (a leaver whose update is in escrow) is tried at once.
func (j *Job) queue(p *state.Person, class, before state.Class, now time.Time) {
	if class == before {
		return
	}
	p.Class, p.Due = class, now
	p.Attempts, p.Escrowed, p.RetryCycle, p.Failure = 0, false, 0, state.Failure{}
	if class == state.ClassNone {
		p.Due = time.Time{}
	}
}

// unlink forgets an account that is gone. What is wanted stays.
func (j *Job) unlink(p *state.Person) {
	p.TargetID, p.Vanished, p.Ours = "", false, false
	for i := range p.Attributes {
		p.Attributes[i].Sent, p.Attributes[i].Answer = connectors.Value{}, connectors.Value{}
	}
}
