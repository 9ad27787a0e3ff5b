package entraschema

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"ringsync/connectors"
	"ringsync/mapping"
	"ringsync/mapping/filter"
)

// Import is what of an export carries over: rules and filters that compile against the schemas it was made for, and beside
// each what did not come with it.
type Import struct {
	Name    string // of the object mapping; "" if the export has none for users that is in use
	Actions []string
	// Filters are the scoping filters; those with Off are not in use.
	Filters []Filter
	// HoldScope is set when a filter is off: people whom only that filter let in would be out of scope now, and nothing
	// should happen to their accounts for that.
	HoldScope bool
	// Attributes are the attribute mappings in the export's order; those with Off are not in use. All are off if Name is "".
	Attributes []Attribute
	// Beside are the object mappings that are not imported, a sentence each.
	Beside []string
	// Notes are everything that does not carry over as it is, in the export's order.
	Notes []Note
}

// Attribute is an attribute mapping of the export.
type Attribute struct {
	Place
	mapping.Rule
	Off     string   // why it is left out; "" if it is in use
	Remarks []string // what is different from the export

	toggled   bool // apply has been changed already
	unmatched bool // it has been found that it cannot match
	added     bool // it is not in the export
}

// Filter is a scoping filter of the export.
type Filter struct {
	Place
	filter.Group
	Off string // why it is left out; "" if it is in use
}

// actions of ringsync, by the flow types that they come from: disabling is an update.
var actions = map[string][]string{"Add": {"create"}, "Update": {"update", "disable"}, "Delete": {"delete"}}

const (
	attrActive   = "active"
	attrUserName = "userName"
	// activeExpression is Entra's own default for active.
	activeExpression = `Switch([IsSoftDeleted], , "False", "True", "True", "False")`
)

// Import translates the export's user mapping for a source and a target.
func (s *Schema) Import(source, target *connectors.Schema) *Import {
	t := &translator{schema: s, source: source, target: target, Import: &Import{
		Actions: []string{"create", "update", "disable"}, Notes: slices.Clone(s.notes)}}
	rule, users := t.choose(s.Rules)
	if users != nil {
		t.rule(rule)
		t.users(rule, users)
	}
	t.locate()
	return t.Import
}

// translator fills an Import.
type translator struct {
	*Import
	schema         *Schema
	source, target *connectors.Schema
}

func (t *translator) note(at Place, format string, args ...any) {
	t.Notes = append(t.Notes, newNote(at, format, args...))
}

// locate gives everything its line and column, and the notes the export's order.
func (t *translator) locate() {
	var places []*Place
	for i := range t.Notes {
		places = append(places, &t.Notes[i].Place)
	}
	for i := range t.Attributes {
		places = append(places, &t.Attributes[i].Place)
	}
	locate(t.schema.source, places)
	slices.SortStableFunc(t.Notes, func(a, b Note) int { return cmp.Compare(a.offset, b.offset) })
}

// choose returns the mapping of users that is imported and the rule that it is of, nil if there is none, and accounts for
// all others. Rules come by priority, mappings in the export's order.
func (t *translator) choose(rules []Rule) (rule *Rule, users *ObjectMapping) {
	rules = slices.Clone(rules)
	slices.SortStableFunc(rules, func(a, b Rule) int { return int(a.Priority - b.Priority) })
	known := slices.ContainsFunc(rules, func(r Rule) bool { return isEntra(r.Source) })
	for i := range rules {
		r := &rules[i]
		if known && !isEntra(r.Source) {
			t.beside(r.Place, true, "The synchronization rule %s reads %s, not Entra: it is not imported.", shown(r.Name), shown(r.Source))
			continue
		}
		for j := range r.Objects {
			m := &r.Objects[j]
			switch {
			case sameName(m.Source, "Group"):
				t.beside(m.Place, m.Enabled, "The mapping of groups (%s%s) is not imported: RingCentral's SCIM has no groups. Assigned groups still "+
					"bring their members into scope.", shown(m.Name), disabled(m))
			case !sameName(m.Source, "User"):
				t.beside(m.Place, m.Enabled, "The mapping of %q (%s%s) is not imported: ringsync provisions users.", clip(m.Source), shown(m.Name), disabled(m))
			case users == nil || !users.active() && m.active():
				if users != nil {
					t.besideUsers(users)
				}
				rule, users = r, m
			default:
				t.besideUsers(m)
			}
		}
	}
	if users == nil {
		t.note(Place{}, "the export maps no users: the default mapping is used")
	}
	return rule, users
}

