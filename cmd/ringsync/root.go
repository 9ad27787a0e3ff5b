package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"ringsync/configs"
	"ringsync/connectors"
	"ringsync/engine"
)

// app is one run of the program: its streams, the global flags, and what they amount to.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer

	configPath string
	json       bool
	quiet      bool
	logFormat  string
	logLevel   string

	log *slog.Logger
	// started is set once the command line was understood.
	started bool

	// monitor counts the requests of the daemon's jobs, and credentials are what they share; nil in every other command.
	monitor     *monitor
	credentials *credentials
	// shared is what else the daemon's jobs share; nil in every other command.
	shared *shared
	// seats are this process's places in the etcd clusters that its jobs are in.
	seats *seats
	// fleet says that this is a member's: it waits for a job that is another process's. One that opens a job in etcd holds
	// one of slots, but not while it waits.
	fleet bool
	slots chan struct{}

	args []string // the command line
	// caller is who gave it to the daemon that runs it, nil in a program of its own.
	caller *caller
}

func newRootCommand(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "ringsync",
		Short: "Keep RingCentral's users equal to the people assigned in Microsoft Entra ID",
		Long: `ringsync keeps RingCentral's users equal to the people assigned to an enterprise application in Microsoft Entra ID.

New here? "ringsync demo" tells the whole story, "ringsync sandbox" starts both services on this machine to try things
on, "ringsync config init" writes a configuration to fill in, "ringsync run" keeps both sides equal from then on.

Commands that touch a job (sync, diff, provision, status, outbox, approve, refuse, log, pause, resume, restart, state
backup, export and compact) go to the "ringsync run" that serves it, if there is one, and open its state file otherwise;
what they print is the same. A daemon goes by the
configuration that it has loaded last: of the file that you name, only the state's path counts then.

Exit codes: 0 did what was asked; 1 failed; 64 wrong usage or configuration. diff, sync and provision also return
2 (diff) differences not yet decided, 3 some people in escrow, in conflict or waiting for capacity, 4 quarantined,
wrong credentials or removals held.`,
		Example: `  ringsync demo
  ringsync -c contoso.yaml check
  ringsync -c contoso.yaml diff
  ringsync -c contoso.yaml run`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		PersistentPreRunE: a.start,
	}
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)

	flags := root.PersistentFlags()
	flags.StringVarP(&a.configPath, "config", "c", "ringsync.yaml", "configuration `file`")
	flags.BoolVar(&a.json, "json", false, "print JSON")
	flags.BoolVarP(&a.quiet, "quiet", "q", false, "print results and errors only")
	flags.StringVar(&a.logFormat, "log-format", "text", "`form` of log lines: text or json")
	flags.StringVar(&a.logLevel, "log-level", "info", "least `level` that is logged: debug, info, warn or error")

	// A daemon runs for others what touches its job, and nothing else.
	root.AddCommand(
		newSyncCommand(a),
		newDiffCommand(a),
		newProvisionCommand(a),
		newStatusCommand(a),
		newOutboxCommand(a),
		newApproveCommand(a),
		newLogCommand(a),
		newPauseCommand(a),
		newResumeCommand(a),
		newRefuseCommand(a),
		newRestartCommand(a),
	)
	if a.caller == nil || !a.caller.web {
		root.AddCommand(newStateCommand(a))
	}
	if a.caller == nil || a.caller.web {
		root.AddCommand(newCheckCommand(a))
	}
	if a.caller == nil {
		root.AddCommand(
			newDemoCommand(a),
			newSandboxCommand(a),
			newRunCommand(a),
			newConfigCommand(a),
			newMappingCommand(a),
			newDocsCommand(),
			newVersionCommand(a),
		)
	}
	root.InitDefaultCompletionCmd()
	root.InitDefaultHelpCmd()
	for _, c := range root.Commands() {
		switch {
		case c.HasSubCommands():
			refuseUnknown(c)
			if c.Name() == "completion" {
				completeHelp(c)
			}
		case c.Name() == "help":
			c.Long += "\n\nExit codes: 0 shown; 64 there is no such command."
			c.Example = "  ringsync help\n  ringsync help state backup"
			c.Args = func(_ *cobra.Command, args []string) error {
				if _, rest, _ := root.Find(args); len(rest) > 0 {
					return fmt.Errorf("no help on %q", strings.Join(args, " "))
				}
				return nil
			}
		}
	}
	refuseUnknown(root)
	return root
}

