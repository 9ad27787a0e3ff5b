package engine_test

import (
	"context"
	"flag"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

var (
	simSeed      = flag.Uint64("seed", 0, "TestSimulation: live through this one history and tell it")
	simHistories = flag.Int("histories", histories, "TestSimulation: live through so many histories")
)

// TestSimulation lives through histories: the real engine, connectors and state file between both emulators, in virtual
// time, with random directories, configurations, events, faults at any request and the end of the process at any
// commit. What safety.md promises is checked after each cycle and, once faults have ended, of the whole. A history
// that fails is told with its seed, which replays it.
//
// All that is random follows from the seed, but for the jitter of retries, which moves requests by moments. With one
// request in flight at a time (three histories of four) that changes nothing; with four it may change who is first.
func TestSimulation(t *testing.T) {
	if *simSeed != 0 {
		synctest.Test(t, func(t *testing.T) { oneHistory(t, t.TempDir(), *simSeed, true) })
		return
	}
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // much garbage, little to keep
	const workers = 4                                 // two cores, and the disk
	const enough = 3                                  // failures to be told of
	var next atomic.Uint64
	var failures atomic.Int64
	var all sync.WaitGroup
	for range workers {
		folder := t.TempDir()
		all.Go(func() {
			for seed := next.Add(1); seed <= uint64(*simHistories) && failures.Load() < enough; seed = next.Add(1) {
				synctest.Test(t, func(t *testing.T) {
					if !oneHistory(t, folder, seed, false) {
						failures.Add(1)
					}
				})
			}
		})
	}
	all.Wait()
}

// after is a context for looking at the state once the process has been told to stop.
func (p *process) after() context.Context { return context.WithoutCancel(p.ctx) }
