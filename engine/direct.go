package engine

import (
	"context"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"ringsync/engine/plan"
	"ringsync/state"
)

// The direct path. Until something was read to the end for the first time, most people are new, and to store each of
// them when read, again when decided and again when done is most of what a first sync costs. So as many as there is room
// for are kept in memory, packed as the state would have them, and go to the exporter from there. What their outcome is
// goes into the state as ever; whoever has none after a while is stored then, and the mark comes after all of them.
//
// Nothing is decided otherwise than without it: whoever has to do with anybody or anything else, an account that the list
// shows, another person of the same mail, a policy that keeps them back, is stored before anybody decides. Nor does a
// crash lose more: before the first of them is sent they are written down one after the other in large pieces, the
// manifest, which costs next to nothing beside a record for each with all that follows from it. Whoever finds one stores
// whom it names, and then the state is as if there were no direct path.

const (
	// mostDirect bounds what is kept, in bytes: some 25,000 people.
	mostDirect = 12 << 20
	// directTime is how long people who are kept may wait for their turn. The outbox does not show them meanwhile.
	directTime = 10 * time.Second
	// keptOverhead is what one entry takes beside its record.
	keptOverhead = 120
	// pieceRoom is how many bytes of records one piece of the manifest has, piecesMost how many of these one transaction.
	pieceRoom, piecesMost = 64 << 10, 8
)

// kept are people of one read who are in no state yet.
type kept struct {
	people map[string][]byte // packed records
	room   int
	full   bool // nobody else is kept
	// claims counts how many of them have asked for a matching value, by its hash: of two who want the same both are
	// stored, and that two values share a hash has no other consequence. Of those who are not kept the state knows by the
	// time that matters.
	claims map[uint64]int
	seed   maphash.Seed
}

func newKept(room int) *kept {
	return &kept{people: map[string][]byte{}, room: room, claims: map[uint64]int{}, seed: maphash.MakeSeed()}
}

// mayKeep reports whether this read may use the direct path.
func (j *Job) mayKeep(rd *round) bool {
	return rd.direct && rd.first && j.roles < 0 && j.Policy.Create
}

// keep takes somebody who has been read, if there is room.
func (r *reading) keep(p *state.Person) (bool, error) {
	k := r.kept
	if k == nil {
		return false, nil
	}
	before, again := k.people[p.ID]
	if k.full && !again {
		return false, nil
	}
	for _, value := range r.job.matching(p) {
		k.claims[maphash.String(k.seed, value)]++
	}
	record, err := r.job.store.Pack(p)
	if err != nil {
		return false, err
	}
	k.people[strings.Clone(p.ID)] = record // their id may be a part of all that was read of them
	k.room += len(before) - len(record)
	if !again {
		k.room -= keptOverhead
	}
	k.full = k.full || k.room < 0
	return true, nil
}

// matching returns the matching values that somebody wants, as state.MatchKey makes them.
func (j *Job) matching(p *state.Person) (values []string) {
	for _, name := range j.matchNames {
		if value := wanted(p, name); value != "" {
			values = append(values, state.MatchKey(name, value))
		}
	}
	return values
}

// divert decides which of those kept go to the exporter directly, and stores the others who are of any concern.
func (j *Job) divert(ctx context.Context, r *reading, l *listing) error {
	k := r.kept
	r.kept = nil
	if k == nil {
		return nil
	}
	direct, others := map[string][]byte{}, map[string][]byte{}
	now := j.clock()
	var p state.Person
	err := j.store.View(ctx, func(v *state.View) error {
		for id, record := range k.people {
			delete(k.people, id) // what it becomes takes as much
			s, seen := r.looked(id)
			if !seen || s.scope != state.InScope || s.unfit != "" || !j.ScopeAll && !r.graph.assigned(id) {
				others[id] = record
				continue
			}
			if err := j.store.Unpack(&p, id, record); err != nil {
				return err
			}
			if !j.alone(v, k, l, &p) {
				others[id] = record
				continue
			}
			if class, _ := j.rule(&p, ruling{scope: s.scope, reason: s.why}); class != state.ClassCreate || j.Policy.Outline(&p).Action != plan.Create {
				others[id] = record
				continue
			}
			j.queue(&p, state.ClassCreate, state.ClassNone, now)
			packed, err := j.store.Pack(&p)
			if err != nil {
				return err
			}
			direct[id] = packed
		}
		return nil
	})
	if err != nil {
		return err
	}
	r.direct, r.diverted = direct, len(direct) > 0
	return j.storeKept(ctx, others)
}

// alone reports whether somebody is new through and through: there is no account that could be theirs, and nobody else
// wants what they are matched by.
func (j *Job) alone(v *state.View, k *kept, l *listing, p *state.Person) bool {
	if !l.proves() || len(l.unlinked.marked(wanted(p, plan.AttrExternalID))) > 0 || len(l.unlinked.marked(p.ID)) > 0 {
		return false
	}
	values := j.matching(p)
	for _, key := range values {
		name, value, _ := strings.Cut(key, "\x00")
		if k.claims[maphash.String(k.seed, key)] != 1 || len(l.matches(name, value)) > 0 || len(v.Matches(name, value)) > 0 {
			return false
		}
	}
	return len(values) > 0
}

