package scim

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"ringsync/connectors"
)

// Page is one ListResponse (RFC 7644, section 3.4.2).
type Page struct {
	Total     int // totalResults
	Start     int // startIndex, 1-based; 0 if not given
	PerPage   int // itemsPerPage; some servers echo what was asked
	Resources []connectors.Resource
}

var errNotList = errors.New("not a SCIM list: neither totalResults nor Resources")

// Page reads a list page.
func (d *Decoder) Page(body []byte) (Page, error) {
	var page Page
	list := false
	c := &cursor{b: body}
	err := c.object(func(name []byte) error {
		switch {
		case bytes.EqualFold(name, []byte("Resources")):
			list = true
			return d.rows(c, &page)
		case bytes.EqualFold(name, []byte("totalResults")):
			list = true
			return c.count(&page.Total)
		case bytes.EqualFold(name, []byte("startIndex")):
			return c.count(&page.Start)
		case bytes.EqualFold(name, []byte("itemsPerPage")):
			return c.count(&page.PerPage)
		default:
			return c.skip()
		}
	})
	if err == nil {
		err = c.end()
	}
	if err == nil && !list {
		err = errNotList
	}
	if err != nil {
		return Page{}, fmt.Errorf("read list page: %w", err)
	}
	return page, nil
}

// rows reads Resources, which an empty list may give as null.
func (d *Decoder) rows(c *cursor, page *Page) error {
	page.Resources = nil
	if c.peek() == 'n' {
		return c.literal("null")
	}
	return c.array(func() error {
		r, err := d.resource(c, true)
		if err == nil {
			page.Resources = append(page.Resources, r)
		}
		return err
	})
}

// count reads a number that is not negative.
func (c *cursor) count(n *int) error {
	v, err := c.value()
	if err != nil {
		return err
	}
	if x, ok := v.AsInt(); ok && x >= 0 && x == int64(int(x)) {
		*n = int(x)
	}
	return nil
}

// Walk reads a list to its end: fetch gets the page from a 1-based index, yield each resource once. It goes on by the
// rows that were new, since servers cut pages short, repeat rows, and may echo in itemsPerPage what was asked. It ends
// on the greatest totalResults, on an empty page, and on the second page in a row that brings nothing new, which is what a server
// that ignores startIndex sends for ever. Rows without an id cannot be told apart and are left out. No end means that
// whoever is missing does not exist.
func Walk(ctx context.Context, fetch func(ctx context.Context, start int) (Page, error), yield func(connectors.Resource) error) (connectors.ListSummary, error) {
	var sum connectors.ListSummary
	seen := connectors.NewHashes() // an unseen row proves nothing
	idle := false
	for start := 1; ; {
		page, err := fetch(ctx, start)
		if err != nil {
			return sum, err
		}
		sum.Pages++
		sum.Total = max(sum.Total, page.Total) // a page that says less may be short itself
		fresh, nameless := 0, 0
		for _, r := range page.Resources {
			if r.ID == "" {
				nameless++
				continue
			}
			if !seen.Add(r.ID) {
				continue
			}
			fresh++
			if err := yield(r); err != nil {
				return sum, err
			}
		}
		sum.Read += fresh
		step := fresh + nameless
		if fresh == 0 {
			step = len(page.Resources)
		}
		start += step
		if step == 0 || fresh == 0 && idle || sum.Total > 0 && start > sum.Total {
			return sum, nil
		}
		idle = fresh == 0
	}
}