// completeHelp gives cobra's own commands what every other has: examples and exit codes.
func completeHelp(completion *cobra.Command) {
	const codes = "\n\nExit codes: 0 printed; 64 wrong usage."
	completion.Long = strings.TrimSpace(completion.Long) + codes
	for _, shell := range completion.Commands() {
		shell.Long = strings.TrimSpace(shell.Long) + codes
		shell.Example = "  ringsync completion " + shell.Name() + " > ringsync." + shell.Name()
	}
	completion.Example = completion.Commands()[0].Example
}

// start completes the checks of the command line and sets up what every command uses.
func (a *app) start(cmd *cobra.Command, _ []string) error {
	// Cobra looks at these only after this function, and they are errors of usage too.
	if err := cmd.ValidateRequiredFlags(); err != nil {
		return err
	}
	if err := cmd.ValidateFlagGroups(); err != nil {
		return err
	}
	handler, err := a.logHandler()
	if err != nil {
		return err
	}
	a.log = slog.New(handler)
	if a.caller == nil {
		cmd.SetContext(engine.WithActor(cmd.Context(), localUser()))
	}
	a.started = true
	return nil
}

// logHandler needs to redact nothing: secrets are of a type that shows none.
func (a *app) logHandler() (slog.Handler, error) {
	levels := map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}
	level, ok := levels[a.logLevel]
	if !ok {
		return nil, unknownWord("--log-level", a.logLevel, "debug", "info", "warn", "error")
	}
	if a.quiet {
		level = max(level, slog.LevelError)
	}
	options := &slog.HandlerOptions{Level: level}
	switch a.logFormat {
	case "text":
		return slog.NewTextHandler(a.stderr, options), nil
	case "json":
		return slog.NewJSONHandler(a.stderr, options), nil
	}
	return nil, unknownWord("--log-format", a.logFormat, "text", "json")
}

func unknownWord(flag, word string, known ...string) error {
	if near := connectors.Nearest(word, known); near != "" {
		return usageError("%s cannot be %q; did you mean %q?", flag, word, near)
	}
	return usageError("%s cannot be %q; it is one of %s", flag, word, strings.Join(known, ", "))
}

// newGroup returns a command that only holds others, with the first example of each of them.
func newGroup(use, short string, commands ...*cobra.Command) *cobra.Command {
	group := &cobra.Command{Use: use, Short: short, Long: short + ".\n\nExit codes: those of its commands; 64 wrong usage."}
	var examples []string
	for _, c := range commands {
		first, _, _ := strings.Cut(c.Example, "\n")
		examples = append(examples, first)
	}
	group.Example = strings.Join(examples, "\n")
	group.AddCommand(commands...)
	return group
}

// refuseUnknown has a group refuse an unknown command below it, which cobra would answer with help and success.
func refuseUnknown(group *cobra.Command) {
	group.RunE = func(*cobra.Command, []string) error { return group.Help() }
	group.Args = func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		var names []string
		for _, c := range group.Commands() {
			names = append(names, c.Name())
		}
		if near := connectors.Nearest(args[0], names); near != "" {
			return fmt.Errorf("unknown command %q for %q; did you mean %q?", args[0], group.CommandPath(), near)
		}
		return fmt.Errorf("unknown command %q for %q", args[0], group.CommandPath())
	}
}

// load reads the job's configuration, with mappings and filters checked against both sides, and tells its warnings.
func (a *app) load() (*configs.Config, error) {
	c, err := configs.Load(a.configPath, nil, compiles)
	if err != nil {
		return nil, a.notLoaded(err)
	}
	if !a.quiet {
		for _, w := range warnings(c) {
			w.Text = "warning: " + w.Text
			fmt.Fprintln(a.stderr, w)
		}
	}
	return c, nil
}

// printJSON prints one value, indented, with <, > and & as they are.
func (a *app) printJSON(v any) {
	e := json.NewEncoder(a.stdout)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		fmt.Fprintf(a.stderr, "ringsync: print: %v\n", err)
	}
}
