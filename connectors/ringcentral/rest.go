package ringcentral

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"ringsync/connectors"
)

// restPath is where the REST API is on the host of the SCIM service. RingCentral's SCIM users are its extensions, and
// an id is the same in both.
const restPath = "/restapi/v1.0/account/~"

// extension is what is read of an extension (schemas GetExtensionInfoResponse and ContactInfo).
type extension struct {
	ID      json.Number
	Name    string
	Number  string `json:"extensionNumber"`
	Status  string
	Contact struct {
		FirstName, LastName, Email, JobTitle, Department, MobilePhone string

		BusinessAddress struct{ Country, State, City, Street, Zip string }
	}
	ServiceFeatures []struct {
		FeatureName string
		Enabled     bool
	}
}

var errNoExtensions = errors.New("not what the REST API answers")

// The statuses of extensions that matter here.
const (
	statusEnabled    = "Enabled"
	statusUnassigned = "Unassigned" // nobody's: a licence that is free
)

// restValues are the attributes that an extension shows. The work phone is not one: a contact has the number that
// somebody wrote there, SCIM the one that RingCentral assigned.
var restValues = map[string]func(*extension) string{
	attrUserName:   func(e *extension) string { return e.Contact.Email },
	attrWorkMail:   func(e *extension) string { return e.Contact.Email },
	attrGivenName:  func(e *extension) string { return e.Contact.FirstName },
	attrFamilyName: func(e *extension) string { return e.Contact.LastName },
	attrTitle:      func(e *extension) string { return e.Contact.JobTitle },
	attrDepartment: func(e *extension) string { return e.Contact.Department },
	attrMobile:     func(e *extension) string { return e.Contact.MobilePhone },
	attrOtherPhone: func(e *extension) string { return e.Number },
	attrStreet:     func(e *extension) string { return e.Contact.BusinessAddress.Street },
	attrLocality:   func(e *extension) string { return e.Contact.BusinessAddress.City },
	attrRegion:     func(e *extension) string { return e.Contact.BusinessAddress.State },
	attrPostalCode: func(e *extension) string { return e.Contact.BusinessAddress.Zip },
	attrCountry:    func(e *extension) string { return e.Contact.BusinessAddress.Country },
}

// ListExtensions yields every account as the REST API shows it, once: phone numbers and addresses, which SCIM's lists
// omit, included. What it does not show is Absent: the externalId and whether SCIM takes the account for active; the
// Active of the resource says whether the extension is enabled. Extensions that are nobody's are left out.
//
// It takes a token that opens the REST API, with the ReadAccounts scope: FaultPermission or FaultCredentials means that
// this one does not, though SCIM may still work.
func (c *Client) ListExtensions(ctx context.Context, yield func(connectors.Resource) error) (connectors.ListSummary, error) {
	var sum connectors.ListSummary
	seen := map[string]bool{}
	for number := 1; ; number++ {
		page, err := c.extensions(ctx, "list extensions", url.Values{"page": {strconv.Itoa(number)}, "perPage": {strconv.Itoa(rowsAsked)}})
		if err != nil {
			return sum, err
		}
		sum.Pages++
		sum.Total = page.Paging.TotalElements
		fresh := false
		for i := range page.Records {
			e := &page.Records[i]
			if id := e.ID.String(); id == "" || seen[id] {
				continue
			}
			seen[e.ID.String()], fresh = true, true
			sum.Read++
			if e.Status == statusUnassigned {
				continue
			}
			if err := yield(c.resource(e)); err != nil {
				return sum, err
			}
		}
		if !fresh || number >= page.Paging.TotalPages {
			return sum, nil
		}
	}
}

// Details is ListExtensions for a token that says it may. One that does not name its scopes, as one issued for SCIM, is
// not tried: FaultPermission.
func (c *Client) Details(ctx context.Context, yield func(connectors.Resource) error) (connectors.ListSummary, error) {
	if opens, err := c.opensREST(ctx); err != nil || !opens {
		return connectors.ListSummary{}, cmp.Or(err, errShut)
	}
	return c.ListExtensions(ctx, yield)
}

