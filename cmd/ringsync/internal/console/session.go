package console

import (
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// A session ends some time after it was last used, and for good after a working day.
const (
	sessionIdle   = time.Hour
	sessionLength = 12 * time.Hour
	maxSessions   = 1000
)

// sessionCookie is bound to this host and to https, or to loopback, which browsers trust as much.
const sessionCookie = "__Host-ringsync"

// session is somebody who has signed in.
type session struct {
	name        string
	begun, used time.Time
}

// sessions are kept in memory, by the hash of what the browser holds: a restart signs everybody out.
type sessions struct {
	now func() time.Time
	mu  sync.Mutex
	all map[[sha256.Size]byte]*session
}

func newSessions(now func() time.Time) *sessions {
	return &sessions{now: now, all: map[[sha256.Size]byte]*session{}}
}

// begin opens a session and returns its cookie.
func (s *sessions) begin(name string) *http.Cookie {
	secret := rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	for key, old := range s.all {
		if old.over(now) {
			delete(s.all, key)
		}
	}
	for key := range s.all { // any of them: nobody has that many people
		if len(s.all) < maxSessions {
			break
		}
		delete(s.all, key)
	}
	s.all[sha256.Sum256([]byte(secret))] = &session{name, now, now}
	return cookie(secret, int(sessionLength/time.Second))
}

func cookie(value string, age int) *http.Cookie {
	return &http.Cookie{Name: sessionCookie, Value: value, Path: "/", MaxAge: age, Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode}
}

func (s *session) over(now time.Time) bool {
	return now.Sub(s.used) > sessionIdle || now.Sub(s.begun) > sessionLength
}

// find returns in whose name the request's session is.
func (s *sessions) find(r *http.Request) (name string, ok bool) {
	given, err := r.Cookie(sessionCookie)
	if err != nil {
		return "", false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := sha256.Sum256([]byte(given.Value))
	found := s.all[key]
	switch now := s.now(); {
	case found == nil:
		return "", false
	case found.over(now):
		delete(s.all, key)
		return "", false
	default:
		found.used = now
	}
	return found.name, true
}

func (s *sessions) end(r *http.Request) {
	if given, err := r.Cookie(sessionCookie); err == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.all, sha256.Sum256([]byte(given.Value)))
	}
}

// Wrong tokens that one place may send, and all together, in a minute.
const (
	attemptsWindow = time.Minute
	attemptsEach   = 5
	attemptsAll    = 100
)

// attempts counts wrong tokens. The tokens are too long to be guessed; this keeps the guessing out of everybody's way.
type attempts struct {
	now   func() time.Time
	mu    sync.Mutex
	since time.Time
	all   int
	by    map[netip.Prefix]int
}

func newAttempts(now func() time.Time) *attempts { return &attempts{now: now} }

// blocked returns how long the place has to wait before a token of its is looked at again, 0 if it need not.
func (a *attempts) blocked(from netip.Prefix) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.turn()
	if a.all < attemptsAll && a.by[from] < attemptsEach {
		return 0
	}
	return a.since.Add(attemptsWindow).Sub(a.now())
}

// failed counts a wrong token.
func (a *attempts) failed(from netip.Prefix) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.turn()
	a.all++
	a.by[from]++
}

// turn begins a new window when the last is over.
func (a *attempts) turn() {
	if now := a.now(); a.by == nil || now.Sub(a.since) >= attemptsWindow {
		a.since, a.all, a.by = now, 0, map[netip.Prefix]int{}
	}
}

// placeOf is where a request comes from: an address, or of IPv6 the network that one household gets.
func placeOf(r *http.Request) netip.Prefix {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Prefix{}
	}
	address, bits := at.Addr().Unmap().WithZone(""), 32
	if address.Is6() {
		bits = 64
	}
	place, _ := address.Prefix(bits)
	return place
}
