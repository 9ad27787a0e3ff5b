package console

import "ringsync/engine"

// CommandLine asks a daemon to run a command. It is the body of a request of the control API.
type CommandLine struct {
	Args  []string `json:"args"`
	Color bool     `json:"color"` // standard output takes colours
	// User is who asks, by their own word. Over the socket, whoever can say so is the daemon's user or an administrator; over
	// the console it does not count.
	User string `json:"user"`
}

// Frame is one line of the answer. The one with the exit code is the last; an answer that lacks it was cut off.
type Frame struct {
	Stdout   []byte           `json:"stdout,omitempty"`
	Stderr   []byte           `json:"stderr,omitempty"`
	Progress *engine.Progress `json:"progress,omitempty"`
	Exit     *int             `json:"exit,omitempty"`
}
