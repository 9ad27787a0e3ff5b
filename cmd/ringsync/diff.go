package main

import (
	"context"

	"github.com/spf13/cobra"

	"ringsync/engine"
	"ringsync/engine/plan"
)

func newDiffCommand(a *app) *cobra.Command {
	var who string
	var deep bool
	cmd := &cobra.Command{
		Use:   "diff",
		Short: "Dry run: show what sync would write, and write nothing",
		Long: `The same cycle as sync up to the first write, attribute by attribute. It writes nothing anywhere, neither at RingCentral
nor in the state file, and may run before the first sync. With a daemon at work on the job, it starts from what the
daemon has recorded by now, and keeps to the same limits of both services.

RingCentral's lists leave out phone numbers and addresses, so what somebody has changed there by hand does not show.
With --deep each linked account is read alone, at some fifty a minute, or all in bulk if target.oauth has the
ReadAccounts scope. How many licences are free is told with that scope too.

With --user it explains one person, in scope or not: how they were read, which assignment and which filter decided,
which account they were matched with, what RingCentral would take of their values, and what would be sent.

Exit codes: 0 no differences; 1 failed, or nobody has the name that --user gives; 2 there are differences; 3 some people
are in escrow, in conflict or waiting for a licence; 4 wrong credentials, or removals are held for approval; 64 wrong
usage or configuration. The highest counts.`,
		Example: `  ringsync diff
  ringsync diff --json > diff.json
  ringsync diff --user ada@contoso.com`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			depth := engine.Listed
			if deep {
				depth = engine.Whole
			}
			if cmd.Flags().Changed("user") {
				return a.explain(cmd.Context(), who, depth)
			}
			diff := func(j *job) (cycle, error) { return a.runDiff(cmd.Context(), j, depth), nil }
			return onJob(cmd.Context(), a, rehearses, diff, func(c cycle) error {
				return a.finish(c, plan.Text{Brief: a.quiet, Color: a.color()}, true)
			})
		},
	}
	cmd.Flags().StringVar(&who, "user", "", "explain one `person`: object id, userPrincipalName, mail or account id")
	cmd.Flags().BoolVar(&deep, "deep", false, "compare what RingCentral's lists leave out as well: reads each linked account")
	return cmd
}

func (a *app) runDiff(ctx context.Context, j *job, depth engine.Depth) (c cycle) {
	bars := a.showProgress(j.engine.Progress)
	defer bars.stop()
	c.report, c.failed = j.engine.Diff(ctx, j.target, depth)
	return c
}
