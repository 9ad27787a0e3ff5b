package console

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Live parts are server-sent events: the same part that the page has, whenever it has changed.

const (
	liveEvery = time.Second
	// liveLength is when a browser is let go, to come again by itself: its session may have ended.
	liveLength = 10 * time.Minute
)

// part is one part of a page, by the name of its event.
type part struct {
	name string
	html []byte
}

// stream sends the parts that render makes, those that have changed, until it says that there is no more to come.
func (v *visit) stream(render func() (parts []part, more bool, err error)) error {
	v.w.Header().Set("Content-Type", "text/event-stream")
	control := http.NewResponseController(v.w)
	ticks := time.NewTicker(liveEvery)
	defer ticks.Stop()
	last := map[string][]byte{}
	for end := v.c.Now().Add(liveLength); v.c.Now().Before(end); {
		parts, more, err := render()
		if err != nil {
			return nil // the browser asks again, and the page itself tells
		}
		for _, p := range parts {
			if !bytes.Equal(p.html, last[p.name]) {
				last[p.name] = p.html
				err = errors.Join(err, v.event(p.name, p.html))
			}
		}
		if !more {
			err = errors.Join(err, v.event("end", nil))
		}
		if err = errors.Join(err, control.Flush()); err != nil || !more {
			return nil // the browser is gone, or has everything
		}
		select {
		case <-ticks.C:
		case <-v.ctx.Done():
			return nil
		case <-v.c.Context.Done():
			return nil
		}
	}
	return nil
}

// event writes one event; a line of it may not hold a line break.
func (v *visit) event(name string, data []byte) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "event: %s\n", name)
	for line := range bytes.Lines(append(bytes.TrimRight(data, "\r\n"), '\n')) {
		fmt.Fprintf(&b, "data: %s\n", bytes.TrimRight(line, "\r\n"))
	}
	b.WriteByte('\n')
	_, err := v.w.Write(b.Bytes())
	return err
}
