package state

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"ringsync/connectors"
)

// A person's record, for a hundred thousand of them in one small file:
//
//	version, flags, scope and class in one byte, userPrincipalName, displayName, generation,
//	those of the rare fields that the flags announce, the number of attributes, the attributes
//
// Numbers are varints. A string is a length and its bytes the first time, and a number the next time: most of a record
// is said twice (wanted and known; a user name is the mail address), and the id in the key counts as said already.
// Attributes stand in the order of their numbers in the dictionary, so equal people make equal records.

const recordVersion = 1

const (
	flagOurs = 1 << iota
	flagLinked
	flagLastWrite
	flagReason
	flagUnsettled
	flagEscrowed
	flagTried
	flagDue
	flagHeld
	flagAttempts
	flagRetryCycle
	flagFailure
	flagVanished
	flagUnfit
	flagsEnd
)

// An attribute's shape says which of its values are there, and which of those are spelt out.
const (
	shapeOnCreate   = 1 << 0
	shapeWant       = 1 << 1
	shapeSentShift  = 2 // two bits: absent, as wanted, own
	shapeShownShift = 4 // two bits: absent, as wanted, as sent, own
	shapeEnd        = 1 << 6
)

const (
	partAbsent = iota
	partAsWant
	partOwn
	partAsSent
)

const (
	maxShared = 64 // strings of a record that can be referred to
	maxDepth  = 32 // lists and objects within each other
)

// dictionary numbers the attribute names from 1, in the order in which the job came to know them. It only grows.
type dictionary struct {
	names   []string
	numbers map[string]uint64
}

func newDictionary(names []string) *dictionary {
	d := &dictionary{names: names, numbers: make(map[string]uint64, len(names))}
	for i, name := range names {
		d.numbers[name] = uint64(i + 1)
	}
	return d
}

// encoder makes one record.
type encoder struct {
	buf    []byte
	shared [maxShared]string
	n      int
}

// appendPerson appends p's record. Attributes that say nothing are left out; times lose what is below a millisecond.
func appendPerson(buf []byte, p *Person, d *dictionary) ([]byte, error) {
	if err := checkID(p.ID); err != nil {
		return nil, err
	}
	if p.Scope > HardDeleted || p.Class > ClassHeld {
		return nil, fmt.Errorf("scope %d or class %d is unknown", p.Scope, p.Class)
	}
	e := encoder{buf: append(buf, recordVersion), n: 1}
	e.shared[0] = p.ID
	flags := personFlags(p)
	e.uint(flags)
	e.buf = append(e.buf, byte(p.Scope)|byte(p.Class)<<4)
	e.string(p.UserPrincipalName)
	e.string(p.DisplayName)
	e.uint(p.Generation)
	e.rare(flags, p)
	err := e.attributes(p.Attributes, d)
	return e.buf, err
}

func personFlags(p *Person) (flags uint64) {
	for _, f := range [...]struct {
		bit uint64
		set bool
	}{
		{flagOurs, p.Ours}, {flagLinked, p.TargetID != ""}, {flagLastWrite, !p.LastWrite.IsZero()},
		{flagReason, p.Reason != ""}, {flagUnsettled, p.Unsettled}, {flagEscrowed, p.Escrowed},
		{flagTried, len(p.Tried) > 0}, {flagDue, !p.Due.IsZero()}, {flagHeld, p.Held != 0},
		{flagAttempts, p.Attempts != 0}, {flagRetryCycle, p.RetryCycle != 0},
		{flagFailure, p.Failure != Failure{}}, {flagVanished, p.Vanished}, {flagUnfit, p.Unfit},
	} {
		if f.set {
			flags |= f.bit
		}
	}
	return flags
}

func (e *encoder) rare(flags uint64, p *Person) {
	if flags&flagLinked != 0 {
		e.string(p.TargetID)
	}
	if flags&flagLastWrite != 0 {
		e.int(p.LastWrite.UnixMilli())
	}
	if flags&flagReason != 0 {
		e.string(p.Reason)
	}
	if flags&flagTried != 0 {
		e.uint(uint64(len(p.Tried)))
		for _, key := range p.Tried {
			e.string(key)
		}
	}
	if flags&flagDue != 0 {
		e.int(p.Due.UnixMilli())
	}
	if flags&flagHeld != 0 {
		e.uint(uint64(p.Held))
	}
	if flags&flagAttempts != 0 {
		e.uint(uint64(p.Attempts))
	}
	if flags&flagRetryCycle != 0 {
		e.uint(p.RetryCycle)
	}
	if flags&flagFailure != 0 {
		e.string(p.Failure.Code)
		e.string(p.Failure.Text)
		e.int(p.Failure.Since.Unix())
		e.int(int64(p.Failure.Status))
	}
}

