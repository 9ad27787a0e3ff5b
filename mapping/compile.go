package mapping

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"ringsync/connectors"
	"ringsync/mapping/expr"
	"ringsync/mapping/filter"
)

// Compile checks rules and filters against what source and target offer, and adds the source attributes they read to
// slots. The error joins an *Error for everything that is wrong.
func Compile(rules []Rule, filters []filter.Group, source, target *connectors.Schema, slots *connectors.Slots) (*Mapping, error) {
	c := &compiler{
		source: sourceAttributes{schema: source, slots: slots, secret: map[int]bool{}},
		target: target,
		seen:   map[string]int{},
		m:      &Mapping{target: connectors.NewSlots()},
	}
	for i, r := range rules {
		c.rule(i, r)
	}
	c.order(rules)
	c.filter(filters)
	if len(c.errs) > 0 {
		return nil, errors.Join(c.errs...)
	}
	c.m.secret = c.source.secret
	c.m.fingerprint = c.m.hash()
	return c.m, nil
}

type compiler struct {
	source sourceAttributes
	target *connectors.Schema
	seen   map[string]int // canonical target name to rule
	m      *Mapping
	errs   []error
}

// checker collects what is wrong with one rule.
type checker struct {
	*compiler
	index int
	rule  Rule
}

func (c checker) fail(field string, err error) {
	c.errs = append(c.errs, &Error{Index: c.index, Clause: -1, Field: field, Target: c.rule.Target, Err: err})
}

func (c checker) failf(field, format string, args ...any) { c.fail(field, fmt.Errorf(format, args...)) }

func (c *compiler) rule(i int, r Rule) {
	k := checker{compiler: c, index: i, rule: r}
	a, known := k.targetAttribute()
	u := k.from(a, known)
	k.timing(&u)
	u.standIn = k.constant("default", r.Default, a, known)
	if r.Match != 0 && known {
		k.matching(a, u)
	}
	if !known {
		return
	}
	a.Secret = u.program != nil && u.program.Redacted()
	c.m.target.Add(a.Name)
	c.m.attributes = append(c.m.attributes, a)
	c.m.rules = append(c.m.rules, u)
}

// targetAttribute looks the target up; ok is false if the rule has none that it may write.
func (c checker) targetAttribute() (a connectors.Attribute, ok bool) {
	name := c.rule.Target
	if name == "" {
		c.failf("target", "a target attribute is needed")
		return a, false
	}
	a, ok = c.target.Lookup(name)
	if !ok {
		if near := c.target.Nearest(name); near != "" {
			c.failf("target", "%s has no attribute %s; did you mean %s?", c.target.Name, name, near)
		} else {
			c.failf("target", "%s has no attribute %s", c.target.Name, name)
		}
		return a, false
	}
	if a.ReadOnly {
		c.failf("target", "%s is set by the target and cannot be written", a.Name)
		return a, false
	}
	if first, twice := c.seen[a.Name]; twice {
		c.failf("target", "%s is mapped already, by mapping %d", a.Name, first+1)
		return a, false
	}
	c.seen[a.Name] = c.index
	return a, true
}

// from compiles where the value comes from.
func (c checker) from(a connectors.Attribute, known bool) rule {
	r := c.rule
	given := 0
	for _, is := range []bool{r.Source != "", r.Expression != "", r.Constant != nil} {
		if is {
			given++
		}
	}
	if given != 1 {
		c.failf("", "exactly one of source, expression and constant is needed, not %d", given)
		return rule{}
	}
	switch {
	case r.Source != "":
		return c.direct()
	case r.Expression != "":
		program, err := expr.Compile(r.Expression, c.source)
		if err != nil {
			c.fail("expression", err)
			return rule{}
		}
		if err := program.Unmappable(); err != nil {
			c.fail("expression", err)
		}
		if program.Random() && r.Apply != "create" && r.Match == 0 {
			c.failf("apply", "the expression gives another value each time: it needs apply: create")
		}
		if program.Redacted() {
			for _, slot := range program.Attributes() {
				c.source.secret[slot] = true
			}
		}
		return rule{program: program, text: program.String()}
	default:
		v := connectors.StringValue(*r.Constant)
		if v.IsEmpty() {
			c.failf("constant", "it is empty")
		}
		return rule{constant: c.constant("constant", &v, a, known)}
	}
}

func (c checker) direct() rule {
	slot, a, ok := c.source.Attribute(c.rule.Source)
	if !ok {
		if near := c.source.Nearest(c.rule.Source); near != "" {
			c.failf("source", "unknown attribute %s; did you mean %s?", c.rule.Source, near)
		} else {
			c.failf("source", "unknown attribute %s", c.rule.Source)
		}
		return rule{}
	}
	if a.Type == connectors.TypeComplex {
		c.failf("source", "%s holds objects, not text: it needs an expression", a.Name)
	}
	return rule{slot: slot, text: "[" + a.Name + "]"}
}

