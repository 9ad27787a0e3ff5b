package plan

import (
	"encoding/json"
	"io"
	"slices"

	"ringsync/state"
)

// What became of a change. A dry run knows Planned, Held, Escrowed, Conflict and Waiting.
const (
	StatusPlanned  = "planned"  // diff: would be sent
	StatusDone     = "done"     // acknowledged by the target
	StatusHeld     = "held"     // a removal that waits for approval
	StatusEscrowed = "escrowed" // failed; tried again in a later cycle
	StatusConflict = "conflict" // two people or two accounts; a person has to decide
	StatusWaiting  = "waiting"  // no free licence
	StatusPending  = "pending"  // not sent: the run ended before
)

// Change is one person's change as people and programs see it.
type Change struct {
	Action     Action          `json:"action"`
	Reason     string          `json:"reason"`
	Source     state.SourceRef `json:"source"`
	Target     state.TargetRef `json:"target"`
	Attributes []Attribute     `json:"attributes"`
	Status     string          `json:"status"`
	Error      string          `json:"error"`
	Warnings   []string        `json:"warnings"`
	// Held is the number of the held list, if the change is on one.
	Held uint32 `json:"held,omitempty"`
}

// Attribute is one attribute of a change, as the provisioning log has it.
type Attribute = state.Modified

// Skipped is a person about whom nothing is done, and why.
type Skipped struct {
	Source state.SourceRef `json:"source"`
	Reason string          `json:"reason"`
}

// Summary counts people. In a dry run the actions count what would be sent; in a sync, what the target acknowledged.
type Summary struct {
	Create    int `json:"create"`
	Update    int `json:"update"`
	Enable    int `json:"enable"`
	Disable   int `json:"disable"`
	Delete    int `json:"delete"`
	Unchanged int `json:"unchanged"`
	Skipped   int `json:"skipped"`
	Held      int `json:"held"`
	Escrowed  int `json:"escrowed"` // conflicts included
	Waiting   int `json:"waiting"`
}

// Changes returns the number of changes that were or would be sent.
func (s Summary) Changes() int { return s.Create + s.Update + s.Enable + s.Disable + s.Delete }

// Add adds the changes that another summary counted.
func (s *Summary) Add(t Summary) {
	s.Create += t.Create
	s.Update += t.Update
	s.Enable += t.Enable
	s.Disable += t.Disable
	s.Delete += t.Delete
}

// Count adds one change with its status.
func (s *Summary) Count(c Change) {
	switch c.Status {
	case StatusHeld:
		s.Held++
	case StatusEscrowed, StatusConflict:
		s.Escrowed++
	case StatusWaiting:
		s.Waiting++
	case StatusPlanned, StatusDone:
		switch c.Action {
		case Create:
			s.Create++
		case Update:
			s.Update++
		case Enable:
			s.Enable++
		case Disable:
			s.Disable++
		case Delete:
			s.Delete++
		case None:
			s.Unchanged++
		}
	}
}

// Report is the outcome of a dry run or a sync.
type Report struct {
	Job     string    `json:"job"`
	Cycle   string    `json:"cycle"`
	Kind    string    `json:"kind"` // initial, full, incremental, on-demand
	Summary Summary   `json:"summary"`
	Changes []Change  `json:"changes"`
	Skipped []Skipped `json:"skipped"`
	// Warnings concern the job as a whole: a group that could not be read, a list that is not whole.
	Warnings []string `json:"warnings,omitempty"`
	// Strangers is the number of accounts at the target that nobody here is linked to.
	Strangers int `json:"strangers"`
	// Capacity is, for a dry run with creates, whether there are licences for them; null if the target does not tell.
	Capacity *Capacity `json:"capacity,omitempty"`
}

// Capacity compares the accounts to be created with the licences that are free.
type Capacity struct {
	Needs int `json:"needs"`
	Free  int `json:"free"`
}

// Provisioned is what was done for people on demand: the report of them alone, and how it came about for each.
type Provisioned struct {
	Report
	People []Explanation `json:"people"`
}

// Explanation is what a dry run, or Provisioned, says of one person, step by step.
type Explanation struct {
	Asked    string          `json:"asked,omitempty"` // the name that was asked for, of a person in Provisioned
	Person   state.SourceRef `json:"person"`
	Known    bool            `json:"known"` // the directory or the state knows the person
	Steps    []state.Step    `json:"steps"`
	Change   *Change         `json:"change"` // null if nothing would be sent
	Warnings []string        `json:"warnings,omitempty"`
}

// Sort puts the changes into the order in which they are sent: removals, enables, creates, updates; each by name.
func (r *Report) Sort() {
	order := map[Action]int{Disable: 1, Delete: 1, Enable: 2, Create: 3, Update: 4}
	slices.SortStableFunc(r.Changes, func(a, b Change) int {
		if d := order[a.Action] - order[b.Action]; d != 0 {
			return d
		}
		return compare(a.Source, b.Source)
	})
	slices.SortStableFunc(r.Skipped, func(a, b Skipped) int { return compare(a.Source, b.Source) })
}

func compare(a, b state.SourceRef) int {
	switch {
	case a.UserPrincipalName < b.UserPrincipalName:
		return -1
	case a.UserPrincipalName > b.UserPrincipalName:
		return 1
	case a.ID < b.ID:
		return -1
	case a.ID > b.ID:
		return 1
	}
	return 0
}

// WriteJSON writes the report as one indented object; lists are never null.
func (r *Report) WriteJSON(w io.Writer) error { return writeJSON(w, r.whole()) }

func (r *Report) whole() Report {
	out := *r
	out.Skipped = append([]Skipped{}, r.Skipped...)
	out.Changes = whole(r.Changes)
	return out
}

// WriteChangesJSON writes changes as one indented list.
func WriteChangesJSON(w io.Writer, changes []Change) error { return writeJSON(w, whole(changes)) }

// WriteJSON writes the explanation as one indented object; lists are never null.
func (e *Explanation) WriteJSON(w io.Writer) error { return writeJSON(w, e.whole()) }

func (e *Explanation) whole() Explanation {
	out := *e
	out.Steps = append([]state.Step{}, e.Steps...)
	if e.Change != nil {
		out.Change = &whole([]Change{*e.Change})[0]
	}
	return out
}

// WriteJSON writes the report as one indented object; lists are never null.
func (p *Provisioned) WriteJSON(w io.Writer) error {
	out := Provisioned{Report: p.Report.whole(), People: []Explanation{}}
	for _, e := range p.People {
		out.People = append(out.People, e.whole())
	}
	return writeJSON(w, out)
}

// whole returns changes without null lists.
func whole(changes []Change) []Change {
	out := append([]Change{}, changes...)
	for i := range out {
		c := &out[i]
		c.Attributes = append([]Attribute{}, c.Attributes...)
		c.Warnings = append([]string{}, c.Warnings...)
	}
	return out
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
