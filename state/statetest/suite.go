// Package statetest owns the suite that every kind of state.DB passes. A store's own tests call Run and add what only
// that store can get wrong.
package statetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"ringsync/state"
)

// Run tests a kind of store. open gives an empty one and closes it when the test ends. reopen closes a store and
// opens what it left; it is nil for a store that leaves nothing.
func Run(t *testing.T, open func(t *testing.T) state.DB, reopen func(t *testing.T, db state.DB) state.DB) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, state.DB)
	}{
		{"keys and values", testKeysAndValues},
		{"scans are ordered and bounded", testScan},
		{"scans end early and nest", testScanEnds},
		{"spaces are apart", testSpaces},
		{"own writes are seen", testOwnWrites},
		{"slices passed may be reused", testReuse},
		{"an error undoes everything", testError},
		{"a panic undoes everything", testPanic},
		{"a view sees one moment", testIsolation},
		{"updates do not lose each other", testConcurrency},
		{"cancelled", testCancelled},
		{"closed", testClosed},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
	t.Run("random operations", func(t *testing.T) { testRandom(t, open, reopen) })
	if reopen != nil {
		t.Run("what is reopened is what was left", func(t *testing.T) { testReopen(t, open(t), reopen) })
	}
}

// Pair is a key and its value.
type Pair [2]string

// Pairs returns copies of what a scan yields.
func Pairs(r state.Reader, space state.Space, from, before []byte) []Pair {
	pairs := []Pair{}
	for key, value := range r.Scan(space, from, before) {
		pairs = append(pairs, Pair{string(key), string(value)})
	}
	return pairs
}

func view(t *testing.T, db state.DB, fn func(state.Reader)) {
	t.Helper()
	if err := db.View(t.Context(), func(r state.Reader) error { fn(r); return nil }); err != nil {
		t.Error("View:", err)
	}
}

func update(t *testing.T, db state.DB, fn func(state.Writer)) {
	t.Helper()
	if err := db.Update(t.Context(), func(w state.Writer) error { fn(w); return nil }); err != nil {
		t.Error("Update:", err)
	}
}

func put(t *testing.T, w state.Writer, space state.Space, key, value string) {
	t.Helper()
	if err := w.Put(space, []byte(key), []byte(value)); err != nil {
		t.Error("Put:", err)
	}
}

func wantPairs(t *testing.T, r state.Reader, space state.Space, want ...Pair) {
	t.Helper()
	if got := Pairs(r, space, nil, nil); !slices.Equal(got, want) {
		t.Errorf("space %d holds %q, want %q", space, got, want)
	}
}

func testKeysAndValues(t *testing.T, db state.DB) {
	longest := bytes.Repeat([]byte{0xFF}, state.MaxKey)
	large := bytes.Repeat([]byte("large "), 50_000)
	update(t, db, func(w state.Writer) {
		for _, key := range [][]byte{nil, {}, append(slices.Clone(longest), 0)} {
			if err := w.Put(state.SpacePeople, key, []byte("x")); err == nil {
				t.Errorf("Put took a key of %d bytes", len(key))
			}
		}
		for key, value := range map[string][]byte{"nil": nil, "empty": {}, "\x00": {0}, string(longest): large} {
			if err := w.Put(state.SpacePeople, []byte(key), value); err != nil {
				t.Errorf("Put %.10q: %v", key, err)
			}
			if got := w.Get(state.SpacePeople, []byte(key)); got == nil || !bytes.Equal(got, value) {
				t.Errorf("Get %.10q in the same transaction = %.10q (nil %t)", key, got, got == nil)
			}
		}
		if err := w.Delete(state.SpacePeople, []byte("missing")); err != nil {
			t.Error("Delete of what is not there:", err)
		}
	})
	view(t, db, func(r state.Reader) {
		for key, value := range map[string][]byte{"nil": {}, "empty": {}, "\x00": {0}, string(longest): large} {
			if got := r.Get(state.SpacePeople, []byte(key)); got == nil || !bytes.Equal(got, value) {
				t.Errorf("Get %.10q = %.10q (nil %t)", key, got, got == nil)
			}
		}
		for _, key := range []string{"missing", "nil\x00", "ni", ""} {
			if got := r.Get(state.SpacePeople, []byte(key)); got != nil {
				t.Errorf("Get %q = %q, want nil", key, got)
			}
		}
	})
}

