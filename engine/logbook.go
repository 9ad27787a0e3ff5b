package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"ringsync/connectors"
	"ringsync/engine/plan"
	"ringsync/state"
)

// What the provisioning log says: one entry for each change and each failure, and one for whatever else happens to a
// link or is done by hand. An entry is in the transaction of what it tells, so that neither is there without the other.

// codeHeld is the log's code for a removal that waits for approval. Entra has no name for it.
const codeHeld = "RemovalHeld"

type actorKey struct{}

// WithActor says who has what is done with ctx done: a user of this machine. The log then names them.
func WithActor(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, actorKey{}, name)
}

// actor returns who that is, "" for the job itself.
func actor(ctx context.Context) string {
	name, _ := ctx.Value(actorKey{}).(string)
	return name
}

// record notes what somebody has had done to the job.
func (j *Job) record(ctx context.Context, tx *state.Tx, what string, details map[string]string) error {
	return tx.AppendLog(j.done(ctx, what, details))
}

// recordChange notes what somebody has changed of the job.
func (j *Job) recordChange(ctx context.Context, tx *state.Tx, what string, changes []state.Modified) error {
	e := j.done(ctx, what, nil)
	e.Modified = changes
	return tx.AppendLog(e)
}

// Asked notes that somebody asks for work, before it is done, so that it is known whatever becomes of that.
func (j *Job) Asked(ctx context.Context, what string) error { return j.asked(ctx, what, "", nil) }

// namedMost is how many of the people who were asked for an entry names.
const namedMost = 100

// asked is Asked for a cycle, and for the people named if there are any.
func (j *Job) asked(ctx context.Context, what, cycle string, people []string) error {
	defer j.logged()
	var details map[string]string
	if len(people) > 0 {
		names := strings.Join(people[:min(namedMost, len(people))], ", ")
		if more := len(people) - namedMost; more > 0 {
			names += fmt.Sprintf(" and %d more", more)
		}
		details = map[string]string{"people": names}
	}
	e := j.done(ctx, what, details)
	e.Cycle = cycle
	return j.store.Update(ctx, func(tx *state.Tx) error { return tx.AppendLog(e) })
}

// done is an entry of something that concerns the job as a whole.
func (j *Job) done(ctx context.Context, what string, details map[string]string) *state.LogEntry {
	reason := what
	for _, key := range slices.Sorted(maps.Keys(details)) {
		reason += fmt.Sprintf(", %s: %s", key, details[key])
	}
	return &state.LogEntry{
		Time: j.clock(), Change: uuid.NewString(), Action: "other", Status: "success", Reason: reason, By: actor(ctx),
		Steps: []state.Step{{Type: "processing", Status: "success", Description: what, Details: details}},
	}
}

// about is an entry of something that happened to a person's record and not to the account.
func about(p *state.Person, cycle string, now time.Time, what string) *state.LogEntry {
	return &state.LogEntry{
		Time: now, Cycle: cycle, Change: uuid.NewString(), Action: "other", Status: "success", Source: sourceRef(p), Target: targetRef(p),
		Reason: what, Steps: []state.Step{scoping(p), {Type: "matching", Status: "success", Description: what}},
	}
}

// lost tells that a link is forgotten, since the account is gone.
func lost(p *state.Person, cycle string, now time.Time) *state.LogEntry {
	return about(p, cycle, now, "account "+p.TargetID+" is gone, and the link with it")
}

// handedOver tells that the account of p is q's from now on.
func handedOver(p, q *state.Person, cycle string, now time.Time) *state.LogEntry {
	e := about(p, cycle, now, fmt.Sprintf("account %s goes over to %s", p.TargetID, q.Name()))
	e.Steps[1].Details = map[string]string{"successor": q.ID}
	return e
}

// heldBack tells that a removal waits for approval.
func (j *Job) heldBack(p *state.Person, cycle string, now time.Time) *state.LogEntry {
	e := about(p, cycle, now, "")
	d := j.Policy.Decide(p)
	if !p.Vanished && d.Action != plan.None {
		e.Action = string(d.Action)
		for _, diff := range d.Differences {
			a := j.Policy.Attributes[diff.Slot]
			e.Modified = append(e.Modified, state.Modified{Name: a.Name, Old: shown(diff.Old, a), New: shown(diff.New, a)})
		}
	}
	e.Steps = e.Steps[:1]
	hold(e, p.Held)
	if p.Vanished {
		e.Reason = "account " + p.TargetID + " is gone; what follows " + e.Reason
	}
	return e
}

