// Package filter owns scoping filters: which people a job is about, by their attributes. Filters are compiled once
// and then decide for every person, and a decision can say in a sentence what it rests on.
//
// It leaves assignment, and what happens to people who are out of scope, to the engine. Its rules are Entra's
// ("Define conditional rules for provisioning user accounts"), and beyond them multi-valued attributes and dates:
//
//   - A group passes if all its clauses are true; a person passes if any group does. Without groups everyone passes.
//   - A clause about an attribute that is null or empty is false, NOT EQUALS and NOT REGEX MATCH included; only
//     IS NULL is true.
//   - Text compares with regard to letter case.
//   - Of a multi-valued attribute, any or all values have to pass, as the clause says. Values that are null or empty do
//     not count; who has no other is without a value.
//   - Dates are moments: a date alone is midnight UTC. The reference to today makes a filter depend on the day, not on
//     the hour, so it needs to be asked anew once a day (ReadsClock).
//   - A regular expression (.NET) may match anywhere in the value: write ^ and $ to have it match the whole. Its
//     backslashes are not doubled, unlike in mapping expressions.
package filter

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"ringsync/connectors"
)

// Group is one scoping filter as it is written: a name for people, and clauses that all have to be true.
type Group struct {
	Name string
	All  []Clause
}

// Clause is one condition: an attribute, one of Entra's operators by name, and a value unless the operator takes
// none. Multivalued is "any" or "all" for an attribute with several values, else empty.
type Clause struct {
	Attribute, Operator, Value string
	Multivalued                string
}

// Filter is a job's compiled scoping filters. It may be used by several goroutines at once.
type Filter struct{ groups []group }

type group struct {
	name    string
	clauses []clause
}

type clause struct {
	attribute  string
	slot       int
	secret     bool // the attribute's values are not shown
	quantifier string
	operator   *operator
	value      string
	operand
}

// matchTime is how long a regular expression may search one value.
const matchTime = 100 * time.Millisecond

// Decision is whether a person is within the filters, and why.
type Decision struct {
	Pass bool
	// Group and Clause are the indexes of the clause that decided: the last clause of the group that passed, or the
	// first false clause of the first group, or the clause that Err is about. They are -1 if there are no filters.
	Group, Clause int
	// Err, if not nil, is why it could not be decided: a regular expression took too long, and no other group lets
	// the person pass. Pass is then false, but proves nothing.
	Err error

	filter *Filter
	row    []connectors.Value
	now    time.Time
}

// ReadsClock reports whether the decision depends on the day (UTC).
func (f *Filter) ReadsClock() bool {
	for i := range f.groups {
		for _, c := range f.groups[i].clauses {
			if c.date != nil && c.date.relative {
				return true
			}
		}
	}
	return false
}

// Decide evaluates the filters for one person at a moment. It does not keep the row, but the Decision refers to it.
func (f *Filter) Decide(row []connectors.Value, now time.Time) Decision {
	d := Decision{Pass: true, Group: -1, Clause: -1, filter: f, row: row, now: now}
	for i := range f.groups {
		failed, err := f.groups[i].decide(row, now)
		if failed < 0 {
			d.Pass, d.Group, d.Clause, d.Err = true, i, len(f.groups[i].clauses)-1, nil
			return d
		}
		if i == 0 || err != nil && d.Err == nil {
			d.Pass, d.Group, d.Clause, d.Err = false, i, failed, err
		}
	}
	return d
}

// decide returns the index of the first clause that is false, or that cannot be decided; -1 if all are true. A clause
// that cannot be decided does not matter if another is false.
func (g *group) decide(row []connectors.Value, now time.Time) (failed int, err error) {
	failed = -1
	for i := range g.clauses {
		holds, clauseErr := g.clauses[i].holds(row, now)
		if clauseErr == nil && !holds {
			return i, nil
		}
		if clauseErr != nil && failed < 0 {
			failed, err = i, fmt.Errorf("filter %q: %s: %w", g.name, &g.clauses[i], clauseErr)
		}
	}
	return failed, err
}

