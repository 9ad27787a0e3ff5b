package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ringsync/configs"
	"ringsync/connectors"
	"ringsync/connectors/entra"
	"ringsync/connectors/ringcentral"
	"ringsync/mapping"
	"ringsync/state"
)

func newMappingTestCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "test FILE",
		Short: "Check what a configuration makes of people that you describe",
		Long: `Runs the cases in FILE, each a person with the attributes that Microsoft Graph returns and what is expected of them: in
scope or not and by which clause, the values that RingCentral would get, errors and warnings. Filters, mappings and what
RingCentral accepts are those of a sync. Neither service is asked, and of the configuration only the users section has
to be right, so no secret is needed.

The configuration is that of --config, else the one that FILE names, else ringsync.yaml. docs/mapping.md describes FILE.

Exit codes: 0 all cases passed; 1 some did not; 64 wrong usage, tests or configuration.`,
		Example: `  ringsync mapping test contoso.test.yaml
  ringsync -c contoso.yaml mapping test people.yaml --json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cases, err := configs.LoadCases(args[0])
			if err != nil {
				return unlessProblems(err)
			}
			if cases.Config != "" && !cmd.Flags().Changed("config") {
				a.configPath = cases.Config
			}
			results, err := a.testMapping(cases)
			if err != nil {
				return err
			}
			return a.printCases(args[0], results)
		},
	}
}

func newMappingSchemaCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of a file of mapping tests, for editors",
		Long: `Prints the JSON Schema of a file of mapping tests. An editor that is given it completes keys and marks mistakes.

