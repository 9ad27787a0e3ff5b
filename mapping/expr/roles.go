package expr

import (
	"cmp"
	"slices"

	"ringsync/connectors"
)

// roleType is what Entra puts into the type of every complex role.
const roleType = "WindowsAzureActiveDirectoryRole"

// roleNames are the values of the person's roles, the display name for one that has no value.
func roleNames(v connectors.Value) []string {
	var names []string
	for role := range items(v) {
		name := role.Text()
		if role.Kind() == connectors.Object {
			name = cmp.Or(role.Field("value").Text(), role.Field("displayName").Text())
		}
		if name != "" {
			names = append(names, name)
		}
	}
	return names
}

// singleAppRoleAssignment gives one of the person's roles. Which of several is not documented; the first in
// alphabetical order does not change from one read to the next.
func singleAppRoleAssignment(c *call, in scope) (connectors.Value, error) {
	v, err := c.value(0, in)
	if err != nil {
		return v, err
	}
	names := roleNames(v)
	if len(names) == 0 {
		return connectors.NullValue(), nil
	}
	return connectors.StringValue(slices.Min(names)), nil
}

// appRoleAssignments gives all of the person's roles as a list of texts.
func appRoleAssignments(c *call, in scope) (connectors.Value, error) {
	v, err := c.value(0, in)
	if err != nil {
		return v, err
	}
	names := roleNames(v)
	if len(names) == 0 {
		return connectors.NullValue(), nil
	}
	return connectors.StringsValue(names...), nil
}

func appRoleAssignmentsComplex(c *call, in scope) (connectors.Value, error) {
	return complexRoles(c, in, "displayName")
}

func assertiveAppRoleAssignmentsComplex(c *call, in scope) (connectors.Value, error) {
	return complexRoles(c, in, "display")
}

// complexRoles gives the roles as SCIM's complex values; the two functions name the display name differently.
func complexRoles(c *call, in scope, display string) (connectors.Value, error) {
	v, err := c.value(0, in)
	if err != nil {
		return v, err
	}
	var roles []connectors.Value
	for role := range items(v) {
		roles = append(roles, connectors.ObjectValue(
			connectors.Field{Name: display, Value: role.Field("displayName")},
			connectors.Field{Name: "primary", Value: connectors.BoolValue(false)},
			connectors.Field{Name: "type", Value: connectors.StringValue(roleType)},
			connectors.Field{Name: "value", Value: role.Field("value")}))
	}
	return listOf(roles), nil
}
