package state

import (
	"bytes"
	"cmp"
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ringsync/connectors"
)

var testDictionary = newDictionary([]string{"userName", "title", "active", "emails"})

var (
	genText = rapid.OneOf(rapid.SampledFrom([]string{"", "a", "adele.vance@contoso.com", "US", "x\x00y"}),
		rapid.String(), rapid.StringN(200, 400, -1))
	genTime = rapid.Custom(func(t *rapid.T) time.Time {
		if rapid.Bool().Draw(t, "never") {
			return time.Time{}
		}
		return time.UnixMilli(rapid.Int64Range(-1<<45, 1<<45).Draw(t, "ms")).UTC()
	})
	genAttribute = rapid.Custom(func(t *rapid.T) Attribute {
		a := Attribute{
			Name: rapid.OneOf(rapid.SampledFrom(testDictionary.names), genText).Draw(t, "name"),
			Want: genNested(3).Draw(t, "want"), OnCreate: rapid.Bool().Draw(t, "on create"),
		}
		values := func(more ...connectors.Value) *rapid.Generator[connectors.Value] {
			return rapid.OneOf(rapid.SampledFrom(append(more, a.Want)), genNested(3))
		}
		a.Sent = values().Draw(t, "sent")
		a.Answer = values(a.Sent).Draw(t, "answer")
		return a
	})
	genPerson = rapid.Custom(func(t *rapid.T) *Person {
		p := &Person{
			ID:                rapid.SampledFrom([]string{"8f0c1c2e-7a52-4c8e-9d7e-1f0a6b3c2d11", "someone", "8F0C"}).Draw(t, "id"),
			UserPrincipalName: genText.Draw(t, "userPrincipalName"), DisplayName: genText.Draw(t, "displayName"),
			Scope:  Scope(rapid.IntRange(0, int(HardDeleted)).Draw(t, "scope")),
			Reason: genText.Draw(t, "reason"), Generation: rapid.Uint64().Draw(t, "generation"),
			Attributes: rapid.SliceOfNDistinct(genAttribute, 0, 8, func(a Attribute) string { return a.Name }).Draw(t, "attributes"),
			TargetID:   genText.Draw(t, "target"), Ours: rapid.Bool().Draw(t, "ours"),
			Unsettled: rapid.Bool().Draw(t, "unsettled"), Tried: rapid.SliceOfN(genText, 0, 3).Draw(t, "tried"),
			LastWrite: genTime.Draw(t, "last write"), Due: genTime.Draw(t, "due"),
			Class: Class(rapid.IntRange(0, int(ClassHeld)).Draw(t, "class")), Held: rapid.Uint32().Draw(t, "held"),
			Attempts: rapid.Uint32().Draw(t, "attempts"), Escrowed: rapid.Bool().Draw(t, "escrowed"),
			RetryCycle: rapid.Uint64().Draw(t, "retry cycle"), Vanished: rapid.Bool().Draw(t, "vanished"), Unfit: rapid.Bool().Draw(t, "unfit"),
		}
		if rapid.Bool().Draw(t, "failed") {
			p.Failure = Failure{Code: genText.Draw(t, "code"), Text: genText.Draw(t, "text"),
				Since: genTime.Draw(t, "since").Truncate(time.Second), Status: rapid.IntRange(-1, 999).Draw(t, "status")}
		}
		return p
	})
)

func genNested(depth int) *rapid.Generator[connectors.Value] {
	return rapid.Custom(func(t *rapid.T) connectors.Value {
		kinds := int(connectors.Object)
		if depth == 0 {
			kinds = int(connectors.Int)
		}
		switch connectors.Kind(rapid.IntRange(0, kinds).Draw(t, "kind")) {
		case connectors.Null:
			return connectors.NullValue()
		case connectors.String:
			return connectors.StringValue(genText.Draw(t, "text"))
		case connectors.Bool:
			return connectors.BoolValue(rapid.Bool().Draw(t, "bool"))
		case connectors.Int:
			return connectors.IntValue(rapid.OneOf(rapid.Int64(), rapid.SampledFrom([]int64{math.MinInt64, -1, math.MaxInt64})).Draw(t, "int"))
		case connectors.List:
			return connectors.ListValue(rapid.SliceOfN(genNested(depth-1), 0, 3).Draw(t, "items")...)
		case connectors.Object:
			var fields []connectors.Field
			for _, v := range rapid.SliceOfN(genNested(depth-1), 0, 3).Draw(t, "fields") {
				fields = append(fields, connectors.Field{Name: genText.Draw(t, "field"), Value: v})
			}
			return connectors.ObjectValue(fields...)
		}
		return connectors.Value{}
	})
}

