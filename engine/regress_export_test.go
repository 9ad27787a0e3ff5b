package engine_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ringsync/connectors"
	"ringsync/connectors/entra/entratest"
	"ringsync/connectors/ringcentral/ringcentraltest"
	"ringsync/engine"
	"ringsync/engine/plan"
	"ringsync/state"
	"ringsync/state/bolt"
)

// finish runs a cycle that has to end by itself; the deadline only makes a failure of one that does not.
func (w *world) finish() *plan.Report {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 20*time.Second)
	defer cancel()
	r, err := w.trySync(ctx)
	w.must(err)
	return r
}

// person returns what the state file remembers of somebody, nil if nothing.
func (w *world) person(id string) (p *state.Person) {
	w.t.Helper()
	db, err := bolt.Open(w.path, bolt.Options{ReadOnly: true})
	w.must(err)
	defer func() { w.must(db.Close()) }()
	w.must(w.records(db).View(w.t.Context(), func(v *state.View) (err error) { p, err = v.Person(id); return err }))
	return p
}

// records returns what is in the state, to be read only.
func (w *world) records(db state.Viewer) *state.Store {
	w.t.Helper()
	store := state.New(state.NewOverlay(db))
	identity, _, err := store.Peek(w.t.Context())
	w.must(err)
	w.must(store.Bind(w.t.Context(), identity, nil, []string{plan.AttrUserName}))
	return store
}

// hire adds somebody new to the directory and to the application.
func (w *world) hire(mail string) (id string) {
	id = w.dir.AddUser(entratest.User{"userPrincipalName": mail, "mail": mail, "displayName": "New Hire", "givenName": "New", "surname": "Hire"})
	w.dir.AddMember(w.groups[0], id)
	return id
}

// rehire deletes somebody for good and hires them again under another object id.
func (w *world) rehire(id string) (again string) {
	mail := w.mail(id)
	w.dir.HardDelete(id)
	return w.hire(mail)
}

func (w *world) retitle(people []string, title string) {
	for _, id := range people {
		w.dir.UpdateUser(id, map[string]any{"jobTitle": title})
	}
}

// titled counts the accounts with that title.
func (w *world) titled(title string) (n int) {
	for _, u := range w.account.Users() {
		if u.Title == title {
			n++
		}
	}
	return n
}

// says reports whether the request's body has the text in it. It uses the body up, so it is to be asked once.
func says(r *http.Request, text string) bool {
	b, err := io.ReadAll(r.Body)
	return err == nil && strings.Contains(string(b), text)
}

// at reports whether the request is for that one account.
func at(r *http.Request, account string) bool { return strings.HasSuffix(r.URL.Path, "/"+account) }

func searches(r *http.Request) bool { return r.URL.Query().Has("filter") }

func unavailable() *ringcentraltest.Fault {
	return ringcentraltest.SCIMFault(http.StatusServiceUnavailable, "", "try again")
}

func notFound() *ringcentraltest.Fault {
	return ringcentraltest.SCIMFault(http.StatusNotFound, "", "Resource not found")
}

// A create that was to be tried again in place while the last licence went kept the run going for ever.
func TestRunEndsThoughACreateInRetryFindsNoLicence(t *testing.T) {
	w := newWorld(t, func(s *setup) { s.account.Licenses, s.retryBase = 0, 20*time.Millisecond })
	victim := slices.Min(w.people)
	tried := make(chan struct{})
	var once sync.Once
	w.account.Fault(func(r *http.Request) *ringcentraltest.Fault {
		if r.Method != http.MethodPost {
			return nil
		}
		if says(r, victim) {
			once.Do(func() { close(tried) })
			return unavailable()
		}
		select {
		case <-tried:
		case <-r.Context().Done():
		}
		return nil
	})
	if r := w.finish(); r.Summary.Waiting != 12 || r.Summary.Escrowed != 0 {
		t.Errorf("%+v %v", r.Summary, statuses(r))
	}
	w.account.Fault(nil)
	w.account.SetLicenses(-1)
	if r := w.finish(); r.Summary.Create != 12 || r.Summary.Waiting != 0 {
		t.Errorf("with licences: %+v %v", r.Summary, statuses(r))
	}
	w.settled()
}

