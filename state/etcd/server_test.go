package etcd_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"go.etcd.io/etcd/server/v3/embed"

	"ringsync/state/etcd"
	"ringsync/state/etcd/etcdtest"
)

// server starts an etcd with one member and returns its address.
func server(t testing.TB, change func(*embed.Config)) string {
	t.Helper()
	addresses, err := etcdtest.Start([]string{t.TempDir()}, t.Cleanup, change)
	if err != nil {
		t.Fatal(err)
	}
	return addresses[0]
}

func newLine(t testing.TB, to string) *etcdtest.Line {
	t.Helper()
	l, err := etcdtest.NewLine(to, t.Cleanup)
	if err != nil {
		t.Fatal(err)
	}
	return l
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
