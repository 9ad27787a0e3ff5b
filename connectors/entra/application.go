package entra

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"

	"ringsync/connectors"
)

// servicePrincipal is what counts of a servicePrincipal (Graph resource).
type servicePrincipal struct {
	ID          string `json:"id"`
	AppID       string `json:"appId"`
	DisplayName string `json:"displayName"`
	Roles       []struct {
		ID          string   `json:"id"`
		Value       string   `json:"value"`
		DisplayName string   `json:"displayName"`
		Enabled     bool     `json:"isEnabled"`
		Members     []string `json:"allowedMemberTypes"`
	} `json:"appRoles"`
}

// application looks up the enterprise application. Errors: FaultConfig if the tenant has none of that id.
func (c *Client) application(ctx context.Context) (connectors.App, error) {
	q := query{
		op:         "find the enterprise application " + c.opts.App,
		permission: permApps,
		template:   "/servicePrincipals(appId='{app}')?$select=id,appId,displayName,appRoles",
		params:     map[string]string{"app": c.opts.App},
	}
	sp, err := fetch(ctx, c, q, func(body []byte) (sp servicePrincipal, err error) {
		if err = json.Unmarshal(body, &sp); err == nil && sp.ID == "" {
			err = errors.New("a service principal without an id")
		}
		return sp, err
	})
	if e := refused(err, http.StatusNotFound, http.StatusBadRequest); e != nil { // 400: the id is no GUID
		return connectors.App{}, &connectors.Error{Fault: connectors.FaultConfig, Status: e.Status, Code: e.Code,
			Op:     "no enterprise application with application id " + c.opts.App + " in tenant " + c.opts.Tenant,
			Remedy: "Take the Application (client) ID, not the object id, from the application's overview in Entra"}
	}
	if err != nil {
		return connectors.App{}, err
	}
	app := connectors.App{ID: connectors.FoldID(sp.ID), AppID: sp.AppID, DisplayName: sp.DisplayName, TenantID: c.opts.Tenant}
	for _, r := range sp.Roles {
		app.Roles = append(app.Roles, connectors.AppRole{ID: connectors.FoldID(r.ID), Value: r.Value, DisplayName: r.DisplayName,
			Enabled: r.Enabled, ForUsers: slices.Contains(r.Members, "User")})
	}
	return app, nil
}

// IncludeDefaultAccess resolves Options.DefaultAccess against the application's roles: whether people count who are
// assigned with no specific role ("Default Access", the all-zero appRoleId). With auto they count unless the application
// declares an enabled role that users can be given: then Default Access meant "not effectively entitled" to Entra until
// 2020. A job that must not change its mind when roles are added later passes include or exclude from then on.
func IncludeDefaultAccess(setting string, roles []connectors.AppRole) bool {
	switch setting {
	case AccessInclude:
		return true
	case AccessExclude:
		return false
	}
	return !slices.ContainsFunc(roles, func(r connectors.AppRole) bool {
		return r.Enabled && r.ForUsers && r.ID != connectors.DefaultAccessRole
	})
}

// assignments hands each assignment of a user or group to take and returns how many with Default Access it left out.
// Client service principals are nobody. There is no delta of assignments, and the type is not a property that the
// service can filter by.
func (c *Client) assignments(ctx context.Context, app connectors.App, defaultAccess bool, take func(connectors.Edge) error) (leftOut int, err error) {
	err = c.everyAssignment(ctx, app, func(a assignment) error {
		if a.Type != principalGroup && a.Type != principalUser {
			return nil
		}
		edge := connectors.Edge{Child: connectors.FoldID(a.Principal), Parent: app.ID, Role: connectors.FoldID(a.Role),
			Group: a.Type == principalGroup, Present: true}
		if edge.Role == connectors.DefaultAccessRole && !defaultAccess {
			leftOut++
			return nil
		}
		return take(edge)
	})
	return leftOut, err
}

// everyAssignment reads appRoleAssignedTo in pages of 999: without $top the service has been seen to leave rows out.
func (c *Client) everyAssignment(ctx context.Context, app connectors.App, take func(assignment) error) error {
	q := query{
		op:         "list assignments of " + app.DisplayName,
		permission: permApps,
		template:   "/servicePrincipals/{id}/appRoleAssignedTo?$top=999",
		params:     map[string]string{"id": app.ID},
	}
	// The next page is on its way while the rows of one are taken.
	list := func(ctx context.Context, q query, emit func(assignmentPage) error) error {
		return walk(ctx, c, q, assignments, emit)
	}
	return gather(ctx, 1, []query{q}, list, func(p assignmentPage) error {
		for _, a := range p.rows {
			if err := take(a); err != nil {
				return err
			}
		}
		return nil
	})
}
