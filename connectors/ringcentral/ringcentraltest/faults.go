package ringcentraltest

import (
	"encoding/json"
	"net/http"
	"time"
)

// Fault is what goes wrong with one request that has passed credentials and limits. The zero value changes nothing;
// what is set adds up.
type Fault struct {
	// Status, if set, is answered with Header and Body in place of the real reply, and the request has no effect
	// unless AfterEffect is set. The Content-Type is SCIM's unless Header says otherwise.
	Status int
	Header http.Header
	Body   string
	// Drop breaks the connection instead of an answer, before the request has an effect unless AfterEffect is set.
	Drop bool
	// AfterEffect lets the request take effect first, so that only its reply is lost.
	AfterEffect bool
	// Truncate breaks the connection in the middle of the reply.
	Truncate bool
	// HalfList makes a list of all accounts show the first half as if it were the whole.
	HalfList bool
	// Delay is waited, after the effect, before the reply; a client that gives up ends it.
	Delay time.Duration
	// Penalty shuts the request's group for that long, as if its limit had been exceeded.
	Penalty time.Duration
	// Unrated leaves the rate-limit headers out.
	Unrated bool
}

// SCIMFault answers with SCIM's error body.
func SCIMFault(status int, scimType, detail string) *Fault {
	return newFault((&refusal{status, scimType, detail}).reply())
}

// GatewayFault answers with the gateway's error body, such as 401 OAU-128 or 503 CMN-211.
func GatewayFault(status int, code, message string) *Fault {
	return newFault(gatewayReply(status, code, message))
}

// HTMLFault answers with a web page, as proxies and load balancers do.
func HTMLFault(status int) *Fault {
	return &Fault{
		Status: status,
		Header: http.Header{"Content-Type": {"text/html; charset=utf-8"}},
		Body:   "<!DOCTYPE html><html><head><title>" + http.StatusText(status) + "</title></head><body></body></html>",
	}
}

// ThrottleFault answers 429 CMN-301 with Retry-After and shuts the group for the penalty. Delete the header to leave
// the client in the dark.
func ThrottleFault(penalty time.Duration) *Fault {
	f := newFault(exceeded(penalty))
	f.Penalty = penalty
	return f
}

func newFault(p reply) *Fault {
	body, err := json.Marshal(p.body)
	if err != nil {
		panic(err) // texts always marshal
	}
	f := &Fault{Status: p.status, Header: p.header, Body: string(body)}
	if f.Header == nil {
		f.Header = make(http.Header)
	}
	return f
}

// Fault has choose asked about every request that passes credentials and limits, until it is set anew; nil ends it.
// choose returns nil where nothing is to go wrong. It may read the request's body and path values ("id"), may call the
// account's methods, and is called by several goroutines at a time if requests come so.
func (a *Account) Fault(choose func(*http.Request) *Fault) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.fault = choose
}

func (a *Account) faultFor(r *http.Request) *Fault {
	a.mu.Lock()
	choose := a.fault
	a.mu.Unlock()
	if choose == nil {
		return nil
	}
	return choose(r)
}

// fail answers a request that the fault befalls.
func (a *Account) fail(x *exchange, f *Fault) reply {
	x.half = f.HalfList
	var p reply
	if f.AfterEffect || (f.Status == 0 && !f.Drop) {
		p = a.operate(x)
	}
	if f.Status != 0 {
		p = reply{status: f.Status, header: f.Header.Clone(), body: []byte(f.Body)}
	}
	p.drop, p.truncate = f.Drop, f.Truncate
	p.unrated = p.unrated || f.Unrated
	if f.Penalty > 0 {
		a.mu.Lock()
		a.buckets[x.route.group].penalise(x.now, f.Penalty)
		a.mu.Unlock()
	}
	if p.drop {
		p.status = 0
	}
	a.record(x, p.status)
	wait(x.request, f.Delay)
	return a.rated(x, p)
}

func wait(r *http.Request, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
	}
}
