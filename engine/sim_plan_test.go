package engine_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"ringsync/connectors/entra"
	"ringsync/connectors/entra/entratest"
	"ringsync/connectors/ringcentral/ringcentraltest"
	"ringsync/engine"
	"ringsync/engine/plan"
	"ringsync/mapping/filter"
	"ringsync/state"
)

// simPlan is what one history's world is like: the configuration of the job and the ways of both services.
type simPlan struct {
	people, groups int
	scopeAll       bool
	nested         bool
	defaultAccess  string
	filters        []filter.Group
	deprovision    map[state.Scope]plan.Deprovision
	guard          engine.Guard
	adopt          string
	protect        map[string]bool
	concurrency    int
	directory      entratest.Options
	account        ringcentraltest.Options
}

func one[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

// chance is true n times of a hundred.
func chance(r *rand.Rand, n int) bool { return r.IntN(100) < n }

func newPlan(r *rand.Rand, seed uint64) simPlan {
	p := simPlan{
		people: 10 + r.IntN(31), groups: 2 + r.IntN(4),
		scopeAll: chance(r, 15), nested: chance(r, 25),
		defaultAccess: one(r, entra.AccessAuto, entra.AccessInclude, entra.AccessExclude),
		adopt:         one(r, plan.AdoptUnclaimed, plan.AdoptUnclaimed, plan.AdoptUnclaimed, plan.AdoptAlways, plan.AdoptNever),
		guard:         engine.Guard{Count: 1_000_000, Percent: 100},
		concurrency:   one(r, 1, 1, 1, 4),
		protect:       map[string]bool{},
		deprovision: map[state.Scope]plan.Deprovision{
			state.Unassigned: plan.DeprovisionDisable, state.OutOfScope: plan.DeprovisionDisable, state.Disabled: plan.DeprovisionDisable,
			state.SoftDeleted: plan.DeprovisionDisable, state.HardDeleted: plan.DeprovisionDisable,
		},
		directory: entratest.Options{
			Token: graphToken, Seed: seed, PageSize: one(r, 0, 0, 4), EmptyPages: chance(r, 20), RepeatRows: chance(r, 20),
			ReplayDelta: chance(r, 20), NoDirectoryRead: chance(r, 30), Lag: one(r, 0, 0, 0, 1+r.IntN(3)), Now: time.Now,
		},
		account: ringcentraltest.Options{
			Token: scimToken, Licenses: -1, AllowDuplicates: chance(r, 60), RefuseConcurrent: chance(r, 30),
			ListCap: one(r, 0, 0, 7), ShuffleList: chance(r, 30), RepeatRows: chance(r, 20), ShortPages: chance(r, 20), Now: time.Now,
		},
	}
	if chance(r, 35) {
		p.guard = engine.Guard{Count: 2 + r.IntN(5), Percent: float64(10 + r.IntN(30)), From: 20}
	}
	if chance(r, 35) {
		p.filters = []filter.Group{{Name: "not finance", All: []filter.Clause{{Attribute: "department", Operator: "NOT EQUALS", Value: "Finance"}}}}
	}
	for _, cause := range slices.Sorted(maps.Keys(p.deprovision)) {
		if chance(r, 7) {
			p.deprovision[cause] = plan.DeprovisionKeep
		}
	}
	if chance(r, 20) {
		p.deprovision[state.HardDeleted] = plan.DeprovisionDelete
	}
	if chance(r, 25) {
		p.account.Licenses = r.IntN(p.people)
	}
	if chance(r, 40) {
		p.account.Limits = ringcentraltest.DocumentedLimits()
	}
	return p
}

func (p *simPlan) policy() plan.Policy {
	return plan.Policy{
		Create: true, Update: true, Disable: true, Delete: true,
		Deprovision: maps.Clone(p.deprovision), Adopt: p.adopt, Protect: maps.Clone(p.protect),
	}
}

func (p *simPlan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d people, %d groups, scope all %v, nested %v, default access %s, filters %d, guard %+v, adopt %s, protect %v, concurrency %d\n",
		p.people, p.groups, p.scopeAll, p.nested, p.defaultAccess, len(p.filters), p.guard, p.adopt, slices.Sorted(maps.Keys(p.protect)), p.concurrency)
	for _, cause := range slices.Sorted(maps.Keys(p.deprovision)) {
		fmt.Fprintf(&b, "%v: %s, ", cause, p.deprovision[cause])
	}
	d, a := p.directory, p.account
	fmt.Fprintf(&b, "\ndirectory: page size %d, empty pages %v, repeated rows %v, replay %v, lag %d, bulk reads refused %v",
		d.PageSize, d.EmptyPages, d.RepeatRows, d.ReplayDelta, d.Lag, d.NoDirectoryRead)
	fmt.Fprintf(&b, "\naccount: licences %d, duplicates %v, refuses concurrent writes %v, list cap %d, shuffled %v, repeated rows %v, short pages %v, limits %v",
		a.Licenses, a.AllowDuplicates, a.RefuseConcurrent, a.ListCap, a.ShuffleList, a.RepeatRows, a.ShortPages, a.Limits != nil)
	return b.String()
}

// settleAccounts puts accounts into RingCentral that were there before the job: unclaimed, another tool's, Entra's,
// duplicates, strangers, and a service user to be protected. Those that must never be written are kept as they are.
func (h *history) settleAccounts() {
	r := h.random
	h.kept = map[string]ringcentraltest.User{}
	add := func(mail, external string, keep bool) {
		active := chance(r, 80)
		if !h.plan.account.AllowDuplicates && len(h.account.ByMail(mail)) > 0 {
			return // two people share the mail
		}
		id := h.account.Add(ringcentraltest.User{
			UserName: mail, Email: mail, ExternalID: external, GivenName: "Old", FamilyName: "Name", Title: "Old title", Active: active,
		})
		u, _ := h.account.User(id)
		if keep {
			h.kept[id] = u
		}
		h.note("account %s of %q, externalId %q, active %v, never to be written: %v", id, mail, external, u.Active, keep)
	}
	protectSome := chance(r, 30)
	for i, id := range h.people {
		u, _ := h.user(id)
		mail, _ := u["mail"].(string)
		if mail == "" {
			continue
		}
		protected := protectSome && i == 0
		if protected {
			h.plan.protect[strings.ToLower(mail)] = true
		} else if protectSome && i == 1 {
			h.plan.protect[id] = true
		}
		switch k := r.IntN(100); {
		case protected || k < 12:
			add(one(r, mail, strings.ToUpper(mail)), "", protected || h.plan.adopt == plan.AdoptNever)
		case k < 16:
			add(mail, fmt.Sprint("okta-", i), h.plan.adopt != plan.AdoptAlways)
		case k < 20:
			add(mail, id, false)
		case k < 22 && h.plan.account.AllowDuplicates:
			add(mail, "", true)
			add(mail, "", true)
		}
	}
	for i := range r.IntN(4) {
		add(fmt.Sprintf("stranger%d@contoso.com", i), one(r, "", fmt.Sprint("crm-", i)), true)
	}
}
