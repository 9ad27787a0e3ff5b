package expr

import "strings"

// Kind says what a Node is.
type Kind uint8

// The kinds of nodes, and what Text holds for each.
const (
	Call       Kind = iota // the function's name, in its canonical spelling if there is one
	Attribute              // the attribute's name, as written
	Text                   // the text, escapes resolved
	Number                 // the number as written: 1000, -10, 2.5
	Hex                    // the digits, upper case, with their prefix: &HF7
	Word                   // one of the words that some functions take, in its canonical spelling
	Comparison             // the operator: = <> > >= < <=
)

// Node is a parsed expression.
type Node struct {
	Kind Kind
	Text string
	// Args are a call's arguments, nil where one was left out, or a comparison's two sides.
	Args   []*Node
	Offset int // in the source, in bytes
}

// String gives the expression in its canonical form. Parsed again it gives the same tree, offsets apart.
func (n *Node) String() string {
	var b strings.Builder
	n.write(&b)
	return b.String()
}

func (n *Node) write(b *strings.Builder) {
	switch n.Kind {
	case Call:
		b.WriteString(n.Text)
		b.WriteByte('(')
		for i, arg := range n.Args {
			if i > 0 {
				b.WriteString(", ")
			}
			if arg != nil {
				arg.write(b)
			}
		}
		b.WriteByte(')')
	case Attribute:
		b.WriteByte('[')
		b.WriteString(n.Text)
		b.WriteByte(']')
	case Text:
		b.WriteString(quote(n.Text))
	case Comparison:
		n.Args[0].write(b)
		b.WriteString(" " + n.Text + " ")
		n.Args[1].write(b)
	default:
		b.WriteString(n.Text)
	}
}

var escapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

func quote(s string) string { return `"` + escapes.Replace(s) + `"` }
