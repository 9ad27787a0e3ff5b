package ringcentraltest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
)

// wireUser is a user as POST and PUT take it; it has no other attributes. Those that only the service writes are taken
// and ignored (RFC 7643, section 2.2), so that what was read can be sent back.
type wireUser struct {
	Schemas    []string        `json:"schemas"`
	ID         json.RawMessage `json:"id"`
	Meta       json.RawMessage `json:"meta"`
	ExternalID string          `json:"externalId"`
	UserName   string          `json:"userName"`
	Name       struct {
		GivenName  string `json:"givenName"`
		FamilyName string `json:"familyName"`
	} `json:"name"`
	Title        string          `json:"title"`
	Active       json.RawMessage `json:"active"`
	Emails       []wireValue     `json:"emails"`
	PhoneNumbers []wireValue     `json:"phoneNumbers"`
	Photos       []wireValue     `json:"photos"`
	Addresses    []wireAddress   `json:"addresses"`
	Enterprise   wireEnterprise  `json:"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"`
}

type wireValue struct {
	Type    string `json:"type"`
	Value   string `json:"value"`
	Primary bool   `json:"primary"`
}

type wireAddress struct {
	Type          string `json:"type"`
	StreetAddress string `json:"streetAddress"`
	Locality      string `json:"locality"`
	Region        string `json:"region"`
	PostalCode    string `json:"postalCode"`
	Country       string `json:"country"`
	Primary       bool   `json:"primary"`
}

type wireEnterprise struct {
	Department string `json:"department"`
}

