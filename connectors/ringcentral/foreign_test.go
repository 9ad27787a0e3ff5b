package ringcentral_test

import (
	"fmt"
	"strings"
	"testing"

	"ringsync/connectors"
	"ringsync/connectors/ringcentral/ringcentraltest/foreign"
)

// The whole life of accounts at a server that nobody here wrote.
func TestAnotherServer(t *testing.T) {
	server, users, err := foreign.New()
	if err != nil {
		t.Fatal(err)
	}
	c := serve(t, server)
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
	if got := strings.Join(users.Patches(), "\n"); got != want {
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
