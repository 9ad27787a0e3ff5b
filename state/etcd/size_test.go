package etcd_test

import (
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"ringsync/state"
	"ringsync/state/etcd"
	"ringsync/state/statetest"
)

// What a person takes in etcd is in docs/scale.md: keys and values, less what etcd itself puts around them.
func TestBytesAPerson(t *testing.T) {
	const people, inOneUpdate = 2000, 500
	address := server(t, nil)
	cluster := dial(t, etcd.Options{Endpoints: []string{address}})
	db := open(t, own(t, join(t, cluster), newJob()))
	store := state.New(db)
	id := state.Identity{Tenant: "tenant", App: "app", Target: "target"}
	if err := store.Bind(t.Context(), id, statetest.Attributes[:], []string{"userName"}); err != nil {
		t.Fatal(err)
	}
	client := bare(t, address)
	revision := func() int64 {
		now, err := client.Get(t.Context(), "any")
		if err != nil {
			t.Fatal(err)
		}
		return now.Header.Revision
	}
	before := revision()
	for from := 0; from < people; from += inOneUpdate {
		if err := store.Update(t.Context(), func(tx *state.Tx) error {
			for n := from; n < from+inOneUpdate; n++ {
				if err := tx.PutPerson(statetest.Person(n)); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	transactions := revision() - before
	all, err := client.Get(t.Context(), "ringsync/jobs/"+db.Job()+"/data/", clientv3.WithPrefix())
	if err != nil {
		t.Fatal(err)
	}
	bytes := 0
	for _, kv := range all.Kvs {
		bytes += len(kv.Key) + len(kv.Value)
	}
	status, err := client.Status(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	each := float64(bytes) / people
	t.Logf("%d people: %.1f keys and %.0f bytes a person; %d transactions of etcd; its file has %d kB", people, float64(len(all.Kvs))/people, each, transactions, status.DbSize/1000)
	if each > 700 {
		t.Errorf("a person takes %.0f bytes", each)
	}
}
