package state

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ringsync/connectors"
)

var exportIdentity = Identity{Tenant: "contoso", App: "app", Target: "https://example.com/scim/v2"}

// example returns a state with some of everything.
func example(t *rapid.T) *Store {
	s := New(NewOverlay(nil))
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	must(s.Bind(t.Context(), exportIdentity, testDictionary.names, []string{"userName"}))
	must(s.Update(t.Context(), func(tx *Tx) error {
		for n := range rapid.IntRange(0, 4).Draw(t, "people") {
			p := genPerson.Draw(t, "person")
			p.ID = fmt.Sprintf("%s-%d", p.ID, n)
			if p.TargetID != "" {
				p.TargetID = fmt.Sprint(n)
			}
			must(tx.PutPerson(p))
			must(tx.AddRemoval(p.ID, genTime.Draw(t, "removed")))
			must(tx.PutEdge(connectors.Edge{Parent: "group", Child: p.ID, Group: rapid.Bool().Draw(t, "group"), Present: true}))
			must(tx.AppendLog(&LogEntry{Source: SourceRef{ID: p.ID}, Reason: genText.Draw(t, "reason")}))
			must(tx.PutCycle(&Cycle{Kind: "full", Started: genTime.Draw(t, "started"), Error: genText.Draw(t, "error")}))
		}
		must(tx.SetMark(Mark{Data: []byte("mark")}))
		return tx.Set("paused", genText.Draw(t, "paused"))
	}))
	return s
}

// What was exported, imported and exported again is the same, and so is everything that follows from the records. Only
// the watermark stays behind, so that a restored state brings a full cycle.
func TestExportImport(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := example(t)
		var first, second bytes.Buffer
		n, err := s.Export(t.Context(), &first)
		if err != nil {
			t.Fatal(err)
		}
		db := NewOverlay(nil)
		got, err := Import(t.Context(), db, bytes.NewReader(first.Bytes()))
		if err != nil || got != n {
			t.Fatalf("import: %+v, want %+v; %v\n%s", got, n, err, first.Bytes())
		}
		again := New(db)
		if err := again.Bind(t.Context(), exportIdentity, nil, []string{"userName"}); err != nil {
			t.Fatal(err)
		}
		if _, err := again.Export(t.Context(), &second); err != nil || first.String() != second.String() {
			t.Fatalf("%v; exported\n%s\nand then\n%s", err, first.Bytes(), second.Bytes())
		}
		before, after := follow(t, s), follow(t, again)
		if !before.marked || after.marked {
			t.Fatalf("a watermark: before %v, after %v", before.marked, after.marked)
		}
		after.marked = true
		if !reflect.DeepEqual(before, after) {
			t.Fatalf("it was\n%+v\nand is\n%+v", before, after)
		}
	})
}

// followed is what a state holds and what follows from its records.
type followed struct {
	counts Counts
	outbox []Entry
	links  map[string]string
	log    uint64
	people []*Person
	marked bool
}

