package entratest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

const mostBatchItems = 20

// batchRequest and batchResponse are the items of JSON batching (Graph docs, json-batching).
type batchRequest struct {
	ID        string            `json:"id"`
	Method    string            `json:"method"`
	URL       string            `json:"url"`
	Headers   map[string]string `json:"headers"`
	Body      json.RawMessage   `json:"body"`
	DependsOn []string          `json:"dependsOn"`
}

// typed reports whether the item says what its body is.
func (r batchRequest) typed() bool {
	for name := range r.Headers {
		if strings.EqualFold(name, "Content-Type") {
			return true
		}
	}
	return false
}

type batchResponse struct {
	ID      string            `json:"id"`
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers"`
	Body    json.RawMessage   `json:"body,omitempty"`
}

// batch serves $batch: 200 with one answer an item, each with its own status, in another order than asked.
func (d *Directory) batch(c *call) (answer, *failure) {
	var in struct {
		Requests []batchRequest `json:"requests"`
	}
	if f := decodeBody(c, &in); f != nil {
		return answer{}, f
	}
	if f := checkBatch(in.Requests); f != nil {
		return answer{}, f
	}
	status := make(map[string]int, len(in.Requests))
	out := make([]batchResponse, 0, len(in.Requests))
	for _, item := range in.Requests {
		var r batchResponse
		if slices.ContainsFunc(item.DependsOn, func(id string) bool { return status[id] >= 400 }) {
			a := fail(http.StatusFailedDependency, "FailedDependency", "A request that this one depends on has failed.").answer(c)
			r = batchResponse{ID: item.ID, Status: a.status, Body: a.body}
		} else {
			r = d.item(c, item)
		}
		status[item.ID] = r.Status
		out = append(out, r)
	}
	slices.Reverse(out)
	return answer{status: http.StatusOK, body: []byte(encode(map[string]any{"responses": out}))}, nil
}

func checkBatch(items []batchRequest) *failure {
	bad := func(format string, args ...any) *failure {
		return fail(http.StatusBadRequest, "BadRequest", format, args...)
	}
	if len(items) == 0 {
		return bad("Invalid batch payload format.")
	}
	if len(items) > mostBatchItems {
		return bad("Number of batch request steps exceeds the maximum value of %d.", mostBatchItems)
	}
	seen := make(map[string]bool)
	for _, item := range items {
		path, _, _ := strings.Cut(item.URL, "?")
		switch {
		case item.ID == "" || item.Method == "" || item.URL == "":
			return bad("Batch request step must have id, method and url.")
		case seen[item.ID]:
			return bad("Request step id '%s' is not unique.", item.ID)
		case strings.Contains(path, "://"):
			return bad("Batch request url '%s' must be relative.", path)
		case strings.Contains(path, "$batch"):
			return bad("Batch requests can't be nested.")
		case item.Body != nil && !item.typed():
			return bad("Write request id '%s' does not contain a Content-Type header.", item.ID)
		case slices.ContainsFunc(item.DependsOn, func(id string) bool { return !seen[id] }):
			return bad("Request step '%s' depends on a step that does not come before it.", item.ID)
		}
		seen[item.ID] = true
	}
	return nil
}

// item runs one request of a batch with the batch's credentials.
func (d *Directory) item(outer *call, in batchRequest) batchResponse {
	h := http.Header{}
	for k, v := range in.Headers {
		h.Set(k, v)
	}
	h.Set("Authorization", outer.header.Get("Authorization"))
	r, err := http.NewRequest(in.Method, outer.base+"/"+strings.TrimPrefix(in.URL, "/"), bytes.NewReader(in.Body))
	c := &call{method: in.Method, header: h, now: outer.now, base: outer.base}
	d.identify(c)
	if err != nil {
		return itemResponse(in.ID, fail(http.StatusBadRequest, "BadRequest", "Bad request url.").answer(c), c)
	}
	r.Header = h
	rt, f := d.receive(c, r)
	if rt != nil {
		d.requests.add("$batch " + rt.method + " " + rt.template)
	}
	fault := d.faultFor(r)
	if fault != nil && (fault.Drop || fault.Truncate) {
		fault = &Fault{Status: http.StatusGatewayTimeout, After: fault.After || fault.Truncate}
	}
	if fault != nil && fault.Status != 0 && !fault.After {
		d.penalise(fault, c)
		return itemResponse(in.ID, fault.answer(c), c)
	}
	a := d.finish(c, rt, f)
	if fault != nil && fault.Status != 0 {
		a = fault.answer(c)
	}
	return itemResponse(in.ID, a, c)
}

// itemResponse puts an answer into an item. A body that is not JSON travels as a string.
func itemResponse(id string, a answer, c *call) batchResponse {
	h := http.Header{}
	setCommon(h, c)
	h.Del("Date")
	for k, v := range a.header {
		h[k] = v
	}
	if a.body != nil && h.Get("Content-Type") == "" {
		h.Set("Content-Type", "application/json")
	}
	out := batchResponse{ID: id, Status: a.status, Headers: make(map[string]string, len(h))}
	for k, v := range h {
		out.Headers[k] = v[0]
	}
	switch {
	case a.body == nil:
	case json.Valid(a.body):
		out.Body = a.body
	default:
		out.Body = json.RawMessage(encode(string(a.body)))
	}
	return out
}

// getByIDs serves directoryObjects/getByIds. Ids that are unknown or deleted are left out without a word.
func (d *Directory) getByIDs(c *call) (answer, *failure) {
	var in struct {
		IDs   []string `json:"ids"`
		Types []string `json:"types"`
	}
	if f := decodeBody(c, &in); f != nil {
		return answer{}, f
	}
	if f := c.allow("$select"); f != nil {
		return answer{}, f
	}
	if len(in.IDs) == 0 || len(in.IDs) > 1000 {
		return answer{}, badRequest("Invalid number of ids specified: %d. Must be between 1 and 1000 inclusive.", len(in.IDs))
	}
	sel, f := c.sel(userKind, groupKind, principalKind, deviceKind, contactKind)
	if f != nil {
		return answer{}, f
	}
	if d.options.IgnoreGetByIDsSelect {
		sel = nil
	}
	p := page{context: selected("directoryObjects", sel), count: -1}
	seen := make(map[*object]bool, len(in.IDs))
	for _, id := range in.IDs {
		o := d.byID[strings.ToLower(id)]
		if o == nil || o.life != live || seen[o] || !ofType(o, in.Types) {
			continue
		}
		seen[o] = true
		p.rows = d.directoryObject(p.open(len(in.IDs)), o, sel)
	}
	return p.answer(c), nil
}

func ofType(o *object, types []string) bool {
	return len(types) == 0 || slices.Contains(types, "directoryObject") || slices.Contains(types, entities[o.kind].typeName)
}
