package ringcentraltest_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	rc "ringsync/connectors/ringcentral/ringcentraltest"
)

// page is a list reply, read.
type page struct {
	TotalResults, StartIndex, ItemsPerPage int
	Resources                              []struct{ ID string }
}

func (c client) page(query string) page {
	c.t.Helper()
	var p page
	c.do("GET", "/Users?"+query, "").want(c.t, 200).decode(c.t, &p)
	return p
}

func (p page) ids() []string {
	var ids []string
	for _, r := range p.Resources {
		ids = append(ids, r.ID)
	}
	return ids
}

// String is "total startIndex itemsPerPage [ids]".
func (p page) String() string {
	return fmt.Sprint(p.TotalResults, p.StartIndex, p.ItemsPerPage, p.ids())
}

// people adds n accounts with the ids 1 to n.
func people(account *rc.Account, n int) {
	for i := range n {
		mail := fmt.Sprintf("p%d@example.com", i+1)
		account.Add(rc.User{
			ID: fmt.Sprint(i + 1), UserName: mail, Email: mail, GivenName: "P", FamilyName: fmt.Sprint(i + 1),
			Address: &rc.Address{Locality: "Reno"},
		})
	}
}

// A row of a list lacks telephone numbers and addresses, and "primary" too.
func TestListRow(t *testing.T) {
	account, c := setup(t, rc.Options{})
	account.Add(original())
	c.do("GET", "/Users?filter=&startIndex=1&count=3", "").want(t, 200).wantJSON(t, `{
		"schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
		"totalResults": 1, "startIndex": 1, "itemsPerPage": 1,
		"Resources": [{
			"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
			"id": "5",
			"externalId": "g",
			"meta": {"resourceType": "User", "created": "2026-03-02T09:00:00.000Z", "lastModified": "2026-03-02T09:00:00.000Z",
				"location": "http://scim.ringcentral.com/scim/v2/Users/5"},
			"userName": "grace@example.com",
			"name": {"givenName": "Grace", "familyName": "Hopper"},
			"title": "Admiral",
			"active": true,
			"emails": [{"type": "work", "value": "grace@example.com"}],
			"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "Navy"}
		}]
	}`)
}

func TestPages(t *testing.T) {
	tests := []struct {
		query   string
		options rc.Options
		want    string
	}{
		{"", rc.Options{}, "5 1 5 [1 2 3 4 5]"},
		{"count=2", rc.Options{}, "5 1 2 [1 2]"},
		{"startIndex=3&count=2", rc.Options{}, "5 3 2 [3 4]"},
		{"startIndex=5&count=2", rc.Options{}, "5 5 1 [5]"},
		{"startIndex=6&count=2", rc.Options{}, "5 6 0 []"},
		{"startIndex=2000000000&count=2000000000", rc.Options{}, "5 2000000000 0 []"},
		{"count=0", rc.Options{}, "5 1 0 []"},
		{"count=100", rc.Options{ListCap: 3}, "5 1 3 [1 2 3]"},
		{"", rc.Options{ListCap: 3}, "5 1 3 [1 2 3]"},
		{"count=4", rc.Options{ShortPages: true}, "5 1 2 [1 2]"},
		{"startIndex=5&count=1", rc.Options{ShortPages: true}, "5 5 1 [5]"},
		{"count=2", rc.Options{RepeatRows: true}, "5 1 2 [1 2]"},
		{"startIndex=3&count=2", rc.Options{RepeatRows: true}, "6 3 2 [2 3]"},
		{"startIndex=5&count=2", rc.Options{RepeatRows: true}, "6 5 2 [4 5]"},
		{"count=3", rc.Options{ShuffleList: true}, "5 1 3 [1 3 5]"},
		{"startIndex=4&count=3", rc.Options{ShuffleList: true}, "5 4 2 [2 4]"},
	}
	for _, test := range tests {
		account, c := setup(t, test.options)
		people(account, 5)
		if got := c.page(test.query).String(); got != test.want {
			t.Errorf("%q of %+v: %s, want %s", test.query, test.options, got, test.want)
		}
	}
}

