package state

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"time"

	"ringsync/connectors"
)

// An export is a state as text, one JSON object a line: a header, then a line for each record, then the numbers of
// them. docs/backup.md describes it. The watermark is left out: a state that is restored is older than what was
// written since, so the next cycle is to read everything.

// ExportVersion is the version of the format. Import takes no other.
const ExportVersion = 1

// Contents are the numbers of records in an export.
type Contents struct {
	People   int `json:"people"`
	Edges    int `json:"edges"`
	Removals int `json:"removals"`
	Log      int `json:"log"`
	Cycles   int `json:"cycles"`
	Meta     int `json:"meta"`
}

// header is the first line.
type header struct {
	Version    int      `json:"ringsync-state"`
	Identity   Identity `json:"identity"`
	Attributes []string `json:"attributes"` // target attributes, in the order in which the job came to know them
	Matching   []string `json:"matching"`
	LastLog    uint64   `json:"lastLog"`
	LastCycle  uint64   `json:"lastCycle"`
}

// line is any other line; one of its fields is set.
type line struct {
	Meta    *metaLine       `json:"meta,omitempty"`
	Person  *personLine     `json:"person,omitempty"`
	Edge    *edgeLine       `json:"edge,omitempty"`
	Removal *removalLine    `json:"removal,omitempty"`
	Cycle   json.RawMessage `json:"cycle,omitempty"` // Cycle
	Log     json.RawMessage `json:"log,omitempty"`   // LogEntry
	End     *Contents       `json:"end,omitempty"`
	// Digest is that of all lines before the last, each with its line feed: SHA-256 in hexadecimal.
	Digest string `json:"digest,omitempty"`
}

type metaLine struct {
	Name  string          `json:"name"`
	Value json.RawMessage `json:"value"`
}

type edgeLine struct {
	Parent string `json:"parent"`
	Child  string `json:"child"`
	Role   string `json:"role,omitempty"`
	Group  bool   `json:"group,omitempty"` // the child is a group
}

type removalLine struct {
	ID string    `json:"id"`
	At time.Time `json:"at"`
}

// personLine is Person.
type personLine struct {
	ID                string          `json:"id"`
	UserPrincipalName string          `json:"userPrincipalName"`
	DisplayName       string          `json:"displayName"`
	Scope             string          `json:"scope"`
	Reason            string          `json:"reason,omitempty"`
	Attributes        []attributeLine `json:"attributes,omitempty"`
	Generation        uint64          `json:"generation"`
	TargetID          string          `json:"target,omitempty"`
	Ours              bool            `json:"ours,omitempty"`
	Unsettled         bool            `json:"unsettled,omitempty"`
	Unfit             bool            `json:"unfit,omitempty"`
	Tried             []string        `json:"tried,omitempty"`
	LastWrite         time.Time       `json:"lastWrite,omitzero"`
	Class             string          `json:"class"`
	Due               time.Time       `json:"due,omitzero"`
	Held              uint32          `json:"held,omitempty"`
	Attempts          uint32          `json:"attempts,omitempty"`
	Escrowed          bool            `json:"escrowed,omitempty"`
	RetryCycle        uint64          `json:"retryCycle,omitempty"`
	Failure           *failureLine    `json:"failure,omitempty"`
	Vanished          bool            `json:"vanished,omitempty"`
}

type failureLine struct {
	Code   string    `json:"code"`
	Text   string    `json:"text"`
	Since  time.Time `json:"since"`
	Status int       `json:"status,omitempty"`
}

// attributeLine is Attribute: a value that is not there is Absent.
type attributeLine struct {
	Name     string          `json:"name"`
	Want     json.RawMessage `json:"want,omitempty"`
	OnCreate bool            `json:"onCreate,omitempty"`
	Sent     json.RawMessage `json:"sent,omitempty"`
	Answer   json.RawMessage `json:"answer,omitempty"`
}

// Export writes everything but the watermark, as it is at one moment.
func (s *Store) Export(ctx context.Context, w io.Writer) (Contents, error) {
	n, _, err := s.digest(ctx, w)
	return n, err
}

// digest is Export. It returns the digest too.
func (s *Store) digest(ctx context.Context, w io.Writer) (Contents, string, error) {
	b := bufio.NewWriter(w)
	e := exporter{sum: sha256.New()}
	e.lines = json.NewEncoder(io.MultiWriter(b, e.sum))
	e.lines.SetEscapeHTML(false)
	err := s.View(ctx, e.export)
	if err == nil {
		err = b.Flush()
	}
	if err != nil {
		return e.n, "", fmt.Errorf("export the state: %w", err)
	}
	return e.n, e.digest, nil
}

type exporter struct {
	lines  *json.Encoder
	n      Contents
	sum    hash.Hash
	digest string
}