func testScan(t *testing.T, db state.DB) {
	keys := []string{"b", "\x00", "ba", "\xff\xff", "a\x00", "a", "\xff", "c"}
	update(t, db, func(w state.Writer) {
		for _, key := range keys {
			put(t, w, state.SpaceLog, key, "value of "+key)
		}
	})
	slices.Sort(keys)
	check := func(r state.Reader) {
		for _, c := range []struct {
			from, before []byte
			want         []string
		}{
			{nil, nil, keys},
			{[]byte{}, nil, keys},
			{[]byte("a"), nil, keys[1:]},
			{[]byte("a\x00"), nil, keys[2:]},
			{[]byte("aa"), []byte("b"), nil},
			{[]byte("aa"), []byte("c"), keys[3:5]},
			{nil, []byte("b"), keys[:3]},
			{nil, []byte{}, nil},
			{[]byte("c"), []byte("a"), nil},
			{[]byte("b"), []byte("b"), nil},
			{[]byte("\xff"), nil, keys[6:]},
			{[]byte("\xff\xff\xff"), nil, nil},
		} {
			want := []Pair{}
			for _, key := range c.want {
				want = append(want, Pair{key, "value of " + key})
			}
			if got := Pairs(r, state.SpaceLog, c.from, c.before); !slices.Equal(got, want) {
				t.Errorf("scan from %q before %q = %q, want %q", c.from, c.before, got, want)
			}
		}
	}
	view(t, db, check)
	update(t, db, func(w state.Writer) { check(w) })
}

func testScanEnds(t *testing.T, db state.DB) {
	update(t, db, func(w state.Writer) {
		for i := range 1000 {
			put(t, w, state.SpaceLog, fmt.Sprintf("%04d", i), "")
		}
	})
	view(t, db, func(r state.Reader) {
		n := 0
		all := r.Scan(state.SpaceLog, nil, nil)
		for outer := range all {
			for inner := range r.Scan(state.SpaceLog, outer, nil) {
				if !bytes.Equal(inner, outer) {
					t.Errorf("a scan from %s begins with %s", outer, inner)
				}
				break
			}
			if n++; n == 600 {
				break
			}
		}
		if n != 600 {
			t.Errorf("%d keys before the break, want 600", n)
		}
		n = 0
		for range all {
			n++
		}
		if n != 1000 {
			t.Errorf("the same scan again yields %d keys, want 1000", n)
		}
	})
}

func testSpaces(t *testing.T, db state.DB) {
	update(t, db, func(w state.Writer) {
		for _, space := range state.Spaces {
			put(t, w, space, "key", fmt.Sprint(space))
		}
		if err := w.Delete(state.SpaceEdges, []byte("key")); err != nil {
			t.Error(err)
		}
	})
	view(t, db, func(r state.Reader) {
		for _, space := range state.Spaces {
			if space == state.SpaceEdges {
				wantPairs(t, r, space)
			} else {
				wantPairs(t, r, space, Pair{"key", fmt.Sprint(space)})
			}
		}
	})
}

func testOwnWrites(t *testing.T, db state.DB) {
	update(t, db, func(w state.Writer) {
		for _, key := range []string{"a", "b", "c"} {
			put(t, w, state.SpacePeople, key, "old")
		}
	})
	update(t, db, func(w state.Writer) {
		put(t, w, state.SpacePeople, "b", "new")
		put(t, w, state.SpacePeople, "bb", "new")
		for _, key := range []string{"a", "c"} {
			if err := w.Delete(state.SpacePeople, []byte(key)); err != nil {
				t.Error(err)
			}
		}
		put(t, w, state.SpacePeople, "c", "again")
		wantPairs(t, w, state.SpacePeople, Pair{"b", "new"}, Pair{"bb", "new"}, Pair{"c", "again"})
		if got := w.Get(state.SpacePeople, []byte("a")); got != nil {
			t.Errorf("a was deleted and is %q", got)
		}
	})
	view(t, db, func(r state.Reader) {
		wantPairs(t, r, state.SpacePeople, Pair{"b", "new"}, Pair{"bb", "new"}, Pair{"c", "again"})
	})
}