Exit codes: 0 printed; 64 wrong usage.`,
		Example: `  ringsync mapping schema > mapping-test.schema.json`,
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := a.stdout.Write(configs.CasesSchema())
			return err
		},
	}
}

// caseResult is what became of one case.
type caseResult struct {
	Name        string       `json:"name"`
	Line        int          `json:"line"`
	Passed      bool         `json:"passed"`
	InScope     bool         `json:"in_scope"`
	Reason      string       `json:"reason"` // why in scope or not
	Differences []difference `json:"differences"`
}

// difference is one thing that is not as expected: a target attribute, or a key of the case (in_scope, clause, errors,
// warnings). Absent is what is not expected, or not there; null is a value that is cleared.
type difference struct {
	Name string           `json:"name"`
	Want connectors.Value `json:"want,omitzero"`
	Got  connectors.Value `json:"got,omitzero"`
}

func (r *caseResult) differs(name string, want, got connectors.Value) {
	r.Differences = append(r.Differences, difference{name, want, got})
}

// mappingTest is a compiled configuration and what its cases have in common.
type mappingTest struct {
	config  *configs.Config
	slots   *connectors.Slots
	mapping *mapping.Mapping
	fit     func([]connectors.Value) connectors.Fitted
	object  connectors.Value // what everybody has
	now     time.Time
}

func (a *app) testMapping(cases *configs.Cases) ([]caseResult, error) {
	t := mappingTest{slots: connectors.NewSourceSlots(), object: cases.Object.Value, now: cases.Time(time.Now())}
	var err error
	t.config, err = configs.LoadUsers(a.configPath, func(c *configs.Config) (err error) {
		t.mapping, err = compile(c, t.slots)
		return err
	})
	if err != nil {
		return nil, a.notLoaded(err)
	}
	if err := cases.Check(unknownIn(entra.Schema()), unknownIn(ringcentral.Schema())); err != nil {
		return nil, err
	}
	t.fit = ringcentral.Fits(t.mapping.Target(), t.config.Target.Address == "fail")
	results := make([]caseResult, len(cases.Cases))
	for i, c := range cases.Cases {
		results[i] = t.run(c)
		results[i].Line = cases.Line(i)
	}
	return results, nil
}

// unknownIn returns a function that says why there is no attribute of a name, "" if there is. What Graph writes about an
// object (@odata.context) is no attribute and does no harm.
func unknownIn(schema *connectors.Schema) func(string) string {
	return func(name string) string {
		if _, ok := schema.Lookup(name); ok || strings.HasPrefix(name, "@odata.") {
			return ""
		}
		text := fmt.Sprintf("%s has no attribute %s", schema.Name, name)
		if near := schema.Nearest(name); near != "" {
			text += fmt.Sprintf("; did you mean %s?", near)
		}
		return text
	}
}

func (t *mappingTest) run(c configs.Case) caseResult {
	r := caseResult{Name: c.Name, Differences: []difference{}}
	row := t.row(c.Object.Value)
	r.InScope, r.Reason = t.scope(row, c)
	if r.InScope != c.InScope {
		r.differs("in_scope", connectors.BoolValue(c.InScope), connectors.BoolValue(r.InScope))
	}
	if !strings.Contains(r.Reason, c.Clause) {
		r.differs("clause", connectors.StringValue(c.Clause), connectors.StringValue(r.Reason))
	}
	if r.InScope && c.InScope {
		t.compare(row, c, &r)
	}
	r.Passed = len(r.Differences) == 0
	return r
}

// row is the person as the source would give them.
func (t *mappingTest) row(object connectors.Value) []connectors.Value {
	row := make([]connectors.Value, t.slots.Len())
	for i, name := range t.slots.Names() {
		if row[i] = mapping.ObjectAttribute(object, name); row[i].Kind() == connectors.Absent {
			row[i] = mapping.ObjectAttribute(t.object, name)
		}
		if name == connectors.AttrIsSoftDeleted && row[i].IsNull() {
			row[i] = connectors.BoolValue(false) // as in a sync, where those who have left are not mapped at all
		}
	}
	return row
}

func (t *mappingTest) scope(row []connectors.Value, c configs.Case) (in bool, why string) {
	enabled, said := row[connectors.SlotAccountEnabled].AsBool()
	if said && !enabled && (t.config.Deprovision.Disabled != "keep" || c.Account == "new") {
		return false, state.Disabled.String()
	}
	d := t.mapping.Filter().Decide(row, t.now)
	return d.Pass, d.Why()
}

// compare maps the person and compares the outcome with what the case expects.
func (t *mappingTest) compare(row []connectors.Value, c configs.Case, r *caseResult) {
	var mapped mapping.Result
	t.mapping.Apply(row, t.now, &mapped)
	var wrong, warnings []string
	for _, f := range mapped.Failures {
		wrong = append(wrong, fmt.Sprintf("%s: %v", t.mapping.Target().Names()[f.Slot], f.Err))
	}
	values := mapped.Always
	if c.Account == "new" {
		for slot, v := range mapped.Create {
			if v.Kind() != connectors.Absent {
				values[slot] = v
			}
		}
	}
	fitted := t.fit(values)
	for _, p := range fitted.Problems {
		wrong = append(wrong, p.Text)
	}
	for _, w := range fitted.Warnings {
		warnings = append(warnings, w.Attribute+": "+w.Text)
	}
	t.compareTarget(values, c, r)
	r.compareTexts("errors", c.Errors, wrong, true)
	r.compareTexts("warnings", c.Warnings, warnings, c.Warnings != nil)
}

func (t *mappingTest) compareTarget(values []connectors.Value, c configs.Case, r *caseResult) {
	got := func(name string) (connectors.Attribute, connectors.Value) {
		a, _ := ringcentral.Schema().Lookup(name)
		if slot, mapped := t.mapping.Target().Index(a.Name); mapped {
			return a, values[slot]
		}
		return a, connectors.Value{}
	}
	for i := range c.Target.Len() {
		want := c.Target.At(i)
		if a, v := got(c.Target.FieldName(i)); !expected(a, want, v, c.Account == "existing") {
			r.differs(a.Name, want, v)
		}
	}
	for _, name := range c.Absent {
		if a, v := got(name); v.Kind() != connectors.Absent {
			r.differs(a.Name, connectors.Value{}, v)
		}
	}
}

// expected reports whether got is the wanted value, letter for letter. A null that is wanted of an existing account has
// to be one that clears.
func expected(a connectors.Attribute, want, got connectors.Value, existing bool) bool {
	if want.IsNull() || got.IsNull() {
		return want.IsNull() && got.IsNull() && (!existing || got.Kind() == connectors.Null)
	}
	a.CaseExact, a.Same = true, nil
	return a.SameValue(want, got)
}

// compareTexts asks that each wanted text be in one of what was said, and that nothing else was said if only is set.
func (r *caseResult) compareTexts(name string, want, said []string, only bool) {
	var expected []string
	for _, text := range want {
		i := slices.IndexFunc(said, func(s string) bool { return strings.Contains(s, text) })
		if i < 0 {
			r.differs(name, connectors.StringValue(text), connectors.Value{})
		} else {
			expected = append(expected, said[i])
		}
	}
	for _, s := range said {
		if only && !slices.Contains(expected, s) {
			r.differs(name, connectors.Value{}, connectors.StringValue(s))
		}
	}
}

// printCases prints the results and returns an exitError if some case failed.
func (a *app) printCases(file string, results []caseResult) error {
	failed := 0
	for _, r := range results {
		if !r.Passed {
			failed++
		}
	}
	if a.json {
		a.printJSON(struct {
			File   string       `json:"file"`
			Config string       `json:"config"`
			Passed int          `json:"passed"`
			Failed int          `json:"failed"`
			Cases  []caseResult `json:"cases"`
		}{file, a.configPath, len(results) - failed, failed, results})
	} else {
		for _, r := range results {
			if !r.Passed || !a.quiet {
				r.print(a.stdout, file)
			}
		}
		fmt.Fprintf(a.stdout, "%s: %d passed, %d failed\n", file, len(results)-failed, failed)
	}
	if failed > 0 {
		return &exitError{code: exitFailed}
	}
	return nil
}

func (r *caseResult) print(out io.Writer, file string) {
	if r.Passed {
		fmt.Fprintf(out, "ok    %s\n", r.Name)
		return
	}
	fmt.Fprintf(out, "FAIL  %s (%s:%d)\n", r.Name, file, r.Line)
	for _, d := range r.Differences {
		fmt.Fprintf(out, "        %s: want %s, got %s\n", d.Name, d.shown(d.Want), d.shown(d.Got))
		if d.Name == "in_scope" {
			fmt.Fprintf(out, "          because %s\n", r.Reason)
		}
	}
}

// shown is a value as JSON, or what its lack means. What is not an attribute's is a sentence already.
func (d difference) shown(v connectors.Value) string {
	switch {
	case v.Kind() == connectors.Absent:
		return "none"
	case slices.Contains([]string{"clause", "errors", "warnings"}, d.Name):
		return v.Text()
	}
	text, _ := v.MarshalJSON() // of a Value: cannot fail
	return string(text)
}
