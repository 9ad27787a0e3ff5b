package engine

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"

	"ringsync/connectors"
	"ringsync/engine/plan"
	"ringsync/state"
)

// OnDemand is the kind of the report of Provision, which is no cycle: the watermark and the schedule stay as they are.
const OnDemand Kind = "on-demand"

// Provision brings the people named up to date now: by source id, userPrincipalName, userName or account id. Only they
// are read, with who is assigned, and only they are written, before everybody else who waits; what a cycle would heed
// is heeded (guard, protected and foreign accounts, licences, limits, a pause). Failures of theirs are tried again at
// once, also in quarantine.
//
// Nobody is removed because one answer lacks them: whoever is known through a group that their own memberships do not
// show is looked for among its members as well.
//
// It may be called while Serve is at work, and waits for a cycle that is reading. A name of nobody is told of in the
// answer and is no error. The answer is there too when the error says why not all was sent.
func (j *Job) Provision(ctx context.Context, target Target, who []string) (*plan.Provisioned, error) {
	v := j.service.Load()
	if v != nil {
		if err := v.errands.take(ctx); err != nil {
			return nil, err
		}
		defer v.errands.release()
	} else if err := j.recover(ctx); err != nil {
		return nil, err
	}
	d := &demand{job: j, target: target, rulings: map[string]ruling{}, members: map[string][]string{}}
	d.errand.round.cycle = state.Cycle{ID: uuid.NewString(), Kind: string(OnDemand), Started: j.Now()}
	d.errand.round.by = actor(ctx)
	if err := j.asked(ctx, "provisioned on demand", d.errand.round.cycle.ID, who); err != nil {
		return nil, err
	}
	if err := d.decide(ctx, who); err != nil {
		return nil, err
	}
	var x *exporter
	var err error
	if v != nil {
		x = v.exporter
		err = x.perform(ctx, &d.errand, v.done)
	} else {
		x = j.newExporter(target)
		x.shut, x.errand = true, &d.errand
		if err = x.begin(ctx, d.errand.round); err == nil {
			err = x.run(ctx)
		}
	}
	x.mu.Lock() // whoever gives up waiting leaves the exporter at work
	d.done, d.exhausted = slices.Clone(d.errand.changes), x.exhausted
	x.mu.Unlock()
	out, tellErr := d.tell(context.WithoutCancel(ctx))
	if err == nil {
		err = tellErr
	}
	return out, err
}

// demand is people who are to be provisioned now.
type demand struct {
	job      *Job
	target   Target
	read     *reading
	subjects []*subject
	rulings  map[string]ruling
	members  map[string][]string // by person, the assigned groups that the state remembers and their own memberships lack
	errand   errand

	done      []plan.Change // what was acknowledged
	exhausted bool          // no licence is free
}

// subject is one of them.
type subject struct {
	asked  string
	id     string // "" if nobody has the name
	why    error  // why nothing can be said of them, nil if something can
	row    *connectors.Row
	groups []string
	before state.Person // as remembered; zero if they were not
}

// decide brings the demand to where the outbox holds what is to be sent.
func (d *demand) decide(ctx context.Context, who []string) error {
	j := d.job
	if err := j.reading.take(ctx); err != nil {
		return err
	}
	defer j.reading.release()
	if err := j.recoverDirect(ctx); err != nil {
		return err
	}
	j.cycle = d.errand.round.cycle.ID
	var mark state.Mark
	marked := false
	err := j.store.View(ctx, func(v *state.View) error {
		mark, marked = v.Mark()
		for _, c := range v.Cycles(1) {
			d.errand.round.cycle.Number = c.Number // an escrow counts from here
		}
		return nil
	})
	if err != nil {
		return err
	}
	d.read = j.newReading(ctx, d.target)
	d.read.partial, d.read.rows = true, map[string]connectors.Row{}
	if err := d.name(ctx, who); err != nil {
		return err
	}
	if len(d.errand.people) == 0 {
		return nil
	}
	if err := j.source.Assignments(ctx, mark.Data, d.read); err != nil {
		return fmt.Errorf("read who is assigned: %w", err)
	}
	if err := d.ask(ctx); err != nil {
		return err
	}
	if err := d.rule(); err != nil {
		return err
	}
	if err := d.look(ctx); err != nil {
		return err
	}
	if err := d.read.flush(); err != nil {
		return err
	}
	if err := j.inherit(ctx, d.read, nil, d.rulings); err != nil {
		return err
	}
	held, err := j.settle(ctx, d.read, d.rulings)
	d.warn(held)
	if err != nil {
		return err
	}
	held, err = j.releaseSome(ctx, d.errand.round.cycle.ID, d.errand.people, func(*state.Person) bool { return true })
	d.warn(held)
	if err != nil {
		return err
	}
	d.errand.round.notes = d.read.notes
	if marked {
		return nil
	}
	return d.list(ctx)
}

