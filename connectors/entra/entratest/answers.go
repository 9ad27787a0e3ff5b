package entratest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// answer is a response before it is written; a batch puts it into one of its items instead.
type answer struct {
	status int
	header http.Header // beyond what every response carries; may be nil
	body   []byte      // nil for 204
}

// failure is an error in Graph's JSON shape (Graph resource error).
type failure struct {
	status  int
	code    string
	message string
	inner   string        // innerError.code, "" if there is none
	details []errorDetail // what is wrong with which property
	header  http.Header
}

type errorDetail struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Target  string `json:"target"`
}

func fail(status int, code, format string, args ...any) *failure {
	return &failure{status: status, code: code, message: fmt.Sprintf(format, args...)}
}

func badRequest(format string, args ...any) *failure {
	return fail(http.StatusBadRequest, "Request_BadRequest", format, args...)
}

func unsupported(format string, args ...any) *failure {
	return fail(http.StatusBadRequest, "Request_UnsupportedQuery", format, args...)
}

func notFound(id string) *failure {
	return fail(http.StatusNotFound, "Request_ResourceNotFound",
		"Resource '%s' does not exist or one of its queried reference-property objects are not present.", id)
}

func denied() *failure {
	return fail(http.StatusForbidden, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
}

func expiredPage() *failure {
	return fail(http.StatusBadRequest, "Directory_ExpiredPageToken",
		"The specified page token value has expired and can no longer be included in your request.")
}

// answer renders the failure. innerError.date has no time zone in real bodies.
func (f *failure) answer(c *call) answer {
	inner := map[string]any{
		"date": c.now.UTC().Format("2006-01-02T15:04:05"), "request-id": c.requestID, "client-request-id": c.clientID,
	}
	if f.inner != "" {
		inner["code"] = f.inner
	}
	body := map[string]any{"code": f.code, "message": f.message, "innerError": inner}
	if f.details != nil {
		body["details"] = f.details
	}
	return answer{status: f.status, header: f.header, body: []byte(encode(map[string]any{"error": body}))}
}

// write sends a to the client with the headers that every Graph response carries.
func (a answer) write(w http.ResponseWriter, c *call) {
	h := w.Header()
	setCommon(h, c)
	for k, v := range a.header {
		h[k] = v
	}
	if a.body != nil && h.Get("Content-Type") == "" {
		h.Set("Content-Type", "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8")
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // nobody is left to tell when the client has gone
}

func setCommon(h http.Header, c *call) {
	h.Set("Cache-Control", "no-cache")
	h.Set("Date", c.now.UTC().Format(http.TimeFormat))
	h.Set("OData-Version", "4.0")
	h.Set("Request-Id", c.requestID)
	h.Set("Client-Request-Id", c.clientID)
	if c.units > 0 {
		h.Set("X-Ms-Resource-Unit", fmt.Sprint(c.units))
	}
	if c.load > 0.8 {
		h.Set("X-Ms-Throttle-Limit-Percentage", fmt.Sprintf("%.1f", c.load))
	}
}

// row appends one object to b as a JSON object. With typed set it begins with @odata.type. Selected properties that
// were never set are null, or [] for collections; with sparse set, as in deltas, they are left out and the id is
// always there.
func (o *object) row(b []byte, sel []string, typed, sparse bool) []byte {
	b = append(b, '{')
	start := len(b)
	if typed {
		b = append(b, `"@odata.type":"#microsoft.graph.`...)
		b = append(append(b, entities[o.kind].typeName...), '"')
	}
	id := false
	for _, name := range sel {
		raw, ok := o.get(name)
		if !ok {
			t, known := o.kind.lookup(name)
			switch {
			case sparse || !known:
				continue
			case t&collection != 0:
				raw = "[]"
			default:
				raw = "null"
			}
		}
		id = id || name == "id"
		b = appendField(b, start, name, raw)
	}
	if sparse && !id {
		b = appendField(b, start, "id", encode(o.id))
	}
	return append(b, '}')
}

// limited appends what a caller sees of an object whose type it may not read: type and id, all else null.
func (o *object) limited(b []byte, sel []string) []byte {
	b = append(b, `{"@odata.type":"#microsoft.graph.`...)
	b = append(append(b, entities[o.kind].typeName...), `","id":`...)
	b = append(b, encode(o.id)...)
	for _, name := range sel {
		if _, known := o.kind.lookup(name); known && name != "id" {
			b = appendField(b, 0, name, "null")
		}
	}
	return append(b, '}')
}

// removed appends a tombstone: only the id, and why (Graph, delta query overview).
func (o *object) removed(b []byte) []byte {
	reason := "deleted"
	if o.life == softDeleted {
		reason = "changed"
	}
	b = append(append(b, `{"id":`...), encode(o.id)...)
	return append(append(append(b, `,"@removed":{"reason":"`...), reason...), `"}}`...)
}

// appendField appends a member to the JSON object whose members begin at start.
func appendField(b []byte, start int, name, raw string) []byte {
	if len(b) > start {
		b = append(b, ',')
	}
	b = append(append(b, '"'), name...)
	return append(append(b, `":`...), raw...)
}

// page is a collection response under construction.
type page struct {
	context string // what follows $metadata#
	count   int    // @odata.count, -1 to leave it out
	next    string // @odata.nextLink
	delta   string // @odata.deltaLink; never together with next
	rows    []byte // the rows, comma-separated
	n       int
}

// open returns the rows ready for another one. The size of the first tells how much room `expected` of them take.
func (p *page) open(expected int) []byte {
	if p.n > 0 {
		p.rows = append(p.rows, ',')
	}
	if p.n == 1 {
		p.rows = slices.Grow(p.rows, (len(p.rows)+16)*max(0, expected-1)*5/4)
	}
	p.n++
	return p.rows
}

func (p *page) answer(c *call) answer {
	b := make([]byte, 0, len(p.rows)+512)
	b = append(append(b, `{"@odata.context":`...), encode(c.base+"/$metadata#"+p.context)...)
	if p.count >= 0 {
		b = fmt.Appendf(b, `,"@odata.count":%d`, p.count)
	}
	if p.next != "" {
		b = append(append(b, `,"@odata.nextLink":`...), encode(p.next)...)
	}
	if p.delta != "" {
		b = append(append(b, `,"@odata.deltaLink":`...), encode(p.delta)...)
	}
	b = append(append(append(b, `,"value":[`...), p.rows...), `]}`...)
	return answer{status: http.StatusOK, body: b}
}

// entityAnswer is a response that holds one object, given as a JSON object, with the context put in front.
func entityAnswer(c *call, status int, context string, object []byte) answer {
	b := append([]byte(`{"@odata.context":`), encode(c.base+"/$metadata#"+context)...)
	if len(object) > 2 {
		b = append(b, ',')
	}
	return answer{status: status, body: append(b, object[1:]...)}
}

// decodeBody reads a JSON request body.
func decodeBody(c *call, into any) *failure {
	if !strings.Contains(c.header.Get("Content-Type"), "json") {
		return badRequest("A valid media type must be provided in the Content-Type header; it must be application/json.")
	}
	d := json.NewDecoder(strings.NewReader(string(c.body)))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		return fail(http.StatusBadRequest, "BadRequest", "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.")
	}
	return nil
}

// sevenDigits is how Graph writes createdDateTime of assignments.
func sevenDigits(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.0000000Z") }
