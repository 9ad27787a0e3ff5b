package ringcentral

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"ringsync/connectors"
	"ringsync/connectors/scim"
)

// documented are the errors that RingCentral's descriptions, its own code and its users tell of: status, code, words.
// Each has its consequence here, for a write that is no create.
var documented = []struct {
	status       int
	code, detail string
	fault        connectors.Fault
	entra        string
	remedy       string // part of it; "" if there is none
}{
	{401, "OAU-128", "Access token expired", connectors.FaultCredentials, "Unauthorized", "has expired"},
	{401, "OAU-129", "Access token corrupted", connectors.FaultCredentials, "Unauthorized", "Renew"},
	{401, "OAU-149", "Unparsable access token", connectors.FaultCredentials, "Unauthorized", "Renew"},
	{401, "OAU-213", "Token not found", connectors.FaultCredentials, "Unauthorized", "Renew"},
	{401, "", "", connectors.FaultCredentials, "Unauthorized", "Renew"},

	{403, "", "License limit has been reached.", connectors.FaultCapacity, "LicenseLimitExceeded", "Free an unassigned extension"},
	{403, "EXT-250", "No extension numbers", connectors.FaultCapacity, "LicenseLimitExceeded", "Free an unassigned extension"},
	{403, "EXT-355", "Maximum number of extensions", connectors.FaultCapacity, "LicenseLimitExceeded", "Free an unassigned extension"},
	{403, "CMN-401", "needs to have [EditAccounts] permission", connectors.FaultPermission, "InsufficientRights", "application permission"},
	{403, "CMN-408", "user needs to have [EditUserInfo]", connectors.FaultPermission, "InsufficientRights", "user administrator"},
	{403, "EXT-222", "Status change prohibited", connectors.FaultRejected, "NotPermitted", "status"},
	{403, "", "", connectors.FaultPermission, "InsufficientRights", "EditAccounts"},

	{409, "", "Extension e-mail already exists on account", connectors.FaultConflict, "Conflict", "link it, rename it"},
	{409, "EXT-226", "E-mail exists", connectors.FaultConflict, "Conflict", "link it, rename it"},
	{409, "EXT-227", "Login [x] is already taken", connectors.FaultConflict, "Conflict", "link it, rename it"},

	{400, "uniqueness", "", connectors.FaultConflict, "Conflict", "link it, rename it"},
	{400, "tooMany", "", connectors.FaultRejected, "UnprocessableEntity", ""},
	{400, "mutability", "", connectors.FaultRejected, "NotPermitted", "out of the mapping"},
	{400, "sensitive", "", connectors.FaultRejected, "UnprocessableEntity", ""},
	{400, "invalidSyntax", "", connectors.FaultRejected, "UnprocessableEntity", ""},
	{400, "invalidFilter", "", connectors.FaultRejected, "UnprocessableEntity", ""},
	{400, "invalidPath", "", connectors.FaultRejected, "SchemaAttributeNotFound", "out of the mapping"},
	{400, "invalidValue", "", connectors.FaultRejected, "UnprocessableEntity", ""},
	{400, "invalidVers", "", connectors.FaultProtocol, "SystemForCrossDomainIdentityManagementServiceIncompatible", "SCIM base URL"},
	{400, "noTarget", "", connectors.FaultRejected, "SchemaAttributeNotFound", ""},
	{400, "CMN-101", "Parameter [x] is invalid", connectors.FaultRejected, "UnprocessableEntity", ""},
	{400, "EXT-102", "Business phone is a RingCentral number", connectors.FaultRejected, "UnprocessableEntity", "RingCentral's own"},
	{400, "EXT-103", "Not a valid phone number", connectors.FaultRejected, "UnprocessableEntity", "country code"},
	{400, "EXT-218", "Extension number is used", connectors.FaultRejected, "UnprocessableEntity", "in use"},
	{400, "EXT-219", "Extension number is out of range", connectors.FaultRejected, "UnprocessableEntity", "out of the account's range"},
	{403, "EXT-224", "Type change prohibited", connectors.FaultRejected, "NotPermitted", "type"},
	{400, "EXT-229", "E-mail must be the login", connectors.FaultRejected, "UnprocessableEntity", "userName"},
	{400, "EXT-340", "Cannot delete, lines are kept", connectors.FaultRejected, "NotPermitted", "lines"},
	{403, "EXT-351", "User type is invalid for the plan", connectors.FaultRejected, "NotPermitted", "plan"},
	{403, "JWS-1736", "This mailbox has last device of SLG", connectors.FaultRejected, "NotPermitted", "lines"},
	{400, "", "", connectors.FaultRejected, "UnprocessableEntity", ""},

	{404, "", "Resource is not found", connectors.FaultNotFound, "InvalidAnchor", ""},
	{405, "", "", connectors.FaultProtocol, "MethodNotAllowed", "SCIM base URL"},
	{408, "", "", connectors.FaultTransient, "Timeout", ""},
	{412, "", "", connectors.FaultRejected, "UnprocessableEntity", ""},
	{413, "", "", connectors.FaultRejected, "UnprocessableEntity", ""},
	{415, "", "", connectors.FaultProtocol, "SystemForCrossDomainIdentityManagementServiceIncompatible", "SCIM base URL"},
	{422, "", "", connectors.FaultRejected, "UnprocessableEntity", ""},
	{429, "CMN-301", "Request rate exceeded", connectors.FaultTransient, "TooManyRequests", ""},
	{429, "CMN-302", "", connectors.FaultTransient, "TooManyRequests", ""},
	{429, "CMN-303", "", connectors.FaultTransient, "TooManyRequests", ""},
	{429, "CMN-304", "Duplicate concurrent request", connectors.FaultTransient, "TooManyRequests", "Another program"},
	{429, "CMN-310", "", connectors.FaultTransient, "TooManyRequests", ""},
	{500, "", "", connectors.FaultTransient, "InternalServerError", ""},
	{501, "", "", connectors.FaultRejected, "NotImplemented", ""},
	{502, "", "", connectors.FaultTransient, "InternalServerError", ""},
	{503, "CMN-211", "Service unavailable", connectors.FaultTransient, "InternalServerError", ""},
	{504, "", "", connectors.FaultTransient, "InternalServerError", ""},
}

