package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"ringsync/cmd/ringsync/internal/console"
)

// What is sent and answered is what the description says, which the console serves itself.
func TestConsoleAPI(t *testing.T) {
	s := heldStage(t, "")
	at := "http://" + consoleAt(t, s, tokens(t, s))
	_, text := ask(t, http.MethodGet, at+"/v1/openapi.yaml", "", "Authorization", "Bearer "+bareToken)
	doc, err := openapi3.NewLoader().LoadFromData([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	// The answer of a command is many documents, each of which has to be a frame.
	openapi3filter.RegisterBodyDecoder("application/x-ndjson", func(body io.Reader, h http.Header, schema *openapi3.SchemaRef, encoding openapi3filter.EncodingFn) (any, error) {
		var last any
		for frames := json.NewDecoder(body); frames.More(); {
			if err := frames.Decode(&last); err != nil {
				return nil, err
			}
			if err := schema.Value.VisitJSON(last); err != nil {
				return nil, err
			}
		}
		return last, nil
	})
	t.Cleanup(func() { openapi3filter.UnregisterBodyDecoder("application/x-ndjson") })
	for _, test := range []struct {
		name, method, path, body, token string
		status                          int
		says                            string // on standard output, or as the answer
	}{
		{"jobs", http.MethodGet, "/v1/jobs", "", adasToken, 200, `"sandbox"`},
		{"nobody", http.MethodGet, "/v1/jobs", "", "", 401, "sign in first"},
		{"status", http.MethodPost, "/v1/jobs/sandbox/command", `{"args": ["status", "--json"]}`, adasToken, 200, `"linked": 12`},
		{"a dry run", http.MethodPost, "/v1/jobs/sandbox/command", `{"args": ["diff"], "color": true, "user": "root"}`, adasToken, 200, "held for approval"},
		{"approve", http.MethodPost, "/v1/jobs/sandbox/command", `{"args": ["approve", "1"], "user": "root"}`, adasToken, 200, "3 removals released"},
		{"check", http.MethodPost, "/v1/jobs/sandbox/command", `{"args": ["check", "--json"]}`, adasToken, 200, `"ok": true`},
		{"no such command", http.MethodPost, "/v1/jobs/sandbox/command", `{"args": ["dance"]}`, adasToken, 200, "unknown command"},
		{"files", http.MethodPost, "/v1/jobs/sandbox/command", `{"args": ["state", "backup", "/tmp/x"]}`, adasToken, 200, `unknown command "state"`},
		{"another program's", http.MethodPost, "/v1/jobs/sandbox/command", `{"args": ["run"]}`, adasToken, 200, `unknown command "run"`},
		{"no such job", http.MethodPost, "/v1/jobs/other/command", `{"args": ["status"]}`, adasToken, 404, "no such job"},
		{"no JSON", http.MethodPost, "/v1/jobs/sandbox/command", `{`, adasToken, 400, "unexpected end"},
	} {
		t.Run(test.name, func(t *testing.T) {
			answer, body := ask(t, test.method, at+test.path, test.body, "Authorization", "Bearer "+test.token, "Content-Type", "application/json")
			request, err := http.NewRequest(test.method, at+test.path, strings.NewReader(test.body))
			if err != nil {
				t.Fatal(err)
			}
			if test.body != "" {
				request.Header.Set("Content-Type", "application/json")
			}
			request.URL.Host, request.URL.Scheme = "", ""
			route, params, err := router.FindRoute(request)
			if err != nil {
				t.Fatal(err)
			}
			input := &openapi3filter.RequestValidationInput{Request: request, Route: route, PathParams: params,
				Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true}}
			if err := openapi3filter.ValidateRequest(t.Context(), input); err != nil && test.status < 400 {
				t.Errorf("the request: %v", err)
			}
			if err := openapi3filter.ValidateResponse(t.Context(), &openapi3filter.ResponseValidationInput{RequestValidationInput: input, Options: input.Options,
				Status: answer.StatusCode, Header: answer.Header, Body: io.NopCloser(strings.NewReader(body))}); err != nil {
				t.Errorf("the answer: %v\n%s", err, body)
			}
			if said := printed(t, answer, body); answer.StatusCode != test.status || !strings.Contains(said, test.says) {
				t.Errorf("%s %s", answer.Status, said)
			}
		})
	}
	if log := s.must(t, exitOK, "log", "-n", "0").stdout; strings.Count(log, "released from held list 1) by Ada Lovelace (console, 127.0.0.1)") != 3 {
		t.Errorf("the log says %s", log)
	}
}

// printed returns what the frames of an answer print, or the answer itself.
func printed(t *testing.T, answer *http.Response, body string) string {
	t.Helper()
	if answer.Header.Get("Content-Type") != "application/x-ndjson" {
		return body
	}
	var out bytes.Buffer
	ended := false
	for frames := json.NewDecoder(strings.NewReader(body)); frames.More(); {
		var f console.Frame
		if err := frames.Decode(&f); err != nil {
			t.Fatal(err)
		}
		out.Write(f.Stdout)
		out.Write(f.Stderr)
		ended = f.Exit != nil
	}
	if !ended {
		t.Error("the answer was cut off")
	}
	return out.String()
}
