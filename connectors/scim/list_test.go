package scim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"ringsync/connectors"
)

func TestPage(t *testing.T) {
	d := decoder(t, "title", mobile)
	page, err := d.Page([]byte(`{"schemas":["x"],"Resources":[{"id":"1","userName":"a"},{"id":"2","userName":"b","title":"T","phoneNumbers":[]}],
		"totalResults":7,"startIndex":"3","itemsPerPage":100}`))
	if err != nil || page.Total != 7 || page.Start != 3 || page.PerPage != 100 || len(page.Resources) != 2 {
		t.Fatalf("%+v (%v)", page, err)
	}
	// What lists leave out is not empty; what they carry and is missing, is.
	if got := show(page.Resources[0].Values); got != "null -" {
		t.Errorf("first row: %s", got)
	}
	if got := show(page.Resources[1].Values); got != `"T" null` {
		t.Errorf("second row: %s", got)
	}
	for _, empty := range []string{`{"totalResults":0}`, `{"Resources":[]}`, `{"totalResults":0,"resources":null}`} {
		if page, err := d.Page([]byte(empty)); err != nil || len(page.Resources) != 0 {
			t.Errorf("%s: %+v (%v)", empty, page, err)
		}
	}
	for _, wrong := range []string{``, `<html>`, `[]`, `{}`, `{"id":"1"}`, `{"totalResults":1,"Resources":[1]}`, `{"Resources":{}}`,
		`{"Resources":[{"id":"1"}`, `{"Resources":[]}{}`} {
		if page, err := d.Page([]byte(wrong)); err == nil {
			t.Errorf("%s is taken for %+v", wrong, page)
		}
	}
}

// servers are lists of ten accounts as awkward servers give them.
var servers = map[string]struct {
	fetch func(start int) Page
	read  int // accounts that can be seen
	pages int
	whole bool
}{
	"well-behaved":                    {func(s int) Page { return rowsFrom(s, 4, 10) }, 10, 3, true},
	"one page":                        {func(s int) Page { return rowsFrom(s, 100, 10) }, 10, 1, true},
	"pages shorter than it says":      {func(s int) Page { p := rowsFrom(s, 3, 10); p.PerPage = 5; return p }, 10, 4, true},
	"rows of the last page again":     {func(s int) Page { return rowsFrom(max(1, s-2), 5, 10) }, 10, 3, true},
	"every row twice":                 {func(s int) Page { return twice(rowsFrom(s, 5, 10)) }, 10, 2, true},
	"startIndex ignored":              {func(int) Page { return rowsFrom(1, 4, 10) }, 4, 3, false},
	"claims more than it has":         {func(s int) Page { p := rowsFrom(s, 4, 10); p.Total = 25; return p }, 10, 4, false},
	"no totalResults":                 {func(s int) Page { p := rowsFrom(s, 4, 10); p.Total = 0; return p }, 10, 4, true},
	"rows without an id":              {func(s int) Page { p := rowsFrom(s, 5, 10); p.Resources[0].ID = ""; return p }, 8, 2, false},
	"nothing, whatever it says":       {func(int) Page { return Page{Total: 10} }, 0, 1, false},
	"an empty list":                   {func(int) Page { return Page{} }, 0, 1, true},
	"one page as if half were all":    {func(s int) Page { return rowsFrom(s, 4, map[bool]int{true: 5, false: 10}[s == 5]) }, 10, 4, true},
	"totalResults that grows by ones": {func(s int) Page { p := rowsFrom(s, 1, 10); p.Total = min(10, s+1); return p }, 10, 10, true},
}

func TestWalk(t *testing.T) {
	for name, server := range servers {
		t.Run(name, func(t *testing.T) {
			seen := map[string]int{}
			sum, err := Walk(t.Context(), func(_ context.Context, start int) (Page, error) {
				if start > 1000 {
					t.Fatal("the walk does not end")
				}
				return server.fetch(start), nil
			}, func(r connectors.Resource) error { seen[r.ID]++; return nil })
			if err != nil || sum.Read != server.read || len(seen) != server.read || sum.Pages != server.pages || sum.Whole() != server.whole {
				t.Errorf("%+v, whole %v, %d accounts (%v); want %+v", sum, sum.Whole(), len(seen), err, server)
			}
			for id, times := range seen {
				if times != 1 {
					t.Errorf("account %s came %d times", id, times)
				}
			}
		})
	}
}

func TestWalkEndsWithAnError(t *testing.T) {
	stop := errors.New("stop")
	fetch := func(_ context.Context, start int) (Page, error) { return rowsFrom(start, 4, 10), nil }
	n := 0
	if sum, err := Walk(t.Context(), fetch, func(connectors.Resource) error {
		if n++; n == 6 {
			return stop
		}
		return nil
	}); !errors.Is(err, stop) || n != 6 || sum.Pages != 2 {
		t.Errorf("%+v, %d accounts (%v)", sum, n, err)
	}
	if _, err := Walk(t.Context(), func(context.Context, int) (Page, error) { return Page{}, stop },
		func(connectors.Resource) error { return nil }); !errors.Is(err, stop) {
		t.Error(err)
	}
}

// Whatever the cut of the pages, and whatever they repeat, each account comes once.
func TestWalkSeesEverybodyOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		total := rapid.IntRange(0, 50).Draw(t, "total")
		seen := map[string]int{}
		sum, err := Walk(context.Background(), func(_ context.Context, start int) (Page, error) {
			back := rapid.IntRange(0, min(3, start-1)).Draw(t, "back")
			p := rowsFrom(start-back, back+rapid.IntRange(1, 10).Draw(t, "rows"), total)
			if rapid.Bool().Draw(t, "twice") {
				p = twice(p)
			}
			return p, nil
		}, func(r connectors.Resource) error { seen[r.ID]++; return nil })
		if err != nil || len(seen) != total || sum.Read != total || !sum.Whole() {
			t.Fatalf("%d of %d: %+v (%v)", len(seen), total, sum, err)
		}
	})
}

// rowsFrom is a page of so many rows, from a 1-based index, of accounts 1…total.
func rowsFrom(start, rows, total int) Page {
	p := Page{Total: total, Start: start, PerPage: rows}
	for i := start; i <= total && i < start+rows; i++ {
		p.Resources = append(p.Resources, connectors.Resource{ID: fmt.Sprint(i)})
	}
	return p
}

func twice(p Page) Page {
	p.Resources = append(p.Resources, p.Resources...)
	return p
}

func FuzzPage(f *testing.F) {
	for _, seed := range []string{`{"totalResults":1,"startIndex":1,"itemsPerPage":1,"Resources":[` + accountJSON(1) + `]}`,
		`{"totalResults":-1,"Resources":null}`, `{"totalResults":1e99}`, `{"Resources":[[]]}`, `{"totalResults":"99999999999999999999"}`} {
		f.Add([]byte(seed))
	}
	d := decoder(f, "title", workMail, mobile)
	f.Fuzz(func(t *testing.T, body []byte) {
		page, err := d.Page(body)
		if err == nil && (page.Total < 0 || page.Start < 0 || page.PerPage < 0 || !json.Valid(body)) {
			t.Fatalf("%q: %+v", body, page)
		}
	})
}

func BenchmarkPage(b *testing.B) {
	var rows []string
	for i := range 1000 {
		rows = append(rows, accountJSON(i))
	}
	body := []byte(`{"totalResults":1000,"Resources":[` + strings.Join(rows, ",") + `]}`)
	d := decoder(b, "userName", "externalId", "active", "title", "name.givenName", workMail, mobile, street, country, dept)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Page(body); err != nil {
			b.Fatal(err)
		}
	}
}
