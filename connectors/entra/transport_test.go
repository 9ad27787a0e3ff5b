package entra

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ringsync/connectors"
)

// script answers attempt after attempt, and fails when one body is not closed before the next attempt.
type script struct {
	t        *testing.T
	steps    []step
	at       int
	open     *trackedBody
	requests []*http.Request
	bodies   []string
}

type step struct {
	status int
	header http.Header
	body   string
	err    error
	stall  bool // neither header nor error until the context ends
}

type trackedBody struct {
	io.Reader
	closed bool
}

func (b *trackedBody) Close() error { b.closed = true; return nil }

func (s *script) RoundTrip(req *http.Request) (*http.Response, error) {
	if s.open != nil && !s.open.closed {
		s.t.Error("the body of the answer before was not closed")
	}
	if req.Body != nil {
		sent, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		s.bodies = append(s.bodies, string(sent))
	}
	s.requests = append(s.requests, req)
	now := s.steps[min(s.at, len(s.steps)-1)]
	s.at++
	if now.stall {
		<-req.Context().Done()
		return nil, req.Context().Err()
	}
	if now.err != nil {
		return nil, now.err
	}
	if now.header == nil {
		now.header = http.Header{}
	}
	s.open = &trackedBody{Reader: strings.NewReader(now.body)}
	return &http.Response{StatusCode: now.status, Header: now.header, Body: s.open, Request: req}, nil
}

func header(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Set(pairs[i], pairs[i+1])
	}
	return h
}

func get(t testing.TB, ctx context.Context, tr *transport) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://graph.test/v1.0/users", nil)
	if err != nil {
		t.Fatal(err)
	}
	return tr.RoundTrip(req)
}

func TestRetryAfter(t *testing.T) {
	const date = "Mon, 23 Nov 2026 10:00:00 GMT"
	for _, tc := range []struct {
		header http.Header
		want   time.Duration
		ok     bool
	}{
		{header(), 0, false},
		{header("Retry-After", "soon"), 0, false},
		{header("Retry-After", "NaN"), 0, false},
		{header("Retry-After", "0"), time.Millisecond, true},
		{header("Retry-After", "7"), 7001 * time.Millisecond, true},
		{header("Retry-After", "2.128"), 2129 * time.Millisecond, true},
		{header("Retry-After", "0.0001"), 2 * time.Millisecond, true},
		{header("Retry-After", "-5"), time.Millisecond, true},
		{header("Retry-After", "1e300"), 1<<31*time.Second + time.Millisecond, true},
		{header("Retry-After", "Mon, 23 Nov 2026 10:01:30 GMT", "Date", date), 90 * time.Second, true},
		{header("Retry-After", "Mon, 23 Nov 2026 09:00:00 GMT", "Date", date), 0, true},
	} {
		got, ok := retryAfter(tc.header)
		if got != tc.want || ok != tc.ok {
			t.Errorf("%v: got %v %v, want %v %v", tc.header, got, ok, tc.want, tc.ok)
		}
	}
}

