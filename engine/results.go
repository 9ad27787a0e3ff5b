package engine

import (
	"context"
	"maps"
	"time"
)

// commitAll commits results as they come, many with one fsync: while one transaction is being written, the next
// gathers.
func (x *exporter) commitAll(ctx context.Context) error {
	var failed error
	var group []outcome
	for first := range x.results {
		group = x.gather(append(group[:0], *first))
		if failed == nil {
			if failed = x.putDown(ctx, group); failed != nil {
				x.stop(failed)
			}
		}
		x.mu.Lock()
		for _, o := range group {
			delete(x.inFlight, o.id)
			delete(x.direct.flying, o.id)
			maps.DeleteFunc(x.accounts, func(_, holder string) bool { return holder == o.id })
			if o.err != nil || o.late {
				x.fetched = nil // they may be in the outbox again, under another class
			}
			x.errand.landed(&o)
		}
		x.move()
		x.mu.Unlock()
		x.signal()
	}
	return failed
}

// putDown commits a group. A serving exporter keeps it for as long as the state cannot be written: what the target has
// acknowledged is to be known once it can. The end of ctx gives it one more chance.
func (x *exporter) putDown(running context.Context, group []outcome) error {
	ctx := context.WithoutCancel(running) // a result that is in hand is kept whatever has been cancelled
	defer x.hold(false)
	for {
		err := x.commit(ctx, group)
		if err == nil || !x.serving || !isUnwritable(err) || running.Err() != nil {
			return err
		}
		x.hold(true)
		x.job.touch() // the loop sees to it
		blocked := x.job.store.Blocked()
		if blocked == nil {
			continue
		}
		trial := time.NewTimer(trialTime) // the loop may be in the middle of a cycle
		select {
		case <-blocked.Over():
		case <-running.Done():
		case <-trial.C:
			if err := x.job.store.Try(ctx); err != nil && !isUnwritable(err) {
				return err
			}
		}
		trial.Stop()
	}
}

func (x *exporter) hold(holding bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.holding = holding
}

// gather adds to the group what else has come in and what comes in a moment: until it is large enough, or nobody else is in
// flight whom to wait for, or somebody has failed, which may be of consequence for what is to be sent next.
func (x *exporter) gather(group []outcome) []outcome {
	timer := time.NewTimer(commitWait)
	defer timer.Stop()
	for len(group) < commitMost {
		select {
		case o, open := <-x.results:
			if !open {
				return group
			}
			group = append(group, *o)
			continue
		default:
		}
		x.mu.Lock()
		alone := len(x.inFlight) <= len(group) || x.errand != nil
		x.mu.Unlock()
		if alone || group[len(group)-1].err != nil {
			return group
		}
		select {
		case o, open := <-x.results:
			if !open {
				return group
			}
			group = append(group, *o)
		case <-timer.C:
			return group
		}
	}
	return group
}
