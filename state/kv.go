package state

import (
	"context"
	"iter"
)

// Space is one ordered set of keys. The numbers are part of the stored format.
type Space byte

const (
	SpaceMeta     Space = 1  // name → JSON: identity, attribute names, mark, counters, what engine keeps
	SpacePeople   Space = 2  // source id → Person
	SpaceByTarget Space = 3  // target id → source id
	SpaceByMatch  Space = 4  // matching attribute, folded value, source id → nothing
	SpaceOutbox   Space = 5  // class, due, source id → nothing
	SpaceEdges    Space = 6  // parent, child, role → flags
	SpaceRemovals Space = 7  // time, source id → nothing: what the guard counts
	SpaceLog      Space = 8  // sequence number → LogEntry
	SpaceCycles   Space = 9  // cycle number → Cycle
	SpaceLogOf    Space = 10 // source id, sequence number → nothing: the log by person
)

// Spaces are all spaces, in the order of their numbers.
var Spaces = [...]Space{SpaceMeta, SpacePeople, SpaceByTarget, SpaceByMatch, SpaceOutbox, SpaceEdges, SpaceRemovals,
	SpaceLog, SpaceCycles, SpaceLogOf}

// MaxKey is the longest key that every store takes, in bytes.
const MaxKey = 4096

// DB is the ordered key-value contract that every kind of store meets (statetest holds the suite). Transactions are
// serializable: a View sees one moment, an Update happens whole or not at all and is durable when it returns nil.
// One Update runs at a time; Views run beside it and see what was before.
//
// Neither starts once ctx is cancelled, and an Update that waits for its turn gives up. A panic of fn undoes the
// Update and goes on. Both return ErrClosed after Close, and Update returns ErrReadOnly where nothing can be written.
type DB interface {
	View(ctx context.Context, fn func(Reader) error) error
	Update(ctx context.Context, fn func(Writer) error) error
	// Close lets what is running end as it would have. Closing again does nothing.
	Close() error
}

// Reader reads within one transaction. Keys and values are valid only until it ends, and are not to be changed.
type Reader interface {
	// Get returns nil if there is no such key; an empty value is not nil.
	Get(space Space, key []byte) []byte
	// Scan yields the keys k with from ≤ k < before, in order; nil leaves that side open. The space is not to be
	// written to while it is being scanned.
	Scan(space Space, from, before []byte) iter.Seq2[[]byte, []byte]
}

// Writer reads and writes within one transaction and sees its own writes. The slices passed may be reused afterwards.
type Writer interface {
	Reader
	// Put refuses an empty key and one longer than MaxKey (CheckKey).
	Put(space Space, key, value []byte) error
	Delete(space Space, key []byte) error // no error if there is no such key
}
