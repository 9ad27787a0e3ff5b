package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"ringsync/configs"
)

func newConfigCommand(a *app) *cobra.Command {
	return newGroup("config", "Write, check and describe a configuration",
		newConfigInitCommand(a), newConfigValidateCommand(a), newConfigSchemaCommand(a), newConfigImportCommand(a))
}

func newConfigInitCommand(a *app) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "init [FILE]",
		Short: "Write a commented configuration to fill in",
		Long: `Writes a configuration file with a comment on every key, to be filled in and checked with ringsync config validate. A
file that is there is left alone unless --force is given.

Exit codes: 0 written; 1 failed; 64 there is such a file already, or wrong usage.`,
		Example: `  ringsync config init
  ringsync config init /etc/ringsync/contoso.yaml`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			path := a.configPath
			if len(args) > 0 {
				path = args[0]
			}
			if err := writeNew(path, configs.Starter(), force); err != nil {
				return err
			}
			if a.json {
				a.printJSON(map[string]string{"file": path})
				return nil
			}
			fmt.Fprintf(a.stdout, "%s written. Now\n", path)
			for i, step := range []string{
				"fill in its ids: tenant, app and credential.client_id",
				"export ENTRA_CLIENT_SECRET and RINGCENTRAL_SCIM_TOKEN",
				"ringsync -c " + path + " config validate",
			} {
				fmt.Fprintf(a.stdout, "  %d. %s\n", i+1, step)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "overwrite an existing file")
	return cmd
}

// writeNew writes a file that only its owner may read. It replaces an existing one only when told to, and then as a
// whole: a full disk leaves the old one.
func writeNew(path string, data []byte, replace bool) error {
	if _, err := os.Lstat(path); err == nil && !replace {
		return usageError("%s exists already; --force overwrites it", path)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // with mode 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer os.Remove(f.Name()) // gone already if all went well
	if _, err = f.Write(data); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

func newConfigValidateCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "validate",
		Short: "Check a configuration without touching either service",
		Long: `Checks keys, values, mappings and filters, and that secrets are at hand, and tells every mistake with its file, line and
column. No service is asked; ringsync check does that.

Exit codes: 0 nothing is wrong, whatever the warnings; 64 something is, or wrong usage.`,
		Example: `  ringsync config validate
  ringsync -c /etc/ringsync/contoso.yaml config validate --json`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			c, err := a.load()
			if err != nil {
				return err
			}
			attributes, filters := len(c.Users.Attributes), len(c.Users.Filters)
			if a.json {
				a.printJSON(struct {
					File       string           `json:"file"`
					Job        string           `json:"job"`
					Attributes int              `json:"attributes"`
					Filters    int              `json:"filters"`
					Warnings   configs.Problems `json:"warnings"`
				}{a.configPath, c.Job, attributes, filters, warnings(c)})
				return nil
			}
			fmt.Fprintf(a.stdout, "%s: ok (job %s, %s, %s)\n", a.configPath, c.Job, count(attributes, "attribute"), count(filters, "filter"))
			return nil
		},
	}
}

// notLoaded tells what to do about a configuration that cannot be read. Problems in it speak for themselves.
func (a *app) notLoaded(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return usageError("there is no %s: ringsync config init writes one, -c names another", a.configPath)
	}
	return unlessProblems(err)
}

// unlessProblems makes wrong usage of a file that cannot be read.
func unlessProblems(err error) error {
	if _, ok := errors.AsType[configs.Problems](err); ok {
		return err
	}
	return &exitError{exitUsage, err}
}

func newConfigSchemaCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of a configuration, for editors",
		Long: `Prints the JSON Schema of a configuration file. An editor that is given it completes keys and marks mistakes.

Exit codes: 0 printed; 64 wrong usage.`,
		Example: `  ringsync config schema > ringsync.schema.json`,
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := a.stdout.Write(configs.Schema())
			return err
		},
	}
}
