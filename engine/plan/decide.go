package plan

import (
	"slices"
	"strings"

	"ringsync/connectors"
	"ringsync/state"
)

// Action is what would be done to an account, in the words of Entra's provisioning log.
type Action string

// The actions. None means that nothing differs.
const (
	None    Action = ""
	Create  Action = "create"
	Update  Action = "update"
	Enable  Action = "enable"
	Disable Action = "disable"
	Delete  Action = "delete"
)

// Deprovision is what one cause of removal leads to.
type Deprovision string

// The values of the deprovision section. Keep means that the cause does not count as a removal at all.
const (
	DeprovisionDisable Deprovision = "disable"
	DeprovisionDelete  Deprovision = "delete"
	DeprovisionKeep    Deprovision = "keep"
)

// Names of the target attributes that decisions turn on (RFC 7643, sections 3.1 and 4.1).
const (
	AttrActive     = "active"
	AttrUserName   = "userName"
	AttrExternalID = "externalId"
)

// Policy is what the configuration allows and wants; it is the same for every person of a job.
type Policy struct {
	Create, Update, Disable, Delete bool // users.actions
	Deprovision                     map[state.Scope]Deprovision
	Attributes                      []connectors.Attribute // by target slot
	Matching                        []int                  // target slots in the order of matching
	// Adopt decides whose accounts may be linked: unclaimed, always or never.
	Adopt string
	// Protect names accounts that are never written, by userName, mail, account id or source id, folded.
	Protect map[string]bool
}

// Difference is one target attribute that is not as it should be.
type Difference struct {
	Slot     int
	Old, New connectors.Value
}

// Decision is the change that one person needs.
type Decision struct {
	Action      Action
	Reason      string // why, for people
	Differences []Difference
	// Removal: the change takes something away by its effect (safety rule S3): active from true to false, DELETE, or
	// another userName. Such changes pass the guard.
	Removal bool
	// Skip says why nothing is done although something differs; Action is then None.
	Skip string
}

// Class returns the place in the outbox that the decision earns.
func (d Decision) Class() state.Class {
	switch {
	case d.Action == None:
		return state.ClassNone
	case d.Removal:
		return state.ClassRemove
	case d.Action == Enable:
		return state.ClassEnable
	case d.Action == Create:
		return state.ClassCreate
	default:
		return state.ClassUpdate
	}
}

// Slots returns the target slots that differ.
func (d Decision) Slots() []int {
	slots := make([]int, len(d.Differences))
	for i, diff := range d.Differences {
		slots[i] = diff.Slot
	}
	return slots
}

// Decide compares what is wanted of p with what is known of the account, as both stand in the record.
//
//	scope      linked   decision
//	in scope   no       create
//	in scope   yes      update, or enable/disable when active differs
//	any cause  no       nothing: who was never provisioned is not created to be disabled
//	any cause  yes      what the deprovision section says of the cause
//
// A removal for a cause looks at nothing but the link and active: no mapping, required attribute, conflict or
// address may keep a leaver's phone alive.
func (c *Policy) Decide(p *state.Person) Decision { return c.decide(p, true) }

// Outline is Decide, but does not list what a create sends: that takes a kilobyte, and of most people in a first sync only
// the kind of change is asked, several times.
func (c *Policy) Outline(p *state.Person) Decision { return c.decide(p, false) }

func (c *Policy) decide(p *state.Person, whole bool) Decision {
	var d Decision
	switch {
	case p.Scope == state.ScopeUnknown:
		return d
	case c.protects(p):
		return Decision{Skip: "protected by safety.protect"}
	case p.Scope != state.InScope:
		d = c.deprovision(p)
	case p.TargetID == "" && !whole:
		d = Decision{Action: Create, Reason: reasonNew}
	case p.TargetID == "":
		d = c.create(p)
	default:
		d = c.permitted(c.update(p))
	}
	if d.Skip = c.forbids(d); d.Skip != "" {
		d.Action, d.Removal, d.Differences = None, false, nil
	}
	return d
}

// forbids returns why users.actions keeps the decision from being carried out.
func (c *Policy) forbids(d Decision) string {
	allowed, needs := true, d.Action
	switch d.Action {
	case Create:
		allowed = c.Create
	case Update, Enable:
		allowed, needs = c.Update, Update
	case Disable:
		allowed = c.Disable
	case Delete:
		allowed = c.Delete
	}
	if allowed {
		return ""
	}
	return string(needs) + " is not among users.actions"
}

