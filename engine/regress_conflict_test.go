package engine_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"ringsync/connectors/entra/entratest"
	"ringsync/connectors/ringcentral/ringcentraltest"
	"ringsync/engine/plan"
	"ringsync/state"
)

// A mail that the target refused kept the person's new title from going out, for as long as somebody else had the mail.
func TestRefusedMailHoldsBackNothingElse(t *testing.T) {
	w := newWorld(t, nil)
	w.sync()
	w.account.Add(ringcentraltest.User{UserName: "taken@contoso.com", Email: "taken@contoso.com", GivenName: "A", FamilyName: "Stranger", Active: true})
	id := w.people[0]
	before := w.accountOf(id)
	w.dir.UpdateUser(id, map[string]any{"mail": "taken@contoso.com", "jobTitle": "Captain"})
	w.writes()

	r := w.sync()
	after := w.accountOf(id)
	if after.UserName != before.UserName || after.Email != before.Email || after.Title != "Captain" {
		t.Errorf("the account shows %q, %q, title %q", after.UserName, after.Email, after.Title)
	}
	if r.Summary.Update != 1 || r.Summary.Escrowed != 1 {
		t.Errorf("%+v %v", r.Summary, statuses(r))
	}
	if p := w.person(id); !strings.Contains(p.Failure.Text, "already exists") || p.Failure.Status != http.StatusConflict {
		t.Errorf("what is remembered of the refusal: %+v", p.Failure)
	}
	w.writes()
	w.sync()
	if tries := w.writes(); len(tries) != 1 {
		t.Errorf("the next cycle tries the mail %d times", len(tries))
	}
}

// Two people swapped mails while the create of one of them was lost: the other waited for an account that was never
// made, and the first for the mail that the other could not give up.
func TestSwapWithSomebodyWhoseCreateWasLost(t *testing.T) {
	w := newWorld(t, nil)
	w.sync()
	settled := w.people[0]
	newcomer := w.hire("newcomer@contoso.com")
	w.account.Fault(func(r *http.Request) *ringcentraltest.Fault {
		if r.Method == http.MethodPost {
			return &ringcentraltest.Fault{Drop: true}
		}
		return nil
	})
	w.sync()
	if p := w.person(newcomer); !p.Unsettled {
		t.Fatalf("the create is not taken for lost: %+v", p)
	}
	w.account.Fault(nil)
	mail := w.mail(settled)
	w.dir.UpdateUser(settled, map[string]any{"mail": "newcomer@contoso.com"})
	w.dir.UpdateUser(newcomer, map[string]any{"mail": mail})
	w.sync()
	w.sync()
	if a := w.accountOf(settled); a.UserName != "newcomer@contoso.com" {
		t.Errorf("who had an account is %q", a.UserName)
	}
	if a := w.accountOf(newcomer); !strings.EqualFold(a.UserName, mail) {
		t.Errorf("the newcomer is %q", a.UserName)
	}
	w.settled()
}

// Somebody disabled who keeps their account was given a new one when the old was deleted by hand.
func TestDisabledWhoKeepTheirAccountGetNoOther(t *testing.T) {
	w := newWorld(t, func(s *setup) { s.deprovision[state.Disabled] = plan.DeprovisionKeep })
	w.sync()
	id := w.people[0]
	account := w.accountOf(id)
	w.dir.UpdateUser(id, map[string]any{"accountEnabled": false})
	w.sync()
	if !w.accountOf(id).Active {
		t.Fatal("the cause that is kept disables")
	}
	w.account.Remove(account.ID)
	w.writes()
	for range 2 {
		if r := w.sync(); r.Summary.Create != 0 {
			t.Errorf("%+v %v", r.Summary, statuses(r))
		}
	}
	if writes := w.writes(); len(writes) != 0 {
		t.Errorf("writes: %v", writes)
	}
	w.dir.UpdateUser(id, map[string]any{"accountEnabled": true})
	w.sync()
	w.settled()
}

// With adopt: always, the end of the process between giving an account to its owner's successor and putting that down
// had the successor's account disabled in the next cycle, and enabled again.
func TestAccountOfASuccessorIsNotDisabled(t *testing.T) {
	for _, adopt := range []string{plan.AdoptUnclaimed, plan.AdoptAlways} {
		t.Run(adopt, func(t *testing.T) {
			w := newWorld(t, func(s *setup) { s.adopt = adopt })
			w.sync()
			account := w.accountOf(w.people[0])
			again := w.rehire(w.people[0])
			w.account.Edit(account.ID, func(u *ringcentraltest.User) { u.ExternalID = again })
			w.account.ResetRequests()
			w.sync()
			w.sync()
			for _, write := range w.account.Writes() {
				if bytes.Contains(write.Body, []byte("false")) {
					t.Errorf("the account is disabled: %s", write.Body)
				}
			}
			if a := w.accountOf(again); a.ID != account.ID || !a.Active {
				t.Errorf("the successor has %+v", a)
			}
		})
	}
}

// A list that left out one of two accounts with the same mail had the other taken for the person's own.
func TestShortListHidesNoSecondHit(t *testing.T) {
	w := newWorld(t, func(s *setup) { s.account.AllowDuplicates = true })
	const mail = "double@contoso.com"
	double := ringcentraltest.User{UserName: mail, Email: mail, GivenName: "Old", FamilyName: "Name", Active: true}
	twins := []string{w.account.Add(double)}
	w.sync()
	twins = append(twins, w.account.Add(double))
	newcomer := w.dir.AddUser(entratest.User{"userPrincipalName": mail, "mail": mail, "displayName": "D", "givenName": "New", "surname": "Name"})
	w.dir.AddMember(w.groups[0], newcomer)
	w.account.Fault(func(r *http.Request) *ringcentraltest.Fault {
		if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/Users") && !searches(r) {
			return &ringcentraltest.Fault{HalfList: true}
		}
		return nil
	})
	r := w.sync()
	if r.Summary.Create+r.Summary.Update != 0 || r.Summary.Escrowed != 1 {
		t.Errorf("%+v %v", r.Summary, statuses(r))
	}
	for _, id := range twins {
		if u, _ := w.account.User(id); u.ExternalID != "" || u.GivenName != "Old" {
			t.Errorf("account %s is %+v", id, u)
		}
	}
}

// What the target refuses is told with its own words first and, last, with where the value at fault comes from.
func TestRefusalNamesWhereTheValueComesFrom(t *testing.T) {
	w := newWorld(t, nil)
	w.sync()
	w.account.Fault(func(r *http.Request) *ringcentraltest.Fault {
		if r.Method == http.MethodPatch {
			return ringcentraltest.SCIMFault(http.StatusBadRequest, "invalidValue", "Parameter [contact.jobTitle] value is invalid")
		}
		return nil
	})
	w.dir.UpdateUser(w.people[0], map[string]any{"jobTitle": "Astronaut"})
	text := w.sync().Changes[0].Error
	if !strings.Contains(text, ": Parameter [contact.jobTitle] value is invalid (400 invalidValue)") || !strings.HasSuffix(text, ". title comes from [jobTitle]") {
		t.Errorf("%q", text)
	}
}
