package engine

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"ringsync/connectors"
	"ringsync/engine/plan"
	"ringsync/state"
)

// Looking things up for people who look rather than read: every answer is a page that costs the same however much there
// is, and says from where to go on. No service is asked.

// lookAtMost is how many records one page of a search looks at; the page may be empty then, and not the last.
const lookAtMost = 10_000

// PeoplePage is a page of people.
type PeoplePage struct {
	People []*state.Person
	// Next is where to go on, "" at the end.
	Next string
	// Looked is how many records were looked at.
	Looked int
}

// Search returns up to n people whose name, userPrincipalName, mail or login has the text in it, whatever its letter case;
// without a text, everybody. On the first page whoever has exactly that object id, account id or matching value comes
// before all others. from is "" or the Next of the page before.
func (j *Job) Search(ctx context.Context, text, from string, n int) (page PeoplePage, err error) {
	text = strings.TrimSpace(text)
	part := strings.ToLower(text)
	err = j.store.View(ctx, func(v *state.View) error {
		page = PeoplePage{}
		exact, err := j.exactly(v, text)
		if err != nil {
			return err
		}
		if from == "" {
			page.People = exact
		}
		for p, err := range v.People(from) {
			switch {
			case err != nil:
				return err
			case len(page.People) >= n || page.Looked == lookAtMost:
				page.Next = p.ID
				return nil
			}
			page.Looked++
			if names(p, part) && !slices.ContainsFunc(exact, func(q *state.Person) bool { return q.ID == p.ID }) {
				page.People = append(page.People, p)
			}
		}
		return nil
	})
	return page, err
}

// exactly returns the people whom an index knows by the text, each once.
func (j *Job) exactly(v *state.View, text string) (found []*state.Person, err error) {
	if text == "" {
		return nil, nil
	}
	ids := []string{connectors.FoldID(text), v.PersonByTarget(text)}
	for _, name := range MatchingNames(j.Mapping) {
		ids = append(ids, v.Matches(name, text)...)
	}
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		p, err := v.Person(id)
		if err != nil {
			return nil, err
		}
		if p != nil {
			found = append(found, p)
		}
	}
	return found, nil
}

// names reports whether the person goes by a name that has part, in lower case, in it.
func names(p *state.Person, part string) bool {
	if part == "" || has(p.DisplayName, part) || has(p.UserPrincipalName, part) {
		return true
	}
	for i := range p.Attributes {
		switch a := &p.Attributes[i]; a.Name {
		case plan.AttrUserName, attrWorkMail:
			if has(a.Want.Text(), part) || has(a.Known().Text(), part) {
				return true
			}
		}
	}
	return false
}

const attrWorkMail = `emails[type eq "work"].value`

func has(text, part string) bool { return strings.Contains(strings.ToLower(text), part) }

// Profile is what is remembered of one person.
type Profile struct {
	Person *state.Person
	// Pending is what is still to be sent for them, with what stands in its way; nil if nothing is.
	Pending *plan.Change
	// Attributes are all that the mapping names, as they may be shown.
	Attributes []ProfileAttribute
}

// ProfileAttribute is one attribute of a person: what it should be and what is known of the account.
type ProfileAttribute struct {
	Name, From  string // From is where the mapping takes it from, for people
	Want, Known connectors.Value
	Settled     bool // nothing of it is to be sent
}

// Profile returns what is remembered of the person of that source id, nil if nothing is.
func (j *Job) Profile(ctx context.Context, id string) (found *Profile, err error) {
	exhausted, err := j.exhausted(ctx)
	if err != nil {
		return nil, err
	}
	err = j.store.View(ctx, func(v *state.View) error {
		p, err := v.Person(connectors.FoldID(id))
		if p == nil || err != nil {
			return err
		}
		found = &Profile{Person: p}
		if p.Class != state.ClassNone {
			c := j.pending(p, exhausted)
			found.Pending = &c
		}
		return nil
	})
	if found == nil || err != nil {
		return nil, err
	}
	for slot, of := range j.Policy.Attributes {
		row := ProfileAttribute{Name: of.Name, From: j.Mapping.From(slot), Settled: true}
		if a := found.Person.Attribute(of.Name); a != nil {
			row.Want, row.Known, row.Settled = shown(a.Want, of), shown(a.Known(), of), a.Settled(of)
		}
		found.Attributes = append(found.Attributes, row)
	}
	return found, nil
}

