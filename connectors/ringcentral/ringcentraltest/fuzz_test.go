package ringcentraltest_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"testing"

	rc "ringsync/connectors/ringcentral/ringcentraltest"
)

// wellFormed fails unless the reply has one of the statuses and a JSON body.
func wellFormed(t *testing.T, recorder *httptest.ResponseRecorder, statuses ...int) {
	t.Helper()
	if !slices.Contains(statuses, recorder.Code) {
		t.Fatalf("status = %d: %s", recorder.Code, recorder.Body)
	}
	if !json.Valid(recorder.Body.Bytes()) {
		t.Fatalf("body is no JSON: %q", recorder.Body)
	}
}

// Any body of a POST is refused or makes an account that reads back as it was answered.
func FuzzCreate(f *testing.F) {
	f.Add(person("grace@example.com"))
	f.Add(person("grace@example.com", `"active":true`, `"addresses":[{"type":"work","region":"CA","country":"US"}]`))
	f.Add(person("grace@example.com", `"phoneNumbers":[{"type":"mobile","value":"+1 650 555 0100"}]`, `"id":7`, `"meta":null`))
	f.Add(`{"schemas":[null],"emails":[{}],"name":null}`)
	f.Fuzz(func(t *testing.T, body string) {
		account := rc.New(rc.Options{Licenses: 1})
		recorder := serve(account, "POST", "/Users", body)
		wellFormed(t, recorder, http.StatusCreated, http.StatusBadRequest)
		users := account.Users()
		if (recorder.Code == http.StatusCreated) != (len(users) == 1) {
			t.Fatalf("status %d, %d accounts", recorder.Code, len(users))
		}
	})
}

// Any body of a PATCH is refused without a trace or answered.
func FuzzPatch(f *testing.F) {
	f.Add(operations(`{"op":"add","path":"phoneNumbers[type eq \"mobile\"].value","value":"+16505550100"}`))
	f.Add(operations(`{"op":"replace","path":"addresses","value":[{"type":"work","region":"CA","country":"US"}]}`))
	f.Add(operations(`{"op":"remove","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department"}`))
	f.Add(operations(`{"op":"add","value":{"name":{"givenName":"G"}}}`))
	f.Add(operations(`{"op":"remove","path":"emails[type eq \"work\" or value eq \"\\u0041\"]"}`))
	f.Fuzz(func(t *testing.T, body string) {
		account := rc.New(rc.Options{})
		account.Add(original())
		recorder := serve(account, "PATCH", "/Users/5", body)
		wellFormed(t, recorder, http.StatusOK, http.StatusBadRequest)
		if u, _ := account.User("5"); recorder.Code != http.StatusOK && !reflect.DeepEqual(u, original()) {
			t.Fatalf("refused, but changed: %+v", u)
		}
	})
}

// Any filter is refused or answered.
func FuzzFilter(f *testing.F) {
	for _, filter := range []string{`userName eq "grace@example.com"`, `email eq "a\"b\\"`, `emails[type eq "work"]`, `not (a pr)`, `userName eq "\u00e9"`} {
		f.Add(filter)
	}
	account := rc.New(rc.Options{})
	account.Add(original())
	f.Fuzz(func(t *testing.T, filter string) {
		wellFormed(t, serve(account, "GET", "/Users?filter="+url.QueryEscape(filter), ""), http.StatusOK, http.StatusBadRequest)
	})
}
