package entratest

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// call is one request under way: an HTTP request or an item of a batch.
type call struct {
	method    string
	path      []string // below /v1.0, normalised by splitPath
	link      string   // the path as the client wrote it, for nextLinks
	vars      []string // what the route's {…} matched
	query     url.Values
	header    http.Header
	body      []byte
	base      string // "http://host/v1.0"
	now       time.Time
	requestID string
	clientID  string
	units     int     // resource units charged
	load      float64 // share of the bucket used
}

// splitPath cuts an escaped path into segments. "delta()" becomes "delta", "graph.user" "microsoft.graph.user", and a
// key in parentheses a segment of its own: the service takes either spelling.
func splitPath(escaped string) ([]string, bool) {
	var out []string
	for seg := range strings.SplitSeq(strings.Trim(escaped, "/"), "/") {
		s, err := url.PathUnescape(seg)
		if err != nil {
			return nil, false
		}
		s = strings.TrimSuffix(s, "()")
		if rest, ok := strings.CutPrefix(s, "graph."); ok {
			s = "microsoft.graph." + rest
		}
		if i := strings.IndexByte(s, '('); i > 0 && strings.HasSuffix(s, ")") {
			out = append(out, s[:i], strings.Trim(s[i+1:len(s)-1], "'"))
			continue
		}
		out = append(out, s)
	}
	return out, true
}

// allow refuses query options that the route does not know, and any that is given twice.
func (c *call) allow(names ...string) *failure {
	for name, values := range c.query {
		if !strings.HasPrefix(name, "$") {
			continue // custom query options are ignored
		}
		if !slices.Contains(names, name) {
			return unsupported("The query parameter '%s' is not supported for this request.", name)
		}
		if len(values) > 1 {
			return badRequest("Query option '%s' was specified more than once, but it must be specified at most once.", name)
		}
	}
	return nil
}

// sel parses $select against the kinds whose properties may be named; nil means that it was not given.
func (c *call) sel(kinds ...kind) ([]string, *failure) {
	raw := c.query.Get("$select")
	if raw == "" {
		return nil, nil
	}
	var names []string
	for name := range strings.SplitSeq(raw, ",") {
		name = strings.TrimSpace(name)
		known := slices.ContainsFunc(kinds, func(k kind) bool { _, ok := k.lookup(name); return ok })
		if !known {
			return nil, fail(http.StatusBadRequest, "BadRequest",
				"Parsing OData Select and Expand failed: Could not find a property named '%s' on type 'microsoft.graph.%s'.",
				name, entities[kinds[0]].typeName)
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names, nil
}

// The real page sizes (Graph docs on paging and the list pages of users, groups and members).
const (
	defaultTop = 100
	mostTop    = 999
)

// top parses $top and applies the cap.
func (d *Directory) top(c *call) (int, *failure) {
	top := defaultTop
	if raw, ok := c.query["$top"]; ok {
		n, err := strconv.Atoi(raw[0])
		if err != nil || n < 1 || n > mostTop {
			return 0, unsupported("Invalid page size specified: '%s'. Must be between 1 and %d inclusive.", raw[0], mostTop)
		}
		top = n
	}
	if d.options.PageSize > 0 {
		top = min(top, d.options.PageSize)
	}
	return top, nil
}

// advanced checks what queries served from the index need: the header and $count=true, on every page (Graph docs,
// advanced query capabilities). A page token sent without them counts as expired.
func (c *call) advanced() *failure {
	header := strings.EqualFold(c.header.Get("ConsistencyLevel"), "eventual")
	switch {
	case header && c.query.Get("$count") == "true":
		return nil
	case c.query.Has("$skiptoken"):
		return expiredPage()
	case !header:
		return unsupported("Request with this query is only supported with the request header 'ConsistencyLevel: eventual' and $count=true.")
	default:
		return badRequest("$count=true is required for this query.")
	}
}

// selected is the context of a collection restricted to a selection: "users(displayName,mail)".
func selected(set string, sel []string) string {
	if sel == nil {
		return set
	}
	return set + "(" + strings.Join(sel, ",") + ")"
}

// with returns the call's own link with its query options, less the token, plus another one.
func (c *call) with(token string) string {
	q := make([]string, 0, len(c.query)+1)
	for _, name := range []string{"$select", "$filter", "$top", "$count", "$search", "$orderby"} {
		if c.query.Has(name) {
			q = append(q, name+"="+escape(c.query.Get(name)))
		}
	}
	q = append(q, "$skiptoken="+token)
	return c.base + c.link + "?" + strings.Join(q, "&")
}

// escape is query escaping as Graph's own links have it: a comma stays, a space is %20.
func escape(s string) string {
	s = url.QueryEscape(s)
	s = strings.ReplaceAll(s, "+", "%20")
	return strings.ReplaceAll(s, "%2C", ",")
}