func testReuse(t *testing.T, db state.DB) {
	update(t, db, func(w state.Writer) {
		key, value := []byte("key0"), []byte("value0")
		for i := range byte(3) {
			key[3], value[5] = '0'+i, '0'+i
			if err := w.Put(state.SpacePeople, key, value); err != nil {
				t.Error(err)
			}
		}
		key[3] = '1'
		if err := w.Delete(state.SpacePeople, key); err != nil {
			t.Error(err)
		}
		key[3] = 'x'
	})
	view(t, db, func(r state.Reader) {
		wantPairs(t, r, state.SpacePeople, Pair{"key0", "value0"}, Pair{"key2", "value2"})
	})
}

// halfDone changes everything that testError and testPanic prepared.
func halfDone(t *testing.T, w state.Writer) {
	put(t, w, state.SpacePeople, "kept", "changed")
	put(t, w, state.SpaceOutbox, "added", "")
	if err := w.Delete(state.SpaceEdges, []byte("kept")); err != nil {
		t.Error(err)
	}
}

func prepare(t *testing.T, db state.DB) {
	update(t, db, func(w state.Writer) {
		put(t, w, state.SpacePeople, "kept", "value")
		put(t, w, state.SpaceEdges, "kept", "value")
	})
}

func wantPrepared(t *testing.T, db state.DB) {
	t.Helper()
	view(t, db, func(r state.Reader) {
		wantPairs(t, r, state.SpacePeople, Pair{"kept", "value"})
		wantPairs(t, r, state.SpaceEdges, Pair{"kept", "value"})
		wantPairs(t, r, state.SpaceOutbox)
	})
}

func testError(t *testing.T, db state.DB) {
	prepare(t, db)
	failure := errors.New("failure")
	err := db.Update(t.Context(), func(w state.Writer) error { halfDone(t, w); return failure })
	if !errors.Is(err, failure) {
		t.Errorf("Update returned %v, want the function's error", err)
	}
	if err := db.View(t.Context(), func(state.Reader) error { return failure }); !errors.Is(err, failure) {
		t.Errorf("View returned %v, want the function's error", err)
	}
	wantPrepared(t, db)
}

func testPanic(t *testing.T, db state.DB) {
	prepare(t, db)
	caught := func(run func()) (cause any) {
		defer func() { cause = recover() }()
		run()
		return nil
	}
	if cause := caught(func() {
		_ = db.Update(t.Context(), func(w state.Writer) error { halfDone(t, w); panic("on purpose") })
	}); cause != "on purpose" {
		t.Errorf("Update panicked with %v, want what the function panicked with", cause)
	}
	if cause := caught(func() {
		_ = db.View(t.Context(), func(r state.Reader) error {
			for range r.Scan(state.SpacePeople, nil, nil) {
				panic("on purpose")
			}
			return nil
		})
	}); cause != "on purpose" {
		t.Errorf("View panicked with %v, want what the function panicked with", cause)
	}
	wantPrepared(t, db)
	update(t, db, func(w state.Writer) { put(t, w, state.SpaceLog, "after", "") })
	view(t, db, func(r state.Reader) { wantPairs(t, r, state.SpaceLog, Pair{"after", ""}) })
}

