package plan

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"ringsync/connectors"
)

// Text says how a report is printed for people.
type Text struct {
	// Live: the changes were carried out, so they are told in the past tense.
	Live bool
	// Color: ANSI colours for actions and problems.
	Color bool
	// Brief leaves out the attributes.
	Brief bool
}

// signs mark the actions, as in a diff of lines.
var signs = map[Action]string{Create: "+", Update: "~", Enable: "^", Disable: "-", Delete: "x", None: "="}

var colors = map[Action]string{Create: "\x1b[32m", Update: "\x1b[33m", Enable: "\x1b[36m", Disable: "\x1b[31m", Delete: "\x1b[31m"}

// Write prints the report: changes in the order in which they are sent, people left out, warnings, and last the
// summary, which is what stays on the screen.
func (t Text) Write(w io.Writer, r *Report) error {
	b := bufio.NewWriter(w)
	done, pending := 0, 0
	for _, c := range r.Changes {
		switch c.Status {
		case StatusPending: // a run that ended early: their number says enough
			pending++
			continue
		case StatusDone:
			done++
		}
		t.change(b, c)
	}
	if pending > 0 {
		fmt.Fprintf(b, "… and %d changes that are still to be sent\n", pending)
	}
	if more := r.Summary.Changes() - done; t.Live && more > 0 && done > 0 {
		fmt.Fprintf(b, "… and %d more changes that are done\n", more)
	}
	if !t.Brief || len(r.Skipped) <= 20 {
		for _, s := range r.Skipped {
			fmt.Fprintf(b, "! skip     %s: %s\n", nameOf(s.Source.DisplayName, s.Source.UserPrincipalName, s.Source.ID), clean(s.Reason))
		}
	}
	for _, warning := range r.Warnings {
		fmt.Fprintf(b, "warning: %s\n", clean(warning))
	}
	if len(r.Changes)+len(r.Skipped)+len(r.Warnings) > 0 {
		fmt.Fprintln(b)
	}
	fmt.Fprintln(b, t.Summary(r))
	return b.Flush()
}

func (t Text) change(w io.Writer, c Change) {
	sign, word := signs[c.Action], string(c.Action)
	if c.Action == None {
		word = "none"
	}
	head := fmt.Sprintf("%s %-8s", sign, word)
	if t.Color && colors[c.Action] != "" {
		head = colors[c.Action] + head + "\x1b[0m"
	}
	fmt.Fprintf(w, "%s %s", head, nameOf(c.Source.DisplayName, c.Source.UserPrincipalName, c.Source.ID))
	if c.Target.ID != "" {
		fmt.Fprintf(w, " → %s", clean(c.Target.ID))
	}
	if c.Reason != "" && c.Reason != reasonNew {
		fmt.Fprintf(w, "  (%s)", clean(c.Reason))
	}
	switch {
	case c.Status == StatusHeld:
		fmt.Fprintf(w, "  [held for approval, list %d]", c.Held)
	case c.Status != StatusDone && c.Status != StatusPlanned:
		fmt.Fprintf(w, "  [%s]", c.Status)
	}
	fmt.Fprintln(w)
	if !t.Brief {
		for _, a := range c.Attributes {
			writeAttribute(w, c.Action, a)
		}
	}
	if c.Error != "" {
		fmt.Fprintf(w, "      error: %s\n", clean(c.Error))
	}
	for _, warning := range c.Warnings {
		fmt.Fprintf(w, "      warning: %s\n", clean(warning))
	}
}

// writeAttribute leaves out of a new account what its attributes were before.
func writeAttribute(w io.Writer, action Action, a Attribute) {
	before := value(a.Old) + " → "
	if action == Create {
		before = ""
	}
	fmt.Fprintf(w, "      %s: %s%s\n", short(a.Name), before, value(a.New))
}

// Summary is the one line that tells how it stands.
func (t Text) Summary(r *Report) string {
	s := r.Summary
	words := []struct {
		n    int
		plan string
		done string
	}{
		{s.Create, "create", "created"}, {s.Update, "update", "updated"}, {s.Enable, "enable", "enabled"},
		{s.Disable, "disable", "disabled"}, {s.Delete, "delete", "deleted"},
	}
	var parts []string
	for _, x := range words {
		switch {
		case x.n == 0:
		case t.Live:
			parts = append(parts, fmt.Sprintf("%d %s", x.n, x.done))
		default:
			parts = append(parts, fmt.Sprintf("%s %d", x.plan, x.n))
		}
	}
	head := strings.Join(parts, ", ")
	switch {
	case head == "" && t.Live:
		head = "nothing to write"
	case head == "":
		head = "no differences"
	case !t.Live:
		head = "would " + head
	}
	var rest []string
	for _, x := range []struct {
		n    int
		text string
	}{
		{s.Unchanged, "unchanged"}, {s.Skipped, "skipped"}, {s.Held, "held for approval"},
		{s.Escrowed, "in escrow or conflict"}, {s.Waiting, "waiting for a licence"}, {r.Strangers, map[bool]string{true: "account", false: "accounts"}[r.Strangers == 1] + " of nobody here"},
	} {
		if x.n > 0 {
			rest = append(rest, fmt.Sprintf("%d %s", x.n, x.text))
		}
	}
	line := fmt.Sprintf("%s: %s cycle: %s", r.Job, r.Kind, head)
	if len(rest) > 0 {
		line += "; " + strings.Join(rest, ", ")
	}
	if c := r.Capacity; c != nil {
		line += fmt.Sprintf("; licences: needs %d, %d free", c.Needs, c.Free)
	}
	return line
}

func nameOf(display, upn, id string) string {
	name := upn
	if name == "" {
		name = id
	}
	if display == "" {
		return clean(name)
	}
	return clean(display) + " <" + clean(name) + ">"
}

// short leaves out the URN of a schema extension, which no reader needs.
func short(name string) string {
	if strings.HasPrefix(strings.ToLower(name), "urn:") {
		return name[strings.LastIndexByte(name, ':')+1:]
	}
	return name
}

func value(v connectors.Value) string {
	if v.IsNull() {
		return "(none)"
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return clean(v.Text())
	}
	return clean(strings.TrimSpace(b.String()))
}

// clean keeps control characters in names from the directory away from the terminal.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f || r >= 0x80 && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return '�'
		}
		return r
	}, s)
}
