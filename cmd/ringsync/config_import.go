package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ringsync/configs"
	"ringsync/connectors/entra"
	"ringsync/connectors/ringcentral"
	"ringsync/engine/plan"
	"ringsync/mapping/entraschema"
)

func newConfigImportCommand(a *app) *cobra.Command {
	var output string
	var force bool
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Make a configuration of a provisioning schema exported from Entra",
		Long: `Reads a provisioning schema of Microsoft Entra ID from FILE (- is standard input) and writes the configuration that does
the same, to standard output or to the file given with --output. What does not carry over is a warning on standard error
and a comment in the configuration.

To get the schema: Entra admin center > Enterprise applications > your app > Provisioning > Attribute mapping > the mapping
of users > Show advanced options > Review your schema here > Download. Or with Microsoft Graph:
GET /servicePrincipals/{id}/synchronization/jobs/{job}/schema.

The configuration lacks what no export holds: it reads ENTRA_TENANT, ENTRA_APP, ENTRA_CLIENT_ID, ENTRA_CLIENT_SECRET and
RINGCENTRAL_SCIM_TOKEN from the environment.

Exit codes: 0 written, whatever the warnings; 1 failed; 64 FILE is no such schema, the file of --output exists already,
or wrong usage.`,
		Example: `  ringsync config import schema.json -o ringsync.yaml`,
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			name, data, err := a.readInput(args[0])
			if err != nil {
				return err
			}
			draft, notes, err := importSchema(name, data)
			if err != nil {
				return err
			}
			if !a.quiet {
				for _, n := range notes {
					n.Text = "warning: " + n.Text
					fmt.Fprintln(a.stderr, n)
				}
			}
			return a.writeImport(draft, notes, output, force)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "`file` to write the configuration to, in place of standard output")
	cmd.Flags().BoolVar(&force, "force", false, "overwrite an existing file")
	return cmd
}

// readInput reads a file, or standard input by the name -, and returns what to call it in messages.
func (a *app) readInput(path string) (name string, data []byte, err error) {
	name, in := path, a.stdin
	if path == "-" {
		name = "standard input"
	} else {
		f, err := os.Open(path)
		if err != nil {
			return name, nil, &exitError{exitUsage, err}
		}
		defer f.Close()
		in = f
	}
	if data, err = io.ReadAll(in); err != nil {
		return name, nil, fmt.Errorf("read %s: %w", name, err)
	}
	return name, data, nil
}

