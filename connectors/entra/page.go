package entra

import (
	"errors"
	"strings"

	"ringsync/connectors"
)

// kind is what an object in a list of directory objects is (@odata.type).
type kind uint8

const (
	kindUnsaid kind = iota // lists of users do not say it
	kindUser
	kindGroup
	kindOther
)

func kindOf(odataType string) kind {
	switch strings.TrimPrefix(odataType, "#") {
	case "":
		return kindUnsaid
	case "microsoft.graph.user":
		return kindUser
	case "microsoft.graph.group":
		return kindGroup
	}
	return kindOther
}

// object is a directory object of a list, of which only users have values.
type object struct {
	kind kind
	row  connectors.Row
}

// objectPage is a page of users, of members, or of a users delta. Where its objects were taken piece by piece, only the
// links are in it, and why somebody refused to take any more.
type objectPage struct {
	next, delta string
	objects     []object
	refused     error
}

func (p objectPage) following() string { return p.next }

// objectDecoder decodes pages straight into rows: no map and no struct in between, two allocations for a person with
// texts only. Unknown properties are skipped, absent ones stay Absent and null ones are Null.
type objectDecoder struct {
	scanner
	sel  *selection
	page objectPage
	take func([]object) error // of a piece of the page; nil if the page is to be kept whole

	// Of the object at hand. Its texts are collected and become one string, cut up, at its end.
	values      []connectors.Value
	texts       []byte
	spans       []span // by slot; after those, id and @odata.type
	removed     connectors.Removal
	wasRemoved  bool
	inside      map[string]int // slots of the property being read that has parts
	free        []connectors.Value
	field, part func(name []byte)
}

// span is where a slot's text is in texts; to is 0 for none (texts begin with a byte that is never used).
type span struct{ from, to int }

func newObjectDecoder(sel *selection, data []byte) *objectDecoder {
	d := &objectDecoder{scanner: scanner{data: data}, sel: sel, spans: make([]span, len(sel.names)+2)}
	d.field, d.part = d.property, d.partProperty // bound once: each binding allocates
	return d
}

// objects decodes a page of a list.
func (s *selection) objects(body []byte) (objectPage, error) { return s.pieces(body, nil) }

// pieces decodes a page of a list and hands its objects to take, so many at a time: several pages are in hand at once, and
// their people take twice the room of the text. What comes before an error has been taken by then.
func (s *selection) pieces(body []byte, take func([]object) error) (objectPage, error) {
	d := newObjectDecoder(s, body)
	d.take = take
	listed := false
	d.scanner.object(func(name []byte) {
		switch string(name) {
		case "value":
			listed = true
			d.array(d.object)
		case "@odata.nextLink":
			d.page.next = string(d.text())
		case "@odata.deltaLink":
			d.page.delta = string(d.text())
		default:
			d.skip()
		}
	})
	err := d.end()
	if err == nil && len(d.page.objects) > 0 {
		d.hand()
	}
	switch {
	case d.page.refused != nil:
		return d.page, nil
	case err != nil:
		return objectPage{}, err
	case !listed:
		return objectPage{}, errors.New("no value in it")
	}
	return d.page, nil
}

var errRefused = errors.New("nothing more is taken")

// hand hands over the objects read so far, if somebody takes them.
func (d *objectDecoder) hand() {
	if d.take == nil {
		return
	}
	if d.page.refused = d.take(d.page.objects); d.page.refused != nil {
		d.err = errRefused
	}
	d.page.objects = nil
}

// one decodes a single user.
func (s *selection) one(body []byte) (connectors.Row, error) {
	d := newObjectDecoder(s, body)
	d.object()
	if err := d.end(); err != nil {
		return connectors.Row{}, err
	}
	return d.page.objects[0].row, nil
}

// blockRows is how many rows share one allocation of values, and make a piece.
const blockRows = 64

// object reads one object and appends it to the page.
func (d *objectDecoder) object() {
	n := len(d.sel.names)
	if len(d.free) < n {
		d.free = make([]connectors.Value, n*blockRows)
	}
	d.values, d.free = d.free[:n:n], d.free[n:]
	d.texts = append(d.texts[:0], 0)
	clear(d.spans)
	d.removed, d.wasRemoved = connectors.NotRemoved, false

	d.scanner.object(d.field)
	if d.err != nil {
		return
	}
	texts := string(d.texts)
	for slot, at := range d.spans[:n] {
		if at.to > 0 {
			d.values[slot] = connectors.StringValue(texts[at.from:at.to])
		}
	}
	id, odataType := d.spans[n], d.spans[n+1]
	o := object{kind: kindOf(texts[odataType.from:odataType.to])}
	o.row = connectors.Row{ID: connectors.FoldID(texts[id.from:id.to]), Values: d.values}
	if o.row.ID == "" {
		d.fail("an object without an id")
		return
	}
	if d.wasRemoved {
		o.row.Removed, o.row.Values = d.removed, nil
	}
	if d.page.objects = append(d.page.objects, o); len(d.page.objects) == blockRows {
		d.hand()
	}
}

// property reads one property of an object.
func (d *objectDecoder) property(name []byte) {
	n := len(d.sel.names)
	switch string(name) {
	case "id":
		d.collect(n)
		if slot, ok := d.sel.slots["id"]; ok {
			d.spans[slot] = d.spans[n]
		}
		return
	case "@odata.type":
		d.collect(n + 1)
		return
	case "@removed":
		d.removal()
		return
	}
	if slot, ok := d.sel.slots[string(name)]; ok {
		d.fill(slot)
		return
	}
	if parts, ok := d.sel.parts[string(name)]; ok {
		d.wholeProperty(parts)
		return
	}
	d.skip()
}

// fill reads a value into a slot.
func (d *objectDecoder) fill(slot int) {
	if d.peek() == '"' {
		d.collect(slot)
		return
	}
	d.spans[slot] = span{}
	d.values[slot] = d.value()
}

// collect reads a text.
func (d *objectDecoder) collect(slot int) {
	from := len(d.texts)
	d.texts = append(d.texts, d.text()...)
	d.spans[slot] = span{from, len(d.texts)}
}

// wholeProperty reads a property that has parts. Null empties them all.
func (d *objectDecoder) wholeProperty(parts map[string]int) {
	if d.peek() != '{' {
		whole := d.value()
		if whole.Kind() != connectors.Null {
			d.fail("expected an object")
		}
		for _, slot := range parts {
			d.spans[slot], d.values[slot] = span{}, connectors.NullValue()
		}
		return
	}
	d.inside = parts
	d.scanner.object(d.part)
}

func (d *objectDecoder) partProperty(name []byte) {
	if slot, ok := d.inside[string(name)]; ok {
		d.fill(slot)
		return
	}
	d.skip()
}

// removal reads @removed: reason "changed" is restorable, "deleted" is for good (Microsoft Graph: delta query overview).
func (d *objectDecoder) removal() {
	d.wasRemoved, d.removed = true, connectors.SoftDeleted
	d.scanner.object(func(name []byte) {
		if string(name) != "reason" || d.peek() != '"' {
			d.skip()
		} else if string(d.text()) == "deleted" {
			d.removed = connectors.HardDeleted
		}
	})
}
