package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"ringsync/configs"
	"ringsync/connectors"
	"ringsync/connectors/entra"
	"ringsync/connectors/ringcentral"
	"ringsync/engine"
	"ringsync/engine/plan"
	"ringsync/state"
)

// job is one configured job with its connectors, and its state if that was opened.
type job struct {
	*recipe
	config  *configs.Config
	source  *entra.Client
	target  *ringcentral.Client
	engine  *engine.Job
	db      state.DB     // nil if no state was opened
	store   *state.Store // of db
	records records      // nil if there are none, or the store is of one moment of them
	letGo   func() error // closes the state
	close   func() error // and all the rest
}

// newJob compiles the configuration. Nothing is sent and no file is opened.
func (a *app) newJob(c *configs.Config) (*job, error) {
	j := &job{config: c, letGo: func() error { return nil }}
	j.close = j.letGo
	var err error
	j.recipe, err = a.shared.recipe(c)
	return j, err
}

// connect builds the connectors. defaultAccess is what the rule for the Default Access role came to before, if it did.
func (j *job) connect(a *app, defaultAccess string) (err error) {
	c := j.config
	if j.source, err = openSource(a, c, j.slots, defaultAccess); err != nil {
		return err
	}
	credential, err := credential(c, a)
	if err == nil {
		j.target, err = ringcentral.New(ringcentral.Options{
			URL: c.Target.URL, Token: credential,
			RateShare: c.Target.RateShare, Concurrency: c.Target.Concurrency, RefuseBadAddress: c.Target.Address == "fail",
			Slots: j.mapping.Target(), Shape: j.shape, Logger: a.log, Transport: a.shared.roundTripper(), Wrap: j.fenced(a.monitor.counting(c.Job, ringCentral)),
		})
	}
	if err != nil {
		return &exitError{exitUsage, fmt.Errorf("target: %w", err)}
	}
	return nil
}

// credential is how the job signs in to RingCentral. A daemon's jobs that sign in alike share one.
func credential(c *configs.Config, a *app) (*ringcentral.Credential, error) {
	if a.credentials != nil {
		return a.credentials.of(c, a)
	}
	return newCredential(c, a)
}

func newCredential(c *configs.Config, a *app) (*ringcentral.Credential, error) {
	t := c.Target
	if t.OAuth == nil {
		return ringcentral.StaticToken(t.Token.Reveal()), nil
	}
	return ringcentral.JWTGrant(ringcentral.JWT{URL: t.OAuth.URL, ClientID: t.OAuth.ClientID,
		ClientSecret: t.OAuth.ClientSecret.Reveal(), Assertion: t.OAuth.JWT.Reveal(),
		Logger: a.log, Transport: a.shared.roundTripper(), Wrap: a.monitor.counting(c.Job, ringCentral)})
}

// openSource returns a client of the configured tenant that reads the attributes of slots. defaultAccess is as for connect.
func openSource(a *app, c *configs.Config, slots *connectors.Slots, defaultAccess string) (*entra.Client, error) {
	if c.Source.DefaultAccess != entra.AccessAuto || defaultAccess == "" {
		defaultAccess = c.Source.DefaultAccess
	}
	source, err := entra.New(entra.Options{
		Tenant: c.Source.Tenant, App: c.Source.App, Cloud: c.Source.Cloud, Endpoint: c.Source.Endpoint,
		Credential: entra.Credential{
			Kind: c.Source.Credential.Kind, ClientID: c.Source.Credential.ClientID,
			ClientSecret:    c.Source.Credential.ClientSecret.Reveal(),
			CertificatePath: c.Source.Credential.Certificate, CertificatePassword: c.Source.Credential.CertificatePassword.Reveal(),
			Token: c.Source.Credential.Token.Reveal(),
		},
		ScopeAll: c.Source.Scope == "all", NestedGroups: c.Source.NestedGroups, DefaultAccess: defaultAccess,
		Slots: slots, Logger: a.log, Transport: a.shared.roundTripper(), Wrap: a.monitor.counting(c.Job, microsoftGraph),
	})
	if err != nil {
		return nil, &exitError{exitUsage, fmt.Errorf("source: %w", err)}
	}
	return source, nil
}

