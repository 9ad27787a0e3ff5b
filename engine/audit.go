package engine

import (
	"context"
	"fmt"
	"time"

	"ringsync/connectors"
	"ringsync/state"
)

// Paced is a TargetReader that knows its limit of reads. ok is false as long as it does not.
type Paced interface {
	ReadLimit() (requests int, window time.Duration, ok bool)
}

// assumedReads is the limit of reads a minute that the audit goes by where the target names none.
const assumedReads = 50

// auditing begins the audit if there is to be one. The channel gets why it failed, if it does, and is closed when it ends.
func (j *Job) auditing(ctx context.Context, v *service) <-chan error {
	over := make(chan error, 1)
	if j.AuditShare <= 0 {
		close(over)
		return over
	}
	go func() {
		defer close(over)
		over <- j.audit(ctx, v)
	}()
	return over
}

// audit reads the accounts of linked people whole, one after the other, for as long as the job is served, and has put
// right what has been changed there by hand: lists leave out phone numbers and addresses, so that a cycle does not see
// those. It takes its share of the reads and no more, spread out evenly, and rests while a cycle is at work.
func (j *Job) audit(ctx context.Context, v *service) error {
	for {
		pause := time.NewTimer(j.auditPause(v.exporter.target))
		select {
		case <-ctx.Done():
			pause.Stop()
			return ctx.Err()
		case <-pause.C:
		}
		if still, err := j.still(ctx); err != nil {
			return err
		} else if still || j.refused() != nil || Phase(j.progress.phase.Load()) != PhaseIdle {
			continue
		}
		p, err := j.nextAudited(ctx)
		if err != nil && !isUnwritable(err) {
			return err
		}
		if p == nil || err != nil {
			continue
		}
		if err := j.auditOne(ctx, v, p); err != nil && !isUnwritable(err) {
			return fmt.Errorf("audit account %s of %s: %w", p.TargetID, p.Name(), err)
		}
	}
}

// auditPause is the time between two reads.
func (j *Job) auditPause(target TargetReader) time.Duration {
	requests, window := assumedReads, time.Minute
	if p, ok := target.(Paced); ok {
		if n, w, known := p.ReadLimit(); known {
			requests, window = n, w
		}
	}
	return time.Duration(float64(window) / (float64(requests) * j.AuditShare))
}

// nextAudited returns the linked person after the one who was read last, by id, nil if there is nothing to read of
// anybody now. Whoever is in the outbox is about to be written anyway.
func (j *Job) nextAudited(ctx context.Context) (found *state.Person, err error) {
	err = j.store.View(ctx, func(v *state.View) error {
		var last string
		if _, err := v.Get(metaAudited, &last); err != nil {
			return err
		}
		for _, from := range []string{last, ""} {
			for p, err := range v.People(from) {
				if err != nil {
					return err
				}
				if (p.ID != last || from == "") && p.TargetID != "" && p.Class == state.ClassNone {
					found = p
					return nil
				}
			}
		}
		return nil
	})
	if err != nil || found == nil {
		return nil, err
	}
	return found, j.store.Update(ctx, func(tx *state.Tx) error { return tx.Set(metaAudited, found.ID) })
}

// auditOne compares one account with what is known of it. What follows from a difference, the same rules decide as in
// a full cycle, the guard included.
func (j *Job) auditOne(ctx context.Context, v *service, p *state.Person) error {
	began := j.clock()
	row, err := v.exporter.target.Get(ctx, p.TargetID)
	gone := connectors.FaultOf(err) == connectors.FaultNotFound
	if err != nil && !gone {
		j.Logger.Debug("audit", "job", j.Name, "person", p.Name(), "error", err)
		return ctx.Err() // the next cycle finds out whether the target as a whole is at fault
	}
	if !gone && !j.differs(p, row) {
		return nil
	}
	if err := j.reading.take(ctx); err != nil {
		return err
	}
	defer j.reading.release()
	var now *state.Person
	if err := j.store.View(ctx, func(v *state.View) (err error) { now, err = v.Person(p.ID); return err }); err != nil {
		return err
	}
	if now == nil || now.TargetID != p.TargetID || now.Class != state.ClassNone || !now.LastWrite.Before(began) {
		return nil // something has been written meanwhile, or is about to be
	}
	rule := ruling{scope: now.Scope, reason: now.Reason, gone: gone}
	if !gone {
		rule.row = &row
	}
	held, err := j.settle(ctx, j.newReading(ctx, v.exporter.target), map[string]ruling{p.ID: rule})
	if held != "" {
		j.Logger.Warn(held, "job", j.Name)
	}
	v.exporter.wake()
	return err
}
