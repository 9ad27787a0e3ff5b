package expr

import (
	"errors"
	"slices"
	"strconv"

	"ringsync/connectors"
)

// maxResult is the most bytes that the text a function gives may have. Attributes of people are far shorter; a
// longer result is a mistake in the expression.
const maxResult = 1 << 20

// Attributes says which attributes an expression may name and where a row holds them.
type Attributes interface {
	// Attribute returns the slot and the description of the attribute of that name.
	Attribute(name string) (slot int, a connectors.Attribute, ok bool)
	// Nearest returns the attribute that was probably meant by an unknown name, "" if none is near.
	Nearest(name string) string
}

// Program is a compiled expression. It may be evaluated by several goroutines at once.
type Program struct {
	tree  *Node
	root  term
	slots []int
	traits
}

// traits are what the functions of an expression make of the whole.
type traits struct {
	random, clock, redacted bool
	unmappable              error
}

// Compile parses and checks an expression: functions and attributes exist, calls have the arguments they need, and
// constants are of the type that their place asks for. Errors are *Error.
func Compile(source string, attributes Attributes) (*Program, error) {
	tree, err := Parse(source)
	if err != nil {
		return nil, err
	}
	c := &compiler{source: source, attributes: attributes, root: tree}
	root, err := c.term(tree, anything)
	if err != nil {
		return nil, err
	}
	slices.Sort(c.slots)
	return &Program{tree: tree, root: root, slots: slices.Compact(c.slots), traits: c.traits}, nil
}

// Eval evaluates the expression for one person. The result is Absent if the expression says that nothing is to be
// sent at all (IgnoreFlowIfNullOrEmpty), Null if there is no value. Errors are *Error and concern this row only. env
// may be nil if nothing is known besides the row.
func (p *Program) Eval(row []connectors.Value, env *Environment) (connectors.Value, error) {
	v, err := p.root.eval(scope{row, env})
	if err != nil && p.redacted {
		return v, withoutValues(err)
	}
	return v, err
}

// withoutValues gives the place of an error and leaves out what it says: messages quote values.
func withoutValues(err error) error {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return err
	}
	return newError(e.Source, e.Offset, "this fails; the reason is not shown because of Redact")
}

// Random reports whether two evaluations for the same row may differ whatever the time.
func (p *Program) Random() bool { return p.random }

// ReadsClock reports whether the result may depend on Environment.Now.
func (p *Program) ReadsClock() bool { return p.clock }

// Redacted reports whether the result is not to be shown: Redact stands somewhere in the expression. Logs show
// [Redact] in its place.
func (p *Program) Redacted() bool { return p.redacted }

// Unmappable says why the expression can be tried out but not be an attribute mapping, nil if it can. It is an *Error.
func (p *Program) Unmappable() error { return p.unmappable }

// String gives the expression in its canonical form: canonical names of functions, one space after a comma.
func (p *Program) String() string { return p.tree.String() }

// Attributes returns the slots that the expression reads, in ascending order.
func (p *Program) Attributes() []int { return p.slots }

// term is a compiled node.
type term interface {
	eval(in scope) (connectors.Value, error)
}

type constant struct{ value connectors.Value }

func (c constant) eval(scope) (connectors.Value, error) { return c.value, nil }

// attribute reads a slot. Nothing said, said to be null, and a list of nothing are all null.
type attribute struct{ slot int }

func (a attribute) eval(in scope) (connectors.Value, error) {
	if a.slot >= len(in.row) {
		return connectors.NullValue(), nil
	}
	v := in.row[a.slot]
	if v.Kind() == connectors.Absent || v.Kind() == connectors.List && v.Len() == 0 {
		return connectors.NullValue(), nil
	}
	return v, nil
}

// evaluator is the body of a function.
type evaluator func(c *call, in scope) (connectors.Value, error)

// call is a function with its arguments. A body evaluates only those it needs, so a branch not taken cannot fail.
type call struct {
	name    string
	body    evaluator
	params  []param
	args    []term // nil where one was left out
	dater   dater  // nil if the function gives no date
	replace *replacement
	format  *formatting
	source  string // of the whole expression, for errors
	offset  int
}

func (c *call) eval(in scope) (connectors.Value, error) {
	v, err := c.body(c, in)
	if err == nil && v.Kind() == connectors.String && len(v.Text()) > maxResult {
		return connectors.Value{}, c.tooLarge()
	}
	return v, err
}

func (c *call) fail(format string, args ...any) error {
	return newError(c.source, c.offset, c.name+": "+format, args...)
}

func (c *call) tooLarge() error { return c.fail("the result is larger than %d bytes", maxResult) }

// given reports whether argument i is there.
func (c *call) given(i int) bool { return i < len(c.args) && c.args[i] != nil }

// value evaluates argument i; null if it was left out.
func (c *call) value(i int, in scope) (connectors.Value, error) {
	if !c.given(i) {
		return connectors.NullValue(), nil
	}
	return c.args[i].eval(in)
}

// single evaluates argument i where one value is needed.
func (c *call) single(i int, in scope) (connectors.Value, error) {
	v, err := c.value(i, in)
	if err != nil {
		return v, err
	}
	v, why := one(v)
	if why != "" {
		return v, c.fail("%s %s", paramAt(c.params, i).name, why)
	}
	return v, nil
}

// one returns v where one value that is text is needed, or why v is none. A list of one is that one.
func one(v connectors.Value) (single connectors.Value, why string) {
	if v.Kind() == connectors.List {
		switch v.Len() {
		case 0:
			return connectors.NullValue(), ""
		case 1:
			v = v.At(0)
		default:
			return v, "takes one value and was given " + strconv.Itoa(v.Len()) + ": choose one with Item, or Join them"
		}
	}
	if v.Kind() == connectors.Object || v.Kind() == connectors.List {
		return v, "takes a text and was given an object"
	}
	return v, ""
}

// text evaluates argument i as one text.
func (c *call) text(i int, in scope) (s string, null bool, err error) {
	v, err := c.single(i, in)
	return v.Text(), v.IsNull(), err
}

// integer evaluates argument i as a whole number.
func (c *call) integer(i int, in scope) (int64, error) {
	v, err := c.single(i, in)
	if err != nil {
		return 0, err
	}
	return c.whole(i, v)
}

// whole returns v, argument i, as a whole number.
func (c *call) whole(i int, v connectors.Value) (int64, error) {
	n, ok := v.AsInt()
	if !ok {
		return 0, c.fail("%s takes a whole number, not %s", paramAt(c.params, i).name, shown(v))
	}
	return n, nil
}

// shown is a value as a message names it.
func shown(v connectors.Value) string {
	if v.IsNull() {
		return "null"
	}
	return quoted(v.Text())
}

// quoted is the beginning of a text as a message shows it.
func quoted(text string) string {
	const most = 40
	s := []rune(text)
	if len(s) > most {
		s = append(s[:most], '…')
	}
	return quote(string(s))
}
