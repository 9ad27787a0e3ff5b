package engine_test

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"ringsync/connectors/ringcentral/ringcentraltest"
	"ringsync/engine"
	"ringsync/engine/plan"
	"ringsync/state"
)

// activity is how many accounts of ours were active from a time on.
type activity struct {
	at     time.Time
	active int
}

// observe looks at a write the moment it has had its effect.
func (h *history) observe(w *write) {
	id := h.owner(w)
	if before, keep := h.kept[w.id]; keep && w.method != http.MethodPost {
		h.broken("S7", "account %s (%s), which is not ours or is protected, is sent a %s", w.id, before.UserName, w.method)
	}
	if !w.effective() {
		return
	}
	h.written[w.id] = true
	now := h.during(id)
	switch {
	case id == "":
		h.broken("S2", "account %s, which is nobody's, is written", w.id)
	case w.disables() && !now.removable:
		h.broken("S2", "account %s of %s is disabled, who was to be active during the whole cycle", w.id, h.name(id))
	case w.deletes() && !now.deletable:
		h.broken("S2", "account %s of %s is deleted, who was not to be at any moment of the cycle", w.id, h.name(id))
	case w.creates() && !now.creatable:
		h.broken("S2", "%s gets an account, whom no moment of the cycle asked one for", h.name(id))
	case w.renames() && !slices.ContainsFunc(now.mails, func(m string) bool { return strings.EqualFold(m, w.after.UserName) }):
		h.broken("S2", "account %s of %s is renamed to %s, which was nobody's mail in the cycle", w.id, h.name(id), w.after.UserName)
	}
	h.count()
}

// owner returns whose account was written. One that shows the mark of somebody who has left may have gone over to their
// successor, and one that was linked and never written shows none: only the state can tell.
func (h *history) owner(w *write) string {
	id := h.shown(w)
	if _, live := h.user(id); live {
		return id
	}
	h.must(h.process.store.View(h.process.after(), func(v *state.View) error {
		if holder := v.PersonByTarget(w.id); slices.Contains(h.people, holder) {
			id = holder
		}
		return nil
	}))
	return id
}

// shown returns whose account an account shows itself to be: by the externalId, or of one that was adopted and has none
// yet, by the mail.
func (h *history) shown(w *write) string {
	for _, u := range []ringcentraltest.User{w.after, w.before} {
		if slices.Contains(h.people, u.ExternalID) {
			return u.ExternalID
		}
	}
	for _, id := range h.people {
		if slices.ContainsFunc(h.during(id).mails, func(m string) bool { return strings.EqualFold(m, w.before.UserName) }) {
			return id
		}
	}
	return ""
}

func (h *history) count() {
	n := 0
	for _, a := range h.account.Users() {
		if a.Active && slices.Contains(h.people, a.ExternalID) {
			n++
		}
	}
	h.active = append(h.active, activity{time.Now(), n})
}

func (h *history) noteWrite(w *write, fault string) {
	words := w.method
	switch {
	case w.creates():
		words += " creates"
	case w.disables():
		words += " disables"
	case w.deletes():
		words += " deletes"
	case w.effective():
		words += " changes"
	default:
		words += " (no effect)"
	}
	id := h.owner(w)
	h.note("ringcentral: %s account %s of %s (%s, active %v): %d %s", words, w.id, h.name(id), w.after.UserName, w.after.Active, w.status, fault)
}

