package engine_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"ringsync/connectors/entra/entratest"
	"ringsync/connectors/ringcentral/ringcentraltest"
)

// event is something that happens to the directory or, by hand, to the accounts. do reports whether it did happen.
type event struct {
	weight int
	name   string
	do     func(h *history, r *rand.Rand) bool
}

// happen has one event happen.
func (h *history) happen(r *rand.Rand) {
	h.mu.Lock()
	defer h.mu.Unlock()
	events := simEvents()
	total := 0
	for _, e := range events {
		total += e.weight
	}
	for range 20 {
		k := r.IntN(total)
		for _, e := range events {
			if k -= e.weight; k >= 0 {
				continue
			}
			if e.do(h, r) {
				h.look()
				return
			}
			break
		}
	}
}

func simEvents() []event {
	return []event{
		{6, "hired", (*history).hire},
		{7, "edited", (*history).edit},
		{4, "renamed", (*history).rename},
		{1, "spelt otherwise", (*history).respell},
		{1, "given another's mail", (*history).share},
		{1, "mails swapped", (*history).swap},
		{2, "record damaged", (*history).damage},
		{2, "record repaired", (*history).repair},
		{5, "disabled", func(h *history, r *rand.Rand) bool { return h.enable(r, false) }},
		{5, "enabled", func(h *history, r *rand.Rand) bool { return h.enable(r, true) }},
		{4, "soft-deleted", (*history).softDelete},
		{2, "hard-deleted", (*history).hardDelete},
		{4, "restored", (*history).restore},
		{2, "re-created", (*history).recreate},
		{6, "joins", (*history).join},
		{5, "leaves", (*history).leave},
		{6, "moves", (*history).move},
		{4, "assigned", func(h *history, r *rand.Rand) bool { return h.assign(r, true) }},
		{3, "unassigned", func(h *history, r *rand.Rand) bool { return h.assign(r, false) }},
		{1, "group unassigned", func(h *history, r *rand.Rand) bool { return h.assignGroup(r, false) }},
		{2, "group assigned", func(h *history, r *rand.Rand) bool { return h.assignGroup(r, true) }},
		{1, "group deleted", (*history).deleteGroup},
		{1, "group made", (*history).makeGroup},
		{2, "group nested", (*history).nest},
		{1, "group taken out", (*history).unnest},
		{1, "tokens expire", (*history).expire},
		{1, "licences", (*history).licences},
		{2, "edited by hand", (*history).handEdit},
		{1, "deleted by hand", (*history).handRemove},
	}
}

// anybody picks a live person.
func (h *history) anybody(r *rand.Rand) (string, bool) {
	live := h.dir.Users()
	if len(live) == 0 {
		return "", false
	}
	return live[r.IntN(len(live))], true
}

func (h *history) anyGroup(r *rand.Rand) (string, bool) {
	groups := h.dir.Groups()
	if len(groups) == 0 {
		return "", false
	}
	return groups[r.IntN(len(groups))], true
}

// set changes somebody's properties.
func (h *history) set(id string, changes map[string]any) bool {
	if !h.dir.UpdateUser(id, changes) {
		return false
	}
	h.changed(id)
	h.note("%s: %v", h.name(id), changes)
	return true
}

func (h *history) newMail() string {
	h.mails++
	return fmt.Sprintf("new%d@contoso.com", h.mails)
}

func (h *history) hire(r *rand.Rand) bool {
	mail := h.newMail()
	u := entratest.User{
		"userPrincipalName": mail, "mail": mail, "displayName": mail, "givenName": one(r, "Zoë", "O'Neil", "Jo"), "surname": one(r, "Žižka", "Smith"),
		"department": one(r, "Sales", "Finance", "Legal & Compliance"), "jobTitle": one(r, "Engineer", "Clerk"),
		"accountEnabled": !chance(r, 10), "userType": one(r, "Member", "Member", "Guest"),
		"country": one(r, "US", "DE"), "state": one(r, "CA", nowhere), "city": "X", "streetAddress": "1 Main Street", "mobilePhone": "+1 415 555 0123",
	}
	if chance(r, 10) {
		u["mail"] = nil
	}
	return h.enrol(r, u)
}

