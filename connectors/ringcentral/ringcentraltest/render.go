package ringcentraltest

import "time"

// resource is a user as GET by id, POST, PUT and PATCH answer it.
type resource struct {
	listRow
	PhoneNumbers []typedValue    `json:"phoneNumbers"`
	Addresses    []addressObject `json:"addresses"`
}

// listRow is a user as lists carry it: without telephone numbers and addresses.
type listRow struct {
	Schemas    []string          `json:"schemas"`
	ID         string            `json:"id"`
	ExternalID string            `json:"externalId,omitempty"`
	Meta       meta              `json:"meta"`
	UserName   string            `json:"userName"`
	Name       nameObject        `json:"name"`
	Title      string            `json:"title,omitempty"`
	Active     bool              `json:"active"`
	Emails     []typedValue      `json:"emails"`
	Photos     []typedValue      `json:"photos,omitempty"`
	Enterprise *enterpriseObject `json:"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User,omitempty"`
}

type meta struct {
	ResourceType string `json:"resourceType"`
	Created      string `json:"created,omitempty"`
	LastModified string `json:"lastModified,omitempty"`
	Location     string `json:"location"`
}

type nameObject struct {
	FamilyName string `json:"familyName"`
	GivenName  string `json:"givenName"`
}

// typedValue is an element of emails, phoneNumbers or photos.
type typedValue struct {
	Primary *bool  `json:"primary,omitempty"`
	Value   string `json:"value"`
	Type    string `json:"type"`
}

type addressObject struct {
	Primary       *bool  `json:"primary,omitempty"`
	StreetAddress string `json:"streetAddress,omitempty"`
	Locality      string `json:"locality,omitempty"`
	Region        string `json:"region,omitempty"`
	PostalCode    string `json:"postalCode,omitempty"`
	Country       string `json:"country,omitempty"`
	Type          string `json:"type"`
}

type enterpriseObject struct {
	Department string `json:"department,omitempty"`
}

// listReply is a page of a list (RFC 7644, section 3.4.2).
type listReply[T any] struct {
	Schemas      []string `json:"schemas"`
	TotalResults int      `json:"totalResults"`
	StartIndex   int      `json:"startIndex"`
	ItemsPerPage int      `json:"itemsPerPage"`
	Resources    []T      `json:"Resources"`
}

func newListReply[T any](resources []T, total, start int) listReply[T] {
	return listReply[T]{[]string{listSchema}, total, start, len(resources), resources}
}

// render returns the full form of u. Elements carry a "primary" that nobody sent.
func render(u *User, now time.Time) resource {
	r := resource{
		listRow:      renderRow(u, now),
		PhoneNumbers: make([]typedValue, len(u.Phones)),
		Addresses:    []addressObject{},
	}
	for i := range r.Emails {
		r.Emails[i].Primary = new(bool)
	}
	for i, p := range u.Phones {
		r.PhoneNumbers[i] = typedValue{Value: p.Value, Type: p.Type}
	}
	if a := u.Address; a != nil {
		r.Addresses = append(r.Addresses, addressObject{
			Primary:       new(bool),
			StreetAddress: a.StreetAddress,
			Locality:      a.Locality,
			Region:        a.Region,
			PostalCode:    a.PostalCode,
			Country:       a.Country,
			Type:          "work",
		})
	}
	return r
}

// renderRow returns the short form of u. Its times are those of the reply and its location is on a host that answers
// nobody, as in RingCentral's examples.
func renderRow(u *User, now time.Time) listRow {
	at := now.UTC().Format("2006-01-02T15:04:05.000Z")
	row := listRow{
		Schemas:    []string{coreSchema},
		ID:         u.ID,
		ExternalID: u.ExternalID,
		Meta: meta{
			ResourceType: "User", Created: at, LastModified: at,
			Location: elsewhere + "/Users/" + u.ID,
		},
		UserName: u.UserName,
		Name:     nameObject{FamilyName: u.FamilyName, GivenName: u.GivenName},
		Title:    u.Title,
		Active:   u.Active,
		Emails:   []typedValue{},
	}
	if u.Email != "" {
		row.Emails = append(row.Emails, typedValue{Value: u.Email, Type: "work"})
	}
	if u.Photo != "" {
		row.Photos = []typedValue{{Value: u.Photo, Type: "photo"}}
	}
	if u.Department != "" {
		row.Schemas = append(row.Schemas, enterpriseSchema)
		row.Enterprise = &enterpriseObject{Department: u.Department}
	}
	return row
}

// elsewhere is the base of meta.location.
const elsewhere = "http://scim.ringcentral.com/scim/v2"