// checkCycle checks what a cycle has done.
func (h *history) checkCycle(c cycle, report *plan.Report, err error, writes []*write) {
	h.checkTwins()
	h.checkRemovals()
	h.checkKept()
	// Of two requests on their way at once the second may come too late to learn of a penalty.
	if h.plan.concurrency == 1 && !h.served && h.account.EarlyRequests() > 0 {
		h.broken("S6", "%d requests came inside a penalty", h.account.EarlyRequests())
	}
	if h.process.dead.Load() || h.process.lost {
		return
	}
	h.checkLog(writes)
	// Nobody can foretell what the target refuses. Where a create may have been lost, an account that goes over from
	// somebody who has left is disabled first, or not, depending on who comes first.
	refused := slices.ContainsFunc(writes, func(w *write) bool { return w.status/100 != 2 || w.passes(h) })
	if c.forecast == nil || err != nil || refused || c.kind != engine.Full || c.graph+c.target > 0 || c.how != survives || len(c.events) > 0 || h.plan.directory.Lag > 0 {
		return
	}
	said, did := c.forecast.Summary, report.Summary
	if h.plan.account.Licenses >= 0 { // whether a licence has become free shows when one is asked for
		said.Create, said.Waiting = said.Create+said.Waiting, 0
		did.Create, did.Waiting = did.Create+did.Waiting, 0
	}
	if said != did {
		h.broken("S10", "the dry run said %+v, the cycle did %+v\nsaid %v\ndid %v", c.forecast.Summary, report.Summary, told(c.forecast, h), told(report, h))
	}
}

func told(r *plan.Report, h *history) []string {
	var out []string
	for _, c := range r.Changes {
		out = append(out, fmt.Sprintf("%s %s %s %s", c.Action, h.name(c.Source.ID), c.Status, c.Error))
	}
	slices.Sort(out)
	return out
}

