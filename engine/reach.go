package engine

import (
	"cmp"
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
	// crowd numbers the children. Most have one link, which is in first by their number; more has what else there is.
	crowd *connectors.Crowd
	first connectors.Numbered[link]
	more  map[int32][]link
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
	there  bool  // it is a link, and not the place of one
}

func newGraph() *graph {
	return &graph{
		root: -1, numbers: map[string]int32{}, crowd: connectors.NewCrowd(), more: map[int32][]link{},
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

// links yields the links of a child.
func (g *graph) links(child string) iter.Seq[*link] { return g.linksAt(g.crowd.Find(child)) }

func (g *graph) linksAt(n int32) iter.Seq[*link] {
	return func(yield func(*link) bool) {
		if !g.first.Get(n).there || !yield(g.first.At(n)) {
			return
		}
		more := g.more[n]
		for i := range more {
			if !yield(&more[i]) {
				return
			}
		}
	}
}

func (g *graph) add(e connectors.Edge) {
	g.reachable = nil
	child := connectors.FoldID(e.Child)
	n, wanted := g.crowd.Number(child), g.link(e)
	if g.same(n, wanted) != nil {
		return
	}
	if first := g.first.At(n); first.there {
		g.more[n] = append(g.more[n], wanted)
	} else {
		*first = wanted
	}
	if e.Group {
		g.number(child) // it leads to its parent, whether or not anybody is known to be in it
	}
}

func (g *graph) remove(e connectors.Edge) {
	g.reachable = nil
	gone := g.link(e)
	n := g.crowd.Find(connectors.FoldID(e.Child))
	var rest []link
	for l := range g.linksAt(n) {
		if l.parent != gone.parent || l.role != gone.role {
			rest = append(rest, *l)
		}
	}
	if !g.first.Get(n).there {
		return
	}
	delete(g.more, n)
	first := g.first.At(n)
	*first = link{}
	if len(rest) > 0 {
		*first = rest[0]
	}
	if len(rest) > 1 {
		g.more[n] = rest[1:]
	}
}

func (g *graph) link(e connectors.Edge) link {
	l := link{parent: g.number(connectors.FoldID(e.Parent)), role: -1, group: e.Group, there: true}
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
	return g.same(g.crowd.Find(connectors.FoldID(e.Child)), g.link(e))
}

// same returns the link of child n to that parent in that role, nil if there is none.
func (g *graph) same(n int32, wanted link) *link {
	for l := range g.linksAt(n) {
		if l.parent == wanted.parent && l.role == wanted.role {
			return l
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
		for n, parent := range g.parents {
			if g.reachable[int32(n)] {
				continue
			}
			for l := range g.links(parent) {
				if l.group && g.reachable[l.parent] {
					g.reachable[int32(n)], grew = true, true
				}
			}
		}
	}
}

// assigned reports whether the person is assigned, directly or through a group.
func (g *graph) assigned(person string) bool {
	for l := range g.links(person) {
		if g.leads(l.parent) {
			return true
		}
	}
	return false
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
		for l := range g.links(child) {
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

// fresh yields the edges to be written: those gone and then those that the state lacks, parent by parent in the order of
// the children's ids. That is how the state has them, and to write a million of them all over it takes many times as long.
func (g *graph) fresh(gone []connectors.Edge) iter.Seq[connectors.Edge] {
	return func(yield func(connectors.Edge) bool) {
		for _, e := range gone {
			e.Present = false
			if !yield(e) {
				return
			}
		}
		var children []int32
		for n := range int32(g.crowd.Len()) {
			for l := range g.linksAt(n) {
				if !l.stored {
					children = append(children, n)
					break
				}
			}
		}
		slices.SortFunc(children, func(a, b int32) int {
			return cmp.Or(cmp.Compare(g.first.Get(a).parent, g.first.Get(b).parent), g.crowd.Compare(a, b))
		})
		for _, n := range children {
			for l := range g.linksAt(n) {
				if !l.stored && !yield(g.edge(g.crowd.ID(n), *l)) {
					return
				}
			}
		}
	}
}
