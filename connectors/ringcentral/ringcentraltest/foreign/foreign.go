// Package foreign owns a SCIM server that others wrote (elimity-com/scim, which checks every body and path against RFC
// 7643), with a store behind it, for tests of what must hold at any server.
//
// It is unlike RingCentral where it may be: pages of three rows, PATCH answered without a body, no licences, no limits.
// Nothing that is not a test may import it, or the library would be linked into the program.
package foreign

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/elimity-com/scim"
	scimerrors "github.com/elimity-com/scim/errors"
	"github.com/elimity-com/scim/optional"
	"github.com/elimity-com/scim/schema"
)

// pageRows is how many rows a page has at most, whatever is asked.
const pageRows = 3

// Users are the accounts of a server. All methods may be called at any time from any goroutine.
type Users struct {
	mu         sync.Mutex
	made       int
	ids        []string
	attributes map[string]scim.ResourceAttributes
	patches    []string
}

// New returns a server with the base path /scim/v2, and its accounts.
func New() (http.Handler, *Users, error) {
	users := &Users{attributes: map[string]scim.ResourceAttributes{}}
	server, err := scim.NewServer(&scim.ServerArgs{
		ServiceProviderConfig: &scim.ServiceProviderConfig{SupportFiltering: true, SupportPatch: true, MaxResults: 200},
		ResourceTypes: []scim.ResourceType{{ID: optional.NewString("User"), Name: "User", Endpoint: "/Users", Schema: schema.CoreUserSchema(),
			SchemaExtensions: []scim.SchemaExtension{{Schema: schema.ExtensionEnterpriseUser()}}, Handler: store{users}}},
	})
	if err != nil {
		return nil, nil, err
	}
	return http.StripPrefix("/scim", server), users, nil
}

// IDs returns the ids of the accounts in the order of their making.
func (u *Users) IDs() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Clone(u.ids)
}

// Attribute returns an attribute of an account, nil if it has none.
func (u *Users) Attribute(id, name string) any {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.attributes[id][name]
}

// Find returns the id of the account with that userName, "" if there is none.
func (u *Users) Find(userName string) string {
	u.mu.Lock()
	defer u.mu.Unlock()
	for id, a := range u.attributes {
		if text(a, "userName") == userName {
			return id
		}
	}
	return ""
}

// Patches returns the PATCH operations that were applied, as "op path".
func (u *Users) Patches() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Clone(u.patches)
}

func text(a scim.ResourceAttributes, name string) string {
	s, _ := a[name].(string)
	return s
}

// store is what the server asks for its resources.
type store struct{ *Users }

func (s store) Create(_ *http.Request, a scim.ResourceAttributes) (scim.Resource, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, other := range s.attributes {
		if strings.EqualFold(text(other, "userName"), text(a, "userName")) {
			return scim.Resource{}, scimerrors.ScimErrorUniqueness
		}
	}
	s.made++
	id := strconv.Itoa(s.made)
	s.ids, s.attributes[id] = append(s.ids, id), a
	return resource(id, a), nil
}

func (s store) Get(_ *http.Request, id string) (scim.Resource, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.attributes[id] == nil {
		return scim.Resource{}, scimerrors.ScimErrorResourceNotFound(id)
	}
	return resource(id, s.attributes[id]), nil
}

func (s store) GetAll(_ *http.Request, p scim.ListRequestParams) (scim.Page, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []scim.Resource
	for _, id := range s.ids {
		if p.FilterValidator == nil || p.FilterValidator.PassesFilter(s.attributes[id]) == nil {
			all = append(all, resource(id, s.attributes[id]))
		}
	}
	total := len(all)
	from := min(p.StartIndex-1, total)
	return scim.Page{TotalResults: total, Resources: all[from:min(from+min(p.Count, pageRows), total)]}, nil
}

func (s store) Replace(*http.Request, string, scim.ResourceAttributes) (scim.Resource, error) {
	return scim.Resource{}, errors.New("PUT drops what it omits and is not used")
}

func (s store) Delete(_ *http.Request, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.attributes[id] == nil {
		return scimerrors.ScimErrorResourceNotFound(id)
	}
	delete(s.attributes, id)
	s.ids = slices.DeleteFunc(s.ids, func(other string) bool { return other == id })
	return nil
}

// Patch applies what names a whole attribute, notes everything, and answers without a body, as RFC 7644, section 3.5.2
// allows.
func (s store) Patch(_ *http.Request, id string, operations []scim.PatchOperation) (scim.Resource, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.attributes[id] == nil {
		return scim.Resource{}, scimerrors.ScimErrorResourceNotFound(id)
	}
	for _, o := range operations {
		s.patches = append(s.patches, fmt.Sprint(o.Op, " ", o.Path))
		if name := o.Path.String(); !strings.ContainsAny(name, ".[:") {
			s.attributes[id][name] = o.Value
		}
	}
	return scim.Resource{}, nil
}

func resource(id string, a scim.ResourceAttributes) scim.Resource {
	return scim.Resource{ID: id, Attributes: a, ExternalID: optional.NewString(text(a, "externalId"))}
}