// Cycles returns the last n cycles, newest first.
func (j *Job) Cycles(ctx context.Context, n int) (cycles []state.Cycle, err error) {
	err = j.store.View(ctx, func(v *state.View) error { cycles = v.Cycles(n); return nil })
	return cycles, err
}

// Kinds of what waits in the outbox, beside the classes that have the names of Status.Outbox.
const KindEscrowed = "escrowed"

// Queue says which part of the outbox a page is of.
type Queue struct {
	Kind string // a class's name, KindEscrowed, or "" for everything
	List uint32 // of KindHeld: only that held list; 0 for all
	// After is "" or the Next of the page before.
	After string
}

// KindHeld is the kind of removals that wait for approval.
var KindHeld = state.ClassHeld.String()

// Waiting returns up to n people with something still to send, most urgent first, and where to go on, "" at the end.
func (j *Job) Waiting(ctx context.Context, q Queue, n int) (changes []plan.Change, next string, err error) {
	classes, after, err := q.begin()
	if err != nil {
		return nil, "", err
	}
	exhausted, err := j.exhausted(ctx)
	if err != nil {
		return nil, "", err
	}
	looked := 0
	err = j.store.View(ctx, func(v *state.View) error {
		changes, next, looked = nil, "", 0
		for i, class := range classes {
			if i > 0 {
				after = state.Entry{}
			}
			last := after
			for e := range v.Queue(class, after) {
				if len(changes) == n || looked == lookAtMost {
					next = cursor(class, last)
					return nil
				}
				looked, last = looked+1, e
				p, err := v.Person(e.ID)
				if err != nil {
					return err
				}
				if p != nil && q.takes(p) {
					changes = append(changes, j.pending(p, exhausted))
				}
			}
		}
		return nil
	})
	return changes, next, err
}

// begin returns the classes to look at, in their order, and the entry of the first to begin behind. Of somebody whose
// removal is held, the rest of the change may be in another class for a moment.
func (q Queue) begin() (classes []state.Class, after state.Entry, err error) {
	switch q.Kind {
	case KindHeld:
		classes = append(classes, state.ClassHeld)
		fallthrough
	case "", KindEscrowed:
		for class := state.ClassRemove; class <= state.ClassHeld; class++ {
			if !slices.Contains(classes, class) {
				classes = append(classes, class)
			}
		}
	default:
		for class := state.ClassRemove; class < state.ClassHeld; class++ {
			if class.String() == q.Kind {
				classes = append(classes, class)
			}
		}
	}
	if len(classes) == 0 {
		return nil, after, fmt.Errorf("the outbox has no kind %q", q.Kind)
	}
	if q.After == "" {
		return classes, after, nil
	}
	parts := strings.SplitN(q.After, ".", 3)
	if len(parts) == 3 {
		class, classErr := strconv.ParseUint(parts[0], 10, 8)
		due, dueErr := strconv.ParseInt(parts[1], 10, 64)
		if i := slices.Index(classes, state.Class(class)); i >= 0 && classErr == nil && dueErr == nil {
			return classes[i:], state.Entry{Due: time.UnixMilli(due), ID: parts[2]}, nil
		}
	}
	return nil, after, fmt.Errorf("%q is no place in the outbox", q.After)
}

// cursor is the text of a place in the outbox: behind the entry, or before the class's first.
func cursor(class state.Class, e state.Entry) string {
	return fmt.Sprintf("%d.%d.%s", class, e.Due.UnixMilli(), e.ID)
}

