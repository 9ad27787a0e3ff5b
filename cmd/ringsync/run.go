package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"ringsync/configs"
	"ringsync/engine"
)

func newRunCommand(a *app) *cobra.Command {
	var listen string
	cmd := &cobra.Command{
		Use:   "run [FILE]",
		Short: "Serve a job: read on schedule, and write whatever there is to write",
		Long: `Serves the job of one configuration file until it is stopped: incremental cycles (40 minutes apart unless schedule says
otherwise), full ones (weekly), and all the time the writing of what they found, leavers first. It starts with an initial
cycle if there never was one, else when the next is due, at once if that has passed or if the last one was cut off. What
may be done while it runs is in the configuration; a changed file takes effect at the next start, and brings a full
cycle if mappings or filters have changed.

Other commands reach the daemon through its control socket, the state file's path with .sock, which only the daemon's
own user may open. That path must fit into what the system allows for sockets, about 100 bytes.

At the address of --listen it serves /metrics (Prometheus), /healthz (the process is alive) and /readyz (503 and why,
unless the job has had a good cycle within three intervals or has only just begun), over plain http. They name jobs and
give numbers, and no people. An address that other machines reach (:8040) lets them read that; one that is taken ends
the program before it asks either service, so of several daemons on one machine each needs its own. "off" listens nowhere.
The environment variable RINGSYNC_LISTEN stands for the flag where that is not given.

SIGTERM and Ctrl-C end it within five seconds: what is in flight gets four of them to end. A second signal ends it at
once. Nothing is lost either way, nor by a crash.

Exit codes: 0 stopped by a signal; 1 failed, as when another process has the state file or the disk is full; 64 wrong
usage or configuration.`,
		Example: `  ringsync run
  ringsync run /etc/ringsync/contoso.yaml`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				a.configPath = args[0]
			}
			return a.run(cmd.Context(), listen)
		},
	}
	address, ok := os.LookupEnv("RINGSYNC_LISTEN")
	if !ok {
		address = defaultListen
	}
	cmd.Flags().StringVar(&listen, "listen", address, "`address` of metrics and health; off or empty for none")
	return cmd
}

func (a *app) run(ctx context.Context, listen string) (err error) {
	if info, err := os.Stat(a.configPath); err == nil && info.IsDir() {
		return usageError("%s is a folder: ringsync run serves the job of one file; start one for each", a.configPath)
	}
	c, err := a.load()
	if err != nil {
		return err
	}
	schedule, err := scheduleOf(c)
	if err != nil {
		return err
	}
	a.monitor = newMonitor()
	told := ctx
	j, err := a.open(ctx, c, false)
	if err != nil {
		return unlessTold(told, err)
	}
	defer func() { err = errors.Join(unlessTold(told, err), j.close()) }()
	// After the state file: of two daemons on one, the second is to hear of the first, not of its port.
	listener, err := listenHTTP(ctx, listen)
	if err != nil {
		return err
	}
	if listener != nil {
		defer listener.Close()
	}
	j.introduce(ctx, a)
	if ends := j.target.Identity().Ends; !ends.IsZero() && time.Until(ends) < endsSoon {
		a.log.Warn("target.oauth.jwt ends soon: renew it", "job", c.Job, "ends", ends.UTC().Format(time.DateOnly))
	}
	socket, err := listenControl(socketPath(c.State.Path))
	if err != nil {
		return err
	}
	w, notifier, err := a.watch(ctx, j, schedule)
	if err != nil {
		return errors.Join(err, socket.Close())
	}
	group, ctx := errgroup.WithContext(ctx)
	if listener != nil {
		a.log.Info("metrics and health", "address", listener.Addr().String())
		serve(ctx, group, listener, a.monitor.handler())
	}
	defer a.monitor.add(w)()
	group.Go(func() error { notifier.Run(ctx); return nil })
	d := &daemon{job: j, ctx: ctx}
	d.serve(group, socket)
	group.Go(func() error { return j.engine.Serve(ctx, j.target, schedule) })
	group.Go(func() error {
		<-ctx.Done()
		a.log.Info("stopping", "job", c.Job)
		return nil
	})
	group.Go(func() error { return a.announce(ctx, j, schedule) })
	err = group.Wait()
	d.shut()
	return err
}

// unlessTold returns err unless it only says that the program was told to stop, by the end of ctx.
func unlessTold(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// announce tells that the job is being served, and what comes first.
func (a *app) announce(ctx context.Context, j *job, schedule engine.Schedule) error {
	schedule.Jitter = nil
	kind, at, err := j.engine.Upcoming(ctx, schedule)
	if err != nil {
		return err
	}
	start := struct {
		Job         string     `json:"job"`
		PID         int        `json:"pid"`
		Incremental string     `json:"incremental"`
		Full        string     `json:"full"`
		Next        *time.Time `json:"nextCycle,omitempty"`
		Kind        string     `json:"kind,omitempty"`
	}{j.config.Job, os.Getpid(), j.config.Schedule.Incremental, j.config.Schedule.Full, nil, string(kind)}
	next := "none before ringsync resume or sync"
	if !at.IsZero() {
		start.Next = &at
		next = string(kind) + " at " + stamp(at)
		if !at.After(time.Now()) {
			next = string(kind) + " now"
		}
	}
	if a.json {
		a.printJSON(start)
		return nil
	}
	_, err = fmt.Fprintf(a.stdout, "%s: running as pid %d; incremental cycles %s, full cycles %s; next: %s\n", start.Job, start.PID, start.Incremental, start.Full, next)
	return err
}

// scheduleOf turns the configuration into the engine's terms.
func scheduleOf(c *configs.Config) (s engine.Schedule, err error) {
	if s.Incremental, err = starts(c.Schedule.Incremental); err != nil {
		return s, err
	}
	if s.Full, err = starts(c.Schedule.Full); err != nil {
		return s, err
	}
	s.Jitter = rand.Float64
	return s, nil
}

// starts returns the function that gives the first start after a moment.
func starts(text string) (func(time.Time) time.Time, error) {
	t, err := configs.ParseTiming(text)
	if err != nil {
		return nil, &exitError{exitUsage, err} // Load has checked it
	}
	if t.At != nil {
		return t.At.Next, nil
	}
	return func(after time.Time) time.Time { return after.Add(t.Every) }, nil
}

// stamp is a time as people are shown it: in UTC, wherever the daemon and they are.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }
