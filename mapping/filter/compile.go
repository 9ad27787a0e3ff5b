package filter

import (
	"errors"
	"fmt"
	"strings"

	"ringsync/connectors"
)

// Attributes says which attributes a filter may name and where a row holds them.
type Attributes interface {
	// Attribute returns the slot and the description of the attribute of that name.
	Attribute(name string) (slot int, a connectors.Attribute, ok bool)
	// Nearest returns the attribute that was probably meant by an unknown name, "" if none is near.
	Nearest(name string) string
}

// Error is what is wrong with one field of one clause.
type Error struct {
	Group  int
	Clause int    // -1 if it is about the group as a whole
	Field  string // "attribute", "operator", "value", "multivalued", or "all" for the group's list of clauses
	Name   string // the group's name
	Err    error
}

func (e *Error) Error() string {
	if e.Clause < 0 {
		return fmt.Sprintf("filter %q: %v", e.Name, e.Err)
	}
	return fmt.Sprintf("filter %q, clause %d: %v", e.Name, e.Clause+1, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// Compile checks the filters against the attributes that the source offers. The error joins an *Error for everything
// that is wrong.
func Compile(groups []Group, attributes Attributes) (*Filter, error) {
	f := &Filter{groups: make([]group, 0, len(groups))}
	var errs []error
	for i, g := range groups {
		report := func(clause int, field string, err error) {
			errs = append(errs, &Error{Group: i, Clause: clause, Field: field, Name: g.Name, Err: err})
		}
		if len(g.All) == 0 {
			report(-1, "all", errors.New("it has no clauses, so everyone would pass"))
		}
		clauses := make([]clause, len(g.All))
		for j, c := range g.All {
			clauses[j].compile(c, attributes, func(field string, err error) { report(j, field, err) })
		}
		f.groups = append(f.groups, group{name: g.Name, clauses: clauses})
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return f, nil
}

func (c *clause) compile(in Clause, attributes Attributes, report func(field string, err error)) {
	operator, err := operatorNamed(strings.TrimSpace(in.Operator))
	if err != nil {
		report("operator", err)
	}
	slot, a, attributeErr := find(in.Attribute, attributes)
	if attributeErr != nil {
		report("attribute", attributeErr)
	}
	if err != nil || attributeErr != nil {
		return
	}
	*c = clause{attribute: a.Name, slot: slot, secret: a.Secret, operator: operator, value: in.Value}
	if err := c.quantify(in.Multivalued, a); err != nil {
		report("multivalued", err)
	}
	if err := operator.takes(a); err != nil {
		report("operator", err)
		return
	}
	if err := c.checkValue(a); err != nil {
		report("value", err)
	}
}

// find returns the attribute of that name. It refuses what is not a plain value, and what the filters themselves decide.
func find(name string, attributes Attributes) (int, connectors.Attribute, error) {
	slot, a, ok := attributes.Attribute(name)
	switch {
	case !ok:
		if near := attributes.Nearest(name); near != "" {
			return slot, a, fmt.Errorf("unknown attribute %q; did you mean %s?", name, near)
		}
		return slot, a, fmt.Errorf("unknown attribute %q", name)
	case a.Name == connectors.AttrIsSoftDeleted:
		return slot, a, fmt.Errorf("%s depends on the filters, so no filter can ask for it", a.Name)
	case a.Name == connectors.AttrAppRoleAssignments:
		return slot, a, fmt.Errorf("%s cannot be filtered: assign people to the application, or not", a.Name)
	case a.Type == connectors.TypeComplex, a.Type == connectors.TypeReference:
		return slot, a, fmt.Errorf("%s is of type %s, which cannot be filtered", a.Name, a.Type)
	}
	return slot, a, nil
}

// quantify takes how many values of a multi-valued attribute have to pass. There is no default: Entra's is all, most
// people mean any.
func (c *clause) quantify(text string, a connectors.Attribute) error {
	switch {
	case text != "" && text != "any" && text != "all":
		return fmt.Errorf("unknown value %q: any or all", text)
	case text != "" && c.operator.whole:
		return fmt.Errorf("%s asks of all values together: leave it out", c.operator.name)
	case text != "" && !a.MultiValued && !a.Untyped:
		return fmt.Errorf("%s has one value: leave it out", a.Name)
	case text == "" && a.MultiValued && !c.operator.whole:
		return fmt.Errorf("%s has several values: say whether any or all of them have to pass", a.Name)
	}
	c.quantifier = text
	return nil
}

func (c *clause) checkValue(of connectors.Attribute) error {
	switch {
	case c.operator.unary && c.value != "":
		return fmt.Errorf("%s takes no value", c.operator.name)
	case c.operator.unary:
		return nil
	case c.value == "":
		return fmt.Errorf("%s needs a value: use IS NULL for people without %s", c.operator.name, c.attribute)
	case c.operator.prepare != nil:
		return c.operator.prepare(c, of)
	}
	return nil
}
