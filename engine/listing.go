package engine

import (
	"context"
	"fmt"
	"strings"
	"time"

	"ringsync/connectors"
	"ringsync/engine/plan"
	"ringsync/state"
)

// listing is what one walk over the target's list of accounts showed. Rows of linked accounts are compared as they
// come and then forgotten; of all others only those are kept that might be matched.
type listing struct {
	job     *Job
	began   time.Time
	summary connectors.ListSummary
	// linked are the account ids of ours that the list showed. One that is taken for another one is thought to be there,
	// and is looked at in the next cycle.
	linked *connectors.Hashes
	// drift holds the rows that differ from what is known, by person.
	drift map[string]connectors.Resource
	// unlinked are the accounts that nobody is linked to.
	unlinked *strangers
	// whole holds those of them that were read whole in bulk; nil if none were.
	whole *strangers
	// strangers is the number of accounts that nobody is linked to.
	strangers int
	// first: nobody was known when the cycle began.
	first bool
	// doubted: the list lacks accounts that exist, so it proves nothing about who is missing from it.
	doubted bool

	record state.Person // of whoever is being compared
}

// list walks the target's list.
func (j *Job) list(ctx context.Context, target TargetReader) (*listing, error) {
	l := &listing{
		job: j, began: j.clock(),
		linked: connectors.NewHashes(), unlinked: newStrangers(j), drift: map[string]connectors.Resource{},
	}
	var err error
	l.summary, err = target.List(ctx, func(r connectors.Resource) error {
		j.progress.listed.Add(1)
		return j.store.View(ctx, func(v *state.View) error { return l.take(v, r) })
	})
	return l, err
}

func (l *listing) take(v *state.View, r connectors.Resource) error {
	holder := v.PersonByTarget(r.ID)
	if holder == "" {
		l.strangers++
		l.unlinked.add(r)
		return nil
	}
	l.linked.Add(r.ID)
	p := &l.record
	if found, err := v.FillPerson(p, holder); !found || err != nil {
		return err
	}
	if l.fresh(p) && l.job.differs(p, r) {
		l.drift[p.ID] = r
	}
	return nil
}

// fresh reports whether the list can tell anything about the person: no write of ours may have overtaken it.
func (l *listing) fresh(p *state.Person) bool {
	return !p.Unsettled && p.LastWrite.Before(l.began)
}

// matches returns the accounts of nobody whose matching attribute has the value.
func (l *listing) matches(attribute, value string) []connectors.Resource {
	return l.unlinked.matching(attribute, value)
}

// mark returns the userName of the one account of nobody that carries the person's externalId, if that name is not the
// one to be looked for anyway.
func (l *listing) mark(p *state.Person) string {
	id := wanted(p, plan.AttrExternalID)
	accounts := l.unlinked.marked(id)
	if p.TargetID != "" || id == "" || len(accounts) != 1 || strings.EqualFold(accounts[0].UserName, wanted(p, plan.AttrUserName)) {
		return ""
	}
	return accounts[0].UserName
}

// proves reports whether an account that is missing from the list can be taken not to exist. It takes a list that is
// whole and that no linked account has shown to be wrong; and since even such a list can be short without saying so,
// only a first sync relies on it: later ones look each newcomer up.
func (l *listing) proves() bool { return l.summary.Whole() && !l.doubted }

// differs reports whether an account shows other values than those last shown.
func (j *Job) differs(p *state.Person, r connectors.Resource) bool {
	for slot, v := range r.Values {
		if v.Kind() == connectors.Absent {
			continue
		}
		attribute := j.Policy.Attributes[slot]
		a := p.Attribute(attribute.Name)
		if a == nil || a.Answer.Kind() == connectors.Absent && a.Sent.Kind() == connectors.Absent {
			if !v.IsEmpty() {
				return true // nothing was known of it, of a newly mapped attribute for one
			}
			continue
		}
		if a.Answer.Kind() == connectors.Absent || !attribute.SameValue(a.Answer, v) {
			return true
		}
	}
	return false
}

// show records what an account shows.
func (j *Job) show(p *state.Person, r connectors.Resource) {
	for slot, v := range r.Values {
		if v.Kind() == connectors.Absent {
			continue
		}
		attribute := j.Policy.Attributes[slot]
		if a := p.Attribute(attribute.Name); a != nil {
			a.Show(v, attribute)
		} else if !v.IsEmpty() {
			p.Set(attribute.Name).Show(v, attribute)
		}
	}
}

// missing asks for the linked accounts that the list did not show. Missing from a list proves nothing, so each is
// asked for by id; only 404 says that an account is gone. It gives up asking when enough of them turn out to exist
// (the list is short, say half of it) or to be gone (more than the guard's limit: another account behind the same URL,
// say; it will hold them).
//
// It returns the people whose accounts are gone, and the rows of those that exist after all.
func (j *Job) missing(ctx context.Context, target TargetReader, l *listing, people []string, limit int) (gone map[string]bool, rows map[string]connectors.Resource, warning string, err error) {
	gone, rows = map[string]bool{}, map[string]connectors.Resource{}
	const enough = 10
	unread, why := 0, error(nil)
	for _, id := range people {
		var p *state.Person
		if err := j.store.View(ctx, func(v *state.View) (err error) { p, err = v.Person(id); return err }); err != nil {
			return nil, nil, "", err
		}
		if p == nil || p.TargetID == "" {
			continue
		}
		row, err := target.Get(ctx, p.TargetID)
		switch connectors.FaultOf(err) {
		case connectors.FaultNotFound:
			gone[id] = true
		default:
			switch {
			case err == nil:
				rows[id], l.doubted = row, true
			case quarantines(err) || ctx.Err() != nil:
				return nil, nil, "", fmt.Errorf("read account %s of %s: %w", p.TargetID, p.Name(), err)
			default: // nothing is known about this one
				unread, why = unread+1, fmt.Errorf("read account %s of %s: %w", p.TargetID, p.Name(), err)
			}
		}
		if len(people) == len(rows)+len(gone)+unread {
			break
		}
		if len(rows) >= enough {
			return gone, rows, fmt.Sprintf("the target's list is short: %d linked accounts are not in it, and %d of the first %d asked for exist", len(people), len(rows), len(rows)+len(gone)), nil
		}
		if len(gone) > limit {
			return gone, rows, fmt.Sprintf("%d linked accounts are not in the target's list, and %d of the first %d asked for are gone: is this still the same RingCentral account?", len(people), len(gone), len(rows)+len(gone)), nil
		}
	}
	if unread > 0 {
		warning = fmt.Sprintf("%d accounts that are not in the target's list could not be read either and are left as they are: %v", unread, why)
	}
	return gone, rows, warning, nil
}
