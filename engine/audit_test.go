package engine_test

import (
	"testing"
	"testing/synctest"
	"time"

	"ringsync/connectors/ringcentral/ringcentraltest"
	"ringsync/engine"
)

// The audit finds what lists do not show, and takes no more than its share of the reads.
func TestAudit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *setup) { s.audit = 0.1; s.account.Limits = ringcentraltest.DocumentedLimits() })
		w.dir.UpdateUser(w.people[0], map[string]any{"mobilePhone": "+16505550100"})
		s := w.serve(engine.Schedule{Incremental: every(24 * time.Hour), Full: every(7 * 24 * time.Hour)})
		pass(5 * time.Minute)
		phone := func(number string) {
			w.account.Edit(w.accountOf(w.people[0]).ID, func(u *ringcentraltest.User) {
				u.Phones = []ringcentraltest.Phone{{Type: "mobile", Value: number}}
			})
		}
		phone("+16505550199")
		pass(5 * time.Minute) // twelve people at five reads a minute
		if a := w.accountOf(w.people[0]); a.Phone("mobile") != "+16505550100" {
			t.Errorf("the phone number is %q", a.Phone("mobile"))
		}
		w.account.ResetRequests()
		pass(10 * time.Minute)
		if got := w.account.Requests(); got["GET /Users/{id}"] != 50 || len(got) != 1 {
			t.Errorf("in ten minutes a tenth of fifty reads a minute are %v", got)
		}

		// An account deleted by hand is made again, as a full cycle would have it.
		w.account.Remove(w.accountOf(w.people[1]).ID)
		pass(5 * time.Minute)
		w.settled()

		// Nothing is read while nothing would be written.
		w.must(s.job.Pause(t.Context()))
		phone("+16505550177")
		w.account.ResetRequests()
		pass(time.Hour)
		if got := w.account.Requests(); len(got) != 0 {
			t.Errorf("a paused job sends %v", got)
		}
		w.must(s.job.Resume(t.Context()))
		pass(5 * time.Minute)
		if a := w.accountOf(w.people[0]); a.Phone("mobile") != "+16505550100" {
			t.Errorf("after the pause the phone number is %q", a.Phone("mobile"))
		}
		s.stop()
	})
}
