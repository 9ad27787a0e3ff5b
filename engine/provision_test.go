package engine_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ringsync/connectors"
	"ringsync/connectors/entra/entratest"
	"ringsync/connectors/ringcentral/ringcentraltest"
	"ringsync/engine/plan"
	"ringsync/state"
	"ringsync/state/bolt"
)

// tryProvision provisions people on demand, over the state file.
func (w *world) tryProvision(who ...string) (*plan.Provisioned, error) {
	w.t.Helper()
	db, err := bolt.Open(w.path, bolt.Options{Create: true})
	w.must(err)
	defer func() { w.must(db.Close()) }()
	job, target := w.job(db)
	return job.Provision(w.t.Context(), target, who)
}

func (w *world) provision(who ...string) *plan.Provisioned {
	w.t.Helper()
	r, err := w.tryProvision(who...)
	w.must(err)
	return r
}

// remembered returns everybody who is remembered, by id, and whether there is a watermark.
func (w *world) remembered() (people map[string]state.Person, marked bool) {
	w.t.Helper()
	db, err := bolt.Open(w.path, bolt.Options{Create: true})
	w.must(err)
	defer func() { w.must(db.Close()) }()
	people = map[string]state.Person{}
	w.must(w.records(db).View(w.t.Context(), func(v *state.View) error {
		_, marked = v.Mark()
		for p, err := range v.People("") {
			if err != nil {
				return err
			}
			people[p.ID] = *p
		}
		return nil
	}))
	return people, marked
}

// Only the people named are read, remembered and written; groups and delta chains are not touched, and no watermark is
// set.
func TestProvisionReadsJustThem(t *testing.T) {
	w := newWorld(t, func(s *setup) { s.people = 60 })
	r := w.provision(w.people[3], w.people[7])
	if r.Summary.Create != 2 || len(r.Changes) != 2 || len(r.People) != 2 || r.Kind != "on-demand" {
		t.Errorf("%+v %v", r.Summary, statuses(&r.Report))
	}
	allowed := []string{"GET /servicePrincipals", "GET /servicePrincipals/{id}", "GET /servicePrincipals/{id}/appRoleAssignedTo", "POST /$batch",
		"$batch GET /users/{id}", "$batch GET /users/{id}/memberOf"}
	for request := range w.dir.Requests() {
		if !slices.Contains(allowed, request) && !strings.HasPrefix(request, "GET /servicePrincipals") {
			t.Errorf("the directory is asked %s", request)
		}
	}
	people, marked := w.remembered()
	if marked {
		t.Error("there is a watermark")
	}
	if got := slices.Sorted(maps.Keys(people)); !slices.Equal(got, slices.Sorted(slices.Values([]string{w.people[3], w.people[7]}))) {
		t.Errorf("remembered: %v", got)
	}
	if r := w.sync(); r.Kind != "initial" {
		t.Errorf("the first cycle is %s", r.Kind)
	}
	w.settled()
	_, before := w.remembered()
	w.provision(w.people[3])
	if _, after := w.remembered(); !before || !after {
		t.Error("the watermark is lost")
	}
}

