package etcd

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"

	"ringsync/state"
)

// What etcd takes at once unless its operator allows more: 128 operations and 1.5 MiB a request. One operation is that
// of the sequence key.
const (
	maxOps   = 127
	maxBytes = 1 << 20
	maxValue = 1_400_000 // a single record may be larger than maxBytes
)

// A change that does not fit into one transaction of etcd is written down first: as parts below intent/, and then as
// the mark intent/commit, with which it is decided. Only then it is carried out, a transaction at a time, and at last
// the intent is removed. Who opens the job carries out an intent that has its mark, as often as need be, and drops one
// that has none; who only reads sees through it.

const intentMark = "commit"

func (db *DB) intent(name string) string { return db.base + "intent/" + name }

// commit brings the changes into etcd and makes the next version of them.
func (db *DB) commit(ctx context.Context, changes *state.Overlay) error {
	ops, err := db.operations(changes)
	if err != nil || len(ops) == 0 {
		return err
	}
	db.committing.Lock()
	defer db.committing.Unlock()
	if len(chunks(ops)) == 1 {
		err = db.write(ctx, ops)
	} else {
		err = db.writeLarge(ctx, changes, ops)
	}
	if err != nil {
		return fmt.Errorf("write the state of job %s: %w", db.job, err)
	}
	return db.publish(ctx, changes)
}

// operations returns what the changes come to.
func (db *DB) operations(changes *state.Overlay) (ops []clientv3.Op, err error) {
	for c := range changes.Changes() {
		key := db.data(c.Space) + string(c.Key)
		switch {
		case c.Deleted:
			ops = append(ops, clientv3.OpDelete(key))
		case len(c.Value) > maxValue:
			return nil, &TooLargeError{len(c.Value)}
		default:
			ops = append(ops, clientv3.OpPut(key, string(c.Value)))
		}
	}
	return ops, nil
}

// sizeOf is what an operation takes in a request, a little more rather than less.
func sizeOf(key, value int) int { return key + value + 32 }

// chunks cuts operations into transactions.
func chunks(ops []clientv3.Op) (chunks [][]clientv3.Op) {
	var chunk []clientv3.Op
	size := 0
	for _, op := range ops {
		n := sizeOf(len(op.KeyBytes()), len(op.ValueBytes()))
		if len(chunk) == maxOps || size+n > maxBytes && len(chunk) > 0 {
			chunks, chunk, size = append(chunks, chunk), nil, 0
		}
		chunk, size = append(chunk, op), size+n
	}
	return append(chunks, chunk)
}

func (db *DB) writeLarge(ctx context.Context, changes *state.Overlay, ops []clientv3.Op) error {
	parts := encode(changes)
	for i, part := range parts {
		if err := db.write(ctx, []clientv3.Op{clientv3.OpPut(db.intent(partName(i)), string(part))}); err != nil {
			return err
		}
	}
	mark := clientv3.OpPut(db.intent(intentMark), fmt.Sprint(len(parts)))
	if err := db.write(ctx, []clientv3.Op{mark}); err != nil {
		return err
	}
	if err := db.carryOut(ctx, ops); err != nil {
		return db.fail(err) // it is decided, and half of it is there
	}
	return nil
}

func partName(i int) string { return fmt.Sprintf("%08d", i) }

// carryOut does what an intent says, and removes it.
func (db *DB) carryOut(ctx context.Context, ops []clientv3.Op) error {
	for _, chunk := range chunks(ops) {
		if err := db.write(ctx, chunk); err != nil {
			return err
		}
	}
	return db.write(ctx, []clientv3.Op{clientv3.OpDelete(db.intent(""), clientv3.WithPrefix())})
}

