package state

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ringsync/connectors"
)

var genID = rapid.OneOf(
	rapid.Custom(func(t *rapid.T) string {
		return connectors.GUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "guid")).String()
	}),
	rapid.StringOfN(rapid.RuneFrom([]rune("ab\x00\x01\u00ff")), 1, 5, -1),
	rapid.SampledFrom([]string{"8F0C1C2E-7A52-4C8E-9D7E-1F0A6B3C2D11", "8f0c1c2e-7a52-4c8e-9d7e-1f0a6b3c2d1g", "1271140020"}),
)

func TestIDKeys(t *testing.T) {
	if n := len(idKey("8f0c1c2e-7a52-4c8e-9d7e-1f0a6b3c2d11")); n != 17 {
		t.Errorf("a GUID takes %d bytes, want 17", n)
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := genID.Draw(t, "a"), genID.Draw(t, "b")
		key := appendID(idKey(a), b)
		first, rest, err := cutID(key)
		if err != nil || first != a {
			t.Fatalf("%x begins with %q (%v), want %q", key, first, err, a)
		}
		if second, err := wholeID(rest); err != nil || second != b {
			t.Fatalf("%x ends with %q (%v), want %q", key, second, err, b)
		}
		if a != b && (bytes.HasPrefix(idKey(a), idKey(b)) || bytes.HasPrefix(idKey(b), idKey(a))) {
			t.Fatalf("the keys of %q and %q begin alike", a, b)
		}
		if idKey(a)[0] == idKey(b)[0] && strings.Compare(a, b) != bytes.Compare(idKey(a), idKey(b)) {
			t.Fatalf("%q and %q are not in order", a, b)
		}
		if prefix := idKey(a); bytes.Compare(key, after(prefix)) >= 0 {
			t.Fatalf("%x is not before the end of what begins with %x", key, prefix)
		}
	})
}

func TestOutboxKeys(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entry := func(name string) (Entry, []byte) {
			e := Entry{
				Class: Class(rapid.IntRange(1, int(ClassHeld)).Draw(t, name+" class")),
				Due:   time.UnixMilli(rapid.Int64Range(-3, 3).Draw(t, name+" due")).UTC(),
				ID:    genID.Draw(t, name+" id"),
			}
			return e, outboxKey(e.Class, e.Due, e.ID)
		}
		a, aKey := entry("a")
		b, bKey := entry("b")
		if got, err := parseOutboxKey(aKey); err != nil || got != a {
			t.Fatalf("%x is %+v (%v), want %+v", aKey, got, err, a)
		}
		before := a.Class < b.Class || a.Class == b.Class && a.Due.Before(b.Due)
		if before && bytes.Compare(aKey, bKey) >= 0 {
			t.Fatalf("%+v is not before %+v", a, b)
		}
	})
	var never time.Time
	if got, err := parseOutboxKey(outboxKey(ClassCreate, never, "x")); err != nil || got.Due != never {
		t.Errorf("the zero time comes back as %v (%v)", got.Due, err)
	}
}

func FuzzKeys(f *testing.F) {
	f.Add(idKey("1271140020"), []byte{0})
	f.Add(outboxKey(ClassCreate, time.Time{}, "x"), []byte{edgeGroup})
	edge, err := edgeKey(connectors.Edge{Parent: "p", Child: "c", Role: ""})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(edge, []byte{0})
	f.Add([]byte{tagGUID, 1}, []byte{})
	f.Add([]byte{tagText, 0, 0xFF}, []byte{2})
	f.Fuzz(func(t *testing.T, key, value []byte) {
		if id, err := wholeID(key); err == nil {
			if again, err := wholeID(idKey(id)); err != nil || again != id {
				t.Errorf("%q comes back as %q (%v)", id, again, err)
			}
		}
		if entry, err := parseOutboxKey(key); err == nil && entry.Class > ClassHeld {
			t.Errorf("class %d was taken", entry.Class)
		}
		if e, err := parseEdge(key, value); err == nil && !e.Present {
			t.Errorf("%+v is stored and not there", e)
		}
	})
}

func TestMatchKey(t *testing.T) {
	for _, same := range [][2]string{{"Adele@Contoso.com", "adele@contoso.COM"}, {"MÜLLER", "müller"}, {"Kk", "kK"}, {"ſ", "S"}, {"ΣΑΣ", "σας"}, {"", ""}} {
		if MatchKey("userName", same[0]) != MatchKey("userName", same[1]) {
			t.Errorf("%q and %q are not the same", same[0], same[1])
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(rapid.RuneFrom([]rune("aAkKsSſKßẞİiıIσςΣ\u1e9e\ufffd")), 0, 3, -1)
		a, b := text.Draw(t, "a"), text.Draw(t, "b")
		if got, want := MatchKey("x", a) == MatchKey("x", b), strings.EqualFold(a, b); got != want {
			t.Fatalf("%q and %q have the same key: %t, EqualFold: %t", a, b, got, want)
		}
		if a != "" && MatchKey("x", a) == MatchKey("y", a) {
			t.Fatal("the attribute is not in the key")
		}
	})
}
