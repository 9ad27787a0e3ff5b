package entra

import (
	"strings"
	"testing"

	"ringsync/connectors"
)

func TestSchema(t *testing.T) {
	s := Schema()
	for name, want := range map[string]string{ // canonical name, "" if there is no such attribute
		"userPrincipalName":                                     "userPrincipalName",
		"USERPRINCIPALNAME":                                     "userPrincipalName",
		"extensionattribute15":                                  "extensionAttribute15",
		"extensionAttribute16":                                  "",
		"onPremisesExtensionAttributes.extensionAttribute3":     "extensionAttribute3",
		"onpremisesextensionattributes.EXTENSIONATTRIBUTE3":     "extensionAttribute3",
		"onPremisesExtensionAttributes.extensionAttribute16":    "",
		"onPremisesExtensionAttributes.mail":                    "",
		"onPremisesExtensionAttributes":                         "",
		"appRoleAssignments":                                    "appRoleAssignments",
		"isSoftDeleted":                                         "IsSoftDeleted",
		"employeeOrgData.Division":                              "employeeOrgData.division",
		"manager":                                               "",
		"skills":                                                "",
		"signInActivity":                                        "",
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

// Only what mappings and filters name is asked for, whatever the spelling.
func TestSelectWhatIsNamed(t *testing.T) {
	slots := connectors.NewSourceSlots()
	rules := []string{"mail", "onPremisesExtensionAttributes.extensionAttribute3", "EXTENSIONATTRIBUTE4",
		"extension_0123456789abcdef0123456789abcdef_costCentre", "employeeOrgData.costCenter"}
	for _, name := range rules {
		a, _ := Schema().Lookup(name)
		slots.Add(a.Name)
	}
	sel := newSelection(slots)
	want := "id,userPrincipalName,displayName,accountEnabled,mail,onPremisesExtensionAttributes," +
		"extension_0123456789abcdef0123456789abcdef_costCentre,employeeOrgData"
	if sel.query != want || sel.roles {
		t.Errorf("got  %s\nwant %s", sel.query, want)
	}
	row, err := sel.one([]byte(`{"id": "1", "onPremisesExtensionAttributes": {"extensionAttribute3": "three", "extensionAttribute5": "five"},
		"extension_0123456789abcdef0123456789abcdef_costCentre": [7, "x"], "employeeOrgData": {"costCenter": "c"}}`))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"extensionAttribute3": "three", "extensionAttribute4": "",
		"extension_0123456789abcdef0123456789abcdef_costCentre": "7,x", "employeeOrgData.costCenter": "c"} {
		if slot, _ := slots.Index(name); row.Values[slot].Text() != want {
			t.Errorf("%s: got %q", name, row.Values[slot].Text())
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
