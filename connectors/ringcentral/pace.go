package ringcentral

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"
)

// RingCentral counts requests for each user and application in groups, over a sliding window, and names the group and
// its state in the answer's headers. Whoever sends during the penalty that follows a 429 starts it anew. The pacer
// therefore
//
//   - sends the first request of a lane alone, and learns from its answer which group that is and what is left;
//   - then lets requests go at once, up to the share of the limit that is ours, and never spaces them out: a request
//     counts from its answer (by when the server has counted it) until the window has passed;
//   - counts as other people's whatever the server says is used and our own requests do not explain. What these used
//     comes back a window later; Remaining: 0 that is not ours thus waits the whole window;
//   - stops the whole group on a 429, those who wait already included, and afterwards sends one request alone again.
//     A 429 without the headers belongs to a limit of the account or the address: it stops everything;
//   - among several clients gives each free place to the one that has gone without for longest, however many of another's
//     requests wait.
//
// A server that names no limits is not slowed. RingCentral's documented defaults are not assumed for it: they differ by
// application, and a 429 tells what a guess cannot. Signing in is the exception: nobody needs more than the default.

// lane is a kind of request. Which group a kind belongs to is RingCentral's to say and has changed over the years.
type lane uint8

const (
	reads      lane = iota // SCIM reads, and those of one extension
	writes                 // SCIM writes
	extensions             // lists of extensions
	signIns
	lanes
)

const (
	// slack keeps a request from reaching the server in the very instant in which the window or a penalty ends.
	slack = 50 * time.Millisecond
	// rounding is what a whole-second Retry-After may have lost.
	rounding = time.Second
	// leastPenalty is how long to wait after a 429 that does not say.
	leastPenalty = 30 * time.Second
)

type pacer struct {
	mu      sync.Mutex
	shares  map[any]float64 // of the open clients
	turns   [lanes]turns
	lanes   [lanes]*group
	named   map[string]*group
	stopped time.Time // for every group: the penalty of a limit without a group
	waiting int
	changed chan struct{} // closed when those who wait should look again

	// Places of the write lane that are promised but not yet used; of these, reserved have nobody using them.
	promised, reserved int
}

// group is one of RingCentral's buckets, or a lane's own as long as it has no name. Requests 0 means that no limit is
// known.
type group struct {
	Limit
	learning bool // one request at a time
	flying   int  // sent, not answered
	answered []time.Time
	foreign  []time.Time // requests that are not ours; both hold when each stops counting, in order
	stopped  time.Time
}

func newPacer() *pacer {
	p := &pacer{shares: map[any]float64{}, named: map[string]*group{}, changed: make(chan struct{})}
	for i := range p.lanes {
		p.lanes[i] = &group{learning: true}
	}
	return p
}

// open notes what share a client may use. Of several clients with one credential the most modest decides.
func (p *pacer) open(client any, share float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shares[client] = share
}

// close forgets a client.
func (p *pacer) close(client any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.shares, client)
	for i := range p.turns {
		delete(p.turns[i].last, client)
	}
	p.wake()
}

// share is the part of each limit that is ours.
func (p *pacer) share() float64 {
	least := 1.0
	for _, share := range p.shares {
		least = min(least, share)
	}
	return least
}

// assume takes a limit for a lane's as long as no answer says otherwise.
func (p *pacer) assume(l lane, limit Limit) { p.lanes[l].Limit = limit }

// reserve waits until a write may be sent and holds its place for the client.
func (p *pacer) reserve(ctx context.Context, client any) error {
	return p.await(ctx, writes, client, func(g *group) bool {
		if !p.free(g, p.promised) {
			return false
		}
		p.promised++
		p.reserved++
		return true
	})
}

// release gives a reserved place back, if there is one.
func (p *pacer) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reserved > 0 {
		p.reserved--
		p.promised--
		p.wake()
	}
}

