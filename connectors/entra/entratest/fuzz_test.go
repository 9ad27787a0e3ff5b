package entratest

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func FuzzFilter(f *testing.F) {
	for _, s := range []string{"id eq 'a'", "id in ('a','b''c') or startswith(mail,'x')", "accountEnabled eq true", "a eq '", "in (", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		clauses, fail := parseFilter(s, mostClauses, func(string, bool) bool { return true })
		if (fail == nil) == (len(clauses) == 0) {
			t.Errorf("%d clauses, %v", len(clauses), fail)
		}
		for _, cl := range clauses {
			if len(cl.values) == 0 || !cl.prefix && !cl.matches(cl.values[0]) {
				t.Errorf("%+v does not match its own value", cl)
			}
		}
	})
}

func FuzzToken(f *testing.F) {
	f.Add("", uint64(1))
	f.Add(token{chain: 1, to: 7, first: true}.encode(1), uint64(1))
	f.Fuzz(func(t *testing.T, s string, secret uint64) {
		if tok, ok := decodeToken(s, secret); ok {
			again, ok := decodeToken(tok.encode(secret), secret)
			if !ok || again != tok || tok.pos < 0 || tok.to < 0 || tok.sub < 0 {
				t.Errorf("%+v became %+v", tok, again)
			}
		}
	})
}

// No request makes the service panic or answer what is not documented for it.
func FuzzRequest(f *testing.F) {
	d := New(Options{PageSize: 2})
	users, groups := d.Populate(5, 1)
	for _, s := range []string{
		"GET /users?$top=1\n", "GET /users/" + users[0] + "/memberOf\n", "GET /groups/" + groups[0] + "/members/graph.user?$count=true\n",
		"GET /users/delta()?$filter=id%20eq%20'x'\n", "POST /$batch\n" + `{"requests":[{"id":"1","method":"GET","url":"/users"}]}`,
		"POST /directoryObjects/getByIds\n" + `{"ids":["x"]}`, "PATCH /users/" + users[0] + "\n" + `{"mail":null}`,
		"GET /servicePrincipals(appId='x')/appRoleAssignedTo\n", "POST /groups\n" + `{"displayName":{}}`, "DELETE /groups/(/members/)/$ref\n",
		"POST /users\n" + `{"userPrincipalName":"a@b","displayName":"a","mailNickname":"a","accountEnabled":true,"passwordProfile":{}}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		head, body, _ := strings.Cut(s, "\n")
		method, target, _ := strings.Cut(head, " ")
		r, err := http.NewRequest(method, "http://graph/v1.0"+target, bytes.NewReader([]byte(body)))
		if err != nil {
			return
		}
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		d.ServeHTTP(w, r)
		if w.Code < 200 || w.Code > 501 || w.Code == 500 {
			t.Errorf("%s: %d", s, w.Code)
		}
	})
}
