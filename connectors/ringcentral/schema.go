package ringcentral

import (
	"strings"
	"sync"

	iso3166 "github.com/biter777/countries"

	"ringsync/connectors"
	"ringsync/connectors/scim"
)

// The target attributes, as the mapping names them. There is one e-mail address and one address, both of type work.
const (
	attrUserName   = "userName"
	attrExternalID = "externalId"
	attrActive     = "active"
	attrTitle      = "title"
	attrGivenName  = "name.givenName"
	attrFamilyName = "name.familyName"
	attrWorkMail   = `emails[type eq "work"].value`
	attrMobile     = `phoneNumbers[type eq "mobile"].value`
	attrWorkPhone  = `phoneNumbers[type eq "work"].value`
	attrOtherPhone = `phoneNumbers[type eq "other"].value`
	attrStreet     = `addresses[type eq "work"].streetAddress`
	attrLocality   = `addresses[type eq "work"].locality`
	attrRegion     = `addresses[type eq "work"].region`
	attrPostalCode = `addresses[type eq "work"].postalCode`
	attrCountry    = `addresses[type eq "work"].country`
	attrPhoto      = `photos[type eq "photo"].value`
	attrDepartment = scim.EnterpriseUser + ":department"
)

var attributes = []connectors.Attribute{
	{Name: attrUserName, Required: true, Filterable: true},
	{Name: attrExternalID, CaseExact: true},
	{Name: attrActive, Type: connectors.TypeBoolean},
	{Name: attrTitle},
	{Name: attrGivenName, Required: true},
	{Name: attrFamilyName, Required: true},
	{Name: attrWorkMail, Required: true, Filterable: true},
	{Name: attrMobile, Unlisted: true, Same: samePhone},
	{Name: attrWorkPhone, Unlisted: true, Same: samePhone},
	{Name: attrOtherPhone, Unlisted: true, Same: samePhone},
	{Name: attrStreet, Unlisted: true},
	{Name: attrLocality, Unlisted: true},
	{Name: attrRegion, Unlisted: true},
	{Name: attrPostalCode, Unlisted: true},
	{Name: attrCountry, Unlisted: true, Same: sameCountry},
	{Name: attrPhoto},
	{Name: attrDepartment},
}

// samePhone: RingCentral answers a number without the layout that it was sent with.
func samePhone(a, b string) bool {
	return isPhone(a) && isPhone(b) && digits(a) == digits(b)
}

func digits(s string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
}

// sameCountry: RingCentral answers a code with the country's name.
func sameCountry(a, b string) bool {
	code := countryOf(a)
	return code != iso3166.Unknown && code == countryOf(b)
}

// Schema returns RingCentral's SCIM user (schema ScimUser of its public API description). displayName, manager,
// roles and the rest of the core schema are not in it: RingCentral has no place for them.
func Schema() *connectors.Schema { return schema() }

// schema is made once: folding the names parses each of them as a SCIM path.
var schema = sync.OnceValue(func() *connectors.Schema {
	return connectors.NewSchema("RingCentral user", attributes, scim.Fold, nil)
})

// filterNames are the names by which RingCentral searches; it knows no others, and only eq.
var filterNames = map[string]string{attrUserName: "userName", attrWorkMail: "email"}
