package bolt

import (
	"context"
	"sync"

	"go.etcd.io/bbolt"

	"ringsync/state"
)

// Snapshot is one moment of the file, held for as long as somebody works on it while others go on writing: the base
// of a dry run beside a job at work. It meets state.Viewer.
//
// What it holds on to cannot be used again, so the file grows with what is written meanwhile; past MapSize, writers
// wait for it. Close it as soon as it has served, and before the DB, whose Close waits for it.
type Snapshot struct {
	db *DB
	mu sync.Mutex
	tx *bbolt.Tx // nil once closed
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

// View reads the moment. One runs at a time, since a bbolt transaction is not for several goroutines; fn must not View
// the same snapshot again.
func (s *Snapshot) View(ctx context.Context, fn func(state.Reader) error) (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tx == nil {
		return state.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	defer s.db.guard(&err, false)
	defer faultsPanic()()
	return fn(newReader(s.tx))
}

// Close lets go of the moment, once a View that is running has ended. Closing again does nothing.
func (s *Snapshot) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tx != nil {
		rollback(s.tx)
		s.tx = nil
	}
	return nil
}
