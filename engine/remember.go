package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"ringsync/connectors"
	"ringsync/state"
)

// release makes the escrows due whose cycle has come. Removals among them have not counted while they were in escrow,
// and pass the guard again: if they exceed the limit by now, a rename in conflict stays in escrow, since it may not come
// to anything for long and must not keep others waiting, and all others are held. It returns a warning if any are.
func (j *Job) release(ctx context.Context, c state.Cycle) (warning string, err error) {
	var later []string
	err = j.store.View(ctx, func(v *state.View) error {
		for e := range v.Outbox() {
			if e.Class != state.ClassHeld && e.Due.After(j.clock()) {
				later = append(later, e.ID)
			}
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	return j.releaseSome(ctx, c.ID, later, func(p *state.Person) bool { return p.RetryCycle <= c.Number })
}

// releaseSome makes due who of these people is in the outbox, and those in escrow whose turn it is; see release.
func (j *Job) releaseSome(ctx context.Context, cycle string, ids []string, turn func(*state.Person) bool) (warning string, err error) {
	if len(ids) == 0 {
		return "", nil
	}
	now := j.clock()
	err = j.store.Update(ctx, func(tx *state.Tx) error {
		var people []*state.Person
		again := 0
		for _, id := range ids {
			p, err := tx.Person(id)
			if err != nil {
				return err
			}
			// A try in place that a crash cut off is due at once too.
			if p == nil || p.Class == state.ClassNone || p.Class == state.ClassHeld || p.Escrowed && !turn(p) && !misdated(p, now) {
				continue
			}
			people = append(people, p)
			if removesAgain(p) {
				again++
			}
		}
		judged, err := j.Guard.judge(tx.View, removals{adding: again}, now)
		if err != nil {
			return err
		}
		held := false
		for _, p := range people {
			switch {
			case judged.list == 0 || !removesAgain(p) || conflicting(p.Failure) && p.Scope == state.InScope:
				p.Due = now // what is still in conflict takes nothing away; what is not is judged again before it is sent
			default:
				p.Held, held = judged.list, true
				p.Escrowed, p.RetryCycle, p.Due = false, 0, now
				p.Class = j.place(p)
				if err := tx.AppendLog(j.heldBack(p, cycle, now)); err != nil {
					return err
				}
			}
			if err := tx.PutPerson(p); err != nil {
				return err
			}
		}
		if !held {
			return nil
		}
		warning = fmt.Sprintf("removals are held as list %d: %s", judged.list, judged.reason)
		return judged.hold(tx)
	})
	return warning, err
}

// misdated reports whether somebody in escrow waits for longer than anybody is to: a clock was wrong when that was said.
func misdated(p *state.Person, now time.Time) bool {
	return p.Due.After(now.Add(escrowMost + clockTolerance))
}

// removesAgain reports whether somebody in escrow is to be removed from an account; see Guard.waiting.
func removesAgain(p *state.Person) bool {
	return p.Escrowed && p.Class == state.ClassRemove && p.TargetID != "" && p.Held == 0
}

// remember stores the edges that were read and then, last of all, the mark. With people who go to the exporter directly
// the mark waits for them: conclude stores it.
func (j *Job) remember(ctx context.Context, r *reading, c state.Cycle) error {
	if err := j.storeEdges(ctx, r); err != nil {
		return err
	}
	if r.diverted {
		return j.writeManifest(ctx, r.direct)
	}
	return j.advance(ctx, r, c)
}

func (j *Job) storeEdges(ctx context.Context, r *reading) error {
	gone := r.gone
	if !r.partial {
		var err error
		if gone, err = j.oldEdges(ctx, r.graph); err != nil {
			return err
		}
	}
	var batch []connectors.Edge
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		err := j.store.Update(ctx, func(tx *state.Tx) error {
			for _, e := range batch {
				put := tx.PutEdge
				if !e.Present {
					put = tx.DeleteEdge
				}
				if err := put(e); err != nil {
					return err
				}
			}
			return nil
		})
		batch = batch[:0]
		return err
	}
	for e := range r.graph.fresh(gone) {
		if batch = append(batch, e); len(batch) == batchSize {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// advance stores the mark: whoever reads changes from it must find all that came before it.
func (j *Job) advance(ctx context.Context, r *reading, c state.Cycle) error {
	return j.store.Update(ctx, func(tx *state.Tx) error {
		if err := errors.Join(tx.Set(metaUnfinished, nil), dropManifest(tx), keepDoubts(tx, slices.Concat(r.doubts, r.unlisted))); err != nil {
			return err
		}
		if err := tx.Set(metaMapping, j.fingerprint()); err != nil {
			return err
		}
		if !r.partial {
			if err := tx.Set(metaFull, c.Started); err != nil {
				return err
			}
		}
		if err := tx.AgeRemovals(j.clock(), window); err != nil {
			return err
		}
		return tx.SetMark(state.Mark{Data: r.mark, Cycle: c.Number, Time: j.clock()})
	})
}

// mostDoubts is how many people in doubt an incremental cycle asks about again; for more, a full one is cheaper.
const mostDoubts = 5000

// keepDoubts has the next cycle ask again about people whom this one has left as they were, or taken at their word.
func keepDoubts(tx *state.Tx, people []string) error {
	switch {
	case len(people) == 0:
		return tx.Set(metaDoubts, nil)
	case len(people) > mostDoubts:
		return errors.Join(tx.Set(metaDoubts, nil), tx.Set(metaUnfinished, true))
	}
	return tx.Set(metaDoubts, people)
}

// oldEdges marks the edges that the state has already and returns those that are gone. What was known of groups that are
// unread stays, below them and above: if one turns out to be gone, its people are found by it.
func (j *Job) oldEdges(ctx context.Context, g *graph) (gone []connectors.Edge, err error) {
	unread, err := j.unread(ctx, g)
	if err != nil {
		return nil, err
	}
	err = j.store.View(ctx, func(v *state.View) error {
		for e := range v.AllEdges() {
			if !g.known(e) && unread[e.Parent] == nil && (!e.Group || unread[e.Child] == nil) {
				gone = append(gone, e)
			}
		}
		return nil
	})
	return gone, err
}
