package entratest

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"ringsync/connectors"
)

// User is a user's properties under their Graph names. A nil value is a property that was set to null; a name that
// is missing was never set, which deltas tell apart from null (they leave it out).
type User map[string]any

// AddUser creates a user and returns the id, "" if the userPrincipalName is taken. Missing id, userPrincipalName,
// accountEnabled (true) and userType (Member) are filled in.
func (d *Directory) AddUser(u User) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if o := d.addUser(u); o != nil {
		return o.id
	}
	return ""
}

func (d *Directory) addUser(u User) *object {
	fields := map[string]any{"accountEnabled": true, "userType": "Member", "createdDateTime": d.stamp()}
	maps.Copy(fields, u)
	upn, _ := fields["userPrincipalName"].(string)
	id, _ := fields["id"].(string)
	if upn == "" {
		id = connectors.FoldID(id)
		if id == "" {
			id = d.guid()
		}
		upn = id + "@" + d.options.Domain
		fields["userPrincipalName"] = upn
	}
	if d.byUPN[strings.ToLower(upn)] != nil {
		return nil
	}
	o := d.create(userKind, id, fields)
	d.byUPN[strings.ToLower(upn)] = o
	d.record(o, nil, nil)
	return o
}

func (d *Directory) stamp() string { return d.now().UTC().Format(time.RFC3339) }

// UpdateUser sets properties of a user, nil sets null. It reports false for an unknown user, one that is deleted, or
// a userPrincipalName that is empty or taken.
func (d *Directory) UpdateUser(id string, changes map[string]any) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	o := d.findUser(id)
	return o != nil && d.update(o, changes)
}

func (d *Directory) update(o *object, changes map[string]any) bool {
	if value, ok := changes["userPrincipalName"]; ok && o.kind == userKind {
		upn, _ := value.(string)
		key := strings.ToLower(upn)
		if other := d.byUPN[key]; upn == "" || other != nil && other != o {
			return false
		}
		delete(d.byUPN, strings.ToLower(o.text("userPrincipalName")))
		d.byUPN[key] = o
	}
	var changed []string
	for name, value := range changes {
		if name != "id" && o.set(name, encode(value)) {
			changed = append(changed, name)
		}
	}
	if changed != nil {
		slices.Sort(changed)
		d.record(o, nil, changed)
	}
	return true
}

// SoftDelete moves a live user into deletedItems. Group memberships are kept, and no group delta shows anything; the
// userPrincipalName gets the object id put in front.
func (d *Directory) SoftDelete(id string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	o := d.findUser(id)
	if o == nil {
		return false
	}
	d.softDelete(o)
	return true
}

func (d *Directory) softDelete(o *object) {
	if o.kind == userKind {
		d.rename(o, strings.ReplaceAll(o.id, "-", "")+o.text("userPrincipalName"))
	}
	o.life = softDeleted
	o.set("deletedDateTime", encode(d.stamp()))
	d.record(o, nil, nil)
}

func (d *Directory) rename(o *object, upn string) {
	delete(d.byUPN, strings.ToLower(o.text("userPrincipalName")))
	o.set("userPrincipalName", encode(upn))
	d.byUPN[strings.ToLower(upn)] = o
}

// HardDelete removes a user for good, from deletedItems or at once. Groups lose the member now.
func (d *Directory) HardDelete(id string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	o := d.byID[connectors.FoldID(id)]
	if o == nil || o.kind != userKind || o.life == hardDeleted {
		return false
	}
	d.hardDelete(o)
	return true
}

func (d *Directory) hardDelete(o *object) {
	for _, m := range o.joined {
		d.removeMember(m.obj, o)
	}
	for _, m := range o.members {
		m.obj.joined = join(m.obj.joined, o, true)
	}
	for _, a := range o.assignments {
		a.ended = true
	}
	if o.kind == userKind {
		delete(d.byUPN, strings.ToLower(o.text("userPrincipalName")))
	}
	o.life, o.props, o.members, o.memberAt, o.joined, o.assignments = hardDeleted, nil, nil, nil, nil, nil
	d.record(o, nil, nil)
}

// Restore brings a soft-deleted user or Microsoft 365 group back with its memberships and assignments; deltas show it
// as if newly created. It reports false if it is not in deletedItems or its userPrincipalName is taken by now.
func (d *Directory) Restore(id string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	o := d.byID[connectors.FoldID(id)]
	return o != nil && o.life == softDeleted && d.restore(o)
}

func (d *Directory) restore(o *object) bool {
	if o.kind == userKind {
		upn := strings.TrimPrefix(o.text("userPrincipalName"), strings.ReplaceAll(o.id, "-", ""))
		if d.byUPN[strings.ToLower(upn)] != nil {
			return false
		}
		d.rename(o, upn)
	}
	o.life = live
	o.set("deletedDateTime", "null")
	d.record(o, nil, nil)
	return true
}

