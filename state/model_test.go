package state_test

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ringsync/connectors"
	"ringsync/state"
)

// people is what a store should hold; everything that it can be asked follows from that.
type people map[string]state.Person

func (held people) counts() (c state.Counts) {
	for _, p := range held {
		c.People++
		if p.TargetID != "" {
			c.Linked++
			active, known := p.Attribute("active").Answer.AsBool()
			if active || !known && p.Scope == state.InScope {
				c.Active++
			}
		}
		if p.Class != state.ClassNone {
			c.Queued[p.Class]++
		}
		if p.Escrowed {
			c.Escrowed++
		}
		if p.Held != 0 {
			c.Held++
		}
	}
	return c
}

func (held people) outbox() []state.Entry {
	entries := []state.Entry{}
	for id, p := range held {
		if p.Class != state.ClassNone {
			entries = append(entries, state.Entry{Class: p.Class, Due: p.Due, ID: id})
		}
	}
	slices.SortFunc(entries, func(a, b state.Entry) int {
		return cmp.Or(cmp.Compare(a.Class, b.Class), a.Due.Compare(b.Due), strings.Compare(a.ID, b.ID))
	})
	return entries
}

func (held people) matches(value string) (ids []string) {
	for id, p := range held {
		a := p.Attribute("userName")
		if slices.ContainsFunc([]string{a.Want.Text(), a.Sent.Text(), a.Answer.Text()}, func(s string) bool { return strings.EqualFold(s, value) }) ||
			slices.Contains(p.Tried, state.MatchKey("userName", value)) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

func (held people) byTarget(targetID string) string {
	for id, p := range held {
		if p.TargetID == targetID {
			return id
		}
	}
	return ""
}

var (
	genWho     = rapid.SampledFrom([]string{"a", "b", "c", "d"})
	genAccount = rapid.SampledFrom([]string{"", "1", "2", "3"})
	genMail    = rapid.SampledFrom([]string{"x@contoso.com", "X@Contoso.com", "y@contoso.com", "ÿ@contoso.com", "Ÿ@contoso.com"})
	genMaybe   = rapid.OneOf(rapid.Just(connectors.Value{}), rapid.Map(genMail, connectors.StringValue))
	genState   = rapid.Custom(func(t *rapid.T) state.Person {
		p := state.Person{
			ID: genWho.Draw(t, "id"), TargetID: genAccount.Draw(t, "account"),
			Scope:    rapid.SampledFrom([]state.Scope{state.InScope, state.Unassigned}).Draw(t, "scope"),
			Class:    state.Class(rapid.IntRange(0, int(state.ClassHeld)).Draw(t, "class")),
			Due:      time.UnixMilli(rapid.Int64Range(0, 5).Draw(t, "due")).UTC(),
			Escrowed: rapid.Bool().Draw(t, "escrowed"), Held: rapid.Uint32Range(0, 1).Draw(t, "held"),
		}
		if rapid.Bool().Draw(t, "unsettled") {
			p.Unsettled, p.Tried = true, []string{state.MatchKey("userName", genMail.Draw(t, "tried")), state.MatchKey("title", "x")}
		}
		p.Attributes = []state.Attribute{
			{Name: "userName", Want: genMaybe.Draw(t, "want"), Sent: genMaybe.Draw(t, "sent"), Answer: genMaybe.Draw(t, "answer")},
			{Name: "active", Answer: rapid.SampledFrom([]connectors.Value{{}, connectors.BoolValue(true), connectors.BoolValue(false)}).Draw(t, "active")},
		}
		return p
	})
)

// Whatever is stored and deleted in whatever order, indexes, outbox and counts follow from the people.
func TestStoreFollowsPeople(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := bound(t, state.NewOverlay(nil))
		held := people{}
		rt.Repeat(map[string]func(*rapid.T){
			"update": func(rt *rapid.T) {
				after := maps.Clone(held)
				abort := rapid.Bool().Draw(rt, "abort")
				err := s.Update(t.Context(), func(tx *state.Tx) error {
					for range rapid.IntRange(1, 5).Draw(rt, "operations") {
						change(rt, tx, after)
						comparePeople(rt, tx.View, after)
					}
					if abort {
						return errFull
					}
					return nil
				})
				if abort != errors.Is(err, errFull) || !abort && err != nil {
					rt.Fatal(err)
				}
				if !abort {
					held = after
				}
			},
			"": func(rt *rapid.T) {
				if err := s.View(t.Context(), func(v *state.View) error { comparePeople(rt, v, held); return nil }); err != nil {
					rt.Fatal(err)
				}
			},
		})
	})
}

func change(rt *rapid.T, tx *state.Tx, held people) {
	if rapid.IntRange(0, 3).Draw(rt, "operation") == 0 {
		id := genWho.Draw(rt, "who")
		if err := tx.DeletePerson(id); err != nil {
			rt.Fatal(err)
		}
		delete(held, id)
		return
	}
	p := genState.Draw(rt, "person")
	err := tx.PutPerson(&p)
	linked, refused := errors.AsType[*state.LinkedError](err)
	holder := ""
	if p.TargetID != "" {
		holder = held.byTarget(p.TargetID)
	}
	switch {
	case holder != "" && holder != p.ID:
		if !refused || linked.Holder != holder {
			rt.Fatalf("%s was linked to %s, which %s is linked to: %v", p.ID, p.TargetID, holder, err)
		}
	case err != nil:
		rt.Fatal(err)
	default:
		held[p.ID] = p
	}
}

func comparePeople(rt *rapid.T, v *state.View, held people) {
	if got, want := v.Counts(), held.counts(); got != want {
		rt.Fatalf("counted %+v, want %+v", got, want)
	}
	if got, want := slices.Collect(v.Outbox()), held.outbox(); !slices.Equal(got, want) {
		rt.Fatalf("the outbox is %v, want %v", got, want)
	}
	for _, account := range []string{"1", "2", "3"} {
		if got, want := v.PersonByTarget(account), held.byTarget(account); got != want {
			rt.Fatalf("account %s is %q's, want %q", account, got, want)
		}
	}
	for _, mail := range []string{"X@CONTOSO.COM", "y@contoso.com", "ÿ@contoso.com", "z@contoso.com"} {
		if got, want := v.Matches("userName", mail), held.matches(mail); !slices.Equal(got, want) {
			rt.Fatalf("%s matches %v, want %v", mail, got, want)
		}
	}
	ids, from := []string{}, genWho.Draw(rt, "from")
	for p, err := range v.People(from) {
		if err != nil {
			rt.Fatal(err)
		}
		want := held[p.ID]
		if p.TargetID != want.TargetID || p.Class != want.Class || !p.Due.Equal(want.Due) || !slices.Equal(p.Tried, want.Tried) {
			rt.Fatalf("%s is %+v, want %+v", p.ID, p, want)
		}
		ids = append(ids, p.ID)
	}
	want := slices.DeleteFunc(slices.Sorted(maps.Keys(held)), func(id string) bool { return id < from })
	if !slices.Equal(ids, want) {
		rt.Fatalf("the people from %s on are %v, want %v", from, ids, want)
	}
}
