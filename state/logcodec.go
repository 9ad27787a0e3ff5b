package state

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
)

// An entry of the log, as a record; its sequence number is in the key:
//
//	version, flags, time, cycle, change, action, status, source, target, those of the other fields that the flags announce
//
// Strings, numbers and values are as in a person's record, so that what an entry says twice (a mail that is a user name,
// the ids that make up the change's) costs a byte. A record that begins with { is JSON, which is how entries were stored
// before; it stays as it is until it is dropped.

const logVersion = 1

// The flags of an entry: which of its fields are there.
const (
	entryReason = 1 << iota
	entryCode
	entryError
	entryCategory
	entryDetails
	entryRemedy
	entryBy
	entryDuration
	entryModified
	entrySteps
	entryWarnings
	entryZone // the time is not in UTC
	entryFlagsEnd
)

// texts are the fields of text that may be missing, in the order of their flags.
func (e *LogEntry) texts() [7]*string {
	return [...]*string{&e.Reason, &e.Code, &e.Error, &e.Category, &e.Details, &e.Remedy, &e.By}
}

func appendEntry(buf []byte, e *LogEntry, d *dictionary) ([]byte, error) {
	w := encoder{buf: append(buf, logVersion)}
	flags := uint64(0)
	for i, text := range e.texts() {
		if *text != "" {
			flags |= entryReason << i
		}
	}
	_, zone := e.Time.Zone()
	for _, f := range [...]struct {
		bit uint64
		set bool
	}{
		{entryDuration, e.Duration != 0}, {entryModified, len(e.Modified) > 0}, {entrySteps, len(e.Steps) > 0},
		{entryWarnings, len(e.Warnings) > 0}, {entryZone, zone != 0},
	} {
		if f.set {
			flags |= f.bit
		}
	}
	w.uint(flags)
	w.int(e.Time.Unix())
	w.uint(uint64(e.Time.Nanosecond()))
	if zone != 0 {
		w.int(int64(zone))
	}
	for _, s := range [...]string{e.Cycle, e.Source.ID, e.Change, e.Action, e.Status, e.Source.UserPrincipalName, e.Source.DisplayName,
		e.Target.ID, e.Target.UserName} {
		w.string(s)
	}
	for _, text := range e.texts() {
		if *text != "" {
			w.string(*text)
		}
	}
	if e.Duration != 0 {
		w.int(int64(e.Duration))
	}
	if len(e.Modified) > 0 {
		w.uint(uint64(len(e.Modified)))
		for _, m := range e.Modified {
			number := d.numbers[m.Name]
			w.uint(number)
			if number == 0 {
				w.string(m.Name)
			}
			if err := w.value(m.Old, 0); err != nil {
				return nil, fmt.Errorf("attribute %s: %w", m.Name, err)
			}
			if err := w.value(m.New, 0); err != nil {
				return nil, fmt.Errorf("attribute %s: %w", m.Name, err)
			}
		}
	}
	if len(e.Steps) > 0 {
		w.uint(uint64(len(e.Steps)))
		for _, s := range e.Steps {
			w.string(s.Type)
			w.string(s.Status)
			w.string(s.Description)
			w.uint(uint64(len(s.Details)))
			for _, name := range slices.Sorted(maps.Keys(s.Details)) {
				w.string(name)
				w.string(s.Details[name])
			}
		}
	}
	if len(e.Warnings) > 0 {
		w.uint(uint64(len(e.Warnings)))
		for _, text := range e.Warnings {
			w.string(text)
		}
	}
	return w.buf, nil
}

// decodeEntry undoes appendEntry. Whatever the bytes, it gives an entry or an error.
func decodeEntry(sequence uint64, record []byte, d *dictionary) (e LogEntry, err error) {
	switch {
	case len(record) == 0:
		return e, errShort
	case record[0] == '{':
		err = json.Unmarshal(record, &e)
		return e, err
	case record[0] != logVersion:
		return e, fmt.Errorf("it is of version %d, and this program knows version %d", record[0], logVersion)
	}
	r := decoder{rest: string(record[1:])}
	flags := r.uint()
	if flags >= entryFlagsEnd {
		r.fail("flags %#x are unknown", flags)
	}
	e.Sequence = sequence
	seconds, nanoseconds := r.int(), r.uint()
	if nanoseconds >= uint64(time.Second) {
		r.fail("%d nanoseconds are more than a second", nanoseconds)
	}
	e.Time = time.Unix(seconds, int64(nanoseconds)).UTC()
	if flags&entryZone != 0 {
		zone := r.int()
		if most := int64(24 * 60 * 60); zone <= -most || zone >= most {
			r.fail("the time zone is %d seconds from UTC", zone)
		}
		e.Time = e.Time.In(time.FixedZone("", int(zone)))
	}
	for _, s := range [...]*string{&e.Cycle, &e.Source.ID, &e.Change, &e.Action, &e.Status, &e.Source.UserPrincipalName, &e.Source.DisplayName,
		&e.Target.ID, &e.Target.UserName} {
		*s = r.string()
	}
	for i, text := range e.texts() {
		if flags&(entryReason<<i) != 0 {
			*text = r.string()
		}
	}
	if flags&entryDuration != 0 {
		e.Duration = time.Duration(r.int())
	}
	if flags&entryModified != 0 {
		e.Modified = make([]Modified, r.count())
		for i := range e.Modified {
			m := &e.Modified[i]
			switch number := r.uint(); {
			case number > uint64(len(d.names)):
				r.fail("attribute number %d is unknown", number)
			case number != 0:
				m.Name = d.names[number-1]
			default:
				m.Name = r.string()
			}
			m.Old, m.New = r.value(0), r.value(0)
		}
	}
	if flags&entrySteps != 0 {
		e.Steps = make([]Step, r.count())
		for i := range e.Steps {
			s := &e.Steps[i]
			s.Type, s.Status, s.Description = r.string(), r.string(), r.string()
			if n := r.count(); n > 0 {
				s.Details = make(map[string]string, n)
				for range n {
					name := r.string()
					s.Details[name] = r.string()
				}
			}
		}
	}
	if flags&entryWarnings != 0 {
		e.Warnings = make([]string, r.count())
		for i := range e.Warnings {
			e.Warnings[i] = r.string()
		}
	}
	if len(r.rest) > 0 {
		r.fail("%d bytes follow its end", len(r.rest))
	}
	if r.err != nil {
		return LogEntry{}, r.err
	}
	return e, nil
}
