package datetime

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// reader walks through a text.
type reader struct {
	text string
	at   int
}

func (r *reader) rest() string { return r.text[r.at:] }
func (r *reader) done() bool   { return r.at == len(r.text) }

// peek is the next byte, 0 at the end.
func (r *reader) peek() byte {
	if r.done() {
		return 0
	}
	return r.text[r.at]
}

func (r *reader) skipSpace() {
	r.at = len(r.text) - len(strings.TrimLeftFunc(r.rest(), unicode.IsSpace))
}

// match passes over exactly s, if it is next.
func (r *reader) match(s string) bool {
	if !strings.HasPrefix(r.rest(), s) {
		return false
	}
	r.at += len(s)
	return true
}

// matchFold is match without regard to the case of ASCII letters.
func (r *reader) matchFold(s string) bool {
	if len(r.rest()) < len(s) || !strings.EqualFold(r.rest()[:len(s)], s) {
		return false
	}
	r.at += len(s)
	return true
}

// digits reads a number of at least least and at most most digits.
func (r *reader) digits(least, most int) (n int, ok bool) {
	start := r.at
	for !r.done() && r.at-start < most && isDigit(r.peek()) {
		n = 10*n + int(r.peek()-'0')
		r.at++
	}
	return n, r.at-start >= least
}

// fraction reads at most most digits as what follows a decimal point, and tells how many there were.
func (r *reader) fraction(most int) (f float64, count int) {
	scale := 1.0
	for !r.done() && count < most && isDigit(r.peek()) {
		f = 10*f + float64(r.peek()-'0')
		scale *= 10
		count++
		r.at++
	}
	return f / scale, count
}

// oneOf reads the longest of the names that is next and gives its index, -1 if none is.
func (r *reader) oneOf(name func(i int) string, count int) int {
	best, length := -1, 0
	for i := range count {
		if s := name(i); len(s) > length && len(r.rest()) >= len(s) && strings.EqualFold(r.rest()[:len(s)], s) {
			best, length = i, len(s)
		}
	}
	r.at += length
	return best
}

// word reads the letters that are next.
func (r *reader) word() string {
	start := r.at
	for c, size := utf8.DecodeRuneInString(r.rest()); unicode.IsLetter(c); c, size = utf8.DecodeRuneInString(r.rest()) {
		r.at += size
	}
	return r.text[start:r.at]
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

const short = 3 // letters of an abbreviated name

func monthName(i int) string      { return time.Month(i + 1).String() }
func shortMonthName(i int) string { return monthName(i)[:short] }
func dayName(i int) string        { return time.Weekday(i).String() }
func shortDayName(i int) string   { return dayName(i)[:short] }
