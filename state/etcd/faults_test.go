package etcd_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"

	"ringsync/state"
	"ringsync/state/etcd"
	"ringsync/state/statetest"
)

// bare returns a client of etcd's own.
func bare(t testing.TB, address string) *clientv3.Client {
	t.Helper()
	c, err := clientv3.New(clientv3.Config{Endpoints: []string{address}, Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func people(t testing.TB, db state.DB) (pairs []statetest.Pair) {
	t.Helper()
	if err := db.View(t.Context(), func(r state.Reader) error { pairs = statetest.Pairs(r, state.SpacePeople, nil, nil); return nil }); err != nil {
		t.Fatal(err)
	}
	return pairs
}

// values tells what all people have, and how many they are; a mixture is "".
func values(pairs []statetest.Pair) (value string, n int) {
	for _, p := range pairs {
		if n > 0 && p[1] != value {
			return "", len(pairs)
		}
		value, n = p[1], n+1
	}
	return value, n
}

// The suite passes over a line that breaks again and again: no answer that is lost makes a change be lost or done twice.
func TestDBOverABadLine(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	line := newLine(t, server(t, nil))
	lease := join(t, dial(t, etcd.Options{Endpoints: []string{line.Address()}, Patience: time.Minute}))
	statetest.Run(t, func(t *testing.T) state.DB {
		db := open(t, own(t, lease, newJob()))
		if strings.HasSuffix(t.Name(), "keys_and_values") {
			line.Mend() // one of the values alone is larger
		} else {
			line.CutAfter(20_000, 20_000)
		}
		return db
	}, nil)
	t.Logf("the line broke %d times", line.Cuts())
	if line.Cuts() < 5 {
		t.Errorf("the line broke %d times only", line.Cuts())
	}
	line.Mend()
}

// A change that takes many transactions of etcd is there as a whole or not at all, wherever its owner is cut off: to
// whoever only reads, and to the next owner, who finishes it.
func TestLargeChangeIsWhole(t *testing.T) {
	address := server(t, nil)
	direct := dial(t, etcd.Options{Endpoints: []string{address}})
	var mu sync.Mutex
	seen := map[string]int{}
	t.Run("cut", func(t *testing.T) {
		for i := range 11 {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				value := cutLargeChange(t, address, direct, 10_000+i*10_000) // the whole takes about 140 kB
				mu.Lock()
				defer mu.Unlock()
				seen[value]++
			})
		}
	})
	if t.Logf("%v", seen); seen["old"] == 0 || seen["new, and longer"] == 0 {
		t.Errorf("cut only on one side of the decision: %v", seen)
	}
}

// cutLargeChange cuts an owner off after so many bytes of a large change and returns the value that all have then.
func cutLargeChange(t *testing.T, address string, direct *etcd.Cluster, bytes int) string {
	const n = 1500
	line := newLine(t, address)
	cluster := dial(t, etcd.Options{Endpoints: []string{line.Address()}, Patience: time.Second})
	lease, err := cluster.Join(t.Context(), etcd.NewHolder(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	job := newJob()
	owner, err := lease.Own(t.Context(), job, 0)
	if err != nil {
		t.Fatal(err)
	}
	db, err := owner.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	put(t, db, n, "old")
	line.CutAfter(bytes, 0)
	err = db.Update(t.Context(), func(w state.Writer) error {
		for i := range n {
			if err := w.Put(state.SpacePeople, fmt.Appendf(nil, "%05d", i), []byte("new, and longer")); err != nil {
				return err
			}
		}
		return w.Delete(state.SpacePeople, []byte("00000"))
	})
	if err == nil {
		t.Fatal("the line was not cut")
	}
	reader, err := direct.OpenReadOnly(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	during, many := values(people(t, reader))
	if again := db.Update(t.Context(), func(state.Writer) error { return nil }); again == nil {
		t.Error("an Update after one whose outcome is unknown")
	}
	line.Mend()
	_ = owner.Release() // whatever has become of it
	lease.Close()

	next := open(t, own(t, join(t, direct), job))
	after, now := values(people(t, next))
	switch {
	case during != after || many != now:
		t.Errorf("whoever only read saw %d × %q, the next owner %d × %q", many, during, now, after)
	case after == "old" && now == n, after == "new, and longer" && now == n-1:
	default:
		t.Errorf("%d × %q", now, after)
	}
	if left, err := bare(t, address).Get(t.Context(), "ringsync/jobs/"+job+"/intent/commit"); err != nil || len(left.Kvs) > 0 {
		t.Errorf("the intent is still there: %v %v", left, err)
	}
	return after
}

// Nothing that a former owner writes takes effect, however sure it is of itself.
func TestFormerOwnerWritesNothing(t *testing.T) {
	address := server(t, nil)
	job := newJob()
	first := open(t, own(t, join(t, dial(t, etcd.Options{Endpoints: []string{address}})), job))
	put(t, first, 1, "first")

	// Somebody takes the first one's key away, as the end of its lease does; its own clock says that it has a minute.
	if _, err := bare(t, address).Delete(t.Context(), "ringsync/jobs/"+job+"/owner/", clientv3.WithPrefix()); err != nil {
		t.Fatal(err)
	}
	second := open(t, own(t, join(t, dial(t, etcd.Options{Endpoints: []string{address}})), job))
	put(t, second, 1, "second")
	for _, n := range []int{1, 1000} { // at once, and by an intent
		err := first.Update(t.Context(), func(w state.Writer) error {
			for i := range n {
				if err := w.Put(state.SpacePeople, fmt.Appendf(nil, "%05d", i), []byte("first again")); err != nil {
					return err
				}
			}
			return nil
		})
		if lost, ok := errors.AsType[*etcd.LostError](err); !ok || lost.Job != job {
			t.Errorf("%d keys: %v, want a *LostError", n, err)
		}
	}
	put(t, second, 1, "second again")
	reader, err := dial(t, etcd.Options{Endpoints: []string{address}}).OpenReadOnly(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	for name, db := range map[string]state.DB{"the second owner": second, "a reader": reader} {
		if value, n := values(people(t, db)); value != "second again" || n != 1 {
			t.Errorf("%s sees %d × %q", name, n, value)
		}
	}
}

// A lease that cannot be renewed ends here before it ends there.
func TestLeaseEndsHereFirst(t *testing.T) {
	address := server(t, nil)
	line := newLine(t, address)
	cut := dial(t, etcd.Options{Endpoints: []string{line.Address()}, Patience: time.Second})
	lease, err := cut.Join(t.Context(), etcd.NewHolder(), 2*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer lease.Close()
	job := newJob()
	first, err := lease.Own(t.Context(), job, 0)
	if err != nil {
		t.Fatal(err)
	}
	db, err := first.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	line.Cut()
	second := join(t, dial(t, etcd.Options{Endpoints: []string{address}}))
	_, err = second.Own(t.Context(), job, 100*time.Millisecond)
	inUse, ok := errors.AsType[*etcd.InUseError](err)
	if !ok || inUse.Holder != lease.Holder() || !strings.Contains(err.Error(), "is in use by pid ") {
		t.Errorf("%v, want an *InUseError that names the first owner", err)
	}
	next, err := second.Own(t.Context(), job, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer next.Release()
	if left := first.Remaining(); left > 0 || first.Context().Err() == nil {
		t.Errorf("the first owner thinks that it has %s left", left)
	}
	err = db.Update(t.Context(), func(state.Writer) error { return nil })
	if _, ok := errors.AsType[*etcd.LostError](err); !ok {
		t.Errorf("Update = %v, want a *LostError", err)
	}
}

// What has been compacted away is read again where that can be, and else told.
func TestCompaction(t *testing.T) {
	address := server(t, nil)
	cluster := dial(t, etcd.Options{Endpoints: []string{address}})
	db := open(t, own(t, join(t, cluster), newJob()))
	put(t, db, 200, "value")
	reader, err := cluster.OpenReadOnly(t.Context(), db.Job())
	if err != nil {
		t.Fatal(err)
	}
	before, err := db.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	edges := func(r state.Reader) error {
		for range r.Scan(state.SpaceEdges, nil, nil) { // never read before, so not remembered
			break
		}
		return nil
	}
	client := bare(t, address)
	compact := func() {
		t.Helper()
		put, err := client.Put(t.Context(), "other", "")
		if err == nil {
			_, err = client.Compact(t.Context(), put.Header.Revision)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	compact()
	if err := before.View(t.Context(), edges); err != nil {
		t.Errorf("what is still the state: %v", err)
	}
	if _, n := values(people(t, db)); n != 200 {
		t.Errorf("%d people after the compaction", n)
	}
	if err := reader.View(t.Context(), edges); !errors.Is(err, etcd.ErrCompacted) {
		t.Errorf("whoever only reads: %v, want ErrCompacted", err)
	}
	put(t, db, 1, "another")
	compact()
	if err := before.View(t.Context(), edges); !errors.Is(err, etcd.ErrCompacted) {
		t.Errorf("a moment that is gone: %v, want ErrCompacted", err)
	}
	put(t, db, 200, "again")
	if value, n := values(people(t, db)); value != "again" || n != 200 {
		t.Errorf("%d × %q", n, value)
	}
}

// A full etcd is told as such, what was there stays readable, and once there is room the job goes on.
func TestFull(t *testing.T) {
	address := server(t, func(c *embed.Config) { c.QuotaBackendBytes = 4 << 20 })
	cluster := dial(t, etcd.Options{Endpoints: []string{address}})
	db := open(t, own(t, join(t, cluster), newJob()))
	put(t, db, 10, "kept")
	large := strings.Repeat("x", 1<<19)
	var err error
	for end := time.Now().Add(time.Minute); err == nil && time.Now().Before(end); { // etcd looks at its size now and then
		err = db.Update(t.Context(), func(w state.Writer) error { return w.Put(state.SpaceLog, []byte("log"), []byte(large)) })
	}
	if _, ok := errors.AsType[*state.UnwritableError](err); !ok || !strings.Contains(err.Error(), "etcdctl alarm disarm") || strings.Contains(err.Error(), "\n") {
		t.Fatalf("%v, want an *UnwritableError in one line that says what to do", err)
	}
	if value, n := values(people(t, db)); value != "kept" || n != 10 {
		t.Errorf("%d × %q", n, value)
	}
	client := bare(t, address)
	now, err := client.Get(t.Context(), "any")
	if err == nil {
		_, err = client.Compact(t.Context(), now.Header.Revision, clientv3.WithCompactPhysical())
	}
	if err == nil {
		_, err = client.Defragment(t.Context(), address)
	}
	if err == nil {
		_, err = client.AlarmDisarm(t.Context(), &clientv3.AlarmMember{})
	}
	if err != nil {
		t.Fatal(err)
	}
	put(t, db, 10, "again")
	if value, n := values(people(t, db)); value != "again" || n != 10 {
		t.Errorf("%d × %q", n, value)
	}
}

func TestTooLarge(t *testing.T) {
	db := open(t, own(t, join(t, dial(t, etcd.Options{Endpoints: []string{server(t, nil)}})), newJob()))
	size := 1_400_000
	try := func() error {
		return db.Update(t.Context(), func(w state.Writer) error { return w.Put(state.SpacePeople, []byte("00000"), make([]byte, size)) })
	}
	if err := try(); err != nil {
		t.Errorf("%d bytes: %v", size, err)
	}
	size++
	if _, ok := errors.AsType[*etcd.TooLargeError](try()); !ok {
		t.Errorf("%d bytes: %v, want a *TooLargeError", size, try())
	}
	put(t, db, 1, "small")
}

func TestReadOnly(t *testing.T) {
	cluster := dial(t, etcd.Options{Endpoints: []string{server(t, nil)}})
	job := newJob()
	if _, err := cluster.OpenReadOnly(t.Context(), job); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a job without a state: %v, want fs.ErrNotExist", err)
	}
	db := open(t, own(t, join(t, cluster), job))
	put(t, db, 3, "then")
	reader, err := cluster.OpenReadOnly(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	put(t, db, 3, "now")
	if value, n := values(people(t, reader)); value != "then" || n != 3 {
		t.Errorf("it shows %d × %q", n, value)
	}
	if err := reader.Update(t.Context(), func(state.Writer) error { return nil }); !errors.Is(err, state.ErrReadOnly) {
		t.Errorf("Update = %v, want ErrReadOnly", err)
	}
	if names, err := cluster.Jobs(t.Context()); err != nil || len(names) != 1 || names[0] != job {
		t.Errorf("the jobs are %v, %v", names, err)
	}
	if err := errors.Join(reader.Close(), reader.Close()); err != nil {
		t.Error(err)
	}
	if err := reader.View(t.Context(), func(state.Reader) error { return nil }); !errors.Is(err, state.ErrClosed) {
		t.Errorf("View after Close = %v", err)
	}
}

// A state that is being filled is none until it is full.
func TestFill(t *testing.T) {
	address := server(t, nil)
	cluster := dial(t, etcd.Options{Endpoints: []string{address}})
	lease := join(t, cluster)
	o := own(t, lease, newJob())
	failure := errors.New("cut off")
	half := func(db state.DB) error {
		put(t, db, 1000, "half")
		if _, err := cluster.OpenReadOnly(t.Context(), o.Job()); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("while it is being filled it can be read: %v", err)
		}
		return failure
	}
	if err := o.Fill(t.Context(), half); !errors.Is(err, failure) {
		t.Fatal(err)
	}
	if left, err := bare(t, address).Get(t.Context(), "ringsync/jobs/"+o.Job()+"/data/", clientv3.WithPrefix()); err != nil || len(left.Kvs) > 0 {
		t.Errorf("%d keys are left, %v", len(left.Kvs), err)
	}
	// Somebody dies in the middle of it.
	func() {
		defer func() { _ = recover() }()
		_ = o.Fill(t.Context(), func(db state.DB) error { put(t, db, 10, "half"); panic("killed") })
	}()
	whole := func(db state.DB) error { put(t, db, 5, "whole"); return nil }
	if err := o.Fill(t.Context(), whole); err != nil {
		t.Fatal(err)
	}
	if err := o.Fill(t.Context(), whole); !errors.Is(err, state.ErrNotEmpty) {
		t.Errorf("a second time: %v, want ErrNotEmpty", err)
	}
	db := open(t, o)
	if value, n := values(people(t, db)); value != "whole" || n != 5 {
		t.Errorf("%d × %q", n, value)
	}
}

func TestDialRefused(t *testing.T) {
	line := newLine(t, "127.0.0.1:0")
	line.Cut()
	gone := etcd.Options{Endpoints: []string{line.Address()}, Patience: time.Second}
	_, err := etcd.Dial(t.Context(), gone)
	if err == nil || !strings.Contains(err.Error(), "does not answer") || !strings.Contains(err.Error(), line.Address()) || strings.Contains(err.Error(), "\n") {
		t.Errorf("nobody there: %v", err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := etcd.Dial(cancelled, gone); !errors.Is(err, context.Canceled) {
		t.Errorf("called off: %v", err)
	}
}

// An owner that abandons its job can write no more, and nobody else has the job before the lease ends, which is at once
// when it is closed.
func TestAbandon(t *testing.T) {
	address := server(t, nil)
	lease := join(t, dial(t, etcd.Options{Endpoints: []string{address}}))
	job := newJob()
	owner := own(t, lease, job)
	db := open(t, owner)
	owner.Abandon()
	err := db.Update(t.Context(), func(w state.Writer) error { return w.Put(state.SpacePeople, []byte("a"), []byte("b")) })
	if _, ok := errors.AsType[*etcd.LostError](err); !ok {
		t.Errorf("Update = %v, want a *LostError", err)
	}
	other := join(t, dial(t, etcd.Options{Endpoints: []string{address}}))
	if _, err := other.Own(t.Context(), job, 100*time.Millisecond); err == nil {
		t.Fatal("the job can be had while the lease of who abandoned it goes on")
	}
	lease.Close()
	began := time.Now()
	own(t, other, job)
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %s until another had the job, of a lease of a minute", took)
	}
}