// importSchema makes a draft of an export. The notes name their places in the export.
func importSchema(name string, data []byte) (configs.Draft, configs.Problems, error) {
	schema, err := entraschema.Read(data)
	if wrong, ok := errors.AsType[*entraschema.Error](err); ok {
		return configs.Draft{}, nil, usageError("%s:%d:%d: %s", name, wrong.Line, wrong.Column, wrong.Text)
	}
	if err != nil {
		return configs.Draft{}, nil, err
	}
	imported := schema.Import(entra.Schema(), ringcentral.Schema())
	var notes configs.Problems
	for _, n := range append(imported.Notes, refusals(imported)...) {
		notes = append(notes, configs.Problem{File: name, Line: n.Line, Column: n.Column, Path: n.Path, Text: n.Text})
	}
	slices.SortStableFunc(notes, func(a, b configs.Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return draftOf(schema, imported), notes, nil
}

// draftOf puts what was imported into a configuration.
func draftOf(schema *entraschema.Schema, imported *entraschema.Import) configs.Draft {
	d := configs.Draft{Origin: origin(schema), Actions: imported.Actions, HoldScope: imported.HoldScope, Beside: imported.Beside}
	for _, f := range imported.Filters {
		filter := configs.DraftFilter{Filter: configs.Filter{Name: f.Name}, Off: f.Off != ""}
		for _, c := range f.All {
			filter.All = append(filter.All, configs.Clause(c))
		}
		if filter.Off {
			filter.Remarks = []string{"Left out: " + f.Off + "."}
		}
		d.Filters = append(d.Filters, filter)
	}
	for _, a := range imported.Attributes {
		attribute := configs.DraftAttribute{Attribute: configs.Attribute(a.Rule), Off: a.Off != "", Remarks: a.Remarks}
		if attribute.Off {
			attribute.Remarks = append(attribute.Remarks, "Left out: "+a.Off+".")
		}
		d.Attributes = append(d.Attributes, attribute)
	}
	return d
}

// jobID is the form of a schema's id: the template's name, the tenant without dashes, the application.
var jobID = regexp.MustCompile(`^[^.]+\.([0-9a-fA-F]{32})\.([0-9a-fA-F-]{36})$`)

// origin says what a configuration was made of, for its first line.
func origin(schema *entraschema.Schema) string {
	text := "ringsync: imported from a provisioning schema of Entra's own service"
	if schema.Version != "" {
		text += " (version " + schema.Version + ")"
	}
	text += "."
	if id := jobID.FindStringSubmatch(schema.ID); id != nil {
		t := id[1]
		text += fmt.Sprintf(" Its id names the tenant %s-%s-%s-%s-%s and the application %s.", t[:8], t[8:12], t[12:16], t[16:20], t[20:], id[2])
	}
	return text
}

// refusals are what RingCentral will not take of mappings that are right as such (see package ringcentral, fit), and where
// ringsync itself needs another one than Entra's service.
func refusals(imported *entraschema.Import) []entraschema.Note {
	used := map[string]entraschema.Attribute{}
	for _, a := range imported.Attributes {
		if a.Off == "" {
			used[a.Target] = a
		}
	}
	from := func(a entraschema.Attribute) string { return strings.Trim(cmp.Or(a.Source, a.Expression), "[]") }
	var notes []entraschema.Note
	note := func(a entraschema.Attribute, format string, args ...any) {
		at := cmp.Or(a.Place, entraschema.Place{Line: 1, Column: 1}) // an attribute that is missing stands nowhere
		notes = append(notes, entraschema.Note{Place: at, Text: fmt.Sprintf(format, args...)})
	}
	name, named := used[plan.AttrUserName]
	mail, mailed := used[`emails[type eq "work"].value`]
	if named && mailed && !strings.EqualFold(from(name), from(mail)) {
		note(name, "userName is made from %s and the work e-mail from %s: RingCentral requires the two to be the same, and people for whom they differ are skipped", from(name), from(mail))
	}
	if named && strings.EqualFold(name.Source, "userPrincipalName") {
		note(name, "Entra's service takes #EXT# and the home domain out of a guest's userPrincipalName, ringsync does not: for guests map mail")
	}
	country, located := used[`addresses[type eq "work"].country`]
	if _, ok := used[`addresses[type eq "work"].region`]; located && !ok {
		note(country, "a country is mapped and no state (.region): RingCentral requires one for the United States, Canada and the United Kingdom, and the address is left out there")
	}
	if id, ok := used[plan.AttrExternalID]; len(used) > 0 && (!ok || !strings.EqualFold(id.Source, "id")) {
		note(id, "externalId is not mapped from id (the object id): if the state file is lost, the accounts of people who have left are not found again")
	}
	return notes
}

// writeImport writes the configuration and tells what to do with it.
func (a *app) writeImport(draft configs.Draft, notes configs.Problems, output string, force bool) error {
	yaml, toFile := draft.YAML(), output != "" && output != "-"
	if toFile {
		if err := writeNew(output, yaml, force); err != nil {
			return err
		}
	}
	attributes, filters := 0, 0
	for _, at := range draft.Attributes {
		if !at.Off {
			attributes++
		}
	}
	for _, f := range draft.Filters {
		if !f.Off {
			filters++
		}
	}
	switch {
	case a.json:
		result := struct {
			File          string           `json:"file,omitempty"`
			Configuration string           `json:"configuration,omitempty"` // if there is no file
			Attributes    int              `json:"attributes"`
			Filters       int              `json:"filters"`
			Warnings      configs.Problems `json:"warnings"`
		}{output, "", attributes, filters, append(configs.Problems{}, notes...)}
		if !toFile {
			result.File, result.Configuration = "", string(yaml)
		}
		a.printJSON(result)
	case !toFile:
		_, err := a.stdout.Write(yaml)
		return err
	default:
		fmt.Fprintf(a.stdout, "%s written (%s, %s, %s). Now\n", output, count(attributes, "attribute"), count(filters, "filter"), count(len(notes), "warning"))
		for i, step := range []string{
			"read its comments: they say what is different",
			"export ENTRA_TENANT, ENTRA_APP, ENTRA_CLIENT_ID, ENTRA_CLIENT_SECRET and RINGCENTRAL_SCIM_TOKEN",
			"ringsync -c " + output + " config validate",
			"ringsync -c " + output + " diff",
		} {
			fmt.Fprintf(a.stdout, "  %d. %s\n", i+1, step)
		}
	}
	return nil
}
