package etcd

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"ringsync/state"
)

// mirrored are the spaces that an owner keeps in memory. They are small unless many people wait in the outbox, and
// asked for all the time.
var mirrored = []state.Space{state.SpaceMeta, state.SpaceOutbox, state.SpaceRemovals, state.SpaceCycles}

// How many pairs the first and any later request of a scan asks for: most scans end early.
const (
	firstPage = 64
	morePage  = 1024
)

// reader meets state.Reader for one version.
type reader struct {
	db      *DB
	version *version
	ctx     context.Context // of the View
	small   state.Reader    // nil for whoever only reads
}

// unreadable is what a reader panics with.
type unreadable struct{ err error }

func (r *reader) fail(err error) {
	panic(unreadable{fmt.Errorf("read the state of job %s: %w", r.db.job, err)})
}

// data returns the prefix of a space's keys.
func (db *DB) data(space state.Space) string { return db.base + "data/" + string([]byte{byte(space)}) }

func (r *reader) Get(space state.Space, key []byte) []byte {
	if r.small != nil && slices.Contains(mirrored, space) {
		return r.small.Get(space, key)
	}
	if len(key) == 0 {
		return nil
	}
	name := r.db.data(space) + string(key)
	of := cacheKey{r.db.number, name}
	if r.small != nil {
		if e, ok := r.db.cluster.cache.get(of); ok && e.since <= r.version.since {
			return e.value
		}
	}
	kvs, _ := r.get(name)
	e := cached{since: r.version.since}
	if len(kvs) > 0 {
		e.value, e.since = valueOf(kvs[0]), kvs[0].ModRevision
	}
	if r.small != nil {
		r.db.remember(r.version, of, e)
	}
	return e.value
}

// remember caches what was read of a version, if that is still the latest.
func (db *DB) remember(v *version, of cacheKey, e cached) {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.now == v {
		db.cluster.cache.set(of, e)
	}
}

func valueOf(kv *mvccpb.KeyValue) []byte {
	if kv.Value == nil {
		return []byte{} // an empty value is not nil
	}
	return kv.Value
}

func (r *reader) Scan(space state.Space, from, before []byte) iter.Seq2[[]byte, []byte] {
	if r.small != nil && slices.Contains(mirrored, space) {
		return r.small.Scan(space, from, before)
	}
	return func(yield func(key, value []byte) bool) {
		prefix := r.db.data(space)
		start, end := prefix+string(from), clientv3.GetPrefixRangeEnd(prefix)
		if before != nil {
			end = prefix + string(before)
		}
		for page := int64(firstPage); strings.Compare(start, end) < 0; page = morePage {
			kvs, more := r.get(start, clientv3.WithRange(end), clientv3.WithLimit(page))
			for _, kv := range kvs {
				if !yield(bytes.Clone(kv.Key[len(prefix):]), valueOf(kv)) {
					return
				}
			}
			if !more {
				return
			}
			start = string(kvs[len(kvs)-1].Key) + "\x00"
		}
	}
}

// get asks etcd for keys as they are in the version.
func (r *reader) get(key string, options ...clientv3.OpOption) (kvs []*mvccpb.KeyValue, more bool) {
	rev, err := r.db.pin(r.ctx, r.version, fresh)
	var answer *clientv3.GetResponse
	ask := func(ctx context.Context) (err error) {
		answer, err = r.db.cluster.client.Get(ctx, key, append(options, clientv3.WithRev(rev))...)
		return err
	}
	if err == nil {
		err = r.db.cluster.persist(r.ctx, r.db.owner, ask)
	}
	if rpctypes.Error(err) == rpctypes.ErrCompacted {
		if rev, err = r.db.pin(r.ctx, r.version, 0); err == nil {
			err = r.db.cluster.persist(r.ctx, r.db.owner, ask)
		}
	}
	if err != nil {
		r.fail(r.db.cluster.clarify(err))
	}
	return answer.Kvs, answer.More
}

// pin returns a revision to read a version at. The owner asks for a newer one if the last is older than that, as long
// as it has written nothing since.
func (db *DB) pin(ctx context.Context, v *version, old time.Duration) (int64, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.small == nil || time.Since(v.at) < old {
		return v.pin, nil
	}
	if !db.committing.TryLock() {
		return v.pin, nil // what is being written may be in etcd's latest revision already
	}
	defer db.committing.Unlock()
	if db.current() != v {
		return v.pin, nil
	}
	started := time.Now()
	var answer *clientv3.GetResponse
	err := db.cluster.persist(ctx, db.owner, func(ctx context.Context) (err error) {
		answer, err = db.cluster.client.Get(ctx, db.owner.key, clientv3.WithKeysOnly())
		return err
	})
	switch {
	case err != nil:
		return 0, err
	case len(answer.Kvs) == 0 || answer.Kvs[0].CreateRevision != db.owner.rev:
		return v.pin, nil // owned by somebody else, who may have written: what is known stays what it was
	}
	v.pin, v.at = answer.Header.Revision, started
	return v.pin, nil
}
