package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"ringsync/engine"
)

// served is a job at work in this process: cycles on schedule, the exporter, notifications, and commands that come
// through its control socket.
type served struct {
	job      *job
	schedule engine.Schedule
	watched  *watched
	refused  func() *refusal // why the configuration file as it is now was not taken
	control  *control
	cancel   context.CancelCauseFunc
	done     chan struct{} // closed when it is at work no more
	err      error         // why, once done; nil if it was told to
}

// serve puts a job to work until it is stopped or fails. It takes over the job, and the control socket of the job before
// if there was one on the same state, and closes both if it fails. refused is as for daemon.
func (a *app) serve(ctx context.Context, j *job, socket *control, refused func() *refusal) (s *served, err error) {
	defer func() {
		if err == nil {
			return
		}
		if socket != nil {
			err = errors.Join(err, socket.close())
		}
		err = errors.Join(err, j.close())
	}()
	j.introduce(ctx, a)
	if ends := j.target.Identity().Ends; !ends.IsZero() && time.Until(ends) < endsSoon {
		a.log.Warn("target.oauth.jwt ends soon: renew it", "job", j.config.Job, "ends", ends.UTC().Format(time.DateOnly))
	}
	s = &served{job: j, refused: refused, done: make(chan struct{})}
	if s.schedule, err = scheduleOf(j.config); err != nil {
		return nil, err
	}
	s.schedule.Places = a.shared.places
	if socket == nil {
		if socket, err = openControl(socketPath(j.config.Place())); err != nil {
			return nil, err
		}
	}
	w, notifier, err := a.watch(ctx, j, s.schedule)
	if err != nil {
		return nil, err
	}
	s.watched, s.control = w, socket
	ctx, s.cancel = context.WithCancelCause(ctx)
	// Before that, the job would tell commands that nobody serves it.
	j.engine.Serving = sync.OnceFunc(func() { socket.give(&daemon{job: j, ctx: ctx, refused: refused}) })
	go func() {
		defer close(s.done)
		var notifying sync.WaitGroup
		notifying.Go(func() { notifier.Run(ctx) })
		s.err = j.engine.Serve(ctx, j.target, s.schedule)
		j.engine.Serving() // whatever has failed, those who wait for the control socket get an answer
		s.cancel(s.err)
		notifying.Wait()
	}()
	return s, nil
}

// stop ends the work, lets what is in flight end, and closes all. It returns why the work had failed, if it had.
func (s *served) stop(why error) error {
	s.cancel(why)
	s.control.end()
	<-s.done
	s.control.hold()
	s.control.take()
	return errors.Join(s.err, s.control.close(), s.job.close())
}

// release ends the work as stop does, but leaves the state and the control socket open for the job's successor. Commands
// that come meanwhile wait for it.
func (s *served) release(why error) error {
	s.control.hold()
	s.cancel(why)
	<-s.done
	s.control.take()
	return s.err
}
