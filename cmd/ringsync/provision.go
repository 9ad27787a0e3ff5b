package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"ringsync/engine/plan"
)

func newProvisionCommand(a *app) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "provision USER...",
		Short: "Bring these people up to date now, and show every step",
		Long: `Reads these people and nobody else, decides what is theirs and writes it at once, before everything that waits: new
people, changes, and people to be disabled. A USER is an object id, a userPrincipalName, an account's userName or id, or
@FILE, which like --file names a file with one a line; a line that begins with #, and the rest of one behind a space
and #, is a comment. What stood in the way before (an escrow, a quarantine) is tried again. Somebody who is not in
scope is explained, and no account is made.

What holds in a cycle holds here: removals over the limit wait for approval, protected and foreign accounts are left
alone, a paused job writes nothing. Nobody is removed because one answer lacks them. The accounts of those who are
linked are read, one request each, so for many people sync is cheaper. Where the job goes on reading stays as it is;
a job that was never run may begin with one person. As long as nothing was ever read to the end, RingCentral's list is
read as well, for nobody is to be made twice.

With a daemon at work on the job, the daemon does it, once a cycle that is reading has come to its end.

Exit codes: 0 done, whatever was to be done; 1 failed, or nobody has one of the names (the others are done); 3 some
are in escrow, in conflict, or waiting for a licence or for ringsync resume; 4 quarantined, wrong credentials, or
removals held for approval; 64 wrong usage or configuration.`,
		Example: `  ringsync provision ada@contoso.com
  ringsync provision @pilot.txt --json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			who := args
			if a.caller == nil {
				var err error
				if who, err = a.expand(args, file); err != nil {
					return err
				}
				a.args = append(a.lineFor("provision"), who...) // a daemon may not see the files
			}
			provision := func(j *job) (provisioned, error) { return a.provision(cmd.Context(), j, who) }
			return onJob(cmd.Context(), a, works, provision, a.showProvisioned)
		},
	}
	cmd.Flags().StringVar(&file, "file", "", "a `file` with one name a line; - is standard input")
	return cmd
}

// expand returns the names that the arguments and the file give.
func (a *app) expand(args []string, file string) (who []string, err error) {
	var files []string
	if file != "" {
		files = append(files, file)
	}
	for _, arg := range args {
		if name, is := strings.CutPrefix(arg, "@"); is {
			files = append(files, name)
		} else if arg = strings.TrimSpace(arg); arg != "" {
			who = append(who, arg)
		}
	}
	for _, name := range files {
		text, err := a.readNames(name)
		if err != nil {
			return nil, usageError("read names of people: %w", err)
		}
		who = append(who, parseNames(text)...)
	}
	if len(who) == 0 {
		return nil, usageError("nobody is named: give object ids or userPrincipalNames, or a file of them")
	}
	return who, nil
}

func (a *app) readNames(file string) (string, error) {
	if file == "-" {
		text, err := io.ReadAll(a.stdin)
		return string(text), err
	}
	text, err := os.ReadFile(file)
	return string(text), err
}

// parseNames returns the names in a file. A # within a name is part of it, as in a guest's userPrincipalName.
func parseNames(text string) (names []string) {
	for line := range strings.Lines(strings.TrimPrefix(text, "\ufeff")) {
		fields := strings.FieldsFunc(line, unicode.IsSpace)
		if i := slices.IndexFunc(fields, func(f string) bool { return f[0] == '#' }); i >= 0 {
			fields = fields[:i]
		}
		if len(fields) > 0 {
			names = append(names, strings.Join(fields, " "))
		}
	}
	return names
}

// provisioned is what came of it.
type provisioned struct {
	cycle
	out *plan.Provisioned
}

func (a *app) provision(ctx context.Context, j *job, who []string) (p provisioned, err error) {
	if a.caller == nil {
		j.introduce(ctx, a)
	}
	p.out, p.failed = j.engine.Provision(ctx, j.target, who)
	if p.out == nil {
		return p, nil
	}
	p.report = &p.out.Report
	if p.failed == nil {
		p.quarantined, p.paused, err = a.standing(ctx, j, p.report)
	}
	return p, err
}

func (a *app) showProvisioned(p provisioned) error {
	switch {
	case p.out == nil || a.json && p.failed != nil:
		return verdict(p.cycle, false)
	case a.json:
		if err := p.out.WriteJSON(a.stdout); err != nil {
			return fmt.Errorf("print the report: %w", err)
		}
	default:
		if err := (plan.Text{Live: true, Color: a.color(), Brief: a.quiet}).WriteProvisioned(a.stdout, p.out); err != nil {
			return fmt.Errorf("print the report: %w", err)
		}
	}
	err := verdict(p.cycle, false)
	if told, ok := errors.AsType[*exitError](err); (err == nil || ok && told.err == nil) && slices.ContainsFunc(p.out.People, func(e plan.Explanation) bool { return !e.Known }) {
		return &exitError{code: exitFailed}
	}
	return err
}
