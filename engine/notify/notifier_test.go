package notify

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"ringsync/connectors"
	"ringsync/engine"
	"ringsync/state"
)

// stage is a scene with one webhook, and a notifier that can be restarted.
type stage struct {
	*scene
	hook *hook
	n    *Notifier
}

func newStage(t *testing.T) *stage {
	s := &stage{scene: newScene(t), hook: newHook(t)}
	s.restart()
	return s
}

func (s *stage) restart() { s.n = s.notifier(s.hook.channel()) }

// after lets time go by and looks; want is what is told: "kind event", with commas.
func (s *stage) after(d time.Duration, want string) {
	s.t.Helper()
	s.now = s.now.Add(d)
	look(s.t.Context(), s.n)
	if got := s.hook.events(s.t); got != want {
		s.t.Errorf("%s: told %q, want %q", s.now.Format(time.DateTime), got, want)
	}
}

// waiting has so many people wait for a licence; with none there are licences again.
func (s *stage) waiting(people int) {
	s.t.Helper()
	s.update(func(tx *state.Tx) error {
		var since any
		if people > 0 {
			since = s.now
		}
		for i := range people {
			p := &state.Person{ID: string(rune('p' + i)), UserPrincipalName: "new@contoso.com", Scope: state.InScope, Class: state.ClassCreate, Due: s.now}
			p.Set("userName").Want = connectors.StringValue("new@contoso.com")
			if err := tx.PutPerson(p); err != nil {
				return err
			}
		}
		return tx.Set("capacity", since)
	})
}

// A quarantine is told when it begins, for a new reason, each day, before it gives up, when it has, and when it is over.
func TestQuarantine(t *testing.T) {
	s := newStage(t)
	q := &engine.Quarantine{Reason: "target", Error: "401", Since: s.now, Next: s.now.Add(5 * time.Minute)}
	s.quarantine(q)
	s.after(0, "quarantine begins")
	s.after(5*time.Second, "")
	s.restart()
	s.after(5*time.Second, "")
	q.Error, q.Tries = "401 again", 1 // no news
	s.quarantine(q)
	s.after(5*time.Minute, "")
	s.quarantine(&engine.Quarantine{Reason: "source", Error: "401", Since: s.now, Next: s.now.Add(5 * time.Minute)})
	s.after(time.Minute, "quarantine changed")
	s.after(23*time.Hour, "")
	s.after(time.Hour, "quarantine reminder")
	s.quarantine(nil)
	s.after(time.Minute, "quarantine over")
	s.after(24*time.Hour, "")

	q.Since, q.Next = s.now, s.now.Add(100*24*time.Hour)
	s.quarantine(q)
	s.after(0, "quarantine begins")
	for range 25 {
		s.after(24*time.Hour, "quarantine reminder")
	}
	s.after(24*time.Hour, "quarantine changed") // two days to go
	q.Next = time.Time{}
	s.quarantine(q)
	s.after(time.Hour, "quarantine changed")
}

// However many lists there are, held removals are one thing; a new list is news.
func TestHeld(t *testing.T) {
	s := newStage(t)
	s.hold(1, "adele", "joni")
	s.after(0, "held begins")
	s.hold(2, "megan")
	s.after(time.Minute, "held changed")
	s.after(24*time.Hour, "held reminder")
	if _, err := s.job.Approve(t.Context(), 1, nil); err != nil {
		t.Fatal(err)
	}
	s.after(time.Minute, "")
	if _, err := s.job.Approve(t.Context(), 2, nil); err != nil {
		t.Fatal(err)
	}
	s.after(time.Minute, "held over")
	s.after(time.Minute, "")
}

