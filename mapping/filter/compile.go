package filter

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/dlclark/regexp2"
	"github.com/dlclark/regexp2/syntax"

	"ringsync/connectors"
)

// Attributes says which attributes a filter may name and where a row holds them.
type Attributes interface {
	// Attribute returns the slot and the description of the attribute of that name.
	Attribute(name string) (slot int, a connectors.Attribute, ok bool)
	// Nearest returns the attribute that was probably meant by an unknown name, "" if none is near.
	Nearest(name string) string
}

// Error is what is wrong with one field of one clause.
type Error struct {
	Group  int
	Clause int    // -1 if it is about the group as a whole
	Field  string // "attribute", "operator", "value", or "all" for the group's list of clauses
	Name   string // the group's name
	Err    error
}

func (e *Error) Error() string {
	if e.Clause < 0 {
		return fmt.Sprintf("filter %q: %v", e.Name, e.Err)
	}
	return fmt.Sprintf("filter %q, clause %d: %v", e.Name, e.Clause+1, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// Compile checks the filters against the attributes that the source offers. The error joins an *Error for everything
// that is wrong.
func Compile(groups []Group, attributes Attributes) (*Filter, error) {
	f := &Filter{groups: make([]group, 0, len(groups))}
	var errs []error
	for i, g := range groups {
		report := func(clause int, field string, err error) {
			errs = append(errs, &Error{Group: i, Clause: clause, Field: field, Name: g.Name, Err: err})
		}
		if len(g.All) == 0 {
			report(-1, "all", errors.New("it has no clauses, so everyone would pass"))
		}
		clauses := make([]clause, len(g.All))
		for j, c := range g.All {
			clauses[j].compile(c, attributes, func(field string, err error) { report(j, field, err) })
		}
		f.groups = append(f.groups, group{name: g.Name, clauses: clauses})
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return f, nil
}

func (c *clause) compile(in Clause, attributes Attributes, report func(field string, err error)) {
	operator, err := operatorNamed(strings.TrimSpace(in.Operator))
	if err != nil {
		report("operator", err)
	}
	slot, a, attributeErr := find(in.Attribute, attributes)
	if attributeErr != nil {
		report("attribute", attributeErr)
	}
	if err != nil || attributeErr != nil {
		return
	}
	*c = clause{attribute: a.Name, slot: slot, operator: operator, value: in.Value}
	if err := operator.takes(a.Type); err != nil {
		report("operator", err)
		return
	}
	if err := c.checkValue(a.Type); err != nil {
		report("value", err)
	}
}

// find returns the attribute of that name. It refuses what has no single plain value, and what the filters themselves
// decide.
func find(name string, attributes Attributes) (int, connectors.Attribute, error) {
	slot, a, ok := attributes.Attribute(name)
	switch {
	case !ok:
		if near := attributes.Nearest(name); near != "" {
			return slot, a, fmt.Errorf("unknown attribute %q; did you mean %s?", name, near)
		}
		return slot, a, fmt.Errorf("unknown attribute %q", name)
	case a.Name == connectors.AttrIsSoftDeleted:
		return slot, a, fmt.Errorf("%s depends on the filters, so no filter can ask for it", a.Name)
	case a.MultiValued:
		return slot, a, fmt.Errorf("%s has several values: only attributes with one can be filtered", a.Name)
	case a.Type == connectors.TypeComplex, a.Type == connectors.TypeReference, a.Type == connectors.TypeDateTime:
		return slot, a, fmt.Errorf("%s is of type %s, which cannot be filtered", a.Name, a.Type)
	}
	return slot, a, nil
}

func (c *clause) checkValue(t connectors.Type) error {
	if c.operator.unary {
		if c.value != "" {
			return fmt.Errorf("%s takes no value", c.operator.name)
		}
		return nil
	}
	if c.value == "" {
		return fmt.Errorf("%s needs a value: use IS NULL for people without %s", c.operator.name, c.attribute)
	}
	if c.operator.prepare != nil {
		return c.operator.prepare(c)
	}
	if t == connectors.TypeInteger {
		n, ok := connectors.StringValue(c.value).AsInt()
		if !ok {
			return fmt.Errorf("%s is a whole number, and %q is none", c.attribute, c.value)
		}
		c.value = strconv.FormatInt(n, 10)
	}
	return nil
}

func (c *clause) parseNumber() error {
	n, ok := connectors.StringValue(c.value).AsInt()
	if !ok {
		return fmt.Errorf("%s compares whole numbers, and %q is none", c.operator.name, c.value)
	}
	c.number = n
	return nil
}

func (c *clause) compilePattern() error {
	re, err := regexp2.Compile(c.value, regexp2.None)
	if e, ok := errors.AsType[*syntax.Error](err); ok {
		return fmt.Errorf("regular expression %q: "+e.Code.String(), append([]any{c.value}, e.Args...)...)
	}
	if err != nil {
		return fmt.Errorf("regular expression %q: %w", c.value, err)
	}
	re.MatchTimeout = matchTime
	c.pattern = re
	return nil
}

// matches searches the value for the clause's pattern. The library's own message is left out: it repeats the value.
func (c *clause) matches(v connectors.Value) (bool, error) {
	ok, err := c.pattern.MatchString(v.Text())
	if err != nil {
		return false, fmt.Errorf("the regular expression took longer than %v: make it simpler", matchTime)
	}
	return ok, nil
}