// enrol puts a new person into the directory and, mostly, into the application.
func (h *history) enrol(r *rand.Rand, u entratest.User) bool {
	id := h.dir.AddUser(u)
	if id == "" {
		return false
	}
	h.meet(id)
	where := "nowhere"
	switch k := r.IntN(10); {
	case k < 6:
		if g, ok := h.anyGroup(r); ok && h.dir.AddMember(g, id) {
			where = h.name(g)
		}
	case k < 9:
		h.dir.Assign(id, h.role)
		where = "the application"
	}
	h.note("%s joins %s as a new person, mail %v, enabled %v, department %v", h.name(id), where, u["mail"], u["accountEnabled"], u["department"])
	return true
}

func (h *history) edit(r *rand.Rand) bool {
	id, ok := h.anybody(r)
	if !ok {
		return false
	}
	changes := map[string]any{}
	for range 1 + r.IntN(2) {
		switch r.IntN(7) {
		case 0:
			changes["jobTitle"] = one[any](r, "Engineer", "Principal", "engineer", nil)
		case 1:
			changes["department"] = one[any](r, "Sales", "Finance", "Support")
		case 2:
			changes["mobilePhone"] = one[any](r, "+1 415 555 0100", "+1 (416) 555-0101", "12", nil)
		case 3:
			changes["state"], changes["country"] = one[any](r, "CA", "NY", nowhere, nil), one[any](r, "US", "DE")
		case 4:
			changes["streetAddress"], changes["city"] = one[any](r, "1 Main Street", "2 Side Street", nil), one[any](r, "Here", "There")
		case 5:
			changes["givenName"] = one[any](r, "Ann", "Ben")
		case 6:
			changes["userPrincipalName"] = "upn-" + h.newMail()
		}
	}
	return h.set(id, changes)
}

func (h *history) rename(r *rand.Rand) bool {
	id, ok := h.anybody(r)
	return ok && h.set(id, map[string]any{"mail": h.newMail()})
}

func (h *history) respell(r *rand.Rand) bool {
	id, ok := h.anybody(r)
	u, _ := h.user(id)
	mail, _ := u["mail"].(string)
	return ok && mail != "" && h.set(id, map[string]any{"mail": strings.ToUpper(mail)})
}

func (h *history) share(r *rand.Rand) bool {
	id, ok := h.anybody(r)
	other, _ := h.anybody(r)
	u, _ := h.user(other)
	return ok && id != other && u["mail"] != nil && h.set(id, map[string]any{"mail": u["mail"]})
}

func (h *history) swap(r *rand.Rand) bool {
	id, ok := h.anybody(r)
	other, _ := h.anybody(r)
	u, _ := h.user(id)
	v, _ := h.user(other)
	return ok && id != other && u["mail"] != nil && v["mail"] != nil &&
		h.set(id, map[string]any{"mail": v["mail"]}) && h.set(other, map[string]any{"mail": u["mail"]})
}

func (h *history) damage(r *rand.Rand) bool {
	id, ok := h.anybody(r)
	return ok && h.set(id, map[string]any{one(r, "mail", "surname", "givenName"): nil})
}

func (h *history) repair(r *rand.Rand) bool {
	for _, id := range h.dir.Users() {
		u, _ := h.user(id)
		if fit(u) {
			continue
		}
		changes := map[string]any{"surname": "Repaired", "givenName": "Pat"}
		if u["mail"] == nil {
			changes["mail"] = h.newMail()
		}
		return h.set(id, changes)
	}
	return false
}

func (h *history) enable(r *rand.Rand, on bool) bool {
	for range 5 {
		id, ok := h.anybody(r)
		if u, _ := h.user(id); ok && u["accountEnabled"] != on {
			return h.set(id, map[string]any{"accountEnabled": on})
		}
	}
	return false
}

