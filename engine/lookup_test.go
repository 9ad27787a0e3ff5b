package engine_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"ringsync/engine"
	"ringsync/state"
)

// minuteOf is when entry n of the log was made.
func minuteOf(n int) time.Time { return time.Date(2026, 3, 1, 0, n, 0, 0, time.UTC) }

// library is a job with people and a log written by hand.
func library(t testing.TB, people, entries int) *engine.Job {
	t.Helper()
	w := newWorld(t, func(s *setup) { s.people = 0 })
	db := state.NewOverlay(nil)
	job, _ := w.job(db)
	store := state.New(db)
	w.must(store.Bind(t.Context(), state.Identity{Tenant: w.dir.Tenant(), App: w.dir.AppID(), Target: "http://127.0.0.1:1/scim/v2"},
		w.connect().mapping.Target().Names(), []string{"userName"}))
	fill(t, store, people, entries)
	return job
}

// fill writes people p000000 and on, and entries that are by turns about each of them, a minute apart.
func fill(t testing.TB, store *state.Store, people, entries int) {
	t.Helper()
	const batch = 5000
	for from := 0; from < max(people, entries); from += batch {
		err := store.Update(t.Context(), func(tx *state.Tx) (err error) {
			for n := from; n < min(from+batch, people); n++ {
				err = errors.Join(err, tx.PutPerson(member(n)))
			}
			for n := from; n < min(from+batch, entries); n++ {
				err = errors.Join(err, tx.AppendLog(&state.LogEntry{
					Time: minuteOf(n + 1), Cycle: fmt.Sprint("cycle-", n/100), Action: []string{"create", "update", "disable"}[n%3], Status: []string{"success", "failure"}[n/3%2],
					Source: state.SourceRef{ID: member(n % max(people, 1)).ID, DisplayName: "Somebody"}, Reason: "differs in title",
				}))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// member is person n. Every tenth has something to send, and of those every second is held.
func member(n int) *state.Person {
	p := &state.Person{ID: fmt.Sprintf("p%06d", n), DisplayName: fmt.Sprintf("Person Ångström %d", n), UserPrincipalName: fmt.Sprintf("person.%d@contoso.com", n),
		Scope: state.InScope, TargetID: fmt.Sprint(1000000 + n)}
	name := p.Set("userName")
	name.Want.UnmarshalJSON(fmt.Appendf(nil, "%q", fmt.Sprintf("Login.%d@contoso.com", n)))
	name.Sent = name.Want
	if n%10 == 0 {
		p.Class, p.Due = state.Class(1+n/10%5), minuteOf(n)
		if p.Class == state.ClassHeld {
			p.Held = uint32(1 + n/50%2)
		}
	}
	return p
}

func everybody(t *testing.T, job *engine.Job, text string, n int) (ids []string, pages int) {
	t.Helper()
	for from := ""; ; pages++ {
		page, err := job.Search(t.Context(), text, from, n)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range page.People {
			ids = append(ids, p.ID)
		}
		if from = page.Next; from == "" {
			return ids, pages + 1
		}
	}
}

func TestSearch(t *testing.T) {
	job := library(t, 120, 0)
	for _, test := range []struct {
		text string
		want int
		is   string // who comes first
	}{
		{"", 120, "p000000"}, {"ÅNGSTRÖM", 120, "p000000"}, {" person.11", 11, "p000011"}, {"login.119", 1, "p000119"},
		{"LOGIN.7@contoso.com", 1, "p000007"}, {"1000042", 1, "p000042"}, {"p000042", 1, "p000042"}, {"nobody", 0, ""}, {"person 1", 0, ""},
	} {
		for _, size := range []int{1, 7, 50, 1000} {
			ids, _ := everybody(t, job, test.text, size)
			if len(ids) != test.want || test.is != "" && ids[0] != test.is {
				t.Errorf("%q, %d a page: %d people, %v", test.text, size, len(ids), ids)
			}
			if unique := slices.Compact(slices.Sorted(slices.Values(ids))); len(unique) != len(ids) {
				t.Errorf("%q, %d a page: somebody comes twice in %v", test.text, size, ids)
			}
		}
	}
}

// A page looks at so many people and no more, and says where to go on.
func TestSearchIsBounded(t *testing.T) {
	job := library(t, 25_000, 0)
	page, err := job.Search(t.Context(), "person.24999@", "", 50)
	if err != nil || len(page.People) != 0 || page.Next == "" || page.Looked != 10_000 {
		t.Errorf("%d people, %d looked at, next %q: %v", len(page.People), page.Looked, page.Next, err)
	}
	if ids, pages := everybody(t, job, "person.24999@", 50); len(ids) != 1 || pages != 3 {
		t.Errorf("%v on %d pages", ids, pages)
	}
}

// Pages of the outbox, put together, have everybody of the kind once.
func TestWaiting(t *testing.T) {
	job := library(t, 200, 0)
	for _, test := range []struct {
		q    engine.Queue
		want int
	}{
		{engine.Queue{}, 20}, {engine.Queue{Kind: "remove"}, 4}, {engine.Queue{Kind: "create"}, 4}, {engine.Queue{Kind: engine.KindHeld}, 4},
		{engine.Queue{Kind: engine.KindHeld, List: 1}, 2}, {engine.Queue{Kind: engine.KindHeld, List: 2}, 2}, {engine.Queue{Kind: engine.KindEscrowed}, 0},
	} {
		for _, size := range []int{1, 3, 100} {
			seen := map[string]bool{}
			for q := test.q; ; {
				changes, next, err := job.Waiting(t.Context(), q, size)
				if err != nil || len(changes) > size {
					t.Fatalf("%+v: %d changes, %v", q, len(changes), err)
				}
				for _, c := range changes {
					if seen[c.Source.ID] {
						t.Errorf("%+v: %s twice", test.q, c.Source.ID)
					}
					seen[c.Source.ID] = true
				}
				if q.After = next; next == "" {
					break
				}
			}
			if len(seen) != test.want {
				t.Errorf("%+v, %d a page: %d people, want %d", test.q, size, len(seen), test.want)
			}
		}
	}
	for _, q := range []engine.Queue{{Kind: "nothing"}, {After: "x"}, {After: "9.0.p1"}, {Kind: "remove", After: "3.0.p1"}} {
		if _, _, err := job.Waiting(t.Context(), q, 10); err == nil {
			t.Errorf("%+v is no error", q)
		}
	}
}

// Pages of the log, put together, are what looking at every entry finds.
func TestLogPage(t *testing.T) {
	const entries = 5000
	job := library(t, 7, entries)
	for name, q := range map[string]engine.LogQuery{
		"all": {}, "an action": {Action: "disable"}, "a status": {Status: "failure"}, "a cycle": {Cycle: "CYCLE-3"}, "somebody": {Person: "p000004"},
		"nobody": {Person: "none"}, "rare": {Cycle: "cycle-0", Action: "create"}, "a time": {Since: minuteOf(100), Until: minuteOf(300)},
		"somebody at a time": {Person: "p000002", Since: minuteOf(50), Until: minuteOf(90), Action: "update"}, "the future": {Since: minuteOf(entries + 1)}, "the past": {Until: minuteOf(0)},
	} {
		var want []uint64
		for n := entries - 1; n >= 0; n-- {
			at := minuteOf(n + 1)
			if (q.Action == "" || q.Action == []string{"create", "update", "disable"}[n%3]) && (q.Status == "" || q.Status == []string{"success", "failure"}[n/3%2]) &&
				(q.Cycle == "" || strings.EqualFold(q.Cycle, fmt.Sprint("cycle-", n/100))) && (q.Person == "" || q.Person == fmt.Sprintf("p%06d", n%7)) &&
				(q.Since.IsZero() || !at.Before(q.Since)) && (q.Until.IsZero() || at.Before(q.Until)) {
				want = append(want, uint64(n+1))
			}
		}
		for _, size := range []int{1, 50, 400} {
			if size == 1 && len(want) > 300 {
				continue
			}
			var got []uint64
			for asked := q; ; {
				page, err := job.LogPage(t.Context(), asked, size)
				if err != nil || len(page.Entries) > size {
					t.Fatalf("%s: %d entries, %v", name, len(page.Entries), err)
				}
				for _, e := range page.Entries {
					got = append(got, e.Sequence)
				}
				if asked.Before = page.Next; page.Next == 0 {
					break
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s, %d a page: %d entries, want %d", name, size, len(got), len(want))
			}
		}
	}
	if e, err := job.LogEntry(t.Context(), 17); err != nil || e == nil || e.Sequence != 17 {
		t.Errorf("entry 17: %+v, %v", e, err)
	}
	if e, err := job.LogEntry(t.Context(), entries+1); err != nil || e != nil {
		t.Errorf("the entry after the last: %+v, %v", e, err)
	}
}

func TestProfile(t *testing.T) {
	job := library(t, 41, 0)
	p, err := job.Profile(t.Context(), "p000040")
	if err != nil || p == nil || p.Pending == nil || p.Pending.Held != 1 {
		t.Fatalf("%+v, %v", p, err)
	}
	if i := slices.IndexFunc(p.Attributes, func(a engine.ProfileAttribute) bool { return a.Name == "userName" }); i < 0 || p.Attributes[i].From != "[mail]" || p.Attributes[i].Want.Text() != "Login.40@contoso.com" || !p.Attributes[i].Settled {
		t.Errorf("%+v", p.Attributes)
	}
	if p, err := job.Profile(t.Context(), "p000041"); p != nil || err != nil {
		t.Errorf("of nobody: %+v, %v", p, err)
	}
}
