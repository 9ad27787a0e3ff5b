package engine

import (
	"context"

	"ringsync/state"
)

// KeepLog does what follows every cycle.
func (j *Job) KeepLog(ctx context.Context) { j.keepLog(ctx) }

// Store returns the job's records.
func (j *Job) Store() *state.Store { return j.store }

// SetDirectRoom bounds what may be kept for the direct path, in bytes.
func (j *Job) SetDirectRoom(bytes int) { j.directRoom = bytes }
