// Package bolt owns the state file of a job on one machine: state.DB on bbolt, a bucket for each space. It leaves to
// bbolt what happens inside the file, and to state what the keys and values mean.
//
// It adds what people need around a file: a second process is told at once who has it, a file that is damaged or none
// of ours is an error and never a crash, and a process that only reads changes nothing.
//
// Caveats: every Update is an fsync, so many small changes belong in one. The file is mapped into memory; a View that
// waits for an Update stands still for ever once that Update has to map more (past MapSize). The lock is the system's
// advisory one, which some network file systems do not honour.
package bolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"ringsync/state"
)

// MapSize is how much of the address space a file is given from the start, so that it hardly ever has to be mapped
// anew. Windows would make the file that large, and 32 bits have not that much to give.
const MapSize = 1 << 30

// growth is by how much the file grows beyond what is needed.
const growth = 1 << 20

// Options say how to open a file.
type Options struct {
	// ReadOnly takes a shared lock and neither creates nor changes any file.
	ReadOnly bool
	// Create makes the file if there is none; else that is an error that wraps fs.ErrNotExist.
	Create bool
}

// DB is an open state file. It meets state.DB.
type DB struct {
	path     string
	swap     sync.Mutex // guards now and the beginning of transactions
	now      *opened
	old      sync.WaitGroup // files that Compact has replaced and that somebody still reads
	owner    owner
	readOnly bool
	turn     chan struct{} // holds the one Update at a time, so that waiting for it can be cancelled
	closed   atomic.Bool
	// broken is set when bbolt broke off a write halfway: what it holds in memory is then not to be trusted to write
	// again.
	broken atomic.Pointer[state.DamagedError]
}

// opened is a file that bbolt has opened.
type opened struct {
	bolt  *bbolt.DB
	file  *os.File       // that bolt closes
	sums  bool           // the values end with their checksums
	users sync.WaitGroup // transactions
}

// transaction is one of bbolt's, in a file that stays open until it ends.
type transaction struct {
	*bbolt.Tx
	of *opened
}

// Open opens a state file. The error is an *InUseError if another process (or another DB of this one) has it, a
// *state.DamagedError if it is no state file or cannot be read (for writing, all of it is read), and wraps fs.ErrNotExist if there is none or, for
// reading only, nothing in it yet; it wraps what the system says in all other cases. A file that Open made is gone if
// it fails.
func Open(path string, options Options) (*DB, error) {
	db := &DB{path: path, readOnly: options.ReadOnly, turn: make(chan struct{}, 1)}
	isNew, err := inspect(path, options)
	if err != nil {
		return nil, fmt.Errorf("open state file: %w", err)
	}
	created, err := db.open(isNew)
	whole := err == nil && !created && !options.ReadOnly // it is to be, before anything is built on it
	if whole {
		err = db.checkStructure()
	}
	if err == nil {
		err = db.prepare(created)
	}
	if err == nil && whole {
		err = db.verify()
	}
	if _, inUse := errors.AsType[*InUseError](err); created && err != nil && !inUse {
		_ = os.Remove(path)
	}
	if err != nil {
		if db.now != nil {
			_ = db.Close()
		}
		return nil, err
	}
	return db, nil
}

// inspect answers what can be said before the file is opened, and whether it is to be created.
func inspect(path string, options Options) (isNew bool, err error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && options.Create && !options.ReadOnly:
		return true, nil
	case err != nil:
		return false, err
	case !info.Mode().IsRegular():
		return false, fmt.Errorf("%s is a folder or a device: state.path is to name a file", path)
	case info.Size() == 0 && options.ReadOnly:
		return false, &fs.PathError{Op: "read", Path: path, Err: fs.ErrNotExist}
	}
	return false, nil
}

