package engine

import (
	"context"
	"errors"
	"time"

	"ringsync/connectors"
	"ringsync/state"
)

// Quarantine is a job that has been slowed down because going on would only repeat what fails.
type Quarantine struct {
	// Reason: "source" or "target" for credentials refused or answers that are not the protocol's, "failures" when too
	// many people fail.
	Reason string    `json:"reason"`
	Error  string    `json:"error"`
	Since  time.Time `json:"since"`
	// Next is when it is tried again; zero once it has lasted four weeks: then only a person starts it again.
	Next  time.Time `json:"next,omitzero"`
	Tries int       `json:"tries"`
}

// Refused reports whether a service as a whole is the reason, and not the people who fail.
func (q *Quarantine) Refused() bool { return q.Reason != quarantineFailures }

// Reasons of a quarantine.
const (
	quarantineSource   = "source"
	quarantineTarget   = "target"
	quarantineFailures = "failures"
)

// Thresholds say when failures of people put a job into quarantine (configuration: quarantine).
type Thresholds struct {
	MinAttempts    int     // people tried within 24 hours
	FailurePercent float64 // of them, whose first try failed
}

// patience is how long a quarantine lasts before it is tried again, each time longer; the last one repeats. After
// giveUp it ends for good (facts: Entra's quarantine).
var patience = []time.Duration{5 * time.Minute, 30 * time.Minute, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour}

const giveUp = 28 * 24 * time.Hour

// giveUpTries is how often it has been tried at least by then: a clock that jumps ahead, or a machine that was off, makes
// time and no tries.
const giveUpTries = 20

// again returns the quarantine after one more failure at now.
func (q *Quarantine) again(reason string, err string, now time.Time) Quarantine {
	next := Quarantine{Reason: reason, Error: err, Since: now}
	if q != nil && q.Reason == reason {
		next.Since, next.Tries = q.Since, q.Tries+1
	}
	if now.Sub(next.Since) < giveUp || next.Tries < giveUpTries {
		next.Next = now.Add(patience[min(next.Tries, len(patience)-1)])
	}
	return next
}

// quarantines says whether an error is one that no retry mends, so that going on would only repeat it.
func quarantines(err error) bool {
	switch connectors.FaultOf(err) {
	case connectors.FaultCredentials, connectors.FaultPermission, connectors.FaultProtocol:
		return true
	}
	return false
}

// sideError says which of the two services an error of a read came from.
type sideError struct {
	side string // quarantineSource or quarantineTarget
	err  error
}

func (e *sideError) Error() string { return e.err.Error() }
func (e *sideError) Unwrap() error { return e.err }

// settleQuarantine draws the conclusion from a read: one that was refused puts the job into quarantine, one that went
// well lifts the quarantine of the sides it has read.
func (j *Job) settleQuarantine(ctx context.Context, listed bool, failed error) error {
	if failed != nil && !quarantines(failed) {
		return nil
	}
	return j.store.Update(context.WithoutCancel(ctx), func(tx *state.Tx) error {
		q, err := quarantine(tx.View)
		if err != nil {
			return err
		}
		if side, ok := errors.AsType[*sideError](failed); ok {
			return tx.Set(metaQuarantine, q.again(side.side, failed.Error(), j.Now()))
		}
		if q != nil && failed == nil && (q.Reason == quarantineSource || q.Reason == quarantineTarget && listed) {
			return tx.Set(metaQuarantine, nil)
		}
		return nil
	})
}

// quarantine returns the job's quarantine, nil if it has none.
func quarantine(v *state.View) (*Quarantine, error) {
	var q Quarantine
	found, err := v.Get(metaQuarantine, &q)
	if !found || err != nil {
		return nil, err
	}
	return &q, nil
}

// open returns the classes that may be dispatched, most urgent first. A paused job sends nothing, nor does one whose
// target refuses it; one that fails for too many people still sends removals. A single cycle that somebody asked for
// tries all the same, unless the job is paused.
func (j *Job) open(v *state.View, serving bool) ([]state.Class, error) {
	var paused time.Time
	if _, err := v.Get(metaPaused, &paused); err != nil || !paused.IsZero() {
		return nil, err
	}
	all := []state.Class{state.ClassRemove, state.ClassEnable, state.ClassCreate, state.ClassUpdate}
	if !serving {
		return all, nil
	}
	q, err := quarantine(v)
	switch {
	case err != nil:
		return nil, err
	case q == nil || q.Reason == quarantineSource:
		return all, nil
	case q.Reason == quarantineFailures:
		return all[:1], nil
	}
	return nil, nil
}

// hour counts who was tried first within one hour.
type hour struct {
	Begin    int64 `json:"h"` // Unix time in hours
	Attempts int   `json:"a"`
	Failures int   `json:"f"`
}

// watch looks at a group of outcomes for what puts the job into quarantine, or lifts it. It reports whether one did.
func (j *Job) watch(tx *state.Tx, group []outcome, serving bool) (changed bool, err error) {
	attempts, failures, wrote := 0, 0, false
	var refused error
	for i := range group {
		o := &group[i]
		switch {
		case o.wrote:
			attempts, wrote = attempts+1, true
		case o.err != nil && quarantines(o.err):
			refused = o.err
		case o.firstFailure:
			attempts, failures = attempts+1, failures+1
		}
	}
	now := j.Now()
	q, err := quarantine(tx.View)
	if err != nil {
		return false, err
	}
	if refused != nil {
		return true, tx.Set(metaQuarantine, q.again(quarantineTarget, refused.Error(), now))
	}
	if wrote && q != nil && q.Reason == quarantineTarget {
		changed = true
		if err := tx.Set(metaQuarantine, nil); err != nil {
			return false, err
		}
	}
	if attempts == 0 {
		return changed, nil
	}
	tooMany, err := j.score(tx, attempts, failures, j.clock())
	if err != nil || !tooMany || !serving || q != nil {
		return changed, err
	}
	return true, tx.Set(metaQuarantine, q.again(quarantineFailures, "too many people fail; ringsync log shows why", now))
}

// score adds to the tally of the last 24 hours and reports whether too many have failed.
func (j *Job) score(tx *state.Tx, attempts, failures int, now time.Time) (bool, error) {
	var hours []hour
	if _, err := tx.Get(metaHealth, &hours); err != nil {
		return false, err
	}
	this := now.Unix() / 3600
	kept := hours[:0]
	for _, h := range hours {
		if this-h.Begin < 24 {
			kept = append(kept, h)
		}
	}
	if n := len(kept); n == 0 || kept[n-1].Begin != this {
		kept = append(kept, hour{Begin: this})
	}
	last := &kept[len(kept)-1]
	last.Attempts += attempts
	last.Failures += failures
	allAttempts, allFailures := 0, 0
	for _, h := range kept {
		allAttempts += h.Attempts
		allFailures += h.Failures
	}
	tooMany := j.Thresholds.MinAttempts > 0 && allAttempts >= j.Thresholds.MinAttempts &&
		float64(allFailures)*100 > j.Thresholds.FailurePercent*float64(allAttempts)
	return tooMany, tx.Set(metaHealth, kept)
}
