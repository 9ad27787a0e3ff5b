package entratest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"ringsync/connectors"
)

// The write operations exist so that a person can change the directory as they would change a real one. They ask for
// what Graph asks for.

var noContent = answer{status: http.StatusNoContent}

// properties reads a body of properties of k and checks that they exist, can be written and are of the right type.
func properties(c *call, k kind) (map[string]any, *failure) {
	var in map[string]any
	if f := decodeBody(c, &in); f != nil {
		return nil, f
	}
	for name, v := range in {
		if strings.HasPrefix(name, "@") {
			delete(in, name)
			continue
		}
		t, known := k.lookup(name)
		switch {
		case !known:
			return nil, badRequest("Invalid property '%s'.", name)
		case t&readOnly != 0:
			return nil, badRequest("Property '%s' is read-only and cannot be set.", name)
		case !fits(t, v):
			f := badRequest("Invalid value specified for property '%s' of resource '%s'.", name, entities[k].typeName)
			f.details = []errorDetail{{Code: "InvalidValue", Message: f.message, Target: name}}
			return nil, f
		}
	}
	return in, nil
}

func fits(t trait, v any) bool {
	switch x := v.(type) {
	case nil:
		return t&(boolean|collection) == 0
	case bool:
		return t&boolean != 0
	case []any:
		return t&collection != 0
	case string, json.Number:
		return t&(boolean|collection) == 0
	default:
		_, object := x.(map[string]any)
		return object && t&(boolean|collection) == 0
	}
}

// require refuses a body without one of the properties.
func require(in map[string]any, k kind, names ...string) *failure {
	for _, name := range names {
		if v, ok := in[name]; !ok || v == nil || v == "" {
			return badRequest("A value is required for property '%s' of resource '%s'.", name, entities[k].typeName)
		}
	}
	return nil
}

func taken(property string) *failure {
	f := badRequest("Another object with the same value for property %s already exists.", property)
	f.details = []errorDetail{{Code: "ObjectConflict", Message: f.message, Target: property}}
	return f
}

func (d *Directory) postUser(c *call) (answer, *failure) {
	in, f := properties(c, userKind)
	if f != nil {
		return answer{}, f
	}
	if f := require(in, userKind, "accountEnabled", "displayName", "mailNickname", "userPrincipalName", "passwordProfile"); f != nil {
		return answer{}, f
	}
	if upn, _ := in["userPrincipalName"].(string); strings.Count(upn, "@") != 1 {
		return answer{}, badRequest("Property userPrincipalName is invalid.")
	}
	delete(in, "passwordProfile") // never shown again
	o := d.addUser(in)
	if o == nil {
		return answer{}, taken("userPrincipalName")
	}
	row := o.row(nil, entities[userKind].byDefault, false, false)
	return entityAnswer(c, http.StatusCreated, "users/$entity", row), nil
}

func (d *Directory) patchUser(c *call) (answer, *failure) {
	o := d.findUser(c.vars[0])
	if o == nil {
		return answer{}, notFound(c.vars[0])
	}
	in, f := properties(c, userKind)
	if f != nil {
		return answer{}, f
	}
	delete(in, "passwordProfile")
	if upn, ok := in["userPrincipalName"]; ok {
		if s, _ := upn.(string); strings.Count(s, "@") != 1 {
			return answer{}, badRequest("Property userPrincipalName is invalid.")
		}
	}
	if !d.update(o, in) {
		return answer{}, taken("userPrincipalName")
	}
	return noContent, nil
}

func (d *Directory) deleteUser(c *call) (answer, *failure) {
	o := d.findUser(c.vars[0])
	if o == nil {
		return answer{}, notFound(c.vars[0])
	}
	d.softDelete(o)
	return noContent, nil
}

func (d *Directory) postRestore(c *call) (answer, *failure) {
	o, f := d.deletedItem(c.vars[0], "")
	if f != nil {
		return answer{}, f
	}
	if !d.restore(o) {
		return answer{}, taken("userPrincipalName")
	}
	row := o.row(nil, entities[o.kind].byDefault, true, false)
	return entityAnswer(c, http.StatusOK, "directoryObjects/$entity", row), nil
}

func (d *Directory) purge(c *call) (answer, *failure) {
	o, f := d.deletedItem(c.vars[0], "")
	if f != nil {
		return answer{}, f
	}
	d.hardDelete(o)
	return noContent, nil
}

