package expr

import (
	"cmp"
	"slices"
	"strings"

	"github.com/dlclark/regexp2"

	"ringsync/connectors"
)

// The places of Replace's arguments.
const (
	replaceSource = iota
	replaceOldValue
	replacePattern
	replaceGroup
	replaceValue
	replaceAttribute
	replaceTemplate
)

// replacement is what of a Replace is constant.
type replacement struct {
	pattern *regexp2.Regexp // nil if each row gives its own
	pieces  []piece         // of a constant replacementValue for a constant pattern
}

// prepareReplace chooses what Replace does by the arguments it is given, and compiles constant patterns.
func prepareReplace(c *compiler, k *call, n *Node) error {
	given := ""
	for i, letter := range "-oprvat" { // one for each argument, the source left out
		if i > 0 && k.given(i) {
			given += string(letter)
		}
	}
	switch given {
	case "ov":
		k.body = replaceOld
	case "ot":
		k.body = fillTemplate
	case "pv":
		k.body = replaceMatches
	case "prv":
		k.body = replaceCaptures
	case "pra":
		k.body = extractCapture
	default:
		return c.fail(n, "Replace takes one of: oldValue with replacementValue or template; regexPattern with "+
			"replacementValue, with or without regexGroupName; regexPattern with regexGroupName and "+
			"replacementAttributeName")
	}
	k.replace = &replacement{}
	if old, ok := constantText(n, replaceOldValue); ok && old == "" {
		return c.fail(n.Args[replaceOldValue], "oldValue is empty")
	}
	return k.replace.prepare(c, n)
}

func (r *replacement) prepare(c *compiler, n *Node) error {
	pattern, ok := constantText(n, replacePattern)
	if !ok {
		return nil
	}
	re, err := compilePattern(pattern)
	if err != nil {
		return c.fail(n.Args[replacePattern], "regular expression %s", err)
	}
	if group, ok := constantText(n, replaceGroup); ok && re.GroupNumberFromName(group) < 0 {
		return c.fail(n.Args[replaceGroup], "the regular expression has no group %s", quote(group)).
			near(connectors.Nearest(group, re.GetGroupNames()))
	}
	r.pattern = re
	if value, ok := constantText(n, replaceValue); ok {
		r.pieces = parseReplacement(value, re)
	}
	return nil
}

// constantText returns the text of argument i if it is written there.
func constantText(n *Node, i int) (string, bool) {
	if i >= len(n.Args) || n.Args[i] == nil || n.Args[i].Kind != Text {
		return "", false
	}
	return n.Args[i].Text, true
}

// replaceOld replaces every occurrence of oldValue in the source.
func replaceOld(c *call, in scope) (connectors.Value, error) {
	source, null, err := c.text(replaceSource, in)
	if err != nil || null {
		return connectors.NullValue(), err
	}
	value, _, err := c.text(replaceValue, in)
	if err != nil {
		return connectors.Value{}, err
	}
	return c.substitute(source, value, in)
}

// fillTemplate puts the source into the template, wherever that has oldValue. A null source fills no template.
func fillTemplate(c *call, in scope) (connectors.Value, error) {
	source, null, err := c.text(replaceSource, in)
	if err != nil || null {
		return connectors.NullValue(), err
	}
	template, null, err := c.text(replaceTemplate, in)
	if err != nil || null {
		return connectors.NullValue(), err
	}
	return c.substitute(template, source, in)
}

// substitute replaces the row's oldValue in s. An empty one occurs nowhere.
func (c *call) substitute(s, by string, in scope) (connectors.Value, error) {
	old, _, err := c.text(replaceOldValue, in)
	if err != nil {
		return connectors.Value{}, err
	}
	if old == "" {
		return connectors.StringValue(s), nil
	}
	if len(s)+strings.Count(s, old)*(len(by)-len(old)) > maxResult {
		return connectors.Value{}, c.tooLarge()
	}
	return connectors.StringValue(strings.ReplaceAll(s, old, by)), nil
}