func testIsolation(t *testing.T, db state.DB) {
	prepare(t, db)
	// beside runs something in another goroutine while a transaction of this one is open.
	beside := func(run func()) {
		var wg sync.WaitGroup
		wg.Go(run)
		wg.Wait()
	}
	update(t, db, func(w state.Writer) {
		halfDone(t, w)
		beside(func() { wantPrepared(t, db) })
	})
	view(t, db, func(r state.Reader) {
		beside(func() {
			update(t, db, func(w state.Writer) {
				put(t, w, state.SpacePeople, "kept", "again")
				put(t, w, state.SpacePeople, "more", "")
			})
		})
		wantPairs(t, r, state.SpacePeople, Pair{"kept", "changed"})
		beside(func() {
			view(t, db, func(r state.Reader) {
				wantPairs(t, r, state.SpacePeople, Pair{"kept", "again"}, Pair{"more", ""})
			})
		})
	})
}

func testConcurrency(t *testing.T, db state.DB) {
	const writers, rounds = 4, 25
	count := func(r state.Reader) int { return len(r.Get(state.SpacePeople, []byte("count"))) }
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range rounds {
				update(t, db, func(w state.Writer) {
					n := count(w) + 1
					put(t, w, state.SpacePeople, "count", string(make([]byte, n)))
					put(t, w, state.SpaceLog, fmt.Sprintf("%04d", n), "")
				})
			}
		})
		wg.Go(func() {
			for last := 0; last < rounds && !t.Failed(); {
				view(t, db, func(r state.Reader) {
					n := count(r)
					if n < last || n != len(Pairs(r, state.SpaceLog, nil, nil)) {
						t.Errorf("a view after %d updates sees %d of one thing and %d of the other", last, n,
							len(Pairs(r, state.SpaceLog, nil, nil)))
					}
					last = max(last, n)
				})
			}
		})
	}
	wg.Wait()
	view(t, db, func(r state.Reader) {
		if got := count(r); got != writers*rounds {
			t.Errorf("%d of %d updates are there", got, writers*rounds)
		}
	})
}

func testCancelled(t *testing.T, db state.DB) {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	started := func(state.Reader) error { t.Error("it started though it was cancelled"); return nil }
	if err := db.View(cancelled, started); !errors.Is(err, context.Canceled) {
		t.Errorf("View = %v, want context.Canceled", err)
	}
	startedWriting := func(w state.Writer) error { return started(w) }
	if err := db.Update(cancelled, startedWriting); !errors.Is(err, context.Canceled) {
		t.Errorf("Update = %v, want context.Canceled", err)
	}
	// While one Update runs, another waits for its turn and is called off.
	update(t, db, func(state.Writer) {
		waiting, cancel := context.WithCancel(t.Context())
		gaveUp := make(chan error, 1)
		go func() { gaveUp <- db.Update(waiting, startedWriting) }()
		cancel()
		if err := <-gaveUp; !errors.Is(err, context.Canceled) {
			t.Errorf("the waiting Update = %v, want context.Canceled", err)
		}
	})
}

func testClosed(t *testing.T, db state.DB) {
	if err := errors.Join(db.Close(), db.Close()); err != nil {
		t.Error("Close, twice:", err)
	}
	if err := db.View(t.Context(), func(state.Reader) error { return nil }); !errors.Is(err, state.ErrClosed) {
		t.Errorf("View = %v, want ErrClosed", err)
	}
	if err := db.Update(t.Context(), func(state.Writer) error { return nil }); !errors.Is(err, state.ErrClosed) {
		t.Errorf("Update = %v, want ErrClosed", err)
	}
}

func testReopen(t *testing.T, db state.DB, reopen func(*testing.T, state.DB) state.DB) {
	prepare(t, db)
	_ = db.Update(t.Context(), func(w state.Writer) error { halfDone(t, w); return errors.New("no") })
	db = reopen(t, db)
	wantPrepared(t, db)
	update(t, db, func(w state.Writer) { halfDone(t, w) })
	db = reopen(t, db)
	view(t, db, func(r state.Reader) {
		wantPairs(t, r, state.SpacePeople, Pair{"kept", "changed"})
		wantPairs(t, r, state.SpaceOutbox, Pair{"added", ""})
		wantPairs(t, r, state.SpaceEdges)
	})
}
