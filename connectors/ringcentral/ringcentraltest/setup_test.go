package ringcentraltest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	rc "ringsync/connectors/ringcentral/ringcentraltest"
	"ringsync/connectors/ringcentral/ringcentraltest/contract"
)

const token = "scim-token"

// start is the time that accounts under test live at.
var start = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// client speaks to one handler over a real connection.
type client struct {
	t    testing.TB
	base string
}

// connect serves the handler and returns a client of it.
func connect(t testing.TB, handler http.Handler) client {
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return client{t, server.URL + "/scim/v2"}
}

// setup returns an account and a client whose requests and replies must keep to the description.
func setup(t testing.TB, options rc.Options) (*rc.Account, client) {
	account := newAccount(options)
	return account, connect(t, contract.Check(t, account))
}

// setupAbuse is setup for requests that are wrong on purpose.
func setupAbuse(t testing.TB, options rc.Options) (*rc.Account, client) {
	account := newAccount(options)
	return account, connect(t, contract.CheckReplies(t, account))
}

func newAccount(options rc.Options) *rc.Account {
	options.Token = token
	if options.Now == nil {
		options.Now = func() time.Time { return start }
	}
	return rc.New(options)
}

// answer is a reply, read.
type answer struct {
	status int
	header http.Header
	body   string
}

func (c client) request(method, path, body string) *http.Request {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.base+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	if body != "" {
		r.Header.Set("Content-Type", "application/scim+json")
	}
	return r
}

func (c client) try(r *http.Request) (answer, error) {
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, string(body)}, err
}

func (c client) do(method, path, body string) answer {
	c.t.Helper()
	a, err := c.try(c.request(method, path, body))
	if err != nil {
		c.t.Fatal(err)
	}
	return a
}

// want fails unless the reply has the status; it returns the reply.
func (a answer) want(t testing.TB, status int) answer {
	t.Helper()
	if a.status != status {
		t.Fatalf("status = %d, want %d\n%s", a.status, status, a.body)
	}
	return a
}

// wantError fails unless the reply is a SCIM error of the status and scimType.
func (a answer) wantError(t testing.TB, status int, scimType string) {
	t.Helper()
	a.want(t, status)
	var e struct{ Status, ScimType string }
	a.decode(t, &e)
	if e.Status != fmt.Sprint(status) || e.ScimType != scimType {
		t.Errorf("error = %s, want scimType %q", a.body, scimType)
	}
}

func (a answer) decode(t testing.TB, target any) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), target); err != nil {
		t.Fatalf("decode %s: %v", a.body, err)
	}
}

// wantJSON fails unless the reply's body is the JSON document, whatever its layout.
func (a answer) wantJSON(t testing.TB, document string) {
	t.Helper()
	if got, want := canonical(t, a.body), canonical(t, document); got != want {
		t.Errorf("body:\n%s\nwant:\n%s", got, want)
	}
}

func canonical(t testing.TB, document string) string {
	t.Helper()
	var value any
	if err := json.Unmarshal([]byte(document), &value); err != nil {
		t.Fatalf("%v in %s", err, document)
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetIndent("", "  ")
	if err := e.Encode(value); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// create posts a user with a mail and further attributes, written as JSON members, and returns the new account's id.
func (c client) create(mail string, members ...string) string {
	c.t.Helper()
	var created struct{ ID string }
	c.do("POST", "/Users", person(mail, members...)).want(c.t, 201).decode(c.t, &created)
	return created.ID
}

// person is the body of a POST or PUT.
func person(mail string, members ...string) string {
	all := append([]string{
		`"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"]`,
		fmt.Sprintf(`"userName":%q`, mail),
		`"name":{"givenName":"Grace","familyName":"Hopper"}`,
		fmt.Sprintf(`"emails":[{"type":"work","value":%q}]`, mail),
	}, members...)
	return "{" + strings.Join(all, ",") + "}"
}

// operations is the body of a PATCH.
func operations(operations ...string) string {
	return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + strings.Join(operations, ",") + `]}`
}
