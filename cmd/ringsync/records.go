package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"ringsync/configs"
	"ringsync/state"
	"ringsync/state/bolt"
	"ringsync/state/etcd"
)

// records is where a job's state is kept: a file, or a place in an etcd cluster.
type records interface {
	state.DB
	// moment is the state as it is now, for as long as it is looked at; others may go on writing.
	moment() (moment, error)
}

type moment interface {
	state.Viewer
	Close() error
}

type fileRecords struct{ *bolt.DB }

func (r fileRecords) moment() (moment, error) {
	m, err := r.Snapshot()
	if err != nil {
		return nil, err
	}
	return m, nil
}

// etcdRecords close what they were opened with, too.
type etcdRecords struct {
	*etcd.DB
	owner *etcd.Owner // nil if they are for reading only
	seat  *seat
}

func (r etcdRecords) moment() (moment, error) {
	m, err := r.Snapshot()
	if err != nil {
		return nil, err
	}
	return m, nil
}

// Close meets state.DB.
func (r etcdRecords) Close() error {
	err := r.DB.Close()
	switch {
	case r.owner == nil:
	case r.seat.all.ending.Load():
		r.owner.Abandon()
	default:
		err = errors.Join(err, r.owner.Release())
	}
	return errors.Join(err, r.seat.leave())
}

// patience is how long a command waits for others that only read the state: most need it for a moment.
const patience = 5 * time.Second

// openState opens the records of the job, for reading only or else to become theirs. The error wraps fs.ErrNotExist if
// there are none and they are only to be read.
func (a *app) openState(ctx context.Context, c *configs.Config, readOnly bool) (records, error) {
	if c.State.Etcd != nil {
		return a.openPlace(ctx, c, readOnly)
	}
	file, err := openFile(ctx, c.State.Path, bolt.Options{ReadOnly: readOnly, Create: !readOnly})
	if err != nil {
		return nil, err
	}
	return fileRecords{file}, nil
}

func openFile(ctx context.Context, path string, options bolt.Options) (*bolt.DB, error) {
	for end := time.Now().Add(patience); ; {
		file, err := bolt.Open(path, options)
		inUse, ok := errors.AsType[*bolt.InUseError](err)
		if !ok || inUse.PID != 0 || ctx.Err() != nil || time.Now().After(end) {
			return file, err
		}
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// seat returns the process's place in the job's cluster, which is to be left again.
func (a *app) seat(ctx context.Context, c *configs.Config) (*seat, error) {
	if a.seats == nil {
		a.seats = newSeats(a.log)
	}
	return a.seats.take(ctx, c)
}

// openPlace opens the job's place in its cluster.
func (a *app) openPlace(ctx context.Context, c *configs.Config, readOnly bool) (_ records, err error) {
	seat, err := a.seat(ctx, c)
	if err != nil {
		return nil, err
	}
	r := etcdRecords{seat: seat}
	defer func() {
		if err != nil && r.owner != nil {
			err = errors.Join(err, r.owner.Release())
		}
		if err != nil {
			err = errors.Join(err, seat.leave())
		}
	}()
	if readOnly {
		r.DB, err = seat.cluster.OpenReadOnly(ctx, c.Job)
		return r, err
	}
	lease, err := seat.lease(ctx)
	if err != nil {
		return nil, err
	}
	if !a.fleet {
		r.owner, err = lease.Own(ctx, c.Job, patience)
	} else {
		<-a.slots
		r.owner, err = lease.Own(ctx, c.Job, 0) // until it is free
		a.slots <- struct{}{}
	}
	if err != nil {
		return nil, err
	}
	r.DB, err = r.owner.Open(ctx)
	return r, err
}

// home says where the job's records are, for people.
func home(c *configs.Config) string {
	if c.State.Etcd != nil {
		return "etcd"
	}
	return c.State.Path
}

// missing says that there is nothing to keep.
func (j *job) missing() error {
	if j.config.State.Etcd != nil {
		return fmt.Errorf("job %s has no state in etcd yet: %w", j.config.Job, fs.ErrNotExist)
	}
	return fmt.Errorf("there is no state file %s yet: %w", j.config.State.Path, fs.ErrNotExist)
}
