package entra

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Delta chains (Microsoft Graph: delta query overview). A chain opened at $deltatoken=latest carries what changes from
// then on. What a chain tracks is fixed by its first request; links are kept and sent exactly as they came. Objects may
// come twice, in any order and more than once: whoever takes them must bear repeats.

// groupsPerChain is the most that $filter takes on groups/delta.
const groupsPerChain = 50

var errNoDelta = errors.New("the last page has no deltaLink")

// usersFrom returns the query that opens the chain of users, from the beginning or from now on.
func (c *Client) usersFrom(latest bool) query {
	q := query{
		op:         "read changes of users",
		permission: permUsers,
		template:   "/users/delta?$select={select}",
		params:     map[string]string{"select": c.sel.query},
	}
	if latest {
		q.template += "&$deltatoken=latest"
	}
	return q
}

// users walks a chain of users to its end and returns the link to go on from.
func (c *Client) users(ctx context.Context, q query, take func([]object) error) (link string, err error) {
	link, err = c.walkObjects(ctx, q, take)
	if err == nil && link == "" {
		err = fail(ctx, q, errNoDelta)
	}
	return link, err
}

// groupsFrom returns the query that goes on with a chain of groups.
func groupsFrom(link string, stored bool) query {
	return query{op: "read changes of groups", permission: permGroups, link: link, stored: stored}
}

// groups walks a chain of groups with their members to its end and returns the link to go on from.
func (c *Client) groups(ctx context.Context, q query, take func(groupPage) error) (link string, err error) {
	err = walk(ctx, c, q, list[groupPage], func(p groupPage) error {
		link = p.Delta
		return take(p)
	})
	if err == nil && link == "" {
		err = fail(ctx, q, errNoDelta)
	}
	return link, err
}

// openGroups opens chains of the groups from now on, in the order of ids.
func (c *Client) openGroups(ctx context.Context, ids []string) ([]chain, error) {
	type opened struct {
		at   int
		link string
	}
	chains := make([]chain, 0, len(ids)/groupsPerChain+1)
	for some := range slices.Chunk(ids, groupsPerChain) {
		chains = append(chains, chain{Groups: slices.Clone(some)})
	}
	at := make([]int, len(chains))
	for i := range at {
		at[i] = i
	}
	err := gather(ctx, c.opts.PageConcurrency, at, func(ctx context.Context, i int, emit func(opened) error) error {
		q := query{
			op:         fmt.Sprintf("begin to follow %d groups", len(chains[i].Groups)),
			permission: permGroups,
			template:   "/groups/delta?$select=id,members&$filter={filter}&$deltatoken=latest",
			params:     map[string]string{"filter": anyID(chains[i].Groups)},
		}
		link, err := c.groups(ctx, q, func(groupPage) error { return nil })
		if err != nil {
			return err
		}
		return emit(opened{i, link})
	}, func(o opened) error {
		chains[o.at].Link = o.link
		return nil
	})
	return chains, err
}

// anyID is the only filter that groups/delta knows.
func anyID(ids []string) string {
	terms := make([]string, len(ids))
	for i, id := range ids {
		terms[i] = "id eq " + quote(id)
	}
	return strings.Join(terms, " or ")
}

// quote writes an OData string literal.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
