package entra

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"ringsync/connectors"
)

// Report is what a test of the connection found.
type Report struct {
	App connectors.App
	// DefaultAccess tells whether people with Default Access count, and LeftOut how many assignments do not.
	DefaultAccess bool
	LeftOut       int
	// Users, Groups and ServicePrincipals are the assignments by type, those left out included.
	Users, Groups, ServicePrincipals int
	TokenRoles                       []string // permissions that the token claims; nil if it cannot be read
	Permissions                      []Permission
	ClockSkew                        time.Duration // the service's clock less ours
	CredentialEnds                   time.Time     // of a certificate; zero for what does not say when it ends
	Requests                         int64
}

// Permission is what is known of one application permission of Microsoft Graph.
type Permission struct {
	Name     string
	State    PermissionState
	Optional bool
	Why      string // what proved it, or what the lack of it means
}

// PermissionState is whether a permission is there.
type PermissionState string

// The states of a permission.
const (
	Proved   PermissionState = "proved"   // a request that needs it succeeded, or the token claims it
	Missing  PermissionState = "missing"  // a request that needs it was refused
	Unproven PermissionState = "unproven" // there was nothing to try it on
)

// Check tests the connection with a handful of reads. The report holds what was found until the error, if any: bad
// credentials, an unknown tenant or application, no answer. A missing permission is in the report and not an error.
func (c *Client) Check(ctx context.Context) (Report, error) {
	r := Report{App: connectors.App{AppID: c.opts.App, TenantID: c.opts.Tenant}, CredentialEnds: c.CredentialEnds()}
	token, err := c.token.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{c.scope}})
	if err != nil {
		return r, err
	}
	r.TokenRoles = tokenRoles(token.Token)
	group, err := c.checkApp(ctx, &r)
	if err == nil {
		err = c.checkUsers(ctx, &r)
	}
	if err == nil {
		err = c.checkGroups(ctx, &r, group)
	}
	if err == nil {
		r.settle(Permission{Name: permObjects, Optional: true, State: Unproven, Why: "people are read in batches of 300 without it, of 1,000 with it"})
	}
	if last := c.transport.last.Load(); last != nil {
		r.ClockSkew = last.service.Sub(last.ours).Round(time.Second)
	}
	r.Requests = c.Requests()
	return r, err
}

// CredentialEnds returns when the credential stops working for good, the zero time if it does not say.
func (c *Client) CredentialEnds() time.Time { return credentialEnds(c.token) }

// Time returns what the service's clock shows, by the Date of its last answer and what has passed since; false before
// there was one. Whoever sets this machine's clock does not change it.
func (c *Client) Time() (now time.Time, known bool) {
	last := c.transport.last.Load()
	if last == nil {
		return time.Time{}, false
	}
	return last.now(), true
}

// Requests returns how many requests have been sent, repeats included.
func (c *Client) Requests() int64 { return c.transport.sent.Load() }

// try files a permission under what a request that needs it came to. Errors other than a refusal are returned.
func (r *Report) try(name, what string, err error) error {
	switch {
	case err == nil:
		r.Permissions = append(r.Permissions, Permission{Name: name, State: Proved, Why: what})
		return nil
	case connectors.FaultOf(err) == connectors.FaultPermission:
		r.Permissions = append(r.Permissions, Permission{Name: name, State: Missing, Why: err.Error()})
		return nil
	}
	return err
}

// settle files a permission that nothing was tried on, proved if the token claims it.
func (r *Report) settle(p Permission) {
	if slices.Contains(r.TokenRoles, p.Name) {
		p.State, p.Why = Proved, "the token claims it"
	}
	r.Permissions = append(r.Permissions, p)
}

// checkApp looks up application and assignments and returns an assigned group, "" if there is none.
func (c *Client) checkApp(ctx context.Context, r *Report) (group string, err error) {
	app, err := c.application(ctx)
	if err != nil {
		return "", r.try(permApps, "", err)
	}
	r.App = app
	r.DefaultAccess = IncludeDefaultAccess(c.opts.DefaultAccess, app.Roles)
	err = c.everyAssignment(ctx, app, func(a assignment) error {
		switch a.Type {
		case principalUser:
			r.Users++
		case principalGroup:
			r.Groups++
			group = a.Principal
		default:
			r.ServicePrincipals++
			return nil
		}
		if a.Role == connectors.DefaultAccessRole && !r.DefaultAccess {
			r.LeftOut++
		}
		return nil
	})
	return group, r.try(permApps, "application and assignments were read", err)
}

// checkUsers reads one user, which shows whether attributes come, and opens a users delta.
func (c *Client) checkUsers(ctx context.Context, r *Report) error {
	q := query{op: "read a user", permission: permUsers, template: "/users?$top=1&$select={select}",
		params: map[string]string{"select": c.sel.query}}
	page, err := fetch(ctx, c, q, c.sel.objects)
	if err == nil {
		_, err = wholeRows(q.op, page.objects)
	}
	if err == nil {
		_, err = c.users(ctx, c.usersFrom(true), func([]object) error { return nil })
	}
	return r.try(permUsers, "a user and the changes of users were read", err)
}

// checkGroups reads a group's members and opens its delta.
func (c *Client) checkGroups(ctx context.Context, r *Report, group string) error {
	if group == "" {
		r.settle(Permission{Name: permGroups, State: Unproven, Why: "no group is assigned"})
		return nil
	}
	q := query{op: "read members of group " + group, permission: permGroups, template: "/groups/{id}/members?$top=1&$select=id",
		params: map[string]string{"id": group}}
	_, err := fetch(ctx, c, q, list[idPage])
	if err == nil {
		_, err = c.openGroups(ctx, []string{group})
	}
	if e, ok := errors.AsType[*connectors.Error](err); ok && e.Fault == connectors.FaultNotFound {
		r.settle(Permission{Name: permGroups, State: Unproven, Why: "the assigned group " + group + " does not exist any more"})
		return nil
	}
	return r.try(permGroups, "members of an assigned group and its changes were read", err)
}

// tokenRoles reads the roles claim of an access token without verifying it: it is for people to look at. nil if the
// token is no JSON Web Token (RFC 7519).
func tokenRoles(token string) []string {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return nil
	}
	var claims struct {
		Roles []string `json:"roles"`
	}
	if json.Unmarshal(payload, &claims) != nil {
		return nil
	}
	return claims.Roles
}
