package engine_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"ringsync/connectors/entra/entratest"
	"ringsync/connectors/ringcentral/ringcentraltest"
	"ringsync/engine"
	"ringsync/engine/plan"
)

// Nobody is removed by absence alone (S2), and nobody is made again because the target forgot them (S1, S3).
func TestDoubt(t *testing.T) {
	listing := func(r *http.Request) bool {
		return strings.HasSuffix(r.URL.Path, "/Users") && r.URL.Query().Get("filter") == ""
	}
	byID := func(r *http.Request) bool {
		return r.Method == "GET" && r.PathValue("id") != "" || strings.Contains(r.URL.Path, "/Users/")
	}
	for _, test := range []struct {
		name   string
		nested bool // the second group is within the first, and not assigned itself
		wrong  func(w *world)
		fails  bool
		later  int // removals once the fault has ended
		// target: the fault is the target's, and only its list shows that it has ended.
		target bool
		// unlimited: there is no limit to them.
		unlimited bool
	}{
		{name: "half of the target's list", target: true, wrong: func(w *world) {
			w.account.Fault(func(r *http.Request) *ringcentraltest.Fault {
				if listing(r) && r.Method == "GET" {
					return &ringcentraltest.Fault{HalfList: true}
				}
				return nil
			})
		}},
		{name: "an empty list, and 404 for everybody", target: true, wrong: func(w *world) {
			w.account.Fault(func(r *http.Request) *ringcentraltest.Fault {
				switch {
				case r.Method == "GET" && listing(r):
					return &ringcentraltest.Fault{Status: 200, Body: `{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":0,"startIndex":1,"itemsPerPage":0,"Resources":[]}`}
				case r.Method == "GET" && byID(r):
					return ringcentraltest.SCIMFault(404, "", "Resource not found")
				}
				return nil
			})
		}},
		{name: "another account behind the same URL", target: true, wrong: func(w *world) {
			other := ringcentraltest.New(ringcentraltest.Options{Token: scimToken, Licenses: -1})
			for i := range 50 {
				name := strings.Repeat("x", i+1) + "@fabrikam.com"
				other.Add(ringcentraltest.User{UserName: name, Email: name, GivenName: "X", FamilyName: "Y", Active: true})
			}
			w.account = other
		}},
		{name: "a group that cannot be read", wrong: func(w *world) {
			w.dir.Fault(func(r *http.Request) *entratest.Fault {
				if strings.Contains(r.URL.Path, w.groups[0]+"/members") {
					return &entratest.Fault{Status: 403}
				}
				return nil
			})
		}},
		{name: "a group that cannot be read, and somebody who left it", wrong: func(w *world) {
			w.dir.RemoveMember(w.groups[0], w.dir.Members(w.groups[0])[0])
			w.dir.Fault(func(r *http.Request) *entratest.Fault {
				if strings.Contains(r.URL.Path, w.groups[0]+"/members") {
					return &entratest.Fault{Status: 403}
				}
				return nil
			})
		}, later: 1},
		{name: "a group that cannot be read, and somebody who left a group within it", nested: true, wrong: func(w *world) {
			w.dir.RemoveMember(w.groups[1], w.dir.Members(w.groups[1])[0])
			w.dir.Fault(func(r *http.Request) *entratest.Fault {
				if strings.Contains(r.URL.Path, w.groups[0]+"/members") {
					return &entratest.Fault{Status: 403}
				}
				return nil
			})
		}, later: 1},
		{name: "a group that goes while it is read", wrong: func(w *world) {
			gone := false
			w.dir.OnRequest(func(r *http.Request) {
				if strings.Contains(r.URL.Path, w.groups[0]+"/members") && !gone {
					gone = true
					w.dir.DeleteGroup(w.groups[0])
				}
			})
		}, unlimited: true, later: 18},
		{name: "a group with another within it that goes while it is read", nested: true, wrong: func(w *world) {
			gone := false
			w.dir.OnRequest(func(r *http.Request) {
				if strings.Contains(r.URL.Path, w.groups[0]+"/members") && !gone {
					gone = true
					w.dir.DeleteGroup(w.groups[0])
				}
			})
		}, unlimited: true, later: 36},
		{name: "the members of every group are lost in the list", wrong: func(w *world) {
			// The list answers, but empty; the people themselves still say where they belong.
			w.dir.Fault(func(r *http.Request) *entratest.Fault {
				if strings.HasSuffix(r.URL.Path, "/members") {
					return &entratest.Fault{Status: 404}
				}
				return nil
			})
		}},
		{name: "somebody left a group, and the directory does not say where they are now", wrong: func(w *world) {
			w.dir.RemoveMember(w.groups[0], w.dir.Members(w.groups[0])[0])
			w.dir.Fault(func(r *http.Request) *entratest.Fault {
				if strings.HasSuffix(r.URL.Path, "/memberOf") {
					return &entratest.Fault{Status: 403}
				}
				return nil
			})
		}, later: 1},
		{name: "the directory does not answer the question", fails: true, wrong: func(w *world) {
			w.dir.Fault(func(r *http.Request) *entratest.Fault {
				if strings.HasSuffix(r.URL.Path, "/appRoleAssignedTo") {
					return &entratest.Fault{Status: 403}
				}
				return nil
			})
		}},
	} {
		doubt := func(t *testing.T, next engine.Kind) {
			w := newWorld(t, func(s *setup) {
				s.people, s.nested = 60, test.nested
				if test.unlimited {
					s.guard = engine.Guard{Count: 1000, Percent: 100}
				}
			})
			if test.nested {
				w.dir.Unassign(w.groups[1])
				w.dir.AddMember(w.groups[0], w.groups[1])
			}
			w.sync()
			w.account.ResetRequests()
			test.wrong(w)
			r, err := w.trySync(t.Context())
			if (err != nil) != test.fails {
				t.Fatalf("%v", err)
			}
			if got := w.writes(); len(got) != 0 {
				t.Errorf("writes: %v", got)
			}
			if r.Summary.Changes() != 0 {
				t.Errorf("%+v", r.Summary)
			}
			if err == nil && len(r.Warnings) == 0 {
				t.Error("nobody is told")
			}
			w.dir.Fault(nil)
			w.account.Fault(nil)
			if test.name == "another account behind the same URL" {
				return
			}
			w.kind = next
			if r := w.sync(); r.Summary.Changes() != test.later || r.Summary.Disable != test.later || r.Summary.Held != 0 {
				t.Errorf("after the fault has ended: %+v %v", r.Summary, statuses(r))
			}
			w.settled()
		}
		t.Run(test.name, func(t *testing.T) { doubt(t, engine.Full) })
		if test.target {
			continue
		}
		t.Run(test.name+", and an incremental cycle after it", func(t *testing.T) { doubt(t, engine.Incremental) })
	}
}

