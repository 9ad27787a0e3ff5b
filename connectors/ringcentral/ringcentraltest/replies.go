package ringcentraltest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// URNs of RFC 7643 and 7644.
const (
	coreSchema       = "urn:ietf:params:scim:schemas:core:2.0:User"
	enterpriseSchema = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	listSchema       = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
	searchSchema     = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
	patchSchema      = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
	errorSchema      = "urn:ietf:params:scim:api:messages:2.0:Error"
)

const (
	scimJSON  = "application/scim+json"
	plainJSON = "application/json"
)

// reply is an answer before it is written. A body that is a []byte is written as it is.
type reply struct {
	status int
	header http.Header
	body   any

	unrated  bool // without rate-limit headers
	drop     bool // not sent: the connection breaks
	truncate bool // the connection breaks in the middle of the body
}

// with returns the reply with headers added.
func (p reply) with(header http.Header) reply {
	if len(header) == 0 {
		return p
	}
	merged := header.Clone()
	for name, values := range p.header {
		merged[name] = slices.Clone(values)
	}
	p.header = merged
	return p
}

// refusal is an error answered in SCIM's words (RFC 7644, section 3.12).
type refusal struct {
	status   int
	scimType string // RingCentral documents it for status 400 only
	detail   string
}

func (e *refusal) Error() string { return fmt.Sprintf("%d %s: %s", e.status, e.scimType, e.detail) }

func badRequest(scimType, format string, args ...any) *refusal {
	return &refusal{http.StatusBadRequest, scimType, fmt.Sprintf(format, args...)}
}

// invalidParameter is the backend's complaint about a field, which the SCIM facade passes on with the backend's name.
func invalidParameter(field string) *refusal {
	return badRequest("invalidValue", "Parameter [%s] value is invalid.", field)
}

func notFound(id string) *refusal {
	return &refusal{http.StatusNotFound, "", fmt.Sprintf("Resource [%s] is not found", id)}
}

// scimError is the body of a refusal.
type scimError struct {
	Schemas  []string `json:"schemas"`
	Status   string   `json:"status"`
	SCIMType string   `json:"scimType,omitempty"`
	Detail   string   `json:"detail"`
}

func (e *refusal) reply() reply {
	return reply{status: e.status, body: scimError{
		Schemas: []string{errorSchema}, Status: fmt.Sprint(e.status), SCIMType: e.scimType, Detail: e.detail,
	}}
}

// gatewayError is the body of what the API gateway in front of SCIM refuses: credentials, limits.
type gatewayError struct {
	ErrorCode string         `json:"errorCode"`
	Message   string         `json:"message"`
	Errors    []gatewayError `json:"errors,omitempty"`
}

func gatewayReply(status int, code, message string) reply {
	return reply{
		status: status,
		header: http.Header{"Content-Type": {plainJSON}},
		body: gatewayError{ErrorCode: code, Message: message, Errors: []gatewayError{
			{ErrorCode: code, Message: message},
		}},
	}
}

// write sends the reply, in SCIM's media type unless the request accepts only plain JSON or the reply has its own.
func (p reply) write(w http.ResponseWriter, accept string) {
	if p.drop {
		panic(http.ErrAbortHandler) // net/http's way to break a connection
	}
	body, raw := p.body.([]byte)
	if !raw && p.body != nil {
		var err error
		if body, err = json.Marshal(p.body); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
	}
	header := w.Header()
	maps.Copy(header, p.header)
	if header.Get("Content-Type") == "" && p.body != nil {
		header.Set("Content-Type", mediaType(accept))
	}
	if p.truncate {
		header.Set("Content-Length", strconv.Itoa(len(body)))
		body = body[:len(body)/2]
	}
	w.WriteHeader(p.status)
	_, _ = w.Write(body) // the client may have gone
	if p.truncate {
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

func mediaType(accept string) string {
	if strings.Contains(accept, plainJSON) && !strings.Contains(accept, scimJSON) {
		return plainJSON
	}
	return scimJSON
}
