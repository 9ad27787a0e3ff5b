package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"strings"

	"ringsync/configs"
)

// forward has the daemon that serves the job run this command line, prints what it answers, and reports whether there
// is such a daemon. Cancelling ends the command there; a cycle that it asked for goes on.
func (a *app) forward(ctx context.Context) (forwarded bool, err error) {
	state := configs.Place(a.configPath) // nothing else of the configuration counts where there is a daemon
	if state == "" {
		return false, nil
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socketPath(state))
	}
	client := &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
	body, err := json.Marshal(commandLine{Args: a.args, Color: a.color(), User: localUser()})
	if err != nil {
		return false, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://ringsync/v1/command", bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	answer, err := client.Do(request)
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" && !errors.Is(err, fs.ErrPermission) {
		return false, nil // nobody there, or only the socket of one that was killed
	}
	if err == nil {
		defer answer.Body.Close()
		err = a.relay(answer)
	}
	switch _, told := errors.AsType[*exitError](err); {
	case err == nil || told:
		return true, err
	case ctx.Err() != nil:
		return true, fmt.Errorf("stopped waiting for the daemon of this job; a cycle that it has begun goes on: %w", ctx.Err())
	}
	return true, fmt.Errorf("ask the daemon of this job at %s: %w", socketPath(state), err)
}

// lineFor begins the command line for a daemon of a command whose arguments mean something only here. The arguments are to
// follow.
func (a *app) lineFor(command ...string) []string {
	if a.json {
		command = append(command, "--json")
	}
	if a.quiet {
		command = append(command, "--quiet")
	}
	return append(command, "--")
}

// relay prints a daemon's answer and returns an exitError for any exit code but 0.
func (a *app) relay(answer *http.Response) error {
	if answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 1<<10)) // as much of it as there is
		return fmt.Errorf("%s: %s", answer.Status, strings.TrimSpace(string(text)))
	}
	var far farProgress
	defer far.stop()
	frames := json.NewDecoder(answer.Body)
	for {
		var f frame
		if err := frames.Decode(&f); err != nil {
			return fmt.Errorf("its answer was cut off: %w", err)
		}
		switch {
		case f.Progress != nil:
			far.show(a, *f.Progress)
		case f.Exit != nil && *f.Exit == exitOK:
			return nil
		case f.Exit != nil:
			return &exitError{code: *f.Exit}
		case f.Stdout != nil:
			far.stop() // the bars make room
			if _, err := a.stdout.Write(f.Stdout); err != nil {
				return fmt.Errorf("print: %w", err)
			}
		case f.Stderr != nil:
			if _, err := a.stderr.Write(f.Stderr); err != nil {
				return fmt.Errorf("print: %w", err)
			}
		}
	}
}
