package engine

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"ringsync/engine/plan"
	"ringsync/state"
)

// remaining tells of all who are not done. It looks at the outbox as the run leaves it and not at everybody: an
// incremental cycle must not cost what a full one does.
func (j *Job) remaining(ctx context.Context, report *plan.Report, rd round, x *exporter) error {
	x.mu.Lock()
	exhausted := x.exhausted
	x.mu.Unlock()
	var ids []string
	var counts state.Counts
	err := j.store.View(ctx, func(v *state.View) error {
		counts = v.Counts()
		for e := range v.Outbox() {
			ids = append(ids, e.ID)
		}
		return nil
	})
	if err != nil {
		return err
	}
	s := &report.Summary
	s.Unchanged = counts.Active - s.Create - s.Update - s.Enable
	s.Skipped = len(report.Skipped)
	changing := map[string]bool{}
	for _, c := range report.Changes {
		changing[c.Source.ID] = true
	}
	err = j.eachRuling(ctx, ids, func(_ *state.View, p *state.Person) error {
		c := j.pending(p, exhausted)
		c.Warnings = rd.notes[p.ID]
		report.Changes = append(report.Changes, c)
		s.Count(c)
		if active(p) && !changing[p.ID] {
			s.Unchanged--
		}
		changing[p.ID] = true
		return nil
	})
	s.Unchanged = max(0, s.Unchanged)
	if counts.Held > 0 {
		report.Warnings = append(report.Warnings, fmt.Sprintf("%d removals wait for approval: ringsync outbox --held shows them, ringsync approve lets them go", counts.Held))
	}
	report.Warnings = append(report.Warnings, leftOut(rd.notes, changing)...)
	return err
}

// leftOut tells of attributes that are left out of people who have no change to hang the warning on.
func leftOut(notes map[string][]string, changing map[string]bool) []string {
	n, example := 0, ""
	for id, texts := range notes {
		if !changing[id] {
			if n++; example == "" || texts[0] < example {
				example = texts[0]
			}
		}
	}
	if n == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%d people without a change have attributes that are left out, such as %s; ringsync diff --user NAME tells of one", n, example)}
}

// active reports whether the person has an account that is known to be active; see state.Counts.
func active(p *state.Person) bool {
	if p.TargetID == "" {
		return false
	}
	if a := p.Attribute(plan.AttrActive); a != nil {
		if on, known := a.Known().AsBool(); known {
			return on
		}
	}
	return p.Scope == state.InScope
}

// standing is the status of somebody who is still in the outbox.
func standing(p *state.Person, exhausted bool) string {
	switch {
	case p.Held != 0:
		return plan.StatusHeld
	case p.Escrowed && conflicting(p.Failure):
		return plan.StatusConflict
	case p.Escrowed:
		return plan.StatusEscrowed
	case p.Class == state.ClassCreate && exhausted:
		return plan.StatusWaiting
	}
	return plan.StatusPending
}

// conflicting reports whether a failure is one that a person has to settle.
func conflicting(f state.Failure) bool {
	switch f.Code {
	case "DuplicateSourceEntries", "DuplicateTargetEntries", "EntryConflict":
		return true
	}
	return f.Status == http.StatusConflict
}

