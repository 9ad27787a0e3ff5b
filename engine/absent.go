package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"ringsync/connectors"
	"ringsync/engine/plan"
	"ringsync/state"
)

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
			if !j.ScopeAll && !r.graph.assigned(id) {
				r.unlisted = append(r.unlisted, id)
			}
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
	if r.partial { // which may have taken away what led to the group, so that nothing would lead to these people
		r.doubts = slices.Sorted(maps.Keys(hidden))
	}
	if n := len(hidden); n > 0 {
		warnings = append(warnings, fmt.Sprintf("%d people are left as they are because the directory did not say where they stand: %v", n, doubt))
	}
	return warnings, err
}

// unseenBehind judges those who were known through a group that is unread: whether they are still assigned nobody can say,
// but whoever is disabled, or fails a filter, is out of scope either way. It returns those of whom the source brings no
// row. After a full read the edges that were kept tell once the group can be read, or is gone.
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