// write makes one transaction, once, whatever becomes of the answers: it names the write before it, and leaves a value
// that no other leaves.
func (db *DB) write(ctx context.Context, ops []clientv3.Op) error {
	if db.owner.Remaining() <= 0 {
		return &LostError{Job: db.job}
	}
	seq := db.base + "seq"
	db.mu.Lock()
	last := db.last
	db.writes++
	value := fmt.Sprintf("%x/%x/%d", db.owner.lease.session.Lease(), db.owner.rev, db.writes)
	db.mu.Unlock()
	txn := func(ctx context.Context) (*clientv3.TxnResponse, error) {
		return db.cluster.client.Txn(ctx).
			If(clientv3.Compare(clientv3.CreateRevision(db.owner.key), "=", db.owner.rev), clientv3.Compare(clientv3.ModRevision(seq), "=", last)).
			Then(append(slices.Clip(ops), clientv3.OpPut(seq, value))...).
			Else(clientv3.OpGet(seq), clientv3.OpGet(db.owner.key, clientv3.WithKeysOnly())).
			Commit()
	}
	var done int64
	attempts := 0
	err := db.cluster.persist(ctx, db.owner, func(ctx context.Context) error {
		attempts++
		answer, err := txn(ctx)
		if errors.Is(rpctypes.Error(err), rpctypes.ErrNoSpace) {
			// The write that takes etcd over its quota is carried out, and answered like those after it.
			got, readErr := db.cluster.client.Get(ctx, seq)
			if readErr != nil {
				return readErr
			}
			if len(got.Kvs) > 0 && string(got.Kvs[0].Value) == value {
				done = got.Kvs[0].ModRevision
				return nil
			}
		}
		if err != nil {
			return err
		}
		done, err = db.outcome(answer, value)
		return err
	})
	if err != nil && (attempts > 1 || !refused(err)) {
		err = db.fail(err) // nobody said what became of it, and it may be done yet
	}
	if err != nil {
		return db.cluster.clarify(err)
	}
	db.mu.Lock()
	db.last = done
	db.mu.Unlock()
	return nil
}

// outcome returns the revision of the write of that value.
func (db *DB) outcome(answer *clientv3.TxnResponse, value string) (rev int64, err error) {
	if answer.Succeeded {
		return answer.Header.Revision, nil
	}
	seq, owner := answer.Responses[0].GetResponseRange(), answer.Responses[1].GetResponseRange()
	if len(seq.Kvs) > 0 && string(seq.Kvs[0].Value) == value {
		return seq.Kvs[0].ModRevision, nil // an attempt whose answer was lost
	}
	if len(owner.Kvs) == 0 || owner.Kvs[0].CreateRevision != db.owner.rev {
		return 0, &LostError{Job: db.job}
	}
	return 0, &state.DamagedError{What: "the state of job " + db.job, Err: errors.New("something other than its owner has written to it")}
}

// refused reports whether an error says that a write was not made and will not be.
func refused(err error) bool {
	if _, lost := errors.AsType[*LostError](err); lost {
		return true
	}
	switch code(err) {
	case codes.InvalidArgument, codes.FailedPrecondition, codes.PermissionDenied, codes.Unauthenticated, codes.ResourceExhausted:
		return true
	}
	return false
}

