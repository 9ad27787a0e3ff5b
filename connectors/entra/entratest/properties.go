package entratest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// kind is the type of a directory object.
type kind uint8

const (
	userKind kind = iota
	groupKind
	principalKind // servicePrincipal
	deviceKind
	contactKind // orgContact
)

// entity is what Graph's metadata says of one type.
type entity struct {
	typeName   string   // "user"
	set        string   // "users", the entity set that an @odata.context names
	byDefault  []string // returned without $select, in this order
	properties map[string]trait
}

// trait is what matters here of one property.
type trait uint8

const (
	plain      trait = 0
	collection trait = 1 << iota // [] and not null when never set
	untracked                    // delta refuses it (Graph resource user, "not tracked")
	boolean
	readOnly
)

var entities = [...]entity{
	userKind: {
		typeName: "user", set: "users",
		byDefault: words(`businessPhones displayName givenName jobTitle mail mobilePhone officeLocation
			preferredLanguage surname userPrincipalName id`),
		properties: traits(map[trait]string{
			plain: `ageGroup city companyName consentProvidedForMinor country creationType department displayName
				employeeHireDate employeeId employeeLeaveDateTime employeeType externalUserState
				externalUserStateChangeDateTime faxNumber givenName jobTitle lastPasswordChangeDateTime
				legalAgeGroupClassification mail mailNickname mobilePhone officeLocation onPremisesDistinguishedName
				onPremisesDomainName onPremisesImmutableId onPremisesLastSyncDateTime onPremisesSamAccountName
				onPremisesSecurityIdentifier onPremisesUserPrincipalName passwordPolicies postalCode
				preferredDataLocation preferredLanguage securityIdentifier signInSessionsValidFromDateTime state
				streetAddress surname usageLocation userPrincipalName userType authorizationInfo
				customSecurityAttributes employeeOrgData onPremisesExtensionAttributes passwordProfile`,
			readOnly:   `id createdDateTime deletedDateTime`,
			boolean:    `accountEnabled isManagementRestricted isResourceAccount onPremisesSyncEnabled showInAddressList`,
			collection: `assignedLicenses assignedPlans businessPhones identities imAddresses onPremisesProvisioningErrors otherMails provisionedPlans proxyAddresses serviceProvisioningErrors`,
			untracked: `signInActivity cloudLicensing mailboxSettings deviceEnrollmentLimit print aboutMe birthday
				hireDate mySite preferredName`,
			untracked | collection: `interests pastProjects responsibilities schools skills licenseAssignmentStates`,
		}),
	},
	groupKind: {
		typeName: "group", set: "groups",
		byDefault: words(`id deletedDateTime classification createdDateTime description displayName expirationDateTime
			groupTypes isAssignableToRole mail mailEnabled mailNickname membershipRule membershipRuleProcessingState
			onPremisesDomainName onPremisesLastSyncDateTime onPremisesNetBiosName onPremisesSamAccountName
			onPremisesSecurityIdentifier onPremisesSyncEnabled preferredDataLocation preferredLanguage proxyAddresses
			renewedDateTime securityEnabled securityIdentifier theme visibility onPremisesProvisioningErrors`),
		properties: traits(map[trait]string{
			plain: `classification description displayName expirationDateTime mail mailNickname membershipRule
				membershipRuleProcessingState onPremisesDomainName onPremisesLastSyncDateTime onPremisesNetBiosName
				onPremisesSamAccountName onPremisesSecurityIdentifier preferredDataLocation preferredLanguage
				renewedDateTime securityIdentifier theme uniqueName visibility licenseProcessingState`,
			readOnly: `id createdDateTime deletedDateTime`,
			boolean: `hasMembersWithLicenseErrors isAssignableToRole isManagementRestricted mailEnabled
				onPremisesSyncEnabled securityEnabled`,
			collection: `assignedLabels assignedLicenses groupTypes onPremisesProvisioningErrors proxyAddresses
				resourceBehaviorOptions resourceProvisioningOptions serviceProvisioningErrors`,
			untracked: `accessType allowExternalSenders autoSubscribeNewMembers cloudLicensing hideFromAddressLists
				hideFromOutlookClients isFavorite isSubscribedByMail unseenCount unseenConversationsCount
				unseenMessagesCount membershipRuleProcessingStatus isArchived`,
		}),
	},
	principalKind: {
		typeName: "servicePrincipal", set: "servicePrincipals",
		byDefault: words(`id deletedDateTime accountEnabled appDescription appDisplayName appId appOwnerOrganizationId
			appRoleAssignmentRequired appRoles description displayName homepage notes servicePrincipalNames
			servicePrincipalType signInAudience tags`),
		properties: traits(map[trait]string{
			plain: `appDescription appDisplayName appId applicationTemplateId appOwnerOrganizationId description
				disabledByMicrosoftStatus displayName homepage loginUrl logoutUrl notes preferredSingleSignOnMode
				servicePrincipalType signInAudience tokenEncryptionKeyId info samlSingleSignOnSettings
				verifiedPublisher`,
			readOnly:   `id deletedDateTime`,
			boolean:    `accountEnabled appRoleAssignmentRequired`,
			collection: `addIns alternativeNames appRoles keyCredentials notificationEmailAddresses passwordCredentials replyUrls servicePrincipalNames tags`,
		}),
	},
	deviceKind: {
		typeName: "device", set: "devices", byDefault: words(`id deletedDateTime accountEnabled deviceId displayName`),
		properties: traits(map[trait]string{plain: `deviceId displayName`, readOnly: `id deletedDateTime`, boolean: `accountEnabled`}),
	},
	contactKind: {
		typeName: "orgContact", set: "contacts", byDefault: words(`id deletedDateTime displayName mail`),
		properties: traits(map[trait]string{plain: `displayName mail givenName surname`, readOnly: `id deletedDateTime`}),
	},
}

