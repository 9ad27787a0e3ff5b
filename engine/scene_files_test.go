package engine_test

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"

	"ringsync/connectors/ringcentral/ringcentraltest"
	"ringsync/engine"
	"ringsync/engine/plan"
	"ringsync/state"
)

// trace leaves what the last command did in files for the script to compare.
func (s *scene) trace(db state.DB, job *engine.Job) error {
	entries, err := job.Log(s.t.Context(), s.logged+1, math.MaxInt)
	if err != nil {
		return err
	}
	var log []string
	for _, e := range entries {
		s.logged = e.Sequence
		status := ""
		if e.Status != "success" {
			status = strings.TrimRight(" "+e.Status+" "+e.Code, " ")
		}
		log = append(log, s.line(e.Action, e.Source, status, cmp.Or(e.Error, e.Reason)))
	}
	waiting, err := job.Outbox(s.t.Context(), true)
	if err != nil {
		return err
	}
	var held []string
	for _, c := range waiting {
		held = append(held, fmt.Sprintf("%d %s", c.Held, s.line(string(c.Action), c.Source, "", c.Reason)))
	}
	var people []string
	err = s.records(db).View(s.t.Context(), func(v *state.View) error {
		for p, err := range v.People("") {
			if err != nil {
				return err
			}
			people = append(people, s.named(p.ID)+": "+s.standing(p))
		}
		return nil
	})
	if err != nil {
		return err
	}
	var accounts []string
	for _, u := range s.account.Users() {
		accounts = append(accounts, s.label(u.ID)+": "+s.shown(u))
	}
	s.mu.Lock()
	requests := s.requests
	s.requests = nil
	s.mu.Unlock()
	return errors.Join(s.write("requests", requests), s.write("log", log), s.write("state", people), s.write("accounts", accounts), s.write("held", held))
}

// write puts lines into a file of the script's; no lines, no file.
func (s *scene) write(name string, lines []string) error {
	path := filepath.Join(s.ts.Getenv("WORK"), name)
	if len(lines) == 0 {
		if err := os.Remove(path); !errors.Is(err, os.ErrNotExist) {
			return err
		}
		return nil
	}
	return os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o644)
}

// line tells of one change: what, whose, what came of it unless it went well, and why.
func (s *scene) line(action string, who state.SourceRef, status, why string) string {
	return strings.TrimSuffix(fmt.Sprintf("%s %s%s: %s", cmp.Or(action, "nothing"), s.named(who.ID), status, s.named(why)), ": ")
}

// standing tells what is remembered of a person.
func (s *scene) standing(p *state.Person) string {
	said := []string{"no account"}
	if p.TargetID != "" {
		said[0] = "linked"
		if l := s.label(p.TargetID); l != s.named(p.ID) {
			said[0] += " to " + l
		}
		if on := p.Attribute(plan.AttrActive); on != nil {
			said = append(said, onOff(on.Known().Text() == "True"))
		}
	}
	why := p.Scope.String()
	if p.Reason != "" {
		why += " (" + p.Reason + ")"
	}
	said = append(said, why)
	if p.Unsettled {
		said = append(said, "a create without an answer")
	}
	if p.Vanished {
		said = append(said, "account gone")
	}
	switch {
	case p.Held != 0:
		said = append(said, fmt.Sprintf("held on list %d", p.Held))
	case p.Escrowed:
		said = append(said, fmt.Sprintf("%s in escrow after failure %d", p.Class, p.Attempts))
	case p.Class != state.ClassNone:
		said = append(said, p.Class.String()+" waits")
	}
	return strings.Join(said, ", ")
}

// shown tells what RingCentral has of an account.
func (s *scene) shown(u ringcentraltest.User) string {
	said := onOff(u.Active) + ", " + u.UserName
	if u.Title != "" {
		said += ", title " + u.Title
	}
	if mark := s.named(u.ExternalID); mark != s.label(u.ID) {
		said += ", externalId " + cmp.Or(mark, "none")
	}
	return said
}

func onOff(on bool) string {
	if on {
		return "active"
	}
	return "inactive"
}
