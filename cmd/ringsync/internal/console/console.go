package console

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"ringsync/configs"
	"ringsync/connectors"
	"ringsync/engine"
	"ringsync/engine/plan"
)

// Options says what a console serves, and to whom.
type Options struct {
	// Context ends with the daemon: what a page has begun ends then, and live pages are let go.
	Context context.Context
	// Jobs returns the jobs that are served at the moment, by name.
	Jobs func() []Job
	// Down returns the jobs that are to be served and cannot be.
	Down func() []Down
	// Refused, if not empty, is why the console is not served at this address; nothing else is shown then.
	Refused string
	// Tokens are what people sign in with. None: whoever reaches the console may use it.
	Tokens Tokens
	// Hosts are the names under which the console is reached, beside IP addresses and localhost.
	Hosts []string
	// Version of the program.
	Version string
	Logger  *slog.Logger
	Now     func() time.Time // nil: time.Now
}

// Job is what the console needs of a served job.
type Job struct {
	Engine  *engine.Job
	Config  *configs.Config
	Systems plan.Systems
	// Source reads a person from the directory, for trying expressions.
	Source Source
	// Credentials returns when the job's credentials end, of those that say so.
	Credentials func() []Credential
	// Limits returns RingCentral's limits as the last answers gave them.
	Limits func() []Limit
	// Outdated returns why the job does not go by its configuration file as it is now, "" if it does.
	Outdated func() string
	// Run runs a command line of the program on the job, in the name of user, and returns its exit code. An error means that
	// it was not run.
	Run func(ctx context.Context, user string, args []string, send func(Frame) error) (exit int, err error)
}

// Down is a job that cannot be served for now.
type Down struct{ Name, Why string }

// Name is the job's name.
func (j Job) Name() string { return j.Config.Job }

// Source is the part of engine.Source that the console asks.
type Source interface {
	Person(ctx context.Context, who string) (connectors.Row, error)
}

// Credential is when a credential stops working for good.
type Credential struct {
	Name string // as its key in the configuration
	Ends time.Time
}

// Limit is a limit of the target as it stands.
type Limit struct {
	Group               string
	Requests, Remaining int
	Window              time.Duration
}

// Console serves pages and API. It is an http.Handler.
type Console struct {
	Options
	sessions *sessions
	attempts *attempts
	tasks    *tasks
	handler  http.Handler
}

// New returns a console.
func New(o Options) *Console {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	c := &Console{Options: o, sessions: newSessions(o.Now), attempts: newAttempts(o.Now), tasks: newTasks(o.Now)}
	c.handler = c.guard(c.routes())
	return c
}

func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.handler.ServeHTTP(w, r) }

func (c *Console) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /assets/{name}", serveAsset)
	mux.HandleFunc("GET /login", c.loginForm)
	mux.HandleFunc("POST /login", c.login)
	mux.HandleFunc("POST /logout", c.logout)

	page := func(pattern string, handle func(*visit) error) { mux.Handle(pattern, c.signedIn(c.visit(handle))) }
	page("GET /{$}", c.jobs)
	page("GET /jobs/{job}", c.overview)
	page("GET /jobs/{job}/live", c.live)
	page("POST /jobs/{job}/pause", c.pause)
	page("POST /jobs/{job}/resume", c.resume)
	page("GET /jobs/{job}/held", c.held)
	page("POST /jobs/{job}/held/{list}", c.confirm)
	page("POST /jobs/{job}/held/{list}/approve", c.approve)
	page("POST /jobs/{job}/held/{list}/refuse", c.refuse)
	page("GET /jobs/{job}/waiting", c.waiting)
	page("GET /jobs/{job}/people", c.people)
	page("GET /jobs/{job}/people/{person}", c.person)
	page("GET /jobs/{job}/log", c.log)
	page("GET /jobs/{job}/log.csv", c.logCSV)
	page("GET /jobs/{job}/log/{entry}", c.logEntry)
	page("GET /jobs/{job}/mapping", c.mapping)
	page("POST /jobs/{job}/mapping", c.try)
	page("GET /jobs/{job}/preview", c.preview)
	page("GET /jobs/{job}/preview.json", c.previewJSON)
	page("GET /jobs/{job}/settings", c.settings)
	page("POST /jobs/{job}/tasks", c.startTask)
	page("GET /jobs/{job}/tasks/{task}", c.task)
	page("GET /jobs/{job}/tasks/{task}/live", c.taskLive)
	mux.Handle("/", c.signedIn(c.visit(func(*visit) error { return errNotFound })))

	mux.Handle("GET /v1/openapi.yaml", c.signedIn(http.HandlerFunc(serveOpenAPI)))
	mux.Handle("GET /v1/jobs", c.signedIn(http.HandlerFunc(c.apiJobs)))
	mux.Handle("POST /v1/jobs/{job}/command", c.signedIn(http.HandlerFunc(c.apiCommand)))
	return mux
}

// find returns the served job of that name.
func (c *Console) find(name string) (Job, bool) {
	for _, j := range c.Jobs() {
		if j.Name() == name {
			return j, true
		}
	}
	return Job{}, false
}
