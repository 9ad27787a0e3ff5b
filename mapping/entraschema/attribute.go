package entraschema

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"ringsync/connectors"
	"ringsync/mapping"
	"ringsync/mapping/expr"
)

// attribute translates one attribute mapping. What the schemas make of it, compile finds out.
func (t *translator) attribute(r *Rule, o *ObjectMapping, m AttributeMapping) Attribute {
	a := Attribute{Place: m.Place}
	a.Target = strings.TrimSpace(m.Target)
	if known, ok := t.target.Lookup(a.Target); ok {
		a.Target = known.Name
	}
	a.Default = m.Default.value()
	if m.Priority > 0 {
		a.Match = int(m.Priority)
	}
	t.from(&a, m)
	t.timing(&a, r, o, m)
	t.isReference(&a, r, o, m)
	if !m.Enabled {
		t.off(&a, "switched off in the export")
	}
	return a
}

// value is the scalar as a default has it, nil for none.
func (s *Scalar) value() *connectors.Value {
	if s == nil {
		return nil
	}
	v := connectors.StringValue(s.Text)
	if s.Truth {
		v = connectors.BoolValue(s.Text == "true")
	}
	if n, err := strconv.ParseInt(s.Text, 10, 64); err == nil && s.Number {
		v = connectors.IntValue(n)
	}
	return &v
}

// remark says what is different from the export, beside the mapping and as a note.
func (t *translator) remark(a *Attribute, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	a.Remarks = append(a.Remarks, text)
	t.note(a.Place, "attribute mapping of %s: %s", clip(a.Target), text)
}

// from translates where the value comes from: an attribute, a constant, an expression.
func (t *translator) from(a *Attribute, m AttributeMapping) {
	if m.Source == nil {
		// "None" in the portal (the default, if the target has no value yet), or a constant as old templates write it: the
		// export does not tell which. Sent with a create only, it is right for both where it matters.
		if a.Default == nil {
			t.off(a, "it has neither a source nor a default value")
			return
		}
		text := a.Default.Text()
		a.Constant, a.Default, a.Apply = &text, nil, "create"
		t.remark(a, "the export has a default value and no source, so it is sent when an account is created; without apply: create it is sent always")
		return
	}
	tree, rebuilt, raw, err := m.Source.tree()
	if err != nil {
		a.Expression = raw
		t.off(a, err.Error())
		return
	}
	if rebuilt {
		t.remark(a, "the export has no readable text of this expression; it was put together from its parameters")
	}
	modern, old := modernize(tree, t.source)
	if len(old) > 0 {
		slices.Sort(old)
		a.Remarks = append(a.Remarks, strings.Join(slices.Compact(old), ", ")+" in the export")
	}
	switch modern.Kind {
	case expr.Attribute:
		a.Source = modern.Text
	case expr.Text, expr.Number:
		text := modern.Text
		a.Constant = &text
	default:
		a.Expression = raw
		if len(old) > 0 || rebuilt || strings.ContainsFunc(raw, func(r rune) bool { return r < ' ' }) {
			a.Expression = modern.String()
		}
	}
}

// timing translates when the value is sent.
func (t *translator) timing(a *Attribute, r *Rule, o *ObjectMapping, m AttributeMapping) {
	switch strings.ToLower(strings.TrimSpace(m.FlowType)) {
	case "", "always", "0":
	case "objectaddonly", "1":
		a.Apply = "create"
	default:
		a.Apply = "create"
		t.remark(a, "the flow type %s has no counterpart: it is sent only when an account is created", clip(m.FlowType))
	}
	if b := strings.ToLower(strings.TrimSpace(m.FlowBehavior)); b != "" && b != "flowwhenchanged" && b != "0" {
		t.remark(a, "the flow behaviour %s has no counterpart: ringsync sends what differs", clip(m.FlowBehavior))
	}
	if m.Missing {
		t.remark(a, "exportMissingReferences has no counterpart and is left out")
	}
	if !m.Nulls {
		return
	}
	if d, ok := t.schema.definition(r.Source, o.Source, m.sourceName()); ok && !d.Nulls {
		t.remark(a, "null values flow for the mapping and not for the source attribute, so they do not: when_null: clear removes the value")
		return
	}
	a.WhenNull = "clear"
}

// sourceName is the attribute that a direct mapping reads, "" for any other.
func (m AttributeMapping) sourceName() string {
	if m.Source == nil || m.Source.isFunction() {
		return ""
	}
	return strings.Trim(m.Source.Name, "[]")
}

// isReference leaves out what refers to other objects, with a better reason than that the names are unknown.
func (t *translator) isReference(a *Attribute, r *Rule, o *ObjectMapping, m AttributeMapping) {
	for _, at := range [][3]string{{r.Source, o.Source, m.sourceName()}, {r.Target, o.Target, m.Target}} {
		if d, ok := t.schema.definition(at[0], at[1], at[2]); ok && sameName(d.Type, "Reference") {
			t.off(a, fmt.Sprintf("%s refers to another person, and RingCentral keeps no references", d.Name))
			return
		}
	}
}

