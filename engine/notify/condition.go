package notify

import (
	"fmt"
	"slices"
	"time"

	"ringsync/engine"
)

// Kind is what a message is about. Its words are part of the webhook's format.
type Kind string

// The kinds.
const (
	Quarantine  Kind = "quarantine"
	Held        Kind = "held"
	Capacity    Kind = "capacity"
	Credential  Kind = "credential"
	FailedCycle Kind = "cycle"
	Stale       Kind = "stale"
	Storage     Kind = "storage"
)

// Expiry is when a credential stops working for good.
type Expiry struct {
	Name string // as its key in the configuration
	Ends time.Time
}

// Standing is how a job stands.
type Standing struct {
	Now         time.Time
	Served      time.Time // since when it has been served
	Status      engine.Status
	Schedule    engine.Schedule
	Credentials []Expiry
}

// condition is one thing that people have to know. What they know of it is told by id and state: another state is news.
type condition struct {
	id, state string
	kind      Kind
	since     time.Time
	remind    time.Duration // 0: never
	// hidden: there is nothing to say of it now, neither that it is there nor that it is over.
	hidden bool
	text
}

// Reminders, and how long before the end people hear of it.
const (
	daily           = 24 * time.Hour
	weekly          = 7 * daily
	credentialEarly = 20 * daily
	credentialLate  = 7 * daily
	quarantineLate  = 2 * daily
)

// conditions returns what holds of a job.
func (s Standing) conditions() []condition {
	var all []condition
	if u := s.Status.Unwritable; u != nil {
		all = append(all, condition{id: string(Storage), state: "unwritable", kind: Storage, since: u.Since, remind: daily, text: storageText(s.Status)})
	}
	if u := s.Status.LogFile; u != nil {
		all = append(all, condition{id: string(Storage) + " log.file", state: "unwritable", kind: Storage, since: u.Since, remind: daily,
			hidden: s.Status.Unwritable != nil, text: logFileText(u)})
	}
	if c, ok := s.quarantine(); ok {
		all = append(all, c)
	}
	s.Status.Held = slices.DeleteFunc(slices.Clone(s.Status.Held), func(l engine.HeldList) bool { return l.Refused != nil })
	if len(s.Status.Held) > 0 {
		all = append(all, s.held())
	}
	if s.Status.Waiting > 0 {
		all = append(all, condition{id: string(Capacity), state: "waiting", kind: Capacity, remind: daily, text: capacityText(s.Status)})
	}
	all = append(all, s.credentials()...)
	return append(all, s.cycles()...)
}

func (s Standing) quarantine() (condition, bool) {
	q := s.Status.Quarantine
	if q == nil {
		return condition{}, false
	}
	c := condition{id: string(Quarantine), state: q.Reason, kind: Quarantine, since: q.Since, remind: daily}
	switch {
	case q.Next.IsZero():
		c.state += ", off"
	case q.Ends().Sub(s.Now) <= quarantineLate:
		c.state += ", ending"
	}
	c.text = quarantineText(s.Status, s.Now)
	return c, true
}

// held is one condition however many lists there are: an hour of leavers can make a list each cycle.
func (s Standing) held() condition {
	lists := s.Status.Held
	newest := slices.MaxFunc(lists, func(a, b engine.HeldList) int { return int(a.Number) - int(b.Number) })
	oldest := slices.MinFunc(lists, func(a, b engine.HeldList) int { return a.Since.Compare(b.Since) })
	return condition{id: string(Held), state: fmt.Sprintf("up to %d", newest.Number), kind: Held, since: oldest.Since,
		remind: daily, text: heldText(s.Status)}
}

func (s Standing) credentials() (all []condition) {
	for _, e := range s.Credentials {
		left := e.Ends.Sub(s.Now)
		if e.Ends.IsZero() || left > credentialEarly {
			continue
		}
		c := condition{id: string(Credential) + " " + e.Name, state: "ends " + e.Ends.UTC().Format(time.RFC3339), kind: Credential,
			remind: weekly, text: credentialText(e, left)}
		switch {
		case left <= 0:
			c.state, c.since, c.remind = "ended", e.Ends, daily
		case left <= credentialLate:
			c.remind = daily
		}
		all = append(all, c)
	}
	return all
}

// cycles looks at how the last cycles went. A quarantine, or a state that cannot be written, says more than both of its
// conditions, and staleness more than a failed cycle.
func (s Standing) cycles() (all []condition) {
	covered := s.Status.Quarantine != nil || s.Status.Unwritable != nil
	if stale, ok := s.stale(); ok {
		stale.hidden = stale.hidden || covered || s.trying()
		covered = covered || !stale.hidden
		all = append(all, stale)
	}
	last := s.Status.LastCycle
	if last == nil || last.Result == "succeeded" {
		return all
	}
	// A cycle that is running or was cut off tells neither way.
	return append(all, condition{id: string(FailedCycle), state: "failed", kind: FailedCycle, since: last.Ended, remind: daily,
		hidden: covered || last.Result != "failed", text: cycleText(s.Status)})
}

// trying reports whether a cycle is under way or about to be, and has not had its time: once a quarantine is lifted it
// may be all that is missing.
func (s Standing) trying() bool {
	if next := s.Status.NextCycle; next != nil && !next.After(s.Now) {
		return true
	}
	last := s.Status.LastCycle
	return last != nil && last.Result == "running" && s.Schedule.Stale(last.Started).After(s.Now)
}

// stale: a daemon that has only just begun gets the same time to do better, but that alone is no recovery.
func (s Standing) stale() (condition, bool) {
	var good time.Time
	if c := s.Status.LastGood; c != nil {
		if good = c.Started; good.After(s.Now) {
			good = s.Served // the clock was ahead then, and nobody knows when that was
		}
		if at := s.Schedule.Stale(good); at.IsZero() || at.After(s.Now) {
			return condition{}, false
		}
	}
	at := s.Schedule.Stale(s.Served)
	return condition{id: string(Stale), state: "stale", kind: Stale, since: good, remind: daily,
		hidden: at.IsZero() || at.After(s.Now), text: staleText(s.Status, s.Served)}, true
}

// IsStale reports whether a job has had no good cycle for so long that something must be wrong, and since when it has
// had none, the zero time for never.
func (s Standing) IsStale() (stale bool, good time.Time) {
	c, ok := s.stale()
	return ok && !c.hidden, c.since
}
