package state

import (
	"context"
	"iter"
)

// Space is one ordered set of keys. The numbers are part of the stored format.
type Space byte

const (
	SpaceMeta     Space = 1 // name → JSON: schema version, identity, mark, counters, quarantine
	SpacePeople   Space = 2 // source id → Person
	SpaceByTarget Space = 3 // target id → source id
	SpaceByMatch  Space = 4 // matching attribute, folded value, source id → nothing
	SpaceOutbox   Space = 5 // class, due, source id → nothing
	SpaceEdges    Space = 6 // parent, child, role → flags
	SpaceRemovals Space = 7 // time, source id → nothing: what the guard counts
	SpaceLog      Space = 8 // sequence number → LogEntry
	SpaceCycles   Space = 9 // cycle number → Cycle
)

// Spaces are all spaces, in the order of their numbers.
var Spaces = []Space{SpaceMeta, SpacePeople, SpaceByTarget, SpaceByMatch, SpaceOutbox, SpaceEdges, SpaceRemovals, SpaceLog, SpaceCycles}

// DB is the ordered key-value contract that every kind of store meets (statetest holds the suite). Transactions are
// serializable: a View sees one moment, an Update happens whole or not at all and is durable when it returns nil.
// One Update runs at a time.
type DB interface {
	View(ctx context.Context, fn func(Reader) error) error
	Update(ctx context.Context, fn func(Writer) error) error
	Close() error
}

// Reader reads within one transaction. Keys and values are valid only until it ends, and are not to be changed.
type Reader interface {
	// Get returns nil if there is no such key.
	Get(space Space, key []byte) []byte
	// Scan yields the keys k with from ≤ k < before, in order; nil leaves that side open. The space is not to be
	// written to while it is being scanned.
	Scan(space Space, from, before []byte) iter.Seq2[[]byte, []byte]
}

// Writer reads and writes within one transaction and sees its own writes. The slices passed may be reused afterwards.
type Writer interface {
	Reader
	Put(space Space, key, value []byte) error
	Delete(space Space, key []byte) error // no error if there is no such key
}
