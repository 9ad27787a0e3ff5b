package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ringsync/engine"
	"ringsync/state"
)

func newStatusCommand(a *app) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "status [--all [FILE or FOLDER]...]",
		Short: "Show how the job stands: what it does, what waits, when it reads again",
		Long: `Shows what the job is doing, how many people it knows, what is in its outbox, how the last cycles went, the next one if
a daemon serves the job, held lists of removals, why it is paused or in quarantine or does not go by its configuration
file as it is now, since when no licence is free, and when credentials end that say so. No service is asked. Times are in
UTC.

With --all it shows a line for each job of several files, or of all *.yaml and *.yml files in a folder: its state, how many
people are linked and how many have something to send, when its last good cycle began and when the next will.

Exit codes: 0 whatever the job's state; 1 failed, with --all also if one of the jobs cannot tell; 64 wrong usage or
configuration.`,
		Example: `  ringsync status
  ringsync status --all /etc/ringsync
  ringsync -c /etc/ringsync/contoso.yaml status --json`,
		Args: func(cmd *cobra.Command, args []string) error {
			if all {
				return nil
			}
			return cobra.NoArgs(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if all {
				return a.statusAll(cmd.Context(), args)
			}
			status := func(j *job) (jobStatus, error) { return a.status(cmd.Context(), j) }
			return onJob(cmd.Context(), a, looks, status, func(s jobStatus) error {
				if a.json {
					a.printJSON(s)
					return nil
				}
				return writeStatus(a.stdout, s, time.Now())
			})
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "a line for each job of the files and folders named")
	return cmd
}

// jobStatus is the engine's status with what only the program knows.
type jobStatus struct {
	engine.Status
	Served      bool              `json:"served"` // by a daemon
	Credentials []credentialUntil `json:"credentials"`
	// Refused is why the daemon did not take the job's configuration file as it is now.
	Refused *refusal `json:"configurationRefused,omitempty"`
}

// credentialUntil is when a credential ends, of those that say so.
type credentialUntil struct {
	Name string    `json:"name"` // as its key in the configuration
	Ends time.Time `json:"ends"`
}

func (a *app) status(ctx context.Context, j *job) (s jobStatus, err error) {
	s = jobStatus{Served: a.caller != nil, Credentials: []credentialUntil{}}
	for _, e := range j.expiries() {
		s.Credentials = append(s.Credentials, credentialUntil(e))
	}
	s.Status, err = j.engine.Status(ctx)
	if a.caller != nil {
		s.Refused = a.caller.daemon.refused()
	}
	return s, err
}

// writeStatus prints a status for people, a line for each thing that there is anything to say of.
func writeStatus(w io.Writer, s jobStatus, now time.Time) (err error) {
	line := func(what, format string, args ...any) {
		if err == nil {
			_, err = fmt.Fprintf(w, "  %-11s "+format+"\n", append([]any{what}, args...)...)
		}
	}
	_, err = fmt.Fprintf(w, "%s: %s\n", s.Job, s.State)
	if !s.Served {
		line("daemon", "none: nothing is read or written before ringsync run or ringsync sync")
	}
	if s.Unwritable != nil {
		line("blocked", "since %s, and nothing is read or sent until that is over: %s", stamp(s.Unwritable.Since), s.Unwritable.Error)
	}
	if s.LogFile != nil {
		line("log file", "not written since %s; what is missing follows when it can be: %s", stamp(s.LogFile.Since), s.LogFile.Error)
	}
	if s.Paused != nil {
		line("paused", "since %s: no scheduled cycle, and nothing is written, until ringsync resume", stamp(*s.Paused))
	}
	if q := s.Quarantine; q != nil {
		next := "tried again " + stamp(q.Next)
		if q.Next.IsZero() {
			next = "given up: ringsync restart --reset quarantine starts it again"
		}
		line("quarantine", "since %s (%s): %s; %s", stamp(q.Since), q.Reason, q.Error, next)
	}
	if s.Refused != nil {
		line("file", "refused since %s, and the job goes on as it was configured before: %s", stamp(s.Refused.Since), s.Refused.Error)
	}
	line("people", "%d known, %d linked, %d active", s.People, s.Linked, s.Active)
	line("outbox", "%s", outboxLine(s))
	if s.Drained != nil {
		line("drained", "by %s, at RingCentral's limit of writes", stamp(*s.Drained))
	}
	if s.NoLicence != nil {
		line("capacity", "no licence has been free since %s; one create is tried in each cycle", stamp(*s.NoLicence))
	}
	for _, l := range s.Held {
		if l.Refused != nil {
			line("held", "list %d: %s since %s, refused %s; ringsync approve %d still lets them go", l.Number, count(l.People, "removal"), stamp(l.Since), stamp(l.Refused.At), l.Number)
			continue
		}
		line("held", "list %d: %s since %s; ringsync outbox --held shows them, ringsync approve %d lets them go", l.Number, count(l.People, "removal"), stamp(l.Since), l.Number)
	}
	if p := s.Progress; slices.Contains([]string{"reading", "deciding", "exporting"}, s.State) {
		line("progress", "%d people read, %d accounts listed, %d of %d changes done", p.Read, p.Listed, p.Exported, p.Queued)
	}
	if s.LastCycle != nil {
		line("last cycle", "%s", cycleLine(s.LastCycle))
	}
	if s.LastGood != nil && s.LastGood.Number != s.LastCycle.Number {
		line("last good", "%s", cycleLine(s.LastGood))
	}
	if s.NextCycle != nil {
		line("next cycle", "%s", stamp(*s.NextCycle))
	}
	for _, c := range s.Credentials {
		_, text := untilEnd(c.Name, c.Ends, now)
		line("credential", "%s", text)
	}
	return err
}

// outboxLine names the classes that hold anybody, most urgent first.
func outboxLine(s jobStatus) string {
	var parts []string
	for _, class := range []state.Class{state.ClassRemove, state.ClassEnable, state.ClassCreate, state.ClassUpdate} {
		if n := s.Outbox[class.String()]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d to %s", n, class))
		}
	}
	if n := s.Outbox["escrowed"]; n > 0 {
		parts = append(parts, fmt.Sprintf("%d in escrow", n))
	}
	if s.Waiting > 0 {
		parts = append(parts, fmt.Sprintf("%d waiting for a licence", s.Waiting))
	}
	if len(parts) == 0 {
		return "empty"
	}
	return strings.Join(parts, ", ")
}

func cycleLine(c *state.Cycle) string {
	text := fmt.Sprintf("%s %s, %s", stamp(c.Started), c.Kind, c.Result)
	if !c.Ended.IsZero() {
		text += fmt.Sprintf(" after %s", c.Ended.Sub(c.Started).Round(time.Millisecond))
	}
	for _, name := range slices.Sorted(maps.Keys(c.Counters)) {
		if n := c.Counters[name]; n > 0 {
			text += fmt.Sprintf(", %s %d", name, n)
		}
	}
	if c.Error != "" {
		text += ": " + c.Error
	}
	return text
}
