package configs

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong with a configuration file, and where.
type Problem struct {
	File   string `json:"file"`
	Line   int    `json:"line"`   // from 1
	Column int    `json:"column"` // from 1, in characters
	Path   string `json:"path"`   // users.attributes[2].expression
	Text   string `json:"message"`
	// Caret shows the place inside a value, as two lines: the value, and a caret below the character. "" when line and
	// column say enough. It never shows the file's own lines, which may hold secrets.
	Caret string `json:"caret,omitempty"`
}

// Error gives file:line:column: text, as compilers do, with the caret's lines indented below it.
func (p Problem) Error() string {
	line := fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Text)
	if p.Caret != "" {
		line += "\n    " + strings.ReplaceAll(strings.TrimRight(p.Caret, "\n"), "\n", "\n    ")
	}
	return line
}

// Problems is everything that is wrong with a configuration file, in the file's order.
type Problems []Problem

// Error gives the problems one below the other.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// with returns the problems and those of others that are about something else: what is wrong with a section whose keys
// are wrong, or with a key of a section that is wrong, may only follow from that.
func (ps Problems) with(others Problems) Problems {
	all := slices.Clone(ps)
	for _, o := range others {
		if !slices.ContainsFunc(ps, func(p Problem) bool { return within(p.Path, o.Path) || within(o.Path, p.Path) }) {
			all = append(all, o)
		}
	}
	return all
}

// within reports whether path is that of section or of something in it.
func within(path, section string) bool {
	rest, ok := strings.CutPrefix(path, section)
	return ok && (section == "" || rest == "" || rest[0] == '.' || rest[0] == '[')
}

// sorted returns the problems in the file's order.
func (ps Problems) sorted() Problems {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return ps
}
