package plan

import (
	"reflect"
	"strings"
	"testing"

	"ringsync/connectors"
	"ringsync/state"
)

var (
	str  = connectors.StringValue
	yes  = connectors.BoolValue(true)
	no   = connectors.BoolValue(false)
	null = connectors.NullValue()
	none = connectors.Value{}
)

// policy is a small one: userName matches, everything but delete is allowed.
func policy() *Policy {
	return &Policy{
		Create: true, Update: true, Disable: true,
		Deprovision: map[state.Scope]Deprovision{
			state.Unassigned: DeprovisionDisable, state.OutOfScope: DeprovisionDisable, state.Disabled: DeprovisionDisable,
			state.SoftDeleted: DeprovisionDisable, state.HardDeleted: DeprovisionDisable,
		},
		Attributes: []connectors.Attribute{
			{Name: "userName", Required: true}, {Name: "active", Type: connectors.TypeBoolean},
			{Name: "title"}, {Name: "country"}, {Name: "externalId", CaseExact: true},
		},
		Matching: []int{0},
		Adopt:    AdoptUnclaimed,
	}
}

// person has an account that is as it should be.
func person() *state.Person {
	return &state.Person{
		ID: "p1", UserPrincipalName: "ada@contoso.com", Scope: state.InScope, TargetID: "100",
		Attributes: []state.Attribute{
			{Name: "userName", Want: str("ada@contoso.com"), Sent: str("ada@contoso.com"), Answer: str("ada@contoso.com")},
			{Name: "active", Want: yes, Sent: yes, Answer: yes},
			{Name: "title", Want: str("Engineer"), Sent: str("Engineer"), Answer: str("Engineer")},
			{Name: "country", Want: str("US"), Sent: str("US"), Answer: str("United States")},
			{Name: "externalId", Want: str("p1"), Sent: str("p1"), Answer: str("p1")},
		},
	}
}

