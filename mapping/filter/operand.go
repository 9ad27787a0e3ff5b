package filter

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/dlclark/regexp2"
	"github.com/dlclark/regexp2/syntax"

	"ringsync/connectors"
)

// operand is a clause's value in the form that its operator needs: one of these, or none if it is text.
type operand struct {
	pattern *regexp2.Regexp
	number  *int64
	date    *date
}

// date is a moment that is fixed, or midnight (UTC) some days from today. Whole days only: a filter then says the same
// all day, so that one evaluation of everybody a day is enough.
type date struct {
	fixed    time.Time
	relative bool
	days     int
}

func (d *date) at(now time.Time) time.Time {
	if !d.relative {
		return d.fixed
	}
	year, month, day := now.UTC().Date()
	return time.Date(year, month, day+d.days, 0, 0, 0, 0, time.UTC)
}

// fromToday is today, today+14d or today-90d.
var fromToday = regexp.MustCompile(`^(?i:today)(?: *([+-]) *([0-9]{1,5}) *(?i:d))?$`)

func parseDate(text string) (*date, bool) {
	text = strings.TrimSpace(text)
	if m := fromToday.FindStringSubmatch(text); m != nil {
		days, _ := strconv.Atoi(m[1] + m[2]) // "" without an offset, which is 0
		return &date{relative: true, days: days}, true
	}
	t, ok := moment(text)
	return &date{fixed: t}, ok
}

// moment reads what Graph writes of a DateTimeOffset, and a date alone, which is midnight UTC.
func moment(text string) (time.Time, bool) {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t, err = time.Parse(time.DateOnly, text)
	}
	return t, err == nil
}

// dateForms ends a message about a value that is no date.
const dateForms = "write 2026-01-31, 2026-01-31T08:00:00Z, today, or today and days (today-90d)"

// parseOperand reads the value of an equality, which is that of the attribute's type.
func (c *clause) parseOperand(of connectors.Attribute) error {
	switch of.Type {
	case connectors.TypeInteger:
		n, ok := connectors.StringValue(c.value).AsInt()
		if !ok {
			return fmt.Errorf("%s is a whole number, and %q is none", c.attribute, c.value)
		}
		c.value = strconv.FormatInt(n, 10)
	case connectors.TypeDateTime:
		d, ok := parseDate(c.value)
		if !ok {
			return fmt.Errorf("%s is a date, and %q is none: %s", c.attribute, c.value, dateForms)
		}
		c.date = d
	}
	return nil
}

// parseOrdered reads the value of a comparison: that of the attribute's type, and where the attribute is text, what the
// value looks like.
func (c *clause) parseOrdered(of connectors.Attribute) error {
	n, isNumber := connectors.StringValue(c.value).AsInt()
	d, isDate := parseDate(c.value)
	switch {
	case isNumber && of.Type != connectors.TypeDateTime:
		c.number = &n
	case isDate && of.Type != connectors.TypeInteger:
		c.date = d
	case of.Type == connectors.TypeInteger:
		return fmt.Errorf("%s compares whole numbers, and %q is none", c.operator.name, c.value)
	case of.Type == connectors.TypeDateTime:
		return fmt.Errorf("%s is a date, and %q is none: %s", c.attribute, c.value, dateForms)
	default:
		return fmt.Errorf("%s compares whole numbers and dates, and %q is neither; for dates %s", c.operator.name, c.value, dateForms)
	}
	return nil
}

// compare orders v against the clause's value; ok is false if v is not of its kind.
func (c *clause) compare(v connectors.Value, now time.Time) (order int, ok bool) {
	if c.date != nil {
		t, ok := moment(v.Text())
		return t.Compare(c.date.at(now)), ok
	}
	n, ok := v.AsInt()
	return cmp.Compare(n, *c.number), ok
}

func (c *clause) equals(v connectors.Value, now time.Time) bool {
	if c.date != nil {
		order, ok := c.compare(v, now)
		return ok && order == 0
	}
	return v.Text() == c.value
}

// compilePattern reads a .NET regular expression.
func (c *clause) compilePattern(connectors.Attribute) error {
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
func (c *clause) matches(v connectors.Value, _ time.Time) (bool, error) {
	ok, err := c.pattern.MatchString(v.Text())
	if err != nil {
		return false, fmt.Errorf("the regular expression took longer than %v: make it simpler", matchTime)
	}
	return ok, nil
}
