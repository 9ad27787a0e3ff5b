package engine

import (
	"context"
	"slices"

	"ringsync/engine/plan"
	"ringsync/state"
)

// errand is people whom somebody waits for. They go before everybody else, whatever keeps others back, a pause apart;
// and in a round of their own. nil is no errand.
type errand struct {
	people  []string // source ids
	round   round
	changes []plan.Change // what was acknowledged
	over    bool          // the target refuses everybody, or whoever waited has gone
}

func (e *errand) has(id string) bool { return e != nil && slices.Contains(e.people, id) }

// landed takes note of an outcome: what concerns everybody would only be repeated.
func (e *errand) landed(o *outcome) {
	if e.has(o.id) && o.fatal {
		e.over = true
	}
}

// perform has a serving exporter run the errand, and waits until nobody on it is due or in flight.
func (x *exporter) perform(ctx context.Context, e *errand, gone <-chan struct{}) error {
	x.mu.Lock()
	x.errand = e
	if x.exhausted { // whoever asks gets a probe, as each cycle does
		x.exhausted, x.cautious = false, true
	}
	x.mu.Unlock()
	x.wake()
	defer func() {
		x.mu.Lock()
		x.errand = nil
		x.mu.Unlock()
		x.wake()
	}()
	for {
		x.mu.Lock()
		moved := x.moved
		busy, err := x.busyWith(ctx, e)
		x.mu.Unlock()
		if err == nil && busy {
			err = x.job.refused()
		}
		if err != nil || !busy {
			return err
		}
		select {
		case <-moved:
		case <-gone:
			return ErrNotServing
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// busyWith reports whether anybody on the errand is in flight or will be without further ado. The caller holds mu.
func (x *exporter) busyWith(ctx context.Context, e *errand) (busy bool, err error) {
	if slices.ContainsFunc(e.people, func(id string) bool { _, flies := x.inFlight[id]; return flies }) {
		return true, nil
	}
	err = x.job.store.View(ctx, func(v *state.View) error {
		waiting, err := x.asked(v, e)
		busy = slices.ContainsFunc(waiting, func(w state.Entry) bool { return w.Class != state.ClassCreate || !x.exhausted })
		return err
	})
	return busy, err
}

// asked returns who of the errand is due, or will be in a moment for another try in place, most urgent first. A pause
// keeps them back; a quarantine does not, since somebody asks. The caller holds mu.
func (x *exporter) asked(v *state.View, e *errand) (waiting []state.Entry, err error) {
	if e == nil || e.over {
		return nil, nil
	}
	classes, err := x.job.open(v, false)
	if err != nil {
		return nil, err
	}
	now := x.job.clock()
	for _, id := range e.people {
		p, err := v.Person(id)
		if err != nil {
			return nil, err
		}
		_, again := x.later[id]
		if p != nil && slices.Contains(classes, p.Class) && (again || !p.Due.After(now)) {
			waiting = append(waiting, state.Entry{Class: p.Class, Due: p.Due, ID: id})
		}
	}
	slices.SortStableFunc(waiting, func(a, b state.Entry) int { return int(a.Class) - int(b.Class) })
	return waiting, nil
}

// fetchAsked looks up who of the errand is to go next.
func (x *exporter) fetchAsked(v *state.View) error {
	waiting, err := x.asked(v, x.errand)
	for _, w := range waiting {
		if _, busy := x.inFlight[w.ID]; !busy && !w.Due.After(x.job.clock()) && (w.Class != state.ClassCreate || x.mayCreate()) {
			x.fetched = append(x.fetched, w)
		}
	}
	return err
}
