package main

import (
	"context"
	"errors"
	"time"

	"ringsync/configs"
	"ringsync/state/etcd"
)

// errMoved is why a job is served no more that another process is to serve.
var errMoved = errors.New("the job is another machine's now: run the command there")

// turn is a member's part in the sharing of a job whose state is in etcd.
type turn struct {
	seat     *seat
	config   *configs.Config
	withdraw func()
}

// queue offers to serve the job.
func (m *member) queue(ctx context.Context, c *configs.Config) (*turn, error) {
	s, err := m.app.seat(ctx, c)
	if err != nil {
		return nil, err
	}
	t := &turn{seat: s}
	t.offer(c)
	return t, nil
}

// offer has the job go by another configuration.
func (t *turn) offer(c *configs.Config) {
	t.config, t.withdraw = c, t.seat.offer(etcd.Job{Name: c.Job, Group: shareGroup(c)})
}

// end withdraws the offer.
func (t *turn) end() error {
	t.withdraw()
	return t.seat.leave()
}

// mine reports whether the job is this process's to serve, and gives what is closed when that may have changed. The
// member whose job's state is a file has no turn: its job always is.
func (t *turn) mine() (mine bool, changed <-chan struct{}) {
	if t == nil {
		return true, nil
	}
	return t.seat.mine(t.config.Job)
}

// await stands by until the job is this process's, and opens it. What is offered meanwhile is what it will go by.
// standing is called as soon as it stands by.
func (m *member) await(ctx context.Context, config **configs.Config, t *turn, standing func()) (*job, error) {
	for {
		m.standBy()
		standing()
		mine, changed := t.mine()
		if mine {
			j, err := m.take(ctx, config, t)
			switch {
			case lost(err):
				sleep(ctx, time.Second) // with the lease that comes next
			case !errors.Is(err, errMoved):
				return j, err
			}
			continue
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-changed:
		case o := <-m.offers:
			o.done <- t.accept(config, o.config)
		}
	}
}

// take opens the job once the process that has it lets it go. The error is errMoved if meanwhile it has become another's,
// or is to be opened by another configuration.
func (m *member) take(ctx context.Context, config **configs.Config, t *turn) (*job, error) {
	type result struct {
		job *job
		err error
	}
	opening, cancel := context.WithCancel(ctx)
	defer cancel()
	opened := make(chan result, 1)
	go func(c *configs.Config) {
		var r result
		select {
		case m.app.slots <- struct{}{}:
			r.job, r.err = m.app.open(opening, c, false)
			<-m.app.slots
		case <-opening.Done():
			r.err = opening.Err()
		}
		opened <- r
	}(*config)
	giveUp := func() error {
		cancel()
		if r := <-opened; r.job != nil {
			return errors.Join(errMoved, r.job.close())
		}
		return errMoved
	}
	for {
		mine, changed := t.mine()
		if !mine {
			return nil, giveUp()
		}
		select {
		case r := <-opened:
			return r.job, r.err
		case <-changed:
		case o := <-m.offers:
			err := giveUp()
			o.done <- t.accept(config, o.config)
			return nil, err
		}
	}
}

// accept takes a configuration for a job that is not being served.
func (t *turn) accept(config **configs.Config, c *configs.Config) error {
	if err := transferable(*config, c); err != nil {
		return err
	}
	*config = c
	t.offer(c)
	return nil
}

// transferable returns why a job cannot go on by another configuration without a restart, nil if it can.
func transferable(was, c *configs.Config) error {
	switch in := c.State.Etcd != nil; {
	case in != (was.State.Etcd != nil):
		return usageError("the state is to move between a file and etcd: that takes ringsync state export and import, and a restart")
	case in && (c.Job != was.Job || seatKey(c) != seatKey(was)):
		return usageError("the name of a job in etcd, or state.etcd itself, has changed: that takes a restart")
	}
	return nil
}

// standBy notes that the job is another process's.
func (m *member) standBy() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.served, m.down, m.told, m.standby = nil, nil, "", true
}

// disowned is closed when the job is this process's no more, because it has lost touch with etcd; nil if that cannot be.
func (j *job) disowned() <-chan struct{} {
	if r, ok := j.records.(etcdRecords); ok && r.owner != nil {
		return r.owner.Context().Done()
	}
	return nil
}

// lost reports whether something failed only because the job is not this process's any more.
func lost(err error) bool {
	_, is := errors.AsType[*etcd.LostError](err)
	return is
}

func unlessLost(err error) error {
	if lost(err) {
		return nil
	}
	return err
}
