package engine

import (
	"fmt"
	"time"

	"ringsync/state"
)

// Guard is the accidental-removal limit (safety.removals).
type Guard struct {
	Count   int     // people
	Percent float64 // of the active linked people, from From of them on; below that, half of them
	From    int
}

// window is how long a removal counts.
const window = 24 * time.Hour

// Limit returns the number of removals that pass without approval when so many linked people are active.
func (g Guard) Limit(active int) int {
	share := active / 2
	if active >= g.From {
		share = int(float64(active) * g.Percent / 100)
	}
	return min(g.Count, share)
}

// verdict is what the guard says of the removals of one cycle. They pass or are held together: letting the first
// through and holding the rest would cut off whoever happens to come first when a group is emptied by mistake.
type verdict struct {
	list   uint32 // the number of the held list, 0 if they pass
	reason string
}

// removals is what the guard is asked about.
type removals struct {
	adding    int // people whom the cycle would remove beside those who wait already
	returning int // people who wait and are about to come back
	// unlinked are people who are about to be linked to active accounts: in an initial cycle nobody is yet.
	unlinked int
	but      string // a person who is in adding and must not be counted as waiting too
}

// judge counts the removals that a cycle wants to add to those done in the last 24 hours and those waiting. The limit is
// taken of the people active before the cycle: its own removals must not raise it.
func (g Guard) judge(v *state.View, r removals, now time.Time) (verdict, error) {
	if r.adding == 0 {
		return verdict{}, nil
	}
	removed := v.Removed(now.Add(-window))
	linked, err := before(v, removed)
	if err != nil {
		return verdict{}, err
	}
	linked += r.unlinked
	waiting, err := g.waiting(v, removed, r.but)
	if err != nil {
		return verdict{}, err
	}
	waiting = max(0, waiting-r.returning)
	done, limit := len(removed), g.Limit(linked)
	total := done + waiting + r.adding
	if total <= limit {
		return verdict{}, nil
	}
	var last uint32
	if _, err := v.Get(metaHeldLists, &last); err != nil {
		return verdict{}, err
	}
	return verdict{
		list: last + 1,
		reason: fmt.Sprintf("%d removals (%d done in the last 24 hours, %d waiting, %d new) exceed the limit of %d for %d active people",
			total, done, waiting, r.adding, limit, linked),
	}, nil
}

// before returns how many linked people are active, or were before they were removed: without those a tenant could be
// emptied step by step, each step small against what is left.
func before(v *state.View, removed map[string]bool) (linked int, err error) {
	linked = v.Counts().Active
	for id := range removed {
		p, err := v.Person(id)
		if err != nil {
			return 0, err
		}
		if p == nil || !active(p) { // whoever was only renamed is among the active
			linked++
		}
	}
	return linked, nil
}

// waiting counts who is about to be removed: on a held list, or approved and in the outbox. A rename in conflict, or
// somebody without an account, takes nothing away for now; who was removed a moment ago counts already.
func (g Guard) waiting(v *state.View, removed map[string]bool, but string) (n int, err error) {
	far := time.Unix(1<<40, 0)
	for _, class := range []state.Class{state.ClassRemove, state.ClassHeld, state.ClassUpdate, state.ClassEnable} {
		if class != state.ClassRemove && v.Counts().Held == 0 {
			continue
		}
		for e := range v.Due(class, far) {
			p, err := v.Person(e.ID)
			if err != nil {
				return 0, err
			}
			if p != nil && p.ID != but && !removed[p.ID] && p.TargetID != "" && (p.Held != 0 || p.Class == state.ClassRemove && !p.Escrowed) {
				n++
			}
		}
	}
	return n, nil
}

// Names of the small records that the engine keeps in the state.
const (
	metaHeldLists     = "held-lists"     // number of the last held list
	metaCapacity      = "capacity"       // since when no licence was free
	metaPaused        = "paused"         // since when the job is paused
	metaQuarantine    = "quarantine"     // Quarantine
	metaHealth        = "health"         // who was tried in the last 24 hours, by hour
	metaFull          = "full"           // when the last full cycle began that came to its end
	metaUnfinished    = "full-running"   // a full cycle has begun and not come to its end
	metaDoubts        = "doubts"         // ids of people about whom the next cycle asks again; see keepDoubts
	metaMapping       = "mapping"        // fingerprint of mapping, filters and policy that the last cycle went by
	metaSending       = "sending"        // requests may be on their way; see takeover.go
	metaDirect        = "direct"         // manifest: people are being made who are in no record yet; see direct.go
	metaAudited       = "audited"        // id of the person whose account the audit has read last
	metaDefaultAccess = "default-access" // what the rule for the Default Access role came to
)

// hold puts the list number down as used.
func (d verdict) hold(tx *state.Tx) error {
	if d.list == 0 {
		return nil
	}
	return tx.Set(metaHeldLists, d.list)
}
