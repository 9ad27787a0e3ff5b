package etcd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"ringsync/state"
)

// DB is the state of one job. It meets state.DB.
type DB struct {
	cluster *Cluster
	owner   *Owner // nil: nothing can be written
	job     string
	base    string // prefix of the job's keys
	number  uint64 // for the cache
	turn    chan struct{}
	closed  atomic.Bool
	// committing is held while a change is on its way into etcd: what is read meanwhile without a revision may have it or
	// not.
	committing sync.Mutex
	mu         sync.Mutex // guards what is below
	now        *version
	last       int64 // revision of the last write of this DB or before it
	writes     uint64
	filling    bool // fillingKey is there
	// broken is set when it is not known what became of a write, or when it is only half there: the next Open finishes it.
	broken error
}

// version is the state between two writes. Old ones live as long as somebody reads them.
type version struct {
	since int64          // revision of the write that made it
	small *state.Overlay // the mirrored spaces; nil for whoever only reads
	// whole is the version with what a write in progress will change; nil if there is none.
	whole *state.Overlay
	mu    sync.Mutex
	pin   int64     // a revision at which it was the state, to read at
	at    time.Time // when that was the latest revision
}

// fresh is for how long a revision is read at before a newer one is asked for, lest it be compacted away.
const fresh = 30 * time.Second

// OpenReadOnly opens a job for reading as it is at this moment, whoever owns it. The error wraps fs.ErrNotExist if the
// job has no state. It reads at one revision until it is closed.
func (c *Cluster) OpenReadOnly(ctx context.Context, job string) (*DB, error) {
	db := c.newDB(job)
	found, err := db.load(ctx)
	if err == nil && (!found || db.filling) {
		err = fmt.Errorf("job %s has no state in %s: %w", job, c.name, fs.ErrNotExist)
	}
	if err != nil {
		return nil, fmt.Errorf("open the state: %w", err)
	}
	return db, nil
}

// Open opens the job for reading and writing, and finishes what a former owner had begun to write.
func (o *Owner) Open(ctx context.Context) (*DB, error) {
	db, _, err := o.open(ctx)
	if err != nil {
		return nil, fmt.Errorf("open the state: %w", err)
	}
	return db, nil
}

func (o *Owner) open(ctx context.Context) (db *DB, found bool, err error) {
	db = o.lease.cluster.newDB(o.job)
	db.owner = o
	if found, err = db.load(ctx); err != nil {
		return nil, false, err
	}
	if db.filling { // of an import that was broken off
		found = false
		if err := db.write(ctx, []clientv3.Op{clientv3.OpDelete(db.base+"data/", clientv3.WithPrefix()),
			clientv3.OpDelete(db.intent(""), clientv3.WithPrefix()), clientv3.OpDelete(db.base + fillingKey)}); err != nil {
			return nil, false, err
		}
		db.now = &version{since: db.last, pin: db.last, at: time.Now()}
	}
	if err := db.finish(ctx); err != nil {
		return nil, false, err
	}
	return db, found, db.mirror(ctx)
}

// fillingKey is there while Fill is at work; what else is there is then not to be taken for the job's state.
const fillingKey = "filling"

