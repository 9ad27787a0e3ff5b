package ringcentral_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/elimity-com/scim"
	scimerrors "github.com/elimity-com/scim/errors"
	"github.com/elimity-com/scim/optional"
	"github.com/elimity-com/scim/schema"

	"ringsync/connectors"
)

// users is the store behind a SCIM server that others wrote, which checks every body and path against RFC 7643.
type users struct {
	mu         sync.Mutex
	ids        []string
	attributes map[string]scim.ResourceAttributes
	patches    []string
}

func (u *users) Create(_ *http.Request, a scim.ResourceAttributes) (scim.Resource, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, other := range u.attributes {
		if strings.EqualFold(other["userName"].(string), a["userName"].(string)) {
			return scim.Resource{}, scimerrors.ScimErrorUniqueness
		}
	}
	id := fmt.Sprint(len(u.ids) + 1)
	u.ids, u.attributes[id] = append(u.ids, id), a
	return resource(id, a), nil
}

func (u *users) Get(_ *http.Request, id string) (scim.Resource, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.attributes[id] == nil {
		return scim.Resource{}, scimerrors.ScimErrorResourceNotFound(id)
	}
	return resource(id, u.attributes[id]), nil
}

func (u *users) GetAll(_ *http.Request, p scim.ListRequestParams) (scim.Page, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	var all []scim.Resource
	for _, id := range u.ids {
		if p.FilterValidator == nil || p.FilterValidator.PassesFilter(u.attributes[id]) == nil {
			all = append(all, resource(id, u.attributes[id]))
		}
	}
	total := len(all)
	from := min(p.StartIndex-1, total)
	return scim.Page{TotalResults: total, Resources: all[from:min(from+min(p.Count, 3), total)]}, nil // three at a time
}

func (u *users) Replace(*http.Request, string, scim.ResourceAttributes) (scim.Resource, error) {
	return scim.Resource{}, fmt.Errorf("PUT drops what it omits and is not used")
}

func (u *users) Delete(_ *http.Request, id string) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.attributes[id] == nil {
		return scimerrors.ScimErrorResourceNotFound(id)
	}
	delete(u.attributes, id)
	u.ids = slices.DeleteFunc(u.ids, func(other string) bool { return other == id })
	return nil
}

// Patch applies what is simple, notes everything, and answers without a body, as RFC 7644, section 3.5.2 allows.
func (u *users) Patch(_ *http.Request, id string, operations []scim.PatchOperation) (scim.Resource, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.attributes[id] == nil {
		return scim.Resource{}, scimerrors.ScimErrorResourceNotFound(id)
	}
	for _, o := range operations {
		u.patches = append(u.patches, o.Op+" "+o.Path.String())
		if name := o.Path.String(); !strings.ContainsAny(name, ".[:") {
			u.attributes[id][name] = o.Value
		}
	}
	return scim.Resource{}, nil
}

func resource(id string, a scim.ResourceAttributes) scim.Resource {
	external, _ := a["externalId"].(string)
	return scim.Resource{ID: id, Attributes: a, ExternalID: optional.NewString(external)}
}

// The whole life of accounts at a server that nobody here wrote.
func TestAnotherServer(t *testing.T) {
	store := &users{attributes: map[string]scim.ResourceAttributes{}}
	server, err := scim.NewServer(&scim.ServerArgs{
		ServiceProviderConfig: &scim.ServiceProviderConfig{SupportFiltering: true, SupportPatch: true, MaxResults: 200},
		ResourceTypes: []scim.ResourceType{{ID: optional.NewString("User"), Name: "User", Endpoint: "/Users", Schema: schema.CoreUserSchema(),
			SchemaExtensions: []scim.SchemaExtension{{Schema: schema.ExtensionEnterpriseUser()}}, Handler: store}},
	})
	if err != nil {
		t.Fatal(err)
	}
	c := serve(t, http.StripPrefix("/scim", server))
	ctx := t.Context()

	var ids []string
	for i := range 8 {
		r, err := c.Create(ctx, person(fmt.Sprintf("u%d@x.test", i)))
		if err != nil {
			t.Fatal(err)
		}
		if !r.Values[department].Equal(str("Sales")) || !r.Values[mobile].Equal(str("+1 (650) 555-0100")) || !r.Active {
			t.Errorf("created %s", show(r.Values))
		}
		ids = append(ids, r.ID)
	}
	_, err = c.Create(ctx, person("U3@x.test"))
	wantFault(t, err, connectors.FaultConflict)

	if found, sum, err := list(t, c); err != nil || len(found) != 8 || !sum.Whole() || sum.Pages != 3 {
		t.Errorf("%d listed, %+v (%v)", len(found), sum, err)
	}
	if found, err := c.Find(ctx, "userName", "u5@x.test"); err != nil || len(found) != 1 || found[0].ID != ids[5] || found[0].ExternalID != "id-of-u5@x.test" {
		t.Errorf("%+v (%v)", found, err)
	}
	if found, err := c.Find(ctx, "userName", `a"b\c`); err != nil || len(found) != 0 {
		t.Errorf("%+v (%v)", found, err)
	}
	// email is RingCentral's own name, which RFC 7643 does not have.
	_, err = c.Find(ctx, paths[mail], "u5@x.test")
	wantFault(t, err, connectors.FaultRejected)

	change := person("new@x.test")
	change[active], change[title], change[department] = str("False"), connectors.NullValue(), connectors.NullValue()
	all := make([]int, len(paths))
	for i := range all {
		all[i] = i
	}
	r, err := c.Update(ctx, ids[2], all, change)
	if err != nil || r.ID != ids[2] || show(r.Values) != "" {
		t.Fatalf("%s (%v)", show(r.Values), err)
	}
	const want = `replace userName
replace externalId
replace active
remove title
replace name.givenName
replace name.familyName
replace emails[type eq "work"].value
add phoneNumbers[type eq "mobile"].value
replace addresses
remove urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department`
	if got := strings.Join(store.patches, "\n"); got != want {
		t.Errorf("operations\n%s\nwant\n%s", got, want)
	}
	if r, err = c.Get(ctx, ids[2]); err != nil || r.Active || r.UserName != "new@x.test" || r.Values[title].Kind() != connectors.Null {
		t.Errorf("%+v (%v)", r, err)
	}
	for range 2 {
		if err := c.Delete(ctx, ids[2]); err != nil {
			t.Error(err)
		}
	}
	_, err = c.Get(ctx, ids[2])
	wantFault(t, err, connectors.FaultNotFound)
	_, err = c.Update(ctx, ids[2], []int{title}, person("x"))
	wantFault(t, err, connectors.FaultNotFound)

	report, err := c.Check(ctx)
	if err != nil || report.Accounts != 7 || len(report.Warnings) != 0 || !report.Provider.Patch.Supported || len(report.Schemas) < 2 {
		t.Errorf("%+v (%v)", report, err)
	}
}
