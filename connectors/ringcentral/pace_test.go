package ringcentral_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ringsync/connectors/ringcentral"
	rc "ringsync/connectors/ringcentral/ringcentraltest"
)

// inMemory carries requests without sockets, so that time in a bubble goes on; each takes a while each way.
type inMemory struct {
	handler http.Handler
	latency time.Duration
}

func (m inMemory) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		r.Body = http.NoBody
	}
	time.Sleep(m.latency)
	w := httptest.NewRecorder()
	m.handler.ServeHTTP(w, r)
	time.Sleep(m.latency)
	return w.Result(), nil
}

// overMemory returns a client of the handler without sockets.
func overMemory(t *testing.T, h http.Handler, change ...func(*ringcentral.Options)) *ringcentral.Client {
	return newClient(t, "https://x.test/scim/v2", append(change, func(o *ringcentral.Options) {
		if o.Transport == nil {
			o.Transport = inMemory{handler: h}
		}
	})...)
}

// limitedAccount is an account with RingCentral's documented limits, which counts its refusals.
func limitedAccount(limits map[string]rc.Limit) (*rc.Account, *atomic.Int32, http.Handler) {
	a := rc.New(rc.Options{Token: token, Licenses: -1, AllowDuplicates: true, Limits: limits, NoJournal: true})
	refused := new(atomic.Int32)
	return a, refused, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		recorder := httptest.NewRecorder()
		a.ServeHTTP(recorder, r)
		if recorder.Code == http.StatusTooManyRequests {
			refused.Add(1)
		}
		copyReply(w, recorder)
	})
}

// drain sends n writes through so many workers, as the exporter does: a place first, then the choice.
func drain(ctx context.Context, c *ringcentral.Client, workers, n int, write func(i int) error) error {
	ctx, done := context.WithCancel(ctx)
	defer done()
	var wg sync.WaitGroup
	var begun, ended atomic.Int64
	failures := make(chan error, n)
	for range workers {
		wg.Go(func() {
			for c.Reserve(ctx) == nil {
				i := int(begun.Add(1))
				if i > n {
					c.Release()
					return
				}
				if err := write(i); err != nil {
					failures <- err
				}
				if ended.Add(1) == int64(n) {
					done()
				}
			}
		})
	}
	wg.Wait()
	close(failures)
	return <-failures
}

// A thousand creates at ten a minute take what the limit allows, and RingCentral never has to say so.
func TestCreatesTakeTheWholeLimit(t *testing.T) {
	for _, test := range []struct {
		workers int
		latency time.Duration
	}{{16, 0}, {16, 300 * time.Millisecond}, {1, 400 * time.Millisecond}} {
		t.Run(fmt.Sprintf("%d workers, %v", test.workers, test.latency), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, refused, h := limitedAccount(rc.DocumentedLimits())
				c := overMemory(t, h, func(o *ringcentral.Options) { o.Transport = inMemory{h, test.latency} })
				began := time.Now()
				if err := drain(t.Context(), c, test.workers, 1000, func(i int) error {
					_, err := c.Create(t.Context(), person(fmt.Sprintf("u%d@x.test", i)))
					return err
				}); err != nil {
					t.Error(err)
				}
				if took := time.Since(began); took > 102*time.Minute || len(a.Users()) != 1000 {
					t.Errorf("%d accounts in %v", len(a.Users()), took)
				}
				if refused.Load() > 0 || a.EarlyRequests() > 0 {
					t.Errorf("%d refused, %d early", refused.Load(), a.EarlyRequests())
				}
			})
		})
	}
}

