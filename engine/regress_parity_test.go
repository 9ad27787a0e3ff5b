package engine_test

import (
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"ringsync/connectors/entra/entratest"
	"ringsync/connectors/ringcentral/ringcentraltest"
	"ringsync/engine"
	"ringsync/engine/plan"
	"ringsync/mapping"
)

// promised returns the statuses of a dry run as the sync is to report them.
func promised(dry *plan.Report) []string {
	out := statuses(dry)
	for i, s := range out {
		out[i] = strings.Replace(s, ": "+plan.StatusPlanned, ": "+plan.StatusDone, 1)
	}
	return out
}

// A dry run said other things than the sync then did: of conflicts of which a part goes out, of people who wait, of
// escrows that are due, of accounts that are nobody's.
func TestDiffSaysWhatSyncDoes(t *testing.T) {
	for _, test := range []struct {
		name  string
		setup func(*setup)
		event func(w *world)
		want  plan.Summary
	}{
		{"somebody else's mail, and a title", nil, func(w *world) {
			w.sync()
			w.dir.UpdateUser(w.people[1], map[string]any{"mail": w.mail(w.people[0]), "jobTitle": "Usurper"})
		}, plan.Summary{Update: 1, Unchanged: 11, Escrowed: 1}},
		{"no licence", func(s *setup) { s.account.Licenses = 8 }, func(w *world) { w.sync() },
			plan.Summary{Unchanged: 8, Waiting: 4}},
		{"an escrow that is due", nil, func(w *world) {
			w.account.Fault(func(r *http.Request) *ringcentraltest.Fault {
				if r.Method == http.MethodPost && says(r, w.people[0]) {
					return ringcentraltest.SCIMFault(http.StatusBadRequest, "invalidValue", "no")
				}
				return nil
			})
			w.sync()
			w.account.Fault(nil)
		}, plan.Summary{Create: 1, Unchanged: 11}},
		{"adopted and renamed", func(s *setup) { s.rules = matchByMail }, func(w *world) { w.addOld(w.people[0]) },
			plan.Summary{Create: 11, Update: 1}},
		{"disabled by the mapping", func(s *setup) {
			s.rules = func(r []mapping.Rule) []mapping.Rule {
				r[13].Expression = `Switch([jobTitle], "True", "Gone", "False")`
				return r
			}
		}, func(w *world) {
			w.sync()
			w.retitle(w.people[:1], "Gone")
		}, plan.Summary{Disable: 1, Unchanged: 11}},
		{"a chain of renames", nil, func(w *world) {
			w.sync()
			mail := w.mail(w.people[1])
			w.dir.UpdateUser(w.people[1], map[string]any{"mail": "free@contoso.com"})
			w.dir.UpdateUser(w.people[0], map[string]any{"mail": mail})
		}, plan.Summary{Update: 2, Unchanged: 10}},
		{"mails swapped, and the state lost", func(s *setup) { s.guard, s.concurrency = engine.Guard{From: 1}, 1 }, func(w *world) {
			w.sync()
			for i := range 6 {
				one, other := w.mail(w.people[i]), w.mail(w.people[11-i])
				w.dir.UpdateUser(w.people[i], map[string]any{"mail": other})
				w.dir.UpdateUser(w.people[11-i], map[string]any{"mail": one})
			}
			w.must(os.Remove(w.path))
		}, plan.Summary{Held: 12}},
		{"rehired", nil, func(w *world) {
			w.sync()
			mail := w.mail(w.people[0])
			w.dir.HardDelete(w.people[0])
			w.sync()
			w.hire(mail)
		}, plan.Summary{Enable: 1, Unchanged: 11}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, test.setup)
			test.event(w)
			dry := w.diff()
			r := w.sync()
			if r.Summary != test.want {
				t.Errorf("the sync did %+v %v, want %+v", r.Summary, statuses(r), test.want)
			}
			if dry.Summary != r.Summary || dry.Strangers != r.Strangers || !slices.Equal(promised(dry), statuses(r)) {
				t.Errorf("the dry run said %+v %v, %d strangers\nthe sync did    %+v %v, %d strangers",
					dry.Summary, promised(dry), dry.Strangers, r.Summary, statuses(r), r.Strangers)
			}
		})
	}
}

// An attribute that was mapped for the first time was written to everybody, also where the account had the value.
func TestNewlyMappedValueThatIsThereIsNotWritten(t *testing.T) {
	w := newWorld(t, func(s *setup) {
		s.rules = func(r []mapping.Rule) []mapping.Rule { return slices.Delete(r, 5, 6) }
	})
	w.sync()
	for i, id := range w.people {
		u, _ := w.dir.User(id)
		title, _ := u["jobTitle"].(string)
		if i == 0 {
			title = "Another"
		}
		w.account.Edit(w.accountOf(id).ID, func(a *ringcentraltest.User) { a.Title = title })
	}
	w.account.ResetRequests()
	w.setup.rules = nil
	other := "PATCH " + w.accountOf(w.people[0]).ID
	if r, got := w.sync(), w.writes(); !slices.Equal(got, []string{other}) {
		t.Errorf("%+v, writes %v", r.Summary, got)
	}
}

// Accounts whose creates got no answer and were then found counted as adopted strangers, and the number of strangers
// fell below zero.
func TestFoundCreatesWereNoStrangers(t *testing.T) {
	w := newWorld(t, nil)
	w.account.Add(ringcentraltest.User{UserName: "stranger@contoso.com", Email: "stranger@contoso.com", GivenName: "A", FamilyName: "Stranger", Active: true})
	var posts atomic.Int64
	w.account.Fault(func(r *http.Request) *ringcentraltest.Fault {
		if r.Method == http.MethodPost && posts.Add(1) <= 3 {
			return &ringcentraltest.Fault{Drop: true, AfterEffect: true}
		}
		return nil
	})
	if r := w.sync(); r.Strangers != 1 || len(w.account.Users()) != 13 {
		t.Errorf("%d strangers among %d accounts, want 1 among 13", r.Strangers, len(w.account.Users()))
	}
}

// Somebody who was left out because they are protected was told of nowhere.
func TestProtectedIsSkippedAloud(t *testing.T) {
	w := newWorld(t, func(s *setup) { s.protect = []string{"svc@contoso.com"} })
	w.dir.UpdateUser(w.people[0], map[string]any{"mail": "svc@contoso.com"})
	for _, r := range []*plan.Report{w.diff(), w.sync()} {
		if r.Summary.Skipped != 1 || len(r.Skipped) != 1 || r.Skipped[0].Source.ID != w.people[0] || !strings.Contains(r.Skipped[0].Reason, "protect") {
			t.Errorf("%+v %+v", r.Summary, r.Skipped)
		}
	}
}

// Somebody who is not assigned and turned up in the read by a change in the middle of it was told of as skipped.
func TestOutOfScopeIsNotSkipped(t *testing.T) {
	w := newWorld(t, nil)
	w.sync()
	room := w.dir.AddUser(entratest.User{"userPrincipalName": "room@contoso.com", "displayName": "Meeting room"})
	var changed atomic.Bool
	w.dir.OnRequest(func(r *http.Request) {
		if strings.Contains(r.URL.Path, "/members") && !changed.Swap(true) {
			w.dir.UpdateUser(room, map[string]any{"jobTitle": "On the third floor"})
		}
	})
	if r := w.sync(); !changed.Load() || len(r.Skipped) != 0 || r.Summary.Unchanged != 12 {
		t.Errorf("changed=%v %+v %+v", changed.Load(), r.Summary, r.Skipped)
	}
}
