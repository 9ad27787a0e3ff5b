package state

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"time"

	"ringsync/connectors"
)

// ErrNotEmpty refuses to import into a state that belongs to a job already.
var ErrNotEmpty = errors.New("there is a state already")

// ImportError says what is wrong with an export.
type ImportError struct {
	Line int
	Err  error
}

func (e *ImportError) Error() string { return fmt.Sprintf("line %d of the export: %v", e.Line, e.Err) }
func (e *ImportError) Unwrap() error { return e.Err }

// Import puts an export into an empty state and returns what it held. What is wrong with the export is an *ImportError;
// the state is then of no use, since what came before is in it already. An export with a digest is compared with it, and
// so is the state that came of it; without one only the numbers are.
func Import(ctx context.Context, db DB, r io.Reader) (Contents, error) {
	i := &importer{db: db, reader: bufio.NewReader(r), sum: sha256.New()}
	if _, found, err := New(db).Peek(ctx); err != nil {
		return Contents{}, err
	} else if found {
		return Contents{}, ErrNotEmpty
	}
	if err := i.begin(ctx); err != nil {
		return Contents{}, err
	}
	for !i.ended {
		if err := i.store.Update(ctx, i.some); err != nil {
			return i.n, err
		}
	}
	if rest, err := i.next(); err == nil {
		return i.n, i.wrong("something follows the end: %.40q", rest)
	} else if !errors.Is(err, io.EOF) {
		return i.n, err
	}
	return i.n, i.verify(ctx)
}

type importer struct {
	db     DB
	store  *Store
	reader *bufio.Reader
	line   int
	header header
	n      Contents
	sum    hash.Hash // of the lines so far
	digest string    // of all, "" if the export has none
	ended  bool
}

func (i *importer) wrong(format string, args ...any) error {
	return &ImportError{i.line, fmt.Errorf(format, args...)}
}