// GroupOptions are what is not usual about a group. The zero value is a security group.
type GroupOptions struct {
	ID          string // a GUID from the seed if ""
	Description string // never set if ""
	Unified     bool   // a Microsoft 365 group: soft-deleted by DeleteGroup, and not security-enabled
	Hidden      bool   // its members can be read with Member.Read.Hidden only
}

// AddGroup creates a group and returns its id.
func (d *Directory) AddGroup(name string, o GroupOptions) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	fields := map[string]any{"displayName": name, "mailNickname": strings.ReplaceAll(name, " ", "")}
	if o.Description != "" {
		fields["description"] = o.Description
	}
	if o.Unified {
		fields["groupTypes"], fields["mailEnabled"], fields["securityEnabled"] = []string{"Unified"}, true, false
	}
	if o.Hidden {
		fields["visibility"] = "HiddenMembership"
	}
	return d.addGroup(o.ID, fields).id
}

func (d *Directory) addGroup(id string, fields map[string]any) *object {
	all := map[string]any{"groupTypes": []string{}, "mailEnabled": false, "securityEnabled": true, "createdDateTime": d.stamp()}
	maps.Copy(all, fields)
	g := d.create(groupKind, id, all)
	g.memberAt = make(map[*object]int)
	d.record(g, nil, nil)
	return g
}

// DeleteGroup deletes a group: for good, as Entra does with security groups, or into deletedItems if it is Unified.
func (d *Directory) DeleteGroup(id string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	g := d.find(groupKind, id)
	if g == nil {
		return false
	}
	d.deleteGroup(g)
	return true
}

func (d *Directory) deleteGroup(g *object) {
	if types, _ := g.get("groupTypes"); strings.Contains(types, `"Unified"`) {
		d.softDelete(g)
		return
	}
	d.hardDelete(g)
}

// AddMember puts a user, group or other object into a group. It reports false if either is unknown or it is a member.
func (d *Directory) AddMember(group, child string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	g, c := d.find(groupKind, group), d.byID[connectors.FoldID(child)]
	return g != nil && c != nil && c.life == live && d.addMember(g, c)
}

func (d *Directory) addMember(g, child *object) bool {
	if g == child || g.holds(child) {
		return false
	}
	if i, ok := g.memberAt[child]; ok {
		g.members[i].gone = false
	} else {
		g.memberAt[child] = len(g.members)
		g.members = append(g.members, member{obj: child})
	}
	child.joined = join(child.joined, g, false)
	d.record(g, child, nil)
	return true
}

// RemoveMember takes an object out of a group. It reports false if it is not a member.
func (d *Directory) RemoveMember(group, child string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	g, c := d.find(groupKind, group), d.byID[connectors.FoldID(child)]
	return g != nil && c != nil && d.removeMember(g, c)
}

func (d *Directory) removeMember(g, child *object) bool {
	if !g.holds(child) {
		return false
	}
	g.members[g.memberAt[child]].gone = true
	child.joined = join(child.joined, g, true)
	d.record(g, child, nil)
	return true
}

// AddPrincipal creates another service principal and returns its id. It can be assigned to the application and be a
// member of groups, and readers of people have to pass over it.
func (d *Directory) AddPrincipal(name string) string { return d.addOther(principalKind, name) }

// AddDevice creates a device and returns its id. It can be a member of groups.
func (d *Directory) AddDevice(name string) string { return d.addOther(deviceKind, name) }

// AddContact creates an organisational contact and returns its id. It can be a member of groups.
func (d *Directory) AddContact(name string) string { return d.addOther(contactKind, name) }

func (d *Directory) addOther(k kind, name string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.create(k, "", map[string]any{"displayName": name}).id
}

// AddRole declares an app role and returns its id. A missing id is drawn; MemberTypes nil is User. A role that is not
// Enabled stays assignable here: it is for clients to look at.
func (d *Directory) AddRole(r Role) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.addRole(r)
}

func (d *Directory) addRole(r Role) string {
	if r.ID == "" {
		r.ID = d.guid()
	}
	if r.MemberTypes == nil {
		r.MemberTypes = []string{"User"}
	}
	if r.DisplayName == "" {
		r.DisplayName = r.Value
	}
	if r.Description == "" {
		r.Description = r.DisplayName
	}
	r.Origin = "Application"
	d.roles = append(d.roles, r)
	d.app.set("appRoles", encode(d.roles))
	return r.ID
}

// Assign assigns a user, group or service principal to the application, with the all-zero default role if role is "".
// It returns the assignment's id, "" if the principal is unknown or has that role.
func (d *Directory) Assign(principal, role string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	o := d.byID[connectors.FoldID(principal)]
	if o == nil || o.life != live {
		return ""
	}
	if a := d.assign(o, role); a != nil {
		return a.id
	}
	return ""
}

