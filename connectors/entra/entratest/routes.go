package entratest

import "strings"

const batchTemplate = "/$batch"

// Permissions that let a caller read each thing (Graph permissions reference, application permissions).
var (
	readUsers   = words("User.Read.All Directory.Read.All")
	readGroups  = words("Group.Read.All GroupMember.Read.All Group.ReadBasic.All Directory.Read.All")
	readMembers = words("GroupMember.Read.All GroupMember.ReadBasic.All Group.Read.All Directory.Read.All")
	readApps    = words("Application.Read.All Directory.Read.All")
	readAssigns = words("Application.Read.All Application.ReadWrite.OwnedBy Directory.Read.All")
	readAll     = words("Directory.Read.All")
	writeUsers  = words("User.ReadWrite.All Directory.ReadWrite.All")
	writeGroups = words("Group.ReadWrite.All Directory.ReadWrite.All")
	writeMember = words("GroupMember.ReadWrite.All Group.ReadWrite.All Directory.ReadWrite.All")
	writeAssign = words("AppRoleAssignment.ReadWrite.All")
)

// routeTable lists the API. Where two templates fit, the first one is taken.
func (d *Directory) routeTable() []route {
	type handler = func(*call) (answer, *failure)
	var table []route
	add := func(method, template string, units int, needs []string, serve handler) {
		path := strings.Split(strings.Trim(template, "/"), "/")
		table = append(table, route{method: method, template: template, path: path, units: units, needs: needs,
			writes: method != "GET" && template != "/directoryObjects/getByIds", serve: serve})
	}
	add("GET", "/users/delta", 1, readUsers, func(c *call) (answer, *failure) { return d.delta(c, userKind) })
	add("GET", "/users", 2, readUsers, func(c *call) (answer, *failure) { return d.listKind(c, userKind) })
	add("GET", "/users/{id}", 2, readUsers, d.getUser)
	add("GET", "/users/{id}/memberOf", 2, readMembers, func(c *call) (answer, *failure) { return d.memberOf(c, false) })
	add("GET", "/users/{id}/transitiveMemberOf", 2, readMembers, func(c *call) (answer, *failure) { return d.memberOf(c, true) })
	add("GET", "/users/{id}/appRoleAssignments", 2, readAll, func(c *call) (answer, *failure) { return d.assignmentsOf(c, userKind) })
	add("POST", "/users", 1, writeUsers, d.postUser)
	add("PATCH", "/users/{id}", 1, writeUsers, d.patchUser)
	add("DELETE", "/users/{id}", 1, writeUsers, d.deleteUser)

	add("GET", "/groups/delta", 1, readGroups, func(c *call) (answer, *failure) { return d.delta(c, groupKind) })
	add("GET", "/groups", 1, readGroups, func(c *call) (answer, *failure) { return d.listKind(c, groupKind) })
	add("GET", "/groups/{id}", 1, readGroups, d.getGroup)
	for _, cast := range []string{"", "/microsoft.graph.user", "/microsoft.graph.group"} {
		add("GET", "/groups/{id}/members"+cast, 3, readMembers, func(c *call) (answer, *failure) { return d.membersOf(c, false, cast) })
		add("GET", "/groups/{id}/transitiveMembers"+cast, 5, readMembers, func(c *call) (answer, *failure) { return d.membersOf(c, true, cast) })
	}
	add("GET", "/groups/{id}/appRoleAssignments", 1, readAll, func(c *call) (answer, *failure) { return d.assignmentsOf(c, groupKind) })
	add("POST", "/groups", 1, writeGroups, d.postGroup)
	add("PATCH", "/groups/{id}", 1, writeGroups, d.patchGroup)
	add("DELETE", "/groups/{id}", 1, writeGroups, d.removeGroup)
	add("POST", "/groups/{id}/members/$ref", 1, writeMember, d.postMember)
	add("DELETE", "/groups/{id}/members/{id}/$ref", 1, writeMember, d.deleteMember)

	add("GET", "/servicePrincipals", 1, readApps, func(c *call) (answer, *failure) { return d.listKind(c, principalKind) })
	add("GET", "/servicePrincipals/{id}", 1, readApps, d.getPrincipal)
	add("GET", "/servicePrincipals/{id}/appRoleAssignedTo", 1, readAssigns, d.assignedTo)
	add("POST", "/servicePrincipals/{id}/appRoleAssignedTo", 1, writeAssign, d.postAssignment)
	add("DELETE", "/servicePrincipals/{id}/appRoleAssignedTo/{id}", 1, writeAssign, d.deleteAssignment)

	add("POST", "/directoryObjects/getByIds", 5, readAll, d.getByIDs)
	add("GET", "/directory/deletedItems/microsoft.graph.user", 1, readUsers, func(c *call) (answer, *failure) { return d.listDeleted(c, userKind) })
	add("GET", "/directory/deletedItems/microsoft.graph.group", 1, readGroups, func(c *call) (answer, *failure) { return d.listDeleted(c, groupKind) })
	add("GET", "/directory/deletedItems/{id}", 1, readUsers, func(c *call) (answer, *failure) { return d.getDeleted(c, "") })
	add("GET", "/directory/deletedItems/{id}/microsoft.graph.user", 1, readUsers, func(c *call) (answer, *failure) { return d.getDeleted(c, "user") })
	add("POST", "/directory/deletedItems/{id}/restore", 1, writeUsers, d.postRestore)
	add("DELETE", "/directory/deletedItems/{id}", 1, writeUsers, d.purge)

	add("POST", batchTemplate, 0, nil, d.batch)
	return table
}
