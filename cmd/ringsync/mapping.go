package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ringsync/connectors"
	"ringsync/connectors/entra"
	"ringsync/mapping"
	"ringsync/mapping/expr"
)

func newMappingCommand(a *app) *cobra.Command {
	return newGroup("mapping", "Try attribute mappings", newMappingEvalCommand(a), newMappingTestCommand(a), newMappingSchemaCommand(a))
}

func newMappingEvalCommand(a *app) *cobra.Command {
	var objectPath, who, defaultDomain string
	var taken []string
	cmd := &cobra.Command{
		Use:   "eval EXPR (--object FILE | --user USER)",
		Short: "Evaluate a mapping expression for one person",
		Long: `Evaluates an expression in Entra's mapping language for one person and prints the value as JSON.

With --object the person is described in FILE, a JSON object of source attributes such as Microsoft Graph returns for a
user (- reads standard input). An attribute that FILE lacks is null. No configuration is needed.

With --user the person is read from the tenant of the configuration, by object id or userPrincipalName. Attributes are
those that a mapping may name. IsSoftDeleted is what the account alone says: true if it is disabled.
appRoleAssignments are not read for one person; "ringsync diff --user" shows them at work.

Exit codes: 0 it has a value, null included; 1 it has none for this person, or failed; 64 the expression cannot be read,
or wrong usage or configuration.`,
		Example: `  ringsync mapping eval 'Join(" ", [givenName], [surname])' --object user.json
  ringsync mapping eval 'Join(" ", [givenName], [surname])' --user zoe@contoso.com
  echo '{"IsSoftDeleted": false}' | ringsync mapping eval 'Switch([IsSoftDeleted], , "False", "True", "True", "False")' --object -`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			env := &expr.Environment{
				Now:           time.Now(),
				DefaultDomain: defaultDomain,
				Taken: func(text string) bool {
					return slices.ContainsFunc(taken, func(t string) bool { return strings.EqualFold(t, text) })
				},
			}
			var value connectors.Value
			var err error
			switch file, user := cmd.Flags().Changed("object"), cmd.Flags().Changed("user"); {
			case file == user:
				return usageError("for whom? Give one of --object FILE and --user USER")
			case file:
				value, err = a.evaluateObject(args[0], objectPath, env)
			default:
				value, err = a.evaluateUser(cmd.Context(), args[0], who, env)
			}
			if err != nil {
				return err
			}
			return a.printValue(value)
		},
	}
	cmd.Flags().StringVar(&objectPath, "object", "", "`file` with the person as a JSON object, - for standard input")
	cmd.Flags().StringVar(&who, "user", "", "`person` to read from the tenant: object id or userPrincipalName")
	cmd.Flags().StringVar(&defaultDomain, "default-domain", "", "what DefaultDomain gives")
	cmd.Flags().StringArrayVar(&taken, "taken", nil, "`value` that SelectUniqueValue finds in use (repeatable)")
	return cmd
}

func (a *app) evaluateObject(source, path string, env *expr.Environment) (connectors.Value, error) {
	person, err := a.readObject(path)
	if err != nil {
		return connectors.Value{}, err
	}
	program, row, err := mapping.CompileFor(source, person)
	if err != nil {
		return connectors.Value{}, &exitError{exitUsage, err}
	}
	return program.Eval(row, env)
}

// evaluateUser reads of the person what the expression names, and nothing else.
func (a *app) evaluateUser(ctx context.Context, source, who string, env *expr.Environment) (connectors.Value, error) {
	if who == "" {
		return connectors.Value{}, usageError("--user names nobody")
	}
	slots := connectors.NewSourceSlots()
	program, err := expr.Compile(source, mapping.SourceAttributes(entra.Schema(), slots))
	if err != nil {
		return connectors.Value{}, &exitError{exitUsage, err}
	}
	if _, named := slots.Index(connectors.AttrAppRoleAssignments); named {
		return connectors.Value{}, usageError("%s is not read for one person: write it into a file for --object", connectors.AttrAppRoleAssignments)
	}
	c, err := a.load()
	if err != nil {
		return connectors.Value{}, err
	}
	client, err := openSource(a, c, slots, "")
	if err != nil {
		return connectors.Value{}, err
	}
	row, err := client.Person(ctx, who)
	if connectors.FaultOf(err) == connectors.FaultNotFound {
		return connectors.Value{}, fmt.Errorf("nobody in tenant %s has the object id or userPrincipalName %s", c.Source.Tenant, who)
	}
	if err != nil {
		return connectors.Value{}, err
	}
	if slot, named := slots.Index(connectors.AttrIsSoftDeleted); named {
		enabled, said := row.Values[connectors.SlotAccountEnabled].AsBool()
		row.Values[slot] = connectors.BoolValue(said && !enabled)
	}
	return program.Eval(row.Values, env)
}

// readObject reads a person from a file of JSON.
func (a *app) readObject(path string) (person connectors.Value, err error) {
	name, data, err := a.readInput(path)
	if err != nil {
		return person, err
	}
	if err := json.Unmarshal(data, &person); err != nil {
		return person, usageError("%s is not JSON: %v", name, err)
	}
	if person.Kind() != connectors.Object {
		return person, usageError("%s is not a JSON object of attributes", name)
	}
	return person, nil
}

// printValue prints a value as JSON on one line, with <, > and & as they are, which the value's own form escapes.
func (a *app) printValue(v connectors.Value) error {
	data, err := v.MarshalJSON()
	if err != nil {
		return err
	}
	// The pair of backslashes is there to be passed over: what follows it is no escape.
	text := strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&", `\\`, `\\`).Replace(string(data))
	_, err = fmt.Fprintln(a.stdout, text)
	return err
}
