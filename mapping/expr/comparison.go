package expr

import (
	"cmp"
	"strconv"
	"strings"

	"ringsync/connectors"
)

// comparison compares two values as text, with regard to letter case; the orderings compare as numbers if both sides
// are numbers. A side that is null makes it false, <> included: Entra documents that conditions on null attributes
// fail, and scoping filters have the same rule.
type comparison struct {
	operator    string
	left, right term
	source      string // of the whole expression, for errors
	offset      int
}

func (c *comparison) eval(row []connectors.Value) (connectors.Value, error) {
	left, err := c.side(c.left, row)
	if err != nil {
		return left, err
	}
	right, err := c.side(c.right, row)
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
	case ">":
		return truth(order(a, b) > 0), nil
	case ">=":
		return truth(order(a, b) >= 0), nil
	case "<":
		return truth(order(a, b) < 0), nil
	default: // <=
		return truth(order(a, b) <= 0), nil
	}
}

func (c *comparison) side(t term, row []connectors.Value) (connectors.Value, error) {
	v, err := t.eval(row)
	if err != nil {
		return v, err
	}
	v, why := one(v)
	if why != "" {
		return v, newError(c.source, c.offset, "each side of a comparison %s", why)
	}
	return v, nil
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
