package state

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ringsync/connectors"
)

var genEntry = rapid.Custom(func(t *rapid.T) LogEntry {
	text := func(label string) string { return rapid.OneOf(rapid.Just(""), genText).Draw(t, label) }
	e := LogEntry{
		Sequence: rapid.Uint64Min(1).Draw(t, "sequence"),
		Time:     time.Unix(rapid.Int64Range(-1<<35, 1<<35).Draw(t, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanoseconds")).UTC(),
		Cycle:    text("cycle"), Change: text("change"), Action: text("action"), Status: text("status"),
		Source: SourceRef{text("id"), text("name"), text("display")}, Target: TargetRef{text("account"), text("user")},
		Duration: time.Duration(rapid.Int64().Draw(t, "duration")),
	}
	for _, field := range e.texts() {
		*field = text("field")
	}
	for range rapid.IntRange(0, 4).Draw(t, "modified") {
		name := rapid.SampledFrom(append([]string{"not in the dictionary"}, testDictionary.names...)).Draw(t, "name")
		e.Modified = append(e.Modified, Modified{name, genNested(2).Draw(t, "old"), genNested(2).Draw(t, "new")})
	}
	for range rapid.IntRange(0, 3).Draw(t, "steps") {
		s := Step{Type: text("type"), Status: text("status"), Description: text("description")}
		if rapid.Bool().Draw(t, "detailed") {
			s.Details = map[string]string{"a": text("a"), text("key"): text("value")}
		}
		e.Steps = append(e.Steps, s)
	}
	for range rapid.IntRange(0, 3).Draw(t, "warnings") {
		e.Warnings = append(e.Warnings, text("warning"))
	}
	return e
})

// sameEntry compares what both show and how both are stored; an empty list has two forms in memory.
func sameEntry(t interface{ Fatal(...any) }, a, b LogEntry) bool {
	parts := func(e *LogEntry) (text, record []byte) {
		text, err := json.Marshal(e)
		if err == nil {
			record, err = appendEntry(nil, e, testDictionary)
		}
		if err != nil {
			t.Fatal(err)
		}
		return text, record
	}
	text, record := parts(&a)
	otherText, otherRecord := parts(&b)
	return bytes.Equal(text, otherText) && bytes.Equal(record, otherRecord)
}

// An entry comes back as it was, in whatever zone its time was.
func TestEntryRecord(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := genEntry.Draw(t, "entry")
		want.Time = want.Time.In(time.FixedZone("", 60*rapid.IntRange(-14*60, 14*60).Draw(t, "zone")))
		record, err := appendEntry([]byte("before"), &want, testDictionary)
		if err != nil {
			t.Fatal(err)
		}
		got, err := decodeEntry(want.Sequence, bytes.TrimPrefix(record, []byte("before")), testDictionary)
		if err != nil || !sameEntry(t, got, want) {
			t.Fatalf("%v\ngot  %+v\nwant %+v", err, got, want)
		}
	})
}

// What earlier programs stored is JSON, and is read as ever.
func TestEntryRecordOfBefore(t *testing.T) {
	want := LogEntry{Sequence: 7, Time: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), Action: "update", Status: "success",
		Modified: []Modified{{"title", connectors.NullValue(), connectors.StringValue("Director")}}}
	record, err := json.Marshal(&want)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := decodeEntry(7, record, testDictionary); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v\ngot  %+v\nwant %+v", err, got, want)
	}
}

// A record that is cut off, goes on behind its end or is of a later version is refused.
func TestEntryRecordRefused(t *testing.T) {
	e := LogEntry{Time: time.Now(), Action: "create", Reason: "in scope, no account yet", Warnings: []string{"one"}}
	record, err := appendEntry(nil, &e, testDictionary)
	if err != nil {
		t.Fatal(err)
	}
	for n := range record {
		if _, err := decodeEntry(1, record[:n], testDictionary); err == nil {
			t.Errorf("the first %d of %d bytes are taken for an entry", n, len(record))
		}
	}
	if _, err := decodeEntry(1, append(bytes.Clone(record), 0), testDictionary); err == nil {
		t.Error("a byte too many")
	}
	later := bytes.Clone(record)
	later[0]++
	if _, err := decodeEntry(1, later, testDictionary); err == nil || !strings.Contains(err.Error(), "version 2") {
		t.Errorf("a later version: %v", err)
	}
	deep := connectors.StringValue("x")
	for range maxDepth + 1 {
		deep = connectors.ListValue(deep)
	}
	if _, err := appendEntry(nil, &LogEntry{Modified: []Modified{{Name: "deep", New: deep}}}, testDictionary); err == nil {
		t.Error("a value that cannot be read again is stored")
	}
}

func FuzzDecodeEntry(f *testing.F) {
	for seed := range 20 {
		e := genEntry.Example(seed)
		record, err := appendEntry(nil, &e, testDictionary)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(record)
	}
	f.Fuzz(func(t *testing.T, record []byte) {
		e, err := decodeEntry(math.MaxUint64, record, testDictionary)
		if err != nil || record[0] == '{' {
			return
		}
		again, err := appendEntry(nil, &e, testDictionary)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := decodeEntry(math.MaxUint64, again, testDictionary); err != nil || e.Time.Year() < 10_000 && e.Time.Year() > 0 && !sameEntry(t, back, e) {
			t.Fatalf("%v\ngot  %+v\nwant %+v", err, back, e)
		}
	})
}
