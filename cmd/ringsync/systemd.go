package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	sd "github.com/coreos/go-systemd/v22/daemon"

	"ringsync/state"
)

// systemd tells the service manager how the program stands, if it was started by one that wants to know (sd_notify(3)).
type systemd struct {
	log      *slog.Logger
	watchdog time.Duration // within which the manager wants to hear that all is well; 0 for never
}

func newSystemd(log *slog.Logger) *systemd {
	s := &systemd{log: log}
	var err error
	if s.watchdog, err = sd.SdWatchdogEnabled(false); err != nil {
		log.Warn("systemd's watchdog is not fed", "error", err)
	}
	return s
}

func (s *systemd) tell(text string) {
	if _, err := sd.SdNotify(false, text); err != nil {
		s.log.Warn("systemd cannot be told how the program stands", "error", err)
	}
}

func (s *systemd) ready(summary string) {
	s.tell(sd.SdNotifyReady + "\nSTATUS=" + summary)
}

func (s *systemd) status(summary string) { s.tell("STATUS=" + summary) }

func (s *systemd) reloading() {
	s.tell(sd.SdNotifyReloading + "\n" + sd.SdNotifyMonotonicUsec() + "STATUS=reloading")
}

func (s *systemd) stopping() { s.tell(sd.SdNotifyStopping + "\nSTATUS=stopping") }

// guard feeds the watchdog until ctx ends, as long as the fleet really works.
func (s *systemd) guard(ctx context.Context, f *fleet) {
	if s.watchdog == 0 {
		return
	}
	ticker := time.NewTicker(s.watchdog / 3)
	defer ticker.Stop()
	for {
		if err := f.hung(s.watchdog / 4); err != nil {
			s.log.Error("systemd's watchdog is not fed", "error", err)
		} else {
			s.tell(sd.SdNotifyWatchdog + "\nSTATUS=" + f.summary())
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// turnTime is how long the loop of a job that is in no cycle may take for a turn. It turns every minute.
const turnTime = 3 * time.Minute

// hung returns an error if a job does nothing any more although it should, or its state cannot be read within the given
// time. That a service does not answer, or that a job fails, is no such thing: those are tried again.
func (f *fleet) hung(patience time.Duration) error {
	looked := make(chan error, 1)
	at := make(chan string, 1) // the job that is being looked at
	go func() {
		for _, s := range f.jobs() {
			name := s.job.config.Job
			at <- name
			if turned, busy, ok := s.job.engine.Turned(); ok && !busy && time.Since(turned) > turnTime {
				looked <- fmt.Errorf("job %s has done nothing since %s", name, stamp(turned))
				return
			}
			// What a state that is damaged, or has just been closed, says to this the job finds out by itself.
			_ = s.job.store.View(context.Background(), func(*state.View) error { return nil })
			<-at
		}
		looked <- nil
	}()
	select {
	case err := <-looked:
		return err
	case <-time.After(patience):
	}
	select {
	case name := <-at:
		return fmt.Errorf("the state of job %s cannot be read for %s", name, patience)
	default:
		return nil // it has come to its end meanwhile
	}
}
