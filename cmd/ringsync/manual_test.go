package main

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// everyCommand returns all commands, those that cobra adds among them.
func everyCommand(t *testing.T) (root *cobra.Command, all []*cobra.Command) {
	root = newRootCommand(&app{stdin: strings.NewReader(""), stdout: io.Discard, stderr: io.Discard})
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		all = append(all, c)
		for _, below := range c.Commands() {
			walk(below)
		}
	}
	walk(root)
	if len(all) < 20 {
		t.Fatalf("found %d commands only", len(all))
	}
	return root, all
}

// Every command shows how it is used and says what its exit codes mean, so that neither needs to be tried out.
func TestEveryCommandHasHelp(t *testing.T) {
	sentence := regexp.MustCompile(`^[A-Z].*[^.\s]$`)
	_, all := everyCommand(t)
	for _, c := range all {
		if !sentence.MatchString(c.Short) {
			t.Errorf("%s: Short is %q, want a line that begins with a capital and has no full stop", c.CommandPath(), c.Short)
		}
		c.NonInheritedFlags().VisitAll(func(f *pflag.Flag) {
			if strings.TrimSpace(f.Usage) == "" {
				t.Errorf("%s --%s has no help", c.CommandPath(), f.Name)
			}
		})
		if c.Example == "" {
			t.Errorf("%s shows no example", c.CommandPath())
		}
		_, codes, found := strings.Cut(c.Long, "\n\nExit codes: ")
		if !found || !strings.Contains(codes, "0 ") && !c.HasSubCommands() || !strings.Contains(codes, "64 ") {
			t.Errorf("%s: Long does not end with a paragraph of its exit codes: %q", c.CommandPath(), c.Long)
		}
	}
}

// Examples are held to the command line that the program understands.
func TestExamplesAreUnderstood(t *testing.T) {
	root, all := everyCommand(t)
	quoted := regexp.MustCompile(`'[^']*'|[^ ]+`)
	for _, c := range all {
		for line := range strings.SplitSeq(c.Example, "\n") {
			if line == "" {
				continue
			}
			line, _, _ = strings.Cut(line, " > ")
			if _, piped, ok := strings.Cut(line, " | "); ok {
				line = "  " + piped
			}
			words := quoted.FindAllString(line, -1)
			if !strings.HasPrefix(line, "  ringsync ") {
				t.Errorf("%s: example %q does not begin with the program's name, indented by two", c.CommandPath(), line)
				continue
			}
			found, rest, err := root.Find(words[1:])
			if err != nil {
				t.Errorf("%s: %q: %v", c.CommandPath(), line, err)
				continue
			}
			if err := found.ParseFlags(rest); err != nil {
				t.Errorf("%s: %q: %v", c.CommandPath(), line, err)
			}
			if err := found.ValidateArgs(found.Flags().Args()); err != nil {
				t.Errorf("%s: %q: %v", c.CommandPath(), line, err)
			}
		}
	}
}

func TestManual(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "man1")
	root, all := everyCommand(t)
	if err := writeManual(root, dir, build{Version: "v1.2.3", Time: "2026-03-01T23:30:00-02:00"}); err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		page, err := os.ReadFile(filepath.Join(dir, pageName(c)+".1"))
		if hidden := c.Hidden || c.HasParent() && c.Parent().Hidden || c.Name() == "help"; hidden {
			if err == nil {
				t.Errorf("%s is hidden and has a page", c.CommandPath())
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.CommandPath(), err)
			continue
		}
		if !strings.Contains(string(page), escape(c.Short)) {
			t.Errorf("%s: the page does not say %q", c.CommandPath(), c.Short)
		}
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden && !strings.Contains(string(page), bold("--"+f.Name)) {
				t.Errorf("%s: the page does not explain --%s", c.CommandPath(), f.Name)
			}
		})
	}
}

func TestManualPage(t *testing.T) {
	root := &cobra.Command{Use: "tool", Short: "Do things"}
	c := &cobra.Command{
		Use:   "go PLACE",
		Short: "Go there",
		Long: `Goes to the place that
.rc names, a\b included. 'Quoted' is kept:

  first   as it
  second  is laid out
Then it goes on.`,
		Example: "  tool go home",
		Run:     func(*cobra.Command, []string) {},
	}
	c.Flags().IntP("speed", "s", 3, "`how` fast")
	c.Flags().Bool("back", false, "come back")
	root.AddCommand(c)
	want := `.TH TOOL\-GO 1 "2026-03-02" "ringsync v1" ringsync
.SH NAME
tool\-go \- Go there
.SH SYNOPSIS
.nf
tool go PLACE [flags]
.fi
.SH DESCRIPTION
Goes to the place that
\&.rc names, a\eb included. \(aqQuoted\(aq is kept:
.PP
.RS 4
.nf
first   as it
second  is laid out
.fi
.RE
Then it goes on.
.SH OPTIONS
.TP
\fB\-\-back\fP
come back
.TP
\fB\-s\fP, \fB\-\-speed\fP \fIhow\fP
how fast (default 3)
.SH EXAMPLES
.RS 4
.nf
tool go home
.fi
.RE
.SH SEE ALSO
\fBtool\fP(1)
`
	if got := manualPage(c, "2026-03-02", "v1"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
