package engine_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ringsync/connectors"
	"ringsync/connectors/entra"
	"ringsync/connectors/entra/entratest"
	"ringsync/connectors/ringcentral"
	"ringsync/connectors/ringcentral/ringcentraltest"
	"ringsync/engine"
	"ringsync/engine/plan"
	"ringsync/mapping"
	"ringsync/mapping/filter"
	"ringsync/state"
	"ringsync/state/bolt"
)

// world is a tenant, a RingCentral account and a job between them: the real engine, connectors and state file, and
// emulators reached through memory.
type world struct {
	t       testing.TB
	dir     *entratest.Directory
	account *ringcentraltest.Account
	path    string // the state file
	setup   setup
	people  []string
	groups  []string
	kind    engine.Kind // of the cycles that sync runs; "" is full
	// record, if set, stands between the job and RingCentral.
	record func(http.RoundTripper) http.RoundTripper
	// connected, if set, is what every job works with; else each is connected anew.
	connected *connections
	// offset is by how many nanoseconds the clock on the wall is ahead of the one that timers go by.
	offset atomic.Int64
	disk   *fullDisk // under the state of a served job, nil for one that has room
}

// setup is what a test may change.
type setup struct {
	directory   entratest.Options
	account     ringcentraltest.Options
	people      int
	groups      int
	scopeAll    bool
	nested      bool
	filters     []filter.Group
	deprovision map[state.Scope]plan.Deprovision
	delete      bool
	guard       engine.Guard
	thresholds  engine.Thresholds
	adopt       string
	protect     []string
	roles       bool // map a role into the title
	token       string
	noCreate    bool
	retryBase   time.Duration
	concurrency int // 0: 4
	audit       float64
	logbook     engine.LogOptions
	rules       func([]mapping.Rule) []mapping.Rule
	deaf        bool // the source does not tell what time it is
}

const (
	graphToken = "graph-token"
	scimToken  = "scim-token"
)

func newWorld(t testing.TB, change func(*setup)) *world {
	s := setup{
		directory: entratest.Options{Token: graphToken, Seed: 1},
		account:   ringcentraltest.Options{Token: scimToken, Licenses: -1},
		people:    12, groups: 3,
		deprovision: map[state.Scope]plan.Deprovision{
			state.Unassigned: plan.DeprovisionDisable, state.OutOfScope: plan.DeprovisionDisable, state.Disabled: plan.DeprovisionDisable,
			state.SoftDeleted: plan.DeprovisionDisable, state.HardDeleted: plan.DeprovisionDisable,
		},
		guard: engine.Guard{Count: 25, Percent: 10, From: 20},
		adopt: plan.AdoptUnclaimed,
		token: scimToken,
	}
	if change != nil {
		change(&s)
	}
	w := &world{t: t, setup: s, path: filepath.Join(folder(t), "job.db")}
	w.dir = entratest.New(s.directory)
	w.account = ringcentraltest.New(s.account)
	if s.people > 0 {
		w.people, w.groups = w.dir.Populate(s.people, s.groups)
	}
	return w
}

// folder returns a folder for a state file: one in memory where the system has a place for that, since these tests
// commit thousands of times and would wait for the disk more than for anything else. Benchmarks do wait for it.
func folder(t testing.TB) string {
	if _, measured := t.(*testing.B); !measured {
		if dir, err := os.MkdirTemp("/dev/shm", "ringsync"); err == nil {
			t.Cleanup(func() { _ = os.RemoveAll(dir) })
			return dir
		}
	}
	return t.TempDir()
}

// rules are the default mapping.
func (w *world) rules() []mapping.Rule {
	rules := []mapping.Rule{
		{Target: "userName", Source: "mail", Match: 1},
		{Target: `emails[type eq "work"].value`, Source: "mail"},
		{Target: "externalId", Source: "id"},
		{Target: "name.givenName", Source: "givenName"},
		{Target: "name.familyName", Source: "surname"},
		{Target: "title", Source: "jobTitle"},
		{Target: `phoneNumbers[type eq "mobile"].value`, Source: "mobilePhone"},
		{Target: `addresses[type eq "work"].streetAddress`, Source: "streetAddress"},
		{Target: `addresses[type eq "work"].locality`, Source: "city"},
		{Target: `addresses[type eq "work"].region`, Source: "state"},
		{Target: `addresses[type eq "work"].postalCode`, Source: "postalCode"},
		{Target: `addresses[type eq "work"].country`, Source: "country"},
		{Target: "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", Source: "department"},
		{Target: "active", Expression: `Switch([IsSoftDeleted], , "False", "True", "True", "False")`},
	}
	if w.setup.roles {
		rules[5] = mapping.Rule{Target: "title", Expression: "SingleAppRoleAssignment([appRoleAssignments])"}
	}
	if w.setup.rules != nil {
		rules = w.setup.rules(rules)
	}
	return rules
}

