package connectors

import (
	"bytes"
	"crypto/sha256"
	"hash/maphash"
	"iter"
)

// Crowd numbers ids, from 0 in the order in which they come: the people and groups of one read. There may be a million,
// so an id that is a GUID takes 16 bytes and its place in the index 5 to 11, none of them a pointer that the collector
// would have to look at. A map of the same takes half as much again, and of texts four times as much.
type Crowd struct {
	seed maphash.Seed
	// index has at the hash of an id, or behind that, its number and one; 0 is nobody.
	index []int32
	ids   Numbered[GUID]
	n     int32
	// odd are ids that are no GUIDs; a hash stands for them.
	odd map[GUID]string
}

// NewCrowd returns a crowd of nobody.
func NewCrowd() *Crowd {
	return &Crowd{seed: maphash.MakeSeed(), index: make([]int32, 64), odd: map[GUID]string{}}
}

func crowdKey(id string) (key GUID, isGUID bool) {
	if key, ok := ParseGUID(id); ok {
		return key, true
	}
	sum := sha256.Sum256([]byte(id))
	return GUID(sum[:16]), false
}

// Len returns how many there are.
func (c *Crowd) Len() int { return int(c.n) }

// Number returns the number of an id, a new one if it has none.
func (c *Crowd) Number(id string) int32 {
	key, isGUID := crowdKey(id)
	place, n := c.look(key)
	if n >= 0 {
		return n
	}
	n = c.n
	*c.ids.At(n) = key
	c.n++
	if !isGUID {
		c.odd[key] = id
	}
	c.index[place] = n + 1
	if int(c.n) > len(c.index)/4*3 {
		c.widen()
	}
	return n
}

// Find returns the number of an id, -1 if it has none.
func (c *Crowd) Find(id string) int32 {
	key, _ := crowdKey(id)
	_, n := c.look(key)
	return n
}

// look returns the place of a key in the index, and its number; -1 if that place is free for it.
func (c *Crowd) look(key GUID) (place int, n int32) {
	last := len(c.index) - 1
	for place = int(maphash.Bytes(c.seed, key[:])) & last; ; place = (place + 1) & last {
		n = c.index[place] - 1
		if n < 0 || *c.ids.At(n) == key {
			return place, n
		}
	}
}

func (c *Crowd) widen() {
	c.index = make([]int32, 2*len(c.index))
	for n := range c.n {
		place, _ := c.look(*c.ids.At(n))
		c.index[place] = n + 1
	}
}

// ID returns the id that has that number.
func (c *Crowd) ID(n int32) string {
	key := *c.ids.At(n)
	if id, odd := c.odd[key]; odd {
		return id
	}
	return key.String()
}

// Compare tells the order of the ids of two numbers: among GUIDs that of their bytes.
func (c *Crowd) Compare(a, b int32) int {
	one, other := c.ids.At(a), c.ids.At(b)
	return bytes.Compare(one[:], other[:])
}

// All yields every id with its number, in the order of numbers.
func (c *Crowd) All() iter.Seq2[string, int32] {
	return func(yield func(string, int32) bool) {
		for n := range c.n {
			if !yield(c.ID(n), n) {
				return
			}
		}
	}
}

// Numbered has a place for each number. It grows in pieces, so that what is there already is never copied.
type Numbered[T any] struct{ pieces [][]T }

const pieceBits = 10

// At returns the place of a number.
func (s *Numbered[T]) At(n int32) *T {
	for int(n>>pieceBits) >= len(s.pieces) {
		s.pieces = append(s.pieces, make([]T, 1<<pieceBits))
	}
	return &s.pieces[n>>pieceBits][n&(1<<pieceBits-1)]
}

// Get returns what is at the place of a number, the zero value if nothing was put there.
func (s *Numbered[T]) Get(n int32) (t T) {
	if n < 0 || int(n>>pieceBits) >= len(s.pieces) {
		return t
	}
	return s.pieces[n>>pieceBits][n&(1<<pieceBits-1)]
}

// Hashes is a set of texts, of each of which it has a hash of 64 bits, in 11 to 22 bytes. That two of a million texts are
// taken for one has a chance of 3 in 10^8, so it is for questions where that harms nobody.
type Hashes struct {
	seed  maphash.Seed
	slots []uint64 // 0 is free
	n     int
}

// NewHashes returns a set of nothing.
func NewHashes() *Hashes { return &Hashes{seed: maphash.MakeSeed(), slots: make([]uint64, 64)} }

// Add adds a text and reports whether it is new.
func (h *Hashes) Add(text string) (isNew bool) {
	hash, place := h.look(text)
	if h.slots[place] != 0 {
		return false
	}
	h.slots[place] = hash
	if h.n++; h.n > len(h.slots)/4*3 {
		before := h.slots
		h.slots = make([]uint64, 2*len(before))
		for _, hash := range before {
			if hash != 0 {
				h.slots[h.place(hash)] = hash
			}
		}
	}
	return true
}

// Has reports whether a text was added.
func (h *Hashes) Has(text string) bool {
	_, place := h.look(text)
	return h.slots[place] != 0
}

func (h *Hashes) look(text string) (hash uint64, place int) {
	hash = max(1, maphash.String(h.seed, text))
	return hash, h.place(hash)
}

// place returns where a hash is, or is to be.
func (h *Hashes) place(hash uint64) int {
	last := len(h.slots) - 1
	place := int(hash) & last
	for h.slots[place] != 0 && h.slots[place] != hash {
		place = (place + 1) & last
	}
	return place
}
