package etcd_test

import (
	"fmt"
	"net"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"

	"ringsync/state/etcd"
)

// server starts an etcd with one member and returns its address.
func server(t testing.TB, change func(*embed.Config)) string {
	t.Helper()
	c := embed.NewConfig()
	c.Dir = t.TempDir()
	c.ZapLoggerBuilder = embed.NewZapLoggerBuilder(zap.NewNop())
	c.LogLevel = "error"
	c.UnsafeNoFsync = true // no test cuts the power
	client, peer := local(t), local(t)
	c.ListenClientUrls, c.AdvertiseClientUrls = []url.URL{client}, []url.URL{client}
	c.ListenPeerUrls, c.AdvertisePeerUrls = []url.URL{peer}, []url.URL{peer}
	c.InitialCluster = c.InitialClusterFromName(c.Name)
	if change != nil {
		change(c)
	}
	e, err := embed.StartEtcd(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	select {
	case <-e.Server.ReadyNotify():
	case <-time.After(time.Minute):
		t.Fatal("etcd did not start")
	}
	return e.Clients[0].Addr().String()
}

func local(t testing.TB) url.URL {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return url.URL{Scheme: "http", Host: l.Addr().String()}
}

func dial(t testing.TB, o etcd.Options) *etcd.Cluster {
	t.Helper()
	c, err := etcd.Dial(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func join(t testing.TB, c *etcd.Cluster) *etcd.Lease {
	t.Helper()
	l, err := c.Join(t.Context(), etcd.NewHolder(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

func own(t testing.TB, l *etcd.Lease, job string) *etcd.Owner {
	t.Helper()
	o, err := l.Own(t.Context(), job, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := o.Release(); err != nil {
			t.Error(err)
		}
	})
	return o
}

func open(t testing.TB, o *etcd.Owner) *etcd.DB {
	t.Helper()
	db, err := o.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

var jobs atomic.Int64

// newJob returns a name that no other test uses.
func newJob() string { return fmt.Sprintf("job-%d", jobs.Add(1)) }
