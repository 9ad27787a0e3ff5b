package console

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"ringsync/engine"
	"ringsync/state"
)

// standing is how a job stands, as the overview shows it.
type standing struct {
	Job       string
	Status    engine.Status
	State     string // in a word or two
	Doing     string // in a sentence
	Working   bool
	Done      string // when the cycle at work will have sent everything, "" if that cannot be told
	Next      string
	Last      string
	Backlog   []backlog
	Notices   []notice
	Limits    []Limit
	Credits   []Credential // credentials, and when they end
	CanPause  bool
	CanResume bool
}

// backlog is how many people wait for one kind of change.
type backlog struct {
	Kind, Text string
	People     int
}

// notice is what needs a person.
type notice struct {
	Grave      bool
	Text       string
	Link, Path string // Link may be ""
}

// credentialSoon is how long before its end a credential is warned about.
const credentialSoon = 20 * 24 * time.Hour

func (c *Console) standing(ctx context.Context, j Job) (standing, error) {
	status, err := j.Engine.Status(ctx)
	if err != nil {
		return standing{}, err
	}
	now := c.Now()
	s := standing{Job: j.Name(), Status: status, CanPause: status.Paused == nil, CanResume: status.Paused != nil, Limits: j.Limits(), Credits: j.Credentials()}
	s.describe(now)
	for _, b := range []backlog{{"remove", "to disable, delete or rename", 0}, {"enable", "to enable", 0}, {"create", "to create", 0}, {"update", "to update", 0}, {engine.KindEscrowed, "in escrow, tried again later", 0}} {
		b.People = status.Outbox[b.Kind]
		s.Backlog = append(s.Backlog, b)
	}
	held := 0
	for _, l := range status.Held {
		held += l.People
	}
	s.Backlog = append(s.Backlog, backlog{engine.KindHeld, "held for approval", held})
	if why := j.Outdated(); why != "" {
		s.Notices = append(s.Notices, notice{Grave: true, Text: "The configuration file as it is now was not taken, and the job goes on as it was: " + why})
	}
	s.notices(now)
	return s, nil
}

// describe puts into words what the job does and what comes next.
func (s *standing) describe(now time.Time) {
	p := s.Status.Progress
	kind := "A"
	if last := s.Status.LastCycle; last != nil {
		kind = article(last.Kind)
	}
	switch s.Status.State {
	case "reading":
		s.State, s.Doing, s.Working = "Reading", kind+" cycle is reading the directory.", true
	case "deciding":
		s.State, s.Doing, s.Working = "Deciding", kind+" cycle has read the directory and decides for each person.", true
	case "exporting":
		s.State, s.Doing, s.Working = "Sending", fmt.Sprintf("Changes are being sent to RingCentral: %s of %s are done.", thousands(fmt.Sprint(p.Exported)), thousands(fmt.Sprint(p.Queued))), true
	case "blocked":
		s.State, s.Doing = "Blocked", "Nothing is read or sent until the job's state can be written."
	case "paused":
		s.State, s.Doing = "Paused", "The job is paused since "+stamp(s.Status.Paused)+": nothing is read on schedule, and nothing is written."
	case "quarantined":
		s.State, s.Doing = "In quarantine", "The job is in quarantine and tries again now and then."
	case "stopped":
		s.State, s.Doing = "Stopped", "The job was in quarantine for so long that nothing is tried any more."
	default:
		s.State, s.Doing = "Idle", "Nothing is being read or sent at the moment."
		if waits := s.pending(); waits > 0 {
			s.Doing = count(waits, "change") + " wait for their turn within RingCentral's limits."
		}
	}
	s.Done = s.eta(now)
	s.Next = "none before the job is resumed or asked to"
	if s.Status.NextCycle != nil {
		s.Next = stamp(s.Status.NextCycle)
		if left := s.Status.NextCycle.Sub(now); left > 0 {
			s.Next += ", in " + roughly(left)
		} else {
			s.Next = "now"
		}
	}
	s.Last = "none yet"
	if c := s.Status.LastCycle; c != nil {
		s.Last = fmt.Sprintf("%s, %s, %s", c.Kind, stamp(c.Started), c.Result)
		if !c.Ended.IsZero() {
			s.Last += " after " + roughly(c.Ended.Sub(c.Started))
		}
	}
}

func article(kind string) string {
	if strings.ContainsAny(kind[:min(1, len(kind))], "aeiou") {
		return "An " + kind
	}
	return "A " + kind
}

// pending is how many people wait for nothing but their turn.
func (s *standing) pending() (n int) {
	for _, kind := range []string{"remove", "enable", "create", "update"} {
		n += s.Status.Outbox[kind]
	}
	return n - s.Status.Outbox[engine.KindEscrowed] - s.Status.Waiting
}

