package expr

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"ringsync/connectors"
)

const (
	maxCharacters = 10_000 // Entra's own limit for an expression
	maxDepth      = 64     // nested calls
)

// words are the bare words of the language: ways to compare, and encodings.
var words = []string{"vbTextCompare", "vbBinaryCompare", "Unicode", "ASCII", "UTF8"}

// Parse reads an expression without asking what its functions and attributes are. Errors are *Error.
//
//	expression = operand [ ("=" | "<>" | ">" | ">=" | "<" | "<=") operand ]
//	operand    = name "(" [ argument { "," argument } ] ")" | "[" attribute "]" | text | number | hex | word
//	argument   = [ expression ]
//	text       = '"' { character | '\\' | '\"' } '"'
//	number     = [ "-" ] digits [ "." digits ]
//	hex        = "&H" hexdigits
func Parse(source string) (*Node, error) {
	if !utf8.ValidString(source) {
		return nil, newError(source, len(source)-len(invalidTail(source)), "this is not valid UTF-8")
	}
	if n := utf8.RuneCountInString(source); n > maxCharacters {
		return nil, newError(source, 0, "the expression has %d characters; at most %d are allowed", n, maxCharacters)
	}
	p := &parser{lexer: lexer{source: source}}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.token.kind == tokenEnd {
		return nil, newError(source, 0, "the expression is empty")
	}
	n, err := p.expression(0)
	if err != nil {
		return nil, err
	}
	if p.token.kind != tokenEnd {
		return nil, p.unexpected("the end")
	}
	return n, nil
}

// invalidTail is s from its first invalid byte on.
func invalidTail(s string) string {
	for i, r := range s {
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(s[i:]); size == 1 {
				return s[i:]
			}
		}
	}
	return ""
}

type parser struct {
	lexer
	token token // the next one
}

func (p *parser) advance() (err error) {
	p.token, err = p.next()
	return err
}

func (p *parser) unexpected(wanted string) error {
	return newError(p.source, p.token.offset, "expected %s, found %s", wanted, p.token.shown())
}

func (p *parser) expression(depth int) (*Node, error) {
	left, err := p.operand(depth)
	if err != nil || p.token.kind != tokenOperator {
		return left, err
	}
	n := &Node{Kind: Comparison, Text: p.token.text, Offset: p.token.offset}
	if err := p.advance(); err != nil {
		return nil, err
	}
	right, err := p.operand(depth)
	if err != nil {
		return nil, err
	}
	if p.token.kind == tokenOperator {
		return nil, newError(p.source, p.token.offset, "a comparison has two sides: nest IIF to combine conditions")
	}
	n.Args = []*Node{left, right}
	return n, nil
}

func (p *parser) operand(depth int) (*Node, error) {
	t := p.token
	n := &Node{Text: t.text, Offset: t.offset}
	switch t.kind {
	case tokenAttribute:
		n.Kind = Attribute
	case tokenText:
		n.Kind = Text
	case tokenNumber:
		n.Kind = Number
	case tokenHex:
		n.Kind, n.Text = Hex, strings.ToUpper(t.text)
		if _, err := hexValue(n.Text); err != nil {
			return nil, newError(p.source, t.offset, "%s does not fit into 64 bits", t.text)
		}
	case tokenName:
		if err := p.advance(); err != nil {
			return nil, err
		}
		if p.token.kind == tokenOpen {
			return p.call(t, depth+1)
		}
		return p.word(t)
	default:
		return nil, p.unexpected("a function, an attribute or text")
	}
	return n, p.advance()
}

func (p *parser) word(t token) (*Node, error) {
	for _, w := range words {
		if strings.EqualFold(w, t.text) {
			return &Node{Kind: Word, Text: w, Offset: t.offset}, nil
		}
	}
	return nil, newError(p.source, t.offset, "unknown word %s: text is written %q, an attribute [%s]",
		t.text, t.text, t.text).near(connectors.Nearest(t.text, words))
}

// call reads the arguments of the function named by t; the parser stands at the opening bracket.
func (p *parser) call(t token, depth int) (*Node, error) {
	if depth > maxDepth {
		return nil, newError(p.source, t.offset, "functions are nested more than %d deep", maxDepth)
	}
	n := &Node{Kind: Call, Text: canonicalName(t.text), Offset: t.offset}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.token.kind == tokenClose {
		return n, p.advance()
	}
	for {
		arg, err := p.argument(depth)
		if err != nil {
			return nil, err
		}
		n.Args = append(n.Args, arg)
		switch p.token.kind {
		case tokenComma:
			if err := p.advance(); err != nil {
				return nil, err
			}
		case tokenClose:
			return n, p.advance()
		default:
			return nil, p.unexpected(`"," or ")" in the arguments of ` + n.Text)
		}
	}
}

// argument reads one argument, nil if it is left out.
func (p *parser) argument(depth int) (*Node, error) {
	if p.token.kind == tokenComma || p.token.kind == tokenClose {
		return nil, nil
	}
	return p.expression(depth)
}

// hexValue returns the number that &H… stands for.
func hexValue(text string) (int64, error) {
	return strconv.ParseInt(text[len("&H"):], 16, 64)
}