func (c *clause) holds(row []connectors.Value, now time.Time) (bool, error) {
	v := at(row, c.slot)
	switch {
	case c.operator.whole:
		return c.operator.test(c, v, now)
	case isNothing(v):
		return false, nil
	case v.Kind() == connectors.List:
		return c.holdsFor(v, now)
	}
	return c.operator.test(c, v, now)
}

// holdsFor asks for each of several values, of which at least one is something. A value that cannot be decided does not
// matter if another settles it.
func (c *clause) holdsFor(list connectors.Value, now time.Time) (bool, error) {
	if c.quantifier == "" && something(list) > 1 {
		return false, errors.New("it has several values: say with multivalued whether any or all of them have to pass")
	}
	settling := c.quantifier == "any"
	var undecided error
	for i := range list.Len() {
		item := list.At(i)
		if item.IsEmpty() {
			continue
		}
		holds, err := c.operator.test(c, item, now)
		switch {
		case err != nil:
			undecided = err
		case holds == settling:
			return settling, nil
		}
	}
	return !settling && undecided == nil, undecided
}

// isNothing reports whether v is null, empty, or a list of nothing else.
func isNothing(v connectors.Value) bool {
	return v.IsEmpty() || v.Kind() == connectors.List && something(v) == 0
}

// something counts the values of a list that are neither null nor empty.
func something(list connectors.Value) (n int) {
	for i := range list.Len() {
		if !list.At(i).IsEmpty() {
			n++
		}
	}
	return n
}

func at(row []connectors.Value, slot int) connectors.Value {
	if slot >= len(row) {
		return connectors.Value{}
	}
	return row[slot]
}

// Why gives the decision as a sentence that names the clauses which decided and the values they saw. It reads the row
// that was decided on, and so is to be asked before that is changed.
func (d Decision) Why() string {
	switch {
	case d.Err != nil:
		return d.Err.Error()
	case d.Group < 0:
		return "there are no scoping filters"
	case d.Pass:
		g := &d.filter.groups[d.Group]
		seen := make([]string, len(g.clauses))
		for i := range g.clauses {
			seen[i] = g.clauses[i].saw(d.row)
		}
		return fmt.Sprintf("filter %q: %s", g.name, strings.Join(seen, " and "))
	}
	failed := make([]string, len(d.filter.groups))
	for i := range d.filter.groups {
		g := &d.filter.groups[i]
		clause, _ := g.decide(d.row, d.now)
		failed[i] = fmt.Sprintf("filter %q: %s", g.name, g.clauses[clause].saw(d.row))
	}
	return strings.Join(failed, "; ")
}

// saw is the clause with the value that it was asked about.
func (c *clause) saw(row []connectors.Value) string {
	v := at(row, c.slot)
	switch {
	case isNothing(v):
		return c.String() + " saw no value"
	case c.secret:
		return c.String() + " saw " + connectors.RedactedText
	case v.Kind() == connectors.Bool:
		return c.String() + " saw " + v.Text()
	case v.Kind() == connectors.List:
		items := make([]string, v.Len())
		for i := range items {
			items[i] = strconv.Quote(v.At(i).Text())
		}
		return c.String() + " saw " + strings.Join(items, ", ")
	}
	return c.String() + " saw " + strconv.Quote(v.Text())
}

// String gives the clause in its canonical form: department EQUALS "Sales", any otherMails ENDS_WITH "@contoso.com".
func (c *clause) String() string {
	text := c.attribute + " " + c.operator.name
	if c.quantifier != "" {
		text = c.quantifier + " " + text
	}
	if !c.operator.unary {
		text += " " + strconv.Quote(c.value)
	}
	return text
}

// String gives the filters in a canonical form, without their names: two filters with the same form decide alike.
func (f *Filter) String() string {
	groups := make([]string, len(f.groups))
	for i, g := range f.groups {
		clauses := make([]string, len(g.clauses))
		for j := range g.clauses {
			clauses[j] = g.clauses[j].String()
		}
		groups[i] = "(" + strings.Join(clauses, " and ") + ")"
	}
	return strings.Join(groups, " or ")
}
