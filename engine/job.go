package engine

import (
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"ringsync/connectors"
	"ringsync/engine/plan"
	"ringsync/mapping"
	"ringsync/state"
)

// Options is a job as configured.
type Options struct {
	Name         string
	Slots        *connectors.Slots // source slots, as the source fills them
	Mapping      *mapping.Mapping
	ScopeAll     bool // everybody in the tenant, not only those assigned
	NestedGroups bool // groups within assigned groups count too
	// AutoDefaultAccess: the source's rule decides whether Default Access counts; see DefaultAccess.
	AutoDefaultAccess bool
	Policy            plan.Policy
	Guard             Guard
	Thresholds        Thresholds // of the quarantine; zero for none
	// Concurrency is the number of people in flight at the target at most.
	Concurrency int
	// AuditShare is the part of the target's read limit that a served job spends on reading accounts whole, 0 to 1; see
	// Job.audit.
	AuditShare float64
	// RetryBase is the wait before the first retry in place; it doubles each time. 0 means 2 s.
	RetryBase time.Duration
	// Logbook says how the provisioning log is kept.
	Logbook LogOptions
	Logger  *slog.Logger
	Now     func() time.Time
	// Serving, if not nil, is called when Serve has begun and takes requests.
	Serving func()
}

// Job is one job at work. It is not to be used by two cycles at a time.
type Job struct {
	Options
	store  *state.Store
	source Source
	target *connectors.Slots // target slots
	roles  int               // source slot of appRoleAssignments, -1 if not mapped
	// matchNames are the matching attributes, in their order.
	matchNames []string
	directRoom int // bytes; see direct.go
	progress   progress
	// reading is held while a cycle reads and decides: what Restart forgets meanwhile, the end of the cycle would put
	// back.
	reading lock
	cycle   string // id of the cycle that has the lock, or had it last
	journal *journal
	service atomic.Pointer[service] // nil unless Serve is at work
}

// New returns a job over the store, which must have been bound to the job's source and target.
func New(store *state.Store, source Source, o Options) *Job {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Concurrency = max(1, o.Concurrency)
	if o.RetryBase <= 0 {
		o.RetryBase = 2 * time.Second
	}
	o.Policy.Attributes = o.Mapping.Attributes()
	o.Policy.Matching = o.Mapping.Matching()
	j := &Job{Options: o, store: store, source: source, target: o.Mapping.Target(), roles: -1, reading: newLock(), journal: newJournal()}
	j.matchNames = MatchingNames(o.Mapping)
	j.directRoom = mostDirect
	if slot, ok := o.Slots.Index(connectors.AttrAppRoleAssignments); ok {
		j.roles = slot
	}
	return j
}

// lock is a mutex that whoever waits for can give up waiting for: what it guards takes minutes.
type lock chan struct{}

func newLock() lock { return make(lock, 1) }

// take waits for the lock until ctx ends.
func (l lock) take(ctx context.Context) error {
	select {
	case l <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l lock) release() { <-l }

// MatchingNames returns the target attributes by which m matches people, in their order.
func MatchingNames(m *mapping.Mapping) []string {
	var names []string
	for _, slot := range m.Matching() {
		names = append(names, m.Target().Names()[slot])
	}
	return names
}

// Phase is what a cycle is busy with.
type Phase int32

// The phases, in their order.
const (
	PhaseIdle Phase = iota
	PhaseRead
	PhaseDecide
	PhaseExport
)

func (p Phase) String() string { return [...]string{"idle", "reading", "deciding", "exporting"}[p] }

// Progress is how far a cycle has come. Read it at any time.
type Progress struct {
	Phase    Phase
	Read     int64 // people read from the source
	Listed   int64 // accounts read from the target
	Queued   int64 // people in the outbox when exporting began, and since
	Exported int64 // of those, dealt with
}

type progress struct {
	phase                          atomic.Int32
	read, listed, queued, exported atomic.Int64
}

// Progress returns how far the running cycle has come.
func (j *Job) Progress() Progress {
	p := &j.progress
	return Progress{
		Phase: Phase(p.phase.Load()), Read: p.read.Load(), Listed: p.listed.Load(),
		Queued: p.queued.Load(), Exported: p.exported.Load(),
	}
}

// source and target as the report names them.
func sourceRef(p *state.Person) state.SourceRef {
	return state.SourceRef{ID: p.ID, UserPrincipalName: p.UserPrincipalName, DisplayName: p.DisplayName}
}

func targetRef(p *state.Person) state.TargetRef {
	ref := state.TargetRef{ID: p.TargetID}
	if a := p.Attribute(plan.AttrUserName); a != nil {
		ref.UserName = a.Known().Text()
		if ref.UserName == "" {
			ref.UserName = a.Want.Text()
		}
	}
	return ref
}

func rowRef(r connectors.Row) state.SourceRef {
	return state.SourceRef{
		ID:                connectors.FoldID(r.ID),
		UserPrincipalName: r.Values[connectors.SlotUserPrincipalName].Text(),
		DisplayName:       r.Values[connectors.SlotDisplayName].Text(),
	}
}

// rolesOf returns the appRoleAssignments value for the ids of the roles that a person holds.
func rolesOf(app connectors.App, ids []string) connectors.Value {
	if len(ids) == 0 {
		return connectors.NullValue()
	}
	var items []connectors.Value
	for _, id := range ids {
		value, name := "", ""
		for _, r := range app.Roles {
			if strings.EqualFold(r.ID, id) {
				value, name = r.Value, r.DisplayName
			}
		}
		items = append(items, connectors.ObjectValue(
			connectors.Field{Name: "id", Value: connectors.StringValue(id)},
			connectors.Field{Name: "value", Value: connectors.StringValue(value)},
			connectors.Field{Name: "displayName", Value: connectors.StringValue(name)},
		))
	}
	return connectors.ListValue(items...)
}