func TestCapacity(t *testing.T) {
	s := newStage(t)
	s.waiting(1)
	look(t.Context(), s.n)
	messages, _ := s.hook.got(t)
	if len(messages) != 1 || messages[0].Subject != "[ringsync] contoso: 1 new account waiting for a RingCentral licence" || len(messages[0].People) != 1 {
		t.Errorf("%+v", messages)
	}
	s.waiting(3) // how many there are is no news
	s.after(time.Minute, "")
	s.after(24*time.Hour, "capacity reminder")
	s.waiting(0)
	s.after(time.Minute, "capacity over")
}

func TestCredential(t *testing.T) {
	s := newStage(t)
	day := 24 * time.Hour
	s.ends = []Expiry{{"target.oauth.jwt", s.now.Add(21 * day)}, {"source.credential.certificate", s.now.Add(365 * day)}}
	s.after(0, "")
	s.after(day, "credential begins")
	s.after(6*day, "")
	s.after(day, "credential reminder") // each week
	s.after(6*day, "credential reminder")
	s.after(day, "credential reminder") // each day in the last week
	s.after(6*day, "credential changed")
	s.ends[0].Ends = s.now.Add(90 * day)
	s.after(time.Minute, "credential over")
}

// The first failure of a cycle is told, the next ones are not; a quarantine says it better.
func TestCycle(t *testing.T) {
	s := newStage(t)
	s.cycle("succeeded", "")
	s.after(0, "")
	s.cycle("failed", "no such host")
	s.after(time.Minute, "cycle begins")
	s.cycle("failed", "time-out")
	s.after(time.Minute, "")
	s.cycle("running", "") // neither good nor bad
	s.after(time.Minute, "")
	s.cycle("interrupted", "")
	s.restart()
	s.after(time.Minute, "")
	s.cycle("succeeded", "")
	s.after(time.Minute, "cycle over")

	s.quarantine(&engine.Quarantine{Reason: "source", Error: "401", Since: s.now, Next: s.now.Add(time.Hour)})
	s.cycle("failed", "401")
	s.after(time.Minute, "quarantine begins")
	s.quarantine(nil)
	s.cycle("succeeded", "")
	s.after(time.Minute, "quarantine over")
}

// Three intervals without a good cycle are told once, and that there is one again. A daemon that begins gets as long
// to do better, and does not take its own start for a recovery.
func TestStale(t *testing.T) {
	s := newStage(t)
	s.every = time.Hour
	s.after(179*time.Minute, "")
	s.after(time.Minute, "stale begins")
	s.cycle("succeeded", "")
	s.after(0, "stale over")
	s.after(178*time.Minute, "")
	s.after(2*time.Minute, "stale begins")
	s.restart()
	s.after(time.Minute, "")
	s.after(3*time.Hour, "")
	s.after(21*time.Hour, "stale reminder")
	s.cycle("failed", "no such host") // less than what is known
	s.after(time.Minute, "")
	s.cycle("succeeded", "")
	s.after(time.Minute, "stale over")

	s.now = s.now.Add(100 * 24 * time.Hour)
	s.cycle("running", "") // which gets its time
	s.after(time.Minute, "")
	s.cycle("failed", "no such host")
	s.after(time.Minute, "stale begins")
	s.cycle("succeeded", "")
	s.after(0, "stale over")
	s.now = s.now.Add(10 * 24 * time.Hour) // the program did not run
	s.restart()
	s.after(0, "")
}

// Whatever changes how often, a recipient hears six times of one thing in 24 hours at most, and at the end what is true.
func TestNoStorm(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		l, now := ledger{}, time.Unix(1e9, 0)
		var sent []time.Time
		look := func(c *condition) {
			l.forget(now)
			if l["x"].next(c, now) != "" {
				l["x"] = l["x"].tell(c, now)
				sent = append(sent, now)
			}
		}
		var c *condition
		for range rapid.IntRange(1, 200).Draw(r, "looks") {
			now = now.Add(time.Duration(rapid.IntRange(1, 7200).Draw(r, "seconds")) * time.Second)
			c = nil
			if rapid.Bool().Draw(r, "holds") {
				c = &condition{id: "x", state: rapid.SampledFrom([]string{"a", "b"}).Draw(r, "state"), remind: time.Hour}
			}
			look(c)
		}
		for i := mostADay; i < len(sent); i++ {
			if sent[i].Sub(sent[i-mostADay]) < daily {
				r.Fatalf("%d messages from %v to %v", mostADay+1, sent[i-mostADay], sent[i])
			}
		}
		now = now.Add(daily)
		look(c)
		if known := l["x"].State != ""; known != (c != nil) {
			r.Fatalf("they believe %v, and it is %v", known, c != nil)
		}
	})
}

