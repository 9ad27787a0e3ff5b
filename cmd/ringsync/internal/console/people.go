package console

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"ringsync/connectors"
	"ringsync/engine"
	"ringsync/engine/plan"
	"ringsync/state"
)

var errNoList = errors.New("there is no such held list any more: its removals have been approved, or are none any more")

// peoplePage is who is remembered, or who answers to a text.
type peoplePage struct {
	Job, Text, From string
	Rows            []personRow
	Next            string
	Looked          int
	Total           int
}

type personRow struct {
	Job, ID, Name, Principal, Login, State string
}

func (c *Console) people(v *visit) error {
	data := peoplePage{Job: v.job.Name(), Text: strings.TrimSpace(v.r.FormValue("q")), From: v.r.FormValue("from")}
	found, err := v.job.Engine.Search(v.ctx, data.Text, data.From, shownPeople)
	if err != nil {
		return err
	}
	data.Next, data.Looked = found.Next, found.Looked
	for _, p := range found.People {
		data.Rows = append(data.Rows, rowOf(data.Job, p))
	}
	status, err := v.job.Engine.Status(v.ctx)
	if err != nil {
		return err
	}
	data.Total = status.People
	if v.wantsPart() {
		return v.showPart("people", "found", data)
	}
	return v.page("people", page{Title: "People", Tab: "people", Content: data})
}

func rowOf(job string, p *state.Person) personRow {
	row := personRow{Job: job, ID: p.ID, Name: p.DisplayName, Principal: p.UserPrincipalName, State: stateOf(p)}
	if a := p.Attribute(plan.AttrUserName); a != nil {
		row.Login = shownValue(a.Known())
	}
	return row
}

// Label is what to call the person.
func (r personRow) Label() string { return or(r.Name, r.Principal, r.ID) }

func (p peoplePage) FirstPath() string { return p.at(p.From != "", "") }
func (p peoplePage) NextPath() string  { return p.at(p.Next != "", p.Next) }

// at is the path of a page, "" if there is none.
func (p peoplePage) at(is bool, from string) string {
	if !is {
		return ""
	}
	return path("jobs", p.Job, "people") + query("q", p.Text, "from", from)
}

// stateOf is how it stands with a person, in a word or two.
func stateOf(p *state.Person) string {
	switch {
	case p.Held != 0:
		return "held for approval"
	case p.Escrowed:
		return "in escrow"
	case p.Class == state.ClassRemove && p.TargetID != "":
		return "to be disabled"
	case p.TargetID == "" && p.Scope == state.InScope && p.Unfit:
		return "cannot have an account"
	case p.Class == state.ClassCreate:
		return "to be created"
	case p.Class == state.ClassEnable:
		return "to be enabled"
	case p.Class == state.ClassUpdate:
		return "to be updated"
	case p.TargetID == "":
		return "no account"
	}
	if on, known := accountActive(p); known && !on {
		return "account disabled"
	}
	return "account active"
}

func accountActive(p *state.Person) (on, known bool) {
	if a := p.Attribute(plan.AttrActive); a != nil {
		return a.Known().AsBool()
	}
	return false, false
}

// personPage is one person.
type personPage struct {
	Job     string
	Name    string
	Asked   string // the id that was asked for
	Known   bool
	Profile *engine.Profile
	State   string
	Why     []string // why their phone does or does not work, as far as is remembered
	History []state.LogEntry
	More    bool // there is more in the log
}

// shownHistory is how many log entries a person's page shows.
const shownHistory = 20

func (c *Console) person(v *visit) error {
	id := connectors.FoldID(v.r.PathValue("person"))
	data := personPage{Job: v.job.Name(), Asked: id, Name: id}
	profile, err := v.job.Engine.Profile(v.ctx, id)
	if err != nil {
		return err
	}
	history, err := v.job.Engine.LogOf(v.ctx, id, math.MaxUint64, shownHistory+1)
	if err != nil {
		return err
	}
	data.More = len(history) > shownHistory
	data.History = history[:min(shownHistory, len(history))]
	switch {
	case profile != nil:
		data.Known, data.Profile, data.State = true, profile, stateOf(profile.Person)
		data.Name = or(profile.Person.DisplayName, profile.Person.UserPrincipalName, id)
		data.Why = why(profile, data.History)
	case len(history) > 0:
		data.Name = or(history[0].Source.DisplayName, history[0].Source.UserPrincipalName, id)
		data.State = "not remembered any more"
		data.Why = []string{"Nobody of this id is in scope or has an account that ringsync keeps. The history below tells what there was."}
	default:
		data.State = "not known"
		data.Why = []string{"Neither the records nor the log know anybody of this id. Ask the directory: every step is explained then."}
	}
	return v.page("person", page{Title: data.Name, Tab: "people", Content: data})
}

