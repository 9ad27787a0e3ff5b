package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ringsync/connectors"
	"ringsync/connectors/entra"
	"ringsync/connectors/ringcentral"
)

func newCheckCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Test the connection to both sides, and what the credentials may do",
		Long: `Tries the credentials of both sides, the permissions that reading takes, RingCentral's discovery documents and its
limits, and says what is missing. Nothing is written, and no state file is opened. Whether RingCentral lets us write
cannot be seen from reads, so that stays unproven until the first sync.

Exit codes: 0 all that is needed works; 1 something does not; 4 wrong credentials; 64 wrong usage or configuration.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.check(cmd.Context()) },
	}
}

// finding is one line of the check.
type finding struct {
	Side   string `json:"side"` // source, target
	What   string `json:"what"`
	Status string `json:"status"` // ok, missing, unproven, failed, warning
	Detail string `json:"detail"`
}

type findings struct {
	Job      string    `json:"job"`
	OK       bool      `json:"ok"`
	Findings []finding `json:"findings"`
}

func (f *findings) add(side, what, status, format string, args ...any) {
	f.Findings = append(f.Findings, finding{side, what, status, fmt.Sprintf(format, args...)})
}

func (a *app) check(ctx context.Context) error {
	c, err := a.load()
	if err != nil {
		return err
	}
	j, err := newJob(c)
	if err != nil {
		return err
	}
	if err := j.connect(a, ""); err != nil {
		return err
	}
	out := &findings{Job: c.Job, OK: true}
	source, sourceErr := j.source.Check(ctx)
	out.source(source, sourceErr)
	target, targetErr := j.target.Check(ctx)
	out.target(target, targetErr)
	for _, f := range out.Findings {
		out.OK = out.OK && f.Status != "missing" && f.Status != "failed"
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

// skewLimit is how far clocks may be apart before tokens and Retry-After dates suffer.
const skewLimit = time.Minute

func (f *findings) source(r entra.Report, err error) {
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

func (f *findings) target(r ringcentral.Report, err error) {
	if err != nil {
		f.add("target", "connection", "failed", "%v", err)
		return
	}
	f.add("target", "connection", "ok", "%s", r.URL)
	f.add("target", "accounts", "ok", "%d", r.Accounts)
	f.add("target", "PATCH and filters", supported(r.Provider.Patch.Supported && r.Provider.Filter.Supported), "ServiceProviderConfig: patch %v, filter %v", r.Provider.Patch.Supported, r.Provider.Filter.Supported)
	for _, l := range r.Limits {
		f.add("target", "limit "+l.Group, "ok", "%d requests in %s, %d left", l.Requests, l.Window, l.Remaining)
	}
	for _, w := range r.Warnings {
		f.add("target", "discovery", "warning", "%s", w)
	}
	f.add("target", "right to write", "unproven", "EditAccounts cannot be seen from reads; the first sync will tell")
	f.skew("target", r.ClockSkew)
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
