// Package contract owns the description of RingCentral's SCIM API, of its token endpoint and of its list of extensions as
// this project uses them, and holds requests and replies against it in tests.
//
// The description (scim.openapi.yaml) is stricter than a service would be: what it does not name is an error. It is
// checked around any handler, the emulator's or another. The package is for tests: nothing that is not a test may
// import it, or the OpenAPI libraries would be linked into the program.
package contract

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
)

//go:embed scim.openapi.yaml
var description []byte

var router = sync.OnceValues(func() (routers.Router, error) {
	document, err := openapi3.NewLoader().LoadFromData(description)
	if err != nil {
		return nil, err
	}
	return legacy.NewRouter(document)
})

// Check returns the handler with every request and every reply held against the description; t fails on what is
// outside.
func Check(t testing.TB, next http.Handler) http.Handler {
	return newChecker(t, next, true, true)
}

// CheckRequests is Check for requests alone, where replies are broken on purpose.
func CheckRequests(t testing.TB, next http.Handler) http.Handler {
	return newChecker(t, next, true, false)
}

// CheckReplies is Check for replies alone, where requests are wrong on purpose. Requests for operations that do not
// exist pass.
func CheckReplies(t testing.TB, next http.Handler) http.Handler {
	return newChecker(t, next, false, true)
}

type checker struct {
	t                 testing.TB
	next              http.Handler
	requests, replies bool
	router            routers.Router
}

func newChecker(t testing.TB, next http.Handler, requests, replies bool) http.Handler {
	t.Helper()
	r, err := router()
	if err != nil {
		t.Fatalf("read the description of the SCIM API: %v", err)
	}
	return &checker{t, next, requests, replies, r}
}

func (c *checker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Body == nil {
		r.Body = http.NoBody // a request that came by no server
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // the client broke off
	}
	route, params, err := c.router.FindRoute(r)
	if err != nil && c.requests {
		c.t.Errorf("%s %s: %v", r.Method, r.URL, err)
	}
	input := &openapi3filter.RequestValidationInput{
		Request: r, PathParams: params, Route: route, Options: options(),
	}
	if c.requests && err == nil {
		c.checkRequest(input, body)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if !c.replies || err != nil {
		c.next.ServeHTTP(w, r)
		return
	}
	recorder := httptest.NewRecorder()
	defer func() {
		if broken := recover(); broken != nil {
			c.copy(w, recorder)
			panic(broken)
		}
	}()
	c.next.ServeHTTP(recorder, r)
	c.checkReply(input, recorder)
	c.copy(w, recorder)
}

func (c *checker) checkRequest(input *openapi3filter.RequestValidationInput, body []byte) {
	r := input.Request
	r.Body = io.NopCloser(bytes.NewReader(body))
	if err := openapi3filter.ValidateRequest(context.WithoutCancel(r.Context()), input); err != nil {
		c.t.Errorf("request %s %s is outside the description: %v\n%s", r.Method, r.URL, err, body)
	}
	declared := input.Route.Operation.Parameters
	for name := range r.URL.Query() {
		if declared.GetByInAndName(openapi3.ParameterInQuery, name) == nil {
			c.t.Errorf("request %s %s is outside the description: no query parameter %q", r.Method, r.URL, name)
		}
	}
}

func (c *checker) checkReply(input *openapi3filter.RequestValidationInput, recorder *httptest.ResponseRecorder) {
	reply := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input,
		Status:                 recorder.Code,
		Header:                 recorder.Header(),
		Options:                options(),
	}
	reply.SetBodyBytes(recorder.Body.Bytes())
	if err := openapi3filter.ValidateResponse(context.WithoutCancel(input.Request.Context()), reply); err != nil {
		c.t.Errorf("reply %d to %s %s is outside the description: %v\n%s",
			recorder.Code, input.Request.Method, input.Request.URL, err, recorder.Body)
	}
}

// copy passes the recorded reply on. Nothing was recorded if the connection broke before the reply.
func (c *checker) copy(w http.ResponseWriter, recorder *httptest.ResponseRecorder) {
	result := recorder.Result()
	if recorder.Body.Len() == 0 && len(result.Header) == 0 && result.StatusCode == http.StatusOK {
		return
	}
	for name, values := range result.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(result.StatusCode)
	_, _ = w.Write(recorder.Body.Bytes())
	if recorder.Flushed {
		_ = http.NewResponseController(w).Flush()
	}
}

func options() *openapi3filter.Options {
	return &openapi3filter.Options{
		IncludeResponseStatus: true,
		SkipSettingDefaults:   true,
		AuthenticationFunc:    authenticated,
	}
}

// authenticated wants a bearer token, or to sign in the Basic header of an application; which one is the handler's
// affair.
func authenticated(_ context.Context, input *openapi3filter.AuthenticationInput) error {
	r := input.RequestValidationInput.Request
	if input.SecuritySchemeName == "basic" {
		if id, secret, ok := r.BasicAuth(); !ok || id == "" || secret == "" {
			return errors.New("no Basic authentication")
		}
		return nil
	}
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); !ok || token == "" {
		return errors.New("no bearer token")
	}
	return nil
}
