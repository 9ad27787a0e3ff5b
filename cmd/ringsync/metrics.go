package main

import (
	"context"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ringsync/engine"
	"ringsync/state"
)

// The services, as label values.
const (
	microsoftGraph = "graph"
	ringCentral    = "ringcentral"
)

// The metrics of a job are read from its state when they are asked for. No service is asked for them.
var (
	lastGoodDesc    = gauge("last_good_cycle_timestamp_seconds", "When the last cycle that succeeded ended, in Unix time.")
	lastResultDesc  = gauge("last_cycle_success", "Whether the last cycle that ended succeeded: 1 or 0.")
	durationDesc    = gauge("last_cycle_duration_seconds", "How long the last cycle took that ended.", "kind")
	nextDesc        = gauge("next_cycle_timestamp_seconds", "When the next cycle begins, in Unix time.")
	staleDesc       = gauge("stale", "Whether the job has had no good cycle for three intervals: 1 or 0.")
	peopleDesc      = gauge("people", "People known.")
	linksDesc       = gauge("links", "People linked to an account.")
	activeDesc      = gauge("active", "People linked to an active account.")
	outboxDesc      = gauge("outbox", "People with something to send, by kind of change.", "kind")
	oldestDesc      = gauge("outbox_oldest_seconds", "For how long the longest-waiting change of a kind has been due.", "kind")
	escrowsDesc     = gauge("escrows", "People whose change failed and is tried again later.")
	heldDesc        = gauge("held_removals", "Removals that wait for approval.")
	waitingDesc     = gauge("waiting_for_licence", "New accounts that wait for a free RingCentral licence.")
	quarantinedDesc = gauge("quarantined", "Whether the job is in quarantine for the reason: 1 or 0.", "reason")
	pausedDesc      = gauge("paused", "Whether somebody has paused the job: 1 or 0.")
	unwritableDesc  = gauge("state_unwritable", "Whether the job's state cannot be written, so that nothing is read or sent: 1 or 0.")
	sizeDesc        = gauge("state_bytes", "Size of the job's state file.")
	logFileDesc     = gauge("log_file_unwritable", "Whether the file that log.file names cannot be written: 1 or 0.")
	expiryDesc      = gauge("credential_expiry_timestamp_seconds", "When a credential ends, in Unix time, if that is known.", "credential")
	upDesc          = gauge("up", "Whether the job is being served: 1 or 0.", "file")
	acceptedDesc    = gauge("config_accepted", "Whether the job goes by its configuration file as it is now: 1, or 0 if that was refused.", "file")
	loadedDesc      = gauge("config_loaded_timestamp_seconds", "When the configuration was loaded that the job goes by, in Unix time.", "file")
	jobsDesc        = prometheus.NewDesc("ringsync_jobs", "Jobs of this process: served by it, standing by since another process of the fleet is to serve them, or down.", []string{"state"}, nil)
	limitDesc       = gauge("rate_limit_remaining", "Requests left in the window of a RingCentral limit, as the last answer gave it.", "group")
)

// gauge describes a metric with the label job and others.
func gauge(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("ringsync_"+name, help, append([]string{"job"}, labels...), nil)
}

// described are all of them.
var described = [...]*prometheus.Desc{lastGoodDesc, lastResultDesc, durationDesc, nextDesc, staleDesc, peopleDesc, linksDesc, activeDesc,
	outboxDesc, oldestDesc, escrowsDesc, heldDesc, waitingDesc, quarantinedDesc, pausedDesc, unwritableDesc, sizeDesc, logFileDesc, expiryDesc, upDesc, acceptedDesc, loadedDesc, limitDesc, jobsDesc}

// counters are what the process has counted since it began.
type counters struct {
	requests, notifications *prometheus.CounterVec
}

func newCounters(r *prometheus.Registry) counters {
	c := counters{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "ringsync_requests_total",
			Help: "Requests sent, repeats included, by service (graph, ringcentral), group (of Graph the resource, of RingCentral the limit) and status; error for those that got no answer."},
			[]string{"job", "service", "group", "status"}),
		notifications: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "ringsync_notifications_total",
			Help: "Attempts to deliver a notification, by channel (mail, webhook) and result (delivered, failed)."},
			[]string{"job", "channel", "result"}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{Name: "ringsync_build_info", Help: "Always 1.",
		ConstLabels: prometheus.Labels{"version": thisBuild().Version, "goversion": runtime.Version()}})
	build.Set(1)
	r.MustRegister(c.requests, c.notifications, build)
	return c
}

// state is the standing in a word.
func (s standing) state() string {
	switch {
	case s.watched != nil:
		return "served"
	case s.standby:
		return "standby"
	}
	return "down"
}

// Describe serves prometheus.Collector.
func (m *monitor) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range described {
		ch <- d
	}
}

