package state

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Schema is the version of what is stored. A state of a higher one is refused.
const Schema = 1

// Names in SpaceMeta. What engine keeps under a name of its own has the prefix.
const (
	metaIdentity   = "identity"
	metaAttributes = "attributes"
	metaMatching   = "matching"
	metaCounters   = "counters"
	metaMark       = "mark"
	metaPrefix     = "job/"
)

// Identity is what a state belongs to (rule S11). Letter case does not matter.
type Identity struct {
	Tenant string `json:"tenant"` // tenant id
	App    string `json:"app"`    // application id of the enterprise application
	Target string `json:"target"` // what tells the target's account from others
}

func (id Identity) same(other Identity) bool {
	return strings.EqualFold(id.Tenant, other.Tenant) && strings.EqualFold(id.App, other.App) &&
		strings.EqualFold(id.Target, other.Target)
}

// Store keeps the records of one job in a DB, which stays the caller's to close. It may be used by many goroutines
// once it is bound.
type Store struct {
	db      DB
	bound   atomic.Pointer[binding]
	blocked atomic.Pointer[Blockage] // nil while it can be written
}

// binding is what reading and writing records needs to know of the job.
type binding struct {
	dictionary *dictionary
	matching   []uint64 // numbers of the matching attributes
}

// New returns a store of the records in db. It answers ErrUnbound until Bind.
func New(db DB) *Store { return &Store{db: db} }

// setup is what Bind finds and leaves.
type setup struct {
	identity identityRecord
	names    []string // attribute names, in the order of their numbers
	matching matchingRecord
}

type identityRecord struct {
	Schema int `json:"schema"`
	Identity
}

// matchingRecord says which attributes SpaceByMatch is made of.
type matchingRecord struct {
	Attributes []string `json:"attributes"` // sorted
	// Complete is false from when the list changed until SpaceByMatch has been made anew.
	Complete bool `json:"complete"`
}

// Bind makes the store that of a job: what it belongs to, the target attributes that people have, and those of them
// that people are matched by. The first Bind of an empty state writes the identity; a later one with another identity
// gets a *MismatchError, and a state from a newer version a *SchemaError. If the matching attributes are others than
// last time, their index is made anew, some people at a time; a Bind that was interrupted in this is to be repeated.
// Nothing is written if nothing is new.
func (s *Store) Bind(ctx context.Context, id Identity, attributes, matching []string) error {
	var now setup
	read := func(r Reader) (isNew bool, err error) {
		now, err = readSetup(r)
		if err != nil {
			return false, err
		}
		return now.extend(id, attributes, matching)
	}
	isNew := false
	err := s.db.View(ctx, func(r Reader) error {
		var err error
		isNew, err = read(r)
		return err
	})
	if err == nil && isNew {
		err = s.db.Update(ctx, func(w Writer) error {
			if _, err := read(w); err != nil {
				return err
			}
			return now.write(w)
		})
	}
	if err != nil {
		return err
	}
	b := &binding{dictionary: newDictionary(now.names)}
	for _, name := range now.matching.Attributes {
		b.matching = append(b.matching, b.dictionary.numbers[name])
	}
	if !now.matching.Complete {
		if err := s.rebuildMatches(ctx, b, now.matching); err != nil {
			return fmt.Errorf("rebuild the index of matching attributes: %w", err)
		}
	}
	s.bound.Store(b)
	return nil
}

// Belongs is the check that Bind begins with, and no more: it neither binds nor writes. It may be asked while another
// Store is at work on the same DB.
func (s *Store) Belongs(ctx context.Context, id Identity) error {
	return s.db.View(ctx, func(r Reader) error {
		now, err := readSetup(r)
		if err != nil {
			return err
		}
		_, err = now.extend(id, nil, nil)
		return err
	})
}

// Peek returns what the state belongs to, false if it is new. It needs no Bind.
func (s *Store) Peek(ctx context.Context) (id Identity, found bool, err error) {
	err = s.db.View(ctx, func(r Reader) error {
		now, err := readSetup(r)
		id, found = now.identity.Identity, now.identity.Schema != 0
		return err
	})
	return id, found, err
}

