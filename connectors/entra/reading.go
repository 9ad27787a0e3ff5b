package entra

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"slices"

	"ringsync/connectors"
)

// reading is one read, full or incremental, on its way. Facts go to the sink from one goroutine.
type reading struct {
	c    *Client
	sink connectors.Sink
	app  connectors.App
	// defaultAccess: assignments with no specific role count.
	defaultAccess bool
	leftOut       int // assignments that did not count
	// follow: people who come into sight by an edge alone are read as well.
	follow bool
	// relists: assignments are listed more than once, so all are remembered. Of groups the mark asks as well.
	relists bool
	// stored: the chains come from a mark and may have expired.
	stored bool

	seen    *connectors.Crowd   // people whose row has been emitted; nil if nobody will ask
	limited map[string]struct{} // those of them whose last row was of limited information
	wanted  []connectors.GUID   // people to be read in bulk unless seen by then

	assigned *roster // assignments as last listed
	chains   []chain
	users    string // link
	// passed is the first link from which a full read has passed over changes of people who are not in sight: whoever was
	// restored meanwhile is in groups that will say nothing of it, so the next read begins there. "": there were none.
	passed     string
	passedOver int // how many changes that were
	// groups are those that have come into sight; true while they are known whole.
	groups map[string]bool
	found  []string // groups to be read
	failed int      // groups in a row that could not be read because the service did not answer
}

// mostFailed is how many groups in a row may go unanswered before the service as a whole counts as down. Each has been
// tried for minutes.
const mostFailed = 3

// row emits a person, and notes those with limited information to be asked for by themselves: a read in bulk either
// brings them whole or tells which permission is missing.
func (r *reading) row(row connectors.Row) error {
	if row.Removed == connectors.NotRemoved && !whole(row.Values) {
		r.limited[row.ID] = struct{}{}
		r.want(row.ID)
		return nil
	}
	if r.seen != nil {
		r.seen.Number(row.ID)
	}
	delete(r.limited, row.ID)
	return r.sink.Row(row)
}

// edge emits who belongs to what, and notes whoever comes into sight by it.
func (r *reading) edge(e connectors.Edge) error {
	if e.Present {
		if e.Group {
			r.find(e.Child)
		} else if r.follow && !r.isSeen(e.Child) {
			r.want(e.Child)
		}
	}
	return r.sink.Edge(e)
}

// find notes a group that has not been in sight.
func (r *reading) find(group string) {
	if _, known := r.groups[group]; !known {
		r.groups[group] = false
		r.found = append(r.found, group)
	}
}

func (r *reading) isSeen(id string) bool {
	if r.seen == nil || r.seen.Find(id) < 0 {
		return false
	}
	_, limited := r.limited[id]
	return !limited
}

// want notes somebody to be read in bulk. What is no object id cannot be.
func (r *reading) want(id string) {
	if guid, ok := connectors.ParseGUID(id); ok {
		r.wanted = append(r.wanted, guid)
	}
}

// readWanted reads in bulk whom no page has brought, some at a time: there may be a million of them.
func (r *reading) readWanted(ctx context.Context) error {
	const some = 32 * idsPerCall
	wanted := r.wanted
	r.wanted = nil
	slices.SortFunc(wanted, func(a, b connectors.GUID) int { return bytes.Compare(a[:], b[:]) })
	var ids []string
	read := func() error {
		err := r.c.People(ctx, ids, r.row)
		ids = ids[:0]
		return err
	}
	for _, guid := range slices.Compact(wanted) {
		if id := guid.String(); !r.isSeen(id) {
			if ids = append(ids, id); len(ids) == some {
				if err := read(); err != nil {
					return err
				}
			}
		}
	}
	return read()
}

// portion is a piece of one group's members, or its end.
type portion struct {
	group   string
	objects []object
	ended   bool
	err     error
}

// readFound reads the members of the groups that have come into sight, and with nested groups of those found in them. The
// chains of a level are opened before its members are read, so a change in between is in the chain. A group that
// contains itself is read once.
func (r *reading) readFound(ctx context.Context) error {
	for len(r.found) > 0 {
		ids := r.found
		r.found = nil
		chains, err := r.c.openGroups(ctx, ids)
		if err != nil {
			return err
		}
		r.chains = append(r.chains, chains...)
		if err := gather(ctx, r.c.opts.PageConcurrency, ids, r.c.members, r.member); err != nil {
			return err
		}
	}
	return nil
}

// members reads a group's members, of whatever type, with the attributes of those who are people: the list without a
// cast is served from the directory itself and not from an index that lags.
func (c *Client) members(ctx context.Context, group string, emit func(portion) error) error {
	q := query{
		op:         "read members of group " + group,
		permission: permGroups,
		template:   "/groups/{id}/members?$top=999&$select={select}",
		params:     map[string]string{"id": group, "select": c.sel.query},
	}
	_, err := c.walkObjects(ctx, q, func(objects []object) error { return emit(portion{group: group, objects: objects}) })
	return emit(portion{group: group, ended: true, err: err})
}

// member takes in a piece of a group. What is wrong with one group is its own affair, except that the service is down,
// the credentials are bad, or people may not be read at all.
func (r *reading) member(p portion) error {
	for _, o := range p.objects {
		if err := r.memberObject(p.group, o); err != nil {
			return err
		}
	}
	switch {
	case !p.ended:
		return nil
	case p.err == nil:
		r.failed = 0
		r.groups[p.group] = true
		return r.sink.Complete(p.group)
	}
	switch connectors.FaultOf(p.err) {
	case connectors.FaultCredentials:
		return p.err
	case connectors.FaultNotFound:
		delete(r.groups, p.group) // if it comes back, whatever names it brings it into sight again
	case connectors.FaultUnavailable:
		if r.failed++; r.failed >= mostFailed {
			return p.err
		}
	}
	r.c.log.Warn("a group could not be read; nobody is removed on account of it", "group", p.group, "error", p.err)
	return r.sink.Incomplete(p.group, p.err)
}

