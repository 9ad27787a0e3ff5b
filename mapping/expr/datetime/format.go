package datetime

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// standard are the patterns of the formats that are one letter. U is F in UTC, where all is already.
var standard = map[byte]string{
	'd': "M/d/yyyy",
	'D': "dddd, MMMM d, yyyy",
	't': "h:mm tt",
	'T': "h:mm:ss tt",
	'f': "dddd, MMMM d, yyyy h:mm tt",
	'F': "dddd, MMMM d, yyyy h:mm:ss tt",
	'U': "dddd, MMMM d, yyyy h:mm:ss tt",
	'g': "M/d/yyyy h:mm tt",
	'G': "M/d/yyyy h:mm:ss tt",
	'M': "MMMM d",
	'm': "MMMM d",
	'Y': "MMMM yyyy",
	'y': "MMMM yyyy",
	'R': "ddd, dd MMM yyyy HH':'mm':'ss 'GMT'",
	'r': "ddd, dd MMM yyyy HH':'mm':'ss 'GMT'",
	's': "yyyy'-'MM'-'dd'T'HH':'mm':'ss",
	'u': "yyyy'-'MM'-'dd HH':'mm':'ss'Z'",
	'O': "yyyy'-'MM'-'dd'T'HH':'mm':'ss'.'fffffffK",
	'o': "yyyy'-'MM'-'dd'T'HH':'mm':'ss'.'fffffffK",
}

// specifiers are the letters of a custom format; each may be repeated.
const specifiers = "dfFghHKmMstyz"

// element is one part of a custom format: a specifier and how often it stands there, or a literal text.
type element struct {
	specifier byte // 0 for a literal
	count     int
	text      string
}

// mode is whether a format is read by or written by: they differ in a few letters.
type mode bool

const (
	reading mode = true
	writing mode = false
)

// split takes a format apart.
func split(format string, m mode) ([]element, error) {
	if format == "" {
		return nil, fmt.Errorf("the format is empty")
	}
	if len(format) == 1 {
		pattern, ok := standard[format[0]]
		if !ok {
			return nil, fmt.Errorf("there is no standard format %q", format)
		}
		format = pattern
	}
	var elements []element
	for s := format; s != ""; {
		e, used, err := first(s, m)
		if err != nil {
			return nil, err
		}
		if e.specifier|0x20 == 'f' && e.count > 7 { // F too
			return nil, fmt.Errorf("a second has at most 7 digits after its point, not %d", e.count)
		}
		if e.count > 0 || e.text != "" {
			elements = append(elements, e)
		}
		s = s[used:]
	}
	return elements, nil
}

// first takes one element off a format, and tells how many bytes it has there.
func first(s string, m mode) (e element, used int, err error) {
	c := s[0]
	switch {
	case strings.IndexByte(specifiers, c) >= 0, c == 'Z' && m == reading:
		n := len(s) - len(strings.TrimLeft(s, string(c)))
		if c == 'K' || c == 'Z' {
			n = 1
		}
		return element{specifier: c, count: n}, n, nil
	case c == '\'' || c == '"':
		text, used, ok := quotedText(s)
		if !ok {
			return e, 0, fmt.Errorf("the format %q lacks a closing %c", s, c)
		}
		return element{text: text}, used, nil
	case c == '\\':
		if len(s) == 1 {
			return e, 0, fmt.Errorf("the format ends with a backslash")
		}
		_, size := utf8.DecodeRuneInString(s[1:])
		return element{text: s[1 : 1+size]}, 1 + size, nil
	case c == '%':
		return afterPercent(s, m)
	case strings.HasPrefix(s, "GMT") && m == reading:
		return element{specifier: 'G', count: 1}, len("GMT"), nil
	case m == reading && (c == '.' || c == ' '):
		return element{specifier: c, count: 1}, 1, nil
	default:
		_, size := utf8.DecodeRuneInString(s)
		return element{text: s[:size]}, size, nil
	}
}

// afterPercent reads a single specifier: %d is the day, where d alone is a standard format.
func afterPercent(s string, m mode) (e element, used int, err error) {
	if len(s) == 1 || s[1] == '%' {
		return e, 0, fmt.Errorf("a %% stands before a letter of the format")
	}
	if m == reading { // where it does nothing else
		return e, 1, nil
	}
	_, size := utf8.DecodeRuneInString(s[1:])
	e, _, err = first(s[1:1+size], m)
	return e, 1 + size, err
}

// quotedText reads a text in quotes, where a backslash takes the next character as it is.
func quotedText(s string) (text string, used int, ok bool) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == s[0]:
			return b.String(), i + 1, true
		case s[i] == '\\':
			if i++; i == len(s) {
				return "", 0, false
			}
		}
		b.WriteByte(s[i])
	}
	return "", 0, false
}
