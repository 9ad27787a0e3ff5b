package entra

import (
	"context"

	"ringsync/connectors"
)

// Assignments reads the application and who is assigned to it, and nothing of those people and groups: App, an Edge for
// each assignment, and Complete. With scope all it is the App alone, unless roles are mapped. What Default Access means
// is the mark's to say, and without one that holds, the rule's. Errors: as Full.
func (c *Client) Assignments(ctx context.Context, stored []byte, sink connectors.Sink) error {
	r, err := c.begin(ctx, sink)
	if err != nil {
		return err
	}
	if c.opts.ScopeAll && !c.sel.roles {
		return nil
	}
	r.defaultAccess = IncludeDefaultAccess(c.opts.DefaultAccess, r.app.Roles)
	if m, err := c.decodeMark(stored); err == nil {
		r.resume(m)
	}
	return r.listAssignments(ctx, true)
}

// Members reads the members of these groups: a Row and an Edge for each, groups among them if nested groups are
// followed, and Complete or Incomplete for every group. Errors: as Full.
func (c *Client) Members(ctx context.Context, groups []string, sink connectors.Sink) error {
	r := &reading{c: c, sink: sink, limited: map[string]struct{}{}, groups: map[string]bool{}}
	return gather(ctx, c.opts.PageConcurrency, groups, c.members, r.member)
}
