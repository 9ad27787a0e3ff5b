package engine

import "context"

// KeepLog does what follows every cycle.
func (j *Job) KeepLog(ctx context.Context) { j.keepLog(ctx) }
