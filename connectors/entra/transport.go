package entra

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// How long to go on. A Retry-After of minutes is ordinary while a large tenant is throttled, so the total is generous;
// without one, an outage is reported after a minute and a half.
const (
	attemptsThrottled = 12               // 429
	attemptsFailing   = 8                // 500, 502, 503, 504
	attemptsNoAnswer  = 5                // connection refused, reset, timed out
	patience          = 30 * time.Minute // waiting in all for one request
	backoffFirst      = time.Second
	backoffMost       = 30 * time.Second
	stallTimeout      = 100 * time.Second // without a header, or between two pieces of a body
)

// transport sends each request until it is answered: it waits as long as the service says (Retry-After, whole or
// fractional seconds or a date), else with exponential back-off, closes what it does not use, and ends at once with the
// context. Everything ringsync asks of Graph is a read, POSTs to $batch and getByIds included, so all may be repeated.
type transport struct {
	next http.RoundTripper
	log  *slog.Logger

	sent atomic.Int64          // requests, repeats included
	last atomic.Pointer[heard] // nil before the first answer that says what time it is
}

// heard is what the service's clock showed when its answer came.
type heard struct {
	service, ours time.Time // ours with its monotonic reading
}

// now is what the service's clock shows now, to some seconds. The clock on this machine's wall has no part in it.
func (h heard) now() time.Time { return h.service.Add(time.Since(h.ours)) }

func newTransport(next http.RoundTripper, concurrency int, log *slog.Logger) *transport {
	if next == nil {
		own := http.DefaultTransport.(*http.Transport).Clone()
		own.MaxIdleConnsPerHost = concurrency + 1
		next = own
	}
	return &transport{next: next, log: log}
}

// errStalled is why an attempt ends that has stopped moving.
var errStalled = fmt.Errorf("nothing received for %v", stallTimeout)

// brokenBody is an error in the middle of a body: what was read of it is worth nothing.
type brokenBody struct{ err error }

func (b *brokenBody) Error() string { return "answer cut short: " + b.err.Error() }
func (b *brokenBody) Unwrap() error { return b.err }

// RoundTrip returns the first answer that is not a passing failure, or the last failure once patience is used up.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := takeBody(req)
	if err != nil {
		return nil, err
	}
	var waited time.Duration
	for attempt := 1; ; attempt++ {
		resp, err := t.once(req, body)
		if ctxErr := req.Context().Err(); err != nil && ctxErr != nil {
			return nil, context.Cause(req.Context())
		}
		wait, again := next(resp, err, attempt)
		if !again || waited+wait > patience {
			if err != nil {
				return nil, err
			}
			return tame(resp)
		}
		t.note(req, resp, err, attempt, wait)
		discard(resp)
		if err := sleep(req.Context(), wait); err != nil {
			return nil, err
		}
		waited += wait
	}
}

// takeBody reads the body once, so that each attempt can send it with its length.
func takeBody(req *http.Request) ([]byte, error) {
	if req.Body == nil || req.Body == http.NoBody {
		return nil, nil
	}
	body, err := io.ReadAll(req.Body)
	return body, errors.Join(err, req.Body.Close())
}

// once makes one attempt. It fails if neither header nor body move for stallTimeout.
func (t *transport) once(req *http.Request, body []byte) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	guard := &guardedBody{cancel: cancel, ctx: ctx}
	guard.timer = time.AfterFunc(stallTimeout, func() { cancel(errStalled) })

	attempt := req.Clone(ctx)
	attempt.Header.Set("x-ms-throttle-priority", "low") // people's own requests go first
	if body != nil {
		attempt.Body, attempt.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	}
	t.sent.Add(1)
	resp, err := t.next.RoundTrip(attempt)
	guard.timer.Stop()
	if err != nil {
		if context.Cause(ctx) == errStalled {
			err = errStalled
		}
		cancel(nil)
		return nil, err
	}
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		t.last.Store(&heard{date, time.Now()})
	}
	guard.body, resp.Body = resp.Body, guard
	return resp, nil
}

// guardedBody is a body that fails rather than stalls, and says so when it is cut short.
type guardedBody struct {
	body   io.ReadCloser
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
}

func (g *guardedBody) Read(p []byte) (int, error) {
	g.timer.Reset(stallTimeout)
	n, err := g.body.Read(p)
	g.timer.Stop()
	if err != nil && err != io.EOF {
		if context.Cause(g.ctx) == errStalled {
			err = errStalled
		}
		err = &brokenBody{err}
	}
	return n, err
}

func (g *guardedBody) Close() error {
	err := g.body.Close()
	g.timer.Stop()
	g.cancel(nil)
	return err
}

// next says whether to try again, and when.
func next(resp *http.Response, err error, attempt int) (wait time.Duration, again bool) {
	if err != nil {
		if _, untrusted := errors.AsType[*tls.CertificateVerificationError](err); untrusted {
			return 0, false
		}
		return backoff(attempt), attempt < attemptsNoAnswer
	}
	most := attemptsFailing
	switch resp.StatusCode {
	case http.StatusTooManyRequests:
		most = attemptsThrottled
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
	default:
		return 0, false
	}
	if asked, ok := retryAfter(resp.Header); ok {
		return asked, attempt < most
	}
	return backoff(attempt), attempt < most
}

// backoff doubles with each attempt and is cut by up to a half, so that several programs do not come back together.
func backoff(attempt int) time.Duration {
	d := min(backoffFirst<<min(attempt-1, 10), backoffMost)
	return d - rand.N(d/2+1)
}

// retryAfter reads Retry-After (RFC 9110, section 10.2.3): seconds, which Graph also writes with a fraction and which
// are rounded up to the millisecond after, because what is written may have been rounded down; or a date, which is
// compared with the answer's own so that a wrong clock here does no harm.
func retryAfter(h http.Header) (time.Duration, bool) {
	s := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseFloat(s, 64); err == nil && !math.IsNaN(seconds) {
		const forever = 1 << 31
		seconds = min(max(seconds, 0), forever)
		return time.Duration(math.Ceil(seconds*1000)+1) * time.Millisecond, true
	}
	at, err := http.ParseTime(s)
	if err != nil {
		return 0, false
	}
	now := time.Now()
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date
	}
	return max(at.Sub(now), 0), true
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// discard empties and closes a body, so that its connection can be used again. Long ones are not worth reading.
func discard(resp *http.Response) {
	if resp == nil {
		return
	}
	_, _ = io.CopyN(io.Discard, resp.Body, 256<<10)
	_ = resp.Body.Close()
}

func (t *transport) note(req *http.Request, resp *http.Response, err error, attempt int, wait time.Duration) {
	attrs := []any{"method", req.Method, "path", req.URL.Path, "attempt", attempt, "wait", wait}
	if err != nil {
		attrs = append(attrs, "error", err)
	} else {
		attrs = append(attrs, "status", resp.StatusCode, "request-id", resp.Header.Get("request-id"),
			"scope", resp.Header.Get("x-ms-throttle-scope"))
	}
	t.log.Info("Graph did not serve a request, trying again", attrs...)
}
