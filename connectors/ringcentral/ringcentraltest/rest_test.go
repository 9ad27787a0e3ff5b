package ringcentraltest_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	rc "ringsync/connectors/ringcentral/ringcentraltest"
	"ringsync/connectors/ringcentral/ringcentraltest/contract"
)

const grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"

// signIn asks for a token with a form, as the application unless it says otherwise.
func (c client) signIn(form url.Values, change ...func(*http.Request)) answer {
	c.t.Helper()
	r := c.request("POST", "/restapi/oauth/token", form.Encode())
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth("app", "s3cret%2F")
	for _, f := range change {
		f(r)
	}
	a, err := c.try(r)
	if err != nil {
		c.t.Fatal(err)
	}
	return a
}

// with asks for something with a token.
func (c client) with(token, path string) answer {
	c.t.Helper()
	r := c.request("GET", path, "")
	r.Header.Set("Authorization", "Bearer "+token)
	a, err := c.try(r)
	if err != nil {
		c.t.Fatal(err)
	}
	return a
}

func setupApp(t *testing.T, app *rc.App) (*rc.Account, client, *time.Time) {
	now := start
	app.ClientID, app.ClientSecret, app.JWT = "app", "s3cret/", "a.b.c"
	account := rc.New(rc.Options{App: app, Licenses: 3, Limits: rc.DocumentedLimits(), Now: func() time.Time { return now }})
	c := connect(t, contract.CheckReplies(t, account))
	c.base = strings.TrimSuffix(c.base, "/scim/v2")
	return account, c, &now
}

var right = url.Values{"grant_type": {grant}, "assertion": {"a.b.c"}}

type issued struct {
	Access  string `json:"access_token"`
	Type    string `json:"token_type"`
	Expires int    `json:"expires_in"`
	Scope   string
	Owner   string `json:"owner_id"`
}

func TestTokens(t *testing.T) {
	account, c, now := setupApp(t, &rc.App{Life: 10 * time.Minute})
	var token issued
	c.signIn(right).want(t, 200).decode(t, &token)
	if token.Type != "bearer" || token.Expires != 600 || token.Scope != "ReadAccounts EditAccounts" || token.Owner == "" {
		t.Errorf("%+v", token)
	}
	c.with(token.Access, "/scim/v2/Users").want(t, 200)
	c.with(token.Access, "/restapi/v1.0/account/~/extension/~").want(t, 200)
	if a := c.with("other", "/scim/v2/Users").want(t, 401); !strings.Contains(a.body, "OAU-213") {
		t.Errorf("%s", a.body)
	}
	*now = now.Add(10 * time.Minute)
	if a := c.with(token.Access, "/scim/v2/Users").want(t, 401); !strings.Contains(a.body, "OAU-128") {
		t.Errorf("%s", a.body)
	}

	// Of six sessions the oldest ends; Revoke ends all.
	tokens := make([]issued, 6)
	for i := range tokens {
		*now = now.Add(time.Minute)
		c.signIn(right).want(t, 200).decode(t, &tokens[i])
	}
	c.with(tokens[0].Access, "/scim/v2/Users").want(t, 401)
	c.with(tokens[1].Access, "/scim/v2/Users").want(t, 200)
	account.Revoke()
	c.with(tokens[5].Access, "/scim/v2/Users").want(t, 401)
	if account.SignIns() != 7 {
		t.Errorf("%d sign-ins", account.SignIns())
	}
}

// Five a minute; the sixth is refused, and begins the penalty.
func TestAuthLimit(t *testing.T) {
	account, c, now := setupApp(t, &rc.App{})
	for range 5 {
		c.signIn(right).want(t, 200)
	}
	if a := c.signIn(right).want(t, 429); rates(a) != "429 auth 5 0 60 60" {
		t.Errorf("%s", rates(a))
	}
	*now = now.Add(30 * time.Second)
	c.signIn(right).want(t, 429)
	if account.EarlyRequests() != 1 {
		t.Errorf("%d early", account.EarlyRequests())
	}
}

