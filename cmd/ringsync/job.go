package main

import (
	"context"
	"errors"
)

// use is what a command does with a job's state.
type use int

const (
	looks     use = iota // reads what is recorded
	rehearses            // decides on a copy that it keeps to itself
	works                // writes
)

// onJob does something with the job, wherever it is, and prints what came of it: in the daemon that serves it, which
// then gets the whole command line, or here on its state file. By the time of printing the job has been let go, so
// that a pager that nobody scrolls holds up nothing.
func onJob[T any](ctx context.Context, a *app, use use, do func(*job) (T, error), print func(T) error) error {
	if a.caller == nil {
		if forwarded, err := a.forward(ctx); forwarded {
			return err
		}
	}
	j, err := a.job(ctx, use)
	if err != nil {
		return err
	}
	result, err := do(j)
	if err = errors.Join(err, j.close()); err != nil {
		return err
	}
	return print(result)
}

// job returns the job for one command. It is to be closed.
func (a *app) job(ctx context.Context, use use) (*job, error) {
	switch {
	case a.caller == nil:
		c, err := a.load()
		if err != nil {
			return nil, err
		}
		j, err := a.open(ctx, c, use != works)
		if err == nil && use == rehearses {
			j.introduce(ctx, a)
		}
		return j, err
	case use == rehearses:
		return a.caller.daemon.job.rehearsal(ctx, a)
	}
	served := *a.caller.daemon.job
	served.close = func() error { return nil } // it stays open
	return &served, nil
}