// compile has package mapping judge the attribute mappings, and mends or leaves out what it refuses until all is well.
func (t *translator) compile() {
	t.distinctMatches()
	for {
		var rules []mapping.Rule
		var of []*Attribute
		for i := range t.Attributes {
			if a := &t.Attributes[i]; a.Off == "" {
				rules, of = append(rules, a.Rule), append(of, a)
			}
		}
		_, err := mapping.Compile(rules, nil, t.source, t.target, connectors.NewSourceSlots())
		if err == nil {
			break
		}
		changed := false
		for _, e := range unjoin(err) {
			if wrong, ok := errors.AsType[*mapping.Error](e); ok && wrong.Index >= 0 {
				changed = t.mend(of[wrong.Index], wrong) || changed
			} else {
				changed = t.matchSomething() || changed
			}
		}
		if !changed {
			t.giveUp()
			return
		}
	}
	for _, a := range t.Attributes {
		if a.Off != "" {
			t.note(a.Place, "attribute mapping of %s: left out, because %s", clip(a.Target), a.Off)
		}
	}
}

// unjoin gives the errors that errors.Join put together.
func unjoin(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}

// distinctMatches gives every matching attribute an order of its own: Entra takes the same for two.
func (t *translator) distinctMatches() {
	taken := map[int]bool{}
	for i := range t.Attributes {
		a := &t.Attributes[i]
		if a.Match == 0 || a.Off != "" {
			continue
		}
		first := a.Match
		for taken[a.Match] {
			a.Match++
		}
		taken[a.Match] = true
		if a.Match != first {
			t.remark(a, "the matching priority %d is taken", first)
		}
	}
}

// mend takes back what is wrong with one field if the mapping makes sense without it, and leaves the mapping out
// otherwise. It reports whether it changed anything: what is taken back already may be wrong for two reasons.
func (t *translator) mend(a *Attribute, wrong *mapping.Error) bool {
	switch {
	case a.Off != "":
		return false
	case wrong.Field == "match":
		if a.Match == 0 {
			return false
		}
		a.Match, a.unmatched = 0, true
		t.remark(a, "it does not match: %v", wrong.Err)
	case wrong.Field == "default":
		if a.Default == nil {
			return false
		}
		t.remark(a, "the default value %q is left out: %v", clip(a.Default.Text()), wrong.Err)
		a.Default = nil
	case wrong.Field == "when_null":
		if a.WhenNull == "" {
			return false
		}
		a.WhenNull = ""
		t.remark(a, "null values do not flow: %v", wrong.Err)
	case wrong.Field == "apply" && !a.toggled:
		if a.toggled = true; a.Apply == "create" {
			a.Apply = ""
		} else {
			a.Apply = "create"
		}
		t.remark(a, "when it is sent has changed: %v", wrong.Err)
	default:
		t.off(a, wrong.Err.Error())
	}
	return true
}

// matchSomething makes userName the matching attribute, for want of one in the export that can be. It reports whether
// it found anything to try.
func (t *translator) matchSomething() bool {
	for i := range t.Attributes {
		a := &t.Attributes[i]
		if a.Off != "" || a.Target != attrUserName {
			continue
		}
		if a.added {
			return false
		}
		if !a.unmatched {
			a.Match = 1
			t.remark(a, "it matches, because no matching attribute of the export can")
			return true
		}
		t.off(a, "no account could be found by it")
	}
	if slices.ContainsFunc(t.Attributes, func(a Attribute) bool { return a.added }) {
		return false
	}
	t.add(mapping.Rule{Target: attrUserName, Source: "mail", Match: 1}, "by which accounts are found; no matching attribute of the export can be")
	return true
}

// add puts in a mapping that the export lacks and the target cannot do without.
func (t *translator) add(rule mapping.Rule, why string) {
	a := Attribute{Rule: rule, added: true, Remarks: []string{"not in the export"}}
	t.note(Place{}, "an attribute mapping of %s is added, %s", rule.Target, why)
	t.Attributes = append(t.Attributes, a)
}

// giveUp leaves everything out. It takes a source or target that lacks what every account has.
func (t *translator) giveUp() {
	t.Name = ""
	for i := range t.Attributes {
		t.off(&t.Attributes[i], "no account could be found")
	}
	t.note(Place{}, "no attribute mapping can match: the default mapping is used")
}

// complete adds what a configuration needs beyond what the export says, and tells what the target will miss.
func (t *translator) complete(m *ObjectMapping) {
	active := -1
	for i, a := range t.Attributes {
		if a.Target == attrActive && (active < 0 || a.Off == "") {
			active = i
		}
	}
	switch {
	case active >= 0 && t.Attributes[active].Off == "":
		if a := t.Attributes[active]; !strings.Contains(strings.ToLower(a.Source+a.Expression), "[issoftdeleted]") && !sameName(a.Source, "IsSoftDeleted") {
			t.note(a.Place, "active does not depend on IsSoftDeleted, so Entra's service leaves the accounts of leavers as they are; ringsync disables them unless deprovision says keep")
		}
	case active >= 0:
		t.add(mapping.Rule{Target: attrActive, Expression: activeExpression}, "as Entra's default has it, for the one that is left out")
	default:
		t.Actions = slices.DeleteFunc(t.Actions, func(s string) bool { return s == "disable" })
		t.note(m.Place, "the export does not map active, so neither Entra's service nor this configuration disables anybody: map active and add disable to users.actions")
	}
	for _, required := range t.target.Attributes() {
		if required.Required && !slices.ContainsFunc(t.Attributes, func(a Attribute) bool { return a.Off == "" && a.Target == required.Name }) {
			t.note(m.Place, "nothing is mapped to %s, which RingCentral requires: nobody can be created", required.Name)
		}
	}
}
