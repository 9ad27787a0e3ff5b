package plan

import (
	"fmt"
	"strings"

	"ringsync/connectors"
	"ringsync/state"
)

// The values of safety.adopt.
const (
	AdoptUnclaimed = "unclaimed"
	AdoptAlways    = "always"
	AdoptNever     = "never"
)

// Claim decides whether an account that matches p may be linked to them (safety rule S7). holder is the person that
// the account is linked to now, nil if nobody. It returns "" if it may, else why not.
//
// An account is another's when it carries an externalId that p would not get; it is free again when the person it is
// linked to has left the directory, which is how somebody re-created with the same mail gets their account back.
func (c *Policy) Claim(p *state.Person, account connectors.Resource, holder *state.Person) string {
	for _, name := range []string{account.ID, account.UserName} {
		if name != "" && c.Protect[strings.ToLower(name)] {
			return fmt.Sprintf("account %s is protected by safety.protect", describe(account))
		}
	}
	if holder != nil && holder.ID != p.ID {
		if holder.Scope == state.HardDeleted || holder.Scope == state.SoftDeleted {
			return ""
		}
		return fmt.Sprintf("account %s is linked to %s (%s) already", describe(account), holder.Name(), holder.ID)
	}
	wanted := ""
	if a := p.Attribute(AttrExternalID); a != nil {
		wanted = a.Want.Text()
	}
	switch {
	case account.ExternalID != "" && strings.EqualFold(account.ExternalID, wanted):
		return ""
	case c.Adopt == AdoptAlways:
		return ""
	case account.ExternalID != "":
		return fmt.Sprintf("account %s is not ours: its externalId is %q; set safety.adopt: always to take it over", describe(account), account.ExternalID)
	case c.Adopt == AdoptNever:
		return fmt.Sprintf("account %s exists and safety.adopt is never", describe(account))
	}
	return ""
}

func describe(account connectors.Resource) string {
	return fmt.Sprintf("%s (%s)", account.ID, account.UserName)
}

// Reserved reports whether other holds the matching value that p wants, so that p may neither be created nor change
// to it. Those who were never provisioned and are not to be, hold nothing; the account of somebody who has left the
// directory is free.
func (c *Policy) Reserved(other *state.Person) bool {
	if other.TargetID == "" {
		return other.Scope == state.InScope || other.Unsettled
	}
	return other.Scope != state.HardDeleted && other.Scope != state.SoftDeleted
}