// Whatever the limits, the workers and the way of the answers, which overtake one another, nothing is refused.
func TestNeverTooMany(t *testing.T) {
	for seed := range uint64(40) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			limit := func() rc.Limit {
				return rc.Limit{Requests: 1 + r.IntN(20), Window: time.Duration(1+r.IntN(90)) * time.Second, Penalty: time.Minute}
			}
			limits := map[string]rc.Limit{rc.Light: limit(), rc.Heavy: limit()}
			a, refused, h := limitedAccount(limits)
			id := a.Add(rc.User{UserName: "a@x.test", Email: "a@x.test", GivenName: "A", FamilyName: "B"})
			var mu sync.Mutex
			wait := func() {
				mu.Lock()
				d := time.Duration(r.Int64N(int64(3 * time.Second)))
				mu.Unlock()
				time.Sleep(d)
			}
			c := overMemory(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				wait()
				h.ServeHTTP(w, r)
				wait()
			}))
			if err := drain(t.Context(), c, 1+r.IntN(20), 100, func(i int) error {
				if i%3 == 0 {
					if _, err := c.Get(t.Context(), id); err != nil {
						return err
					}
				}
				_, err := c.Create(t.Context(), person(fmt.Sprintf("u%d@x.test", i)))
				return err
			}); err != nil || refused.Load() > 0 || len(a.Users()) != 101 {
				t.Errorf("seed %d, %+v: %d refused, %d accounts (%v)", seed, limits, refused.Load(), len(a.Users()), err)
			}
		})
	}
}

func TestRateShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, refused, h := limitedAccount(rc.DocumentedLimits())
		c := overMemory(t, h, func(o *ringcentral.Options) { o.RateShare = 0.3 })
		began := time.Now()
		if err := drain(t.Context(), c, 16, 30, func(i int) error {
			_, err := c.Create(t.Context(), person(fmt.Sprintf("u%d@x.test", i)))
			return err
		}); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took < 9*time.Minute || took > 9*time.Minute+time.Second || len(a.Users()) != 30 || refused.Load() > 0 {
			t.Errorf("30 writes at 3 a minute took %v", took)
		}
	})
}

// Reads and writes are limited apart: neither waits for the other.
func TestGroupsAreApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, refused, h := limitedAccount(rc.DocumentedLimits())
		id := a.Add(rc.User{UserName: "a@x.test", Email: "a@x.test", GivenName: "A", FamilyName: "B"})
		c := overMemory(t, h)
		for i := range 10 {
			if _, err := c.Create(t.Context(), person(fmt.Sprintf("u%d@x.test", i))); err != nil {
				t.Fatal(err)
			}
		}
		began := time.Now()
		for range 50 {
			if _, err := c.Get(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("fifty reads waited %v", took)
		}
		if _, err := c.Get(t.Context(), id); err != nil || time.Since(began) < time.Minute || time.Since(began) > 61*time.Second {
			t.Errorf("the next read came after %v (%v)", time.Since(began), err)
		}
		if refused.Load() > 0 {
			t.Errorf("%d refused", refused.Load())
		}
		if limits := c.Limits(); len(limits) != 2 || limits[0].Group != "heavy" || limits[0].Requests != 10 || limits[1].Group != "light" {
			t.Errorf("%+v", limits)
		}
	})
}

// Until the first answer nobody knows what is left, so one request goes alone.
func TestFirstRequestGoesAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var flying, most atomic.Int32
		c := overMemory(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			most.Store(max(most.Load(), flying.Add(1)))
			time.Sleep(time.Second)
			flying.Add(-1)
			h := w.Header()
			h.Set("X-Rate-Limit-Group", "heavy")
			h.Set("X-Rate-Limit-Limit", "10")
			h.Set("X-Rate-Limit-Remaining", "9")
			h.Set("X-Rate-Limit-Window", "60")
			w.WriteHeader(204)
		}))
		began := time.Now()
		var wg sync.WaitGroup
		for i := range 10 {
			wg.Go(func() {
				if err := c.Delete(t.Context(), fmt.Sprint("u", i)); err != nil {
					t.Error(err)
				}
			})
		}
		time.Sleep(500 * time.Millisecond)
		if flying.Load() != 1 {
			t.Errorf("%d requests before the first answer", flying.Load())
		}
		wg.Wait()
		if took := time.Since(began); took != 2*time.Second || most.Load() != 9 {
			t.Errorf("one and then %d at once, %v", most.Load(), took)
		}
	})
}