func (r *reading) memberObject(group string, o object) error {
	edge := connectors.Edge{Child: o.row.ID, Parent: group, Present: true}
	switch {
	case o.kind == kindOther || o.row.Removed != connectors.NotRemoved:
		return nil
	case o.kind == kindGroup && !r.c.opts.NestedGroups:
		return nil
	case o.kind == kindGroup:
		edge.Group = true
		return r.edge(edge)
	case !whole(o.row.Values):
		return limited("read members of group "+group, o.row.ID)
	}
	if !r.isSeen(o.row.ID) {
		if err := r.row(o.row); err != nil {
			return err
		}
	}
	return r.edge(edge)
}

// limited is the error for a person of whom Graph shows no more than the id.
func limited(op, id string) error {
	return lacking(op, permUsers, "Graph shows no attributes of user "+id)
}

// consume takes in what the chains carry, groups first.
func (r *reading) consume(ctx context.Context) error {
	type piece struct {
		chain int
		page  groupPage
		link  string // at the end
	}
	at := make([]int, len(r.chains))
	for i := range at {
		at[i] = i
	}
	err := gather(ctx, r.c.opts.PageConcurrency, at, func(ctx context.Context, i int, emit func(piece) error) error {
		link, err := r.c.groups(ctx, groupsFrom(r.chains[i].Link, r.stored), func(p groupPage) error {
			return emit(piece{chain: i, page: p})
		})
		if err != nil {
			return err
		}
		return emit(piece{chain: i, link: link})
	}, func(p piece) error {
		if p.link != "" {
			r.chains[p.chain].Link = p.link
		}
		return r.groupChanges(p.page)
	})
	if err != nil {
		return err
	}
	q := r.c.usersFrom(true)
	q.template, q.link, q.stored = "", r.users, r.stored
	passed := r.passedOver
	if r.users, err = r.c.users(ctx, q, r.userChanges); r.passedOver > passed && r.passed == "" {
		r.passed = q.link
	}
	return err
}

// userChanges takes in a page of a users delta, which is about the whole tenant. In a full read of the assigned only
// those already read count: whoever comes into sight later is read then.
func (r *reading) userChanges(objects []object) error {
	for _, o := range objects {
		if r.follow && !r.isSeen(o.row.ID) && o.row.Removed == connectors.NotRemoved {
			r.passedOver++
			continue
		}
		if err := r.row(o.row); err != nil {
			return err
		}
	}
	return nil
}

// groupChanges takes in a page of a groups delta. Groups that are not known whole are left alone: they are read anew.
func (r *reading) groupChanges(p groupPage) error {
	for _, g := range p.Value {
		group := connectors.FoldID(g.ID)
		if !r.groups[group] {
			continue
		}
		if g.Removed != nil {
			r.groups[group] = false // should it be restored, it is read anew
			continue
		}
		for _, m := range g.Members {
			edge := connectors.Edge{Child: connectors.FoldID(m.ID), Parent: group, Present: m.Removed == nil}
			switch kindOf(m.Type) {
			case kindOther:
				continue
			case kindGroup:
				if !r.c.opts.NestedGroups {
					continue
				}
				edge.Group = true
			}
			if err := r.edge(edge); err != nil {
				return err
			}
		}
	}
	return nil
}

// listAssignments emits the assignments as they are now, takes back those that are no longer so, and completes the
// application if last.
func (r *reading) listAssignments(ctx context.Context, last bool) error {
	r.assigned.begin()
	leftOut, err := r.c.assignments(ctx, r.app, r.defaultAccess, func(e connectors.Edge) error {
		if r.relists || e.Group {
			r.assigned.add(e)
		}
		return r.edge(e)
	})
	if err != nil {
		return err
	}
	r.leftOut = leftOut
	for e := range r.assigned.gone(r.app.ID) {
		if err := r.edge(e); err != nil {
			return err
		}
	}
	if !last {
		return nil
	}
	return r.sink.Complete(r.app.ID)
}

// mark emits where to go on. Without nested groups only assigned groups are followed further; with them a group that is
// no longer reachable is followed until the next full read, because only edges kept elsewhere could tell, and one that
// could not be read is named, because nothing would bring it into sight again.
func (r *reading) mark() error {
	m := mark{Version: markVersion, Settings: r.c.settings(), App: r.app.ID, DefaultAccess: r.defaultAccess, Users: cmp.Or(r.passed, r.users)}
	nested := r.c.opts.NestedGroups
	direct := r.assigned.groups()
	for _, ch := range r.chains {
		ch.Groups = slices.DeleteFunc(slices.Clone(ch.Groups), func(id string) bool {
			return !r.groups[id] || !nested && !direct[id]
		})
		if len(ch.Groups) > 0 {
			m.Chains = append(m.Chains, ch)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(r.groups)) {
		if nested && !r.groups[id] && !direct[id] {
			m.Unread = append(m.Unread, id)
		}
	}
	if r.leftOut > 0 {
		r.c.log.Info("assignments with Default Access are left out", "assignments", r.leftOut, "app", r.app.DisplayName)
	}
	return r.sink.Mark(m.encode())
}

// followed returns the groups known whole, in order.
func (r *reading) followed() []string {
	ids := slices.Sorted(maps.Keys(r.groups))
	return slices.DeleteFunc(ids, func(id string) bool { return !r.groups[id] })
}
