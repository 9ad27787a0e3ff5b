package engine_test

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"ringsync/configs"
	"ringsync/connectors/entra/entratest"
	"ringsync/engine"
	"ringsync/engine/plan"
	"ringsync/mapping"
	"ringsync/state"
	"ringsync/state/bolt"
)

// scene is a world with names for everybody in it, as the scripts of TestLifecycle see it.
type scene struct {
	*world
	ts     *testscript.TestScript // that gives the command
	names  []string               // of people and groups, in the order of their appearance
	ids    map[string]string      // by name
	daemon *served                // nil unless it runs
	logged uint64                 // the last entry of the log that the script has seen

	mu       sync.Mutex
	labels   map[string]string // names of accounts, by id
	requests []string
}

// sceneKey is where a script keeps its *scene.
type sceneKey struct{}

func newScene(t *testing.T, kind engine.Kind) *scene {
	s := &scene{ids: map[string]string{}, labels: map[string]string{}}
	s.world = newWorld(t, func(s *setup) { s.people, s.concurrency = 0, 1 })
	s.kind = kind
	s.record = func(next http.RoundTripper) http.RoundTripper { return recording{s, next} }
	s.must(s.configure(""))
	return s
}

// deeds returns the commands of the scripts; TestLifecycle tells what they do.
func deeds() map[string]func(s *scene, args []string) error {
	return map[string]func(s *scene, args []string) error{
		"person":          (*scene).hirePeople,
		"change":          (*scene).change,
		"disable-account": func(s *scene, args []string) error { return s.each(args, s.enabled(false)) },
		"enable-account":  func(s *scene, args []string) error { return s.each(args, s.enabled(true)) },
		"soft-delete":     func(s *scene, args []string) error { return s.each(args, s.dir.SoftDelete) },
		"restore":         func(s *scene, args []string) error { return s.each(args, s.dir.Restore) },
		"hard-delete":     func(s *scene, args []string) error { return s.each(args, s.dir.HardDelete) },
		"group":           (*scene).makeGroup,
		"delete-group":    func(s *scene, args []string) error { return s.each(args, s.dir.DeleteGroup) },
		"member":          func(s *scene, args []string) error { return s.members(args, s.dir.AddMember) },
		"unmember":        func(s *scene, args []string) error { return s.members(args, s.dir.RemoveMember) },
		"assign": func(s *scene, args []string) error {
			return s.each(args, func(id string) bool { return s.dir.Assign(id, "") != "" })
		},
		"unassign": func(s *scene, args []string) error {
			return s.each(args, func(id string) bool { return s.dir.Unassign(id) })
		},
		"account":      (*scene).addAccount,
		"hand-edit":    (*scene).handEdit,
		"hand-delete":  (*scene).handDelete,
		"licences":     (*scene).setLicences,
		"target-fails": (*scene).failTarget,
		"target-works": func(s *scene, _ []string) error { s.account.Fault(nil); return nil },
		"source-fails": (*scene).failSource,
		"source-works": func(s *scene, _ []string) error { s.dir.Fault(nil); return nil },
		"config":       (*scene).loadConfig,
		"cycle":        (*scene).cycle,
		"provision":    (*scene).provision,
		"diff":         (*scene).rehearse,
		"approve":      (*scene).approve,
		"restart":      (*scene).restart,
		"lose-state":   (*scene).loseState,
		"run":          (*scene).run,
		"quit":         func(s *scene, _ []string) error { s.quit(); return nil },
		"pause": func(s *scene, _ []string) error {
			return s.operate(func(j *engine.Job, _ engine.Target) error { return j.Pause(s.t.Context()) })
		},
		"resume": func(s *scene, _ []string) error {
			return s.operate(func(j *engine.Job, _ engine.Target) error { return j.Resume(s.t.Context()) })
		},
		"status":  (*scene).tellStatus,
		"advance": (*scene).advance,
	}
}

var errUsage = errors.New("see TestLifecycle for how the command is used")

// assignments splits NAME… ATTRIBUTE=VALUE….
func assignments(args []string) (names []string, values map[string]string, err error) {
	values = map[string]string{}
	for _, a := range args {
		if name, value, is := strings.Cut(a, "="); is {
			values[name] = value
		} else {
			names = append(names, a)
		}
	}
	if len(names) == 0 {
		return nil, nil, errUsage
	}
	return names, values, nil
}

// properties are values as Graph has them: "" is null.
func properties(values map[string]string) map[string]any {
	out := map[string]any{}
	for name, value := range values {
		out[name] = value
		if value == "" {
			out[name] = nil
		}
	}
	return out
}

func (s *scene) id(name string) (string, error) {
	if id, ok := s.ids[name]; ok {
		return id, nil
	}
	return "", fmt.Errorf("the script has not introduced %s", name)
}

