package entratest

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"ringsync/connectors"
)

// route is one operation of the API.
type route struct {
	method   string
	template string // "/groups/{id}/members"
	path     []string
	units    int      // base cost in resource units (Graph throttling limits, identity and access)
	needs    []string // application permissions, any of which will do
	writes   bool
	serve    func(*call) (answer, *failure)
}

const maxBody = 4 << 20 // Graph's limit on a request

// ServeHTTP answers paths below /v1.0.
func (d *Directory) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.hooks.mu.RLock()
	onReq := d.hooks.onReq
	d.hooks.mu.RUnlock()
	if onReq != nil {
		onReq(r)
	}
	c := &call{method: r.Method, header: r.Header, now: d.now(), base: baseURL(r)}
	d.identify(c)
	rt, f := d.receive(c, r)
	if rt != nil {
		d.requests.add(rt.method + " " + rt.template)
	}
	fault := d.faultFor(r)
	if fault.before(r.Context()) {
		d.penalise(fault, c)
		fault.answer(c).write(w, c)
		return
	}
	a := d.finish(c, rt, f)
	if fault != nil {
		fault.after(w, c, a)
		return
	}
	a.write(w, c)
}

// baseURL is the URL that the client used, up to and including the version. A request that a transport hands over
// without a network in between still has scheme and host in its URL.
func baseURL(r *http.Request) string {
	scheme, host := r.URL.Scheme, r.Host
	if host == "" {
		host = r.URL.Host
	}
	switch {
	case scheme != "":
	case r.TLS != nil:
		scheme = "https"
	default:
		scheme = "http"
	}
	return scheme + "://" + host + "/v1.0"
}

func (d *Directory) identify(c *call) {
	n := d.serial.Add(1)
	c.requestID = formatGUID((d.secret^n)*0x9e3779b97f4a7c15, n*0xbf58476d1ce4e5b9)
	if c.clientID = c.header.Get("Client-Request-Id"); c.clientID == "" {
		c.clientID = c.requestID
	}
}

// receive reads the request and finds its route.
func (d *Directory) receive(c *call, r *http.Request) (*route, *failure) {
	if r.Body == nil {
		r.Body = http.NoBody
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return nil, badRequest("The request body could not be read.")
	}
	if len(body) > maxBody {
		return nil, fail(http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "The request body is larger than %d bytes.", maxBody)
	}
	c.body = body
	r.Body = io.NopCloser(bytes.NewReader(body)) // hooks may read it as well
	return d.resolve(c, r.URL.EscapedPath(), r.URL.RawQuery)
}

// resolve finds the route of a path with the version in front.
func (d *Directory) resolve(c *call, escaped, rawQuery string) (*route, *failure) {
	rest, ok := strings.CutPrefix(escaped, "/v1.0")
	if !ok {
		return nil, fail(http.StatusBadRequest, "BadRequest", "Invalid version: %s", strings.TrimPrefix(escaped, "/"))
	}
	c.link = rest
	if c.path, ok = splitPath(rest); !ok {
		return nil, fail(http.StatusBadRequest, "BadRequest", "Bad request path.")
	}
	var err error
	if c.query, err = url.ParseQuery(rawQuery); err != nil {
		return nil, fail(http.StatusBadRequest, "BadRequest", "The query string is malformed.")
	}
	known := false
	for i := range d.routes {
		rt := &d.routes[i]
		vars, ok := rt.match(c.path)
		known = known || ok
		if ok && rt.method == c.method {
			c.vars = vars
			return rt, nil
		}
	}
	if known {
		return nil, fail(http.StatusMethodNotAllowed, "Request_BadRequest", "Specified HTTP method is not allowed for the request target.")
	}
	return nil, fail(http.StatusBadRequest, "BadRequest", "Resource not found for the segment '%s'.", c.path[0])
}

func (rt *route) match(path []string) (vars []string, ok bool) {
	if len(path) != len(rt.path) {
		return nil, false
	}
	for i, want := range rt.path {
		switch {
		case want == "{id}":
			vars = append(vars, path[i])
		case want != path[i]:
			return nil, false
		}
	}
	return vars, true
}

// finish runs the request through authentication, throttling and permissions to its handler.
func (d *Directory) finish(c *call, rt *route, f *failure) answer {
	if f2 := d.authenticate(c); f2 != nil {
		return f2.answer(c)
	}
	if f != nil {
		return f.answer(c)
	}
	if f := d.charge(c, rt); f != nil {
		return f.answer(c)
	}
	if !d.may(rt.needs...) {
		return denied().answer(c)
	}
	a, f := d.locked(c, rt)
	if f != nil {
		return f.answer(c)
	}
	return a
}

func (d *Directory) locked(c *call, rt *route) (answer, *failure) {
	switch {
	case rt.template == batchTemplate: // locks for each of its items
	case rt.writes:
		d.mu.Lock()
		defer d.mu.Unlock()
	default:
		d.mu.RLock()
		defer d.mu.RUnlock()
	}
	return rt.serve(c)
}

func (d *Directory) authenticate(c *call) *failure {
	token, ok := strings.CutPrefix(c.header.Get("Authorization"), "Bearer ")
	var f *failure
	switch {
	case d.options.Token == "":
		return nil
	case !ok || token == "":
		f = fail(http.StatusUnauthorized, "InvalidAuthenticationToken", "Access token is empty.")
	case token != d.options.Token:
		f = fail(http.StatusUnauthorized, "InvalidAuthenticationToken", "Access token validation failure. Invalid audience.")
	default:
		return nil
	}
	f.header = http.Header{"Www-Authenticate": {`Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", client_id="00000003-0000-0000-c000-000000000000"`}}
	return f
}

// may reports whether the caller has any of the permissions.
func (d *Directory) may(permissions ...string) bool {
	return d.granted == nil || len(permissions) == 0 ||
		slices.ContainsFunc(permissions, func(p string) bool { return d.granted[p] })
}

// grants turns the options into a set. Write permissions include reading.
func grants(o Options) map[string]bool {
	list := o.Permissions
	if list == nil {
		list = words(`User.ReadWrite.All Group.ReadWrite.All Application.ReadWrite.All Member.Read.Hidden
			AppRoleAssignment.ReadWrite.All Directory.ReadWrite.All`)
	}
	granted := make(map[string]bool)
	for _, p := range list {
		granted[p] = true
		granted[strings.Replace(p, ".ReadWrite.", ".Read.", 1)] = true
	}
	if o.NoDirectoryRead {
		delete(granted, "Directory.Read.All")
		delete(granted, "Directory.ReadWrite.All")
	}
	return granted
}

// principal returns the service principal that a key names: an object id, or appId='…'.
func (d *Directory) principal(key string) (*object, *failure) {
	if appID, ok := strings.CutPrefix(key, "appId='"); ok {
		for _, o := range d.byKind[principalKind] {
			if o.life == live && connectors.FoldID(o.text("appId")) == connectors.FoldID(appID) {
				return o, nil
			}
		}
		return nil, notFound(appID)
	}
	if o := d.find(principalKind, key); o != nil {
		return o, nil
	}
	return nil, notFound(key)
}