func (e *encoder) attributes(attributes []Attribute, d *dictionary) error {
	type numbered struct {
		number uint64 // 0 if the dictionary lacks the name: it is then spelt out
		*Attribute
	}
	order := make([]numbered, 0, len(attributes))
	for i := range attributes {
		a := &attributes[i]
		if a.Want.Kind() != connectors.Absent || a.Sent.Kind() != connectors.Absent || a.Answer.Kind() != connectors.Absent {
			order = append(order, numbered{d.numbers[a.Name], a})
		}
	}
	slices.SortFunc(order, func(a, b numbered) int {
		return cmp.Or(cmp.Compare(a.number, b.number), strings.Compare(a.Name, b.Name))
	})
	e.uint(uint64(len(order)))
	for i, a := range order {
		if i > 0 && order[i-1].Name == a.Name {
			return fmt.Errorf("attribute %s is there twice", a.Name)
		}
		e.uint(a.number)
		if a.number == 0 {
			e.string(a.Name)
		}
		if err := e.attribute(a.Attribute); err != nil {
			return fmt.Errorf("attribute %s: %w", a.Name, err)
		}
	}
	return nil
}

func (e *encoder) attribute(a *Attribute) error {
	shape := byte(0)
	if a.OnCreate {
		shape |= shapeOnCreate
	}
	if a.Want.Kind() != connectors.Absent {
		shape |= shapeWant
	}
	sent, shown := byte(partOwn), byte(partOwn)
	switch {
	case a.Sent.Kind() == connectors.Absent:
		sent = partAbsent
	case a.Sent.Equal(a.Want):
		sent = partAsWant
	}
	switch {
	case a.Answer.Kind() == connectors.Absent:
		shown = partAbsent
	case a.Answer.Equal(a.Want):
		shown = partAsWant
	case a.Answer.Equal(a.Sent):
		shown = partAsSent
	}
	e.buf = append(e.buf, shape|sent<<shapeSentShift|shown<<shapeShownShift)
	var err error
	if shape&shapeWant != 0 {
		err = e.value(a.Want, 0)
	}
	if sent == partOwn {
		err = errors.Join(err, e.value(a.Sent, 0))
	}
	if shown == partOwn {
		err = errors.Join(err, e.value(a.Answer, 0))
	}
	return err
}

// value writes the kind in the low three bits of a number whose other bits are what the kind needs.
func (e *encoder) value(v connectors.Value, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("a value is nested more than %d deep", maxDepth)
	}
	kind := uint64(v.Kind())
	switch v.Kind() {
	case connectors.String:
		s := v.Text()
		token, isNew := e.token(s)
		e.uint(token<<3 | kind)
		if isNew {
			e.buf = append(e.buf, s...)
		}
	case connectors.Bool:
		b, _ := v.AsBool()
		if b {
			kind |= 1 << 3
		}
		e.uint(kind)
	case connectors.Int:
		n, _ := v.AsInt()
		e.uint(kind)
		e.int(n)
	case connectors.List, connectors.Object:
		e.uint(uint64(v.Len())<<3 | kind)
		for i := range v.Len() {
			if v.Kind() == connectors.Object {
				e.string(v.FieldName(i))
			}
			if err := e.value(v.At(i), depth+1); err != nil {
				return err
			}
		}
	default:
		e.uint(kind)
	}
	return nil
}

func (e *encoder) string(s string) {
	token, isNew := e.token(s)
	e.uint(token)
	if isNew {
		e.buf = append(e.buf, s...)
	}
}

// token returns what to write for s: an odd number refers to an earlier string, an even one is twice the length of
// the bytes that are to follow.
func (e *encoder) token(s string) (token uint64, isNew bool) {
	if s == "" {
		return 0, false
	}
	if i := slices.Index(e.shared[:e.n], s); i >= 0 {
		return uint64(i)<<1 | 1, false
	}
	if e.n < maxShared {
		e.shared[e.n] = s
		e.n++
	}
	return uint64(len(s)) << 1, true
}

func (e *encoder) uint(n uint64) { e.buf = binary.AppendUvarint(e.buf, n) }
func (e *encoder) int(n int64)   { e.buf = binary.AppendVarint(e.buf, n) }

// millis returns the moment that a record gives in milliseconds.
func millis(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
