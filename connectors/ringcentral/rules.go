package ringcentral

import (
	"cmp"
	"strings"

	"ringsync/connectors"
)

// rule sorts an answer by status and code. The first that fits decides.
type rule struct {
	status int    // 0 = any
	code   string // "" = any
	words  string // in lower case, part of the detail; only where status and code do not tell
	fault  connectors.Fault
	name   string // Entra's for such an error, and the code when the service gives none
	remedy string
}

// decide sets what follows from the rules. What none fits keeps the fault it has.
func decide(rules []rule, e *connectors.Error) {
	for _, r := range rules {
		if (r.status == 0 || r.status == e.Status || r.status == anyServerError && e.Status/100 == 5) &&
			(r.code == "" || r.code == e.Code) && strings.Contains(strings.ToLower(e.Detail), r.words) {
			e.Fault, e.Entra, e.Remedy, e.Code = r.fault, r.name, r.remedy, cmp.Or(e.Code, r.name)
			return
		}
	}
}

// anyServerError stands for 500 to 599.
const anyServerError = 5

// Entra's names, of which the first is its own way of saying that an answer is not SCIM.
const (
	incompatible   = "SystemForCrossDomainIdentityManagementServiceIncompatible"
	noLicence      = "LicenseLimitExceeded"
	conflict       = "Conflict"
	insufficient   = "InsufficientRights"
	notPermitted   = "NotPermitted"
	tooMany        = "TooManyRequests"
	unauthorized   = "Unauthorized"
	unprocessable  = "UnprocessableEntity"
	noSuchProperty = "SchemaAttributeNotFound"
)

const (
	remedyURL     = "Check that the target URL is the SCIM base URL and that no proxy or login page stands before it."
	remedyToken   = "Renew the RingCentral token; it must belong to an administrator of the account."
	remedyFresh   = "RingCentral refuses even a token that it has just issued: is the service user still enabled, with the rights of a user administrator?"
	remedyExpired = "The token has expired: put a new one into target.token, or sign in with target.oauth, which renews its own."
	remedyScope   = "Give the app the application permission that the message names in RingCentral's Developer Console; EditAccounts " +
		"takes a ticket with RingCentral's developer support."
	remedyRole       = "Give the user whose token it is a role with the rights of a user administrator."
	remedyPermission = "The token needs the EditAccounts scope (ReadAccounts to read), its user the rights of a user administrator, " +
		"and the account's directory provider must be SCIM."
	remedyLicence  = "Free an unassigned extension with a digital line, or buy licences; creates go on by themselves then."
	remedyConflict = "Another account, perhaps a disabled one, has this e-mail address or login: link it, rename it or delete it."
	remedyPhone    = "Correct the number in Entra: +, country code, number, as in +16505550100."
	remedyOwnPhone = "Take the number out of the mapping: it is RingCentral's own, and people's work numbers are assigned there."
	remedyLogin    = "The login must be the work e-mail address: map userName and emails[type eq \"work\"].value from the same attribute."
	remedyLastLine = "Remove or reassign the account's phone lines in RingCentral's Admin Portal first."
	remedyPlan     = "RingCentral's plan has no such user: ask the account's administrator or RingCentral."
	remedyParallel = "Another program writes the same account at the same time."
)

// licenceWords are RingCentral's for an account without a free licence. The answer has no code; nothing else tells it
// from a missing permission.
const licenceWords = "license limit has been reached"

