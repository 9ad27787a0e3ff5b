package entratest

import (
	"encoding/base64"
	"encoding/binary"
	"hash/fnv"
	"net/http"
	"strings"
	"sync"
	"time"
)

// How long tokens live: seven days for deltas (delta query overview). Nothing official is known of page tokens; users
// report minutes.
const (
	deltaTokenLife = 7 * 24 * time.Hour
	pageTokenLife  = 10 * time.Minute
)

// token is what a nextLink or deltaLink carries. Clients see it as opaque text.
type token struct {
	chain  uint64 // hash of what is being paged through
	issued int64  // Unix nanoseconds
	era    uint64 // number of ExpireTokens or ExpirePages calls before it
	serial uint64 // makes every token different
	first  bool   // deltas: reading what exists, as opposed to changes
	blank  bool   // the empty page before the rows was served
	from   int    // deltas: history already shown
	to     int    // deltas: where this round ends
	pos    int    // next place in the list or history
	sub    int    // next member of the group at pos
}

func (t token) encode(secret uint64) string {
	b := make([]byte, 0, 64)
	for _, v := range []uint64{t.chain, uint64(t.issued), t.era, t.serial, flag(t.first), flag(t.blank),
		uint64(t.from), uint64(t.to), uint64(t.pos), uint64(t.sub)} {
		b = binary.AppendUvarint(b, v)
	}
	b = binary.BigEndian.AppendUint32(b, checksum(b, secret))
	scramble(b, secret)
	return base64.RawURLEncoding.EncodeToString(b)
}

func flag(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// decodeToken reports false for anything that encode did not make with the same secret.
func decodeToken(s string, secret uint64) (token, bool) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(b) < 14 {
		return token{}, false
	}
	scramble(b, secret)
	body := b[:len(b)-4]
	if binary.BigEndian.Uint32(b[len(b)-4:]) != checksum(body, secret) {
		return token{}, false
	}
	var v [10]uint64
	for i := range v {
		n := 0
		v[i], n = binary.Uvarint(body)
		if n <= 0 {
			return token{}, false
		}
		if i > 3 && v[i] > 1<<40 { // no place in any list
			return token{}, false
		}
		body = body[n:]
	}
	return token{chain: v[0], issued: int64(v[1]), era: v[2], serial: v[3], first: v[4] == 1, blank: v[5] == 1,
		from: int(v[6]), to: int(v[7]), pos: int(v[8]), sub: int(v[9])}, len(body) == 0
}

func checksum(b []byte, secret uint64) uint32 {
	h := fnv.New32a()
	_ = binary.Write(h, binary.BigEndian, secret) // a hash does not fail
	h.Write(b)
	return h.Sum32()
}

// scramble is its own inverse. It only keeps people from reading tokens, as they cannot read real ones.
func scramble(b []byte, secret uint64) {
	x := secret | 1
	for i := range b {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		b[i] ^= byte(x)
	}
}

func hashOf(parts ...string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(strings.Join(parts, "\x00")))
	return h.Sum64()
}

// Expiry is the way in which a delta link stops being honoured. Microsoft documents several and promises none.
type Expiry uint8

const (
	// ExpiredGone is 410 with a Location whose $deltatoken is empty: read everything again from there.
	ExpiredGone Expiry = iota
	// ExpiredGoneWithoutLocation is 410 with the code spelt SyncStateNotFound and no Location.
	ExpiredGoneWithoutLocation
	// ExpiredResyncApply is 410 resyncRequired, inner code resyncApplyDifferences, with Location.
	ExpiredResyncApply
	// ExpiredResyncUpload is 410 resyncRequired, inner code resyncUploadDifferences, with Location.
	ExpiredResyncUpload
	// ExpiredSyncState is 400 syncStateNotFound, which also answers tokens older than seven days.
	ExpiredSyncState
	// ExpiredNotFound is 404 syncStateNotFound, another of the "40X" that the documentation allows for.
	ExpiredNotFound
	// ExpiredMalformed is 400 "Badly formed token", as for a token that never was one.
	ExpiredMalformed
)