// Beyond what the description allows: indexes below 1 count as 1, counts below 0 as 0 (RFC 7644, section 3.4.2.4).
func TestOddPages(t *testing.T) {
	account, c := setupAbuse(t, rc.Options{})
	people(account, 2)
	if got := c.page("startIndex=-3&count=1").String(); got != "2 1 1 [1]" {
		t.Errorf("startIndex -3: %s", got)
	}
	if got := c.page("count=-1").String(); got != "2 1 0 []" {
		t.Errorf("count -1: %s", got)
	}
	for _, query := range []string{"count=many", "startIndex=1.5", "count=99999999999"} {
		c.do("GET", "/Users?"+query, "").wantError(t, 400, "invalidValue")
	}
	c.do("GET", "/Users?count=1;startIndex=2", "").wantError(t, 400, "invalidSyntax")
}

// Walked by startIndex += itemsPerPage, every account is met whatever the list does, and a deletion shifts the rest.
func TestWalk(t *testing.T) {
	for _, options := range []rc.Options{{}, {ListCap: 7}, {ShortPages: true}, {RepeatRows: true}, {ShuffleList: true}} {
		account, c := setup(t, options)
		people(account, 50)
		account.Remove("17")
		seen := make(map[string]bool)
		for start := 1; ; {
			p := c.page(fmt.Sprintf("startIndex=%d&count=9", start))
			for _, id := range p.ids() {
				seen[id] = true
			}
			if start += p.ItemsPerPage; start > p.TotalResults {
				break
			}
		}
		if len(seen) != 49 || seen["17"] {
			t.Errorf("%+v: %d accounts met, want 49", options, len(seen))
		}
	}
}

func TestFilter(t *testing.T) {
	account, c := setup(t, rc.Options{AllowDuplicates: true})
	account.Add(rc.User{ID: "1", UserName: "Grace@example.com", Email: "grace.hopper@example.com", GivenName: "G", FamilyName: "H"})
	account.Add(rc.User{ID: "2", UserName: "grace.hopper@example.com", Email: "grace.hopper@example.com", GivenName: "G", FamilyName: "H"})
	account.Add(rc.User{ID: "3", UserName: `o"neil\@example.com`, GivenName: "O", FamilyName: "N"})
	tests := []struct{ filter, want string }{
		{`userName eq "grace@EXAMPLE.com"`, "1 1 1 [1]"},
		{`userName eq "grace.hopper@example.com"`, "1 1 1 [2]"},
		{`email eq "grace.hopper@example.com"`, "2 1 2 [1 2]"},
		{`emails eq "grace@example.com"`, "0 1 0 []"},
		{`emails.value eq "GRACE.HOPPER@example.com"`, "2 1 2 [1 2]"},
		{`userName eq "o\"neil\\@example.com"`, "1 1 1 [3]"},
		{`userName eq ""`, "0 1 0 []"},
	}
	for _, test := range tests {
		if got := c.page("filter=" + url.QueryEscape(test.filter)).String(); got != test.want {
			t.Errorf("%s: %s, want %s", test.filter, got, test.want)
		}
	}
	if got := c.page("startIndex=2&count=1&filter=" + url.QueryEscape(tests[2].filter)).String(); got != "2 2 1 [2]" {
		t.Errorf("second hit alone: %s", got)
	}
}