func (h *history) softDelete(r *rand.Rand) bool {
	id, ok := h.anybody(r)
	if !ok || !h.dir.SoftDelete(id) {
		return false
	}
	h.changed(id)
	h.note("%s is deleted, for now", h.name(id))
	return true
}

func (h *history) hardDelete(r *rand.Rand) bool {
	id := h.people[r.IntN(len(h.people))]
	if !h.dir.HardDelete(id) {
		return false
	}
	h.purged[id] = true
	h.changed(id)
	h.note("%s is deleted for good", h.name(id))
	return true
}

func (h *history) restore(r *rand.Rand) bool {
	for _, i := range r.Perm(len(h.people)) {
		id := h.people[i]
		if _, live := h.user(id); !live && !h.purged[id] && h.dir.Restore(id) {
			h.changed(id)
			h.restored[id] = true
			h.note("%s is restored", h.name(id))
			return true
		}
	}
	return false
}

// recreate gives somebody who leaves a successor of the same name and mail.
func (h *history) recreate(r *rand.Rand) bool {
	id, ok := h.anybody(r)
	if !ok {
		return false
	}
	u, _ := h.user(id)
	u = maps.Clone(u)
	h.changed(id)
	if chance(r, 50) {
		h.dir.SoftDelete(id)
		h.note("%s is deleted, for now, and made anew", h.name(id))
	} else {
		h.dir.HardDelete(id)
		h.purged[id] = true
		h.note("%s is deleted for good and made anew", h.name(id))
	}
	for _, name := range []string{"id", "deletedDateTime", "createdDateTime"} {
		delete(u, name)
	}
	return h.enrol(r, u)
}

func (h *history) join(r *rand.Rand) bool {
	id, ok := h.anybody(r)
	g, found := h.anyGroup(r)
	if !ok || !found || !h.dir.AddMember(g, id) {
		return false
	}
	h.note("%s joins %s", h.name(id), h.name(g))
	return true
}

// groupOf returns a group that somebody is in.
func (h *history) groupOf(id string) string {
	for _, g := range h.dir.Groups() {
		if slices.Contains(h.dir.Members(g), id) {
			return g
		}
	}
	return ""
}

func (h *history) leave(r *rand.Rand) bool {
	id, ok := h.anybody(r)
	g := h.groupOf(id)
	if !ok || g == "" {
		return false
	}
	h.note("%s leaves %s", h.name(id), h.name(g))
	return h.dir.RemoveMember(g, id)
}

// move takes somebody from one group to another, or to the application itself and back.
func (h *history) move(r *rand.Rand) bool {
	id, ok := h.anybody(r)
	from, to := h.groupOf(id), ""
	if g, found := h.anyGroup(r); found {
		to = g
	}
	switch {
	case !ok || from == "" && to == "":
		return false
	case from == "":
		h.dir.Unassign(id)
		h.note("%s moves from the application to %s", h.name(id), h.name(to))
		return h.dir.AddMember(to, id)
	case from == to || chance(r, 30):
		h.dir.RemoveMember(from, id)
		h.dir.Assign(id, h.role)
		h.note("%s moves from %s to the application", h.name(id), h.name(from))
		return true
	}
	h.dir.RemoveMember(from, id)
	h.dir.AddMember(to, id)
	h.note("%s moves from %s to %s", h.name(id), h.name(from), h.name(to))
	return true
}

func (h *history) assign(r *rand.Rand, on bool) bool {
	id, ok := h.anybody(r)
	switch {
	case !ok:
		return false
	case !on:
		if !h.dir.Unassign(id) {
			return false
		}
		h.note("%s is unassigned", h.name(id))
		return true
	}
	role := one(r, h.role, h.role, "")
	h.note("%s is assigned, default access %v", h.name(id), role == "")
	return h.dir.Assign(id, role) != ""
}

