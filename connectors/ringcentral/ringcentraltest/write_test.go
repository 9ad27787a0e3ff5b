package ringcentraltest_test

import (
	"fmt"
	"strings"
	"testing"

	rc "ringsync/connectors/ringcentral/ringcentraltest"
)

// A create comes back as in RingCentral's own example: the country rewritten, active false because it was not sent,
// times of the reply, a location elsewhere, and numbers that nobody asked for.
func TestCreate(t *testing.T) {
	account, c := setup(t, rc.Options{Licenses: 1})
	a := c.do("POST", "/Users", `{
		"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
		"externalId": "701985",
		"userName": "Jim.Bean@example.com",
		"name": {"familyName": "Bean", "givenName": "Jim"},
		"title": "Clerk",
		"emails": [{"type": "work", "value": "jim.bean@example.com"}],
		"phoneNumbers": [{"type": "mobile", "value": "+1 (650) 555-0199"}],
		"photos": [{"type": "photo", "value": "https://example.com/jim.jpg"}],
		"addresses": [{"type": "work", "streetAddress": "100 Universal City Plaza", "locality": "Hollywood",
			"region": "CA", "postalCode": "91608", "country": "US"}],
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "Sales"}
	}`).want(t, 201)
	if got := a.header.Get("Content-Type"); got != "application/scim+json" {
		t.Errorf("Content-Type = %q", got)
	}
	whole := `{
		"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
		"id": "1271000020",
		"externalId": "701985",
		"meta": {"resourceType": "User", "created": "2026-03-02T09:00:00.000Z", "lastModified": "2026-03-02T09:00:00.000Z",
			"location": "http://scim.ringcentral.com/scim/v2/Users/1271000020"},
		"userName": "Jim.Bean@example.com",
		"name": {"familyName": "Bean", "givenName": "Jim"},
		"title": "Clerk",
		"active": false,
		"emails": [{"primary": false, "value": "jim.bean@example.com", "type": "work"}],
		"phoneNumbers": [{"value": "+16505550199", "type": "mobile"}, {"value": "+16502000000", "type": "work"},
			{"value": "101", "type": "other"}],
		"photos": [{"type": "photo", "value": "https://example.com/jim.jpg"}],
		"addresses": [{"primary": false, "streetAddress": "100 Universal City Plaza", "locality": "Hollywood",
			"region": "CA", "postalCode": "91608", "country": "United States", "type": "work"}],
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "Sales"}
	}`
	a.wantJSON(t, whole)
	c.do("GET", "/Users/1271000020", "").want(t, 200).wantJSON(t, whole)
	if n := account.Licenses(); n != 0 {
		t.Errorf("licences left = %d, want 0", n)
	}
}

