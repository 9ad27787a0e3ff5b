package datetime

import (
	"errors"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Reader reads texts of one format (System.DateTime.ParseExact).
type Reader struct {
	elements []element
	styles   Styles
	utc      bool // the standard format U
}

// NewReader compiles a custom or standard format.
func NewReader(format string, styles Styles) (*Reader, error) {
	r := &Reader{styles: styles, utc: format == "U"}
	if len(format) != 1 {
		if styles&AllowTrailingWhite != 0 {
			format = strings.TrimRightFunc(format, unicode.IsSpace)
		}
		if styles&AllowLeadingWhite != 0 {
			format = strings.TrimLeftFunc(format, unicode.IsSpace)
		}
	}
	var err error
	r.elements, err = split(format, reading)
	return r, err
}

// NeedsToday reports whether a text of this format says no year, so that today's date stands in.
func (r *Reader) NeedsToday() bool {
	has := func(letters string) bool {
		return slices.ContainsFunc(r.elements, func(e element) bool {
			return e.specifier != 0 && strings.IndexByte(letters, e.specifier) >= 0 && (e.specifier != 'd' || e.count <= 2)
		})
	}
	return !has("y") && (has("Md") || r.styles&NoCurrentDateDefault == 0)
}

// ErrMismatch says that a text is not written in the reader's format.
var ErrMismatch = errors.New("the text is not in this format")

// exact is the reading of one text.
type exact struct {
	reader
	fields
	styles    Styles
	hour12    bool
	afternoon int // 0 or 1, -1 if neither AM nor PM was read
	zone      bool
	zulu      bool
	offset    time.Duration
}

// Read reads a text. Where it says no date, or no year, those of today are taken.
func (r *Reader) Read(text string, today time.Time) (Moment, error) {
	if r.styles&AllowTrailingWhite != 0 {
		text = strings.TrimRightFunc(text, unicode.IsSpace)
	}
	if r.styles&AllowLeadingWhite != 0 {
		text = strings.TrimLeftFunc(text, unicode.IsSpace)
	}
	x := &exact{reader: reader{text: text}, fields: noFields(), styles: r.styles, afternoon: -1, zone: r.utc, zulu: r.utc}
	for i := 0; i < len(r.elements); i++ {
		if r.styles&AllowInnerWhite != 0 {
			x.skipSpace()
		}
		e := r.elements[i]
		if e.specifier == '.' && !x.match(".") {
			// Of ".FFF" the point goes with the digits.
			if i+1 == len(r.elements) || r.elements[i+1].specifier != 'F' {
				return Moment{}, ErrMismatch
			}
			i++
			continue
		}
		if !x.element(e) {
			return Moment{}, ErrMismatch
		}
	}
	if !x.done() || !x.settleHour() {
		return Moment{}, ErrMismatch
	}
	x.settleDate(today)
	t, err := x.time()
	if err != nil {
		return Moment{}, err
	}
	return x.settleZone(t)
}

// element reads one element; ok is false if the text has something else there.
func (x *exact) element(e element) (ok bool) {
	switch e.specifier {
	case 0:
		return x.literal(e.text)
	case '.': // read already
		return true
	case ' ':
		return x.styles&AllowInnerWhite != 0 || x.match(" ") || x.styles&AllowTrailingWhite != 0
	case 'y':
		return x.readYear(e.count)
	case 'M':
		return x.readMonth(e.count)
	case 'd':
		return x.readDay(e.count)
	case 'h', 'H', 'm', 's':
		return x.readClock(e)
	case 'f', 'F':
		f, count := x.reader.fraction(e.count)
		if count > 0 {
			x.fields.fraction = f
		}
		return count == e.count || e.specifier == 'F'
	case 't':
		return x.readHalf(e.count)
	case 'g':
		return x.matchFold(era) || x.matchFold("AD")
	default:
		return x.readZone(e)
	}
}

func (x *exact) literal(text string) bool {
	if x.styles&AllowInnerWhite == 0 {
		return x.match(text)
	}
	for _, r := range text {
		if r == ' ' {
			x.skipSpace()
		} else if !x.match(string(r)) {
			return false
		}
	}
	return true
}

// set gives a field its value; one that is said twice must be the same.
func set(field *int, value int) bool {
	if *field >= 0 && *field != value {
		return false
	}
	*field = value
	return true
}

// number reads as many digits as there are letters in the format; one letter stands for one digit or two.
func (x *exact) number(count int) (int, bool) {
	if count == 1 {
		return x.digits(1, 2)
	}
	return x.digits(count, count)
}

func (x *exact) readYear(count int) bool {
	n, ok := x.number(count)
	if ok && count <= 2 {
		n = fourDigits(n)
	}
	return ok && set(&x.year, n)
}

func (x *exact) readMonth(count int) bool {
	switch count {
	case 1, 2:
		n, ok := x.number(count)
		return ok && set(&x.month, n)
	case 3:
		i := x.oneOf(shortMonthName, 12)
		return i >= 0 && set(&x.month, i+1)
	default:
		i := x.oneOf(monthName, 12)
		return i >= 0 && set(&x.month, i+1)
	}
}

func (x *exact) readDay(count int) bool {
	switch count {
	case 1, 2:
		n, ok := x.number(count)
		return ok && set(&x.day, n)
	case 3:
		i := x.oneOf(shortDayName, 7)
		return i >= 0 && set(&x.weekday, i)
	default:
		i := x.oneOf(dayName, 7)
		return i >= 0 && set(&x.weekday, i)
	}
}

func (x *exact) readClock(e element) bool {
	n, ok := x.number(min(e.count, 2))
	if !ok {
		return false
	}
	switch e.specifier {
	case 'm':
		return set(&x.minute, n)
	case 's':
		return set(&x.second, n)
	case 'h':
		x.hour12 = true
	}
	return set(&x.hour, n)
}

// readHalf reads AM or PM, or the first letter of it.
func (x *exact) readHalf(count int) bool {
	for i, half := range []string{"AM", "PM"} {
		if count == 1 && x.match(half[:1]) || count > 1 && x.matchFold(half) {
			return set(&x.afternoon, i)
		}
	}
	return false
}

// readZone reads the zone: an offset, Z, GMT, or for K perhaps nothing.
func (x *exact) readZone(e element) bool {
	switch c := x.peek(); {
	case e.specifier == 'G':
		return x.match("GMT") && x.setZone(0)
	case e.specifier == 'Z', e.specifier == 'K' && c == 'Z':
		x.zulu = true
		return (x.matchFold("GMT") || x.matchFold("Z")) && x.setZone(0)
	case e.specifier == 'K' && c != '+' && c != '-':
		return true
	}
	count := e.count
	if e.specifier == 'K' {
		count = 3
	}
	offset, ok := x.readOffset(count)
	return ok && x.setZone(offset)
}

func (x *exact) setZone(offset time.Duration) bool {
	if x.zone && x.offset != offset {
		return false
	}
	x.zone, x.offset = true, offset
	return true
}

// readOffset reads a sign, hours, and from three letters on minutes, with or without a colon.
func (x *exact) readOffset(count int) (time.Duration, bool) {
	negative := x.match("-")
	if !negative && !x.match("+") {
		return 0, false
	}
	hours, ok := x.number(min(count, 2))
	minutes := 0
	if ok && count > 2 {
		x.match(":")
		minutes, ok = x.digits(2, 2)
	}
	offset := time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
	if negative {
		offset = -offset
	}
	return offset, ok && minutes < 60
}

// settleHour makes an hour of 24 of what was read; ok is false if AM or PM contradicts it.
func (x *exact) settleHour() (ok bool) {
	if x.hour12 {
		if x.hour > 12 {
			return false
		}
		x.hour = fold12(x.hour, x.afternoon == 1)
		return true
	}
	return x.afternoon < 0 || (x.afternoon == 1) == (x.hour >= 12)
}

// settleDate fills in what the format does not say.
func (x *exact) settleDate(today time.Time) {
	switch {
	case x.month < 0 && x.day < 0 && x.year < 0 && x.styles&NoCurrentDateDefault != 0:
		x.year, x.month, x.day = 1, 1, 1
	case x.month < 0 && x.day < 0 && x.year < 0:
		x.year, x.month, x.day = today.Year(), int(today.Month()), today.Day()
	default:
		if x.year < 0 {
			x.year = today.Year()
		}
		if x.month < 0 {
			x.month = 1
		}
		if x.day < 0 {
			x.day = 1
		}
	}
}

// settleZone turns the time read into UTC, and says what is known of its zone.
func (x *exact) settleZone(t time.Time) (Moment, error) {
	switch {
	case !x.zone && x.styles&(AssumeLocal|AssumeUniversal) == 0:
		return Moment{t, Unspecified}, nil
	case x.styles&RoundtripKind != 0 && x.zulu:
		return Moment{t, UTC}, nil
	}
	t, err := atOffset(t, x.offset)
	if err != nil {
		return Moment{}, err
	}
	if x.styles&AdjustToUniversal != 0 {
		return Moment{t, UTC}, nil
	}
	return Moment{t, Local}, nil
}