func TestTokensRefused(t *testing.T) {
	for _, test := range []struct {
		name   string
		app    rc.App
		form   url.Values
		change func(*http.Request)
		status int
		want   string
	}{
		{"no application", rc.App{}, right, func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }, 400, `"error":"invalid_client"`},
		{"wrong secret", rc.App{}, right, func(r *http.Request) { r.SetBasicAuth("app", "x") }, 401, "OAU-153"},
		{"secret not encoded", rc.App{}, right, func(r *http.Request) { r.SetBasicAuth("app", "%zz") }, 401, "OAU-153"},
		{"wrong JWT", rc.App{}, url.Values{"grant_type": {grant}, "assertion": {"x"}}, nil, 400, `"error":"invalid_grant"`},
		{"revoked JWT", rc.App{Expired: true}, right, nil, 400, `"error":"invalid_grant"`},
		{"disabled owner", rc.App{Owner: "7"}, right, nil, 400, `"error":"invalid_grant"`},
		{"another grant", rc.App{}, url.Values{"grant_type": {"password"}, "assertion": {"a.b.c"}}, nil, 400, "OAU-251"},
		{"grant not allowed", rc.App{Forbidden: true}, right, nil, 400, "OAU-251"},
		{"more than there is", rc.App{}, url.Values{"grant_type": {grant}, "assertion": {"a.b.c"}, "username": {"x"}}, nil, 400, `"error":"invalid_request"`},
		{"JSON", rc.App{}, right, func(r *http.Request) { r.Header.Set("Content-Type", "application/json") }, 400, `"error":"invalid_request"`},
		{"secrets in the query", rc.App{}, right, func(r *http.Request) { r.URL.RawQuery = "assertion=a.b.c" }, 400, `"error":"invalid_request"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			account, c, _ := setupApp(t, &test.app)
			account.Add(rc.User{ID: "7", UserName: "svc@x.test", Email: "svc@x.test"})
			var change []func(*http.Request)
			if test.change != nil {
				change = append(change, test.change)
			}
			if a := c.signIn(test.form, change...).want(t, test.status); !strings.Contains(a.body, test.want) {
				t.Errorf("%s; want %s", a.body, test.want)
			}
		})
	}
}

// The scopes of a token decide what it opens, and a SCIM token may open nothing else.
func TestScopes(t *testing.T) {
	const list = "/restapi/v1.0/account/~/extension"
	for _, test := range []struct {
		options           rc.Options
		read, write, rest int
	}{
		{rc.Options{Licenses: 1}, 200, 201, 200},
		{rc.Options{Licenses: 1, SCIMOnly: true}, 200, 201, 403},
		{rc.Options{Licenses: 1, Scopes: []string{"ReadAccounts"}}, 200, 403, 200},
		{rc.Options{Licenses: 1, Scopes: []string{}}, 403, 403, 403},
	} {
		_, c := setup(t, test.options)
		c.do("GET", "/Users", "").want(t, test.read)
		c.do("POST", "/Users", person("a@example.com")).want(t, test.write)
		c.base = strings.TrimSuffix(c.base, "/scim/v2")
		c.do("GET", list, "").want(t, test.rest)
	}
}

func TestExtensions(t *testing.T) {
	account, c := setupAbuse(t, rc.Options{Licenses: 2})
	account.Add(rc.User{ID: "11", UserName: "a@x.test", Email: "a@x.test", GivenName: "A", FamilyName: "B", Active: true,
		Phones: []rc.Phone{{Type: "mobile", Value: "+16505550100"}, {Type: "other", Value: "146"}}, Address: &rc.Address{Region: "CA", Country: "United States"}})
	account.Add(rc.User{ID: "12", UserName: "b@x.test", Email: "b@x.test", GivenName: "B", FamilyName: "C"})
	c.base = strings.TrimSuffix(c.base, "/scim/v2")
	const list = "/restapi/v1.0/account/~/extension"
	type page struct {
		Records []struct {
			ID     int64
			Status string
		}
		Paging struct{ Page, TotalPages, TotalElements int }
	}
	for query, want := range map[string]string{
		"": "Enabled Disabled Unassigned Unassigned 1 4", "?status=Unassigned&type=User&perPage=1": "Unassigned 2 2", "?page=2&perPage=3": "Unassigned 2 4",
		"?page=9": "1 4", "?status=Enabled&status=Disabled": "Enabled Disabled 1 2", "?type=Department": "0 0",
	} {
		var p page
		c.do("GET", list+query, "").want(t, 200).decode(t, &p)
		got := ""
		for _, r := range p.Records {
			got += r.Status + " "
		}
		if got += fmt.Sprint(p.Paging.TotalPages, p.Paging.TotalElements); got != want {
			t.Errorf("%q: %s; want %s", query, got, want)
		}
	}
	for _, query := range []string{"?page=0", "?perPage=1001", "?perPage=x", "?email=a@x.test"} {
		if a := c.do("GET", list+query, "").want(t, 400); !strings.Contains(a.body, "CMN-101") {
			t.Errorf("%q: %s", query, a.body)
		}
	}
	if a := c.do("GET", list+"/11", "").want(t, 200); !strings.Contains(a.body, `"mobilePhone":"+16505550100"`) || !strings.Contains(a.body, `"state":"CA"`) ||
		!strings.Contains(a.body, `"extensionNumber":"146"`) {
		t.Errorf("%s", a.body)
	}
	if a := c.do("GET", list+"/4711", "").want(t, 404); !strings.Contains(a.body, "CMN-102") {
		t.Errorf("%s", a.body)
	}
	if a := c.do("GET", list+"/~", "").want(t, 200); !strings.Contains(a.body, "ExternalDirectoryIntegration") {
		t.Errorf("%s", a.body)
	}
}
