package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ringsync/cmd/ringsync/internal/console"
	"ringsync/connectors"
	"ringsync/connectors/entra"
	"ringsync/connectors/ringcentral"
)

func newCheckCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Test the connection to both sides, and what the credentials may do",
		Long: `Tries the credentials of both sides, the permissions that reading takes, RingCentral's discovery documents and its
limits, tells whose token it is, how many licences are free and whose the accounts are, and says what is missing.
It goes by the configuration file as it is now, also while a daemon works with an older one. A SCIM token does not show
whether RingCentral lets us write, so that stays unproven until the first sync; a token from target.oauth does.

Nothing is written to either service. If all that is needed works, a job that is in quarantine because one of the
services had refused it is taken out of it.

Exit codes: 0 all that is needed works; 1 something does not; 4 wrong credentials; 64 wrong usage or configuration.`,
		Example: `  ringsync check
  ringsync -c /etc/ringsync/contoso.yaml check --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.check(cmd.Context()) },
	}
}

// findings is what a check prints.
type findings console.Findings

func (f *findings) add(side, what, status, format string, args ...any) {
	f.Findings = append(f.Findings, console.Finding{Side: side, What: what, Status: status, Detail: fmt.Sprintf(format, args...)})
}

func (a *app) check(ctx context.Context) error {
	j, stateErr, err := a.checked(ctx)
	if err != nil {
		return err
	}
	c := j.config
	out := &findings{Job: c.Job, OK: true}
	source, sourceErr := j.source.Check(ctx)
	out.source(source, sourceErr, time.Now())
	target, targetErr := j.target.Check(ctx)
	out.target(target, targetErr, time.Now())
	if targetErr == nil {
		kinds, err := j.accountKinds(ctx)
		if err != nil {
			out.add("target", "whose accounts", "warning", "%v", err)
		} else {
			out.kinds(kinds, stateErr, c.Safety.Adopt)
		}
	}
	if err := j.close(); err != nil {
		return err
	}
	for _, f := range out.Findings {
		out.OK = out.OK && f.Status != "missing" && f.Status != "failed"
	}
	if out.OK {
		a.liftQuarantine(ctx, out)
	}
	if a.json {
		a.printJSON(out)
	} else {
		a.printFindings(out)
	}
	for _, err := range []error{sourceErr, targetErr} {
		if connectors.FaultOf(err) == connectors.FaultCredentials {
			return &exitError{code: exitHeld}
		}
	}
	if !out.OK {
		return &exitError{code: exitFailed}
	}
	return nil
}

// liftQuarantine ends a quarantine that a service was the reason of, wherever the job is: what it refused it grants now.
// That people fail one by one says nothing of the services, so such a quarantine stays.
func (a *app) liftQuarantine(ctx context.Context, out *findings) {
	var s jobStatus
	if err := json.Unmarshal(a.aside(ctx, "status", "--json"), &s); err != nil || s.Quarantine == nil || !s.Quarantine.Refused() {
		return // nothing is known of a quarantine
	}
	if len(a.aside(ctx, "restart", "--reset", "quarantine")) == 0 {
		out.add(s.Quarantine.Reason, "quarantine", "warning", "it could not be lifted: ringsync restart --reset quarantine tells why")
		return
	}
	out.add(s.Quarantine.Reason, "quarantine", "ok", "lifted; it was there since %s: %s", stamp(s.Quarantine.Since), s.Quarantine.Error)
}

// aside runs another command on the job and returns what it prints, nothing if it fails.
func (a *app) aside(ctx context.Context, command ...string) []byte {
	var out bytes.Buffer
	if a.caller != nil {
		here := &caller{daemon: a.caller.daemon, send: func(f frame) error { out.Write(f.Stdout); return nil }}
		if here.run(ctx, command) != exitOK {
			return nil
		}
		return out.Bytes()
	}
	args := append([]string{"-c", a.configPath}, command...)
	if run(ctx, args, strings.NewReader(""), &out, io.Discard) != exitOK {
		return nil
	}
	return out.Bytes()
}

// checked returns the job to check: the one that is served, where the console asks, else the one of the configuration, with
// its state unless stateErr says why not.
func (a *app) checked(ctx context.Context) (j *job, stateErr, err error) {
	if a.caller != nil {
		j, err = a.job(ctx, looks)
		return j, nil, err
	}
	c, err := a.load()
	if err != nil {
		return nil, nil, err
	}
	if j, stateErr = a.open(ctx, c, true); stateErr == nil {
		return j, nil, nil
	}
	if j, err = a.newJob(c); err == nil { // the connections can be tested without the state
		err = j.connect(a, "")
	}
	return j, stateErr, err
}

// skewLimit is how far clocks may be apart before tokens and Retry-After dates suffer.
const skewLimit = time.Minute

func (f *findings) source(r entra.Report, err error, now time.Time) {
	if r.App.ID != "" {
		f.add("source", "application", "ok", "%s (%s)", r.App.DisplayName, r.App.ID)
		detail := fmt.Sprintf("assigned: %s, %s", count(r.Users, "user"), count(r.Groups, "group"))
		if r.LeftOut > 0 {
			detail += fmt.Sprintf("; %d with Default Access are left out, because the application declares roles", r.LeftOut)
		}
		f.add("source", "assignments", "ok", "%s", detail)
	}
	for _, p := range r.Permissions {
		f.add("source", p.Name, permissionStatus(p), "%s", p.Why)
	}
	f.ends("source", "source.credential.certificate", r.CredentialEnds, now)
	f.skew("source", r.ClockSkew)
	if err != nil {
		f.add("source", "connection", "failed", "%v", err)
	}
}

// permissionStatus: what is missing and not needed is no failure.
func permissionStatus(p entra.Permission) string {
	if p.Optional && p.State == entra.Missing {
		return "optional"
	}
	return string(p.State)
}

func (f *findings) target(r ringcentral.Report, err error, now time.Time) {
	f.ends("target", "target.oauth.jwt", r.Ends, now)
	if err != nil {
		f.add("target", "connection", "failed", "%v", err)
		return
	}
	f.add("target", "connection", "ok", "%s", r.URL)
	f.rest(r)
	for _, s := range r.Scopes {
		f.add("target", s.Name, string(s.State), "%s", s.Why)
	}
	f.add("target", "accounts", "ok", "%d", r.Accounts)
	f.add("target", "PATCH and filters", supported(r.Provider.Patch.Supported && r.Provider.Filter.Supported), "ServiceProviderConfig: patch %v, filter %v", r.Provider.Patch.Supported, r.Provider.Filter.Supported)
	for _, l := range r.Limits {
		f.add("target", "limit "+l.Group, "ok", "%d requests in %s, %d left", l.Requests, l.Window, l.Remaining)
	}
	for _, w := range r.Warnings {
		f.add("target", "discovery", "warning", "%s", w)
	}
	f.skew("target", r.ClockSkew)
}

// rest files what only RingCentral's REST API tells. That it is shut to a token is no failure.
func (f *findings) rest(r ringcentral.Report) {
	if r.Self != nil {
		f.add("target", "signed in as", "ok", "%s <%s>, account %s", r.Self.Name, r.Self.Mail, r.Self.ID)
		switch d := r.Self.Directory; {
		case d == nil:
			f.add("target", "directory provider", "unproven", "it cannot be read; it must be SCIM (Account Settings, Directory Integration)")
		case *d:
			f.add("target", "directory provider", "unproven", "the account may have one; that it is SCIM cannot be read (Account Settings, Directory Integration)")
		default:
			f.add("target", "directory provider", "warning", "RingCentral says that the account's plan has no directory integration, which SCIM takes")
		}
	}
	switch {
	case r.FreeLicences == nil:
		f.add("target", "free licences", "unproven", "the REST API, which tells, is shut to this token: %v", r.NoREST)
	case *r.FreeLicences == 0:
		f.add("target", "free licences", "warning", "none: whoever is to get an account waits until an extension is unassigned")
	default:
		f.add("target", "free licences", "ok", "%d unassigned extensions", *r.FreeLicences)
	}
}

// endsSoon is how long before its end a credential is warned about.
const endsSoon = 20 * 24 * time.Hour

// ends warns of a credential that stops working soon.
func (f *findings) ends(side, what string, end, now time.Time) {
	if end.IsZero() {
		return
	}
	status := "ok"
	soon, text := untilEnd(what, end, now)
	if soon {
		status = "warning"
	}
	f.add(side, "credential", status, "%s", text)
}

// untilEnd says how long a credential works, and whether that is no longer than it takes to renew it.
func untilEnd(what string, end, now time.Time) (soon bool, text string) {
	day := end.UTC().Format(time.DateOnly)
	switch left := end.Sub(now); {
	case left <= 0:
		return true, fmt.Sprintf("%s ended on %s: renew it", what, day)
	case left <= endsSoon:
		return true, fmt.Sprintf("%s ends on %s, in %s: renew it", what, day, count(int(left/(24*time.Hour)), "day"))
	}
	return false, fmt.Sprintf("%s works until %s", what, day)
}

func supported(ok bool) string {
	if ok {
		return "ok"
	}
	return "warning" // what the documents say decides nothing: RingCentral's are not known to be true
}

func (f *findings) skew(side string, skew time.Duration) {
	if skew.Abs() > skewLimit {
		f.add(side, "clock", "warning", "the service's clock is %s off ours: set this machine's time", skew)
	}
}

func (a *app) printFindings(f *findings) {
	names := map[string]string{"source": "Microsoft Entra ID", "target": "RingCentral"}
	side, width := "", 0
	for _, x := range f.Findings {
		width = max(width, len(x.What))
	}
	for _, x := range f.Findings {
		if x.Side != side {
			side = x.Side
			fmt.Fprintf(a.stdout, "%s\n", names[side])
		}
		fmt.Fprintf(a.stdout, "  %-8s  %-*s  %s\n", x.Status, width, x.What, x.Detail)
	}
	if f.OK {
		fmt.Fprintf(a.stdout, "\n%s: everything that is needed works\n", f.Job)
		return
	}
	var wrong []string
	for _, x := range f.Findings {
		if x.Status == "missing" || x.Status == "failed" {
			wrong = append(wrong, names[x.Side]+" "+x.What)
		}
	}
	fmt.Fprintf(a.stdout, "\n%s: not ready: %s\n", f.Job, strings.Join(wrong, ", "))
}