// That a group cannot be read keeps nobody in scope who is disabled or deleted.
func TestGoneBehindAnUnreadGroup(t *testing.T) {
	w := newWorld(t, func(s *setup) { s.people = 60 })
	w.sync()
	members := w.dir.Members(w.groups[0])
	disabled, deleted := members[0], members[1]
	w.dir.UpdateUser(disabled, map[string]any{"accountEnabled": false})
	w.dir.SoftDelete(deleted)
	w.dir.Fault(func(r *http.Request) *entratest.Fault {
		if strings.Contains(r.URL.Path, w.groups[0]+"/members") {
			return &entratest.Fault{Status: 403}
		}
		return nil
	})
	if r := w.sync(); r.Summary.Disable != 2 || r.Summary.Changes() != 2 {
		t.Errorf("%+v %v", r.Summary, statuses(r))
	}
	w.settled()
	// That they are back is no more certain than that others are still there.
	w.dir.UpdateUser(disabled, map[string]any{"accountEnabled": true})
	if r := w.sync(); r.Summary.Changes() != 0 {
		t.Errorf("%+v %v", r.Summary, statuses(r))
	}
	w.dir.Fault(nil)
	if r := w.sync(); r.Summary.Enable != 1 || r.Summary.Changes() != 1 {
		t.Errorf("%+v %v", r.Summary, statuses(r))
	}
	w.settled()
}

// Somebody deleted, of whom full cycles have been told, comes back into groups of which no change tells: their own row is
// all that says so, whenever it comes.
func TestRestoredAfterAFullCycle(t *testing.T) {
	for moment := range int64(20) {
		w := newWorld(t, nil)
		w.sync()
		id := w.people[0]
		w.dir.SoftDelete(id)
		w.sync()
		if w.sync(); w.accountOf(id).Active {
			t.Fatal("whoever is deleted is active")
		}
		var n atomic.Int64
		w.dir.OnRequest(func(*http.Request) {
			if n.Add(1) == moment {
				w.dir.Restore(id)
			}
		})
		w.sync()
		w.dir.OnRequest(nil)
		w.dir.Restore(id)
		w.kind = engine.Incremental
		w.sync()
		if !w.accountOf(id).Active {
			t.Errorf("restored before request %d of a full cycle, %s is not active after the incremental one that follows", moment, id)
		}
		w.settled()
		w.leave(id) // a group of which nobody knew that they are in it
		w.sync()
		w.settled()
	}
}

