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

// failure sorts an answer that is no success.
func failure(r call, a *answer, said scim.ErrorBody) *connectors.Error {
	e := &connectors.Error{Fault: connectors.FaultOther, Op: r.op, Status: a.status, Code: said.Code,
		Detail: said.Detail, Attribute: attributeIn(said), RetryAfter: cmp.Or(a.stopped, retryAfter(a.header, time.Now()))}
	switch {
	case a.status == http.StatusNotFound:
		notFound(r, e, said.Shape)
	case a.status/100 == 3:
		e.Fault, e.Code, e.Entra, e.Remedy = connectors.FaultProtocol, incompatible, incompatible, remedyURL
		e.Detail = "redirected to " + host(a.header.Get("Location")) + ", which is not followed"
	default:
		decide(rules, e)
		if r.changes() && e.Fault == connectors.FaultTransient && a.status != http.StatusTooManyRequests {
			e.Fault = connectors.FaultUnsettled // the service may have gone on with it
		}
	}
	if e.Detail == "" {
		e.Detail = http.StatusText(a.status)
	}
	return e
}

// notFound tells an account that is gone from an address that is wrong. Only RingCentral's own word makes an account
// gone: a page or a line of text comes from whatever stands at a wrong address, and would unlink everybody.
func notFound(r call, e *connectors.Error, shape scim.Shape) {
	switch {
	case r.id == "":
		e.Fault, e.Code, e.Entra, e.Remedy = connectors.FaultProtocol, cmp.Or(e.Code, incompatible), incompatible, remedyURL
	case shape == scim.ShapeJSON || shape == scim.ShapeEmpty:
		e.Fault, e.Code, e.Entra = connectors.FaultNotFound, cmp.Or(e.Code, "InvalidAnchor"), "InvalidAnchor"
	default:
		e.Code, e.Entra, e.Remedy = incompatible, incompatible, remedyURL
	}
}

func protocolError(op string, status int, detail string) *connectors.Error {
	return &connectors.Error{Fault: connectors.FaultProtocol, Op: op, Status: status, Code: incompatible,
		Entra: incompatible, Detail: detail, Remedy: remedyURL}
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
	{"EXT-218", attrOtherPhone},
	{"EXT-219", attrOtherPhone},
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
