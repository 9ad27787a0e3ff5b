package datetime

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Writer writes moments in one format (System.DateTime.ToString).
type Writer struct {
	elements []element
}

// NewWriter compiles a custom or standard format.
func NewWriter(format string) (*Writer, error) {
	elements, err := split(format, writing)
	if err != nil {
		return nil, err
	}
	return &Writer{elements}, nil
}

// Write gives the text of a moment.
func (w *Writer) Write(m Moment) string {
	b := make([]byte, 0, 40)
	for _, e := range w.elements {
		b = e.write(b, m)
	}
	return string(b)
}

func (e element) write(b []byte, m Moment) []byte {
	t := m.Time
	switch e.specifier {
	case 0:
		return append(b, e.text...)
	case 'd':
		return e.writeDay(b, t)
	case 'M':
		return e.writeMonth(b, t)
	case 'y':
		if e.count <= 2 {
			return padded(b, t.Year()%100, e.count)
		}
		return padded(b, t.Year(), e.count)
	case 'h':
		return padded(b, fold24(t.Hour()), min(e.count, 2))
	case 'H':
		return padded(b, t.Hour(), min(e.count, 2))
	case 'm':
		return padded(b, t.Minute(), min(e.count, 2))
	case 's':
		return padded(b, t.Second(), min(e.count, 2))
	case 'f', 'F':
		return e.writeFraction(b, t)
	case 't':
		return append(b, t.Format("PM")[:min(e.count, 2)]...)
	case 'g':
		return append(b, era...)
	case 'z':
		return append(b, [...]string{"+0", "+00", "+00:00"}[min(e.count, 3)-1]...)
	default: // K
		return append(b, [...]string{Unspecified: "", UTC: "Z", Local: "+00:00"}[m.Kind]...)
	}
}

const era = "A.D."

func (e element) writeDay(b []byte, t time.Time) []byte {
	switch {
	case e.count <= 2:
		return padded(b, t.Day(), e.count)
	case e.count == 3:
		return append(b, t.Weekday().String()[:short]...)
	default:
		return append(b, t.Weekday().String()...)
	}
}

func (e element) writeMonth(b []byte, t time.Time) []byte {
	switch {
	case e.count <= 2:
		return padded(b, int(t.Month()), e.count)
	case e.count == 3:
		return append(b, t.Month().String()[:short]...)
	default:
		return append(b, t.Month().String()...)
	}
}

// writeFraction writes digits of the second's fraction; F leaves zeros at the end out, and the point before them when
// none is left.
func (e element) writeFraction(b []byte, t time.Time) []byte {
	digits := fmt.Sprintf("%07d", t.Nanosecond()/int(tick))[:e.count]
	if e.specifier == 'f' {
		return append(b, digits...)
	}
	digits = strings.TrimRight(digits, "0")
	if digits == "" && len(b) > 0 && b[len(b)-1] == '.' {
		return b[:len(b)-1]
	}
	return append(b, digits...)
}

// padded writes a number with at least that many digits.
func padded(b []byte, n, digits int) []byte {
	s := strconv.Itoa(n)
	for range digits - len(s) {
		b = append(b, '0')
	}
	return append(b, s...)
}
