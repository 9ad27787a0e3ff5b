package ringcentraltest

import (
	"slices"
	"strings"
)

// User is one account, as RingCentral holds it. Empty texts are attributes that are not set.
type User struct {
	ID         string // decimal digits, RingCentral's extension id
	ExternalID string
	UserName   string
	Email      string // the work e-mail; SCIM refuses to make it differ from UserName, old accounts may
	GivenName  string
	FamilyName string
	Title      string
	Department string
	Active     bool
	Phones     []Phone  // in the order of the reply; RingCentral's own among them
	Address    *Address // the work address; nil for none
	Photo      string   // URL
}

// Phone is one element of phoneNumbers.
type Phone struct {
	Type  string // work, mobile or other; other is where RingCentral shows the extension number
	Value string
}

// Address is the one work address.
type Address struct {
	StreetAddress, Locality, Region, PostalCode string
	Country                                     string // as RingCentral answers it: the English name
}

// Phone returns the number of that type, "" if there is none.
func (u User) Phone(kind string) string {
	for _, p := range u.Phones {
		if p.Type == kind {
			return p.Value
		}
	}
	return ""
}

// clone returns a copy that shares nothing with u.
func (u User) clone() User {
	u.Phones = slices.Clone(u.Phones)
	if u.Address != nil {
		address := *u.Address
		u.Address = &address
	}
	return u
}

// setPhone gives the number of a type its value, or adds it: there is one of each type.
func (u *User) setPhone(kind, value string) {
	for i := range u.Phones {
		if u.Phones[i].Type == kind {
			u.Phones[i].Value = value
			return
		}
	}
	u.Phones = append(u.Phones, Phone{kind, value})
}

// fold is the form in which user names and mails are compared.
func fold(s string) string { return strings.ToLower(s) }