func (h *history) assignGroup(r *rand.Rand, on bool) bool {
	g, ok := h.anyGroup(r)
	if !ok {
		return false
	}
	h.note("%s assigned: %v", h.name(g), on)
	if on {
		return h.dir.Assign(g, h.role) != ""
	}
	return h.dir.Unassign(g)
}

func (h *history) deleteGroup(r *rand.Rand) bool {
	g, ok := h.anyGroup(r)
	if !ok || len(h.dir.Groups()) < 2 {
		return false
	}
	h.note("%s is deleted", h.name(g))
	return h.dir.DeleteGroup(g)
}

func (h *history) makeGroup(r *rand.Rand) bool {
	g := h.dir.AddGroup(fmt.Sprint("Group ", h.mails), entratest.GroupOptions{Unified: chance(r, 30)})
	h.meetGroup(g)
	for range r.IntN(4) {
		if id, ok := h.anybody(r); ok {
			h.dir.AddMember(g, id)
		}
	}
	assigned := chance(r, 50)
	if assigned {
		h.dir.Assign(g, h.role)
	}
	h.note("%s is made with %d members, assigned %v", h.name(g), len(h.dir.Members(g)), assigned)
	return true
}

func (h *history) nest(r *rand.Rand) bool {
	parent, ok := h.anyGroup(r)
	child, _ := h.anyGroup(r)
	if !ok || parent == child || !h.dir.AddMember(parent, child) {
		return false
	}
	h.note("%s is put into %s", h.name(child), h.name(parent))
	return true
}

func (h *history) unnest(r *rand.Rand) bool {
	for _, parent := range h.dir.Groups() {
		for _, child := range h.dir.Members(parent) {
			if slices.Contains(h.dir.Groups(), child) && chance(r, 50) {
				h.note("%s is taken out of %s", h.name(child), h.name(parent))
				return h.dir.RemoveMember(parent, child)
			}
		}
	}
	return false
}

func (h *history) expire(r *rand.Rand) bool {
	form := entratest.Expiry(r.IntN(int(entratest.ExpiredMalformed) + 1))
	h.note("delta tokens expire, form %d", form)
	h.dir.ExpireTokens(form)
	h.expired = true
	return true
}

func (h *history) licences(r *rand.Rand) bool {
	if h.plan.account.Licenses < 0 {
		return false
	}
	n := r.IntN(6)
	h.note("%d licences are free", n)
	h.account.SetLicenses(n)
	return true
}

// anyAccount picks an account of ours.
func (h *history) anyAccount(r *rand.Rand) (ringcentraltest.User, bool) {
	var ours []ringcentraltest.User
	for _, a := range h.account.Users() {
		if _, keep := h.kept[a.ID]; !keep && slices.Contains(h.people, a.ExternalID) {
			ours = append(ours, a)
		}
	}
	if len(ours) == 0 {
		return ringcentraltest.User{}, false
	}
	return ours[r.IntN(len(ours))], true
}

func (h *history) handEdit(r *rand.Rand) bool {
	a, ok := h.anyAccount(r)
	if !ok {
		return false
	}
	words := ""
	h.account.Edit(a.ID, func(u *ringcentraltest.User) {
		switch r.IntN(4) {
		case 0:
			u.Title, words = "By hand", "title"
		case 1:
			u.Department, words = "By hand", "department"
		case 2:
			u.Active, words = !u.Active, fmt.Sprintf("active, %v now", !u.Active)
			h.byHand[a.ExternalID] = true
		case 3:
			u.GivenName, words = "Hand", "given name"
		}
	})
	h.note("account %s of %s is edited by hand: %s", a.ID, h.name(a.ExternalID), words)
	return true
}

func (h *history) handRemove(r *rand.Rand) bool {
	a, ok := h.anyAccount(r)
	if !ok {
		return false
	}
	h.byHand[a.ExternalID] = true
	h.note("account %s of %s is deleted by hand", a.ID, h.name(a.ExternalID))
	return h.account.Remove(a.ID)
}

// pass lets time pass.
func (h *history) pass(d time.Duration) {
	time.Sleep(d)
}