func or(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// why tells how it stands with a person's phone, the most important first.
func why(profile *engine.Profile, history []state.LogEntry) (all []string) {
	p := profile.Person
	say := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	on, known := accountActive(p)
	switch {
	case p.Vanished:
		say("RingCentral says that account %s is gone.", p.TargetID)
	case p.TargetID == "" && p.Unsettled:
		say("An account was asked for, and RingCentral's answer was lost: it is looked for before another is made.")
	case p.TargetID == "":
		say("There is no RingCentral account.")
	case known && !on:
		say("RingCentral account %s is disabled: no sign-in, no calls.", p.TargetID)
	default:
		say("RingCentral account %s is active.", p.TargetID)
	}
	if p.Scope != state.InScope {
		text := p.Scope.String()
		if p.Reason != "" && p.Reason != text {
			text += ": " + strings.TrimPrefix(p.Reason, text+": ")
		}
		say("Not in scope: %s.", strings.TrimSuffix(text, "."))
	}
	if p.Held != 0 {
		say("The removal waits for approval on held list %d.", p.Held)
	}
	if p.Scope == state.InScope && p.Unfit {
		say("No account can be made as they are: %s.", lacking(profile))
	}
	if p.Failure.Text != "" {
		tried := "It is tried again " + stamp(p.Due) + "."
		if p.RetryCycle > 0 {
			tried = "It is tried again in a later cycle, by " + stamp(p.Due) + "."
		}
		say("The last try failed, first on %s: %s. %s", stamp(p.Failure.Since), strings.TrimSuffix(p.Failure.Text, "."), tried)
	}
	if c := profile.Pending; c != nil {
		switch c.Status {
		case plan.StatusWaiting:
			say("The account is made as soon as RingCentral has a free licence.")
		case plan.StatusPending:
			say("Waits for its turn: %s.", or(c.Reason, string(c.Action)))
		case plan.StatusConflict:
			say("Two people or two accounts are in each other's way: somebody has to decide.")
		}
	} else if p.TargetID != "" && p.Scope == state.InScope && p.Failure.Text == "" {
		say("Everything is as it should be; last written %s.", stamp(p.LastWrite))
	}
	return append(all, phones(profile, history)...)
}

// lacking names the matching attribute or login that has no value.
func lacking(profile *engine.Profile) string {
	for _, a := range profile.Attributes {
		if (a.Name == plan.AttrUserName || a.Name == "emails[type eq \"work\"].value") && a.Want.IsEmpty() {
			return fmt.Sprintf("%s has no value that RingCentral takes (it comes from %s)", a.Name, a.From)
		}
	}
	if on := profile.Person.Scope; on != state.InScope {
		return on.String()
	}
	return "a required attribute has no value; every step explained says which"
}

// phones tells of phone numbers that are mapped and not there.
func phones(profile *engine.Profile, history []state.LogEntry) (all []string) {
	for _, a := range profile.Attributes {
		if !strings.HasPrefix(a.Name, "phoneNumbers") || !a.Want.IsEmpty() || !a.Known.IsEmpty() {
			continue
		}
		text := fmt.Sprintf("No phone number (%s): the directory has none in %s that RingCentral takes.", a.Name, a.From)
		if w := warned(history, "phone"); w != "" {
			text = fmt.Sprintf("No phone number (%s), which comes from %s: %s.", a.Name, a.From, strings.TrimSuffix(w, "."))
		}
		all = append(all, text)
	}
	return all
}

// warned returns the newest warning of the log that has the word.
func warned(history []state.LogEntry, word string) string {
	for _, e := range history {
		for _, w := range e.Warnings {
			if strings.Contains(strings.ToLower(w), word) {
				return w
			}
		}
	}
	return ""
}
