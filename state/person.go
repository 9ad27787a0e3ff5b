package state

import (
	"slices"
	"time"

	"ringsync/connectors"
)

// Scope is what was last decided about a person, and for those out of scope the cause.
type Scope uint8

const (
	ScopeUnknown Scope = iota // read, not yet decided
	InScope
	Unassigned
	OutOfScope  // a scoping filter failed
	Disabled    // accountEnabled is false
	SoftDeleted // in the directory's recycle bin
	HardDeleted // the directory knows no such object
)

var scopeNames = [...]string{"unknown", "in scope", "unassigned", "out of scope", "disabled", "soft deleted", "hard deleted"}

func (s Scope) String() string { return scopeNames[s] }

// Class orders the outbox: lower goes first.
type Class uint8

const (
	ClassNone   Class = iota // not in the outbox
	ClassRemove              // disable, delete, change of userName
	ClassEnable
	ClassCreate
	ClassUpdate
	ClassHeld // waits for approval; never dispatched
)

var classNames = [...]string{"none", "remove", "enable", "create", "update", "held"}

func (c Class) String() string { return classNames[c] }

// Attribute is one target attribute of a person: what it should be, and both halves of what is known of it. RingCentral
// answers "US" with "United States", so what was sent and what was answered are compared each with its own kind.
type Attribute struct {
	Name string
	// Want is the wanted value: Absent leaves the attribute alone, Null clears it.
	Want connectors.Value
	// OnCreate: Want counts only while there is no account (a default, or apply: create).
	OnCreate bool
	// Sent is what we last sent and the target acknowledged; Absent if we never did.
	Sent connectors.Value
	// Answer is what the target last showed; Absent if it never did.
	Answer connectors.Value
}

// Known returns the value that the account has as far as is known: what the target last showed, else what it
// acknowledged; Absent if neither.
func (a *Attribute) Known() connectors.Value {
	if a.Answer.Kind() != connectors.Absent {
		return a.Answer
	}
	return a.Sent
}

// Settled reports whether nothing needs to be sent: the wanted value was sent and acknowledged, or the target shows
// it. One of the two is enough. Comparing the answer alone would send "US" to a server that answers "United States"
// for ever; comparing what was sent alone would rewrite every adopted account.
func (a *Attribute) Settled(of connectors.Attribute) bool {
	if a.Want.Kind() == connectors.Absent {
		return true
	}
	return a.Sent.Kind() != connectors.Absent && of.SameValue(a.Sent, a.Want) ||
		a.Answer.Kind() != connectors.Absent && of.SameValue(a.Answer, a.Want)
}

// Show records what a read of the account shows of the attribute. A value other than the one last shown means that
// somebody changed it by hand, so what we sent no longer stands.
func (a *Attribute) Show(v connectors.Value, of connectors.Attribute) {
	if v.Kind() == connectors.Absent {
		return
	}
	if a.Answer.Kind() != connectors.Absent && !of.SameValue(v, a.Answer) {
		a.Sent = connectors.Value{}
	}
	a.Answer = v
}

// Failure is the last thing that went wrong for a person.
type Failure struct {
	Code   string    // Entra's error code name where one fits: LicenseLimitExceeded, DuplicateTargetEntries …
	Text   string    // one line
	Since  time.Time // first failure of the series; to the second
	Status int       // HTTP status, 0 if none
}

// Person is everything remembered about one source object.
type Person struct {
	ID                string // source object id
	UserPrincipalName string
	DisplayName       string

	Scope  Scope
	Reason string // why Scope is what it is, for people

	Attributes []Attribute // those with anything to say, in any order; names are unique
	// Generation counts changes of what is wanted; a result is only final for the generation that was sent.
	Generation uint64

	TargetID string // the link; "" if there is none
	// Ours: the account was created by us, not adopted.
	Ours bool
	// Unsettled: a write was, or may have been, sent whose outcome is unknown: a create as long as there is no link.
	Unsettled bool
	// Unfit: no account may be made of this person as they are: a required attribute has no value, or they are disabled and
	// only keep the account they have. Whoever is in the outbox all the same is only looked for: a create may have been
	// sent when they still were fit.
	Unfit bool
	// Tried are the values of matching attributes, as MatchKey makes them, that an unsettled create may have used and
	// that are no longer wanted.
	Tried []string
	// LastWrite is when the target last acknowledged a write; to the millisecond.
	LastWrite time.Time

	// Class and Due are the person's place in the outbox; ClassNone if there is nothing to send.
	Class Class
	Due   time.Time // to the millisecond
	// Held is the number of the held list, 0 if on none.
	Held uint32

	Attempts uint32 // failed attempts in a row
	Escrowed bool   // in-place retries are used up
	// RetryCycle is the number of the cycle that tries an escrow again; Due is then the latest time for it.
	RetryCycle uint64
	Failure    Failure

	// Vanished: the linked account was asked for by id and does not exist. The link is kept until the change that
	// follows from it has passed the guard.
	Vanished bool
}

// Attribute returns the attribute of that name, nil if nothing is recorded.
func (p *Person) Attribute(name string) *Attribute {
	for i := range p.Attributes {
		if p.Attributes[i].Name == name {
			return &p.Attributes[i]
		}
	}
	return nil
}

// Set returns the attribute of that name, adding it if need be. The pointer is valid until the next Set.
func (p *Person) Set(name string) *Attribute {
	if a := p.Attribute(name); a != nil {
		return a
	}
	p.Attributes = append(p.Attributes, Attribute{Name: name})
	return &p.Attributes[len(p.Attributes)-1]
}

// Clone returns a copy that shares nothing with p that can be changed.
func (p *Person) Clone() *Person {
	q := *p
	q.Attributes, q.Tried = slices.Clone(p.Attributes), slices.Clone(p.Tried)
	return &q
}

// Name returns what to call the person in a message.
func (p *Person) Name() string {
	if p.UserPrincipalName != "" {
		return p.UserPrincipalName
	}
	return p.ID
}
