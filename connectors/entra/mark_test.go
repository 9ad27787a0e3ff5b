package entra

import (
	"bytes"
	"testing"
)

// FuzzMark: what parses is written the same and parses again; nothing panics.
func FuzzMark(f *testing.F) {
	f.Add([]byte(`{"version":1,"settings":"ab","app":"sp","defaultAccess":true,"users":"https://x","chains":[{"link":"l","groups":["g"]}],"unread":["n"]}`))
	f.Add([]byte(`{"version":1,"app":"sp","users":"u","chains":[{"groups":null}]}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := parseMark(data)
		if err != nil {
			return
		}
		again, err := parseMark(m.encode())
		if err != nil || !bytes.Equal(again.encode(), m.encode()) {
			t.Errorf("%s: came back as %s, %v", m.encode(), again.encode(), err)
		}
	})
}
