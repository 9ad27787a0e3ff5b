package engine_test

import (
	"context"
	"net/http"
	"os"
	"testing"

	"ringsync/connectors/ringcentral/ringcentraltest"
	"ringsync/engine"
)

// cutOff runs a cycle whose process is gone when its first write has taken effect, and not been answered: what the state
// holds by then is all that is left of it.
func (w *world) cutOff() {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	defer cancel()
	var left []byte
	w.account.Fault(func(r *http.Request) *ringcentraltest.Fault {
		if r.Method != http.MethodPatch && r.Method != http.MethodPost {
			return nil
		}
		if left == nil {
			left, _ = os.ReadFile(w.path)
		}
		cancel()
		return &ringcentraltest.Fault{Drop: true, AfterEffect: true}
	})
	if _, err := w.trySync(ctx); err == nil {
		w.t.Fatal("nothing was written")
	}
	w.must(os.WriteFile(w.path, left, 0o600))
	w.account.Fault(nil)
}

// What a process that was cut off has sent is found out before anything else is sent to the same people, even if by
// then nothing is left to do for them.
func TestTakeOverReadsAgain(t *testing.T) {
	w := newWorld(t, func(s *setup) { s.concurrency = 1 })
	w.sync()
	w.kind = engine.Incremental
	w.sync()
	who := w.people[0]
	user, _ := w.dir.User(who)
	before, _ := user["jobTitle"].(string)
	w.retitle([]string{who}, "Astronaut")
	w.cutOff()
	if got := w.accountOf(who).Title; got != "Astronaut" {
		t.Fatalf("the write had no effect: %q", got)
	}
	// The directory thinks better of it, so as far as is known the account is as it should be.
	w.retitle([]string{who}, before)
	w.account.ResetRequests()
	r := w.sync()
	if got := w.accountOf(who).Title; got != before {
		t.Errorf("the account has the title %q, want %q; %v", got, before, statuses(r))
	}
	if reads := w.account.Requests()["GET /Users/{id}"]; reads != 1 {
		t.Errorf("%d reads of an account, want 1: %v", reads, w.account.Requests())
	}
	if p := w.person(who); p.Unsettled {
		t.Error("they are to be read again for ever")
	}
	// Who comes to their end in the usual way leaves nothing to look at.
	w.retitle([]string{who}, "Diver")
	w.sync()
	w.account.ResetRequests()
	w.retitle([]string{who}, before)
	w.sync()
	if reads := w.account.Requests()["GET /Users/{id}"]; reads != 0 {
		t.Errorf("%d reads of an account though nothing was cut off", reads)
	}
	w.account.ResetRequests()
	if w.sync(); len(w.writes()) > 0 {
		t.Error("and yet there was something left to write")
	}
}

// A leaver whom the process that was cut off has enabled is disabled all the same.
func TestTakeOverOfALeaver(t *testing.T) {
	w := newWorld(t, func(s *setup) { s.concurrency = 1 })
	w.sync()
	w.kind = engine.Incremental
	who := w.people[0]
	w.leave(who)
	w.sync()
	w.dir.AddMember(w.groups[0], who)
	w.cutOff()
	if !w.accountOf(who).Active {
		t.Fatal("the write had no effect")
	}
	w.leave(who)
	r := w.sync()
	if w.accountOf(who).Active {
		t.Errorf("the leaver is active; %v", statuses(r))
	}
	w.settled()
}

// Whoever may have been created by the process that was cut off is looked for before they are created, and a leaver
// among them is disabled.
func TestTakeOverOfCreates(t *testing.T) {
	w := newWorld(t, func(s *setup) { s.concurrency = 1 })
	w.sync()
	w.kind = engine.Incremental
	one, two := w.hire("one@contoso.com"), w.hire("two@contoso.com")
	w.cutOff()
	made := one
	if len(w.account.ByMail("one@contoso.com")) == 0 {
		made = two
	}
	w.leave(made)
	r := w.sync()
	if w.accountOf(made).Active {
		t.Errorf("the leaver is active; %v", statuses(r))
	}
	w.settled()
}

// An account that is gone by the time it is read again is made again.
func TestTakeOverOfAnAccountThatIsGone(t *testing.T) {
	w := newWorld(t, func(s *setup) { s.concurrency = 1 })
	w.sync()
	w.kind = engine.Incremental
	who := w.people[0]
	w.retitle([]string{who}, "Astronaut")
	w.cutOff()
	w.account.Remove(w.accountOf(who).ID)
	r := w.sync()
	if w.accountOf(who).Title != "Astronaut" || r.Summary.Create != 1 {
		t.Errorf("%+v; %v", w.accountOf(who), statuses(r))
	}
	if p := w.person(who); p.Unsettled || p.Class != 0 {
		t.Errorf("%+v", p)
	}
	w.settled()
}
