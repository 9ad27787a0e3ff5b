package notify

import "time"

// mostADay bounds the messages about one thing to one recipient in 24 hours.
const mostADay = 6

// Event is why a message is sent. Its words are part of the webhook's format.
type Event string

// The events.
const (
	Begins   Event = "begins"
	Changed  Event = "changed"
	Reminder Event = "reminder"
	Over     Event = "over"
)

// ledger is what one recipient has been told, by the condition's id.
type ledger map[string]told

// told is what was said last of one condition.
type told struct {
	State string      `json:"state,omitempty"` // "": that it is over
	Kind  Kind        `json:"kind"`
	Over  string      `json:"over"`           // what to say once it is
	Since time.Time   `json:"since,omitzero"` // of the condition
	Sent  []time.Time `json:"sent"`           // when, oldest first: the last, and those of the 24 hours before it
}

// next returns what to say of a condition now; "" for nothing. c is nil if it does not hold.
func (t told) next(c *condition, now time.Time) Event {
	switch {
	case c == nil && t.State == "", c != nil && c.hidden, t.recent(now) >= mostADay:
		return ""
	case c == nil:
		return Over
	case t.State == "":
		return Begins
	case t.State != c.state:
		return Changed
	case c.remind > 0 && !now.Before(t.last().Add(c.remind)):
		return Reminder
	}
	return ""
}

func (t told) last() time.Time { return t.Sent[len(t.Sent)-1] }

// recent counts the messages of the last 24 hours. Those of a future that a wrong clock has seen count too, until it
// has come to them: forget takes care that they are not far away.
func (t told) recent(now time.Time) (n int) {
	for _, at := range t.Sent {
		if now.Sub(at) < daily {
			n++
		}
	}
	return n
}

// tell notes down that c was told at now; nil that it is over.
func (t told) tell(c *condition, now time.Time) told {
	next := told{State: "", Kind: t.Kind, Over: t.Over, Since: t.Since}
	if c != nil {
		next = told{State: c.state, Kind: c.kind, Over: c.over, Since: c.since}
	}
	for _, at := range t.Sent {
		if now.Sub(at) < daily {
			next.Sent = append(next.Sent, at)
		}
	}
	next.Sent = append(next.Sent, now)
	return next
}

// forget drops what is over and too long ago to matter, and has what a wrong clock dated later happen now.
func (l ledger) forget(now time.Time) {
	for id, t := range l {
		for i, at := range t.Sent {
			if at.After(now) {
				t.Sent[i] = now
			}
		}
		if len(t.Sent) == 0 || t.State == "" && t.recent(now) == 0 {
			delete(l, id)
		}
	}
}
