package entra

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"ringsync/connectors"
)

// A roster knows after each listing who is on it no more, and forgets them.
func TestRoster(t *testing.T) {
	assigned := func(child, role string, group bool) connectors.Edge {
		return connectors.Edge{Child: child, Parent: "app", Role: role, Group: group, Present: true}
	}
	const ada, sales = "00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"
	r := newRoster()
	for i, listing := range []struct {
		edges []connectors.Edge
		gone  []connectors.Edge
	}{
		{edges: []connectors.Edge{assigned(ada, "r1", false), assigned(ada, "r2", false), assigned(sales, "r1", true), assigned("odd", "r1", false)}},
		{edges: []connectors.Edge{assigned(ada, "r2", false), assigned(sales, "r1", true), assigned(sales, "r1", true)},
			gone: []connectors.Edge{assigned(ada, "r1", false), assigned("odd", "r1", false)}},
		{edges: []connectors.Edge{assigned(ada, "r2", false), assigned(sales, "r1", true)}},
		{edges: []connectors.Edge{assigned(ada, "r1", false)},
			gone: []connectors.Edge{assigned(ada, "r2", false), assigned(sales, "r1", true)}},
	} {
		r.begin()
		groups := map[string]bool{}
		for _, e := range listing.edges {
			r.add(e)
			if e.Group {
				groups[e.Child] = true
			}
		}
		var gone, want []string
		for e := range r.gone("app") {
			gone = append(gone, fmt.Sprint(e))
		}
		for _, e := range listing.gone {
			e.Present = false
			want = append(want, fmt.Sprint(e))
		}
		slices.Sort(gone)
		slices.Sort(want)
		if !slices.Equal(gone, want) {
			t.Errorf("listing %d: gone are %v, want %v", i, gone, want)
		}
		if got := r.groups(); !maps.Equal(got, groups) {
			t.Errorf("listing %d: groups %v, want %v", i, got, groups)
		}
	}
}