// introduce gives a name to somebody new. Ids are in the order of appearance, since people go out in the order of ids
// where nothing else decides.
func (s *scene) introduce(name string) (id string) {
	id = fmt.Sprintf("00000000-0000-4000-8000-%012d", len(s.names)+1)
	s.names, s.ids[name] = append(s.names, name), id
	return id
}

func (s *scene) hirePeople(args []string) error {
	names, values, err := assignments(args)
	if err != nil {
		return err
	}
	for _, name := range names {
		mail := name + "@example.com"
		given := strings.ToUpper(name[:1]) + name[1:]
		u := entratest.User{"userPrincipalName": mail, "mail": mail, "displayName": given + " Example", "givenName": given, "surname": "Example"}
		for k, v := range properties(values) {
			u[k] = v
		}
		u["id"] = s.introduce(name)
		if s.dir.AddUser(u) == "" {
			return fmt.Errorf("there is a %s already", u["userPrincipalName"])
		}
	}
	return nil
}

func (s *scene) change(args []string) error {
	names, values, err := assignments(args)
	if err != nil {
		return err
	}
	return s.each(names, func(id string) bool { return s.dir.UpdateUser(id, properties(values)) })
}

func (s *scene) enabled(on bool) func(id string) bool {
	return func(id string) bool { return s.dir.UpdateUser(id, map[string]any{"accountEnabled": on}) }
}

// each does something to everybody named.
func (s *scene) each(names []string, do func(id string) bool) error {
	for _, name := range names {
		id, err := s.id(name)
		if err != nil {
			return err
		}
		if !do(id) {
			return fmt.Errorf("the directory refuses that of %s", name)
		}
	}
	return nil
}

func (s *scene) makeGroup(args []string) error {
	if len(args) == 0 {
		return errUsage
	}
	s.dir.AddGroup(args[0], entratest.GroupOptions{ID: s.introduce(args[0])})
	return s.members(args, s.dir.AddMember)
}

func (s *scene) members(args []string, do func(group, child string) bool) error {
	if len(args) == 0 {
		return errUsage
	}
	group, err := s.id(args[0])
	if err != nil {
		return err
	}
	return s.each(args[1:], func(id string) bool { return do(group, id) })
}

// configuration is what every script's configuration begins with.
const configuration = `
job: contoso
source: {tenant: example.com, app: 00000000-0000-4000-8000-000000000000, credential: {kind: static, token: ` + graphToken + `}, endpoint: "http://127.0.0.1:1/v1.0"}
target: {url: "http://127.0.0.1:1/scim/v2", token: ` + scimToken + `}
`

func (s *scene) loadConfig(args []string) error {
	if len(args) != 1 {
		return errUsage
	}
	return s.configure(s.ts.ReadFile(args[0]))
}

// configure takes a configuration over; it counts from the next cycle on.
func (s *scene) configure(sections string) error {
	c, err := configs.Parse("job.yaml", []byte(configuration+sections), func(string) (string, bool) { return "", false })
	if err != nil {
		return err
	}
	to := &s.setup
	to.noCreate, to.delete = !slices.Contains(c.Users.Actions, "create"), slices.Contains(c.Users.Actions, "delete")
	to.deprovision = map[state.Scope]plan.Deprovision{
		state.Unassigned:  plan.Deprovision(c.Deprovision.Unassigned),
		state.OutOfScope:  plan.Deprovision(c.Deprovision.OutOfScope),
		state.Disabled:    plan.Deprovision(c.Deprovision.Disabled),
		state.SoftDeleted: plan.Deprovision(c.Deprovision.SoftDeleted),
		state.HardDeleted: plan.Deprovision(c.Deprovision.HardDeleted),
	}
	to.guard = engine.Guard(c.Safety.Removals)
	to.thresholds = engine.Thresholds(c.Quarantine)
	to.adopt, to.protect = c.Safety.Adopt, c.Safety.Protect
	to.filters = c.FilterGroups()
	to.rules = func([]mapping.Rule) []mapping.Rule { return c.Rules() }
	s.connected = s.connect()
	return nil
}

// operate does something to the job, the daemon's if it runs, and leaves its traces in files.
func (s *scene) operate(do func(*engine.Job, engine.Target) error) error {
	if s.daemon != nil {
		err := do(s.daemon.job, s.daemon.target)
		synctest.Wait()
		return errors.Join(err, s.trace(s.daemon.db, s.daemon.job))
	}
	db, err := bolt.Open(s.path, bolt.Options{Create: true})
	if err != nil {
		return err
	}
	defer func() { s.must(db.Close()) }()
	job, target := s.job(db)
	return errors.Join(do(job, target), s.trace(db, job))
}