// connections are what a job works with beside its state.
type connections struct {
	slots   *connectors.Slots
	mapping *mapping.Mapping
	source  *entra.Client
	target  *ringcentral.Client
}

// connect builds the connectors as the program would.
func (w *world) connect() *connections {
	w.t.Helper()
	slots := connectors.NewSourceSlots()
	m, err := mapping.Compile(w.rules(), w.setup.filters, entra.Schema(), ringcentral.Schema(), slots)
	w.must(err)
	source, err := entra.New(entra.Options{
		Tenant: w.dir.Tenant(), App: w.dir.AppID(), Endpoint: "http://127.0.0.1:1/v1.0",
		Credential: entra.Credential{Kind: "static", Token: graphToken}, ScopeAll: w.setup.scopeAll, NestedGroups: w.setup.nested,
		Slots: slots, Transport: handlerTransport{w.dir},
	})
	w.must(err)
	var transport http.RoundTripper = handlerTransport{w.account}
	if w.record != nil {
		transport = w.record(transport)
	}
	credential := ringcentral.StaticToken(w.setup.token)
	if a := w.setup.account.App; a != nil {
		credential, err = ringcentral.JWTGrant(ringcentral.JWT{URL: "http://127.0.0.1:1/restapi/oauth/token",
			ClientID: a.ClientID, ClientSecret: a.ClientSecret, Assertion: a.JWT, Transport: handlerTransport{w.account}})
		w.must(err)
	}
	target, err := ringcentral.New(ringcentral.Options{
		URL: "http://127.0.0.1:1/scim/v2", Token: credential, Concurrency: w.concurrency(),
		Slots: m.Target(), Transport: transport, Backoff: time.Millisecond,
	})
	w.must(err)
	return &connections{slots, m, source, target}
}

func (w *world) concurrency() int { return cmp.Or(w.setup.concurrency, 4) }

// job builds the job over its state as the program would. The state must be closed before the next job is built.
func (w *world) job(db state.DB) (*engine.Job, *ringcentral.Client) {
	w.t.Helper()
	c := w.connected
	if c == nil {
		c = w.connect()
	}
	protect := map[string]bool{}
	for _, p := range w.setup.protect {
		protect[strings.ToLower(p)] = true
	}
	var source engine.Source = c.source
	if w.setup.deaf {
		source = struct{ engine.Source }{source}
	}
	store := state.New(db)
	job := engine.New(store, source, engine.Options{
		Name: "contoso", Slots: c.slots, Mapping: c.mapping, ScopeAll: w.setup.scopeAll, NestedGroups: w.setup.nested,
		Guard: w.setup.guard, Thresholds: w.setup.thresholds, Concurrency: w.concurrency(), AuditShare: w.setup.audit,
		Logbook:   w.setup.logbook,
		Now:       func() time.Time { return time.Now().Round(0).Add(time.Duration(w.offset.Load())) },
		RetryBase: max(time.Millisecond, w.setup.retryBase), Logger: slog.New(slog.DiscardHandler),
		Policy: plan.Policy{
			Create: !w.setup.noCreate, Update: true, Disable: true, Delete: w.setup.delete,
			Deprovision: w.setup.deprovision, Adopt: w.setup.adopt, Protect: protect,
		},
	})
	w.must(store.Bind(w.t.Context(), state.Identity{Tenant: w.dir.Tenant(), App: w.dir.AppID(), Target: "http://127.0.0.1:1/scim/v2"},
		c.mapping.Target().Names(), engine.MatchingNames(c.mapping)))
	return job, c.target
}