// Every documented error has its consequence, Entra's name for it and a remedy, and leads with the service's words.
func TestDocumentedErrors(t *testing.T) {
	for _, test := range documented {
		body := fmt.Sprintf(`{"errorCode":%q,"message":%q}`, test.code, test.detail)
		if test.status == 400 && !strings.Contains(test.code, "-") {
			body = fmt.Sprintf(`{"status":"400","scimType":%q,"detail":%q}`, test.code, test.detail)
		}
		w := httptest.NewRecorder()
		r := call{op: "get user 7", method: http.MethodGet, id: "7"}
		e := failure(r, &answer{status: test.status, header: w.Header(), body: []byte(body)}, scim.ParseError([]byte(body)))
		name := fmt.Sprint(test.status, " ", test.code, " ", test.detail)
		if e.Fault != test.fault || e.Entra != test.entra || !strings.Contains(e.Remedy, test.remedy) || (test.remedy == "") != (e.Remedy == "") {
			t.Errorf("%s: %v, %s, %q", name, e.Fault, e.Entra, e.Remedy)
		}
		if test.code != "" && e.Code != test.code || test.code == "" && e.Code != test.entra {
			t.Errorf("%s: code %q", name, e.Code)
		}
		if !strings.HasPrefix(e.Error(), "get user 7: "+test.detail) {
			t.Errorf("%s: %v", name, e)
		}
	}
}

// No rule is hidden behind another, and none is untested: each decides at least one documented error.
func TestEveryRuleDecides(t *testing.T) {
	for i, rule := range rules {
		decides := false
		for _, test := range documented {
			e := &connectors.Error{Status: test.status, Code: test.code, Detail: test.detail}
			if test.status == http.StatusNotFound {
				continue
			}
			decide(rules[:i+1], e)
			if before := (&connectors.Error{Status: test.status, Code: test.code, Detail: test.detail}); e.Entra != "" {
				decide(rules[:i], before)
				decides = decides || before.Entra == ""
			}
		}
		if !decides {
			t.Errorf("rule %d (%d %s) decides nothing", i, rule.status, rule.code)
		}
	}
}

// What people are told in the documentation is what the program knows: the page names every code.
func TestCodesAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/troubleshooting.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range [][]rule{rules, signInRules} {
		for _, r := range table {
			for _, word := range []string{r.code, r.name} {
				if !strings.Contains(string(page), word) {
					t.Errorf("docs/troubleshooting.md does not tell of %s", word)
				}
			}
		}
	}
}

// A write that the service may have gone on with is unsettled; one that it refused for a limit is not.
func TestWriteMayHaveHappened(t *testing.T) {
	for status, want := range map[int]connectors.Fault{
		408: connectors.FaultUnsettled, 500: connectors.FaultUnsettled, 503: connectors.FaultUnsettled, 429: connectors.FaultTransient, 501: connectors.FaultRejected,
	} {
		e := failure(call{op: "create", method: http.MethodPost}, &answer{status: status, header: http.Header{}}, scim.ErrorBody{})
		if e.Fault != want {
			t.Errorf("%d: %v; want %v", status, e.Fault, want)
		}
	}
}
