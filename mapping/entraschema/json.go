package entraschema

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxSize bounds an export. The largest of the gallery's, with every attribute of both directories, are near 2 MB.
const maxSize = 16 << 20

// maxDepth bounds how deep brackets nest. An expression takes five levels for each function within another.
const maxDepth = 400

// Error is why an export cannot be read, and where.
type Error struct {
	Line, Column int // from 1, the column in characters
	Text         string
}

func (e *Error) Error() string {
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Text)
}

// kind is what a JSON value is.
type kind uint8

const (
	null kind = iota
	boolean
	number
	text
	list
	object
)

func (k kind) String() string {
	return [...]string{"null", "true or false", "a number", "a text", "a list", "an object"}[k]
}

// node is a JSON value that knows its place.
type node struct {
	kind   kind
	text   string // of a text, number or boolean
	items  []node // of a list or object
	keys   []key  // of an object, one for each item
	offset int    // in the text, in bytes
}

type key struct {
	name   string
	offset int
}

// parse reads the text of an export as JSON that is allowed commas before a closing bracket, as examples in
// documentation have them.
func parse(source string) (node, error) {
	data := []byte(source)
	blankTrailingCommas(data)
	var whole json.RawMessage
	if err := json.Unmarshal(data, &whole); err != nil {
		return node{}, syntaxError(source, err)
	}
	d := &decoder{Decoder: json.NewDecoder(bytes.NewReader(data)), data: data}
	d.UseNumber()
	n, err := d.value()
	if d.tooDeep > 0 {
		return node{}, newError(source, d.tooDeep, "this is nested more than %d deep: is this a provisioning schema?", maxDepth)
	}
	return n, err
}

func syntaxError(source string, err error) error {
	offset := len(source)
	if e, ok := errors.AsType[*json.SyntaxError](err); ok && int(e.Offset) <= len(source) {
		offset = max(int(e.Offset)-1, 0)
	}
	if strings.TrimSpace(source) == "" {
		return newError(source, 0, "the file is empty")
	}
	return newError(source, offset, "this is not JSON: %v", err)
}

// blankTrailingCommas turns a comma before a closing bracket into a blank, so that places stay as they are.
func blankTrailingCommas(data []byte) {
	const none, refused = -1, -2 // refused: a comma here is a mistake, after a bracket or another comma
	comma, quoted := none, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted, comma = !quoted, none
		case quoted:
		case c == ',':
			if comma == none {
				comma = i
			} else {
				comma = refused
			}
		case c == '{' || c == '[':
			comma = refused
		case c == '}' || c == ']':
			if comma >= 0 {
				data[comma] = ' '
			}
			comma = none
		case c != ' ' && c != '\t' && c != '\r' && c != '\n':
			comma = none
		}
	}
}

// decoder builds nodes of JSON that is known to be right.
type decoder struct {
	*json.Decoder
	data    []byte
	depth   int
	tooDeep int // offset of the first bracket that is
}

// next returns the next token and where it begins.
func (d *decoder) next() (json.Token, int, error) {
	at := int(d.InputOffset())
	at += len(d.data[at:]) - len(bytes.TrimLeft(d.data[at:], " \t\r\n,:"))
	t, err := d.Token()
	return t, at, err
}

func (d *decoder) value() (node, error) {
	t, at, err := d.next()
	if err != nil {
		return node{}, err
	}
	n := node{offset: at}
	switch t := t.(type) {
	case bool:
		n.kind, n.text = boolean, fmt.Sprint(t)
	case json.Number:
		n.kind, n.text = number, t.String()
	case string:
		n.kind, n.text = text, t
	case json.Delim:
		n.kind = list
		if t == '{' {
			n.kind = object
		}
		err = d.items(&n)
	}
	return n, err
}

// items reads what is between brackets, the closing one included.
func (d *decoder) items(n *node) error {
	d.depth++
	defer func() { d.depth-- }()
	if d.depth > maxDepth {
		d.tooDeep = n.offset
		return errors.New("too deep")
	}
	for d.More() {
		if n.kind == object {
			name, at, err := d.next()
			if err != nil {
				return err
			}
			n.keys = append(n.keys, key{name.(string), at})
		}
		item, err := d.value()
		if err != nil {
			return err
		}
		n.items = append(n.items, item)
	}
	_, err := d.Token()
	return err
}

// decode gives the text of a file: UTF-8, or UTF-16 as a redirection in Windows PowerShell writes it, with or without a
// byte order mark.
func decode(data []byte) (string, error) {
	if len(data) > maxSize {
		return "", &Error{1, 1, fmt.Sprintf("the file is larger than %d MiB: is this a provisioning schema?", maxSize>>20)}
	}
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(data, []byte{0xff, 0xfe}), len(data) > 1 && data[0] != 0 && data[1] == 0:
		order = binary.LittleEndian
	case bytes.HasPrefix(data, []byte{0xfe, 0xff}), len(data) > 1 && data[0] == 0 && data[1] != 0:
		order = binary.BigEndian
	case !utf8.Valid(data):
		return "", newError(string(data), firstInvalid(data), "the file is neither UTF-8 nor UTF-16 text")
	default:
		return strings.TrimPrefix(string(data), "\ufeff"), nil
	}
	units := make([]uint16, len(data)/2)
	for i := range units {
		units[i] = order.Uint16(data[2*i:])
	}
	return strings.TrimPrefix(string(utf16.Decode(units)), "\ufeff"), nil
}

func firstInvalid(data []byte) int {
	at := 0
	for at < len(data) {
		r, size := utf8.DecodeRune(data[at:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		at += size
	}
	return at
}

func newError(source string, offset int, format string, args ...any) error {
	line, column := position(source, offset)
	return &Error{line, column, fmt.Sprintf(format, args...)}
}

// position returns the line and the column, in characters and from 1, of a byte offset.
func position(source string, offset int) (line, column int) {
	before := source[:offset]
	start := strings.LastIndexByte(before, '\n') + 1
	return strings.Count(before, "\n") + 1, utf8.RuneCountInString(before[start:]) + 1
}
