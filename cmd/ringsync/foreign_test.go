package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"ringsync/configs"
	"ringsync/connectors/ringcentral/ringcentraltest"
	"ringsync/connectors/ringcentral/ringcentraltest/foreign"
	"ringsync/engine"
	"ringsync/engine/plan"
)

// moveTo has the stage's job write to another server.
func (s *stage) moveTo(t *testing.T, h http.Handler) {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	s.place.RingCentral = server.URL + "/scim/v2"
	if err := s.write(""); err != nil {
		t.Fatal(err)
	}
}

func (s *stage) mail(n int) string {
	user, _ := s.dir.User(s.people[n])
	return fmt.Sprint(user["mail"])
}

// The engine keeps a SCIM server that nobody here wrote equal to the directory: it creates, is in step, changes and
// disables, and after its memory is lost it finds every account again, over pages of three.
func TestForeignServer(t *testing.T) {
	s := newStage(t, 8, 2, ringcentraltest.Options{})
	server, users, err := foreign.New()
	if err != nil {
		t.Fatal(err)
	}
	s.moveTo(t, server)
	syncs := func(want string) {
		t.Helper()
		if out, _ := command(t, exitOK, "-c", s.config, "sync"); !strings.Contains(out, want) {
			t.Errorf("sync does not say %q:\n%s", want, out)
		}
	}
	syncs("8 created")
	syncs("nothing to write; 8 unchanged")
	command(t, exitOK, "-c", s.config, "diff")
	if n := len(users.IDs()); n != 8 || len(users.Patches()) > 0 {
		t.Fatalf("%d accounts, changes %q", n, users.Patches())
	}

	s.dir.UpdateUser(s.people[3], map[string]any{"jobTitle": "Astronaut"})
	s.dir.UpdateUser(s.people[5], map[string]any{"accountEnabled": false})
	syncs("1 updated, 1 disabled")
	if got := strings.Join(users.Patches(), "; "); got != "replace active; replace title" {
		t.Errorf("changes %q", got)
	}
	promoted, left := users.Find(s.mail(3)), users.Find(s.mail(5))
	if users.Attribute(promoted, "title") != "Astronaut" || users.Attribute(left, "active") != false {
		t.Errorf("title %v, active %v", users.Attribute(promoted, "title"), users.Attribute(left, "active"))
	}
	syncs("nothing to write; 7 unchanged")

	if err := os.Remove(s.place.State); err != nil {
		t.Fatal(err)
	}
	command(t, exitOK, "-c", s.config, "sync")
	if n := len(users.IDs()); n != 8 {
		t.Errorf("%d accounts after the state was lost", n)
	}
	syncs("nothing to write; 7 unchanged")
}

// syncAtOnce is a sync that does not wait before it tries again.
func (s *stage) syncAtOnce(t *testing.T) *plan.Report {
	t.Helper()
	a := &app{log: slog.New(slog.DiscardHandler)}
	c, err := configs.Load(s.config, nil)
	if err != nil {
		t.Fatal(err)
	}
	j, err := a.open(t.Context(), c, false)
	if err != nil {
		t.Fatal(err)
	}
	options := j.options(a)
	options.RetryBase = time.Millisecond
	report, err := engine.New(j.store, j.source, options).Sync(t.Context(), j.target, math.MaxInt)
	if err = errors.Join(err, j.close()); err != nil {
		t.Fatal(err)
	}
	return report
}

// failed returns the one change of the report that did not come out right.
func failed(t *testing.T, r *plan.Report) (found plan.Change) {
	t.Helper()
	n := 0
	for _, c := range r.Changes {
		if c.Error != "" {
			found = c
			n++
		}
	}
	if n != 1 {
		t.Fatalf("%d changes failed: %+v", n, r.Changes)
	}
	return found
}

