package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"
)

func newRefuseCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "refuse N",
		Short: "Decide against the removals of a held list",
		Long: `Decides that the removals of held list N shall not go out: the accounts stay as they are, and nobody is reminded of the list
any more. The people stay on it until the directory has them back in scope, so put it right there; ringsync approve N still
lets the removals go. The provisioning log says who refused. ringsync outbox --held shows the lists.

Exit codes: 0 refused; 1 there is no such list; 64 wrong usage or configuration.`,
		Example: `  ringsync refuse 1`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			list, err := strconv.ParseUint(args[0], 10, 32)
			if err != nil || list == 0 {
				return usageError("%q is no number of a held list; ringsync outbox --held shows them", args[0])
			}
			type refused struct {
				Job    string `json:"job"`
				List   uint32 `json:"list"`
				People int    `json:"refused"`
			}
			refuse := func(j *job) (r refused, err error) {
				r.Job, r.List = j.config.Job, uint32(list)
				r.People, err = j.engine.Refuse(cmd.Context(), r.List)
				return r, err
			}
			return onJob(cmd.Context(), a, works, refuse, func(r refused) error {
				if a.json {
					a.printJSON(r)
				} else if !a.quiet {
					fmt.Fprintf(a.stdout, "%s: list %d: %s refused\n", r.Job, r.List, count(r.People, "removal"))
				}
				return nil
			})
		},
	}
}
