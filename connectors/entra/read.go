package entra

import (
	"context"
	"fmt"

	"ringsync/connectors"
)

// Full reads everything: the application, who is assigned to it, the members of assigned groups with their attributes,
// the directly assigned; or with scope all every user. It ends with a mark for Changes.
//
// Nobody who moves while it reads is lost. Delta chains are opened before anything is read and consumed after, so what
// changes in between is seen late rather than never. Assignments have no delta; they are listed once more after the
// chains, because someone who is moved from a group to the application by name in between would else be in neither, and
// who is moved the other way is found by the question that is asked about them alone (Standing), which knows groups and
// not assignments. Groups that the second list brings are read, and then the same is done again, three times at most.
//
// A group that cannot be read is Incomplete and left out of the mark, so that Changes tries again. Errors:
// FaultConfig, FaultCredentials, FaultPermission (naming it), FaultUnavailable.
func (c *Client) Full(ctx context.Context, sink connectors.Sink) error {
	r, err := c.begin(ctx, sink)
	if err != nil {
		return err
	}
	r.follow, r.relists = !c.opts.ScopeAll, true
	r.defaultAccess = IncludeDefaultAccess(c.opts.DefaultAccess, r.app.Roles)
	if c.opts.ScopeAll {
		return r.everyUser(ctx)
	}
	if err := r.listAssignments(ctx, false); err != nil {
		return err
	}
	if r.users, err = c.users(ctx, c.usersFrom(true), func([]object) error { return nil }); err != nil {
		return err
	}
	if err := r.readFound(ctx); err != nil {
		return err
	}
	if err := r.readWanted(ctx); err != nil {
		return err
	}
	return r.settle(ctx)
}

// settle consumes and lists until no group is new, reads whom that has brought into sight, and emits the mark.
func (r *reading) settle(ctx context.Context) error {
	const rounds = 3
	for range rounds {
		if err := r.consume(ctx); err != nil {
			return err
		}
		if err := r.listAssignments(ctx, true); err != nil {
			return err
		}
		if len(r.found) == 0 {
			break
		}
		if err := r.readFound(ctx); err != nil {
			return err
		}
	}
	if err := r.readWanted(ctx); err != nil {
		return err
	}
	return r.mark()
}

// everyUser is the full read of scope all: the users chain from its beginning. Assignments matter only if they are
// mapped.
func (r *reading) everyUser(ctx context.Context) (err error) {
	if r.c.sel.roles {
		if err := r.listAssignments(ctx, false); err != nil {
			return err
		}
	} else {
		r.seen = nil
	}
	if r.users, err = r.c.users(ctx, r.c.usersFrom(false), r.userChanges); err != nil {
		return err
	}
	if err := r.readWanted(ctx); err != nil {
		return err
	}
	if err := r.sink.Complete(connectors.EveryUser); err != nil {
		return err
	}
	if !r.c.sel.roles {
		return r.mark()
	}
	if err := r.readFound(ctx); err != nil {
		return err
	}
	return r.settle(ctx)
}

// Changes reads what has changed since the mark: the assignments (listed anew), memberships and people from the chains,
// whole groups that are new. People who come into scope in a group already known are named by an edge only; whoever has
// no row of them asks People. Errors: as Full, and FaultResync when the mark is no longer honoured or belongs to other
// settings.
//
// Chains come before the list of assignments for the reason given at Full.
func (c *Client) Changes(ctx context.Context, stored []byte, sink connectors.Sink) error {
	m, err := c.decodeMark(stored)
	if err != nil {
		return err
	}
	r, err := c.begin(ctx, sink)
	if err != nil {
		return err
	}
	if r.app.ID != m.App {
		return &connectors.Error{Fault: connectors.FaultResync, Op: "read changes",
			Detail: "the enterprise application was removed and added again"}
	}
	r.resume(m)
	fresh, err := r.compact(ctx)
	if err != nil {
		return err
	}
	if err := r.consume(ctx); err != nil {
		return err
	}
	if fresh != nil {
		r.chains = fresh
	}
	if !c.opts.ScopeAll || c.sel.roles {
		if err := r.listAssignments(ctx, true); err != nil {
			return err
		}
	}
	if err := r.readFound(ctx); err != nil {
		return err
	}
	if err := r.readWanted(ctx); err != nil {
		return err
	}
	return r.mark()
}

// resume takes over what the mark says.
func (r *reading) resume(m mark) {
	r.stored, r.users, r.chains = true, m.Users, m.Chains
	for _, ch := range m.Chains {
		for _, id := range ch.Groups {
			r.groups[id] = true
		}
	}
	for _, id := range m.Unread {
		r.find(id)
	}
	switch r.c.opts.DefaultAccess {
	case AccessAuto:
		r.defaultAccess = m.DefaultAccess
		if now := IncludeDefaultAccess(AccessAuto, r.app.Roles); now != m.DefaultAccess {
			r.c.log.Warn("the application's roles have changed so that default_access: auto would now mean something else; "+
				"what it meant is kept until the next full cycle. Set include or exclude to decide it",
				"now", accessName(now), "kept", accessName(m.DefaultAccess))
		}
	default:
		r.defaultAccess = r.c.opts.DefaultAccess == AccessInclude
	}
}

func accessName(include bool) string {
	if include {
		return AccessInclude
	}
	return AccessExclude
}

// compact opens new chains, full ones, when groups that came one by one have left too many short ones. It goes before the
// old ones are consumed, so that nothing falls between; what both carry is emitted twice. nil: there was no need.
func (r *reading) compact(ctx context.Context) ([]chain, error) {
	const slack = 4
	groups := r.followed()
	if len(r.chains) <= (len(groups)+groupsPerChain-1)/groupsPerChain+slack {
		return nil, nil
	}
	fresh, err := r.c.openGroups(ctx, groups)
	if err != nil {
		return nil, fmt.Errorf("join chains: %w", err)
	}
	return fresh, nil
}

// begin looks up the application and emits it.
func (c *Client) begin(ctx context.Context, sink connectors.Sink) (*reading, error) {
	app, err := c.application(ctx)
	if err != nil {
		return nil, err
	}
	app.DefaultAccess = IncludeDefaultAccess(AccessAuto, app.Roles)
	r := &reading{c: c, sink: sink, app: app, seen: connectors.NewCrowd(), limited: map[string]struct{}{}, assigned: newRoster(), groups: map[string]bool{}}
	return r, sink.App(app)
}