// checkTwins: nobody has two accounts (S1).
func (h *history) checkTwins() {
	count := map[string][]string{}
	for _, a := range h.account.Users() {
		if slices.Contains(h.people, a.ExternalID) {
			count[a.ExternalID] = append(count[a.ExternalID], a.ID)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(count)) {
		if len(count[id]) > 1 {
			h.broken("S1", "%s has the accounts %v", h.name(id), count[id])
		}
	}
}

// checkRemovals: what was acknowledged and written down of removals in any 24 hours is within the limit (S3).
func (h *history) checkRemovals() {
	const window = 24 * time.Hour
	var removals []*write
	for _, w := range h.net.journal {
		if (w.disables() || w.deletes() || w.renames()) && w.acknowledged() && h.committed(w) && w.at.After(h.lost) && !h.wasApproved(w) {
			removals = append(removals, w)
		}
	}
	for i, last := range removals {
		if last.round != h.round {
			continue
		}
		distinct := map[string]bool{}
		for _, w := range removals[:i+1] {
			if last.at.Sub(w.at) < window {
				distinct[w.id] = true
			}
		}
		most := 0
		for k, a := range h.active {
			until := last.at
			if k+1 < len(h.active) {
				until = h.active[k+1].at
			}
			if !a.at.After(last.at) && until.After(last.at.Add(-window)) {
				most = max(most, a.active)
			}
		}
		limit := 0 // how many were active when the guard judged is not known exactly, and more may mean less
		for n := most; n <= most+len(distinct); n++ {
			limit = max(limit, h.plan.guard.Limit(n))
		}
		if len(distinct) > limit {
			h.broken("S3", "%d people are removed within a day: the limit is %d of %d", len(distinct), limit, most)
			return
		}
	}
}

// committed reports whether a commit followed the answer to a write, as it does unless the process dies in between.
func (h *history) committed(w *write) bool {
	if w.round == h.round {
		w.forgotten = (h.process.dead.Load() || h.process.lost) && w.delivered.After(h.process.disk.begun)
	}
	return !w.forgotten
}

// checkKept: accounts that are not ours are as they were (S7).
func (h *history) checkKept() {
	for _, id := range slices.Sorted(maps.Keys(h.kept)) {
		if now, _ := h.account.User(id); !reflect.DeepEqual(now, h.kept[id]) {
			h.broken("S7", "account %s, which is not ours or is protected, was %+v and is %+v", id, h.kept[id], now)
		}
	}
}

// checkLog: each write that was acknowledged has its entry (S4).
func (h *history) checkLog(writes []*write) {
	entries := map[string]int{}
	h.must(h.process.store.View(h.process.after(), func(v *state.View) error {
		for e, err := range v.Log(h.logged + 1) {
			if err != nil {
				return err
			}
			h.logged = e.Sequence
			if e.Action != "other" && (e.Status == "success" || e.Status == "warning") {
				entries[e.Target.ID]++
			}
		}
		return nil
	}))
	for _, w := range writes {
		if !w.acknowledged() {
			continue
		}
		if entries[w.id]--; entries[w.id] < 0 {
			h.broken("S4", "the log has nothing of a %s of account %s that was acknowledged", w.method, w.id)
		}
	}
}

// diff makes a dry run and checks that it writes nothing (S10).
func (h *history) diff() *plan.Report {
	p := h.process
	before, err := os.ReadFile(h.path)
	h.must(err)
	writes := len(h.net.journal)
	h.net.begin(0, 0)
	_, job, err := p.open(state.NewOverlay(p.disk), h.identity())
	h.must(err)
	report, err := job.Diff(p.ctx, h.target, engine.Listed)
	if err != nil {
		h.broken("S5", "a dry run fails without a fault: %v", err)
		return nil
	}
	after, err := os.ReadFile(h.path)
	h.must(err)
	if !bytes.Equal(before, after) || len(h.net.journal) != writes {
		h.broken("S10", "a dry run writes: file changed %v, %d requests", !bytes.Equal(before, after), len(h.net.journal)-writes)
	}
	h.note("dry run: %+v", report.Summary)
	other := h.identity()
	other.Target += "/other"
	if _, _, err := p.open(state.NewOverlay(p.disk), other); err == nil {
		h.broken("S11", "the state file is taken for another target's")
	}
	return report
}

// checkEqual: the accounts are what the directory asks for (S5), and the state knows them as they are (S4).
func (h *history) checkEqual() {
	known := map[string]*state.Person{}
	h.must(h.process.store.View(h.process.after(), func(v *state.View) error {
		for p, err := range v.People("") {
			if err != nil {
				return err
			}
			known[p.ID] = p
		}
		return nil
	}))
	all := h.standings()
	for _, id := range h.people {
		h.checkPerson(id, all, known[id])
		if p := known[id]; p != nil && p.TargetID != "" {
			h.checkKnown(p)
		}
	}
	for id := range known {
		if _, ok := all[id]; !ok {
			h.broken("S5", "the state knows %s, who never was", id)
		}
	}
}

// checkComings: whoever is to have no phone has none, and whoever is to have one has it, though no list of the target has
// been read for some time (S5).
func (h *history) checkComings() {
	all := h.standings()
	for id, s := range all {
		if h.protects(id, h.remembered(id)) {
			continue
		}
		accounts := h.accountsOf(id)
		for _, a := range accounts {
			_, keep := h.kept[a.ID]
			switch {
			case keep || !h.written[a.ID] || h.byHand[id] || h.inherited(a.ID, id):
			case s.removable && a.Active:
				h.broken("S5", "%s (%s) has account %s still", h.name(id), s.cause, a.ID)
			case s.creatable && !a.Active:
				h.broken("S5", "%s has account %s, which is not active", h.name(id), a.ID)
			}
		}
		if h.remembered(id) == nil && (h.restored[id] || h.net.lostRows.Load()) {
			continue // only a read of everybody brings up whoever was never known and is in groups that say nothing of it
		}
		if u, _ := h.user(id); len(accounts) == 0 && s.creatable && fit(u) && !h.byHand[id] && h.blocked(id, all, map[string]bool{}) == "" {
			h.broken("S5", "%s has no account; the state: %s", h.name(id), describe(h.remembered(id)))
		}
	}
}

func (h *history) checkPerson(id string, all map[string]standing, p *state.Person) {
	u, _ := h.user(id)
	s, accounts := all[id], h.accountsOf(id)
	var a ringcentraltest.User
	if len(accounts) > 0 {
		a = accounts[0]
		if _, keep := h.kept[a.ID]; keep {
			return
		}
	}
	switch {
	case h.protects(id, p):
	case h.inherited(a.ID, id): // it shows whose it was until the new owner is written
	case p == nil && s.cause == state.HardDeleted && !h.written[a.ID]:
		// Nobody can tell whose account it is any more.
	case s.in && !fit(u) && !h.written[a.ID]:
		// Whoever is in scope and lacks a required attribute is not linked to an account that was there before.
	case !s.in:
		deletes := s.removable && h.plan.deprovision[s.cause] == plan.DeprovisionDelete
		if s.removable && a.Active || deletes && len(accounts) > 0 {
			h.broken("S5", "%s (%s) has account %s still, active %v", h.name(id), s.cause, a.ID, a.Active)
		}
	case len(accounts) == 0:
		if why := h.blocked(id, all, map[string]bool{}); s.creatable && fit(u) && why == "" {
			h.broken("S5", "%s has no account; the state: %s", h.name(id), describe(p))
		}
	default:
		why := h.blocked(id, all, map[string]bool{})
		if !a.Active && why != "several accounts have the mail" {
			h.broken("S5", "%s has account %s, which is not active; the state: %s", h.name(id), a.ID, describe(p))
		}
		if why == "several accounts have the mail" {
			return
		}
		if wrong := differences(u, a, why == ""); len(wrong) > 0 {
			h.broken("S5", "account %s of %s differs: %v (mail: %q); the state: %s", a.ID, h.name(id), wrong, why, describe(p))
		}
	}
}

// remembered returns what the state knows of somebody, nil if nothing.
func (h *history) remembered(id string) (p *state.Person) {
	h.must(h.process.store.View(h.process.after(), func(v *state.View) (err error) {
		p, err = v.Person(id)
		return err
	}))
	return p
}

// inherited reports whether the state links an account that carries the person's mark to somebody else.
func (h *history) inherited(account, id string) (by bool) {
	h.must(h.process.store.View(h.process.after(), func(v *state.View) error {
		holder := v.PersonByTarget(account)
		by = holder != "" && holder != id
		return nil
	}))
	return by
}

// protects reports whether safety.protect names the person.
func (h *history) protects(id string, p *state.Person) bool {
	u, _ := h.user(id)
	names := []any{id, u["mail"], u["userPrincipalName"]}
	if p != nil {
		names = append(names, p.TargetID, p.UserPrincipalName)
		if a := p.Attribute("userName"); a != nil {
			names = append(names, a.Want.Text(), a.Known().Text())
		}
	}
	return slices.ContainsFunc(names, func(n any) bool { return h.plan.protect[strings.ToLower(fmt.Sprint(n))] })
}

func describe(p *state.Person) string {
	if p == nil {
		return "unknown"
	}
	return fmt.Sprintf("%v, class %v, account %q, attempts %d, unsettled %v, %s", p.Scope, p.Class, p.TargetID, p.Attempts, p.Unsettled, p.Failure.Text)
}

// checkKnown: what the state takes the account to be is what it is, as far as lists show it.
func (h *history) checkKnown(p *state.Person) {
	a, there := h.account.User(p.TargetID)
	if !there {
		h.broken("S4", "the state links %s to account %s, which does not exist", h.name(p.ID), p.TargetID)
		return
	}
	for name, is := range map[string]string{
		"userName": a.UserName, "name.givenName": a.GivenName, "name.familyName": a.FamilyName, "title": a.Title,
		"active": fmt.Sprint(a.Active), "externalId": a.ExternalID,
	} {
		if attribute := p.Attribute(name); attribute != nil && !strings.EqualFold(attribute.Known().Text(), is) {
			h.broken("S4", "the state takes %s of account %s of %s for %q; it is %q", name, a.ID, h.name(p.ID), attribute.Known().Text(), is)
		}
	}
}
