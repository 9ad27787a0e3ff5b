package filter

import (
	"fmt"
	"slices"
	"strings"

	"ringsync/connectors"
)

// operator is one of Entra's. test gets a value that is not empty, unless the operator is unary.
type operator struct {
	name  string
	unary bool // takes no value
	types []connectors.Type
	// prepare works out the clause's value once; nil if it is text.
	prepare func(*clause) error
	test    func(*clause, connectors.Value) (bool, error)
}

var (
	texts  = []connectors.Type{connectors.TypeString}
	values = []connectors.Type{connectors.TypeString, connectors.TypeInteger}
	truths = []connectors.Type{connectors.TypeBoolean}
	all    = []connectors.Type{connectors.TypeString, connectors.TypeInteger, connectors.TypeBinary, connectors.TypeBoolean}
)

var operators = []operator{
	{name: "EQUALS", types: values, test: func(c *clause, v connectors.Value) (bool, error) {
		return v.Text() == c.value, nil
	}},
	{name: "NOT EQUALS", types: values, test: func(c *clause, v connectors.Value) (bool, error) {
		return v.Text() != c.value, nil
	}},
	{name: "REGEX MATCH", types: values, prepare: (*clause).compilePattern, test: (*clause).matches},
	{name: "NOT REGEX MATCH", types: values, prepare: (*clause).compilePattern, test: func(c *clause, v connectors.Value) (bool, error) {
		matches, err := c.matches(v)
		return !matches && err == nil, err
	}},
	{name: "IS NULL", unary: true, types: all, test: func(_ *clause, v connectors.Value) (bool, error) {
		return v.IsEmpty(), nil
	}},
	{name: "IS NOT NULL", unary: true, types: all, test: func(_ *clause, v connectors.Value) (bool, error) {
		return !v.IsEmpty(), nil
	}},
	{name: "IS TRUE", unary: true, types: truths, test: func(_ *clause, v connectors.Value) (bool, error) {
		b, ok := v.AsBool()
		return ok && b, nil
	}},
	{name: "IS FALSE", unary: true, types: truths, test: func(_ *clause, v connectors.Value) (bool, error) {
		b, ok := v.AsBool()
		return ok && !b, nil
	}},
	{name: "Greater_Than", types: values, prepare: (*clause).parseNumber, test: func(c *clause, v connectors.Value) (bool, error) {
		n, ok := v.AsInt()
		return ok && n > c.number, nil
	}},
	{name: "Greater_Than_OR_EQUALS", types: values, prepare: (*clause).parseNumber, test: func(c *clause, v connectors.Value) (bool, error) {
		n, ok := v.AsInt()
		return ok && n >= c.number, nil
	}},
	{name: "Includes", types: texts, test: func(c *clause, v connectors.Value) (bool, error) {
		return strings.Contains(v.Text(), c.value), nil
	}},
	{name: "ENDS_WITH", types: texts, test: func(c *clause, v connectors.Value) (bool, error) {
		return strings.HasSuffix(v.Text(), c.value), nil
	}},
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

func (o *operator) takes(t connectors.Type) error {
	if slices.Contains(o.types, t) {
		return nil
	}
	names := make([]string, len(o.types))
	for i, t := range o.types {
		names[i] = t.String()
	}
	return fmt.Errorf("%s takes an attribute of type %s, and this is %s", o.name, strings.Join(names, " or "), t)
}