func TestDecide(t *testing.T) {
	for _, test := range []struct {
		name    string
		change  func(*state.Person, *Policy)
		action  Action
		differs string // slots' names
		removal bool
		class   state.Class
		skip    string
	}{
		{name: "nothing differs", change: func(*state.Person, *Policy) {}},
		{name: "country rewritten by the target is settled", change: func(p *state.Person, _ *Policy) {
			p.Attribute("country").Answer = str("Vereinigte Staaten")
		}},
		{name: "adopted: shown alike and never sent is settled", change: func(p *state.Person, _ *Policy) {
			p.Attribute("title").Sent = none
		}},
		{name: "a title differs", action: Update, differs: "title", class: state.ClassUpdate, change: func(p *state.Person, _ *Policy) {
			p.Attribute("title").Want = str("Principal")
		}},
		{name: "letter case alone is no difference", change: func(p *state.Person, _ *Policy) {
			p.Attribute("title").Want = str("ENGINEER")
		}},
		{name: "unless the attribute is case-exact", action: Update, differs: "externalId", class: state.ClassUpdate, change: func(p *state.Person, _ *Policy) {
			p.Attribute("externalId").Want = str("P1")
		}},
		{name: "null in the source is not sent", change: func(p *state.Person, _ *Policy) {
			p.Attribute("title").Want = none
		}},
		{name: "when_null: clear sends null", action: Update, differs: "title", class: state.ClassUpdate, change: func(p *state.Person, _ *Policy) {
			p.Attribute("title").Want = null
		}},
		{name: "cleared and shown empty is settled", change: func(p *state.Person, _ *Policy) {
			*p.Attribute("title") = state.Attribute{Name: "title", Want: null, Sent: null, Answer: null}
		}},
		{name: "there is nothing to clear where nothing was ever seen", change: func(p *state.Person, _ *Policy) {
			*p.Attribute("title") = state.Attribute{Name: "title", Want: null}
		}},
		{name: "unless lists do not show it", action: Update, differs: "title", class: state.ClassUpdate, change: func(p *state.Person, c *Policy) {
			*p.Attribute("title") = state.Attribute{Name: "title", Want: null}
			c.Attributes[2].Unlisted = true
		}},
		{name: "a value for creates only is left alone afterwards", change: func(p *state.Person, _ *Policy) {
			*p.Attribute("title") = state.Attribute{Name: "title", Want: str("New hire"), OnCreate: true, Answer: str("Engineer")}
		}},
		{name: "somebody edited the account by hand", action: Update, differs: "title", class: state.ClassUpdate, change: func(p *state.Person, c *Policy) {
			p.Attribute("title").Show(str("Hacked"), c.Attributes[2])
		}},
		{name: "a changed userName is a removal", action: Update, differs: "userName", removal: true, class: state.ClassRemove, change: func(p *state.Person, _ *Policy) {
			p.Attribute("userName").Want = str("ada.l@contoso.com")
		}},
		{name: "a mapping that turns active off is a removal", action: Disable, differs: "active", removal: true, class: state.ClassRemove, change: func(p *state.Person, _ *Policy) {
			p.Attribute("active").Want = no
		}},
		{name: "enable", action: Enable, differs: "active title", class: state.ClassEnable, change: func(p *state.Person, _ *Policy) {
			p.Attribute("active").Sent, p.Attribute("active").Answer = no, no
			p.Attribute("title").Want = str("Principal")
		}},
		{name: "create", action: Create, differs: "userName active title country externalId", class: state.ClassCreate, change: func(p *state.Person, _ *Policy) {
			p.TargetID = ""
		}},
		{name: "unassigned", action: Disable, differs: "active", removal: true, class: state.ClassRemove, change: func(p *state.Person, _ *Policy) {
			p.Scope = state.Unassigned
			p.Attribute("title").Want = str("must not be sent")
		}},
		{name: "unassigned, and nothing at all is known of active", action: Disable, differs: "active", removal: true, class: state.ClassRemove, change: func(p *state.Person, _ *Policy) {
			p.Scope, p.Attributes = state.Unassigned, nil
		}},
		{name: "unassigned and off already", change: func(p *state.Person, _ *Policy) {
			p.Scope = state.Unassigned
			p.Attribute("active").Answer = no
		}},
		{name: "never provisioned and not active", change: func(p *state.Person, _ *Policy) {
			p.Scope, p.TargetID = state.Disabled, ""
		}},
		{name: "kept", change: func(p *state.Person, c *Policy) {
			p.Scope = state.Unassigned
			c.Deprovision[state.Unassigned] = DeprovisionKeep
		}},
		{name: "deleted", action: Delete, removal: true, class: state.ClassRemove, change: func(p *state.Person, c *Policy) {
			p.Scope, c.Delete = state.HardDeleted, true
			c.Deprovision[state.HardDeleted] = DeprovisionDelete
		}},
		{name: "delete is opt-in", skip: "delete is not among users.actions", change: func(p *state.Person, c *Policy) {
			p.Scope = state.HardDeleted
			c.Deprovision[state.HardDeleted] = DeprovisionDelete
		}},
		{name: "create is not allowed", skip: "create is not among users.actions", change: func(p *state.Person, c *Policy) {
			p.TargetID, c.Create = "", false
		}},
		{name: "disable is not allowed", skip: "disable is not among users.actions", change: func(p *state.Person, c *Policy) {
			p.Scope, c.Disable = state.Disabled, false
		}},
		{name: "protected by mail, whatever happens", skip: "protected by safety.protect", change: func(p *state.Person, c *Policy) {
			p.Scope = state.HardDeleted
			c.Protect = map[string]bool{"ada@contoso.com": true}
		}},
		{name: "not decided yet", change: func(p *state.Person, _ *Policy) {
			p.Scope, p.TargetID = state.ScopeUnknown, ""
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, c := person(), policy()
			test.change(p, c)
			d := c.Decide(p)
			var names []string
			for _, diff := range d.Differences {
				names = append(names, c.Attributes[diff.Slot].Name)
			}
			if got := strings.Join(names, " "); d.Action != test.action || got != test.differs || d.Removal != test.removal || d.Class() != test.class || d.Skip != test.skip {
				t.Errorf("got %q of %q, removal %v, class %v, skip %q;\nwant %q of %q, removal %v, class %v, skip %q",
					d.Action, got, d.Removal, d.Class(), d.Skip, test.action, test.differs, test.removal, test.class, test.skip)
			}
		})
	}
}

