package ringcentral

import "testing"

// Paths are found in every spelling that SCIM takes for the same.
func TestSchemaLookup(t *testing.T) {
	for name, want := range map[string]string{
		"USERNAME":                                         attrUserName,
		`emails[type eq "work"].value`:                     attrWorkMail,
		`Emails[ Type  EQ "WORK" ].Value`:                  attrWorkMail,
		"urn:ietf:params:scim:schemas:core:2.0:User:title": attrTitle,
		"URN:ietf:params:scim:schemas:extension:Enterprise:2.0:User:Department": attrDepartment,
		"displayName":                  "",
		"department":                   "",
		`emails[type eq "home"].value`: "",
	} {
		if a, ok := Schema().Lookup(name); a.Name != want || ok != (want != "") {
			t.Errorf("%s: found %q, want %q", name, a.Name, want)
		}
	}
}

// What is meant by a path that there is not, or by a part of one.
func TestSchemaNearest(t *testing.T) {
	for name, want := range map[string]string{
		"usrName":                           attrUserName,
		"department":                        attrDepartment,
		"country":                           attrCountry,
		"givenName":                         attrGivenName,
		"emails":                            attrWorkMail,
		"emails.value":                      attrWorkMail,
		`emails[type eq "home"].value`:      attrWorkMail,
		`phoneNumbers[type eq "wrk"].value`: attrWorkPhone,
		"displayName":                       "",
		"manager":                           "",
		"roles":                             "",
	} {
		if near := Schema().Nearest(name); near != want {
			t.Errorf("%s: got %q, want %q", name, near, want)
		}
	}
}