// The last message that may go out for a while says so.
func TestLastOfTheDaySaysSo(t *testing.T) {
	s := newStage(t)
	begin := s.now
	for i := range mostADay {
		s.quarantine(&engine.Quarantine{Reason: []string{"source", "target"}[i%2], Since: s.now, Next: s.now.Add(time.Hour)})
		look(t.Context(), s.n)
		messages, _ := s.hook.got(t)
		if len(messages) != 1 {
			t.Fatalf("%d messages", len(messages))
		}
		last := strings.Contains(strings.Join(messages[0].Details, " "), "the next one comes "+stamp(begin.Add(daily)))
		if last != (i == mostADay-1) {
			t.Errorf("%d: %v", i, messages[0].Details)
		}
		s.now = s.now.Add(time.Minute)
	}
	s.quarantine(nil)
	s.after(time.Minute, "")
	s.after(24*time.Hour, "quarantine over")
}

// A clock that was years ahead for a while silences nobody for years.
func TestClockThatWasAhead(t *testing.T) {
	s := newStage(t)
	s.now = s.now.AddDate(10, 0, 0)
	s.hold(1, "adele")
	s.after(0, "held begins")
	s.now = s.now.AddDate(-10, 0, 0)
	s.after(time.Minute, "")
	s.after(24*time.Hour, "held reminder")
}

// A state that cannot be written any more repeats nothing while the program runs.
func TestStateThatCannotBeWritten(t *testing.T) {
	s := newStage(t)
	s.hold(1, "adele")
	closed := state.NewOverlay(nil)
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	s.n.Store = state.New(closed)
	s.after(0, "held begins")
	s.after(time.Minute, "")
}

// Run looks at once, and again as time goes by, until it is told to end; what was told is in the state by then.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		s.hold(1, "adele")
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		n := s.notifier(Webhook{URL: "http://hook.example", Transport: accepting{}}.Channel())
		var events []string
		n.Delivered = func(channel string, err error) { events = append(events, fmt.Sprint(channel, " ", err)) }
		running.Go(func() { n.Run(ctx) })
		synctest.Wait()
		if len(events) != 1 {
			t.Errorf("at once: %v", events)
		}
		s.quarantine(&engine.Quarantine{Reason: "source", Since: s.now, Next: s.now.Add(time.Hour)})
		time.Sleep(interval)
		synctest.Wait()
		if len(events) != 2 || events[1] != "webhook <nil>" {
			t.Errorf("after a while: %v", events)
		}
		stop()
		running.Wait()
		if kept := s.notifier(n.Channels...).ledgers["webhook"]; len(kept) != 2 {
			t.Errorf("remembered: %v", kept)
		}
	})
}

// accepting is a transport whose other end takes everything.
type accepting struct{}

func (accepting) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
}

func FuzzLine(f *testing.F) {
	for _, s := range []string{"", "a\r\nb", "\u2028\u202e", "\xff\xfe", strings.Repeat("ü", longest)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := line(s)
		if !utf8.ValidString(got) || len(got) > longest+len("…") || line(got) != got && len(got) <= longest {
			t.Errorf("%q gives %q", s, got)
		}
		for _, r := range got {
			if r != ' ' && unicode.IsSpace(r) || unicode.IsControl(r) {
				t.Errorf("%q in %q", r, got)
			}
		}
	})
}
