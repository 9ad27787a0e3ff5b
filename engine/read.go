package engine

import (
	"context"
	"fmt"
	"slices"
	"time"

	"ringsync/connectors"
	"ringsync/engine/plan"
	"ringsync/mapping"
	"ringsync/state"
)

// batchSize is how many people one transaction holds: enough that an fsync costs little a person, few enough that
// memory stays small.
const batchSize = 500

// reading takes the facts of one read of the source. It maps each row as it comes and stores what is wanted of the
// person, so that rows need not be kept; it decides nothing, because only the end of the read tells who is in scope.
//
// Storing a want before the decision is safe: nothing is sent for a key that is not in the outbox, and for one that
// is (a create that waits, say) the newer want is the better one. The exporter may be at work meanwhile, so a record is
// never written back as it was read: flush brings the want into the record as it is by then.
type reading struct {
	job    *Job
	ctx    context.Context
	target TargetReader
	app    connectors.App
	graph  *graph
	mark   []byte
	now    time.Time // of the whole read, so that all are judged by the same day

	// seen says of the people whose rows came what looked unpacks, by their number in the graph's crowd; remarks has what
	// most need no words for. removed are those of whom the source says that they left the directory.
	seen    connectors.Numbered[uint8]
	remarks map[int32]seen
	removed map[string]connectors.Removal
	// rows wait for the end of the read if the mapping uses roles, which edges that come later may still change, and if
	// the read is partial: then most rows are of people who are nobody here.
	rows map[string]connectors.Row

	// partial: the read brings changes only (changes.go). lost are the edges it took away, by child and parent, gone
	// those that parents read whole no longer have.
	partial bool
	lost    map[string]map[string]bool
	gone    []connectors.Edge
	// doubts are people who are left as they are because the source did not say where they stand.
	doubts []string
	// unlisted are people in scope by their own word alone: what the lists of their groups lack, no change of the groups will
	// tell.
	unlisted []string

	// first: nobody was known when the read began, so the state need not be asked about whoever comes for the first time.
	first bool
	// kept are people on the direct path until it is decided whether they may go it, direct those who do: packed records.
	kept   *kept
	direct map[string][]byte
	// diverted: there were any. The exporter takes them out of direct.
	diverted bool

	batch  map[string]draft
	result mapping.Result
	record state.Person // of whoever is being evaluated

	// newcomers: there are some; see reading.newcomer.
	newcomers bool

	// relinked are the people in scope whose active accounts carry their mark and await linking: part of the guard's
	// base, since those removed beside them were colleagues of theirs.
	relinked int

	notes    map[string][]string // warnings by person
	skipped  map[string]plan.Skipped
	warnings []string
}

// seen is what a row says of its person's scope apart from assignment. Scope is InScope, OutOfScope or Disabled, or
// ScopeUnknown if no filter could decide.
type seen struct {
	scope state.Scope
	why   string
	// unfit says why nobody can be created of this row, "" if one can.
	unfit string
	// dormant: the account is disabled, which deprovision.disabled: keep leaves aside for those who have an account.
	dormant bool
}

// A mark of somebody seen: the scope, and whether they are dormant; 0 is nobody.
const (
	markSeen    = 1 << 0
	markDormant = 1 << 1
	markScope   = 2 // shift
)

// look notes what a row says of somebody.
func (r *reading) look(id string, s seen) {
	n := r.graph.crowd.Number(id)
	mark := markSeen | uint8(s.scope)<<markScope
	if s.dormant {
		mark |= markDormant
	}
	*r.seen.At(n) = mark
	delete(r.remarks, n)
	if s.why != "" || s.unfit != "" {
		r.remarks[n] = s
	}
}

// looked returns what somebody's row said, false if none came.
func (r *reading) looked(id string) (s seen, ok bool) {
	n := r.graph.crowd.Find(id)
	mark := r.seen.Get(n)
	if mark == 0 {
		return seen{}, false
	}
	if s, ok := r.remarks[n]; ok {
		return s, true
	}
	return seen{scope: state.Scope(mark >> markScope), dormant: mark&markDormant != 0}, true
}

