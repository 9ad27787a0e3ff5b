package datetime

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// maxText is the most bytes that a date in free form may have.
const maxText = 100

// Parse reads a date in free form and gives it in UTC, where it also is if it says no zone (System.DateTime.Parse):
//
//	2020-03-16  3/16/2020  March 16, 2020  16 Mar 2020  2020-03  March 2020     (month before day)
//	10:30  10:30:15.123  5 PM  5:30 pm                                          before or after the date, or after a T
//	Z  GMT  +02  +0200  +02:00                                                  after the date or the time
//
// A date without a year is none: .NET would take this year's.
func Parse(text string) (time.Time, error) {
	p := &free{reader: reader{text: strings.TrimSpace(text)}, fields: noFields()}
	if len(p.text) > maxText || p.text == "" {
		return time.Time{}, errNotDate
	}
	for !p.done() {
		if !p.part() {
			return time.Time{}, errNotDate
		}
	}
	if err := p.settle(); err != nil {
		return time.Time{}, err
	}
	t, err := p.time()
	if err != nil {
		return time.Time{}, err
	}
	return atOffset(t, p.offset)
}

var (
	errNotDate = errors.New("this is not a date")
	errNoYear  = errors.New("the date has no year")
)

// free is the reading of one text.
type free struct {
	reader
	fields
	numbers   []number // of the date, in their order
	separated bool     // a separator has just been passed
	clock     bool     // the time of day has been read
	half      bool     // AM or PM has been read
	zone      bool
	offset    time.Duration
}

type number struct {
	value, digits int
}

// isYear reports whether it can be nothing else.
func (n number) isYear() bool { return n.digits > 2 }

// dated is how many parts of the date have been read.
func (p *free) dated() int {
	if p.month >= 0 {
		return len(p.numbers) + 1
	}
	return len(p.numbers)
}

// part reads the next part of the text.
func (p *free) part() (ok bool) {
	separated := p.separated
	p.separated = false
	switch c := p.peek(); {
	case isDigit(c):
		return p.readNumber()
	case c == ' ' || c == '\t' || c == ',':
		p.at++
		p.separated = separated
		return true
	case c == '+', c == '-' && (p.dated() == 3 || p.clock):
		return p.readOffset()
	case c == '-' || c == '/' || c == '.':
		p.at++
		p.separated = true
		return !separated && (p.dated() == 1 || p.dated() == 2) && !p.done()
	default:
		return p.readWord()
	}
}

func (p *free) readNumber() bool {
	start := p.at
	value, _ := p.digits(1, 4)
	digits := p.at - start
	if isDigit(p.peek()) {
		return false
	}
	if p.peek() == ':' {
		return digits <= 2 && p.readClock(value)
	}
	p.numbers = append(p.numbers, number{value, digits})
	return p.dated() <= 4 // one may yet turn out to be an hour
}

// readClock reads what follows the hour.
func (p *free) readClock(hour int) (ok bool) {
	if p.clock {
		return false
	}
	p.clock, p.hour = true, hour
	p.at++
	if p.minute, ok = p.digits(1, 2); !ok {
		return false
	}
	if !p.match(":") {
		return true
	}
	if p.second, ok = p.digits(1, 2); !ok {
		return false
	}
	if p.match(".") {
		digits := 0
		p.fields.fraction, digits = p.reader.fraction(maxText)
		return digits > 0
	}
	return true
}

func (p *free) readWord() bool {
	word := p.word()
	fold := func(s string) bool { return strings.EqualFold(word, s) }
	switch {
	case word == "":
		return false
	case fold("T"):
		return p.dated() == 3 && isDigit(p.peek())
	case fold("Z"), fold("GMT"), fold("UTC"):
		return p.setZone(0)
	case fold("AM"), fold("A"):
		return p.readHalf(false)
	case fold("PM"), fold("P"):
		return p.readHalf(true)
	}
	for i := range 12 {
		if fold(monthName(i)) || fold(shortMonthName(i)) {
			return set(&p.month, i+1)
		}
	}
	for i := range 7 {
		if fold(dayName(i)) || fold(shortDayName(i)) {
			return set(&p.weekday, i)
		}
	}
	return false
}

// readHalf turns the hour before it, which may be all there is of the time, into one of 24.
func (p *free) readHalf(afternoon bool) bool {
	if !p.clock {
		if len(p.numbers) == 0 {
			return false
		}
		last := p.numbers[len(p.numbers)-1]
		p.numbers = p.numbers[:len(p.numbers)-1]
		p.clock, p.hour = true, last.value
	}
	if p.half || !afternoon && p.hour > 12 {
		return false
	}
	p.half, p.hour = true, fold12(p.hour, afternoon)
	return true
}

func (p *free) setZone(offset time.Duration) bool {
	if p.zone || p.dated() == 0 && !p.clock {
		return false
	}
	p.zone, p.offset = true, offset
	return true
}

// readOffset reads +2, +02, +0200 or +02:00.
func (p *free) readOffset() bool {
	sign := time.Minute
	if p.peek() == '-' {
		sign = -time.Minute
	}
	p.at++
	start := p.at
	hours, ok := p.digits(1, 4)
	minutes := 0
	switch {
	case p.at-start == 3:
		return false
	case p.at-start == 4:
		hours, minutes = hours/100, hours%100
	case p.match(":"):
		minutes, ok = p.digits(2, 2)
	}
	return ok && minutes < 60 && p.setZone(time.Duration(60*hours+minutes)*sign)
}

// settle decides which number is what.
func (p *free) settle() error {
	n := p.numbers
	switch {
	case len(n) == 3 && p.month < 0 && n[0].isYear():
		p.year, p.month, p.day = n[0].value, n[1].value, n[2].value
	case len(n) == 3 && p.month < 0:
		p.month, p.day, p.year = n[0].value, n[1].value, p.century(n[2])
	case len(n) == 2 && n[0].isYear() && !n[1].isYear(): // a month without a day is its first day
		p.year = n[0].value
		if p.month < 0 {
			p.month, p.day = n[1].value, 1
		} else {
			p.day = n[1].value
		}
	case len(n) == 2 && p.month < 0 && n[1].isYear():
		p.month, p.day, p.year = n[0].value, 1, n[1].value
	case len(n) == 2 && p.month >= 0:
		p.day, p.year = n[0].value, p.century(n[1])
	case len(n) == 1 && p.month >= 0 && n[0].isYear():
		p.day, p.year = 1, n[0].value
	case len(n) <= 2 && p.dated() > 0 || p.clock && p.dated() == 0:
		return errNoYear
	default:
		return errNotDate
	}
	return nil
}

func (p *free) century(n number) int {
	if n.isYear() {
		return n.value
	}
	return fourDigits(n.value)
}

// Text is how the functions that give dates write them: M/d/yyyy h:mm:ss tt.
func Text(t time.Time) string {
	return fmt.Sprintf("%d/%d/%04d %d:%02d:%02d %s", t.Month(), t.Day(), t.Year(), fold24(t.Hour()), t.Minute(), t.Second(), t.Format("PM"))
}

func fold24(hour int) int { return (hour+11)%12 + 1 }