// isEntra reports whether a directory is Entra by one of the names that it has had.
func isEntra(name string) bool {
	return slices.ContainsFunc([]string{"Microsoft Entra ID", "Azure Active Directory", "Azure AD", "Windows Azure Active Directory"},
		func(s string) bool { return sameName(s, name) })
}

// active reports whether the mapping does anything.
func (m *ObjectMapping) active() bool {
	return m.Enabled && (m.Flow == nil || len(m.Flow) > 0) && !slices.ContainsFunc(m.Metadata, func(e Entry) bool {
		return sameName(e.Key, "Unsynchronized") && sameName(e.Value, "true")
	})
}

func disabled(m *ObjectMapping) string {
	if m.active() {
		return ""
	}
	return ", switched off in the export"
}

func (t *translator) besideUsers(m *ObjectMapping) {
	t.beside(m.Place, m.active(), "A second mapping of users (%s%s) is not imported: a job has one.", shown(m.Name), disabled(m))
}

// beside keeps a sentence for the configuration, and as a note if it is about something that was in use.
func (t *translator) beside(at Place, note bool, format string, args ...any) {
	sentence := fmt.Sprintf(format, args...)
	t.Beside = append(t.Beside, sentence)
	if note {
		t.note(at, "%s", sentence)
	}
}

func shown(name string) string {
	if name == "" {
		return "without a name"
	}
	return fmt.Sprintf("%q", clip(name))
}

// rule notes what a synchronization rule has that people may rely on.
func (t *translator) rule(r *Rule) {
	if !isEntra(r.Source) {
		t.note(r.Place, "the rule reads %s, which is taken for Entra", shown(r.Source))
	}
	if len(r.Containers) > 0 {
		t.note(r.Place, "containerFilter is left out: ringsync has no filter by organizational unit")
	}
	if len(r.Groups) > 0 {
		t.note(r.Place, "groupFilter is left out: assign the groups to the application")
	}
}

// usual are the metadata of an object mapping that are only for Entra, with the values that say nothing.
var usual = map[string]string{
	"disposition": "normal", "escrowbehavior": "default", "excludefromreporting": "false",
	"disablemonitoringforchanges": "false", "unsynchronized": "false",
}

func (t *translator) users(r *Rule, m *ObjectMapping) {
	if m.active() {
		t.Name = m.Name
		if t.Name == "" {
			t.Name = "without a name"
		}
	} else {
		t.note(m.Place, "the mapping of users is switched off in the export: it is kept as a comment, and the default mapping is used")
	}
	for _, e := range m.Metadata {
		key := strings.ToLower(e.Key)
		if key == "originaljoiningproperty" || key == "iscustomerdefined" || sameName(strings.Trim(e.Value, `"`), usual[key]) {
			continue
		}
		t.note(e.Place, "%s: %s has no counterpart and is left out", clip(e.Key), clip(e.Value))
	}
	if len(m.Flow) > 0 {
		t.Actions = nil
		for _, flow := range []string{"Add", "Update", "Delete"} {
			if slices.Contains(m.Flow, flow) {
				t.Actions = append(t.Actions, actions[flow]...)
			}
		}
	}
	if slices.Contains(t.Actions, "delete") {
		t.note(m.Place, "Entra's service deletes the account of somebody who is gone from the directory for good; ringsync disables it unless deprovision.hard_deleted says delete")
	}
	for _, a := range m.Attributes {
		t.Attributes = append(t.Attributes, t.attribute(r, m, a))
	}
	t.scope(m.Scope)
	if t.Name == "" {
		for i := range t.Attributes {
			t.off(&t.Attributes[i], "switched off in the export")
		}
		return
	}
	t.compile()
	t.complete(m)
}

// off leaves an attribute mapping out.
func (t *translator) off(a *Attribute, why string) {
	if a.Off == "" {
		a.Off = why
	}
}
