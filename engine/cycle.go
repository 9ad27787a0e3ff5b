package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"ringsync/connectors"
	"ringsync/engine/plan"
	"ringsync/state"
)

// Kind is how a cycle reads the source.
type Kind string

// The kinds. An incremental cycle becomes a full one when there is no watermark, when the mapping or filters have
// changed since, when the last full cycle did not come to its end, or when the source does not honour the watermark;
// the full one is called initial when nothing was ever read to the end.
const (
	Initial     Kind = "initial"
	Full        Kind = "full"
	Incremental Kind = "incremental"
)

// Sync is one full cycle and all that follows from it; see Cycle.
func (j *Job) Sync(ctx context.Context, target Target, keep int) (*plan.Report, error) {
	return j.Cycle(ctx, target, Full, keep)
}

// Cycle reads the source, in a full cycle also the target's list, decides, and exports until nothing is due. It
// returns what it did even when it ends early; the error then says why. Changes that are done cost memory each, so the
// report has at most keep of them; it has all that are not done.
func (j *Job) Cycle(ctx context.Context, target Target, kind Kind, keep int) (*plan.Report, error) {
	defer j.phase(PhaseIdle)
	if err := j.reading.take(ctx); err != nil {
		return nil, err
	}
	if err := j.recover(ctx); err != nil {
		j.reading.release()
		return nil, err
	}
	cycle, why, err := j.begin(ctx, kind)
	if err != nil {
		j.reading.release()
		return nil, err
	}
	rd := round{cycle: cycle, direct: true}
	report := j.report(cycle, why)
	// What was done is reported and recorded also when the run is told to stop.
	after := context.WithoutCancel(ctx)
	err = j.read(ctx, target, &rd, report)
	decided := sync.OnceFunc(j.reading.release)
	defer decided()
	if err == nil {
		j.phase(PhaseExport)
		x := j.newExporter(target)
		x.count(keep)
		if err = x.begin(ctx, rd); err == nil {
			err = j.export(ctx, x, rd, decided)
		}
		done := x.count(0)
		report.Summary, report.Changes = done.summary, done.changes
		report.Strangers -= done.adopted
		if remainErr := j.remaining(after, report, rd, x); err == nil {
			err = remainErr
		}
	}
	report.Sort()
	if endErr := j.end(after, rd.cycle, report, err); err == nil {
		err = endErr
	}
	j.keepLog(ctx)
	return report, err
}

// Depth is how closely a dry run looks at accounts that are linked.
type Depth int

const (
	Listed Depth = iota // at what the target's list shows, as a cycle does
	Whole               // at all that is mapped: reads each account where the target has no better way
)

// Diff is the same cycle up to the first write, over a state that keeps its changes to itself and a target that
// cannot be written to.
func (j *Job) Diff(ctx context.Context, target TargetReader, depth Depth) (*plan.Report, error) {
	defer j.phase(PhaseIdle)
	rd, report, err := j.rehearse(ctx, target, depth)
	if err != nil {
		return report, err
	}
	if err := j.preview(ctx, target, rd, report); err != nil {
		return report, err
	}
	report.Sort()
	return report, nil
}

// rehearse brings a dry run to where a full cycle would begin to export. The report is nil if it could not even begin.
func (j *Job) rehearse(ctx context.Context, target TargetReader, depth Depth) (round, *plan.Report, error) {
	cycle, _, err := j.begin(ctx, Full)
	if err != nil {
		return round{}, nil, err
	}
	rd := round{cycle: cycle, depth: depth}
	report := j.report(cycle, "")
	if err := j.read(ctx, target, &rd, report); err != nil {
		return rd, report, err
	}
	j.phase(PhaseExport)
	return rd, report, nil
}

func (j *Job) phase(p Phase) { j.progress.phase.Store(int32(p)) }

// report begins a report; why says what made the cycle another than was asked for.
func (j *Job) report(c state.Cycle, why string) *plan.Report {
	r := &plan.Report{Job: j.Name, Cycle: c.ID, Kind: c.Kind}
	if why != "" {
		r.Warnings = append(r.Warnings, why)
	}
	return r
}

