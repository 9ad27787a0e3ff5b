package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"ringsync/engine"
)

func newPauseCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "pause",
		Short: "Stop writing at once, until resume",
		Long: `Stops the job's writes and scheduled cycles at once, for good: over restarts of the daemon and of the machine. What is
in flight ends. Pausing a paused job changes nothing. sync and diff still work; what sync finds waits for resume.

Exit codes: 0 the job is paused; 1 failed; 64 wrong usage or configuration.`,
		Example: `  ringsync pause`,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.setPaused(cmd.Context(), (*engine.Job).Pause) },
	}
}

func newResumeCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "resume",
		Short: "Continue after pause",
		Long: `Lets a paused job go on: what waits is written, and a cycle that is overdue begins at once if a daemon serves the job.
Resuming a job that is not paused changes nothing.

Exit codes: 0 the job is not paused; 1 failed; 64 wrong usage or configuration.`,
		Example: `  ringsync resume`,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.setPaused(cmd.Context(), (*engine.Job).Resume) },
	}
}

// setPaused changes whether the job is paused, and tells how that stands then.
func (a *app) setPaused(ctx context.Context, change func(*engine.Job, context.Context) error) error {
	do := func(j *job) (engine.Status, error) {
		if err := change(j.engine, ctx); err != nil {
			return engine.Status{}, err
		}
		return j.engine.Status(ctx)
	}
	return onJob(ctx, a, works, do, func(s engine.Status) error {
		switch {
		case a.json:
			a.printJSON(struct {
				Job    string     `json:"job"`
				Paused *time.Time `json:"paused"`
			}{s.Job, s.Paused})
		case a.quiet:
		case s.Paused != nil:
			fmt.Fprintf(a.stdout, "%s: paused since %s; ringsync resume lets it go on\n", s.Job, stamp(*s.Paused))
		default:
			fmt.Fprintf(a.stdout, "%s: not paused\n", s.Job)
		}
		return nil
	})
}
