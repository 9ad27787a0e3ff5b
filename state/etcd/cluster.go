// Package etcd owns the state of jobs in an etcd cluster, for several machines: state.DB on client v3, and who of
// several processes may write to which job. It leaves to etcd what it keeps and who leads, to state what the keys and
// values mean, and to its callers when a job is to move.
//
// A job has one owner at a time: the process that won the election for it with a lease that it keeps alive. Every
// write carries a comparison with the key of that election, so that nothing written by a former owner ever takes
// effect. Since the owner alone writes, it keeps the small spaces in memory and remembers some of what it has read of
// the large ones; a job that has nothing to do asks etcd nothing.
//
// Caveats: what reads at a revision that etcd has compacted away meanwhile fails with ErrCompacted, unless it belongs
// to the owner and nothing was written since. A record larger than maxValue is refused.
package etcd

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// DefaultPrefix is where the keys of ringsync are unless Options say otherwise.
const DefaultPrefix = "ringsync/"

// requestTime is how long one request to etcd may take before it is tried again.
const requestTime = 5 * time.Second

// Options say how to reach a cluster.
type Options struct {
	// Endpoints are the members' addresses, such as https://etcd-1:2379.
	Endpoints []string
	// Prefix of all keys; "" is DefaultPrefix. A role of etcd that may read and write below it is all that is needed.
	Prefix string
	// TLS is nil for plain connections.
	TLS                *tls.Config
	Username, Password string
	// Patience is how long a request is tried again while no member answers; 0 is 15 s. An owner gives up when its lease
	// ends, if that is earlier.
	Patience time.Duration
}

// Cluster is a connection to etcd. Many jobs share one.
type Cluster struct {
	client   *clientv3.Client
	prefix   string
	name     string // for errors
	patience time.Duration
	cache    *cache
	opened   atomic.Uint64 // numbers the DBs, for the cache
	mu       sync.Mutex
	owned    map[string]bool // jobs that this process owns or is about to
}

// Dial connects to a cluster and asks it for something, so that wrong addresses, certificates and passwords are told
// at once.
func Dial(ctx context.Context, o Options) (*Cluster, error) {
	c := &Cluster{prefix: o.Prefix, name: "etcd at " + strings.Join(o.Endpoints, ", "), patience: o.Patience,
		cache: newCache(), owned: map[string]bool{}}
	if c.prefix == "" {
		c.prefix = DefaultPrefix
	}
	if !strings.HasSuffix(c.prefix, "/") {
		c.prefix += "/"
	}
	if c.patience <= 0 {
		c.patience = 15 * time.Second
	}
	var err error
	c.client, err = clientv3.New(clientv3.Config{
		Endpoints: o.Endpoints, TLS: o.TLS, Username: o.Username, Password: o.Password,
		DialTimeout: requestTime, DialKeepAliveTime: 10 * time.Second, DialKeepAliveTimeout: requestTime,
		Logger: zap.NewNop(), // what goes wrong comes back as an error
	})
	if err != nil {
		return nil, c.explain("connect", err)
	}
	err = c.persist(ctx, nil, func(ctx context.Context) error {
		_, err := c.client.Get(ctx, c.prefix, clientv3.WithPrefix(), clientv3.WithLimit(1), clientv3.WithKeysOnly())
		return err
	})
	if err == nil {
		return c, nil
	}
	if why := knock(ctx, o); why != nil && passing(err) {
		err = why
	}
	_ = c.client.Close() // nothing has been done with it
	return nil, c.explain("connect", err)
}

// knock returns why the first member cannot be connected to, which the client keeps to itself; nil if it can.
func knock(ctx context.Context, o Options) error {
	_, address, found := strings.Cut(o.Endpoints[0], "://")
	if !found {
		address = o.Endpoints[0]
	}
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil || o.TLS == nil {
		if err == nil {
			err = conn.Close()
		}
		return silent(err)
	}
	settings := o.TLS.Clone()
	settings.NextProtos = []string{"h2"}
	if settings.ServerName == "" {
		settings.ServerName, _, _ = net.SplitHostPort(address) // else the handshake says that it is missing
	}
	secure := tls.Client(conn, settings)
	defer secure.Close()
	if err := secure.HandshakeContext(ctx); err != nil {
		return silent(err)
	}
	// Who is not let in hears of it only after the handshake.
	if err := secure.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
		return silent(err)
	}
	if _, err := secure.Read(make([]byte, 1)); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		return silent(err)
	}
	return nil
}

// silent says that nobody answered, for the reason err.
func silent(err error) error {
	if err == nil {
		return nil
	}
	return silentError{err}
}

// Close ends the connection. Owners are to be released and DBs closed before.
func (c *Cluster) Close() error {
	if err := c.client.Close(); err != nil && !errors.Is(err, context.Canceled) {
		return c.explain("disconnect", err)
	}
	return nil
}

// String names the cluster.
func (c *Cluster) String() string { return c.name }

// job returns the prefix of a job's keys.
func (c *Cluster) job(name string) string { return c.prefix + "jobs/" + name + "/" }

// persist makes a request that may be repeated until it is answered: until ctx ends, patience is exhausted or, for an
// owner, the lease has ended.
func (c *Cluster) persist(ctx context.Context, o *Owner, request func(context.Context) error) error {
	end := time.Now().Add(c.patience)
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		err := within(ctx, min(requestTime, c.patience), request)
		switch {
		case err == nil || ctx.Err() != nil || !passing(err) || time.Now().Add(pause).After(end):
			return err
		case o != nil && o.Remaining() <= 0:
			return errors.Join(&LostError{Job: o.job}, err)
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
	}
}

func within(ctx context.Context, most time.Duration, request func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	return request(ctx)
}

// Jobs returns the names of the jobs that have a state in the cluster.
func (c *Cluster) Jobs(ctx context.Context) (names []string, err error) {
	folder := c.prefix + "jobs/"
	for from := folder; from != ""; {
		var answer *clientv3.GetResponse
		err := c.persist(ctx, nil, func(ctx context.Context) (err error) {
			answer, err = c.client.Get(ctx, from, clientv3.WithRange(clientv3.GetPrefixRangeEnd(folder)), clientv3.WithLimit(1), clientv3.WithKeysOnly())
			return err
		})
		if err != nil {
			return nil, c.explain("list the jobs", err)
		}
		from = ""
		for _, kv := range answer.Kvs {
			name, _, _ := strings.Cut(strings.TrimPrefix(string(kv.Key), folder), "/")
			names = append(names, name)
			from = clientv3.GetPrefixRangeEnd(c.job(name))
		}
	}
	return names, nil
}

func (c *Cluster) explain(action string, err error) error {
	return fmt.Errorf("%s: %w", action, c.clarify(err))
}