// read brings a cycle to the point where the outbox holds all that is to be sent.
func (j *Job) read(ctx context.Context, target TargetReader, rd *round, report *plan.Report) error {
	j.phase(PhaseRead)
	var r *reading
	var err error
	if rd.cycle.Kind == string(Incremental) {
		r, err = j.readChanges(ctx, target)
		if connectors.FaultOf(err) == connectors.FaultResync {
			report.Warnings = append(report.Warnings, fmt.Sprintf("a full cycle is needed: %v", err))
			rd.cycle.Kind, report.Kind = string(Full), string(Full)
			r, err = j.readAll(ctx, target, rd)
		}
	} else {
		r, err = j.readAll(ctx, target, rd)
	}
	if warning := j.clockWarning(); warning != "" {
		report.Warnings = append(report.Warnings, warning)
	}
	if r != nil {
		report.Warnings = append(report.Warnings, r.warnings...)
		for _, s := range r.skipped {
			report.Skipped = append(report.Skipped, s)
		}
		rd.notes, rd.read = r.notes, r
	}
	if settleErr := j.settleQuarantine(ctx, rd.listing != nil, err); err == nil {
		err = settleErr
	}
	if err != nil {
		return err
	}
	if rd.listing != nil {
		report.Strangers = rd.listing.strangers
	}
	warning, err := j.release(ctx, rd.cycle)
	if warning != "" {
		report.Warnings = append(report.Warnings, warning)
	}
	if err != nil {
		return err
	}
	if err := j.remember(ctx, r, rd.cycle); err != nil {
		return err
	}
	if rd.direct {
		r.release() // only a dry run is asked about it afterwards
	}
	return nil
}

// readChanges is the reading part of an incremental cycle.
func (j *Job) readChanges(ctx context.Context, target TargetReader) (*reading, error) {
	var mark state.Mark
	err := j.store.View(ctx, func(v *state.View) error { mark, _ = v.Mark(); return nil })
	if err != nil {
		return nil, err
	}
	return j.changes(ctx, target, mark)
}

// readAll is the reading part of a full cycle: both sides at the same time, then a decision about everybody.
func (j *Job) readAll(ctx context.Context, target TargetReader, rd *round) (*reading, error) {
	var counts state.Counts
	if err := j.store.View(ctx, func(v *state.View) error { counts = v.Counts(); return nil }); err != nil {
		return nil, err
	}
	rd.first = counts.People == 0
	if err := j.store.Update(ctx, func(tx *state.Tx) error { return tx.Set(metaUnfinished, true) }); err != nil {
		return nil, err
	}
	r := j.newReading(ctx, target)
	r.first = rd.first
	if j.mayKeep(rd) {
		r.kept = newKept(j.directRoom)
	}
	group, both := errgroup.WithContext(ctx)
	r.ctx = both
	group.Go(func() (err error) {
		rd.listing, err = j.list(both, target)
		if err != nil {
			return &sideError{quarantineTarget, fmt.Errorf("read the accounts at the target: %w", err)}
		}
		return nil
	})
	group.Go(func() error {
		if err := j.source.Full(both, r); err != nil {
			return &sideError{quarantineSource, fmt.Errorf("read the directory: %w", err)}
		}
		return r.finish()
	})
	if err := group.Wait(); err != nil {
		return nil, err
	}
	r.ctx = ctx
	if err := j.defaultAccess(ctx, r); err != nil {
		return r, err
	}
	rd.listing.first = rd.first
	if !rd.listing.summary.Whole() {
		r.warnings = append(r.warnings, fmt.Sprintf("the target says it has %d accounts but listed %d: newcomers are looked up one by one", rd.listing.summary.Total, rd.listing.summary.Read))
	}
	if rd.depth == Whole {
		warnings, err := j.deepen(ctx, target, rd.listing)
		r.warnings = append(r.warnings, warnings...)
		if err != nil {
			return r, &sideError{quarantineTarget, fmt.Errorf("read the accounts at the target: %w", err)}
		}
	}
	j.phase(PhaseDecide)
	if err := j.decide(ctx, r, rd.listing); err != nil {
		return r, err
	}
	return r, rd.listing.prefetch(ctx, target)
}

