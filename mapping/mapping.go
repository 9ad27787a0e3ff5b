package mapping

import (
	"errors"
	"slices"
	"time"

	"ringsync/connectors"
	"ringsync/mapping/expr"
	"ringsync/mapping/filter"
)

// Mapping is a job's compiled attribute mappings and scoping filters. It may be used by several goroutines at once.
type Mapping struct {
	rules       []rule
	target      *connectors.Slots
	attributes  []connectors.Attribute
	matching    []int
	filter      *filter.Filter
	secret      map[int]bool // source slots
	fingerprint string
}

// rule is one compiled Rule; its index is the slot of its target attribute.
type rule struct {
	text       string           // the expression, or the source attribute in brackets; "" for a constant
	slot       int              // of the source attribute, if there is neither program nor constant
	program    *expr.Program    // nil if the rule has no expression
	constant   connectors.Value // Absent if the rule has no constant
	standIn    connectors.Value // the default, Absent if there is none
	createOnly bool
	clear      bool // null clears
}

// Target returns the slots of the mapped target attributes, by their canonical names.
func (m *Mapping) Target() *connectors.Slots { return m.target }

// Attributes returns the target attributes by slot. It is not to be changed.
func (m *Mapping) Attributes() []connectors.Attribute { return m.attributes }

// Matching returns the target slots of the matching attributes, in the order in which they are asked. It is not to be
// changed.
func (m *Mapping) Matching() []int { return m.matching }

// Filter returns the scoping filters.
func (m *Mapping) Filter() *filter.Filter { return m.filter }

// From says where the values of a target slot come from, for people: a source attribute in brackets, an expression, or a
// constant.
func (m *Mapping) From(slot int) string {
	if u := m.rules[slot]; u.text != "" {
		return u.text
	}
	return "a constant"
}

// Fingerprint identifies what the mapping does: it stays the same when rules are reordered, respelled or renamed, and
// changes whenever the same row could map to something else.
func (m *Mapping) Fingerprint() string { return m.fingerprint }

// ReadsClock reports whether what existing accounts should have, or who passes the filters, depends on the time: everybody
// has then to be evaluated anew once a day.
func (m *Mapping) ReadsClock() bool {
	return m.filter.ReadsClock() || slices.ContainsFunc(m.rules, func(u rule) bool {
		return u.program != nil && u.program.ReadsClock() && !u.createOnly
	})
}

// Once reports whether the value of a target slot, which only a create sends, is another with each evaluation: the first
// one counts then.
func (m *Mapping) Once(slot int) bool {
	u := &m.rules[slot]
	return u.createOnly && u.program != nil && (u.program.Random() || u.program.ReadsClock())
}

// Secret reports whether the values of a source slot are to be shown to nobody, because a mapping redacts them. Of target
// attributes their description says so.
func (m *Mapping) Secret(source int) bool { return m.secret[source] }

// Has reports whether the target attribute of that canonical name is mapped.
func (m *Mapping) Has(target string) bool {
	_, ok := m.target.Index(target)
	return ok
}

// Result is what a row maps to, by target slot. Its slices are reused by the next Apply.
type Result struct {
	// Always is what the account should have: Absent leaves the attribute alone, Null clears it.
	Always []connectors.Value
	// Create is what a create sends beyond that, or in place of it: the values of rules with apply: create, and
	// defaults that stand in for null. The rest is Absent.
	Create []connectors.Value
	// Failures are the attributes that could not be worked out for this person. Both their values are Absent.
	Failures []Failure
	env      expr.Environment
}

// Failure is why one target attribute has no value.
type Failure struct {
	Slot int
	Err  error
}

// Apply maps one person's row into r. now is the moment for expressions that read the clock.
func (m *Mapping) Apply(row []connectors.Value, now time.Time, r *Result) {
	r.env.Now = now
	r.Always = reset(r.Always, len(m.rules))
	r.Create = reset(r.Create, len(m.rules))
	clear(r.Failures)
	r.Failures = r.Failures[:0]
	for i := range m.rules {
		u := &m.rules[i]
		v, err := u.value(row, &r.env, &m.attributes[i])
		switch {
		case err != nil:
			r.Failures = append(r.Failures, Failure{Slot: i, Err: err})
		case v.Kind() == connectors.Absent: // the expression says to leave it out
		case v.Kind() == connectors.Null:
			r.Create[i] = u.standIn
			if u.clear {
				r.Always[i] = v
			}
		case u.createOnly:
			r.Create[i] = v
		default:
			r.Always[i] = v
		}
	}
}

func reset(values []connectors.Value, length int) []connectors.Value {
	if cap(values) < length {
		return make([]connectors.Value, length)
	}
	values = values[:length]
	clear(values)
	return values
}

// value works out the rule for a row, in the form that the target attribute takes. Null is Null, whatever the source
// left unsaid; Absent means that nothing is to be sent.
func (u *rule) value(row []connectors.Value, env *expr.Environment, to *connectors.Attribute) (connectors.Value, error) {
	if !u.constant.IsNull() {
		return u.constant, nil
	}
	v := connectors.NullValue()
	switch {
	case u.program != nil:
		var err error
		if v, err = u.program.Eval(row, env); err != nil {
			return v, err
		}
	case u.slot < len(row) && !row[u.slot].IsNull():
		v = row[u.slot]
	}
	v, err := coerce(v, to)
	if err != nil && to.Secret {
		err = errors.New("the value does not fit; it is not shown because of Redact")
	}
	return v, err
}
