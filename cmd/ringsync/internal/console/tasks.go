package console

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"ringsync/engine"
	"ringsync/engine/plan"
)

// output is what a command line prints.
type output struct {
	stdout, stderr bytes.Buffer
	progress       func(engine.Progress) // may be nil
}

// maxOutput is how much of it is taken: the changes of some 100,000 people.
const maxOutput = 512 << 20

func (o *output) take(f Frame) error {
	if o.stdout.Len()+len(f.Stdout) > maxOutput || o.stderr.Len()+len(f.Stderr) > maxOutput {
		return errors.New("the answer is too large for the console: use the command line")
	}
	o.stdout.Write(f.Stdout)
	o.stderr.Write(f.Stderr)
	if f.Progress != nil && o.progress != nil {
		o.progress(*f.Progress)
	}
	return nil
}

// failure is why the command failed, in its own words.
func (o *output) failure() error {
	var told struct {
		Error struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	if json.Unmarshal(o.stdout.Bytes(), &told) == nil && told.Error.Message != "" {
		return errors.New(told.Error.Message)
	}
	text := strings.TrimPrefix(strings.TrimSpace(o.stderr.String()), "ringsync: ")
	return errors.New(cmp.Or(text, "it failed, and did not say why"))
}

// What a task can be. The words are in URLs.
const (
	taskPreview   = "preview"
	taskDeep      = "preview-deep"
	taskExplain   = "explain"
	taskProvision = "provision"
	taskCheck     = "check"
)

// task is a command line that a page has begun and that may take minutes: it asks the services.
type task struct {
	ID, Job, Kind, Who, By string
	Begun                  time.Time
	cancel                 func()

	mu       sync.Mutex
	progress engine.Progress
	ended    time.Time
	result   taskResult
}

// taskResult is what came of it.
type taskResult struct {
	Failure     string
	Report      *plan.Report
	Explanation *plan.Explanation
	Provisioned *plan.Provisioned
	Findings    *Findings
}

// Findings is what the check of the connections found.
type Findings struct {
	Job      string    `json:"job"`
	OK       bool      `json:"ok"`
	Findings []Finding `json:"findings"`
}

// Finding is one line of the check.
type Finding struct {
	Side   string `json:"side"` // source, target
	What   string `json:"what"`
	Status string `json:"status"` // ok, proved, missing, unproven, optional, failed, warning
	Detail string `json:"detail"`
}

// command is the command line of a task.
func (t *task) command() []string {
	switch t.Kind {
	case taskPreview:
		return []string{"diff", "--json"}
	case taskDeep:
		return []string{"diff", "--json", "--deep"}
	case taskExplain:
		return []string{"diff", "--json", "--user=" + t.Who}
	case taskProvision:
		return []string{"provision", "--json", "--", t.Who}
	}
	return []string{"check", "--json"}
}

// read takes what the command printed, if it was what it prints when it did its work.
func (t *task) read(o *output, exit int, err error) (r taskResult) {
	switch t.Kind {
	case taskPreview, taskDeep:
		r.Report = new(plan.Report)
		err = cmp.Or(err, o.decode(exit == 1 || exit == 64, r.Report))
	case taskExplain:
		r.Explanation = new(plan.Explanation)
		err = cmp.Or(err, o.decode(exit == 64, r.Explanation))
	case taskProvision:
		r.Provisioned = new(plan.Provisioned)
		err = cmp.Or(err, o.decode(exit == 64, r.Provisioned))
	default:
		r.Findings = new(Findings)
		err = cmp.Or(err, o.decode(exit == 64, r.Findings))
	}
	if err != nil {
		return taskResult{Failure: err.Error()}
	}
	return r
}

// decode reads standard output as JSON, unless the command has failed.
func (o *output) decode(failed bool, into any) error {
	var told struct {
		Error json.RawMessage `json:"error"`
	}
	err := json.Unmarshal(o.stdout.Bytes(), &told)
	if failed || err != nil || told.Error != nil {
		return o.failure()
	}
	return json.Unmarshal(o.stdout.Bytes(), into)
}

// taskView is a task at one moment, for a page.
type taskView struct {
	*task
	taskResult
	Running  bool
	Progress engine.Progress
	Took     time.Duration
	Elapsed  time.Duration // to the second
}

func (t *task) view(now time.Time) taskView {
	t.mu.Lock()
	defer t.mu.Unlock()
	v := taskView{task: t, taskResult: t.result, Running: t.ended.IsZero(), Progress: t.progress}
	if v.Running {
		v.Elapsed = now.Sub(t.Begun).Truncate(time.Second)
	} else {
		v.Took = t.ended.Sub(t.Begun).Round(time.Millisecond)
	}
	return v
}

// Title says what the task is.
func (t *task) Title() string {
	switch t.Kind {
	case taskPreview:
		return "Dry run"
	case taskDeep:
		return "Deep dry run"
	case taskExplain:
		return "Every step for " + t.Who
	case taskProvision:
		return "Provisioning " + t.Who
	}
	return "Connection test"
}

const (
	maxTasks = 16
	// tasksKept is how long the outcome of a task is kept after its end: it is personal data in memory.
	tasksKept = time.Hour
)

// tasks are kept in memory.
type tasks struct {
	now func() time.Time
	mu  sync.Mutex
	all []*task // newest last
}

func newTasks(now func() time.Time) *tasks { return &tasks{now: now} }

// forget drops what has been kept long enough, and of the rest the oldest that are done, down to as many as may be kept.
func (s *tasks) forget() {
	done := func(t *task) (bool, time.Time) {
		t.mu.Lock()
		defer t.mu.Unlock()
		return !t.ended.IsZero(), t.ended
	}
	s.all = slices.DeleteFunc(s.all, func(t *task) bool {
		over, at := done(t)
		return over && s.now().Sub(at) > tasksKept
	})
	for i := 0; i < len(s.all) && len(s.all) >= maxTasks; {
		if over, _ := done(s.all[i]); over {
			s.all = slices.Delete(s.all, i, i+1)
		} else {
			i++
		}
	}
}

var errManyTasks = &problem{http.StatusTooManyRequests, errors.New("too much is being asked for at once: wait for one of the tasks to end")}

// add begins to keep a task. Of dry runs of a job one is at work at a time, and one is kept: that task is returned in place
// of a new one as long as it runs.
func (s *tasks) add(t *task) (_ *task, isNew bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget()
	if t.isPreview() {
		for i, other := range s.all {
			if other.Job == t.Job && other.isPreview() {
				if other.view(s.now()).Running {
					return other, false, nil
				}
				s.all = slices.Delete(s.all, i, i+1)
				break
			}
		}
	}
	if len(s.all) >= maxTasks {
		return nil, false, errManyTasks
	}
	s.all = append(s.all, t)
	return t, true, nil
}

func (t *task) isPreview() bool { return t.Kind == taskPreview || t.Kind == taskDeep }

// find returns a job's newest task that is as asked for, nil if there is none.
func (s *tasks) find(job string, is func(*task) bool) *task {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget()
	for _, t := range slices.Backward(s.all) {
		if t.Job == job && is(t) {
			return t
		}
	}
	return nil
}

// start begins a task. It goes on when the visit is over.
func (c *Console) start(v *visit, kind, who string) (*task, error) {
	ctx, cancel := context.WithCancel(c.Context)
	asked := &task{ID: rand.Text(), Job: v.job.Name(), Kind: kind, Who: who, By: v.user, Begun: c.Now(), cancel: cancel}
	t, isNew, err := c.tasks.add(asked)
	if !isNew {
		cancel()
		return t, err
	}
	job := v.job
	go func() {
		defer cancel()
		o := &output{progress: func(p engine.Progress) {
			t.mu.Lock()
			t.progress = p
			t.mu.Unlock()
		}}
		exit, err := job.Run(ctx, t.By, t.command(), o.take)
		result := t.read(o, exit, err)
		t.mu.Lock()
		t.result, t.ended = result, c.Now()
		t.mu.Unlock()
	}()
	return t, nil
}

func (c *Console) startTask(v *visit) error {
	kind, who := v.r.PostFormValue("kind"), strings.TrimSpace(v.r.PostFormValue("who"))
	switch kind {
	case taskPreview, taskDeep, taskCheck:
		who = ""
	case taskExplain, taskProvision:
		if who == "" {
			return badRequest("nobody is named")
		}
	default:
		return badRequest("there is no task %q", kind)
	}
	t, err := c.start(v, kind, who)
	if err != nil {
		return err
	}
	if t.isPreview() {
		return v.seeOther("preview")
	}
	return v.seeOther("tasks", t.ID)
}

// byID returns the task that the path names.
func (v *visit) byID() (*task, error) {
	id := v.r.PathValue("task")
	if t := v.c.tasks.find(v.job.Name(), func(t *task) bool { return t.ID == id }); t != nil {
		return t, nil
	}
	return nil, &problem{http.StatusNotFound, fmt.Errorf("this task is not remembered any more: outcomes are kept for an hour, and until the daemon stops")}
}

func (c *Console) task(v *visit) error {
	t, err := v.byID()
	if err != nil {
		return err
	}
	data := t.view(c.Now())
	return v.page("task", page{Title: t.Title(), Tab: tabs[t.Kind], Reload: data.reload(), Content: data})
}

// tabs are where tasks belong.
var tabs = map[string]string{taskExplain: "people", taskProvision: "people", taskCheck: "settings", taskPreview: "preview", taskDeep: "preview"}

func (t taskView) reload() int {
	if t.Running {
		return 2
	}
	return 0
}

// taskLive sends how far a task has come, and at its end what came of it.
func (c *Console) taskLive(v *visit) error {
	t, err := v.byID()
	if err != nil {
		return err
	}
	return v.stream(func() ([]part, bool, error) {
		now := t.view(c.Now())
		name, data := "task", any(now)
		if t.isPreview() {
			name, data = "preview", v.previewOf(t)
		}
		html, err := execute(name, "outcome", data)
		return []part{{"part", html}}, now.Running, err
	})
}
