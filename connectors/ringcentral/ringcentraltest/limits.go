package ringcentraltest

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The rate-limit groups that the operations belong to, as X-Rate-Limit-Group names them.
const (
	Light  = "light"  // SCIM reads, and reads of one extension
	Medium = "medium" // lists of extensions
	Heavy  = "heavy"  // SCIM writes
	Auth   = "auth"   // signing in
)

// Limit is what one group may take.
type Limit struct {
	Requests int           // at most so many in any Window; 0 for no limit
	Window   time.Duration // sliding
	Penalty  time.Duration // how long the group is shut after a request too many; every request in it begins it anew
}

// DocumentedLimits are RingCentral's defaults, for each user of each application.
func DocumentedLimits() map[string]Limit {
	return map[string]Limit{
		Light:  {Requests: 50, Window: time.Minute, Penalty: time.Minute},
		Medium: {Requests: 40, Window: time.Minute, Penalty: time.Minute},
		Heavy:  {Requests: 10, Window: time.Minute, Penalty: time.Minute},
		Auth:   {Requests: 5, Window: time.Minute, Penalty: time.Minute},
	}
}

// bucket is the state of one group. The caller holds the lock.
type bucket struct {
	limit   Limit
	taken   []time.Time // when the requests admitted within the window came, oldest first
	until   time.Time   // the penalty's end
	penalty time.Duration
	early   int // requests inside a penalty
}

func newBuckets(limits map[string]Limit) map[string]*bucket {
	buckets := map[string]*bucket{Light: {}, Medium: {}, Heavy: {}, Auth: {}}
	for group, limit := range limits {
		buckets[strings.ToLower(group)] = &bucket{limit: limit, penalty: limit.Penalty}
	}
	return buckets
}

// admit counts a request in, or refuses it and begins the penalty.
func (b *bucket) admit(now time.Time) bool {
	if now.Before(b.until) {
		b.early++
		b.until = now.Add(b.penalty)
		return false
	}
	if b.limit.Requests <= 0 {
		return true
	}
	if b.remaining(now) <= 0 {
		b.penalise(now, b.limit.Penalty)
		return false
	}
	b.taken = append(b.taken, now)
	return true
}

func (b *bucket) penalise(now time.Time, penalty time.Duration) {
	b.penalty = penalty
	b.until = now.Add(penalty)
}

// remaining is how many requests more the window admits.
func (b *bucket) remaining(now time.Time) int {
	if now.Before(b.until) {
		return 0
	}
	for len(b.taken) > 0 && now.Sub(b.taken[0]) >= b.limit.Window {
		b.taken = b.taken[1:]
	}
	return b.limit.Requests - len(b.taken)
}

// headers returns X-Rate-Limit-* of the group, nil if it has no limit.
func (b *bucket) headers(group string, now time.Time) http.Header {
	if b.limit.Requests <= 0 {
		return nil
	}
	return http.Header{
		"X-Rate-Limit-Group":     {group},
		"X-Rate-Limit-Limit":     {strconv.Itoa(b.limit.Requests)},
		"X-Rate-Limit-Remaining": {strconv.Itoa(b.remaining(now))},
		"X-Rate-Limit-Window":    {seconds(b.limit.Window)},
	}
}

// exceeded is the gateway's answer to a request too many.
func exceeded(penalty time.Duration) reply {
	p := gatewayReply(http.StatusTooManyRequests, "CMN-301", "Request rate exceeded")
	p.header.Set("Retry-After", seconds(penalty))
	return p
}

// seconds is d in whole seconds, rounded up: Retry-After must never name a time inside the penalty.
func seconds(d time.Duration) string {
	return strconv.Itoa(int((d + time.Second - 1) / time.Second))
}