// preview decides for everybody in the outbox what would be sent now.
func (j *Job) preview(ctx context.Context, target TargetReader, rd round, report *plan.Report) error {
	var people []*state.Person
	unchanged := 0
	err := j.eachPerson(ctx, func(p *state.Person) error {
		if p.Class != state.ClassNone {
			people = append(people, p.Clone())
		} else if active(p) {
			unchanged++
		}
		return nil
	})
	if err != nil {
		return err
	}
	exhausted, err := j.exhausted(ctx)
	if err != nil {
		return err
	}
	j.progress.queued.Store(int64(len(people)))
	results := make([]prepared, len(people))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(j.Concurrency)
	for i, p := range people {
		group.Go(func() error {
			l := rd.listing
			if p.Attempts > 0 {
				l = nil
			}
			results[i] = j.prepare(groupCtx, target, l, p)
			j.progress.exported.Add(1)
			if err := results[i].err; err != nil && (quarantines(err) || groupCtx.Err() != nil) {
				return err
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	late, err := j.foreseeGuard(ctx, people, results)
	if err != nil {
		return err
	}
	licences := j.foreseeCapacity(ctx, target, people, results)
	report.Capacity = licences.capacity
	for i, p := range people {
		exhausted := licences.without(p, exhausted)
		if list := late[p.ID]; list != 0 {
			p.Held, p.Class = list, state.ClassHeld
			results[i].decision = plan.Decision{}
		} else if results[i].unjudged() {
			if err := j.yield(ctx, &results[i]); err != nil {
				return err
			}
		}
		if results[i].free {
			report.Strangers--
		}
		if p.Vanished {
			results[i].decision = j.afresh(p)
		}
		for _, c := range j.foresee(p, results[i], exhausted) {
			if c.Action == plan.None && c.Status == plan.StatusPlanned {
				if active(p) {
					unchanged++
				}
				continue
			}
			c.Held, c.Warnings = p.Held, rd.notes[p.ID]
			report.Changes = append(report.Changes, c)
			report.Summary.Count(c)
		}
	}
	report.Summary.Unchanged = unchanged
	report.Summary.Skipped = len(report.Skipped)
	changing := map[string]bool{}
	for _, c := range report.Changes {
		changing[c.Source.ID] = true
	}
	report.Warnings = append(report.Warnings, leftOut(rd.notes, changing)...)
	return nil
}

// foreseeGuard asks the guard, as the exporter will, about removals that only matching has brought up (the account that
// was found has another userName, say) and about those that come out of escrow. It returns the held list of those that would be held.
func (j *Job) foreseeGuard(ctx context.Context, people []*state.Person, results []prepared) (held map[string]uint32, err error) {
	held = map[string]uint32{}
	err = j.store.View(ctx, func(v *state.View) error {
		asked := removals{}
		for i, p := range people { // by then they will have been linked or made
			if p.Scope == state.InScope && (results[i].linked || results[i].decision.Action == plan.Create) {
				asked.unlinked++
			}
		}
		for i, p := range people {
			released := p.Escrowed && !p.Due.After(j.clock())
			if !results[i].decision.Removal || p.Class == state.ClassRemove && !results[i].linked && !released {
				continue
			}
			asked.adding++ // those before count as done or as waiting, and so here
			judged, err := j.Guard.judge(v, asked, j.clock())
			if err != nil {
				return err
			}
			if judged.list != 0 {
				held[p.ID] = judged.list
			}
		}
		return nil
	})
	return held, err
}

// exhausted reports whether no licence was free when a create was last tried.
func (j *Job) exhausted(ctx context.Context) (bool, error) {
	var since time.Time
	err := j.store.View(ctx, func(v *state.View) error {
		_, err := v.Get(metaCapacity, &since)
		return err
	})
	return !since.IsZero(), err
}

// foresee tells what would be reported of one person: the change, and apart from it what a conflict or an approval
// keeps back of it.
func (j *Job) foresee(p *state.Person, r prepared, exhausted bool) []plan.Change {
	if p.Class == state.ClassHeld && r.decision.Action == plan.None {
		r.decision = j.Policy.Decide(p) // all of it is held back
	}
	c := j.change(r, j.outlook(p, r, exhausted))
	if c.Error == "" && c.Status != plan.StatusPlanned {
		c.Error = p.Failure.Text
	}
	all := []plan.Change{c}
	if r.decision.Action == plan.None || c.Status != plan.StatusPlanned {
		return all
	}
	rest := r
	switch {
	case r.conflict != nil && len(r.yielded) > 0:
		all[0].Error = ""
		rest.decision.Differences = r.yielded
		all = append(all, j.change(rest, plan.StatusConflict))
	case p.Held != 0:
		rest.decision = j.Policy.Decide(p)
		all = append(all, j.change(rest, plan.StatusHeld))
	}
	return all
}

// outlook is what would become of a change if it were sent now.
func (j *Job) outlook(p *state.Person, r prepared, exhausted bool) string {
	switch {
	case p.Class == state.ClassHeld:
		return plan.StatusHeld
	case r.conflict != nil && (p.TargetID == "" || r.decision.Action == plan.None):
		return plan.StatusConflict
	case r.err != nil || p.Escrowed && p.Due.After(j.clock()) && !conflicting(p.Failure) && r.decision.Action != plan.None:
		return plan.StatusEscrowed
	case r.decision.Action == plan.Create && exhausted:
		return plan.StatusWaiting
	}
	return plan.StatusPlanned
}
