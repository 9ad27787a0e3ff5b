package entratest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"ringsync/connectors/entra/entratest"
)

// tenant is a directory behind a real server.
type tenant struct {
	*entratest.Directory
	t      *testing.T
	server *httptest.Server
	header http.Header // sent with every request
}

func newTenant(t *testing.T, o entratest.Options) *tenant {
	t.Helper()
	d := entratest.New(o)
	server := httptest.NewServer(d)
	t.Cleanup(server.Close)
	return &tenant{Directory: d, t: t, server: server, header: http.Header{}}
}

// reply is a response with its body decoded.
type reply struct {
	status int
	header http.Header
	body   map[string]any
	raw    string
}

// call sends a request to a path below the version, or to an absolute link. Spaces are escaped for readability's sake.
func (s *tenant) call(method, link, body string, headers ...string) reply {
	s.t.Helper()
	if !strings.HasPrefix(link, "http") {
		link = s.server.URL + "/v1.0" + link
	}
	req, err := http.NewRequestWithContext(s.t.Context(), method, strings.ReplaceAll(link, " ", "%20"), strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	maps.Copy(req.Header, s.header)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := s.server.Client().Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	r := reply{status: res.StatusCode, header: res.Header, raw: string(raw)}
	if strings.Contains(res.Header.Get("Content-Type"), "json") {
		if err := json.Unmarshal(raw, &r.body); err != nil {
			s.t.Fatalf("%s %s: %v in %s", method, link, err, raw)
		}
	}
	return r
}

func (s *tenant) get(link string, headers ...string) reply {
	s.t.Helper()
	return s.call("GET", link, "", headers...)
}

// must is get for what has to succeed.
func (s *tenant) must(link string, headers ...string) reply {
	s.t.Helper()
	r := s.get(link, headers...)
	if r.status != http.StatusOK {
		s.t.Fatalf("GET %s: %d %s", link, r.status, r.raw)
	}
	return r
}

func (r reply) code() string {
	e, _ := r.body["error"].(map[string]any)
	code, _ := e["code"].(string)
	return code
}

func (r reply) text(name string) string { s, _ := r.body[name].(string); return s }

func (r reply) next() string  { return r.text("@odata.nextLink") }
func (r reply) delta() string { return r.text("@odata.deltaLink") }

func (r reply) rows() []map[string]any {
	list, _ := r.body["value"].([]any)
	out := make([]map[string]any, len(list))
	for i, x := range list {
		out[i], _ = x.(map[string]any)
	}
	return out
}

func (r reply) ids() []string { return idsOf(r.rows()) }

func idsOf(rows []map[string]any) []string {
	out := make([]string, len(rows))
	for i, row := range rows {
		out[i], _ = row["id"].(string)
	}
	return out
}

// all follows nextLinks to the end and returns the pages.
func (s *tenant) all(link string, headers ...string) []reply {
	s.t.Helper()
	var pages []reply
	for link != "" {
		if len(pages) > 10_000 {
			s.t.Fatal("nextLinks do not end")
		}
		r := s.must(link, headers...)
		if r.next() != "" && r.delta() != "" {
			s.t.Fatalf("both links in %s", r.raw)
		}
		pages = append(pages, r)
		link = r.next()
	}
	return pages
}

// round reads a delta round to its end: all its rows, and the deltaLink.
func (s *tenant) round(link string, headers ...string) ([]map[string]any, string) {
	s.t.Helper()
	var rows []map[string]any
	pages := s.all(link, headers...)
	for _, p := range pages {
		rows = append(rows, p.rows()...)
	}
	last := pages[len(pages)-1]
	if last.delta() == "" {
		s.t.Fatalf("round without deltaLink: %s", last.raw)
	}
	return rows, last.delta()
}

func rowsOf(pages []reply) []map[string]any {
	var rows []map[string]any
	for _, p := range pages {
		rows = append(rows, p.rows()...)
	}
	return rows
}

func sameSet(t *testing.T, what string, got, want []string) {
	t.Helper()
	got, want = slices.Compact(slices.Sorted(slices.Values(got))), slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %d ids, want %d", what, len(got), len(want))
	}
}

// shape lists the paths of a JSON value with their types, so that a body can be compared with a documented one.
func shape(v any) []string {
	seen := map[string]bool{}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch x := v.(type) {
		case map[string]any:
			for k, inner := range x {
				walk(path+"."+k, inner)
			}
		case []any:
			for _, inner := range x {
				walk(path+"[]", inner)
			}
			if len(x) == 0 {
				seen[path+"[]"] = true
			}
		default:
			seen[fmt.Sprintf("%s %T", path, v)] = true
		}
	}
	walk("", v)
	return slices.Sorted(maps.Keys(seen))
}

func sameShape(t *testing.T, got map[string]any, documented string) {
	t.Helper()
	var want any
	if err := json.Unmarshal([]byte(documented), &want); err != nil {
		t.Fatal(err)
	}
	if g, w := shape(got), shape(want); !slices.Equal(g, w) {
		t.Errorf("got  %q\nwant %q", g, w)
	}
}

// clock is a time that a test sets.
type clock struct{ at time.Time }

func (c *clock) now() time.Time          { return c.at }
func (c *clock) advance(d time.Duration) { c.at = c.at.Add(d) }

func newClock() *clock { return &clock{at: time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)} }

func q(s string) string { return url.QueryEscape(s) }
