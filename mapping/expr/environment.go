package expr

import (
	"time"

	"ringsync/connectors"
)

// Environment is what an evaluation may know besides the row. A function that needs what is not given fails for that
// person.
type Environment struct {
	// Now is the moment of the evaluation: for Now, and for FormatDateTime where a date says no year.
	Now time.Time
	// DefaultDomain is the tenant's, such as contoso.com.
	DefaultDomain string
	// Taken reports whether the target has a value already, for SelectUniqueValue. Nil means that nothing is taken.
	Taken func(text string) bool
}

// scope is what one evaluation works with.
type scope struct {
	row []connectors.Value
	env *Environment // may be nil
}

// today is the moment of the evaluation in UTC.
func (c *call) today(in scope) (time.Time, error) {
	if in.env == nil || in.env.Now.IsZero() {
		return time.Time{}, c.fail("the time of the evaluation is not known here")
	}
	return in.env.Now.UTC(), nil
}

func now(c *call, in scope) (time.Time, bool, error) {
	t, err := c.today(in)
	return t, false, err
}

func defaultDomain(c *call, in scope) (connectors.Value, error) {
	if in.env == nil || in.env.DefaultDomain == "" {
		return connectors.Value{}, c.fail("the tenant's default domain is not known here: write it as text")
	}
	return connectors.StringValue(in.env.DefaultDomain), nil
}

// selectUniqueValue gives the first value that the target does not have yet. A rule that gives nothing is passed over.
func selectUniqueValue(c *call, in scope) (connectors.Value, error) {
	taken := 0
	for i := range c.args {
		s, _, err := c.text(i, in)
		switch {
		case err != nil:
			return connectors.Value{}, err
		case s == "":
		case in.env != nil && in.env.Taken != nil && in.env.Taken(s):
			taken++
		default:
			return connectors.StringValue(s), nil
		}
	}
	if taken > 0 {
		return connectors.Value{}, c.fail("every value is taken: add a rule")
	}
	return connectors.NullValue(), nil
}
