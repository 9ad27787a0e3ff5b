package mapping

import (
	"strings"

	"ringsync/connectors"
	"ringsync/mapping/expr"
)

// SourceAttributes returns what an expression may name where the source is described by schema. Each attribute that is
// named gets a slot.
func SourceAttributes(schema *connectors.Schema, slots *connectors.Slots) expr.Attributes {
	return sourceAttributes{schema: schema, slots: slots}
}

// sourceAttributes offers to expressions and filters what the source has and what the engine computes, and gives each
// attribute that is named its slot.
type sourceAttributes struct {
	schema *connectors.Schema
	slots  *connectors.Slots
	secret map[int]bool // slots of what some mapping redacts
}

// computed are the attributes that every source has, because the engine supplies them.
var computed = []connectors.Attribute{
	{Name: connectors.AttrIsSoftDeleted, Type: connectors.TypeBoolean, ReadOnly: true},
	{Name: connectors.AttrAppRoleAssignments, Type: connectors.TypeComplex, MultiValued: true, ReadOnly: true},
}

func (s sourceAttributes) Attribute(name string) (int, connectors.Attribute, bool) {
	a, ok := s.find(name)
	if !ok {
		return 0, a, false
	}
	slot := s.slots.Add(a.Name)
	a.Secret = s.secret[slot]
	return slot, a, true
}

func (s sourceAttributes) find(name string) (connectors.Attribute, bool) {
	for _, a := range computed {
		if strings.EqualFold(a.Name, name) {
			return a, true
		}
	}
	return s.schema.Lookup(name)
}

func (s sourceAttributes) Nearest(name string) string {
	var names []string
	for _, a := range computed {
		names = append(names, a.Name)
	}
	for _, a := range s.schema.Attributes() {
		names = append(names, a.Name)
	}
	return connectors.Nearest(name, names)
}
