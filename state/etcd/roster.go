package etcd

import (
	"context"
	"encoding/json"
	"maps"
	"strings"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// Roster is who is there to serve jobs, and so which of them are this process's. What it says is advice, by which the
// jobs are spread; whose a job is, only the election decides.
type Roster struct {
	lease *Lease
	key   string

	mu      sync.Mutex
	mine    map[string]bool
	changed chan struct{} // closed, and another in its place, when mine changes
}

// entry is what a process leaves in the roster.
type entry struct {
	Holder
	Jobs []Job `json:"jobs"`
}

// Enlist puts the process on the roster until its lease ends. Nothing is offered yet.
func (l *Lease) Enlist() *Roster {
	return &Roster{lease: l, key: l.cluster.roster() + l.holder.ID, mine: map[string]bool{}, changed: make(chan struct{})}
}

func (c *Cluster) roster() string { return c.prefix + "processes/" }

// Offer says which jobs the process could serve.
func (r *Roster) Offer(ctx context.Context, jobs []Job) error {
	value, err := json.Marshal(entry{r.lease.holder, jobs})
	if err != nil {
		return err
	}
	c := r.lease.cluster
	err = c.persist(ctx, nil, func(ctx context.Context) error {
		_, err := c.client.Put(ctx, r.key, string(value), clientv3.WithLease(r.lease.session.Lease()))
		return err
	})
	if err != nil {
		return c.explain("offer to serve jobs", err)
	}
	return nil
}

// Mine returns the jobs that are this process's to serve, and what is closed when that changes. As long as the roster
// has not been read they are none.
func (r *Roster) Mine() (jobs map[string]bool, changed <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mine, r.changed
}

// settle is how long the roster must have been quiet before the jobs are spread anew: processes come and go together.
const settle = 300 * time.Millisecond

// Follow keeps Mine up to date until ctx or the lease ends.
func (r *Roster) Follow(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(r.lease.life, cancel)()
	c := r.lease.cluster
	for ctx.Err() == nil {
		var answer *clientv3.GetResponse
		err := c.persist(ctx, nil, func(ctx context.Context) (err error) {
			answer, err = c.client.Get(ctx, c.roster(), clientv3.WithPrefix())
			return err
		})
		if err != nil {
			if passing(err) {
				continue // the lease will end, or not
			}
			return c.explain("read who serves jobs", err)
		}
		now := map[string]entry{}
		for _, kv := range answer.Kvs {
			r.note(now, kv.Key, kv.Value)
		}
		r.spread(now)
		watching, stop := context.WithCancel(clientv3.WithRequireLeader(ctx))
		r.watch(now, c.client.Watch(watching, c.roster(), clientv3.WithPrefix(), clientv3.WithRev(answer.Header.Revision+1)))
		stop()
	}
	return ctx.Err()
}

// watch follows the changes until they break off.
func (r *Roster) watch(now map[string]entry, changes clientv3.WatchChan) {
	var quiet <-chan time.Time
	for {
		select {
		case answer, open := <-changes:
			if !open || answer.Err() != nil {
				return
			}
			for _, e := range answer.Events {
				if e.Type == clientv3.EventTypeDelete {
					delete(now, r.id(e.Kv.Key))
				} else {
					r.note(now, e.Kv.Key, e.Kv.Value)
				}
			}
			quiet = time.After(settle)
		case <-quiet:
			quiet = nil
			r.spread(now)
		}
	}
}

func (r *Roster) id(key []byte) string {
	return strings.TrimPrefix(string(key), r.lease.cluster.roster())
}

// note takes an entry down. One that cannot be read is of a version to come, and of somebody who serves nothing for us.
func (r *Roster) note(now map[string]entry, key, value []byte) {
	var e entry
	if err := json.Unmarshal(value, &e); err != nil {
		e = entry{}
	}
	now[r.id(key)] = e
}

// spread works out whose the jobs are.
func (r *Roster) spread(now map[string]entry) {
	able := map[string][]Job{}
	for id, e := range now {
		able[id] = e.Jobs
	}
	mine := map[string]bool{}
	for job, id := range assign(able) {
		if id == r.lease.holder.ID {
			mine[job] = true
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if maps.Equal(mine, r.mine) {
		return
	}
	r.mine = mine
	close(r.changed)
	r.changed = make(chan struct{})
}
