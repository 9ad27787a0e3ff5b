package main

import (
	"bufio"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"ringsync/configs"
	"ringsync/connectors/ringcentral/ringcentraltest"
)

// stuck starts the real program as a daemon and returns it in the middle of a write that nobody ever answers.
func stuck(t *testing.T) *exec.Cmd {
	t.Helper()
	s := newStage(t, 3, 1, ringcentraltest.Options{Licenses: -1})
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	writing := make(chan struct{})
	begun := sync.OnceFunc(func() { close(writing) })
	s.account.Fault(func(r *http.Request) *ringcentraltest.Fault {
		if r.Method == http.MethodPost {
			begun()
			<-release
		}
		return nil
	})
	cmd := program(t, "ringsync", "-q", "run", s.config)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // it has ended, unless the test failed
	<-writing
	return cmd
}

// A signal ends the daemon, and well, even if a service never answers.
func TestRunEndsBySignal(t *testing.T) {
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			cmd := stuck(t)
			if err := cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
}

// The second signal ends it at once: it is not the program that ends then, but the system that ends it.
func TestSecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	cmd := stuck(t)
	ended := make(chan error)
	go func() { ended <- cmd.Wait() }()
	for {
		_ = cmd.Process.Signal(syscall.SIGTERM) // fails once it has ended
		select {
		case <-ended:
			status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
			if !ok || !status.Signaled() || status.Signal() != syscall.SIGTERM {
				t.Errorf("it ended with %v", cmd.ProcessState)
			}
			return
		case <-time.After(time.Millisecond):
		}
	}
}

// The daemon tells when it starts what it will do, as JSON too.
func TestRunAnnounces(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "sandbox: running as pid "},
		{[]string{"--json"}, "{\n"},
	} {
		s := newStage(t, 1, 1, ringcentraltest.Options{Licenses: -1})
		cmd := program(t, "ringsync", append([]string{"-q", "-c", s.config, "run"}, c.args...)...)
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(stdout).ReadString('\n')
		if err != nil || len(line) < len(c.want) || line[:len(c.want)] != c.want {
			t.Errorf("%q, %v; want %q", line, err, c.want)
		}
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
}

func TestSchedule(t *testing.T) {
	begin := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC) // a Wednesday
	for text, want := range map[string]time.Time{
		"40m":                        begin.Add(40 * time.Minute),
		"0 3 * * 0":                  time.Date(2026, 3, 8, 3, 0, 0, 0, time.UTC),
		"TZ=Europe/Berlin 0 3 * * *": time.Date(2026, 3, 5, 2, 0, 0, 0, time.UTC),
	} {
		next, err := starts(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := next(begin); !got.Equal(want) {
			t.Errorf("%s after %v: %v, want %v", text, begin, got, want)
		}
	}
	s, err := scheduleOf(&configs.Config{Schedule: configs.Schedule{Incremental: "1s", Full: "@daily"}})
	if err != nil || s.Jitter == nil {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := scheduleOf(&configs.Config{Schedule: configs.Schedule{Incremental: "1s", Full: "never"}}); err == nil {
		t.Error("a schedule that is none is taken")
	}
}
