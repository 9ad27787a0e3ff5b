package entra

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"ringsync/connectors"
	"ringsync/connectors/entra/entratest"
)

// inMemory serves requests without sockets, so that time can be virtual. A handler that breaks off (http.ErrAbortHandler)
// breaks the connection, or the body if it has begun one.
type inMemory struct{ http.Handler }

func (m inMemory) RoundTrip(req *http.Request) (resp *http.Response, err error) {
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	rec := httptest.NewRecorder()
	broken := func() (broken bool) {
		defer func() {
			if p := recover(); p != nil {
				if p != http.ErrAbortHandler {
					panic(p)
				}
				broken = true
			}
		}()
		in := req.Clone(req.Context())
		if in.Body == nil {
			in.Body = http.NoBody
		}
		m.ServeHTTP(rec, in)
		return false
	}()
	if broken && rec.Body.Len() == 0 {
		return nil, errors.New("connection reset by peer")
	}
	resp = rec.Result()
	resp.Request = req
	if broken {
		resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(rec.Body.Bytes()), failingReader{}))
	}
	return resp, nil
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

const testEndpoint = "http://127.0.0.1:8041/v1.0"

// newTestClient returns a client of the directory, which it reaches without sockets.
func newTestClient(t testing.TB, d *entratest.Directory, change ...func(*Options)) *Client {
	t.Helper()
	return newClientOf(t, d, func(o *Options) {
		o.Tenant, o.App = d.Tenant(), d.AppID()
		for _, f := range change {
			f(o)
		}
	})
}

func newClientOf(t testing.TB, h http.Handler, change func(*Options)) *Client {
	t.Helper()
	o := Options{
		Tenant: "contoso.com", App: "00000000-0000-0000-0000-0000000000aa", Endpoint: testEndpoint,
		Credential: Credential{Kind: "static", Token: "secret-token"},
		Slots:      slotsOf("mail", "jobTitle", connectors.AttrIsSoftDeleted),
		Transport:  inMemory{h},
	}
	change(&o)
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// facts is a sink that keeps what it is told, as an engine would.
type facts struct {
	t          testing.TB
	app        connectors.App
	rows       map[string]connectors.Row
	edges      map[connectors.Edge]bool // Present unset in the key
	fresh      map[connectors.Edge]bool // emitted in this read
	complete   map[string]bool
	incomplete map[string]error
	mark       []byte
	emitted    int // rows in this read
}

func newFacts(t testing.TB) *facts {
	return &facts{t: t, rows: map[string]connectors.Row{}, edges: map[connectors.Edge]bool{}}
}

// begin forgets what belongs to one read only.
func (f *facts) begin() *facts {
	f.fresh, f.complete, f.incomplete = map[connectors.Edge]bool{}, map[string]bool{}, map[string]error{}
	f.app, f.mark, f.emitted = connectors.App{}, nil, 0
	return f
}

func (f *facts) App(a connectors.App) error { f.app = a; return nil }

func (f *facts) Row(r connectors.Row) error {
	if f.app.ID == "" {
		f.t.Error("a row before the application")
	}
	r.Values = slices.Clone(r.Values)
	f.rows[r.ID] = r
	f.emitted++
	return nil
}

func (f *facts) Edge(e connectors.Edge) error {
	present := e.Present
	e.Present = false
	f.fresh[e] = true
	if present {
		f.edges[e] = true
	} else {
		delete(f.edges, e)
	}
	return nil
}

func (f *facts) Complete(parent string) error {
	f.complete[parent] = true
	for e := range f.edges {
		if e.Parent == parent && !f.fresh[e] {
			delete(f.edges, e)
		}
	}
	return nil
}

func (f *facts) Incomplete(parent string, why error) error { f.incomplete[parent] = why; return nil }

func (f *facts) Mark(m []byte) error { f.mark = m; return nil }

// inScope returns the sorted ids of people who are reachable from the application and have a row that is not removed.
// rowless are those reachable without a row.
func (f *facts) inScope() (ids, rowless []string) {
	below := map[string][]connectors.Edge{}
	for e := range f.edges {
		below[e.Parent] = append(below[e.Parent], e)
	}
	visited := map[string]bool{}
	var visit func(parent string)
	visit = func(parent string) {
		for _, e := range below[parent] {
			if visited[e.Child] {
				continue
			}
			visited[e.Child] = true
			row, known := f.rows[e.Child]
			switch {
			case e.Group:
				visit(e.Child)
			case !known:
				rowless = append(rowless, e.Child)
			case row.Removed == connectors.NotRemoved:
				ids = append(ids, e.Child)
			}
		}
	}
	visit(f.app.ID)
	slices.Sort(ids)
	return ids, rowless
}

func (f *facts) text(id string, slot int) string { return f.rows[id].Values[slot].Text() }

// full reads everything into new facts.
func full(t testing.TB, c *Client) *facts {
	t.Helper()
	f := newFacts(t).begin()
	if err := c.Full(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	return f
}

// changes reads on from what f knows.
func (f *facts) changes(ctx context.Context, c *Client) {
	f.t.Helper()
	mark := f.mark
	if err := c.Changes(ctx, mark, f.begin()); err != nil {
		f.t.Fatal(err)
	}
}

// sameIDs compares two sorted lists.
func sameIDs(t testing.TB, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %d %v, want %d %v", what, len(got), got, len(want), want)
	}
}

// once runs f the first time a request is for path and method.
func once(f func()) func() {
	var done sync.Once
	return func() { done.Do(f) }
}
