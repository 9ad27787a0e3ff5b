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

// absent asks for those whom the read did not show, each alone, and rules on the answer (safety rule S2). Whoever has
// neither an account nor a create on its way needs no question.
func (j *Job) absent(ctx context.Context, r *reading, ids []string, rulings map[string]ruling) (warnings []string, err error) {
	var ask []string
	var doubt error
	hidden := map[string]state.Scope{} // who was known through a group that is unread, and how they stood
	unread, err := j.unread(ctx, r.graph)
	if err != nil {
		return nil, err
	}
	err = j.eachRuling(ctx, ids, func(v *state.View, p *state.Person) error {
		if why := unread.doubt(v, p.ID); why != nil {
			hidden[p.ID], doubt = p.Scope, why
			return nil
		}
		switch {
		case p.TargetID == "" && p.Class == state.ClassNone && !p.Unsettled:
			rulings[p.ID] = ruling{scope: state.Unassigned}
		case j.outForGood(v, p) && !r.back(p):
			// Out already, on evidence of its own: nothing could follow from another answer.
		default:
			ask = append(ask, p.ID)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	gone, err := j.unseenBehind(ctx, r, hidden, rulings)
	if err != nil {
		return nil, err
	}
	err = j.source.Standing(ctx, append(ask, gone...), func(s connectors.Standing) error {
		id := connectors.FoldID(s.ID)
		rule := rulings[id]
		_, behind := hidden[id]
		switch {
		case s.Doubt != nil:
			r.doubts, doubt = append(r.doubts, id), s.Doubt
			return nil
		case s.Row.Removed == connectors.SoftDeleted:
			rule.scope, rule.reason = state.SoftDeleted, ""
		case s.Row.Removed == connectors.HardDeleted:
			rule.scope, rule.reason = state.HardDeleted, ""
		case behind:
			return nil
		case j.ScopeAll || r.graph.assigned(id) || r.graph.within(s.Groups):
			// Still in scope: the read missed them. Their row counts as read.
			if err := r.reread(s.Row); err != nil {
				return err
			}
			s, _ := r.looked(id)
			rule.scope, rule.reason = s.scope, s.why
		default:
			rule.scope, rule.reason = r.unassigned(s.Row)
		}
		rulings[id] = rule
		return nil
	})
	for _, id := range r.doubts {
		hidden[id] = state.InScope
	}
	maps.DeleteFunc(hidden, func(id string, _ state.Scope) bool { return rulings[id].scope > state.InScope })
	if n := len(hidden); n > 0 {
		warnings = append(warnings, fmt.Sprintf("%d people are left as they are because the directory did not say where they stand: %v", n, doubt))
	}
	return warnings, err
}

// unseenBehind judges those who were known through a group that is unread: whether they are still assigned nobody can say,
// but whoever is disabled, or fails a filter, is out of scope either way. It returns those of whom the source brings no
// row. Once the group can be read, or is gone, its edges tell; so these people need not be asked about again.
func (j *Job) unseenBehind(ctx context.Context, r *reading, hidden map[string]state.Scope, rulings map[string]ruling) (gone []string, err error) {
	if len(hidden) == 0 {
		return nil, nil
	}
	brought := map[string]bool{}
	err = j.source.People(ctx, slices.Sorted(maps.Keys(hidden)), func(row connectors.Row) error {
		id := connectors.FoldID(row.ID)
		brought[id] = true
		row.Values = slices.Clone(row.Values)
		if err := j.weigh(r, id, row, rulings); err != nil {
			return err
		}
		if rulings[id].scope <= state.InScope && hidden[id] > state.InScope {
			delete(rulings, id) // that they are back is in doubt as well
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read people known through a group that could not be read: %w", err)
	}
	for id := range hidden {
		if !brought[id] {
			gone = append(gone, id)
		}
	}
	slices.Sort(gone)
	return gone, r.flush()
}

// unassigned is the scope of somebody who is not assigned, and why. If that cause is kept it leaves room for one that is
// not: a disabled account, or a scoping filter.
func (r *reading) unassigned(row connectors.Row) (scope state.Scope, why string) {
	if r.job.Policy.Deprovision[state.Unassigned] == plan.DeprovisionKeep {
		linked := &state.Person{TargetID: row.ID} // for others it makes no difference
		if s := r.scope(row, linked); s.scope > state.InScope {
			return s.scope, s.why
		}
	}
	return state.Unassigned, ""
}

// unread are the groups that could not be read, and why, with all groups below them that were not read otherwise, as far as
// the state knows: with the way to them unread, nobody looked at those either.
type unread map[string]error

func (j *Job) unread(ctx context.Context, g *graph) (unread, error) {
	u := unread{}
	if len(g.doubtful) == 0 {
		return u, nil
	}
	err := j.store.View(ctx, func(v *state.View) error {
		var add func(group string, why error)
		add = func(group string, why error) {
			if u[group] != nil {
				return
			}
			u[group] = why
			for e := range v.Edges(group) {
				if e.Group && !g.isComplete(e.Child) {
					add(e.Child, why)
				}
			}
		}
		for n, why := range g.doubtful {
			add(g.parents[n], why)
		}
		return nil
	})
	return u, err
}

// doubt returns why nobody can say whether the person is assigned: they were known through a group that is unread. What
// the person's own memberships say does not count then, for the same reason may keep the group out of them (hidden
// membership).
func (u unread) doubt(v *state.View, person string) error {
	for group, why := range u {
		for range v.EdgesBetween(group, person) {
			return why
		}
	}
	return nil
}

// back reports whether a row shows somebody in the directory who was deleted. Of the groups that they are in again, and
// that have forgotten them, no change tells.
func (r *reading) back(p *state.Person) bool {
	if p.Scope != state.SoftDeleted && p.Scope != state.HardDeleted {
		return false
	}
	_, waits := r.rows[p.ID]
	_, shown := r.looked(p.ID)
	return waits || shown
}

// outForGood reports whether somebody who is out of scope need not be asked about again: the account is off, nothing
// worse can follow, and nobody waits for what they hold.
func (j *Job) outForGood(v *state.View, p *state.Person) bool {
	if p.TargetID == "" || p.Scope <= state.InScope || p.Class != state.ClassNone {
		return false
	}
	if p.Scope == state.HardDeleted {
		return true
	}
	if active(p) || j.Policy.Deprovision[state.SoftDeleted] == plan.DeprovisionDelete || j.Policy.Deprovision[state.HardDeleted] == plan.DeprovisionDelete {
		return false
	}
	for _, name := range j.matchNames {
		if a := p.Attribute(name); a != nil && !a.Known().IsEmpty() && len(v.Matches(name, a.Known().Text())) > 1 {
			return false // somebody created anew with the same mail, perhaps
		}
	}
	return true
}

// reread takes the row of somebody whom the read missed.
func (r *reading) reread(row connectors.Row) error {
	id := connectors.FoldID(row.ID)
	if r.job.roles >= 0 {
		row.Values = slices.Clone(row.Values)
		row.Values[r.job.roles] = rolesOf(r.app, r.graph.roles(id))
	}
	if err := r.evaluate(id, row); err != nil {
		return err
	}
	return r.flush()
}
