package ringcentral

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	defaultWindow = time.Minute
	// What headers can make us wait, and remember.
	longestWait = 24 * time.Hour
	mostCounted = 100_000
)

// Limit is one of RingCentral's limits as the last answer of its group gave it.
type Limit struct {
	Group     string // light, medium, heavy
	Requests  int    // in a window
	Remaining int
	Window    time.Duration
}

// parseLimit reads the X-Rate-Limit headers; ok is false if they give no limit.
func parseLimit(h http.Header) (l Limit, ok bool) {
	n, err := strconv.Atoi(strings.TrimSpace(h.Get("X-Rate-Limit-Limit")))
	if err != nil || n <= 0 {
		return Limit{}, false
	}
	n = min(n, mostCounted)
	l = Limit{Group: strings.ToLower(strings.TrimSpace(h.Get("X-Rate-Limit-Group"))), Requests: n, Remaining: n, Window: defaultWindow}
	if r, err := strconv.Atoi(strings.TrimSpace(h.Get("X-Rate-Limit-Remaining"))); err == nil {
		l.Remaining = max(0, min(r, n))
	}
	if s, err := strconv.Atoi(strings.TrimSpace(h.Get("X-Rate-Limit-Window"))); err == nil && s > 0 {
		l.Window = time.Duration(min(s, int(longestWait/time.Second))) * time.Second
	}
	return l, true
}

// retryAfter reads Retry-After (RFC 9110, section 10.2.3): seconds, fractions too, or an HTTP date. 0 if not given.
func retryAfter(h http.Header, now time.Time) time.Duration {
	said := strings.TrimSpace(h.Get("Retry-After"))
	if s, err := strconv.ParseFloat(said, 64); err == nil && s >= 0 {
		return time.Duration(min(s, longestWait.Seconds()) * float64(time.Second))
	}
	if at, err := http.ParseTime(said); err == nil {
		return max(0, min(at.Sub(now), longestWait))
	}
	return 0
}