// DefaultAccess returns what the rule for the Default Access role came to in the first cycle: include or exclude, ""
// before that. The rule turns on the application's roles, so without this an administrator who adds a first role would
// put everybody out of scope who was assigned without one.
func DefaultAccess(ctx context.Context, store *state.Store) (resolved string, err error) {
	err = store.View(ctx, func(v *state.View) error {
		_, err := v.Get(metaDefaultAccess, &resolved)
		return err
	})
	return resolved, err
}

// defaultAccess keeps what the rule first came to, and tells when it would come to something else now.
func (j *Job) defaultAccess(ctx context.Context, r *reading) error {
	now := "exclude"
	if r.app.DefaultAccess {
		now = "include"
	}
	if !j.AutoDefaultAccess {
		return nil
	}
	before, err := DefaultAccess(ctx, j.store)
	switch {
	case err != nil:
		return err
	case before == "":
		return j.store.Update(ctx, func(tx *state.Tx) error { return tx.Set(metaDefaultAccess, now) })
	case before != now:
		r.warnings = append(r.warnings, fmt.Sprintf("the application's roles have changed: default_access: auto was %s in the first cycle and would be %s now; it stays %s until source.default_access says otherwise", before, now, before))
	}
	return nil
}

// begin records that a cycle begins, of which kind, and why of another than was asked for.
func (j *Job) begin(ctx context.Context, kind Kind) (c state.Cycle, why string, err error) {
	if err := j.recoverDirect(ctx); err != nil {
		return c, "", err
	}
	c = state.Cycle{ID: uuid.NewString(), Kind: string(kind), Started: j.Now(), Result: "running"}
	err = j.store.Update(ctx, func(tx *state.Tx) error {
		var unfinished bool
		if _, err := tx.Get(metaUnfinished, &unfinished); err != nil {
			return err
		}
		var mapped string
		if _, err := tx.Get(metaMapping, &mapped); err != nil {
			return err
		}
		_, done := tx.Mark()
		switch {
		case !done:
			c.Kind = string(Initial)
		case kind != Incremental:
		case unfinished:
			c.Kind, why = string(Full), "a full cycle is needed: the last one did not come to its end, or left many people as they were"
		case mapped != j.fingerprint():
			c.Kind, why = string(Full), "a full cycle is needed: the mapping or the filters have changed, or what is done about leavers"
		}
		return tx.PutCycle(&c)
	})
	j.cycle = c.ID
	return c, why, err
}

// fingerprint identifies all that decides about a person beside the person: mapping, filters and policy.
func (j *Job) fingerprint() string {
	p := j.Policy // fmt prints maps in the order of their keys
	return fmt.Sprintf("%s %t %t %t %t %v %s %v", j.Mapping.Fingerprint(), p.Create, p.Update, p.Disable, p.Delete, p.Deprovision, p.Adopt, p.Protect)
}

func (j *Job) end(ctx context.Context, c state.Cycle, report *plan.Report, failed error) error {
	c.Ended, c.Result = j.Now(), "succeeded"
	switch {
	case errors.Is(failed, context.Canceled):
		c.Result = "interrupted"
	case failed != nil:
		c.Result, c.Error = "failed", failed.Error()
	}
	s := report.Summary
	c.Counters = map[string]int{
		"unchanged": s.Unchanged, "skipped": s.Skipped, "held": s.Held, "escrowed": s.Escrowed, "waiting": s.Waiting,
	}
	return j.store.Update(ctx, func(tx *state.Tx) error {
		stored := tx.Cycle(c.Number)
		for name, told := range doneCounters(s) {
			c.Counters[name] = 0
			if stored == nil {
				continue
			}
			// What the exporter has done for it by now; of a served job it goes on, and the report tells of none of it.
			c.Counters[name] = stored.Counters[name]
			if slices.Contains([]string{"create", "update", "enable"}, name) {
				c.Counters["unchanged"] = max(0, c.Counters["unchanged"]-max(0, stored.Counters[name]-told))
			}
		}
		return tx.PutCycle(&c)
	})
}
