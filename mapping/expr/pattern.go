package expr

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/dlclark/regexp2"
	"github.com/dlclark/regexp2/syntax"
)

// matchTime is how long one search with a regular expression may take. A pattern that backtracks without end is
// stopped, and fails its attribute for that person. The engine's clock ticks every tenth of a second.
const matchTime = 100 * time.Millisecond

// compilePattern compiles a .NET regular expression.
func compilePattern(pattern string) (*regexp2.Regexp, error) {
	re, err := regexp2.Compile(pattern, regexp2.None)
	if e, ok := errors.AsType[*syntax.Error](err); ok {
		return nil, fmt.Errorf("%s: "+e.Code.String(), append([]any{quote(pattern)}, e.Args...)...)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", quote(pattern), err)
	}
	re.MatchTimeout = matchTime
	return re, nil
}

// The parts of a match that a replacement can name besides the numbered groups.
const (
	literal     = -1 - iota
	wholeText   // $_
	textBefore  // $`
	textAfter   // $'
	lastCapture // $+
)

// piece is one part of a replacement: text as it stands, or a part of the match.
type piece struct {
	text  string // if group is literal
	group int
}

// parseReplacement reads a .NET replacement pattern: $1, ${1}, ${name}, $&, $$ and the parts above. What names no
// group of the expression stands for itself.
func parseReplacement(s string, re *regexp2.Regexp) []piece {
	var pieces []piece
	for {
		before, after, found := strings.Cut(s, "$")
		if before != "" {
			pieces = append(pieces, piece{before, literal})
		}
		if !found {
			return pieces
		}
		p, used := parseReference(after, re)
		pieces = append(pieces, p)
		s = after[used:]
	}
}

// parseReference reads what follows a dollar sign, and tells how much of it belongs to the reference.
func parseReference(s string, re *regexp2.Regexp) (p piece, used int) {
	dollar := piece{"$", literal}
	if s == "" {
		return dollar, 0
	}
	switch s[0] {
	case '$':
		return dollar, 1
	case '&':
		return piece{group: 0}, 1
	case '_':
		return piece{group: wholeText}, 1
	case '`':
		return piece{group: textBefore}, 1
	case '\'':
		return piece{group: textAfter}, 1
	case '+':
		return piece{group: lastCapture}, 1
	case '{':
		name, _, closed := strings.Cut(s[1:], "}")
		if group := re.GroupNumberFromName(name); closed && name != "" && group >= 0 {
			return piece{group: group}, len(name) + 2
		}
	default:
		name := s[:prefixLength(s, isDigit)]
		if group := re.GroupNumberFromName(name); name != "" && group >= 0 {
			return piece{group: group}, len(name)
		}
	}
	return dollar, 0
}

// resolve gives the text of a piece for a match in text.
func (p piece) resolve(m *regexp2.Match, text []rune) string {
	switch p.group {
	case literal:
		return p.text
	case wholeText:
		return string(text)
	case textBefore:
		return string(text[:m.Index])
	case textAfter:
		return string(text[m.Index+m.Length:])
	case lastCapture:
		groups := m.Groups()
		return captured(&groups[len(groups)-1])
	default:
		return captured(m.GroupByNumber(p.group))
	}
}

// captured is the text of a group, "" if it took no part in the match.
func captured(g *regexp2.Group) string {
	if g == nil || len(g.Captures) == 0 {
		return ""
	}
	return g.String()
}
