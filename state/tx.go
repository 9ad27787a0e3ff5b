package state

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"ringsync/connectors"
)

// Tx reads and writes records in one transaction and sees its own writes. It belongs to one goroutine.
type Tx struct {
	*View
	w       Writer
	scratch []byte
	old     Person // who is being replaced
}

// PutPerson stores p and brings everything that follows from it up to date: the link, the matching values, the place
// in the outbox, the counts. If nothing changed, nothing is written. An account that another person is linked to is
// refused with a *LinkedError before anything is written (rule S1).
func (tx *Tx) PutPerson(p *Person) error {
	record, err := appendPerson(tx.scratch[:0], p, tx.dictionary)
	if err != nil {
		return fmt.Errorf("store person %s: %w", p.ID, err)
	}
	tx.scratch = record
	tx.key = appendID(tx.key[:0], p.ID)
	before := tx.r.Get(SpacePeople, tx.key)
	if bytes.Equal(before, record) {
		return nil
	}
	var old *Person
	if before != nil {
		if err := tx.decode(&tx.old, p.ID, before); err != nil {
			return err
		}
		old = &tx.old
	}
	if err := tx.relink(p.ID, old, p); err != nil {
		return err
	}
	if err := tx.follow(old, p); err != nil {
		return err
	}
	return tx.w.Put(SpacePeople, appendID(tx.key[:0], p.ID), record)
}

// DeletePerson forgets the person of that source id, and what follows from their record. Edges, removals and log stay.
func (tx *Tx) DeletePerson(id string) error {
	old := &tx.old
	if found, err := tx.FillPerson(old, id); !found || err != nil {
		return err
	}
	if err := tx.relink(id, old, nil); err != nil {
		return err
	}
	if err := tx.follow(old, nil); err != nil {
		return err
	}
	return tx.w.Delete(SpacePeople, idKey(id))
}

// relink moves the link from what it was to what it is; either person may be nil.
func (tx *Tx) relink(id string, old, p *Person) error {
	was, is := "", ""
	if old != nil {
		was = old.TargetID
	}
	if p != nil {
		is = p.TargetID
	}
	if was == is {
		return nil
	}
	if is != "" {
		if err := checkID(is); err != nil {
			return fmt.Errorf("link person %s: %w", id, err)
		}
		if holder := tx.PersonByTarget(is); holder != "" && holder != id {
			return &LinkedError{TargetID: is, Person: id, Holder: holder}
		}
		if err := tx.w.Put(SpaceByTarget, idKey(is), idKey(id)); err != nil {
			return err
		}
	}
	if was != "" {
		return tx.w.Delete(SpaceByTarget, idKey(was))
	}
	return nil
}

// follow replaces the keys and the counts that follow from old by those that follow from p; either may be nil.
func (tx *Tx) follow(old, p *Person) error {
	if err := tx.replace(SpaceOutbox, queueKeys(old), queueKeys(p)); err != nil {
		return err
	}
	if err := tx.replace(SpaceByMatch, tx.matchKeys(old), tx.matchKeys(p)); err != nil {
		return err
	}
	t := tx.counted()
	t.add(old, -1)
	t.add(p, +1)
	return nil
}

func queueKeys(p *Person) [][]byte {
	if p == nil || p.Class == ClassNone {
		return nil
	}
	return [][]byte{outboxKey(p.Class, p.Due, p.ID)}
}