// overlook forgets what somebody's row said.
func (r *reading) overlook(id string) {
	if n := r.graph.crowd.Find(id); r.seen.Get(n) != 0 {
		*r.seen.At(n) = 0
		delete(r.remarks, n)
	}
}

// draft is what a row wants, on its way into the record.
type draft struct {
	userPrincipalName, displayName string
	mapped                         bool // values holds what is wanted
	unfit                          bool // nobody can be created of it
	values                         []connectors.Value
	onCreate                       []bool // the value counts only for a create
}

func (j *Job) newReading(ctx context.Context, target TargetReader) *reading {
	r := &reading{
		job: j, ctx: ctx, target: target, graph: newGraph(), now: j.clock(),
		remarks: map[int32]seen{}, removed: map[string]connectors.Removal{},
		batch: map[string]draft{}, lost: map[string]map[string]bool{}, notes: map[string][]string{}, skipped: map[string]plan.Skipped{},
	}
	if j.roles >= 0 {
		r.rows = map[string]connectors.Row{}
	}
	return r
}

// App implements connectors.Sink.
func (r *reading) App(a connectors.App) error {
	r.app = a
	r.now = r.job.clock() // the directory has answered
	r.graph.root = r.graph.number(connectors.FoldID(a.ID))
	return nil
}

// Edge implements connectors.Sink.
func (r *reading) Edge(e connectors.Edge) error {
	if e.Present {
		r.graph.add(e)
	} else {
		r.graph.remove(e)
	}
	if r.partial {
		child, parent := connectors.FoldID(e.Child), connectors.FoldID(e.Parent)
		if e.Present {
			delete(r.lost[child], parent)
		} else if r.lost[child] == nil {
			r.lost[child] = map[string]bool{parent: true}
		} else {
			r.lost[child][parent] = true
		}
	}
	return nil
}

// Complete implements connectors.Sink.
func (r *reading) Complete(parent string) error {
	r.graph.complete[r.graph.number(connectors.FoldID(parent))] = true
	return nil
}

// Incomplete implements connectors.Sink.
func (r *reading) Incomplete(parent string, why error) error {
	r.graph.doubtful[r.graph.number(connectors.FoldID(parent))] = why
	r.warnings = append(r.warnings, fmt.Sprintf("group %s could not be read, so nobody is removed on its account: %v", parent, why))
	return nil
}

// Mark implements connectors.Sink.
func (r *reading) Mark(m []byte) error {
	r.mark = slices.Clone(m)
	return nil
}

// Row implements connectors.Sink.
func (r *reading) Row(row connectors.Row) error {
	id := connectors.FoldID(row.ID)
	if row.Removed != connectors.NotRemoved {
		r.removed[id] = row.Removed
		r.overlook(id)
		delete(r.rows, id)
		return nil
	}
	delete(r.removed, id)
	if _, again := r.looked(id); !again {
		r.job.progress.read.Add(1)
	}
	if r.rows != nil {
		row.Values = slices.Clone(row.Values)
		r.rows[id] = row
		r.look(id, seen{})
		return nil
	}
	return r.evaluate(id, row)
}

// release lets go of what was needed to decide, which is much where people are many; sending them takes a while.
func (r *reading) release() {
	r.graph, r.remarks, r.removed, r.rows, r.lost, r.gone = nil, nil, nil, nil, nil, nil
	r.seen = connectors.Numbered[uint8]{}
}

// finish evaluates what had to wait and stores the rest.
func (r *reading) finish() error {
	for id, row := range r.rows {
		row.Values[r.job.roles] = rolesOf(r.app, r.graph.roles(id))
		if err := r.evaluate(id, row); err != nil {
			return err
		}
	}
	r.rows = nil
	return r.flush()
}

