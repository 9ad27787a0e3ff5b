package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"ringsync/connectors"
	"ringsync/state"
)

// An incremental cycle looks only at people whom a change touches: its cost follows the changes, not the number of
// people. What the state remembers of who belongs to what stands in for the read; what the source says now goes over
// it.

// changes brings an incremental cycle to the point where the outbox holds all that follows from what has changed. It
// returns a connectors.FaultResync if the mark is not honoured any more.
func (j *Job) changes(ctx context.Context, target TargetReader, mark state.Mark) (*reading, error) {
	r := j.newReading(ctx, target)
	r.partial, r.rows = true, map[string]connectors.Row{}
	if err := j.source.Changes(ctx, mark.Data, r); err != nil {
		return r, &sideError{quarantineSource, fmt.Errorf("read changes of the directory: %w", err)}
	}
	if err := j.loadGroups(ctx, r); err != nil {
		return r, err
	}
	touched, err := j.touched(ctx, r)
	if err != nil {
		return r, err
	}
	rulings := map[string]ruling{}
	absent, newcomers, err := j.sortOut(ctx, r, touched, rulings)
	if err != nil {
		return r, err
	}
	if err := j.meet(ctx, r, newcomers, rulings); err != nil {
		return r, err
	}
	warnings, err := j.absent(ctx, r, absent, rulings)
	r.warnings = append(r.warnings, warnings...)
	if err != nil {
		return r, err
	}
	if err := r.flush(); err != nil {
		return r, err
	}
	if err := j.inherit(ctx, r, nil, rulings); err != nil {
		return r, err
	}
	held, err := j.settle(ctx, r, rulings)
	if held != "" {
		r.warnings = append(r.warnings, held)
	}
	return r, err
}

// loadGroups adds the groups within groups that the state knows. Assignments need no loading: they are listed anew in
// every cycle.
func (j *Job) loadGroups(ctx context.Context, r *reading) error {
	if !j.NestedGroups {
		return nil
	}
	return j.store.View(ctx, func(v *state.View) error {
		for e := range v.AllEdges() {
			if e.Group && !r.graph.isComplete(e.Parent) && !r.isLost(e.Child, e.Parent) {
				r.graph.add(e)
			}
		}
		return nil
	})
}

// touched returns the people whom a change may concern: those whose rows came or who left the directory, and those
// who joined or left a group or the application, or are in a group that did; and those whom the cycle before could not
// judge.
func (j *Job) touched(ctx context.Context, r *reading) ([]string, error) {
	set := map[string]bool{}
	for id := range r.rows {
		set[id] = true
	}
	for id := range r.removed {
		set[id] = true
	}
	err := j.store.View(ctx, func(v *state.View) error {
		var doubts []string
		if _, err := v.Get(metaDoubts, &doubts); err != nil {
			return err
		}
		for _, id := range doubts {
			set[id] = true
		}
		// Parents that were read whole: whoever was there and is there no more. A group takes all its people along.
		for n := range r.graph.complete {
			for e := range v.Edges(r.graph.parents[n]) {
				if !r.graph.known(e) {
					r.gone = append(r.gone, e)
					touch(v, set, e, map[string]bool{})
				}
			}
		}
		for child, parents := range r.lost {
			for parent := range parents {
				for e := range v.EdgesBetween(parent, child) {
					if !r.graph.isComplete(parent) {
						r.gone = append(r.gone, e)
						touch(v, set, e, map[string]bool{})
					}
				}
			}
		}
		for child, n := range r.graph.crowd.All() {
			for l := range r.graph.linksAt(n) {
				if l.stored {
					continue
				}
				if e := r.graph.edge(child, *l); stored(v, e) {
					l.stored = true
				} else {
					touch(v, set, e, map[string]bool{})
				}
			}
		}
		return nil
	})
	return slices.Sorted(maps.Keys(set)), err
}

// touch marks the child of an edge, or if that is a group, everybody below it.
func touch(v *state.View, set map[string]bool, e connectors.Edge, visited map[string]bool) {
	if !e.Group {
		set[e.Child] = true
		return
	}
	if visited[e.Child] {
		return
	}
	visited[e.Child] = true
	for below := range v.Edges(e.Child) {
		touch(v, set, below, visited)
	}
}

