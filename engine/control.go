package engine

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"ringsync/connectors"
	"ringsync/engine/plan"
	"ringsync/state"
)

// touch tells a serving job that somebody changed its state.
func (j *Job) touch() {
	j.logged()
	if v := j.service.Load(); v != nil {
		v.exporter.wake()
		select {
		case v.changed <- struct{}{}:
		default:
		}
	}
}

// Pause stops exports and scheduled cycles at once and for good, over restarts of the program as well. What is in
// flight ends.
func (j *Job) Pause(ctx context.Context) error {
	defer j.touch()
	return j.store.Update(ctx, func(tx *state.Tx) error {
		var since time.Time
		if _, err := tx.Get(metaPaused, &since); err != nil || !since.IsZero() {
			return err
		}
		return errors.Join(tx.Set(metaPaused, j.Now()), j.record(ctx, tx, "paused", nil))
	})
}

// Resume continues after Pause.
func (j *Job) Resume(ctx context.Context) error {
	defer j.touch()
	return j.store.Update(ctx, func(tx *state.Tx) error {
		var since time.Time
		if _, err := tx.Get(metaPaused, &since); err != nil || since.IsZero() {
			return err
		}
		return errors.Join(tx.Set(metaPaused, nil), j.record(ctx, tx, "resumed", nil))
	})
}

// Reset says what Restart forgets.
type Reset struct {
	Watermark  bool // the next cycle reads and evaluates everything
	Escrows    bool // failures are forgotten; who failed is tried in the next cycle
	Quarantine bool // and with it the tally of failures
	Links      bool // everybody is matched anew; implies Watermark
}

// String names what is forgotten, as the command line does.
func (r Reset) String() string {
	var names []string
	for _, n := range []struct {
		set  bool
		name string
	}{{r.Watermark, "watermark"}, {r.Escrows, "escrows"}, {r.Quarantine, "quarantine"}, {r.Links, "links"}} {
		if n.set {
			names = append(names, n.name)
		}
	}
	return strings.Join(names, ", ")
}

// Restart forgets part of what is remembered, once a cycle that is reading has come to its end. Removals that are held
// stay held, unless links are forgotten, and what was removed in the last 24 hours still counts.
func (j *Job) Restart(ctx context.Context, r Reset) error {
	defer j.touch()
	if err := j.reading.take(ctx); err != nil {
		return err
	}
	defer j.reading.release()
	if err := j.recoverDirect(ctx); err != nil {
		return err
	}
	err := j.store.Update(ctx, func(tx *state.Tx) error {
		if err := j.record(ctx, tx, "restarted", map[string]string{"reset": r.String()}); err != nil {
			return err
		}
		if r.Watermark || r.Links {
			if err := tx.ClearMark(); err != nil {
				return err
			}
		}
		if r.Quarantine {
			if err := tx.Set(metaHealth, nil); err != nil {
				return err
			}
			return tx.Set(metaQuarantine, nil)
		}
		return nil
	})
	if err != nil || !r.Escrows && !r.Links {
		return err
	}
	now := j.clock()
	return j.changeAll(ctx, func(p *state.Person) bool {
		switch {
		case r.Links && p.TargetID != "" && !goingOver(p):
			for _, name := range j.matchNames {
				if value := known(p, name); value != "" {
					// The account goes by it, whatever is wanted by the time it is looked for, and a list may be short.
					p.Tried = appendNew(p.Tried, state.MatchKey(name, value))
				}
			}
			j.unlink(p)
			p.Scope, p.Class, p.Due, p.Held = state.ScopeUnknown, state.ClassNone, time.Time{}, 0
		case r.Escrows && p.Escrowed:
			p.Due, p.RetryCycle, p.Attempts, p.Escrowed, p.Failure = now, 0, 0, false, state.Failure{}
		default:
			return false
		}
		return true
	})
}

// goingOver reports whether the account still carries another's mark: it is about to go over to p, and only the link says
// so.
func goingOver(p *state.Person) bool {
	mark := p.Attribute(plan.AttrExternalID)
	return mark != nil && !mark.Want.IsEmpty() && !mark.Known().IsEmpty() && !strings.EqualFold(mark.Want.Text(), mark.Known().Text())
}

// changeAll stores everybody whom fn changes. The state may be written to meanwhile, so fn sees a record once to choose
// it and once more, as it is by then, to change it; it must do no more than change the record.
func (j *Job) changeAll(ctx context.Context, fn func(*state.Person) bool) error {
	_, err := j.changeSome(ctx, fn, func(*state.Tx, *state.Person) error { return nil })
	return err
}

