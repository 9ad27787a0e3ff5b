package entraschema

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"ringsync/connectors"
	"ringsync/mapping"
	"ringsync/mapping/filter"
)

// maxFilters bounds how many filters the product of two sets of them may come to.
const maxFilters = 64

// operators are Entra's, by their names in lower case without blanks and underscores, which differ between versions.
var operators = map[string]string{
	"equals": "EQUALS", "notequals": "NOT EQUALS", "istrue": "IS TRUE", "isfalse": "IS FALSE", "isnull": "IS NULL",
	"isnotnull": "IS NOT NULL", "regexmatch": "REGEX MATCH", "notregexmatch": "NOT REGEX MATCH",
	"greaterthan": "Greater_Than", "greaterthanorequals": "Greater_Than_OR_EQUALS", "includes": "Includes", "endswith": "ENDS_WITH",
}

// nobody is a filter that lets nobody in: everybody has an id.
func nobody() Filter {
	return Filter{Group: filter.Group{Name: "nobody, until the filters that were left out are written anew",
		All: []filter.Clause{{Attribute: "id", Operator: "IS NULL"}}}}
}

// scope translates the scoping filters. A filter with a clause that has no counterpart is left out as a whole: without the
// clause it would let in too many. If none is left, nobody is in scope; and as long as one is left out, being out of scope
// costs nobody their account.
func (t *translator) scope(s Scope) {
	groups := t.both(s.Groups, s.Input, "inputFilterGroups")
	groups = t.both(groups, s.Category, "categoryFilterGroups")
	inUse, alwaysTrue := false, len(groups) > 0
	for _, g := range groups {
		alwaysTrue = alwaysTrue && len(g.Clauses) == 0
	}
	if alwaysTrue {
		t.note(groups[0].Place, "scoping filter %s: left out, because it has no clauses and lets everybody in", shown(groups[0].Name))
		return
	}
	for _, g := range groups {
		f := t.group(g)
		t.Filters = append(t.Filters, f)
		if f.Off == "" {
			inUse = true
			continue
		}
		t.HoldScope = true
		t.note(f.Place, "scoping filter %s: left out, because %s", shown(g.Name), f.Off)
	}
	if len(groups) > 0 && !inUse {
		t.Filters = append(t.Filters, nobody())
		t.note(groups[0].Place, "no scoping filter carries over, so nobody is in scope until one is written")
	}
}

// both gives filters that pass where one of each set does. An empty set lets everybody pass.
func (t *translator) both(groups, more []Group, kind string) []Group {
	if len(more) == 0 {
		return groups
	}
	t.note(more[0].Place, "%s are added to the scoping filters; ringsync disables those who fall out of them unless deprovision.out_of_scope says keep, and Entra's service leaves them", kind)
	if len(groups) == 0 {
		return more
	}
	if len(groups)*len(more) > maxFilters {
		return []Group{{Place: more[0].Place, Name: kind, Clauses: slices.Concat(groups[0].Clauses, more[0].Clauses),
			refused: fmt.Sprintf("every group with every one of %s makes %d filters, and %d are allowed", kind, len(groups)*len(more), maxFilters)}}
	}
	var product []Group
	for _, g := range groups {
		for _, m := range more {
			p := Group{Place: g.Place, Name: g.Name, Clauses: slices.Concat(g.Clauses, m.Clauses), refused: g.refused}
			if m.Name != "" {
				p.Name = strings.TrimPrefix(g.Name+" and "+m.Name, " and ")
			}
			product = append(product, p)
		}
	}
	return product
}

// group translates one filter and has package filter judge it.
func (t *translator) group(g Group) Filter {
	f := Filter{Place: g.Place, Group: filter.Group{Name: strings.TrimSpace(g.Name)}, Off: g.refused}
	for _, c := range g.Clauses {
		clause, why := t.clause(c)
		f.All = append(f.All, clause)
		if why != "" && f.Off == "" {
			f.Off = why
		}
	}
	if f.Off != "" {
		return f
	}
	if err := t.judge(f.Group); err != nil {
		f.Off = err.Error()
	}
	return f
}

func (t *translator) clause(c Clause) (out filter.Clause, why string) {
	graph, _, first := graphName(c.Attribute, t.source)
	out = filter.Clause{Attribute: graph, Operator: strings.TrimSpace(c.Operator)}
	folded := strings.NewReplacer(" ", "", "_", "").Replace(strings.ToLower(c.Operator))
	if name, ok := operators[folded]; ok {
		out.Operator = name
	}
	values := slices.DeleteFunc(slices.Clone(c.Values), func(s string) bool { return s == "" })
	if strings.HasPrefix(out.Operator, "IS ") {
		if len(values) > 0 {
			t.note(c.Place, "%s %s takes no value: %q is left out", clip(c.Attribute), out.Operator, clip(values[0]))
		}
		return out, ""
	}
	out.Value = strings.Join(values, ", ")
	switch {
	case first:
		why = fmt.Sprintf("%s has become the list %s, which has several values", c.Attribute, graph)
	case len(values) > 1:
		why = fmt.Sprintf("the clause about %s has %d values, and what that means is not documented", clip(c.Attribute), len(values))
	}
	return out, why
}

// judge compiles a filter beside a rule that needs nothing of the target but a matching attribute.
func (t *translator) judge(g filter.Group) error {
	target := connectors.NewSchema("", []connectors.Attribute{{Name: "id", Filterable: true}}, nil, nil)
	_, err := mapping.Compile([]mapping.Rule{{Target: "id", Source: "id", Match: 1}}, []filter.Group{g}, t.source, target, connectors.NewSourceSlots())
	if err == nil {
		return nil
	}
	first := unjoin(err)[0]
	if e, ok := errors.AsType[*filter.Error](first); ok {
		return e.Err
	}
	return first
}
