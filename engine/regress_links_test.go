package engine_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ringsync/connectors"
	"ringsync/connectors/ringcentral/ringcentraltest"
	"ringsync/engine"
	"ringsync/engine/plan"
	"ringsync/mapping"
	"ringsync/mapping/filter"
	"ringsync/state"
	"ringsync/state/bolt"
)

// lostCreate is a fault of one person's create whose outcome stays unknown for that cycle: the reply is lost, and no
// search that could tell what came of it is answered.
func lostCreate(mail string, made bool) func(*http.Request) *ringcentraltest.Fault {
	return func(r *http.Request) *ringcentraltest.Fault {
		switch {
		case r.Method == http.MethodPost && says(r, mail):
			return &ringcentraltest.Fault{Drop: true, AfterEffect: made}
		case searches(r):
			return unavailable()
		}
		return nil
	}
}

// A leaver whose disable was answered with 404 was forgotten, though the account was there and stayed active.
func TestLeaverIsNotForgottenWhenAPatchAnswers404(t *testing.T) {
	w := newWorld(t, nil)
	w.sync()
	leaver := w.people[0]
	w.leave(leaver)
	w.account.Fault(func(r *http.Request) *ringcentraltest.Fault {
		if r.Method == http.MethodPatch {
			return notFound()
		}
		return nil
	})
	if r := w.finish(); r.Summary.Escrowed != 1 || w.person(leaver) == nil {
		t.Errorf("%+v %v", r.Summary, statuses(r))
	}
	w.account.Fault(nil)
	if r := w.finish(); r.Summary.Disable != 1 {
		t.Errorf("afterwards: %+v %v", r.Summary, statuses(r))
	}
	w.settled()
}

// Whoever had been kept for one cause was kept for every later one as well.
func TestCauseAfterOneThatKeeps(t *testing.T) {
	leave := func(w *world, id string) { w.leave(id) }
	hardDelete := func(w *world, id string) { w.dir.HardDelete(id) }
	softDelete := func(w *world, id string) { w.dir.SoftDelete(id) }
	disable := func(w *world, id string) { w.dir.UpdateUser(id, map[string]any{"accountEnabled": false}) }
	transfer := func(w *world, id string) { w.dir.UpdateUser(id, map[string]any{"department": "Finance"}) }
	for _, test := range []struct {
		name        string
		kept        state.Scope
		first, then func(*world, string)
	}{
		{"unassigned, then hard-deleted", state.Unassigned, leave, hardDelete},
		{"unassigned, then disabled", state.Unassigned, leave, disable},
		{"unassigned, then soft-deleted", state.Unassigned, leave, softDelete},
		{"unassigned, then out of scope", state.Unassigned, leave, transfer},
		{"soft-deleted, then hard-deleted", state.SoftDeleted, softDelete, hardDelete},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, func(s *setup) {
				s.deprovision[test.kept] = plan.DeprovisionKeep
				s.filters = []filter.Group{{Name: "not finance", All: []filter.Clause{{Attribute: "department", Operator: "NOT EQUALS", Value: "Finance"}}}}
			})
			id := w.people[0]
			w.sync()
			test.first(w, id)
			if r := w.sync(); r.Summary.Changes() != 0 || !w.accountOf(id).Active {
				t.Fatalf("not kept: %+v", r.Summary)
			}
			test.then(w, id)
			if r := w.sync(); r.Summary.Disable != 1 || w.accountOf(id).Active {
				t.Errorf("still active: %+v %v", r.Summary, statuses(r))
			}
		})
	}
}