// View runs fn on one moment of the state. If fn returns nil although something it asked for could not be read, the
// error is a *DamagedError.
func (s *Store) View(ctx context.Context, fn func(*View) error) error {
	b := s.bound.Load()
	if b == nil {
		return ErrUnbound
	}
	return s.db.View(ctx, func(r Reader) error {
		v := &View{r: r, binding: b}
		if err := fn(v); err != nil {
			return err
		}
		return v.damage
	})
}

// Update runs fn and makes durable what it wrote, all of it, unless fn returns an error or panics or something it
// asked for could not be read.
func (s *Store) Update(ctx context.Context, fn func(*Tx) error) error {
	b := s.bound.Load()
	if b == nil {
		return ErrUnbound
	}
	err := s.db.Update(ctx, func(w Writer) error {
		tx := &Tx{View: &View{r: w, binding: b, writable: true}, w: w}
		if err := fn(tx); err != nil {
			return err
		}
		if tx.damage != nil {
			return tx.damage
		}
		return tx.writeCounters()
	})
	if unwritable, ok := errors.AsType[*UnwritableError](err); ok {
		s.block(unwritable)
	}
	return err
}

// Pack returns the record of a person as it would be stored, for keeping them elsewhere for a while.
func (s *Store) Pack(p *Person) ([]byte, error) {
	b := s.bound.Load()
	if b == nil {
		return nil, ErrUnbound
	}
	room := rooms.Get().(*[]byte)
	defer rooms.Put(room)
	record, err := appendPerson((*room)[:0], p, b.dictionary)
	if err != nil {
		return nil, fmt.Errorf("pack person %s: %w", p.ID, err)
	}
	*room = record
	return bytes.Clone(record), nil
}

// rooms are for packing people.
var rooms = sync.Pool{New: func() any { return new([]byte) }}

// Unpack fills p, whose room is used again, with what Pack made of the person of that id.
func (s *Store) Unpack(p *Person, id string, record []byte) error {
	b := s.bound.Load()
	if b == nil {
		return ErrUnbound
	}
	return b.decode(p, id, record)
}

func readSetup(r Reader) (s setup, err error) {
	if _, err := readMeta(r, metaIdentity, &s.identity); err != nil {
		return setup{}, err
	}
	if s.identity.Schema > Schema { // the rest may be anything
		return setup{}, &SchemaError{Has: s.identity.Schema, Knows: Schema}
	}
	if _, err := readMeta(r, metaAttributes, &s.names); err != nil {
		return setup{}, err
	}
	_, err = readMeta(r, metaMatching, &s.matching)
	return s, err
}

// extend adds what the job brings and reports whether anything of it is new.
func (s *setup) extend(id Identity, attributes, matching []string) (isNew bool, err error) {
	switch {
	case s.identity.Schema == 0:
		s.identity = identityRecord{Schema: Schema, Identity: id}
		isNew = true
	case !s.identity.same(id):
		return false, &MismatchError{Has: s.identity.Identity, Asked: id}
	}
	for _, name := range slices.Concat(attributes, matching) {
		if !slices.Contains(s.names, name) {
			s.names = append(s.names, name)
			isNew = true
		}
	}
	matching = slices.Compact(slices.Sorted(slices.Values(matching)))
	if !slices.Equal(s.matching.Attributes, matching) {
		s.matching = matchingRecord{Attributes: matching}
		isNew = true
	}
	return isNew, nil
}

func (s *setup) write(w Writer) error {
	if err := writeMeta(w, metaIdentity, s.identity); err != nil {
		return err
	}
	if err := writeMeta(w, metaAttributes, s.names); err != nil {
		return err
	}
	return writeMeta(w, metaMatching, s.matching)
}

func readMeta(r Reader, name string, into any) (found bool, err error) {
	raw := r.Get(SpaceMeta, []byte(name))
	if raw == nil {
		return false, nil
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return false, &DamagedError{What: fmt.Sprintf("the record %q", name), Err: err}
	}
	return true, nil
}

func writeMeta(w Writer, name string, value any) error {
	raw, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("write the record %q: %w", name, err)
	}
	return w.Put(SpaceMeta, []byte(name), raw)
}