// A write that answered 404 for an account that is there unlinked the person, found the account again and wrote again,
// without end; where searches found nothing either, everybody was to be made again.
func TestWriteThatDoesNotFindTheAccount(t *testing.T) {
	for _, test := range []struct {
		name   string
		search *ringcentraltest.Fault
	}{
		{"searches find it", nil},
		{"searches find nothing", &ringcentraltest.Fault{Status: http.StatusOK,
			Body: `{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":0,"startIndex":1,"itemsPerPage":0,"Resources":[]}`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.sync()
			w.retitle(w.people, "New")
			w.account.ResetRequests()
			w.account.Fault(func(r *http.Request) *ringcentraltest.Fault {
				switch {
				case r.Method == http.MethodPatch:
					return notFound()
				case searches(r):
					return test.search
				}
				return nil
			})
			r := w.finish()
			if r.Summary.Escrowed != 12 || r.Summary.Held != 0 {
				t.Errorf("%+v %v", r.Summary, statuses(r))
			}
			if n := w.account.Requests(); n["PATCH /Users/{id}"] != 12 || n["POST /Users"] != 0 {
				t.Errorf("one PATCH for each of 12 people was to be sent: %v", n)
			}
			w.account.Fault(nil)
			if r := w.finish(); r.Summary.Update != 12 || w.titled("New") != 12 {
				t.Errorf("afterwards: %+v %v", r.Summary, statuses(r))
			}
			w.settled()
		})
	}
}

// A disable that was acknowledged with an answer that still showed the account as active was sent again without end.
func TestWriteAcknowledgedWithoutEffectIsNotRepeated(t *testing.T) {
	w := newWorld(t, nil)
	w.sync()
	leaver := w.people[0]
	u := w.accountOf(leaver)
	w.leave(leaver)
	w.account.ResetRequests()
	w.account.Fault(func(r *http.Request) *ringcentraltest.Fault {
		if r.Method != http.MethodPatch {
			return nil
		}
		return &ringcentraltest.Fault{Status: http.StatusOK, AfterEffect: true, Body: fmt.Sprintf(
			`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"id":%q,"userName":%q,"active":true}`, u.ID, u.UserName)}
	})
	if r := w.finish(); r.Summary.Escrowed != 1 {
		t.Errorf("%+v %v", r.Summary, statuses(r))
	}
	w.account.Fault(nil)
	// The list shows that the change had been made after all.
	if r := w.finish(); r.Summary.Escrowed != 0 || r.Summary.Changes() != 0 {
		t.Errorf("afterwards: %+v %v", r.Summary, statuses(r))
	}
	if n := w.account.Requests()["PATCH /Users/{id}"]; n != 1 {
		t.Errorf("%d PATCHes", n)
	}
	w.settled()
}

// A create that succeeded after others had been refused for want of a licence made the job forget the refusal, and the
// next cycle tried several creates instead of one.
func TestSlowSuccessDoesNotHideThatLicencesAreOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *setup) { s.account.Licenses = 8 })
		var posts atomic.Int64
		w.account.Fault(func(r *http.Request) *ringcentraltest.Fault {
			if r.Method == http.MethodPost && posts.Add(1) == 8 {
				return &ringcentraltest.Fault{Delay: time.Second}
			}
			return nil
		})
		if r := w.sync(); r.Summary.Create != 8 || r.Summary.Waiting != 4 {
			t.Fatalf("%+v", r.Summary)
		}
		w.account.Fault(nil)
		w.account.ResetRequests()
		w.sync()
		if n := w.account.Requests()["POST /Users"]; n != 1 {
			t.Errorf("%d creates to find out whether there are licences", n)
		}
	})
}

// One account that may not be written ended the run for everybody, cycle after cycle; a target that refuses everybody
// has to end it.
func TestForbiddenAccount(t *testing.T) {
	forbid := func(account string) func(r *http.Request) *ringcentraltest.Fault {
		return func(r *http.Request) *ringcentraltest.Fault {
			if r.Method == http.MethodPatch && (account == "" || at(r, account)) {
				return ringcentraltest.SCIMFault(http.StatusForbidden, "", "Insufficient permissions")
			}
			return nil
		}
	}
	w := newWorld(t, func(s *setup) { s.people = 40 })
	w.sync()
	w.retitle(w.people, "New")
	w.account.Fault(forbid(w.accountOf(slices.Min(w.people)).ID))
	if r := w.sync(); r.Summary.Update != 39 || r.Summary.Escrowed != 1 || w.titled("New") != 39 {
		t.Errorf("one account: %+v", r.Summary)
	}
	w.retitle(w.people, "Newer")
	w.account.ResetRequests()
	w.account.Fault(forbid(""))
	_, err := w.trySync(t.Context())
	// Beside the three that it takes, what went out while they were being committed.
	if n := w.account.Requests()["PATCH /Users/{id}"]; connectors.FaultOf(err) != connectors.FaultPermission || n < 3 || n > 20 {
		t.Errorf("everybody: %d PATCHes: %v", n, err)
	}
	w.account.Fault(nil)
	for range 3 { // whoever was in escrow when everybody was refused, and tried all the same, waits for more than a cycle
		w.sync()
	}
	if n := w.titled("Newer"); n != 40 {
		t.Errorf("afterwards %d have the new title", n)
	}
}