// changeSome is changeAll that also puts down what belongs with each change, and returns whom it changed.
func (j *Job) changeSome(ctx context.Context, fn func(*state.Person) bool, also func(*state.Tx, *state.Person) error) (changed []state.Person, err error) {
	var ids []string
	err = j.eachPerson(ctx, func(p *state.Person) error {
		if fn(p) {
			ids = append(ids, p.ID)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for batch := range slices.Chunk(ids, batchSize) {
		err := j.store.Update(ctx, func(tx *state.Tx) error {
			for _, id := range batch {
				p, err := tx.Person(id)
				if err != nil {
					return err
				}
				if p != nil && fn(p) {
					if err := errors.Join(also(tx, p), tx.PutPerson(p)); err != nil {
						return err
					}
					changed = append(changed, *p)
				}
			}
			return nil
		})
		if err != nil {
			return changed, err
		}
	}
	return changed, nil
}

// Outbox returns everybody with something still to send, most urgent first; with held only removals that wait for
// approval. No service is asked.
func (j *Job) Outbox(ctx context.Context, held bool) ([]plan.Change, error) {
	report := &plan.Report{}
	err := j.eachPerson(ctx, func(p *state.Person) error {
		if p.Class != state.ClassNone && (!held || p.Held != 0) {
			report.Changes = append(report.Changes, j.pending(p, false))
		}
		return nil
	})
	report.Sort()
	return report.Changes, err
}

// pending tells of somebody who is in the outbox.
func (j *Job) pending(p *state.Person, exhausted bool) plan.Change {
	d := j.Policy.Decide(p)
	if p.Vanished {
		d = j.afresh(p)
	}
	c := j.change(prepared{person: p, decision: d}, standing(p, exhausted))
	c.Error, c.Held = p.Failure.Text, p.Held
	return c
}

// afresh is what follows for somebody whose account is gone.
func (j *Job) afresh(p *state.Person) plan.Decision {
	then := *p
	then.Attributes = slices.Clone(p.Attributes)
	j.unlink(&then)
	d := j.Policy.Decide(&then)
	if d.Action != plan.None {
		d.Reason = fmt.Sprintf("account %s is gone", p.TargetID)
	}
	return d
}

// Approve lets the removals of a held list go out: those of the people named by source id, userPrincipalName or the
// account's userName, or all if none are named. Who has come back meanwhile is on no list any more.
func (j *Job) Approve(ctx context.Context, list uint32, people []string) (approved int, err error) {
	defer j.touch()
	asked := map[string]bool{}
	for _, name := range people {
		asked[strings.ToLower(name)] = true
	}
	names := func(p *state.Person) []string {
		return []string{strings.ToLower(p.ID), strings.ToLower(p.UserPrincipalName), strings.ToLower(targetRef(p).UserName)}
	}
	known, now := false, j.clock()
	changed, err := j.changeSome(ctx, func(p *state.Person) bool {
		if p.Held == 0 || p.Held != list {
			return false
		}
		known = true
		if len(asked) > 0 && !slices.ContainsFunc(names(p), func(name string) bool { return asked[name] }) {
			return false
		}
		p.Held, p.Due = 0, now
		return true
	}, func(tx *state.Tx, p *state.Person) error {
		released := about(p, "", now, fmt.Sprintf("released from held list %d", list))
		released.By = actor(ctx)
		err := tx.AppendLog(released)
		if p.Vanished {
			err = errors.Join(err, tx.AddRemoval(p.ID, now), tx.AppendLog(lost(p, "", now)))
			j.unlink(p)
		}
		if p.Class = j.place(p); p.Class == state.ClassNone {
			p.Due = time.Time{}
		}
		return err
	})
	if err != nil {
		return len(changed), err
	}
	if !known {
		return 0, noHeldList(list)
	}
	for i := range changed {
		for _, name := range names(&changed[i]) {
			delete(asked, name)
		}
	}
	for name := range asked {
		return len(changed), fmt.Errorf("%s is not on held list %d", name, list)
	}
	return len(changed), nil
}

// Status is how a job stands.
type Status struct {
	Job   string `json:"job"`
	State string `json:"state"` // idle, reading, deciding, exporting, paused, quarantined, stopped, blocked
	// Unwritable is there while a job that is being served cannot write its state.
	Unwritable *Unwritable `json:"unwritable,omitempty"`
	// LogFile is there while the file that log.file names cannot be written. The log itself is whole.
	LogFile    *Unwritable    `json:"logFileUnwritable,omitempty"`
	Paused     *time.Time     `json:"paused,omitempty"`
	Quarantine *Quarantine    `json:"quarantine,omitempty"`
	Progress   ProgressCounts `json:"progress"`
	People     int            `json:"people"`
	Linked     int            `json:"linked"`
	Active     int            `json:"active"`
	Outbox     map[string]int `json:"outbox"`
	Waiting    int            `json:"waiting"` // creates that wait for a licence
	// NoLicence is since when no licence has been free; nil while creates go out.
	NoLicence *time.Time `json:"noLicenceSince,omitempty"`
	// Drained is when everything that can be sent will have been, at the target's limit as it stands; nil if nothing waits,
	// or no limit is known.
	Drained   *time.Time   `json:"drained,omitempty"`
	LastCycle *state.Cycle `json:"lastCycle,omitempty"`
	LastGood  *state.Cycle `json:"lastGoodCycle,omitempty"`
	NextCycle *time.Time   `json:"nextCycle,omitempty"`
	Held      []HeldList   `json:"held"`
}

// Unwritable is since when, and why, something cannot be written.
type Unwritable struct {
	Since time.Time `json:"since"`
	Error string    `json:"error"`
}

// goodDepth is how many cycles back Status looks for one that succeeded.
const goodDepth = 1000

// ProgressCounts is Progress as JSON.
type ProgressCounts struct {
	Read     int64 `json:"read"`
	Listed   int64 `json:"listed"`
	Queued   int64 `json:"queued"`
	Exported int64 `json:"exported"`
}

// HeldList is one list of removals that wait for approval.
type HeldList struct {
	Number uint32    `json:"number"`
	People int       `json:"people"`
	Since  time.Time `json:"since"`
	// Refused is there once somebody has decided that the list shall not go out.
	Refused *Refusal `json:"refused,omitempty"`
}

// Forecaster is a Target that can tell how long it takes, by its limits, until so many writes have been sent. ok is false
// if no limit is known.
type Forecaster interface {
	ETA(pending int) (wait time.Duration, ok bool)
}

// drained is when the outbox will be empty, but for who waits for something else than a turn.
func (j *Job) drained(target Target, s Status) *time.Time {
	pending := -s.Outbox["escrowed"] - s.Waiting
	for _, class := range []state.Class{state.ClassRemove, state.ClassEnable, state.ClassCreate, state.ClassUpdate} {
		pending += s.Outbox[class.String()]
	}
	f, ok := target.(Forecaster)
	if !ok || pending <= 0 || s.Paused != nil || s.Quarantine != nil || s.Unwritable != nil {
		return nil
	}
	wait, known := f.ETA(pending)
	if !known {
		return nil
	}
	at := j.Now().Add(wait)
	return &at
}

// Status tells how the job stands. No service is asked.
func (j *Job) Status(ctx context.Context) (Status, error) {
	p := j.Progress()
	s := Status{
		Job: j.Name, State: p.Phase.String(), Outbox: map[string]int{}, Held: []HeldList{},
		Progress: ProgressCounts{Read: p.Read, Listed: p.Listed, Queued: p.Queued, Exported: p.Exported},
	}
	var held []string
	refused := map[uint32]Refusal{}
	err := j.store.View(ctx, func(v *state.View) error {
		if _, err := v.Get(metaRefused, &refused); err != nil {
			return err
		}
		counts := v.Counts()
		s.People, s.Linked, s.Active = counts.People, counts.Linked, counts.Active
		for class, n := range counts.Queued {
			if c := state.Class(class); c != state.ClassNone {
				s.Outbox[c.String()] = n
			}
		}
		s.Outbox["escrowed"] = counts.Escrowed
		var exhausted time.Time
		if _, err := v.Get(metaCapacity, &exhausted); err != nil {
			return err
		}
		if !exhausted.IsZero() {
			s.Waiting, s.NoLicence = counts.Queued[state.ClassCreate], &exhausted
		}
		if counts.Held > 0 {
			for e := range v.Outbox() {
				held = append(held, e.ID)
			}
		}
		for _, c := range v.Cycles(goodDepth) {
			if s.LastCycle == nil {
				s.LastCycle = &c
			}
			if c.Result == "succeeded" {
				s.LastGood = &c
				break
			}
		}
		var paused time.Time
		if _, err := v.Get(metaPaused, &paused); err != nil {
			return err
		}
		if !paused.IsZero() {
			s.Paused = &paused
		}
		var err error
		s.Quarantine, err = quarantine(v)
		return err
	})
	if err != nil {
		return s, err
	}
	switch {
	case s.Paused != nil:
		s.State = "paused"
	case s.Quarantine != nil && s.Quarantine.Next.IsZero():
		s.State = "stopped"
	case s.Quarantine != nil:
		s.State = "quarantined"
	}
	s.LogFile = j.journal.failed.Load()
	if b := j.store.Blocked(); b != nil {
		s.State, s.Unwritable = "blocked", &Unwritable{b.Since, b.Err.Error()}
	}
	if v := j.service.Load(); v != nil {
		s.Drained = j.drained(v.exporter.target, s)
		v.mu.Lock()
		if next := v.next; !next.IsZero() {
			s.NextCycle = &next
		}
		v.mu.Unlock()
	}
	return s, j.heldLists(ctx, held, refused, &s)
}

func (j *Job) heldLists(ctx context.Context, ids []string, refused map[uint32]Refusal, s *Status) error {
	lists := map[uint32]*HeldList{}
	err := j.eachRuling(ctx, ids, func(_ *state.View, p *state.Person) error {
		if p.Held == 0 {
			return nil
		}
		l := lists[p.Held]
		if l == nil {
			l = &HeldList{Number: p.Held, Since: p.Due}
			if r, ok := refused[p.Held]; ok {
				l.Refused = &r
			}
			lists[p.Held] = l
		}
		l.People++
		if p.Due.Before(l.Since) {
			l.Since = p.Due
		}
		return nil
	})
	for _, l := range lists {
		s.Held = append(s.Held, *l)
	}
	slices.SortFunc(s.Held, func(a, b HeldList) int { return int(a.Number) - int(b.Number) })
	return err
}

// Log returns up to n entries of the provisioning log from a sequence number on, oldest first; from 0, the last n.
func (j *Job) Log(ctx context.Context, from uint64, n int) (entries []state.LogEntry, err error) {
	err = j.store.View(ctx, func(v *state.View) error {
		log := v.Log(from)
		if from == 0 {
			log = v.LastLog(n)
		}
		for e, err := range log {
			if err != nil {
				return err
			}
			if entries = append(entries, e); len(entries) == n {
				break
			}
		}
		return nil
	})
	return entries, err
}

// LogEnd returns the number of the last entry of the provisioning log, 0 if there never was one.
func (j *Job) LogEnd(ctx context.Context) (end uint64, err error) {
	err = j.store.View(ctx, func(v *state.View) error { end = v.LogEnd(); return nil })
	return end, err
}

// LogOf returns up to n entries of the provisioning log about a person, newest first, that are older than a sequence
// number. It looks at no other entry.
func (j *Job) LogOf(ctx context.Context, id string, before uint64, n int) (entries []state.LogEntry, err error) {
	err = j.store.View(ctx, func(v *state.View) (err error) { entries, err = v.LogOf(id, before, n); return err })
	return entries, err
}

// PersonID returns the source id of the person whom a name stands for: an object id that is in the state or in the log,
// a userPrincipalName, the id or userName of an account; "" if nobody is remembered by it.
func (j *Job) PersonID(ctx context.Context, who string) (string, error) {
	id := connectors.FoldID(who)
	logged, err := j.LogOf(ctx, id, math.MaxUint64, 1)
	if err != nil || len(logged) > 0 {
		return id, err
	}
	p, err := j.findPerson(ctx, who)
	if p == nil || err != nil {
		return "", err
	}
	return p.ID, nil
}

// findPerson returns the record of a person named by source id, userPrincipalName, the account's userName or its id; nil if
// nobody is remembered by that name.
func (j *Job) findPerson(ctx context.Context, who string) (found *state.Person, err error) {
	err = j.store.View(ctx, func(v *state.View) error {
		found, err = v.Person(connectors.FoldID(who))
		if found == nil && err == nil {
			if id := v.PersonByTarget(who); id != "" {
				found, err = v.Person(id)
			}
		}
		return err
	})
	if found != nil || err != nil {
		return found, err
	}
	err = j.eachPerson(ctx, func(p *state.Person) error {
		if strings.EqualFold(p.UserPrincipalName, who) || strings.EqualFold(targetRef(p).UserName, who) {
			found = p.Clone()
		}
		return nil
	})
	return found, err
}
