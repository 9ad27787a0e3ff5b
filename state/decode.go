package state

import (
	"errors"
	"fmt"
	"math"
	"time"

	"ringsync/connectors"
)

// decoder reads one record. The first thing wrong with it stays in err, and everything read after that is zero.
// All strings are parts of one copy of the record.
type decoder struct {
	rest   string
	shared [maxShared]string
	n      int
	err    error
}

var errShort = errors.New("it ends too early")

// decodePerson reads the record that appendPerson made for the person of that id. Whatever the bytes, it gives a
// person or an error.
func decodePerson(id string, record []byte, d *dictionary) (*Person, error) {
	p := new(Person)
	if err := decodeInto(p, id, record, d); err != nil {
		return nil, err
	}
	return p, nil
}

// decodeInto is decodePerson into somebody who is of no use any more: the room for attributes is used again.
func decodeInto(p *Person, id string, record []byte, d *dictionary) error {
	*p = Person{ID: id, Attributes: p.Attributes[:0]}
	if len(record) == 0 {
		return errShort
	}
	if record[0] != recordVersion {
		return fmt.Errorf("it is of version %d, and this program knows version %d", record[0], recordVersion)
	}
	r := decoder{rest: string(record[1:]), n: 1}
	r.shared[0] = id
	flags := r.uint()
	if flags >= flagsEnd {
		r.fail("flags %#x are unknown", flags)
	}
	p.Ours, p.Unsettled, p.Escrowed = flags&flagOurs != 0, flags&flagUnsettled != 0, flags&flagEscrowed != 0
	p.Vanished, p.Unfit = flags&flagVanished != 0, flags&flagUnfit != 0
	standing := r.byte()
	p.Scope, p.Class = Scope(standing&0xF), Class(standing>>4)
	if p.Scope > HardDeleted || p.Class > ClassHeld {
		r.fail("scope %d or class %d is unknown", uint8(p.Scope), uint8(p.Class))
	}
	p.UserPrincipalName = r.string()
	p.DisplayName = r.string()
	p.Generation = r.uint()
	r.rare(flags, p)
	r.attributes(p, d)
	if len(r.rest) > 0 {
		r.fail("%d bytes follow its end", len(r.rest))
	}
	return r.err
}

func (r *decoder) rare(flags uint64, p *Person) {
	if flags&flagLinked != 0 {
		p.TargetID = r.string()
	}
	if flags&flagLastWrite != 0 {
		p.LastWrite = millis(r.int())
	}
	if flags&flagReason != 0 {
		p.Reason = r.string()
	}
	if flags&flagTried != 0 {
		p.Tried = make([]string, r.count())
		for i := range p.Tried {
			p.Tried[i] = r.string()
		}
	}
	if flags&flagDue != 0 {
		p.Due = millis(r.int())
	}
	if flags&flagHeld != 0 {
		p.Held = r.uint32()
	}
	if flags&flagAttempts != 0 {
		p.Attempts = r.uint32()
	}
	if flags&flagRetryCycle != 0 {
		p.RetryCycle = r.uint()
	}
	if flags&flagFailure != 0 {
		p.Failure = Failure{Code: r.string(), Text: r.string()}
		p.Failure.Since = time.Unix(r.int(), 0).UTC()
		p.Failure.Status = int(r.int())
	}
}

func (r *decoder) attributes(p *Person, d *dictionary) {
	n := r.count()
	if n == 0 {
		return
	}
	if cap(p.Attributes) < n {
		p.Attributes = make([]Attribute, 0, n)
	}
	last, spelt := uint64(0), false
	for range n {
		a := Attribute{}
		number := r.uint()
		switch {
		case number > uint64(len(d.names)):
			r.fail("attribute number %d is unknown", number)
		case last != 0 && number <= last:
			r.fail("attribute number %d is out of order", number)
		case number != 0:
			a.Name = d.names[number-1]
		default:
			a.Name, spelt = r.string(), true
		}
		// A name spelt out may have come into the dictionary since, so only the name tells whether it is there twice.
		if spelt && p.Attribute(a.Name) != nil {
			r.fail("attribute %q is there twice", a.Name)
		}
		last = number
		r.attribute(&a)
		if r.err != nil {
			return
		}
		p.Attributes = append(p.Attributes, a)
	}
}

