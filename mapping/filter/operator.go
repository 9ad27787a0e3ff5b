package filter

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"ringsync/connectors"
)

// operator is one of Entra's, or of the two that this package adds. test gets one value that is not empty, unless the
// operator asks for emptiness itself; now is the moment that a date relative to today counts from.
type operator struct {
	name  string
	unary bool // takes no value
	whole bool // asks of a multi-valued attribute as a whole
	types []connectors.Type
	// prepare works out the clause's value once; nil if it is text.
	prepare func(c *clause, of connectors.Attribute) error
	test    func(c *clause, v connectors.Value, now time.Time) (bool, error)
}

var (
	texts   = []connectors.Type{connectors.TypeString}
	values  = []connectors.Type{connectors.TypeString, connectors.TypeInteger}
	ordered = []connectors.Type{connectors.TypeString, connectors.TypeInteger, connectors.TypeDateTime}
	truths  = []connectors.Type{connectors.TypeBoolean}
	all     = []connectors.Type{connectors.TypeString, connectors.TypeInteger, connectors.TypeBinary, connectors.TypeBoolean,
		connectors.TypeDateTime}
)

// operators are Entra's, as its reference of scoping filters spells them. Less_Than and Less_Than_OR_EQUALS are not
// Entra's: without them nothing could be said of dates that lie in the past.
var operators = []operator{
	{name: "EQUALS", types: ordered, prepare: (*clause).parseOperand, test: func(c *clause, v connectors.Value, now time.Time) (bool, error) {
		return c.equals(v, now), nil
	}},
	{name: "NOT EQUALS", types: ordered, prepare: (*clause).parseOperand, test: func(c *clause, v connectors.Value, now time.Time) (bool, error) {
		return !c.equals(v, now), nil
	}},
	{name: "REGEX MATCH", types: values, prepare: (*clause).compilePattern, test: (*clause).matches},
	{name: "NOT REGEX MATCH", types: values, prepare: (*clause).compilePattern, test: func(c *clause, v connectors.Value, now time.Time) (bool, error) {
		matches, err := c.matches(v, now)
		return !matches && err == nil, err
	}},
	{name: "IS NULL", unary: true, whole: true, types: all, test: func(_ *clause, v connectors.Value, _ time.Time) (bool, error) {
		return isNothing(v), nil
	}},
	{name: "IS NOT NULL", unary: true, whole: true, types: all, test: func(_ *clause, v connectors.Value, _ time.Time) (bool, error) {
		return !isNothing(v), nil
	}},
	{name: "IS TRUE", unary: true, types: truths, test: func(_ *clause, v connectors.Value, _ time.Time) (bool, error) {
		b, ok := v.AsBool()
		return ok && b, nil
	}},
	{name: "IS FALSE", unary: true, types: truths, test: func(_ *clause, v connectors.Value, _ time.Time) (bool, error) {
		b, ok := v.AsBool()
		return ok && !b, nil
	}},
	comparison("Greater_Than", func(order int) bool { return order > 0 }),
	comparison("Greater_Than_OR_EQUALS", func(order int) bool { return order >= 0 }),
	comparison("Less_Than", func(order int) bool { return order < 0 }),
	comparison("Less_Than_OR_EQUALS", func(order int) bool { return order <= 0 }),
	{name: "Includes", types: texts, test: func(c *clause, v connectors.Value, _ time.Time) (bool, error) {
		return strings.Contains(v.Text(), c.value), nil
	}},
	{name: "ENDS_WITH", types: texts, test: func(c *clause, v connectors.Value, _ time.Time) (bool, error) {
		return strings.HasSuffix(v.Text(), c.value), nil
	}},
}

// comparison is an operator of whole numbers and dates. What is neither is in no order, so the clause is false.
func comparison(name string, holds func(order int) bool) operator {
	return operator{name: name, types: ordered, prepare: (*clause).parseOrdered, test: func(c *clause, v connectors.Value, now time.Time) (bool, error) {
		order, ok := c.compare(v, now)
		return ok && holds(order), nil
	}}
}

// refused are operators that Entra lists and that are not accepted, with the reason.
var refused = map[string]string{
	"&":          "its meaning is not documented: write a REGEX MATCH of the values that should pass",
	"!&":         "its meaning is not documented: write a NOT REGEX MATCH of the values that should not pass",
	"ISMEMBEROF": "Entra lists it without supporting it: assign the group to the application",
}

// operatorNamed returns the operator of that name in whatever letter case.
func operatorNamed(name string) (*operator, error) {
	i := slices.IndexFunc(operators, func(o operator) bool { return strings.EqualFold(o.name, name) })
	if i >= 0 {
		return &operators[i], nil
	}
	if reason, ok := refused[strings.ToUpper(name)]; ok {
		return nil, fmt.Errorf("operator %s is not supported: %s", name, reason)
	}
	names := make([]string, len(operators))
	for i, o := range operators {
		names[i] = o.name
	}
	if near := connectors.Nearest(name, names); near != "" {
		return nil, fmt.Errorf("unknown operator %q; did you mean %s?", name, near)
	}
	return nil, fmt.Errorf("unknown operator %q; there are %s", name, strings.Join(names, ", "))
}

// takes refuses an attribute whose values the operator has no meaning for.
func (o *operator) takes(a connectors.Attribute) error {
	if a.Untyped || slices.Contains(o.types, a.Type) {
		return nil
	}
	names := make([]string, len(o.types))
	for i, t := range o.types {
		names[i] = t.String()
	}
	last := len(names) - 1
	types := names[last]
	if last > 0 {
		types = strings.Join(names[:last], ", ") + " or " + types
	}
	return fmt.Errorf("%s takes an attribute of type %s, and %s is %s", o.name, types, a.Name, a.Type)
}