// open opens and locks the file, and reports whether it made it.
func (db *DB) open(isNew bool) (created bool, err error) {
	var file *os.File
	panicked := true
	defer func() {
		if panicked && file != nil { // or bbolt has done that
			letGo(file)
			_ = file.Close()
		}
	}()
	defer db.guard(&err, false)
	defer faultsPanic(faultsPanic(true))
	options := &bbolt.Options{
		Timeout:         1, // a nanosecond: one attempt
		ReadOnly:        db.readOnly,
		FreelistType:    bbolt.FreelistMapType,
		InitialMmapSize: mapSize(),
		NoStatistics:    true,
		OpenFile: func(name string, flag int, mode os.FileMode) (_ *os.File, err error) {
			if isNew {
				file, err = os.OpenFile(name, flag|os.O_CREATE|os.O_EXCL, mode)
				created = err == nil
			}
			if !isNew || errors.Is(err, fs.ErrExist) {
				file, err = os.OpenFile(name, flag&^os.O_CREATE, mode)
			}
			return file, err
		},
	}
	now := new(opened)
	protect(func() { now.bolt, err = bbolt.Open(db.path, 0o600, options) })
	panicked = false
	if err == nil && replaced(file, db.path) { // by its owner, who has compacted it since it was found
		err = errors.Join(now.bolt.Close(), bolterrors.ErrTimeout)
	}
	switch {
	case err == nil:
		now.bolt.AllocSize, now.file = growth, file
		db.now = now
		if !db.readOnly {
			db.owner = claim(db.path)
		}
		return created, nil
	case errors.Is(err, bolterrors.ErrTimeout):
		err = &InUseError{Path: db.path, PID: ownerOf(db.path)}
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrVersionMismatch):
		err = db.damaged(errors.New("it is not a bbolt file"))
	case isFull(err):
		err = db.unwritable(err)
	case isSystem(err):
		err = fmt.Errorf("open state file: %w", err)
	default:
		err = db.damaged(err)
	}
	return created, err
}

// replaced reports whether another file is at the path by now.
func replaced(file *os.File, path string) bool {
	mine, err := file.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(path)
	return err != nil || !os.SameFile(mine, there)
}

// isFull reports whether the system has no room for what was to be written.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}

func (db *DB) unwritable(err error) error {
	return &state.UnwritableError{What: "state file " + db.path, Err: err,
		Remedy: "make room on its disk, or see what is wrong with that; what was stored is whole, and work goes on from there"}
}

func mapSize() int {
	if runtime.GOOS == "windows" || strconv.IntSize < 64 {
		return 0
	}
	return MapSize
}

// isSystem reports whether the operating system refused something; bbolt finds all else in the file.
func isSystem(err error) bool {
	_, ok := errors.AsType[syscall.Errno](err)
	return ok
}

// prepare makes sure that the file is whole and ours, and that there is a bucket for every space.
func (db *DB) prepare(created bool) error {
	missing := false
	err := db.view(func(tx *transaction) (err error) {
		protect(func() { missing, err = db.examine(tx) })
		return err
	})
	if err != nil || !missing || db.readOnly {
		return err
	}
	err = db.update(func(tx *transaction) (err error) {
		protect(func() { err = db.addBuckets(tx) })
		return err
	})
	if err == nil && created {
		err = syncFolder(filepath.Dir(db.path))
	}
	return err
}

// sumsBucket is empty. That it is there says that values end with their checksums.
var sumsBucket = []byte("sums")

func (db *DB) addBuckets(tx *transaction) error {
	if first, _ := tx.Cursor().First(); first == nil {
		if _, err := tx.CreateBucket(sumsBucket); err != nil {
			return err
		}
		tx.of.sums = true
	}
	for _, space := range state.Spaces {
		if _, err := tx.CreateBucketIfNotExists([]byte{byte(space)}); err != nil {
			return err
		}
	}
	return nil
}

// syncFolder makes durable that the folder has a new file.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("create state file: %w", err)
	}
	defer func() { _ = folder.Close() }()                              // only read
	if err := folder.Sync(); err != nil && runtime.GOOS != "windows" { // where folders cannot be synced
		return fmt.Errorf("create state file: %w", err)
	}
	return nil
}

// examine looks at what is cheap to look at: that the file is as long as it says, and that its buckets are ours.
func (db *DB) examine(tx *transaction) (missing bool, err error) {
	info, err := os.Stat(db.path)
	if err != nil {
		return false, fmt.Errorf("open state file: %w", err)
	}
	if info.Size() < tx.Size() {
		return false, db.damaged(fmt.Errorf("it ends after %d of %d bytes", info.Size(), tx.Size()))
	}
	var foreign []byte
	c := tx.Cursor()
	for name, value := c.First(); name != nil; name, value = c.Next() {
		switch {
		case value != nil:
			return false, db.damaged(fmt.Errorf("%q is no bucket", name))
		case tx.Bucket([]byte{byte(state.SpaceMeta)}) == nil:
			return false, db.damaged(errors.New("it is a bbolt file that another program made"))
		case len(name) > 1 && !bytes.Equal(name, sumsBucket):
			return false, db.damaged(fmt.Errorf("it has a bucket %q", name))
		}
		if !known(name) { // a later version may have more
			foreign = name
		}
	}
	tx.of.sums = tx.Bucket(sumsBucket) != nil
	for _, space := range state.Spaces {
		missing = missing || tx.Bucket([]byte{byte(space)}) == nil
	}
	if missing && foreign != nil {
		return false, db.damaged(fmt.Errorf("it has a bucket %q in place of another", foreign))
	}
	return missing, nil
}

