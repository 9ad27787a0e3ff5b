package ringcentraltest_test

import (
	"fmt"
	"reflect"
	"testing"

	rc "ringsync/connectors/ringcentral/ringcentraltest"
)

// original is the account that the PATCH tests change.
func original() rc.User {
	return rc.User{
		ID:         "5",
		ExternalID: "g",
		UserName:   "grace@example.com",
		Email:      "grace@example.com",
		GivenName:  "Grace",
		FamilyName: "Hopper",
		Title:      "Admiral",
		Department: "Navy",
		Active:     true,
		Phones:     []rc.Phone{{Type: "work", Value: "+16502000000"}, {Type: "other", Value: "101"}},
		Address:    &rc.Address{StreetAddress: "1 Main St", Locality: "Reno", Region: "NV", PostalCode: "89501", Country: "United States"},
	}
}

const (
	enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	core       = "urn:ietf:params:scim:schemas:core:2.0:User"
)

func TestPatch(t *testing.T) {
	tests := []struct {
		name       string
		operations []string
		change     func(*rc.User) // makes of the original what is wanted
	}{
		{"disable", []string{`{"op":"replace","path":"active","value":false}`}, func(u *rc.User) { u.Active = false }},
		{"remove active", []string{`{"op":"remove","path":"active"}`}, func(u *rc.User) { u.Active = false }},
		{"text", []string{`{"op":"replace","path":"title","value":"Rear Admiral"}`}, func(u *rc.User) { u.Title = "Rear Admiral" }},
		{"added text", []string{`{"op":"add","path":"externalId","value":"h"}`}, func(u *rc.User) { u.ExternalID = "h" }},
		{"letter case of a path", []string{`{"op":"replace","path":"TITLE","value":""}`}, func(u *rc.User) { u.Title = "" }},
		{"removed text", []string{`{"op":"remove","path":"title"}`}, func(u *rc.User) { u.Title = "" }},
		{"removed external id", []string{`{"op":"remove","path":"externalId"}`}, func(u *rc.User) { u.ExternalID = "" }},
		{"part of the name", []string{`{"op":"replace","path":"name.familyName","value":"Murray"}`}, func(u *rc.User) { u.FamilyName = "Murray" }},
		{"name as an object", []string{`{"op":"replace","path":"name","value":{"givenName":"G"}}`}, func(u *rc.User) { u.GivenName = "G" }},
		{"core URN", []string{`{"op":"replace","path":"` + core + `:title","value":"x"}`}, func(u *rc.User) { u.Title = "x" }},
		{"department", []string{`{"op":"replace","path":"` + enterprise + `:department","value":"Yale"}`}, func(u *rc.User) { u.Department = "Yale" }},
		{"removed department", []string{`{"op":"remove","path":"` + enterprise + `:department"}`}, func(u *rc.User) { u.Department = "" }},
		{"extension as an object", []string{`{"op":"add","path":"` + enterprise + `","value":{"department":"Yale"}}`}, func(u *rc.User) { u.Department = "Yale" }},
		{"removed extension", []string{`{"op":"remove","path":"` + enterprise + `"}`}, func(u *rc.User) { u.Department = "" }},
		{
			"rename", []string{
				`{"op":"replace","path":"userName","value":"murray@example.com"}`,
				`{"op":"replace","path":"emails[type eq \"work\"].value","value":"Murray@example.com"}`,
			},
			func(u *rc.User) { u.UserName, u.Email = "murray@example.com", "Murray@example.com" },
		},
		{
			"mails as a whole", []string{`{"op":"replace","path":"emails","value":[{"type":"work","value":"GRACE@example.com","primary":true}]}`},
			func(u *rc.User) { u.Email = "GRACE@example.com" },
		},
		{
			"mobile added", []string{`{"op":"add","path":"phoneNumbers[type eq \"mobile\"].value","value":"+1 650-555-0100"}`},
			func(u *rc.User) { u.Phones = append(u.Phones, rc.Phone{Type: "mobile", Value: "+16505550100"}) },
		},
		{
			"mobile added twice", []string{
				`{"op":"add","path":"phoneNumbers[type eq \"mobile\"].value","value":"+16505550100"}`,
				`{"op":"add","path":"phoneNumbers[type eq \"mobile\"].value","value":"+16505550101"}`,
			},
			func(u *rc.User) { u.Phones = append(u.Phones, rc.Phone{Type: "mobile", Value: "+16505550101"}) },
		},
		{
			"element added", []string{`{"op":"add","path":"phoneNumbers","value":[{"type":"mobile","value":"+16505550100"}]}`},
			func(u *rc.User) { u.Phones = append(u.Phones, rc.Phone{Type: "mobile", Value: "+16505550100"}) },
		},
		{
			"element added by filter", []string{`{"op":"add","path":"phoneNumbers[type eq \"mobile\"]","value":{"value":"+16505550100"}}`},
			func(u *rc.User) { u.Phones = append(u.Phones, rc.Phone{Type: "mobile", Value: "+16505550100"}) },
		},
		{
			"element of a type that is there", []string{`{"op":"add","path":"phoneNumbers","value":[{"type":"work","value":"+16505550100"}]}`},
			func(u *rc.User) {
				u.Phones = []rc.Phone{{Type: "other", Value: "101"}, {Type: "work", Value: "+16505550100"}}
			},
		},
		{
			"one number replaced", []string{`{"op":"replace","path":"phoneNumbers[type eq \"work\" and value eq \"+16502000000\"].value","value":"+16505550100"}`},
			func(u *rc.User) { u.Phones[0].Value = "+16505550100" },
		},
		{
			"one element replaced", []string{`{"op":"replace","path":"phoneNumbers[type eq \"fax\" or type eq \"WORK\"]","value":{"value":"+16505550100"}}`},
			func(u *rc.User) { u.Phones[0].Value = "+16505550100" },
		},
		{
			"one number removed", []string{`{"op":"remove","path":"phoneNumbers[type eq \"work\"].value"}`},
			func(u *rc.User) { u.Phones = u.Phones[1:] },
		},
		{
			"all numbers replaced, RingCentral's own too", []string{`{"op":"replace","path":"phoneNumbers","value":[{"type":"mobile","value":"+16505550100"}]}`},
			func(u *rc.User) { u.Phones = []rc.Phone{{Type: "mobile", Value: "+16505550100"}} },
		},
		{"all numbers removed", []string{`{"op":"remove","path":"phoneNumbers"}`}, func(u *rc.User) { u.Phones = nil }},
		{
			"part of the address", []string{`{"op":"replace","path":"addresses[type eq \"work\"].locality","value":"Elko"}`},
			func(u *rc.User) { u.Address.Locality = "Elko" },
		},
		{
			"removed part of the address", []string{`{"op":"remove","path":"addresses[type eq \"work\"].postalCode"}`},
			func(u *rc.User) { u.Address.PostalCode = "" },
		},
		{
			"address as a whole", []string{`{"op":"replace","path":"addresses","value":[{"type":"work","locality":"Bonn","country":"de"}]}`},
			func(u *rc.User) { u.Address = &rc.Address{Locality: "Bonn", Country: "Germany"} },
		},
		{
			"the work address as a whole", []string{`{"op":"replace","path":"addresses[type eq \"work\"]","value":{"locality":"Bonn","country":"DE"}}`},
			func(u *rc.User) { u.Address = &rc.Address{Locality: "Bonn", Country: "Germany"} },
		},
		{
			"merged address", []string{`{"op":"add","path":"addresses[type eq \"work\"]","value":{"locality":"Elko"}}`},
			func(u *rc.User) { u.Address.Locality = "Elko" },
		},
		{"address removed", []string{`{"op":"remove","path":"addresses[type eq \"work\"]"}`}, func(u *rc.User) { u.Address = nil }},
		{"addresses replaced by none", []string{`{"op":"replace","path":"addresses","value":[]}`}, func(u *rc.User) { u.Address = nil }},
		{
			"photo", []string{`{"op":"add","path":"photos[type eq \"photo\"].value","value":"https://example.com/g.jpg"}`},
			func(u *rc.User) { u.Photo = "https://example.com/g.jpg" },
		},
		{
			"no path", []string{`{"op":"add","value":{"title":"Dr","name":{"givenName":"G"},"addresses":[{"type":"work","locality":"Bonn"}],"` + enterprise + `":{"department":"Yale"}}}`},
			func(u *rc.User) {
				u.Title, u.GivenName, u.Department, u.Address = "Dr", "G", "Yale", &rc.Address{Locality: "Bonn"}
			},
		},
		{"nothing new", []string{`{"op":"replace","path":"title","value":"Admiral"}`}, func(*rc.User) {}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			account, c := setup(t, rc.Options{})
			account.Add(original())
			c.do("PATCH", "/Users/5", operations(test.operations...)).want(t, 200)
			want := original()
			test.change(&want)
			if got, _ := account.User("5"); !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v %+v\nwant %+v %+v", got, got.Address, want, want.Address)
			}
		})
	}
}