// A leaver whose disable was to be tried again waited behind the creates that had been looked up before.
func TestLeaverInRetryGoesBeforeCreates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *setup) { s.retryBase = 50 * time.Millisecond })
		w.sync()
		w.leave(w.people[0])
		for i := range 80 {
			w.hire(fmt.Sprintf("new%d@contoso.com", i))
		}
		leaver := w.accountOf(w.people[0]).ID
		var tries, posts, before atomic.Int64
		w.account.Fault(func(r *http.Request) *ringcentraltest.Fault {
			switch {
			case r.Method == http.MethodPatch && at(r, leaver):
				if tries.Add(1) == 1 {
					return unavailable()
				}
				before.Store(posts.Load())
			case r.Method == http.MethodPost:
				posts.Add(1)
				return &ringcentraltest.Fault{Delay: 30 * time.Millisecond}
			}
			return nil
		})
		if r := w.sync(); r.Summary.Create != 80 || r.Summary.Disable != 1 {
			t.Errorf("%+v", r.Summary)
		}
		// Four at a time, so two rounds begin in 50 ms.
		if tries.Load() != 2 || before.Load() > 8 {
			t.Errorf("the retry went out after %d creates (%d tries)", before.Load(), tries.Load())
		}
	})
}

// A token that was refused while the dispatcher waited for the rate limit was noticed only after the wait.
func TestRefusedTokenEndsTheWaitForALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *setup) {
			s.account.Limits = map[string]ringcentraltest.Limit{ringcentraltest.Heavy: {Requests: 3, Window: time.Minute, Penalty: time.Minute}}
		})
		var posts atomic.Int64
		w.account.Fault(func(r *http.Request) *ringcentraltest.Fault {
			if r.Method == http.MethodPost && posts.Add(1) == 3 {
				return ringcentraltest.GatewayFault(http.StatusUnauthorized, "OAU-213", "Token not found")
			}
			return nil
		})
		began := time.Now()
		_, err := w.trySync(t.Context())
		if took := time.Since(began); took > time.Second || posts.Load() != 3 || connectors.FaultOf(err) != connectors.FaultCredentials {
			t.Errorf("%d creates in %s: %v", posts.Load(), took, err)
		}
	})
}

// A target that throttles every create gets one request a penalty, and nobody is blamed for it.
func TestThrottledForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.account.Fault(func(r *http.Request) *ringcentraltest.Fault {
			if r.Method == http.MethodPost {
				return ringcentraltest.ThrottleFault(30 * time.Second)
			}
			return nil
		})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		r, err := w.trySync(ctx)
		if n := w.account.Requests()["POST /Users"]; !errors.Is(err, context.DeadlineExceeded) || n < 10 || n > 20 || w.account.EarlyRequests() != 0 {
			t.Errorf("%d creates in ten minutes, %d inside a penalty: %v", n, w.account.EarlyRequests(), err)
		}
		if r.Summary.Escrowed != 0 {
			t.Errorf("%+v", r.Summary)
		}
		w.account.Fault(nil)
		pass(time.Minute)
		if r := w.sync(); r.Summary.Create != 12 {
			t.Errorf("afterwards: %+v", r.Summary)
		}
	})
}

// A target that answers nobody was asked again and again for each of thousands of people.
func TestTargetDownEndsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *setup) { s.people = 100 })
		w.account.Fault(func(r *http.Request) *ringcentraltest.Fault {
			if r.Method == http.MethodPost {
				return unavailable()
			}
			return nil
		})
		_, err := w.trySync(t.Context())
		if n := w.account.Requests()["POST /Users"]; err == nil || n < 50 || n > 70 {
			t.Errorf("%d creates of 100 people: %v", n, err)
		}
		w.account.Fault(nil)
		if r := w.sync(); r.Summary.Create != 100 {
			t.Errorf("afterwards: %+v", r.Summary)
		}
		w.settled()
	})
}

