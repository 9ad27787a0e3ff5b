package engine

import (
	"crypto/sha256"
	"iter"

	"ringsync/connectors"
)

// crowd numbers the people and groups of one read. There may be a million, of whom each pointer costs the collector a
// look: hence 16 bytes for an id, and slices by number for what is known of each.
type crowd struct {
	numbers map[connectors.GUID]int32
	// odd are ids that are no GUIDs; a hash stands for them.
	odd map[connectors.GUID]string
}

func newCrowd() *crowd {
	return &crowd{numbers: map[connectors.GUID]int32{}, odd: map[connectors.GUID]string{}}
}

func crowdKey(id string) (key connectors.GUID, isGUID bool) {
	if key, ok := connectors.ParseGUID(id); ok {
		return key, true
	}
	sum := sha256.Sum256([]byte(id))
	return connectors.GUID(sum[:16]), false
}

// number returns the number of an id, a new one if it has none.
func (c *crowd) number(id string) int32 {
	key, isGUID := crowdKey(id)
	n, ok := c.numbers[key]
	if !ok {
		n = int32(len(c.numbers))
		c.numbers[key] = n
		if !isGUID {
			c.odd[key] = id
		}
	}
	return n
}

// find returns the number of an id, -1 if it has none.
func (c *crowd) find(id string) int32 {
	key, _ := crowdKey(id)
	if n, ok := c.numbers[key]; ok {
		return n
	}
	return -1
}

// all yields every id with its number, in no order.
func (c *crowd) all() iter.Seq2[string, int32] {
	return func(yield func(string, int32) bool) {
		for key, n := range c.numbers {
			id, odd := c.odd[key]
			if !odd {
				id = key.String()
			}
			if !yield(id, n) {
				return
			}
		}
	}
}

// at returns the place of number n in a slice by number, which grows as need be.
func at[T any](slice *[]T, n int32) *T {
	if missing := int(n) + 1 - len(*slice); missing > 0 {
		*slice = append(*slice, make([]T, missing)...)
	}
	return &(*slice)[n]
}
