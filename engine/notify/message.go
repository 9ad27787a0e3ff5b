package notify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"ringsync/engine/plan"
)

// Message is what one recipient is sent. As JSON it is the body of the webhook (docs/operate.md), whose names stay.
type Message struct {
	// ID is the same whenever the same message is sent again.
	ID    string    `json:"id"`
	Job   string    `json:"job"`
	Kind  Kind      `json:"kind"`
	Event Event     `json:"event"`
	At    time.Time `json:"at"`
	// Since is when it began, zero if that is not known.
	Since    time.Time `json:"since,omitzero"`
	Subject  string    `json:"subject"`
	Details  []string  `json:"details"`
	People   []Person  `json:"people"`   // the first of those concerned
	More     int       `json:"more"`     // how many others there are
	Commands []Command `json:"commands"` // whole command lines
}

// Person is somebody whom a message concerns.
type Person struct {
	ID                string `json:"id"`
	UserPrincipalName string `json:"userPrincipalName"`
	DisplayName       string `json:"displayName"`
	UserName          string `json:"userName"` // the account's
	Reason            string `json:"reason"`
}

// mostPeople are named in a message; the others are counted.
const mostPeople = 10

// message returns what to say. c is nil if t is over.
func (n *Notifier) message(ctx context.Context, id string, event Event, c *condition, t told, now time.Time) (Message, error) {
	m := Message{Job: n.Job.Name, Event: event, At: now.UTC(), Kind: t.Kind, Since: t.Since.UTC(), Details: []string{}, People: []Person{}, Commands: []Command{}}
	state, last := "", time.Time{}
	if len(t.Sent) > 0 {
		last = t.last()
	}
	headline := "over: " + t.Over
	if c != nil {
		state, headline = c.state, c.headline
		if event == Reminder {
			headline = "still: " + headline
		}
		m.Kind, m.Since, m.Details = c.kind, c.since.UTC(), append(m.Details, c.details...)
		for _, command := range c.commands {
			m.Commands = append(m.Commands, Command{n.Command + " " + command.Run, command.For})
		}
		if c.people {
			if err := n.name(ctx, &m); err != nil {
				return m, err
			}
		}
	}
	m.Subject = fmt.Sprintf("[ringsync] %s: %s", m.Job, headline)
	if t.recent(now) == mostADay-1 {
		m.Details = append(m.Details, fmt.Sprintf("This was the last of %d messages about it within 24 hours; the next one comes %s at the earliest.", mostADay, stamp(t.Sent[len(t.Sent)-(mostADay-1)].Add(daily))))
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%s\x00%s\x00%d", m.Job, id, event, state, last.UnixNano()))
	m.ID = hex.EncodeToString(sum[:16])
	return m, nil
}

// name fills in whom the message concerns.
func (n *Notifier) name(ctx context.Context, m *Message) error {
	changes, err := n.Job.Outbox(ctx, m.Kind == Held)
	if err != nil {
		return err
	}
	for _, c := range changes {
		switch {
		case m.Kind == Capacity && (c.Action != plan.Create || c.Status == plan.StatusConflict):
		case len(m.People) == mostPeople:
			m.More++
		default:
			m.People = append(m.People, Person{line(c.Source.ID), line(c.Source.UserPrincipalName), line(c.Source.DisplayName), line(c.Target.UserName), line(c.Reason)})
		}
	}
	return nil
}

// body is the message for people to read.
func (m Message) body() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", strings.TrimPrefix(m.Subject, "[ringsync] "))
	if !m.Since.IsZero() {
		fmt.Fprintf(&b, "Since %s.\n", stamp(m.Since))
	}
	for _, d := range m.Details {
		fmt.Fprintln(&b, d)
	}
	if len(m.People) > 0 {
		fmt.Fprint(&b, "\nWhom it concerns:\n")
		for _, p := range m.People {
			fmt.Fprintf(&b, "  %s\n", p)
		}
		if m.More > 0 {
			fmt.Fprintf(&b, "  and %d more\n", m.More)
		}
	}
	if len(m.Commands) > 0 {
		fmt.Fprint(&b, "\nWhat to do:\n")
		for _, c := range m.Commands {
			fmt.Fprintf(&b, "  %s\n      %s\n", c.Run, c.For)
		}
	}
	return b.String()
}

// String names a person as far as names are known, and why the message concerns them.
func (p Person) String() string {
	var parts []string
	for _, name := range []string{p.DisplayName, p.UserPrincipalName, p.UserName} {
		if name != "" && (len(parts) == 0 || !strings.EqualFold(name, parts[len(parts)-1])) {
			parts = append(parts, name)
		}
	}
	if len(parts) == 0 {
		parts = []string{p.ID}
	}
	text := strings.Join(parts, ", ")
	if p.Reason != "" {
		text += ": " + p.Reason
	}
	return text
}
