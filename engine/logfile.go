package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"ringsync/engine/plan"
	"ringsync/state"
)

// LogOptions says how the provisioning log is kept. The zero value keeps all of it, in the state only.
type LogOptions struct {
	Keep time.Duration // how long entries are kept; 0 for ever
	Size uint64        // bytes that the log may take; 0 for any number
	// File gets a copy of each entry as a line of JSON (plan.ObjectSummary), "" for none.
	File    string
	Systems plan.Systems
}

// The file of the log is a copy for others to read. Entries are numbered without a gap, and the state remembers up to
// which number the file has them. That is put down only after the lines are on disk, so a crash repeats lines and loses
// none. The file is opened anew for each batch: whoever rotates it by renaming needs to tell nobody.

const (
	metaLogFile = "log-file" // logCursor
	// shipMost is how many entries are written in one go.
	shipMost = 500
)

// logCursor is how far a file has the log.
type logCursor struct {
	File     string `json:"file"` // another file begins with the oldest entry that is kept
	Sequence uint64 `json:"sequence"`
}

// journal is the work on the file: one at a time.
type journal struct {
	turn   lock
	news   chan struct{} // something has been logged
	failed atomic.Pointer[Unwritable]
	copied logCursor // how far the file is, also while the state cannot be told; guarded by turn
}

func newJournal() *journal { return &journal{turn: newLock(), news: make(chan struct{}, 1)} }

// logged tells copyLog that there may be new entries.
func (j *Job) logged() {
	select {
	case j.journal.news <- struct{}{}:
	default:
	}
}

// shipAgain is when a file that could not be written is tried again, unless there is news before.
const shipAgain = time.Minute

// copyLog keeps the file up to date until ctx ends.
func (j *Job) copyLog(ctx context.Context) {
	for j.logged(); ; {
		var again <-chan time.Time
		if j.journal.failed.Load() != nil {
			again = time.After(shipAgain)
		}
		select {
		case <-ctx.Done():
			return
		case <-j.journal.news:
		case <-again:
		}
		j.ship(ctx)
	}
}

// ship brings the file up to date. That it cannot is told once, until it can again.
func (j *Job) ship(ctx context.Context) {
	if j.Logbook.File == "" || j.journal.turn.take(ctx) != nil {
		return
	}
	defer j.journal.turn.release()
	err := j.shipAll(ctx)
	failed := j.journal.failed.Load()
	switch {
	case ctx.Err() != nil || isUnwritable(err): // the state's own trouble is told of as such
	case err != nil && failed == nil:
		j.journal.failed.Store(&Unwritable{time.Now(), err.Error()})
		j.Logger.Error("the file of the provisioning log could not be written; what is missing follows when it can", "job", j.Name, "file", j.Logbook.File, "error", err)
	case err == nil && failed != nil:
		j.journal.failed.Store(nil)
		j.Logger.Info("the file of the provisioning log is whole again", "job", j.Name, "file", j.Logbook.File)
	}
}

func (j *Job) shipAll(ctx context.Context) error {
	for {
		var cursor logCursor
		var lines bytes.Buffer
		n := 0
		err := j.store.View(ctx, func(v *state.View) error {
			if _, err := v.Get(metaLogFile, &cursor); err != nil {
				return err
			}
			if cursor.File != j.Logbook.File {
				cursor = logCursor{File: j.Logbook.File}
			}
			cursor.Sequence = max(cursor.Sequence, j.journal.copied.Sequence)
			if cursor.Sequence == v.LogEnd() {
				return nil
			}
			var err error
			n, err = j.logLines(v, &cursor, &lines)
			return err
		})
		if err != nil || n == 0 {
			return err
		}
		if err := appendDurably(j.Logbook.File, lines.Bytes()); err != nil {
			return err
		}
		j.journal.copied = cursor
		if err := j.store.Update(ctx, func(tx *state.Tx) error { return tx.Set(metaLogFile, cursor) }); err != nil {
			return err
		}
	}
}

// logLines writes what follows the cursor, shipMost entries at most, and moves the cursor behind it. What cannot be
// read is left out and told.
func (j *Job) logLines(v *state.View, cursor *logCursor, lines *bytes.Buffer) (n int, err error) {
	e := json.NewEncoder(lines)
	e.SetEscapeHTML(false)
	for entry, err := range v.Log(cursor.Sequence + 1) {
		if n++; err != nil {
			j.Logger.Error("an entry of the provisioning log cannot be read", "job", j.Name, "after", cursor.Sequence, "error", err)
			cursor.Sequence++
			continue
		}
		if cursor.Sequence > 0 && entry.Sequence > cursor.Sequence+1 {
			j.Logger.Warn("entries of the provisioning log were dropped before they could be copied to the file", "job", j.Name,
				"from", cursor.Sequence+1, "to", entry.Sequence-1)
		}
		if err := e.Encode(j.Logbook.Systems.Summarize(&entry)); err != nil {
			return n, fmt.Errorf("write entry %d of the provisioning log: %w", entry.Sequence, err)
		}
		if cursor.Sequence = entry.Sequence; n == shipMost {
			break
		}
	}
	return n, nil
}

// appendDurably appends whole lines to a file that may have been rotated away since, and returns once they are on disk.
// A line that a crash left unfinished is ended first; it is among those that follow.
func appendDurably(path string, lines []byte) (err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o640)
	if err != nil {
		return fmt.Errorf("open the file of the provisioning log: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("open the file of the provisioning log: %w", err)
	}
	if size := info.Size(); size > 0 {
		var last [1]byte
		if _, err := f.ReadAt(last[:], size-1); err == nil && last[0] != '\n' {
			lines = append([]byte{'\n'}, lines...)
		}
	}
	if _, err := f.Write(lines); err != nil {
		// Without room, what did fit would be there again each time.
		return errors.Join(fmt.Errorf("write the file of the provisioning log: %w", err), f.Truncate(info.Size()))
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("write the file of the provisioning log: %w", err)
	}
	return nil
}
