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
	names := []string{account.ID, account.UserName}
	for _, slot := range c.Matching {
		if slot < len(account.Values) {
			names = append(names, account.Values[slot].Text())
		}
	}
	for _, name := range names {
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
	case p.Unsettled && account.ExternalID == "" && wanted == "":
		return "" // most likely what our own create made; without a mark nothing can tell better
	case c.Adopt == AdoptAlways:
		return ""
	case account.ExternalID != "":
		return fmt.Sprintf("account %s is not ours: its externalId is %q; set safety.adopt: always to take it over", describe(account), account.ExternalID)
	case c.Adopt == AdoptNever:
		return fmt.Sprintf("account %s exists and safety.adopt is never", describe(account))
	}
	return ""
}

// Foreign returns why the account that p is linked to is not ours any more, "" if it is: since it was linked somebody has
// given it another externalId, or taken ours away together with the userName, as if it were another account
// altogether. What was shown when the account was linked counts as sent, because Claim has seen it. heir is the person of
// ours whom that other externalId stands for, nil if it is none: the account is theirs even where any other may be
// taken over.
func (c *Policy) Foreign(p, heir *state.Person) string {
	mark, name := p.Attribute(AttrExternalID), p.Attribute(AttrUserName)
	switch {
	case p.TargetID == "" || mark == nil:
		return ""
	case heir != nil && mark.Sent.Kind() == connectors.Absent: // of whoever left before they were known, no mark is wanted
		return fmt.Sprintf("account %s has gone over to %s (%s)", p.TargetID, heir.Name(), heir.ID)
	case !changedByHand(mark) || c.Adopt == AdoptAlways:
		return ""
	}
	if !mark.Answer.IsEmpty() {
		return fmt.Sprintf("account %s carries the externalId %q now, so it is not ours any more; set it back to %q, or set safety.adopt: always to take it over",
			p.TargetID, mark.Answer.Text(), mark.Want.Text())
	}
	if changedByHand(name) {
		return fmt.Sprintf("account %s is %q now and has lost our externalId: is this still the same RingCentral account?", p.TargetID, name.Answer.Text())
	}
	return ""
}

// changedByHand reports whether the account shows another value than is wanted, and one that we did not leave there.
func changedByHand(a *state.Attribute) bool {
	return a != nil && !a.Want.IsEmpty() && a.Sent.Kind() == connectors.Absent && a.Answer.Kind() != connectors.Absent &&
		!strings.EqualFold(a.Answer.Text(), a.Want.Text())
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
