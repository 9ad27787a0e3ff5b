package plan

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"ringsync/state"
)

// WriteChanges prints changes, in their order, as a report does.
func (t Text) WriteChanges(w io.Writer, changes []Change) error {
	b := bufio.NewWriter(w)
	for _, c := range changes {
		t.change(b, c)
	}
	return b.Flush()
}

// WriteExplanation prints what a dry run says of one person: each step, with what it turned on, and the change.
func (t Text) WriteExplanation(w io.Writer, e *Explanation) error {
	b := bufio.NewWriter(w)
	t.explanation(b, e)
	for _, warning := range e.Warnings {
		fmt.Fprintf(b, "warning: %s\n", clean(warning))
	}
	return b.Flush()
}

func (t Text) explanation(w io.Writer, e *Explanation) {
	if e.Known {
		fmt.Fprintf(w, "%s  (%s)\n", nameOf(e.Person.DisplayName, e.Person.UserPrincipalName, e.Person.ID), clean(e.Person.ID))
	}
	for _, s := range e.Steps {
		fmt.Fprintf(w, "  %-10s  %-8s  %s\n", clean(s.Type), clean(s.Status), clean(s.Description))
		if t.Brief {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(s.Details)) {
			fmt.Fprintf(w, "      %s: %s\n", clean(short(name)), clean(s.Details[name]))
		}
	}
	if e.Change != nil {
		fmt.Fprintln(w)
		t.change(w, *e.Change)
	}
}

// WriteProvisioned prints how it went for each person, and last the summary.
func (t Text) WriteProvisioned(w io.Writer, p *Provisioned) error {
	b := bufio.NewWriter(w)
	for i := range p.People {
		t.explanation(b, &p.People[i])
		fmt.Fprintln(b)
	}
	for _, warning := range p.Warnings {
		fmt.Fprintf(b, "warning: %s\n", clean(warning))
	}
	fmt.Fprintln(b, t.Summary(&p.Report))
	return b.Flush()
}

// WriteLog prints entries of the provisioning log, a line for each, and below it what went wrong. Times are in UTC.
func (t Text) WriteLog(w io.Writer, entries []state.LogEntry) error {
	b := bufio.NewWriter(w)
	for _, e := range entries {
		who := "the job"
		if e.Source.ID != "" {
			who = nameOf(e.Source.DisplayName, e.Source.UserPrincipalName, e.Source.ID)
		}
		fmt.Fprintf(b, "%s  %-7s  %-7s  %s", e.Time.UTC().Format(time.DateTime+"Z"), clean(e.Status), clean(e.Action), who)
		if e.Target.ID != "" {
			fmt.Fprintf(b, " → %s", clean(e.Target.ID))
		}
		if e.Reason != "" {
			fmt.Fprintf(b, "  (%s)", clean(e.Reason))
		}
		if e.By != "" {
			fmt.Fprintf(b, " by %s", clean(e.By))
		}
		fmt.Fprintln(b)
		if !t.Brief {
			for _, m := range e.Modified {
				writeAttribute(b, Action(e.Action), Attribute(m))
			}
		}
		if e.Error != "" {
			fmt.Fprintf(b, "      error: %s\n", clean(strings.TrimSpace(e.Code+" "+e.Error)))
		}
		for _, warning := range e.Warnings {
			fmt.Fprintf(b, "      warning: %s\n", clean(warning))
		}
	}
	return b.Flush()
}
