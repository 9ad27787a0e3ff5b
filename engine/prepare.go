package engine

import (
	"context"
	"errors"
	"slices"
	"strings"

	"ringsync/connectors"
	"ringsync/engine/plan"
	"ringsync/state"
)

// prepared is all that is known about one person's change before the first write. A dry run ends here; the exporter
// goes on.
type prepared struct {
	person   *state.Person     // as it will be once the change is acknowledged, but for what was sent
	sent     uint64            // generation
	linked   bool              // a link was found just now
	free     bool              // and the account was in the list as nobody's
	reread   bool              // the linked account was read just now
	yielded  []plan.Difference // what the conflict took out of the decision
	decision plan.Decision
	conflict *conflict // stops the whole change, or only what decision no longer has
	err      error
}

// prepare matches one person if need be and decides. It reads only.
func (j *Job) prepare(ctx context.Context, target TargetReader, l *listing, p *state.Person) prepared {
	out := prepared{person: p, sent: p.Generation}
	if p.TargetID == "" {
		if out.err = j.link(ctx, target, l, p); out.err != nil {
			if c, ok := errors.AsType[*conflict](out.err); ok {
				out.conflict, out.err = c, nil
			}
			out.decision = j.Policy.Decide(p)
			return out
		}
		out.linked = p.TargetID != ""
		out.free = out.linked && l != nil && l.unlinked.has(p.TargetID)
	} else if unseen(p) {
		if out.err = j.reread(ctx, target, p); out.err != nil {
			out.decision = j.Policy.Decide(p)
			return out
		}
		out.reread = true
	}
	out.decision = j.Policy.Decide(p)
	var heir *state.Person
	if heir, out.err = j.heir(ctx, p); out.err != nil {
		return out
	}
	if why := j.Policy.Foreign(p, heir); why != "" && out.decision.Action != plan.None {
		out.conflict, out.yielded = &conflict{code: "EntryConflict", text: why}, out.decision.Differences
		out.decision = plan.Decision{}
		return out
	}
	if p.TargetID == "" && p.Unfit {
		out.decision = plan.Decision{} // looked for in vain; and as they are, nobody can be made of them
	}
	if p.Held != 0 && out.decision.Removal {
		out.decision = j.Policy.HoldBack(out.decision)
	}
	if !out.unjudged() {
		out.err = j.yield(ctx, &out)
	}
	return out
}

// unjudged reports whether finding the account has brought up a removal. The guard judges it before any rival is looked for,
// as it does with removals that a cycle finds: which of two people is linked first must make no difference.
func (p prepared) unjudged() bool { return p.linked && p.decision.Removal }

// link finds the person's account, or finds that a create would collide.
func (j *Job) link(ctx context.Context, target TargetReader, l *listing, p *state.Person) error {
	// What is theirs, or what a create of ours may have made, comes before any conflict: it may be what the conflict is
	// about, and who has an account wants no other.
	hit, found, err := j.matchMarked(l, p)
	if err == nil && !found && (p.Unsettled || len(p.Tried) > 0) {
		hit, found, err = j.matchMade(ctx, target, p)
	}
	if err != nil {
		return err
	}
	if found {
		return j.adopt(ctx, target, l, p, hit)
	}
	if p.Scope == state.InScope {
		err := j.store.View(ctx, func(v *state.View) error {
			rival, attribute, value, err := j.rivals(v, p)
			if rival != nil {
				return rivalry(p, rival, attribute, value)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	if hit, found, err = j.match(ctx, target, l, p); err != nil || !found {
		return err
	}
	return j.adopt(ctx, target, l, p, hit)
}

// yield takes out of an update what would give the person a matching value that somebody else holds: the matching
// attribute and every attribute with the same value, since the mail that is a user name must be free as a mail too. The
// rest goes out.
func (j *Job) yield(ctx context.Context, out *prepared) error {
	d := out.decision
	changes := slices.ContainsFunc(d.Differences, func(d plan.Difference) bool { return slices.Contains(j.Policy.Matching, d.Slot) })
	if !changes || d.Action == plan.Create || out.person.Scope != state.InScope {
		return nil
	}
	return j.store.View(ctx, func(v *state.View) error {
		rival, attribute, value, err := j.rivals(v, out.person)
		if err != nil || rival == nil {
			return err
		}
		out.conflict = rivalry(out.person, rival, attribute, value)
		j.withhold(out, value)
		return nil
	})
}

// withhold takes every difference that would give the person the value out of the decision.
func (j *Job) withhold(out *prepared, value string) {
	var rest []plan.Difference
	for _, d := range out.decision.Differences {
		if strings.EqualFold(d.New.Text(), value) {
			out.yielded = append(out.yielded, d)
		} else {
			rest = append(rest, d)
		}
	}
	if len(rest) == 0 {
		out.decision = plan.Decision{}
		return
	}
	out.decision.Differences = rest
	active := slices.ContainsFunc(rest, func(d plan.Difference) bool { return j.target.Names()[d.Slot] == plan.AttrActive })
	out.decision.Removal = out.decision.Action == plan.Disable && active
}

// giveWay takes out of an update every matching value, since the target has refused to give the account one of them.
func (j *Job) giveWay(out *prepared, refusal *conflict) {
	for _, d := range out.decision.Differences {
		if slices.Contains(j.Policy.Matching, d.Slot) && !d.New.IsEmpty() {
			j.withhold(out, d.New.Text())
			out.conflict = refusal
		}
	}
}

// values returns what is wanted, by target slot, for the writer: for a create all of it, for a change the whole as it
// will stand, of which the writer takes the changed slots and what must go with them.
func (j *Job) values(p *state.Person, d plan.Decision) []connectors.Value {
	values := make([]connectors.Value, j.target.Len())
	for slot, name := range j.target.Names() {
		a := p.Attribute(name)
		switch {
		case a == nil:
		case d.Action != plan.Create && (a.OnCreate || a.Want.Kind() == connectors.Absent):
			values[slot] = a.Known()
		default:
			values[slot] = a.Want
		}
	}
	for _, diff := range d.Differences {
		values[diff.Slot] = diff.New
	}
	return values
}

// change tells of the prepared change in the words of the report.
func (j *Job) change(p prepared, status string) plan.Change {
	c := plan.Change{
		Action: p.decision.Action, Reason: p.decision.Reason, Source: sourceRef(p.person), Target: targetRef(p.person), Status: status,
	}
	if p.decision.Action == plan.Create || p.person.TargetID == "" {
		c.Target.ID = ""
	}
	if n := len(p.decision.Differences); n > 0 {
		c.Attributes = make([]plan.Attribute, 0, n)
	}
	for _, d := range p.decision.Differences {
		a := j.Policy.Attributes[d.Slot]
		c.Attributes = append(c.Attributes, plan.Attribute{Name: a.Name, Old: shown(d.Old, a), New: shown(d.New, a)})
	}
	switch {
	case p.conflict != nil:
		c.Error = p.conflict.text
	case p.err != nil:
		c.Error = j.told(p.person, p.err)
	case p.decision.Skip != "":
		c.Error = p.decision.Skip
	}
	return c
}