// A server that takes an address in another letter case for a new one, answers its creation without an id and does not
// find it afterwards: nobody else suffers, it is not asked again in the same cycle, each further try looks first, and the
// report says what is wrong.
func TestServerThatAnswersWithoutAnID(t *testing.T) {
	s := newStage(t, 4, 1, ringcentraltest.Options{Licenses: -1})
	person := strings.ToLower(s.mail(0))
	var mu sync.Mutex
	asked, posts := false, 0
	s.account.Fault(func(r *http.Request) *ringcentraltest.Fault {
		mu.Lock()
		defer mu.Unlock()
		switch filter := strings.ToLower(r.URL.Query().Get("filter")); {
		case r.Method == http.MethodPost && strings.Contains(strings.ToLower(bodyOf(r)), `"username":"`+person):
			if posts > 0 && !asked {
				t.Error("a create was repeated blindly")
			}
			posts++
			asked = false
			return &ringcentraltest.Fault{Status: http.StatusCreated, Body: `{"userName":"` + person + `"}`}
		case strings.Contains(filter, person):
			asked = true
			return &ringcentraltest.Fault{Status: http.StatusOK, Body: `{"totalResults":0,"Resources":[]}`}
		}
		return nil
	})
	for cycle := range 2 {
		c := failed(t, s.syncAtOnce(t))
		if !strings.Contains(c.Error, "the answer has no id (201") || len(s.account.Users()) != 3 {
			t.Errorf("%d accounts, %+v", len(s.account.Users()), c)
		}
		if posts != cycle+1 {
			t.Errorf("%d creates in %d cycles", posts, cycle+1)
		}
	}
}

func bodyOf(r *http.Request) string {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	return string(body)
}

// A server that sends the same page whatever is asked: nobody is removed, and nobody whom the list hides is made again.
func TestServerThatIgnoresPaging(t *testing.T) {
	s := newStage(t, 30, 2, ringcentraltest.Options{Licenses: -1, ListCap: 20})
	pages := 0
	s.moveTo(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if query := r.URL.Query(); r.URL.Path == "/scim/v2/Users" && r.Method == http.MethodGet && query.Get("filter") == "" {
			pages++
			query.Set("startIndex", "1")
			r.URL.RawQuery = query.Encode()
		}
		s.account.ServeHTTP(w, r)
	}))
	command(t, exitOK, "-c", s.config, "sync")
	if err := os.Remove(s.place.State); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		command(t, exitOK, "-c", s.config, "sync")
	}
	active := 0
	for _, u := range s.account.Users() {
		if u.Active {
			active++
		}
	}
	if active != 30 || len(s.account.Users()) != 30 || pages > 12 {
		t.Errorf("%d accounts, %d of them active, %d pages", len(s.account.Users()), active, pages)
	}
}

// A server that answers 500 for an account that is gone: nobody knows what became of the change, so the account is asked
// for, and made anew.
func TestServerThatFailsForTheMissing(t *testing.T) {
	s := newStage(t, 4, 1, ringcentraltest.Options{Licenses: -1})
	command(t, exitOK, "-c", s.config, "sync")
	gone := s.account.ByMail(s.mail(1))[0].ID
	s.account.Fault(func(r *http.Request) *ringcentraltest.Fault {
		if r.Method == http.MethodPatch && r.PathValue("id") == gone {
			s.account.Remove(gone)
			return ringcentraltest.SCIMFault(http.StatusInternalServerError, "", "Cannot read properties of undefined")
		}
		return nil
	})
	s.dir.UpdateUser(s.people[1], map[string]any{"jobTitle": "Astronaut"})
	if r := s.syncAtOnce(t); r.Summary.Create != 1 || r.Summary.Escrowed != 0 {
		t.Errorf("%+v", r.Summary)
	}
	if found := s.account.ByMail(s.mail(1)); len(found) != 1 || found[0].Title != "Astronaut" || len(s.account.Users()) != 4 {
		t.Errorf("%+v of %d", found, len(s.account.Users()))
	}
}

// A server that refuses a token in plain text: wrong credentials, said clearly, and nothing more is tried.
func TestServerThatRefusesInPlainText(t *testing.T) {
	s := newStage(t, 4, 1, ringcentraltest.Options{})
	requests := 0
	s.moveTo(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests++
		http.Error(w, "Bad token", http.StatusUnauthorized)
	}))
	for _, name := range []string{"check", "sync"} {
		out, errs := command(t, exitHeld, "-c", s.config, name)
		if !strings.Contains(out+errs, "Bad token (401 Unauthorized). Renew the RingCentral token") {
			t.Errorf("%s says\n%s%s", name, out, errs)
		}
	}
	if requests > 4 {
		t.Errorf("%d requests with a wrong token", requests)
	}
}