// evaluate scopes and maps one row and notes what it wants.
func (r *reading) evaluate(id string, row connectors.Row) error {
	p, err := r.person(id)
	if err != nil {
		return err
	}
	d := draft{
		userPrincipalName: row.Values[connectors.SlotUserPrincipalName].Text(),
		displayName:       row.Values[connectors.SlotDisplayName].Text(),
	}
	s := r.scope(row, p)
	delete(r.notes, id)
	delete(r.skipped, id)
	delete(r.batch, id)
	if s.scope == state.InScope {
		d = r.want(p, row, &s, d)
	}
	r.look(id, s)
	known := p.Scope != state.ScopeUnknown || p.TargetID != "" || p.Class != state.ClassNone
	if s.scope != state.InScope || s.unfit != "" {
		if p.TargetID == "" {
			r.skip(row, s)
		}
		if !known {
			return nil // never provisioned and not to be: nothing to remember
		}
	}
	if !r.job.apply(p, d) {
		return nil
	}
	if kept, err := r.keep(p); kept || err != nil {
		return err
	}
	r.batch[id] = d
	if len(r.batch) >= batchSize {
		return r.flush()
	}
	return nil
}

func (r *reading) skip(row connectors.Row, s seen) {
	reason := s.unfit
	if s.scope != state.InScope {
		reason = s.scope.String()
		if s.why != "" {
			reason += ": " + s.why
		}
	}
	ref := rowRef(row)
	r.skipped[ref.ID] = plan.Skipped{Source: ref, Reason: reason}
}

// person returns the record as it stands, or a new one, until the next call.
func (r *reading) person(id string) (*state.Person, error) {
	if r.kept != nil {
		if record, ok := r.kept.people[id]; ok {
			return &r.record, r.job.store.Unpack(&r.record, id, record)
		}
	}
	if _, again := r.looked(id); r.first && !again {
		r.record = state.Person{ID: id, Attributes: r.record.Attributes[:0]}
		return &r.record, nil
	}
	err := r.job.store.View(r.ctx, func(v *state.View) error {
		_, err := v.FillPerson(&r.record, id)
		return err
	})
	return &r.record, err
}

// scope decides what the row alone decides. A cause set to keep does not count: a disabled account is then treated
// as an enabled one (but nobody is created of it), while somebody outside the filters is left alone.
func (r *reading) scope(row connectors.Row, p *state.Person) seen {
	enabled := true
	if on, said := row.Values[connectors.SlotAccountEnabled].AsBool(); said {
		enabled = on // absent is not false
	}
	keep := r.job.Policy.Deprovision[state.Disabled] == plan.DeprovisionKeep
	if !enabled && (!keep || p.TargetID == "") {
		return seen{scope: state.Disabled}
	}
	// A mapping or filter only ever sees False: for whom it would be True, plan.Decide asks neither.
	if slot, ok := r.job.Slots.Index(connectors.AttrIsSoftDeleted); ok {
		row.Values[slot] = connectors.BoolValue(false)
	}
	switch d := r.job.Mapping.Filter().Decide(row.Values, r.now); {
	case d.Err != nil: // a pattern ran out of time: that says nothing about the person
		r.warnings = append(r.warnings, fmt.Sprintf("%s is left as they are: %v", row.Name(), d.Err))
		return seen{scope: state.ScopeUnknown, why: d.Err.Error()}
	case !d.Pass:
		return seen{scope: state.OutOfScope, why: d.Why()}
	}
	return seen{scope: state.InScope, dormant: !enabled}
}

