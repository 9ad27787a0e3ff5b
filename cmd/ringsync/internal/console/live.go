package console

import (
	"bytes"
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

// stream sends what render makes until it says that there is no more to come.
func (v *visit) stream(render func() (html []byte, more bool, err error)) error {
	v.w.Header().Set("Content-Type", "text/event-stream")
	control := http.NewResponseController(v.w)
	ticks := time.NewTicker(liveEvery)
	defer ticks.Stop()
	var last []byte
	for end := v.c.Now().Add(liveLength); v.c.Now().Before(end); {
		html, more, err := render()
		if err != nil {
			return nil //nolint:nilerr // the browser asks again, and the page itself tells
		}
		if !bytes.Equal(html, last) {
			last = html
			if v.event("part", html) != nil || control.Flush() != nil {
				return nil
			}
		}
		if !more {
			_ = v.event("end", nil)
			return nil
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
