package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
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

	mu   sync.Mutex
	jobs []*watched
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

// add has the monitor answer for a job until the function that it returns is called.
func (m *monitor) add(w *watched) (remove func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.jobs = append(m.jobs, w)
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.jobs = slices.DeleteFunc(m.jobs, func(other *watched) bool { return other == w })
	}
}

// watched returns the jobs by name.
func (m *monitor) watched() []*watched {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.SortedFunc(slices.Values(m.jobs), func(a, b *watched) int { return cmp.Compare(a.job.config.Job, b.job.config.Job) })
}

func (m *monitor) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", m.ready)
	return mux
}

// ready answers with a line for each job.
func (m *monitor) ready(w http.ResponseWriter, r *http.Request) {
	var lines []string
	status := http.StatusOK
	for _, job := range m.watched() {
		ok, text := job.ready(r.Context())
		if !ok {
			status = http.StatusServiceUnavailable
		}
		lines = append(lines, job.job.config.Job+": "+text)
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
