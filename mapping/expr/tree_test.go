package expr

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"ringsync/connectors"
)

func TestCanonicalForm(t *testing.T) {
	for source, want := range map[string]string{
		`switch( [IsSoftDeleted],,"False","True" , "True","False")`: `Switch([IsSoftDeleted], , "False", "True", "True", "False")`,
		`IsNullorEmpty([ mail ])`:                                   `IsNullOrEmpty([mail])`,
		"Replace([m], , \"\\d\" ,\n , \"\", , )":                    `Replace([m], , "\\d", , "", , )`,
		`BitAnd(&hf, &HF7)`:                                         `BitAnd(&HF, &HF7)`,
		`instr("a","b",-1,VBTEXTCOMPARE)`:                           `InStr("a", "b", -1, vbTextCompare)`,
		`IIF([country]="USA",[country],[department])`:               `IIF([country] = "USA", [country], [department])`,
		`Guid( )`:                  `Guid()`,
		`frobnicate("say \"hi\"")`: `frobnicate("say \"hi\"")`,
		"\u00a0formatDateTime([a]\u00a0, ,\"b\",\"c\")": `FormatDateTime([a], , "b", "c")`,
	} {
		n, err := Parse(source)
		if err != nil || n.String() != want {
			t.Errorf("%s\n got %v, %v\nwant %s", source, n, err, want)
		}
	}
}

func TestProgramKnowsItsAttributes(t *testing.T) {
	p, err := Compile(`join(" ", [surname], Left([mail], 1), [SurName])`, directory{})
	if err != nil {
		t.Fatal(err)
	}
	if got := p.Attributes(); !slices.Equal(got, []int{0, 2}) {
		t.Errorf("slots %v", got)
	}
	if want := `Join(" ", [surname], Left([mail], 1), [SurName])`; p.String() != want {
		t.Errorf("got %s, want %s", p, want)
	}
}

func TestParseOfStringIsTheSameTree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tree := drawNode(t, 4)
		again, err := Parse(tree.String())
		if err != nil {
			t.Fatalf("%s: %v", tree, err)
		}
		if !sameTree(tree, again) {
			t.Fatalf("%s became %s", tree, again)
		}
	})
}

func drawNode(t *rapid.T, depth int) *Node {
	if depth > 0 && rapid.IntRange(0, 7).Draw(t, "compare") == 0 {
		return &Node{
			Kind: Comparison,
			Text: rapid.SampledFrom([]string{"=", "<>", ">", ">=", "<", "<="}).Draw(t, "operator"),
			Args: []*Node{drawOperand(t, depth-1), drawOperand(t, depth-1)},
		}
	}
	return drawOperand(t, depth)
}

func drawOperand(t *rapid.T, depth int) *Node {
	kind := rapid.SampledFrom([]Kind{Call, Call, Call, Attribute, Text, Number, Hex, Word}).Draw(t, "kind")
	if kind == Call && depth <= 0 {
		kind = Text
	}
	n := &Node{Kind: kind}
	switch kind {
	case Call:
		n.Text = rapid.SampledFrom(append(functionNames(), "Other_1", "_x")).Draw(t, "function")
		for range rapid.IntRange(0, 4).Draw(t, "arguments") {
			var arg *Node
			if rapid.IntRange(0, 3).Draw(t, "omitted") > 0 {
				arg = drawNode(t, depth-1)
			}
			n.Args = append(n.Args, arg)
		}
		if len(n.Args) == 1 && n.Args[0] == nil { // F() has no arguments
			n.Args = nil
		}
	case Attribute:
		n.Text = rapid.StringMatching(`[a-zA-Z_"(,\[][a-zA-Z0-9_ .:"]{0,8}[a-z)]`).Draw(t, "attribute")
	case Text:
		n.Text = rapid.String().Draw(t, "text")
	case Number:
		n.Text = rapid.StringMatching(`-?[0-9]{1,20}(\.[0-9]{1,3})?`).Draw(t, "number")
	case Hex:
		n.Text = rapid.StringMatching(`&H[0-7][0-9A-F]{0,15}`).Draw(t, "hex")
	case Word:
		n.Text = rapid.SampledFrom(words).Draw(t, "word")
	}
	return n
}

func sameTree(a, b *Node) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Kind == b.Kind && a.Text == b.Text && slices.EqualFunc(a.Args, b.Args, sameTree)
}

// FuzzExpression feeds any text through every stage: nothing panics, errors have a place within the source, and what
// parses has a canonical form that parses to the same tree.
func FuzzExpression(f *testing.F) {
	for _, tc := range documented {
		f.Add(tc.expression, "John Doe, 42")
	}
	for _, seed := range []string{`Replace([x], , "(?<a>\\d+)|(b)*", "a", "${a}$1$&", , )`, `IIF([a] >= -1.5, &HFF, UTF8)`,
		`FormatDateTime([x], [y], "d M yyyy", [z])`, `DateAdd([x], 9999999, DateFromNum([y]))`, `DateDiff("ww", Now(), [x])`,
		`RandomString(9, 1, 1, 1, 1, [x])`, `AppRoleAssignmentsComplex([appRoleAssignments])`, `StringFromSid([x])`, `DNComponent([x], 2)`,
		`Replace([x], , [y], , [z], , )`, `Item(Split([x], [y]), 2)`, "“", "\"\\", "[\n]", "&H"} {
		f.Add(seed, "a(b")
	}
	f.Fuzz(func(t *testing.T, source, value string) {
		tree, err := Parse(source)
		if err != nil {
			checkPlace(t, err)
			return
		}
		again, err := Parse(tree.String())
		if err != nil {
			if len(tree.String()) > maxCharacters { // escapes and spaces made it longer
				return
			}
			t.Fatalf("%q became %q: %v", source, tree, err)
		}
		if !sameTree(tree, again) {
			t.Fatalf("%q became %q", source, tree)
		}
		attributes := newAnyone()
		program, err := Compile(source, attributes)
		if err != nil {
			checkPlace(t, err)
			return
		}
		row := make([]connectors.Value, attributes.slots.Len())
		for i := range row {
			row[i] = []connectors.Value{connectors.StringValue(value), connectors.StringsValue(value, source), {}}[i%3]
		}
		env := &Environment{Now: documentedMoment, DefaultDomain: value, Taken: func(text string) bool { return text == value }}
		if _, err := program.Eval(row, env); err != nil {
			checkPlace(t, err)
		}
	})
}

func checkPlace(t *testing.T, err error) {
	e, ok := err.(*Error)
	if !ok {
		t.Fatalf("got a %T: %v", err, err)
	}
	if e.Offset < 0 || e.Offset > len(e.Source) || e.Line < 1 || e.Column < 1 || e.Message == "" {
		t.Fatalf("got %+v", e)
	}
	if strings.Contains(e.Error(), "\n") || strings.Count(e.Caret(), "\n") != 1 {
		t.Fatalf("got %q and %q", e.Error(), e.Caret())
	}
}
