package statetest

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"ringsync/state"
)

// model is what a store should hold.
type model map[state.Space]map[string]string

func (m model) clone() model {
	c := make(model, len(m))
	for space, pairs := range m {
		c[space] = maps.Clone(pairs)
	}
	return c
}

func (m model) put(space state.Space, key, value string) {
	if m[space] == nil {
		m[space] = make(map[string]string)
	}
	m[space][key] = value
}

// pairs returns what a scan should yield; bounds nil are open.
func (m model) pairs(space state.Space, from, before []byte) []Pair {
	pairs := []Pair{}
	for _, key := range slices.Sorted(maps.Keys(m[space])) {
		if key >= string(from) && (before == nil || key < string(before)) {
			pairs = append(pairs, Pair{key, m[space][key]})
		}
	}
	return pairs
}

var (
	// Few keys, near each other, so that operations meet.
	genKey   = rapid.StringOfN(rapid.RuneFrom([]rune("ab\x00\u00ff")), 1, 3, -1)
	genValue = rapid.StringN(0, 20, -1)
	genSpace = rapid.SampledFrom([]state.Space{state.SpaceMeta, state.SpacePeople, state.SpaceCycles})
	genBound = rapid.Custom(func(t *rapid.T) []byte {
		if rapid.Bool().Draw(t, "open") {
			return nil
		}
		return []byte(genKey.Draw(t, "bound"))
	})
)

var errAbort = errors.New("called off")

// testRandom does the same to a store and to the model, and compares what they hold.
func testRandom(t *testing.T, open func(*testing.T) state.DB, reopen func(*testing.T, state.DB) state.DB) {
	rapid.Check(t, func(rt *rapid.T) {
		db, held := open(t), model{}
		defer func() { _ = db.Close() }()
		actions := map[string]func(*rapid.T){
			"update": func(rt *rapid.T) {
				after := held.clone()
				abort := rapid.Bool().Draw(rt, "abort")
				err := db.Update(t.Context(), func(w state.Writer) error {
					changeBoth(rt, w, after)
					if abort {
						return errAbort
					}
					return nil
				})
				switch {
				case abort && !errors.Is(err, errAbort), !abort && err != nil:
					rt.Fatal("Update:", err)
				case !abort:
					held = after
				}
			},
			"": func(rt *rapid.T) {
				if err := db.View(t.Context(), func(r state.Reader) error { compare(rt, r, held); return nil }); err != nil {
					rt.Fatal("View:", err)
				}
			},
		}
		if reopen != nil {
			actions["reopen"] = func(*rapid.T) { db = reopen(t, db) }
		}
		rt.Repeat(actions)
	})
}

func changeBoth(rt *rapid.T, w state.Writer, held model) {
	for range rapid.IntRange(0, 20).Draw(rt, "operations") {
		space, key := genSpace.Draw(rt, "space"), genKey.Draw(rt, "key")
		var err error
		if rapid.IntRange(0, 2).Draw(rt, "operation") == 0 {
			delete(held[space], key)
			err = w.Delete(space, []byte(key))
		} else {
			value := genValue.Draw(rt, "value")
			held.put(space, key, value)
			err = w.Put(space, []byte(key), []byte(value))
		}
		if err != nil {
			rt.Fatal(err)
		}
	}
	compare(rt, w, held)
}

func compare(rt *rapid.T, r state.Reader, held model) {
	for _, space := range state.Spaces {
		if got, want := Pairs(r, space, nil, nil), held.pairs(space, nil, nil); !slices.Equal(got, want) {
			rt.Fatalf("space %d holds %q, want %q", space, got, want)
		}
	}
	space, from, before := genSpace.Draw(rt, "space"), genBound.Draw(rt, "from"), genBound.Draw(rt, "before")
	if got, want := Pairs(r, space, from, before), held.pairs(space, from, before); !slices.Equal(got, want) {
		rt.Fatalf("scan from %q before %q = %q, want %q", from, before, got, want)
	}
	key := genKey.Draw(rt, "key")
	want, found := held[space][key]
	if got := r.Get(space, []byte(key)); (got != nil) != found || string(got) != want {
		rt.Fatalf("Get %q = %q (nil %t), want %q (there %t)", key, got, got == nil, want, found)
	}
}
