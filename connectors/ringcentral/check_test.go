package ringcentral_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"ringsync/connectors"
	"ringsync/connectors/ringcentral"
	rc "ringsync/connectors/ringcentral/ringcentraltest"
)

func TestCheck(t *testing.T) {
	a, c := account(t, rc.Options{Limits: rc.DocumentedLimits(), Licenses: 12})
	for i := range 3 {
		a.Add(rc.User{UserName: fmt.Sprintf("u%d@x.test", i), Email: fmt.Sprintf("u%d@x.test", i), GivenName: "A", FamilyName: "B"})
	}
	r, err := c.Check(t.Context())
	if err != nil || r.Accounts != 3 || len(r.Warnings) != 0 || !r.Provider.Patch.Supported || len(r.Types) != 1 || len(r.Schemas) == 0 ||
		!strings.HasSuffix(r.URL, "/scim/v2") || r.ClockSkew.Abs() > 2*time.Second {
		t.Errorf("%+v (%v)", r, err)
	}
	if len(r.Limits) != 2 || r.Limits[0].Group != "light" || r.Limits[0].Requests != 50 || r.Limits[0].Window != time.Minute || r.Limits[1].Group != "medium" {
		t.Errorf("limits %+v", r.Limits)
	}
	if len(r.Scopes) != 2 || r.Scopes[0].State != ringcentral.Proved || r.Scopes[1].State != ringcentral.Unproven || !r.Ends.IsZero() {
		t.Errorf("scopes %+v, ends %v", r.Scopes, r.Ends)
	}
	if r.NoREST != nil || r.Self == nil || r.Self.Mail != "service.user@ringsync.test" || r.Self.Directory == nil || !*r.Self.Directory {
		t.Errorf("%+v (%v)", r.Self, r.NoREST)
	}
	if r.FreeLicences == nil || *r.FreeLicences != 12 {
		t.Errorf("%v licences are free", r.FreeLicences)
	}
	if n := len(a.Writes()); n != 0 {
		t.Errorf("%d writes", n)
	}
}

// A SCIM token need not open the REST API.
func TestCheckWithoutREST(t *testing.T) {
	_, c := account(t, rc.Options{SCIMOnly: true})
	r, err := c.Check(t.Context())
	if err != nil || r.Self != nil || r.FreeLicences != nil || connectors.FaultOf(r.NoREST) != connectors.FaultPermission || len(r.Warnings) != 0 {
		t.Errorf("%+v (%v)", r, err)
	}
}

// Discovery is for people; a server without it works.
func TestCheckWithoutDiscovery(t *testing.T) {
	a := rc.New(rc.Options{Token: token})
	c := serve(t, a)
	a.Fault(func(r *http.Request) *rc.Fault {
		if strings.HasSuffix(r.URL.Path, "/Users") {
			return nil
		}
		return rc.SCIMFault(403, "", "Filtering is not allowed")
	})
	if r, err := c.Check(t.Context()); err != nil || len(r.Warnings) != 3 || !strings.Contains(r.Warnings[0], "Filtering is not allowed") {
		t.Errorf("%+v (%v)", r, err)
	}
}

func TestCheckFails(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		body   string
		want   connectors.Fault
	}{
		"wrong token": {401, `{"errorCode":"OAU-149","message":"Unparsable access token"}`, connectors.FaultCredentials},
		"wrong URL":   {404, "404 page not found", connectors.FaultProtocol},
		"a web site":  {200, "<html><title>Welcome</title></html>", connectors.FaultProtocol},
		"no rights":   {403, "", connectors.FaultPermission},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := serve(t, replies(test.status, test.body)).Check(t.Context())
			wantFault(t, err, test.want)
		})
	}
}

func TestCheckTellsOfAServerThatIgnoresFilters(t *testing.T) {
	c := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat))
		fmt.Fprint(w, `{"totalResults":1,"Resources":[{"id":"1","userName":"a"}]}`)
	}))
	r, err := c.Check(t.Context())
	if err != nil || len(r.Warnings) == 0 || !strings.Contains(r.Warnings[0], "ignores filters") {
		t.Errorf("%+v (%v)", r, err)
	}
	if r.ClockSkew > -59*time.Minute || r.ClockSkew < -61*time.Minute {
		t.Errorf("clock skew %v", r.ClockSkew)
	}
}
