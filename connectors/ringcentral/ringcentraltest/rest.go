package ringcentraltest

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
)

// extensionReply is one extension (schemas GetExtensionInfoResponse and ContactInfo, as far as they concern users).
type extensionReply struct {
	URI             string           `json:"uri"`
	ID              json.Number      `json:"id"`
	ExtensionNumber string           `json:"extensionNumber,omitempty"`
	Name            string           `json:"name"`
	Type            string           `json:"type"`
	Status          string           `json:"status"`
	Hidden          bool             `json:"hidden"`
	Contact         *contactReply    `json:"contact,omitempty"`
	ServiceFeatures []serviceFeature `json:"serviceFeatures,omitempty"`
}

type contactReply struct {
	FirstName       string           `json:"firstName,omitempty"`
	LastName        string           `json:"lastName,omitempty"`
	JobTitle        string           `json:"jobTitle,omitempty"`
	Department      string           `json:"department,omitempty"`
	Email           string           `json:"email,omitempty"`
	MobilePhone     string           `json:"mobilePhone,omitempty"`
	BusinessAddress *businessAddress `json:"businessAddress,omitempty"`
}

type businessAddress struct {
	Country string `json:"country,omitempty"`
	State   string `json:"state,omitempty"`
	City    string `json:"city,omitempty"`
	Street  string `json:"street,omitempty"`
	Zip     string `json:"zip,omitempty"`
}

type serviceFeature struct {
	FeatureName string `json:"featureName"`
	Enabled     bool   `json:"enabled"`
}

type extensionList struct {
	URI        string           `json:"uri"`
	Records    []extensionReply `json:"records"`
	Navigation struct{}         `json:"navigation"`
	Paging     paging           `json:"paging"`
}

type paging struct {
	Page          int `json:"page"`
	PerPage       int `json:"perPage"`
	TotalPages    int `json:"totalPages"`
	TotalElements int `json:"totalElements"`
}

const (
	restHost = "https://platform.ringcentral.com"
	restBase = "/restapi/v1.0/account/~/extension"
	mostRows = 1000
	// endless is how many extensions are shown to be free where licences have no limit.
	endless = 100
)

// restRoutes are the operations beside SCIM.
func restRoutes() []route {
	return []route{
		{"POST", "/restapi/oauth/token", Auth, small, false, (*Account).signIn, true, true},
		{"GET", restBase, Medium, small, false, (*Account).extensions, true, false},
		{"GET", restBase + "/{id}", Light, small, false, (*Account).extension, true, false},
	}
}

func noSuchResource(*Account, *exchange) (reply, error) {
	return reply{}, &refusal{http.StatusNotFound, "CMN-102", "Resource is not found"}
}

// extension is GET …/extension/{id}, of which ~ is the token's own.
func (a *Account) extension(x *exchange) (reply, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	id := x.id
	if id == "~" {
		id = adminID
		if a.options.App != nil {
			id = cmp.Or(a.options.App.Owner, adminID)
		}
	}
	e := extensionReply{URI: restHost + restBase + "/" + id, ID: json.Number(id), ExtensionNumber: "100", Name: "Service User", Type: "User", Status: "Enabled",
		Contact: &contactReply{FirstName: "Service", LastName: "User", Email: "service.user@ringsync.test"}}
	if r, ok := a.store.byID[id]; ok {
		e = renderExtension(r.user)
	} else if id != adminID {
		return reply{}, &refusal{http.StatusNotFound, "CMN-102", "Resource for parameter [extensionId] is not found"}
	}
	e.ServiceFeatures = []serviceFeature{{"SMS", true}, {"ExternalDirectoryIntegration", true}}
	return restReply(e), nil
}

func restReply(body any) reply {
	return reply{status: http.StatusOK, header: http.Header{"Content-Type": {plainJSON}}, body: body}
}

// extensions is GET …/extension. Beside the accounts it lists the unassigned extensions, one for each free licence.
func (a *Account) extensions(x *exchange) (reply, error) {
	query := x.request.URL.Query()
	for name := range query {
		if !slices.Contains([]string{"page", "perPage", "status", "type"}, name) {
			return reply{}, parameterError(name)
		}
	}
	page, err := positive(query, "page", 1)
	if err != nil {
		return reply{}, err
	}
	perPage, err := positive(query, "perPage", 100)
	if err != nil {
		return reply{}, err
	}
	if perPage > mostRows {
		return reply{}, parameterError("perPage")
	}
	wanted := func(name, value string) bool { return !query.Has(name) || slices.Contains(query[name], value) }

	a.mu.Lock()
	defer a.mu.Unlock()
	all := []extensionReply{}
	for _, r := range a.store.listed {
		if e := renderExtension(r.user); wanted("status", e.Status) && wanted("type", e.Type) {
			all = append(all, e)
		}
	}
	free := a.licenses
	if free < 0 {
		free = endless
	}
	for i := range free {
		id := strconv.Itoa(firstID*2 + i)
		e := extensionReply{URI: restHost + restBase + "/" + id, ID: json.Number(id), Name: "Unassigned", Type: "User", Status: "Unassigned", Hidden: true}
		if wanted("status", e.Status) && wanted("type", e.Type) {
			all = append(all, e)
		}
	}
	from := min((page-1)*perPage, len(all))
	list := extensionList{URI: restHost + restBase, Records: all[from:min(from+perPage, len(all))],
		Paging: paging{page, perPage, (len(all) + perPage - 1) / perPage, len(all)}}
	return restReply(list), nil
}

func parameterError(name string) error {
	return &refusal{http.StatusBadRequest, "CMN-101", "Parameter [" + name + "] value is invalid"}
}

func positive(query url.Values, name string, otherwise int) (int, error) {
	if !query.Has(name) {
		return otherwise, nil
	}
	n, err := strconv.Atoi(query.Get(name))
	if err != nil || n < 1 || n > 1<<20 {
		return 0, parameterError(name)
	}
	return n, nil
}

func renderExtension(u *User) extensionReply {
	e := extensionReply{URI: restHost + restBase + "/" + u.ID, ID: json.Number(u.ID), ExtensionNumber: u.Phone("other"),
		Name: u.GivenName + " " + u.FamilyName, Type: "User", Status: "Disabled",
		Contact: &contactReply{FirstName: u.GivenName, LastName: u.FamilyName, JobTitle: u.Title, Department: u.Department,
			Email: u.Email, MobilePhone: u.Phone("mobile")}}
	if u.Active {
		e.Status = "Enabled"
	}
	if a := u.Address; a != nil {
		e.Contact.BusinessAddress = &businessAddress{a.Country, a.Region, a.Locality, a.StreetAddress, a.PostalCode}
	}
	return e
}
