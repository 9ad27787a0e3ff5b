package connectors

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Fault sorts errors by what the caller does about them, not by where they arose. Status and code decide it; text
// only where the vendor leaves no other way.
type Fault uint8

const (
	// FaultOther is an error that no rule knows. It concerns one request.
	FaultOther Fault = iota
	// FaultTransient: the request had no effect or may be repeated safely; try again in place, then put the person
	// into escrow (429, 502-504, connection refused).
	FaultTransient
	// FaultUnsettled: a write may or may not have taken effect (connection lost, time-out, 500, an answer without an
	// id). A create is looked up, and a changed account read,
	// before anything is sent again.
	FaultUnsettled
	// FaultRejected: the target refuses this person as they are; escrow (400 and the like).
	FaultRejected
	// FaultNotFound: the object of that id does not exist (404 by id).
	FaultNotFound
	// FaultConflict: a unique value is taken (409, or scimType uniqueness).
	FaultConflict
	// FaultCapacity: no free licence; creates wait, all else goes on.
	FaultCapacity
	// FaultCredentials: not authenticated (401, AADSTS7000215); quarantine the job, no retries.
	FaultCredentials
	// FaultPermission: authenticated, not authorised (403); stop the cycle.
	FaultPermission
	// FaultProtocol: a success answer that is not what the protocol says, such as HTML from a proxy; quarantine.
	FaultProtocol
	// FaultResync: the stored mark is no longer honoured; a full read is needed (410, syncStateNotFound).
	FaultResync
	// FaultConfig: what the configuration names does not exist (unknown tenant or application).
	FaultConfig
	// FaultUnavailable: the service as a whole does not answer; stop the cycle, keep what is known.
	FaultUnavailable
)

var faultNames = [...]string{"other", "transient", "unsettled", "rejected", "not found", "conflict", "capacity",
	"credentials", "permission", "protocol", "resync", "configuration", "unavailable"}

func (f Fault) String() string { return faultNames[f] }

// Error is what went wrong with one request. Its text leads with the service's own words.
type Error struct {
	Fault  Fault
	Op     string // the bare action with its object: "patch user 1271140020"
	Status int    // HTTP status, 0 if there was no answer
	Code   string // the service's code: scimType, RingCentral errorCode, Graph error.code, AADSTS number
	Entra  string // what Entra's provisioning log calls such an error (InsufficientRights, …), "" if nothing fits
	Detail string // the service's words
	// Attribute is the target attribute that the service's words name, "" if none.
	Attribute string
	Remedy    string // what a person can do about it, a full sentence, "" if nothing is known
	// RetryAfter is how long the service asks to wait, 0 if it does not say.
	RetryAfter time.Duration
	Err        error // the cause, if another error is
}

// Error gives one line: action, the service's words, status and code, remedy.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	said := e.Detail
	if said == "" && e.Err != nil {
		said = e.Err.Error()
	}
	if said != "" {
		if b.Len() > 0 {
			b.WriteString(": ")
		}
		b.WriteString(oneLine(said))
	}
	switch {
	case e.Status != 0 && e.Code != "":
		fmt.Fprintf(&b, " (%d %s)", e.Status, e.Code)
	case e.Status != 0:
		fmt.Fprintf(&b, " (status %d)", e.Status)
	case e.Code != "":
		fmt.Fprintf(&b, " (%s)", e.Code)
	}
	if e.Remedy != "" {
		b.WriteString(". ")
		b.WriteString(e.Remedy)
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// FaultOf returns the fault of the first *Error in err's chain, FaultOther if there is none.
func FaultOf(err error) Fault {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Fault
	}
	return FaultOther
}

// oneLine folds white space and cuts what no person reads on a line.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	const most = 400
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
