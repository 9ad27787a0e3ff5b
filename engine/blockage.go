package engine

import (
	"context"
	"errors"
	"time"

	"ringsync/state"
)

// What a disk without room means to a job at work: what the target acknowledges could not be put down, so nothing more is
// sent. What has been acknowledged by then is kept in memory until it can be put down. No cycle begins, and every few
// seconds the state is tried; once a fair amount goes in, work goes on where it stood.

const trialTime = 5 * time.Second

func isUnwritable(err error) bool {
	_, ok := errors.AsType[*state.UnwritableError](err)
	return ok
}

// unblock returns once the state can be written, at once if nothing says that it cannot, and whether that took a while, in
// which nothing could go out. Requests are refused meanwhile.
func (j *Job) unblock(ctx context.Context, v *service, exporting chan error) (waited bool, err error) {
	for {
		blocked := j.store.Blocked()
		if blocked == nil {
			if waited {
				j.Logger.Info("the state can be written again, and work goes on", "job", j.Name)
			}
			return waited, nil
		}
		v.turned.Store(&turn{at: time.Now()})
		if !waited {
			waited = true
			j.Logger.Error("nothing is read or sent until the state can be written", "job", j.Name, "error", blocked.Err)
			v.exporter.gate(true) // whoever waits for it is told
		}
		timer := time.NewTimer(trialTime)
		select {
		case <-ctx.Done():
			timer.Stop()
			return waited, ctx.Err()
		case err := <-exporting:
			exporting <- err // for Serve, which waits for it
			timer.Stop()
			return waited, err
		case r := <-v.requests:
			r.answer <- answer{err: blocked.Err}
		case <-timer.C:
			if err := j.store.Try(ctx); err != nil && !isUnwritable(err) {
				return waited, err
			}
		}
		timer.Stop()
	}
}

// refused returns why nothing can be sent that would have to be put down, nil if it could be.
func (j *Job) refused() error {
	if b := j.store.Blocked(); b != nil {
		return b.Err
	}
	return nil
}
