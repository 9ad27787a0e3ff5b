package main

import (
	"context"
	"iter"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ringsync/configs"
	"ringsync/engine"
	"ringsync/state"
)

// logQuery is what the flags of log ask for.
type logQuery struct {
	person, action, status, since, cycle string
	limit                                int
	after                                uint64    // number of an entry
	begin                                time.Time // what since comes to
	id                                   string    // source id that person stands for, "" if nobody's
}

// The words of the provisioning log.
var (
	logActions  = []string{"create", "update", "enable", "disable", "delete", "other"}
	logStatuses = []string{"success", "failure", "skipped", "warning"}
)

func newLogCommand(a *app) *cobra.Command {
	q := &logQuery{}
	var follow, csv bool
	cmd := &cobra.Command{
		Use:   "log",
		Short: "Show the provisioning log: what was done to whom, and what failed",
		Long: `Shows the job's provisioning log, oldest first: every change that RingCentral acknowledged and every failure, with the
attributes before and after; links that were found, moved or lost; removals that were held; what was changed in the
configuration; and what was done by hand, by whom. -q leaves the attributes out. Times are in UTC.

--json prints each entry as one line of JSON in the shape of Microsoft Graph's provisioningObjectSummary, where enable is
an update. --csv prints a table for spreadsheets; what one would take for a formula begins with an apostrophe there.
--follow goes on with new entries as they come, until Ctrl-C. --after is for programs that fetch what is new; the table then
has no line of names.

Exit codes: 0 whatever there is; 1 failed; 64 wrong usage or configuration.`,
		Example: `  ringsync log --status failure --since 7d
  ringsync log --person ada@contoso.com -n 0
  ringsync log --since 2026-03-01 --csv > march.csv
  ringsync log --follow --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := q.check(time.Now()); err != nil {
				return err
			}
			if csv && a.json {
				return usageError("--csv and --json exclude each other")
			}
			p := &logPrinter{app: a, csv: csv, bare: q.after > 0}
			if follow {
				return q.follow(cmd.Context(), p)
			}
			return onJob(cmd.Context(), a, looks, func(j *job) ([]state.LogEntry, error) {
				p.systems = systems(j.config)
				return q.read(cmd.Context(), j.engine)
			}, p.print)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&q.person, "person", "", "only this `person`: object id, userPrincipalName, display name, account id or userName")
	flags.StringVar(&q.action, "action", "", "only this `action`: "+strings.Join(logActions, ", "))
	flags.StringVar(&q.status, "status", "", "only this `status`: "+strings.Join(logStatuses, ", "))
	flags.StringVar(&q.since, "since", "", "only what is younger than a duration (24h, 7d) or a `time` (2026-03-01, 2026-03-01T08:00:00Z)")
	flags.StringVar(&q.cycle, "cycle", "", "only this cycle, by its `id`")
	flags.IntVarP(&q.limit, "limit", "n", 50, "only the last `number` of entries; 0 is all")
	flags.Uint64Var(&q.after, "after", 0, "only entries with a higher `id`")
	flags.BoolVarP(&follow, "follow", "f", false, "go on with new entries as they come")
	flags.BoolVar(&csv, "csv", false, "print a table (RFC 4180)")
	return cmd
}

func (q *logQuery) check(now time.Time) error {
	switch {
	case q.action != "" && !slices.Contains(logActions, q.action):
		return unknownWord("--action", q.action, logActions...)
	case q.status != "" && !slices.Contains(logStatuses, q.status):
		return unknownWord("--status", q.status, logStatuses...)
	case q.limit < 0:
		return usageError("-n cannot be %d", q.limit)
	case q.since == "":
		return nil
	}
	if age, err := configs.ParseAge(q.since); err == nil {
		q.begin = now.Add(-age)
		return nil
	}
	for _, layout := range []string{time.DateOnly, time.DateTime, time.RFC3339} {
		if t, err := time.Parse(layout, q.since); err == nil {
			q.begin = t
			return nil
		}
	}
	return usageError("--since cannot be %q; it is a duration (24h, 7d) or a time (2026-03-01, 2026-03-01T08:00:00Z)", q.since)
}

func (q *logQuery) matches(e *state.LogEntry) bool {
	names := []string{e.Source.ID, e.Source.UserPrincipalName, e.Source.DisplayName, e.Target.ID, e.Target.UserName}
	return (q.action == "" || e.Action == q.action) && (q.status == "" || e.Status == q.status) &&
		(q.cycle == "" || strings.EqualFold(e.Cycle, q.cycle)) &&
		(q.person == "" || q.id != "" && e.Source.ID == q.id ||
			slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, q.person) }))
}

// logPage is how many entries are looked at in one go.
const logPage = 1000

// read returns the last entries that match, oldest first. Of somebody who is known only their own entries are looked at.
func (q *logQuery) read(ctx context.Context, j *engine.Job) (found []state.LogEntry, err error) {
	entries := backwards(ctx, j)
	if q.person != "" {
		if q.id, err = j.PersonID(ctx, q.person); err != nil {
			return nil, err
		}
		if q.id != "" {
			entries = backwardsOf(ctx, j, q.id)
		}
	}
	for e, err := range entries {
		if err != nil {
			return nil, err
		}
		if e.Sequence <= q.after || e.Time.Before(q.begin) || q.limit > 0 && len(found) == q.limit {
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

// backwardsOf yields what the log says of one person, from its end.
func backwardsOf(ctx context.Context, j *engine.Job, id string) iter.Seq2[*state.LogEntry, error] {
	return func(yield func(*state.LogEntry, error) bool) {
		for before := uint64(math.MaxUint64); ; {
			page, err := j.LogOf(ctx, id, before, logPage)
			if err != nil {
				yield(nil, err)
				return
			}
			for i := range page {
				if before = page[i].Sequence; !yield(&page[i], nil) {
					return
				}
			}
			if len(page) < logPage {
				return
			}
		}
	}
}
