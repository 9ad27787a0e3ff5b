package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"ringsync/engine/plan"
)

func newOutboxCommand(a *app) *cobra.Command {
	var held bool
	cmd := &cobra.Command{
		Use:   "outbox",
		Short: "Show the changes that are still to be written, and those held for approval",
		Long: `Shows everybody with something still to send, most urgent first, with what would be sent now and what stands in its
way: a failure that is tried again, a conflict, a missing licence, or the limit on removals. With --held it shows only
the removals that wait for ringsync approve, each with the number of its list. No service is asked.

Exit codes: 0 whatever there is; 1 failed; 64 wrong usage or configuration.`,
		Example: `  ringsync outbox
  ringsync outbox --held --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			outbox := func(j *job) ([]plan.Change, error) { return j.engine.Outbox(cmd.Context(), held) }
			return onJob(cmd.Context(), a, looks, outbox, func(changes []plan.Change) error {
				if a.json {
					return plan.WriteChangesJSON(a.stdout, changes)
				}
				if len(changes) == 0 && !a.quiet {
					fmt.Fprintln(a.stdout, "nothing waits")
					return nil
				}
				return plan.Text{Brief: a.quiet, Color: a.color()}.WriteChanges(a.stdout, changes)
			})
		},
	}
	cmd.Flags().BoolVar(&held, "held", false, "only removals that wait for approval")
	return cmd
}
