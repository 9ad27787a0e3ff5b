package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"ringsync/configs"
	"ringsync/engine"
	"ringsync/engine/plan"
	"ringsync/state"
)

// followEvery is how often the log is asked for new entries.
const followEvery = time.Second

// follow prints what there is and then what comes, until ctx ends.
func (q *logQuery) follow(ctx context.Context, p *logPrinter) error {
	a, args := p.app, p.app.args
	ticks := time.NewTicker(followEvery)
	defer ticks.Stop()
	for {
		if a.caller == nil {
			// A daemon may come any time: it goes on where this program is.
			if forwarded, err := a.forward(ctx); forwarded {
				return p.unlessStopped(ctx, err)
			}
		}
		if err := q.advance(ctx, p); err != nil {
			return p.unlessStopped(ctx, err)
		}
		a.args = append(slices.Clone(args), "--limit=0", "--after="+strconv.FormatUint(q.after, 10))
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return p.unlessStopped(ctx, ctx.Err())
		}
	}
}

// unlessStopped returns err unless it only says that somebody has seen enough.
func (p *logPrinter) unlessStopped(ctx context.Context, err error) error {
	if ctx.Err() != nil && p.app.caller == nil {
		return nil
	}
	return err
}

// advance prints what is new since the last time, and remembers how far that was.
func (q *logQuery) advance(ctx context.Context, p *logPrinter) error {
	j, err := p.look(ctx)
	if err != nil {
		return err
	}
	var entries []state.LogEntry
	end, err := j.engine.LogEnd(ctx) // before looking: what comes meanwhile is looked at again
	if err == nil {
		entries, err = q.read(ctx, j.engine)
	}
	if err = errors.Join(err, j.close()); err != nil {
		return err
	}
	if len(entries) > 0 {
		end = max(end, entries[len(entries)-1].Sequence)
	}
	q.after, q.limit = end, 0
	return p.print(entries)
}

// logPrinter prints entries as the flags say.
type logPrinter struct {
	app     *app
	csv     bool
	bare    bool // a table without the names of its columns
	systems plan.Systems
	table   *plan.Table     // begun with the first print
	config  *configs.Config // loaded by the first look
}

// look opens the job for reading its log, for a moment. No service is signed in to.
func (p *logPrinter) look(ctx context.Context) (j *job, err error) {
	if p.app.caller != nil {
		j, err = p.app.job(ctx, looks)
	} else {
		if p.config == nil {
			if p.config, err = p.app.load(); err != nil {
				return nil, err
			}
		}
		if j, err = p.app.openRecords(ctx, p.config, true); err == nil {
			j.engine = engine.New(j.store, nil, engine.Options{Name: p.config.Job, Slots: j.slots, Mapping: j.mapping})
		}
	}
	if err == nil {
		p.systems = systems(j.config)
	}
	return j, err
}

func (p *logPrinter) print(entries []state.LogEntry) error {
	switch {
	case p.csv:
		if p.table == nil {
			p.table = plan.NewTable(p.app.stdout)
			if !p.bare {
				p.table.Add(plan.LogColumns())
			}
		}
		for i := range entries {
			p.table.Add(p.systems.Row(&entries[i]))
		}
		if err := p.table.Flush(); err != nil {
			return fmt.Errorf("print the log: %w", err)
		}
		return nil
	case !p.app.json:
		return plan.Text{Brief: p.app.quiet}.WriteLog(p.app.stdout, entries)
	}
	lines := json.NewEncoder(p.app.stdout)
	lines.SetEscapeHTML(false)
	for i := range entries {
		if err := lines.Encode(p.systems.Summarize(&entries[i])); err != nil {
			return fmt.Errorf("print the log: %w", err)
		}
	}
	return nil
}