func (d *Directory) postGroup(c *call) (answer, *failure) {
	in, f := properties(c, groupKind)
	if f != nil {
		return answer{}, f
	}
	if f := require(in, groupKind, "displayName", "mailEnabled", "mailNickname", "securityEnabled"); f != nil {
		return answer{}, f
	}
	g := d.addGroup("", in)
	return entityAnswer(c, http.StatusCreated, "groups/$entity", g.row(nil, entities[groupKind].byDefault, false, false)), nil
}

func (d *Directory) patchGroup(c *call) (answer, *failure) {
	g := d.find(groupKind, c.vars[0])
	if g == nil {
		return answer{}, notFound(c.vars[0])
	}
	in, f := properties(c, groupKind)
	if f != nil {
		return answer{}, f
	}
	d.update(g, in)
	return noContent, nil
}

func (d *Directory) removeGroup(c *call) (answer, *failure) {
	g := d.find(groupKind, c.vars[0])
	if g == nil {
		return answer{}, notFound(c.vars[0])
	}
	d.deleteGroup(g)
	return noContent, nil
}

func (d *Directory) postMember(c *call) (answer, *failure) {
	g := d.find(groupKind, c.vars[0])
	if g == nil {
		return answer{}, notFound(c.vars[0])
	}
	var in struct {
		ID string `json:"@odata.id"`
	}
	if f := decodeBody(c, &in); f != nil {
		return answer{}, f
	}
	id := in.ID[strings.LastIndexByte(in.ID, '/')+1:]
	o := d.byID[connectors.FoldID(id)]
	switch {
	case id == "":
		return answer{}, badRequest("A value is required for property '@odata.id'.")
	case o == nil || o.life != live:
		return answer{}, notFound(id)
	case !d.addMember(g, o):
		return answer{}, badRequest("One or more added object references already exist for the following modified properties: 'members'.")
	}
	return noContent, nil
}

func (d *Directory) deleteMember(c *call) (answer, *failure) {
	g, o := d.find(groupKind, c.vars[0]), d.byID[connectors.FoldID(c.vars[1])]
	if g == nil {
		return answer{}, notFound(c.vars[0])
	}
	if o == nil || !d.removeMember(g, o) {
		return answer{}, notFound(c.vars[1])
	}
	return noContent, nil
}

func (d *Directory) postAssignment(c *call) (answer, *failure) {
	app, f := d.principal(c.vars[0])
	if f != nil {
		return answer{}, f
	}
	var in struct {
		PrincipalID string `json:"principalId"`
		ResourceID  string `json:"resourceId"`
		AppRoleID   string `json:"appRoleId"`
	}
	if f := decodeBody(c, &in); f != nil {
		return answer{}, f
	}
	o := d.byID[connectors.FoldID(in.PrincipalID)]
	role := connectors.FoldID(in.AppRoleID)
	switch {
	case o == nil || o.life != live || o.kind > principalKind:
		return answer{}, notFound(in.PrincipalID)
	case app != d.app || connectors.FoldID(in.ResourceID) != app.id:
		return answer{}, badRequest("Property resourceId must be the id of the service principal in the URL.")
	case role != connectors.DefaultAccessRole && !slices.ContainsFunc(d.roles, func(r Role) bool { return connectors.FoldID(r.ID) == role }):
		return answer{}, badRequest("Permission being assigned was not found on application '%s'.", d.options.App)
	}
	a := d.assign(o, role)
	if a == nil {
		f := badRequest("Permission being assigned already exists on the object")
		f.details = []errorDetail{{Code: "InvalidUpdate", Message: f.message, Target: ""}}
		return answer{}, f
	}
	context := "servicePrincipals('" + app.id + "')/appRoleAssignedTo/$entity"
	return entityAnswer(c, http.StatusCreated, context, a.row(nil, assignmentFields, app)), nil
}

func (d *Directory) deleteAssignment(c *call) (answer, *failure) {
	if _, f := d.principal(c.vars[0]); f != nil {
		return answer{}, f
	}
	i := slices.IndexFunc(d.assignments, func(a *assignment) bool { return a.id == c.vars[1] && !a.ended })
	if i < 0 {
		return answer{}, notFound(c.vars[1])
	}
	d.unassign(d.assignments[i])
	return noContent, nil
}
