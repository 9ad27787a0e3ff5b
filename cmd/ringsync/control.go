package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sync/errgroup"

	"ringsync/cmd/ringsync/internal/console"
	"ringsync/engine"
	"ringsync/engine/plan"
	"ringsync/state"
)

// The control socket of a daemon takes command lines: POST /v1/command with a commandLine, answered by a frame a line.
// The daemon runs the command as a program of its own would, but on the job that it serves. Whoever may open the
// socket may do with the job whatever its commands can; its mode leaves that to the daemon's own user.

// socketPath returns the path of a job's control socket.
func socketPath(place string) string { return place + ".sock" }

// The body of a request, and the lines of its answer.
type (
	commandLine = console.CommandLine
	frame       = console.Frame
)

// daemon is a job being served.
type daemon struct {
	job *job
	// ctx ends when the job is served no more; its cause may be one of the errors below.
	ctx context.Context
	// refused returns why the configuration file as it is now was not taken; nil if the job goes by it.
	refused func() *refusal
}

// Why a job is served no more.
var (
	errStopping  = errors.New("the daemon is stopping")
	errReloading = errors.New("the job has just got a new configuration: run the command again")
	errRemoved   = errors.New("the job's configuration file is gone, and the daemon serves it no more")
)

// why returns why the job is served no more.
func (d *daemon) why() error {
	if damage, ok := errors.AsType[*state.DamagedError](context.Cause(d.ctx)); ok {
		return damage // what the command did is not to blame
	}
	for _, reason := range []error{errReloading, errRemoved, errMoved} {
		if errors.Is(context.Cause(d.ctx), reason) {
			return reason
		}
	}
	return errStopping
}

// control is a job's control socket. It stays while the job's configuration is replaced.
type control struct {
	end   context.CancelFunc // no further command is taken
	group errgroup.Group

	// door is held by each command until it is through the gate, and by whoever is about to change the daemon. gate is
	// held for reading by each command, and by whoever changes the daemon.
	door   sync.Mutex
	gate   sync.RWMutex
	daemon *daemon // nil: the socket is about to be closed
}

// openControl listens at the path and answers commands once there is a daemon to run them.
func openControl(path string) (*control, error) {
	l, err := listenControl(path)
	if err != nil {
		return nil, err
	}
	ctx, end := context.WithCancel(context.Background())
	c := &control{end: end}
	c.hold()
	c.take()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/command", c.command)
	serve(ctx, &c.group, l, mux)
	return c, nil
}

// give has commands run by the daemon from now on.
func (c *control) give(d *daemon) {
	c.daemon = d
	c.gate.Unlock()
	c.door.Unlock()
}

// hold has the commands to come wait for another daemon.
func (c *control) hold() { c.door.Lock() }

// take waits for the commands that are running, which the end of the daemon's context ends. The control must be held.
func (c *control) take() { c.gate.Lock() }

// close ends the socket. The control must have been taken.
func (c *control) close() error {
	c.daemon = nil
	c.gate.Unlock()
	c.door.Unlock()
	c.end()
	return c.group.Wait()
}

// caller is whom the daemon runs a command for.
type caller struct {
	daemon *daemon
	color  bool
	// web: the command line came over the console, where a token is less than the daemon's own user: no files are written.
	web  bool
	send func(frame) error
}

// listenControl listens at the path. The job's state must be open: its lock says that whoever left a socket there is
// gone.
func listenControl(path string) (net.Listener, error) {
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() != fs.ModeSocket {
		return nil, fmt.Errorf("listen on the control socket: %s is there and is no socket: move it away", path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("replace the control socket: %w", err)
	}
	l, err := net.Listen("unix", path)
	switch {
	case errors.Is(err, syscall.EINVAL): // what Go says of a path that does not fit the system's structure
		return nil, usageError("the control socket's path has %d bytes, more than the system takes (about 100): give the job a shorter state.path than %s", len(path), strings.TrimSuffix(path, ".sock"))
	case err != nil:
		return nil, fmt.Errorf("listen on the control socket: %w", err)
	}
	// Before this, the usual umask leaves others no right to connect either.
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("listen on the control socket: %w", err), l.Close())
	}
	return l, nil
}

func (c *control) command(w http.ResponseWriter, r *http.Request) {
	var line commandLine
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err == nil {
		err = json.Unmarshal(body, &line)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	asks := &caller{color: line.Color, send: console.FrameWriter(w)}
	code, err := c.execute(engine.WithActor(r.Context(), line.User), asks, line.Args) // the context ends when the caller goes away
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	_ = asks.send(frame{Exit: &code}) // an error says that the caller is gone
}

// execute runs a command line for a caller on the job that is served.
func (c *control) execute(ctx context.Context, asks *caller, args []string) (code int, err error) {
	c.door.Lock()
	c.gate.RLock()
	c.door.Unlock()
	defer c.gate.RUnlock()
	if asks.daemon = c.daemon; asks.daemon == nil {
		return 0, errStopping
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(asks.daemon.ctx, cancel)()
	return asks.run(ctx, append([]string{}, args...)), nil // never nil, for which cobra would take the daemon's own
}

// run is the program's run for a caller.
func (c *caller) run(ctx context.Context, args []string) int {
	a := &app{
		stdin: strings.NewReader(""), args: args, caller: c,
		stdout: stream(func(p []byte) error { return c.send(frame{Stdout: p}) }),
		stderr: stream(func(p []byte) error { return c.send(frame{Stderr: p}) }),
	}
	root := newRootCommand(a)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if errors.Is(err, engine.ErrNotServing) || errors.Is(err, context.Canceled) && c.daemon.ctx.Err() != nil {
		err = c.daemon.why()
	}
	return a.report(err)
}

// stream is a Writer of a function.
type stream func([]byte) error

func (s stream) Write(p []byte) (int, error) {
	if err := s(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// request has the daemon run a full cycle. The cycle is the daemon's: it goes on when the caller goes away.
func (d *daemon) request(ctx context.Context, keep int) (*plan.Report, error) {
	answer := make(chan cycle, 1)
	go func() {
		report, err := d.job.engine.Request(d.ctx, engine.Full, keep)
		answer <- cycle{report: report, failed: err}
	}()
	select {
	case c := <-answer:
		return c.report, c.failed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
