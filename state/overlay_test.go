package state_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"ringsync/state"
	"ringsync/state/statetest"
)

func TestOverlay(t *testing.T) {
	t.Run("over nothing", func(t *testing.T) {
		statetest.Run(t, func(*testing.T) state.DB { return state.NewOverlay(nil) }, nil)
	})
	// An overlay that hides everything its base holds is as empty as one over nothing.
	t.Run("over a base that it hides", func(t *testing.T) {
		statetest.Run(t, func(t *testing.T) state.DB {
			base := filled(t)
			over := state.NewOverlay(base)
			if err := over.Update(t.Context(), func(w state.Writer) error {
				for _, space := range state.Spaces {
					for _, pair := range statetest.Pairs(w, space, nil, nil) {
						if err := w.Delete(space, []byte(pair[0])); err != nil {
							return err
						}
					}
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			return over
		}, nil)
	})
}

// filled returns a store with keys that tests use, and others, in every space.
func filled(t *testing.T) state.DB {
	base := state.NewOverlay(nil)
	if err := base.Update(t.Context(), func(w state.Writer) error {
		for _, space := range state.Spaces {
			for _, key := range []string{"\x00", "a", "aa", "ab", "b", "c", "count", "kept", "key", "zz", "\xff"} {
				if err := w.Put(space, []byte(key), []byte("of the base")); err != nil {
					return err
				}
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return base
}

func TestOverlayOverBase(t *testing.T) {
	base := filled(t)
	before := dump(t, base)
	over := state.NewOverlay(base)
	if err := over.Update(t.Context(), func(w state.Writer) error {
		return errors.Join(
			w.Put(state.SpacePeople, []byte("a"), []byte("changed")),
			w.Put(state.SpacePeople, []byte("a\x00"), []byte("added")),
			w.Put(state.SpacePeople, []byte("\xff\xff"), []byte("added")),
			w.Delete(state.SpacePeople, []byte("aa")),
			w.Delete(state.SpacePeople, []byte("\xff")),
			w.Delete(state.SpacePeople, []byte("b")),
			w.Put(state.SpacePeople, []byte("b"), []byte("back")),
		)
	}); err != nil {
		t.Fatal(err)
	}
	want := []statetest.Pair{{"\x00", "of the base"}, {"a", "changed"}, {"a\x00", "added"}, {"ab", "of the base"},
		{"b", "back"}, {"c", "of the base"}, {"count", "of the base"}, {"kept", "of the base"}, {"key", "of the base"},
		{"zz", "of the base"}, {"\xff\xff", "added"}}
	if err := over.View(t.Context(), func(r state.Reader) error {
		if got := statetest.Pairs(r, state.SpacePeople, nil, nil); !slices.Equal(got, want) {
			t.Errorf("the overlay holds %q, want %q", got, want)
		}
		if got := statetest.Pairs(r, state.SpacePeople, []byte("a\x00"), []byte("b")); !slices.Equal(got, want[2:4]) {
			t.Errorf("a bounded scan gives %q, want %q", got, want[2:4])
		}
		for range r.Scan(state.SpacePeople, nil, nil) {
			break
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := over.Close(); err != nil {
		t.Fatal(err)
	}
	if after := dump(t, base); after != before {
		t.Errorf("the base was\n%s\nand is\n%s", before, after)
	}
}

// dump returns everything in a store as text.
func dump(t *testing.T, db state.DB) (text string) {
	t.Helper()
	if err := db.View(t.Context(), func(r state.Reader) error {
		for _, space := range state.Spaces {
			text += fmt.Sprintf("%d %q\n", space, statetest.Pairs(r, space, nil, nil))
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return text
}