// rules are what RingCentral is known to answer: the gateway's codes (OAU, CMN), those of the extensions behind SCIM
// (EXT, JWS), SCIM's scimType (RFC 7644, section 3.12), and last the status alone.
var rules = []rule{
	{status: 408, fault: connectors.FaultTransient, name: "Timeout"},
	{status: 501, fault: connectors.FaultRejected, name: "NotImplemented"},
	{status: anyServerError, fault: connectors.FaultTransient, name: "InternalServerError"},

	{code: "OAU-128", fault: connectors.FaultCredentials, name: unauthorized, remedy: remedyExpired},
	{code: "OAU-129", fault: connectors.FaultCredentials, name: unauthorized, remedy: remedyToken},
	{code: "OAU-149", fault: connectors.FaultCredentials, name: unauthorized, remedy: remedyToken},
	{code: "OAU-213", fault: connectors.FaultCredentials, name: unauthorized, remedy: remedyToken},
	{status: 401, fault: connectors.FaultCredentials, name: unauthorized, remedy: remedyToken},

	{status: 429, code: "CMN-304", fault: connectors.FaultTransient, name: tooMany, remedy: remedyParallel},
	{status: 429, fault: connectors.FaultTransient, name: tooMany}, // CMN-301, CMN-302, CMN-303, CMN-310

	{status: 403, words: licenceWords, fault: connectors.FaultCapacity, name: noLicence, remedy: remedyLicence},
	{code: "EXT-250", fault: connectors.FaultCapacity, name: noLicence, remedy: remedyLicence},
	{code: "EXT-355", fault: connectors.FaultCapacity, name: noLicence, remedy: remedyLicence},
	{status: 403, code: "CMN-401", fault: connectors.FaultPermission, name: insufficient, remedy: remedyScope},
	{status: 403, code: "CMN-408", fault: connectors.FaultPermission, name: insufficient, remedy: remedyRole},

	{code: "EXT-226", fault: connectors.FaultConflict, name: conflict, remedy: remedyConflict},
	{code: "EXT-227", fault: connectors.FaultConflict, name: conflict, remedy: remedyConflict},
	{code: "uniqueness", fault: connectors.FaultConflict, name: conflict, remedy: remedyConflict},
	{status: 409, fault: connectors.FaultConflict, name: conflict, remedy: remedyConflict},

	{code: "EXT-102", fault: connectors.FaultRejected, name: unprocessable, remedy: remedyOwnPhone},
	{code: "EXT-103", fault: connectors.FaultRejected, name: unprocessable, remedy: remedyPhone},
	{code: "EXT-218", fault: connectors.FaultRejected, name: unprocessable, remedy: "The extension number is in use: take it out of the mapping."},
	{code: "EXT-219", fault: connectors.FaultRejected, name: unprocessable, remedy: "The extension number is out of the account's range: take it out of the mapping."},
	{code: "EXT-222", fault: connectors.FaultRejected, name: notPermitted, remedy: "RingCentral does not let this account's status be changed."},
	{code: "EXT-224", fault: connectors.FaultRejected, name: notPermitted, remedy: "RingCentral does not let this account's type be changed."},
	{code: "EXT-229", fault: connectors.FaultRejected, name: unprocessable, remedy: remedyLogin},
	{code: "EXT-340", fault: connectors.FaultRejected, name: notPermitted, remedy: remedyLastLine},
	{code: "EXT-351", fault: connectors.FaultRejected, name: notPermitted, remedy: remedyPlan},
	{code: "JWS-1736", fault: connectors.FaultRejected, name: notPermitted, remedy: remedyLastLine},
	{status: 400, code: "CMN-101", fault: connectors.FaultRejected, name: unprocessable},

	{status: 400, code: "invalidVers", fault: connectors.FaultProtocol, name: incompatible, remedy: remedyURL},
	{status: 400, code: "mutability", fault: connectors.FaultRejected, name: notPermitted, remedy: "RingCentral writes this attribute itself: take it out of the mapping."},
	{status: 400, code: "invalidPath", fault: connectors.FaultRejected, name: noSuchProperty, remedy: "Take the attribute that the message names out of the mapping."},
	{status: 400, code: "noTarget", fault: connectors.FaultRejected, name: noSuchProperty},
	{status: 400, fault: connectors.FaultRejected, name: unprocessable}, // invalidValue, invalidSyntax, invalidFilter, tooMany, sensitive

	{status: 403, fault: connectors.FaultPermission, name: insufficient, remedy: remedyPermission},
	{status: 405, fault: connectors.FaultProtocol, name: "MethodNotAllowed", remedy: remedyURL},
	{status: 412, fault: connectors.FaultRejected, name: unprocessable},
	{status: 413, fault: connectors.FaultRejected, name: unprocessable},
	{status: 415, fault: connectors.FaultProtocol, name: incompatible, remedy: remedyURL},
	{status: 422, fault: connectors.FaultRejected, name: unprocessable},
}
