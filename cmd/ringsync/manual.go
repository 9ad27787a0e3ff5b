package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// newDocsCommand is for who makes packages of the program.
func newDocsCommand() *cobra.Command {
	man := &cobra.Command{
		Use:   "man DIR",
		Short: "Write the manual pages of all commands into a folder",
		Long: `Writes a manual page for every command into a folder, which is made if there is none. Pages that are there are
replaced.

Exit codes: 0 written; 1 failed; 64 wrong usage.`,
		Example: `  ringsync docs man /usr/local/share/man/man1`,
		Args:    cobra.ExactArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return writeManual(cmd.Root(), args[0], thisBuild()) },
	}
	docs := newGroup("docs", "Write documentation for packages", man)
	docs.Hidden = true
	return docs
}

// writeManual writes a page for each command that help shows: ringsync.1, ringsync-sync.1 and so on.
func writeManual(root *cobra.Command, dir string, b build) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("write the manual: %w", err)
	}
	date := ""
	if at, err := time.Parse(time.RFC3339, b.Time); err == nil {
		date = at.UTC().Format(time.DateOnly)
	}
	var write func(*cobra.Command) error
	write = func(c *cobra.Command) (err error) {
		file := filepath.Join(dir, pageName(c)+".1")
		if err := os.WriteFile(file, []byte(manualPage(c, date, b.Version)), 0o644); err != nil {
			return fmt.Errorf("write the manual: %w", err)
		}
		for _, below := range c.Commands() {
			if below.IsAvailableCommand() {
				err = errors.Join(err, write(below))
			}
		}
		return err
	}
	return write(root)
}

func pageName(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") }

// page is a manual page in the language of man(7).
type page struct{ strings.Builder }

// manualPage returns a command's page, made of the same texts as its help.
func manualPage(c *cobra.Command, date, version string) string {
	var p page
	p.line(".TH %s 1 %q %q ringsync", strings.ToUpper(escape(pageName(c))), date, "ringsync "+version)
	p.line(".SH NAME")
	p.line(`%s \- %s`, escape(pageName(c)), escape(c.Short))
	p.line(".SH SYNOPSIS")
	p.line(".nf") // the line's blanks are its own
	p.line("%s", escape(c.UseLine()))
	p.line(".fi")
	p.line(".SH DESCRIPTION")
	p.text(cmp.Or(c.Long, c.Short+"."))
	if c.HasAvailableSubCommands() {
		p.line(".SH COMMANDS")
		for _, below := range c.Commands() {
			if below.IsAvailableCommand() {
				p.item(bold(below.Name()), below.Short)
			}
		}
	}
	p.flags("OPTIONS", c.NonInheritedFlags())
	p.flags("GLOBAL OPTIONS", c.InheritedFlags())
	if c.Example != "" {
		p.line(".SH EXAMPLES")
		p.text(c.Example)
	}
	p.line(".SH SEE ALSO")
	p.line("%s", strings.Join(related(c), ", "))
	return p.String()
}

// related names the pages around a command's: the one above, those below, and the program's, which explains exit codes.
func related(c *cobra.Command) (names []string) {
	add := func(c *cobra.Command) { names = append(names, bold(pageName(c))+"(1)") }
	if c.HasParent() {
		add(c.Root())
		if c.Parent() != c.Root() {
			add(c.Parent())
		}
	}
	for _, below := range c.Commands() {
		if below.IsAvailableCommand() {
			add(below)
		}
	}
	return names
}

func (p *page) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

// item is a term, as roff, and what it means.
func (p *page) item(term, text string) {
	p.line(".TP\n%s\n%s", term, escape(text))
}

func (p *page) flags(title string, flags *pflag.FlagSet) {
	if !flags.HasAvailableFlags() {
		return
	}
	p.line(".SH %s", title)
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		value, usage := pflag.UnquoteUsage(f)
		term := bold("--" + f.Name)
		if f.Shorthand != "" {
			term = bold("-"+f.Shorthand) + ", " + term
		}
		if value != "" {
			term += ` \fI` + escape(value) + `\fP`
		}
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "[]" {
			usage += fmt.Sprintf(" (default %s)", f.DefValue)
		}
		p.item(term, usage)
	})
}

// text sets a help text: paragraphs are filled anew; lists and commands, which are indented, stay as they are.
func (p *page) text(text string) {
	asIs := false
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		indented := strings.HasPrefix(line, "  ") || strings.HasPrefix(line, "\t")
		switch {
		case line == "":
			p.line(".PP")
			continue
		case indented && !asIs:
			p.line(".RS 4\n.nf")
		case asIs && !indented:
			p.line(".fi\n.RE")
		}
		asIs = indented
		p.line("%s", escape(strings.TrimPrefix(strings.TrimPrefix(line, "  "), "\t")))
	}
	if asIs {
		p.line(".fi\n.RE")
	}
}

func bold(text string) string { return `\fB` + escape(text) + `\fP` }

// escape has roff print a line as it is.
func escape(line string) string {
	line = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`).Replace(line)
	if strings.HasPrefix(line, ".") {
		line = `\&` + line
	}
	return line
}
