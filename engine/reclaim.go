package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"ringsync/connectors"
	"ringsync/state"
)

// reclaim links accounts of people whom the state does not know: after it was lost, those are the leavers, and without a
// link nobody would ever disable them (safety rule S11). An account is taken when its externalId is the object id of
// somebody in this tenant, which only the tenant can tell: an id that it does not know, or may not tell about, is left
// alone. Only the link is stored; what follows from it is for the ordinary rules to decide, and passes the guard.
//
// People in scope who are fit for an account need no such thing: matching finds theirs.
func (j *Job) reclaim(ctx context.Context, r *reading, l *listing) error {
	ask, recorded, err := j.unknownMarks(ctx, r, l)
	if err != nil || len(ask) == 0 {
		return err
	}
	var found []*state.Person
	doubts := 0
	err = j.source.Standing(ctx, ask, func(s connectors.Standing) error {
		id := connectors.FoldID(s.ID)
		accounts := l.unlinked.marked(id)
		switch {
		case s.Doubt != nil:
			doubts++
			return nil
		case s.Row.Removed == connectors.HardDeleted && !recorded[id]:
			return nil // may be of another tenant altogether
		case len(accounts) > 1:
			// One person is one account. For a leaver it makes no difference which, but the others must not be overlooked.
			names := make([]string, len(accounts))
			for i, a := range accounts {
				names[i] = a.ID
			}
			r.warnings = append(r.warnings, fmt.Sprintf("accounts %s all carry the externalId %s of somebody who is not in scope; only the first is looked after, see to the others by hand", strings.Join(names, ", "), id))
		}
		p := &state.Person{ID: id, TargetID: accounts[0].ID}
		if s.Row.Removed == connectors.NotRemoved {
			ref := rowRef(s.Row)
			p.UserPrincipalName, p.DisplayName = ref.UserPrincipalName, ref.DisplayName
		}
		j.show(p, accounts[0])
		found = append(found, p)
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
	for _, p := range found {
		l.linked.Add(p.TargetID)
	}
	l.strangers -= len(found)
	return nil
}

// matched reports whether the read has shown somebody who is in scope and whose account matching will find: not that of
// somebody who has lost their mail.
func (r *reading) matched(id string) bool {
	s, _ := r.looked(id)
	return s.scope == state.InScope && s.unfit == "" && (r.job.ScopeAll || r.graph.assigned(id))
}

// unknownMarks returns the object ids that accounts of nobody carry and that the state has no record of, or one that
// leads to no account: after the links were reset, of somebody who was ours.
func (j *Job) unknownMarks(ctx context.Context, r *reading, l *listing) (ids []string, recorded map[string]bool, err error) {
	recorded = map[string]bool{}
	err = j.store.View(ctx, func(v *state.View) error {
		for id, account := range l.unlinked.marks() {
			if uuid.Validate(id) != nil {
				continue // another tool's mark, not an object id
			}
			p, err := v.Person(id)
			switch {
			case err != nil:
				return err
			case p == nil, p.TargetID == "" && p.Class == state.ClassNone && !p.Unsettled && !r.matched(id):
				ids, recorded[id] = append(ids, id), p != nil
			case p.TargetID == "" && account.Active:
				r.relinked++
			}
		}
		return nil
	})
	return ids, recorded, err
}
