package etcd_test

import (
	"errors"
	"fmt"
	"testing"

	"ringsync/state"
	"ringsync/state/etcd"
	"ringsync/state/statetest"
)

func TestDB(t *testing.T) {
	lease := join(t, dial(t, etcd.Options{Endpoints: []string{server(t, nil)}}))
	owners := map[state.DB]*etcd.Owner{}
	opened := func(t *testing.T, o *etcd.Owner) state.DB {
		db := open(t, o)
		owners[db] = o
		return db
	}
	statetest.Run(t,
		func(t *testing.T) state.DB { return opened(t, own(t, lease, newJob())) },
		func(t *testing.T, db state.DB) state.DB {
			o := owners[db]
			if err := errors.Join(db.Close(), o.Release()); err != nil {
				t.Error(err)
			}
			return opened(t, own(t, lease, o.Job()))
		})
}

func put(t testing.TB, db state.DB, n int, value string) {
	t.Helper()
	err := db.Update(t.Context(), func(w state.Writer) error {
		for i := range n {
			if err := w.Put(state.SpacePeople, fmt.Appendf(nil, "%05d", i), []byte(value)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