// trySync runs one cycle, a full one unless w.kind says otherwise, and returns its report and error.
func (w *world) trySync(ctx context.Context) (*plan.Report, error) {
	w.t.Helper()
	db, err := bolt.Open(w.path, bolt.Options{Create: true})
	w.must(err)
	defer func() { w.must(db.Close()) }()
	job, target := w.job(db)
	return job.Cycle(ctx, target, cmp.Or(w.kind, engine.Full), math.MaxInt)
}

func (w *world) sync() *plan.Report {
	w.t.Helper()
	r, err := w.trySync(w.t.Context())
	w.must(err)
	return r
}

// diff runs a dry run over the state file, which may not exist yet.
func (w *world) diff() *plan.Report {
	w.t.Helper()
	var base state.DB
	if db, err := bolt.Open(w.path, bolt.Options{ReadOnly: true}); err == nil {
		defer func() { w.must(db.Close()) }()
		base = db
	}
	job, target := w.job(state.NewOverlay(base))
	r, err := job.Diff(w.t.Context(), target, engine.Listed)
	w.must(err)
	return r
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// writes returns the operations that changed something at the target since the last call, in words.
func (w *world) writes() []string {
	var out []string
	for _, write := range w.account.Writes() {
		out = append(out, strings.TrimSpace(write.Method+" "+write.ID))
	}
	w.account.ResetRequests()
	slices.Sort(out)
	return out
}

// accountOf returns the one account that carries the person's object id.
func (w *world) accountOf(person string) ringcentraltest.User {
	w.t.Helper()
	var found []ringcentraltest.User
	for _, u := range w.account.Users() {
		if u.ExternalID == person {
			found = append(found, u)
		}
	}
	if len(found) != 1 {
		w.t.Fatalf("%d accounts for %s: %+v", len(found), person, found)
	}
	return found[0]
}

// settled fails unless the target is what the directory asks for: exactly one active account for everybody in scope
// with mail and names, and none active for anybody else of ours (safety rules S1 and S5).
func (w *world) settled() {
	w.t.Helper()
	want := map[string]bool{}
	for _, id := range w.dir.AssignedIn(entratest.Scope{Nested: w.setup.nested}) {
		u, ok := w.dir.User(id)
		if enabled, _ := u["accountEnabled"].(bool); ok && enabled && u["mail"] != nil && u["surname"] != nil && u["givenName"] != nil {
			want[id] = true
		}
	}
	count := map[string]int{}
	for _, u := range w.account.Users() {
		if u.ExternalID == "" {
			continue
		}
		if count[u.ExternalID]++; u.Active != want[u.ExternalID] {
			w.t.Errorf("%s (%s): active is %v, should be %v", u.UserName, u.ExternalID, u.Active, want[u.ExternalID])
		}
	}
	for id := range want {
		if count[id] != 1 {
			w.t.Errorf("%s has %d accounts", id, count[id])
		}
	}
	for id, n := range count {
		if n > 1 {
			w.t.Errorf("%s has %d accounts", id, n)
		}
	}
}

// statuses returns the report's changes as "action name: status", sorted.
func statuses(r *plan.Report) []string {
	var out []string
	for _, c := range r.Changes {
		out = append(out, strings.TrimSpace(string(c.Action)+" "+c.Source.UserPrincipalName)+": "+c.Status)
	}
	slices.Sort(out)
	return out
}

// handlerTransport serves requests from a handler without sockets. A handler that breaks the connection, as
// net/http's ErrAbortHandler does, gives an error, or a body that ends too soon if it had begun to answer.
type handlerTransport struct{ handler http.Handler }

func (h handlerTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	in := req.Clone(req.Context())
	if in.Body == nil {
		in.Body = http.NoBody
	}
	in.RequestURI, in.RemoteAddr = req.URL.RequestURI(), "192.0.2.1:1"
	if in.Host == "" {
		in.Host = req.URL.Host
	}
	rec := httptest.NewRecorder()
	aborted := false
	func() {
		defer func() {
			if p := recover(); p == http.ErrAbortHandler {
				aborted = true
			} else if p != nil {
				panic(p)
			}
		}()
		h.handler.ServeHTTP(rec, in)
	}()
	if aborted && rec.Body.Len() == 0 {
		return nil, errors.New("connection reset by peer")
	}
	res := rec.Result()
	res.Request = req
	if aborted {
		res.Body = io.NopCloser(io.MultiReader(bytes.NewReader(rec.Body.Bytes()), brokenReader{}))
	}
	return res, nil
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
