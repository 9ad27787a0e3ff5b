package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"ringsync/connectors"
	"ringsync/engine/plan"
	"ringsync/state"
)

// Explain tells of one person, named by source id, userPrincipalName, mail or account id, why they are in scope or
// not, which account is theirs and what would be sent. It is a dry run that is asked about one person: the job must be
// over a state that keeps its changes to itself. Somebody nobody knows gets an explanation too.
func (j *Job) Explain(ctx context.Context, target TargetReader, who string, depth Depth) (*plan.Explanation, error) {
	defer j.phase(PhaseIdle)
	rd, report, err := j.rehearse(ctx, target, Listed)
	if err != nil {
		return nil, err
	}
	e := &explainer{job: j, read: rd.read, out: &plan.Explanation{Warnings: report.Warnings}}
	if err := e.importing(ctx, who); err != nil || !e.out.Known {
		return e.out, err
	}
	e.scoping()
	if e.person == nil {
		return e.out, nil
	}
	if depth == Whole && e.person.TargetID != "" {
		row, err := target.Get(ctx, e.person.TargetID)
		if err != nil {
			return e.out, err
		}
		j.show(e.person, row)
	}
	prepared := j.prepare(ctx, target, rd.listing, e.person)
	if prepared.err != nil {
		return e.out, prepared.err
	}
	e.matching(prepared)
	e.processing()
	e.exporting(prepared)
	return e.out, nil
}

type explainer struct {
	job    *Job
	read   *reading
	id     string
	row    *connectors.Row // nil if the directory has nobody of that name
	person *state.Person   // nil if nothing is remembered of them
	out    *plan.Explanation
}

func (e *explainer) step(kind, status string, details map[string]string, format string, args ...any) {
	e.out.Steps = append(e.out.Steps, state.Step{Type: kind, Status: status, Description: fmt.Sprintf(format, args...), Details: details})
}

// importing finds the person: in the directory, and in the records.
func (e *explainer) importing(ctx context.Context, who string) error {
	p, err := e.job.findPerson(ctx, who)
	if err != nil {
		return err
	}
	name := who
	if p != nil {
		e.person, e.id, name = p, p.ID, p.ID
		e.out.Person, e.out.Known = sourceRef(p), true
	}
	row, err := e.job.source.Person(ctx, name)
	switch {
	case connectors.FaultOf(err) == connectors.FaultNotFound && p == nil:
		e.step("import", "failure", nil, "neither the directory nor the state knows anybody by the name %s", who)
		return nil
	case connectors.FaultOf(err) == connectors.FaultNotFound:
		e.step("import", "warning", nil, "the directory does not have %s any more (%s)", p.Name(), p.Scope)
		return nil
	case err != nil:
		return err
	}
	e.row, e.id = &row, connectors.FoldID(row.ID)
	e.out.Person, e.out.Known = rowRef(row), true
	if e.person == nil {
		if e.person, err = e.job.findPerson(ctx, e.id); err != nil {
			return err
		}
	}
	e.imported()
	return nil
}

// imported tells what the directory says of the person.
func (e *explainer) imported() {
	row := e.row
	details := map[string]string{}
	for slot, name := range e.job.Slots.Names() {
		if v := row.Values[slot]; !v.IsNull() && !connectors.IsComputed(name) {
			details[name] = v.Text()
			if e.job.Mapping.Secret(slot) {
				details[name] = connectors.RedactedText
			}
		}
	}
	e.step("import", "success", details, "read %s from the directory", row.Name())
}

// scoping tells of assignment and filters.
func (e *explainer) scoping() {
	g := e.read.graph
	var through []string
	for l := range g.links(e.id) {
		if g.leads(l.parent) {
			if l.parent == g.root {
				through = append(through, "directly")
			} else {
				through = append(through, "through group "+g.parents[l.parent])
			}
		}
	}
	slices.Sort(through)
	details := map[string]string{}
	switch {
	case e.job.ScopeAll:
		details["Assigned"] = "not asked: everybody in the tenant is in scope"
	case len(through) > 0:
		details["Assigned"] = "True: " + strings.Join(slices.Compact(through), ", ")
	default:
		details["Assigned"] = "False"
	}
	if e.row != nil {
		if on, said := e.row.Values[connectors.SlotAccountEnabled].AsBool(); said {
			details["IsActive"] = connectors.BoolValue(on).Text()
		}
		details["ScopingFilters"] = e.job.Mapping.Filter().Decide(e.row.Values, e.read.now).Why()
	}
	scope, reason := state.Unassigned, ""
	if s, ok := e.read.looked(e.id); ok {
		scope, reason = s.scope, s.why
	}
	if e.person != nil && e.person.Scope != state.ScopeUnknown {
		scope, reason = e.person.Scope, e.person.Reason
	}
	if skipped, ok := e.read.skipped[e.id]; ok {
		reason = skipped.Reason
	}
	status := "success"
	if scope != state.InScope {
		status = "skipped"
	}
	text := scope.String()
	if reason != "" && reason != text {
		text += ": " + strings.TrimPrefix(reason, text+": ")
	}
	e.step("scoping", status, details, "%s", text)
}

// matching tells which account is theirs and how that is known.
func (e *explainer) matching(p prepared) {
	details := map[string]string{"MatchingAttributes": e.matchingValues()}
	switch {
	case p.conflict != nil && p.person.TargetID == "":
		e.step("matching", "failure", details, "%s", p.conflict.text)
	case p.linked:
		e.step("matching", "success", details, "found account %s, which would be linked", p.person.TargetID)
	case p.person.TargetID != "":
		e.step("matching", "success", details, "linked to account %s", p.person.TargetID)
	default:
		e.step("matching", "success", details, "no account has these values")
	}
}

// matchingValues tells by what they are looked for.
func (e *explainer) matchingValues() string {
	var wanted []string
	for _, name := range MatchingNames(e.job.Mapping) {
		if a := e.person.Attribute(name); a != nil && !a.Want.IsEmpty() {
			wanted = append(wanted, fmt.Sprintf("%s = %s", name, a.Want.Text()))
		}
	}
	return strings.Join(wanted, ", ")
}

// processing tells what the mapping wants and what of it the target will take.
func (e *explainer) processing() {
	details := map[string]string{}
	for _, of := range e.job.Policy.Attributes {
		if a := e.person.Attribute(of.Name); a != nil && a.Want.Kind() != connectors.Absent {
			details[of.Name] = shown(a.Want, of).Text()
		}
	}
	status := "success"
	text := fmt.Sprintf("%d attributes are wanted", len(details))
	if notes := e.read.notes[e.id]; len(notes) > 0 {
		status, text = "warning", strings.Join(notes, "; ")
	}
	e.step("processing", status, details, "%s", text)
}

// exporting tells what would be sent.
func (e *explainer) exporting(p prepared) {
	c := e.job.foresee(p.person, p, false)[0]
	c.Held, c.Warnings = p.person.Held, e.read.notes[e.id]
	switch {
	case c.Action == plan.None && c.Error == "":
		e.step("export", "skipped", map[string]string{"SkipReason": "RedundantExport"}, "nothing differs")
		return
	case c.Action == plan.None:
		e.step("export", "skipped", nil, "%s", c.Error)
		return
	}
	e.out.Change = &c
	e.step("export", c.Status, nil, "%s: %s", c.Action, c.Reason)
}
