package engine_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"ringsync/connectors/entra/entratest"
	"ringsync/connectors/ringcentral/ringcentraltest"
)

type side int

const (
	graph side = iota
	target
)

func (s side) String() string { return [...]string{"graph", "ringcentral"}[s] }

// network lies between all processes and both emulators. Requests take time there, and get lost.
//
// What befalls a request follows from the seed and from what the request is, not from the order in which requests
// happen to come, so that goroutines that overtake one another change nothing.
type network struct {
	h  *history
	mu sync.Mutex
	// weather is how many of a thousand requests something befalls, by side.
	weather [2]int
	counts  map[string]int     // how often each request came in this round
	closed  map[string]penalty // by group
	journal []*write
	// lostRows: a list of members has been short.
	lostRows atomic.Bool
}

// penalty is a time of which a process has been told that it is to send nothing.
type penalty struct{ from, until time.Time }

// write is a request that may have changed an account.
type write struct {
	at            time.Time
	round         int
	method, id    string
	before, after ringcentraltest.User
	had, has      bool
	status        int
	// delivered is when the process, alive, had the whole answer.
	delivered time.Time
	// forgotten: the process died before it had put the answer down.
	forgotten bool
}

func (w *write) acknowledged() bool { return !w.delivered.IsZero() && w.status/100 == 2 }

func (w *write) effective() bool {
	return w.had != w.has || !reflect.DeepEqual(w.before, w.after)
}

// disables and the others say what the write took away.
func (w *write) disables() bool { return w.had && w.has && w.before.Active && !w.after.Active }
func (w *write) renames() bool {
	return w.had && w.has && !strings.EqualFold(w.before.UserName, w.after.UserName)
}
func (w *write) deletes() bool { return w.had && !w.has }
func (w *write) passes(h *history) bool {
	return w.had && w.has && w.before.ExternalID != w.after.ExternalID && slices.Contains(h.people, w.before.ExternalID)
}
func (w *write) creates() bool { return !w.had && w.has }

// wire is the way of the process at work to one side.
type wire struct {
	h       *history
	side    side
	handler http.Handler
}

// roll is what befalls one request.
type roll struct {
	random *rand.Rand
	before time.Duration // on the way there
	back   time.Duration // on the way back
	bad    bool
}

func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	n := w.h.net
	body, err := readAll(req)
	if err != nil {
		return nil, err
	}
	r := n.roll(w.side, req, body)
	sent := time.Now()
	if err := w.wait(req.Context(), r.before); err != nil {
		return nil, err
	}
	if w.h.process.dead.Load() {
		return nil, errDead
	}
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	var res *http.Response
	var done *write
	if w.side == graph {
		res, err = n.askGraph(w, req, r)
	} else {
		res, done, err = n.askTarget(w, req, &r, body, sent)
	}
	if res == nil || res.StatusCode != http.StatusTooManyRequests {
		if waited := w.wait(req.Context(), r.back); waited != nil {
			return nil, waited
		}
	}
	if done != nil && err == nil && !broken(res) && !strings.Contains(res.Header.Get("Content-Type"), "html") {
		done.delivered = time.Now()
	}
	return res, err
}

// broken reports whether the body ends too soon.
func broken(res *http.Response) bool {
	body, err := io.ReadAll(res.Body)
	res.Body = io.NopCloser(bytes.NewReader(body))
	if err != nil {
		res.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), brokenReader{}))
	}
	return err != nil
}

func readAll(req *http.Request) ([]byte, error) {
	if req.Body == nil {
		return nil, nil
	}
	body, err := io.ReadAll(req.Body)
	req.Body = io.NopCloser(bytes.NewReader(body))
	return body, err
}

// wait lets time pass; whoever gives up or dies meanwhile gets no answer.
func (w *wire) wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	if w.h.process.dead.Load() {
		return errDead
	}
	return nil
}

// roll decides.
func (n *network) roll(s side, req *http.Request, body []byte) roll {
	key := s.String() + " " + req.Method + " " + req.URL.Path
	if s == target {
		key += " " + req.URL.RawQuery // graph's has tokens in it, which differ
		if req.Method == http.MethodPost {
			key += who(body)
		}
	}
	n.mu.Lock()
	n.counts[key]++
	count := n.counts[key]
	bad := n.weather[s]
	n.mu.Unlock()
	hash := fnv.New64a()
	fmt.Fprint(hash, key, " ", n.h.round, " ", count)
	r := rand.New(rand.NewPCG(n.h.seed, hash.Sum64()))
	return roll{
		before: time.Duration(1 + r.IntN(20_000_000)), back: time.Duration(1_000_000 + r.IntN(60_000_000)),
		bad: r.IntN(1000) < bad, random: r,
	}
}

