package ringcentraltest

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	filter "github.com/scim2/filter-parser/v2"
)

// element is one value of a multi-valued attribute: its sub-attributes by name in lower case.
type element map[string]string

// subAttributes are what elements of a multi-valued attribute may have, besides "primary", which means nothing here.
func subAttributes(attribute string) []string {
	if attribute == "addresses" {
		return []string{"type", "streetaddress", "locality", "region", "postalcode", "country"}
	}
	return []string{"type", "value"}
}

// applyElements carries out an operation on emails, phoneNumbers, photos or addresses.
func (u *User) applyElements(t target, op operation) error {
	if t.sub != "" && (t.selection == nil || !slices.Contains(subAttributes(t.attribute), t.sub)) {
		return badRequest("invalidPath", "Path of %s is not supported", t.attribute)
	}
	if op.Op == "remove" && t.attribute == "emails" {
		return badRequest("mutability", "A required attribute cannot be removed")
	}
	apply := applyWhole
	if t.selection != nil {
		apply = applySelected
	}
	elements, err := apply(u.elements(t.attribute), t, op)
	if err != nil {
		return err
	}
	return u.setElements(t.attribute, elements)
}

// applyWhole handles a path without a value filter. An added element takes the place of the one of its type.
func applyWhole(elements []element, t target, op operation) ([]element, error) {
	if op.Op == "remove" {
		return nil, nil
	}
	var values []json.RawMessage
	if err := decode(op.Value, &values); err != nil {
		return nil, err
	}
	if op.Op == "replace" {
		elements = nil // RingCentral's own numbers among them
	}
	for _, value := range values {
		added, err := decodeElement(t.attribute, value)
		if err != nil {
			return nil, err
		}
		same := func(e element) bool { return op.Op == "add" && e["type"] == added["type"] }
		elements = append(slices.DeleteFunc(elements, same), added)
	}
	return elements, nil
}

// applySelected handles a path with a value filter. Where it selects nothing, replace and remove have no target
// (RFC 7644, section 3.5.2.3), and add makes an element if the filter says of which type.
func applySelected(elements []element, t target, op operation) ([]element, error) {
	var selected []int
	for i, e := range elements {
		matches, err := e.matches(t.selection)
		if err != nil {
			return nil, err
		}
		if matches {
			selected = append(selected, i)
		}
	}
	if len(selected) == 0 {
		kind, ok := typeOf(t.selection)
		if op.Op != "add" || !ok {
			return nil, badRequest("noTarget", "The path's filter matches no value of %s", t.attribute)
		}
		elements = append(elements, element{"type": kind})
		selected = []int{len(elements) - 1}
	}
	if op.Op == "remove" && (t.sub == "" || t.sub == "value") {
		for _, i := range slices.Backward(selected) {
			elements = slices.Delete(elements, i, i+1)
		}
		return elements, nil
	}
	for _, i := range selected {
		if err := elements[i].change(t, op); err != nil {
			return nil, err
		}
	}
	return elements, nil
}

// change sets or removes one sub-attribute, or merges (add) or replaces all.
func (e element) change(t target, op operation) error {
	switch {
	case op.Op == "remove":
		delete(e, t.sub)
		return nil
	case t.sub != "":
		var text string
		err := decode(op.Value, &text)
		e[t.sub] = text
		return err
	}
	value, err := decodeElement(t.attribute, op.Value)
	if err != nil {
		return err
	}
	if op.Op == "replace" {
		maps.DeleteFunc(e, func(name, _ string) bool { return name != "type" })
	}
	maps.Copy(e, value)
	return nil
}

// matches evaluates a value filter: equality, joined by "and" or "or".
func (e element) matches(selection filter.Expression) (bool, error) {
	switch s := selection.(type) {
	case *filter.AttributeExpression:
		value, isText := textOf(s.CompareValue)
		if s.Operator != filter.EQ || !isText || s.AttributePath.URIPrefix != nil || s.AttributePath.SubAttribute != nil {
			break
		}
		return strings.EqualFold(e[strings.ToLower(s.AttributePath.AttributeName)], value), nil
	case *filter.LogicalExpression:
		left, err := e.matches(s.Left)
		if err != nil {
			return false, err
		}
		right, err := e.matches(s.Right)
		if s.Operator == filter.AND {
			return left && right, err
		}
		return left || right, err
	}
	return false, badRequest("invalidFilter", "Value filter is not supported")
}

// typeOf returns X of the filter type eq "X".
func typeOf(selection filter.Expression) (string, bool) {
	s, ok := selection.(*filter.AttributeExpression)
	if !ok || s.Operator != filter.EQ || !strings.EqualFold(s.AttributePath.String(), "type") {
		return "", false
	}
	return textOf(s.CompareValue)
}

// textOf returns the text that a value filter compares with. The parser leaves JSON's escapes in it (RFC 7644, figure 1:
// compValue is a JSON string).
func textOf(value any) (string, bool) {
	raw, ok := value.(string)
	if !ok {
		return "", false
	}
	var text string
	if json.Unmarshal([]byte(`"`+raw+`"`), &text) != nil {
		return "", false
	}
	return text, true
}

// decodeElement reads one element.
func decodeElement(attribute string, raw json.RawMessage) (element, error) {
	var values map[string]any
	if err := decode(raw, &values); err != nil {
		return nil, err
	}
	e := make(element, len(values))
	for name, value := range values {
		name = strings.ToLower(name)
		_, isBool := value.(bool)
		text, isText := value.(string)
		switch {
		case name == "primary" && isBool:
		case !slices.Contains(subAttributes(attribute), name):
			return nil, badRequest("invalidSyntax", "Attribute [%s.%s] is not supported", attribute, name)
		case !isText:
			return nil, badRequest("invalidValue", "Attribute [%s.%s] has a value of a wrong type", attribute, name)
		default:
			e[name] = text
		}
	}
	return e, nil
}

// elements returns the values of a multi-valued attribute.
func (u *User) elements(attribute string) []element {
	var elements []element
	one := func(kind, value string) {
		if value != "" {
			elements = append(elements, element{"type": kind, "value": value})
		}
	}
	switch attribute {
	case "emails":
		one("work", u.Email)
	case "photos":
		one("photo", u.Photo)
	case "phonenumbers":
		for _, p := range u.Phones {
			one(p.Type, p.Value)
		}
	case "addresses":
		if a := u.Address; a != nil {
			elements = append(elements, element{
				"type": "work", "streetaddress": a.StreetAddress, "locality": a.Locality,
				"region": a.Region, "postalcode": a.PostalCode, "country": a.Country,
			})
		}
	}
	return elements
}

// setElements gives a multi-valued attribute its values.
func (u *User) setElements(attribute string, elements []element) error {
	var values []wireValue
	var addresses []wireAddress
	for _, e := range elements {
		values = append(values, wireValue{Type: e["type"], Value: e["value"]})
		addresses = append(addresses, wireAddress{
			Type: e["type"], StreetAddress: e["streetaddress"], Locality: e["locality"],
			Region: e["region"], PostalCode: e["postalcode"], Country: e["country"],
		})
	}
	switch attribute {
	case "emails":
		return u.setEmails(values)
	case "photos":
		return u.setPhotos(values)
	case "phonenumbers":
		return u.setPhones(values)
	}
	return u.setAddresses(addresses)
}
