package engine

import (
	"context"
	"time"

	"ringsync/state"
)

// What people and monitors have to look at, beside Status.

// A job whose last good cycle is missedCycles intervals old is stale, and never sooner than soonestStale: with an
// interval of seconds a few failures are no news.
const (
	missedCycles = 3
	soonestStale = 15 * time.Minute
)

// Stale returns when a job counts as stale whose last good cycle began at good; the zero time for never, as when there
// are no incremental cycles.
func (s Schedule) Stale(good time.Time) time.Time {
	at := good
	for range missedCycles {
		if at = s.Incremental(at); at.IsZero() {
			return at
		}
	}
	if soonest := good.Add(soonestStale); at.Before(soonest) {
		return soonest
	}
	return at
}

// Ends is when the quarantine, unless it is lifted before, has lasted so long that nothing is tried any more.
func (q *Quarantine) Ends() time.Time { return q.Since.Add(giveUp) }

// QuarantineReasons returns all that Quarantine.Reason can be.
func QuarantineReasons() []string {
	return []string{quarantineSource, quarantineTarget, quarantineFailures}
}

// Oldest returns since when the entry of each class of the outbox that has waited longest is due, by the class's name.
// Classes in which nothing is due are not in it.
func (j *Job) Oldest(ctx context.Context) (map[string]time.Time, error) {
	oldest := map[string]time.Time{}
	now := j.clock()
	err := j.store.View(ctx, func(v *state.View) error {
		for class := state.ClassRemove; class <= state.ClassHeld; class++ {
			for first := range v.Due(class, now) {
				oldest[class.String()] = first.Due
				break
			}
		}
		return nil
	})
	return oldest, err
}
