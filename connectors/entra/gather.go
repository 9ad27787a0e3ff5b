package entra

import (
	"context"
	"sync"
	"sync/atomic"
)

// gather does work for each item on n goroutines and hands what it emits to take, on the calling goroutine, one at a
// time. The first error of either ends everything. Nothing is buffered: what is read waits for what is taken.
func gather[T, R any](ctx context.Context, n int, items []T, work func(ctx context.Context, item T, emit func(R) error) error, take func(R) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	results := make(chan R)
	emit := func(r R) error {
		select {
		case results <- r:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	var following atomic.Int64
	var workers sync.WaitGroup
	for range min(n, len(items)) {
		workers.Go(func() {
			for i := following.Add(1) - 1; i < int64(len(items)) && ctx.Err() == nil; i = following.Add(1) - 1 {
				if err := work(ctx, items[i], emit); err != nil {
					cancel(err)
				}
			}
		})
	}
	go func() {
		workers.Wait()
		close(results)
	}()
	for r := range results {
		if ctx.Err() == nil {
			if err := take(r); err != nil {
				cancel(err)
			}
		}
	}
	return context.Cause(ctx)
}
