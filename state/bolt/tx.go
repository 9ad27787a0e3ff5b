package bolt

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"iter"
	"runtime"
	"runtime/debug"

	"go.etcd.io/bbolt"

	"ringsync/state"
)

// reader meets state.Reader within one bbolt transaction.
type reader struct {
	tx      *bbolt.Tx
	sums    bool                             // of the file: its values end with their checksums
	buckets [len(state.Spaces)]*bbolt.Bucket // opened when first needed
	// cursors look keys up: Bucket.Get takes a new one for each, with a stack that grows anew.
	cursors [len(state.Spaces)]*bbolt.Cursor
}

func (tx *transaction) reader() *reader { return &reader{tx: tx.Tx, sums: tx.of.sums} }

// bucket returns the bucket of a space, nil in a file that was opened for reading before it was finished.
func (r *reader) bucket(space state.Space) *bbolt.Bucket {
	b := &r.buckets[space-state.Spaces[0]]
	if *b == nil {
		protect(func() { *b = r.tx.Bucket([]byte{byte(space)}) })
		if *b != nil && (space == state.SpaceLog || space == state.SpaceCycles) {
			(*b).FillPercent = 0.95 // keys come in order, so half of each page need not be kept free
		}
	}
	return *b
}

func (r *reader) Get(space state.Space, key []byte) (value []byte) {
	b := r.bucket(space)
	if b == nil {
		return nil
	}
	c := &r.cursors[space-state.Spaces[0]]
	if *c == nil {
		protect(func() { *c = b.Cursor() })
	}
	protect(func() {
		if k, v := (*c).Seek(key); bytes.Equal(k, key) {
			value = v
		}
	})
	if value == nil {
		return nil
	}
	return r.open(space, key, value)
}

func (r *reader) Scan(space state.Space, from, before []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(key, value []byte) bool) {
		b := r.bucket(space)
		if b == nil {
			return
		}
		c := b.Cursor()
		var key, value []byte
		protect(func() { key, value = c.Seek(from) })
		for key != nil && (before == nil || bytes.Compare(key, before) < 0) && yield(key, r.open(space, key, value)) {
			protect(func() { key, value = c.Next() })
		}
	}
}

// writer meets state.Writer.
type writer struct{ *reader }

func (w *writer) Put(space state.Space, key, value []byte) (err error) {
	if err := state.CheckKey(key); err != nil {
		return err
	}
	// bbolt copies the key and keeps the value, and takes a nil one for none.
	stored := append(make([]byte, 0, len(value)+sumSize), value...)
	if w.sums {
		stored = binary.BigEndian.AppendUint32(stored, sumOf(space, key, value))
	}
	protect(func() { err = w.bucket(space).Put(key, stored) })
	return err
}

func (w *writer) Delete(space state.Space, key []byte) (err error) {
	protect(func() { err = w.bucket(space).Delete(key) })
	return err
}

// A disk may give back other bytes than it was given, and bbolt does not notice when that happens within a key or a
// value: another digit of an account's id, and somebody else would be written. So each value is followed by a checksum
// over its space, key and value, in files that were made since this is so.

const sumSize = 4

var castagnoli = crc32.MakeTable(crc32.Castagnoli) // which processors compute by themselves

func sumOf(space state.Space, key, value []byte) uint32 {
	// The length tells the end of the key from the beginning of the value.
	begin := uint32(space)<<16 ^ uint32(len(key))
	return crc32.Update(crc32.Update(begin, castagnoli, key), castagnoli, value)
}

// open returns the value without its checksum, which has to be right.
func (r *reader) open(space state.Space, key, stored []byte) []byte {
	if !r.sums {
		return stored
	}
	end := len(stored) - sumSize
	if end < 0 || binary.BigEndian.Uint32(stored[end:]) != sumOf(space, key, stored[:end]) {
		panic(brokenPage{fmt.Errorf("the record %x in space %d is not what was written", key, space)})
	}
	return stored[:end:end]
}

// brokenPage is what protect panics with. Only guard, at the end of the transaction, recovers it: between the two lies
// a caller's function, which has nowhere to put an error.
type brokenPage struct{ cause any }

// protect runs a call into bbolt, which panics on pages that make no sense. It tells such a panic from one of the
// caller's function, which is none of our business.
func protect(call func()) {
	defer func() {
		if cause := recover(); cause != nil {
			panic(brokenPage{cause})
		}
	}()
	call()
}

// guard makes an error of a broken page, after which nothing more is written. It is to be deferred first of all that a transaction defers, so that it comes
// last. A page that points out of the file is found only when somebody looks at the bytes, who may be the caller.
func (db *DB) guard(err *error, writing bool) {
	cause := recover()
	if page, ok := cause.(brokenPage); ok {
		cause = page.cause
	} else if cause != nil && !isFault(cause) {
		panic(cause)
	}
	if cause == nil {
		return
	}
	broken := fmt.Errorf("%v", cause)
	if _, ok := cause.(runtime.Error); ok {
		broken = fmt.Errorf("a page of it points to what is not there (%v)", cause)
	}
	damage := db.damaged(broken)
	if writing {
		db.broken.CompareAndSwap(nil, damage)
	}
	*err = damage
}

func (db *DB) damaged(err error) *state.DamagedError {
	return &state.DamagedError{What: "state file " + db.path, Err: err}
}

// faultsPanic lets the present goroutine panic where the processor finds that an address is not there, or not; it
// returns what was so before.
func faultsPanic(on bool) (before bool) { return debug.SetPanicOnFault(on) }

// isFault reports whether a panic comes from an address that is not there. That of a nil pointer does not say where.
func isFault(cause any) bool {
	_, ok := cause.(interface{ Addr() uintptr })
	return ok
}