func (r *decoder) attribute(a *Attribute) {
	shape := r.byte()
	if shape >= shapeEnd {
		r.fail("shape %#x of an attribute is unknown", shape)
		return
	}
	a.OnCreate = shape&shapeOnCreate != 0
	if shape&shapeWant != 0 {
		a.Want = r.value(0)
	}
	a.Sent = r.part(shape>>shapeSentShift&3, a)
	a.Answer = r.part(shape>>shapeShownShift&3, a)
}

func (r *decoder) part(which byte, a *Attribute) connectors.Value {
	switch which {
	case partAsWant:
		return a.Want
	case partAsSent:
		return a.Sent
	case partOwn:
		return r.value(0)
	}
	return connectors.Value{}
}

func (r *decoder) value(depth int) connectors.Value {
	if depth > maxDepth {
		r.fail("a value is nested more than %d deep", maxDepth)
		return connectors.Value{}
	}
	n := r.uint()
	kind, n := connectors.Kind(n&7), n>>3
	switch kind {
	case connectors.Absent:
		return connectors.Value{}
	case connectors.Null:
		return connectors.NullValue()
	case connectors.String:
		return connectors.StringValue(r.text(n))
	case connectors.Bool:
		return connectors.BoolValue(n != 0)
	case connectors.Int:
		return connectors.IntValue(r.int())
	case connectors.List:
		var items []connectors.Value
		for i := r.fits(n); i > 0 && r.err == nil; i-- {
			items = append(items, r.value(depth+1))
		}
		return connectors.ListValue(items...)
	case connectors.Object:
		var fields []connectors.Field
		for i := r.fits(n); i > 0 && r.err == nil; i-- {
			fields = append(fields, connectors.Field{Name: r.string(), Value: r.value(depth + 1)})
		}
		return connectors.ObjectValue(fields...)
	}
	r.fail("kind %d of a value is unknown", kind)
	return connectors.Value{}
}

func (r *decoder) string() string { return r.text(r.uint()) }

// text returns the string that the token stands for.
func (r *decoder) text(token uint64) string {
	n := token >> 1
	switch {
	case token == 0:
		return ""
	case token&1 != 0:
		if n >= uint64(r.n) {
			r.fail("string %d is referred to and not there", n)
			return ""
		}
		return r.shared[n]
	case n > uint64(len(r.rest)):
		r.fail("%w", errShort)
		return ""
	}
	s := r.rest[:n]
	r.rest = r.rest[n:]
	if r.n < maxShared {
		r.shared[r.n] = s
		r.n++
	}
	return s
}

// count reads a number of things, each of which takes a byte at least.
func (r *decoder) count() int { return r.fits(r.uint()) }

func (r *decoder) fits(n uint64) int {
	if n > uint64(len(r.rest)) {
		r.fail("%w", errShort)
		return 0
	}
	return int(n)
}

func (r *decoder) byte() byte {
	if r.rest == "" {
		r.fail("%w", errShort)
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

func (r *decoder) uint32() uint32 {
	n := r.uint()
	if n > math.MaxUint32 {
		r.fail("the number %d is too large", n)
	}
	return uint32(n)
}

func (r *decoder) uint() uint64 {
	var n uint64
	for shift := uint(0); shift < 64; shift += 7 {
		b := r.byte()
		n |= uint64(b&0x7F) << shift
		if b < 0x80 {
			return n
		}
	}
	r.fail("a number does not end")
	return 0
}

// int undoes binary.AppendVarint: the sign is in the lowest bit.
func (r *decoder) int() int64 {
	n := r.uint()
	return int64(n>>1) ^ -int64(n&1)
}

func (r *decoder) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
		r.rest = ""
	}
}
