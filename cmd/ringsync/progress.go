package main

import (
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"ringsync/engine"
)

// terminal reports whether w is one, so that bars and colours make sense there.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// color honours NO_COLOR (no-color.org).
func (a *app) color() bool {
	if a.caller != nil {
		return a.caller.color
	}
	return terminal(a.stdout) && os.Getenv("NO_COLOR") == ""
}

// progressBars shows how far a cycle has come: bars on a terminal, a plain line now and then elsewhere.
type progressBars struct {
	stopped chan struct{}
	done    chan struct{}
}

// Plain lines come every so often, so that a log of a run of hours stays short.
const (
	barInterval  = 100 * time.Millisecond
	lineInterval = 30 * time.Second
)

func (a *app) showProgress(now func() engine.Progress) *progressBars {
	b := &progressBars{stopped: make(chan struct{}), done: make(chan struct{})}
	if a.quiet {
		close(b.done)
		return b
	}
	show := a.lines
	switch {
	case a.caller != nil:
		show = a.caller.progress
	case terminal(a.stderr):
		show = a.bars
	}
	go func() {
		defer close(b.done)
		show(now, b.stopped)
	}()
	return b
}

func (b *progressBars) stop() {
	close(b.stopped)
	<-b.done
}

func (a *app) lines(now func() engine.Progress, stopped <-chan struct{}) {
	tick := time.NewTicker(lineInterval)
	defer tick.Stop()
	for {
		select {
		case <-stopped:
			return
		case <-tick.C:
			p := now()
			fmt.Fprintf(a.stderr, "%s: %d people read, %d accounts listed, %d of %d changes done\n", p.Phase, p.Read, p.Listed, p.Exported, p.Queued)
		}
	}
}

func (a *app) bars(now func() engine.Progress, stopped <-chan struct{}) {
	container := mpb.New(mpb.WithOutput(a.stderr), mpb.WithWidth(40), mpb.WithRefreshRate(barInterval))
	read := container.AddSpinner(0, mpb.PrependDecorators(decor.Name("people read ", decor.WC{W: 16, C: decor.DindentRight}), decor.CurrentNoUnit("%d")), mpb.BarRemoveOnComplete())
	export := container.AddBar(0, mpb.PrependDecorators(decor.Name("changes ", decor.WC{W: 16, C: decor.DindentRight}), decor.CountersNoUnit("%d/%d")), mpb.BarRemoveOnComplete())
	update := func() {
		p := now()
		read.SetCurrent(p.Read)
		export.SetTotal(max(p.Queued, p.Exported), false)
		export.SetCurrent(p.Exported)
	}
	tick := time.NewTicker(barInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			update()
		case <-stopped:
			update()
			read.Abort(true)
			export.Abort(true)
			container.Wait()
			return
		}
	}
}

// progress sends the caller of a daemon how far the cycle has come, whenever it has come further.
func (c *caller) progress(now func() engine.Progress, stopped <-chan struct{}) {
	tick := time.NewTicker(barInterval)
	defer tick.Stop()
	var last engine.Progress
	for {
		select {
		case <-stopped:
			return
		case <-tick.C:
			if p := now(); p != last {
				last = p
				_ = c.send(frame{Progress: &p}) // an error says that the caller is gone, which the cycle hears of
			}
		}
	}
}

// farProgress shows what a daemon sends of it.
type farProgress struct {
	latest atomic.Pointer[engine.Progress]
	bars   *progressBars
}

func (f *farProgress) show(a *app, p engine.Progress) {
	f.latest.Store(&p)
	if f.bars == nil {
		f.bars = a.showProgress(func() engine.Progress { return *f.latest.Load() })
	}
}

func (f *farProgress) stop() {
	if f.bars != nil {
		f.bars.stop()
		f.bars = nil
	}
}
