package bolt

import (
	"bytes"
	"context"
	"iter"
	"sync"

	"go.etcd.io/bbolt"

	"ringsync/state"
)

// Snapshot is one moment of the file, held for as long as somebody works on it while others go on writing: the base
// of a dry run beside a job at work. It meets state.Viewer, for several goroutines.
//
// What it holds on to cannot be used again, so the file grows with what is written meanwhile; past MapSize, writers
// wait for it. Close it as soon as it has served, and before the DB, whose Close waits for it.
type Snapshot struct {
	db   *DB
	open sync.RWMutex // Views hold it for reading
	tx   *transaction // nil once closed
	turn sync.Mutex   // a bbolt transaction is not for several goroutines: one call into it at a time
}

// Snapshot begins a snapshot of the file as it is now.
func (db *DB) Snapshot() (_ *Snapshot, err error) {
	if db.closed.Load() {
		return nil, state.ErrClosed
	}
	defer db.guard(&err, false)
	tx, err := db.begin(false)
	if err != nil {
		return nil, err
	}
	return &Snapshot{db: db, tx: tx}, nil
}

// View reads the moment.
func (s *Snapshot) View(ctx context.Context, fn func(state.Reader) error) (err error) {
	s.open.RLock()
	defer s.open.RUnlock()
	if s.tx == nil {
		return state.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	defer s.db.guard(&err, false)
	defer faultsPanic(faultsPanic(true))
	return fn(&sharedReader{s.tx.reader(), &s.turn})
}

// Close lets go of the moment, once the Views that are running have ended. Closing again does nothing.
func (s *Snapshot) Close() error {
	s.open.Lock()
	defer s.open.Unlock()
	if s.tx != nil {
		s.tx.end()
		s.tx = nil
	}
	return nil
}

// sharedReader is a reader of a transaction that others read too. It takes its turn for each call into bbolt, never for
// what its caller does in between: that may be another View.
type sharedReader struct {
	*reader
	turn *sync.Mutex
}

func (r *sharedReader) Get(space state.Space, key []byte) []byte {
	r.turn.Lock()
	defer r.turn.Unlock()
	return r.reader.Get(space, key)
}

func (r *sharedReader) Scan(space state.Space, from, before []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(key, value []byte) bool) {
		var c *bbolt.Cursor
		step := func() (key, value []byte) {
			r.turn.Lock()
			defer r.turn.Unlock()
			if c != nil {
				protect(func() { key, value = c.Next() })
			} else if b := r.bucket(space); b != nil {
				c = b.Cursor()
				protect(func() { key, value = c.Seek(from) })
			}
			return key, value
		}
		for key, value := step(); key != nil && (before == nil || bytes.Compare(key, before) < 0); key, value = step() {
			if !yield(key, r.open(space, key, value)) {
				return
			}
		}
	}
}
