package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"ringsync/engine"
)

// resets are what restart can forget.
var resets = []struct {
	name string
	set  func(*engine.Reset)
}{
	{"watermark", func(r *engine.Reset) { r.Watermark = true }},
	{"escrows", func(r *engine.Reset) { r.Escrows = true }},
	{"quarantine", func(r *engine.Reset) { r.Quarantine = true }},
	{"links", func(r *engine.Reset) { r.Links = true }},
}

func newRestartCommand(a *app) *cobra.Command {
	var names []string
	var yes bool
	cmd := &cobra.Command{
		Use:   "restart --reset NAME[,NAME...]",
		Short: "Forget part of what the job remembers, and go on from there",
		Long: `Forgets part of what the job remembers:

  watermark   where reading goes on: the next cycle reads everybody
  escrows     failures: who failed is tried in the next cycle
  quarantine  the quarantine and the failures that led to it
  links       which account is whose: the next cycle reads everybody and matches them anew

Removals that are held stay held, and removals of the last 24 hours still count towards the limit. Resetting links is
asked about first, or takes --yes: an account is then found again only by its matching attributes.

Exit codes: 0 forgotten; 1 failed or not confirmed; 64 wrong usage or configuration.`,
		Example: `  ringsync restart --reset escrows
  ringsync restart --reset watermark,quarantine`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			reset, err := parseResets(names)
			if err != nil {
				return err
			}
			if reset.Links && !yes {
				if err := a.confirm(`Every link between a person and an account will be forgotten.`); err != nil {
					return err
				}
				a.args = append([]string{"--yes=true"}, a.args...) // for a daemon, which can ask nobody
			}
			return a.restart(cmd.Context(), reset, names)
		},
	}
	cmd.Flags().StringSliceVar(&names, "reset", nil, "what to forget: watermark, escrows, quarantine, links")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask before links are forgotten")
	_ = cmd.MarkFlagRequired("reset") // fails only for a flag that is not defined
	return cmd
}

func (a *app) restart(ctx context.Context, reset engine.Reset, names []string) error {
	restart := func(j *job) (string, error) { return j.config.Job, j.engine.Restart(ctx, reset) }
	return onJob(ctx, a, works, restart, func(job string) error {
		switch {
		case a.json:
			a.printJSON(struct {
				Job   string   `json:"job"`
				Reset []string `json:"reset"`
			}{job, names})
		case !a.quiet:
			fmt.Fprintf(a.stdout, "%s: forgotten: %s\n", job, strings.Join(names, ", "))
		}
		return nil
	})
}

func parseResets(names []string) (reset engine.Reset, err error) {
	var known []string
	for _, r := range resets {
		known = append(known, r.name)
	}
next:
	for _, name := range names {
		for _, r := range resets {
			if r.name == name {
				r.set(&reset)
				continue next
			}
		}
		return reset, unknownWord("--reset", name, known...)
	}
	if reset == (engine.Reset{}) {
		return reset, usageError("--reset names nothing; it is one or more of %s", strings.Join(known, ", "))
	}
	return reset, nil
}

// confirm asks a person at a terminal whether to go on.
func (a *app) confirm(what string) error {
	in, ok := a.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return usageError("%s --yes confirms it where nobody can be asked", what)
	}
	fmt.Fprintf(a.stderr, "%s Type yes to go on: ", what)
	if answer, _ := bufio.NewReader(in).ReadString('\n'); strings.TrimSpace(answer) != "yes" { // no answer is a no
		return errors.New("not confirmed: nothing was changed")
	}
	return nil
}
