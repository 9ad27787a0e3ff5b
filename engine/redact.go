package engine

import (
	"strings"

	"ringsync/connectors"
	"ringsync/mapping"
	"ringsync/state"
)

// What the mapping redacts is in the record and goes to the target, but stands in no report, log or message.

// shown is a value of an attribute as it may be shown.
func shown(v connectors.Value, a connectors.Attribute) connectors.Value {
	if a.Secret && !v.IsEmpty() {
		return connectors.StringValue(connectors.RedactedText)
	}
	return v
}

// without takes the person's redacted values out of a message that may repeat them, such as the target's own words.
func (j *Job) without(p *state.Person, text string) string {
	for _, of := range j.Policy.Attributes {
		a := p.Attribute(of.Name)
		if !of.Secret || a == nil {
			continue
		}
		for _, v := range []connectors.Value{a.Want, a.Sent, a.Answer} {
			if !v.IsEmpty() {
				text = strings.ReplaceAll(text, v.Text(), connectors.RedactedText)
			}
		}
	}
	return text
}

// note is what is told of an attribute that does not fit. The target's words may quote the value, if there is one.
func (j *Job) note(n connectors.Note, mapped *mapping.Result) string {
	slot, ok := j.target.Index(n.Attribute)
	if !ok || !j.Policy.Attributes[slot].Secret || mapped.Always[slot].IsEmpty() && mapped.Create[slot].IsEmpty() {
		return n.Text
	}
	return "the value is not one that the target takes; it is not shown because of Redact"
}