// Whoever names no limit is not slowed.
func TestNoLimitsNoPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _, h := limitedAccount(nil)
		c := overMemory(t, h)
		began := time.Now()
		if err := drain(t.Context(), c, 16, 500, func(i int) error {
			_, err := c.Create(t.Context(), person(fmt.Sprintf("u%d@x.test", i)))
			return err
		}); err != nil || time.Since(began) != 0 || len(a.Users()) != 500 {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

// What others use of the same limit is taken into account: an application beside us, or the run before this one.
func TestOthersUseTheLimitToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, refused, h := limitedAccount(rc.DocumentedLimits())
		before, now := overMemory(t, h), overMemory(t, h)
		for i := range 6 {
			if _, err := before.Create(t.Context(), person(fmt.Sprintf("b%d@x.test", i))); err != nil {
				t.Fatal(err)
			}
		}
		began := time.Now()
		for i := range 5 {
			if _, err := now.Create(t.Context(), person(fmt.Sprintf("n%d@x.test", i))); err != nil {
				t.Fatal(err)
			}
			if i == 3 && time.Since(began) != 0 {
				t.Errorf("what is left was not used at once but after %v", time.Since(began))
			}
		}
		if took := time.Since(began); refused.Load() > 0 || took < time.Minute || took > 61*time.Second {
			t.Errorf("%d refused, %v", refused.Load(), took)
		}
	})
}

// Remaining: 0 that our own requests do not explain waits the whole window.
func TestNothingRemains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := overMemory(t, replies(204, "", "X-Rate-Limit-Group", "heavy", "X-Rate-Limit-Limit", "10", "X-Rate-Limit-Remaining", "0", "X-Rate-Limit-Window", "30"))
		began := time.Now()
		for i := range 3 {
			if err := c.Delete(t.Context(), "1"); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took < time.Duration(i)*30*time.Second || took > time.Duration(i)*31*time.Second {
				t.Errorf("request %d came after %v", i, took)
			}
		}
	})
}

// Reads of a lane that shares its group with writes are not kept waiting by places that are only held: who holds one
// may need to read before writing.
func TestHeldPlacesDoNotStopReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limits := []string{"X-Rate-Limit-Group", "all", "X-Rate-Limit-Limit", "1", "X-Rate-Limit-Remaining", "1", "X-Rate-Limit-Window", "60"}
		c := overMemory(t, replies(200, `{"id":"7","userName":"a"}`, limits...))
		if _, err := c.Get(t.Context(), "7"); err != nil {
			t.Fatal(err)
		}
		if err := c.Delete(t.Context(), "7"); err != nil {
			t.Fatal(err)
		}
		if err := c.Reserve(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Get(t.Context(), "7"); err != nil {
			t.Fatal(err)
		}
		if err := c.Delete(t.Context(), "7"); err != nil {
			t.Fatal(err)
		}
	})
}

// A place that is given back is there for the next, and one that nobody holds cannot be given back.
func TestRelease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, h := limitedAccount(rc.DocumentedLimits())
		c := overMemory(t, h)
		c.Release()
		if err := c.Reserve(t.Context()); err != nil { // alone, since nothing is known yet
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := c.Reserve(ctx); err == nil || !strings.Contains(err.Error(), "wait for rate limit") {
			t.Errorf("two places before the first answer (%v)", err)
		}
		got := make(chan error)
		go func() { got <- c.Reserve(t.Context()) }()
		synctest.Wait()
		c.Release()
		if err := <-got; err != nil {
			t.Error(err)
		}
		// An update with nothing to send gives its place back, too.
		if _, err := c.Update(t.Context(), "7", nil, person("a")); err != nil {
			t.Error(err)
		}
		if err := c.Reserve(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// The limits may be anything the headers say; nothing they say makes the client spin, panic or wait for ever.
func TestOddLimitHeaders(t *testing.T) {
	for _, header := range [][]string{
		{"X-Rate-Limit-Limit", "2000000000", "X-Rate-Limit-Remaining", "0"},
		{"X-Rate-Limit-Limit", "0"}, {"X-Rate-Limit-Limit", "-3"}, {"X-Rate-Limit-Limit", "ten"},
		{"X-Rate-Limit-Limit", "2", "X-Rate-Limit-Remaining", "99", "X-Rate-Limit-Window", "-1"},
		{"X-Rate-Limit-Limit", "2", "X-Rate-Limit-Remaining", "-99", "X-Rate-Limit-Window", "99999999999"},
		{"X-Rate-Limit-Limit", "2", "X-Rate-Limit-Remaining", "x", "X-Rate-Limit-Window", "x", "X-Rate-Limit-Group", "\x01"},
	} {
		t.Run(fmt.Sprint(header), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := overMemory(t, replies(204, "", header...))
				began := time.Now()
				for range 5 {
					if err := c.Delete(t.Context(), "7"); err != nil {
						t.Fatal(err)
					}
				}
				if took := time.Since(began); took > 5*25*time.Hour {
					t.Errorf("five requests took %v", took)
				}
			})
		})
	}
}

