package entra

import (
	"iter"

	"ringsync/connectors"
)

// roster is who is assigned to the application as it was last listed. There may be a million, so ids and roles are
// numbers.
type roster struct {
	principals *connectors.Crowd
	roles      *connectors.Crowd
	// listed says in which listing a seat was last seen; only those of the latest one, and on their way out the others,
	// are in it.
	listed  map[seat]uint8
	listing uint8
}

// seat is one assignment.
type seat struct {
	principal, role int32
	group           bool
}

func newRoster() *roster {
	return &roster{principals: connectors.NewCrowd(), roles: connectors.NewCrowd(), listed: map[seat]uint8{}}
}

// begin begins a listing.
func (r *roster) begin() { r.listing++ }

// add notes an assignment of the present listing.
func (r *roster) add(e connectors.Edge) {
	r.listed[seat{r.principals.Number(e.Child), r.roles.Number(e.Role), e.Group}] = r.listing
}

// gone ends a listing: it yields and forgets the assignments that were there before and have not been listed again, as
// edges below the application that are not present.
func (r *roster) gone(app string) iter.Seq[connectors.Edge] {
	return func(yield func(connectors.Edge) bool) {
		for p, listed := range r.listed {
			if listed == r.listing {
				continue
			}
			delete(r.listed, p)
			if !yield(connectors.Edge{Child: r.principals.ID(p.principal), Parent: app, Role: r.roles.ID(p.role), Group: p.group}) {
				return
			}
		}
	}
}

// groups returns the groups that are assigned.
func (r *roster) groups() map[string]bool {
	ids := map[string]bool{}
	for p := range r.listed {
		if p.group {
			ids[r.principals.ID(p.principal)] = true
		}
	}
	return ids
}
