package mapping

import (
	"strings"

	"ringsync/connectors"
	"ringsync/mapping/expr"
)

// CompileFor compiles an expression that is to be tried for one person, described by an object of source attributes such as
// Microsoft Graph returns for a user, and returns the row to evaluate it for. An attribute that the object lacks is null.
func CompileFor(source string, person connectors.Value) (*expr.Program, []connectors.Value, error) {
	attributes := &objectAttributes{person: person, slots: connectors.NewSlots()}
	program, err := expr.Compile(source, attributes)
	return program, attributes.row, err
}

// objectAttributes gives an expression the attributes of one object. Every name is an attribute; one that the object
// lacks is null.
type objectAttributes struct {
	person connectors.Value
	slots  *connectors.Slots
	row    []connectors.Value // by slot
}

// Attribute implements expr.Attributes.
func (o *objectAttributes) Attribute(name string) (int, connectors.Attribute, bool) {
	slot := o.slots.Add(name)
	if slot == len(o.row) {
		o.row = append(o.row, ObjectAttribute(o.person, name))
	}
	return slot, connectors.Attribute{Name: name, MultiValued: o.row[slot].Kind() == connectors.List}, true
}

// Nearest implements expr.Attributes. No name is unknown, so none is near one.
func (o *objectAttributes) Nearest(string) string { return "" }

// ObjectAttribute returns an attribute of an object as Graph writes it, which keeps some in objects of their own:
// employeeOrgData.division, and extensionAttribute1 to 15 in onPremisesExtensionAttributes.
func ObjectAttribute(object connectors.Value, name string) connectors.Value {
	v := fieldFold(object, name)
	if whole, part, dotted := strings.Cut(name, "."); dotted && v.Kind() == connectors.Absent {
		v = fieldFold(fieldFold(object, whole), part)
	}
	if v.Kind() == connectors.Absent {
		v = fieldFold(fieldFold(object, "onPremisesExtensionAttributes"), name)
	}
	return v
}

// fieldFold returns an object's field, if need be without regard to letter case, as mappings find attributes.
func fieldFold(object connectors.Value, name string) connectors.Value {
	if v := object.Field(name); v.Kind() != connectors.Absent {
		return v
	}
	for i := range object.Len() {
		if object.Kind() == connectors.Object && strings.EqualFold(object.FieldName(i), name) {
			return object.At(i)
		}
	}
	return connectors.Value{}
}
