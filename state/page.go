package state

import (
	"encoding/binary"
	"iter"
	"slices"
	"time"
)

// Pages of what may be long: each begins behind a key, so that the millionth record costs what the first one does.

// LogBack returns the entries of the provisioning log among the n sequence numbers below before, newest first. Trimming
// leaves no number at the beginning of the log, so there may be fewer. An entry that cannot be read is left out and counted.
func (v *View) LogBack(before uint64, n int) (entries []LogEntry, damaged int) {
	if end := v.LogEnd(); before > end {
		before = end + 1
	}
	from := before - min(before, uint64(max(n, 0)))
	for key, record := range v.scan(SpaceLog, numberKey(from), numberKey(before)) {
		if entry, err := v.entry(key, record); err == nil {
			entries = append(entries, entry)
		} else {
			damaged++
		}
	}
	slices.Reverse(entries)
	return entries, damaged
}

// LogBegin returns the least sequence number that the provisioning log still has, one more than LogEnd if it is empty.
func (v *View) LogBegin() uint64 {
	for number := range v.logTimes(0) {
		return number
	}
	return v.LogEnd() + 1
}

// LogSince returns the least sequence number whose entry is not older than t, one more than LogEnd if all are. It looks at
// as many entries as halving the log takes: entries are in the order of their times, but for what a clock set back does.
func (v *View) LogSince(t time.Time) uint64 {
	low, high := v.LogBegin(), v.LogEnd()+1
	for low < high {
		middle := low + (high-low)/2
		number, at := high, time.Time{}
		for number, at = range v.logTimes(middle) {
			break
		}
		switch {
		case at.IsZero() || number >= high || !at.Before(t):
			high = middle
		default:
			low = number + 1
		}
	}
	return low
}

// logTimes yields the numbers and times of the entries from that number on. An entry that cannot be read has the zero
// time.
func (v *View) logTimes(from uint64) iter.Seq2[uint64, time.Time] {
	return func(yield func(uint64, time.Time) bool) {
		for key, record := range v.scan(SpaceLog, numberKey(from), nil) {
			entry, _ := v.entry(key, record)
			if !yield(binary.BigEndian.Uint64(key), entry.Time) {
				return
			}
		}
	}
}

// Queue yields what is in that class of the outbox, due or not, earliest first, beginning behind the entry after; the zero
// Entry begins with the first.
func (v *View) Queue(class Class, after Entry) iter.Seq[Entry] {
	prefix := []byte{byte(class)}
	from := prefix
	if after.ID != "" {
		from = append(outboxKey(class, after.Due, after.ID), 0)
	}
	return v.outbox(from, []byte{byte(class) + 1})
}
