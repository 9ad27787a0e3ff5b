package scim

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"ringsync/connectors"
)

// Decoder fills the slots of a resource from JSON. It is compiled once from the paths and used concurrently.
//
// What an answer does not say is Absent, what it shows to be empty is Null. Shown to be empty are: an attribute with
// null, [] or {}; a part missing from a complex attribute that is there (a name without givenName, no element of type
// "work"); and any attribute that a whole resource leaves out (RFC 7643, section 2.5: unassigned attributes may be
// omitted), unless the resource comes from a list and the schema says that lists do not carry the attribute. A
// resource without userName, which every server must return, is not whole: what it leaves out is Absent.
type Decoder struct {
	top      shape
	slots    int    // those of the caller; four of our own follow
	unlisted []bool // by slot
}

// shape is what is looked for in one JSON object.
type shape []*member

type member struct {
	name  []byte
	whole []int // slots that take the value as it is
	inner shape // for an extension: its attributes
	subs  []string
	picks []pick
}

// pick takes a sub-attribute of an object, or of those elements of an array that pass the tests.
type pick struct {
	slot  int
	sub   int // index in subs; -1 = the whole element
	where []test
}

type test struct {
	sub  int
	want string
}

// Our own slots follow the caller's.
const (
	ownID = iota
	ownUserName
	ownExternalID
	ownActive
	owns
)

var ownPaths = [owns]string{ownID: "id", ownUserName: "userName", ownExternalID: "externalId", ownActive: "active"}

// NewDecoder compiles the paths that slots name. The schema says which of them lists leave out; a path that it does
// not have is taken to be listed.
func NewDecoder(slots *connectors.Slots, schema *connectors.Schema) (*Decoder, error) {
	d := &Decoder{slots: slots.Len(), unlisted: make([]bool, slots.Len()+owns)}
	for i, name := range slices.Concat(slots.Names(), ownPaths[:]) {
		p, err := ParsePath(name)
		if err != nil {
			return nil, err
		}
		if a, ok := schema.Lookup(name); ok && i < d.slots {
			d.unlisted[i] = a.Unlisted
		}
		d.top.add(p, i)
	}
	return d, nil
}

func (s *shape) add(p Path, slot int) {
	if p.URN != "" {
		m := s.member(p.URN)
		p.URN = ""
		m.inner.add(p, slot)
		return
	}
	m := s.member(p.Name)
	if p.Sub == "" && len(p.Where) == 0 {
		m.whole = append(m.whole, slot)
		return
	}
	taken := pick{slot: slot, sub: -1}
	if p.Sub != "" {
		taken.sub = m.sub(p.Sub)
	}
	for _, c := range p.Where {
		taken.where = append(taken.where, test{sub: m.sub(c.Name), want: c.Value.Text()})
	}
	m.picks = append(m.picks, taken)
}

func (s *shape) member(name string) *member {
	if m := s.find([]byte(name)); m != nil {
		return m
	}
	m := &member{name: []byte(name)}
	*s = append(*s, m)
	return m
}

// find looks for the exact spelling first: servers use the RFC's, and folding costs.
func (s shape) find(name []byte) *member {
	for _, m := range s {
		if bytes.Equal(m.name, name) {
			return m
		}
	}
	for _, m := range s {
		if bytes.EqualFold(m.name, name) {
			return m
		}
	}
	return nil
}

func (m *member) sub(name string) int {
	if i := slices.IndexFunc(m.subs, func(s string) bool { return strings.EqualFold(s, name) }); i >= 0 {
		return i
	}
	m.subs = append(m.subs, name)
	return len(m.subs) - 1
}

// Resource reads a single resource: the answer to a GET, POST or PATCH.
func (d *Decoder) Resource(body []byte) (connectors.Resource, error) {
	c := &cursor{b: body}
	r, err := d.resource(c, false)
	if err == nil {
		err = c.end()
	}
	if err != nil {
		return connectors.Resource{}, fmt.Errorf("read resource: %w", err)
	}
	return r, nil
}