// eta is when everything will have been sent: by the target's limits if they are known, else at the pace so far.
func (s *standing) eta(now time.Time) string {
	if at := s.Status.Drained; at != nil {
		return stamp(at) + ", in " + roughly(at.Sub(now)) + ", at RingCentral's limit of writes"
	}
	p, c := s.Status.Progress, s.Status.LastCycle
	if s.Status.State != "exporting" || p.Exported == 0 || p.Queued <= p.Exported || c == nil {
		return ""
	}
	left := time.Duration(float64(now.Sub(c.Started)) / float64(p.Exported) * float64(p.Queued-p.Exported))
	return stamp(now.Add(left)) + ", in " + roughly(left) + ", at the pace so far"
}

// roughly is a duration in its largest unit or two.
func roughly(d time.Duration) string {
	switch {
	case d < time.Second:
		return "less than a second"
	case d < time.Minute:
		return count(int(d/time.Second), "second")
	case d < time.Hour:
		return count(int(d/time.Minute), "minute")
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %d min", int(d/time.Hour), int(d%time.Hour/time.Minute))
	}
	return count(int(d/(24*time.Hour)), "day")
}

func (s *standing) notices(now time.Time) {
	add := func(grave bool, link, to string, format string, args ...any) {
		s.Notices = append(s.Notices, notice{grave, fmt.Sprintf(format, args...), link, to})
	}
	job := func(segments ...any) string { return path(append([]any{"jobs", s.Job}, segments...)...) }
	if u := s.Status.Unwritable; u != nil {
		add(true, "", "", "Since %s the state cannot be written: %s.", stamp(&u.Since), u.Error)
	}
	if u := s.Status.LogFile; u != nil {
		add(false, "", "", "Since %s the file of the provisioning log cannot be written: %s. What is missing follows.", stamp(&u.Since), u.Error)
	}
	if q := s.Status.Quarantine; q != nil {
		next := "It is tried again " + stamp(q.Next) + "."
		if q.Next.IsZero() {
			next = "It is not tried any more: ringsync restart --reset quarantine starts it again."
		}
		add(true, "Test the connections", job("settings"), "In quarantine since %s: %s. %s", stamp(q.Since), strings.TrimSuffix(q.Error, "."), next)
	}
	for _, l := range s.Status.Held {
		name := fmt.Sprintf("Held list %d: %s", l.Number, count(l.People, "removal"))
		to := job("held") + fmt.Sprintf("#list-%d", l.Number)
		if l.Refused == nil {
			add(true, fmt.Sprintf("Look at held list %d", l.Number), to, "%s since %s. Nothing happens to these accounts until somebody approves.", name, stamp(l.Since))
		} else {
			add(false, fmt.Sprintf("Look at held list %d", l.Number), to, "%s, refused %s. The accounts stay as they are.", name, stamp(l.Refused.At))
		}
	}
	if s.Status.Waiting > 0 {
		add(true, "Who waits", job("waiting")+query("kind", "create"), "%s for a free RingCentral licence. Everything else goes on.", count(s.Status.Waiting, "new account")+" wait")
	}
	for _, c := range s.Credits {
		switch left := c.Ends.Sub(now); {
		case left <= 0:
			add(true, "", "", "%s ended on %s: renew it.", c.Name, c.Ends.UTC().Format(time.DateOnly))
		case left <= credentialSoon:
			add(true, "", "", "%s ends on %s, in %s: renew it.", c.Name, c.Ends.UTC().Format(time.DateOnly), roughly(left))
		}
	}
	if c := s.Status.LastCycle; c != nil && c.Result == "failed" {
		add(true, "", "", "The last cycle failed: %s", c.Error)
	}
}

// jobs is the overview of all jobs; of only one, that job's.
func (c *Console) jobs(v *visit) error {
	all := c.Jobs()
	down := c.Down()
	if len(all) == 1 && len(down) == 0 {
		v.job = all[0]
		return v.seeOther()
	}
	var list []standing
	for _, j := range all {
		s, err := c.standing(v.ctx, j)
		if err != nil {
			s = standing{Job: j.Name(), State: "Not readable", Doing: err.Error(), Notices: []notice{{Grave: true, Text: err.Error()}}}
		}
		list = append(list, s)
	}
	for _, d := range down {
		list = append(list, standing{Job: d.Name, State: "Not served", Notices: []notice{{Grave: true, Text: d.Why}}})
	}
	slices.SortFunc(list, func(a, b standing) int { return cmp.Compare(a.Job, b.Job) })
	return v.page("jobs", page{Title: "Jobs", Tab: "jobs", Content: list})
}

// charted is how many cycles the chart shows.
const charted = 30

// overviewPage is how a job stands, and how its cycles went.
type overviewPage struct {
	Standing standing
	Chart    chart
}

