package entra

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"ringsync/connectors"
)

// How many people one request can ask for.
const (
	idsPerFilter = 15                       // $filter=id in (…)
	idsPerBatch  = idsPerFilter * batchSize // $batch of such filters
	idsPerCall   = 1000                     // directoryObjects/getByIds
)

// People reads the people of these ids, whole, with as few requests as the permissions allow: up to 15 with one filter,
// more with directoryObjects/getByIds (1,000 a call, needs Directory.Read.All) or, when that is refused or brings no
// attributes, with $batch (300 a call). Ids of nobody are left out. yield is called from this goroutine, in no
// particular order. Errors: as Full.
func (c *Client) People(ctx context.Context, ids []string, yield func(connectors.Row) error) error {
	ids = distinct(ids)
	take := func(rows []connectors.Row) error {
		for _, row := range rows {
			if err := yield(row); err != nil {
				return err
			}
		}
		return nil
	}
	if len(ids) == 0 {
		return nil
	}
	// The first call tells which way is open.
	first := ids[:min(len(ids), idsPerCall)]
	if err := c.bulk(ctx, first, take); err != nil {
		return err
	}
	rest := slices.Collect(slices.Chunk(ids[len(first):], idsPerCall))
	return gather(ctx, c.opts.PageConcurrency, rest, c.bulk, take)
}

// distinct folds and sorts ids and drops what is no object id at all: one such would fail those asked for with it.
func distinct(ids []string) []string {
	all := make([]string, 0, len(ids))
	for _, id := range ids {
		if id = connectors.FoldID(id); isGUID(id) {
			all = append(all, id)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func isGUID(id string) bool {
	for i, r := range id {
		switch i {
		case 8, 13, 18, 23:
			if r != '-' {
				return false
			}
		default:
			if !strings.ContainsRune("0123456789abcdef", r) {
				return false
			}
		}
	}
	return len(id) == 36
}

// bulk reads at most idsPerCall people.
func (c *Client) bulk(ctx context.Context, ids []string, emit func([]connectors.Row) error) error {
	if len(ids) > idsPerFilter && !c.noGetByIDs.Load() {
		served, err := c.byIDs(ctx, ids, emit)
		if served || err != nil {
			return err
		}
		c.noGetByIDs.Store(true)
	}
	if len(ids) <= idsPerFilter {
		rows, err := c.byFilter(ctx, c.filterQuery(ids))
		if err != nil {
			return err
		}
		return emit(rows)
	}
	for some := range slices.Chunk(ids, idsPerBatch) {
		rows, err := c.byBatch(ctx, some)
		if err != nil {
			return err
		}
		if err := emit(rows); err != nil {
			return err
		}
	}
	return nil
}

var errNotHeeded = errors.New("$select was not heeded")

// byIDs asks directoryObjects/getByIds. served is false when the permission is missing or $select was not heeded: that
// it is, is not documented. Some people may have been emitted by then.
func (c *Client) byIDs(ctx context.Context, ids []string, emit func([]connectors.Row) error) (served bool, err error) {
	body, err := json.Marshal(map[string][]string{"ids": ids, "types": {"user"}})
	if err != nil {
		return false, err
	}
	q := query{
		op:         "read people by id",
		permission: permObjects,
		template:   "/directoryObjects/getByIds?$select={select}",
		params:     map[string]string{"select": c.sel.query},
		post:       body,
	}
	_, err = c.walkObjects(ctx, q, func(objects []object) error {
		rows := make([]connectors.Row, len(objects))
		for i, o := range objects {
			if !whole(o.row.Values) {
				return errNotHeeded
			}
			rows[i] = o.row
		}
		return emit(rows)
	})
	if e := refused(err, http.StatusForbidden, http.StatusBadRequest); e != nil {
		c.log.Info("people are read in batches of 300, because directoryObjects/getByIds is refused", "status", e.Status,
			"faster with", permObjects)
		return false, nil
	}
	if errors.Is(err, errNotHeeded) {
		c.log.Info("people are read in batches of 300, because directoryObjects/getByIds does not heed $select")
		return false, nil
	}
	return err == nil, err
}

// filterQuery asks for at most idsPerFilter people.
func (c *Client) filterQuery(ids []string) query {
	quoted := make([]string, len(ids))
	for i, id := range ids {
		quoted[i] = quote(id)
	}
	return query{
		op:         "read people by id",
		permission: permUsers,
		template:   "/users?$select={select}&$filter={filter}",
		params:     map[string]string{"select": c.sel.query, "filter": "id in (" + strings.Join(quoted, ",") + ")"},
	}
}

func (c *Client) byFilter(ctx context.Context, q query) (rows []connectors.Row, err error) {
	err = walk(ctx, c, q, c.sel.objects, func(p objectPage) error {
		found, err := wholeRows(q.op, p.objects)
		rows = append(rows, found...)
		return err
	})
	return rows, err
}

// byBatch asks for at most idsPerBatch people.
func (c *Client) byBatch(ctx context.Context, ids []string) ([]connectors.Row, error) {
	var paths []string
	var queries []query
	for some := range slices.Chunk(ids, idsPerFilter) {
		q := c.filterQuery(some)
		queries = append(queries, q)
		paths = append(paths, "/users?$select="+escape(q.params["select"])+"&$filter="+escape(q.params["filter"]))
	}
	answers, err := c.batch(ctx, query{op: "read people by id", permission: permUsers}, paths)
	if err != nil {
		return nil, err
	}
	var rows []connectors.Row
	for i, a := range answers {
		if !a.ok() {
			return nil, a.problem(queries[i])
		}
		page, err := c.sel.objects(a.Body)
		if err != nil {
			return nil, fail(ctx, queries[i], &badPage{err})
		}
		found, err := wholeRows(queries[i].op, page.objects)
		if err != nil {
			return nil, err
		}
		rows = append(rows, found...)
		if page.next != "" {
			more, err := c.byFilter(ctx, query{op: queries[i].op, permission: permUsers, link: page.next})
			if err != nil {
				return nil, err
			}
			rows = append(rows, more...)
		}
	}
	return rows, nil
}

func wholeRows(op string, objects []object) ([]connectors.Row, error) {
	rows := make([]connectors.Row, len(objects))
	for i, o := range objects {
		if !whole(o.row.Values) {
			return nil, limited(op, o.row.ID)
		}
		rows[i] = o.row
	}
	return rows, nil
}

// Person reads one person by object id or userPrincipalName, assigned or not. Errors: FaultNotFound if there is none,
// else as Full.
func (c *Client) Person(ctx context.Context, who string) (connectors.Row, error) {
	q := query{
		op:         "read user " + who,
		permission: permUsers,
		template:   "/users/{who}?$select={select}",
		params:     map[string]string{"who": who, "select": c.sel.query},
	}
	row, err := fetch(ctx, c, q, c.sel.one)
	if err == nil && !whole(row.Values) {
		err = limited(q.op, row.ID)
	}
	return row, err
}