// replace deletes the keys that are only in old and puts those that are only in now.
func (tx *Tx) replace(space Space, old, now [][]byte) error {
	for _, key := range old {
		if !contains(now, key) {
			if err := tx.w.Delete(space, key); err != nil {
				return err
			}
		}
	}
	for _, key := range now {
		if !contains(old, key) {
			if err := tx.w.Put(space, key, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// PutEdge stores that the edge is there. Present is taken for true.
func (tx *Tx) PutEdge(e connectors.Edge) error {
	key, err := edgeKey(e)
	if err != nil {
		return err
	}
	flags := []byte{0}
	if e.Group {
		flags[0] = edgeGroup
	}
	if bytes.Equal(tx.r.Get(SpaceEdges, key), flags) {
		return nil
	}
	return tx.w.Put(SpaceEdges, key, flags)
}

// DeleteEdge forgets the edge; parent, child and role say which.
func (tx *Tx) DeleteEdge(e connectors.Edge) error {
	key, err := edgeKey(e)
	if err != nil {
		return err
	}
	return tx.w.Delete(SpaceEdges, key)
}

// edgeGroup is the flag of an edge whose child is a group.
const edgeGroup = 1

func edgeKey(e connectors.Edge) ([]byte, error) {
	if err := errors.Join(checkID(e.Parent), checkID(e.Child)); err != nil || len(e.Role) > maxID {
		return nil, fmt.Errorf("store that %.40q belongs to %.40q: an id or the role is empty or too long", e.Child, e.Parent)
	}
	return appendID(appendID(appendID(make([]byte, 0, 51), e.Parent), e.Child), e.Role), nil
}

func parseEdge(key, flags []byte) (e connectors.Edge, err error) {
	for _, id := range [...]*string{&e.Parent, &e.Child, &e.Role} {
		if *id, key, err = cutID(key); err != nil {
			return connectors.Edge{}, err
		}
	}
	if len(key) > 0 || len(flags) != 1 || flags[0] > edgeGroup {
		return connectors.Edge{}, errKey
	}
	e.Group, e.Present = flags[0] == edgeGroup, true
	return e, nil
}

// SetMark stores where reading the source goes on.
func (tx *Tx) SetMark(m Mark) error { return writeMeta(tx.w, metaMark, m) }

// ClearMark forgets it: the next cycle is an initial one.
func (tx *Tx) ClearMark() error { return tx.w.Delete(SpaceMeta, []byte(metaMark)) }

// AddRemoval counts that the person was removed at that time.
func (tx *Tx) AddRemoval(id string, at time.Time) error {
	if err := checkID(id); err != nil {
		return err
	}
	return tx.w.Put(SpaceRemovals, appendID(appendTime(nil, at), id), nil)
}

// AgeRemovals forgets the removals that are older than age. Those dated later than now, by a clock that was wrong, happen
// now: nobody knows when they were, and they must neither be forgotten nor count for ever.
func (tx *Tx) AgeRemovals(now time.Time, age time.Duration) error {
	for key := range tx.scan(SpaceRemovals, nil, appendTime(nil, now.Add(-age))) {
		if err := tx.w.Delete(SpaceRemovals, key); err != nil {
			return err
		}
	}
	var misdated []string
	for key := range tx.scan(SpaceRemovals, appendTime(nil, now), nil) {
		at, rest, err := cutTime(key)
		if err != nil || !at.After(now) {
			continue // Removed tells of what cannot be read
		}
		id, err := wholeID(rest)
		if err != nil {
			continue
		}
		misdated = append(misdated, id)
		if err := tx.w.Delete(SpaceRemovals, key); err != nil {
			return err
		}
	}
	for _, id := range misdated {
		if err := tx.AddRemoval(id, now); err != nil {
			return err
		}
	}
	return nil
}

// PutCycle stores the record of a cycle. One without a number is new and gets the next.
func (tx *Tx) PutCycle(c *Cycle) error {
	t := tx.counted()
	switch {
	case c.Number == 0:
		c.Number = t.LastCycle + 1
	case c.Number > t.LastCycle:
		return fmt.Errorf("store cycle %d: the last one is %d", c.Number, t.LastCycle)
	}
	record, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("store cycle %d: %w", c.Number, err)
	}
	t.LastCycle = max(t.LastCycle, c.Number)
	return tx.w.Put(SpaceCycles, numberKey(c.Number), record)
}

// Set keeps a small value, as JSON, under a name; nil forgets it.
func (tx *Tx) Set(name string, value any) error {
	if value == nil {
		return tx.w.Delete(SpaceMeta, []byte(metaPrefix+name))
	}
	return writeMeta(tx.w, metaPrefix+name, value)
}