// What PATCH refuses; and the operations before the refused one have no effect either.
func TestRefusedPatches(t *testing.T) {
	one := func(operation string) string {
		return operations(`{"op":"replace","path":"title","value":"lost"}`, operation)
	}
	tests := []struct{ name, body, scimType string }{
		{"no JSON", `{"schemas":`, "invalidSyntax"},
		{"no schemas", `{"Operations":[{"op":"replace","path":"title","value":"x"}]}`, "invalidSyntax"},
		{"no operations", operations(), "invalidSyntax"},
		{"unknown member", one(`{"op":"replace","path":"title","value":"x","name":"y"}`), "invalidSyntax"},
		{"Entra's capitals", one(`{"op":"Replace","path":"title","value":"x"}`), "invalidSyntax"},
		{"unknown operation", one(`{"op":"move","path":"title","value":"x"}`), "invalidSyntax"},
		{"no value", one(`{"op":"replace","path":"title"}`), "invalidValue"},
		{"null", one(`{"op":"replace","path":"title","value":null}`), "invalidValue"},
		{"null without path", one(`{"op":"add","value":{"title":null}}`), "invalidValue"},
		{"neither path nor value", one(`{"op":"add"}`), "invalidValue"},
		{"no path, no object", one(`{"op":"add","value":"x"}`), "invalidValue"},
		{"no path, path for a name", one(`{"op":"add","value":{"name.givenName":"x"}}`), "invalidPath"},
		{"no path, displayName", one(`{"op":"add","value":{"displayName":"x"}}`), "invalidPath"},
		{"remove without path", one(`{"op":"remove"}`), "noTarget"},
		{"remove with value", one(`{"op":"remove","path":"title","value":"x"}`), "invalidSyntax"},
		{"path that is none", one(`{"op":"replace","path":"title[","value":"x"}`), "invalidPath"},
		{"displayName", one(`{"op":"replace","path":"displayName","value":"x"}`), "invalidPath"},
		{"enterprise by another name", one(`{"op":"replace","path":"enterprise.department","value":"x"}`), "invalidPath"},
		{"manager", one(`{"op":"replace","path":"` + enterprise + `:manager","value":"x"}`), "invalidPath"},
		{"another extension", one(`{"op":"replace","path":"urn:example:2.0:User:department","value":"x"}`), "invalidPath"},
		{"filter on a text", one(`{"op":"replace","path":"title[type eq \"work\"]","value":"x"}`), "invalidPath"},
		{"part of a text", one(`{"op":"replace","path":"title.value","value":"x"}`), "invalidPath"},
		{"unknown part", one(`{"op":"replace","path":"addresses[type eq \"work\"].formatted","value":"x"}`), "invalidPath"},
		{"part without filter", one(`{"op":"replace","path":"emails.value","value":"x"}`), "invalidPath"},
		{"id", one(`{"op":"replace","path":"id","value":"6"}`), "mutability"},
		{"remove userName", one(`{"op":"remove","path":"userName"}`), "mutability"},
		{"remove name", one(`{"op":"remove","path":"name"}`), "mutability"},
		{"remove given name", one(`{"op":"remove","path":"name.givenName"}`), "mutability"},
		{"remove mail", one(`{"op":"remove","path":"emails[type eq \"work\"]"}`), "mutability"},
		{"empty family name", one(`{"op":"replace","path":"name.familyName","value":""}`), "invalidValue"},
		{"text for active", one(`{"op":"replace","path":"active","value":"False"}`), "invalidValue"},
		{"boolean for a text", one(`{"op":"replace","path":"title","value":true}`), "invalidValue"},
		{"text for the name", one(`{"op":"replace","path":"name","value":"x"}`), "invalidValue"},
		{"object for a list", one(`{"op":"replace","path":"addresses","value":{"type":"work"}}`), "invalidValue"},
		{"text for an element", one(`{"op":"add","path":"phoneNumbers","value":["+16505550100"]}`), "invalidValue"},
		{"unknown member of an element", one(`{"op":"add","path":"phoneNumbers","value":[{"type":"mobile","value":"+16505550100","display":"x"}]}`), "invalidSyntax"},
		{"number for a part", one(`{"op":"add","path":"phoneNumbers","value":[{"type":"mobile","value":16505550100}]}`), "invalidValue"},
		{"object for the extension", one(`{"op":"add","path":"` + enterprise + `","value":{"costCenter":"x"}}`), "invalidSyntax"},
		{"replace what is not there", one(`{"op":"replace","path":"phoneNumbers[type eq \"mobile\"].value","value":"+16505550100"}`), "noTarget"},
		{"remove what is not there", one(`{"op":"remove","path":"phoneNumbers[type eq \"mobile\"]"}`), "noTarget"},
		{"add where no type is named", one(`{"op":"add","path":"phoneNumbers[value eq \"1\"].type","value":"mobile"}`), "noTarget"},
		{"add of an unknown type", one(`{"op":"add","path":"phoneNumbers[type eq \"fax\"].value","value":"+16505550100"}`), "invalidValue"},
		{"unsupported filter", one(`{"op":"replace","path":"phoneNumbers[value sw \"+1\"].value","value":"+16505550100"}`), "invalidFilter"},
		{"unsupported filter within", one(`{"op":"remove","path":"phoneNumbers[type eq \"work\" and value pr]"}`), "invalidFilter"},
		{"empty number", one(`{"op":"replace","path":"phoneNumbers[type eq \"work\"].value","value":""}`), "invalidValue"},
		{"userName without the mail", one(`{"op":"replace","path":"userName","value":"murray@example.com"}`), "invalidValue"},
		{"unknown state", one(`{"op":"replace","path":"addresses[type eq \"work\"].region","value":"Kalifornien"}`), "invalidValue"},
		{"state removed", one(`{"op":"remove","path":"addresses[type eq \"work\"].region"}`), "invalidValue"},
	}
	account, c := setupAbuse(t, rc.Options{})
	account.Add(original())
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c.t = t
			c.do("PATCH", "/Users/5", test.body).wantError(t, 400, test.scimType)
		})
	}
	if got, _ := account.User("5"); !reflect.DeepEqual(got, original()) {
		t.Errorf("the account changed: %+v", got)
	}
}

