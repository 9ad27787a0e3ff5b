package main

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ringsync/engine"
	"ringsync/engine/plan"
	"ringsync/state"
)

// logQuery is what the flags of log ask for.
type logQuery struct {
	person, action, status, since string
	last                          int
	begin                         time.Time // what since comes to
}

// The words of the provisioning log.
var (
	logActions  = []string{"create", "update", "enable", "disable", "delete", "other"}
	logStatuses = []string{"success", "failure", "skipped", "warning"}
)

func newLogCommand(a *app) *cobra.Command {
	q := &logQuery{}
	cmd := &cobra.Command{
		Use:   "log",
		Short: "Show the provisioning log: what was done to whom, and what failed",
		Long: `Shows the job's provisioning log, oldest first: every change that RingCentral acknowledged and every failure, with the
attributes before and after. -q leaves the attributes out; --json prints each entry as one line of JSON, in the words of
Microsoft Graph's provisioningObjectSummary. Times are in UTC.

Exit codes: 0 whatever there is; 1 failed; 64 wrong usage or configuration.`,
		Example: `  ringsync log --status failure --since 24h
  ringsync log --person ada@contoso.com -n 0
  ringsync log --since 2026-03-01 --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := q.check(time.Now()); err != nil {
				return err
			}
			read := func(j *job) ([]state.LogEntry, error) { return q.read(cmd.Context(), j.engine) }
			return onJob(cmd.Context(), a, looks, read, func(entries []state.LogEntry) error {
				if !a.json {
					return plan.Text{Brief: a.quiet}.WriteLog(a.stdout, entries)
				}
				lines := json.NewEncoder(a.stdout)
				lines.SetEscapeHTML(false)
				for _, e := range entries {
					if err := lines.Encode(e); err != nil {
						return fmt.Errorf("print the log: %w", err)
					}
				}
				return nil
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&q.person, "person", "", "only this `person`: object id, userPrincipalName, display name, account id or userName")
	flags.StringVar(&q.action, "action", "", "only this `action`: "+strings.Join(logActions, ", "))
	flags.StringVar(&q.status, "status", "", "only this `status`: "+strings.Join(logStatuses, ", "))
	flags.StringVar(&q.since, "since", "", "only what is younger than a duration (24h) or a `time` (2026-03-01, 2026-03-01T08:00:00Z)")
	flags.IntVarP(&q.last, "last", "n", 50, "only the last `number` of entries; 0 is all")
	return cmd
}

func (q *logQuery) check(now time.Time) error {
	switch {
	case q.action != "" && !slices.Contains(logActions, q.action):
		return unknownWord("--action", q.action, logActions...)
	case q.status != "" && !slices.Contains(logStatuses, q.status):
		return unknownWord("--status", q.status, logStatuses...)
	case q.last < 0:
		return usageError("-n cannot be %d", q.last)
	case q.since == "":
		return nil
	}
	if age, err := time.ParseDuration(q.since); err == nil {
		q.begin = now.Add(-age)
		return nil
	}
	for _, layout := range []string{time.DateOnly, time.DateTime, time.RFC3339} {
		if t, err := time.Parse(layout, q.since); err == nil {
			q.begin = t
			return nil
		}
	}
	return usageError("--since cannot be %q; it is a duration (24h) or a time (2026-03-01, 2026-03-01T08:00:00Z)", q.since)
}

func (q *logQuery) matches(e *state.LogEntry) bool {
	names := []string{e.Source.ID, e.Source.UserPrincipalName, e.Source.DisplayName, e.Target.ID, e.Target.UserName}
	return (q.action == "" || e.Action == q.action) && (q.status == "" || e.Status == q.status) &&
		(q.person == "" || slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, q.person) }))
}

// logPage is how many entries are looked at in one go.
const logPage = 1000

// read returns the last entries that match, oldest first.
func (q *logQuery) read(ctx context.Context, j *engine.Job) (found []state.LogEntry, err error) {
	for e, err := range backwards(ctx, j) {
		if err != nil {
			return nil, err
		}
		if e.Time.Before(q.begin) || q.last > 0 && len(found) == q.last {
			break
		}
		if q.matches(e) {
			found = append(found, *e)
		}
	}
	slices.Reverse(found)
	return found, nil
}

// backwards yields the log from its end, a page at a time: most questions are about what has just happened.
func backwards(ctx context.Context, j *engine.Job) iter.Seq2[*state.LogEntry, error] {
	return func(yield func(*state.LogEntry, error) bool) {
		page, err := j.Log(ctx, 0, logPage)
		for before := uint64(math.MaxUint64); err == nil && len(page) > 0 && page[0].Sequence < before; {
			for i := range slices.Backward(page) {
				if page[i].Sequence < before && !yield(&page[i], nil) {
					return
				}
			}
			if before = page[0].Sequence; before == 1 {
				return
			}
			from := max(1, before-min(before, logPage))
			page, err = j.Log(ctx, from, int(before-from))
		}
		if err != nil {
			yield(nil, err)
		}
	}
}
