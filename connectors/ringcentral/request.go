package ringcentral

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"time"

	"ringsync/connectors"
	"ringsync/connectors/scim"
)

const (
	userAgent   = "ringsync"
	readRetries = 3        // repeats of a failed read
	mostBody    = 32 << 20 // a thousand listed accounts are about a megabyte
	mostError   = 64 << 10 // of an error body
	// longestRetryAfter is how long a read waits in place when the service asks for it; beyond, the caller decides.
	longestRetryAfter = time.Minute
)

// call is one request.
type call struct {
	op     string // the bare action with its object
	method string
	path   string // below the base URL, escaped
	query  string
	body   []byte
	id     string // the account that the path names, "" if none
	rest   bool   // of the REST API, whose base URL is another
	lists  bool   // a list of extensions, which has a limit of its own
}

// changes reports whether the request is to change something, so that without an answer nobody knows whether it has.
func (r call) changes() bool { return r.method != http.MethodGet }

func (r call) lane() lane {
	switch {
	case r.changes():
		return writes
	case r.lists:
		return extensions
	}
	return reads
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
	// stopped is how long the rate limit's penalty lasts, after a 429.
	stopped time.Duration
	token   string
	secrets []string // what must not be told of it
}

// limited reports whether the answer says that a rate limit is exceeded. CMN-304, two requests for one account at the
// same time, has the status but no penalty.
func (a *answer) limited(code string) bool {
	return a.status == http.StatusTooManyRequests && (code != "CMN-304" || a.header.Get("Retry-After") != "")
}

// said reads the body as what an error says. Some servers repeat what they refuse.
func (a *answer) said() scim.ErrorBody { return hide(redactor(a.secrets...), a.body) }

// errTimeout is not context.DeadlineExceeded: that one request took too long does not mean that the caller's time is up.
var errTimeout = errors.New("no answer in time")

// send waits for its turn, sends the request once and reads the answer. A token that is refused is renewed if it can
// be, once: the gateway refuses before anything happens, so that a write may be sent again. An error is a
// *connectors.Error that says whether anything can have happened.
func (c *Client) send(ctx context.Context, r call) (*answer, error) {
	for first := true; ; first = false {
		a, err := c.once(ctx, r)
		if a == nil || a.status != http.StatusUnauthorized || !c.token.refused(a.token) {
			return a.success(), err
		}
		if !first {
			if e, ok := errors.AsType[*connectors.Error](err); ok {
				e.Remedy = remedyFresh
			}
			return nil, err
		}
		c.log.DebugContext(ctx, "token refused", "op", r.op)
	}
}

// success returns the answer if it is one.
func (a *answer) success() *answer {
	if a == nil || a.status/100 != 2 {
		return nil
	}
	return a
}

// once is send without a second try. An answer that is no success comes with its error.
func (c *Client) once(ctx context.Context, r call) (*answer, error) {
	group, err := c.pace.begin(ctx, r.lane(), c)
	if err != nil {
		return nil, &connectors.Error{Fault: connectors.FaultTransient, Op: r.op, Detail: "not sent", Err: err}
	}
	token, err := c.bearer(ctx, r)
	if err != nil {
		c.pace.unsent(group)
		return nil, err
	}
	began := time.Now()
	a, err := c.exchange(ctx, r, token)
	if a == nil {
		c.pace.lost(group)
		c.log.DebugContext(ctx, "request failed", "op", r.op, "method", r.method, "after", time.Since(began), "error", err)
		return nil, err
	}
	var said scim.ErrorBody
	if a.status/100 != 2 {
		said = a.said()
	}
	a.stopped = c.pace.answer(r.lane(), group, a.header, a.status/100 == 2, a.limited(said.Code))
	if date, err := http.ParseTime(a.header.Get("Date")); err == nil {
		c.skew.Store(int64(time.Until(date).Round(time.Second)))
	}
	if c.log.Enabled(ctx, slog.LevelDebug) { // the arguments cost even where nobody reads them
		c.log.DebugContext(ctx, "request", "op", r.op, "method", r.method, "status", a.status, "after", time.Since(began))
	}
	if a.stopped > 0 {
		c.log.WarnContext(ctx, "rate limit reached", "op", r.op, "group", a.header.Get("X-Rate-Limit-Group"), "wait", a.stopped)
	}
	if a.status/100 != 2 {
		return a, failure(r, a, said) // whatever of its body arrived
	}
	return a, err
}

// exchange sends the request and reads the answer. An answer that broke off comes with an error; without an answer
// there is only the error.
func (c *Client) exchange(ctx context.Context, r call, token string) (*answer, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, errTimeout)
	defer cancel()
	req, err := c.request(ctx, r, token)
	if err != nil {
		return nil, &connectors.Error{Fault: connectors.FaultOther, Op: r.op, Err: err}
	}
	resp, err := c.http.RoundTrip(req) // no redirect is followed, so a client has nothing to add
	if err != nil {
		return nil, unanswered(r, cause(ctx, err))
	}
	defer resp.Body.Close()
	a := &answer{status: resp.StatusCode, header: resp.Header, token: token, secrets: c.token.secrets(token)}
	if a.body, err = readBody(resp); err != nil {
		return a, unanswered(r, fmt.Errorf("the answer broke off: %w", cause(ctx, err)))
	}
	return a, nil
}