// Whoever seems to have left a group is looked for among its members too (safety rule S2).
func TestProvisionAsksTwiceBeforeRemoving(t *testing.T) {
	for _, test := range []struct {
		name    string
		wrong   func(w *world, group, person string)
		nested  bool
		removed bool
		later   bool // the next cycle removes them
	}{
		{name: "left the group", removed: true, wrong: func(w *world, group, person string) { w.dir.RemoveMember(group, person) }},
		{name: "the memberships lack the group", wrong: lagging},
		{name: "the group cannot be read", later: true, wrong: func(w *world, group, person string) {
			w.dir.RemoveMember(group, person)
			w.dir.Fault(func(r *http.Request) *entratest.Fault {
				if strings.HasSuffix(r.URL.Path, group+"/members") {
					return &entratest.Fault{Status: 403}
				}
				return nil
			})
		}},
		{name: "the person cannot be read", later: true, wrong: func(w *world, group, person string) {
			w.dir.RemoveMember(group, person)
			w.dir.Fault(func(r *http.Request) *entratest.Fault {
				if strings.HasSuffix(r.URL.Path, "/memberOf") {
					return &entratest.Fault{Status: 403}
				}
				return nil
			})
		}},
		{name: "left a group within the group", nested: true, removed: true, wrong: func(w *world, group, person string) { w.dir.RemoveMember(group, person) }},
		{name: "the group left the group", nested: true, removed: true, wrong: func(w *world, group, _ string) {
			for _, outer := range w.groups {
				w.dir.RemoveMember(outer, group)
			}
		}},
		{name: "nested memberships lack the groups", nested: true, wrong: lagging},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, func(s *setup) { s.people, s.nested = 24, test.nested })
			group := w.dir.AddGroup("Inner", entratest.GroupOptions{})
			if test.nested {
				w.dir.AddMember(w.groups[0], group)
			} else {
				w.dir.Assign(group, w.dir.AddRole(entratest.Role{Value: "User", DisplayName: "User", Enabled: true}))
			}
			person := w.dir.AddUser(entratest.User{"userPrincipalName": "lea@example.com", "mail": "lea@example.com", "givenName": "Lea", "surname": "Ver", "displayName": "Lea"})
			w.dir.AddMember(group, person)
			w.sync()
			if !w.accountOf(person).Active {
				t.Fatal("there is no account to begin with")
			}
			test.wrong(w, group, person)
			r := w.provision(person)
			if got := !w.accountOf(person).Active; got != test.removed {
				t.Errorf("removed: %v, want %v; %v %v", got, test.removed, statuses(&r.Report), r.People)
			}
			w.dir.Fault(nil)
			w.dir.OnRequest(nil)
			w.sync()
			if got := !w.accountOf(person).Active; got != (test.removed || test.later) {
				t.Errorf("the next cycle comes to another end: removed: %v", got)
			}
		})
	}
}

// lagging has the person's own memberships lack the group, which has the person all the same.
func lagging(w *world, group, person string) {
	w.dir.OnRequest(func(r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/$batch"):
			w.dir.RemoveMember(group, person)
		case strings.HasSuffix(r.URL.Path, "/members"):
			w.dir.AddMember(group, person)
		}
	})
}

// The state is lost, and the account that was made has another userName by now: it is found by its mark, and nobody is
// made twice (safety rule S1).
func TestProvisionAfterAStateWasLost(t *testing.T) {
	w := newWorld(t, nil)
	w.provision(w.people[0])
	account := w.accountOf(w.people[0])
	w.account.Edit(account.ID, func(u *ringcentraltest.User) { u.UserName, u.Email = "renamed@example.com", "renamed@example.com" })
	w.path += ".new"
	r := w.provision(w.people[0])
	if got := w.accountOf(w.people[0]); got.ID != account.ID || r.Summary.Create != 0 {
		t.Errorf("account %s, was %s; %v", got.ID, account.ID, statuses(&r.Report))
	}
}

// Roles come from the person's own groups.
func TestProvisionWithRoles(t *testing.T) {
	w := newWorld(t, func(s *setup) { s.roles = true })
	role := w.dir.AddRole(entratest.Role{Value: "Manager", DisplayName: "Manager", Enabled: true})
	person := w.people[0]
	w.dir.Assign(person, role)
	r := w.provision(person)
	if got := w.accountOf(person).Title; got == "" {
		t.Errorf("title %q, %v", got, statuses(&r.Report))
	}
	was := w.accountOf(person).Title
	w.sync()
	if got := w.accountOf(person).Title; got != was {
		t.Errorf("a cycle makes the title %q of %q", got, was)
	}
}

// While a daemon drains the outbox at the target's pace, whoever is asked for goes next.
func TestProvisionGoesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *setup) {
			s.people = 60
			s.account.Limits = ringcentraltest.DocumentedLimits()
		})
		s := w.serve(daily)
		pass(2 * time.Minute)
		made := map[string]bool{}
		for _, u := range w.account.Users() {
			made[u.ExternalID] = true
		}
		last := ""
		for _, id := range w.people {
			if u, _ := w.dir.User(id); !made[id] && u["mail"] != nil && u["accountEnabled"] == true {
				last = max(last, connectors.FoldID(id))
			}
		}
		began := time.Now()
		r, err := s.job.Provision(t.Context(), s.target, []string{last})
		w.must(err)
		if took := time.Since(began); r.Summary.Create != 1 || took > 2*time.Minute {
			t.Errorf("%v after %s", statuses(&r.Report), took)
		}
		if len(w.account.Users()) == len(w.people) {
			t.Error("everybody had been made by then")
		}
		pass(2 * time.Hour)
		s.stop()
		w.settled()
	})
}