// next returns the next line that is not blank; io.EOF after the last.
func (i *importer) next() ([]byte, error) {
	for {
		text, err := i.reader.ReadBytes('\n')
		i.line++
		if text = bytes.TrimSpace(text); len(text) > 0 && (err == nil || errors.Is(err, io.EOF)) {
			return text, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// strict decodes one JSON value that has no other fields than into.
func strict(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one value on a line")
	}
	return nil
}

func (i *importer) begin(ctx context.Context) error {
	text, err := i.next()
	if errors.Is(err, io.EOF) {
		return i.wrong("it is empty")
	} else if err != nil {
		return err
	}
	var version struct {
		Version int `json:"ringsync-state"`
	}
	switch err := json.Unmarshal(text, &version); {
	case err != nil || version.Version == 0:
		return i.wrong("this is no export of a state")
	case version.Version != ExportVersion:
		return i.wrong("it is of version %d, and this program knows version %d", version.Version, ExportVersion)
	}
	if err := strict(text, &i.header); err != nil {
		return i.wrong("%w", err)
	}
	i.count(text)
	const most = 1 << 62 // numbers go on from here
	if i.header.LastLog > most || i.header.LastCycle > most {
		return i.wrong("lastLog or lastCycle is out of range")
	}
	i.store = New(i.db)
	if err := i.store.Bind(ctx, i.header.Identity, i.header.Attributes, i.header.Matching); err != nil {
		return err
	}
	return i.store.Update(ctx, func(tx *Tx) error {
		tx.counted().LastLog, tx.counted().LastCycle = i.header.LastLog, i.header.LastCycle
		return nil
	})
}

// count adds a line to the digest.
func (i *importer) count(text []byte) {
	i.sum.Write(text)
	i.sum.Write([]byte{'\n'})
}

// some takes as many lines as one transaction is to hold.
func (i *importer) some(tx *Tx) error {
	for range batch {
		text, err := i.next()
		if errors.Is(err, io.EOF) {
			return i.wrong("the export is cut off: its last line is missing")
		} else if err != nil {
			return err
		}
		var l line
		if err := strict(text, &l); err != nil {
			return i.wrong("%w", err)
		}
		if err := i.take(tx, &l); err != nil {
			return i.wrong("%w", err)
		}
		if i.ended {
			return nil
		}
		i.count(text)
	}
	return nil
}

func (i *importer) take(tx *Tx, l *line) error {
	switch {
	case l.Meta != nil:
		i.n.Meta++
		if !json.Valid(l.Meta.Value) {
			return fmt.Errorf("%s has no value", l.Meta.Name)
		}
		return tx.Set(l.Meta.Name, l.Meta.Value)
	case l.Person != nil:
		i.n.People++
		p, err := l.Person.person()
		if err != nil {
			return fmt.Errorf("person %s: %w", l.Person.ID, err)
		}
		return tx.PutPerson(p)
	case l.Edge != nil:
		i.n.Edges++
		return tx.PutEdge(connectors.Edge{Parent: l.Edge.Parent, Child: l.Edge.Child, Role: l.Edge.Role, Group: l.Edge.Group, Present: true})
	case l.Removal != nil:
		i.n.Removals++
		return errors.Join(sane(l.Removal.At), tx.AddRemoval(l.Removal.ID, l.Removal.At))
	case l.Cycle != nil:
		i.n.Cycles++
		var c Cycle
		return putNumbered(tx, SpaceCycles, l.Cycle, &c, &c.Number, i.header.LastCycle)
	case l.Log != nil:
		i.n.Log++
		var e LogEntry
		if err := putNumbered(tx, SpaceLog, l.Log, &e, &e.Sequence, i.header.LastLog); err != nil {
			return err
		}
		return tx.indexLog(&e, len(l.Log))
	case l.End == nil:
		return errors.New("the line holds nothing that is known")
	}
	i.ended = true
	if *l.End != i.n {
		return fmt.Errorf("the export is not whole: it has %+v, and says it has %+v", i.n, *l.End)
	}
	if i.digest = l.Digest; i.digest != "" && i.digest != hex.EncodeToString(i.sum.Sum(nil)) {
		return errors.New("the export is not what was written: its digest is another. If it was changed on purpose, take digest out of this line")
	}
	return nil
}

// putNumbered stores a record as it is, so that nothing is lost of what a later version knows of it.
func putNumbered(tx *Tx, space Space, record json.RawMessage, into any, number *uint64, last uint64) error {
	if err := json.Unmarshal(record, into); err != nil {
		return err
	}
	if *number == 0 || *number > last {
		return fmt.Errorf("its number is %d, and the last is %d", *number, last)
	}
	return tx.w.Put(space, numberKey(*number), record)
}

// verify compares what is in the state with what was read: a record that was there twice is then missing, and one that
// came to be another changes the digest.
func (i *importer) verify(ctx context.Context) error {
	var n Contents
	err := i.store.View(ctx, func(v *View) error {
		for space, count := range map[Space]*int{SpacePeople: &n.People, SpaceEdges: &n.Edges, SpaceRemovals: &n.Removals, SpaceLog: &n.Log, SpaceCycles: &n.Cycles} {
			for range v.r.Scan(space, nil, nil) {
				*count++
			}
		}
		prefix := []byte(metaPrefix)
		for range v.r.Scan(SpaceMeta, prefix, after(prefix)) {
			n.Meta++
		}
		return nil
	})
	if err == nil && n != i.n {
		err = i.wrong("some records are there twice: %+v came to %+v", i.n, n)
	}
	if err != nil || i.digest == "" {
		return err
	}
	_, digest, err := i.store.digest(ctx, io.Discard)
	if err == nil && digest != i.digest {
		err = errors.New("the state that came of the export is not the same: its digest is another")
	}
	return err
}

func (l *personLine) person() (*Person, error) {
	scope, class := slices.Index(scopeNames[:], l.Scope), slices.Index(classNames[:], l.Class)
	if scope < 0 || class < 0 {
		return nil, fmt.Errorf("scope %q or class %q is unknown", l.Scope, l.Class)
	}
	p := &Person{
		ID: l.ID, UserPrincipalName: l.UserPrincipalName, DisplayName: l.DisplayName,
		Scope: Scope(scope), Reason: l.Reason, Generation: l.Generation,
		TargetID: l.TargetID, Ours: l.Ours, Unsettled: l.Unsettled, Unfit: l.Unfit, Tried: l.Tried, LastWrite: l.LastWrite,
		Class: Class(class), Due: l.Due, Held: l.Held,
		Attempts: l.Attempts, Escrowed: l.Escrowed, RetryCycle: l.RetryCycle, Vanished: l.Vanished,
	}
	if f := l.Failure; f != nil {
		p.Failure = Failure{Code: f.Code, Text: f.Text, Since: f.Since, Status: f.Status}
	}
	for _, a := range l.Attributes {
		attribute := Attribute{Name: a.Name, OnCreate: a.OnCreate}
		for _, part := range []struct {
			raw  json.RawMessage
			into *connectors.Value
		}{{a.Want, &attribute.Want}, {a.Sent, &attribute.Sent}, {a.Answer, &attribute.Answer}} {
			var err error
			if *part.into, err = parseValue(part.raw, 0); err != nil {
				return nil, fmt.Errorf("attribute %s: %w", a.Name, err)
			}
		}
		p.Attributes = append(p.Attributes, attribute)
	}
	return p, errors.Join(sane(p.LastWrite), sane(p.Due), sane(p.Failure.Since))
}

// sane returns why a time cannot be exported again, nil if it can.
func sane(t time.Time) error {
	if year := t.UTC().Year(); year < 1 || year > 9999 {
		return fmt.Errorf("the year %d is out of range", year)
	}
	return nil
}

// parseValue undoes rawValue. depth is how deep the value is within others.
func parseValue(raw json.RawMessage, depth int) (v connectors.Value, err error) {
	switch {
	case depth > maxDepth:
		err = fmt.Errorf("a value is nested more than %d deep", maxDepth)
	case len(raw) == 0:
	case raw[0] == '[':
		var items []json.RawMessage
		if err := json.Unmarshal(raw, &items); err != nil {
			return v, err
		}
		values := make([]connectors.Value, len(items))
		for i, item := range items {
			if values[i], err = parseValue(item, depth+1); err != nil {
				return v, err
			}
		}
		return connectors.ListValue(values...), nil
	case raw[0] == '{':
		var object struct {
			Fields *[]fieldLine `json:"fields"`
		}
		if err := strict(raw, &object); err != nil || object.Fields == nil {
			return v, err
		}
		var fields []connectors.Field
		for _, f := range *object.Fields {
			value, err := parseValue(f.Value, depth+1)
			if err != nil {
				return v, err
			}
			fields = append(fields, connectors.Field{Name: f.Name, Value: value})
		}
		return connectors.ObjectValue(fields...), nil
	default:
		err = json.Unmarshal(raw, &v)
	}
	return v, err
}
