package ringcentraltest

import (
	"bytes"
	"crypto/subtle"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Options say what kind of account it is. Note that the zero value has no free licence.
type Options struct {
	// Token is the bearer token that opens the account; "" takes any request if there is no App either.
	Token string
	// App, if not nil, signs in at /restapi/oauth/token; the access tokens that it gets open the account too.
	App *App
	// Scopes are the application permissions of Token; nil for all.
	Scopes []string
	// SCIMOnly shuts the REST API to Token.
	SCIMOnly bool
	// Licenses is the number of unassigned extensions, each good for one create; negative for no limit.
	Licenses int
	// AllowDuplicates lets several accounts use one mail, so that a create that was blindly repeated shows.
	AllowDuplicates bool
	// StringBooleans takes the texts "True" and "False" for active, as Entra sends them.
	StringBooleans bool
	// RefuseConcurrent answers a write with 429 CMN-304 while another of the same user is under way.
	RefuseConcurrent bool

	// ListCap is the most rows that a page carries, whatever count asks for; 0 for 1,000.
	ListCap int
	// ShuffleList lists accounts in no recognisable, but lasting order.
	ShuffleList bool
	// RepeatRows shifts the list by one row after its first page, as when an account is inserted during the walk:
	// each later page begins one row early, and totalResults grows by one.
	RepeatRows bool
	// ShortPages answers with half the rows asked for, though there are more.
	ShortPages bool

	// Limits are the rate limits by group; nil for none, and then no reply carries X-Rate-Limit headers.
	Limits map[string]Limit
	// Latency is slept in every request that passes the gateway, before it takes effect.
	Latency time.Duration
	// Now tells the time that limits and meta go by; nil for time.Now.
	Now func() time.Time
	// NoJournal keeps no record of writes, for benchmarks of millions: Writes and Posts stay empty.
	NoJournal bool
}

// Account is an emulated RingCentral account, an http.Handler with the base paths /scim/v2 and /restapi. All methods
// may be called at any time from any goroutine.
type Account struct {
	options Options
	mux     *http.ServeMux

	mu       sync.Mutex
	store    *store
	licenses int
	tokens   tokens
	buckets  map[string]*bucket
	inFlight map[string]bool // the users with a write under way, by id or folded user name
	requests map[string]int  // by route
	targets  map[string]target
	writes   []Write
	fault    func(*http.Request) *Fault
}

// New returns an empty account.
func New(options Options) *Account {
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.ListCap <= 0 {
		options.ListCap = 1000
	}
	a := &Account{
		options:  options,
		mux:      http.NewServeMux(),
		store:    newStore(options.ShuffleList),
		licenses: options.Licenses,
		buckets:  newBuckets(options.Limits),
		inFlight: make(map[string]bool),
		requests: make(map[string]int),
		targets:  make(map[string]target),
	}
	for _, r := range routes() {
		a.mux.Handle(r.method+" /scim/v2"+r.path, a.handler(r))
	}
	for _, r := range restRoutes() {
		a.mux.Handle(r.method+" "+r.path, a.handler(r))
	}
	a.mux.Handle("/scim/v2/", a.handler(route{group: Light, maxBody: small, serve: noSuchPath}))
	a.mux.Handle("/restapi/", a.handler(route{group: Light, maxBody: small, rest: true, serve: noSuchResource}))
	return a
}

// ServeHTTP implements http.Handler.
func (a *Account) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.mux.ServeHTTP(w, r) }

// The largest bodies that RingCentral documents: 1m, and 10m for what may carry a user.
const (
	small = 1 << 20
	large = 10 << 20
)

// route is one operation of the API.
type route struct {
	method, path string
	group        string // of rate limits
	maxBody      int64
	write        bool
	serve        func(*Account, *exchange) (reply, error) // an error other than a *refusal is answered 500
	rest         bool                                     // of the REST API, not SCIM's
	open         bool                                     // takes no bearer token
}

// routes are the operations that RingCentral documents. There is none for groups, bulk or me.
func routes() []route {
	return []route{
		{"GET", "/ServiceProviderConfig", Light, small, false, (*Account).providerConfig, false, false},
		{"GET", "/ResourceTypes", Light, small, false, (*Account).resourceTypes, false, false},
		{"GET", "/ResourceTypes/{id}", Light, small, false, (*Account).resourceType, false, false},
		{"GET", "/Schemas", Light, small, false, (*Account).schemas, false, false},
		{"GET", "/Schemas/{id}", Light, small, false, (*Account).schema, false, false},
		{"GET", "/Users", Light, small, false, (*Account).list, false, false},
		{"POST", "/Users/.search", Light, small, false, (*Account).search, false, false},
		{"GET", "/Users/{id}", Light, small, false, (*Account).get, false, false},
		{"POST", "/Users", Heavy, large, true, (*Account).create, false, false},
		{"PUT", "/Users/{id}", Heavy, large, true, (*Account).put, false, false},
		{"PATCH", "/Users/{id}", Heavy, large, true, (*Account).patch, false, false},
		{"DELETE", "/Users/{id}", Heavy, small, true, (*Account).delete, false, false},
	}
}

