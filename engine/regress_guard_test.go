package engine_test

import (
	"testing"

	"ringsync/connectors/ringcentral/ringcentraltest"
	"ringsync/engine"
	"ringsync/engine/plan"
	"ringsync/mapping"
)

// tight lets nobody be removed without approval.
func tight(s *setup) { s.people, s.guard = 40, engine.Guard{Count: 0, Percent: 10, From: 20} }

// matchByMail matches people by the work e-mail alone, so that accounts of other user names are adopted and renamed.
func matchByMail(r []mapping.Rule) []mapping.Rule {
	r[0].Match, r[1].Match = 0, 1
	return r
}

// addOld adds an account that matches the person by mail and has another user name.
func (w *world) addOld(person string) {
	w.account.Add(ringcentraltest.User{UserName: "old-" + w.mail(person), Email: w.mail(person), GivenName: "Old", FamilyName: "Account", Active: true})
}

// lists returns the numbers of the held lists in the report and how many people are on each.
func lists(r *plan.Report) map[uint32]int {
	on := map[uint32]int{}
	for _, c := range r.Changes {
		if c.Held != 0 {
			on[c.Held]++
		}
	}
	return on
}

// Removals that showed themselves only when an adopted account was read went on a held list each.
func TestLateRemovalsShareAList(t *testing.T) {
	w := newWorld(t, func(s *setup) { tight(s); s.rules = matchByMail })
	for _, id := range w.people[:20] {
		w.addOld(id)
	}
	if r := w.sync(); r.Summary.Create != 20 || r.Summary.Held != 20 || len(lists(r)) != 1 || lists(r)[1] != 20 {
		t.Errorf("%+v, lists %v, warnings %v", r.Summary, lists(r), r.Warnings)
	}
	// Those of a later cycle form a new one.
	w.dir.UpdateUser(w.people[30], map[string]any{"mail": "renamed@contoso.com"})
	if r := w.sync(); r.Summary.Held != 21 || len(lists(r)) != 2 || lists(r)[2] != 1 {
		t.Errorf("a cycle later: %+v, lists %v", r.Summary, lists(r))
	}
}

// Renames that a conflict keeps from being sent used up the limit, and one leaver was held.
func TestRenamesInConflictDoNotCount(t *testing.T) {
	w := newWorld(t, func(s *setup) { s.people = 40 }) // a limit of 4
	w.sync()
	for i := range 4 {
		w.dir.UpdateUser(w.people[i], map[string]any{"mail": w.mail(w.people[20+i])})
	}
	if r := w.sync(); r.Summary.Escrowed != 4 {
		t.Fatalf("%+v %v", r.Summary, statuses(r))
	}
	w.leave(w.people[10])
	if r := w.sync(); r.Summary.Held != 0 || r.Summary.Disable != 1 || w.accountOf(w.people[10]).Active {
		t.Errorf("%+v %v", r.Summary, r.Warnings)
	}
}

// Leavers whose disabled accounts were purged at RingCentral counted as removed once more, and were held.
func TestPurgedLeaversAreNoRemovals(t *testing.T) {
	w := newWorld(t, func(s *setup) { s.people, s.guard = 40, engine.Guard{Count: 100, Percent: 100, From: 1} })
	w.sync()
	for _, id := range w.people[:8] {
		w.leave(id)
	}
	if r := w.sync(); r.Summary.Disable != 8 {
		t.Fatalf("%+v", r.Summary)
	}
	w.setup.guard = engine.Guard{Count: 25, Percent: 10, From: 20}
	for _, id := range w.people[:8] {
		w.account.Remove(w.accountOf(id).ID)
	}
	for range 2 { // a cycle stops asking for missing accounts once more than the limit are gone
		if r := w.sync(); r.Summary.Held != 0 || len(r.Changes) != 0 || r.Summary.Unchanged != 32 {
			t.Errorf("%+v %v", r.Summary, statuses(r))
		}
	}
	for _, id := range w.people[:8] {
		if w.person(id) != nil {
			t.Errorf("%s is still remembered", id)
		}
	}
}

// People who came back still counted as waiting in the cycle that saw them return, and one leaver was held.
func TestReturnedPeopleWaitNoMore(t *testing.T) {
	w := newWorld(t, func(s *setup) { s.people = 40 }) // a limit of 4
	w.sync()
	for _, id := range w.people[:5] {
		w.leave(id)
	}
	if r := w.sync(); r.Summary.Held != 5 {
		t.Fatalf("%+v", r.Summary)
	}
	for _, id := range w.people[:5] {
		w.dir.AddMember(w.groups[0], id)
	}
	w.leave(w.people[10])
	if r := w.sync(); r.Summary.Held != 0 || r.Summary.Disable != 1 || w.accountOf(w.people[10]).Active {
		t.Errorf("%+v %v", r.Summary, r.Warnings)
	}
	w.settled()
}

// A rename that had waited for a mail to become free went out beside as many removals as the limit allows.
func TestRemovalOutOfEscrowIsJudged(t *testing.T) {
	w := newWorld(t, func(s *setup) { s.people = 40 }) // a limit of 4
	w.sync()
	w.dir.UpdateUser(w.people[0], map[string]any{"mail": w.mail(w.people[1])})
	if r := w.sync(); r.Summary.Escrowed != 1 {
		t.Fatalf("%+v", r.Summary)
	}
	w.dir.UpdateUser(w.people[1], map[string]any{"mail": "free@contoso.com"})
	for _, id := range w.people[10:13] {
		w.leave(id)
	}
	dry := w.diff()
	r := w.sync()
	if r.Summary.Disable != 3 || r.Summary.Update != 1 || r.Summary.Held != 1 {
		t.Errorf("%+v %v", r.Summary, r.Warnings)
	}
	if dry.Summary != r.Summary {
		t.Errorf("the dry run said %+v, the sync did %+v", dry.Summary, r.Summary)
	}
}

// Removals of one day count together, however many cycles they are spread over.
func TestRemovalsOfADayCountTogether(t *testing.T) {
	w := newWorld(t, func(s *setup) { s.people = 40 }) // a limit of 4
	w.sync()
	for _, id := range w.people[:3] {
		w.leave(id)
	}
	if r := w.sync(); r.Summary.Disable != 3 || r.Summary.Held != 0 {
		t.Fatalf("%+v", r.Summary)
	}
	for _, id := range w.people[3:5] {
		w.leave(id)
	}
	if r := w.sync(); r.Summary.Disable != 0 || r.Summary.Held != 2 {
		t.Errorf("%+v", r.Summary)
	}
}
