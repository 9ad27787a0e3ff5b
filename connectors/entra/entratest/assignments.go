package entratest

import (
	"net/http"
	"slices"
	"strings"
)

// assignmentFields are an appRoleAssignment's properties in the order in which Graph writes them.
var assignmentFields = words(`id deletedDateTime appRoleId createdDateTime principalDisplayName principalId principalType
	resourceDisplayName resourceId`)

// row appends the assignment as a JSON object.
func (a *assignment) row(b []byte, sel []string, app *object) []byte {
	b = append(b, '{')
	start := len(b)
	for _, name := range sel {
		b = appendField(b, start, name, a.field(name, app))
	}
	return append(b, '}')
}

func (a *assignment) field(name string, app *object) string {
	switch name {
	case "id":
		return encode(a.id)
	case "appRoleId":
		return encode(a.role)
	case "createdDateTime":
		return encode(sevenDigits(a.created))
	case "principalDisplayName":
		return jsonOrNull(a.principal, "displayName")
	case "principalId":
		return encode(a.principal.id)
	case "principalType":
		t := entities[a.principal.kind].typeName
		return encode(strings.ToUpper(t[:1]) + t[1:])
	case "resourceDisplayName":
		return jsonOrNull(app, "displayName")
	case "resourceId":
		return encode(app.id)
	default:
		return "null"
	}
}

func jsonOrNull(o *object, name string) string {
	if raw, ok := o.get(name); ok {
		return raw
	}
	return "null"
}

// assignmentSelect parses $select on appRoleAssignment.
func assignmentSelect(c *call) ([]string, *failure) {
	if c.query.Get("$select") == "" {
		return nil, nil
	}
	var sel []string
	for name := range strings.SplitSeq(c.query.Get("$select"), ",") {
		if name = strings.TrimSpace(name); !slices.Contains(assignmentFields, name) {
			return nil, fail(http.StatusBadRequest, "BadRequest",
				"Parsing OData Select and Expand failed: Could not find a property named '%s' on type 'microsoft.graph.appRoleAssignment'.", name)
		}
		sel = append(sel, name)
	}
	return sel, nil
}

// assignmentFilter returns the test that $filter stands for. Only principalDisplayName (eq, startswith) and resourceId
// (eq) can be filtered by (Graph resource appRoleAssignment).
func (d *Directory) assignmentFilter(c *call) (func(*assignment) bool, *failure) {
	raw := c.query.Get("$filter")
	if raw == "" {
		return func(*assignment) bool { return true }, nil
	}
	clauses, f := parseFilter(raw, mostClauses, func(p string, prefix bool) bool {
		return p == "principalDisplayName" || p == "resourceId" && !prefix
	})
	if f != nil {
		return nil, f
	}
	return func(a *assignment) bool {
		return slices.ContainsFunc(clauses, func(cl clause) bool { return cl.matches(a.field(cl.property, d.app)) })
	}, nil
}

// assignedTo serves appRoleAssignedTo. Without $top a single page comes and the rest is lost, as people have
// reported; with it, pages follow.
func (d *Directory) assignedTo(c *call) (answer, *failure) {
	o, f := d.principal(c.vars[0])
	if f != nil {
		return answer{}, f
	}
	var all []*assignment // no other application has any
	if o == d.app {
		all = d.assignments
	}
	return d.listAssignments(c, all, "servicePrincipals('"+o.id+"')/appRoleAssignedTo", !c.query.Has("$top"))
}

// assignmentsOf serves appRoleAssignments of a user or group.
func (d *Directory) assignmentsOf(c *call, k kind) (answer, *failure) {
	o := d.find(k, c.vars[0])
	if k == userKind {
		o = d.findUser(c.vars[0])
	}
	if o == nil {
		return answer{}, notFound(c.vars[0])
	}
	return d.listAssignments(c, o.assignments, entities[k].set+"('"+o.id+"')/appRoleAssignments", false)
}

func (d *Directory) listAssignments(c *call, all []*assignment, context string, silent bool) (answer, *failure) {
	if f := c.collectionOptions("$filter"); f != nil {
		return answer{}, f
	}
	sel, f := assignmentSelect(c)
	if f != nil {
		return answer{}, f
	}
	match, f := d.assignmentFilter(c)
	if f != nil {
		return answer{}, f
	}
	fields := sel
	if sel == nil {
		fields = assignmentFields
	}
	return d.page(c, listing{
		n:       len(all),
		show:    func(i int) bool { return all[i].shown() && match(all[i]) },
		emit:    func(b []byte, i int) []byte { return all[i].row(b, fields, d.app) },
		context: selected(context, sel),
		chain:   hashOf(context, c.query.Get("$filter")),
		counted: c.eventual(),
		silent:  silent,
	})
}
