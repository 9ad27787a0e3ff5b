package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"ringsync/configs"
	"ringsync/engine"
)

// member is one configuration file of a fleet and the job that is served by it, or is to be.
type member struct {
	fleet *fleet
	app   *app // with the file as its configuration
	file  string

	// The fleet's own knowledge of the file; nobody else looks at it.
	files   []string        // that the configuration was last loaded from
	seen    fingerprint     // of these files then
	wanted  *configs.Config // as last loaded without a problem; nil if it never was
	offered *configs.Config // what the member was last offered
	taken   fingerprint     // of the configuration that it goes by
	problem error           // of the files as they are now
	absent  time.Time       // since when the file has been gone; zero if it is there

	offers chan offer
	stop   context.CancelCauseFunc
	done   chan struct{}
	err    error // once done

	mu      sync.Mutex
	given   *configs.Config // what the member goes by; nil if it has nothing to go by
	served  *served         // nil while it is not
	standby bool            // it is another process's to serve
	down    error           // why it is not
	told    string          // of that, so that nobody is told twice
	loaded  time.Time
	refused *refusal
}

// offer is a configuration that a member is to serve from now on.
type offer struct {
	config *configs.Config
	actor  string
	done   chan<- error // gets nil if it is being served
}

// refusal is why a configuration file as it is now was not taken.
type refusal struct {
	Since time.Time `json:"since"`
	Error string    `json:"error"`
}

// How long a job that could not be served waits for the next try: twice as long each time.
const (
	firstRetry = 5 * time.Second
	lastRetry  = 5 * time.Minute
)

// name is the job's, or the file's as long as that tells none.
func (m *member) name() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.given != nil:
		return m.given.Job
	}
	return strings.TrimSuffix(filepath.Base(m.file), filepath.Ext(m.file))
}

// run serves the configuration, tries again if that fails, and takes what is offered, until ctx ends. j is the job
// if it is open already; down is why it cannot be served for now, and config is nil if only an offer can help. began is
// called when the first try is over. A member that is all there is ends with the first failure.
func (m *member) run(ctx context.Context, config *configs.Config, j *job, down error, began func()) error {
	answer := func(error) { began() }
	settle := func(err error) { answer(err); answer = func(error) {} }
	actor := engine.WithActor(ctx, localUser())
	wait := firstRetry
	for {
		err := down
		if down = nil; err == nil {
			err = m.attempt(actor, &config, j, func() { settle(nil); wait = firstRetry }, func() { settle(nil) })
			j = nil
		}
		if ctx.Err() != nil || m.fleet.alone {
			return unlessTold(ctx, err)
		}
		m.fail(err)
		settle(err)
		var again <-chan time.Time
		if config != nil {
			again = time.After(wait)
			wait = min(2*wait, lastRetry)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-again:
		case c := <-m.offers:
			config, wait = c.config, firstRetry
			actor = engine.WithActor(ctx, c.actor)
			answer = func(err error) { c.done <- err }
		}
	}
}

// attempt serves the configuration, and those that replace it, until that fails or ctx ends. up is called when it is
// being served, standing when another process is to do that.
func (m *member) attempt(ctx context.Context, config **configs.Config, j *job, up, standing func()) (err error) {
	var t *turn // nil if the job is this process's alone
	if (*config).State.Etcd != nil {
		if t, err = m.queue(ctx, *config); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, t.end()) }()
	}
	for {
		switch {
		case j != nil:
		case t != nil:
			j, err = m.await(ctx, config, t, standing)
		default:
			j, err = m.app.open(ctx, *config, false)
		}
		if err != nil {
			return err
		}
		if again, err := m.work(ctx, config, j, t, up); !again {
			return err
		}
		j = nil
	}
}

// work serves the job until that fails or ctx ends, or, which it reports, the job has become another process's.
func (m *member) work(ctx context.Context, config **configs.Config, j *job, t *turn, up func()) (moved bool, err error) {
	s, err := m.app.serve(ctx, j, nil, m.refusal)
	if err != nil {
		return lost(err), unlessLost(err)
	}
	if err := m.fleet.announce(ctx, s); err != nil {
		return false, errors.Join(err, s.stop(errStopping))
	}
	m.rise(s)
	up()
	for {
		mine, changed := t.mine()
		if !mine {
			m.app.log.Info("the job goes over to another process", "job", s.job.config.Job)
			m.standBy()
			err := s.stop(errMoved)
			return err == nil || lost(err), unlessLost(err)
		}
		select {
		case <-ctx.Done():
			m.app.log.Info("stopping", "job", s.job.config.Job)
			m.sink()
			return false, s.stop(context.Cause(ctx))
		case <-changed:
		case <-s.job.disowned():
			m.app.log.Warn("the job is not this process's any more: its lease in etcd has ended", "job", s.job.config.Job)
			m.standBy()
			return true, unlessLost(s.stop(errMoved))
		case <-s.done:
			m.sink()
			err := s.stop(nil)
			if lost(err) || err != nil || ctx.Err() != nil {
				return lost(err), unlessLost(err)
			}
			return false, errors.New("it ended by itself")
		case c := <-m.offers:
			next, err := m.reload(ctx, config, s, t, c)
			if c.done <- err; next == nil {
				return lost(err), unlessLost(err)
			}
			s = next
		}
	}
}

