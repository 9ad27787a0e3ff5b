package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"ringsync/connectors"
	"ringsync/engine/plan"
	"ringsync/state"
)

// conflict is a difference that only a person can settle: two people with one mail, two accounts for one person, an
// account that is not ours. Code is Entra's name for it; status is the target's, 0 if it was not asked.
type conflict struct {
	code   string
	text   string
	status int
}

func (c *conflict) Error() string { return c.text }

// matchMarked looks in the list for the account that carries the person's mark. The mark that a create of ours leaves is
// better than any mail, which may have changed since.
func (j *Job) matchMarked(l *listing, p *state.Person) (connectors.Resource, bool, error) {
	if !l.owns(p) {
		return connectors.Resource{}, false, nil
	}
	mark := wanted(p, plan.AttrExternalID)
	return j.one(plan.AttrExternalID, mark, l.unlinked.marked(mark), nil)
}

// match looks for the account of somebody who has no link: each matching attribute in order, the first with any hit
// decides (facts: Entra's matchingPriority). The list answers only where it can be relied on, see listing.proves: what it
// leaves out may be the account, or a second one.
func (j *Job) match(ctx context.Context, target TargetReader, l *listing, p *state.Person) (connectors.Resource, bool, error) {
	for _, slot := range j.Policy.Matching {
		name := j.target.Names()[slot]
		a := p.Attribute(name)
		if a == nil || a.Want.IsEmpty() {
			continue
		}
		hits, err := j.find(ctx, target, l, p, name, a.Want.Text())
		if p.Scope != state.InScope {
			hits = made(p, hits) // a leaver has a claim to no other account
		}
		if err != nil || len(hits) > 0 {
			return j.one(name, a.Want.Text(), hits, err)
		}
	}
	return connectors.Resource{}, false, nil
}

// matchMade looks for the account that a create whose outcome is unknown may have made, by every matching value that it
// may have used, those that are wanted no longer included. Of what is found only an account with the person's mark
// counts.
func (j *Job) matchMade(ctx context.Context, target TargetReader, p *state.Person) (connectors.Resource, bool, error) {
	keys := slices.Clone(p.Tried)
	if p.Unsettled {
		for _, name := range j.matchNames {
			if value := wanted(p, name); value != "" {
				keys = appendNew(keys, state.MatchKey(name, value))
			}
		}
	}
	for _, key := range keys {
		attribute, value, _ := strings.Cut(key, "\x00")
		hits, err := target.Find(ctx, attribute, value)
		if hits = made(p, hits); err != nil || len(hits) > 0 {
			return j.one(attribute, value, hits, err)
		}
	}
	return connectors.Resource{}, false, nil
}

func (j *Job) find(ctx context.Context, target TargetReader, l *listing, p *state.Person, attribute, value string) ([]connectors.Resource, error) {
	if l != nil && p.Attempts == 0 && !p.Unsettled {
		hits := l.matches(attribute, value)
		switch {
		case !l.proves():
		case l.first:
			return hits, nil
		case len(hits) == 0 && !j.Policy.Create:
			return nil, nil // nobody is made, so nothing can go wrong by a list that is short
		}
	}
	return target.Find(ctx, attribute, value)
}

// made returns those of the accounts that a create of p would have made: they carry the externalId that is wanted, or
// none if none is.
func made(p *state.Person, hits []connectors.Resource) []connectors.Resource {
	ours := wanted(p, plan.AttrExternalID)
	return slices.DeleteFunc(slices.Clone(hits), func(h connectors.Resource) bool { return !strings.EqualFold(h.ExternalID, ours) })
}

func (j *Job) one(attribute, value string, hits []connectors.Resource, err error) (connectors.Resource, bool, error) {
	switch {
	case err != nil:
		return connectors.Resource{}, false, err
	case len(hits) > 1:
		names := make([]string, len(hits))
		for i, h := range hits {
			names[i] = fmt.Sprintf("%s (%s)", h.ID, h.UserName)
		}
		return connectors.Resource{}, false, &conflict{code: "DuplicateTargetEntries", text: fmt.Sprintf(
			"%d accounts have %s %q: %s. Delete or rename all but one of them in RingCentral", len(hits), attribute, value, strings.Join(names, ", "))}
	}
	return hits[0], true, nil
}

// rivals returns the first person other than p who holds a matching value that p wants, with that value; nil if
// nobody does. An account that a lost create of somebody else may have made with that value is in the way of a create
// only, since who has an account cannot be taken for the other, and only while it is being looked for.
func (j *Job) rivals(v *state.View, p *state.Person) (rival *state.Person, attribute, value string, err error) {
	for _, slot := range j.Policy.Matching {
		name := j.target.Names()[slot]
		a := p.Attribute(name)
		if a == nil || a.Want.IsEmpty() {
			continue
		}
		for _, id := range v.Matches(name, a.Want.Text()) {
			if id == p.ID {
				continue
			}
			other, err := v.Person(id)
			if err != nil {
				return nil, "", "", err
			}
			if other != nil && j.Policy.Reserved(other) && (holds(other, name, a.Want.Text()) || p.TargetID == "" && other.Unsettled && !other.Escrowed) && !vacates(other, p, name) {
				return other, name, a.Want.Text(), nil
			}
		}
	}
	return nil, "", "", nil
}