// exchange is one request on its way through the account.
type exchange struct {
	route   route
	request *http.Request
	id      string // the path's {id}
	body    []byte
	now     time.Time
	half    bool // a fault has lists show half the accounts

	effect  bool   // set by the operation: something was written
	created string // set by create: the new account's id
}

// handler returns the handler of one route. The steps are the real ones in the likely order: the gateway checks
// credentials and limits, then SCIM sees the request.
func (a *Account) handler(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.count(rt, r)
		if r.Body == nil {
			r.Body = http.NoBody // a request that came by no server
		}
		body, err := io.ReadAll(io.LimitReader(r.Body, rt.maxBody+1))
		if err != nil {
			panic(http.ErrAbortHandler) // the client broke off
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		x := &exchange{route: rt, request: r, id: r.PathValue("id"), body: body, now: a.options.Now()}
		a.answer(x).write(w, r.Header.Get("Accept"))
	})
}

// answer takes the request through the gateway, the fault set for it if any, and SCIM.
func (a *Account) answer(x *exchange) reply {
	if refused, ok := a.authorize(x); !ok {
		return refused
	}
	if refused, ok := a.throttle(x); !ok {
		return refused
	}
	if fault := a.faultFor(x.request); fault != nil {
		return a.fail(x, fault)
	}
	p := a.operate(x)
	a.record(x, p.status)
	return a.rated(x, p)
}

// authorize checks the bearer token and what it may do. The gateway answers without rate-limit headers: it knows no
// user yet.
func (a *Account) authorize(x *exchange) (reply, bool) {
	if x.route.open || a.options.Token == "" && a.options.App == nil {
		return reply{}, true
	}
	scheme, token, _ := strings.Cut(x.request.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return unauthorized("OAU-149", "Unparsable access token"), false
	}
	scopes, rest := a.options.Scopes, !a.options.SCIMOnly
	if a.options.Token == "" || subtle.ConstantTimeCompare([]byte(token), []byte(a.options.Token)) == 0 {
		code, message := a.signedIn(token, x.now)
		if code != "" {
			return unauthorized(code, message), false
		}
		scopes, rest = a.options.App.Scopes, true
	}
	needed := "ReadAccounts"
	if x.route.write {
		needed = "EditAccounts"
	}
	if x.route.rest && !rest || scopes != nil && !slices.Contains(scopes, needed) {
		p := gatewayReply(http.StatusForbidden, "CMN-401", "In order to call this API endpoint, application needs to have ["+needed+"] permission")
		p.unrated = true
		return p, false
	}
	return reply{}, true
}

func unauthorized(code, message string) reply {
	p := gatewayReply(http.StatusUnauthorized, code, message)
	p.header.Set("WWW-Authenticate", `Bearer realm="RingCentral REST API", error="invalid_token"`)
	return p
}

// throttle counts the request in its group.
func (a *Account) throttle(x *exchange) (reply, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	b := a.buckets[x.route.group]
	if b.admit(x.now) {
		return reply{}, true
	}
	return exceeded(b.penalty).with(b.headers(x.route.group, x.now)), false
}

// rated returns the reply with the rate-limit headers of the request's group.
func (a *Account) rated(x *exchange, p reply) reply {
	if p.unrated {
		return p
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return p.with(a.buckets[x.route.group].headers(x.route.group, x.now))
}

// operate has the operation take effect and returns its reply.
func (a *Account) operate(x *exchange) reply {
	if x.route.write && a.options.RefuseConcurrent {
		key := x.inFlightKey()
		if !a.begin(key) {
			p := gatewayReply(http.StatusTooManyRequests, "CMN-304", "Duplicate concurrent request. Try again later")
			p.unrated = true // it is no rate limit
			return p
		}
		defer a.end(key)
	}
	if a.options.Latency > 0 {
		time.Sleep(a.options.Latency) // in full even if the client has gone: the effect comes all the same
	}
	p, err := x.serve(a)
	if err == nil {
		return p
	}
	refused, ok := errors.AsType[*refusal](err)
	if !ok {
		refused = &refusal{http.StatusInternalServerError, "", err.Error()}
	}
	if x.route.rest {
		return gatewayReply(refused.status, refused.scimType, refused.detail)
	}
	return refused.reply()
}

// serve runs the operation on what every operation takes: a body not too large, of one of SCIM's two types.
func (x *exchange) serve(a *Account) (reply, error) {
	if int64(len(x.body)) > x.route.maxBody {
		return reply{}, &refusal{http.StatusRequestEntityTooLarge, "", "Request body is too large"}
	}
	if x.request.Method != http.MethodGet && x.request.Method != http.MethodDelete && !x.route.open {
		kind, _, _ := strings.Cut(x.request.Header.Get("Content-Type"), ";")
		if kind = strings.ToLower(strings.TrimSpace(kind)); kind != scimJSON && kind != plainJSON {
			return reply{}, &refusal{http.StatusUnsupportedMediaType, "", "Content-Type must be " + scimJSON + " or " + plainJSON}
		}
	}
	return x.route.serve(a, x)
}

func noSuchPath(_ *Account, x *exchange) (reply, error) { return reply{}, notFound(x.request.URL.Path) }
