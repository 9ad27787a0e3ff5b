package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"ringsync/connectors"
	"ringsync/engine/plan"
	"ringsync/state"
	"ringsync/state/bolt"
)

// accountKinds counts RingCentral's accounts by whose they are.
type accountKinds struct {
	linked int
	// ours carry the externalId of somebody whom the state knows, and are not linked (after the links were reset, say).
	ours int
	// marked carry another externalId: another tool's, or ours from before the state was lost.
	marked    int
	strangers int            // neither linked nor marked
	mails     map[string]int // accounts by e-mail address or login, folded
	whole     bool           // the list showed as many as RingCentral says there are
}

// accountKinds walks the list of accounts and looks each up in the state.
func (j *job) accountKinds(ctx context.Context) (accountKinds, error) {
	k := accountKinds{mails: map[string]int{}}
	mail, mapped := j.mapping.Target().Index(`emails[type eq "work"].value`)
	summary, err := j.target.List(ctx, func(r connectors.Resource) error {
		names := []string{strings.ToLower(r.UserName)}
		if mapped {
			names = append(names, strings.ToLower(r.Values[mail].Text()))
		}
		slices.Sort(names)
		for _, name := range slices.Compact(names) {
			if name != "" {
				k.mails[name]++
			}
		}
		if j.store == nil {
			k.count(r, false, false)
			return nil
		}
		return j.store.View(ctx, func(v *state.View) error {
			person, err := v.Person(connectors.FoldID(r.ExternalID))
			if err != nil {
				return err
			}
			k.count(r, v.PersonByTarget(r.ID) != "", r.ExternalID != "" && person != nil)
			return nil
		})
	})
	k.whole = summary.Whole()
	return k, err
}

func (k *accountKinds) count(r connectors.Resource, linked, known bool) {
	switch {
	case linked:
		k.linked++
	case known:
		k.ours++
	case r.ExternalID != "":
		k.marked++
	default:
		k.strangers++
	}
}

// duplicates are the addresses that several accounts use.
func (k *accountKinds) duplicates() []string {
	var twice []string
	for name, n := range k.mails {
		if n > 1 {
			twice = append(twice, name)
		}
	}
	slices.Sort(twice)
	return twice
}

// kinds files what the accounts are, and what it means for a sync.
func (f *findings) kinds(k accountKinds, stateErr error, adopt string) {
	detail := fmt.Sprintf("%d linked, %d ours without a link, %d marked by another tool, %d nobody's", k.linked, k.ours, k.marked, k.strangers)
	inUse, _ := errors.AsType[*bolt.InUseError](stateErr)
	switch {
	case inUse != nil && inUse.PID != 0:
		f.add("target", "state", "ok", "pid %d has it, so which accounts are linked is not told here", inUse.PID)
	case stateErr != nil:
		f.add("target", "state", "warning", "which accounts are linked is not known: %v", stateErr)
	}
	switch {
	case stateErr != nil:
		detail = fmt.Sprintf("%d marked by ringsync or another tool, %d not", k.marked, k.strangers)
	case k.marked > 0 && adopt != plan.AdoptAlways:
		detail += "; those of another tool are left alone unless safety.adopt is always"
	case k.strangers > 0 && adopt == plan.AdoptNever:
		detail += "; none is taken over, because safety.adopt is never"
	}
	f.add("target", "whose accounts", "ok", "%s", detail)
	if twice := k.duplicates(); len(twice) > 0 {
		const most = 5
		shown := strings.Join(twice[:min(most, len(twice))], ", ")
		if len(twice) > most {
			shown += fmt.Sprintf(" and %d more", len(twice)-most)
		}
		f.add("target", "duplicates", "warning", "several accounts use %s: whoever matches them is a conflict until one is left", shown)
	}
	if !k.whole {
		f.add("target", "list", "warning", "RingCentral lists fewer accounts than it says there are; nobody is removed for it")
	}
}
