package engine

import (
	"errors"
	"fmt"
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

// told is an error in one line, which leads with the target's words. If these name an attribute, so does the end, with
// where its value comes from: people mend it there.
func (j *Job) told(p *state.Person, err error) string {
	text := j.without(p, err.Error())
	e, ok := errors.AsType[*connectors.Error](err)
	if !ok {
		return text
	}
	slot, ok := j.target.Index(e.Attribute)
	if !ok {
		return text
	}
	return strings.TrimSuffix(text, ".") + fmt.Sprintf(". %s comes from %s", e.Attribute, j.Mapping.From(slot))
}

// note is what is told of an attribute that does not fit. The target's words may quote the value, if there is one.
func (j *Job) note(n connectors.Note, mapped *mapping.Result) string {
	slot, ok := j.target.Index(n.Attribute)
	if !ok || !j.Policy.Attributes[slot].Secret || mapped.Always[slot].IsEmpty() && mapped.Create[slot].IsEmpty() {
		return n.Text
	}
	return "the value is not one that the target takes; it is not shown because of Redact"
}
