package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// build describes how this program was made.
type build struct {
	Version  string `json:"version"`            // (devel) when it was not installed by version
	Revision string `json:"revision,omitempty"` // of the source, when the build knew it
	Time     string `json:"time,omitempty"`     // of that revision
	Modified bool   `json:"modified,omitempty"` // the source differed from the revision
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func thisBuild() build {
	b := build{Version: "(devel)", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if info.Main.Version != "" {
		b.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.time":
			b.Time = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

func newVersionCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the program's version",
		Long: `Prints the version, the commit that the program was built from, and the Go that built it.

Exit codes: 0 printed; 64 wrong usage.`,
		Example: `  ringsync version
  ringsync version --json`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			b := thisBuild()
			if a.json {
				a.printJSON(b)
				return nil
			}
			text := "ringsync " + b.Version
			if b.Revision != "" {
				text += " " + b.Revision
				if b.Modified {
					text += " modified"
				}
			}
			fmt.Fprintf(a.stdout, "%s (%s %s)\n", text, b.Go, b.Platform)
			return nil
		},
	}
}