// Collect serves prometheus.Collector.
func (m *monitor) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	count := map[string]int{"served": 0, "standby": 0, "down": 0}
	defer func() {
		for state, n := range count {
			ch <- prometheus.MustNewConstMetric(jobsDesc, prometheus.GaugeValue, float64(n), state)
		}
	}()
	for _, job := range m.fleet.standings() {
		if count[job.state()]++; job.standby {
			continue // whoever serves it tells of it
		}
		put := func(d *prometheus.Desc, value float64) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, job.name, job.file)
		}
		put(upDesc, oneIf(job.watched != nil))
		put(acceptedDesc, oneIf(!job.refused))
		if !job.loaded.IsZero() {
			put(loadedDesc, seconds(job.loaded))
		}
		if job.watched == nil {
			continue
		}
		if err := job.watched.collect(ctx, ch); err != nil {
			ch <- prometheus.NewInvalidMetric(peopleDesc, err)
		}
	}
}

func (w *watched) collect(ctx context.Context, ch chan<- prometheus.Metric) error {
	stand, err := w.stand(ctx)
	if err != nil {
		return err
	}
	oldest, err := w.job.engine.Oldest(ctx)
	if err != nil {
		return err
	}
	s := stand.Status
	put := func(d *prometheus.Desc, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, append([]string{w.job.config.Job}, labels...)...)
	}
	stale, _ := stand.IsStale()
	put(staleDesc, oneIf(stale))
	put(pausedDesc, oneIf(s.Paused != nil))
	put(unwritableDesc, oneIf(s.Unwritable != nil))
	put(logFileDesc, oneIf(s.LogFile != nil))
	if file, ok := w.job.records.(fileRecords); ok {
		put(sizeDesc, float64(file.Size()))
	}
	put(peopleDesc, float64(s.People))
	put(linksDesc, float64(s.Linked))
	put(activeDesc, float64(s.Active))
	put(escrowsDesc, float64(s.Outbox["escrowed"]))
	put(waitingDesc, float64(s.Waiting))
	held := 0
	for _, l := range s.Held {
		if l.Refused == nil {
			held += l.People
		}
	}
	put(heldDesc, float64(held))
	for _, reason := range engine.QuarantineReasons() {
		put(quarantinedDesc, oneIf(s.Quarantine != nil && s.Quarantine.Reason == reason), reason)
	}
	for class := state.ClassRemove; class <= state.ClassUpdate; class++ {
		kind := class.String()
		put(outboxDesc, float64(s.Outbox[kind]), kind)
		age := 0.0
		if due, ok := oldest[kind]; ok {
			age = stand.Now.Sub(due).Seconds()
		}
		put(oldestDesc, age, kind)
	}
	if s.NextCycle != nil {
		put(nextDesc, seconds(*s.NextCycle))
	}
	for _, e := range stand.Credentials {
		put(expiryDesc, seconds(e.Ends), e.Name)
	}
	for _, l := range w.job.target.Limits() {
		put(limitDesc, float64(l.Remaining), limitGroup(l.Group))
	}
	if s.LastGood != nil {
		put(lastGoodDesc, seconds(s.LastGood.Ended))
	}
	return w.job.store.View(ctx, func(v *state.View) error {
		for _, c := range v.Cycles(recentCycles) {
			if !c.Ended.IsZero() {
				put(lastResultDesc, oneIf(c.Result == "succeeded"))
				put(durationDesc, c.Ended.Sub(c.Started).Seconds(), c.Kind)
				break
			}
		}
		return nil
	})
}

// recentCycles is how far back one is looked for that has ended: one may be running, and a crash may have cut off others.
const recentCycles = 10

func oneIf(holds bool) float64 {
	if holds {
		return 1
	}
	return 0
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// counting returns what counts a job's requests to a service, nil where nobody asks for the numbers.
func (m *monitor) counting(job, service string) func(http.RoundTripper) http.RoundTripper {
	if m == nil {
		return nil
	}
	requests := m.counters.requests.MustCurryWith(prometheus.Labels{"job": job, "service": service})
	return func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(req *http.Request) (*http.Response, error) {
			resp, err := next.RoundTrip(req)
			status := "error"
			group := limitGroup("")
			if err == nil {
				status = strconv.Itoa(resp.StatusCode)
				group = limitGroup(resp.Header.Get("X-Rate-Limit-Group"))
			}
			if service == microsoftGraph {
				group = graphGroup(req.URL.Path)
			}
			requests.WithLabelValues(group, status).Inc()
			return resp, err
		})
	}
}

// roundTripper is a RoundTripper of a function.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// limitGroup returns the name of one of RingCentral's limits as a label: the service must not make up any number of them.
func limitGroup(name string) string {
	switch name = strings.ToLower(strings.TrimSpace(name)); name {
	case "light", "medium", "heavy", "auth":
		return name
	case "":
		return "unknown"
	}
	return "other"
}

// graphGroup returns the resource that a request to Graph is for.
func graphGroup(path string) string {
	for segment := range strings.SplitSeq(path, "/") {
		name, _, _ := strings.Cut(segment, "(")
		switch name {
		case "users", "groups", "servicePrincipals", "applications", "directoryObjects", "directory", "$batch":
			return name
		}
	}
	return "other"
}
