package etcd

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

// DefaultTTL is how long a process that has vanished keeps its jobs.
const DefaultTTL = 15 * time.Second

// Holder is a process, as others are told of it.
type Holder struct {
	ID   string `json:"id"` // random
	Host string `json:"host"`
	PID  int    `json:"pid"`
}

func (h Holder) String() string { return fmt.Sprintf("pid %d on %s", h.PID, h.Host) }

// Lease is this process's in etcd: all that it owns ends with it. It cannot be had back once it has ended.
type Lease struct {
	cluster *Cluster
	holder  Holder
	ttl     time.Duration
	session *concurrency.Session
	// sure is until when etcd is known to keep the lease: counted from before the request that renewed it last, since
	// an answer may have lain about while this process stood still.
	sure atomic.Pointer[time.Time]
	life context.Context // ends with the lease
	end  context.CancelFunc
	stop context.CancelFunc // of beat
	done sync.WaitGroup     // for beat
}

// NewHolder names this process, anew each time.
func NewHolder() Holder {
	host, err := os.Hostname()
	if err != nil {
		host = "an unnamed host"
	}
	return Holder{rand.Text(), host, os.Getpid()}
}

// Join takes a lease for a process and keeps it alive until it is closed or cannot be kept. A ttl of 0 is DefaultTTL;
// etcd counts whole seconds.
func (c *Cluster) Join(ctx context.Context, h Holder, ttl time.Duration) (*Lease, error) {
	if ttl <= 0 {
		ttl = DefaultTTL
	}
	l := &Lease{cluster: c, holder: h, ttl: ttl.Truncate(time.Second)}
	var started time.Time
	var granted *clientv3.LeaseGrantResponse
	err := c.persist(ctx, nil, func(ctx context.Context) (err error) {
		started = time.Now()
		granted, err = c.client.Grant(ctx, int64(ttl/time.Second))
		return err
	})
	if err == nil {
		l.session, err = concurrency.NewSession(c.client, concurrency.WithLease(granted.ID))
	}
	if err != nil {
		return nil, c.explain("take a lease", err)
	}
	l.renewed(started, granted.TTL)
	beating, stop := context.WithCancel(context.Background())
	l.stop = stop
	l.life, l.end = context.WithCancel(context.Background())
	l.done.Go(func() { l.beat(beating) })
	return l, nil
}

// margin is the part of a lease that is not relied on: clocks do not run alike.
const margin = 10

func (l *Lease) renewed(from time.Time, seconds int64) {
	ttl := time.Duration(seconds) * time.Second
	sure := from.Add(ttl - ttl/margin)
	l.sure.Store(&sure)
}

// Remaining is for how long nobody else can own what this process owns; not more than 0 once that is not sure any
// more. A machine that slept may have stopped one of its clocks, so the one that says less counts.
func (l *Lease) Remaining() time.Duration {
	if l.life.Err() != nil {
		return 0
	}
	sure, now := *l.sure.Load(), time.Now()
	return min(sure.Sub(now), sure.Round(0).Sub(now.Round(0)))
}

// Ended is closed when the lease has ended.
func (l *Lease) Ended() <-chan struct{} { return l.life.Done() }

// TTL is how long others wait for a process that has vanished.
func (l *Lease) TTL() time.Duration { return l.ttl }

// Holder is this process.
func (l *Lease) Holder() Holder { return l.holder }

// beat renews the lease three times within its time, and more often while that fails. It ends the moment that the lease
// cannot be relied on.
func (l *Lease) beat(ctx context.Context) {
	defer l.leave()
	for wait := l.ttl / 3; ; {
		select {
		case <-ctx.Done():
			return
		case <-l.session.Done(): // etcd says that there is no such lease
			return
		case <-time.After(wait):
		}
		started := time.Now()
		var answer *clientv3.LeaseKeepAliveResponse
		err := within(ctx, min(l.ttl/3, l.Remaining()), func(ctx context.Context) (err error) {
			answer, err = l.cluster.client.KeepAliveOnce(ctx, l.session.Lease())
			return err
		})
		switch {
		case l.Remaining() <= 0: // even if it was renewed: somebody may have relied on its end
			return
		case err == nil:
			l.renewed(started, answer.TTL)
			wait = l.ttl / 3
		default:
			wait = min(l.ttl/10, l.Remaining())
		}
	}
}

// leave gives up what the process owns, first here, then in etcd.
func (l *Lease) leave() {
	l.end()
	l.session.Orphan()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_, _ = l.cluster.client.Revoke(ctx, l.session.Lease()) // else it ends by itself
}