// What POST and PUT refuse. None of it leaves a trace.
func TestRefusedUsers(t *testing.T) {
	const mail = "grace@example.com"
	long := strings.Repeat("ü", 65)
	address := func(region, country string) string {
		return person(mail, fmt.Sprintf(`"addresses":[{"type":"work","region":%q,"country":%q}]`, region, country))
	}
	replaced := func(old, new string) string { return strings.Replace(person(mail), old, new, 1) }
	tests := []struct{ name, body, scimType string }{
		{"no JSON", `{`, "invalidSyntax"},
		{"two values", person(mail) + "{}", "invalidSyntax"},
		{"null", `null`, "invalidSyntax"},
		{"an array", `[]`, "invalidValue"},
		{"no schemas", replaced(`["urn:ietf:params:scim:schemas:core:2.0:User"]`, `[]`), "invalidSyntax"},
		{"another schema", replaced(`2.0:User"]`, `2.0:User","urn:example:User"]`), "invalidSyntax"},
		{"displayName", person(mail, `"displayName":"Grace"`), "invalidSyntax"},
		{"manager", person(mail, `"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":{"value":"1"}}`), "invalidSyntax"},
		{"no userName", replaced(`"userName":"grace@example.com"`, `"userName":""`), "invalidValue"},
		{"no given name", replaced(`"givenName":"Grace",`, ``), "invalidValue"},
		{"blank family name", replaced(`"Hopper"`, `" "`), "invalidValue"},
		{"no mail", replaced(`[{"type":"work","value":"grace@example.com"}]`, `[]`), "invalidValue"},
		{"no mail address", strings.ReplaceAll(person(mail), mail, "grace"), "invalidValue"},
		{"mail too long", strings.ReplaceAll(person(mail), mail, strings.Repeat("g", 250)+"@example.com"), "invalidValue"},
		{"userName is not the mail", replaced(`"value":"grace@example.com"`, `"value":"hopper@example.com"`), "invalidValue"},
		{"home mail", replaced(`"type":"work"`, `"type":"home"`), "invalidValue"},
		{"two work mails", replaced(`"emails":[`, `"emails":[{"type":"work","value":"grace@example.com"},`), "invalidValue"},
		{"text for active", person(mail, `"active":"True"`), "invalidValue"},
		{"null for active", person(mail, `"active":null`), "invalidValue"},
		{"number for title", person(mail, `"title":7`), "invalidValue"},
		{"title too long", person(mail, fmt.Sprintf(`"title":%q`, long)), "invalidValue"},
		{"given name too long", replaced("Grace", long), "invalidValue"},
		{"family name too long", replaced("Hopper", long), "invalidValue"},
		{"department too long", person(mail, fmt.Sprintf(`"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":%q}`, long)), "invalidValue"},
		{"fax", person(mail, `"phoneNumbers":[{"type":"fax","value":"+16505550100"}]`), "invalidValue"},
		{"number without value", person(mail, `"phoneNumbers":[{"type":"mobile"}]`), "invalidValue"},
		{"national number", person(mail, `"phoneNumbers":[{"type":"mobile","value":"0650 5550100"}]`), "invalidValue"},
		{"number too long", person(mail, `"phoneNumbers":[{"type":"work","value":"+1234567890123456"}]`), "invalidValue"},
		{"number with letters", person(mail, `"phoneNumbers":[{"type":"other","value":"ext 5"}]`), "invalidValue"},
		{"avatar", person(mail, `"photos":[{"type":"thumbnail","value":"https://example.com"}]`), "invalidValue"},
		{"home address", person(mail, `"addresses":[{"type":"home","locality":"Reno"}]`), "invalidValue"},
		{"two addresses", person(mail, `"addresses":[{"type":"work"},{"type":"work"}]`), "invalidValue"},
		{"formatted address", person(mail, `"addresses":[{"type":"work","formatted":"Reno"}]`), "invalidSyntax"},
		{"unknown state, USA", address("Kalifornien", "US"), "invalidValue"},
		{"no state, USA", address("", "United States"), "invalidValue"},
		{"unknown state, Canada", address("CA", "Canada"), "invalidValue"},
		{"no state, UK", address("", "UK"), "invalidValue"},
	}
	account, c := setupAbuse(t, rc.Options{Licenses: -1})
	id := account.Add(rc.User{UserName: "ada@example.com"})
	before, _ := account.User(id)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c.t = t
			c.do("POST", "/Users", test.body).wantError(t, 400, test.scimType)
			c.do("PUT", "/Users/"+id, test.body).wantError(t, 400, test.scimType)
		})
	}
	after, _ := account.User(id)
	if n := len(account.Users()); n != 1 || fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("%d accounts, %+v, want only %+v", n, after, before)
	}
}

// The state of the address is the complaint that RingCentral's users know best.
func TestStateWords(t *testing.T) {
	_, c := setup(t, rc.Options{Licenses: -1})
	c.do("POST", "/Users", person("grace@example.com", `"addresses":[{"type":"work","region":"Kalifornien","country":"US"}]`)).
		want(t, 400).
		wantJSON(t, `{"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": "400", "scimType": "invalidValue",
			"detail": "Parameter [extension.contact.businessAddress.state] value is invalid."}`)
}

// Countries come back by name, states as they went.
func TestAddresses(t *testing.T) {
	tests := []struct{ region, country, want string }{
		{"CA", "US", "United States"},
		{"california", "us", "United States"},
		{"District of Columbia", "United States", "United States"},
		{"PR", "USA", "United States"},
		{"QC", "CA", "Canada"},
		{"Newfoundland and Labrador", "Canada", "Canada"},
		{"Greater London", "GB", "United Kingdom"},
		{"Kent", "UK", "United Kingdom"},
		{"", "DE", "Germany"},
		{"Anywhere", "FR", "France"},
		{"", "Ruritania", "Ruritania"},
		{"CA", "", ""},
	}
	account, c := setup(t, rc.Options{Licenses: -1})
	for i, test := range tests {
		id := c.create(fmt.Sprintf("p%d@example.com", i),
			fmt.Sprintf(`"addresses":[{"type":"work","region":%q,"country":%q}]`, test.region, test.country))
		u, _ := account.User(id)
		if want := (rc.Address{Region: test.region, Country: test.want}); *u.Address != want {
			t.Errorf("%s, %s: %+v, want %+v", test.region, test.country, *u.Address, want)
		}
	}
	id := c.create("nowhere@example.com", `"addresses":[{"type":"work"}]`)
	if u, _ := account.User(id); u.Address != nil {
		t.Errorf("an address of nothing was kept: %+v", *u.Address)
	}
}

// A mail belongs to one account, in whatever letter case, as user name or as e-mail.
func TestDuplicates(t *testing.T) {
	account, c := setup(t, rc.Options{Licenses: -1})
	id := account.Add(rc.User{UserName: "grace.hopper@example.com", Email: "Grace@example.com"})
	other := c.create("ada@example.com")
	for _, mail := range []string{"grace@example.com", "GRACE.hopper@example.com"} {
		refused := c.do("POST", "/Users", person(mail))
		refused.wantError(t, 409, "")
		if !strings.Contains(refused.body, "Extension e-mail already exists on account") {
			t.Errorf("detail: %s", refused.body)
		}
		c.do("PUT", "/Users/"+other, person(mail)).wantError(t, 409, "")
		c.do("PATCH", "/Users/"+other, operations(
			fmt.Sprintf(`{"op":"replace","path":"userName","value":%q}`, mail),
			fmt.Sprintf(`{"op":"replace","path":"emails[type eq \"work\"].value","value":%q}`, mail),
		)).wantError(t, 409, "")
	}
	c.do("PUT", "/Users/"+id, person("Grace@EXAMPLE.com")).want(t, 200) // its own mail is no duplicate
	c.do("DELETE", "/Users/"+id, "").want(t, 204)
	c.create("grace@example.com")
}