// errShut is the answer to whoever asks for what only the REST API tells, without a request.
var errShut error = &connectors.Error{Fault: connectors.FaultPermission, Op: "read extensions", Detail: "the token is not known to have the ReadAccounts scope, which opens the REST API"}

// opensREST reports whether the token says that it may read extensions.
func (c *Client) opensREST(ctx context.Context) (bool, error) {
	id, err := c.Identify(ctx)
	return slices.Contains(id.Scopes, "ReadAccounts"), err
}

func (c *Client) resource(e *extension) connectors.Resource {
	r := connectors.Resource{ID: e.ID.String(), UserName: e.Contact.Email, Active: e.Status == statusEnabled,
		Values: make([]connectors.Value, c.slots)}
	for slot := range r.Values {
		value, ok := restValues[c.attributes[slot].Name]
		if !ok {
			continue
		}
		r.Values[slot] = connectors.NullValue()
		if s := value(e); s != "" {
			r.Values[slot] = connectors.StringValue(s)
		}
	}
	return r
}

// Capacity is how many more accounts can be created; known is false if the token does not say that it may ask, or the
// answer is no number.
func (c *Client) Capacity(ctx context.Context) (free int, known bool) {
	if opens, err := c.opensREST(ctx); err != nil || !opens {
		return 0, false
	}
	free, err := c.FreeLicences(ctx)
	return free, err == nil
}

// FreeLicences is how many extensions are nobody's: so many accounts can be created. Any token is tried; errors as for
// ListExtensions.
func (c *Client) FreeLicences(ctx context.Context) (int, error) {
	page, err := c.extensions(ctx, "count unassigned extensions",
		url.Values{"status": {statusUnassigned}, "type": {"User"}, "page": {"1"}, "perPage": {"1"}})
	return page.Paging.TotalElements, err
}

// extensionPage is a page of extensions (schema GetExtensionListResponse).
type extensionPage struct {
	Records []extension
	Paging  struct{ Page, TotalPages, TotalElements int }
}

func (c *Client) extensions(ctx context.Context, op string, query url.Values) (page extensionPage, err error) {
	r := call{op: op, method: http.MethodGet, path: "/extension", query: query.Encode(), rest: true, lists: true}
	err = c.read(ctx, r, func(body []byte) error {
		page = extensionPage{}
		if err := json.Unmarshal(body, &page); err != nil {
			return err
		}
		if page.Records == nil {
			return errNoExtensions
		}
		return nil
	})
	return page, err
}

// Self is who the token belongs to, and what their account tells about directories.
type Self struct {
	ID, Name, Mail string
	Enabled        bool
	// Directory says whether the account may be kept by an external directory at all; nil if it does not tell.
	Directory *bool
}

// WhoAmI asks the REST API whose token it is. Errors as for ListExtensions.
func (c *Client) WhoAmI(ctx context.Context) (Self, error) {
	var e extension
	r := call{op: "get own extension", method: http.MethodGet, path: "/extension/~", rest: true}
	err := c.read(ctx, r, func(body []byte) error {
		e = extension{}
		if err := json.Unmarshal(body, &e); err != nil {
			return err
		}
		if e.ID == "" {
			return errNoExtensions
		}
		return nil
	})
	if err != nil {
		return Self{}, err
	}
	self := Self{ID: e.ID.String(), Name: strings.TrimSpace(e.Contact.FirstName + " " + e.Contact.LastName), Mail: e.Contact.Email,
		Enabled: e.Status == statusEnabled}
	if self.Name == "" {
		self.Name = e.Name
	}
	for _, f := range e.ServiceFeatures {
		if f.FeatureName == "ExternalDirectoryIntegration" {
			self.Directory = &f.Enabled
		}
	}
	return self, nil
}