// hold makes an entry tell that its change waits for approval.
func hold(e *state.LogEntry, list uint32) {
	e.Status, e.Code, e.Category = "skipped", codeHeld, "nonServiceFailure"
	e.Reason = fmt.Sprintf("waits for approval on held list %d", list)
	e.Remedy = fmt.Sprintf("Look at the list with ringsync outbox --held, and release it with ringsync approve %d.", list)
}

func scoping(p *state.Person) state.Step {
	description := p.Scope.String()
	if p.Reason != "" {
		description += ": " + p.Reason
	}
	return state.Step{Type: "scoping", Status: "success", Description: description}
}

// log appends the record of the outcome. Nothing is said of a person about whom nothing was found to do, nor of a
// try that will be repeated in a moment.
func (x *exporter) log(tx *state.Tx, o *outcome, c plan.Change, p *state.Person, rd round, now time.Time) error {
	if c.Status == plan.StatusPending || c.Action == plan.None && c.Error == "" && !o.linked {
		return nil
	}
	entry := &state.LogEntry{
		Time: now, Cycle: rd.cycle.ID, Action: string(c.Action), Status: "success", By: rd.by,
		Change: rd.cycle.ID + "/" + o.id + "/" + strconv.FormatUint(o.sent, 10),
		Source: c.Source, Target: c.Target, Reason: c.Reason, Error: c.Error, Duration: o.took, Warnings: c.Warnings,
		Steps: []state.Step{scoping(p)},
	}
	if c.Action == plan.None {
		entry.Action, entry.Status = "other", "skipped"
	}
	if o.linked {
		entry.Steps = append(entry.Steps, state.Step{Type: "matching", Status: "success", Description: "matched account " + o.person.TargetID})
	}
	entry.Modified = c.Attributes
	switch {
	case c.Status == plan.StatusHeld:
		hold(entry, c.Held)
	case o.err != nil:
		entry.Status, entry.Code = "failure", p.Failure.Code
		x.job.blame(entry, p, o.err)
	case o.conflict != nil:
		entry.Status, entry.Code, entry.Category = "failure", o.conflict.code, "nonServiceFailure"
		if o.wrote {
			entry.Status = "warning"
		}
	case len(c.Warnings) > 0:
		entry.Status = "warning"
	}
	return tx.AppendLog(entry)
}

// blame puts down what is known of an error beside its text: Entra's name for it if it has one, the service's own
// words, whose failure it is, what to do.
func (j *Job) blame(entry *state.LogEntry, p *state.Person, err error) {
	switch connectors.FaultOf(err) {
	case connectors.FaultRejected, connectors.FaultConflict, connectors.FaultCapacity, connectors.FaultNotFound,
		connectors.FaultCredentials, connectors.FaultPermission, connectors.FaultConfig:
		entry.Category = "nonServiceFailure"
	default:
		entry.Category = "failure"
	}
	e, ok := errors.AsType[*connectors.Error](err)
	if !ok {
		return
	}
	if e.Entra != "" {
		entry.Code = e.Entra
	}
	entry.Remedy = j.without(p, e.Remedy)
	said := []string{}
	if e.Status != 0 {
		said = append(said, "status "+strconv.Itoa(e.Status))
	}
	for _, text := range []string{e.Code, j.without(p, e.Detail)} {
		if text != "" {
			said = append(said, text)
		}
	}
	entry.Details = strings.Join(said, ": ")
}

// keepLog copies what is new in the log to its file and drops what is too old or too much, a transaction at a time.
// What fails is tried again after the next cycle, and is no failure of this one.
func (j *Job) keepLog(ctx context.Context) {
	j.ship(ctx)
	if err := j.trimLog(ctx); err != nil && ctx.Err() == nil {
		j.Logger.Error("old entries of the provisioning log could not be dropped", "job", j.Name, "error", err)
	}
}

// trimMost is how many entries one transaction drops: it must not hold up exports.
const trimMost = 500

func (j *Job) trimLog(ctx context.Context) error {
	if j.Logbook.Keep == 0 && j.Logbook.Size == 0 {
		return nil
	}
	now := j.clock()
	var before time.Time
	if j.Logbook.Keep > 0 && j.certain() { // what is dropped is gone, and a clock may be wrong
		before = now.Add(-j.Logbook.Keep)
	}
	needed := false
	err := j.store.View(ctx, func(v *state.View) error {
		needed = v.LogDue(before, now, j.Logbook.Size)
		return nil
	})
	for dropped := trimMost; err == nil && needed && dropped == trimMost; {
		err = j.store.Update(ctx, func(tx *state.Tx) (err error) {
			dropped, err = tx.TrimLog(before, now, j.Logbook.Size, trimMost)
			return err
		})
	}
	return err
}
