package expr

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Error is what is wrong at one place of an expression, found while compiling or evaluating it.
type Error struct {
	Source  string // the whole expression
	Offset  int    // in bytes
	Line    int    // from 1
	Column  int    // from 1, in characters
	Message string
	Nearest string // the name probably meant, "" if none is near
}

func newError(source string, offset int, format string, args ...any) *Error {
	before := source[:offset]
	return &Error{
		Source:  source,
		Offset:  offset,
		Line:    1 + strings.Count(before, "\n"),
		Column:  1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]),
		Message: strings.Map(controlToSpace, fmt.Sprintf(format, args...)),
	}
}

// controlToSpace keeps a message on its line, whatever text it quotes.
func controlToSpace(r rune) rune {
	if unicode.IsControl(r) {
		return ' '
	}
	return r
}

func (e *Error) near(name string) *Error {
	e.Nearest = name
	return e
}

// Error gives one line: the place, what is wrong there, and the nearest right name.
func (e *Error) Error() string {
	var b strings.Builder
	if strings.ContainsRune(e.Source, '\n') {
		fmt.Fprintf(&b, "line %d, ", e.Line)
	}
	fmt.Fprintf(&b, "column %d: %s", e.Column, e.Message)
	if e.Nearest != "" {
		fmt.Fprintf(&b, "; did you mean %s?", e.Nearest)
	}
	return b.String()
}

// Caret gives the line of the expression that the error is on, and below it a caret under the column. Tabs are
// repeated, so that the caret stands right whatever their width.
func (e *Error) Caret() string {
	start := strings.LastIndexByte(e.Source[:e.Offset], '\n') + 1
	line, _, _ := strings.Cut(e.Source[start:], "\n")
	indent := strings.Map(func(r rune) rune {
		if r == '\t' {
			return '\t'
		}
		return ' '
	}, e.Source[start:e.Offset])
	return strings.TrimSuffix(line, "\r") + "\n" + indent + "^"
}