func (c *Policy) deprovision(p *state.Person) Decision {
	if p.TargetID == "" {
		return Decision{}
	}
	switch c.Deprovision[p.Scope] {
	case DeprovisionKeep:
		return Decision{}
	case DeprovisionDelete:
		return Decision{Action: Delete, Reason: cause(p), Removal: true}
	}
	slot := c.slot(AttrActive)
	known, said := connectors.Value{}, false
	if a := p.Attribute(AttrActive); a != nil {
		known = a.Known()
		_, said = known.AsBool()
	}
	if active, _ := known.AsBool(); said && !active {
		return Decision{}
	}
	return Decision{
		Action: Disable, Reason: cause(p), Removal: true,
		Differences: []Difference{{Slot: slot, Old: known, New: connectors.BoolValue(false)}},
	}
}

// cause says why somebody is removed.
func cause(p *state.Person) string {
	if p.Reason != "" {
		return p.Scope.String() + ": " + p.Reason
	}
	return p.Scope.String()
}

// reasonNew goes without saying, so the text leaves it out.
const reasonNew = "in scope, no account yet"

func (c *Policy) create(p *state.Person) Decision {
	d := Decision{Action: Create, Reason: reasonNew, Differences: make([]Difference, 0, len(c.Attributes))}
	for slot, attribute := range c.Attributes {
		if a := p.Attribute(attribute.Name); a != nil && !a.Want.IsNull() {
			d.Differences = append(d.Differences, Difference{Slot: slot, Old: connectors.NullValue(), New: a.Want})
		}
	}
	return d
}

func (c *Policy) update(p *state.Person) Decision {
	d := Decision{Action: Update}
	var names []string
	for slot, attribute := range c.Attributes {
		a := p.Attribute(attribute.Name)
		if a == nil || a.OnCreate || a.Settled(attribute) || blank(a, attribute) {
			continue
		}
		d.Differences = append(d.Differences, Difference{Slot: slot, Old: a.Known(), New: a.Want})
		names = append(names, attribute.Name)
		switch attribute.Name {
		case AttrActive:
			if on, _ := a.Want.AsBool(); on {
				d.Action = Enable
			} else {
				d.Action, d.Removal = Disable, true
			}
		case AttrUserName:
			d.Removal = d.Removal || !a.Known().IsNull()
		}
	}
	if len(d.Differences) == 0 {
		return Decision{}
	}
	d.Reason = "differs in " + strings.Join(names, ", ")
	return d
}

// blank reports whether there is nothing to clear: a value that nobody ever sent and no list has shown is not there.
func blank(a *state.Attribute, of connectors.Attribute) bool {
	return a.Want.IsNull() && a.Known().Kind() == connectors.Absent && !of.Unlisted
}

// permitted leaves out of a change of both kinds what users.actions does not allow: somebody whose account must not be
// disabled still gets a new title, and somebody whose account must not be updated is still disabled.
func (c *Policy) permitted(d Decision) Decision {
	if d.Action != Disable || c.Disable && c.Update {
		return d
	}
	rest := slices.DeleteFunc(slices.Clone(d.Differences), func(diff Difference) bool {
		return (c.Attributes[diff.Slot].Name == AttrActive) != c.Disable
	})
	if len(rest) == 0 {
		return d
	}
	d.Differences = rest
	if !c.Disable {
		d.Action = Update
		d.Removal = slices.ContainsFunc(rest, func(diff Difference) bool {
			return c.Attributes[diff.Slot].Name == AttrUserName && !diff.Old.IsNull()
		})
	}
	return d
}

// HoldBack takes out of a change what takes something away: active going off, another userName and whatever has the
// same new value. The rest need not wait for an approval.
func (c *Policy) HoldBack(d Decision) Decision {
	if !d.Removal || d.Action == Delete {
		return Decision{}
	}
	name := ""
	for _, diff := range d.Differences {
		if c.Attributes[diff.Slot].Name == AttrUserName && !diff.Old.IsNull() {
			name = diff.New.Text()
		}
	}
	d.Differences = slices.DeleteFunc(slices.Clone(d.Differences), func(diff Difference) bool {
		on, known := diff.New.AsBool()
		return c.Attributes[diff.Slot].Name == AttrActive && known && !on || name != "" && strings.EqualFold(diff.New.Text(), name)
	})
	if len(d.Differences) == 0 {
		return Decision{}
	}
	d.Removal = false
	if d.Action == Disable {
		d.Action = Update
	}
	return d
}

func (c *Policy) slot(name string) int {
	for i, a := range c.Attributes {
		if a.Name == name {
			return i
		}
	}
	return -1
}

func (c *Policy) protects(p *state.Person) bool {
	if len(c.Protect) == 0 {
		return false
	}
	names := []string{p.ID, p.UserPrincipalName, p.TargetID}
	if a := p.Attribute(AttrUserName); a != nil {
		names = append(names, a.Want.Text(), a.Known().Text())
	}
	for _, n := range names {
		if n != "" && c.Protect[strings.ToLower(n)] {
			return true
		}
	}
	return false
}
