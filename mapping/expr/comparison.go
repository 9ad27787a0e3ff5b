package expr

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"ringsync/connectors"
	"ringsync/mapping/expr/datetime"
)

// comparison compares two values as text, with regard to letter case; the orderings compare as numbers if both sides
// are numbers. If one side is a function that gives a date, both are dates. A side that is null makes it false, <>
// included: Entra documents that conditions on null attributes fail, and scoping filters have the same rule.
type comparison struct {
	operator    string
	left, right term
	source      string // of the whole expression, for errors
	offset      int
}

func (c *comparison) eval(in scope) (connectors.Value, error) {
	if dateCall(c.left) != nil || dateCall(c.right) != nil {
		return c.dates(in)
	}
	left, err := c.side(c.left, in)
	if err != nil {
		return left, err
	}
	right, err := c.side(c.right, in)
	if err != nil {
		return right, err
	}
	if left.IsNull() || right.IsNull() {
		return truth(false), nil
	}
	a, b := left.Text(), right.Text()
	switch c.operator {
	case "=":
		return truth(a == b), nil
	case "<>":
		return truth(a != b), nil
	default:
		return truth(c.accepts(order(a, b))), nil
	}
}

// accepts reports whether the operator holds for sides of that order: negative, zero or positive, as of cmp.Compare.
func (c *comparison) accepts(order int) bool {
	switch c.operator {
	case "=":
		return order == 0
	case "<>":
		return order != 0
	case ">":
		return order > 0
	case ">=":
		return order >= 0
	case "<":
		return order < 0
	default: // <=
		return order <= 0
	}
}

func (c *comparison) side(t term, in scope) (connectors.Value, error) {
	v, err := t.eval(in)
	if err != nil {
		return v, err
	}
	v, why := one(v)
	if why != "" {
		return v, newError(c.source, c.offset, "each side of a comparison %s", why)
	}
	return v, nil
}

func (c *comparison) dates(in scope) (connectors.Value, error) {
	left, null1, err := c.date(c.left, in)
	if err != nil {
		return connectors.Value{}, err
	}
	right, null2, err := c.date(c.right, in)
	if err != nil {
		return connectors.Value{}, err
	}
	return truth(!null1 && !null2 && c.accepts(left.Compare(right))), nil
}

func (c *comparison) date(t term, in scope) (at time.Time, null bool, err error) {
	if k := dateCall(t); k != nil {
		return k.dater(k, in)
	}
	v, err := c.side(t, in)
	if err != nil || v.IsNull() {
		return at, true, err
	}
	at, err = datetime.Parse(v.Text())
	if err != nil {
		return at, false, newError(c.source, c.offset, "the other side is a date, and %s is none: %v", quoted(v.Text()), err)
	}
	return at, false, nil
}

func order(a, b string) int {
	x, err1 := strconv.ParseInt(a, 10, 64)
	y, err2 := strconv.ParseInt(b, 10, 64)
	if err1 == nil && err2 == nil {
		return cmp.Compare(x, y)
	}
	f, ok1 := decimal(a)
	g, ok2 := decimal(b)
	if ok1 && ok2 {
		return cmp.Compare(f, g)
	}
	return strings.Compare(a, b)
}

// decimal reads a number as the language writes them; "Inf" and "1e5" are names, not numbers.
func decimal(s string) (float64, bool) {
	if s == "" || s[0] != '-' && !isDigit(s[0]) || numberLength(s) != len(s) {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil
}

// truth is a boolean as functions give it.
func truth(b bool) connectors.Value {
	if b {
		return connectors.StringValue("True")
	}
	return connectors.StringValue("False")
}

// holds reports whether a value counts as true in a condition: the text "true" in any case, or a number that is not
// zero.
func holds(v connectors.Value) bool {
	if b, ok := v.AsBool(); ok {
		return b
	}
	f, ok := decimal(v.Text())
	return ok && f != 0
}