// How long a request takes, in virtual time, and what it ends with.
func TestTransport(t *testing.T) {
	throttled := func(after string) step {
		return step{status: 429, header: header("Retry-After", after), body: `{"error":{"code":"TooManyRequests","message":"later"}}`}
	}
	fine := step{status: 200, body: "{}"}
	for _, tc := range []struct {
		name       string
		steps      []step
		status     int // 0: an error
		attempts   int
		atLeast    time.Duration
		atMost     time.Duration
		wantInText string
	}{
		{"served at once", []step{fine}, 200, 1, 0, 0, ""},
		{"throttled for minutes", []step{throttled("150"), throttled("240.5"), fine}, 200, 3, 390500 * time.Millisecond, 390600 * time.Millisecond, ""},
		{"throttled for longer than anybody waits", []step{throttled("3600"), fine}, 429, 1, 0, 0, "later"},
		{"throttled without an end", []step{throttled("10")}, 429, attemptsThrottled, 110 * time.Second, 111 * time.Second, "later"},
		{"throttled without saying how long", []step{{status: 429}, {status: 429}, fine}, 200, 3, 1500 * time.Millisecond, 3 * time.Second, ""},
		{"every passing status", []step{{status: 500}, {status: 502}, {status: 503, header: header("Retry-After", "4")}, {status: 504}, fine}, 200, 5,
			9 * time.Second, 15100 * time.Millisecond, ""},
		{"an outage", []step{{status: 503, body: "<html>down</html>"}}, 503, attemptsFailing, 45 * time.Second, 92 * time.Second, "Service Unavailable"},
		{"connection refused once", []step{{err: errors.New("connection refused")}, fine}, 200, 2, 500 * time.Millisecond, time.Second, ""},
		{"nobody there", []step{{err: errors.New("connection refused")}}, 0, attemptsNoAnswer, 7 * time.Second, 15 * time.Second, "connection refused"},
		{"no header", []step{{stall: true}, fine}, 200, 2, stallTimeout, stallTimeout + time.Second, ""},
		{"never a header", []step{{stall: true}}, 0, attemptsNoAnswer, 5 * stallTimeout, 6 * stallTimeout, "nothing received"},
		{"bad request is not repeated", []step{{status: 400, body: `{"error":{"code":"BadRequest","message":"no"}}`}}, 400, 1, 0, 0, "no"},
		{"forbidden is not repeated", []step{{status: 403}}, 403, 1, 0, 0, "Forbidden"},
		{"a redirect is refused", []step{{status: 302, header: header("Location", "https://evil.example/v1.0")}}, 0, 1, 0, 0, "evil.example"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{t: t, steps: tc.steps}
				began := time.Now()
				resp, err := get(t, t.Context(), newTransport(s, 1, slog.New(slog.DiscardHandler)))
				took := time.Since(began)
				said := fmt.Sprint(err)
				status := 0
				if err == nil {
					body, readErr := io.ReadAll(resp.Body)
					if readErr != nil {
						t.Fatal(readErr)
					}
					status, said = resp.StatusCode, string(body)
					if err := resp.Body.Close(); err != nil {
						t.Fatal(err)
					}
				}
				if status != tc.status || s.at != tc.attempts || took < tc.atLeast || took > tc.atMost || !strings.Contains(said, tc.wantInText) {
					t.Errorf("got status %d after %d attempts and %v, saying %s; want %d, %d, %v to %v, %q",
						status, s.at, took, said, tc.status, tc.attempts, tc.atLeast, tc.atMost, tc.wantInText)
				}
				for _, r := range s.requests {
					if r.Header.Get("x-ms-throttle-priority") != "low" {
						t.Error("a request without low priority")
					}
				}
			})
		})
	}
}

// A POST is sent whole each time, with its length.
func TestTransportRepeatsBodies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{t: t, steps: []step{{status: 503}, {err: io.EOF}, {status: 200}}}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://graph.test/v1.0/$batch", io.NopCloser(strings.NewReader(`{"requests":[]}`)))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := newTransport(s, 1, slog.New(slog.DiscardHandler)).RoundTrip(req)
		if err != nil || resp.Body.Close() != nil {
			t.Fatal(err)
		}
		for i, body := range s.bodies {
			if body != `{"requests":[]}` || s.requests[i].ContentLength != 15 {
				t.Errorf("attempt %d sent %q of length %d", i, body, s.requests[i].ContentLength)
			}
		}
		if len(s.bodies) != 3 {
			t.Errorf("%d attempts", len(s.bodies))
		}
	})
}

// The context ends a wait at once, and a request that hangs.
func TestTransportEndsWithContext(t *testing.T) {
	for _, first := range []step{{status: 429, header: header("Retry-After", "600")}, {stall: true}} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			began := time.Now()
			_, err := get(t, ctx, newTransport(&script{t: t, steps: []step{first}}, 1, slog.New(slog.DiscardHandler)))
			if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 3*time.Second {
				t.Errorf("got %v after %v", err, time.Since(began))
			}
		})
	}
}

// A body that stops coming is an error and not a hang.
func TestBodyStalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTransport(stallingBody{}, 1, slog.New(slog.DiscardHandler))
		resp, err := get(t, t.Context(), tr)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		_, err = io.ReadAll(resp.Body)
		if _, broken := errors.AsType[*brokenBody](err); !broken || !errors.Is(err, errStalled) || time.Since(began) != stallTimeout {
			t.Errorf("got %v after %v", err, time.Since(began))
		}
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
	})
}

type stallingBody struct{}

func (stallingBody) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: waitingBody{req.Context()}, Request: req}, nil
}

type waitingBody struct{ ctx context.Context }

func (b waitingBody) Read([]byte) (int, error) { <-b.ctx.Done(); return 0, b.ctx.Err() }
func (waitingBody) Close() error               { return nil }

