package ringcentraltest

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"time"
)

// Write is one POST, PUT, PATCH or DELETE of a user that passed credentials and limits.
type Write struct {
	Method string
	ID     string // the path's, or for an effective POST the new account's
	Body   []byte
	Time   time.Time
	Status int    // as answered; 0 if the connection broke first
	Effect bool   // something was written, whatever the answer said
	Agent  string // the client's User-Agent
}

// PostCount counts the POSTs for one person.
type PostCount struct {
	All     int
	Created int // those that made an account
}

// Requests returns how many requests came in by operation, those refused by the gateway included. Operations are
// named like "GET /Users/{id}"; "GET /Users?filter" is a search apart from the list "GET /Users", and "other" is
// whatever is no operation.
func (a *Account) Requests() map[string]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.requests)
}

// Writes returns the writes in the order in which they were answered. Bodies are not to be changed.
func (a *Account) Writes() []Write {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.writes)
}

// Posts counts the writes that were POSTs by the externalId they sent or, without one, the user name in lower case.
func (a *Account) Posts() map[string]PostCount {
	posts := make(map[string]PostCount)
	for _, w := range a.Writes() {
		if w.Method != http.MethodPost {
			continue
		}
		key := personOf(w.Body)
		count := posts[key]
		count.All++
		if w.Effect {
			count.Created++
		}
		posts[key] = count
	}
	return posts
}

// EarlyRequests is how many requests came inside a penalty.
func (a *Account) EarlyRequests() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	early := 0
	for _, b := range a.buckets {
		early += b.early
	}
	return early
}

// ResetRequests forgets what Requests, Writes, Posts and EarlyRequests report.
func (a *Account) ResetRequests() {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(a.requests)
	a.writes = nil
	for _, b := range a.buckets {
		b.early = 0
	}
}

func (a *Account) count(rt route, r *http.Request) {
	name := "other"
	if rt.path != "" {
		name = rt.method + " " + rt.path
	}
	if rt.method == http.MethodGet && rt.path == "/Users" && r.URL.Query().Get("filter") != "" {
		name += "?filter"
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.requests[name]++
}

// record journals a write that was answered with the status.
func (a *Account) record(x *exchange, status int) {
	if !x.route.write || a.options.NoJournal {
		return
	}
	w := Write{
		Method: x.request.Method,
		ID:     cmp.Or(x.id, x.created),
		Body:   slices.Clip(x.body),
		Time:   x.now,
		Status: status,
		Effect: x.effect,
		Agent:  x.request.UserAgent(),
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.writes = append(a.writes, w)
}

// personOf names the person of a POST's body; "" if it is no user.
func personOf(body []byte) string {
	var person struct{ ExternalID, UserName string }
	if json.Unmarshal(body, &person) != nil {
		return ""
	}
	return cmp.Or(person.ExternalID, fold(person.UserName))
}

// inFlightKey names the user of a write, for telling apart concurrent ones.
func (x *exchange) inFlightKey() string {
	return cmp.Or(x.id, personOf(x.body))
}

// begin marks a write of the user as under way, unless one is.
func (a *Account) begin(key string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.inFlight[key] {
		return false
	}
	a.inFlight[key] = true
	return true
}

func (a *Account) end(key string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.inFlight, key)
}
