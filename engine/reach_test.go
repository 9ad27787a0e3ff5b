package engine

import (
	"errors"
	"slices"
	"testing"

	"ringsync/connectors"
)

func edge(child, parent string) connectors.Edge {
	return connectors.Edge{Child: child, Parent: parent, Present: true}
}

func group(child, parent string) connectors.Edge {
	return connectors.Edge{Child: child, Parent: parent, Group: true, Present: true}
}

func newTestGraph(edges ...connectors.Edge) *graph {
	g := newGraph()
	g.root = g.number("app")
	for _, e := range edges {
		g.add(e)
	}
	return g
}

func TestAssigned(t *testing.T) {
	for _, test := range []struct {
		name  string
		edges []connectors.Edge
		want  bool
	}{
		{"nowhere", nil, false},
		{"directly", []connectors.Edge{edge("ada", "app")}, true},
		{"directly, the ids in another case", []connectors.Edge{edge("ADA", "App")}, true},
		{"through an assigned group", []connectors.Edge{group("sales", "app"), edge("ada", "sales")}, true},
		{"in a group that is not assigned", []connectors.Edge{group("sales", "app"), edge("ada", "it")}, false},
		{"through a group in an assigned group", []connectors.Edge{edge("ada", "emea"), group("emea", "sales"), group("sales", "app")}, true},
		{"groups in a circle, one of them assigned", []connectors.Edge{group("a", "b"), group("b", "a"), group("b", "app"), edge("ada", "a")}, true},
		{"groups in a circle, none assigned", []connectors.Edge{group("a", "b"), group("b", "a"), edge("ada", "a")}, false},
		{"the group was unassigned during the read", []connectors.Edge{group("sales", "app"), edge("ada", "sales"), {Child: "sales", Parent: "app"}}, false},
		{"moved to another assigned group", []connectors.Edge{group("a", "app"), group("b", "app"), edge("ada", "a"), edge("ada", "b"), {Child: "ada", Parent: "a"}}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newGraph()
			g.root = g.number("app")
			for _, e := range test.edges {
				if e.Present {
					g.add(e)
				} else {
					g.remove(e)
				}
			}
			if got := g.assigned("ada"); got != test.want {
				t.Errorf("assigned = %v, want %v", got, test.want)
			}
		})
	}
}

func TestRoles(t *testing.T) {
	direct := connectors.Edge{Child: "ada", Parent: "app", Role: "R2", Present: true}
	viaGroup := connectors.Edge{Child: "sales", Parent: "app", Role: "r1", Group: true, Present: true}
	g := newTestGraph(direct, viaGroup, edge("ada", "sales"), edge("bob", "sales"), group("sales", "sales"))
	if got := g.roles("ada"); !slices.Equal(got, []string{"r1", "r2"}) {
		t.Errorf("ada has %v", got)
	}
	if got := g.roles("bob"); !slices.Equal(got, []string{"r1"}) {
		t.Errorf("bob has %v", got)
	}
}

// What the state has is written no second time; what is gone is written off, unless the group could not be read.
func TestFreshEdges(t *testing.T) {
	g := newTestGraph(edge("ada", "sales"), edge("bob", "sales"), group("sales", "app"))
	g.doubtful[g.number("it")] = errors.New("403")
	if !g.known(edge("ada", "sales")) || g.known(edge("eve", "sales")) {
		t.Fatal("ada is known, eve is not")
	}
	var got []string
	for e := range g.fresh([]connectors.Edge{{Child: "eve", Parent: "sales"}}) {
		sign := "-"
		if e.Present {
			sign = "+"
		}
		got = append(got, sign+e.Child+">"+e.Parent)
	}
	slices.Sort(got)
	if want := []string{"+bob>sales", "+sales>app", "-eve>sales"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestGuardLimit(t *testing.T) {
	g := Guard{Count: 25, Percent: 10, From: 20}
	for _, test := range []struct{ active, want int }{
		{0, 0}, {1, 0}, {2, 1}, {5, 2}, {19, 9}, {20, 2}, {29, 2}, {30, 3}, {250, 25}, {100_000, 25},
	} {
		if got := g.Limit(test.active); got != test.want {
			t.Errorf("of %d active people %d removals pass, want %d", test.active, got, test.want)
		}
	}
}
