package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ringsync/connectors"
	"ringsync/mapping/expr"
)

func newMappingCommand(a *app) *cobra.Command {
	return newGroup("mapping", "Try attribute mappings", newMappingEvalCommand(a))
}

func newMappingEvalCommand(a *app) *cobra.Command {
	var objectPath, defaultDomain string
	var taken []string
	cmd := &cobra.Command{
		Use:   "eval EXPR --object FILE",
		Short: "Evaluate a mapping expression for one person",
		Long: `Evaluates an expression in Entra's mapping language for the person described in FILE, a JSON object of source
attributes such as Microsoft Graph returns for a user (- reads standard input), and prints the value as JSON. An
attribute that FILE lacks is null. No configuration is needed.`,
		Example: `  ringsync mapping eval 'Join(" ", [givenName], [surname])' --object user.json
  echo '{"IsSoftDeleted": false}' | ringsync mapping eval 'Switch([IsSoftDeleted], , "False", "True", "True", "False")' --object -`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			person, err := a.readObject(objectPath)
			if err != nil {
				return err
			}
			value, err := evaluate(args[0], person, expr.Environment{
				Now:           time.Now(),
				DefaultDomain: defaultDomain,
				Taken: func(text string) bool {
					return slices.ContainsFunc(taken, func(t string) bool { return strings.EqualFold(t, text) })
				},
			})
			if err != nil {
				return err
			}
			return a.printValue(value)
		},
	}
	cmd.Flags().StringVar(&objectPath, "object", "", "`file` with the person as a JSON object, - for standard input")
	cmd.Flags().StringVar(&defaultDomain, "default-domain", "", "what DefaultDomain gives")
	cmd.Flags().StringArrayVar(&taken, "taken", nil, "`value` that SelectUniqueValue finds in use (repeatable)")
	_ = cmd.MarkFlagRequired("object") // fails only for a flag that is not defined
	return cmd
}

func evaluate(source string, person connectors.Value, env expr.Environment) (connectors.Value, error) {
	attributes := &objectAttributes{person: person, slots: connectors.NewSlots()}
	program, err := expr.Compile(source, attributes)
	if err != nil {
		return connectors.Value{}, &exitError{exitUsage, err}
	}
	return program.Eval(attributes.row, &env)
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

// objectAttributes gives an expression the attributes of one object. Every name is an attribute; one that the object
// lacks is null.
type objectAttributes struct {
	person connectors.Value
	slots  *connectors.Slots
	row    []connectors.Value // by slot
}

// Attribute implements expr.Attributes.
func (o *objectAttributes) Attribute(name string) (int, connectors.Attribute, bool) {
	slot := o.slots.Add(name)
	if slot == len(o.row) {
		value := fieldFold(o.person, name)
		if value.Kind() == connectors.Absent {
			// Graph keeps extensionAttribute1 to 15 in an object of their own (resource onPremisesExtensionAttributes).
			value = fieldFold(fieldFold(o.person, "onPremisesExtensionAttributes"), name)
		}
		o.row = append(o.row, value)
	}
	return slot, connectors.Attribute{Name: name, MultiValued: o.row[slot].Kind() == connectors.List}, true
}

// Nearest implements expr.Attributes. No name is unknown, so none is near one.
func (o *objectAttributes) Nearest(string) string { return "" }

// fieldFold returns an object's field, if need be without regard to letter case, as mappings find attributes.
func fieldFold(object connectors.Value, name string) connectors.Value {
	if v := object.Field(name); v.Kind() != connectors.Absent {
		return v
	}
	for i := range object.Len() {
		if object.Kind() == connectors.Object && strings.EqualFold(object.FieldName(i), name) {
			return object.At(i)
		}
	}
	return connectors.Value{}
}
