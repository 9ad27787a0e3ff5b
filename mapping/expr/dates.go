package expr

import (
	"math"
	"strconv"
	"strings"
	"time"

	"ringsync/connectors"
	"ringsync/mapping/expr/datetime"
)

// dater is the body of a function that gives a date. Between such functions the date goes as it is; everybody else
// sees its text, which has no fractions of a second.
type dater func(c *call, in scope) (t time.Time, null bool, err error)

// dateCall returns the term as a call that gives a date, nil if it is none.
func dateCall(t term) *call {
	if k, ok := t.(*call); ok && k.dater != nil {
		return k
	}
	return nil
}

// date evaluates argument i as a date.
func (c *call) date(i int, in scope) (t time.Time, null bool, err error) {
	if k := dateCall(c.args[i]); k != nil {
		return k.dater(k, in)
	}
	s, null, err := c.text(i, in)
	if err != nil || null {
		return time.Time{}, null, err
	}
	t, err = datetime.Parse(s)
	if err != nil {
		return time.Time{}, false, c.fail("%s takes a date, not %s: %v", paramAt(c.params, i).name, quoted(s), err)
	}
	return t, false, nil
}

// dateText is the body of functions whose date has the text M/d/yyyy h:mm:ss tt.
func dateText(c *call, in scope) (connectors.Value, error) { return c.written(in, datetime.Text) }

// isoText is the body of DateFromNum.
func isoText(c *call, in scope) (connectors.Value, error) { return c.written(in, iso) }

func iso(t time.Time) string { return t.Format("2006-01-02T15:04:05.9999999Z") }

func (c *call) written(in scope, text func(time.Time) string) (connectors.Value, error) {
	t, null, err := c.dater(c, in)
	if err != nil || null {
		return connectors.NullValue(), err
	}
	return connectors.StringValue(text(t)), nil
}

func cDate(c *call, in scope) (time.Time, bool, error) { return c.date(0, in) }

// fileTimeEpoch is 1601-01-01 in seconds before 1970; Windows counts ticks of 100 nanoseconds from it.
const (
	fileTimeEpoch  = 11_644_473_600
	ticksPerSecond = 10_000_000
)

func dateFromNum(c *call, in scope) (time.Time, bool, error) {
	v, err := c.single(0, in)
	if err != nil || v.IsNull() {
		return time.Time{}, true, err
	}
	n, err := c.whole(0, v)
	if err != nil {
		return time.Time{}, false, err
	}
	t, err := datetime.InRange(time.Unix(n/ticksPerSecond-fileTimeEpoch, n%ticksPerSecond*100).UTC())
	if err != nil || n < 0 {
		return time.Time{}, false, c.fail("%d is not the number of a date", n)
	}
	return t, false, nil
}

// numFromDate gives a text: the number has more digits than JSON's numbers can be trusted with.
func numFromDate(c *call, in scope) (connectors.Value, error) {
	t, null, err := c.date(0, in)
	if err != nil || null {
		return connectors.NullValue(), err
	}
	n := (t.Unix()+fileTimeEpoch)*ticksPerSecond + int64(t.Nanosecond())/100
	if n < 0 {
		return connectors.Value{}, c.fail("dates are numbered from 1601 on, and this is %s", iso(t))
	}
	return connectors.StringValue(strconv.FormatInt(n, 10)), nil
}

// interval is a unit of time in VB.NET's DateAdd and DateDiff.
type interval struct {
	name    string
	months  int   // one of it has, if it is counted in the calendar
	seconds int64 // one of it has, if not
}

// intervals are the documented ones, and the rest of VB.NET's.
var intervals = []interval{
	{"yyyy", 12, 0}, {"q", 3, 0}, {"m", 1, 0},
	{"d", 0, 86_400}, {"y", 0, 86_400}, {"w", 0, 86_400}, {"ww", 0, 7 * 86_400},
	{"h", 0, 3600}, {"n", 0, 60}, {"s", 0, 1},
}

func intervalNamed(name string) (interval, bool) {
	for _, i := range intervals {
		if strings.EqualFold(i.name, name) {
			return i, true
		}
	}
	return interval{}, false
}

const intervalNames = "yyyy, m, ww, d, h, n (minute) and s"

// interval evaluates argument 0 as an interval.
func (c *call) interval(in scope) (interval, error) {
	name, _, err := c.text(0, in)
	if err != nil {
		return interval{}, err
	}
	unit, ok := intervalNamed(name)
	if !ok {
		return unit, c.fail("the intervals are %s, not %s", intervalNames, quoted(name))
	}
	return unit, nil
}

// dateAdd drops the fraction of the number, as VB.NET does.
func dateAdd(c *call, in scope) (time.Time, bool, error) {
	unit, err := c.interval(in)
	if err != nil {
		return time.Time{}, false, err
	}
	v, err := c.single(1, in)
	if err != nil {
		return time.Time{}, false, err
	}
	f, ok := decimal(strings.TrimSpace(v.Text()))
	if f = math.Trunc(f); !ok || math.Abs(f) > math.MaxInt32 {
		return time.Time{}, false, c.fail("value takes a number, not %s", shown(v))
	}
	t, null, err := c.date(2, in)
	if err != nil || null {
		return t, null, err
	}
	if n := int64(f); unit.months > 0 {
		t, err = datetime.AddMonths(t, int(n)*unit.months)
	} else {
		t, err = datetime.InRange(time.Unix(t.Unix()+n*unit.seconds, int64(t.Nanosecond())).UTC())
	}
	if err != nil {
		return time.Time{}, false, c.fail("%v", err)
	}
	return t, false, nil
}

// dateDiff is the difference as VB.NET counts it: years, quarters and months by the calendar, weeks (ww) by the Sundays
// before both dates, everything else in whole units. Null if a date is.
func dateDiff(c *call, in scope) (connectors.Value, error) {
	unit, err := c.interval(in)
	if err != nil {
		return connectors.Value{}, err
	}
	from, null1, err := c.date(1, in)
	if err != nil {
		return connectors.Value{}, err
	}
	to, null2, err := c.date(2, in)
	if err != nil || null1 || null2 {
		return connectors.NullValue(), err
	}
	return connectors.IntValue(unit.between(from, to)), nil
}

func (i interval) between(from, to time.Time) int64 {
	months := func(t time.Time) int64 { return 12*int64(t.Year()) + int64(t.Month()) - 1 }
	ticks := func(t time.Time) int64 { return t.Unix()*ticksPerSecond + int64(t.Nanosecond())/100 }
	const day = 86_400 * ticksPerSecond
	switch i.name {
	case "yyyy", "q", "m":
		return months(to)/int64(i.months) - months(from)/int64(i.months)
	case "w":
		return (ticks(to) - ticks(from)) / day / 7
	case "ww":
		sunday := func(t time.Time) int64 { return ticks(t) - int64(t.Weekday())*day }
		return (sunday(to) - sunday(from)) / day / 7
	default:
		return (ticks(to) - ticks(from)) / (i.seconds * ticksPerSecond)
	}
}