// constant returns a fixed value in the form that the target attribute takes, Absent if there is none.
func (c checker) constant(field string, v *connectors.Value, a connectors.Attribute, known bool) connectors.Value {
	if v == nil || v.IsEmpty() || !known {
		return connectors.Value{}
	}
	fixed, err := coerce(*v, &a)
	if err != nil {
		c.fail(field, err)
		return connectors.Value{}
	}
	return fixed
}

func (c checker) timing(u *rule) {
	switch c.rule.Apply {
	case "", "always":
	case "create":
		u.createOnly = true
	default:
		c.failf("apply", "unknown value %q: always or create", c.rule.Apply)
	}
	switch c.rule.WhenNull {
	case "", "keep":
	case "clear":
		u.clear = true
	default:
		c.failf("when_null", "unknown value %q: keep or clear", c.rule.WhenNull)
	}
	if u.createOnly && u.clear {
		c.failf("when_null", "clear has no effect with apply: create, which leaves existing accounts alone")
	}
}

// matching checks what a matching attribute needs: a value of each person's own, by which the target can be searched.
func (c checker) matching(a connectors.Attribute, u rule) {
	switch {
	case c.rule.Match < 0:
		c.failf("match", "the order of matching attributes is counted from 1, not %d", c.rule.Match)
	case !a.Filterable:
		c.failf("match", "%s cannot be searched by %s", c.target.Name, a.Name)
	case u.program != nil && u.program.Random():
		c.failf("match", "nobody's account would be found again: the expression gives another value each time")
	case !u.constant.IsNull(), u.program != nil && len(u.program.Attributes()) == 0:
		c.failf("match", "everyone would match the same account: the value is the same for all")
	case u.program != nil && u.program.Redacted():
		c.failf("match", "conflicts are told by the matching value, so it cannot be redacted")
	}
	if u.createOnly {
		c.failf("apply", "a matching attribute applies always")
	}
	if u.clear {
		c.failf("when_null", "a matching attribute is never cleared")
	}
	if !u.standIn.IsNull() {
		c.failf("default", "a matching attribute has no default: all who lack a value would share it")
	}
}

// order finds the matching attributes and their order.
func (c *compiler) order(rules []Rule) {
	first := map[int]int{} // order to rule
	type match struct{ order, slot int }
	var matches []match
	for i, r := range rules {
		if r.Match <= 0 {
			continue
		}
		k := checker{compiler: c, index: i, rule: r}
		if j, taken := first[r.Match]; taken {
			k.failf("match", "%d is the order of %s already", r.Match, rules[j].Target)
			continue
		}
		first[r.Match] = i
		if a, ok := c.target.Lookup(r.Target); ok {
			if slot, mapped := c.m.target.Index(a.Name); mapped {
				matches = append(matches, match{r.Match, slot})
			}
		}
	}
	if len(first) == 0 {
		c.errs = append(c.errs, &Error{Index: -1, Clause: -1,
			Err: errors.New("no attribute mapping has match: 1, so accounts could not be found again")})
	}
	slices.SortFunc(matches, func(a, b match) int { return cmp.Compare(a.order, b.order) })
	for _, m := range matches {
		c.m.matching = append(c.m.matching, m.slot)
	}
}

func (c *compiler) filter(groups []filter.Group) {
	f, err := filter.Compile(groups, c.source)
	if err == nil {
		c.m.filter = f
		return
	}
	for _, e := range unjoin(err) {
		wrong := &Error{Filter: true, Index: -1, Clause: -1, Err: e}
		if fe, ok := errors.AsType[*filter.Error](e); ok {
			wrong.Index, wrong.Clause, wrong.Field = fe.Group, fe.Clause, fe.Field
		}
		c.errs = append(c.errs, wrong)
	}
}

// unjoin gives the errors that errors.Join put together.
func unjoin(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}

// hash covers all that the mapping does to a row, whatever the order and the spelling of the rules.
func (m *Mapping) hash() string {
	lines := make([]string, len(m.rules))
	for i, u := range m.rules {
		a := m.attributes[i]
		a.Same = nil // prints as an address, which is another in every process
		lines[i] = fmt.Sprintf("%#v %q %q %q %t %t %d", a, u.text, u.constant.Text(), u.standIn.Text(),
			u.createOnly, u.clear, slices.Index(m.matching, i))
	}
	slices.Sort(lines)
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s\n", strings.Join(lines, "\n"), m.filter)
	return hex.EncodeToString(h.Sum(nil))
}
