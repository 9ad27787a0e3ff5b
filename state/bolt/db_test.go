package bolt_test

import (
	"testing"

	"path/filepath"
	"ringsync/state"
	"ringsync/state/bolt"
	"ringsync/state/statetest"
)

func open(t *testing.T, path string, options bolt.Options) *bolt.DB {
	t.Helper()
	db, err := bolt.Open(path, options)
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

func TestDB(t *testing.T) {
	statetest.Run(t,
		func(t *testing.T) state.DB {
			return open(t, filepath.Join(t.TempDir(), "contoso.db"), bolt.Options{Create: true})
		},
		func(t *testing.T, db state.DB) state.DB {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
			return open(t, db.(*bolt.DB).Path(), bolt.Options{})
		})
}
