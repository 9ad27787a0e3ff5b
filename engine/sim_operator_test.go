package engine_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"time"

	"ringsync/engine"
)

// An administrator does things to the job as well: approves held removals, pauses it, has it forget things, loses its
// state file, serves it for a while and asks it for cycles.

// operate does one such thing between two cycles, mostly none.
func (h *history) operate(r *rand.Rand) {
	switch k := r.IntN(100); {
	case k < 10:
		h.approve(chance(r, 50))
	case k < 14:
		h.restart(r)
	case k < 17:
		h.lose()
	}
}

// approve lets removals go out that are held: all, or one of each list.
func (h *history) approve(all bool) {
	ctx := h.process.ctx
	held, err := h.process.job.Outbox(ctx, true)
	if err != nil && ctx.Err() != nil {
		return
	}
	h.must(err)
	lists := map[uint32][]string{}
	for _, c := range held {
		if all || len(lists[c.Held]) == 0 {
			lists[c.Held] = append(lists[c.Held], c.Source.ID)
			h.approved(c.Target.ID)
		}
	}
	for list, people := range lists {
		n, err := h.process.job.Approve(ctx, list, people)
		if err != nil && ctx.Err() == nil && !isUnwritable(err) && !strings.Contains(err.Error(), "held list") {
			h.broken("S3", "approve %d %v: %v", list, people, err)
		}
		h.note("held list %d: %d people approved", list, n)
	}
}

// approved says that the removal of an account is no longer the guard's to judge.
func (h *history) approved(account string) {
	h.notes.Lock()
	defer h.notes.Unlock()
	h.allowed = append(h.allowed, approval{account, time.Now()})
}

// approval is an account whose removal was approved at a time.
type approval struct {
	account string
	at      time.Time
}

func (h *history) wasApproved(w *write) bool {
	return slices.ContainsFunc(h.allowed, func(a approval) bool { return a.account == w.id && !a.at.After(w.at) })
}

func (h *history) restart(r *rand.Rand) {
	reset := engine.Reset{Watermark: chance(r, 50), Escrows: chance(r, 50), Quarantine: chance(r, 50), Links: chance(r, 30)}
	h.note("restart: %+v", reset)
	if err := h.process.job.Restart(h.process.ctx, reset); err != nil && h.process.ctx.Err() == nil && !isUnwritable(err) {
		h.broken("S9", "restart: %v", err)
	}
}

// forgetEscrows has everybody tried again with the next cycle.
func (h *history) forgetEscrows() {
	h.must(h.process.job.Restart(h.process.ctx, engine.Reset{Escrows: true}))
}

// lose deletes the state file. What ringsync did before is as if somebody else had done it.
func (h *history) lose() {
	h.note("the state file is lost")
	h.must(h.bury())
	h.must(os.Remove(h.path))
	h.written, h.logged, h.lost = map[string]bool{}, 0, time.Now()
	h.reboot()
}

// paused runs a cycle of a job that is paused, in which nothing may be written.
func (h *history) paused(c cycle) {
	h.note("paused")
	h.must(h.process.job.Pause(h.process.ctx))
	first := len(h.net.journal)
	c.how = survives
	h.run(c)
	if n := len(h.net.journal) - first; n > 0 {
		h.broken("pause", "%d writes by a job that is paused", n)
	}
	h.must(h.process.job.Resume(h.process.ctx))
	h.note("resumed")
}

// serve has the job served for some hours, with an administrator at work on it.
func (h *history) serve(ctx context.Context, r *rand.Rand) error {
	h.served = true
	hours, cancel := context.WithTimeout(ctx, time.Duration(1+r.IntN(6))*time.Hour)
	defer cancel()
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		for range r.IntN(4) {
			select {
			case <-hours.Done():
				return
			case <-time.After(time.Duration(r.IntN(100)) * time.Minute):
			}
			h.attend(hours, r)
		}
	}()
	err := h.process.job.Serve(hours, h.target, engine.Schedule{
		Incremental: every(40 * time.Minute), Full: every(3 * time.Hour), Jitter: func() float64 { return 0.5 },
	})
	cancel()
	<-gone
	if isUnwritable(err) {
		h.process.lost = true
		h.note("stopped on a full disk")
		return nil
	}
	if errors.Is(err, errDead) || ctx.Err() != nil {
		return nil
	}
	return err
}

// attend is one thing done to a job that is being served.
func (h *history) attend(ctx context.Context, r *rand.Rand) {
	job := h.process.job
	var err error
	switch r.IntN(5) {
	case 0:
		h.approve(chance(r, 50))
	case 1:
		h.restart(r)
	case 2:
		kind := one(r, engine.Incremental, engine.Full)
		h.note("asked for: %s", kind)
		_, err = job.Request(ctx, kind, 10)
		h.note("has been asked for: %v", err)
	case 3:
		err = h.pauseAWhile(ctx, r)
	case 4:
		err = h.provision(ctx, r)
	}
	if errors.Is(err, context.Canceled) && ctx.Err() == nil {
		h.broken("S9", "an administrator is told %v", err)
	}
}

// provision asks for some people on demand.
func (h *history) provision(ctx context.Context, r *rand.Rand) error {
	h.mu.Lock()
	who := []string{one(r, h.people...), one(r, h.people...)}
	h.mu.Unlock()
	h.note("on demand: %s, %s", h.name(who[0]), h.name(who[1]))
	report, err := h.process.job.Provision(ctx, h.target, who)
	if report != nil {
		h.note("on demand: %+v", report.Summary)
	}
	return err
}

// pauseAWhile pauses a job that is being served. Soon after, when what was in flight has ended, nothing goes out.
func (h *history) pauseAWhile(ctx context.Context, r *rand.Rand) error {
	job := h.process.job
	if err := job.Pause(ctx); err != nil {
		return err
	}
	h.note("paused")
	const inFlight = 5 * time.Minute // a write may be waiting for the end of a penalty
	time.Sleep(inFlight)
	first := h.net.writes()
	select {
	case <-ctx.Done():
	case <-time.After(time.Duration(r.IntN(90)) * time.Minute):
	}
	if n := h.net.writes() - first; n > 0 {
		h.broken("pause", "%d writes by a job that is paused", n)
	}
	h.note("resumed")
	for err := job.Resume(h.process.after()); ; err = job.Resume(h.process.after()) {
		if !isUnwritable(err) {
			return err
		}
		time.Sleep(time.Minute)
	}
}

// writes returns how many writes there were.
func (n *network) writes() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.journal)
}
