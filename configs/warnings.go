package configs

import (
	"slices"
	"strings"
)

// pending are the keys that this build accepts and does not act on yet. Each is a warning, so that nobody relies on
// what does not happen.
var pending = [...]struct{ path, text string }{
	{"notify", "notify: this build sends no messages"},
}

// Warnings returns what is allowed and may not be what was meant, in the file's order.
func (c *Config) Warnings() Problems {
	var ws Problems
	for _, p := range pending {
		if _, given := c.doc.places[p.path]; given {
			ws = append(ws, c.doc.problem(p.path, "%s", p.text))
		}
	}
	if !slices.Contains(c.Users.Actions, "disable") {
		var lost []string
		for _, cause := range c.Deprovision.causes() {
			if cause.effect == "disable" {
				lost = append(lost, cause.key)
			}
		}
		if len(lost) > 0 {
			ws = append(ws, c.doc.problem("users.actions",
				"users.actions lacks disable, so the accounts of people who leave stay as they are (deprovision: %s)", strings.Join(lost, ", ")))
		}
	}
	for _, cause := range c.Deprovision.causes() {
		if cause.effect == "delete" {
			ws = append(ws, c.doc.problem("deprovision."+cause.key,
				"deprovision.%s: delete destroys the person's messages, recordings and settings at RingCentral for good", cause.key))
		}
	}
	return ws.sorted()
}
