package ringcentral_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ringsync/connectors"
	rc "ringsync/connectors/ringcentral/ringcentraltest"
)

// The list of extensions shows what SCIM's lists omit, and the same as SCIM shows of one account.
func TestListExtensions(t *testing.T) {
	a, c := account(t, rc.Options{Licenses: 7})
	const n = 2100 // three pages
	for i := range n {
		u := rc.User{UserName: fmt.Sprintf("u%d@x.test", i), Email: fmt.Sprintf("u%d@x.test", i), GivenName: "A", FamilyName: "B", Active: i%2 == 0}
		if i%3 == 0 {
			u.Title, u.Department, u.Phones = "T", "D", []rc.Phone{{Type: "mobile", Value: "+16505550100"}}
			u.Address = &rc.Address{StreetAddress: "1 Main St", Locality: "Belmont", Region: "CA", PostalCode: "94002", Country: "United States"}
		}
		a.Add(u)
	}
	found := map[string]connectors.Resource{}
	sum, err := c.ListExtensions(t.Context(), func(r connectors.Resource) error {
		found[r.ID] = r
		return nil
	})
	if err != nil || len(found) != n || sum.Read != n+7 || sum.Total != n+7 || sum.Pages != 3 || !sum.Whole() {
		t.Fatalf("%d accounts, %+v (%v)", len(found), sum, err)
	}
	for _, u := range a.Users()[:6] {
		r, err := c.Get(t.Context(), u.ID)
		if err != nil {
			t.Fatal(err)
		}
		listed := found[u.ID]
		for slot, name := range paths {
			want := r.Values[slot]
			if slot == externalID || slot == active {
				want = connectors.Value{}
			}
			if !listed.Values[slot].Equal(want) {
				t.Errorf("%s of account %s is %q in the list of extensions, %q in SCIM", name, u.ID, listed.Values[slot].Text(), r.Values[slot].Text())
			}
		}
		if listed.UserName != r.UserName || listed.Active != r.Active {
			t.Errorf("%+v; want %+v", listed, r)
		}
	}
	if free, err := c.FreeLicences(t.Context()); err != nil || free != 7 {
		t.Errorf("%d licences are free (%v)", free, err)
	}
	stop := fmt.Errorf("enough")
	if _, err := c.ListExtensions(t.Context(), func(connectors.Resource) error { return stop }); err != stop {
		t.Errorf("%v", err)
	}
}

// A token that opens SCIM alone is told from wrong credentials by who asks: the fault is the REST API's own.
func TestRESTRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		h    http.Handler
		want connectors.Fault
	}{
		"no permission":   {replies(403, `{"errorCode":"CMN-401","message":"needs [ReadAccounts] permission"}`), connectors.FaultPermission},
		"no such token":   {replies(401, `{"errorCode":"OAU-213","message":"Token not found"}`), connectors.FaultCredentials},
		"no REST":         {replies(404, "<html>"), connectors.FaultProtocol},
		"a page":          {replies(200, "<html>"), connectors.FaultProtocol},
		"something else":  {replies(200, `{"totalResults":1}`), connectors.FaultProtocol},
		"half an answer":  {replies(200, `{"records":[{"id":`), connectors.FaultTransient},
		"an id that isnt": {replies(200, `{"records":[{"id":"x"}]}`), connectors.FaultProtocol},
	} {
		t.Run(name, func(t *testing.T) {
			c := serve(t, test.h)
			_, err := c.FreeLicences(t.Context())
			wantFault(t, err, test.want)
			_, err = c.ListExtensions(t.Context(), func(connectors.Resource) error { return nil })
			wantFault(t, err, test.want)
			if _, err = c.WhoAmI(t.Context()); err == nil {
				t.Error("somebody is known")
			}
		})
	}
}

// Pages that repeat themselves, or go on for ever, end.
func TestExtensionsEnd(t *testing.T) {
	var pages atomic.Int32
	c := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		pages.Add(1)
		fmt.Fprint(w, `{"records":[{"id":7,"status":"Enabled","contact":{"email":"a@x.test"}}],"paging":{"totalPages":1000000,"totalElements":5}}`)
	}))
	n := 0
	sum, err := c.ListExtensions(t.Context(), func(connectors.Resource) error { n++; return nil })
	if err != nil || n != 1 || pages.Load() != 2 || sum.Whole() {
		t.Errorf("%d accounts on %d pages, %+v (%v)", n, pages.Load(), sum, err)
	}
}

// Lists of extensions have a limit of their own, and slow neither the reads nor the writes of SCIM.
func TestExtensionsHaveTheirOwnLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, refused, h := limitedAccount(rc.DocumentedLimits())
		c := overMemory(t, h)
		began := time.Now()
		for range 40 {
			if _, err := c.FreeLicences(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if _, _, err := list(t, c); err != nil || time.Since(began) != 0 {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		if _, err := c.FreeLicences(t.Context()); err != nil || time.Since(began) < time.Minute || refused.Load() > 0 {
			t.Errorf("%v after %v, %d refused", err, time.Since(began), refused.Load())
		}
		var groups []string
		for _, l := range c.Limits() {
			groups = append(groups, l.Group)
		}
		if got := strings.Join(groups, " "); got != "light medium" {
			t.Errorf("groups %s", got)
		}
	})
}
