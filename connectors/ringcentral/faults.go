package ringcentral

import (
	"cmp"
	"net/http"
	"net/url"
	"strings"
	"time"

	"ringsync/connectors"
	"ringsync/connectors/scim"
)

// Entra's names for what the service has no code for (its provisioning logs, error codes).
const (
	incompatible = "SystemForCrossDomainIdentityManagementServiceIncompatible"
	noLicence    = "LicenseLimitExceeded"
)

const (
	remedyURL        = "Check that the target URL is the SCIM base URL and that no proxy or login page stands before it."
	remedyToken      = "Renew the RingCentral token; it must belong to an administrator of the account."
	remedyPermission = "The token needs the EditAccounts scope (ReadAccounts to read), its user the rights of a user administrator, " +
		"and the account's directory provider must be SCIM."
	remedyLicence  = "Free an unassigned extension with a digital line, or buy licences; creates go on by themselves then."
	remedyConflict = "Another account, perhaps a disabled one, has this e-mail address or login: link it, rename it or delete it."
)

// licenceWords are RingCentral's for an account without a free licence. The answer has no code; nothing else tells it
// from a missing permission.
const licenceWords = "license limit has been reached"

// rule sorts an answer by status and code. The first that fits decides.
type rule struct {
	status int    // 0 = any
	code   string // "" = any
	words  string // in lower case, part of the detail; only where status and code do not tell
	fault  connectors.Fault
	name   string // the code when the service gives none
	remedy string
}

var rules = []rule{
	{status: 401, fault: connectors.FaultCredentials, name: "Unauthorized", remedy: remedyToken},
	{status: 429, code: "CMN-304", fault: connectors.FaultTransient, remedy: "Another program writes the same account at the same time."},
	{status: 429, fault: connectors.FaultTransient, name: "TooManyRequests"},
	{status: 403, words: licenceWords, fault: connectors.FaultCapacity, name: noLicence, remedy: remedyLicence},
	{status: 403, code: "EXT-250", fault: connectors.FaultCapacity, remedy: remedyLicence},
	{status: 403, code: "EXT-355", fault: connectors.FaultCapacity, remedy: remedyLicence},
	{status: 403, code: "EXT-222", fault: connectors.FaultRejected, remedy: "RingCentral does not let this account's status be changed."},
	{status: 403, fault: connectors.FaultPermission, name: "InsufficientRights", remedy: remedyPermission},
	{status: 409, fault: connectors.FaultConflict, name: "Conflict", remedy: remedyConflict},
	{code: "uniqueness", fault: connectors.FaultConflict, remedy: remedyConflict},
	{status: 400, fault: connectors.FaultRejected, name: "UnprocessableEntity"},
	{status: 413, fault: connectors.FaultRejected, name: "UnprocessableEntity"},
	{status: 422, fault: connectors.FaultRejected, name: "UnprocessableEntity"},
	{status: 405, fault: connectors.FaultProtocol, name: "MethodNotAllowed", remedy: remedyURL},
	{status: 408, fault: connectors.FaultTransient, name: "Timeout"},
	{status: 501, fault: connectors.FaultRejected, name: "NotImplemented"},
}

// failure sorts an answer that is no success.
func failure(r call, a *answer, said scim.ErrorBody) *connectors.Error {
	e := &connectors.Error{Fault: connectors.FaultOther, Op: r.op, Status: a.status, Code: said.Code,
		Detail: said.Detail, Attribute: attributeIn(said), RetryAfter: cmp.Or(a.stopped, retryAfter(a.header, time.Now()))}
	switch {
	case a.status == http.StatusNotFound:
		notFound(r, e, said.Shape)
	case a.status/100 == 3:
		e.Fault, e.Code, e.Remedy = connectors.FaultProtocol, incompatible, remedyURL
		e.Detail = "redirected to " + host(a.header.Get("Location")) + ", which is not followed"
	case a.status/100 == 5 && a.status != http.StatusNotImplemented || a.status == http.StatusRequestTimeout:
		e.Fault, e.Code = connectors.FaultTransient, cmp.Or(e.Code, "InternalServerError")
		if r.method == http.MethodPost {
			e.Fault = connectors.FaultUnsettled
		}
	default:
		byRule(e)
	}
	if e.Detail == "" {
		e.Detail = http.StatusText(a.status)
	}
	return e
}

func byRule(e *connectors.Error) {
	for _, rule := range rules {
		if (rule.status == 0 || rule.status == e.Status) && (rule.code == "" || rule.code == e.Code) &&
			strings.Contains(strings.ToLower(e.Detail), rule.words) {
			e.Fault, e.Remedy, e.Code = rule.fault, rule.remedy, cmp.Or(e.Code, rule.name)
			return
		}
	}
}

// notFound tells an account that is gone from an address that is wrong. Only RingCentral's own word makes an account
// gone: a page or a line of text comes from whatever stands at a wrong address, and would unlink everybody.
func notFound(r call, e *connectors.Error, shape scim.Shape) {
	switch {
	case !r.byID:
		e.Fault, e.Code, e.Remedy = connectors.FaultProtocol, cmp.Or(e.Code, incompatible), remedyURL
	case shape == scim.ShapeJSON || shape == scim.ShapeEmpty:
		e.Fault, e.Code = connectors.FaultNotFound, cmp.Or(e.Code, "InvalidAnchor")
	default:
		e.Code, e.Remedy = incompatible, remedyURL
	}
}

func protocolError(op string, status int, detail string) *connectors.Error {
	return &connectors.Error{Fault: connectors.FaultProtocol, Op: op, Status: status, Code: incompatible,
		Detail: detail, Remedy: remedyURL}
}

// host names where a redirect points, without the path and query, which may hold what is nobody's business.
func host(location string) string {
	if u, err := url.Parse(location); err == nil && u.Host != "" {
		return u.Host
	}
	return "another address"
}

// The fields of RingCentral's REST contact, by whose names its SCIM errors call the attributes, and the codes of errors
// that are about one attribute.
var contactFields = []struct{ field, attribute string }{
	{"businessAddress.street", attrStreet},
	{"businessAddress.city", attrLocality},
	{"businessAddress.state", attrRegion},
	{"businessAddress.zip", attrPostalCode},
	{"businessAddress.country", attrCountry},
	{"contact.firstName", attrGivenName},
	{"contact.lastName", attrFamilyName},
	{"contact.email", attrWorkMail},
	{"contact.emailAsLoginName", attrUserName},
	{"contact.jobTitle", attrTitle},
	{"contact.department", attrDepartment},
	{"contact.mobilePhone", attrMobile},
	{"contact.businessPhone", attrWorkPhone},
	{"EXT-102", attrWorkPhone},
	{"EXT-226", attrWorkMail},
	{"EXT-227", attrUserName},
	{"EXT-229", attrWorkMail},
}

// attributeIn finds the attribute that an error is about: named in brackets, as a parameter, by its code, or in SCIM's
// own words. It returns "" if there is none that the schema knows.
func attributeIn(said scim.ErrorBody) string {
	_, rest, _ := strings.Cut(said.Detail, "[")
	bracketed, _, _ := strings.Cut(rest, "]")
	schema := Schema()
	for _, name := range []string{said.Parameter, bracketed, said.Code} {
		if name == "" {
			continue
		}
		for _, c := range contactFields {
			if strings.HasSuffix(strings.ToLower(name), strings.ToLower(c.field)) {
				return c.attribute
			}
		}
		if a, ok := schema.Lookup(name); ok {
			return a.Name
		}
	}
	return ""
}
