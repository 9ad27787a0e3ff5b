package etcd

import "sync"

// cacheSize is about how many bytes a cache holds at most, twice: what was used lately, and what before.
const cacheSize = 8 << 20

// cache remembers values of the jobs that this process owns, of which nobody else can change any. It holds the latest
// value of a key, with the revision since which it is that: whoever reads at that revision or later, and at none that is
// older than the owner's last write, may take it.
type cache struct {
	mu          sync.Mutex
	recent, old map[cacheKey]cached
	size        int // of recent
}

type cacheKey struct {
	db  uint64
	key string
}

type cached struct {
	value []byte // nil: there is no such key
	since int64
}

func newCache() *cache {
	return &cache{recent: map[cacheKey]cached{}}
}

func (c *cache) get(k cacheKey) (cached, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.recent[k]; ok {
		return e, true
	}
	e, ok := c.old[k]
	if ok {
		c.put(k, e)
	}
	return e, ok
}

func (c *cache) set(k cacheKey, e cached) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.put(k, e)
}

func (c *cache) put(k cacheKey, e cached) {
	const overhead = 100
	c.recent[k] = e
	if c.size += len(k.key) + len(e.value) + overhead; c.size > cacheSize {
		c.old, c.recent, c.size = c.recent, map[cacheKey]cached{}, 0
	}
}