// normal returns p as a record gives it back: attributes that say nothing left out, the others in order.
func normal(p *Person) *Person {
	n := *p
	n.Attributes = nil
	for _, a := range p.Attributes {
		if a.Want.Kind() != connectors.Absent || a.Sent.Kind() != connectors.Absent || a.Answer.Kind() != connectors.Absent {
			n.Attributes = append(n.Attributes, a)
		}
	}
	slices.SortFunc(n.Attributes, func(a, b Attribute) int {
		return cmp.Or(cmp.Compare(testDictionary.numbers[a.Name], testDictionary.numbers[b.Name]), strings.Compare(a.Name, b.Name))
	})
	if len(n.Tried) == 0 {
		n.Tried = nil
	}
	return &n
}

func samePerson(p, q *Person) bool {
	sameAttribute := func(a, b Attribute) bool {
		return a.Name == b.Name && a.OnCreate == b.OnCreate &&
			a.Want.Equal(b.Want) && a.Sent.Equal(b.Sent) && a.Answer.Equal(b.Answer)
	}
	if !slices.EqualFunc(p.Attributes, q.Attributes, sameAttribute) {
		return false
	}
	a, b := *p, *q
	a.Attributes, b.Attributes = nil, nil
	return reflect.DeepEqual(a, b)
}

func TestPersonRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := genPerson.Draw(t, "person")
		record, err := appendPerson([]byte("before"), p, testDictionary)
		if err != nil {
			t.Fatal(err)
		}
		record = bytes.TrimPrefix(record, []byte("before"))
		got, err := decodePerson(p.ID, record, testDictionary)
		if err != nil {
			t.Fatalf("decode %x: %v", record, err)
		}
		if want := normal(p); !samePerson(got, want) {
			t.Fatalf("got  %+v\nwant %+v", got, want)
		}
		slices.Reverse(p.Attributes)
		if again, err := appendPerson(nil, p, testDictionary); err != nil || !bytes.Equal(again, record) {
			t.Fatalf("the same attributes in another order make another record: %x (%v), not %x", again, err, record)
		}
	})
}

// A field that somebody adds to a person, and forgets here, would be lost without a word.
func TestPersonRecordHasEveryField(t *testing.T) {
	when := time.UnixMilli(1).UTC()
	for of, full := range map[reflect.Type]any{
		reflect.TypeFor[Person](): Person{ID: "a", UserPrincipalName: "b", DisplayName: "c", Scope: InScope, Reason: "d",
			Attributes: []Attribute{{Name: "title", Want: connectors.NullValue()}}, Generation: 1, TargetID: "e", Ours: true,
			Unsettled: true, Tried: []string{"f"}, LastWrite: when, Class: ClassCreate, Due: when, Held: 2, Attempts: 3,
			Escrowed: true, RetryCycle: 4, Failure: Failure{Code: "g"}, Vanished: true, Unfit: true},
		reflect.TypeFor[Attribute](): Attribute{Name: "title", Want: connectors.NullValue(), OnCreate: true,
			Sent: connectors.BoolValue(true), Answer: connectors.IntValue(1)},
		reflect.TypeFor[Failure](): Failure{Code: "a", Text: "b", Since: time.Unix(1, 0).UTC(), Status: 2},
	} {
		value := reflect.ValueOf(full)
		for i := range value.NumField() {
			if value.Field(i).IsZero() {
				t.Errorf("%s.%s is not in this test: is it in the record?", of.Name(), of.Field(i).Name)
			}
		}
		p := &Person{ID: "a"}
		switch full := full.(type) {
		case Person:
			p = &full
		case Attribute:
			p.Attributes = []Attribute{full}
		case Failure:
			p.Failure = full
		}
		record, err := appendPerson(nil, p, testDictionary)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := decodePerson(p.ID, record, testDictionary); err != nil || !samePerson(got, p) {
			t.Errorf("%s comes back as %+v (%v), want %+v", of.Name(), got, err, p)
		}
	}
}

