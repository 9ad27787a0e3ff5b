package main

import (
	"fmt"
	"io"
	"os"
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
func (a *app) color() bool { return terminal(a.stdout) && os.Getenv("NO_COLOR") == "" }

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

func (a *app) showProgress(j *engine.Job) *progressBars {
	b := &progressBars{stopped: make(chan struct{}), done: make(chan struct{})}
	if a.quiet {
		close(b.done)
		return b
	}
	show := a.lines
	if terminal(a.stderr) {
		show = a.bars
	}
	go func() {
		defer close(b.done)
		show(j, b.stopped)
	}()
	return b
}

func (b *progressBars) stop() {
	close(b.stopped)
	<-b.done
}

func (a *app) lines(j *engine.Job, stopped <-chan struct{}) {
	tick := time.NewTicker(lineInterval)
	defer tick.Stop()
	for {
		select {
		case <-stopped:
			return
		case <-tick.C:
			p := j.Progress()
			fmt.Fprintf(a.stderr, "%s: %d people read, %d accounts listed, %d of %d changes done\n", p.Phase, p.Read, p.Listed, p.Exported, p.Queued)
		}
	}
}

func (a *app) bars(j *engine.Job, stopped <-chan struct{}) {
	container := mpb.New(mpb.WithOutput(a.stderr), mpb.WithWidth(40), mpb.WithRefreshRate(barInterval))
	read := container.AddSpinner(0, mpb.PrependDecorators(decor.Name("people read ", decor.WC{W: 16, C: decor.DindentRight}), decor.CurrentNoUnit("%d")), mpb.BarRemoveOnComplete())
	export := container.AddBar(0, mpb.PrependDecorators(decor.Name("changes ", decor.WC{W: 16, C: decor.DindentRight}), decor.CountersNoUnit("%d/%d")), mpb.BarRemoveOnComplete())
	update := func() {
		p := j.Progress()
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