// bearer returns the token for the request. It refuses to write the account whose credential it is: a sync that
// disabled its own service user could not even undo it.
func (c *Client) bearer(ctx context.Context, r call) (string, error) {
	token, err := c.token.access(ctx)
	if err != nil {
		if e, ok := errors.AsType[*connectors.Error](err); ok {
			own := *e // it is shared by all who wait
			own.Op = r.op + ": " + own.Op
			return "", &own
		}
		return "", err
	}
	if token == "" {
		return "", &connectors.Error{Fault: connectors.FaultCredentials, Op: r.op, Detail: "the access token is empty", Remedy: remedyToken}
	}
	if r.id != "" && r.method != http.MethodGet && r.id == c.token.Identity().Owner {
		return "", &connectors.Error{Fault: connectors.FaultRejected, Op: r.op, Code: "ServiceUser", Entra: "NotPermitted",
			Detail: "this account is the service user that ringsync signs in as, which it never writes",
			Remedy: "Name the account under safety.protect, or take the person out of scope."}
	}
	return token, nil
}

func (c *Client) request(ctx context.Context, r call, token string) (*http.Request, error) {
	target := c.root + r.path
	if r.rest {
		target = c.restRoot + r.path
	}
	if r.query != "" {
		target += "?" + r.query
	}
	req, err := http.NewRequestWithContext(ctx, r.method, target, nil)
	if err != nil {
		return nil, err
	}
	if r.body != nil {
		req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(r.body)), int64(len(r.body))
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(r.body)), nil }
		req.Header["Content-Type"] = typeSCIM
	}
	req.Header["Accept"] = acceptSCIM
	if r.rest {
		req.Header["Accept"] = acceptJSON
	}
	req.Header["User-Agent"] = agent
	req.Header["Authorization"] = []string{"Bearer " + token}
	return req, nil
}

// What every request says. Transports do not change a request's header.
var (
	typeSCIM   = []string{"application/scim+json"}
	acceptSCIM = []string{"application/scim+json, application/json"}
	acceptJSON = []string{"application/json"}
	agent      = []string{userAgent}
)

func readBody(resp *http.Response) ([]byte, error) {
	most := int64(mostBody)
	if resp.StatusCode/100 != 2 {
		most = mostError
	}
	var b bytes.Buffer
	if 0 < resp.ContentLength && resp.ContentLength <= most {
		b.Grow(int(resp.ContentLength) + bytes.MinRead)
	}
	_, err := b.ReadFrom(io.LimitReader(resp.Body, most+1))
	if err == nil && int64(b.Len()) > most {
		err = fmt.Errorf("longer than %d bytes", most)
	}
	return b.Bytes(), err
}

// read sends a read, hands the body of a success to accept, and repeats what a repeat may mend: no answer, a broken
// one, 5xx, and 429, for which the pacer knows how long to wait.
func (c *Client) read(ctx context.Context, r call, accept func(body []byte) error) error {
	pause := c.backoff
	for attempt := 0; ; attempt++ {
		a, err := c.send(ctx, r)
		if err == nil {
			if err = accept(a.body); err == nil {
				return nil
			}
			err = notSCIM(r, a, err)
		}
		e, ok := errors.AsType[*connectors.Error](err)
		if !ok || attempt == readRetries || ctx.Err() != nil || !repeatable(e) {
			return err
		}
		wait := pause/2 + rand.N(pause/2+1) // jitter, so that many do not return at once
		pause *= 2
		switch {
		case e.Status == http.StatusTooManyRequests && e.RetryAfter > 0:
			wait = 0 // the pacer waits
		case e.RetryAfter > 0:
			wait = e.RetryAfter
		}
		if wait > 0 {
			sleep(ctx, time.Now().Add(wait), nil)
		}
	}
}

func repeatable(e *connectors.Error) bool {
	return e.Fault == connectors.FaultTransient && (e.Status == http.StatusTooManyRequests || e.RetryAfter <= longestRetryAfter)
}

// unanswered sorts a request that got no whole answer.
func unanswered(r call, err error) *connectors.Error {
	e := &connectors.Error{Fault: connectors.FaultTransient, Op: r.op, Err: err}
	if neverConnected(err) {
		e.Remedy = "Check the target URL, the network and the certificates."
		return e
	}
	if r.changes() {
		e.Fault = connectors.FaultUnsettled
	}
	if errors.Is(err, errTimeout) {
		e.Code = "Timeout"
	}
	return e
}

// neverConnected reports whether the request cannot have been sent.
func neverConnected(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	return untrusted || ok && (op.Op == "dial" || op.Op == "proxyconnect")
}

// cause takes off what net/http puts around an error: the URL, which holds what was searched for. A request that was
// given too little time says so.
func cause(ctx context.Context, err error) error {
	if context.Cause(ctx) == errTimeout {
		return errTimeout
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// notSCIM is a success whose body is not what it should be. Broken JSON may mend; a whole document that is something
// else, and the HTML of a proxy or a login page, do not.
func notSCIM(r call, a *answer, err error) *connectors.Error {
	e := &connectors.Error{Fault: connectors.FaultProtocol, Op: r.op, Status: a.status, Code: incompatible,
		Err: err, Remedy: remedyURL}
	switch looks := looksJSON(a.body); {
	case looks && !json.Valid(a.body):
		e.Fault = connectors.FaultTransient
		if r.changes() {
			e.Fault = connectors.FaultUnsettled
		}
	case !looks:
		e.Detail = "not SCIM: " + cmp.Or(a.said().Detail, "an empty answer")
	}
	return e
}

func looksJSON(body []byte) bool {
	body = bytes.TrimLeft(body, " \t\r\n")
	return len(body) > 0 && (body[0] == '{' || body[0] == '[')
}