// replaceMatches replaces every match of the pattern.
func replaceMatches(c *call, in scope) (connectors.Value, error) {
	source, null, err := c.text(replaceSource, in)
	if err != nil || null {
		return connectors.NullValue(), err
	}
	re, err := c.pattern(in)
	if err != nil {
		return connectors.Value{}, err
	}
	pieces := c.replace.pieces
	if pieces == nil {
		value, _, err := c.text(replaceValue, in)
		if err != nil {
			return connectors.Value{}, err
		}
		pieces = parseReplacement(value, re)
	}
	return c.rewrite(re, source, pieces, func(m *regexp2.Match) []regexp2.Capture { return []regexp2.Capture{m.Capture} })
}

// replaceCaptures replaces what the named group captured in every match, and leaves the rest of the match.
func replaceCaptures(c *call, in scope) (connectors.Value, error) {
	source, null, err := c.text(replaceSource, in)
	if err != nil || null {
		return connectors.NullValue(), err
	}
	re, err := c.pattern(in)
	if err != nil {
		return connectors.Value{}, err
	}
	group, _, err := c.text(replaceGroup, in)
	if err != nil {
		return connectors.Value{}, err
	}
	value, _, err := c.text(replaceValue, in)
	if err != nil {
		return connectors.Value{}, err
	}
	return c.rewrite(re, source, []piece{{value, literal}}, func(m *regexp2.Match) []regexp2.Capture {
		g := m.GroupByName(group)
		if g == nil {
			return nil
		}
		return slices.SortedFunc(slices.Values(g.Captures), func(a, b regexp2.Capture) int {
			return cmp.Compare(a.Index, b.Index)
		})
	})
}

// rewrite puts the pieces, resolved for each match, in place of the spans that the match gives, which come in order.
//
// regexp2 has a Replace of its own. It is not used because it gives an empty text, and no error, when time runs out
// after the first match, and because its result has no limit.
func (c *call) rewrite(re *regexp2.Regexp, source string, pieces []piece, spans func(*regexp2.Match) []regexp2.Capture) (connectors.Value, error) {
	text := []rune(source)
	var b strings.Builder
	done := 0
	m, err := re.FindRunesMatch(text)
	for ; m != nil && err == nil; m, err = re.FindNextMatch(m) {
		for _, span := range spans(m) {
			if span.Index < done { // a capture within one already replaced
				continue
			}
			b.WriteString(string(text[done:span.Index]))
			for _, p := range pieces {
				b.WriteString(p.resolve(m, text))
				if b.Len() > maxResult {
					return connectors.Value{}, c.tooLarge()
				}
			}
			done = span.Index + span.Length
		}
	}
	if err != nil {
		return connectors.Value{}, c.tookTooLong()
	}
	b.WriteString(string(text[done:]))
	return connectors.StringValue(b.String()), nil
}

// extractCapture gives the source if it has a value, else what the named group captures in the replacement attribute;
// null if the pattern does not match there.
func extractCapture(c *call, in scope) (connectors.Value, error) {
	source, _, err := c.text(replaceSource, in)
	if err != nil || source != "" {
		return connectors.StringValue(source), err
	}
	other, null, err := c.text(replaceAttribute, in)
	if err != nil || null {
		return connectors.NullValue(), err
	}
	re, err := c.pattern(in)
	if err != nil {
		return connectors.Value{}, err
	}
	group, _, err := c.text(replaceGroup, in)
	if err != nil {
		return connectors.Value{}, err
	}
	m, err := re.FindStringMatch(other)
	if err != nil {
		return connectors.Value{}, c.tookTooLong()
	}
	if m == nil {
		return connectors.NullValue(), nil
	}
	g := m.GroupByName(group)
	if g == nil || len(g.Captures) == 0 {
		return connectors.NullValue(), nil
	}
	return connectors.StringValue(g.String()), nil
}

// pattern returns the row's regular expression.
func (c *call) pattern(in scope) (*regexp2.Regexp, error) {
	if c.replace.pattern != nil {
		return c.replace.pattern, nil
	}
	s, _, err := c.text(replacePattern, in)
	if err != nil {
		return nil, err
	}
	if len(s) > maxCharacters {
		return nil, c.fail("the regular expression is longer than %d bytes", maxCharacters)
	}
	re, err := compilePattern(s)
	if err != nil {
		return nil, c.fail("regular expression %s", err)
	}
	return re, nil
}

// tookTooLong leaves out the library's own message, which repeats the person's data.
func (c *call) tookTooLong() error {
	return c.fail("the regular expression took longer than %v: make it simpler", matchTime)
}