// Ctrl-C in the middle: what was sent is waited for, counted and remembered, and the next run makes the rest.
func TestInterruptedRunForgetsNothingItSent(t *testing.T) {
	w := newWorld(t, func(s *setup) { s.people = 40 })
	ctx, cancel := context.WithCancel(t.Context())
	var posts atomic.Int64
	told := make(chan struct{})
	w.account.Fault(func(r *http.Request) *ringcentraltest.Fault {
		if r.Method != http.MethodPost {
			return nil
		}
		switch n := posts.Add(1); {
		case n == 20:
			cancel()
			close(told)
		case n > 20:
			<-told
		}
		return nil
	})
	r, err := w.trySync(ctx)
	made := len(w.account.Users())
	if !errors.Is(err, context.Canceled) || made < 20 || made > 23 || r.Summary.Create != made {
		t.Errorf("%d accounts were made, %d are told of: %v", made, r.Summary.Create, err)
	}
	w.account.Fault(nil)
	if r := w.sync(); r.Summary.Create != 40-made {
		t.Errorf("the next run: %+v", r.Summary)
	}
	w.settled()
	for who, n := range w.account.Posts() {
		if n.All != 1 {
			t.Errorf("%d POSTs for %s", n.All, who)
		}
	}
}

// A search that was answered with a web page marked the person as if a create had been sent.
func TestWrongAnswerToASearchIsNoUnsettledCreate(t *testing.T) {
	w := newWorld(t, nil)
	w.sync()
	w.account.ResetRequests()
	id := w.hire("new@contoso.com")
	w.account.Fault(func(r *http.Request) *ringcentraltest.Fault {
		if searches(r) {
			return ringcentraltest.HTMLFault(http.StatusOK)
		}
		return nil
	})
	_, err := w.trySync(t.Context())
	if n := w.account.Requests()["POST /Users"]; connectors.FaultOf(err) != connectors.FaultProtocol || n != 0 {
		t.Errorf("%d creates: %v", n, err)
	}
	if p := w.person(id); p == nil || p.Unsettled || p.Class != state.ClassCreate {
		t.Errorf("%+v", p)
	}
}

// A conflict that was found anew in each cycle seemed to have begun in the last one, and to have been tried once.
func TestConflictRemembersItsBeginning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		began := time.Now()
		w.dir.UpdateUser(w.people[1], map[string]any{"mail": w.mail(w.people[0])})
		for cycle := range uint32(3) {
			w.sync()
			if p := w.person(w.people[1]); !p.Failure.Since.Equal(began) || p.Attempts != cycle+1 {
				t.Errorf("cycle %d: since %s, %d attempts", cycle, p.Failure.Since.Sub(began), p.Attempts)
			}
			pass(time.Hour)
		}
	})
}

// An account that the list leaves out and that cannot be read alone failed the whole cycle.
func TestAccountThatCannotBeReadFailsNoCycle(t *testing.T) {
	w := newWorld(t, nil)
	w.sync()
	w.account.ResetRequests()
	w.retitle(w.people[:1], "New")
	w.account.Fault(func(r *http.Request) *ringcentraltest.Fault {
		switch {
		case r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/Users") && !searches(r):
			return &ringcentraltest.Fault{HalfList: true}
		case r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/Users/"):
			return ringcentraltest.SCIMFault(http.StatusBadRequest, "", "this one cannot be shown")
		}
		return nil
	})
	r := w.sync()
	if got := w.writes(); r.Summary.Update != 1 || len(got) != 1 || w.titled("New") != 1 {
		t.Errorf("%+v, writes %v, warnings %v", r.Summary, got, r.Warnings)
	}
}

// Somebody whose enabling took effect and was never answered, and who left before it was tried again, kept a working phone
// until the next full cycle: as far as was known the account was disabled already.
func TestLeaverOfALostEnable(t *testing.T) {
	w := newWorld(t, func(s *setup) { s.retryBase = time.Nanosecond })
	w.sync()
	w.kind = engine.Incremental
	who := w.people[0]
	w.leave(who)
	w.sync()
	w.dir.AddMember(w.groups[0], who)
	w.account.Fault(func(r *http.Request) *ringcentraltest.Fault {
		if r.Method == http.MethodPatch {
			return &ringcentraltest.Fault{Drop: true, AfterEffect: true}
		}
		if r.Method == http.MethodGet && strings.Contains(r.URL.Path, w.accountOf(who).ID) {
			return &ringcentraltest.Fault{Drop: true}
		}
		return nil
	})
	if r := w.sync(); r.Summary.Escrowed != 1 || !w.accountOf(who).Active {
		t.Fatalf("%+v", r.Summary)
	}
	w.account.Fault(nil)
	w.leave(who)
	if r := w.sync(); w.accountOf(who).Active {
		t.Errorf("the leaver is active: %+v %v", r.Summary, statuses(r))
	}
	w.settled()
}