// What the SDK chokes on is tamed before it sees it.
func TestErrorAnswers(t *testing.T) {
	for _, tc := range []struct {
		name   string
		status int
		header http.Header
		body   string
		fault  connectors.Fault
		want   string
	}{
		{"as documented", 400, nil, `{"error":{"code":"Request_BadRequest","message":"Bad.","innerError":{"date":"2026-11-23T10:00:00"}}}`,
			connectors.FaultOther, "list assignments of RingCentral: Bad. (400 Request_BadRequest)"},
		{"no message", 400, nil, `{"error":{"code":"Request_BadRequest"}}`, connectors.FaultOther, "Bad Request (400 Request_BadRequest)"},
		{"no error", 409, nil, `{}`, connectors.FaultOther, "Conflict (status 409)"},
		{"empty", 409, nil, ``, connectors.FaultOther, "Conflict (status 409)"},
		{"a date that is none", 409, nil, `{"error":{"code":"c","message":"m","innerError":{"date":"date-time"}}}`, connectors.FaultOther, "m (409 c)"},
		{"inner codes", 409, nil, `{"error":{"code":"a","message":"m","innererror":{"code":"b","innererror":{"code":"c"}}}}`, connectors.FaultOther, "(409 a/b/c)"},
		{"web page", 403, header("Content-Type", "text/html"), `<html>blocked</html>`, connectors.FaultPermission, "Application.Read.All"},
		{"plain text", 401, header("Content-Type", "text/plain"), `no`, connectors.FaultCredentials, "Unauthorized (status 401)"},
		{"a challenge without quotes", 401, header("WWW-Authenticate", `Bearer realm="", claims=eyJ`), ``, connectors.FaultCredentials, "401"},
		{"a challenge with a comma", 401, header("WWW-Authenticate", `Bearer claims="eyJ,x"`), ``, connectors.FaultCredentials, "401"},
		{"status nobody knows", 599, nil, ``, connectors.FaultUnavailable, "no message (status 599)"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newClientOf(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				for k, v := range tc.header {
					w.Header()[k] = v
				}
				w.WriteHeader(tc.status)
				_, _ = io.WriteString(w, tc.body)
			}), func(*Options) {})
			err := c.everyAssignment(t.Context(), connectors.App{ID: "sp", DisplayName: "RingCentral"}, func(assignment) error { return nil })
			if err == nil || connectors.FaultOf(err) != tc.fault || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v: %v, want %v: %s", connectors.FaultOf(err), err, tc.fault, tc.want)
			}
		})
	}
}

// A success that is no JSON is asked for again, then the service counts as down.
func TestGarbledAnswers(t *testing.T) {
	for _, body := range []string{"", "<html>Sign in</html>", `{"id":`, `{"displayName":"no id"}`} {
		synctest.Test(t, func(t *testing.T) {
			n := 0
			c := newClientOf(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				n++
				_, _ = io.WriteString(w, body)
			}), func(*Options) {})
			_, err := c.application(t.Context())
			if connectors.FaultOf(err) != connectors.FaultUnavailable || n != 4 {
				t.Errorf("%q: got %v after %d requests", body, err, n)
			}
		})
	}
}

// Links to another host or scheme would carry the token there.
func TestForeignLinks(t *testing.T) {
	for _, link := range []string{"https://127.0.0.1:8041/v1.0/next", "http://evil.example/v1.0/next", "http://127.0.0.1:9999/v1.0/next",
		"http://user@127.0.0.1:8041/v1.0/next", "//evil.example/next", "/v1.0/next", "http://%zz"} {
		n := 0
		c := newClientOf(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			n++
			_, _ = fmt.Fprintf(w, `{"value":[],"@odata.nextLink":%q}`, link)
		}), func(*Options) {})
		err := c.everyAssignment(t.Context(), connectors.App{ID: "sp"}, func(assignment) error { return nil })
		if connectors.FaultOf(err) != connectors.FaultProtocol || n != 1 {
			t.Errorf("%s: got %v after %d requests", link, err, n)
		}
	}
}

// A list whose links lead in a circle ends.
func TestEndlessList(t *testing.T) {
	n := 0
	c := newClientOf(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n++
		_, _ = fmt.Fprintf(w, `{"value":[],"@odata.nextLink":"%s/next?page=%d"}`, testEndpoint, n%3)
	}), func(*Options) {})
	err := c.everyAssignment(t.Context(), connectors.App{ID: "sp"}, func(assignment) error { return nil })
	if connectors.FaultOf(err) != connectors.FaultUnavailable || n > 5 {
		t.Errorf("got %v after %d requests", err, n)
	}
}

// A token that expires during a long wait is replaced; a wrong one is not tried again.
func TestTokenExpiresWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		c := newClientOf(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch n++; n {
			case 1:
				w.Header().Set("Retry-After", "600")
				w.WriteHeader(http.StatusTooManyRequests)
			case 2, 4:
				w.WriteHeader(http.StatusUnauthorized)
			default:
				if r.Header.Get("Authorization") != "Bearer secret-token" {
					t.Error("no token")
				}
				_, _ = io.WriteString(w, `{"id":"sp","appId":"a"}`)
			}
		}), func(*Options) {})
		if _, err := c.application(t.Context()); err != nil {
			t.Errorf("after a long wait: %v", err)
		}
		if _, err := c.application(t.Context()); connectors.FaultOf(err) != connectors.FaultCredentials || n != 4 {
			t.Errorf("at once: got %v after %d requests", err, n)
		}
	})
}
