package entraschema

import (
	"errors"
	"slices"
	"strings"

	"ringsync/mapping/expr"
)

// tree returns the source as an expression: from its text or, where that is missing or wrong, put together from its nodes,
// as rebuilt then tells. raw is what to show if neither gives one.
func (s *Source) tree() (n *expr.Node, rebuilt bool, raw string, err error) {
	raw = strings.TrimSpace(s.Expression)
	if raw != "" {
		if n, err = expr.Parse(raw); err == nil {
			return n, false, raw, nil
		}
	}
	built := s.node()
	if built == nil {
		if err == nil {
			err = errors.New("the source is empty")
		}
		return nil, false, raw, err
	}
	text := built.String()
	if raw == "" {
		raw = text
	}
	n, wrong := expr.Parse(text)
	if wrong != nil {
		if err == nil {
			err = wrong
		}
		return nil, false, raw, err
	}
	return n, s.isFunction(), raw, nil
}

// isEmpty reports whether the source says nothing at all, as some tools write one that is null.
func (s *Source) isEmpty() bool {
	return s.Expression == "" && s.Name == "" && len(s.Parameters) == 0 && !sameName(s.Type, "Constant")
}

func (s *Source) isFunction() bool { return sameName(s.Type, "Function") }

// node builds the expression that the source's name, type and parameters describe; nil if they describe none. Graph's
// default type is Attribute.
func (s *Source) node() *expr.Node {
	switch {
	case sameName(s.Type, "Constant"):
		return &expr.Node{Kind: expr.Text, Text: s.Name}
	case s.Name == "":
		return nil
	case s.isFunction():
		return &expr.Node{Kind: expr.Call, Text: s.Name, Args: s.arguments()}
	}
	return &expr.Node{Kind: expr.Attribute, Text: s.Name}
}

// argument is the node of a parameter's value; what has a text only is parsed.
func (s *Source) argument() *expr.Node {
	if n := s.node(); n != nil {
		return n
	}
	n, _, _, _ := s.tree()
	return n
}

// parameters are the keys that Graph gives the arguments of functions which may leave some out, in their order.
// FormatDateTime has one argument more than Graph knows, the styles.
var parameters = map[string][]string{
	"replace": {"source", "find", "regularexpression", "regularexpressiongroupname", "replacement",
		"replacementpropertyname", "template"},
	"formatdatetime": {"source", "datetimestyles", "inputformat", "outputformat"},
	"switch":         {"source", "defaultvalue"},
}

// arguments puts a function's arguments in their order. Where Graph leaves out those that are empty, their keys tell which
// are missing. Beyond its source and default, the keys of a Switch are the cases.
func (s *Source) arguments() []*expr.Node {
	name := strings.ToLower(s.Name)
	keys := parameters[name]
	args := make([]*expr.Node, len(keys))
	for _, p := range s.Parameters {
		i := slices.Index(keys, strings.ToLower(p.Key))
		switch {
		case i >= 0:
			args[i] = p.Value.argument()
		case name == "switch":
			args = append(args, &expr.Node{Kind: expr.Text, Text: p.Key}, p.Value.argument())
		default:
			args = append(args, p.Value.argument())
		}
	}
	return args
}
