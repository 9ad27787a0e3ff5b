package entratest

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Fault is what goes wrong with one request. The zero Fault does nothing; the parts combine. A connection breaks by
// panic(http.ErrAbortHandler), which net/http understands; a transport without a network has to recover it.
type Fault struct {
	Delay time.Duration // waited before anything else
	// Status answers with this status and not with what was asked for.
	Status     int
	RetryAfter string // header Retry-After as it is: "2.128", "120", an HTTP date; "" sends none
	HTML       bool   // the body is a gateway's page and not JSON
	// Penalty makes Graph's threat come true: any request before RetryAfter is over gets 429 again, and the wait
	// starts anew.
	Penalty  bool
	Truncate bool // the connection breaks in the middle of the body
	Drop     bool // the connection breaks without an answer
	After    bool // the request takes effect before Status or Drop
}

// Throttled is 429, without Retry-After if it is "".
func Throttled(retryAfter string) *Fault {
	return &Fault{Status: http.StatusTooManyRequests, RetryAfter: retryAfter}
}

// Gateway is a 5xx with an HTML body, as a load balancer sends it.
func Gateway(status int) *Fault { return &Fault{Status: status, HTML: true} }

// OnRequest sets a function that is called at the start of every HTTP request, before the directory is looked at, so
// it may change the directory in the middle of a read. nil removes it.
func (d *Directory) OnRequest(f func(*http.Request)) {
	d.hooks.mu.Lock()
	defer d.hooks.mu.Unlock()
	d.hooks.onReq = f
}

// Fault sets a function that is asked for every request, and for every item of a batch, what goes wrong with it; nil
// is nothing. It may be called by several goroutines at once. In an item, Drop and Truncate become 504.
func (d *Directory) Fault(f func(*http.Request) *Fault) {
	d.hooks.mu.Lock()
	defer d.hooks.mu.Unlock()
	d.hooks.fault = f
}

func (d *Directory) faultFor(r *http.Request) *Fault {
	d.hooks.mu.RLock()
	f := d.hooks.fault
	d.hooks.mu.RUnlock()
	if f == nil {
		return nil
	}
	return f(r)
}

// before waits, and reports whether the request is to be answered with the fault without taking effect.
func (f *Fault) before(ctx context.Context) bool {
	if f == nil {
		return false
	}
	if f.Delay > 0 {
		timer := time.NewTimer(f.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			panic(http.ErrAbortHandler) // the client has gone
		}
	}
	if f.After {
		return false
	}
	if f.Drop {
		panic(http.ErrAbortHandler) // net/http breaks the connection
	}
	return f.Status != 0
}

// after spoils the answer of a request that took effect.
func (f *Fault) after(w http.ResponseWriter, c *call, a answer) {
	switch {
	case f.Drop:
		panic(http.ErrAbortHandler)
	case f.Status != 0:
		a = f.answer(c)
	}
	if !f.Truncate {
		a.write(w, c)
		return
	}
	whole := len(a.body)
	a.body = a.body[:whole/2]
	w.Header().Set("Content-Length", strconv.Itoa(whole))
	a.write(w, c)
	if flusher, ok := w.(http.Flusher); ok {
		flusher.Flush()
	}
	panic(http.ErrAbortHandler)
}

// answer is the response that Status asks for.
func (f *Fault) answer(c *call) answer {
	h := http.Header{}
	if f.RetryAfter != "" {
		h.Set("Retry-After", f.RetryAfter)
	}
	if f.HTML {
		h.Set("Content-Type", "text/html")
		text := http.StatusText(f.Status)
		return answer{status: f.Status, header: h, body: fmt.Appendf(nil,
			"<html>\r\n<head><title>%d %s</title></head>\r\n<body><center><h1>%[1]d %[2]s</h1></center></body>\r\n</html>\r\n", f.Status, text)}
	}
	codes := map[int][2]string{
		429: {"TooManyRequests", "Please retry again later."},
		401: {"InvalidAuthenticationToken", "Lifetime validation failed, the token is expired."},
		403: {"Authorization_RequestDenied", "Insufficient privileges to complete the operation."},
		404: {"Request_ResourceNotFound", "Resource does not exist."},
		500: {"InternalServerError", "An internal server error occurred."},
		502: {"BadGateway", "The upstream service failed."},
		503: {"ServiceNotAvailable", "The service is temporarily unavailable."},
		504: {"GatewayTimeout", "The upstream service did not answer in time."},
	}
	said, ok := codes[f.Status]
	if !ok {
		said = [2]string{"UnknownError", http.StatusText(f.Status)}
	}
	return (&failure{status: f.Status, code: said[0], message: said[1], header: h}).answer(c)
}

