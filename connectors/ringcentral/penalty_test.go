package ringcentral_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ringsync/connectors"
	rc "ringsync/connectors/ringcentral/ringcentraltest"
)

// After a 429 nothing of the group is sent until the penalty is over, those who wait and those who hold a place
// included; then one goes alone.
func TestPenalty(t *testing.T) {
	for name, test := range map[string]struct {
		header []string
		least  time.Duration
	}{
		"for as long as it says":     {[]string{"Retry-After", "45"}, 45 * time.Second},
		"in fractions":               {[]string{"Retry-After", "44.5"}, 44500 * time.Millisecond},
		"not saying":                 {nil, 30 * time.Second},
		"not saying, long window":    {[]string{"X-Rate-Limit-Group", "heavy", "X-Rate-Limit-Limit", "10", "X-Rate-Limit-Remaining", "0", "X-Rate-Limit-Window", "90"}, 90 * time.Second},
		"longer than the window":     {[]string{"Retry-After", "150", "X-Rate-Limit-Group", "heavy", "X-Rate-Limit-Limit", "10", "X-Rate-Limit-Remaining", "0", "X-Rate-Limit-Window", "60"}, 150 * time.Second},
		"saying nonsense":            {[]string{"Retry-After", "soon"}, 30 * time.Second},
		"until a date that has been": {[]string{"Retry-After", "Sun, 06 Nov 1994 08:49:37 GMT"}, 30 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var sent []time.Duration
				var mu sync.Mutex
				began := time.Now()
				c := overMemory(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					mu.Lock()
					defer mu.Unlock()
					sent = append(sent, time.Since(began))
					if len(sent) == 2 {
						replies(429, `{"errorCode":"CMN-301","message":"Request rate exceeded"}`, test.header...).ServeHTTP(w, r)
						return
					}
					w.WriteHeader(204)
				}))
				if err := c.Delete(t.Context(), "1"); err != nil {
					t.Fatal(err)
				}
				for range 5 { // held before anybody knows of the penalty
					if err := c.Reserve(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				err := c.Delete(t.Context(), "2")
				wantFault(t, err, connectors.FaultTransient)
				if e := err.(*connectors.Error); e.RetryAfter < test.least || e.Code != "CMN-301" {
					t.Errorf("%+v", e)
				}
				var wg sync.WaitGroup
				for i := range 8 {
					wg.Go(func() {
						time.Sleep(test.least * time.Duration(i) / 8) // all through the penalty
						if err := c.Delete(t.Context(), "3"); err != nil {
							t.Error(err)
						}
					})
				}
				wg.Wait()
				for _, at := range sent[2:] {
					if at < test.least || at > test.least+2*time.Second {
						t.Errorf("a request %v after the 429; want none before %v", at, test.least)
					}
				}
			})
		})
	}
}

// A 429 without rate-limit headers comes from a limit of the account or the address: reads stop for it as well.
// With them, it is the group's own affair.
func TestPenaltyOfWhom(t *testing.T) {
	for name, test := range map[string]struct {
		header []string
		waits  bool
	}{
		"the group's":   {[]string{"Retry-After", "60", "X-Rate-Limit-Group", "heavy", "X-Rate-Limit-Limit", "10", "X-Rate-Limit-Remaining", "0"}, false},
		"the account's": {[]string{"Retry-After", "60"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := overMemory(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.Method == http.MethodGet {
						replies(200, `{"id":"7","userName":"a"}`, "X-Rate-Limit-Group", "light", "X-Rate-Limit-Limit", "50", "X-Rate-Limit-Remaining", "49").ServeHTTP(w, r)
						return
					}
					replies(429, "", test.header...).ServeHTTP(w, r)
				}))
				if _, err := c.Get(t.Context(), "7"); err != nil {
					t.Fatal(err)
				}
				wantFault(t, c.Delete(t.Context(), "7"), connectors.FaultTransient)
				began := time.Now()
				if _, err := c.Get(t.Context(), "7"); err != nil {
					t.Fatal(err)
				}
				if waited := time.Since(began) >= time.Minute; waited != test.waits {
					t.Errorf("the read came after %v", time.Since(began))
				}
			})
		})
	}
}

// What was under way when the penalty began may still succeed. It says nothing about what comes after: one request
// goes alone then, too.
func TestSuccessWithinAPenalty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var mu sync.Mutex
		at := map[string]time.Duration{}
		c := overMemory(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			id := r.URL.Path[len("/scim/v2/Users/"):]
			mu.Lock()
			at[id] = time.Since(began)
			mu.Unlock()
			switch id {
			case "slow":
				time.Sleep(10 * time.Second)
			case "refused":
				time.Sleep(5 * time.Second)
				replies(429, "", "Retry-After", "20").ServeHTTP(w, r)
				return
			case "after-1", "after-2":
				time.Sleep(time.Second)
			}
			w.WriteHeader(204)
		}))
		if err := c.Delete(t.Context(), "first"); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		wg.Go(func() { _ = c.Delete(t.Context(), "slow") })
		wg.Go(func() { wantFault(t, c.Delete(t.Context(), "refused"), connectors.FaultTransient) })
		time.Sleep(12 * time.Second)
		for i := range 2 {
			wg.Go(func() { _ = c.Delete(t.Context(), fmt.Sprint("after-", i+1)) })
		}
		wg.Wait()
		one, other := min(at["after-1"], at["after-2"]), max(at["after-1"], at["after-2"])
		if one < 25*time.Second || other < one+time.Second {
			t.Errorf("after a penalty until 25 s: requests at %v and %v", one, other)
		}
	})
}

// Two requests for one account at the same time are refused with the status of a rate limit, but there is no penalty.
func TestConcurrentRequestIsNoPenalty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := rc.New(rc.Options{Token: token, RefuseConcurrent: true, Latency: 10 * time.Second})
		id := a.Add(rc.User{UserName: "a@x.test", Email: "a@x.test", GivenName: "A", FamilyName: "B"})
		c := overMemory(t, a)
		if _, err := c.Update(t.Context(), id, []int{title}, person("a@x.test")); err != nil {
			t.Fatal(err)
		}
		done := make(chan error)
		go func() {
			_, err := c.Update(t.Context(), id, []int{title}, person("a@x.test"))
			done <- err
		}()
		time.Sleep(time.Second)
		_, err := c.Update(t.Context(), id, []int{title}, person("a@x.test"))
		wantFault(t, err, connectors.FaultTransient)
		if e, ok := err.(*connectors.Error); !ok || e.Code != "CMN-304" || e.RetryAfter != 0 {
			t.Errorf("%+v", err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		began := time.Now()
		if _, err := c.Update(t.Context(), id, []int{title}, person("a@x.test")); err != nil || time.Since(began) != 10*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

// Reads outlast a 429 by themselves.
func TestReadsWaitOutAPenalty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, refused, h := limitedAccount(rc.DocumentedLimits())
		id := a.Add(rc.User{UserName: "a@x.test", Email: "a@x.test", GivenName: "A", FamilyName: "B"})
		c := overMemory(t, h)
		var once sync.Once
		a.Fault(func(*http.Request) (f *rc.Fault) {
			once.Do(func() { f = rc.ThrottleFault(45 * time.Second) })
			return f
		})
		began := time.Now()
		r, err := c.Get(t.Context(), id)
		if err != nil || r.ID != id || time.Since(began) < 45*time.Second || refused.Load() != 1 || a.EarlyRequests() != 0 {
			t.Errorf("%+v (%v) after %v, %d refused, %d early", r, err, time.Since(began), refused.Load(), a.EarlyRequests())
		}
	})
}