// Somebody who was deleted and hired again under the same mail did not get their account back, or only after it had been
// disabled.
func TestRehired(t *testing.T) {
	for _, test := range []struct {
		name   string
		before func(w *world, id string) // what happens before the new hire
		kind   engine.Kind               // of the cycle after it
	}{
		{"deleted and disabled first", func(w *world, id string) { w.dir.HardDelete(id); w.sync() }, engine.Full},
		{"unassigned, then deleted", func(w *world, id string) { w.leave(id); w.sync(); w.dir.HardDelete(id); w.sync() }, engine.Full},
		{"between two cycles", func(w *world, id string) { w.dir.HardDelete(id) }, engine.Full},
		{"between two incremental cycles", func(w *world, id string) { w.dir.HardDelete(id) }, engine.Incremental},
		{"left for a while", func(w *world, id string) { w.dir.SoftDelete(id) }, engine.Incremental},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, nil)
			id := w.people[0]
			mail := w.mail(id)
			w.sync()
			account := w.accountOf(id).ID
			test.before(w, id)
			again := w.hire(mail)
			w.account.ResetRequests()
			w.kind = test.kind
			r := w.finish()
			writes := w.account.Writes()
			if len(writes) != 1 {
				t.Errorf("the account is taken over in %d writes", len(writes))
			}
			for _, write := range writes {
				if bytes.Contains(write.Body, []byte("false")) {
					t.Errorf("the account is disabled first: %s", write.Body)
				}
			}
			if u := w.accountOf(again); u.ID != account || !u.Active || r.Summary.Escrowed != 0 || r.Summary.Create != 0 {
				t.Errorf("%+v %v: %+v", r.Summary, statuses(r), u)
			}
			if w.person(id) != nil {
				t.Error("who was deleted still has a link")
			}
			w.settled()
		})
	}
}

// An account was to be disabled for somebody who had been deleted and linked to their successor, both at once: the run
// failed, or the disable came last.
func TestLinkMovesWhileTheHolderIsBeingDisabled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.sync()
		ids := slices.Sorted(slices.Values(w.people))
		w.leave(ids[0])
		account := w.accountOf(ids[1]).ID
		again := w.rehire(ids[1])
		w.account.Fault(func(r *http.Request) *ringcentraltest.Fault {
			if r.Method == http.MethodPatch && at(r, account) && !says(r, again) {
				time.Sleep(3 * time.Second)
			}
			return nil
		})
		w.finish()
		if u := w.accountOf(again); u.ID != account || !u.Active {
			t.Errorf("the new hire has %+v", u)
		}
		w.settled()
	})
}

// The same while the disable was to be tried again.
func TestLinkMovesWhileTheHolderIsBeingRetried(t *testing.T) {
	w := newWorld(t, nil)
	w.sync()
	account := w.accountOf(w.people[0]).ID
	again := w.rehire(w.people[0])
	w.account.Fault(func(r *http.Request) *ringcentraltest.Fault {
		if r.Method == http.MethodPatch && !says(r, again) {
			return unavailable()
		}
		return nil
	})
	w.finish()
	if u := w.accountOf(again); u.ID != account || !u.Active {
		t.Errorf("the new hire has %+v", u)
	}
	w.settled()
}

// Two people who matched one account at the same time, one by each attribute, both wrote it.
func TestTwoPeopleMatchOneAccountAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *setup) {
			s.people, s.groups = 6, 1
			s.rules = func(r []mapping.Rule) []mapping.Rule { r[1].Match = 2; return r }
		})
		ids := slices.Sorted(slices.Values(w.people))
		a, b := ids[4], ids[5]
		account := w.account.Add(ringcentraltest.User{UserName: w.mail(a), Email: w.mail(b), GivenName: "Old", FamilyName: "Account", Active: true})
		w.account.Fault(func(r *http.Request) *ringcentraltest.Fault {
			if at(r, account) {
				return &ringcentraltest.Fault{Delay: time.Second} // until both have found it, and both could have written
			}
			return nil
		})
		r := w.finish()
		forA, forB := 0, 0
		for _, write := range w.account.Writes() {
			if write.ID == account && strings.Contains(string(write.Body), a) {
				forA++
			}
			if write.ID == account && strings.Contains(string(write.Body), b) {
				forB++
			}
		}
		if forA+forB != 1 {
			t.Errorf("written %d times for one and %d times for the other: %v", forA, forB, statuses(r))
		}
		linked := 0
		for _, id := range []string{a, b} {
			if p := w.person(id); p == nil {
				t.Errorf("%s is forgotten", id)
			} else if p.TargetID == account {
				linked++
			}
		}
		if linked != 1 {
			t.Errorf("%d people are linked to it", linked)
		}
	})
}

