package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
)

// employee is somebody whom the hour has put into the tenant, or found there.
type employee struct {
	id, mail string
	// loyal: they are in scope from their first moment to the last, so that no account of theirs may ever be disabled
	// but by hand.
	loyal   bool
	deleted bool // and may come back
	purged  bool
	removed int // accounts deleted by hand
}

// somebody picks one of those who are there; leaver, one who may leave.
func (h *hour) somebody() *employee { return h.pick(func(e *employee) bool { return !e.deleted }) }
func (h *hour) leaver() *employee {
	return h.pick(func(e *employee) bool { return !e.deleted && !e.loyal })
}

func (h *hour) pick(which func(*employee) bool) *employee {
	var found []*employee
	for _, e := range h.staff {
		if which(e) && !e.purged {
			found = append(found, e)
		}
	}
	if len(found) == 0 {
		return nil
	}
	return found[h.r.IntN(len(found))]
}

func one[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

// happen has something happen to the tenant or the accounts, chosen by weight.
func (h *hour) happen() {
	h.t.Helper()
	events := []struct {
		weight int
		do     func()
	}{
		{4, h.hire}, {6, h.edit}, {3, h.rename}, {5, h.move}, {4, h.disable}, {4, h.enable}, {3, h.leave}, {4, h.rejoin},
		{3, h.softDelete}, {3, h.restore}, {1, h.purge}, {2, h.recreate}, {4, h.editByHand}, {1, h.removeByHand},
	}
	total := 0
	for _, e := range events {
		total += e.weight
	}
	k := h.r.IntN(total)
	for _, e := range events {
		if k -= e.weight; k < 0 {
			e.do()
			h.events++
			return
		}
	}
}

func (h *hour) newMail() string {
	h.mails++
	return fmt.Sprintf("person%d@contoso.com", h.mails)
}

func (h *hour) hire() { h.enrol(h.newMail()) }

// enrol makes a user and puts them into a group, or into the application itself.
func (h *hour) enrol(mail string) {
	h.t.Helper()
	var made struct{ ID string }
	status := h.graph("POST", "/users", map[string]any{
		"accountEnabled": true, "displayName": mail, "mailNickname": "person", "userPrincipalName": mail, "passwordProfile": map[string]any{"password": "-"},
		"mail": mail, "givenName": one(h.r, "Zoë", "Jo", "Maria-José"), "surname": one(h.r, "O'Neil", "Žižka", "Smith"), "department": one(h.r, "Sales", "Legal & Compliance"),
		"jobTitle": one(h.r, "Engineer", "Clerk"), "mobilePhone": "+1 415 555 0123", "streetAddress": "1 Main Street", "city": "Belmont",
		"state": "CA", "postalCode": "94002", "country": "US",
	}, &made)
	if status != http.StatusCreated {
		return // somebody has the name, who came back
	}
	e := &employee{id: made.ID, mail: mail, loyal: h.r.IntN(3) == 0}
	h.staff = append(h.staff, e)
	h.byID[e.id] = e
	h.join(e)
	h.tell(e, "is hired, loyal %v", e.loyal)
}

// join puts somebody into a group, or into the application itself.
func (h *hour) join(e *employee) {
	if h.r.IntN(4) > 0 {
		h.addMember(one(h.r, h.groups...), e)
		return
	}
	h.graph("POST", "/servicePrincipals/"+h.sp+"/appRoleAssignedTo", map[string]string{"principalId": e.id, "resourceId": h.sp, "appRoleId": h.role}, nil)
}

func (h *hour) addMember(group string, e *employee) bool {
	return h.graph("POST", "/groups/"+group+"/members/$ref", map[string]string{"@odata.id": h.place.Graph + "/directoryObjects/" + e.id}, nil) == http.StatusNoContent
}

func (h *hour) set(e *employee, properties map[string]any) {
	h.graph("PATCH", "/users/"+e.id, properties, nil)
	h.tell(e, "gets %v", properties)
}

func (h *hour) edit() {
	e := h.somebody()
	h.set(e, map[string]any{one(h.r, "jobTitle", "department", "streetAddress", "givenName"): fmt.Sprint("Changed ", h.r.IntN(1000))})
}

func (h *hour) rename() {
	e := h.somebody()
	e.mail = h.newMail()
	h.set(e, map[string]any{"mail": e.mail, "userPrincipalName": e.mail})
}

// places returns the groups that somebody is in, and the assignments that are theirs alone.
func (h *hour) places(e *employee) (groups, assignments []string) {
	for _, a := range h.assignments() {
		switch {
		case a.PrincipalID == e.id:
			assignments = append(assignments, a.ID)
		case a.PrincipalType == "Group" && slices.Contains(h.members(a.PrincipalID), e.id):
			groups = append(groups, a.PrincipalID)
		}
	}
	return groups, assignments
}

func (h *hour) quit(e *employee, groups, assignments []string) {
	for _, g := range groups {
		h.graph("DELETE", "/groups/"+g+"/members/"+e.id+"/$ref", nil, nil)
	}
	for _, a := range assignments {
		h.graph("DELETE", "/servicePrincipals/"+h.sp+"/appRoleAssignedTo/"+a, nil, nil)
	}
}

// move takes somebody from where they are to another group, and at no moment out of all of them.
func (h *hour) move() {
	e := h.somebody()
	groups, assignments := h.places(e)
	if len(groups)+len(assignments) == 0 {
		return // they have left
	}
	if to := one(h.r, h.groups...); !slices.Contains(groups, to) && h.addMember(to, e) {
		h.quit(e, groups, assignments)
		h.tell(e, "moves")
	}
}

func (h *hour) disable() {
	if e := h.leaver(); e != nil {
		h.set(e, map[string]any{"accountEnabled": false})
	}
}

func (h *hour) enable() {
	if e := h.leaver(); e != nil {
		h.set(e, map[string]any{"accountEnabled": true})
	}
}

func (h *hour) leave() {
	if e := h.leaver(); e != nil {
		groups, assignments := h.places(e)
		h.quit(e, groups, assignments)
		h.tell(e, "leaves %d places", len(groups)+len(assignments))
	}
}

func (h *hour) rejoin() {
	if e := h.leaver(); e != nil {
		h.join(e)
		h.tell(e, "joins")
	}
}

func (h *hour) softDelete() {
	if e := h.leaver(); e != nil {
		h.graph("DELETE", "/users/"+e.id, nil, nil)
		e.deleted = true
		h.tell(e, "is deleted")
	}
}

func (h *hour) gone() *employee { return h.pick(func(e *employee) bool { return e.deleted }) }

// succeeded reports whether somebody else has the mail now. Two people with one mail are a conflict, which never ends.
func (h *hour) succeeded(e *employee) bool {
	return slices.ContainsFunc(h.staff, func(other *employee) bool {
		return other != e && other.mail == e.mail && !other.deleted && !other.purged
	})
}

func (h *hour) restore() {
	if e := h.gone(); e != nil && !h.succeeded(e) && h.graph("POST", "/directory/deletedItems/"+e.id+"/restore", nil, nil) == http.StatusOK {
		e.deleted = false
		h.tell(e, "is restored")
	}
}

func (h *hour) purge() {
	if e := h.gone(); e != nil {
		h.graph("DELETE", "/directory/deletedItems/"+e.id, nil, nil)
		e.purged = true
		h.tell(e, "is deleted for good")
	}
}

// recreate gives somebody who was deleted a successor of the same mail.
func (h *hour) recreate() {
	if e := h.gone(); e != nil && !h.succeeded(e) {
		h.enrol(e.mail)
	}
}

// accountOf returns the account that carries somebody's id, nil if there is none.
func (h *hour) accountOf(e *employee) *scimAccount {
	for _, a := range h.accounts() {
		if a.ExternalID == e.id {
			return &a
		}
	}
	return nil
}

func (h *hour) editByHand() {
	e := h.somebody()
	a := h.accountOf(e)
	if a == nil {
		return
	}
	change := one(h.r,
		map[string]any{"op": "replace", "path": "title", "value": "By hand"},
		map[string]any{"op": "replace", "path": "name.givenName", "value": "Hand"},
		map[string]any{"op": "replace", "path": "active", "value": !a.Active},
	)
	h.scim("PATCH", "/Users/"+a.ID, map[string]any{"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:PatchOp"}, "Operations": []any{change}}, nil)
	h.tell(e, "account %s is edited by hand: %v", a.ID, change)
}

func (h *hour) removeByHand() {
	e := h.somebody()
	if a := h.accountOf(e); a != nil && h.scim("DELETE", "/Users/"+a.ID, nil, nil) == http.StatusNoContent {
		e.removed++
		h.tell(e, "account %s is deleted by hand", a.ID)
	}
}