// Close ends the lease, and with it the ownership of all jobs.
func (l *Lease) Close() {
	l.stop()
	l.done.Wait()
}

// Owner is the right to write to a job.
type Owner struct {
	lease    *Lease
	job      string
	key      string // there as long as the job is owned, with
	rev      int64  // this create revision
	released atomic.Bool
}

// Own waits until the job is this process's. Once patience is exhausted the error is an *InUseError; 0 is to wait until
// ctx ends.
func (l *Lease) Own(ctx context.Context, job string, patience time.Duration) (*Owner, error) {
	c := l.cluster
	if !c.claim(job) {
		return nil, &InUseError{Job: job}
	}
	o := &Owner{lease: l, job: job}
	value, err := json.Marshal(l.holder)
	if err == nil {
		err = o.campaign(ctx, patience, string(value))
	}
	if err != nil {
		c.unclaim(job)
		return nil, err
	}
	return o, nil
}

func (o *Owner) campaign(ctx context.Context, patience time.Duration, value string) error {
	c := o.lease.cluster
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(o.lease.life, cancel)()
	if patience > 0 {
		defer time.AfterFunc(patience, cancel).Stop()
	}
	election := concurrency.NewElection(o.lease.session, c.job(o.job)+"owner")
	err := election.Campaign(waiting, value)
	for err != nil && waiting.Err() == nil && passing(err) {
		select {
		case <-waiting.Done():
		case <-time.After(time.Second / 10):
			err = election.Campaign(waiting, value)
		}
	}
	switch {
	case err == nil:
		o.key, o.rev = election.Key(), election.Rev()
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case o.lease.Remaining() <= 0:
		return &LostError{Job: o.job}
	case waiting.Err() == nil:
		return c.explain("take the job "+o.job, err)
	}
	holder, found, err := c.HolderOf(ctx, o.job)
	if err == nil && found {
		err = &InUseError{Job: o.job, Holder: holder, TTL: o.lease.ttl}
	} else if err == nil {
		err = c.explain("take the job "+o.job, context.DeadlineExceeded)
	}
	return err
}

// claim notes that this process is about to own the job: the election would let it do so twice.
func (c *Cluster) claim(job string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.owned[job] {
		return false
	}
	c.owned[job] = true
	return true
}

func (c *Cluster) unclaim(job string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.owned, job)
}

// HolderOf returns who owns a job, false if nobody does.
func (c *Cluster) HolderOf(ctx context.Context, job string) (h Holder, found bool, err error) {
	var answer *clientv3.GetResponse
	err = c.persist(ctx, nil, func(ctx context.Context) (err error) {
		answer, err = c.client.Get(ctx, c.job(job)+"owner/", clientv3.WithFirstCreate()...)
		return err
	})
	if err != nil {
		return h, false, c.explain("ask who owns job "+job, err)
	}
	if len(answer.Kvs) == 0 {
		return h, false, nil
	}
	if err := json.Unmarshal(answer.Kvs[0].Value, &h); err != nil {
		return h, false, fmt.Errorf("ask who owns job %s: %w", job, err)
	}
	return h, true, nil
}

// Job is the name of the job.
func (o *Owner) Job() string { return o.job }

// Remaining is for how long the job is surely this process's.
func (o *Owner) Remaining() time.Duration {
	if o.released.Load() {
		return 0
	}
	return o.lease.Remaining()
}

// Context ends when the job is not this process's any more because the lease has ended.
func (o *Owner) Context() context.Context { return o.lease.life }

// Release lets others own the job. What was opened with it is to be closed before.
func (o *Owner) Release() error {
	c := o.lease.cluster
	if o.released.Load() {
		return nil
	}
	defer c.unclaim(o.job)
	defer o.released.Store(true)
	// Like the election's Resign, which is not to be repeated when nobody answers.
	err := c.persist(context.Background(), o, func(ctx context.Context) error {
		_, err := c.client.Txn(ctx).If(clientv3.Compare(clientv3.CreateRevision(o.key), "=", o.rev)).Then(clientv3.OpDelete(o.key)).Commit()
		return err
	})
	if err != nil && o.lease.Remaining() > 0 {
		return c.explain("let go of job "+o.job, err)
	}
	return nil
}

// Abandon is Release where the lease is closed next: the end of that lets others own the job. Nothing is asked of etcd,
// which a thousand owners that let go at once would keep busy for longer than they have.
func (o *Owner) Abandon() {
	if !o.released.Swap(true) {
		o.lease.cluster.unclaim(o.job)
	}
}
