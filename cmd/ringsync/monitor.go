package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"ringsync/engine"
	"ringsync/engine/notify"
)

// defaultListen is where a daemon serves metrics and health, for this machine only.
const defaultListen = "127.0.0.1:8040"

// monitor answers for the jobs that the process serves: /metrics, /healthz and /readyz.
type monitor struct {
	registry *prometheus.Registry
	counters counters
	fleet    interface {
		// standings are how all jobs stand, by name.
		standings() []standing
		// hung returns an error if the process does not do its work any more.
		hung(patience time.Duration) error
	}
}

// standing is how a job of the fleet stands.
type standing struct {
	name    string
	file    string    // of its configuration
	watched *watched  // nil while the job is not being served
	standby bool      // it is another process's to serve
	down    string    // why it is not being served
	loaded  time.Time // when the configuration that it goes by was loaded; zero if there is none
	refused bool      // the file as it is now was not taken
}

// watched is a job that is being served.
type watched struct {
	job     *job
	options notify.Options
	served  time.Time // since when
}

func newMonitor() *monitor {
	m := &monitor{registry: prometheus.NewRegistry()}
	m.counters = newCounters(m.registry)
	m.registry.MustRegister(m)
	return m
}

// handler serves metrics and health, and whatever else there is to show, which may be nil.
func (m *monitor) handler(rest http.Handler) http.Handler {
	mux := http.NewServeMux()
	if rest != nil {
		mux.Handle("/", rest)
	}
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", m.healthy)
	mux.HandleFunc("GET /readyz", m.ready)
	return mux
}

// healthPatience is how long the process may take to see whether it is well.
const healthPatience = 5 * time.Second

// healthy answers whether the process does its work; a new one would not do better otherwise.
func (m *monitor) healthy(w http.ResponseWriter, _ *http.Request) {
	if err := m.fleet.hung(healthPatience); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
}

// ready answers with a line for each job.
func (m *monitor) ready(w http.ResponseWriter, r *http.Request) {
	var lines []string
	status := http.StatusOK
	for _, job := range m.fleet.standings() {
		ok, text := false, "not served: "+job.down
		switch {
		case job.watched != nil:
			ok, text = job.watched.ready(r.Context())
		case job.standby:
			ok, text = true, "standing by: another process serves it, or is to"
		}
		if !ok {
			status = http.StatusServiceUnavailable
		}
		if job.refused && job.watched != nil {
			text += "; its configuration file as it is now was refused"
		}
		lines = append(lines, job.name+": "+text)
	}
	if len(lines) == 0 {
		status, lines = http.StatusServiceUnavailable, []string{"no job is being served yet"}
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprintln(w, strings.Join(lines, "\n"))
}

// ready reports whether the job does its work, and how it stands. One that somebody has paused does what it was told.
func (w *watched) ready(ctx context.Context) (ok bool, text string) {
	s, err := w.stand(ctx)
	if err != nil {
		return false, "its state cannot be read: " + err.Error()
	}
	stale, good := s.IsStale()
	switch {
	case s.Status.Unwritable != nil:
		return false, "blocked since " + stamp(s.Status.Unwritable.Since) + ": " + s.Status.Unwritable.Error
	case s.Status.Paused != nil:
		return true, "paused since " + stamp(*s.Status.Paused)
	case stale && good.IsZero():
		return false, "no good cycle since it was started " + stamp(w.served)
	case stale:
		return false, "no good cycle since " + stamp(good)
	case s.Status.LastGood == nil:
		return true, "starting"
	}
	return true, "ready; last good cycle " + stamp(s.Status.LastGood.Started)
}

func (w *watched) stand(ctx context.Context) (notify.Standing, error) {
	return notify.Stand(ctx, w.options, w.served)
}

// watch prepares what tells people and programs about a job that is about to be served.
func (a *app) watch(ctx context.Context, j *job, schedule engine.Schedule) (*watched, *notify.Notifier, error) {
	channels, err := channelsOf(j.config.Notify)
	if err != nil {
		return nil, nil, err
	}
	unjittered := schedule
	unjittered.Jitter = nil
	w := &watched{job: j, served: time.Now(), options: notify.Options{
		Job: j.engine, Store: j.store, Schedule: unjittered, Channels: channels, Command: "ringsync -c " + shellWord(absolute(a.configPath)),
		Credentials: j.expiries, Logger: a.log, Now: time.Now,
		Delivered: func(channel string, err error) {
			kind, _, _ := strings.Cut(channel, " ")
			result := "delivered"
			if err != nil {
				result = "failed"
			}
			a.monitor.counters.notifications.WithLabelValues(j.config.Job, kind, result).Inc()
		},
	}}
	n, err := notify.New(ctx, w.options)
	return w, n, err
}

// expiries returns when the job's credentials end, of those that say so.
func (j *job) expiries() (all []notify.Expiry) {
	for _, e := range []notify.Expiry{{Name: "source.credential.certificate", Ends: j.source.CredentialEnds()}, {Name: "target.oauth.jwt", Ends: j.target.Identity().Ends}} {
		if !e.Ends.IsZero() {
			all = append(all, e)
		}
	}
	return all
}

// listenHTTP listens for metrics and health; nil if nobody is to. An address without a port is a mistake.
func listenHTTP(ctx context.Context, address string) (net.Listener, error) {
	if address == "" || address == "off" {
		return nil, nil
	}
	if _, _, err := net.SplitHostPort(address); err != nil {
		return nil, usageError("--listen %q is not an address such as %s: %v", address, defaultListen, err)
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s is taken, perhaps by another daemon: choose another --listen for metrics and health, or --listen off", address)
	case err != nil:
		return nil, fmt.Errorf("--listen %s: %w", address, err)
	}
	return l, nil
}
