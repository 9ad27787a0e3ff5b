package state

import (
	"context"
	"strings"
	"time"
)

// Blockage is why nothing can be stored, and since when. It is over when Try could write again, and not with the first
// small Update that finds a place: what was to be stored is likely to be larger.
type Blockage struct {
	Since time.Time
	Err   *UnwritableError
	over  chan struct{}
}

// Over returns what is closed when the blockage is over.
func (b *Blockage) Over() <-chan struct{} { return b.over }

// Blocked returns what keeps the state from being written, nil if nothing is known to.
func (s *Store) Blocked() *Blockage { return s.blocked.Load() }

func (s *Store) block(err *UnwritableError) {
	s.blocked.CompareAndSwap(nil, &Blockage{Since: time.Now(), Err: err, over: make(chan struct{})})
}

const (
	metaTrial = "trial"
	// trialSize is what Try writes. The room that it took is used again for what is stored next.
	trialSize = 256 << 10
)

// Try finds out whether a fair amount can be stored, and ends the blockage if so.
func (s *Store) Try(ctx context.Context) error {
	for _, value := range []any{strings.Repeat("-", trialSize), nil} {
		if err := s.Update(ctx, func(tx *Tx) error { return tx.Set(metaTrial, value) }); err != nil {
			return err
		}
	}
	if b := s.blocked.Swap(nil); b != nil {
		close(b.over)
	}
	return nil
}
