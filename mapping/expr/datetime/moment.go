package datetime

import (
	"errors"
	"math"
	"time"
)

// Kind says what the zone of a moment is known to be (System.DateTimeKind).
type Kind uint8

const (
	Unspecified Kind = iota
	UTC
	Local // which is UTC too, but is written as an offset
)

// Moment is a date with a time of day, and what is known of its zone.
type Moment struct {
	Time time.Time // in time.UTC
	Kind Kind
}

// tick is the smallest step of time that .NET knows.
const tick = 100 * time.Nanosecond

// ErrRange says that a date is before year 1 or after year 9999.
var ErrRange = errors.New("the date is not in the years 1 to 9999")

// InRange returns t, or ErrRange if .NET has no such date.
func InRange(t time.Time) (time.Time, error) {
	if y := t.Year(); y < 1 || y > 9999 {
		return time.Time{}, ErrRange
	}
	return t, nil
}

// AddMonths adds months as .NET does: the last day of a month stays within the month.
func AddMonths(t time.Time, months int) (time.Time, error) {
	const most = 12 * 10_000
	if months < -most || months > most {
		return time.Time{}, ErrRange
	}
	first := time.Date(t.Year(), t.Month()+time.Month(months), 1, 0, 0, 0, 0, time.UTC)
	day := min(t.Day(), daysIn(first.Year(), first.Month()))
	return InRange(first.AddDate(0, 0, day-1).Add(t.Sub(midnight(t))))
}

func midnight(t time.Time) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

func daysIn(year int, month time.Month) int {
	return time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// fourDigits returns the year that two digits mean: 49 is 2049, 50 is 1950 (GregorianCalendar.TwoDigitYearMax since
// .NET 8, and Windows' own setting).
func fourDigits(year int) int {
	if year < 50 {
		return 2000 + year
	}
	return 1900 + year
}

// fields are the parts of a date as they are read; what was not read is -1.
type fields struct {
	year, month, day     int
	hour, minute, second int
	fraction             float64 // of a second
	weekday              int     // Sunday is 0
}

func noFields() fields {
	return fields{year: -1, month: -1, day: -1, hour: -1, minute: -1, second: -1, weekday: -1}
}

var (
	errNoDate  = errors.New("there is no such date")
	errWeekday = errors.New("the day of the week is another one")
)

// time makes a time of complete date fields.
func (f *fields) time() (time.Time, error) {
	hour, minute, second := max(f.hour, 0), max(f.minute, 0), max(f.second, 0)
	if f.year < 1 || f.year > 9999 || f.month < 1 || f.month > 12 || f.day < 1 ||
		f.day > daysIn(f.year, time.Month(f.month)) || hour > 23 || minute > 59 || second > 59 {
		return time.Time{}, errNoDate
	}
	t := time.Date(f.year, time.Month(f.month), f.day, hour, minute, second, 0, time.UTC)
	if f.weekday >= 0 && time.Weekday(f.weekday) != t.Weekday() {
		return time.Time{}, errWeekday
	}
	return InRange(t.Add(time.Duration(math.Round(f.fraction*1e7)) * tick))
}

const maxOffset = 14 * time.Hour

// atOffset returns the UTC time of a local one.
func atOffset(t time.Time, offset time.Duration) (time.Time, error) {
	if offset.Abs() > maxOffset {
		return time.Time{}, errors.New("an offset is at most 14 hours")
	}
	return InRange(t.Add(-offset))
}

// fold12 turns an hour of 12 into one of 24.
func fold12(hour int, afternoon bool) int {
	switch {
	case !afternoon && hour == 12:
		return 0
	case afternoon && hour < 12:
		return hour + 12
	default:
		return hour
	}
}
