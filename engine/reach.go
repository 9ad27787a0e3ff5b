package engine

import (
	"iter"
	"slices"

	"ringsync/connectors"
)

// graph is who belongs to what, as one read of the source tells it. Parents are numbered, because a hundred thousand
// people share a handful of groups.
type graph struct {
	root    int32 // the application; -1 until it is known
	parents []string
	numbers map[string]int32
	links   map[string][]link // by child
	// complete parents were read whole; doubtful ones could not be, and why.
	complete map[int32]bool
	doubtful map[int32]error
	// reachable parents lead to the application; nil until somebody asks after the last change.
	reachable map[int32]bool
}

type link struct {
	parent int32
	role   int32 // number of the role's id, -1 for group membership
	group  bool  // the child is a group
	stored bool  // the state has the edge
}

func newGraph() *graph {
	return &graph{
		root: -1, numbers: map[string]int32{}, links: map[string][]link{},
		complete: map[int32]bool{}, doubtful: map[int32]error{},
	}
}

// number returns the number of a parent or role.
func (g *graph) number(id string) int32 {
	n, ok := g.numbers[id]
	if !ok {
		n = int32(len(g.parents))
		g.numbers[id] = n
		g.parents = append(g.parents, id)
	}
	return n
}

func (g *graph) add(e connectors.Edge) {
	g.reachable = nil
	if !g.has(e) {
		child := connectors.FoldID(e.Child)
		g.links[child] = append(g.links[child], g.link(e))
		if e.Group {
			g.number(child) // it leads to its parent, whether or not anybody is known to be in it
		}
	}
}

func (g *graph) remove(e connectors.Edge) {
	g.reachable = nil
	child, l := connectors.FoldID(e.Child), g.link(e)
	g.links[child] = slices.DeleteFunc(g.links[child], func(have link) bool {
		return have.parent == l.parent && have.role == l.role
	})
	if len(g.links[child]) == 0 {
		delete(g.links, child)
	}
}

func (g *graph) link(e connectors.Edge) link {
	l := link{parent: g.number(connectors.FoldID(e.Parent)), role: -1, group: e.Group}
	if e.Role != "" {
		l.role = g.number(connectors.FoldID(e.Role))
	}
	return l
}

// leads reports whether the parent leads to the application: it is the application, or a group assigned to it, or a
// group within one. Whether groups within groups count is the source's to say; it emits such edges only if they do.
func (g *graph) leads(parent int32) bool { return g.leading()[parent] }

// leading returns all that lead to the application.
func (g *graph) leading() map[int32]bool {
	if g.reachable == nil {
		g.spread()
	}
	return g.reachable
}

// isComplete reports whether the parent was read whole.
func (g *graph) isComplete(parent string) bool {
	n, ok := g.numbers[parent]
	return ok && g.complete[n]
}

// has reports whether the graph has the edge.
func (g *graph) has(e connectors.Edge) bool { return g.find(e) != nil }

func (g *graph) find(e connectors.Edge) *link {
	l := g.link(e)
	links := g.links[connectors.FoldID(e.Child)]
	for i := range links {
		if links[i].parent == l.parent && links[i].role == l.role {
			return &links[i]
		}
	}
	return nil
}

// edge is the inverse of link.
func (g *graph) edge(child string, l link) connectors.Edge {
	e := connectors.Edge{Child: child, Parent: g.parents[l.parent], Group: l.group, Present: true}
	if l.role >= 0 {
		e.Role = g.parents[l.role]
	}
	return e
}

func (g *graph) spread() {
	g.reachable = map[int32]bool{g.root: true}
	for grew := true; grew; {
		grew = false
		for child, links := range g.links {
			n, isParent := g.numbers[child]
			if !isParent || g.reachable[n] {
				continue
			}
			if slices.ContainsFunc(links, func(l link) bool { return l.group && g.reachable[l.parent] }) {
				g.reachable[n], grew = true, true
			}
		}
	}
}

// assigned reports whether the person is assigned, directly or through a group.
func (g *graph) assigned(person string) bool {
	return slices.ContainsFunc(g.links[person], func(l link) bool { return g.leads(l.parent) })
}

// within reports whether any of the groups leads to the application.
func (g *graph) within(groups []string) bool {
	return slices.ContainsFunc(groups, func(id string) bool {
		n, ok := g.numbers[connectors.FoldID(id)]
		return ok && g.leads(n)
	})
}

// roles returns the ids of the roles that the person holds, directly or through assigned groups, sorted.
func (g *graph) roles(person string) []string {
	var ids []string
	seen := map[int32]bool{}
	var walk func(child string)
	walk = func(child string) {
		for _, l := range g.links[child] {
			n := l.role
			if l.parent != g.root {
				n = l.parent
			}
			if n < 0 || seen[n] {
				continue
			}
			seen[n] = true
			if l.parent == g.root {
				ids = append(ids, g.parents[l.role])
			} else {
				walk(g.parents[l.parent])
			}
		}
	}
	walk(person)
	slices.Sort(ids)
	return ids
}

// known reports whether the graph has the edge, and marks it as one that the state has.
func (g *graph) known(e connectors.Edge) bool {
	if l := g.find(e); l != nil {
		l.stored = true
		return true
	}
	return false
}

// fresh yields the edges to be written: those gone and then those that the state lacks.
func (g *graph) fresh(gone []connectors.Edge) iter.Seq[connectors.Edge] {
	return func(yield func(connectors.Edge) bool) {
		for _, e := range gone {
			e.Present = false
			if !yield(e) {
				return
			}
		}
		for child, links := range g.links {
			for _, l := range links {
				if l.stored {
					continue
				}
				if !yield(g.edge(child, l)) {
					return
				}
			}
		}
	}
}
