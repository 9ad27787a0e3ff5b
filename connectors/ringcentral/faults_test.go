package ringcentral_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"ringsync/connectors"
	"ringsync/connectors/ringcentral"
	rc "ringsync/connectors/ringcentral/ringcentraltest"
)

// What an answer means for each kind of request. Ops that are not named fare like the write.
func TestFaults(t *testing.T) {
	const (
		other, transient, unsettled, rejected   = connectors.FaultOther, connectors.FaultTransient, connectors.FaultUnsettled, connectors.FaultRejected
		notFound, conflict, capacity            = connectors.FaultNotFound, connectors.FaultConflict, connectors.FaultCapacity
		credentials, permission, protocol, none = connectors.FaultCredentials, connectors.FaultPermission, connectors.FaultProtocol, connectors.Fault(255)
	)
	for _, test := range []struct {
		name                            string
		status                          int
		body                            string
		list, get, create, patch, erase connectors.Fault
		code                            string
	}{
		{"invalid value", 400, `{"status":"400","scimType":"invalidValue","detail":"x"}`, rejected, rejected, rejected, rejected, rejected, "invalidValue"},
		{"uniqueness under 400", 400, `{"scimType":"uniqueness","detail":"x"}`, conflict, conflict, conflict, conflict, conflict, "uniqueness"},
		{"400 without words", 400, "", rejected, rejected, rejected, rejected, rejected, "UnprocessableEntity"},
		{"gateway 400", 400, `{"errorCode":"CMN-101","message":"x"}`, rejected, rejected, rejected, rejected, rejected, "CMN-101"},
		{"expired token", 401, `{"errorCode":"OAU-128","message":"Access token expired"}`, credentials, credentials, credentials, credentials, credentials, "OAU-128"},
		{"401 as plain text", 401, "Unauthorized", credentials, credentials, credentials, credentials, credentials, "Unauthorized"},
		{"no licence", 403, `{"status":"403","detail":"License limit has been reached."}`, capacity, capacity, capacity, capacity, capacity, "LicenseLimitExceeded"},
		{"no scope", 403, `{"errorCode":"CMN-401","message":"In order to call this API endpoint, application needs to have [EditAccounts] permission"}`,
			permission, permission, permission, permission, permission, "CMN-401"},
		{"403 without words", 403, "", permission, permission, permission, permission, permission, "InsufficientRights"},
		{"system extension", 403, `{"errorCode":"EXT-222","message":"x"}`, rejected, rejected, rejected, rejected, rejected, "EXT-222"},
		{"no extension numbers", 403, `{"errorCode":"EXT-250","message":"x"}`, capacity, capacity, capacity, capacity, capacity, "EXT-250"},
		{"404 in SCIM", 404, `{"status":"404","detail":"User 7 is not found"}`, protocol, notFound, protocol, notFound, none, ""},
		{"404 with nothing", 404, "", protocol, notFound, protocol, notFound, none, ""},
		{"404 from a proxy", 404, "<html><title>404</title></html>", protocol, other, protocol, other, other, ""},
		{"404 from another server", 404, "404 page not found", protocol, other, protocol, other, other, ""},
		{"405", 405, "", protocol, protocol, protocol, protocol, protocol, "MethodNotAllowed"},
		{"conflict", 409, `{"status":"409","detail":"Extension e-mail already exists on account"}`, conflict, conflict, conflict, conflict, conflict, "Conflict"},
		{"teapot", 418, "", other, other, other, other, other, ""},
		{"422", 422, "", rejected, rejected, rejected, rejected, rejected, "UnprocessableEntity"},
		{"500", 500, `{"status":"500","detail":"x"}`, transient, transient, unsettled, unsettled, unsettled, "InternalServerError"},
		{"502 HTML", 502, "<html><title>Bad Gateway</title></html>", transient, transient, unsettled, unsettled, unsettled, "InternalServerError"},
		{"a page instead of SCIM", 200, "<html><title>Sign in</title></html>", protocol, protocol, protocol, protocol, protocol, ""},
		{"nothing instead of SCIM", 200, "", protocol, protocol, unsettled, none, none, ""},
		{"not a list", 200, `{"id":"7","userName":"a"}`, protocol, none, none, none, none, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			errs := every(t.Context(), serve(t, replies(test.status, test.body)))
			want := map[string]connectors.Fault{"list": test.list, "find": test.list, "get": test.get, "create": test.create, "patch": test.patch, "delete": test.erase}
			for op, err := range errs {
				if err == nil {
					if want[op] != none {
						t.Errorf("%s succeeds; want %v", op, want[op])
					}
					continue
				}
				e, ok := errors.AsType[*connectors.Error](err)
				if !ok || e.Fault != want[op] {
					t.Errorf("%s: %v (%v); want %v", op, connectors.FaultOf(err), err, want[op])
					continue
				}
				if e.Status != test.status || test.code != "" && e.Code != test.code || e.Op == "" {
					t.Errorf("%s: %+v", op, e)
				}
			}
		})
	}
}

