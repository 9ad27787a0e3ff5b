package engine

import (
	"cmp"
	"context"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"ringsync/connectors"
	"ringsync/state"
)

// Detailer is a TargetReader that can show many accounts whole, with the attributes that its list leaves out. What it
// does not show is Absent. FaultPermission and FaultCredentials say that it cannot with this credential, although the
// rest of the target may work.
type Detailer interface {
	Details(ctx context.Context, yield func(connectors.Resource) error) (connectors.ListSummary, error)
}

// details reads all accounts whole where the target offers that. It reports false if it does not, or not just now:
// there is always another way. An error is the end of ctx.
func (j *Job) details(ctx context.Context, target TargetReader, yield func(connectors.Resource)) (offered bool, err error) {
	d, ok := target.(Detailer)
	if !ok {
		return false, nil
	}
	_, err = d.Details(ctx, func(r connectors.Resource) error { yield(r); return nil })
	return err == nil, ctx.Err()
}

// prefetch reads the accounts about to be linked whole, if that takes fewer requests than reading each of them alone.
func (l *listing) prefetch(ctx context.Context, target TargetReader) error {
	j := l.job
	if int(l.unlinked.n) <= l.summary.Pages || !j.wantsUnlisted() {
		return nil
	}
	expected := 0
	err := j.eachPerson(ctx, func(p *state.Person) error {
		if p.TargetID == "" && p.Class == state.ClassCreate && l.matched(p) {
			expected++
		}
		return nil
	})
	if err != nil || expected <= l.summary.Pages {
		return err
	}
	whole := newStrangers(j)
	offered, err := j.details(ctx, target, func(r connectors.Resource) {
		if l.unlinked.has(r.ID) {
			whole.keep(r, idKey(r.ID))
		}
	})
	if offered {
		l.whole = whole
	}
	return err
}

// wantsUnlisted reports whether anything is mapped that lists leave out.
func (j *Job) wantsUnlisted() bool {
	for _, a := range j.Policy.Attributes {
		if a.Unlisted {
			return true
		}
	}
	return false
}

// matched reports whether the list has an account for the person.
func (l *listing) matched(p *state.Person) bool {
	for _, name := range MatchingNames(l.job.Mapping) {
		if value := wanted(p, name); value != "" && len(l.matches(name, value)) > 0 {
			return true
		}
	}
	return false
}

// complete fills in what a row of the list lacks, as far as that has been read.
func (l *listing) complete(row connectors.Resource) connectors.Resource {
	if l == nil || l.whole == nil {
		return row
	}
	whole, _ := l.whole.look(idKey(row.ID), func(r connectors.Resource) bool { return r.ID == row.ID })
	if len(whole) == 0 {
		return row
	}
	return merge(row, whole[len(whole)-1])
}

// merge fills in what row lacks from more.
func merge(row, more connectors.Resource) connectors.Resource {
	values := make([]connectors.Value, len(row.Values))
	for slot, v := range row.Values {
		if values[slot] = v; v.Kind() == connectors.Absent {
			values[slot] = more.Values[slot]
		}
	}
	row.Values = values
	return row
}

// deepen compares what lists leave out as well: the accounts of all linked people are read whole, in bulk where the
// target offers that, else each alone.
func (j *Job) deepen(ctx context.Context, target TargetReader, l *listing) (warnings []string, err error) {
	if !j.wantsUnlisted() {
		return nil, nil
	}
	comparable := func(p *state.Person) bool { return l.linked.Has(p.TargetID) && l.fresh(p) }
	var failed error
	offered, err := j.details(ctx, target, func(r connectors.Resource) {
		err := j.store.View(ctx, func(v *state.View) error {
			holder := v.PersonByTarget(r.ID)
			if holder == "" {
				return nil
			}
			found, err := v.FillPerson(&l.record, holder)
			if found && err == nil && comparable(&l.record) {
				l.drifts(&l.record, r)
			}
			return err
		})
		failed = cmp.Or(failed, err)
	})
	if err = cmp.Or(err, failed); offered || err != nil {
		return nil, err
	}
	var mu sync.Mutex // of the listing, and what follows
	unread, why := 0, error(nil)
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(j.Concurrency)
	err = j.eachPerson(ctx, func(p *state.Person) error {
		if !comparable(p) {
			return nil
		}
		p = p.Clone()
		group.Go(func() error {
			row, err := target.Get(groupCtx, p.TargetID)
			j.progress.listed.Add(1)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				l.drifts(p, row)
			case quarantines(err) || groupCtx.Err() != nil:
				return fmt.Errorf("read account %s of %s: %w", p.TargetID, p.Name(), err)
			default:
				unread, why = unread+1, err
			}
			return nil
		})
		return groupCtx.Err()
	})
	if groupErr := group.Wait(); groupErr != nil || err != nil {
		return nil, cmp.Or(groupErr, err)
	}
	if unread > 0 {
		warnings = append(warnings, fmt.Sprintf("%d accounts could not be read whole: %v", unread, why))
	}
	return warnings, nil
}

// drifts notes what a whole account shows, if it is not as known.
func (l *listing) drifts(p *state.Person, whole connectors.Resource) {
	if listed, ok := l.drift[p.ID]; ok {
		l.drift[p.ID] = merge(whole, listed)
	} else if l.job.differs(p, whole) {
		l.drift[p.ID] = whole
	}
}