// Without create among the actions, people who had an account already were not linked to it.
func TestWithoutCreateAccountsAreLinked(t *testing.T) {
	w := newWorld(t, func(s *setup) { s.noCreate = true })
	mail := w.mail(w.people[0])
	account := w.account.Add(ringcentraltest.User{UserName: mail, Email: mail, GivenName: "Old", FamilyName: "Name", Active: true})
	r := w.sync()
	if u := w.accountOf(w.people[0]); u.ID != account || u.GivenName == "Old" || r.Summary.Update != 1 || len(w.account.Users()) != 1 {
		t.Errorf("%+v, skipped %v: %+v", r.Summary, r.Skipped, u)
	}
}

// An account that was made again after it had vanished lacked what only creates set.
func TestAccountMadeAgainHasItsDefaults(t *testing.T) {
	w := newWorld(t, func(s *setup) {
		s.rules = func(r []mapping.Rule) []mapping.Rule {
			employee := connectors.StringValue("Employee")
			r[5].Default = &employee
			return r
		}
	})
	id := w.people[0]
	w.dir.UpdateUser(id, map[string]any{"jobTitle": nil})
	w.sync()
	if got := w.accountOf(id).Title; got != "Employee" {
		t.Fatalf("made with the title %q", got)
	}
	w.sync()
	w.account.Remove(w.accountOf(id).ID)
	w.sync()
	if got := w.accountOf(id).Title; got != "Employee" {
		t.Errorf("made again with the title %q", got)
	}
}

// The address of an adopted account, which is written as a whole, lost the parts that only creates set.
func TestAdoptedAddressKeepsWhatOnlyCreatesSet(t *testing.T) {
	w := newWorld(t, func(s *setup) {
		s.rules = func(r []mapping.Rule) []mapping.Rule { r[11].Apply = "create"; return r }
	})
	id := w.people[0]
	w.dir.UpdateUser(id, map[string]any{"country": "Germany", "state": "Hessen", "city": "Kassel", "streetAddress": "Neue Str. 1", "postalCode": "34117"})
	mail := w.mail(id)
	w.account.Add(ringcentraltest.User{UserName: mail, Email: mail, GivenName: "Old", FamilyName: "Name", Active: true,
		Address: &ringcentraltest.Address{StreetAddress: "Alte Str. 1", Locality: "Kassel", Region: "Hessen", PostalCode: "34117", Country: "Austria"}})
	w.sync()
	if a := w.accountOf(id).Address; a == nil || a.StreetAddress != "Neue Str. 1" || a.Country != "Austria" {
		t.Errorf("%+v", a)
	}
}

// Somebody whose create got no answer and who lost a required attribute meanwhile was sent without it; they are only to
// be looked for.
func TestUnsettledAndUnfitIsOnlyLookedFor(t *testing.T) {
	for _, made := range []bool{false, true} {
		w := newWorld(t, nil)
		id := w.people[0]
		w.account.Fault(lostCreate(w.mail(id), made))
		w.finish()
		w.account.Fault(nil)
		w.account.ResetRequests()
		w.dir.UpdateUser(id, map[string]any{"surname": nil})
		r := w.finish()
		if n := w.account.Requests()["POST /Users"]; n != 0 || len(r.Skipped) != 1 {
			t.Errorf("made=%v: %d POSTs: %v, skipped %v", made, n, statuses(r), r.Skipped)
		}
		if p := w.person(id); made != (p != nil && p.TargetID != "") {
			t.Errorf("made=%v, but %+v is remembered", made, p)
		}
	}
}

// Somebody whose create did not arrive leaves: an account of others with the same mail is not theirs, and stays as it is.
func TestLeaverHasNoClaimToAnothersAccount(t *testing.T) {
	w := newWorld(t, nil)
	id := w.people[0]
	w.account.Fault(lostCreate(w.mail(id), false))
	w.finish()
	w.account.Fault(nil)
	other := w.account.Add(ringcentraltest.User{UserName: w.mail(id), Email: w.mail(id), GivenName: "Front", FamilyName: "Desk", Active: true})
	w.leave(id)
	r := w.finish()
	if a, _ := w.account.User(other); !a.Active || a.GivenName != "Front" {
		t.Errorf("%+v: %+v %v", a, r.Summary, statuses(r))
	}
}

