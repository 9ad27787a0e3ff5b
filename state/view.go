package state

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"time"

	"ringsync/connectors"
)

// View reads the records at one moment. It belongs to one goroutine and is valid until the transaction ends; what it
// returns may be kept.
//
// Methods that return no error note the first thing that cannot be read, stop there, and let the transaction fail.
type View struct {
	r Reader
	*binding
	writable bool
	tally    *tally // as this transaction sees it, loaded when first asked for
	stored   tally  // as it was when loaded
	damage   error
	key      []byte // room for the key being looked up
}

// Counts are the numbers of people.
type Counts struct {
	People int `json:"people"`
	Linked int `json:"linked"`
	// Active are the linked people whose account is known to be active, or if nothing is known of that, who are in
	// scope: the guard's base (rule S3).
	Active   int                `json:"active"`
	Queued   [ClassHeld + 1]int `json:"queued"` // by Class; nobody is counted under ClassNone
	Escrowed int                `json:"escrowed"`
	Held     int                `json:"held"` // on a held list
}

// Entry is one key of the outbox.
type Entry struct {
	Class Class
	Due   time.Time // to the millisecond
	ID    string    // source id
}

// Mark is where reading the source goes on.
type Mark struct {
	Data  []byte    `json:"data"`  // the source's own, opaque
	Cycle uint64    `json:"cycle"` // number of the cycle that read up to it
	Time  time.Time `json:"time"`
}

// Person returns the person of that source id, nil if there is none. The error is a *DamagedError.
func (v *View) Person(id string) (*Person, error) {
	p := new(Person)
	if found, err := v.FillPerson(p, id); !found || err != nil {
		return nil, err
	}
	return p, nil
}

// FillPerson is Person into somebody who is of no use any more, whose room is used again.
func (v *View) FillPerson(p *Person, id string) (found bool, err error) {
	if checkID(id) != nil {
		return false, nil
	}
	v.key = appendID(v.key[:0], id)
	record := v.r.Get(SpacePeople, v.key)
	if record == nil {
		*p = Person{ID: id, Attributes: p.Attributes[:0]}
		return false, nil
	}
	return true, v.decode(p, id, record)
}

func (b *binding) decode(p *Person, id string, record []byte) error {
	if err := decodeInto(p, id, record, b.dictionary); err != nil {
		return &DamagedError{What: "the record of person " + id, Err: err}
	}
	return nil
}

func (b *binding) person(key, record []byte) (*Person, error) {
	id, err := wholeID(key)
	if err != nil {
		return nil, damagedKey(SpacePeople, key, err)
	}
	p := new(Person)
	if err := b.decode(p, id, record); err != nil {
		return nil, err
	}
	return p, nil
}

// FillPeople is People into a slice, as many as it has room for, from behind the source id after ("" begins with the
// first). Whoever is in the slice is overwritten, and their room used again: it is for walking over everybody. It
// returns how many there were, and stops at the first that cannot be read.
func (v *View) FillPeople(people []Person, after string) (n int, err error) {
	var start []byte
	if after != "" {
		start = append(idKey(after), 0)
	}
	for key, record := range v.scan(SpacePeople, start, nil) {
		if n == len(people) {
			break
		}
		id, err := wholeID(key)
		if err != nil {
			return n, damagedKey(SpacePeople, key, err)
		}
		if err := v.decode(&people[n], id, record); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// People yields everybody whose key is that of the source id from or follows it, in key order; "" begins with the
// first. For a record that cannot be read there is a *DamagedError, and the next person comes after it.
func (v *View) People(from string) iter.Seq2[*Person, error] {
	return func(yield func(*Person, error) bool) {
		var start []byte
		if from != "" {
			start = idKey(from)
		}
		for key, record := range v.scan(SpacePeople, start, nil) {
			if !yield(v.person(key, record)) {
				return
			}
		}
	}
}

// PersonByTarget returns the source id of the person linked to that account, "" if nobody is.
func (v *View) PersonByTarget(targetID string) (id string) {
	if checkID(targetID) != nil {
		return ""
	}
	v.key = appendID(v.key[:0], targetID)
	holder := v.r.Get(SpaceByTarget, v.key)
	if holder == nil {
		return ""
	}
	id, err := wholeID(holder)
	v.note(SpaceByTarget, v.key, err)
	return id
}

// Matches returns the source ids of the people for whom that value of the matching attribute is wanted or known or
// was tried in an unsettled create, in key order. Letter case does not matter. An attribute that is no matching
// attribute of the job is an error of the transaction: no answer would look like "nobody".
func (v *View) Matches(attribute, value string) []string {
	number := v.dictionary.numbers[attribute]
	if !slices.Contains(v.matching, number) {
		v.fail(fmt.Errorf("%s is not a matching attribute of this job", attribute))
		return nil
	}
	var ids []string
	prefix := appendMatch(nil, number, fold(value))
	for key := range v.r.Scan(SpaceByMatch, prefix, after(prefix)) {
		id, err := wholeID(key[len(prefix):])
		if v.note(SpaceByMatch, key, err) {
			break
		}
		ids = append(ids, id)
	}
	return ids
}

// Counts returns how many people there are of each sort, without looking at them.
func (v *View) Counts() Counts { return v.counted().Counts }

// Due yields what is due in that class, earliest first.
func (v *View) Due(class Class, now time.Time) iter.Seq[Entry] {
	prefix := []byte{byte(class)}
	return v.outbox(prefix, appendTime(prefix, now.Add(time.Millisecond)))
}

// Outbox yields everything in it, by class, then by time.
func (v *View) Outbox() iter.Seq[Entry] { return v.outbox(nil, nil) }

func (v *View) outbox(from, before []byte) iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		for key := range v.scan(SpaceOutbox, from, before) {
			entry, err := parseOutboxKey(key)
			if v.note(SpaceOutbox, key, err) || !yield(entry) {
				return
			}
		}
	}
}

