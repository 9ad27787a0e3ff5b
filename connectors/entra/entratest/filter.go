package entratest

import (
	"slices"
	"strings"
)

// clause is one comparison of a $filter: any of values will do.
type clause struct {
	property string
	prefix   bool     // startswith
	values   []string // JSON texts
}

// mostClauses is the number of values that one filter may compare with (the limit that Graph's error names).
const mostClauses = 15

// parseFilter reads `p eq v`, `p in (v, …)`, `startswith(p, v)` and those joined with or. limit is the number of values
// allowed, and allowed says which properties may be compared how.
func parseFilter(s string, limit int, allowed func(property string, prefix bool) bool) ([]clause, *failure) {
	p := filterParser{rest: s}
	var clauses []clause
	values := 0
	for {
		cl, ok := p.clause()
		if !ok {
			return nil, badRequest("Invalid filter clause: syntax error at '%s'.", p.rest)
		}
		if !allowed(cl.property, cl.prefix) {
			return nil, unsupported("Unsupported or invalid query filter clause specified for property '%s'.", cl.property)
		}
		values += len(cl.values)
		if n := len(clauses); n > 0 && !cl.prefix && !clauses[n-1].prefix && clauses[n-1].property == cl.property {
			clauses[n-1].values = append(clauses[n-1].values, cl.values...)
		} else {
			clauses = append(clauses, cl)
		}
		switch word := strings.ToLower(p.word()); {
		case word == "" && p.rest == "":
			if values > limit {
				return nil, unsupported("Too many child clauses specified in search filter expression containing 'OR' operators: %d. Max allowed: %d.", values, limit)
			}
			return clauses, nil
		case word == "and":
			return nil, unsupported("Unsupported Query.")
		case word != "or":
			return nil, badRequest("Invalid filter clause: syntax error at '%s'.", p.rest)
		}
	}
}

type filterParser struct{ rest string }

func (p *filterParser) skip() { p.rest = strings.TrimLeft(p.rest, " ") }

// take consumes a punctuation mark.
func (p *filterParser) take(mark byte) bool {
	p.skip()
	if p.rest == "" || p.rest[0] != mark {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

// word consumes a name.
func (p *filterParser) word() string {
	p.skip()
	i := strings.IndexFunc(p.rest, func(r rune) bool {
		return r != '_' && r != '.' && r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
	if i < 0 {
		i = len(p.rest)
	}
	w := p.rest[:i]
	p.rest = p.rest[i:]
	return w
}

func (p *filterParser) clause() (clause, bool) {
	name := p.word()
	if strings.EqualFold(name, "startswith") && p.take('(') {
		cl := clause{property: p.word(), prefix: true}
		comma := p.take(',')
		v, ok := p.literal()
		cl.values = []string{v}
		return cl, comma && ok && p.take(')')
	}
	cl := clause{property: name}
	switch strings.ToLower(p.word()) {
	case "eq":
		v, ok := p.literal()
		cl.values = []string{v}
		return cl, ok && name != ""
	case "in":
		if !p.take('(') {
			return cl, false
		}
		for {
			v, ok := p.literal()
			if !ok {
				return cl, false
			}
			cl.values = append(cl.values, v)
			if p.take(')') {
				return cl, name != ""
			}
			if !p.take(',') {
				return cl, false
			}
		}
	}
	return cl, false
}

// literal consumes a string in single quotes (two of them stand for one), true, false, null or a bare GUID, and
// returns its JSON text.
func (p *filterParser) literal() (string, bool) {
	if !p.take('\'') {
		switch w := p.word(); w {
		case "true", "false", "null":
			return w, true
		case "":
			return "", false
		default:
			return encode(w), len(w) == 36
		}
	}
	var b strings.Builder
	for i := 0; i < len(p.rest); i++ {
		if p.rest[i] != '\'' {
			b.WriteByte(p.rest[i])
			continue
		}
		if i+1 < len(p.rest) && p.rest[i+1] == '\'' {
			b.WriteByte('\'')
			i++
			continue
		}
		p.rest = p.rest[i+1:]
		return encode(b.String()), true
	}
	return "", false
}

// matches reports whether a property with the JSON text raw satisfies the clause; strings compare without regard to
// letter case.
func (cl clause) matches(raw string) bool {
	if raw == "" {
		raw = "null"
	}
	return slices.ContainsFunc(cl.values, func(want string) bool {
		if cl.prefix {
			have, want := strings.ToLower(unquote(raw)), strings.ToLower(unquote(want))
			return strings.HasPrefix(have, want)
		}
		return strings.EqualFold(raw, want)
	})
}