func TestPersonOutlivesItsDictionary(t *testing.T) {
	p := &Person{ID: "someone", Attributes: []Attribute{
		{Name: "title", Want: connectors.StringValue("Director")},
		{Name: "nickName", Want: connectors.StringValue("Joni")},
	}}
	record, err := appendPerson(nil, p, testDictionary)
	if err != nil {
		t.Fatal(err)
	}
	grown := newDictionary(append(slices.Clone(testDictionary.names), "nickName"))
	got, err := decodePerson(p.ID, record, grown)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range p.Attributes {
		if b := got.Attribute(a.Name); b == nil || !b.Want.Equal(a.Want) {
			t.Errorf("%s = %v, want %v", a.Name, b, a.Want)
		}
	}
	if _, err := decodePerson(p.ID, record, newDictionary(nil)); err == nil {
		t.Error("a number that no dictionary explains was taken")
	}
}

func TestPersonSaysThingsOnce(t *testing.T) {
	mail := connectors.StringValue("adele.vance@contoso.com")
	p := &Person{ID: "someone", UserPrincipalName: mail.Text()}
	for _, name := range testDictionary.names {
		p.Attributes = append(p.Attributes, Attribute{Name: name, Want: mail, Sent: mail, Answer: mail})
	}
	record, err := appendPerson(nil, p, testDictionary)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(record, []byte(mail.Text())); n != 1 {
		t.Errorf("the address is in the record %d times", n)
	}
}

func TestAppendPersonRefuses(t *testing.T) {
	deep := connectors.NullValue()
	for range maxDepth + 1 {
		deep = connectors.ListValue(deep)
	}
	a := connectors.StringValue("a")
	for name, p := range map[string]*Person{
		"no id":           {},
		"a long id":       {ID: strings.Repeat("x", maxID+1)},
		"an unknown":      {ID: "x", Scope: HardDeleted + 1},
		"a class unknown": {ID: "x", Class: ClassHeld + 1},
		"a name twice":    {ID: "x", Attributes: []Attribute{{Name: "title", Want: a}, {Name: "title", Sent: a}}},
		"too deep":        {ID: "x", Attributes: []Attribute{{Name: "title", Want: deep}}},
	} {
		if _, err := appendPerson(nil, p, testDictionary); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestDecodePersonRefuses(t *testing.T) {
	p := &Person{ID: "someone", UserPrincipalName: "upn", TargetID: "17", Attributes: []Attribute{
		{Name: "title", Want: connectors.StringsValue("a", "b"), Answer: connectors.IntValue(7)}}}
	record, err := appendPerson(nil, p, testDictionary)
	if err != nil {
		t.Fatal(err)
	}
	for n := range record {
		if _, err := decodePerson(p.ID, record[:n], testDictionary); err == nil {
			t.Errorf("the first %d of %d bytes were taken for a record", n, len(record))
		}
	}
	if _, err := decodePerson(p.ID, append(slices.Clone(record), 0), testDictionary); err == nil {
		t.Error("a byte after the end was taken")
	}
	newer := slices.Clone(record)
	newer[0]++
	if _, err := decodePerson(p.ID, newer, testDictionary); err == nil || !strings.Contains(err.Error(), "version 2") {
		t.Errorf("a newer record gives %v", err)
	}
	if _, err := decodePerson(p.ID, record[:len(record)-1], testDictionary); !errors.Is(err, errShort) {
		t.Errorf("a short record gives %v", err)
	}
}

func FuzzDecodePerson(f *testing.F) {
	full := &Person{ID: "someone", UserPrincipalName: "upn", DisplayName: "name", Reason: "why", TargetID: "17", Tried: []string{"a", "b"},
		LastWrite: time.UnixMilli(1).UTC(), Due: time.UnixMilli(2).UTC(), Held: 3, Attempts: 4, Escrowed: true, Class: ClassHeld,
		Failure: Failure{Code: "c", Text: "t", Status: 400}, Attributes: []Attribute{
			{Name: "title", Want: connectors.StringsValue("a", "b"), Answer: connectors.IntValue(7)},
			{Name: "other", Sent: connectors.ObjectValue(connectors.Field{Name: "f", Value: connectors.BoolValue(true)})}}}
	for _, p := range []*Person{{ID: "someone"}, full} {
		record, err := appendPerson(nil, p, testDictionary)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(record)
	}
	f.Add([]byte{})
	f.Add([]byte{recordVersion, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF})
	f.Fuzz(func(t *testing.T, record []byte) {
		p, err := decodePerson("someone", record, testDictionary)
		if err != nil {
			return
		}
		again, err := appendPerson(nil, p, testDictionary)
		if err != nil {
			t.Fatalf("a person that was read cannot be written: %v", err)
		}
		q, err := decodePerson("someone", again, testDictionary)
		if err != nil || !samePerson(normal(p), q) {
			t.Fatalf("%x gives %+v, and written again %+v (%v)", record, p, q, err)
		}
	})
}
