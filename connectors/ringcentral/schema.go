package ringcentral

import (
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
	{Name: attrMobile, Unlisted: true},
	{Name: attrWorkPhone, Unlisted: true},
	{Name: attrOtherPhone, Unlisted: true},
	{Name: attrStreet, Unlisted: true},
	{Name: attrLocality, Unlisted: true},
	{Name: attrRegion, Unlisted: true},
	{Name: attrPostalCode, Unlisted: true},
	{Name: attrCountry, Unlisted: true},
	{Name: attrPhoto},
	{Name: attrDepartment},
}

// Schema returns RingCentral's SCIM user (schema ScimUser of its public API description). displayName, manager,
// roles and the rest of the core schema are not in it: RingCentral has no place for them.
func Schema() *connectors.Schema {
	return connectors.NewSchema("RingCentral user", attributes, scim.Fold, nil)
}

// filterNames are the names by which RingCentral searches; it knows no others, and only eq.
var filterNames = map[string]string{attrUserName: "userName", attrWorkMail: "email"}
