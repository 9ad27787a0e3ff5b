package connectors

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// ids are GUIDs, some of which differ only in case from what String writes, and other texts.
func ids(t *rapid.T) []string {
	guid := rapid.Custom(func(t *rapid.T) string {
		return GUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "bytes")).String()
	})
	few := rapid.Map(rapid.IntRange(0, 40), func(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) })
	return rapid.SliceOfN(rapid.OneOf(guid, few, rapid.StringN(0, 8, -1)), 0, 400).Draw(t, "ids")
}

func TestCrowdNumbersInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		crowd, numbers := NewCrowd(), map[string]int32{}
		var order []string
		for _, id := range ids(t) {
			want, known := numbers[id]
			if found := crowd.Find(id); known && found != want || !known && found != -1 {
				t.Fatalf("Find(%q) = %d, want %d, %v", id, found, want, known)
			}
			if !known {
				want = int32(len(order))
				numbers[id], order = want, append(order, id)
			}
			if got := crowd.Number(id); got != want {
				t.Fatalf("Number(%q) = %d, want %d", id, got, want)
			}
		}
		if crowd.Len() != len(order) {
			t.Fatalf("Len = %d, want %d", crowd.Len(), len(order))
		}
		for id, n := range crowd.All() {
			if order[n] != id {
				t.Fatalf("number %d is %q, want %q", n, id, order[n])
			}
			order[n] = "yielded: " + id
		}
	})
}

// Enough of them for the index to grow many times over.
func TestCrowdOfMany(t *testing.T) {
	const many = 100_000
	crowd := NewCrowd()
	id := func(n int) string { return fmt.Sprintf("%08x-0000-4000-8000-%012x", n*7919, n) }
	for n := range many {
		if got := crowd.Number(id(n)); got != int32(n) {
			t.Fatalf("Number = %d, want %d", got, n)
		}
	}
	for n := range many {
		if got := crowd.Find(id(n)); got != int32(n) {
			t.Fatalf("Find = %d, want %d", got, n)
		}
	}
	if n := crowd.Find(id(many)); n != -1 {
		t.Errorf("nobody has the number %d", n)
	}
	if int(crowd.n) > len(crowd.index)*3/4 || len(crowd.index) > 4*many {
		t.Errorf("an index of %d for %d", len(crowd.index), crowd.n)
	}
}

func TestNumbered(t *testing.T) {
	var s Numbered[string]
	if s.Get(-1) != "" || s.Get(0) != "" || s.Get(1<<20) != "" {
		t.Error("something where nothing was put")
	}
	first := s.At(0)
	*first = "first"
	*s.At(10_000) = "far"
	if s.At(0) != first {
		t.Error("a place has moved")
	}
	if s.Get(0) != "first" || s.Get(10_000) != "far" || s.Get(9_999) != "" || s.Get(100_000) != "" {
		t.Errorf("%q %q %q", s.Get(0), s.Get(10_000), s.Get(9_999))
	}
}

func TestHashes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		set, want := NewHashes(), map[string]bool{}
		for _, id := range ids(t) {
			if set.Has(id) != want[id] {
				t.Fatalf("Has(%q) = %v", id, set.Has(id))
			}
			if set.Add(id) == want[id] {
				t.Fatalf("Add(%q): new %v", id, !want[id])
			}
			want[id] = true
		}
		for id := range want {
			if !set.Has(id) {
				t.Fatalf("%q is lost", id)
			}
		}
	})
}
