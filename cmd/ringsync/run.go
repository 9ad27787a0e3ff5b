package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"github.com/spf13/cobra"
	"ringsync/configs"
	"ringsync/engine"
)

func newRunCommand(a *app) *cobra.Command {
	var listen string
	var flags consoleFlags
	cmd := &cobra.Command{
		Use:   "run [FILE or FOLDER]...",
		Short: "Serve jobs: read on schedule, and write whatever there is to write",
		Long: `Serves the job of each configuration file until it is stopped; of a folder, of each *.yaml and *.yml file in it (hidden
ones and *.test.yaml apart): incremental cycles (40 minutes apart unless schedule says otherwise), full ones (weekly), and
all the time the writing of what they found, leavers first. A job starts with an initial cycle if there never was one,
else when the next is due, at once if that has passed or if the last one was cut off.

Jobs are independent of each other. One that cannot be served, since its file is wrong or its state file is locked or
damaged, is reported and tried again at growing intervals (5 seconds to 5 minutes), while the others go on; one whose
state cannot be written, as on a full disk, sends nothing until it can, and then goes on. The program ends only if none
can be served at the start. Where one FILE is named, what goes wrong with its job ends the program. Two files that name
the same job or the same state are both refused. Jobs that sign in to RingCentral alike share its rate limit, in turns.

A file that is changed, secrets and certificates that it names included, is loaded as a whole first. A good one replaces
the job, once what is in flight has ended, and gives one in quarantine another try; of a bad one all that is wrong is
said (log, ringsync status, provisioning log, metrics), and the job goes on as it was. Files that appear in or vanish
from a folder start and stop jobs. SIGHUP has all files looked at at once, jobs that failed tried again, and those in
quarantine too; what has not changed is not interrupted. A changed mapping or filter brings a full cycle.

Other commands reach the daemon through the control socket of each job, the state file's path with .sock, which only the
daemon's own user may open. That path must fit into what the system allows for sockets, about 100 bytes.

At the address of --listen it serves /metrics (Prometheus), /healthz (the process does its work) and /readyz (503 and why,
unless every job can write its state and has had a good cycle within three intervals, has only just begun, is paused, or is
another process's to serve). They name jobs and give numbers, and no people. An address that other machines reach (:8040) lets them read that; one that is taken ends the program before it
asks either service, so of several daemons on one machine each needs its own. "off" listens nowhere. The environment
variable RINGSYNC_LISTEN stands for the flag where that is not given.

The web console is there too: how the jobs stand, held removals, people, the log, mappings, dry runs. On loopback, which is
the default, every user of this machine may use it unless --token-file or RINGSYNC_TOKEN asks for a token. On any other
address it is only served over TLS (--tls-cert, --tls-key) and with tokens. --console=false leaves it out.

SIGTERM and Ctrl-C end it within five seconds: what is in flight gets four of them to end. A second signal ends it at
once. Nothing is lost either way, nor by a crash. Under systemd (Type=notify) it says when it is ready, reloads or stops,
and feeds the watchdog as long as it really works.

Exit codes: 0 stopped by a signal; 1 failed, as when another process has the state file; 64 wrong
usage or configuration.`,
		Example: `  ringsync run
  ringsync run /etc/ringsync/contoso.yaml
  ringsync run /etc/ringsync --listen :8040`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.run(cmd.Context(), listen, args, flags) },
	}
	address, ok := os.LookupEnv("RINGSYNC_LISTEN")
	if !ok {
		address = defaultListen
	}
	cmd.Flags().StringVar(&listen, "listen", address, "`address` of console, metrics and health; off or empty for none")
	flags.add(cmd.Flags())
	return cmd
}

func (a *app) run(ctx context.Context, listen string, sources []string, flags consoleFlags) error {
	if len(sources) == 0 {
		sources = []string{a.configPath}
	}
	door, err := openDoor(flags)
	if err != nil {
		return err
	}
	a.monitor, a.credentials, a.shared, a.seats = newMonitor(), newCredentials(), newShared(), newSeats(a.log)
	return unlessTold(ctx, newFleet(a, sources, door).run(ctx, listen))
}

// unlessTold returns err unless it only says that the program was told to stop, by the end of ctx.
func unlessTold(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// announce tells that a job is being served, and what comes first.
func (f *fleet) announce(ctx context.Context, s *served) error {
	a, c := f.app, s.job.config
	schedule := s.schedule
	schedule.Jitter = nil
	kind, at, err := s.job.engine.Upcoming(ctx, schedule)
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
	}{c.Job, os.Getpid(), c.Schedule.Incremental, c.Schedule.Full, nil, string(kind)}
	next := "none before ringsync resume or sync"
	if !at.IsZero() {
		start.Next = &at
		next = string(kind) + " at " + stamp(at)
		if !at.After(time.Now()) {
			next = string(kind) + " now"
		}
	}
	f.printing.Lock()
	defer f.printing.Unlock()
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