func (q Queue) takes(p *state.Person) bool {
	switch q.Kind {
	case KindHeld:
		return p.Held != 0 && (q.List == 0 || p.Held == q.List)
	case KindEscrowed:
		return p.Escrowed
	}
	return true
}

// LogQuery says which entries of the provisioning log a page is of. Empty fields say nothing.
type LogQuery struct {
	Person string // source id
	Action string
	Status string
	Cycle  string
	Since  time.Time
	Until  time.Time // not itself
	Before uint64    // 0, or the Next of the page before
}

// LogPage is a page of the provisioning log, newest first.
type LogPage struct {
	Entries []state.LogEntry
	Next    uint64    // where to go on, 0 at the end
	Looked  time.Time // how far back entries were looked at; zero if at none
	Damaged int       // entries that cannot be read
}

// logLookAtMost is how many entries one page of the log looks at: they are larger than people.
const logLookAtMost = 2_000

// LogPage returns up to n entries of the provisioning log, newest first. Of a person only their own are looked at.
func (j *Job) LogPage(ctx context.Context, q LogQuery, n int) (page LogPage, err error) {
	before := q.Before
	if before == 0 {
		before = math.MaxUint64
	}
	err = j.store.View(ctx, func(v *state.View) error {
		page = LogPage{}
		least := v.LogBegin()
		if !q.Since.IsZero() {
			least = v.LogSince(q.Since)
		}
		if !q.Until.IsZero() {
			before = min(before, v.LogSince(q.Until))
		}
		for looked := 0; looked < logLookAtMost; {
			size := min(4*n, logLookAtMost-looked)
			entries, damaged, next, err := j.logPart(v, q.Person, before, least, size)
			if err != nil {
				return err
			}
			page.Damaged += damaged
			for i := range entries {
				if e := &entries[i]; q.takes(e) {
					page.Entries = append(page.Entries, *e)
				}
				page.Looked = entries[i].Time
				if len(page.Entries) == n {
					if next > 0 || i+1 < len(entries) {
						page.Next = entries[i].Sequence
					}
					return nil
				}
			}
			if before, looked = next, looked+size; next == 0 {
				return nil
			}
		}
		page.Next = before
		return nil
	})
	return page, err
}

// logPart returns entries before a number and not below least, newest first, and the number to go on with, 0 for none.
func (j *Job) logPart(v *state.View, person string, before, least uint64, n int) (entries []state.LogEntry, damaged int, next uint64, err error) {
	if person != "" {
		entries, err = v.LogOf(person, before, n)
		if len(entries) == n {
			next = entries[n-1].Sequence
		}
		for i := range entries {
			if entries[i].Sequence < least {
				return entries[:i], 0, 0, err
			}
		}
		return entries, 0, next, err
	}
	if before = min(before, v.LogEnd()+1); before <= least {
		return nil, 0, 0, nil
	}
	n = int(min(uint64(n), before-least))
	entries, damaged = v.LogBack(before, n)
	if next = before - uint64(n); next <= least {
		next = 0
	}
	return entries, damaged, next, nil
}

func (q LogQuery) takes(e *state.LogEntry) bool {
	return (q.Action == "" || e.Action == q.Action) && (q.Status == "" || e.Status == q.Status) &&
		(q.Cycle == "" || strings.EqualFold(e.Cycle, q.Cycle)) &&
		(q.Since.IsZero() || !e.Time.Before(q.Since)) && (q.Until.IsZero() || e.Time.Before(q.Until))
}

// LogEntry returns the entry of that number, nil if there is none any more.
func (j *Job) LogEntry(ctx context.Context, number uint64) (found *state.LogEntry, err error) {
	err = j.store.View(ctx, func(v *state.View) error {
		for e, err := range v.Log(number) {
			if err == nil && e.Sequence == number {
				found = &e
			}
			break
		}
		return nil
	})
	return found, err
}

// HeldPeople returns how many removals wait for approval.
func (j *Job) HeldPeople(ctx context.Context) (n int, err error) {
	err = j.store.View(ctx, func(v *state.View) error { n = v.Counts().Held; return nil })
	return n, err
}