func (d *demand) warn(text string) {
	if text != "" {
		d.read.warnings = append(d.read.warnings, text)
	}
}

// name finds out who is meant. A name is the directory's first: somebody else may have had it when it was put down.
func (d *demand) name(ctx context.Context, who []string) error {
	j := d.job
	for _, asked := range who {
		s := &subject{asked: asked}
		d.subjects = append(d.subjects, s)
		if uuid.Validate(asked) == nil {
			s.id = connectors.FoldID(asked)
		} else if row, err := j.source.Person(ctx, asked); err == nil {
			s.id = connectors.FoldID(row.ID)
		} else if fault := connectors.FaultOf(err); fault != connectors.FaultNotFound && fault != connectors.FaultRejected {
			return fmt.Errorf("look up %s: %w", asked, err)
		}
		p, err := d.remembered(ctx, s)
		if err != nil {
			return err
		}
		if p != nil {
			s.id, s.before = p.ID, *p
			s.before.Attributes = slices.Clone(p.Attributes)
		}
		if d.errand.has(s.id) { // named twice
			d.subjects = d.subjects[:len(d.subjects)-1]
		} else if s.id != "" {
			d.errand.people = append(d.errand.people, s.id)
		}
	}
	return nil
}

// remembered returns the record of the subject as it is by now, nil if there is none; by the name if the directory does
// not know it.
func (d *demand) remembered(ctx context.Context, s *subject) (p *state.Person, err error) {
	if s.id == "" {
		return d.job.findPerson(ctx, s.asked)
	}
	err = d.job.store.View(ctx, func(v *state.View) error {
		p, err = v.Person(s.id)
		return err
	})
	return p, err
}

// ask asks about each of them alone, and about those who seem to have left a group, the group.
func (d *demand) ask(ctx context.Context) error {
	byID := map[string]*subject{}
	for _, s := range d.subjects {
		byID[s.id] = s
	}
	err := d.job.source.Standing(ctx, d.errand.people, func(standing connectors.Standing) error {
		s := byID[connectors.FoldID(standing.ID)]
		row := standing.Row
		row.Values = slices.Clone(row.Values)
		s.row, s.why, s.groups = &row, standing.Doubt, standing.Groups
		return nil
	})
	if err != nil {
		return fmt.Errorf("ask where people stand: %w", err)
	}
	known, err := d.known(ctx)
	if err != nil {
		return err
	}
	doubted := map[string]bool{}
	err = d.job.store.View(ctx, func(v *state.View) error {
		for _, s := range d.subjects {
			if !s.present() {
				continue
			}
			for _, group := range s.groups {
				d.read.graph.add(connectors.Edge{Child: s.id, Parent: group, Present: true})
			}
			for _, group := range known.above(v, s.id) {
				if !slices.Contains(s.groups, group) {
					d.members[s.id] = append(d.members[s.id], group)
					doubted[group] = true
				}
			}
		}
		return nil
	})
	if err != nil || len(doubted) == 0 {
		return err
	}
	err = d.job.source.Members(ctx, slices.Sorted(maps.Keys(doubted)), witness{d.read, byID})
	if err != nil {
		return fmt.Errorf("read the members of groups: %w", err)
	}
	return nil
}

// known returns the assignments with the groups within groups that the state remembers.
func (d *demand) known(ctx context.Context) (*graph, error) {
	known, now := newGraph(), d.read.graph
	known.root = known.number(now.parents[now.root])
	for child, n := range now.crowd.All() {
		for l := range now.linksAt(n) {
			if l.group {
				known.add(now.edge(child, *l))
			}
		}
	}
	if !d.job.NestedGroups {
		return known, nil
	}
	err := d.job.store.View(ctx, func(v *state.View) error {
		for e := range v.AllEdges() {
			if e.Group && e.Parent != known.parents[known.root] {
				known.add(e)
			}
		}
		return nil
	})
	return known, err
}