// holds reports whether somebody wants or has the value.
func holds(p *state.Person, attribute, value string) bool {
	a, key := p.Attribute(attribute), state.MatchKey(attribute, value)
	same := func(v connectors.Value) bool { return state.MatchKey(attribute, v.Text()) == key }
	wants := p.Scope <= state.InScope // what a leaver was to get last is no claim
	return a != nil && (wants && same(a.Want) || same(a.Sent) || same(a.Answer))
}

// vacates reports whether somebody is about to change to another value, so that theirs will be free: they are in the
// outbox with it, and it is not a swap, in which neither can go first.
func vacates(other, p *state.Person, attribute string) bool {
	a, mine := other.Attribute(attribute), p.Attribute(attribute)
	if other.TargetID == "" || other.Scope != state.InScope || other.Class == state.ClassNone || other.Held != 0 || other.Escrowed || a == nil {
		return false
	}
	key := func(v connectors.Value) string { return state.MatchKey(attribute, v.Text()) }
	return !a.Want.IsEmpty() && key(a.Want) != key(mine.Want) && key(a.Want) != key(mine.Known())
}

func rivalry(p, rival *state.Person, attribute, value string) *conflict {
	return &conflict{code: "DuplicateSourceEntries", text: fmt.Sprintf("%s %q is wanted by %s (%s) and by %s (%s). Give one of them another value in the directory",
		attribute, value, p.Name(), p.ID, rival.Name(), rival.ID)}
}

// adopt links p to an account that matched, if it may be (safety rule S7), and records what the account shows. The
// hit comes from a list, which lacks some attributes; the account is read once when one of those is wanted.
func (j *Job) adopt(ctx context.Context, target TargetReader, l *listing, p *state.Person, hit connectors.Resource) error {
	var why string
	err := j.store.View(ctx, func(v *state.View) (err error) { why, err = j.taken(v, p, hit); return err })
	if err != nil {
		return err
	}
	if why != "" {
		return &conflict{code: "EntryConflict", text: why}
	}
	hit = l.complete(hit)
	if j.lacks(p, hit) && p.Scope == state.InScope {
		full, err := target.Get(ctx, hit.ID)
		if err != nil {
			return err
		}
		hit = full
	}
	p.TargetID = hit.ID
	j.show(p, hit)
	if a := p.Attribute(plan.AttrExternalID); a != nil {
		a.Sent = a.Answer // the mark it had is known and accepted; see plan.Foreign
	}
	return nil
}

// taken returns why an account may not be linked to p, "" if it may.
func (j *Job) taken(v *state.View, p *state.Person, account connectors.Resource) (string, error) {
	var holder *state.Person
	if id := v.PersonByTarget(account.ID); id != "" {
		var err error
		if holder, err = v.Person(id); err != nil {
			return "", err
		}
	}
	return j.Policy.Claim(p, account, holder), nil
}

// stillFree is taken for an account that p has been matched to: whose it is was judged then, so only who holds it by now
// is left to be asked.
func (j *Job) stillFree(v *state.View, p *state.Person) (string, error) {
	return j.taken(v, p, connectors.Resource{ID: p.TargetID, UserName: wanted(p, plan.AttrUserName), ExternalID: wanted(p, plan.AttrExternalID)})
}

// lacks reports whether the resource leaves out an attribute that is wanted.
func (j *Job) lacks(p *state.Person, r connectors.Resource) bool {
	for slot, v := range r.Values {
		if a := p.Attribute(j.target.Names()[slot]); v.Kind() == connectors.Absent && a != nil && !a.OnCreate && a.Want.Kind() != connectors.Absent {
			return true
		}
	}
	return false
}

// heir returns the person whose mark the account of p carries now, nil if it is nobody's that is known or p's own. A
// write that gave the account to them was acknowledged or lost, and was not put down.
func (j *Job) heir(ctx context.Context, p *state.Person) (heir *state.Person, err error) {
	mark := p.Attribute(plan.AttrExternalID)
	if p.TargetID == "" || mark == nil || mark.Answer.IsEmpty() {
		return nil, nil
	}
	id := connectors.FoldID(mark.Answer.Text())
	if id == p.ID {
		return nil, nil
	}
	err = j.store.View(ctx, func(v *state.View) error { heir, err = v.Person(id); return err })
	return heir, err
}

func wanted(p *state.Person, name string) string {
	if a := p.Attribute(name); a != nil {
		return a.Want.Text()
	}
	return ""
}