// Whoever has no accountEnabled keeps their account: only false is false.
func TestUnsaidIsNotDisabled(t *testing.T) {
	for _, kind := range []engine.Kind{engine.Full, engine.Incremental} {
		w := newWorld(t, nil)
		w.sync()
		id := w.people[0]
		w.dir.UpdateUser(id, map[string]any{"accountEnabled": nil, "jobTitle": "Pilot"})
		w.kind = kind
		w.sync()
		if a := w.accountOf(id); !a.Active || a.Title != "Pilot" {
			t.Errorf("%s: active %v, title %q", kind, a.Active, a.Title)
		}
	}
}

// An account that the target's list does not show, made after it was read for one, is found before a create is sent
// (S1).
func TestNewcomerMissingFromTheList(t *testing.T) {
	w := newWorld(t, func(s *setup) { s.account.AllowDuplicates = true })
	w.sync()
	const mail = "new@contoso.com"
	id := w.hire(mail)
	var listed atomic.Bool
	w.account.Fault(func(r *http.Request) *ringcentraltest.Fault {
		if (searches(r) || r.Method == http.MethodPost) && !listed.Swap(true) {
			w.account.Add(ringcentraltest.User{UserName: mail, Email: mail, GivenName: "New", FamilyName: "Hire", Active: true})
		}
		return nil
	})
	r := w.sync()
	if n := len(w.account.ByMail(mail)); n != 1 || w.accountOf(id).UserName != mail {
		t.Errorf("%d accounts: %+v %v", n, r.Summary, statuses(r))
	}
	w.settled()
}

// Somebody who moves between two groups while the read is between them is in neither list, and loses nothing.
func TestMoveDuringTheRead(t *testing.T) {
	w := newWorld(t, func(s *setup) { s.people = 30 })
	w.sync()
	w.account.ResetRequests()
	var id string
	for _, m := range w.dir.Members(w.groups[1]) {
		id = m
	}
	var moved atomic.Bool
	w.dir.OnRequest(func(r *http.Request) {
		// The group they move to has been read when the group they leave is asked for.
		if strings.Contains(r.URL.Path, w.groups[1]+"/members") && !moved.Swap(true) {
			w.dir.RemoveMember(w.groups[1], id)
			w.dir.AddMember(w.groups[0], id)
		}
	})
	if r := w.sync(); r.Summary.Changes() != 0 || !moved.Load() {
		t.Errorf("%v (moved: %v)", statuses(r), moved.Load())
	}
	w.dir.OnRequest(nil)
	w.settled()
}

// A reply that is lost after the effect is the way to make somebody twice. The target here takes duplicates, so a
// blind repeat would show.
func TestLostReplies(t *testing.T) {
	w := newWorld(t, func(s *setup) { s.people = 60; s.account.AllowDuplicates = true })
	var n atomic.Int64
	w.account.Fault(func(r *http.Request) *ringcentraltest.Fault {
		if r.Method != "POST" {
			return nil
		}
		switch n.Add(1) % 5 {
		case 0:
			return &ringcentraltest.Fault{Drop: true, AfterEffect: true}
		case 1:
			return &ringcentraltest.Fault{Truncate: true}
		case 2:
			return ringcentraltest.HTMLFault(502)
		case 3:
			return &ringcentraltest.Fault{Drop: true}
		}
		return nil
	})
	for range 8 {
		if _, err := w.trySync(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	w.account.Fault(nil)
	w.sync()
	w.settled()
	for who, posts := range w.account.Posts() {
		if posts.Created > 1 {
			t.Errorf("%s was made %d times", who, posts.Created)
		}
	}
}

// The mail changes while it is not known whether the account was made with the old one.
func TestLostReplyThenAnotherMail(t *testing.T) {
	for _, leaves := range []bool{false, true} {
		w := newWorld(t, func(s *setup) { s.people = 1; s.groups = 1; s.account.AllowDuplicates = true })
		id := w.people[0]
		w.account.Fault(func(r *http.Request) *ringcentraltest.Fault {
			switch {
			case r.Method == "POST":
				return &ringcentraltest.Fault{Drop: true, AfterEffect: true}
			case r.URL.Query().Get("filter") != "":
				return &ringcentraltest.Fault{Status: 503, Body: "{}"}
			}
			return nil
		})
		w.sync()
		w.account.Fault(nil)
		if len(w.account.Users()) != 1 {
			t.Fatal("the account was to be made without our knowing")
		}
		if leaves {
			w.leave(id)
		} else {
			w.dir.UpdateUser(id, map[string]any{"mail": "renamed@contoso.com"})
		}
		r := w.sync()
		if got := w.accountOf(id); leaves && got.Active && !held(r) {
			t.Errorf("the leaver's account is active and nobody is asked: %+v, %v", got, statuses(r))
		}
		if len(w.account.Users()) != 1 {
			t.Errorf("%+v", w.account.Users())
		}
	}
}

func held(r *plan.Report) bool { return r.Summary.Held > 0 }
