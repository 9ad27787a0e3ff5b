package etcd_test

import (
	"context"
	"maps"
	"slices"
	"testing"
	"time"

	"ringsync/state/etcd"
)

// enlisted is a process on the roster.
func enlisted(t *testing.T, c *etcd.Cluster, jobs []etcd.Job) (*etcd.Roster, *etcd.Lease) {
	t.Helper()
	lease, err := c.Join(t.Context(), etcd.NewHolder(), 2*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	r := lease.Enlist()
	if err := r.Offer(t.Context(), jobs); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = r.Follow(context.Background()) // until the lease ends
	}()
	t.Cleanup(func() { lease.Close(); <-done })
	return r, lease
}

// eventually waits until the processes share all the jobs between them as they should.
func eventually(t *testing.T, jobs int, rosters ...*etcd.Roster) {
	t.Helper()
	var found []int
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		all := map[string]bool{}
		found = nil
		var changed <-chan struct{}
		for _, r := range rosters {
			mine, c := r.Mine()
			changed = c
			maps.Copy(all, mine)
			found = append(found, len(mine))
		}
		sum := 0
		for _, n := range found {
			sum += n
		}
		if sum == jobs && len(all) == jobs && slices.Min(found) > 0 {
			t.Logf("they have %v", found)
			return
		}
		select {
		case <-changed:
		case <-time.After(20 * time.Millisecond):
		}
	}
	t.Fatalf("of %d jobs they have %v", jobs, found)
}

// Processes that come and go share the jobs; what those had who go, whether they say so or not, the others get.
func TestRoster(t *testing.T) {
	address := server(t, nil)
	var jobs []etcd.Job
	for range 30 {
		jobs = append(jobs, etcd.Job{Name: newJob()})
	}
	direct := dial(t, etcd.Options{Endpoints: []string{address}})
	line := newLine(t, address)
	a, _ := enlisted(t, direct, jobs)
	eventually(t, 30, a)
	b, leaves := enlisted(t, direct, jobs)
	eventually(t, 30, a, b)
	c, _ := enlisted(t, dial(t, etcd.Options{Endpoints: []string{line.Address()}, Patience: time.Second}), jobs)
	eventually(t, 30, a, b, c)
	leaves.Close()
	eventually(t, 30, a, c)
	line.Cut()
	eventually(t, 30, a)
}
