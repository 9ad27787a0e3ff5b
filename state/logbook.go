package state

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"iter"
	"slices"
	"time"
)

// AppendLog adds the entry to the provisioning log and gives it the next sequence number.
func (tx *Tx) AppendLog(e *LogEntry) error {
	t := tx.counted()
	e.Sequence = t.LastLog + 1
	record, err := appendEntry(tx.scratch[:0], e, tx.dictionary)
	if err != nil {
		return fmt.Errorf("store the log entry of %s: %w", e.Source.ID, err)
	}
	tx.scratch = record
	t.LastLog++
	if err := tx.indexLog(e, len(record)); err != nil {
		return err
	}
	return tx.w.Put(SpaceLog, numberKey(e.Sequence), record)
}

// indexLog puts an entry, whose record takes so many bytes, into the log by person and counts it.
func (tx *Tx) indexLog(e *LogEntry, size int) error {
	tx.counted().LogBytes += uint64(size)
	if checkID(e.Source.ID) != nil {
		return nil
	}
	return tx.w.Put(SpaceLogOf, logOfKey(e.Source.ID, e.Sequence), nil)
}

// TrimLog drops up to most of the oldest entries: those before a moment, and those that make the log larger than size
// bytes; the zero time and 0 are no limit. An entry dated later than now, by a clock that was wrong, is as old as the next
// that is not. It returns how many it dropped: fewer than most when no more are to go. The space is used again for what is
// logged next.
func (tx *Tx) TrimLog(before, now time.Time, size uint64, most int) (dropped int, err error) {
	t := tx.counted()
	age := logAge{View: tx.View, before: before, now: now}
	for key, record := range tx.scan(SpaceLog, nil, nil) {
		entry, err := tx.entry(key, record)
		old := age.old(key, entry.Time) // so what cannot be read is old, and goes once all before it have gone
		if dropped == most || !old && (size == 0 || t.LogBytes <= size) {
			break
		}
		if err == nil && checkID(entry.Source.ID) == nil {
			if err := tx.w.Delete(SpaceLogOf, logOfKey(entry.Source.ID, entry.Sequence)); err != nil {
				return dropped, err
			}
		}
		t.LogBytes -= min(t.LogBytes, uint64(len(record)))
		if err := tx.w.Delete(SpaceLog, key); err != nil {
			return dropped, err
		}
		dropped++
	}
	return dropped, nil
}

// LogDue reports whether TrimLog would drop anything.
func (v *View) LogDue(before, now time.Time, size uint64) bool {
	if size > 0 && v.counted().LogBytes > size {
		return true
	}
	age := logAge{View: v, before: before, now: now}
	for key, record := range v.scan(SpaceLog, nil, nil) {
		oldest, _ := v.entry(key, record) // one that cannot be read is old: see TrimLog
		return age.old(key, oldest.Time)
	}
	return false
}

// logAge tells which entries are old, asked for one after the other, the oldest first.
type logAge struct {
	*View
	before, now time.Time
	known       []byte // key of the next entry that is not dated later than now, nil if it was not looked for
	at          time.Time
}

func (a *logAge) old(key []byte, at time.Time) bool {
	if !at.After(a.now) || a.before.IsZero() {
		return at.Before(a.before)
	}
	if bytes.Compare(a.known, key) <= 0 {
		a.known, a.at = bytes.Repeat([]byte{0xFF}, len(key)), a.now // none: as young as can be
		for next, record := range a.scan(SpaceLog, key, nil) {
			if entry, err := a.entry(next, record); err == nil && !entry.Time.After(a.now) {
				a.known, a.at = bytes.Clone(next), entry.Time
				break
			}
		}
	}
	return a.at.Before(a.before)
}

func logOfKey(id string, sequence uint64) []byte {
	return binary.BigEndian.AppendUint64(idKey(id), sequence)
}

func (b *binding) entry(key, record []byte) (LogEntry, error) {
	if len(key) != 8 {
		return LogEntry{}, damagedKey(SpaceLog, key, errKey)
	}
	entry, err := decodeEntry(binary.BigEndian.Uint64(key), record, b.dictionary)
	if err != nil {
		return LogEntry{}, damagedKey(SpaceLog, key, err)
	}
	return entry, nil
}

// Log yields the provisioning log from that sequence number on, oldest first. For an entry that cannot be read there
// is a *DamagedError, and the next entry comes after it.
func (v *View) Log(from uint64) iter.Seq2[LogEntry, error] {
	return func(yield func(LogEntry, error) bool) {
		for key, record := range v.scan(SpaceLog, numberKey(from), nil) {
			if !yield(v.entry(key, record)) {
				return
			}
		}
	}
}

// LastLog yields the last n entries of the provisioning log, oldest first.
func (v *View) LastLog(n int) iter.Seq2[LogEntry, error] {
	last := v.counted().LastLog
	return v.Log(last + 1 - min(last, uint64(max(n, 0))))
}

// LogEnd returns the sequence number of the last entry of the provisioning log, 0 if there never was one.
func (v *View) LogEnd() uint64 { return v.counted().LastLog }

// LogOf returns up to n entries of the provisioning log about a person, newest first, that are older than a sequence
// number. It looks at no entry about anybody else.
func (v *View) LogOf(id string, before uint64, n int) (entries []LogEntry, err error) {
	if checkID(id) != nil {
		return nil, nil
	}
	prefix := idKey(id)
	var numbers []uint64
	for key := range v.scan(SpaceLogOf, prefix, logOfKey(id, before)) {
		if len(key) != len(prefix)+8 {
			return nil, damagedKey(SpaceLogOf, key, errKey)
		}
		numbers = append(numbers, binary.BigEndian.Uint64(key[len(prefix):]))
	}
	for _, number := range slices.Backward(numbers) {
		if len(entries) == n {
			break
		}
		key := numberKey(number)
		record := v.r.Get(SpaceLog, key)
		if record == nil {
			continue // an entry that could not be read, and whose person nobody could tell when it was dropped
		}
		entry, err := v.entry(key, record)
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry)
	}
	return entries, nil
}
