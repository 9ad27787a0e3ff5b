package entra

import (
	"strconv"
	"strings"

	"ringsync/connectors"
)

// Schema returns the attributes of a person that can be mapped and filtered: the properties of Microsoft Graph's user
// resource that $select brings on lists, members and deltas alike, plus the computed ones. Properties that deltas do not
// track, or that live in other services (signInActivity, mailboxSettings, aboutMe, skills, licenceAssignmentStates …),
// or that need $expand (manager), are left out: a change to them would never be seen.
//
// Names are taken in any case, except those of directory extensions (extension_<application id>_<name>), which Graph
// compares exactly.
func Schema() *connectors.Schema {
	var attributes []connectors.Attribute
	add := func(t connectors.Type, names ...string) {
		for _, name := range names {
			attributes = append(attributes, connectors.Attribute{Name: name, Type: t})
		}
	}
	add(connectors.TypeString, "id", "userPrincipalName", "displayName", "givenName", "surname", "mail", "mailNickname",
		"jobTitle", "department", "companyName", "officeLocation", "employeeId", "employeeType",
		propOrgData+".costCenter", propOrgData+".division",
		"mobilePhone", "faxNumber", "streetAddress", "city", "state", "postalCode", "country", "usageLocation",
		"preferredLanguage", "preferredDataLocation", "userType", "creationType", "externalUserState",
		"ageGroup", "consentProvidedForMinor", "legalAgeGroupClassification", "passwordPolicies", "securityIdentifier",
		"onPremisesDistinguishedName", "onPremisesDomainName", "onPremisesImmutableId", "onPremisesSamAccountName",
		"onPremisesSecurityIdentifier", "onPremisesUserPrincipalName")
	for i := range 15 {
		add(connectors.TypeString, "extensionAttribute"+strconv.Itoa(i+1))
	}
	add(connectors.TypeBoolean, "accountEnabled", "isResourceAccount", "onPremisesSyncEnabled", "showInAddressList")
	add(connectors.TypeDateTime, "createdDateTime", "employeeHireDate", "externalUserStateChangeDateTime",
		"lastPasswordChangeDateTime", "onPremisesLastSyncDateTime")
	for _, name := range []string{"businessPhones", "imAddresses", "otherMails", "proxyAddresses"} {
		attributes = append(attributes, connectors.Attribute{Name: name, Type: connectors.TypeString, MultiValued: true})
	}
	attributes = append(attributes,
		connectors.Attribute{Name: connectors.AttrIsSoftDeleted, Type: connectors.TypeBoolean, ReadOnly: true},
		connectors.Attribute{Name: connectors.AttrAppRoleAssignments, Type: connectors.TypeComplex, MultiValued: true, ReadOnly: true})
	return connectors.NewSchema("Microsoft Graph user", attributes, foldName, directoryExtension)
}

// foldName takes an extension attribute also by its place in Graph:
// onPremisesExtensionAttributes.extensionAttribute1 (resource onPremisesExtensionAttributes).
func foldName(name string) string {
	name = strings.ToLower(name)
	if part, ok := strings.CutPrefix(name, strings.ToLower(propExtensions)+"."); ok && strings.HasPrefix(part, "extensionattribute") {
		return part
	}
	return name
}

// directoryExtension takes extension_<32 hexadecimal digits>_<name> (Graph resource extensionProperty). Its type is
// only known to the directory.
func directoryExtension(name string) (connectors.Attribute, bool) {
	rest, ok := strings.CutPrefix(name, "extension_")
	if !ok || len(rest) < 34 || rest[32] != '_' {
		return connectors.Attribute{}, false
	}
	for _, r := range rest[:32] {
		if !strings.ContainsRune("0123456789abcdefABCDEF", r) {
			return connectors.Attribute{}, false
		}
	}
	for _, r := range rest[33:] {
		if r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') {
			return connectors.Attribute{}, false
		}
	}
	return connectors.Attribute{Name: name, Type: connectors.TypeString, Untyped: true}, true
}