// verify reads the file from end to end, at the speed of the disk. The error is a *state.DamagedError if anything in it
// is not what was written.
func (db *DB) verify() error {
	return db.view(func(tx *transaction) error {
		r := tx.reader()
		for _, space := range state.Spaces {
			var before []byte
			for key := range r.Scan(space, nil, nil) {
				if r.Get(space, key) == nil || bytes.Compare(before, key) >= 0 { // keys within the tree are wrong, or out of order
					return db.damaged(fmt.Errorf("the record %x in space %d is there and is not found", key, space))
				}
				before = append(before[:0], key...)
			}
		}
		return nil
	})
}

// Path returns the path that Open was given.
func (db *DB) Path() string { return db.path }

// Size returns the size of the file in bytes, 0 if the file cannot be asked.
func (db *DB) Size() int64 {
	info, err := os.Stat(db.path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// View meets state.DB.
func (db *DB) View(ctx context.Context, fn func(state.Reader) error) error {
	if db.closed.Load() {
		return state.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return db.view(func(tx *transaction) error { return fn(tx.reader()) })
}

// Update meets state.DB. An error of the disk is a *state.UnwritableError, and leaves the file as it was.
func (db *DB) Update(ctx context.Context, fn func(state.Writer) error) error {
	select {
	case db.turn <- struct{}{}:
		defer func() { <-db.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	switch broken := db.broken.Load(); {
	case db.closed.Load():
		return state.ErrClosed
	case ctx.Err() != nil:
		return ctx.Err()
	case db.readOnly:
		return state.ErrReadOnly
	case broken != nil:
		return broken
	}
	return db.update(func(tx *transaction) error { return fn(&writer{tx.reader()}) })
}

func (db *DB) view(fn func(*transaction) error) (err error) {
	defer db.guard(&err, false)
	defer faultsPanic(faultsPanic(true))
	tx, err := db.begin(false)
	if err != nil {
		return err
	}
	defer tx.end()
	return fn(tx)
}

func (db *DB) update(fn func(*transaction) error) (err error) {
	defer db.guard(&err, true)
	defer faultsPanic(faultsPanic(true))
	tx, err := db.begin(true)
	if err != nil {
		return err
	}
	defer tx.end()
	if err := fn(tx); err != nil {
		return err
	}
	protect(func() { err = tx.Commit() })
	if err != nil { // whatever the system refused; not every one of bbolt's errors says what that was
		return db.unwritable(err)
	}
	return nil
}

func (db *DB) begin(writable bool) (tx *transaction, err error) {
	db.swap.Lock()
	now := db.now
	now.users.Add(1)
	db.swap.Unlock()
	defer func() {
		if tx == nil {
			now.users.Done()
		}
	}()
	var begun *bbolt.Tx
	protect(func() { begun, err = now.bolt.Begin(writable) })
	switch {
	case errors.Is(err, bolterrors.ErrDatabaseNotOpen):
		return nil, state.ErrClosed
	case err != nil:
		return nil, fmt.Errorf("read state file %s: %w", db.path, err)
	}
	return &transaction{begun, now}, nil
}

// end ends a transaction, if a commit has not done so.
func (tx *transaction) end() {
	defer tx.of.users.Done()
	protect(func() { _ = tx.Rollback() }) // an error says only that it has ended
}

// Close waits for what is running, and lets go of the file. Closing again does nothing.
func (db *DB) Close() error {
	if db.closed.Swap(true) {
		return nil
	}
	db.turn <- struct{}{}
	defer func() { <-db.turn }()
	db.owner.leave()
	db.old.Wait()
	if err := db.now.bolt.Close(); err != nil {
		return fmt.Errorf("close state file %s: %w", db.path, err)
	}
	return nil
}