func (e *exporter) export(v *View) error {
	now, err := readSetup(v.r)
	if err != nil {
		return err
	}
	counted := v.counted()
	err = e.lines.Encode(header{ExportVersion, now.identity.Identity, now.names, now.matching.Attributes, counted.LastLog, counted.LastCycle})
	for _, records := range []func(*View) error{e.meta, e.people, e.edges, e.removals, e.cycles, e.log} {
		if err == nil {
			err = records(v)
		}
	}
	if err != nil {
		return err
	}
	e.digest = hex.EncodeToString(e.sum.Sum(nil))
	return e.lines.Encode(line{End: &e.n, Digest: e.digest})
}

func (e *exporter) meta(v *View) error {
	prefix := []byte(metaPrefix)
	for key, value := range v.r.Scan(SpaceMeta, prefix, after(prefix)) {
		e.n.Meta++
		if err := e.lines.Encode(line{Meta: &metaLine{string(key[len(prefix):]), value}}); err != nil {
			return err
		}
	}
	return nil
}

func (e *exporter) people(v *View) error {
	for p, err := range v.People("") {
		if err != nil {
			return err
		}
		e.n.People++
		if err := e.lines.Encode(line{Person: lineOf(p)}); err != nil {
			return fmt.Errorf("person %s: %w", p.ID, err)
		}
	}
	return nil
}

func (e *exporter) edges(v *View) error {
	for edge := range v.AllEdges() {
		e.n.Edges++
		if err := e.lines.Encode(line{Edge: &edgeLine{edge.Parent, edge.Child, edge.Role, edge.Group}}); err != nil {
			return err
		}
	}
	return nil
}

func (e *exporter) removals(v *View) error {
	for key := range v.r.Scan(SpaceRemovals, nil, nil) {
		at, rest, err := cutTime(key)
		id := ""
		if err == nil {
			id, err = wholeID(rest)
		}
		if err != nil {
			return damagedKey(SpaceRemovals, key, err)
		}
		e.n.Removals++
		if err := e.lines.Encode(line{Removal: &removalLine{id, at}}); err != nil {
			return err
		}
	}
	return nil
}

func (e *exporter) cycles(v *View) error {
	for _, record := range v.r.Scan(SpaceCycles, nil, nil) {
		e.n.Cycles++
		if err := e.lines.Encode(line{Cycle: record}); err != nil {
			return err
		}
	}
	return nil
}

func (e *exporter) log(v *View) error {
	for key, record := range v.r.Scan(SpaceLog, nil, nil) {
		e.n.Log++
		if !bytes.HasPrefix(record, []byte("{")) { // what is text already stays as it is
			entry, err := v.entry(key, record)
			if err != nil {
				return err
			}
			if record, err = json.Marshal(&entry); err != nil {
				return fmt.Errorf("export log entry %d: %w", entry.Sequence, err)
			}
		}
		if err := e.lines.Encode(line{Log: record}); err != nil {
			return err
		}
	}
	return nil
}

func lineOf(p *Person) *personLine {
	l := &personLine{
		ID: p.ID, UserPrincipalName: p.UserPrincipalName, DisplayName: p.DisplayName,
		Scope: p.Scope.String(), Reason: p.Reason, Generation: p.Generation,
		TargetID: p.TargetID, Ours: p.Ours, Unsettled: p.Unsettled, Unfit: p.Unfit, Tried: p.Tried, LastWrite: p.LastWrite,
		Class: p.Class.String(), Due: p.Due, Held: p.Held,
		Attempts: p.Attempts, Escrowed: p.Escrowed, RetryCycle: p.RetryCycle, Vanished: p.Vanished,
	}
	if p.Failure != (Failure{}) {
		l.Failure = &failureLine{p.Failure.Code, p.Failure.Text, p.Failure.Since, p.Failure.Status}
	}
	for _, a := range p.Attributes {
		l.Attributes = append(l.Attributes, attributeLine{a.Name, rawValue(a.Want), a.OnCreate, rawValue(a.Sent), rawValue(a.Answer)})
	}
	return l
}

// fieldLine is a field of an Object, which an export writes as {"fields": […]}: their order counts.
type fieldLine struct {
	Name  string          `json:"name"`
	Value json.RawMessage `json:"value"`
}

// rawValue writes a value, nil if it is Absent.
func rawValue(v connectors.Value) json.RawMessage {
	open, end := "[", "]"
	switch v.Kind() {
	case connectors.Absent:
		return nil
	case connectors.List:
	case connectors.Object:
		open, end = `{"fields":[`, "]}"
	default:
		raw, _ := v.MarshalJSON() // of a plain value: cannot fail
		return raw
	}
	parts := []byte(open)
	for i := range v.Len() {
		item := rawValue(v.At(i))
		if item == nil {
			item = json.RawMessage(`{}`) // Absent within a list or an object
		}
		if v.Kind() == connectors.Object {
			name, _ := connectors.StringValue(v.FieldName(i)).MarshalJSON() // likewise
			item = fmt.Appendf(nil, `{"name":%s,"value":%s}`, name, item)
		}
		if i > 0 {
			parts = append(parts, ',')
		}
		parts = append(parts, item...)
	}
	return append(parts, end...)
}
