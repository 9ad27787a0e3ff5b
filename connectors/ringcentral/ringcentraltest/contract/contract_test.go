package contract_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"ringsync/connectors/ringcentral/ringcentraltest/contract"
)

// witness is a testing.TB that only notes failures.
type witness struct {
	testing.TB
	failures []string
}

func (w *witness) Helper() {}

func (w *witness) Errorf(format string, args ...any) {
	w.failures = append(w.failures, fmt.Sprintf(format, args...))
}

const (
	user = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"id":"1","meta":{},"userName":"a@b.c","active":true,
		"name":{"givenName":"A","familyName":"B"},"emails":[{"type":"work","value":"a@b.c"}],"phoneNumbers":[],"addresses":[]}`
	list  = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":1,"startIndex":1,"itemsPerPage":1,"Resources":[%s]}`
	patch = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[%s]}`
)

// An exchange is reported if and only if its request or its reply is outside the description.
func TestCheck(t *testing.T) {
	type exchange struct {
		name, method, path, body string
		status                   int
		reply                    string
		request, answer          bool // whether each is as described
	}
	row := strings.Replace(user, `,"phoneNumbers":[],"addresses":[]`, "", 1)
	tests := []exchange{
		{"read", "GET", "/Users/1", "", 200, user, true, true},
		{"id that is no number", "GET", "/Users/x", "", 200, user, false, true},
		{"reply without meta", "GET", "/Users/1", "", 200, strings.Replace(user, `"meta":{},`, "", 1), true, false},
		{"reply with more", "GET", "/Users/1", "", 200, strings.Replace(user, `"meta":{},`, `"meta":{},"nickName":"x",`, 1), true, false},
		{"undocumented status", "GET", "/Users/1", "", 418, user, true, false},
		{"SCIM error", "GET", "/Users/1", "", 404, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"404","detail":"x"}`, true, true},
		{"gateway error", "GET", "/Users/1", "", 429, `{"errorCode":"CMN-301","message":"x"}`, true, true},
		{"scimType beside 400", "GET", "/Users/1", "", 404, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"404","detail":"x","scimType":"noTarget"}`, true, false},
		{"list", "GET", "/Users?startIndex=1&count=10", "", 200, fmt.Sprintf(list, row), true, true},
		{"list with telephone numbers", "GET", "/Users", "", 200, fmt.Sprintf(list, user), true, false},
		{"filter", "GET", "/Users?filter=userName+eq+%22a%40b.c%22", "", 200, fmt.Sprintf(list, row), true, true},
		{"filter by externalId", "GET", "/Users?filter=externalId+eq+%22a%22", "", 200, fmt.Sprintf(list, row), false, true},
		{"unknown parameter", "GET", "/Users?attributes=id", "", 200, fmt.Sprintf(list, row), false, true},
		{"create", "POST", "/Users", strings.Replace(user, `"meta":{},`, "", 1), 201, user, true, true},
		{"create with displayName", "POST", "/Users", strings.Replace(user, `"meta":{},`, `"displayName":"A",`, 1), 201, user, false, true},
		{"create with a text for active", "POST", "/Users", strings.Replace(user, `true`, `"True"`, 1), 201, user, false, true},
		{"change", "PATCH", "/Users/1", fmt.Sprintf(patch, `{"op":"replace","path":"active","value":false}`), 200, user, true, true},
		{"change with a capital", "PATCH", "/Users/1", fmt.Sprintf(patch, `{"op":"Replace","path":"active","value":false}`), 200, user, false, true},
		{"removal with a value", "PATCH", "/Users/1", fmt.Sprintf(patch, `{"op":"remove","path":"title","value":"x"}`), 200, user, false, true},
		{"empty change", "PATCH", "/Users/1", fmt.Sprintf(patch, ``), 200, user, false, true},
		{"delete", "DELETE", "/Users/1", "", 204, "", true, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			next := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if test.reply != "" {
					w.Header().Set("Content-Type", "application/json")
				}
				w.WriteHeader(test.status)
				fmt.Fprint(w, test.reply)
			})
			run := func(check func(testing.TB, http.Handler) http.Handler, fails bool) {
				t.Helper()
				r := httptest.NewRequest(test.method, "/scim/v2"+test.path, strings.NewReader(test.body))
				r.Header.Set("Authorization", "Bearer x")
				r.Header.Set("Content-Type", "application/scim+json")
				w, recorder := &witness{TB: t}, httptest.NewRecorder()
				check(w, next).ServeHTTP(recorder, r)
				if (len(w.failures) > 0) != fails {
					t.Errorf("failures = %q, want some: %t", w.failures, fails)
				}
				if recorder.Code != test.status || recorder.Body.String() != test.reply {
					t.Errorf("passed on: %d %s", recorder.Code, recorder.Body)
				}
			}
			run(contract.Check, !test.request || !test.answer)
			run(contract.CheckRequests, !test.request)
			run(contract.CheckReplies, !test.answer)
		})
	}
}

func TestCheckOutside(t *testing.T) {
	for name, change := range map[string]func(*http.Request){
		"no such operation": func(r *http.Request) { r.URL.Path = "/scim/v2/Groups" },
		"no token":          func(r *http.Request) { r.Header.Del("Authorization") },
		"no bearer token":   func(r *http.Request) { r.Header.Set("Authorization", "Basic x") },
	} {
		r := httptest.NewRequest("GET", "/scim/v2/Users/1", nil)
		r.Header.Set("Authorization", "Bearer x")
		change(r)
		w := &witness{TB: t}
		contract.CheckRequests(w, http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), r)
		if len(w.failures) == 0 {
			t.Errorf("%s: not reported", name)
		}
	}
}

// What is sent beside SCIM is held against the description too.
func TestCheckBesideSCIM(t *testing.T) {
	const form = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=a.b.c"
	basic := func(r *http.Request) { r.SetBasicAuth("app", "secret") }
	bearer := func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }
	for _, test := range []struct {
		name, method, path, body string
		sign                     func(*http.Request)
		described                bool
	}{
		{"sign in", "POST", "/restapi/oauth/token", form, basic, true},
		{"sign in as nobody", "POST", "/restapi/oauth/token", form, bearer, false},
		{"sign in without a JWT", "POST", "/restapi/oauth/token", "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer", basic, false},
		{"another grant", "POST", "/restapi/oauth/token", "grant_type=password&assertion=x", basic, false},
		{"extensions", "GET", "/restapi/v1.0/account/~/extension?page=1&perPage=1000&status=Unassigned&type=User", "", bearer, true},
		{"extensions without a token", "GET", "/restapi/v1.0/account/~/extension", "", basic, false},
		{"too many extensions", "GET", "/restapi/v1.0/account/~/extension?perPage=1001", "", bearer, false},
		{"no such status", "GET", "/restapi/v1.0/account/~/extension?status=Free", "", bearer, false},
		{"own extension", "GET", "/restapi/v1.0/account/~/extension/~", "", bearer, true},
		{"another account", "GET", "/restapi/v1.0/account/7/extension", "", bearer, false},
	} {
		r := httptest.NewRequest(test.method, test.path, strings.NewReader(test.body))
		if test.body != "" {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		test.sign(r)
		w := &witness{TB: t}
		contract.CheckRequests(w, http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), r)
		if (len(w.failures) == 0) != test.described {
			t.Errorf("%s: %q", test.name, w.failures)
		}
	}
}

// A handler that breaks the connection breaks it still; what it had written goes out unchecked.
func TestBrokenReply(t *testing.T) {
	server := httptest.NewServer(contract.Check(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100")
		fmt.Fprint(w, "{")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})))
	defer server.Close()
	r, err := http.NewRequestWithContext(t.Context(), "GET", server.URL+"/scim/v2/Users/1", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer x")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body := make([]byte, 100)
	n, _ := response.Body.Read(body)
	m, err := response.Body.Read(body[n:])
	if err == nil || string(body[:n+m]) != "{" {
		t.Errorf("read %q, %v; want half a reply", body[:n+m], err)
	}
}