// open opens the state and builds the job over it. A dry run gets a state that keeps its changes to itself: a missing
// file stays missing, and an existing one is opened for reading only.
func (a *app) open(ctx context.Context, c *configs.Config, dry bool) (_ *job, err error) {
	j, err := a.openRecords(ctx, c, dry)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, j.close())
		}
	}()
	resolved, err := engine.DefaultAccess(ctx, j.store)
	if err != nil {
		return nil, err
	}
	if err := j.connect(a, resolved); err != nil {
		return nil, err
	}
	j.keep(j.close)
	j.engine = engine.New(j.store, j.source, j.options(a))
	if dry {
		return j, nil
	}
	return j, j.engine.Configured(ctx, settings(c))
}

// keep makes the open state, which letGo closes, the job's own.
func (j *job) keep(letGo func() error) {
	j.letGo = letGo
	j.close = func() error { j.target.Close(); return letGo() }
}

// successor prepares the job that takes over from one that is being served, with another configuration: all that can go
// wrong without touching that one is tried. It gets a state of its own, or inherits the other's.
func (a *app) successor(ctx context.Context, before *job, c *configs.Config) (*job, error) {
	if err := transferable(before.config, c); err != nil {
		return nil, err
	}
	if blocked := before.store.Blocked(); blocked != nil { // what it has in hand would be lost, and nothing won
		return nil, fmt.Errorf("it can be taken over once the state can be written; then reload (SIGHUP): %w", blocked.Err)
	}
	if statePlace(c) != statePlace(before.config) {
		return a.open(ctx, c, false)
	}
	j, err := a.newJob(c)
	if err != nil {
		return nil, err
	}
	if err := state.New(before.db).Belongs(ctx, j.identity()); err != nil {
		return nil, err
	}
	resolved, err := engine.DefaultAccess(ctx, before.store)
	if err != nil {
		return nil, err
	}
	return j, j.connect(a, resolved)
}

// inherits reports whether the job is one that successor has left without a state.
func (j *job) inherits() bool { return j.db == nil }

// inherit takes the state over from a job that is served no more. An error leaves the state open.
func (j *job) inherit(ctx context.Context, a *app, before *job) (err error) {
	before.target.Close()
	j.db, j.records = before.db, before.records
	j.keep(before.letGo)
	if j.store, err = j.bind(ctx, j.db); err == nil {
		j.engine = engine.New(j.store, j.source, j.options(a))
	}
	return err
}

// openRecords opens the state as open does, and nothing else.
func (a *app) openRecords(ctx context.Context, c *configs.Config, dry bool) (_ *job, err error) {
	j, err := a.newJob(c)
	if err != nil {
		return nil, err
	}
	r, err := a.openState(ctx, c, dry)
	switch {
	case err == nil && dry:
		j.db, j.records, j.close = state.NewOverlay(r), r, r.Close
	case err == nil:
		j.db, j.records, j.close = r, r, r.Close
	case dry && errors.Is(err, fs.ErrNotExist):
		j.db = state.NewOverlay(nil)
	default:
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, j.close())
		}
	}()
	if j.store, err = j.bind(ctx, j.db); err != nil {
		return nil, err
	}
	if !dry {
		if err := j.store.Verify(ctx); err != nil {
			return nil, err
		}
	}
	return j, nil
}

// introduce finds out who signs in to RingCentral, if the credential tells, and has the engine leave that account alone.
// What goes wrong with it the cycle meets again, and reports.
func (j *job) introduce(ctx context.Context, a *app) {
	if j.config.Target.OAuth == nil {
		return
	}
	if id, err := j.target.Identify(ctx); err == nil && id.Owner != "" {
		j.engine = engine.New(j.store, j.source, j.options(a))
	}
}

