package ringcentraltest

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Lengths that the REST API documents for contacts, in characters.
const (
	maxText  = 64
	maxEmail = 254
)

var (
	e164      = regexp.MustCompile(`^\+[1-9]\d{1,14}$`)
	extension = regexp.MustCompile(`^\d{1,8}$`)
	layout    = strings.NewReplacer(" ", "", ".", "", "-", "", "/", "", "(", "", ")", "", "[", "", "]", "")
)

var phoneTypes = []string{"work", "mobile", "other"}

// accept checks u as a whole, as the service does before it writes, and rewrites what the service rewrites: countries
// to names, telephone numbers to E.164. The complaints name the fields of the REST API behind SCIM.
func (u *User) accept() error {
	if err := u.required(); err != nil {
		return err
	}
	for _, text := range []struct{ field, value string }{
		{"extension.contact.firstName", u.GivenName},
		{"extension.contact.lastName", u.FamilyName},
		{"extension.contact.jobTitle", u.Title},
		{"extension.contact.department", u.Department},
	} {
		if utf8.RuneCountInString(text.value) > maxText {
			return invalidParameter(text.field)
		}
	}
	if utf8.RuneCountInString(u.Email) > maxEmail || !plausibleMail(u.Email) {
		return invalidParameter("extension.contact.email")
	}
	if !strings.EqualFold(u.UserName, u.Email) {
		return badRequest("invalidValue", "userName must be the same as the work e-mail address")
	}
	if err := u.acceptPhones(); err != nil {
		return err
	}
	return u.acceptAddress()
}

func (u *User) required() error {
	for _, attribute := range []struct{ name, value string }{
		{"userName", u.UserName},
		{"name.givenName", u.GivenName},
		{"name.familyName", u.FamilyName},
		{"emails", u.Email},
	} {
		if strings.TrimSpace(attribute.value) == "" {
			return badRequest("invalidValue", "Attribute [%s] is required", attribute.name)
		}
	}
	return nil
}

func plausibleMail(mail string) bool {
	local, domain, found := strings.Cut(mail, "@")
	return found && local != "" && domain != "" && !strings.ContainsAny(mail, " \t\r\n<>,;") && !strings.Contains(domain, "@")
}

// acceptPhones drops the layout of numbers. Type other may hold an extension number.
func (u *User) acceptPhones() error {
	for i := range u.Phones {
		p := &u.Phones[i]
		if !slices.Contains(phoneTypes, p.Type) {
			return badRequest("invalidValue", "Type [%s] of phoneNumbers is invalid", p.Type)
		}
		number := layout.Replace(p.Value)
		if !e164.MatchString(number) && !(p.Type == "other" && extension.MatchString(number)) {
			return badRequest("invalidValue", "Parameter [%s] value is not a valid phone number", phoneField(p.Type))
		}
		p.Value = number
	}
	return nil
}

func phoneField(kind string) string {
	switch kind {
	case "work":
		return "extension.contact.businessPhone"
	case "mobile":
		return "extension.contact.mobilePhone"
	}
	return "extension.contact.otherPhone"
}

func (u *User) acceptAddress() error {
	if u.Address == nil {
		return nil
	}
	if *u.Address == (Address{}) {
		u.Address = nil
		return nil
	}
	if !validState(u.Address.Country, u.Address.Region) {
		return invalidParameter("extension.contact.businessAddress.state")
	}
	u.Address.Country = normalCountry(u.Address.Country)
	return nil
}