// above returns the groups that lead to the application and that have the person, directly or not, by what the state
// remembers.
func (g *graph) above(v *state.View, id string) (groups []string) {
	var climb func(parent int32)
	climb = func(parent int32) {
		if parent == g.root || !g.leads(parent) || slices.Contains(groups, g.parents[parent]) {
			return
		}
		groups = append(groups, g.parents[parent])
		for l := range g.links(g.parents[parent]) {
			climb(l.parent)
		}
	}
	for parent := range g.leading() {
		for range v.EdgesBetween(g.parents[parent], id) {
			climb(parent)
			break
		}
	}
	return groups
}

// witness takes of the members of groups those who were asked about, and groups.
type witness struct {
	*reading
	about map[string]*subject
}

func (witness) Row(connectors.Row) error { return nil }

func (w witness) Edge(e connectors.Edge) error {
	if e.Group || w.about[connectors.FoldID(e.Child)] != nil {
		w.graph.add(e)
	}
	return nil
}

func (s *subject) present() bool {
	return s.id != "" && s.why == nil && s.row.Removed == connectors.NotRemoved
}

// rule rules on everybody of whom something is known.
func (d *demand) rule() error {
	for _, s := range d.subjects {
		switch {
		case s.id == "" || s.why != nil:
		case !s.present() && s.before.ID == "":
			s.id = "" // nobody, or nobody any more
		case !s.present():
			d.rulings[s.id] = ruling{scope: scopeOf(s.row.Removed)}
		default:
			if err := d.place(s); err != nil {
				return err
			}
		}
		if s.why != nil {
			d.warn(fmt.Sprintf("%s is left as they are, because the directory did not say where they stand: %v", cmp.Or(s.before.Name(), s.asked), s.why))
		}
	}
	d.errand.people = slices.DeleteFunc(d.errand.people, func(id string) bool {
		return !slices.ContainsFunc(d.subjects, func(s *subject) bool { return s.id == id && s.why == nil })
	})
	return nil
}

// place rules on somebody who is in the directory.
func (d *demand) place(s *subject) error {
	r, j := d.read, d.job
	var unread error
	for _, group := range d.members[s.id] {
		if why := r.graph.doubtful[r.graph.number(group)]; why != nil {
			unread = why
		} else if !r.graph.has(connectors.Edge{Child: s.id, Parent: group}) {
			if r.lost[s.id] == nil {
				r.lost[s.id] = map[string]bool{}
			}
			r.lost[s.id][group] = true
		}
	}
	switch {
	case j.ScopeAll || r.graph.assigned(s.id):
		return j.weigh(r, s.id, *s.row, d.rulings)
	case unread != nil:
		s.why = unread
	case s.before.ID != "":
		scope, why := r.unassigned(*s.row)
		d.rulings[s.id] = ruling{scope: scope, reason: why}
	}
	return nil
}

// look reads the accounts of those who are linked, so that what somebody edited there by hand is seen, and that an
// account is gone.
func (d *demand) look(ctx context.Context) error {
	for _, id := range slices.Sorted(maps.Keys(d.rulings)) {
		rule := d.rulings[id]
		p, err := d.remembered(ctx, &subject{id: id})
		if err != nil {
			return err
		}
		if p == nil || p.TargetID == "" {
			continue
		}
		began := d.job.clock()
		account, err := d.target.Get(ctx, p.TargetID)
		switch {
		case err == nil:
			if rule.listed = true; p.LastWrite.Before(began) {
				rule.row = &account
			}
		case connectors.FaultOf(err) == connectors.FaultNotFound:
			rule.gone = true
		case quarantines(err) || ctx.Err() != nil:
			return fmt.Errorf("read account %s of %s: %w", p.TargetID, p.Name(), err)
		default:
			d.warn(fmt.Sprintf("account %s of %s could not be read: %v", p.TargetID, p.Name(), err))
		}
		d.rulings[id] = rule
	}
	return nil
}

// list reads the target's list where nothing was ever read to the end: the state may have been lost, and accounts that
// it made are then told by their mark, which only the list shows.
func (d *demand) list(ctx context.Context) error {
	unlinked := false
	err := d.job.eachRuling(ctx, d.errand.people, func(_ *state.View, p *state.Person) error {
		unlinked = unlinked || p.TargetID == "" && p.Class != state.ClassNone
		return nil
	})
	if err != nil || !unlinked {
		return err
	}
	if d.errand.round.listing, err = d.job.list(ctx, d.target); err != nil {
		return fmt.Errorf("read the accounts at the target: %w", err)
	}
	return nil
}

