package expr

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"ringsync/connectors"
	"ringsync/mapping/expr/datetime"
)

// compiler turns nodes into terms and checks them on the way.
type compiler struct {
	source     string
	attributes Attributes
	slots      []int
	root       *Node
	traits
}

func (c *compiler) fail(n *Node, format string, args ...any) *Error {
	return newError(c.source, n.Offset, format, args...)
}

// term compiles a node for a place that takes values of the given kind.
func (c *compiler) term(n *Node, want valueKind) (term, error) {
	if allowed := enumerations[want]; allowed != nil && n.Kind != Word {
		return nil, c.fail(n, "expected one of the words %s", strings.Join(allowed, ", "))
	}
	if want == roles && n.Kind != Attribute {
		return nil, c.fail(n, "expected the attribute [%s]", connectors.AttrAppRoleAssignments)
	}
	switch n.Kind {
	case Attribute:
		return c.attribute(n, want)
	case Text, Number, Hex:
		return c.constant(n, want)
	case Word:
		return c.word(n, want)
	case Comparison:
		return c.comparison(n, want)
	default:
		return c.call(n)
	}
}

func (c *compiler) attribute(n *Node, want valueKind) (term, error) {
	slot, a, ok := c.attributes.Attribute(n.Text)
	if !ok {
		return nil, c.fail(n, "unknown attribute [%s]", n.Text).near(bracketed(c.attributes.Nearest(n.Text)))
	}
	if want == roles && !strings.EqualFold(a.Name, connectors.AttrAppRoleAssignments) {
		return nil, c.fail(n, "expected the attribute [%s]", connectors.AttrAppRoleAssignments)
	}
	if a.Type == connectors.TypeComplex && want != roles && want != presence && want != list {
		return nil, c.fail(n, "[%s] holds objects, not text%s", a.Name, objectRemedy(a.Name))
	}
	c.slots = append(c.slots, slot)
	return attribute{slot}, nil
}

func objectRemedy(name string) string {
	if strings.EqualFold(name, connectors.AttrAppRoleAssignments) {
		return ": SingleAppRoleAssignment makes a text of it"
	}
	return ""
}

func bracketed(name string) string {
	if name == "" {
		return ""
	}
	return "[" + name + "]"
}

// constant makes a text of every constant, as Entra does: 1000 and "1000" are the same.
func (c *compiler) constant(n *Node, want valueKind) (term, error) {
	text := n.Text
	if n.Kind == Hex {
		h, _ := hexValue(text) // the parser has checked it
		text = strconv.FormatInt(h, 10)
	}
	v := connectors.StringValue(text)
	return constant{v}, c.suits(n, v, want)
}

// suits checks a constant against what its place takes.
func (c *compiler) suits(n *Node, v connectors.Value, want valueKind) error {
	switch want {
	case integer, position:
		i, ok := v.AsInt()
		if !ok {
			return c.fail(n, "expected a whole number, not %s", n)
		}
		if want == position && i < 1 {
			return c.fail(n, "positions are counted from 1")
		}
	case number:
		if _, ok := decimal(v.Text()); !ok {
			return c.fail(n, "expected a number, not %s", n)
		}
	case culture:
		if _, err := caseRules(v.Text()); err != nil {
			return c.fail(n, "%s is not the name of a culture, such as ja-JP", n)
		}
	case date:
		if _, err := datetime.Parse(v.Text()); err != nil {
			return c.fail(n, "expected a date, not %s: %v", n, err)
		}
	case unit:
		if _, ok := intervalNamed(v.Text()); !ok {
			return c.fail(n, "the intervals are %s, not %s", intervalNames, n)
		}
	}
	return nil
}

func (c *compiler) word(n *Node, want valueKind) (term, error) {
	allowed := enumerations[want]
	if allowed == nil {
		return nil, c.fail(n, "the word %s does not belong here", n.Text)
	}
	if !slices.Contains(allowed, n.Text) {
		return nil, c.fail(n, "expected one of the words %s, not %s", strings.Join(allowed, ", "), n.Text)
	}
	return constant{connectors.StringValue(n.Text)}, nil
}

func (c *compiler) comparison(n *Node, want valueKind) (term, error) {
	if want != condition {
		return nil, c.fail(n, "a comparison stands in the condition of IIF or in CBool")
	}
	left, err := c.term(n.Args[0], text)
	if err != nil {
		return nil, err
	}
	beside := text
	if dateCall(left) != nil {
		beside = date
	}
	right, err := c.term(n.Args[1], beside)
	if err != nil {
		return nil, err
	}
	if fixed, ok := left.(constant); ok && dateCall(right) != nil {
		if err := c.suits(n.Args[0], fixed.value, date); err != nil {
			return nil, err
		}
	}
	return &comparison{operator: n.Text, left: left, right: right, source: c.source, offset: n.Offset}, nil
}

func (c *compiler) call(written *Node) (term, error) {
	f := functionNamed(written.Text)
	if f == nil {
		return nil, c.fail(written, "unknown function %s", written.Text).near(connectors.Nearest(written.Text, functionNames()))
	}
	if f.traits&standsAlone != 0 && written != c.root {
		return nil, c.fail(written, "%s is the whole expression, never an argument", f.name)
	}
	n := &Node{Kind: Call, Text: written.Text, Args: written.Args, Offset: written.Offset}
	if f.arguments != nil {
		n.Args = f.arguments(n.Args)
	}
	if err := c.arity(n, f); err != nil {
		return nil, err
	}
	k := &call{name: f.name, body: f.body, dater: f.dater, params: f.params, source: c.source, offset: n.Offset}
	k.args = make([]term, len(n.Args))
	for i, arg := range n.Args {
		p := paramAt(f.params, i)
		switch {
		case arg != nil:
			t, err := c.term(arg, p.kind)
			if err != nil {
				return nil, err
			}
			k.args[i] = t
		case !p.optional:
			return nil, c.fail(n, "%s needs %s (argument %d)", f.name, p.name, i+1)
		}
	}
	c.add(f, n)
	if f.prepare != nil {
		if err := f.prepare(c, k, n); err != nil {
			return nil, err
		}
	}
	return k, nil
}

// add notes what the function makes of the expression.
func (c *compiler) add(f *function, n *Node) {
	c.random = c.random || f.traits&isRandom != 0
	c.clock = c.clock || f.traits&readsClock != 0
	c.redacted = c.redacted || f.traits&redacts != 0
	if f.unmappable != "" && c.unmappable == nil {
		c.unmappable = c.fail(n, "%s cannot be mapped: %s", f.name, f.unmappable)
	}
}

// arity checks the number of arguments. The repeating parameters come last and are given together: the key and the
// value of a Switch.
func (c *compiler) arity(n *Node, f *function) error {
	repeating := 0
	for _, p := range f.params {
		if p.repeats {
			repeating++
		}
	}
	fixed, given := len(f.params)-repeating, len(n.Args)
	if repeating > 0 {
		if given < fixed+repeating || (given-fixed)%repeating != 0 {
			return c.fail(n, "%s, not %s", f.signature(), arguments(given, given))
		}
		return nil
	}
	least := len(f.params)
	for least > 0 && f.params[least-1].optional {
		least--
	}
	if given < least || given > fixed {
		return c.fail(n, "%s takes %s: %s, not %d", f.name, arguments(least, fixed), f.signature(), given)
	}
	return nil
}

func arguments(least, most int) string {
	switch {
	case most == 0:
		return "no arguments"
	case least != most:
		return fmt.Sprintf("%d to %d arguments", least, most)
	case most == 1:
		return "1 argument"
	default:
		return fmt.Sprintf("%d arguments", most)
	}
}