// NextDue returns when the earliest entry of the classes is due; without classes, of all that are dispatched.
func (v *View) NextDue(classes ...Class) (due time.Time, found bool) {
	if len(classes) == 0 {
		classes = []Class{ClassRemove, ClassEnable, ClassCreate, ClassUpdate}
	}
	for _, class := range classes {
		prefix := []byte{byte(class)}
		for first := range v.outbox(prefix, after(prefix)) {
			if !found || first.Due.Before(due) {
				due, found = first.Due, true
			}
			break
		}
	}
	return due, found
}

// Edges yields what belongs to parent directly; every edge is present.
func (v *View) Edges(parent string) iter.Seq[connectors.Edge] {
	prefix := idKey(parent)
	return v.edges(prefix, after(prefix))
}

// EdgesBetween yields the edges from child to parent: one, or one for each role.
func (v *View) EdgesBetween(parent, child string) iter.Seq[connectors.Edge] {
	prefix := appendID(idKey(parent), child)
	return v.edges(prefix, after(prefix))
}

// AllEdges yields every edge, parent by parent.
func (v *View) AllEdges() iter.Seq[connectors.Edge] { return v.edges(nil, nil) }

func (v *View) edges(from, before []byte) iter.Seq[connectors.Edge] {
	return func(yield func(connectors.Edge) bool) {
		for key, flags := range v.scan(SpaceEdges, from, before) {
			edge, err := parseEdge(key, flags)
			if v.note(SpaceEdges, key, err) || !yield(edge) {
				return
			}
		}
	}
}

// Mark returns where reading the source goes on, false if there is no watermark.
func (v *View) Mark() (mark Mark, found bool) {
	found, err := readMeta(v.r, metaMark, &mark)
	v.fail(err)
	return mark, found
}

// Removed returns the source ids of the people who were removed at t or later.
func (v *View) Removed(t time.Time) map[string]bool {
	ids := make(map[string]bool)
	for key := range v.r.Scan(SpaceRemovals, appendTime(nil, t), nil) {
		_, rest, err := cutTime(key)
		if v.note(SpaceRemovals, key, err) {
			break
		}
		id, err := wholeID(rest)
		if v.note(SpaceRemovals, key, err) {
			break
		}
		ids[id] = true
	}
	return ids
}

// Cycles returns the last n cycles, newest first.
func (v *View) Cycles(n int) []Cycle {
	var cycles []Cycle
	for number := v.counted().LastCycle; number > 0 && len(cycles) < n; number-- {
		key := numberKey(number)
		record := v.r.Get(SpaceCycles, key)
		if record == nil {
			break // older ones are gone
		}
		var cycle Cycle
		if v.note(SpaceCycles, key, json.Unmarshal(record, &cycle)) {
			break
		}
		cycles = append(cycles, cycle)
	}
	return cycles
}

// Cycle returns the record of the cycle of that number, nil if there is none.
func (v *View) Cycle(number uint64) *Cycle {
	key := numberKey(number)
	record := v.r.Get(SpaceCycles, key)
	var cycle Cycle
	if record == nil || v.note(SpaceCycles, key, json.Unmarshal(record, &cycle)) {
		return nil
	}
	return &cycle
}

// Get reads what Set keeps under that name into the value that into points to, and reports whether there is anything.
func (v *View) Get(name string, into any) (found bool, err error) {
	return readMeta(v.r, metaPrefix+name, into)
}

// scan is Reader.Scan, but where this transaction writes, the loop may write too: it meets what it changed as it is
// then, and what it added behind the present key.
func (v *View) scan(space Space, from, before []byte) iter.Seq2[[]byte, []byte] {
	if !v.writable {
		return v.r.Scan(space, from, before)
	}
	return func(yield func(key, value []byte) bool) {
		keys := make([][]byte, 0, batch)
		for start := from; ; start = append(keys[len(keys)-1], 0) {
			keys = keys[:0]
			for key := range v.r.Scan(space, start, before) {
				if keys = append(keys, bytes.Clone(key)); len(keys) == batch {
					break
				}
			}
			for _, key := range keys {
				if value := v.r.Get(space, key); value != nil && !yield(key, value) {
					return
				}
			}
			if len(keys) < batch {
				return
			}
		}
	}
}

// note reports whether err is one, and if so lets the transaction fail for that key.
func (v *View) note(space Space, key []byte, err error) bool {
	if err != nil {
		v.fail(damagedKey(space, key, err))
	}
	return err != nil
}

func (v *View) fail(err error) {
	if v.damage == nil {
		v.damage = err
	}
}

var spaceNames = [...]string{SpaceMeta: "meta", SpacePeople: "people", SpaceByTarget: "by target", SpaceByMatch: "by match",
	SpaceOutbox: "outbox", SpaceEdges: "edges", SpaceRemovals: "removals", SpaceLog: "log", SpaceCycles: "cycles", SpaceLogOf: "log by person"}

func damagedKey(space Space, key []byte, err error) error {
	return &DamagedError{What: fmt.Sprintf("the record %x in space %s", key, spaceNames[space]), Err: err}
}
