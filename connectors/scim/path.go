package scim

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"

	filter "github.com/scim2/filter-parser/v2"

	"ringsync/connectors"
)

// Path names one value of a resource (RFC 7644, section 3.10): userName, name.givenName,
// emails[type eq "work"].value, urn:…:enterprise:2.0:User:department.
type Path struct {
	URN  string // extension schema; "" for the core schema
	Name string
	// Where selects elements of a multi-valued attribute; all conditions must hold. Empty: no filter.
	Where []Condition
	Sub   string // sub-attribute, "" if the path ends at the attribute
}

// Condition is one comparison of a value filter: a sub-attribute equals a string, boolean or whole number.
type Condition struct {
	Name  string
	Value connectors.Value
}

// longestPath is far above any path in use and keeps a hostile one from costing time.
const longestPath = 512

// parsed remembers the paths that were read: a process has few, and reads them for each of its jobs. It is emptied when
// it has grown beyond any use.
var parsed struct {
	sync.Mutex
	paths map[string]Path
}

const mostParsed = 4096

// ParsePath reads an attribute path. The URN of the core schema is dropped: it says nothing. What Where holds is not to
// be changed.
func ParsePath(s string) (Path, error) {
	parsed.Lock()
	p, known := parsed.paths[s]
	parsed.Unlock()
	if known {
		return p, nil
	}
	p, err := parsePath(strings.TrimSpace(s))
	if err != nil {
		return Path{}, err
	}
	parsed.Lock()
	defer parsed.Unlock()
	if parsed.paths == nil || len(parsed.paths) >= mostParsed {
		parsed.paths = map[string]Path{}
	}
	parsed.paths[strings.Clone(s)] = p
	return p, nil
}

func parsePath(s string) (Path, error) {
	if len(s) > longestPath {
		return Path{}, fmt.Errorf("attribute path %q…: longer than %d bytes", s[:32], longestPath)
	}
	path, err := filter.ParsePath([]byte(s))
	if err != nil || !utf8.ValidString(s) {
		// The parser's own words speak of grammar nodes; what helps is the form.
		return Path{}, fmt.Errorf(
			`attribute path %q: not of the form name, name.sub, name[type eq "work"].sub or urn:…:name`, s)
	}
	p := Path{URN: path.AttributePath.URI(), Name: path.AttributePath.AttributeName,
		Sub: path.AttributePath.SubAttributeName()}
	if strings.EqualFold(p.URN, CoreUser) {
		p.URN = ""
	}
	if path.ValueExpression != nil {
		if p.Sub != "" {
			return Path{}, fmt.Errorf("attribute path %q: a filter must follow the attribute, not a sub-attribute", s)
		}
		if p.Where, err = conditions(nil, path.ValueExpression); err != nil {
			return Path{}, fmt.Errorf("attribute path %q: %w", s, err)
		}
		p.Sub = path.SubAttributeName()
	}
	return p, nil
}

func conditions(found []Condition, e filter.Expression) ([]Condition, error) {
	switch e := e.(type) {
	case *filter.LogicalExpression:
		if e.Operator == filter.AND {
			left, err := conditions(found, e.Left)
			if err != nil {
				return nil, err
			}
			return conditions(left, e.Right)
		}
	case *filter.AttributeExpression:
		if e.Operator == filter.EQ && e.AttributePath.URIPrefix == nil && e.AttributePath.SubAttribute == nil {
			v, err := literal(e.CompareValue)
			return append(found, Condition{Name: e.AttributePath.AttributeName, Value: v}), err
		}
	}
	return nil, fmt.Errorf("the filter may only compare with eq, joined by and")
}

// literal takes a comparison value as the parser leaves it: a string keeps its JSON escapes.
func literal(raw any) (connectors.Value, error) {
	switch x := raw.(type) {
	case string:
		var s string
		if err := json.Unmarshal([]byte(`"`+x+`"`), &s); err != nil {
			return connectors.Value{}, fmt.Errorf("the filter's string %q is not a JSON string", x)
		}
		return connectors.StringValue(s), nil
	case bool:
		return connectors.BoolValue(x), nil
	case int:
		return connectors.IntValue(int64(x)), nil
	default:
		return connectors.Value{}, fmt.Errorf("the filter may only compare with a string, a boolean or a whole number")
	}
}

// String writes the path so that ParsePath reads the same back, names in the letter case they have.
func (p Path) String() string {
	var b strings.Builder
	b.WriteString(p.container())
	if len(p.Where) > 0 {
		b.WriteByte('[')
		for i, c := range p.Where {
			if i > 0 {
				b.WriteString(" and ")
			}
			b.WriteString(c.Name + " eq ")
			b.Write(appendValue(nil, c.Value))
		}
		b.WriteByte(']')
	}
	if p.Sub != "" {
		b.WriteString("." + p.Sub)
	}
	return b.String()
}

// Element is the path without its sub-attribute: all of emails[type eq "work"].
func (p Path) Element() Path {
	p.Sub = ""
	return p
}

// container names the attribute as a whole.
func (p Path) container() string {
	if p.URN != "" {
		return p.URN + ":" + p.Name
	}
	return p.Name
}

// Fold gives the form in which two spellings of one path are the same: no core URN, lower case (URNs, names and the
// canonical values of filters are all case-insensitive), blanks as the grammar wants them. What is not a path is
// folded as text, so that a schema can be asked for it and say no.
func Fold(name string) string {
	if p, err := ParsePath(name); err == nil {
		name = p.String()
	}
	return strings.ToLower(strings.TrimSpace(name))
}

// Equal is the filter expression attribute eq "value", escaped as RFC 7644, section 3.4.2.2 asks: like JSON.
func Equal(attribute, value string) string {
	return string(appendText([]byte(attribute+" eq "), value))
}
