package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"sync"
	"syscall"

	"golang.org/x/sync/errgroup"

	"ringsync/configs"
)

// fleet is the jobs that one process serves: a member for each configuration file that was named, or is in a folder
// that was. What goes wrong with one member does not touch the others.
type fleet struct {
	app     *app
	sources *sources
	door    *door // of the console
	alone   bool  // one file was named: what goes wrong with it is the program's own affair
	systemd *systemd

	mu      sync.Mutex
	members map[string]*member // by absolute path of the file
	slots   chan struct{}      // of jobs in etcd that are being opened
	seats   []*seat            // that keep connections open while the fleet is there

	printing sync.Mutex
	running  sync.WaitGroup
	ended    chan struct{} // closed when the member that is all there is has ended
}

// opensAtOnce is how many jobs are begun at a time when the program starts.
const opensAtOnce = 16

func newFleet(a *app, named []string, d *door) *fleet {
	f := &fleet{app: a, sources: newSources(named), door: d, systemd: newSystemd(a.log), members: map[string]*member{}, slots: make(chan struct{}, opensAtOnce), ended: make(chan struct{})}
	f.alone = f.sources.oneFile()
	a.monitor.fleet = f
	return f
}

// Of so many jobs, and with such a GOGC, memory is the collector's to save: what they all keep adds up, and by default as
// much garbage again may gather on top of it. Since they do little, collecting it sooner costs next to nothing.
const (
	manyJobs  = 100
	thriftyGC = 50
)

// all returns the members by name.
func (f *fleet) all() []*member {
	f.mu.Lock()
	var all []*member
	for _, m := range f.members {
		all = append(all, m)
	}
	f.mu.Unlock()
	slices.SortFunc(all, func(a, b *member) int { return cmp.Or(cmp.Compare(a.name(), b.name()), cmp.Compare(a.file, b.file)) })
	return all
}

// jobs returns what is being served at this moment, by name.
func (f *fleet) jobs() (jobs []*served) {
	for _, m := range f.all() {
		if s := m.current(); s != nil {
			jobs = append(jobs, s)
		}
	}
	return jobs
}

// standings are how all members stand, for the monitor.
func (f *fleet) standings() (all []standing) {
	for _, m := range f.all() {
		all = append(all, m.standing())
	}
	return all
}

// run serves the fleet until ctx ends. It returns an error without having asked either service if there is nothing to
// serve, or the address of metrics and health is not to be had.
func (f *fleet) run(ctx context.Context, listen string) (err error) {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	watch := newFileWatch(f.app.log)
	defer watch.close()
	defer func() {
		for _, s := range f.seats {
			err = errors.Join(err, s.leave())
		}
	}()
	opened, err := f.open(ctx)
	if err != nil {
		return err
	}
	// After the state files: of two daemons on one, the second is to hear of the first, not of its port.
	listener, err := listenHTTP(ctx, listen)
	if err != nil {
		for _, j := range opened {
			err = errors.Join(err, j.close())
		}
		return err
	}
	working, stop := context.WithCancel(ctx)
	defer stop()
	group, working := errgroup.WithContext(working)
	if listener != nil {
		f.app.log.Info("metrics and health", "address", listener.Addr().String())
		serve(working, group, f.door.around(listener, f.app.log), f.app.monitor.handler(f.console(working)))
	}
	f.begin(working, opened)
	f.systemd.ready(f.summary())
	if f.alone {
		go func() { f.running.Wait(); close(f.ended) }()
	}
	group.Go(func() error { f.systemd.guard(working, f); return nil })
	f.attend(working, watch, hangup)
	f.systemd.stopping()
	f.app.seats.ending.Store(true)
	stop()
	f.running.Wait()
	err = group.Wait()
	for _, m := range f.all() {
		err = errors.Join(err, m.err)
	}
	return err
}

