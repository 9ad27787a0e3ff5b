package engine_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"ringsync/connectors/ringcentral/ringcentraltest"
	"ringsync/state"
	"ringsync/state/bolt"
)

// Where the target takes its time, who was to go to the exporter directly is in the outbox after ten seconds, and the
// watermark with them: a daemon that is asked then shows all of them, and one that is killed has lost nothing.
func TestDirectPathEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *setup) { s.people = 40; s.account.Limits = ringcentraltest.DocumentedLimits() })
		s := w.serve(daily)
		marked := func() (marked bool) {
			w.must(s.job.Store().View(t.Context(), func(v *state.View) error { _, marked = v.Mark(); return nil }))
			return marked
		}
		pass(5 * time.Second)
		if st := s.status(); marked() || st.Outbox["create"] != 0 || len(w.account.Users()) == 0 {
			t.Errorf("after five seconds: watermark %v, outbox %v, %d accounts", marked(), st.Outbox, len(w.account.Users()))
		}
		pass(10 * time.Second)
		if st, made := s.status(), len(w.account.Users()); !marked() || st.Outbox["create"] != 40-made || made == 40 {
			t.Errorf("after fifteen: watermark %v, outbox %v, %d accounts", marked(), st.Outbox, made)
		}
		pass(10 * time.Minute)
		w.settled()
		s.stop()
	})
}

// Told to stop while people are on the direct path, a sync leaves them in the outbox: the next one has not to look for
// them one by one because nobody knew who was on the way.
func TestDirectPathInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *setup) { s.people = 40; s.account.Limits = ringcentraltest.DocumentedLimits() })
		s := w.serve(daily)
		pass(3 * time.Second)
		s.stop()
		made := len(w.account.Users())
		if n := w.person(w.people[39]); n == nil || made == 0 || made == 40 {
			t.Fatalf("%d made, the last is %+v", made, n)
		}
		s = w.serve(daily)
		pass(10 * time.Minute)
		w.settled()
		s.stop()
	})
}

// More people than there is room for on the direct path: all get their accounts, whichever way they go.
func TestDirectPathOverflows(t *testing.T) {
	w := newWorld(t, func(s *setup) { s.people, s.groups = 300, 7 })
	db, err := bolt.Open(w.path, bolt.Options{Create: true})
	w.must(err)
	job, target := w.job(db)
	job.SetDirectRoom(100 * 600) // for a third of them
	r, err := job.Sync(t.Context(), target, 0)
	w.must(err)
	w.must(db.Close())
	if r.Summary.Create != 300 || r.Summary.Changes() != 300 {
		t.Errorf("%+v", r.Summary)
	}
	w.settled()
	if r := w.diff(); len(r.Changes) != 0 {
		t.Errorf("%d changes are left to do", len(r.Changes))
	}
}

// Two who want the same mail: which of them is kept for the direct path, or both, or neither, makes no difference.
func TestDirectPathOfTwoWithOneMail(t *testing.T) {
	for _, room := range []int{0, 60 * 600, 1 << 20} {
		w := newWorld(t, func(s *setup) { s.people, s.groups = 150, 7 })
		for i := range 75 {
			w.dir.UpdateUser(w.people[2*i], map[string]any{"mail": fmt.Sprintf("shared%d@contoso.com", i)})
			w.dir.UpdateUser(w.people[2*i+1], map[string]any{"mail": fmt.Sprintf("Shared%d@contoso.com", i)})
		}
		db, err := bolt.Open(w.path, bolt.Options{Create: true})
		w.must(err)
		job, target := w.job(db)
		job.SetDirectRoom(room)
		r, err := job.Sync(t.Context(), target, 0)
		w.must(err)
		w.must(db.Close())
		if posts := w.account.Requests()["POST /Users"]; r.Summary.Create != 0 || r.Summary.Escrowed != 150 || posts != 0 {
			t.Errorf("with room for %d bytes: %+v, %d creates were sent", room, r.Summary, posts)
		}
	}
}