func stored(v *state.View, e connectors.Edge) bool {
	for have := range v.EdgesBetween(e.Parent, e.Child) {
		if have.Role == e.Role {
			return true
		}
	}
	return false
}

// sortOut rules on the people touched, as far as their rows are at hand. It returns those to be asked about before
// they are removed, and those in scope of whom a row is missing.
func (j *Job) sortOut(ctx context.Context, r *reading, touched []string, rulings map[string]ruling) (absent, newcomers []string, err error) {
	var rows []string
	for batch := range slices.Chunk(touched, batchSize) {
		err := j.store.View(ctx, func(v *state.View) error {
			for _, id := range batch {
				p, err := v.Person(id)
				if err != nil {
					return err
				}
				_, hasRow := r.rows[id]
				removal := r.removed[id]
				assigned := removal == connectors.NotRemoved && (j.ScopeAll || r.assigned(v, id))
				switch {
				case removal != connectors.NotRemoved && p != nil:
					rulings[id] = ruling{scope: scopeOf(removal)}
				case assigned && hasRow:
					rows = append(rows, id)
				case assigned && (p == nil || p.Scope > state.InScope || j.roles >= 0):
					newcomers = append(newcomers, id)
				case !assigned && p != nil && removal == connectors.NotRemoved:
					absent = append(absent, id)
				}
			}
			return nil
		})
		if err != nil {
			return nil, nil, err
		}
	}
	for _, id := range rows {
		if err := j.weigh(r, id, r.rows[id], rulings); err != nil {
			return nil, nil, err
		}
	}
	return absent, newcomers, nil
}

// meet reads people who come into scope, in bulk.
func (j *Job) meet(ctx context.Context, r *reading, ids []string, rulings map[string]ruling) error {
	if len(ids) == 0 {
		return nil
	}
	err := j.source.People(ctx, ids, func(row connectors.Row) error {
		row.Values = slices.Clone(row.Values)
		return j.weigh(r, connectors.FoldID(row.ID), row, rulings)
	})
	if err != nil {
		return fmt.Errorf("read people who came into scope: %w", err)
	}
	return nil
}

// weigh evaluates the row of somebody who is assigned and rules on them.
func (j *Job) weigh(r *reading, id string, row connectors.Row, rulings map[string]ruling) error {
	if j.roles >= 0 {
		roles, err := r.roles(id)
		if err != nil {
			return err
		}
		row.Values[j.roles] = rolesOf(r.app, roles)
	}
	if err := r.evaluate(id, row); err != nil {
		return err
	}
	s, _ := r.looked(id)
	if s.scope != state.ScopeUnknown { // in doubt: as they were
		rulings[id] = ruling{scope: s.scope, reason: s.why}
	}
	return nil
}

func scopeOf(r connectors.Removal) state.Scope {
	if r == connectors.HardDeleted {
		return state.HardDeleted
	}
	return state.SoftDeleted
}

// assigned reports whether the person is assigned by what the state knows and this read says.
func (r *reading) assigned(v *state.View, id string) bool {
	if r.graph.assigned(id) {
		return true
	}
	for n := range r.graph.leading() {
		parent := r.graph.parents[n]
		if r.graph.complete[n] || r.isLost(id, parent) {
			continue
		}
		for range v.EdgesBetween(parent, id) {
			return true
		}
	}
	return false
}

// roles returns the roles of a person whose memberships are partly in the state.
func (r *reading) roles(id string) ([]string, error) {
	ids := r.graph.roles(id)
	err := r.job.store.View(r.ctx, func(v *state.View) error {
		for n := range r.graph.leading() {
			parent := r.graph.parents[n]
			if r.graph.complete[n] || r.isLost(id, parent) {
				continue
			}
			for range v.EdgesBetween(parent, id) {
				ids = append(ids, r.graph.roles(parent)...)
				break
			}
		}
		return nil
	})
	slices.Sort(ids)
	return slices.Compact(ids), err
}

func (r *reading) isLost(child, parent string) bool { return r.lost[child][parent] }
