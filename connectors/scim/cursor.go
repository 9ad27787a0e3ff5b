package scim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"ringsync/connectors"
)

// cursor walks a JSON document once and keeps only what it is asked for. Through encoding/json the same account costs
// a map and some sixty allocations, of which a sync would pay one for each account it lists and each write it sends.
// It accepts exactly what encoding/json accepts, except nesting beyond deepest.
type cursor struct {
	b     []byte
	i     int
	depth int
}

const deepest = 200

var errTooDeep = errors.New("JSON nested too deep")

func (c *cursor) fail(want string) error {
	if c.i >= len(c.b) {
		return fmt.Errorf("JSON ends early: expected %s", want)
	}
	return fmt.Errorf("JSON byte %d: expected %s", c.i, want)
}

// peek returns the next byte that is not white space, 0 at the end.
func (c *cursor) peek() byte {
	for ; c.i < len(c.b); c.i++ {
		switch c.b[c.i] {
		case ' ', '\t', '\n', '\r':
		default:
			return c.b[c.i]
		}
	}
	return 0
}

// end reports whether nothing but white space is left.
func (c *cursor) end() error {
	if c.peek(); c.i < len(c.b) {
		return c.fail("nothing more")
	}
	return nil
}

// object calls member for each name; member must consume the value. The name is valid until then.
func (c *cursor) object(member func(name []byte) error) error {
	if c.peek() != '{' {
		return c.fail("an object")
	}
	return c.sequence('}', func() error {
		if c.peek() != '"' {
			return c.fail("a name")
		}
		name, err := c.text()
		if err != nil {
			return err
		}
		if c.peek() != ':' {
			return c.fail("a colon")
		}
		c.i++
		return member(name)
	})
}

// array calls item for each element; item must consume it.
func (c *cursor) array(item func() error) error {
	if c.peek() != '[' {
		return c.fail("an array")
	}
	return c.sequence(']', item)
}

// sequence reads from the opening bracket, on which the cursor stands, to the closing one.
func (c *cursor) sequence(closing byte, item func() error) error {
	if c.depth++; c.depth > deepest {
		return errTooDeep
	}
	c.i++
	if c.peek() == closing {
		c.i++
		c.depth--
		return nil
	}
	for {
		if err := item(); err != nil {
			return err
		}
		switch c.peek() {
		case ',':
			c.i++
		case closing:
			c.i++
			c.depth--
			return nil
		default:
			return c.fail("a comma or the closing bracket")
		}
	}
}

// text reads a string. The bytes may be part of the document: copy what is kept.
func (c *cursor) text() ([]byte, error) {
	start, plain, ascii := c.i, true, true
	for c.i++; c.i < len(c.b); c.i++ {
		switch b := c.b[c.i]; {
		case b == '"':
			c.i++
			if inner := c.b[start+1 : c.i-1]; plain && (ascii || utf8.Valid(inner)) {
				return inner, nil
			}
			// Escapes and broken UTF-8 are rare: encoding/json has the rules.
			var s string
			if err := json.Unmarshal(c.b[start:c.i], &s); err != nil {
				return nil, c.fail("a string with valid escapes before here")
			}
			return []byte(s), nil
		case b == '\\':
			plain = false
			c.i++
		case b >= utf8.RuneSelf:
			ascii = false
		case b < ' ':
			return nil, c.fail("no control character")
		}
	}
	c.i = len(c.b)
	return nil, c.fail("the end of a string")
}

func (c *cursor) literal(word string) error {
	if !bytes.HasPrefix(c.b[c.i:], []byte(word)) {
		return c.fail("a value")
	}
	c.i += len(word)
	return nil
}

func (c *cursor) number() (json.Number, error) {
	start := c.i
	for c.i < len(c.b) && (c.b[c.i] >= '0' && c.b[c.i] <= '9' || bytes.IndexByte([]byte("+-.eE"), c.b[c.i]) >= 0) {
		c.i++
	}
	if start == c.i || !json.Valid(c.b[start:c.i]) {
		c.i = start
		return "", c.fail("a value")
	}
	return json.Number(c.b[start:c.i]), nil
}

// value reads any value.
func (c *cursor) value() (connectors.Value, error) {
	switch c.peek() {
	case '"':
		s, err := c.text()
		return connectors.StringValue(string(s)), err
	case 't':
		return connectors.BoolValue(true), c.literal("true")
	case 'f':
		return connectors.BoolValue(false), c.literal("false")
	case 'n':
		return connectors.NullValue(), c.literal("null")
	case '{', '[':
		start := c.i
		if err := c.skip(); err != nil {
			return connectors.Value{}, err
		}
		var v connectors.Value
		err := v.UnmarshalJSON(c.b[start:c.i])
		return v, err
	default:
		n, err := c.number()
		return connectors.FromJSON(n), err
	}
}

// skip passes over any value.
func (c *cursor) skip() (err error) {
	switch c.peek() {
	case '"':
		_, err = c.text()
	case 't':
		err = c.literal("true")
	case 'f':
		err = c.literal("false")
	case 'n':
		err = c.literal("null")
	case '{':
		err = c.object(func([]byte) error { return c.skip() })
	case '[':
		err = c.array(c.skip)
	default:
		_, err = c.number()
	}
	return err
}