// An outline is the same decision, but that a create does not say what it sends.
func TestOutline(t *testing.T) {
	for _, scope := range []state.Scope{state.ScopeUnknown, state.InScope, state.Unassigned, state.Disabled} {
		for _, linked := range []bool{false, true} {
			for _, may := range []bool{false, true} {
				p, c := person(), policy()
				p.Scope, c.Create = scope, may
				p.Set("title").Want = str("Director")
				if !linked {
					p.TargetID = ""
				}
				d, outline := c.Decide(p), c.Outline(p)
				if d.Action == Create {
					d.Differences = nil
				}
				if !reflect.DeepEqual(d, outline) {
					t.Errorf("%s, linked %v: %+v, decided %+v", scope, linked, outline, d)
				}
			}
		}
	}
}

func TestClaim(t *testing.T) {
	account := connectors.Resource{ID: "100", UserName: "ada@contoso.com"}
	live := &state.Person{ID: "p2", UserPrincipalName: "bob@contoso.com", TargetID: "100", Scope: state.InScope}
	gone := &state.Person{ID: "p2", TargetID: "100", Scope: state.SoftDeleted}
	off := &state.Person{ID: "p2", UserPrincipalName: "bob@contoso.com", TargetID: "100", Scope: state.Disabled}
	for _, test := range []struct {
		name       string
		externalID string
		adopt      string
		protect    string
		holder     *state.Person
		refused    string // "" if the account may be linked
	}{
		{name: "unclaimed", adopt: AdoptUnclaimed},
		{name: "ours by its mark", externalID: "p1", adopt: AdoptNever},
		{name: "another tool's", externalID: "okta-1", adopt: AdoptUnclaimed, refused: "not ours"},
		{name: "another tool's, moving in", externalID: "okta-1", adopt: AdoptAlways},
		{name: "never adopt", adopt: AdoptNever, refused: "safety.adopt is never"},
		{name: "linked to somebody alive", externalID: "p2", adopt: AdoptAlways, holder: live, refused: "linked to bob@contoso.com (p2)"},
		{name: "linked to somebody disabled, who may come back", adopt: AdoptAlways, holder: off, refused: "linked to bob@contoso.com (p2)"},
		{name: "re-created person takes the account over", externalID: "p2", adopt: AdoptUnclaimed, holder: gone},
		{name: "protected", externalID: "p1", adopt: AdoptAlways, protect: "ada@contoso.com", refused: "protected"},
		{name: "protected by account id", adopt: AdoptAlways, protect: "100", refused: "protected"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, p, r := policy(), person(), account
			c.Adopt, r.ExternalID = test.adopt, test.externalID
			if test.protect != "" {
				c.Protect = map[string]bool{test.protect: true}
			}
			p.TargetID = ""
			got := c.Claim(p, r, test.holder)
			if (got == "") != (test.refused == "") || !strings.Contains(got, test.refused) {
				t.Errorf("got %q, want %q", got, test.refused)
			}
		})
	}
}

func TestReserved(t *testing.T) {
	for _, test := range []struct {
		name  string
		other state.Person
		want  bool
	}{
		{"another newcomer", state.Person{Scope: state.InScope}, true},
		{"linked", state.Person{Scope: state.InScope, TargetID: "1"}, true},
		{"disabled, but may come back", state.Person{Scope: state.Disabled, TargetID: "1"}, true},
		{"left the directory", state.Person{Scope: state.HardDeleted, TargetID: "1"}, false},
		{"in the recycle bin", state.Person{Scope: state.SoftDeleted, TargetID: "1"}, false},
		{"never provisioned", state.Person{Scope: state.OutOfScope}, false},
		{"perhaps being created", state.Person{Scope: state.Unassigned, Unsettled: true}, true},
	} {
		if got := policy().Reserved(&test.other); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

// An account that shows the mark of somebody else whom we know has gone over to them, also where no mark of the person's is
// wanted, as of a leaver of whom no row ever came. A mark that we have left there ourselves says nothing.
func TestForeignToAnHeir(t *testing.T) {
	heir := &state.Person{ID: "b"}
	leaver := &state.Person{ID: "a", TargetID: "7", Scope: state.SoftDeleted}
	leaver.Set(AttrExternalID).Answer = str("b")
	policy := Policy{}
	if why := policy.Foreign(leaver, heir); why == "" {
		t.Error("the account is still the leaver's")
	}
	leaver.Set(AttrExternalID).Sent = str("b")
	if why := policy.Foreign(leaver, heir); why != "" {
		t.Errorf("a mark that was accepted: %s", why)
	}
}
