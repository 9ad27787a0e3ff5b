package main

import (
	"context"
	"fmt"

	"ringsync/engine"
	"ringsync/engine/plan"
)

// explain is diff --user.
func (a *app) explain(ctx context.Context, who string, depth engine.Depth) error {
	if who == "" {
		return usageError("--user names nobody")
	}
	explain := func(j *job) (*plan.Explanation, error) {
		bars := a.showProgress(j.engine.Progress)
		defer bars.stop()
		return j.engine.Explain(ctx, j.target, who, depth)
	}
	return onJob(ctx, a, rehearses, explain, func(e *plan.Explanation) error {
		write := func() error { return plan.Text{Color: a.color(), Brief: a.quiet}.WriteExplanation(a.stdout, e) }
		if a.json {
			write = func() error { return e.WriteJSON(a.stdout) }
		}
		if err := write(); err != nil {
			return fmt.Errorf("print the explanation: %w", err)
		}
		if !e.Known {
			return &exitError{code: exitFailed}
		}
		var report plan.Report
		if e.Change != nil {
			report.Summary.Count(*e.Change)
		}
		return verdict(cycle{report: &report}, true)
	})
}