// withoutMarks leaves externalId out of the mapping.
func withoutMarks(s *setup) {
	s.account.AllowDuplicates = true
	s.rules = func(r []mapping.Rule) []mapping.Rule { return slices.Delete(r, 2, 3) }
}

// Where externalId is not mapped, an account made by a create without an answer was not found again: it was made twice,
// or stayed active.
func TestUnsettledCreateWithoutExternalID(t *testing.T) {
	for _, test := range []struct {
		name   string
		event  func(w *world, id string)
		active bool
	}{
		{"renamed", func(w *world, id string) { w.dir.UpdateUser(id, map[string]any{"mail": "renamed@contoso.com"}) }, true},
		{"left", func(w *world, id string) { w.leave(id) }, false},
		{"only what was made may be linked", func(w *world, _ string) { w.setup.adopt = plan.AdoptNever }, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, withoutMarks)
			id := w.people[0]
			w.account.Fault(lostCreate(w.mail(id), true))
			w.finish()
			w.account.Fault(nil)
			test.event(w, id)
			r := w.finish()
			us := w.account.ByMail(w.mail(id))
			if len(us) != 1 || us[0].Active != test.active || len(w.account.Users()) != 12 {
				t.Errorf("of %d accounts these are the person's: %+v, %v", len(w.account.Users()), us, statuses(r))
			}
			if p := w.person(id); p == nil || p.TargetID != us[0].ID {
				t.Errorf("the account is not linked: %+v", p)
			}
		})
	}
}

// After the state file was lost, a rename that happened meanwhile made a second account, and a leaver kept theirs.
func TestLostStateFindsTheRenamedAndTheLeavers(t *testing.T) {
	w := newWorld(t, nil)
	w.sync()
	account := w.accountOf(w.people[0]).ID
	w.must(os.Remove(w.path))
	w.dir.UpdateUser(w.people[0], map[string]any{"mail": "renamed@contoso.com"})
	w.leave(w.people[1])
	r := w.sync()
	if u := w.accountOf(w.people[0]); u.ID != account || u.UserName != "renamed@contoso.com" {
		t.Errorf("the renamed: %+v", u)
	}
	if u := w.accountOf(w.people[1]); u.Active {
		t.Errorf("the leaver: %+v, %+v %v", u, r.Summary, statuses(r))
	}
	w.settled()
}

// A leaver with two accounts, of which a create without an answer may have made either, was forgotten.
func TestLeaverWithTwoAccountsIsNotForgotten(t *testing.T) {
	w := newWorld(t, withoutMarks)
	id := w.people[0]
	w.account.Fault(lostCreate(w.mail(id), true))
	w.finish()
	w.account.Fault(nil)
	twin := w.account.ByMail(w.mail(id))[0]
	twin.ID = ""
	w.account.Add(twin)
	w.leave(id)
	r := w.finish()
	if r.Summary.Escrowed != 1 || r.Changes[0].Status != plan.StatusConflict || !strings.Contains(r.Changes[0].Error, "2 accounts have userName") {
		t.Errorf("%+v %+v", r.Summary, r.Changes)
	}
	if w.person(id) == nil {
		t.Error("forgotten")
	}
}

// memory is a job's state in memory, of which a process that dies leaves what it has committed.
type memory struct {
	state.DB
	left atomic.Int64 // commits until the process dies
}

var errCrash = errors.New("crash")

func (m *memory) Update(ctx context.Context, fn func(state.Writer) error) error {
	if m.left.Add(-1) < 0 {
		return errCrash
	}
	return m.DB.Update(ctx, fn)
}