// storeKept stores people of whom the state has no record yet.
func (j *Job) storeKept(ctx context.Context, people map[string][]byte) error {
	for batch := range slices.Chunk(slices.Sorted(maps.Keys(people)), batchSize) {
		err := j.store.Update(ctx, func(tx *state.Tx) error {
			var p state.Person
			for _, id := range batch {
				if found, err := tx.FillPerson(&p, id); found || err != nil {
					if err != nil {
						return err
					}
					continue
				}
				if err := j.store.Unpack(&p, id, people[id]); err != nil {
					return err
				}
				if err := tx.PutPerson(&p); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// manifest is the header of what is written down of people on the direct path: the number of its pieces, each of which
// holds records by person.
type manifest struct {
	Pieces int `json:"pieces"`
}

func piece(n int) string { return metaDirect + "/" + strconv.Itoa(n) }

// writeManifest writes down who is about to be sent, the header last.
func (j *Job) writeManifest(ctx context.Context, people map[string][]byte) error {
	var pieces []map[string][]byte
	room := 0
	for _, id := range slices.Sorted(maps.Keys(people)) {
		if room -= len(people[id]); room < 0 {
			pieces, room = append(pieces, map[string][]byte{}), pieceRoom
		}
		pieces[len(pieces)-1][id] = people[id]
	}
	written := 0
	for some := range slices.Chunk(pieces, piecesMost) {
		err := j.store.Update(ctx, func(tx *state.Tx) error {
			for i, p := range some {
				if err := tx.Set(piece(written+i), p); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		written += len(some)
	}
	return j.store.Update(ctx, func(tx *state.Tx) error { return tx.Set(metaDirect, manifest{written}) })
}

// dropManifest forgets the manifest, if there is one.
func dropManifest(tx *state.Tx) error {
	var m manifest
	if found, err := tx.Get(metaDirect, &m); !found || err != nil {
		return err
	}
	for n := range m.Pieces {
		if err := tx.Set(piece(n), nil); err != nil {
			return err
		}
	}
	return tx.Set(metaDirect, nil)
}

// recoverDirect stores whom a manifest names that was left behind: the process ended before they were done. It comes before
// anything is decided. Without one nothing is written.
func (j *Job) recoverDirect(ctx context.Context) error {
	var m manifest
	err := j.store.View(ctx, func(v *state.View) error { _, err := v.Get(metaDirect, &m); return err })
	if err != nil || m.Pieces == 0 {
		return err
	}
	for n := range m.Pieces {
		var people map[string][]byte
		err := j.store.View(ctx, func(v *state.View) error { _, err := v.Get(piece(n), &people); return err })
		if err == nil {
			err = j.storeKept(ctx, people)
		}
		if err != nil {
			return fmt.Errorf("store who was on the way when the last run ended: %w", err)
		}
	}
	return j.store.Update(ctx, dropManifest)
}

// direct is what the exporter has of them. It belongs to the exporter's mutex.
type direct struct {
	order   []string          // as the outbox would have them
	waiting map[string][]byte // not yet taken
	flying  map[string][]byte // taken, and their outcome not yet put down
	storing bool              // those who wait are on their way into the outbox
}

func newDirect(people map[string][]byte) direct {
	return direct{order: slices.Sorted(maps.Keys(people)), waiting: people, flying: map[string][]byte{}}
}

// left is how many are not done.
func (d *direct) left() int { return len(d.waiting) + len(d.flying) }

// next yields those who wait, in their order.
func (d *direct) next(yield func(id string) bool) {
	for len(d.order) > 0 && d.waiting[d.order[0]] == nil {
		d.order = d.order[1:]
	}
	for _, id := range d.order {
		if d.waiting[id] != nil && !yield(id) {
			return
		}
	}
}

// take notes that somebody is being sent.
func (d *direct) take(id string) {
	if record, ok := d.waiting[id]; ok {
		delete(d.waiting, id)
		d.flying[id] = record
	}
}

// conclude waits until all who went directly are done, or for directTime, or until running ends; then it stores whoever
// is left, and the mark after them.
func (j *Job) conclude(ctx, running context.Context, x *exporter, rd round) error {
	timer := time.NewTimer(directTime)
	defer timer.Stop()
	for waiting := true; waiting; {
		x.mu.Lock()
		left, moved := x.direct.left(), x.moved
		x.mu.Unlock()
		if left == 0 {
			break
		}
		select {
		case <-moved:
		case <-timer.C:
			waiting = false
		case <-running.Done():
			waiting = false
		}
	}
	x.mu.Lock()
	rest := x.direct.waiting
	maps.Copy(rest, x.direct.flying) // an outcome that comes later finds them in the state
	x.direct.waiting, x.direct.order, x.direct.storing = nil, nil, true
	x.fetched = nil
	x.mu.Unlock()
	defer func() {
		x.mu.Lock()
		x.direct.storing = false
		x.mu.Unlock()
		x.wake()
	}()
	// As if they had been stored when they were decided, whatever has been cancelled since.
	ctx = context.WithoutCancel(ctx)
	if err := j.storeKept(ctx, rest); err != nil {
		return err
	}
	return j.advance(ctx, rd.read, rd.cycle)
}

// export runs the exporter, and conclude beside it. decided is called once nothing of what was decided is in memory only.
func (j *Job) export(ctx context.Context, x *exporter, rd round, decided func()) error {
	if !rd.read.diverted {
		decided()
		return x.run(ctx)
	}
	running, stop := context.WithCancel(ctx)
	var concluded error
	var other sync.WaitGroup
	other.Go(func() {
		if concluded = j.conclude(ctx, running, x, rd); concluded != nil {
			x.stop(concluded)
		}
		decided()
	})
	err := x.run(ctx)
	stop()
	other.Wait()
	if concluded != nil {
		return concluded
	}
	return err
}