// publish makes the version that follows from the changes.
func (db *DB) publish(ctx context.Context, changes *state.Overlay) error {
	v := db.current()
	next := &version{small: v.small.Fork(), at: time.Now()}
	err := next.small.Update(ctx, func(w state.Writer) error {
		for c := range changes.Changes() {
			if err := reflect(w, c); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return db.fail(err)
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	next.since, next.pin = db.last, db.last
	for c := range changes.Changes() {
		if !slices.Contains(mirrored, c.Space) {
			e := cached{value: c.Value, since: db.last}
			if c.Deleted {
				e.value = nil
			}
			db.cluster.cache.set(cacheKey{db.number, db.data(c.Space) + string(c.Key)}, e)
		}
	}
	db.now = next
	return nil
}

// reflect puts a change of a mirrored space into the mirror.
func reflect(w state.Writer, c state.Change) error {
	switch {
	case !slices.Contains(mirrored, c.Space):
		return nil
	case c.Deleted:
		return w.Delete(c.Space, c.Key)
	}
	return w.Put(c.Space, c.Key, c.Value)
}

// encode writes changes down in parts that etcd takes.
func encode(changes *state.Overlay) (parts [][]byte) {
	var part []byte
	for c := range changes.Changes() {
		if len(part) > 0 && len(part)+sizeOf(len(c.Key), len(c.Value)) > maxBytes {
			parts, part = append(parts, part), nil
		}
		deleted := byte(0)
		if c.Deleted {
			deleted = 1
		}
		part = append(part, byte(c.Space), deleted)
		part = append(binary.AppendUvarint(part, uint64(len(c.Key))), c.Key...)
		part = append(binary.AppendUvarint(part, uint64(len(c.Value))), c.Value...)
	}
	return append(parts, part)
}

var errIntent = errors.New("the intent is cut off")

// decode applies a part of an intent.
func decode(part []byte, w state.Writer) error {
	field := func() (b []byte, ok bool) {
		n, used := binary.Uvarint(part)
		if used <= 0 || n > uint64(len(part)-used) {
			return nil, false
		}
		b, part = part[used:][:n], part[used:][n:]
		return b, true
	}
	for len(part) > 0 {
		if len(part) < 2 || !slices.Contains(state.Spaces[:], state.Space(part[0])) {
			return errIntent
		}
		space, deleted := state.Space(part[0]), part[1] != 0
		part = part[2:]
		key, ok := field()
		value, also := field()
		if !ok || !also {
			return errIntent
		}
		err := error(nil)
		if deleted {
			err = w.Delete(space, key)
		} else {
			err = w.Put(space, key, value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// load finds the revision to read at. Whoever only reads sees through a change that is being carried out.
func (db *DB) load(ctx context.Context) (found bool, err error) {
	var answer *clientv3.TxnResponse
	started := time.Now()
	err = db.cluster.persist(ctx, db.owner, func(ctx context.Context) (err error) {
		answer, err = db.cluster.client.Txn(ctx).Then(
			clientv3.OpGet(db.base+"seq"),
			clientv3.OpGet(db.intent(intentMark)),
			clientv3.OpGet(db.base+"data/", clientv3.WithPrefix(), clientv3.WithLimit(1), clientv3.WithKeysOnly()),
			clientv3.OpGet(db.base+fillingKey),
		).Commit()
		return err
	})
	if err != nil {
		return false, db.cluster.clarify(err)
	}
	got := func(i int) []*mvccpb.KeyValue { return answer.Responses[i].GetResponseRange().Kvs }
	if seq := got(0); len(seq) > 0 {
		db.last = seq[0].ModRevision
	}
	db.now = &version{since: db.last, pin: answer.Header.Revision, at: started}
	db.filling = len(got(3)) > 0
	mark := got(1)
	if len(mark) == 0 || db.filling {
		return len(got(2)) > 0, nil
	}
	whole := state.NewOverlay(viewer{db, &version{since: db.last, pin: db.now.pin, at: started}})
	if err := db.readIntent(ctx, string(mark[0].Value), whole); err != nil {
		return false, err
	}
	db.now.whole = whole
	return true, nil
}

// readIntent puts a decided change over what is there.
func (db *DB) readIntent(ctx context.Context, parts string, into *state.Overlay) error {
	var answer *clientv3.GetResponse
	err := db.cluster.persist(ctx, db.owner, func(ctx context.Context) (err error) {
		answer, err = db.cluster.client.Get(ctx, db.intent(""), clientv3.WithPrefix(), clientv3.WithRev(db.now.pin))
		return err
	})
	if err != nil {
		return db.cluster.clarify(err)
	}
	n := 0
	err = into.Update(ctx, func(w state.Writer) error {
		for _, kv := range answer.Kvs {
			if strings.TrimPrefix(string(kv.Key), db.intent("")) != partName(n) || fmt.Sprint(n) == parts {
				continue // left by a change that was never decided
			}
			n++
			if err := decode(kv.Value, w); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && fmt.Sprint(n) != parts {
		err = fmt.Errorf("%d of %s parts are there", n, parts)
	}
	if err != nil {
		return &state.DamagedError{What: "a change of the state of job " + db.job + " that was being carried out", Err: err}
	}
	return nil
}

// finish carries out the change that a former owner had decided.
func (db *DB) finish(ctx context.Context) error {
	if db.now.whole == nil {
		return nil
	}
	ops, err := db.operations(db.now.whole)
	if err != nil {
		return err
	}
	if err := db.carryOut(ctx, ops); err != nil {
		return err
	}
	db.now = &version{since: db.last, pin: db.last, at: time.Now()}
	return nil
}

// mirror loads the small spaces.
func (db *DB) mirror(ctx context.Context) error {
	v := db.now
	small := state.NewOverlay(nil)
	err := v.view(ctx, db, func(r state.Reader) error {
		return small.Update(ctx, func(w state.Writer) error {
			for _, space := range mirrored {
				for key, value := range r.Scan(space, nil, nil) {
					if err := w.Put(space, key, value); err != nil {
						return err
					}
				}
			}
			return nil
		})
	})
	v.small = small
	return err
}