func (d *Decoder) resource(c *cursor, listed bool) (connectors.Resource, error) {
	values := make([]connectors.Value, d.slots+owns)
	if err := d.top.read(c, values); err != nil {
		return connectors.Resource{}, err
	}
	own := values[d.slots:]
	r := connectors.Resource{ID: own[ownID].Text(), UserName: own[ownUserName].Text(),
		ExternalID: own[ownExternalID].Text(), Values: values[:d.slots:d.slots]}
	r.Active, _ = own[ownActive].AsBool()
	if r.UserName != "" {
		for i := range r.Values {
			if r.Values[i].Kind() == connectors.Absent && !(listed && d.unlisted[i]) {
				r.Values[i] = connectors.NullValue()
			}
		}
	}
	return r, nil
}

func (s shape) read(c *cursor, values []connectors.Value) error {
	return c.object(func(name []byte) error {
		m := s.find(name)
		if m == nil {
			return c.skip()
		}
		return m.read(c, values)
	})
}

func (m *member) read(c *cursor, values []connectors.Value) error {
	m.empty(values)
	start := c.i
	if len(m.whole) > 0 {
		v, err := c.value()
		if err != nil {
			return err
		}
		for _, slot := range m.whole {
			values[slot] = v
		}
		if len(m.picks)+len(m.inner) == 0 {
			return nil
		}
		c.i = start
	}
	switch {
	case c.peek() == '{' && len(m.inner) > 0:
		return m.inner.read(c, values)
	case c.peek() == '{':
		return m.element(c, values, false)
	case c.peek() == '[' && len(m.picks) > 0:
		return c.array(func() error {
			if c.peek() != '{' {
				return c.skip()
			}
			return m.element(c, values, true)
		})
	}
	return c.skip()
}

// empty notes that the container is there: what it turns out not to hold is empty.
func (m *member) empty(values []connectors.Value) {
	for _, p := range m.picks {
		values[p.slot] = connectors.NullValue()
	}
	for _, inner := range m.inner {
		for _, slot := range inner.whole {
			values[slot] = connectors.NullValue()
		}
		inner.empty(values)
	}
}

// element reads a complex value: the attribute itself, or one of many.
func (m *member) element(c *cursor, values []connectors.Value, many bool) error {
	start := c.i
	var room [8]connectors.Value
	found := append(room[:0], make([]connectors.Value, len(m.subs))...)
	err := c.object(func(name []byte) error {
		i := slices.IndexFunc(m.subs, func(s string) bool { return s == string(name) || strings.EqualFold(s, string(name)) })
		if i < 0 {
			return c.skip()
		}
		var err error
		found[i], err = c.value()
		return err
	})
	if err != nil {
		return err
	}
	for _, p := range m.picks {
		if !p.passes(found) {
			continue
		}
		v := connectors.Value{}
		if p.sub >= 0 {
			v = found[p.sub]
		} else if err := v.UnmarshalJSON(c.b[start:c.i]); err != nil {
			return err
		}
		p.take(values, v, many)
	}
	return nil
}

func (p pick) passes(found []connectors.Value) bool {
	for _, t := range p.where {
		// Canonical values are case-insensitive (RFC 7643, section 2.4), and Entra writes booleans as "True".
		if found[t.sub].IsNull() || !strings.EqualFold(found[t.sub].Text(), t.want) {
			return false
		}
	}
	return true
}

// take keeps the first element that passes a filter; without a filter the values of all elements are one List.
func (p pick) take(values []connectors.Value, v connectors.Value, many bool) {
	held := &values[p.slot]
	switch {
	case v.IsNull():
	case len(p.where) == 0 && many:
		var items []connectors.Value
		for i := range held.Len() {
			items = append(items, held.At(i))
		}
		*held = connectors.ListValue(append(items, v)...)
	case held.IsNull():
		*held = v
	}
}