func (s *scene) cycle(args []string) error {
	kind := s.kind
	if len(args) > 0 {
		kind = engine.Kind(args[0])
	}
	pass(time.Minute) // a list tells nothing of an account that was written in the same moment
	return s.operate(func(job *engine.Job, target engine.Target) (err error) {
		var r *plan.Report
		if s.daemon != nil {
			r, err = job.Request(s.t.Context(), kind, math.MaxInt)
		} else {
			r, err = job.Cycle(s.t.Context(), target, kind, math.MaxInt)
		}
		if r != nil {
			s.report(r)
		}
		return err
	})
}

func (s *scene) provision(args []string) error {
	pass(time.Minute)
	var who []string
	for _, name := range args {
		who = append(who, cmp.Or(s.ids[name], name))
	}
	return s.operate(func(job *engine.Job, target engine.Target) error {
		r, err := job.Provision(s.t.Context(), target, who)
		if r == nil {
			return err
		}
		for _, p := range r.People {
			for _, step := range p.Steps {
				fmt.Fprintf(s.ts.Stdout(), "%s %s %s: %s\n", s.named(p.Asked), step.Type, step.Status, s.named(step.Description))
			}
		}
		s.report(&r.Report)
		return err
	})
}

// report prints what a cycle says of itself as a whole.
func (s *scene) report(r *plan.Report) {
	out := s.ts.Stdout()
	fmt.Fprintf(out, "%s cycle: %+v\n", r.Kind, r.Summary)
	for _, w := range r.Warnings {
		fmt.Fprintln(out, "warning:", s.named(w))
	}
	for _, skip := range r.Skipped {
		fmt.Fprintf(out, "%s is skipped: %s\n", s.named(skip.Source.ID), s.named(skip.Reason))
	}
}

func (s *scene) rehearse([]string) error {
	pass(time.Minute) // as before a cycle
	s.account.ResetRequests()
	var lines []string
	for _, c := range s.diff().Changes {
		status := ""
		if c.Status != plan.StatusPlanned {
			status = " " + c.Status
		}
		lines = append(lines, s.line(string(c.Action), c.Source, status, cmp.Or(c.Error, c.Reason)))
	}
	if writes := s.writes(); len(writes) > 0 {
		return fmt.Errorf("the dry run wrote: %v", writes)
	}
	s.mu.Lock()
	s.requests = nil // a script is told of those of cycles
	s.mu.Unlock()
	return s.write("diff", lines)
}

func (s *scene) approve(args []string) error {
	if len(args) == 0 {
		return errUsage
	}
	list, err := strconv.ParseUint(args[0], 10, 32)
	if err != nil {
		return err
	}
	var people []string
	for _, name := range args[1:] {
		people = append(people, cmp.Or(s.ids[name], name))
	}
	return s.operate(func(job *engine.Job, _ engine.Target) error {
		n, err := job.Approve(s.t.Context(), uint32(list), people)
		fmt.Fprintf(s.ts.Stdout(), "%d approved\n", n)
		return err
	})
}

func (s *scene) restart(args []string) error {
	r := engine.Reset{
		Watermark: slices.Contains(args, "watermark"), Escrows: slices.Contains(args, "escrows"),
		Quarantine: slices.Contains(args, "quarantine"), Links: slices.Contains(args, "links"),
	}
	if r == (engine.Reset{}) {
		return errUsage
	}
	return s.operate(func(job *engine.Job, _ engine.Target) error { return job.Restart(s.t.Context(), r) })
}

func (s *scene) loseState([]string) error {
	s.logged = 0
	return os.Remove(s.path)
}

func (s *scene) run([]string) error {
	s.daemon = s.serve(daily)
	pass(15 * time.Second) // whoever went directly and could not go out is in the outbox by then
	return s.trace(s.daemon.db, s.daemon.job)
}

// quit stops the daemon if it runs.
func (s *scene) quit() {
	if s.daemon != nil {
		s.daemon.stop()
		s.daemon = nil
	}
}

func (s *scene) advance(args []string) error {
	if len(args) != 1 {
		return errUsage
	}
	d, err := time.ParseDuration(args[0])
	if err != nil {
		return err
	}
	pass(d)
	return s.operate(func(*engine.Job, engine.Target) error { return nil })
}

func (s *scene) tellStatus([]string) error {
	if s.daemon == nil {
		return errors.New("the daemon does not run")
	}
	st := s.daemon.status()
	fmt.Fprintln(s.ts.Stdout(), st.State)
	if q := st.Quarantine; q != nil {
		fmt.Fprintf(s.ts.Stdout(), "in quarantine (%s): %s\n", q.Reason, s.named(q.Error))
	}
	return nil
}