func words(s string) []string { return strings.Fields(s) }

func traits(lists map[trait]string) map[string]trait {
	all := make(map[string]trait)
	for t, list := range lists {
		for _, name := range words(list) {
			all[name] = t
		}
	}
	return all
}

// lookup returns the trait of a property. Directory extensions (extension_<32 hex digits>_<name>) exist on users
// and groups without being declared here.
func (k kind) lookup(name string) (trait, bool) {
	t, ok := entities[k].properties[name]
	if !ok && (k == userKind || k == groupKind) && isExtension(name) {
		return plain, true
	}
	return t, ok
}

func isExtension(name string) bool {
	rest, ok := strings.CutPrefix(name, "extension_")
	return ok && len(rest) > 33 && rest[32] == '_' && strings.Trim(rest[:32], "0123456789abcdef") == ""
}

// property is one property that has been set, its value as JSON text. A property that was never set has no entry,
// one that was emptied has the value null.
type property struct{ name, json string }

// object is one directory object. Its fields are guarded by Directory.mu.
type object struct {
	kind  kind
	life  life
	id    string
	props []property

	// Groups only. A removed member keeps its place, marked gone, so that the places by which pages are counted
	// never move while somebody is reading.
	members  []member
	memberAt map[*object]int

	joined      []member      // groups that hold this object directly, marked in the same way
	assignments []*assignment // of this object to the application
}

type member struct {
	obj  *object
	gone bool
}

// life is where an object stands.
type life uint8

const (
	live life = iota
	softDeleted
	hardDeleted
)

// get returns a property's value as JSON text.
func (o *object) get(name string) (string, bool) {
	for i := range o.props {
		if o.props[i].name == name {
			return o.props[i].json, true
		}
	}
	return "", false
}

// text returns a property's value if it is a string, else "".
func (o *object) text(name string) string {
	raw, _ := o.get(name)
	return unquote(raw)
}

// set changes a property and reports whether that made a difference.
func (o *object) set(name, value string) bool {
	for i := range o.props {
		if o.props[i].name == name {
			changed := o.props[i].json != value
			o.props[i].json = value
			return changed
		}
	}
	o.props = append(o.props, property{name, value})
	return true
}

func (o *object) holds(child *object) bool {
	i, ok := o.memberAt[child]
	return ok && !o.members[i].gone
}

// encode returns v as JSON text. It panics on what JSON cannot say, a mistake in the calling test.
func encode(v any) string {
	if s, ok := v.(string); ok && simple(s) {
		return `"` + s + `"`
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(fmt.Sprintf("entratest: encode property: %v", err))
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// simple reports whether s needs no escape in JSON.
func simple(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// unquote returns the string that raw, a JSON text, holds, or "" if it holds none.
func unquote(raw string) string {
	if len(raw) < 2 || raw[0] != '"' {
		return ""
	}
	if inner := raw[1 : len(raw)-1]; simple(inner) {
		return inner
	}
	var s string
	if json.Unmarshal([]byte(raw), &s) != nil {
		return ""
	}
	return s
}

// join sets whether other is in the list, and returns it.
func join(list []member, other *object, gone bool) []member {
	for i := range list {
		if list[i].obj == other {
			list[i].gone = gone
			return list
		}
	}
	return append(list, member{obj: other, gone: gone})
}