func who(body []byte) string {
	var person struct{ ExternalID string }
	_ = json.Unmarshal(body, &person) // anybody
	return person.ExternalID
}

// begin starts a round's counting.
func (n *network) begin(graphWeather, targetWeather int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.counts = map[string]int{}
	n.weather = [2]int{graphWeather, targetWeather}
}

func (n *network) calm() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.weather = [2]int{}
}

// askGraph has the directory answer. Rows may be missing from lists of members, which is no proof of anything.
func (n *network) askGraph(w *wire, req *http.Request, r roll) (*http.Response, error) {
	if r.bad && strings.HasSuffix(req.URL.Path, "/members") && r.random.IntN(3) == 0 {
		res, err := handlerTransport{w.handler}.RoundTrip(req)
		return n.thin(res, r.random), err
	}
	var fault *entratest.Fault
	if r.bad {
		fault = graphFault(r.random, req)
		n.h.note("graph: %s %s: %s", req.Method, n.h.short(req.URL.Path), describeGraph(fault))
	}
	n.h.dir.Fault(func(*http.Request) *entratest.Fault { return fault })
	return handlerTransport{w.handler}.RoundTrip(req)
}

// thin drops some rows of a page.
func (n *network) thin(res *http.Response, r *rand.Rand) *http.Response {
	if res == nil || res.StatusCode != http.StatusOK {
		return res
	}
	body, err := io.ReadAll(res.Body)
	var page map[string]json.RawMessage
	var rows []json.RawMessage
	if err != nil || json.Unmarshal(body, &page) != nil || json.Unmarshal(page["value"], &rows) != nil {
		res.Body = io.NopCloser(bytes.NewReader(body))
		return res
	}
	kept := []json.RawMessage{}
	for _, row := range rows {
		if r.IntN(3) > 0 {
			kept = append(kept, row)
		}
	}
	n.lostRows.Store(true)
	n.h.note("graph: members: %d of %d rows", len(kept), len(rows))
	page["value"], _ = json.Marshal(kept) // what was JSON still is
	body, _ = json.Marshal(page)
	res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return res
}

func graphFault(r *rand.Rand, req *http.Request) *entratest.Fault {
	switch n := r.IntN(20); {
	case n < 4:
		return entratest.Throttled(strconv.FormatFloat(r.Float64()*40, 'f', 3, 64))
	case n < 5:
		return &entratest.Fault{Status: 429, RetryAfter: strconv.Itoa(1 + r.IntN(60)), Penalty: true}
	case n < 6:
		return entratest.Throttled("")
	case n < 9:
		return entratest.Gateway(502 + r.IntN(3))
	case n < 11:
		return &entratest.Fault{Status: 500}
	case n < 14:
		return &entratest.Fault{Drop: true}
	case n < 17:
		return &entratest.Fault{Truncate: true}
	case n < 18 && strings.HasSuffix(req.URL.Path, "/members"):
		return &entratest.Fault{Status: 403 + r.IntN(2)}
	case n < 19:
		return &entratest.Fault{Status: 403}
	default:
		return &entratest.Fault{Status: 503, RetryAfter: "7"}
	}
}

func describeGraph(f *entratest.Fault) string {
	switch {
	case f.Drop:
		return "connection dropped"
	case f.Truncate:
		return "body cut"
	case f.RetryAfter != "":
		return fmt.Sprintf("%d, Retry-After %s", f.Status, f.RetryAfter)
	}
	return strconv.Itoa(f.Status)
}

// askTarget has the account answer one request at a time, and keeps what it changed.
//
// A request that is on its way cannot be called back, so only one that set out inside a penalty is to blame.
func (n *network) askTarget(w *wire, req *http.Request, r *roll, body []byte, sent time.Time) (*http.Response, *write, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	now, kind := time.Now(), "heavy"
	if req.Method == http.MethodGet {
		kind = "light"
	}
	if shut := n.closed[kind]; sent.After(shut.from) && sent.Before(shut.until) {
		n.h.broken("S6", "%s %s is sent %v before the end of a penalty that was announced", req.Method, req.URL.Path, shut.until.Sub(sent))
	}
	var fault *ringcentraltest.Fault
	words := ""
	if r.bad {
		fault, words = targetFault(r, req)
		if fault.HalfList && n.h.first {
			fault, words = nil, "" // a first cycle takes the list for whole
		}
	}
	n.h.account.Fault(func(*http.Request) *ringcentraltest.Fault { return fault })
	var done *write
	if req.Method != http.MethodGet {
		done = &write{at: now, round: n.h.round, method: req.Method, id: req.URL.Path[strings.LastIndexByte(req.URL.Path, '/')+1:]}
		done.before, done.had = n.h.account.User(done.id)
		n.journal = append(n.journal, done)
	}
	res, err := handlerTransport{w.handler}.RoundTrip(req)
	status := 0
	if res != nil {
		status = res.StatusCode
	}
	if status == http.StatusTooManyRequests {
		n.announce(kind, res, now)
	}
	if done != nil {
		done.status = status
		if req.Method == http.MethodPost {
			last := n.h.account.Writes()
			if w := last[len(last)-1]; len(last) > 0 && w.Method == http.MethodPost && w.Effect && bytes.Equal(w.Body, body) {
				done.id = w.ID
			}
		}
		done.after, done.has = n.h.account.User(done.id)
		n.h.observe(done)
		n.h.noteWrite(done, words)
	} else if words != "" {
		n.h.note("ringcentral: %s %s: %s", req.Method, req.URL.RequestURI(), words)
	}
	return res, done, err
}