func follow(t *rapid.T, s *Store) (f followed) {
	f.links = map[string]string{}
	err := s.View(t.Context(), func(v *View) error {
		f.counts, f.log = v.Counts(), v.counted().LastLog
		_, f.marked = v.Mark()
		for e := range v.Outbox() {
			f.outbox = append(f.outbox, e)
		}
		for p, err := range v.People("") {
			if err != nil {
				return err
			}
			f.people = append(f.people, p)
			if p.TargetID != "" {
				f.links[p.TargetID] = v.PersonByTarget(p.TargetID)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// An export has everything of a person: whoever adds a field to Person adds it here as well.
func TestExportHasEveryField(t *testing.T) {
	for _, pair := range [][2]any{{Person{}, personLine{}}, {Attribute{}, attributeLine{}}, {Failure{}, failureLine{}}} {
		has, line := reflect.TypeOf(pair[0]), reflect.TypeOf(pair[1])
		for i := range has.NumField() {
			if _, there := line.FieldByName(has.Field(i).Name); !there {
				t.Errorf("%s has no field %s", line, has.Field(i).Name)
			}
		}
	}
}

const (
	someHeader = `{"ringsync-state":1,"identity":{"tenant":"t","app":"a","target":"u"},"attributes":["userName"],"matching":["userName"],"lastLog":1,"lastCycle":1}` + "\n"
	somePerson = `{"person":{"id":"p","userPrincipalName":"p@x","displayName":"P","scope":"in scope","generation":1,"target":"7","class":"none","attributes":[{"name":"userName","want":"p@x","sent":null,"answer":{"fields":[{"name":"b","value":[1,true,{}]}]}}]}}` + "\n"
	someRest   = `{"meta":{"name":"paused","value":"2026-01-02T03:04:05Z"}}` + "\n" + `{"edge":{"parent":"g","child":"p"}}` + "\n" +
		`{"removal":{"id":"p","at":"2026-01-02T03:04:05Z"}}` + "\n" + `{"cycle":{"number":1,"later":"kept"}}` + "\n" + `{"log":{"id":1}}` + "\n"
	someEnd = `{"end":{"people":1,"edges":1,"removals":1,"log":1,"cycles":1,"meta":1}}` + "\n"
)

func TestImportRefuses(t *testing.T) {
	for _, test := range []struct{ name, text, says string }{
		{"nothing", "", "line 1 of the export: it is empty"},
		{"something else", "{}\n", "line 1 of the export: this is no export of a state"},
		{"no JSON", "PK\x03\x04", "this is no export of a state"},
		{"a later version", `{"ringsync-state":2}`, "it is of version 2, and this program knows version 1"},
		{"an unknown word", someHeader + `{"people":{}}`, `line 2 of the export: json: unknown field "people"`},
		{"half a line", someHeader + somePerson[:40], "line 2 of the export: unexpected EOF"},
		{"a missing end", someHeader + somePerson, "line 3 of the export: the export is cut off"},
		{"a missing line", someHeader + somePerson + someEnd, "line 3 of the export: the export is not whole"},
		{"a person twice", someHeader + somePerson + somePerson + strings.Replace(someRest+someEnd, `"people":1`, `"people":2`, 1), "some records are there twice"},
		{"two people of one account", someHeader + somePerson + strings.Replace(somePerson, `"id":"p"`, `"id":"q"`, 1), "line 3 of the export: account 7 is linked to person p already"},
		{"an unknown scope", someHeader + strings.Replace(somePerson, "in scope", "outer space", 1), `line 2 of the export: person p: scope "outer space"`},
		{"a bottomless value", someHeader + strings.Replace(somePerson, `"sent":null`, `"sent":`+strings.Repeat("[", 5000)+strings.Repeat("]", 5000), 1), "line 2 of the export: person p: attribute userName: a value is nested more than 32 deep"},
		{"a log entry of no number", someHeader + `{"log":{}}`, "its number is 0, and the last is 1"},
		{"another digest", someHeader + somePerson + someRest + strings.Replace(someEnd, `}}`, `},"digest":"00"}`, 1), "line 8 of the export: the export is not what was written"},
		{"more than the end", someHeader + somePerson + someRest + someEnd + someEnd, "line 9 of the export: something follows the end"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Import(t.Context(), NewOverlay(nil), strings.NewReader(test.text))
			if _, ok := errors.AsType[*ImportError](err); !ok || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v, want %q", err, test.says)
			}
		})
	}
}

func TestImportNeedsAnEmptyState(t *testing.T) {
	db := NewOverlay(nil)
	if err := New(db).Bind(t.Context(), exportIdentity, nil, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := Import(t.Context(), db, strings.NewReader(someHeader)); !errors.Is(err, ErrNotEmpty) {
		t.Error(err)
	}
}

// The example in docs/backup.md is an export.
func TestDocumentedExport(t *testing.T) {
	page, err := os.ReadFile("../docs/backup.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(page), "```json\n")
	example, _, _ = strings.Cut(example, "```")
	db := NewOverlay(nil)
	n, err := Import(t.Context(), db, strings.NewReader(example))
	if err != nil || n != (Contents{1, 1, 1, 1, 1, 1}) {
		t.Fatalf("%+v %v", n, err)
	}
	s := New(db)
	var text bytes.Buffer
	id, _, err := s.Peek(t.Context())
	err = errors.Join(err, s.Bind(t.Context(), id, nil, []string{"userName"}))
	if err == nil {
		_, err = s.Export(t.Context(), &text)
	}
	if err != nil || text.String() != example {
		t.Errorf("%v: it comes back as\n%s", err, text.Bytes())
	}
}

// What a later version puts into a record of the log or of a cycle is not lost.
func TestImportKeepsWhatItDoesNotKnow(t *testing.T) {
	db := NewOverlay(nil)
	if _, err := Import(t.Context(), db, strings.NewReader(someHeader+somePerson+someRest+someEnd)); err != nil {
		t.Fatal(err)
	}
	s := New(db)
	if err := s.Bind(t.Context(), Identity{"t", "a", "u"}, nil, []string{"userName"}); err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if _, err := s.Export(t.Context(), &text); err != nil || !strings.Contains(text.String(), `"later":"kept"`) {
		t.Errorf("%v\n%s", err, text.Bytes())
	}
}

// Whatever the text, Import takes it or says what is wrong; what it took can be exported, and comes back the same.
func FuzzImport(f *testing.F) {
	f.Add([]byte(someHeader + somePerson + someRest + someEnd))
	f.Add([]byte(someHeader + `{"end":{"people":0,"edges":0,"removals":0,"log":0,"cycles":0,"meta":0}}`))
	f.Add([]byte(someHeader + somePerson[:90]))
	f.Add([]byte(`{"ringsync-state":2}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		db := NewOverlay(nil)
		if _, err := Import(t.Context(), db, bytes.NewReader(text)); err != nil {
			if _, told := errors.AsType[*ImportError](err); !told {
				t.Fatalf("%T %v", err, err)
			}
			return
		}
		export := func(db DB) []byte {
			s := New(db)
			id, _, err := s.Peek(t.Context())
			if err == nil {
				err = s.Bind(t.Context(), id, nil, nil)
			}
			var out bytes.Buffer
			if err == nil {
				_, err = s.Export(t.Context(), &out)
			}
			if err != nil {
				t.Fatal(err)
			}
			return out.Bytes()
		}
		first, again := export(db), NewOverlay(nil)
		if !bytes.Contains(first, []byte(`"digest":"`)) {
			t.Fatalf("no digest in\n%s", first)
		}
		if _, err := Import(t.Context(), again, bytes.NewReader(first)); err != nil {
			t.Fatalf("%v\n%s", err, first)
		}
		if second := export(again); !bytes.Equal(first, second) {
			t.Fatalf("exported\n%s\nand then\n%s", first, second)
		}
	})
}

// BenchmarkExport is what an export of a thousand people costs.
func BenchmarkExport(b *testing.B) {
	s := New(NewOverlay(nil))
	if err := s.Bind(b.Context(), exportIdentity, testDictionary.names, []string{"userName"}); err != nil {
		b.Fatal(err)
	}
	err := s.Update(b.Context(), func(tx *Tx) error {
		for n := range 1000 {
			mail := connectors.StringValue(fmt.Sprintf("person%d@contoso.com", n))
			p := &Person{ID: fmt.Sprintf("8f0c1c2e-7a52-4c8e-9d7e-%012d", n), TargetID: fmt.Sprint(n + 1), Scope: InScope, LastWrite: time.Unix(1e9, 0),
				Attributes: []Attribute{{Name: "userName", Want: mail, Sent: mail, Answer: mail}, {Name: "title", Want: mail, Sent: mail, Answer: mail}}}
			if err := tx.PutPerson(p); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Export(b.Context(), &bytes.Buffer{}); err != nil {
			b.Fatal(err)
		}
	}
}
