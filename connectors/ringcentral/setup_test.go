package ringcentral_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"ringsync/connectors"
	"ringsync/connectors/ringcentral"
	rc "ringsync/connectors/ringcentral/ringcentraltest"
	"ringsync/connectors/ringcentral/ringcentraltest/contract"
)

const token = "secret-scim-token"

// paths are the target attributes of the default mapping.
var paths = []string{"userName", "externalId", "active", "title", "name.givenName", "name.familyName",
	`emails[type eq "work"].value`, `phoneNumbers[type eq "mobile"].value`,
	`addresses[type eq "work"].streetAddress`, `addresses[type eq "work"].locality`, `addresses[type eq "work"].region`,
	`addresses[type eq "work"].postalCode`, `addresses[type eq "work"].country`,
	"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department"}

const (
	userName = iota
	externalID
	active
	title
	givenName
	familyName
	mail
	mobile
	street
	locality
	region
	postalCode
	country
	department
)

func str(s string) connectors.Value { return connectors.StringValue(s) }

// person is everything that can be said of somebody.
func person(address string) []connectors.Value {
	return []connectors.Value{str(address), str("id-of-" + address), str("True"), str("Engineer"), str("Ann"), str("Bean"), str(address),
		str("+1 (650) 555-0100"), str("100 Main St"), str("Belmont"), str("CA"), str("94002"), str("US"), str("Sales")}
}

// newClient returns a client of the server. Reads are repeated at once.
func newClient(t testing.TB, url string, change ...func(*ringcentral.Options)) *ringcentral.Client {
	t.Helper()
	o := ringcentral.Options{URL: url, Token: ringcentral.StaticToken(token), Slots: connectors.NewSlots(paths...), Backoff: time.Nanosecond}
	for _, f := range change {
		f(&o)
	}
	c, err := ringcentral.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// serve returns a client of a handler behind a real connection.
func serve(t testing.TB, h http.Handler, change ...func(*ringcentral.Options)) *ringcentral.Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return newClient(t, server.URL+"/scim/v2", change...)
}

// account returns an emulated account and a client of it; both must keep to RingCentral's description.
func account(t testing.TB, o rc.Options) (*rc.Account, *ringcentral.Client) {
	t.Helper()
	o.Token = token
	a := rc.New(o)
	return a, serve(t, contract.Check(t, a))
}

// replies answers every request with the same.
func replies(status int, body string, header ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	})
}

func list(t testing.TB, c *ringcentral.Client) (map[string]connectors.Resource, connectors.ListSummary, error) {
	t.Helper()
	found := map[string]connectors.Resource{}
	sum, err := c.List(t.Context(), func(r connectors.Resource) error {
		if _, ok := found[r.ID]; ok {
			t.Errorf("account %s came twice", r.ID)
		}
		found[r.ID] = r
		return nil
	})
	return found, sum, err
}

// show writes values as name=JSON, leaving out what is Absent.
func show(values []connectors.Value) string {
	var parts []string
	for i, v := range values {
		if v.Kind() != connectors.Absent {
			b, _ := v.MarshalJSON()
			parts = append(parts, paths[i]+"="+string(b))
		}
	}
	return strings.Join(parts, "\n")
}

// wantFault fails unless err is of that fault.
func wantFault(t testing.TB, err error, fault connectors.Fault) {
	t.Helper()
	if got := connectors.FaultOf(err); err == nil || got != fault {
		t.Errorf("fault %v (%v); want %v", got, err, fault)
	}
}

// every runs each operation of a client once.
func every(ctx context.Context, c *ringcentral.Client) map[string]error {
	errs := map[string]error{}
	_, errs["list"] = c.List(ctx, func(connectors.Resource) error { return nil })
	_, errs["find"] = c.Find(ctx, "userName", "a@x.test")
	_, errs["get"] = c.Get(ctx, "7")
	_, errs["create"] = c.Create(ctx, person("a@x.test"))
	_, errs["patch"] = c.Update(ctx, "7", []int{title}, person("a@x.test"))
	errs["delete"] = c.Delete(ctx, "7")
	return errs
}