// begin waits until a request of the client may be sent and returns the group that counts it. A write uses up a reserved
// place. The place is no licence to send: a penalty may have begun since.
func (p *pacer) begin(ctx context.Context, l lane, client any) (*group, error) {
	if l == writes {
		client = nil // its turn came with its place

		p.mu.Lock()
		if p.reserved > 0 {
			p.reserved--
		} else {
			p.promised++
		}
		p.mu.Unlock()
	}
	var counted *group
	err := p.await(ctx, l, client, func(g *group) bool {
		if !p.free(g, 0) {
			return false
		}
		g.flying++
		counted = g
		return true
	})
	if l == writes {
		p.mu.Lock()
		p.promised--
		p.wake()
		p.mu.Unlock()
	}
	return counted, err
}

// free reports whether the group admits one more request beside so many that are promised.
func (p *pacer) free(g *group, promised int) bool {
	now := time.Now()
	g.expire(now)
	if now.Before(later(p.stopped, g.stopped)) || g.learning && g.flying+promised > 0 {
		return false
	}
	if g.Requests == 0 {
		return true
	}
	own := g.flying + promised + len(g.answered)
	return own < p.ours(g) && own+len(g.foreign) < g.Requests
}

// ours is how many of the group's requests in a window may be ours.
func (p *pacer) ours(g *group) int { return max(1, int(float64(g.Requests)*p.share()+1e-9)) }

// await calls take, with the lock held, each time it may succeed and it is the client's turn, until it does. nil is a
// client that need not wait for its turn.
func (p *pacer) await(ctx context.Context, l lane, client any, take func(*group) bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	turns := &p.turns[l]
	turns.join(client)
	defer func() {
		if turns.leave(client); len(turns.waiting) > 0 {
			p.wake() // it may be another's turn now
		}
	}()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if turns.next(client) && take(p.lanes[l]) {
			turns.took(client)
			return nil
		}
		changed, at := p.changed, p.next(p.lanes[l])
		if !turns.next(client) {
			at = time.Time{} // whoever's turn it is wakes the others
		}
		p.waiting++
		p.mu.Unlock()
		sleep(ctx, at, changed)
		p.mu.Lock()
		p.waiting--
	}
}

// sleep returns at that time (never, if it is zero), when changed is closed, or when the context ends.
func sleep(ctx context.Context, at time.Time, changed <-chan struct{}) {
	var alarm <-chan time.Time
	if !at.IsZero() {
		timer := time.NewTimer(time.Until(at))
		defer timer.Stop()
		alarm = timer.C
	}
	select {
	case <-ctx.Done():
	case <-changed:
	case <-alarm:
	}
}

// next is when time alone may admit a request, zero if only an event can.
func (p *pacer) next(g *group) time.Time {
	if at := later(p.stopped, g.stopped); at.After(time.Now()) {
		return at
	}
	var at time.Time
	if g.learning && g.flying > 0 { // only an answer helps
		return at
	}
	for _, q := range [][]time.Time{g.answered, g.foreign} {
		if len(q) > 0 && (at.IsZero() || q[0].Before(at)) {
			at = q[0]
		}
	}
	return at
}

// wake lets everybody who waits look again.
func (p *pacer) wake() {
	if p.waiting == 0 {
		return
	}
	close(p.changed)
	p.changed = make(chan struct{})
}

// unsent takes back the turn of a request that was not sent after all.
func (p *pacer) unsent(g *group) {
	p.mu.Lock()
	defer p.mu.Unlock()
	g.flying--
	p.wake()
}

// lost ends a request that got no answer. The server may have counted it.
func (p *pacer) lost(g *group) {
	p.mu.Lock()
	defer p.mu.Unlock()
	g.flying--
	g.count(time.Now())
	p.wake()
}

// answer ends a request and learns from its answer: its headers, whether it is a success, and whether a rate limit is
// exceeded. For the latter it stops the group, or all of them, and returns how long.
func (p *pacer) answer(l lane, g *group, h http.Header, success, limited bool) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.wake()
	now := time.Now()
	g.flying--
	limit, said := parseLimit(h)
	if said {
		g = p.bind(l, g, limit)
	}
	g.count(now)
	if said {
		g.notice(now, g.learning && g.flying == 0)
	}
	if !limited {
		// What was sent before a penalty and answered in it says nothing about the time after it.
		if (said || success) && !now.Before(later(p.stopped, g.stopped)) {
			g.learning = false
		}
		return 0
	}
	wait := retryAfter(h, now)
	if wait == 0 {
		wait = max(leastPenalty, g.Window)
	}
	wait += rounding
	if said {
		g.stop(now.Add(wait))
		return wait
	}
	p.stopped = later(p.stopped, now.Add(wait))
	for _, other := range p.lanes {
		other.learning = true
	}
	return wait
}