// tokens says which tokens are no longer honoured.
type tokens struct {
	mu      sync.Mutex
	era     uint64 // delta tokens of earlier eras have expired
	form    Expiry
	pageEra uint64
	chains  map[uint64]*deltaQuery
}

// ExpireTokens makes every delta token handed out so far expire in the given way.
func (d *Directory) ExpireTokens(form Expiry) {
	d.tokens.mu.Lock()
	defer d.tokens.mu.Unlock()
	d.tokens.era++
	d.tokens.form = form
}

// ExpirePages makes every page token of a list handed out so far expire (400 Directory_ExpiredPageToken).
func (d *Directory) ExpirePages() {
	d.tokens.mu.Lock()
	defer d.tokens.mu.Unlock()
	d.tokens.pageEra++
}

// seal stamps a token and returns its text.
func (d *Directory) seal(t token, c *call, delta bool) string {
	d.tokens.mu.Lock()
	t.era = d.tokens.pageEra
	if delta {
		t.era = d.tokens.era
	}
	d.tokens.mu.Unlock()
	t.issued, t.serial = c.now.UnixNano(), d.serial.Add(1)
	return t.encode(d.secret)
}

// openPage reads the $skiptoken of a list; without one it gives the beginning.
func (d *Directory) openPage(c *call, chain uint64) (token, *failure) {
	if !c.query.Has("$skiptoken") {
		return token{chain: chain}, nil
	}
	t, ok := decodeToken(c.query.Get("$skiptoken"), d.secret)
	d.tokens.mu.Lock()
	current := t.era == d.tokens.pageEra
	d.tokens.mu.Unlock()
	if !ok || t.chain != chain || !current || c.now.Sub(time.Unix(0, t.issued)) > pageTokenLife {
		return t, expiredPage()
	}
	return t, nil
}

// openDelta reads the token of a delta link and the query that it stands for.
func (d *Directory) openDelta(c *call, text, resource string, life time.Duration) (token, *deltaQuery, *failure) {
	t, ok := decodeToken(text, d.secret)
	d.tokens.mu.Lock()
	q, era, form := d.tokens.chains[t.chain], d.tokens.era, d.tokens.form
	d.tokens.mu.Unlock()
	switch {
	case !ok || q == nil || q.resource != resource:
		return t, nil, ExpiredMalformed.failure(c, nil)
	case t.era != era:
		return t, nil, form.failure(c, q)
	case c.now.Sub(time.Unix(0, t.issued)) > life:
		return t, nil, ExpiredSyncState.failure(c, q)
	}
	return t, q, nil
}

func (e Expiry) failure(c *call, q *deltaQuery) *failure {
	const lost = "The sync state generation is not found. The delta token is expired and data must be synchronized again."
	const resync = "Resync required. Replace any local items with the server's version."
	var f *failure
	switch e {
	case ExpiredGone:
		f = fail(http.StatusGone, "syncStateNotFound", lost)
	case ExpiredGoneWithoutLocation:
		return fail(http.StatusGone, "SyncStateNotFound", lost)
	case ExpiredResyncApply:
		f = fail(http.StatusGone, "resyncRequired", resync)
		f.inner = "resyncApplyDifferences"
	case ExpiredResyncUpload:
		f = fail(http.StatusGone, "resyncRequired", resync)
		f.inner = "resyncUploadDifferences"
	case ExpiredNotFound:
		return fail(http.StatusNotFound, "syncStateNotFound", lost)
	case ExpiredMalformed:
		return badRequest("Badly formed token.")
	default:
		return fail(http.StatusBadRequest, "syncStateNotFound", lost)
	}
	f.header = http.Header{"Location": {q.restart(c)}}
	return f
}