// With duplicates allowed a blind repeat makes a second account, and shows.
func TestAllowDuplicates(t *testing.T) {
	account, c := setup(t, rc.Options{Licenses: -1, AllowDuplicates: true})
	c.create("grace@example.com", `"externalId":"g"`)
	c.create("Grace@example.com", `"externalId":"g"`)
	c.create("ada@example.com")
	if n := len(account.ByMail("GRACE@example.com")); n != 2 {
		t.Errorf("%d accounts have the mail, want 2", n)
	}
	want := map[string]rc.PostCount{"g": {All: 2, Created: 2}, "ada@example.com": {All: 1, Created: 1}}
	if got := account.Posts(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("posts = %v, want %v", got, want)
	}
}

// A create takes a licence. Disabling gives none back, deleting does.
func TestLicenses(t *testing.T) {
	account, c := setup(t, rc.Options{Licenses: 1})
	id := c.create("grace@example.com", `"active":true`)
	full := func() {
		t.Helper()
		c.do("POST", "/Users", person("late@example.com")).want(t, 403).wantJSON(t,
			`{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"403","detail":"License limit has been reached."}`)
	}
	full()
	c.do("PATCH", "/Users/"+id, operations(`{"op":"replace","path":"active","value":false}`)).want(t, 200)
	full()
	c.do("DELETE", "/Users/"+id, "").want(t, 204)
	c.create("ada@example.com")
	full()
	account.SetLicenses(1)
	c.create("alan@example.com")
	full()
	account.Remove(account.Users()[0].ID)
	c.create("edsger@example.com")
}

// PUT keeps nothing that the body leaves out but the extension number.
func TestPut(t *testing.T) {
	_, c := setup(t, rc.Options{Licenses: -1})
	id := c.create("grace@example.com", `"externalId":"g"`, `"active":true`, `"title":"Admiral"`,
		`"phoneNumbers":[{"type":"mobile","value":"+16505550100"}]`,
		`"addresses":[{"type":"work","locality":"Reno"}]`,
		`"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"Navy"}`)
	c.do("PUT", "/Users/"+id, person("hopper@example.com")).want(t, 200).wantJSON(t, `{
		"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
		"id": "`+id+`",
		"meta": {"resourceType": "User", "created": "2026-03-02T09:00:00.000Z", "lastModified": "2026-03-02T09:00:00.000Z",
			"location": "http://scim.ringcentral.com/scim/v2/Users/`+id+`"},
		"userName": "hopper@example.com",
		"name": {"familyName": "Hopper", "givenName": "Grace"},
		"active": false,
		"emails": [{"primary": false, "value": "hopper@example.com", "type": "work"}],
		"phoneNumbers": [{"value": "101", "type": "other"}],
		"addresses": []
	}`)
	if a := c.do("GET", `/Users?filter=userName+eq+"grace@example.com"`, "").want(t, 200); !strings.Contains(a.body, `"totalResults":0`) {
		t.Errorf("the old user name still finds: %s", a.body)
	}
}

// What was read can be sent back.
func TestReadBack(t *testing.T) {
	account, c := setup(t, rc.Options{Licenses: -1})
	id := c.create("grace@example.com", `"externalId":"g"`, `"active":true`, `"addresses":[{"type":"work","region":"CA","country":"US"}]`)
	before, _ := account.User(id)
	c.do("PUT", "/Users/"+id, c.do("GET", "/Users/"+id, "").want(t, 200).body).want(t, 200)
	if after, _ := account.User(id); fmt.Sprintf("%+v", after.Phones) != fmt.Sprintf("%+v", before.Phones) || *after.Address != *before.Address {
		t.Errorf("after = %+v, want %+v", after, before)
	}
}

func TestMissingUser(t *testing.T) {
	_, c := setup(t, rc.Options{Licenses: -1})
	id := c.create("grace@example.com")
	c.do("DELETE", "/Users/"+id, "").want(t, 204)
	for _, id := range []string{id, "404"} {
		c.do("GET", "/Users/"+id, "").wantError(t, 404, "")
		c.do("PUT", "/Users/"+id, person("grace@example.com")).wantError(t, 404, "")
		c.do("PATCH", "/Users/"+id, operations(`{"op":"replace","path":"title","value":"Admiral"}`)).wantError(t, 404, "")
		c.do("DELETE", "/Users/"+id, "").wantError(t, 404, "")
	}
}