// bind finds the group that an answer names and notes what it says. A lane's requests go to it from now on.
func (p *pacer) bind(l lane, g *group, limit Limit) *group {
	if limit.Group == "" { // a limit without a name is taken to be the lane's own
		limit.Group = g.Group
		g.Limit = limit
		return g
	}
	if named, ok := p.named[limit.Group]; ok {
		g = named
	} else {
		if g.Group != "" {
			g = &group{}
		}
		p.named[limit.Group] = g
	}
	g.Limit = limit
	p.lanes[l] = g
	return g
}

// notice takes what the server counts and we cannot explain for somebody else's. Answers overtake one another, so only
// one that was alone can also say that others have used less than was thought.
func (g *group) notice(now time.Time, alone bool) {
	unexplained := g.Requests - g.Remaining - g.flying - len(g.answered) - len(g.foreign)
	for range unexplained {
		g.foreign = append(g.foreign, now.Add(g.Window+slack))
	}
	if alone && unexplained < 0 {
		g.foreign = g.foreign[min(-unexplained, len(g.foreign)):]
	}
}

func (g *group) count(now time.Time) {
	if g.Requests > 0 {
		g.expire(now)
		g.answered = append(g.answered, now.Add(g.Window+slack))
	}
}

func (g *group) expire(now time.Time) {
	for _, q := range []*[]time.Time{&g.answered, &g.foreign} {
		*q = slices.Delete(*q, 0, len(*q)-len(unexpired(*q, now)))
	}
}

func (g *group) stop(until time.Time) {
	g.stopped = later(g.stopped, until)
	g.learning = true
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// allowance is how many requests of the lane may be ours in a window; ok is false if no limit is known.
func (p *pacer) allowance(l lane) (requests int, window time.Duration, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	g := p.lanes[l]
	if g.Requests == 0 {
		return 0, 0, false
	}
	return p.ours(g), g.Window, true
}

// soonest is how long it takes until the n-th further request of the lane can be sent, if all are sent as early as the
// limit allows and each is answered at once; ok is false if no limit is known.
func (p *pacer) soonest(l lane, n int) (wait time.Duration, ok bool) {
	p.mu.Lock()
	g, ours, now := *p.lanes[l], p.ours(p.lanes[l]), time.Now()
	own, foreign, at := slices.Clone(g.answered), slices.Clone(g.foreign), later(now, later(p.stopped, g.stopped))
	p.mu.Unlock()
	if g.Requests == 0 {
		return 0, false
	}
	for range g.flying {
		own = append(own, at.Add(g.Window+slack))
	}
	for range n {
		own, foreign = unexpired(own, at), unexpired(foreign, at)
		for len(own) >= ours || len(own)+len(foreign) >= g.Requests {
			switch {
			case len(foreign) == 0 || len(own) > 0 && own[0].Before(foreign[0]):
				at, own = own[0], own[1:]
			default:
				at, foreign = foreign[0], foreign[1:]
			}
		}
		own = append(own, at.Add(g.Window+slack))
	}
	return at.Sub(now), true
}

// unexpired returns the part of the queue that still counts.
func unexpired(queue []time.Time, now time.Time) []time.Time {
	n := 0
	for n < len(queue) && !now.Before(queue[n]) {
		n++
	}
	return queue[n:]
}

// limits returns what answers have told of each group.
func (p *pacer) limits() []Limit {
	p.mu.Lock()
	defer p.mu.Unlock()
	var known []Limit
	for _, name := range slices.Sorted(maps.Keys(p.named)) {
		known = append(known, p.named[name].Limit)
	}
	return known
}
