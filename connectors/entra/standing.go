package entra

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"ringsync/connectors"
)

// Standing asks about people one by one, before any of them is removed: do they exist, in which groups are they, and if
// they are gone, can they be restored? yield is called once for every distinct id, from this goroutine, in no particular
// order. An id that answers with an error, or with less than is needed, or is no object id, comes with Doubt; only
// Graph's own "no such object" counts as absence. Errors concern the service as a whole.
//
// Someone who exists no more and whom directory/deletedItems may not show (403) is SoftDeleted without doubt: they are
// positively not there, and of the two kinds of absence it is the one that takes less away.
func (c *Client) Standing(ctx context.Context, ids []string, yield func(connectors.Standing) error) error {
	for _, id := range ids {
		if id = connectors.FoldID(id); !isGUID(id) {
			doubt := misconfigured("%q is not an object id", id)
			if err := yield(connectors.Standing{ID: id, Doubt: doubt}); err != nil {
				return err
			}
		}
	}
	const perBatch = batchSize / 2 // two questions each
	chunks := slices.Collect(slices.Chunk(distinct(ids), perBatch))
	return gather(ctx, c.opts.PageConcurrency, chunks, c.standings, yield)
}

// standings asks about as many people as one batch can hold.
func (c *Client) standings(ctx context.Context, ids []string, emit func(connectors.Standing) error) error {
	memberOf := "memberOf"
	if c.opts.NestedGroups {
		memberOf = "transitiveMemberOf"
	}
	var paths []string
	for _, id := range ids {
		paths = append(paths, "/users/"+escape(id)+"?$select="+escape(c.sel.query),
			"/users/"+escape(id)+"/"+memberOf+"?$select=id&$top=999")
	}
	answers, err := c.batch(ctx, query{op: "ask where people stand", permission: permUsers}, paths)
	if err != nil {
		return err
	}
	var gone []string
	for i, id := range ids {
		user, groups := answers[2*i], answers[2*i+1]
		if noSuchObject(user) {
			gone = append(gone, id)
			continue
		}
		if err := emit(c.present(ctx, id, user, groups)); err != nil {
			return err
		}
	}
	return c.absent(ctx, gone, emit)
}

// noSuchObject is Graph's own word that an id is nobody's. A 404 from anything in between lacks the code.
func noSuchObject(a batchAnswer) bool {
	return a.Status == http.StatusNotFound && strings.EqualFold(parseError(a.Body).Code, "Request_ResourceNotFound")
}

// present puts together what is known of someone who exists, or may.
func (c *Client) present(ctx context.Context, id string, user, groups batchAnswer) connectors.Standing {
	s := connectors.Standing{ID: id}
	q := query{op: "read user " + id, permission: permUsers}
	if !user.ok() {
		s.Doubt = user.problem(q)
		return s
	}
	var err error
	if s.Row, err = c.sel.one(user.Body); err != nil {
		s.Doubt = fail(ctx, q, &badPage{err})
		return s
	}
	if !whole(s.Row.Values) {
		s.Doubt = limited(q.op, id)
		return s
	}
	s.Groups, s.Doubt = c.groupsOf(ctx, id, groups)
	return s
}

// groupsOf reads the answer about someone's groups and the pages that follow it.
func (c *Client) groupsOf(ctx context.Context, id string, first batchAnswer) (ids []string, err error) {
	q := query{op: "read groups of user " + id, permission: permGroups}
	if !first.ok() {
		return nil, first.problem(q)
	}
	page, err := list[idPage](first.Body)
	if err != nil {
		return nil, fail(ctx, q, &badPage{err})
	}
	take := func(p idPage) error {
		for _, o := range p.Value {
			// A type that is not said may be a group: better one too many than someone removed.
			if k := kindOf(o.Type); k == kindGroup || k == kindUnsaid {
				ids = append(ids, connectors.FoldID(o.ID))
			}
		}
		return nil
	}
	_ = take(page) // never fails
	if page.Next != "" {
		q.link = page.Next
		err = walk(ctx, c, q, list[idPage], take)
	}
	return ids, err
}

// absent asks the recycle bin about those who do not exist.
func (c *Client) absent(ctx context.Context, ids []string, emit func(connectors.Standing) error) error {
	if len(ids) == 0 {
		return nil
	}
	var paths []string
	for _, id := range ids {
		paths = append(paths, "/directory/deletedItems/"+escape(id)+"?$select=id")
	}
	answers, err := c.batch(ctx, query{op: "look for deleted users", permission: permUsers}, paths)
	if err != nil {
		return err
	}
	var purged []string
	for i, id := range ids {
		s := connectors.Standing{ID: id, Row: connectors.Row{ID: id}}
		switch a := answers[i]; {
		case noSuchObject(a):
			purged = append(purged, id)
			continue
		case a.ok():
			s.Row.Removed = connectors.SoftDeleted
		case a.Status == http.StatusForbidden:
			s.Row.Removed = connectors.SoftDeleted
			c.log.Info("a deleted user is taken for restorable, because deletedItems may not be read", "user", id)
		default:
			s.Doubt = a.problem(query{op: "look for deleted user " + id, permission: permUsers})
		}
		if err := emit(s); err != nil {
			return err
		}
	}
	return c.purged(ctx, purged, emit)
}

// purged asks once more about those whom the recycle bin does not hold: who was restored between the two questions is in
// neither answer, and nothing is as final as what follows from being gone for good.
func (c *Client) purged(ctx context.Context, ids []string, emit func(connectors.Standing) error) error {
	if len(ids) == 0 {
		return nil
	}
	var paths []string
	for _, id := range ids {
		paths = append(paths, "/users/"+escape(id)+"?$select=id")
	}
	answers, err := c.batch(ctx, query{op: "ask again for deleted users", permission: permUsers}, paths)
	if err != nil {
		return err
	}
	for i, id := range ids {
		s := connectors.Standing{ID: id, Row: connectors.Row{ID: id}}
		switch q := (query{op: "ask again for user " + id, permission: permUsers}); {
		case noSuchObject(answers[i]):
			s.Row.Removed = connectors.HardDeleted
		case answers[i].ok():
			s.Doubt = &connectors.Error{Fault: connectors.FaultTransient, Op: q.op, Detail: "the user was restored a moment ago"}
		default:
			s.Doubt = answers[i].problem(q)
		}
		if err := emit(s); err != nil {
			return err
		}
	}
	return nil
}
