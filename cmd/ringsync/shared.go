package main

import (
	"crypto/sha256"
	"encoding/json"
	"maps"
	"net/http"
	"sync"
	"time"
	"weak"

	"ringsync/configs"
	"ringsync/connectors"
	"ringsync/connectors/ringcentral"
	"ringsync/mapping"
)

// shared is what a daemon's jobs share because it is alike and none of them changes it: with thousands of them that is
// most of what each would take. A nil *shared shares nothing.
type shared struct {
	transport http.RoundTripper
	places    chan struct{} // of cycles that begin
	mu        sync.Mutex
	recipes   map[[sha256.Size]byte]weak.Pointer[recipe] // as long as a job goes by them
}

// recipe is mappings and filters, compiled. Nothing in it is particular to a job.
type recipe struct {
	slots   *connectors.Slots // of the source
	mapping *mapping.Mapping
	shape   *ringcentral.Shape
}

// cyclesAtOnce is how many jobs begin a cycle at a time. After a restart all of them are due; what bounds how fast they get
// through is the processor, and what they take while they are at it is memory.
const cyclesAtOnce = 64

func newShared() *shared {
	t := http.DefaultTransport.(*http.Transport).Clone()
	// Jobs are many, and each is bounded by itself.
	t.MaxIdleConns, t.MaxIdleConnsPerHost = 0, 64
	// A connection that has died without a word would hold up all who share it.
	t.HTTP2 = &http.HTTP2Config{SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second}
	return &shared{transport: t, places: make(chan struct{}, cyclesAtOnce), recipes: map[[sha256.Size]byte]weak.Pointer[recipe]{}}
}

// roundTripper returns the transport of all, nil where each has its own.
func (s *shared) roundTripper() http.RoundTripper {
	if s == nil {
		return nil
	}
	return s.transport
}

// recipe returns the configuration's mappings and filters compiled, or what another job has of the same.
func (s *shared) recipe(c *configs.Config) (*recipe, error) {
	if s == nil {
		return newRecipe(c)
	}
	text, err := json.Marshal([]any{c.Rules(), c.FilterGroups(), c.Safety.Adopt}) // all that compile looks at
	if err != nil {
		return nil, err
	}
	key := sha256.Sum256(text)
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.recipes[key].Value(); known != nil {
		return known, nil
	}
	r, err := newRecipe(c)
	if err != nil {
		return nil, err
	}
	maps.DeleteFunc(s.recipes, func(_ [sha256.Size]byte, p weak.Pointer[recipe]) bool { return p.Value() == nil })
	s.recipes[key] = weak.Make(r)
	return r, nil
}

func newRecipe(c *configs.Config) (r *recipe, err error) {
	r = &recipe{slots: connectors.NewSourceSlots()}
	if r.mapping, err = compile(c, r.slots); err == nil {
		r.shape, err = ringcentral.NewShape(r.mapping.Target())
	}
	return r, err
}
