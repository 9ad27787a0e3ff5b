package main

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/spf13/cobra"

	"ringsync/engine/plan"
)

func newSyncCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "sync",
		Short: "Run one full cycle: read both sides and write what differs",
		Long: `Reads everybody in scope and RingCentral's list of accounts, decides for each person, and writes what differs, leavers
first, until nothing is due. It may be stopped with Ctrl-C, or killed, and started again at any time.

Exit codes: 0 everything is as it should be; 1 failed; 3 some people are in escrow, in conflict or waiting for a
licence; 4 wrong credentials, or removals held for approval; 64 wrong usage or configuration.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.sync(cmd.Context()) },
	}
}

func (a *app) sync(ctx context.Context) (err error) {
	c, err := a.load()
	if err != nil {
		return err
	}
	j, err := a.open(ctx, c, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.close()) }()
	bars := a.showProgress(j.engine)
	report, err := j.engine.Sync(ctx, j.target, a.keep())
	bars.stop()
	return a.finish(report, plan.Text{Live: true, Brief: true, Color: a.color()}, false, err)
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

func newDiffCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "diff",
		Short: "Dry run: show what sync would write, and write nothing",
		Long: `The same cycle as sync up to the first write, attribute by attribute. It writes nothing anywhere, neither at RingCentral
nor in the state file, and may run before the first sync.

Exit codes: 0 no differences; 1 failed; 2 there are differences; 3 some people are in escrow, in conflict or waiting for
a licence; 4 wrong credentials, or removals are held for approval; 64 wrong usage or configuration. The highest counts.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.diff(cmd.Context()) },
	}
}

func (a *app) diff(ctx context.Context) (err error) {
	c, err := a.load()
	if err != nil {
		return err
	}
	j, err := a.open(ctx, c, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.close()) }()
	bars := a.showProgress(j.engine)
	report, err := j.engine.Diff(ctx, j.target)
	bars.stop()
	return a.finish(report, plan.Text{Brief: a.quiet, Color: a.color()}, true, err)
}

// finish prints the report and gives the exit code. A run that ended early says what it did all the same; if it did
// nothing, its error says all there is to say.
func (a *app) finish(report *plan.Report, text plan.Text, dry bool, failed error) error {
	if failed != nil && (report == nil || report.Summary.Changes() == 0) {
		return verdict(report, dry, failed)
	}
	if a.json && failed == nil {
		if err := report.WriteJSON(a.stdout); err != nil {
			return fmt.Errorf("print the report: %w", err)
		}
		return verdict(report, dry, nil)
	}
	if !a.json {
		if err := text.Write(a.stdout, report); err != nil {
			return fmt.Errorf("print the report: %w", err)
		}
	}
	return verdict(report, dry, failed)
}