// A value filter with a type adds an address where there is none; the rules see the outcome.
func TestPatchAddsAddress(t *testing.T) {
	account, c := setup(t, rc.Options{})
	u := original()
	u.Address = nil
	account.Add(u)
	part := func(name, value string) string {
		return fmt.Sprintf(`{"op":"add","path":"addresses[type eq \"work\"].%s","value":%q}`, name, value)
	}
	c.do("PATCH", "/Users/5", operations(part("country", "US"))).wantError(t, 400, "invalidValue")
	c.do("PATCH", "/Users/5", operations(part("country", "US"), part("region", "Nevada"))).want(t, 200)
	got, _ := account.User("5")
	if want := (rc.Address{Region: "Nevada", Country: "United States"}); got.Address == nil || *got.Address != want {
		t.Errorf("address = %+v, want %+v", got.Address, want)
	}
}

func TestStringBooleans(t *testing.T) {
	account, c := setupAbuse(t, rc.Options{Licenses: -1, StringBooleans: true})
	id := c.create("grace@example.com", `"active":"True"`)
	active := func(want bool) {
		t.Helper()
		if u, _ := account.User(id); u.Active != want {
			t.Errorf("active = %t, want %t", u.Active, want)
		}
	}
	active(true)
	c.do("PATCH", "/Users/"+id, operations(`{"op":"replace","path":"active","value":"False"}`)).want(t, 200)
	active(false)
	c.do("PATCH", "/Users/"+id, operations(`{"op":"replace","path":"active","value":"maybe"}`)).wantError(t, 400, "invalidValue")
}
