package entra

import (
	"strings"
	"testing"

	"ringsync/connectors"
)

func TestSchema(t *testing.T) {
	s := Schema()
	for name, want := range map[string]string{ // canonical name, "" if there is no such attribute
		"userPrincipalName":        "userPrincipalName",
		"USERPRINCIPALNAME":        "userPrincipalName",
		"extensionattribute15":     "extensionAttribute15",
		"extensionAttribute16":     "",
		"appRoleAssignments":       "appRoleAssignments",
		"isSoftDeleted":            "IsSoftDeleted",
		"employeeOrgData.Division": "employeeOrgData.division",
		"manager":                  "",
		"skills":                   "",
		"signInActivity":           "",
		"extension_0123456789abcdef0123456789ABCDEF_costCentre": "extension_0123456789abcdef0123456789ABCDEF_costCentre",
		"Extension_0123456789abcdef0123456789abcdef_costCentre": "",
		"extension_0123456789abcdef0123456789abcdef_":           "",
		"extension_0123456789abcdef0123456789abcdef_a,b":        "",
		"extension_0123_costCentre":                             "",
	} {
		a, ok := s.Lookup(name)
		if ok != (want != "") || a.Name != want {
			t.Errorf("%s: got %q, want %q", name, a.Name, want)
		}
	}
}

// Everything that can be mapped can be asked for, once, and none of it is computed.
func TestSelect(t *testing.T) {
	slots := connectors.NewSourceSlots()
	for _, a := range Schema().Attributes() {
		slots.Add(a.Name)
	}
	slots.Add("extension_0123456789abcdef0123456789abcdef_costCentre")
	sel := newSelection(slots)
	names := strings.Split(sel.query, ",")
	count := map[string]int{}
	for _, n := range names {
		count[n]++
		if connectors.IsComputed(n) || strings.HasPrefix(n, "extensionAttribute") || strings.Contains(n, ".") {
			t.Errorf("%s cannot be selected", n)
		}
		if count[n] > 1 {
			t.Errorf("%s is selected twice", n)
		}
	}
	if count[propExtensions] != 1 || count[propOrgData] != 1 || count["extension_0123456789abcdef0123456789abcdef_costCentre"] != 1 || !sel.roles {
		t.Errorf("selected %s", sel.query)
	}
}
