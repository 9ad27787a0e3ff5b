package expr

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

type tokenKind uint8

const (
	tokenEnd tokenKind = iota
	tokenName
	tokenAttribute
	tokenText
	tokenNumber
	tokenHex
	tokenOpen
	tokenClose
	tokenComma
	tokenOperator
)

// token is one lexical element. text is the content: a name, an attribute's name without brackets, text with its
// escapes resolved, a number as written, an operator.
type token struct {
	kind   tokenKind
	text   string
	offset int
}

// shown is how a message names the token.
func (t token) shown() string {
	switch t.kind {
	case tokenEnd:
		return "the end"
	case tokenAttribute:
		return "[" + t.text + "]"
	case tokenText:
		return quote(t.text)
	case tokenOpen:
		return `"("`
	case tokenClose:
		return `")"`
	case tokenComma:
		return `","`
	default:
		return t.text
	}
}

type lexer struct {
	source string
	at     int
}

func (l *lexer) next() (token, error) {
	rest := strings.TrimLeftFunc(l.source[l.at:], unicode.IsSpace)
	l.at = len(l.source) - len(rest)
	if rest == "" {
		return token{kind: tokenEnd, offset: l.at}, nil
	}
	switch c := rest[0]; {
	case c == '(':
		return l.take(tokenOpen, 1), nil
	case c == ')':
		return l.take(tokenClose, 1), nil
	case c == ',':
		return l.take(tokenComma, 1), nil
	case strings.HasPrefix(rest, "<>"), strings.HasPrefix(rest, "<="), strings.HasPrefix(rest, ">="):
		return l.take(tokenOperator, 2), nil
	case c == '=', c == '<', c == '>':
		return l.take(tokenOperator, 1), nil
	case c == '"':
		return l.quoted()
	case c == '[':
		return l.attribute()
	case isDigit(c), c == '-' && len(rest) > 1 && isDigit(rest[1]):
		return l.take(tokenNumber, numberLength(rest)), nil
	case len(rest) > 2 && c == '&' && rest[1]|0x20 == 'h' && isHex(rest[2]):
		return l.take(tokenHex, 2+prefixLength(rest[2:], isHex)), nil
	case isNameStart(c):
		return l.take(tokenName, prefixLength(rest, isNamePart)), nil
	}
	return token{}, l.stray()
}

func (l *lexer) take(kind tokenKind, length int) token {
	t := token{kind: kind, text: l.source[l.at : l.at+length], offset: l.at}
	l.at += length
	return t
}

// quoted reads text between double quotes. A backslash escapes a quote and a backslash; before anything else it
// stands for itself, so that a regular expression whose backslashes were not doubled means what its writer meant.
func (l *lexer) quoted() (token, error) {
	start := l.at
	var b strings.Builder
	for i := start + 1; i < len(l.source); i++ {
		switch c := l.source[i]; {
		case c == '"':
			l.at = i + 1
			return token{kind: tokenText, text: b.String(), offset: start}, nil
		case c == '\\' && i+1 < len(l.source) && (l.source[i+1] == '"' || l.source[i+1] == '\\'):
			i++
			b.WriteByte(l.source[i])
		default:
			b.WriteByte(c)
		}
	}
	return token{}, newError(l.source, start, "this text has no closing quote")
}

func (l *lexer) attribute() (token, error) {
	start := l.at
	name, _, closed := strings.Cut(l.source[start+1:], "]")
	if !closed {
		return token{}, newError(l.source, start, `this attribute has no closing "]"`)
	}
	l.at = start + 1 + len(name) + 1
	name = strings.TrimSpace(name)
	if name == "" {
		return token{}, newError(l.source, start, "an attribute needs a name between its brackets")
	}
	if strings.ContainsFunc(name, unicode.IsControl) {
		return token{}, newError(l.source, start, "an attribute's name stands on one line")
	}
	return token{kind: tokenAttribute, text: name, offset: start}, nil
}

// stray explains a character that begins nothing: mostly habits from other languages, or from a word processor.
func (l *lexer) stray() error {
	r, _ := utf8.DecodeRuneInString(l.source[l.at:])
	switch r {
	case '&', '+':
		return newError(l.source, l.at, "there is no %c operator: join texts with Join or Append", r)
	case '\'':
		return newError(l.source, l.at, "text is written in double quotes")
	case '“', '”', '„', '«', '»':
		return newError(l.source, l.at, "text is written in straight double quotes, not in %c", r)
	}
	return newError(l.source, l.at, "unexpected character %q", r)
}

// numberLength is the length of a number at the start of s: -?[0-9]+(\.[0-9]+)?
func numberLength(s string) int {
	n := 1 + prefixLength(s[1:], isDigit)
	if n+1 < len(s) && s[n] == '.' && isDigit(s[n+1]) {
		n += 1 + prefixLength(s[n+1:], isDigit)
	}
	return n
}

func prefixLength(s string, in func(byte) bool) int {
	for i := range len(s) {
		if !in(s[i]) {
			return i
		}
	}
	return len(s)
}

func isDigit(c byte) bool     { return '0' <= c && c <= '9' }
func isHex(c byte) bool       { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }
func isNameStart(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' || c == '_' }
func isNamePart(c byte) bool  { return isNameStart(c) || isDigit(c) }