// The error names the attribute in our words, keeps RingCentral's, and says what to do.
func TestErrorsName(t *testing.T) {
	for _, test := range []struct {
		status                int
		body, attribute, text string
	}{
		{400, `{"scimType":"invalidValue","detail":"Parameter [extension.contact.businessAddress.state] value is invalid."}`, paths[region],
			"patch user 7: Parameter [extension.contact.businessAddress.state] value is invalid. (400 invalidValue)"},
		{400, `{"scimType":"invalidValue","detail":"Parameter [contact.mobilePhone] value is invalid"}`, paths[mobile],
			"patch user 7: Parameter [contact.mobilePhone] value is invalid (400 invalidValue)"},
		{400, `{"scimType":"invalidValue","detail":"Attribute [name.givenName] is required"}`, paths[givenName],
			"patch user 7: Attribute [name.givenName] is required (400 invalidValue)"},
		{400, `{"errorCode":"CMN-101","message":"bad","errors":[{"parameterName":"contact.jobTitle"}]}`, paths[title], "patch user 7: bad (400 CMN-101)"},
		{400, `{"errorCode":"EXT-227","message":"Login is taken"}`, paths[userName], "patch user 7: Login is taken (400 EXT-227). " +
			"Another account, perhaps a disabled one, has this e-mail address or login: link it, rename it or delete it."},
		{400, `{"detail":"Something [else] entirely"}`, "", "patch user 7: Something [else] entirely (400 UnprocessableEntity)"},
		{409, `{"detail":"Extension e-mail already exists on account"}`, "", "patch user 7: Extension e-mail already exists on account (409 Conflict). " +
			"Another account, perhaps a disabled one, has this e-mail address or login: link it, rename it or delete it."},
		{403, `{"detail":"License limit has been reached."}`, "", "patch user 7: License limit has been reached. (403 LicenseLimitExceeded). " +
			"Free an unassigned extension with a digital line, or buy licences; creates go on by themselves then."},
		{401, "", "", "patch user 7: Unauthorized (401 Unauthorized). Renew the RingCentral token; it must belong to an administrator of the account."},
		{302, "", "", "patch user 7: redirected to another address, which is not followed (302 SystemForCrossDomainIdentityManagementServiceIncompatible). " +
			"Check that the target URL is the SCIM base URL and that no proxy or login page stands before it."},
	} {
		_, err := serve(t, replies(test.status, test.body)).Update(t.Context(), "7", []int{title}, person("a"))
		e, ok := errors.AsType[*connectors.Error](err)
		if !ok || e.Attribute != test.attribute || e.Error() != test.text {
			t.Errorf("%v\n%q; want %q\n%s", err, e.Attribute, test.attribute, test.text)
		}
	}
}

func TestUnavailableSaysHowLong(t *testing.T) {
	c := serve(t, replies(503, "", "Retry-After", "90"), func(o *ringcentral.Options) { o.Backoff = time.Hour })
	for op, err := range every(t.Context(), c) { // a minute and more is not waited in place
		if e, ok := errors.AsType[*connectors.Error](err); !ok || e.RetryAfter != 90*time.Second {
			t.Errorf("%s: %v", op, err)
		}
	}
}

// RingCentral's own answers, as the emulator gives them.
func TestFaultsOfTheEmulator(t *testing.T) {
	a, c := account(t, rc.Options{Licenses: 1})
	if _, err := c.Create(t.Context(), person("a@x.test")); err != nil {
		t.Fatal(err)
	}
	_, err := c.Create(t.Context(), person("b@x.test"))
	wantFault(t, err, connectors.FaultCapacity)
	a.SetLicenses(-1)
	_, err = c.Create(t.Context(), person("A@x.test"))
	wantFault(t, err, connectors.FaultConflict)
	bad := person("c@x.test")
	bad[region] = str("Kalifornien")
	_, err = c.Create(t.Context(), bad)
	wantFault(t, err, connectors.FaultRejected)
	if e, _ := errors.AsType[*connectors.Error](err); e.Attribute != paths[region] {
		t.Errorf("the state is not named: %+v", e)
	}
	wrong := newClientOf(t, a, "wrong")
	for op, err := range every(t.Context(), wrong) {
		if connectors.FaultOf(err) != connectors.FaultCredentials {
			t.Errorf("%s: %v", op, err)
		}
	}
	if got := fmt.Sprint(a.Requests()["GET /Users"]); got != "1" {
		t.Errorf("a wrong token was tried %s times to list", got)
	}
}

func newClientOf(t *testing.T, a *rc.Account, token string) *ringcentral.Client {
	return serve(t, a, func(o *ringcentral.Options) { o.Token = ringcentral.StaticToken(token) })
}