func (c *Console) overview(v *visit) error {
	data, err := c.overviewOf(v)
	if err != nil {
		return err
	}
	return v.page("overview", page{Title: v.job.Name(), Tab: "overview", Content: data})
}

func (c *Console) overviewOf(v *visit) (overviewPage, error) {
	s, err := c.standing(v.ctx, v.job)
	if err != nil {
		return overviewPage{}, err
	}
	cycles, err := v.job.Engine.Cycles(v.ctx, charted)
	return overviewPage{s, newChart(v.job.Name(), cycles)}, err
}

func (c *Console) live(v *visit) error {
	return v.stream(func() ([]part, bool, error) {
		data, err := c.overviewOf(v)
		if err != nil {
			return nil, false, err
		}
		standing, err := execute("overview", "standing", data.Standing)
		if err != nil {
			return nil, false, err
		}
		chart, err := execute("overview", "chart", data.Chart)
		return []part{{"standing", standing}, {"chart", chart}}, true, err
	})
}

func (c *Console) pause(v *visit) error { return v.do("pause") }

func (c *Console) resume(v *visit) error { return v.do("resume") }

// do runs a command line and goes back to the overview.
func (v *visit) do(args ...string) error {
	if _, err := v.run(args...); err != nil {
		return err
	}
	return v.seeOther()
}

// run runs a command line of the program, in the name of whoever makes the visit, and returns what it printed. A failure is
// an error in its words.
func (v *visit) run(args ...string) (stdout []byte, err error) {
	var out output
	exit, err := v.job.Run(v.ctx, v.user, args, out.take)
	switch {
	case err != nil:
		return nil, &problem{http.StatusServiceUnavailable, err}
	case exit != 0:
		return nil, &problem{http.StatusConflict, out.failure()}
	}
	return out.stdout.Bytes(), nil
}

// bar is one cycle of a chart.
type bar struct {
	Cycle                 state.Cycle
	Changes, Failures     int
	Took                  time.Duration
	X                     int
	Height, Failed, Lasts float64 // of the chart's height, in units of its own
	Log                   string  // path
}

// chart is how the last cycles went, oldest first, in a picture of a fixed size.
type chart struct {
	Bars                       []bar
	Width                      int
	MostChanges                int
	Longest                    time.Duration
	Changes, Failures, Stopped int // of all of them
}

const (
	chartHeight = 100
	barWidth    = 20
	lineShare   = 0.92 // of the height, at most, so that the line stays within
)

func newChart(job string, cycles []state.Cycle) chart {
	slots := max(len(cycles), 12) // a job's first cycles are not to be as broad as boards
	c := chart{Width: slots * barWidth}
	for _, cycle := range slices.Backward(cycles) {
		b := bar{Cycle: cycle, X: (slots - len(cycles) + len(c.Bars)) * barWidth, Took: cycle.Ended.Sub(cycle.Started).Round(time.Millisecond)}
		if cycle.Ended.IsZero() {
			b.Took = 0
		}
		for _, kind := range []string{"create", "update", "enable", "disable", "delete"} {
			b.Changes += cycle.Counters[kind]
		}
		b.Failures = cycle.Counters["failed"]
		b.Log = path("jobs", job, "log") + query("cycle", cycle.ID, "since", cycle.Started.UTC().Format(time.RFC3339))
		c.Bars = append(c.Bars, b)
		c.MostChanges, c.Longest = max(c.MostChanges, b.Changes, b.Failures), max(c.Longest, b.Took)
		c.Changes, c.Failures = c.Changes+b.Changes, c.Failures+b.Failures
		if cycle.Result == "failed" || cycle.Result == "interrupted" {
			c.Stopped++
		}
	}
	for i := range c.Bars {
		b := &c.Bars[i]
		b.Height, b.Failed = share(b.Changes, c.MostChanges), share(b.Failures, c.MostChanges)
		b.Lasts = chartHeight - share(int(b.Took), int(c.Longest))*lineShare
	}
	return c
}

// share is n of most, in units of the chart's height; something is never nothing.
func share(n, most int) float64 {
	if n <= 0 || most <= 0 {
		return 0
	}
	return max(2, float64(chartHeight*n/most))
}

// Top is where a bar of that height begins, from above.
func (bar) Top(height float64) float64 { return chartHeight - height }

// Line is the points of the line of how long the cycles took.
func (c chart) Line() string {
	points := make([]string, len(c.Bars))
	for i, b := range c.Bars {
		points[i] = fmt.Sprintf("%d,%.0f", b.X+barWidth/2-1, b.Lasts)
	}
	return strings.Join(points, " ")
}

// Newest are the cycles as the table shows them.
func (c chart) Newest() []bar {
	bars := slices.Clone(c.Bars)
	slices.Reverse(bars)
	return bars
}