// tell puts together what was done, for whom and why.
func (d *demand) tell(ctx context.Context) (*plan.Provisioned, error) {
	out := &plan.Provisioned{Report: *d.job.report(d.errand.round.cycle, "")}
	for _, s := range d.subjects {
		if err := d.tellOne(ctx, s, out); err != nil {
			return out, err
		}
	}
	out.Warnings = d.read.warnings
	out.Sort()
	return out, nil
}

func (d *demand) tellOne(ctx context.Context, s *subject, out *plan.Provisioned) error {
	person := &plan.Explanation{Asked: s.asked}
	e := &explainer{job: d.job, read: d.read, id: s.id, row: s.row, out: person}
	defer func() { out.People = append(out.People, *person) }()
	switch {
	case s.id == "":
		e.step("import", "failure", nil, "neither the directory nor the state knows anybody by the name %s", s.asked)
		return nil
	case s.why != nil:
		person.Known, person.Person = true, sourceRef(&s.before)
		e.step("import", "failure", nil, "the directory did not say where they stand, so they are left as they are: %v", s.why)
		return nil
	}
	person.Known, person.Person = true, sourceRef(&s.before)
	var err error
	if e.person, err = d.remembered(ctx, s); err != nil {
		return err
	}
	if s.present() {
		person.Person = rowRef(*s.row)
		e.imported()
	} else {
		e.row = nil
		e.step("import", "warning", nil, "the directory does not have %s any more (%s)", s.before.Name(), scopeOf(s.row.Removed))
	}
	e.scoping()
	changes := d.changes(s, e.person)
	if e.person != nil {
		d.matched(e, s, changes)
		e.processing()
	}
	d.exported(e, changes)
	d.count(out, e, changes)
	return nil
}

// changes are those acknowledged of one person, and what is still to be sent.
func (d *demand) changes(s *subject, now *state.Person) (changes []plan.Change) {
	for _, c := range d.done {
		if c.Source.ID == s.id {
			changes = append(changes, c)
		}
	}
	if now != nil && now.Class != state.ClassNone {
		c := d.job.pending(now, d.exhausted)
		c.Warnings = d.read.notes[s.id]
		changes = append(changes, c)
	}
	return changes
}

// matched tells which account is theirs, and how that came to be.
func (d *demand) matched(e *explainer, s *subject, changes []plan.Change) {
	details := map[string]string{"MatchingAttributes": e.matchingValues()}
	made := slices.ContainsFunc(changes, func(c plan.Change) bool { return c.Action == plan.Create && c.Status == plan.StatusDone })
	switch p := e.person; {
	case p.TargetID == "" && conflicting(p.Failure):
		e.step("matching", "failure", details, "%s", p.Failure.Text)
	case p.TargetID == "":
		e.step("matching", "skipped", details, "no account is linked")
	case made:
		e.step("matching", "success", details, "no account has these values")
	case p.TargetID != s.before.TargetID:
		e.step("matching", "success", details, "found account %s and linked it", p.TargetID)
	default:
		e.step("matching", "success", details, "linked to account %s", p.TargetID)
	}
}

// exported tells what was sent and what still is to be.
func (d *demand) exported(e *explainer, changes []plan.Change) {
	for _, c := range changes {
		status := c.Status
		if status == plan.StatusDone {
			status = "success"
		}
		e.step("export", status, nil, "%s", strings.TrimSuffix(fmt.Sprintf("%s: %s", cmp.Or(string(c.Action), "nothing"), cmp.Or(c.Reason, c.Error)), ": "))
		e.out.Change = &c
	}
	if len(changes) == 0 && e.person != nil {
		e.step("export", "skipped", map[string]string{"SkipReason": "RedundantExport"}, "nothing differs")
	}
}

// count adds one person to the report.
func (d *demand) count(out *plan.Provisioned, e *explainer, changes []plan.Change) {
	for _, c := range changes {
		out.Summary.Count(c)
		out.Changes = append(out.Changes, c)
	}
	skipped, left := d.read.skipped[e.id]
	switch {
	case len(changes) > 0:
	case left:
		out.Skipped = append(out.Skipped, skipped)
		out.Summary.Skipped++
	case e.person == nil:
		out.Skipped = append(out.Skipped, plan.Skipped{Source: e.out.Person, Reason: state.Unassigned.String()})
		out.Summary.Skipped++
	default:
		out.Summary.Unchanged++
	}
}
