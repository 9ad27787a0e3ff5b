package entra

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"ringsync/connectors"
)

// scanner reads JSON (RFC 8259) token by token. encoding/json would need a struct, and attributes are only known at run
// time; its map form costs an allocation for every key of every person. The first error sticks and is in err; methods
// called after it do nothing, so that callers check once.
type scanner struct {
	data  []byte
	pos   int
	depth int
	err   error
}

// mostDepth keeps hostile nesting off the stack. Graph nests four deep.
const mostDepth = 64

func (s *scanner) fail(what string) {
	if s.err != nil {
		return
	}
	if s.pos >= len(s.data) {
		s.err = fmt.Errorf("%s: %w", what, io.ErrUnexpectedEOF)
		return
	}
	s.err = fmt.Errorf("%s at byte %d", what, s.pos)
}

// peek returns the next byte that is no white space, 0 at the end or after an error.
func (s *scanner) peek() byte {
	if s.err != nil {
		return 0
	}
	for s.pos < len(s.data) {
		switch c := s.data[s.pos]; c {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return c
		}
	}
	return 0
}

func (s *scanner) expect(c byte) bool {
	if s.peek() != c || s.err != nil {
		s.fail("expected " + string(c))
		return false
	}
	s.pos++
	return true
}

// end fails unless only white space is left.
func (s *scanner) end() error {
	s.peek()
	if s.err == nil && s.pos < len(s.data) {
		s.fail("something after the value")
	}
	return s.err
}

// object calls field for each member with the scanner before its value, which field must consume. The name is valid
// until then.
func (s *scanner) object(field func(name []byte)) { s.sequence('{', '}', field) }

// array calls item with the scanner before each item, which it must consume.
func (s *scanner) array(item func()) { s.sequence('[', ']', func([]byte) { item() }) }

func (s *scanner) sequence(open, closing byte, one func(name []byte)) {
	if !s.expect(open) {
		return
	}
	if s.depth++; s.depth > mostDepth {
		s.fail("nested too deep")
		return
	}
	defer func() { s.depth-- }()
	if s.peek() == closing {
		s.pos++
		return
	}
	for s.err == nil {
		var name []byte
		if open == '{' {
			name = s.text()
			if !s.expect(':') {
				return
			}
		}
		one(name)
		if s.peek() == ',' {
			s.pos++
			continue
		}
		s.expect(closing)
		return
	}
}

// text reads a string. What it returns may be part of data, and is always valid UTF-8.
func (s *scanner) text() []byte {
	if !s.expect('"') {
		return nil
	}
	start, plain, all := s.pos, true, byte(0)
	for pos := start; pos < len(s.data); pos++ {
		c := s.data[pos]
		all |= c
		switch {
		case c == '"':
			raw := s.data[start:pos]
			s.pos = pos + 1
			if plain && (all < utf8.RuneSelf || utf8.Valid(raw)) {
				return raw
			}
			return s.unquote(s.data[start-1 : s.pos])
		case c == '\\':
			plain = false
			pos++
		case c < ' ':
			s.pos = pos
			s.fail("control character in a string")
			return nil
		}
	}
	s.pos = len(s.data)
	s.fail("string without an end")
	return nil
}

// unquote leaves escapes and bad UTF-8, both rare, to encoding/json.
func (s *scanner) unquote(quoted []byte) []byte {
	var text string
	if err := json.Unmarshal(quoted, &text); err != nil {
		s.fail("malformed string")
		return nil
	}
	return []byte(text)
}

// value reads any value.
func (s *scanner) value() connectors.Value {
	switch s.peek() {
	case '"':
		return connectors.StringValue(string(s.text()))
	case '[':
		var items []connectors.Value
		s.array(func() { items = append(items, s.value()) })
		return connectors.ListValue(items...)
	case '{':
		var fields []connectors.Field
		s.object(func(name []byte) {
			field := connectors.Field{Name: string(name)}
			field.Value = s.value()
			fields = append(fields, field)
		})
		return connectors.ObjectValue(fields...)
	case 0:
		s.fail("expected a value")
		return connectors.Value{}
	}
	return s.literal()
}

// literal reads null, a boolean or a number. Numbers that are not whole, or too large, become strings as they stand.
func (s *scanner) literal() connectors.Value {
	start := s.pos
	for s.pos < len(s.data) && strings.IndexByte(" \t\r\n,:]}[{\"", s.data[s.pos]) < 0 {
		s.pos++
	}
	switch raw := s.data[start:s.pos]; string(raw) {
	case "null":
		return connectors.NullValue()
	case "true":
		return connectors.BoolValue(true)
	case "false":
		return connectors.BoolValue(false)
	default:
		if !json.Valid(raw) {
			s.pos = start
			s.fail("malformed value")
			return connectors.Value{}
		}
		return connectors.FromJSON(json.Number(raw))
	}
}

// skip passes over any value.
func (s *scanner) skip() {
	switch s.peek() {
	case '"':
		s.text()
	case '[':
		s.array(s.skip)
	case '{':
		s.object(func([]byte) { s.skip() })
	default:
		s.literal()
	}
}