func (d *Directory) assign(o *object, role string) *assignment {
	if role == "" {
		role = connectors.DefaultAccessRole
	}
	role = connectors.FoldID(role)
	if slices.ContainsFunc(o.assignments, func(a *assignment) bool { return a.role == role }) {
		return nil
	}
	a := &assignment{id: d.assignmentID(o.id), principal: o, role: role, created: d.now().UTC()}
	o.assignments = append(o.assignments, a)
	d.assignments = append(d.assignments, a)
	return a
}

// Unassign ends a principal's assignments to the application: those of the roles named, all of them if none is.
func (d *Directory) Unassign(principal string, roles ...string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	o := d.byID[connectors.FoldID(principal)]
	if o == nil {
		return false
	}
	ended := false
	for _, a := range slices.Clone(o.assignments) {
		if len(roles) == 0 || slices.Contains(roles, a.role) {
			d.unassign(a)
			ended = true
		}
	}
	return ended
}

func (d *Directory) unassign(a *assignment) {
	a.ended = true
	a.principal.assignments = slices.DeleteFunc(a.principal.assignments, func(x *assignment) bool { return x == a })
}

// User returns a live user's properties, the numbers in them as json.Number.
func (d *Directory) User(id string) (User, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	o := d.findUser(id)
	if o == nil {
		return nil, false
	}
	u := make(User, len(o.props))
	for _, p := range o.props {
		dec := json.NewDecoder(strings.NewReader(p.json))
		dec.UseNumber()
		var v any
		if dec.Decode(&v) == nil {
			u[p.name] = v
		}
	}
	return u, true
}

// Users returns the ids of the live users, in the order in which they were created.
func (d *Directory) Users() []string {
	d.mu.RLock()
	defer d.mu.RUnlock()
	ids := make([]string, 0, len(d.byKind[userKind]))
	for _, o := range d.byKind[userKind] {
		if o.life == live {
			ids = append(ids, o.id)
		}
	}
	return ids
}

// Groups returns the ids of the live groups, in the order in which they were created.
func (d *Directory) Groups() []string {
	d.mu.RLock()
	defer d.mu.RUnlock()
	var ids []string
	for _, o := range d.byKind[groupKind] {
		if o.life == live {
			ids = append(ids, o.id)
		}
	}
	return ids
}

// Members returns the ids of a group's direct members that are not deleted.
func (d *Directory) Members(group string) []string {
	d.mu.RLock()
	defer d.mu.RUnlock()
	g := d.find(groupKind, group)
	if g == nil {
		return nil
	}
	var ids []string
	for _, m := range g.members {
		if !m.gone && m.obj.life == live {
			ids = append(ids, m.obj.id)
		}
	}
	return ids
}

// Scope says which assignments count for AssignedIn.
type Scope struct {
	Nested          bool // members of nested groups count as well
	NoDefaultAccess bool // assignments with the all-zero role do not count
}

// Assigned returns what Entra's own provisioning service would take for in scope: the sorted ids of the live users
// that are assigned directly or are immediate members of an assigned group, enabled or not, before any filter.
func (d *Directory) Assigned() []string { return d.AssignedIn(Scope{}) }

// AssignedIn is Assigned under another reading of the assignments.
func (d *Directory) AssignedIn(s Scope) []string {
	d.mu.RLock()
	defer d.mu.RUnlock()
	in := make(map[*object]bool)
	for _, a := range d.assignments {
		if !a.shown() || s.NoDefaultAccess && a.role == connectors.DefaultAccessRole {
			continue
		}
		in[a.principal] = true
		if s.Nested {
			for _, o := range reach(a.principal, below, false) {
				in[o] = true
			}
			continue
		}
		for _, m := range a.principal.members {
			if !m.gone {
				in[m.obj] = true
			}
		}
	}
	var ids []string
	for o := range in {
		if o.kind == userKind && o.life == live {
			ids = append(ids, o.id)
		}
	}
	slices.Sort(ids)
	return ids
}

// below and above are the two directions in which reach follows memberships.
func below(o *object) []member { return o.members }
func above(o *object) []member { return o.joined }

// reach returns what start leads to over any number of memberships, itself left out, nearest first. With gone set it
// follows ended memberships as well: that order never changes except by insertion, so pages can be counted by it.
func reach(start *object, next func(*object) []member, gone bool) []*object {
	seen := map[*object]bool{start: true}
	var out []*object
	for i, o := -1, start; ; o = out[i] {
		if o.life == live || gone {
			for _, m := range next(o) {
				if (gone || !m.gone) && !seen[m.obj] {
					seen[m.obj] = true
					out = append(out, m.obj)
				}
			}
		}
		if i++; i == len(out) {
			return out
		}
	}
}
