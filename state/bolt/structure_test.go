package bolt_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"ringsync/state"
	"ringsync/state/bolt"
)

// Whatever is written and deleted, the file that comes of it is whole.
func TestStructureOfWholeFiles(t *testing.T) {
	folder := t.TempDir()
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		path := filepath.Join(folder, fmt.Sprint(n, ".db"))
		db, err := bolt.Open(path, bolt.Options{Create: true})
		if err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(1, 4).Draw(t, "sessions") {
			for range rapid.IntRange(0, 6).Draw(t, "updates") {
				space := rapid.SampledFrom(state.Spaces[:]).Draw(t, "space")
				size := rapid.SampledFrom([]int{0, 10, 300, 5000, 40_000}).Draw(t, "size")
				from, many := rapid.IntRange(0, 400).Draw(t, "from"), rapid.IntRange(1, 400).Draw(t, "many")
				gone := rapid.Bool().Draw(t, "gone")
				if size > 300 {
					many = min(many, 20)
				}
				if err := db.Update(t.Context(), func(w state.Writer) error {
					for i := range many {
						key := fmt.Appendf(nil, "%06d", from+i)
						if gone {
							err = w.Delete(space, key)
						} else {
							err = w.Put(space, key, make([]byte, size))
						}
						if err != nil {
							return err
						}
					}
					return nil
				}); err != nil {
					t.Fatal(err)
				}
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			if db, err = bolt.Open(path, bolt.Options{}); err != nil {
				t.Fatalf("what was written is said to be damaged: %v", err)
			}
		}
		if err := errors.Join(db.Close(), os.Remove(path)); err != nil {
			t.Fatal(err)
		}
	})
}

// A copy that is made while others write is whole, too.
func TestStructureOfCopies(t *testing.T) {
	folder := t.TempDir()
	db := open(t, filepath.Join(folder, "contoso.db"), bolt.Options{Create: true})
	for n := range 20 {
		put(t, db, state.SpacePeople, fmt.Sprint(n), strings.Repeat("x", 1000*n))
		path := filepath.Join(folder, fmt.Sprint(n))
		if err := db.CopyTo(path); err != nil {
			t.Fatal(err)
		}
		copied, err := bolt.Open(path, bolt.Options{})
		if err != nil {
			t.Fatalf("copy %d: %v", n, err)
		}
		if err := copied.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// The list of free pages says which are written to next. One that names a page in use, or one that there is not, or lacks
// one, is refused.
func TestFreePagesInUse(t *testing.T) {
	raw := whole(t)
	number := func(at uint64) uint64 { return binary.NativeEndian.Uint64(raw[at:]) }
	const list, end, txid = 16 + 32, 16 + 40, 16 + 48 // within a note of a commit, of which there are two
	last := uint64(0)
	if number(pageSize+txid) > number(txid) {
		last = pageSize
	}
	begin, pages := number(last+list)*pageSize, number(last+end)
	count := uint64(binary.NativeEndian.Uint16(raw[begin+10:]))
	free := map[uint64]bool{}
	for n := range count {
		free[number(begin+16+8*n)] = true
	}
	if count < 2 || uint64(len(free)) != count {
		t.Fatalf("%d pages are free, %v", count, free)
	}
	refused := func(what string, change func(page []byte)) {
		t.Helper()
		damaged := append([]byte{}, raw...)
		change(damaged[begin : begin+pageSize])
		_, err := bolt.Open(damagedCopy(t, damaged), bolt.Options{})
		if _, isDamage := errors.AsType[*state.DamagedError](err); !isDamage {
			t.Errorf("%s: %v", what, err)
		}
	}
	for id := range pages + 2 {
		if free[id] {
			continue
		}
		refused(fmt.Sprintf("page %d is free, too", id), func(page []byte) {
			binary.NativeEndian.PutUint16(page[10:], uint16(count+1))
			binary.NativeEndian.PutUint64(page[16+8*count:], id)
		})
		refused(fmt.Sprintf("page %d is free in place of another", id), func(page []byte) {
			binary.NativeEndian.PutUint64(page[16+8*(count/2):], id)
		})
	}
	refused("one less is free", func(page []byte) { binary.NativeEndian.PutUint16(page[10:], uint16(count-1)) })
	refused("one is free twice", func(page []byte) { copy(page[16:24], page[24:32]) })
}