// reload has the job go by what is offered. It returns what is served then: what was before if the offer is refused, with
// the reason, and nil if that has come to its end on the way.
func (m *member) reload(ctx context.Context, config **configs.Config, s *served, t *turn, o offer) (*served, error) {
	actor := engine.WithActor(ctx, o.actor)
	next, err := m.app.successor(actor, s.job, o.config)
	if err != nil {
		m.refuse(ctx, o.actor, err)
		return s, err
	}
	m.sink()
	*config = o.config
	if t != nil {
		t.offer(o.config)
	}
	if s, err = m.replace(ctx, actor, s, next); err != nil {
		return nil, err
	}
	m.rise(s)
	m.app.log.Info("configuration loaded", "job", o.config.Job, "file", m.file)
	return s, nil
}

// replace has the next job take the place of the one that is being served. actor is ctx with who wants it.
func (m *member) replace(ctx, actor context.Context, s *served, next *job) (_ *served, err error) {
	var socket *control
	if next.inherits() {
		failed := s.release(errReloading)
		socket = s.control
		err = errors.Join(failed, next.inherit(actor, m.app, s.job))
	} else if failed := s.stop(errReloading); failed != nil {
		m.app.log.Error("the job failed while it was being replaced", "job", s.job.config.Job, "error", failed)
	}
	if err == nil {
		err = next.engine.Reloaded(actor, settings(next.config))
	}
	if err != nil {
		if socket != nil {
			err = errors.Join(err, socket.close())
		}
		return nil, errors.Join(err, next.close())
	}
	return m.app.serve(ctx, next, socket, m.refusal)
}

// rise notes that the job is being served.
func (m *member) rise(s *served) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.served, m.standby, m.down, m.told, m.refused, m.loaded = s, false, nil, "", nil, time.Now()
}

// sink notes that it no longer is, or not for a moment.
func (m *member) sink() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.served, m.standby, m.down = nil, false, errors.New("it is being started")
}

// fail notes and tells why the job is not served.
func (m *member) fail(err error) {
	m.mu.Lock()
	known := m.told == err.Error()
	m.served, m.standby, m.down, m.told = nil, false, err, err.Error()
	m.mu.Unlock()
	if !known {
		m.app.log.Error("job not served", "job", m.name(), "file", m.file, "error", brief(err))
	}
}

// refuse notes and tells why the file as it is now is not taken. The job, if it is served, goes on as it is.
func (m *member) refuse(ctx context.Context, actor string, err error) {
	text := brief(err)
	m.mu.Lock()
	known, s := m.refused != nil && m.refused.Error == text, m.served
	if !known {
		m.refused = &refusal{time.Now(), text}
	}
	m.mu.Unlock()
	switch {
	case known:
		return
	case s == nil:
		m.fail(err)
		return
	}
	m.app.log.Error("configuration refused; the job goes on with the one that it has", "job", s.job.config.Job, "file", m.file, "error", text)
	if err := s.job.engine.Refused(engine.WithActor(ctx, actor), text); err != nil && ctx.Err() == nil {
		m.app.log.Error("configuration refused: note it in the provisioning log", "job", s.job.config.Job, "error", err)
	}
}

// accept forgets a refusal: the file is again as the job goes by.
func (m *member) accept() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refused = nil
}

func (m *member) refusal() *refusal {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.refused
}

// give notes what the member goes by from now on.
func (m *member) give(c *configs.Config) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.given = c
}

// goesBy returns the configuration that the member goes by, nil if it has none.
func (m *member) goesBy() *configs.Config {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.given
}

// current returns the job if it is being served.
func (m *member) current() *served {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.served
}

// standing is how the member stands, for the monitor.
func (m *member) standing() standing {
	name := m.name()
	m.mu.Lock()
	defer m.mu.Unlock()
	st := standing{name: name, file: m.file, loaded: m.loaded, refused: m.refused != nil, standby: m.standby}
	if m.served != nil {
		st.watched = m.served.watched
	} else if m.down != nil {
		st.down = brief(m.down)
	}
	return st
}

// brief is an error in one line. Of the problems of a configuration it is the first.
func brief(err error) string {
	text := err.Error()
	if problems, ok := errors.AsType[configs.Problems](err); ok {
		text = problems[0].Error()
		if n := len(problems) - 1; n > 0 {
			text = fmt.Sprintf("%s (and %s)", strings.SplitN(text, "\n", 2)[0], count(n, "more problem"))
		}
	}
	return strings.Join(strings.Fields(text), " ")
}
