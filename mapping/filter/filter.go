// Package filter owns scoping filters: which people a job is about, by their attributes. Filters are compiled once
// and then decide for every person, and a decision can say in a sentence what it rests on.
//
// It leaves assignment, and what happens to people who are out of scope, to the engine. Its rules are Entra's
// ("Define conditional rules for provisioning user accounts"):
//
//   - A group passes if all its clauses are true; a person passes if any group does. Without groups everyone passes.
//   - A clause about an attribute that is null or empty is false, NOT EQUALS and NOT REGEX MATCH included; only
//     IS NULL is true.
//   - Text compares with regard to letter case.
//   - A regular expression (.NET) may match anywhere in the value: write ^ and $ to have it match the whole. Its
//     backslashes are not doubled, unlike in mapping expressions.
package filter

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/dlclark/regexp2"

	"ringsync/connectors"
)

// Group is one scoping filter as it is written: a name for people, and clauses that all have to be true.
type Group struct {
	Name string
	All  []Clause
}

// Clause is one condition: an attribute, one of Entra's operators by name, and a value unless the operator takes
// none.
type Clause struct {
	Attribute, Operator, Value string
}

// Filter is a job's compiled scoping filters. It may be used by several goroutines at once.
type Filter struct{ groups []group }

type group struct {
	name    string
	clauses []clause
}

type clause struct {
	attribute string
	slot      int
	operator  *operator
	value     string
	number    int64           // value, where a number is compared
	pattern   *regexp2.Regexp // value, where a pattern is
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
}

// Decide evaluates the filters for one person. It does not keep the row, but the Decision refers to it.
func (f *Filter) Decide(row []connectors.Value) Decision {
	d := Decision{Pass: true, Group: -1, Clause: -1, filter: f, row: row}
	for i := range f.groups {
		failed, err := f.groups[i].decide(row)
		if failed < 0 {
			return Decision{Pass: true, Group: i, Clause: len(f.groups[i].clauses) - 1, filter: f, row: row}
		}
		if i == 0 || err != nil && d.Err == nil {
			d.Pass, d.Group, d.Clause, d.Err = false, i, failed, err
		}
	}
	return d
}

// decide returns the index of the first clause that is false, or that cannot be decided; -1 if all are true. A clause
// that cannot be decided does not matter if another is false.
func (g *group) decide(row []connectors.Value) (failed int, err error) {
	failed = -1
	for i := range g.clauses {
		holds, clauseErr := g.clauses[i].holds(row)
		if clauseErr == nil && !holds {
			return i, nil
		}
		if clauseErr != nil && failed < 0 {
			failed, err = i, fmt.Errorf("filter %q: %s: %w", g.name, &g.clauses[i], clauseErr)
		}
	}
	return failed, err
}

func (c *clause) holds(row []connectors.Value) (bool, error) {
	v := at(row, c.slot)
	if c.operator.unary {
		return c.operator.test(c, v)
	}
	if v.IsEmpty() {
		return false, nil
	}
	return c.operator.test(c, v)
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
		clause, _ := g.decide(d.row)
		failed[i] = fmt.Sprintf("filter %q: %s", g.name, g.clauses[clause].saw(d.row))
	}
	return strings.Join(failed, "; ")
}

// saw is the clause with the value that it was asked about.
func (c *clause) saw(row []connectors.Value) string {
	v := at(row, c.slot)
	switch {
	case v.IsEmpty():
		return c.String() + " saw no value"
	case v.Kind() == connectors.Bool:
		return c.String() + " saw " + v.Text()
	default:
		return c.String() + " saw " + strconv.Quote(v.Text())
	}
}

// String gives the clause in its canonical form: department EQUALS "Sales".
func (c *clause) String() string {
	if c.operator.unary {
		return c.attribute + " " + c.operator.name
	}
	return c.attribute + " " + c.operator.name + " " + strconv.Quote(c.value)
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