// A group that changes its name or its limit is followed.
func TestLimitsChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		c := overMemory(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			n++
			group, limit := "heavy", "100"
			if n > 3 {
				group, limit = "medium", "2"
			}
			h := w.Header()
			h.Set("X-Rate-Limit-Group", group)
			h.Set("X-Rate-Limit-Limit", limit)
			h.Set("X-Rate-Limit-Remaining", "1")
			w.WriteHeader(204)
		}))
		began := time.Now()
		for range 9 {
			if err := c.Delete(t.Context(), "7"); err != nil {
				t.Fatal(err)
			}
		}
		// Heavy says that others used all but one of its hundred, so the second and third wait; then two a minute.
		if took := time.Since(began); took < 3*time.Minute || took > 7*time.Minute || len(c.Limits()) != 2 {
			t.Errorf("%v, %+v", took, c.Limits())
		}
	})
}

// Each request costs the pacer this much when there is no limit to wait for.
func BenchmarkUpdate(b *testing.B) {
	c := newClient(b, "https://x.test", func(o *ringcentral.Options) { o.Transport = inMemory{handler: replies(204, "")} })
	want := person("a@x.test")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Update(b.Context(), "7", []int{title, mobile}, want); err != nil {
			b.Fatal(err)
		}
	}
}

// How long the outbox takes is told beforehand, to the request, whatever has been used of the limit and by whom.
func TestETA(t *testing.T) {
	for _, test := range []struct {
		before, others, pending int
		share                   float64
		pause                   time.Duration
	}{
		{1, 0, 1, 1, 0}, {1, 0, 9, 1, 0}, {1, 0, 10, 1, 0}, {7, 0, 100, 1, 20 * time.Second}, {10, 0, 1, 1, 0}, {10, 0, 25, 1, 59 * time.Second},
		{3, 0, 30, 0.5, 10 * time.Second}, {1, 6, 50, 1, 5 * time.Second}, {2, 8, 3, 0.3, 0}, {1, 0, 1000, 1, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			_, refused, h := limitedAccount(rc.DocumentedLimits())
			others, c := overMemory(t, h), overMemory(t, h, func(o *ringcentral.Options) { o.RateShare = test.share })
			if _, ok := c.ETA(5); ok {
				t.Error("a time is told before anything is known")
			}
			create := func(c *ringcentral.Client, n int) {
				for i := range n {
					if _, err := c.Create(t.Context(), person(fmt.Sprintf("%p-%d-%d@x.test", c, i, time.Now().UnixNano()))); err != nil {
						t.Fatal(err)
					}
				}
			}
			create(others, test.others)
			time.Sleep(test.pause)
			create(c, test.before)
			time.Sleep(test.pause)
			told, ok := c.ETA(test.pending)
			began := time.Now()
			create(c, test.pending)
			if took := time.Since(began); !ok || took != told || refused.Load() > 0 {
				t.Errorf("%+v: told %v, took %v", test, told, took)
			}
			if again, ok := c.ETA(0); !ok || again != 0 {
				t.Errorf("nothing takes %v", again)
			}
		})
	}
}