// throttle is the token bucket of resource units, and the penalty that follows when it is empty.
type throttle struct {
	mu    sync.Mutex
	used  float64   // units in use, which drain at Options.Units every 10 seconds
	at    time.Time // when used was right
	until time.Time // end of the penalty
	wait  time.Duration
	early int
}

const window = 10 * time.Second

// EarlyCalls returns how many requests came before a Retry-After was over.
func (d *Directory) EarlyCalls() int {
	d.throttle.mu.Lock()
	defer d.throttle.mu.Unlock()
	return d.throttle.early
}

// penalise starts the penalty that an injected fault threatens with.
func (d *Directory) penalise(f *Fault, c *call) {
	if !f.Penalty {
		return
	}
	var wait time.Duration
	if s, err := strconv.ParseFloat(f.RetryAfter, 64); err == nil {
		wait = time.Duration(s * float64(time.Second))
	} else if at, err := http.ParseTime(f.RetryAfter); err == nil {
		wait = at.Sub(c.now)
	}
	d.throttle.mu.Lock()
	defer d.throttle.mu.Unlock()
	if c.now.Before(d.throttle.until) {
		d.throttle.early++
	}
	d.throttle.wait, d.throttle.until = wait, c.now.Add(wait)
}

// charge takes the request's resource units from the bucket, or refuses it.
func (d *Directory) charge(c *call, rt *route) *failure {
	if rt.template == batchTemplate {
		return nil // its items are charged
	}
	c.units = rt.cost(c)
	t := &d.throttle
	t.mu.Lock()
	defer t.mu.Unlock()
	if c.now.Before(t.until) {
		t.early++
		t.until = c.now.Add(t.wait)
		return d.throttled(t.wait)
	}
	if d.options.Units <= 0 {
		return nil
	}
	size := float64(d.options.Units)
	t.used = max(0, t.used-size*c.now.Sub(t.at).Seconds()/window.Seconds())
	t.at = c.now
	if t.used+float64(c.units) > size && t.used > 0 {
		// Wait until a fifth of the bucket is free again; an odd fraction, as the real service has.
		t.wait = time.Duration(float64(window)*max(0, t.used-0.8*size)/size) + 128*time.Millisecond
		t.until = c.now.Add(t.wait)
		return d.throttled(t.wait)
	}
	t.used += float64(c.units)
	c.load = t.used / size
	return nil
}

// cost applies Graph's rules: $select saves a unit, so does $top below 20, and everything costs at least one.
func (rt *route) cost(c *call) int {
	n := rt.units
	if c.query.Has("$select") {
		n--
		if rt.template == "/directoryObjects/getByIds" {
			n = 2
		}
	}
	if top, err := strconv.Atoi(c.query.Get("$top")); err == nil && top < 20 {
		n--
	}
	return max(n, 1)
}

func (d *Directory) throttled(wait time.Duration) *failure {
	f := fail(http.StatusTooManyRequests, "TooManyRequests", "Please retry again later.")
	f.inner = "429"
	f.header = http.Header{
		"Retry-After":               {strconv.FormatFloat(wait.Seconds(), 'f', 3, 64)},
		"X-Ms-Throttle-Scope":       {"Tenant_Application/ReadWrite/" + d.options.App + "/" + d.options.Tenant},
		"X-Ms-Throttle-Information": {"ResourceUnitLimitExceeded"},
	}
	return f
}
