package configs

import (
	"slices"
	"strings"
)

// Warnings returns what is allowed and may not be what was meant, in the file's order.
func (c *Config) Warnings() Problems {
	var ws Problems
	if w := c.Notify.Webhook; w != nil && w.Secret.Empty() {
		ws = append(ws, c.doc.problem("notify.webhook", "notify.webhook has no secret, so whoever receives its messages cannot know who sent them"))
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