// Fill makes the state of a job that has none: all of it or, if fill fails or is cut off, none. The error wraps
// state.ErrNotEmpty if there is one already.
func (o *Owner) Fill(ctx context.Context, fill func(state.DB) error) (err error) {
	db, found, err := o.open(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("open the state: %w", err)
	case found:
		return state.ErrNotEmpty
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := db.write(ctx, []clientv3.Op{clientv3.OpPut(db.base+fillingKey, "")}); err != nil {
		return err
	}
	db.now.since, db.now.pin = db.last, db.last
	done := []clientv3.Op{clientv3.OpDelete(db.base + fillingKey)}
	if err := fill(db); err != nil {
		undone := append(done, clientv3.OpDelete(db.base+"data/", clientv3.WithPrefix()), clientv3.OpDelete(db.intent(""), clientv3.WithPrefix()))
		return errors.Join(err, db.write(context.WithoutCancel(ctx), undone))
	}
	return db.write(ctx, done)
}

func (c *Cluster) newDB(job string) *DB {
	return &DB{cluster: c, job: job, base: c.job(job), number: c.opened.Add(1), turn: make(chan struct{}, 1)}
}

// Job is the name of the job.
func (db *DB) Job() string { return db.job }

// View meets state.DB.
func (db *DB) View(ctx context.Context, fn func(state.Reader) error) error {
	if db.closed.Load() {
		return state.ErrClosed
	}
	return db.current().view(ctx, db, fn)
}

func (db *DB) current() *version {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.now
}

// view reads the version. What cannot be read panics, as there is nowhere else to put an error, and becomes one here.
func (v *version) view(ctx context.Context, db *DB, fn func(state.Reader) error) (err error) {
	if v.whole != nil {
		return v.whole.View(ctx, fn)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	defer func() {
		switch cause := recover().(type) {
		case nil:
		case unreadable:
			err = cause.err
		default:
			panic(cause)
		}
	}()
	r := &reader{db: db, version: v, ctx: ctx}
	if v.small == nil {
		return fn(r)
	}
	return v.small.View(ctx, func(small state.Reader) error {
		r.small = small
		return fn(r)
	})
}

// Update meets state.DB. Its outcome is unknown only if the error wraps a *LostError or etcd could not be asked; the DB
// then takes no further Update.
func (db *DB) Update(ctx context.Context, fn func(state.Writer) error) error {
	select {
	case db.turn <- struct{}{}:
		defer func() { <-db.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	db.mu.Lock()
	broken := db.broken
	db.mu.Unlock()
	switch {
	case db.closed.Load():
		return state.ErrClosed
	case ctx.Err() != nil:
		return ctx.Err()
	case db.owner == nil:
		return state.ErrReadOnly
	case db.owner.Remaining() <= 0:
		return &LostError{Job: db.job}
	case broken != nil:
		return broken
	}
	changes := state.NewOverlay(viewer{db, db.current()})
	if err := changes.Update(ctx, fn); err != nil {
		return err
	}
	// What has been decided is written whatever ctx says by now: half of it could not be taken back.
	return db.commit(context.WithoutCancel(ctx), changes)
}

// viewer meets state.Viewer for one version.
type viewer struct {
	db *DB
	v  *version
}

func (w viewer) View(ctx context.Context, fn func(state.Reader) error) error {
	return w.v.view(ctx, w.db, fn)
}

// Snapshot is one moment of the state, for as long as somebody works on it while others go on writing. It meets
// state.Viewer, for several goroutines.
type Snapshot struct {
	viewer
	closed atomic.Bool
}

// Snapshot begins a snapshot of the state as it is now.
func (db *DB) Snapshot() (*Snapshot, error) {
	if db.closed.Load() {
		return nil, state.ErrClosed
	}
	return &Snapshot{viewer: viewer{db, db.current()}}, nil
}

// View meets state.Viewer.
func (s *Snapshot) View(ctx context.Context, fn func(state.Reader) error) error {
	if s.closed.Load() {
		return state.ErrClosed
	}
	return s.viewer.View(ctx, fn)
}

// Close lets go of the moment.
func (s *Snapshot) Close() error {
	s.closed.Store(true)
	return nil
}

// Close waits for the Update that is running. It leaves the job to its owner. Closing again does nothing.
func (db *DB) Close() error {
	db.turn <- struct{}{}
	db.closed.Store(true)
	<-db.turn
	return nil
}

// fail makes err the answer to every further Update.
func (db *DB) fail(err error) error {
	if _, ok := errors.AsType[*state.UnwritableError](err); ok {
		err = errors.New(err.Error()) // room alone does not mend it
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.broken == nil {
		db.broken = errors.Join(fmt.Errorf("job %s takes no more changes until it is opened anew", db.job), err)
	}
	return err
}
