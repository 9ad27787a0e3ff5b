package configs

import (
	"errors"
	"fmt"

	"ringsync/mapping"
	"ringsync/mapping/expr"
	"ringsync/mapping/filter"
)

// Rules returns the attribute mappings in package mapping's terms.
func (c *Config) Rules() []mapping.Rule {
	rules := make([]mapping.Rule, len(c.Users.Attributes))
	for i, a := range c.Users.Attributes {
		rules[i] = mapping.Rule(a)
	}
	return rules
}

// FilterGroups returns the scoping filters in package filter's terms.
func (c *Config) FilterGroups() []filter.Group {
	groups := make([]filter.Group, len(c.Users.Filters))
	for i, f := range c.Users.Filters {
		groups[i].Name = f.Name
		for _, clause := range f.All {
			groups[i].All = append(groups[i].All, filter.Clause(clause))
		}
	}
	return groups
}

// MappingProblems returns the error of mapping.Compile as Problems: each *mapping.Error becomes a line and column of
// the file, for an expression down to the character. Other errors are returned as they are.
func (c *Config) MappingProblems(err error) error {
	var problems Problems
	for _, e := range unjoin(err) {
		wrong, ok := errors.AsType[*mapping.Error](e)
		if !ok {
			return err
		}
		path := mappingPath(wrong)
		if place, ok := errors.AsType[*expr.Error](wrong.Err); ok {
			text := place.Message
			if place.Nearest != "" {
				text += fmt.Sprintf("; did you mean %s?", place.Nearest)
			}
			p := c.ProblemInside(path, place.Offset, "attribute mapping of %s: %s", wrong.Target, text)
			p.Caret = place.Caret()
			problems = append(problems, p)
			continue
		}
		problems = append(problems, c.Problem(path, "%s", oneLine(wrong)))
	}
	if len(problems) == 0 {
		return err
	}
	return problems.sorted()
}

func mappingPath(e *mapping.Error) string {
	path := "users.attributes"
	if e.Filter {
		path = "users.filters"
	}
	if e.Index >= 0 {
		path += fmt.Sprintf("[%d]", e.Index)
	}
	if e.Filter && e.Clause >= 0 {
		path += fmt.Sprintf(".all[%d]", e.Clause)
	}
	if e.Field != "" {
		path = join(path, e.Field)
	}
	return path
}

// unjoin returns the errors of an errors.Join, or the one error.
func unjoin(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}