// create is POST /Users. The service adds a line and an extension number of its own.
func (a *Account) create(x *exchange) (reply, error) {
	u, err := a.decodeUser(x.body)
	if err != nil {
		return reply{}, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.unique(u, nil); err != nil {
		return reply{}, err
	}
	if a.licenses == 0 {
		return reply{}, &refusal{http.StatusForbidden, "", "License limit has been reached."}
	}
	if a.licenses > 0 {
		a.licenses--
	}
	u.ID = ""
	a.store.assign(&u)
	stored := a.store.add(u)
	x.effect, x.created = true, stored.ID
	return reply{status: http.StatusCreated, body: render(stored, x.now)}, nil
}

// put is PUT /Users/{id}: a full replacement. What the body leaves out is lost, but for the extension number.
func (a *Account) put(x *exchange) (reply, error) {
	u, err := a.decodeUser(x.body)
	a.mu.Lock()
	defer a.mu.Unlock()
	r, ok := a.store.byID[x.id]
	if !ok {
		return reply{}, notFound(x.id)
	}
	if err != nil {
		return reply{}, err
	}
	if number := r.user.Phone("other"); number != "" && u.Phone("other") == "" {
		u.setPhone("other", number)
	}
	return a.replace(x, r, u)
}

// delete is DELETE /Users/{id}.
func (a *Account) delete(x *exchange) (reply, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.remove(x.id) {
		return reply{}, notFound(x.id)
	}
	x.effect = true
	return reply{status: http.StatusNoContent}, nil
}

// replace stores what a PUT or PATCH made of the record. The caller holds the lock.
func (a *Account) replace(x *exchange, r *record, u User) (reply, error) {
	if err := a.unique(u, r); err != nil {
		return reply{}, err
	}
	a.store.replace(r, u)
	x.effect = true
	return reply{status: http.StatusOK, body: render(r.user, x.now)}, nil
}

// unique refuses a mail that an account other than r uses. The caller holds the lock.
func (a *Account) unique(u User, r *record) error {
	if a.options.AllowDuplicates {
		return nil
	}
	if a.store.taken(u.UserName, r) || a.store.taken(u.Email, r) {
		return &refusal{http.StatusConflict, "", "Extension e-mail already exists on account"}
	}
	return nil
}

// decodeUser reads the body of a POST or PUT.
func (a *Account) decodeUser(body []byte) (User, error) {
	var w wireUser
	if err := decode(body, &w); err != nil {
		return User{}, err
	}
	if !slices.Contains(w.Schemas, coreSchema) {
		return User{}, badRequest("invalidSyntax", "schemas must contain %s", coreSchema)
	}
	for _, s := range w.Schemas {
		if s != coreSchema && s != enterpriseSchema {
			return User{}, badRequest("invalidSyntax", "Schema [%s] is not supported", s)
		}
	}
	u := User{
		ExternalID: w.ExternalID,
		UserName:   w.UserName,
		GivenName:  w.Name.GivenName,
		FamilyName: w.Name.FamilyName,
		Title:      w.Title,
		Department: w.Enterprise.Department,
	}
	if w.Active != nil {
		active, err := a.boolean(w.Active)
		if err != nil {
			return User{}, err
		}
		u.Active = active
	}
	err := cmp.Or(u.setEmails(w.Emails), u.setPhones(w.PhoneNumbers), u.setPhotos(w.Photos), u.setAddresses(w.Addresses))
	if err != nil {
		return User{}, err
	}
	return u, u.accept()
}

// boolean reads active: a JSON boolean, or with StringBooleans the text of one.
func (a *Account) boolean(raw json.RawMessage) (bool, error) {
	var value bool
	if json.Unmarshal(raw, &value) == nil && string(raw) != "null" {
		return value, nil
	}
	var text string
	if a.options.StringBooleans && json.Unmarshal(raw, &text) == nil {
		switch strings.ToLower(text) {
		case "true":
			return true, nil
		case "false":
			return false, nil
		}
	}
	return false, badRequest("invalidValue", "Attribute [active] must be a boolean")
}

func (u *User) setEmails(values []wireValue) error {
	u.Email = ""
	if err := checkTypes("emails", values, "work"); err != nil {
		return err
	}
	for _, v := range values {
		u.Email = v.Value
	}
	return nil
}

func (u *User) setPhones(values []wireValue) error {
	u.Phones = nil
	if err := checkTypes("phoneNumbers", values, phoneTypes...); err != nil {
		return err
	}
	for _, v := range values {
		u.Phones = append(u.Phones, Phone{v.Type, v.Value})
	}
	return nil
}

func (u *User) setPhotos(values []wireValue) error {
	u.Photo = ""
	if err := checkTypes("photos", values, "photo"); err != nil {
		return err
	}
	for _, v := range values {
		u.Photo = v.Value
	}
	return nil
}

func (u *User) setAddresses(values []wireAddress) error {
	u.Address = nil
	if len(values) > 1 {
		return badRequest("invalidValue", "Attribute [addresses] has more than one value of type [work]")
	}
	for _, v := range values {
		if v.Type != "work" {
			return badRequest("invalidValue", "Type [%s] of addresses is invalid", v.Type)
		}
		u.Address = &Address{v.StreetAddress, v.Locality, v.Region, v.PostalCode, v.Country}
	}
	return nil
}

// checkTypes refuses elements without a value, of types other than those listed, or of one type twice.
func checkTypes(attribute string, values []wireValue, types ...string) error {
	seen := make(map[string]bool, len(values))
	for _, v := range values {
		switch {
		case !slices.Contains(types, v.Type):
			return badRequest("invalidValue", "Type [%s] of %s is invalid", v.Type, attribute)
		case v.Value == "":
			return badRequest("invalidValue", "Attribute [%s.value] is required", attribute)
		case seen[v.Type]:
			return badRequest("invalidValue", "Attribute [%s] has more than one value of type [%s]", attribute, v.Type)
		}
		seen[v.Type] = true
	}
	return nil
}

// decode reads one JSON object. What the target does not have is refused, not ignored, so that a client that sends
// it notices.
func decode(body []byte, target any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	err := d.Decode(target)
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return badRequest("invalidValue", "Attribute [%s] has a value of a wrong type", cmp.Or(wrong.Field, "value"))
	}
	if err != nil {
		return badRequest("invalidSyntax", "Request body is malformed: %s", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return badRequest("invalidSyntax", "Request body is more than one JSON value")
	}
	return nil
}
