package main

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/spf13/cobra"

	"ringsync/engine/plan"
)

func newSyncCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "sync",
		Short: "Run one full cycle: read both sides and write what differs",
		Long: `Reads everybody in scope and RingCentral's list of accounts, decides for each person, and writes what differs, leavers
first, until nothing is due. It may be stopped with Ctrl-C, or killed, and started again at any time. With a daemon at
work on the job, the daemon runs the cycle next; Ctrl-C then only ends the waiting, and the cycle goes on. While the job
is paused, what differs is put down and not written.

Exit codes: 0 everything is as it should be; 1 failed; 3 some people are in escrow, in conflict, or waiting for a
licence or for ringsync resume; 4 quarantined, wrong credentials, or removals held for approval; 64 wrong usage or
configuration.`,
		Example: `  ringsync sync
  ringsync -q sync --json > report.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			sync := func(j *job) (cycle, error) { return a.runSync(cmd.Context(), j) }
			return onJob(cmd.Context(), a, works, sync, func(c cycle) error {
				return a.finish(c, plan.Text{Live: true, Brief: true, Color: a.color()}, false)
			})
		},
	}
}

// cycle is what came of a cycle, also when it failed.
type cycle struct {
	report      *plan.Report
	failed      error
	quarantined bool // afterwards
	paused      bool // with something to write
}

func (a *app) runSync(ctx context.Context, j *job) (c cycle, err error) {
	if a.caller == nil {
		j.introduce(ctx, a)
	}
	if err := j.engine.Asked(ctx, "full cycle asked for"); err != nil {
		return c, err
	}
	bars := a.showProgress(j.engine.Progress)
	if a.caller != nil {
		c.report, c.failed = a.caller.daemon.request(ctx, a.keep())
	} else {
		c.report, c.failed = j.engine.Sync(ctx, j.target, a.keep())
	}
	bars.stop()
	if c.failed != nil {
		return c, nil
	}
	c.quarantined, c.paused, err = a.standing(ctx, j, c.report)
	return c, err
}

// standing tells what keeps a job from writing after it was asked to: a quarantine, or a pause with something to write.
func (a *app) standing(ctx context.Context, j *job, r *plan.Report) (quarantined, paused bool, err error) {
	status, err := j.engine.Status(ctx)
	paused = status.Paused != nil && slices.ContainsFunc(r.Changes, func(c plan.Change) bool { return c.Status == plan.StatusPending })
	if paused && !a.quiet {
		fmt.Fprintf(a.stderr, "%s is paused: what is pending waits for ringsync resume\n", status.Job)
	}
	return status.Quarantine != nil, paused, err
}

// shown is how many finished changes a person is shown of a sync; the rest is a number.
const shown = 50

// keep is how many finished changes the report of a sync must have.
func (a *app) keep() int {
	switch {
	case a.json:
		return math.MaxInt
	case a.quiet:
		return 0
	}
	return shown
}

// finish prints the report and gives the exit code. A run that ended early says what it did all the same; if it did
// nothing, its error says all there is to say.
func (a *app) finish(c cycle, text plan.Text, dry bool) error {
	if c.failed != nil && (a.json || c.report == nil || c.report.Summary.Changes() == 0) {
		return verdict(c, dry)
	}
	write := func() error { return text.Write(a.stdout, c.report) }
	if a.json {
		write = func() error { return c.report.WriteJSON(a.stdout) }
	}
	if err := write(); err != nil {
		return fmt.Errorf("print the report: %w", err)
	}
	return verdict(c, dry)
}
