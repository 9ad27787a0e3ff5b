package configs

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// maxSize bounds a configuration file, and with it the parser, which recurses as deep as the file nests. A mapping of
// every attribute that RingCentral has is under 20 kB.
const maxSize = 256 << 10

// document remembers the file that a Config came from: where each key and value stands.
type document struct {
	file     string
	text     string
	places   map[string]*token.Token // by path; a section's place is its key, a list item's its first token
	problems Problems
}

func newDocument(file string) *document {
	return &document{file: file, places: map[string]*token.Token{}}
}

// add notes a problem at a path, unless the path or a section around it has one: what follows from that is no news.
func (d *document) add(path, format string, args ...any) {
	for at := path; ; at = parent(at) {
		if slices.ContainsFunc(d.problems, func(p Problem) bool { return p.Path == at }) {
			return
		}
		if at == "" {
			break
		}
	}
	d.problems = append(d.problems, d.problem(path, format, args...))
}

// addAt notes a problem at a token that has no path of its own, such as an unknown key.
func (d *document) addAt(at *token.Token, path, format string, args ...any) {
	p := Problem{File: d.file, Path: path, Text: fmt.Sprintf(format, args...)}
	p.Line, p.Column = position(at)
	d.problems = append(d.problems, p)
}

func (d *document) problem(path, format string, args ...any) Problem {
	p := Problem{File: d.file, Path: path, Text: fmt.Sprintf(format, args...)}
	p.Line, p.Column = position(d.place(path))
	return p
}

// place returns the token of the path, or of the nearest section around it that the file has; nil stands for the file.
func (d *document) place(path string) *token.Token {
	for path != "" {
		if tk, ok := d.places[path]; ok {
			return tk
		}
		path = parent(path)
	}
	return nil
}

// parent cuts the last key or index off a path.
func parent(path string) string { return path[:max(strings.LastIndexAny(path, ".["), 0)] }

func position(tk *token.Token) (line, column int) {
	if tk == nil || tk.Position == nil {
		return 1, 1
	}
	return tk.Position.Line, tk.Position.Column
}

// parse returns the root of the file's one document, nil if the file says nothing or its problems were noted.
func (d *document) parse(data []byte) ast.Node {
	if len(data) > maxSize {
		d.add("", "the file is larger than 256 KiB: is this a configuration file?")
		return nil
	}
	if !utf8.Valid(data) {
		d.add("", "the file is not UTF-8 text")
		return nil
	}
	d.text = strings.TrimPrefix(string(data), "\ufeff")
	file, err := parser.ParseBytes([]byte(d.text), 0, parser.AllowDuplicateMapKey())
	if err != nil {
		d.addSyntax(err)
		return nil
	}
	var root ast.Node
	for _, doc := range file.Docs {
		switch {
		case doc.Body == nil || doc.Body.Type() == ast.DirectiveType:
		case root != nil:
			d.addAt(doc.Body.GetToken(), "", "a second document begins here; a file holds one job")
			return nil
		default:
			root = doc.Body
		}
	}
	return root
}

// addSyntax notes the parser's message alone: its full text shows the lines around, which may hold secrets.
func (d *document) addSyntax(err error) {
	if syntax, ok := errors.AsType[*yaml.SyntaxError](err); ok {
		d.addAt(syntax.GetToken(), "", "%s", strings.Join(strings.Fields(syntax.GetMessage()), " "))
		return
	}
	d.add("", "the file is not YAML: %s", strings.Join(strings.Fields(err.Error()), " "))
}

// inside returns the position of the character at a byte offset of the value at path, exactly where the value stands
// on one line, plain or quoted; else the value's own position, and false.
func (d *document) inside(path string, offset int) (line, column int, exact bool) {
	tk := d.places[path]
	line, column = position(d.place(path))
	if tk == nil || offset < 0 || offset > len(tk.Value) {
		return line, column, false
	}
	// Everything after the first reference has moved by an unknown length.
	if i := strings.Index(tk.Value, "${"); i >= 0 && offset > i {
		return line, column, false
	}
	raw := d.textAt(line, column)
	var skipped int // bytes of the file before the character
	switch tk.Type {
	case token.DoubleQuoteType:
		skipped = 1 + rawOffset(raw[min(1, len(raw)):], offset, escapeDouble)
	case token.SingleQuoteType:
		skipped = 1 + rawOffset(raw[min(1, len(raw)):], offset, escapeSingle)
	case token.StringType:
		skipped = offset
	default:
		return line, column, false
	}
	if skipped > len(raw) {
		return line, column, false // the value goes on in the next line
	}
	return line, column + utf8.RuneCountInString(raw[:skipped]), true
}

// textAt returns the rest of a line of the file from a column on.
func (d *document) textAt(line, column int) string {
	for text := range strings.Lines(d.text) {
		if line--; line == 0 {
			text = strings.TrimRight(text, "\r\n")
			for range column - 1 {
				_, size := utf8.DecodeRuneInString(text)
				text = text[size:]
			}
			return text
		}
	}
	return ""
}

// rawOffset returns the byte offset in quoted text of what is at offset once unquoted. escape returns the lengths of
// the escape sequence at the beginning of its argument, quoted and unquoted, or zeros.
func rawOffset(raw string, offset int, escape func(string) (long, short int)) int {
	at := 0
	for offset > 0 && at < len(raw) {
		long, short := escape(raw[at:])
		if long == 0 {
			long, short = 1, 1
		}
		at += long
		offset -= short
	}
	if offset > 0 {
		return len(raw) + 1
	}
	return at
}

func escapeSingle(s string) (long, short int) {
	if strings.HasPrefix(s, "''") {
		return 2, 1
	}
	return 0, 0
}

// escapeDouble knows the escapes of YAML 1.2, section 5.7, that an expression is likely to have; a code point counts
// the bytes of its UTF-8 form.
func escapeDouble(s string) (long, short int) {
	if len(s) < 2 || s[0] != '\\' {
		return 0, 0
	}
	digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[s[1]]
	if digits == 0 {
		return 2, 1
	}
	if len(s) < 2+digits {
		return 0, 0
	}
	var r rune
	if _, err := fmt.Sscanf(s[2:2+digits], "%x", &r); err != nil {
		return 0, 0
	}
	return 2 + digits, max(utf8.RuneLen(r), 1)
}

// beside returns path as seen from the folder of the configuration file.
func (d *document) beside(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(d.file), path)
}
