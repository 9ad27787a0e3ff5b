package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"ringsync/engine"
)

// hang is how long anything may take before it counts as hung.
const hang = 5 * time.Minute

// startServices starts the sandbox as a process of its own and writes the configuration that the daemon goes by.
func (h *hour) startServices(people int, latency string) {
	h.t.Helper()
	folder := h.t.TempDir()
	file := filepath.Join(folder, "sandbox.yaml")
	cmd := program(h.t, "ringsync", "sandbox", "--json", "--graph-port", "0", "--ringcentral-port", "0", "--file", file,
		"--people", strconv.Itoa(people), "--groups", "5", "--duplicates", "--latency", latency)
	stdout, err := cmd.StdoutPipe()
	h.must(err)
	h.must(cmd.Start())
	h.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it has not ended before
		if err := cmd.Wait(); err != nil {
			h.t.Errorf("the sandbox: %v", err)
		}
	})
	h.must(json.NewDecoder(stdout).Decode(&h.place))
	text, err := os.ReadFile(file)
	h.must(err)
	h.config, h.log = filepath.Join(folder, "hour.yaml"), filepath.Join(folder, "daemon.log")
	h.must(os.WriteFile(h.config, append(text, hourSchedule...), 0o600))
}

// hourSchedule makes an hour of what is a month otherwise. The limit on removals is soon reached.
const hourSchedule = `schedule: {incremental: 1s, full: 15s}
safety: {removals: {count: 40, percent: 20}}
`

// startDaemon starts the program and returns when it serves.
func (h *hour) startDaemon() {
	h.t.Helper()
	log, err := os.OpenFile(h.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	h.must(err)
	cmd := program(h.t, "ringsync", append([]string{"-c", h.config, "run"}, h.flags...)...)
	cmd.Stderr = log
	stdout, err := cmd.StdoutPipe()
	h.must(err)
	h.must(cmd.Start())
	h.t.Cleanup(func() { _ = cmd.Process.Kill() }) // it has ended, unless the test failed
	ended := make(chan error, 1)
	out := bufio.NewReader(stdout)
	line, err := out.ReadString('\n')
	go func() {
		_, _ = io.Copy(io.Discard, out) // until it ends
		ended <- cmd.Wait()
		log.Close()
	}()
	h.daemon, h.ended = cmd.Process, ended
	if err != nil {
		h.fail("the daemon does not start: %v %q", err, line)
	}
	h.starts++
	h.note("daemon: %s", strings.TrimSpace(line))
}

// kill ends the daemon as a power cut would.
func (h *hour) kill() {
	h.t.Helper()
	h.note("kill -9")
	h.must(h.daemon.Kill())
	h.wait()
	h.kills++
}

// terminate asks the daemon to end, and waits: it must end well.
func (h *hour) terminate() {
	h.t.Helper()
	h.note("SIGTERM")
	began := time.Now()
	h.must(h.daemon.Signal(syscall.SIGTERM))
	if err := h.wait(); err != nil {
		h.fail("after SIGTERM: %v", err)
	}
	h.terms++
	h.slowest = max(h.slowest, time.Since(began))
}

// terminateTwice is for the impatient: it may have ended well before the second signal came.
func (h *hour) terminateTwice() {
	h.t.Helper()
	h.note("SIGTERM twice")
	h.must(h.daemon.Signal(syscall.SIGTERM))
	if err := h.daemon.Signal(syscall.SIGTERM); !errors.Is(err, os.ErrProcessDone) {
		h.must(err)
	}
	err := h.wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signal() == syscall.SIGTERM {
			return
		}
	}
	if err != nil {
		h.fail("after two signals: %v", err)
	}
}

// wait waits until the daemon has ended.
func (h *hour) wait() error {
	h.t.Helper()
	select {
	case err := <-h.ended:
		h.daemon = nil
		return err
	case <-time.After(hang):
		_ = h.daemon.Signal(syscall.SIGQUIT) // its goroutines go into its log
		<-h.ended
		h.fail("the daemon does not end")
		return nil
	}
}

// say runs a command, through the daemon's socket if there is one. One that hangs is cut off and fails.
func (h *hour) say(args ...string) said {
	ctx, cancel := context.WithTimeout(h.t.Context(), hang)
	defer cancel()
	var stdout, stderr strings.Builder
	code := run(ctx, append([]string{"-c", h.config}, args...), strings.NewReader(""), &stdout, &stderr)
	return said{code, stdout.String(), stderr.String()}
}

// ask is say for a command that has to end with one of the exit codes.
func (h *hour) ask(codes string, args ...string) said {
	h.t.Helper()
	out := h.say(args...)
	if !strings.Contains(" "+codes+" ", " "+strconv.Itoa(out.code)+" ") {
		h.fail("ringsync %q exits with %d, not one of %s\n%s%s", args, out.code, codes, out.stdout, out.stderr)
	}
	return out
}

func (h *hour) status() (s engine.Status) {
	h.t.Helper()
	h.must(json.Unmarshal([]byte(h.ask("0", "status", "--json").stdout), &s))
	return s
}

// until looks at the job again and again until what is waited for has come.
func (h *hour) until(what string, come func(engine.Status) bool) engine.Status {
	h.t.Helper()
	for end := time.Now().Add(hang); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if s := h.status(); come(s) {
			return s
		}
	}
	h.fail("%s has not come: %+v", what, h.status())
	return engine.Status{}
}

// cycles waits until so many more cycles have ended, whatever came of them. A quarantine is lifted: what was in flight
// when the last one was may have brought another.
func (h *hour) cycles(n uint64) {
	h.t.Helper()
	number := func(s engine.Status) (last uint64) {
		if c := s.LastCycle; c != nil {
			if last = c.Number; c.Ended.IsZero() {
				last--
			}
		}
		return last
	}
	goal := number(h.status()) + n
	h.until("a cycle", func(s engine.Status) bool {
		h.ready()
		return number(s) >= goal
	})
}