// rehearsal returns a job over the state as it is at this moment, which keeps its changes to itself. It shares the
// connectors, so that it keeps to the same limits of the services.
func (j *job) rehearsal(ctx context.Context, a *app) (*job, error) {
	now, err := j.records.moment()
	if err != nil {
		return nil, err
	}
	r := *j
	r.db, r.records, r.close = state.NewOverlay(now), nil, now.Close
	if r.store, err = r.bind(ctx, r.db); err != nil {
		return nil, errors.Join(err, r.close())
	}
	r.engine = engine.New(r.store, r.source, r.options(a))
	return &r, nil
}

// bind returns the job's records in db.
func (j *job) bind(ctx context.Context, db state.DB) (*state.Store, error) {
	store := state.New(db)
	if err := store.Bind(ctx, j.identity(), j.mapping.Target().Names(), engine.MatchingNames(j.mapping)); err != nil {
		return nil, err
	}
	return store, nil
}

// identity is what the job's state belongs to.
func (j *job) identity() state.Identity {
	return state.Identity{Tenant: j.config.Source.Tenant, App: j.config.Source.App, Target: strings.TrimRight(j.config.Target.URL, "/")}
}

// options turns the configuration into the engine's terms.
func (j *job) options(a *app) engine.Options {
	c := j.config
	allowed := func(action string) bool { return slices.Contains(c.Users.Actions, action) }
	protect := map[string]bool{}
	for _, name := range c.Safety.Protect {
		protect[strings.ToLower(strings.TrimSpace(name))] = true
	}
	if owner := j.target.Identity().Owner; owner != "" {
		protect[strings.ToLower(owner)] = true
	}
	return engine.Options{
		Name: c.Job, Slots: j.slots, Mapping: j.mapping, ScopeAll: c.Source.Scope == "all",
		NestedGroups:      c.Source.NestedGroups,
		AutoDefaultAccess: c.Source.DefaultAccess == entra.AccessAuto,
		Policy: plan.Policy{
			Create: allowed("create"), Update: allowed("update"), Disable: allowed("disable"), Delete: allowed("delete"),
			Deprovision: map[state.Scope]plan.Deprovision{
				state.Unassigned:  plan.Deprovision(c.Deprovision.Unassigned),
				state.OutOfScope:  plan.Deprovision(c.Deprovision.OutOfScope),
				state.Disabled:    plan.Deprovision(c.Deprovision.Disabled),
				state.SoftDeleted: plan.Deprovision(c.Deprovision.SoftDeleted),
				state.HardDeleted: plan.Deprovision(c.Deprovision.HardDeleted),
			},
			Adopt: c.Safety.Adopt, Protect: protect,
		},
		Guard:       engine.Guard{Count: c.Safety.Removals.Count, Percent: c.Safety.Removals.Percent, From: c.Safety.Removals.From},
		Thresholds:  engine.Thresholds{MinAttempts: c.Quarantine.MinAttempts, FailurePercent: c.Quarantine.FailurePercent},
		Concurrency: c.Target.Concurrency, AuditShare: c.Target.AuditShare, Logbook: logbook(c), Logger: a.log,
	}
}

// verdict turns the end of a cycle into an exit code: 1 and 64 win over everything, then the highest counts.
func verdict(c cycle, dry bool) error {
	switch {
	case c.failed != nil && connectors.FaultOf(c.failed) == connectors.FaultCredentials:
		return &exitError{exitHeld, c.failed}
	case errors.Is(c.failed, context.Canceled):
		return fmt.Errorf("interrupted; what was done is remembered, and the same command goes on from there: %w", context.Canceled)
	case c.failed != nil:
		return c.failed
	case c.quarantined || c.report.Summary.Held > 0:
		return &exitError{code: exitHeld}
	case c.paused || c.report.Summary.Escrowed > 0 || c.report.Summary.Waiting > 0:
		return &exitError{code: exitUnfinished}
	case dry && c.report.Summary.Changes() > 0:
		return &exitError{code: exitDifferences}
	}
	return nil
}