// crashes runs a first sync that dies after so many commits, then each event for half of the people with a sync after
// it, and one sync more. It reports how many accounts there were at the crash.
func crashes(t *testing.T, commits int64, events ...func(*world, string)) (made int) {
	w := newWorld(t, func(s *setup) { s.people, s.account.AllowDuplicates = 8, true })
	m := &memory{DB: state.NewOverlay(nil)}
	m.left.Store(math.MaxInt64)
	job, target := w.job(m)
	m.left.Store(commits)
	if _, err := job.Sync(t.Context(), target, 0); err != nil && !errors.Is(err, errCrash) {
		t.Fatal(err)
	}
	made = len(w.account.Users())
	concerned := slices.Clone(w.people) // first those who have an account by then
	accounts := map[string]int{}
	for _, a := range w.account.Users() {
		accounts[a.ExternalID]++
	}
	slices.SortStableFunc(concerned, func(a, b string) int { return accounts[b] - accounts[a] })
	m.left.Store(math.MaxInt64)
	var r *plan.Report
	for _, event := range append(events, func(*world, string) {}) {
		for _, id := range concerned[:4] {
			event(w, id)
		}
		held, err := job.Outbox(t.Context(), true)
		w.must(err)
		for _, c := range held {
			_, err := job.Approve(t.Context(), c.Held, []string{c.Source.ID})
			w.must(err)
		}
		r, err = job.Sync(t.Context(), target, math.MaxInt)
		w.must(err)
	}
	if w.settled(); t.Failed() {
		t.Fatalf("after a crash before commit %d: %+v %v", commits, r.Summary, statuses(r))
	}
	return made
}

// The first sync dies before one of its commits, and then something happens to half of the people: nobody is made
// twice, and nobody who left keeps an account (safety rules S1, S4 and S5). An account whose create was not committed
// was not found again when its person had become unfit by then.
func TestCrashThenChange(t *testing.T) {
	rename := func(w *world, id string) {
		w.dir.UpdateUser(id, map[string]any{"mail": "renamed-" + id[:8] + "@contoso.com"})
	}
	leave := func(w *world, id string) { w.leave(id) }
	unfit := func(w *world, id string) { w.dir.UpdateUser(id, map[string]any{"surname": nil}) }
	for _, test := range []struct {
		name   string
		events []func(*world, string)
	}{
		{"nothing", nil},
		{"renamed", []func(*world, string){rename}},
		{"left", []func(*world, string){leave}},
		{"renamed and left", []func(*world, string){func(w *world, id string) { rename(w, id); leave(w, id) }}},
		{"without a mail and left", []func(*world, string){func(w *world, id string) {
			w.dir.UpdateUser(id, map[string]any{"mail": nil})
			leave(w, id)
		}}},
		{"unfit, then left", []func(*world, string){unfit, leave}},
		{"unfit, then fit and renamed", []func(*world, string){unfit, func(w *world, id string) {
			w.dir.UpdateUser(id, map[string]any{"surname": "Fit"})
			rename(w, id)
		}}},
		{"rehired", []func(*world, string){func(w *world, id string) { w.rehire(id) }}},
	} {
		t.Run(test.name, func(t *testing.T) {
			most := 0
			for commits := int64(2); commits <= 12; commits++ {
				most = max(most, crashes(t, commits, test.events...))
			}
			if most == 0 {
				t.Error("every crash came before the first create")
			}
		})
	}
}

// Somebody in scope without a mail, when the links were reset, lost their account and was given a second one once they had
// a mail again.
func TestResetLinksOfSomebodyWithoutMail(t *testing.T) {
	w := newWorld(t, nil)
	w.sync()
	id := w.people[0]
	account := w.accountOf(id)
	w.dir.UpdateUser(id, map[string]any{"mail": nil})
	w.sync()
	db, err := bolt.Open(w.path, bolt.Options{})
	w.must(err)
	job, _ := w.job(db)
	w.must(job.Restart(t.Context(), engine.Reset{Links: true}))
	w.must(db.Close())
	w.sync()
	w.dir.UpdateUser(id, map[string]any{"mail": "again@contoso.com"})
	w.kind = engine.Incremental
	w.sync()
	if a := w.accountOf(id); a.ID != account.ID || a.UserName != "again@contoso.com" {
		t.Errorf("%+v", a)
	}
}
