package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"
)

func newApproveCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "approve N [PERSON...]",
		Short: "Let the removals of a held list go out",
		Long: `Lets the removals of held list N go out, all of them or those of the people named by object id, userPrincipalName or the
account's userName. People who have come back since the list was made are on it no more. A daemon sends the removals at
once; without one they go out with the next sync. ringsync outbox --held shows the lists.

Exit codes: 0 released; 1 there is no such list, or one of the people is not on it (the others are released); 64 wrong
usage or configuration.`,
		Example: `  ringsync outbox --held
  ringsync approve 1
  ringsync approve 2 ada@contoso.com`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			list, err := strconv.ParseUint(args[0], 10, 32)
			if err != nil || list == 0 {
				return usageError("%q is no number of a held list; ringsync outbox --held shows them", args[0])
			}
			type released struct {
				Job    string `json:"job"`
				List   uint32 `json:"list"`
				People int    `json:"released"`
				failed error
			}
			approve := func(j *job) (r released, _ error) {
				r.Job, r.List = j.config.Job, uint32(list)
				r.People, r.failed = j.engine.Approve(cmd.Context(), r.List, args[1:])
				return r, nil
			}
			return onJob(cmd.Context(), a, works, approve, func(r released) error {
				switch {
				case r.failed != nil && (a.json || r.People == 0):
				case a.json:
					a.printJSON(r)
				default:
					fmt.Fprintf(a.stdout, "%s: list %d: %s released\n", r.Job, r.List, count(r.People, "removal"))
				}
				return r.failed
			})
		},
	}
}
