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
	child, l := connectors.FoldID(e.Child), g.link(e)
	for _, have := range g.links[child] {
		if have.parent == l.parent && have.role == l.role {
			return
		}
	}
	g.links[child] = append(g.links[child], l)
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
func (g *graph) leads(parent int32) bool {
	if g.reachable == nil {
		g.spread()
	}
	return g.reachable[parent]
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
	l := g.link(e)
	links := g.links[connectors.FoldID(e.Child)]
	for i := range links {
		if links[i].parent == l.parent && links[i].role == l.role {
			links[i].stored = true
			return true
		}
	}
	return false
}

// fresh yields the edges to be written: those gone and then those that the state lacks.
func (g *graph) fresh(gone []connectors.Edge) iter.Seq[connectors.Edge] {
	return func(yield func(connectors.Edge) bool) {
		for _, e := range gone {
			if !yield(e) {
				return
			}
		}
		for child, links := range g.links {
			for _, l := range links {
				if l.stored {
					continue
				}
				e := connectors.Edge{Child: child, Parent: g.parents[l.parent], Group: l.group, Present: true}
				if l.role >= 0 {
					e.Role = g.parents[l.role]
				}
				if !yield(e) {
					return
				}
			}
		}
	}
}
