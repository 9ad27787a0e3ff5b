package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"ringsync/connectors"
	"ringsync/engine/plan"
	"ringsync/state"
)

// inherit moves the link of somebody who has left the directory to whoever is there anew with the same matching value:
// a person deleted and created again. Matching would find the account all the same, but only after it had been disabled,
// since leavers go first; and with hard_deleted: delete there would be nothing left to find. l is nil in an incremental
// cycle.
func (j *Job) inherit(ctx context.Context, r *reading, l *listing, rulings map[string]ruling) error {
	if l != nil && !l.proves() {
		return nil // an account of the successor's own may be among those that the list lacks
	}
	moves := map[string]string{} // from whom to whom
	heirs := map[string]bool{}
	err := j.eachRuling(ctx, slices.Sorted(maps.Keys(rulings)), func(v *state.View, p *state.Person) error {
		rule := rulings[p.ID]
		if p.TargetID == "" || p.Vanished || rule.gone || !left(rule.scope) {
			return nil
		}
		p.Scope = rule.scope
		if rule.row != nil {
			j.show(p, *rule.row)
		}
		q, err := j.successor(v, r, p, rulings)
		if q != nil && !heirs[q.ID] && !l.owns(q) {
			moves[p.ID], heirs[q.ID] = q.ID, true
		}
		return err
	})
	if err != nil || len(moves) == 0 {
		return err
	}
	var moved []string
	for batch := range slices.Chunk(slices.Sorted(maps.Keys(moves)), batchSize) {
		err := j.store.Update(ctx, func(tx *state.Tx) error {
			for _, from := range batch {
				p, err := tx.Person(from)
				if err != nil {
					return err
				}
				q, err := tx.Person(moves[from])
				if err != nil {
					return err
				}
				// The exporter may have moved on since: then it has matched them, or sent the removal.
				if p == nil || q == nil || p.TargetID == "" || q.TargetID != "" {
					continue
				}
				if row := rulings[from].row; row != nil {
					j.show(p, *row)
				}
				if err := j.bequeath(tx, p, q); err != nil {
					return err
				}
				rulings[q.ID] = ruling{scope: state.InScope, reason: rulings[q.ID].reason}
				moved = append(moved, from)
				r.notes[q.ID] = append(r.notes[q.ID], fmt.Sprintf("takes over account %s of %s (%s), who has left the directory", q.TargetID, p.Name(), p.ID))
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	for _, from := range moved {
		delete(rulings, from)
	}
	return nil
}

func left(s state.Scope) bool { return s == state.SoftDeleted || s == state.HardDeleted }

// successor returns the one person without an account who is in scope and wants a matching value that the account of p
// has, nil if nobody does, several do, or the account may not be theirs.
func (j *Job) successor(v *state.View, r *reading, p *state.Person, rulings map[string]ruling) (*state.Person, error) {
	var found *state.Person
	for _, name := range j.matchNames {
		a := p.Attribute(name)
		if a == nil || a.Known().IsEmpty() {
			continue
		}
		for _, id := range v.Matches(name, a.Known().Text()) {
			q, err := v.Person(id)
			if err != nil {
				return nil, err
			}
			if q == nil || q.ID == p.ID || q.TargetID != "" || !r.comes(q, rulings) || !strings.EqualFold(wanted(q, name), a.Known().Text()) {
				continue
			}
			if found != nil && found.ID != q.ID || q.Unsettled || len(q.Tried) > 0 {
				return nil, nil
			}
			found = q
		}
	}
	if found == nil {
		return nil, nil
	}
	account := connectors.Resource{ID: p.TargetID, UserName: known(p, plan.AttrUserName), ExternalID: known(p, plan.AttrExternalID)}
	if j.Policy.Claim(found, account, p) != "" || j.Policy.Foreign(p, nil) != "" {
		return nil, nil
	}
	return found, nil
}

// owns reports whether the list has an account that carries the person's mark.
func (l *listing) owns(p *state.Person) bool {
	return l != nil && len(l.unlinked.marked(wanted(p, plan.AttrExternalID))) > 0
}

// comes reports whether somebody is in scope once the rulings are put down.
func (r *reading) comes(p *state.Person, rulings map[string]ruling) bool {
	if rule, ruled := rulings[p.ID]; ruled {
		return rule.scope == state.InScope
	}
	return p.Scope == state.InScope || p.Scope == state.ScopeUnknown && r.arrives(p.ID)
}

// bequeath gives q the account of p and what is known of it.
func (j *Job) bequeath(tx *state.Tx, p, q *state.Person) error {
	q.TargetID, q.Ours, q.LastWrite = p.TargetID, p.Ours, p.LastWrite
	for _, a := range p.Attributes {
		if a.Sent.Kind() == connectors.Absent && a.Answer.Kind() == connectors.Absent {
			continue
		}
		b := q.Set(a.Name)
		b.Sent, b.Answer = a.Sent, a.Answer
		if a.Name == plan.AttrExternalID {
			b.Sent = a.Known() // the mark it has is p's, which is known and accepted; see plan.Foreign
		}
	}
	if err := errors.Join(tx.AppendLog(handedOver(p, q, j.cycle, j.clock())), tx.DeletePerson(p.ID)); err != nil {
		return err
	}
	return tx.PutPerson(q)
}

func known(p *state.Person, name string) string {
	if a := p.Attribute(name); a != nil {
		return a.Known().Text()
	}
	return ""
}