// open finds the members and opens the jobs of all that can be. The error says why there is nothing to serve at all.
func (f *fleet) open(ctx context.Context) (opened map[*member]*job, err error) {
	files, err := f.sources.find()
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, f.sources.none()
	}
	if len(files) >= manyJobs && os.Getenv("GOGC") == "" {
		debug.SetGCPercent(thriftyGC)
	}
	for _, file := range files {
		f.join(file).load()
	}
	failures := f.problems()
	opened = map[*member]*job{}
	able := 0
	var mu sync.Mutex
	var group errgroup.Group
	group.SetLimit(opensAtOnce)
	for _, m := range f.all() {
		mu.Lock() // those before it are being opened already
		failed := failures[m] != nil
		mu.Unlock()
		if failed {
			continue
		}
		group.Go(func() error {
			j, err := f.openFirst(ctx, m)
			mu.Lock()
			defer mu.Unlock()
			if failures[m] = err; err == nil {
				able++
			}
			if j != nil {
				opened[m] = j
			}
			return nil
		})
	}
	_ = group.Wait()
	if able == 0 {
		return nil, f.hopeless(failures)
	}
	for _, m := range f.all() {
		m.down = failures[m]
		if problems, ok := errors.AsType[configs.Problems](m.down); ok {
			fmt.Fprintln(f.app.stderr, problems) // the log names the first
		}
	}
	return opened, nil
}

// openFirst opens a member's job. One in etcd may be another process's: of that the cluster is asked only whether it is
// there.
func (f *fleet) openFirst(ctx context.Context, m *member) (*job, error) {
	if m.wanted.State.Etcd == nil {
		return m.app.open(ctx, m.wanted, false)
	}
	s, err := f.app.seat(ctx, m.wanted)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seats = append(f.seats, s)
	return nil, nil
}

// hopeless is the error of a fleet of which no job can be served.
func (f *fleet) hopeless(failures map[*member]error) error {
	members := f.all()
	if len(members) == 1 {
		return failures[members[0]]
	}
	code := exitUsage
	for _, m := range members {
		err := failures[m]
		if problems, ok := errors.AsType[configs.Problems](err); ok {
			fmt.Fprintln(f.app.stderr, problems)
		} else {
			fmt.Fprintf(f.app.stderr, "ringsync: %s\n", err)
		}
		if codeOf(err) != exitUsage {
			code = exitFailed
		}
	}
	return &exitError{code, fmt.Errorf("none of the %d jobs can be served", len(members))}
}

// join adds a member for a file.
func (f *fleet) join(file string) *member {
	own := *f.app
	own.configPath, own.fleet, own.slots = file, true, f.slots
	m := &member{fleet: f, app: &own, file: file, offers: make(chan offer), done: make(chan struct{})}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.members[absolute(file)] = m
	return m
}

// begin puts all members to work, so many at a time, and returns when each has tried.
func (f *fleet) begin(ctx context.Context, opened map[*member]*job) {
	var group errgroup.Group
	group.SetLimit(opensAtOnce)
	problems := f.problems()
	for _, m := range f.all() {
		group.Go(func() error {
			began := make(chan struct{})
			f.start(ctx, m, problems[m], opened[m], func() { close(began) })
			select {
			case <-began:
			case <-m.done:
			}
			return nil
		})
	}
	_ = group.Wait()
}

// start puts a member to work, unless there is a problem with its files.
func (f *fleet) start(ctx context.Context, m *member, problem error, j *job, began func()) {
	config := m.wanted
	if problem == nil {
		m.offered, m.taken = config, m.seen
	} else {
		config = nil
	}
	m.mu.Lock()
	if m.given = config; problem != nil {
		m.down = problem
	}
	down := m.down
	m.mu.Unlock()
	ctx, m.stop = context.WithCancelCause(ctx)
	f.running.Go(func() {
		defer close(m.done)
		m.err = m.run(ctx, config, j, down, began)
	})
}

// leave stops a member for good.
func (f *fleet) leave(m *member) {
	m.stop(errRemoved)
	<-m.done
	if m.err != nil {
		f.app.log.Error("the job failed while it was being stopped", "job", m.name(), "error", m.err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.members, absolute(m.file))
}

// summary is how the fleet stands, in a few words.
func (f *fleet) summary() string {
	members, jobs := f.all(), f.jobs()
	if len(members) == 1 && len(jobs) == 1 {
		return "serving " + jobs[0].job.config.Job
	}
	return fmt.Sprintf("serving %d of %s", len(jobs), count(len(members), "job"))
}