func TestRefusedFilters(t *testing.T) {
	account, c := setupAbuse(t, rc.Options{})
	people(account, 1)
	for _, filter := range []string{
		`userName`, `userName eq`, `userName eq p1@example.com`, `userName sw "p"`, `userName pr`, `userName eq true`,
		`userName eq "p1@example.com" or email eq "p1@example.com"`, `not (userName eq "x")`,
		`externalId eq "x"`, `id eq "1"`, `title eq "x"`, `name.givenName eq "P"`, `userName.value eq "x"`,
		`emails[type eq "work"]`, `emails.type eq "work"`, `urn:example:User:userName eq "x"`, `(`, `"`, `userName eq "\q"`,
	} {
		c.do("GET", "/Users?filter="+url.QueryEscape(filter), "").wantError(t, 400, "invalidFilter")
	}
}

func TestSearch(t *testing.T) {
	account, c := setup(t, rc.Options{})
	people(account, 3)
	search := func(members string) answer {
		return c.do("POST", "/Users/.search", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]`+members+`}`)
	}
	for members, want := range map[string]string{
		``:                          "3 1 3 [1 2 3]",
		`,"startIndex":2,"count":1`: "3 2 1 [2]",
		`,"count":0`:                "3 1 0 []",
		`,"filter":"email eq \"p3@example.com\""`: "1 1 1 [3]",
	} {
		var p page
		search(members).want(t, 200).decode(t, &p)
		if p.String() != want {
			t.Errorf("%s: %s, want %s", members, p, want)
		}
	}
	if n := len(account.Writes()); n != 0 {
		t.Errorf("a search counts as %d writes", n)
	}
}

func TestRefusedSearches(t *testing.T) {
	_, c := setupAbuse(t, rc.Options{})
	schemas := `"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]`
	c.do("POST", "/Users/.search", `{}`).wantError(t, 400, "invalidSyntax")
	c.do("POST", "/Users/.search", `{`+schemas+`,"attributes":["id"]}`).wantError(t, 400, "invalidSyntax")
	c.do("POST", "/Users/.search", `{`+schemas+`,"count":"1"}`).wantError(t, 400, "invalidValue")
	c.do("POST", "/Users/.search", `{`+schemas+`,"filter":"id pr"}`).wantError(t, 400, "invalidFilter")
}

func TestDiscovery(t *testing.T) {
	_, c := setup(t, rc.Options{ListCap: 200})
	c.do("GET", "/ServiceProviderConfig", "").want(t, 200).wantJSON(t, `{
		"schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
		"patch": {"supported": true},
		"bulk": {"supported": false, "maxOperations": 0, "maxPayloadSize": 0},
		"filter": {"supported": true, "maxResults": 200},
		"changePassword": {"supported": false}, "sort": {"supported": false}, "etag": {"supported": false},
		"xmlDataFormat": {"supported": false},
		"authenticationSchemes": [{"name": "OAuth Bearer Token", "description": "Authentication by an OAuth 2.0 access token",
			"specUri": "https://www.rfc-editor.org/rfc/rfc6750", "primary": true}]
	}`)
	c.do("GET", "/ResourceTypes/User", "").want(t, 200)
	c.do("GET", "/ResourceTypes/Group", "").wantError(t, 404, "")
	c.do("GET", "/Schemas/urn:example", "").wantError(t, 404, "")

	var types, schemas page
	c.do("GET", "/ResourceTypes", "").want(t, 200).decode(t, &types)
	c.do("GET", "/Schemas", "").want(t, 200).decode(t, &schemas)
	if !slices.Equal(types.ids(), []string{"User"}) || !slices.Equal(schemas.ids(), []string{core, enterprise}) {
		t.Errorf("resource types %v, schemas %v", types.ids(), schemas.ids())
	}
	for _, id := range schemas.ids() {
		if a := c.do("GET", "/Schemas/"+id, "").want(t, 200); !strings.Contains(a.body, id) {
			t.Errorf("schema %s: %s", id, a.body)
		}
	}
}

func TestDiscoveryTakesNoFilter(t *testing.T) {
	_, c := setupAbuse(t, rc.Options{})
	c.do("GET", "/ResourceTypes?filter=x", "").wantError(t, 403, "")
	c.do("GET", "/Schemas?filter=x", "").wantError(t, 403, "")
}
