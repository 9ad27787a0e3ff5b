package engine

import (
	"cmp"
	"context"
	"slices"

	"ringsync/engine/plan"
	"ringsync/state"
)

// Licensor is a TargetReader that can tell how many more accounts can be created. known is false if it cannot with this
// credential, or not just now.
type Licensor interface {
	Capacity(ctx context.Context) (free int, known bool)
}

// licences is what a dry run knows of who will get an account.
type licences struct {
	capacity *plan.Capacity  // nil if the target does not tell
	enough   map[string]bool // for whom there is a licence, by person
}

// foreseeCapacity asks how many licences are free, if anybody needs one, and gives them to those whom the exporter will
// come to first.
func (j *Job) foreseeCapacity(ctx context.Context, target TargetReader, people []*state.Person, results []prepared) licences {
	var creates []*state.Person
	for i, p := range people {
		if results[i].decision.Action == plan.Create && j.outlook(p, results[i], false) == plan.StatusPlanned {
			creates = append(creates, p)
		}
	}
	asked, ok := target.(Licensor)
	if !ok || len(creates) == 0 {
		return licences{}
	}
	free, known := asked.Capacity(ctx)
	if !known {
		return licences{}
	}
	slices.SortFunc(creates, func(a, b *state.Person) int { return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.ID, b.ID)) })
	l := licences{&plan.Capacity{Needs: len(creates), Free: free}, map[string]bool{}}
	for _, p := range creates[:min(free, len(creates))] {
		l.enough[p.ID] = true
	}
	return l
}

// without reports whether a create of p would find no licence; exhausted is what the last create found.
func (l licences) without(p *state.Person, exhausted bool) bool {
	if l.capacity == nil {
		return exhausted
	}
	return !l.enough[p.ID]
}
