package entra

import (
	"slices"
	"strings"

	"ringsync/connectors"
)

// selection is what is asked of each person ($select) and where each property goes in a row.
type selection struct {
	names []string // one for each slot
	// slots are the properties that are attributes, by Graph's name.
	slots map[string]int
	// parts are the properties whose own properties are attributes: onPremisesExtensionAttributes, employeeOrgData.
	parts map[string]map[string]int
	// query is the value of $select.
	query string
	// roles: the engine wants appRoleAssignments, so assignments are read whatever the scope.
	roles bool
}

const (
	propExtensions = "onPremisesExtensionAttributes"
	propOrgData    = "employeeOrgData"
)

func newSelection(slots *connectors.Slots) *selection {
	s := &selection{names: slices.Clone(slots.Names()), slots: map[string]int{}, parts: map[string]map[string]int{}}
	var query []string
	for i, name := range s.names {
		if connectors.IsComputed(name) {
			s.roles = s.roles || name == connectors.AttrAppRoleAssignments
			continue
		}
		property := name
		if whole, part, ok := partOf(name); ok {
			property = whole
			if s.parts[whole] == nil {
				s.parts[whole] = map[string]int{}
			}
			s.parts[whole][part] = i
		} else {
			s.slots[name] = i
		}
		if !slices.Contains(query, property) {
			query = append(query, property)
		}
	}
	s.query = strings.Join(query, ",")
	return s
}

// partOf splits the name of an attribute that Graph keeps inside another property.
func partOf(name string) (whole, part string, ok bool) {
	if strings.HasPrefix(name, "extensionAttribute") {
		return propExtensions, name, true
	}
	if part, ok := strings.CutPrefix(name, propOrgData+"."); ok {
		return propOrgData, part, true
	}
	return "", "", false
}

// whole reports whether a row is what was asked for. A token that may not read users still gets them, with the id and
// null for the rest (Microsoft Graph: limited information returned for inaccessible member objects).
// An accountEnabled that does not come at all shows that $select was not heeded.
func whole(values []connectors.Value) bool {
	switch values[connectors.SlotAccountEnabled].Kind() {
	case connectors.Absent:
		return false
	case connectors.Null:
		return !values[connectors.SlotUserPrincipalName].IsNull()
	}
	return true
}
