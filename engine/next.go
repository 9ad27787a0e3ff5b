package engine

import (
	"context"
	"maps"
	"time"

	"ringsync/state"
)

// readiness is what next found.
type readiness int

const (
	drained    readiness = iota // nothing is due, nothing in flight, nothing will come due by itself
	nothingYet                  // wait
	ready
)

// prefetch is how many keys one look into the outbox brings.
const prefetch = 64

// next returns the most urgent person who is due and not in flight; take marks them as in flight.
func (x *exporter) next(ctx context.Context, take bool) (id string, found readiness, wait time.Time, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.stopped != nil {
		return "", drained, wait, nil
	}
	if err := ctx.Err(); err != nil {
		return "", drained, wait, err
	}
	if x.serving && (x.holding || x.job.store.Blocked() != nil) {
		x.rest() // nothing goes out for longer than anybody is to wait
		if len(x.inFlight) == 0 {
			return "", drained, wait, nil
		}
		return "", nothingYet, wait, nil
	}
	if x.recovering || x.shut && x.errand == nil {
		if len(x.inFlight) == 0 {
			x.rest()
			return "", drained, wait, nil
		}
		return "", nothingYet, wait, nil
	}
	now := x.job.clock()
	for _, due := range x.later {
		if !due.After(now) {
			x.fetched = nil // a try in place has come due: it may be more urgent than what was looked up before
		}
	}
	for range 2 { // what was fetched before may be stale through and through
		for len(x.fetched) > 0 {
			e := x.fetched[0]
			if _, busy := x.inFlight[e.ID]; !busy && (e.Class != state.ClassCreate || x.mayCreate()) {
				if take {
					x.fetched = x.fetched[1:]
					x.inFlight[e.ID] = e.Class
					x.direct.take(e.ID)
					delete(x.later, e.ID)
				}
				return e.ID, ready, wait, nil
			}
			x.fetched = x.fetched[1:]
		}
		if err := x.fetch(ctx); err != nil {
			return "", drained, wait, err
		}
	}
	// Whoever is due and was not found has left the outbox, or may not be sent for now.
	maps.DeleteFunc(x.later, func(_ string, due time.Time) bool { return !due.After(now) })
	if len(x.inFlight) == 0 && len(x.later) == 0 && !x.direct.storing {
		x.rest()
		if !x.exhausted {
			x.round.listing = nil // nobody is left whom it may show; it is large, and grows old until the next cycle
		}
		return "", drained, wait, nil
	}
	if x.serving {
		wait = now.Add(dozeTime)
	}
	for _, due := range x.later {
		if wait.IsZero() || due.Before(wait) {
			wait = due
		}
	}
	return "", nothingYet, wait, nil
}

// rest tells those who wait for it that nothing goes out for now. The caller holds mu.
func (x *exporter) rest() {
	for _, done := range x.idlers {
		close(done)
	}
	x.idlers = nil
}

// fetch looks into the outbox for the next keys, most urgent first.
func (x *exporter) fetch(ctx context.Context) error {
	x.fetched = x.fetched[:0]
	now := x.job.clock()
	return x.job.store.View(ctx, func(v *state.View) error {
		if err := x.fetchAsked(v); err != nil || x.shut {
			return err
		}
		classes, err := x.job.open(v, x.serving)
		if err != nil {
			return err
		}
		for _, class := range classes {
			if class == state.ClassCreate && !x.mayCreate() {
				continue
			}
			if class == state.ClassCreate {
				for id := range x.direct.next {
					x.fetched = append(x.fetched, state.Entry{Class: class, Due: now, ID: id})
					if len(x.fetched) >= prefetch {
						return nil
					}
				}
			}
			for e := range v.Due(class, now) {
				if _, busy := x.inFlight[e.ID]; busy {
					continue
				}
				if x.fetched = append(x.fetched, e); len(x.fetched) >= prefetch {
					return nil
				}
			}
		}
		return nil
	})
}

// mayCreate reports whether a create may be sent as far as licences go.
func (x *exporter) mayCreate() bool {
	if x.exhausted {
		return false
	}
	if !x.cautious {
		return true
	}
	for _, class := range x.inFlight {
		if class == state.ClassCreate {
			return false
		}
	}
	return true
}
