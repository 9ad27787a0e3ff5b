package entra

import (
	"maps"
	"slices"
	"testing"

	"ringsync/connectors"
	"ringsync/connectors/entra/entratest"
)

// Assignments names who is assigned and nobody's attributes; Members brings those of the groups named.
func TestAssignmentsAndMembers(t *testing.T) {
	d := entratest.New(entratest.Options{Token: "secret-token", Seed: 1})
	role := d.AddRole(entratest.Role{Value: "User", DisplayName: "User", Enabled: true})
	ann := d.AddUser(entratest.User{"userPrincipalName": "ann@example.com"})
	bob := d.AddUser(entratest.User{"userPrincipalName": "bob@example.com"})
	outer, inner := d.AddGroup("Outer", entratest.GroupOptions{}), d.AddGroup("Inner", entratest.GroupOptions{})
	hidden := d.AddGroup("Hidden", entratest.GroupOptions{Hidden: true})
	d.AddMember(outer, bob)
	d.AddMember(outer, inner)
	d.Assign(ann, role)
	d.Assign(outer, role)
	c := newTestClient(t, d, func(o *Options) { o.NestedGroups = true })

	f := newFacts(t).begin()
	if err := c.Assignments(t.Context(), nil, f); err != nil {
		t.Fatal(err)
	}
	app := d.ServicePrincipal()
	want := map[connectors.Edge]bool{{Child: ann, Parent: app, Role: role}: true, {Child: outer, Parent: app, Role: role, Group: true}: true}
	if got := edgesOf(f); !maps.Equal(got, want) || f.emitted != 0 || !f.complete[app] || f.mark != nil {
		t.Errorf("%v, %d rows, complete %v", got, f.emitted, f.complete)
	}
	for request := range d.Requests() {
		if !slices.Contains([]string{"GET /servicePrincipals", "GET /servicePrincipals/{id}", "GET /servicePrincipals/{id}/appRoleAssignedTo"}, request) {
			t.Errorf("asked for %s", request)
		}
	}

	m := newFacts(t).begin()
	m.app.ID = app
	if err := c.Members(t.Context(), []string{outer, hidden}, m); err != nil {
		t.Fatal(err)
	}
	want = map[connectors.Edge]bool{{Child: bob, Parent: outer}: true, {Child: inner, Parent: outer, Group: true}: true}
	if got := edgesOf(m); !maps.Equal(got, want) || m.emitted != 1 || !m.complete[outer] || m.incomplete[hidden] == nil && !m.complete[hidden] {
		t.Errorf("%v, %d rows, complete %v, incomplete %v", got, m.emitted, m.complete, m.incomplete)
	}
}

// edgesOf returns the edges that were emitted, Present unset.
func edgesOf(f *facts) map[connectors.Edge]bool {
	edges := map[connectors.Edge]bool{}
	for e := range f.edges {
		e.Present = false
		edges[e] = true
	}
	return edges
}
