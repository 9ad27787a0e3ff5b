package ringcentral_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ringsync/connectors/ringcentral"
	rc "ringsync/connectors/ringcentral/ringcentraltest"
)

// Of two clients with one credential the one that has sent less gets the next free place, however many requests of the
// other wait; nothing is refused, and no place is lost by it.
func TestTurnsOfClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, refused, h := limitedAccount(rc.DocumentedLimits())
		credential := ringcentral.StaticToken(token)
		share := func(o *ringcentral.Options) { o.Token = credential }
		large, small := overMemory(t, h, share), overMemory(t, h, share)
		began := time.Now()
		var both sync.WaitGroup
		both.Go(func() {
			if err := drain(t.Context(), large, 16, 190, func(i int) error {
				_, err := large.Create(t.Context(), person(fmt.Sprintf("large%d@x.test", i)))
				return err
			}); err != nil {
				t.Error(err)
			}
		})
		both.Go(func() {
			for i := range 10 {
				time.Sleep(30 * time.Second) // the other has used up the window by then
				asked := time.Now()
				if err := small.Reserve(t.Context()); err != nil {
					t.Error(err)
				}
				if _, err := small.Create(t.Context(), person(fmt.Sprintf("small%d@x.test", i))); err != nil {
					t.Error(err)
				}
				if took := time.Since(asked); took > 31*time.Second {
					t.Errorf("number %d got none of the next window's places: it waited %s", i, took)
				}
			}
		})
		both.Wait()
		if took := time.Since(began); took > 19*time.Minute+2*time.Second || len(a.Users()) != 200 || refused.Load() > 0 {
			t.Errorf("%d accounts after %s, %d refused", len(a.Users()), took, refused.Load())
		}
	})
}

// Somebody who stops waiting for a turn is in nobody's way.
func TestTurnGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, h := limitedAccount(rc.DocumentedLimits())
		credential := ringcentral.StaticToken(token)
		share := func(o *ringcentral.Options) { o.Token = credential }
		one, other := overMemory(t, h, share), overMemory(t, h, share)
		for i := range 10 {
			if _, err := one.Create(t.Context(), person(fmt.Sprintf("u%d@x.test", i))); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		var waiting sync.WaitGroup
		waiting.Go(func() {
			if other.Reserve(ctx) == nil {
				t.Error("there was a place after all")
			}
		})
		waiting.Go(func() {
			if err := one.Reserve(t.Context()); err != nil {
				t.Error(err)
			}
		})
		began := time.Now()
		waiting.Wait()
		if took := time.Since(began); took > 61*time.Second {
			t.Errorf("the place was had after %s", took)
		}
		one.Release()
	})
}

// The most modest client counts as long as it is open.
func TestShareOfOpenClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, h := limitedAccount(rc.DocumentedLimits())
		credential := ringcentral.StaticToken(token)
		client := func(share float64) *ringcentral.Client {
			return overMemory(t, h, func(o *ringcentral.Options) { o.Token, o.RateShare = credential, share })
		}
		get := func(c *ringcentral.Client, want int) {
			t.Helper()
			if _, err := c.Get(t.Context(), "1"); err == nil {
				t.Error("there is somebody")
			}
			if n, _, ok := c.ReadLimit(); !ok || n != want {
				t.Errorf("%d reads a window are ours, want %d", n, want)
			}
		}
		all, modest := client(1), client(0.1)
		get(all, 5)
		modest.Close()
		modest.Close()
		get(all, 50)
	})
}