// announce notes what a process is about to be told. What is no rate limit stops nobody.
func (n *network) announce(kind string, res *http.Response, now time.Time) {
	body, _ := io.ReadAll(res.Body)
	res.Body = io.NopCloser(bytes.NewReader(body))
	if strings.Contains(string(body), "CMN-304") {
		return
	}
	wait := 30 * time.Second
	if s, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil {
		wait = time.Duration(s) * time.Second
	}
	n.closed[kind] = penalty{now, now.Add(wait)}
}

// targetFault draws what goes wrong at RingCentral.
func targetFault(r *roll, req *http.Request) (*ringcentraltest.Fault, string) {
	if req.Method == http.MethodGet {
		return readFault(r, req)
	}
	after := r.random.IntN(2) == 0
	effect := " before the effect"
	if after {
		effect = " after the effect"
	}
	with := func(f *ringcentraltest.Fault) *ringcentraltest.Fault {
		f.AfterEffect = after
		return f
	}
	switch k := r.random.IntN(24); {
	case k < 5:
		return with(&ringcentraltest.Fault{Drop: true}), "dropped" + effect
	case k < 8:
		return &ringcentraltest.Fault{Truncate: true}, "answer cut"
	case k < 10:
		return with(ringcentraltest.HTMLFault(502)), "502 page" + effect
	case k < 12:
		return with(ringcentraltest.SCIMFault(500+3*r.random.IntN(2), "", "Something went wrong")), "5xx" + effect
	case k < 16:
		return throttleFault(r)
	case k < 18:
		r.back = 2 * time.Minute
		return with(&ringcentraltest.Fault{Drop: !after}), "no answer" + effect
	case k < 20:
		return ringcentraltest.SCIMFault(400, "invalidValue", "Parameter [extension.contact.jobTitle] value is invalid."), "400"
	case k < 21:
		return ringcentraltest.SCIMFault(409, "uniqueness", "Extension e-mail already exists on account"), "409"
	case k < 22:
		return with(&ringcentraltest.Fault{Status: 200, Header: http.Header{"Content-Type": {"text/html"}}, Body: "<html>Sign in</html>"}), "a login page" + effect
	case k < 23:
		return ringcentraltest.GatewayFault(401, "OAU-213", "Token not found"), "401"
	default:
		return with(ringcentraltest.GatewayFault(503, "CMN-211", "Service is overloaded")), "503" + effect
	}
}

func throttleFault(r *roll) (*ringcentraltest.Fault, string) {
	if r.random.IntN(2) == 0 {
		f := ringcentraltest.ThrottleFault(25 * time.Second)
		f.Header.Del("Retry-After")
		return f, "429 that does not say for how long"
	}
	wait := time.Duration(5+r.random.IntN(90)) * time.Second
	return ringcentraltest.ThrottleFault(wait), fmt.Sprintf("429 for %v", wait)
}

func readFault(r *roll, req *http.Request) (*ringcentraltest.Fault, string) {
	isList := strings.HasSuffix(req.URL.Path, "/Users") && req.URL.Query().Get("filter") == ""
	switch k := r.random.IntN(16); {
	case k < 5 && isList:
		return &ringcentraltest.Fault{HalfList: true}, "half the list"
	case k < 7:
		return &ringcentraltest.Fault{Drop: true}, "dropped"
	case k < 10:
		return &ringcentraltest.Fault{Truncate: true}, "answer cut"
	case k < 12:
		return ringcentraltest.HTMLFault(503), "503 page"
	case k < 15:
		return throttleFault(r)
	default:
		return ringcentraltest.SCIMFault(500, "", "Something went wrong"), "500"
	}
}
