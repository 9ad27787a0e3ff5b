package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"ringsync/connectors"
	"ringsync/state"
)

// reclaim links, in an initial cycle, the accounts of people who are not in scope: after the state was lost, those are
// the leavers, and without a link nobody would ever disable them (safety rule S11). An account is taken when its
// externalId is the object id of somebody in this tenant, which only the tenant can tell: an id that it does not know,
// or may not tell about, is left alone. What follows passes the guard.
//
// People in scope need no such thing: matching finds their accounts.
func (j *Job) reclaim(ctx context.Context, r *reading, l *listing, rulings map[string]ruling) error {
	var ask []string
	for _, id := range slices.Sorted(maps.Keys(l.marked)) {
		if s, ok := r.seen[id]; ok && s.scope == state.InScope && (j.ScopeAll || r.graph.assigned(id)) {
			if l.marked[id][0].Active {
				r.relinked++
			}
			continue
		}
		ask = append(ask, id)
	}
	if len(ask) == 0 {
		return nil
	}
	var found []*state.Person
	doubts := 0
	err := j.source.Standing(ctx, ask, func(s connectors.Standing) error {
		id := connectors.FoldID(s.ID)
		switch {
		case s.Doubt != nil:
			doubts++
			return nil
		case s.Row.Removed == connectors.HardDeleted:
			return nil // may be of another tenant altogether
		}
		accounts := l.marked[id]
		if len(accounts) > 1 {
			// One person is one account. Which is the right one only a person can tell; for a leaver it makes no
			// difference, but the others must not be overlooked.
			names := make([]string, len(accounts))
			for i, a := range accounts {
				names[i] = a.ID
			}
			r.warnings = append(r.warnings, fmt.Sprintf("accounts %s all carry the externalId %s of somebody who is not in scope; only the first is looked after, see to the others by hand", strings.Join(names, ", "), id))
		}
		p := &state.Person{ID: id, TargetID: accounts[0].ID}
		rule := ruling{scope: state.SoftDeleted, listed: true}
		if s.Row.Removed == connectors.NotRemoved {
			ref := rowRef(s.Row)
			p.UserPrincipalName, p.DisplayName = ref.UserPrincipalName, ref.DisplayName
			rule.scope = state.Unassigned
			if seen, ok := r.seen[id]; ok && (j.ScopeAll || r.graph.assigned(id)) {
				rule.scope, rule.reason = seen.scope, seen.why
			}
		}
		j.show(p, accounts[0])
		found = append(found, p)
		rulings[id] = rule
		return nil
	})
	if err != nil {
		return err
	}
	if doubts > 0 {
		r.warnings = append(r.warnings, fmt.Sprintf("%d accounts carry an externalId about which the directory did not answer: they are left alone", doubts))
	}
	for batch := range slices.Chunk(found, batchSize) {
		err := j.store.Update(ctx, func(tx *state.Tx) error {
			for _, p := range batch {
				if err := tx.PutPerson(p); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	l.strangers -= len(found)
	return nil
}