// want maps the row and fits it to the target.
func (r *reading) want(p *state.Person, row connectors.Row, s *seen, d draft) draft {
	j := r.job
	j.Mapping.Apply(row.Values, r.now, &r.result)
	var notes []string
	for _, f := range r.result.Failures {
		notes = append(notes, fmt.Sprintf("%s is left out: %v", j.target.Names()[f.Slot], f.Err))
	}
	linked := p.TargetID != ""
	values := slices.Clone(r.result.Always)
	onCreate := make([]bool, len(values))
	for slot, v := range r.result.Create {
		// Whoever has an account keeps such a value in the record too: the account may have to be made again.
		if v.Kind() != connectors.Absent && (!linked || values[slot].Kind() == connectors.Absent) {
			values[slot], onCreate[slot] = v, true
		}
	}
	unfit := s.dormant // should the account be gone, none is made again
	fitted := r.target.Fit(values)
	for _, w := range fitted.Warnings {
		notes = append(notes, w.Attribute+": "+j.note(w, &r.result))
	}
	if len(fitted.Problems) > 0 {
		unfit = true
		for _, problem := range fitted.Problems {
			s.unfit = join(s.unfit, j.note(problem, &r.result))
		}
		if linked {
			// Whoever has an account keeps it: the attribute at fault is left as it is there.
			notes = append(notes, s.unfit)
			s.unfit = ""
			for _, problem := range fitted.Problems {
				if slot, ok := j.target.Index(problem.Attribute); ok {
					values[slot] = connectors.Value{}
				}
			}
		}
	}
	if !linked && s.unfit == "" && !r.matchable(values) {
		s.unfit, unfit = fmt.Sprintf("no value for any matching attribute (%v)", j.matchNames), true
	}
	if len(notes) > 0 {
		r.notes[p.ID] = notes
	}
	d.mapped, d.unfit, d.values, d.onCreate = true, unfit, values, onCreate
	return d
}

// matchable reports whether a person can be matched at all; who cannot is never created, since nothing would tell
// whether they exist already.
func (r *reading) matchable(values []connectors.Value) bool {
	return slices.ContainsFunc(r.job.Policy.Matching, func(slot int) bool { return !values[slot].IsEmpty() })
}

// flush stores the batch.
func (r *reading) flush() error {
	if len(r.batch) == 0 {
		return nil
	}
	err := r.job.store.Update(r.ctx, func(tx *state.Tx) error {
		for id, d := range r.batch {
			p := &r.record
			if _, err := tx.FillPerson(p, id); err != nil {
				return err
			}
			if r.job.apply(p, d) {
				if err := tx.PutPerson(p); err != nil {
					return err
				}
			}
		}
		return nil
	})
	clear(r.batch)
	return err
}

// apply puts a draft into the record and reports whether that changed anything.
func (j *Job) apply(p *state.Person, d draft) (changed bool) {
	changed = p.UserPrincipalName != d.userPrincipalName || p.DisplayName != d.displayName
	p.UserPrincipalName, p.DisplayName = d.userPrincipalName, d.displayName
	if d.mapped && j.setWants(p, d) {
		changed = true
	}
	if d.mapped && p.Unfit != d.unfit {
		p.Unfit, changed = d.unfit, true
	}
	return changed
}

// setWants puts the values into the record and counts a generation if any is new.
func (j *Job) setWants(p *state.Person, d draft) (changed bool) {
	linked := p.TargetID != ""
	p.Attributes = slices.Grow(p.Attributes, max(0, len(d.values)-len(p.Attributes)))
	for slot, v := range d.values {
		attribute := j.Policy.Attributes[slot]
		create := d.onCreate[slot]
		a := p.Attribute(attribute.Name)
		if a == nil && v.Kind() == connectors.Absent {
			continue
		}
		if a == nil {
			a = p.Set(attribute.Name)
		}
		if a.Want.Equal(v) && a.OnCreate == create || create && a.OnCreate && !a.Want.IsNull() && j.Mapping.Once(slot) {
			continue
		}
		if !linked && slices.Contains(j.Policy.Matching, slot) && !a.Want.IsEmpty() && !attribute.SameValue(a.Want, v) && p.Class != state.ClassNone {
			// A create with the old value may be on its way or may have been lost: it must be looked for too.
			p.Tried = appendNew(p.Tried, state.MatchKey(attribute.Name, a.Want.Text()))
		}
		a.Want, a.OnCreate, changed = v, create, true
	}
	if changed {
		p.Generation++
		p.RetryCycle = 0 // an escrow may have been waiting for just this
	}
	return changed
}

func appendNew(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}
