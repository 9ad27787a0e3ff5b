package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"ringsync/configs"
	"ringsync/connectors/entra/entratest"
	"ringsync/connectors/ringcentral/ringcentraltest"
	"ringsync/engine"
	"ringsync/engine/plan"
)

func newDemoCommand(a *app) *cobra.Command {
	var console bool
	var listen string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Tell the whole story on emulators: first sync, changes, a dry run, an accident that is held",
		Long: `Runs an emulated Entra tenant and an emulated RingCentral account in this process and lets the real engine work between
them: a dry run, the first sync, a day of changes, and a mistake in the directory. Nothing is configured, nothing leaves
this machine, and nothing is left behind.

With --console the story goes on until Ctrl-C: a daemon serves the job, and its web console shows what has happened.

Exit codes: 0 told; 1 failed; 64 wrong usage.`,
		Example: `  ringsync demo
  ringsync demo --console`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !console {
				listen = ""
			}
			return a.demo(cmd.Context(), listen)
		},
	}
	cmd.Flags().BoolVar(&console, "console", false, "go on with a daemon and its web console until Ctrl-C")
	cmd.Flags().StringVar(&listen, "listen", defaultListen, "`address` of the web console")
	return cmd
}

// demo is the story's stage.
type demo struct {
	app     *app
	config  *configs.Config
	dir     *entratest.Directory
	account *ringcentraltest.Account
	people  []string
	groups  []string
	out     io.Writer
}

// demo tells the story, and if there is an address to listen at, serves the job and its console there until ctx ends.
func (a *app) demo(ctx context.Context, address string) (err error) {
	folder, err := os.MkdirTemp("", "ringsync-demo-")
	if err != nil {
		return fmt.Errorf("make a folder for the state file: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	graph, err := listen(0, "")
	if err != nil {
		return err
	}
	ringCentral, err := listen(0, "")
	if err != nil {
		return errors.Join(err, graph.Close())
	}
	d := &demo{app: a, out: a.stdout}
	if a.json {
		d.out = io.Discard // the reports are the story then
	}
	d.dir = entratest.New(entratest.Options{Token: sandboxGraphToken, Seed: 7})
	d.people, d.groups = d.dir.Populate(60, 3)
	d.account = ringcentraltest.New(ringcentraltest.Options{Token: sandboxRingCentralToken, Licenses: -1})
	place := sandboxPlace{
		Graph: "http://" + graph.Addr().String() + "/v1.0", RingCentral: "http://" + ringCentral.Addr().String() + "/scim/v2",
		Tenant: d.dir.Tenant(), App: d.dir.AppID(), State: filepath.Join(folder, "demo.db"),
	}
	a.configPath = filepath.Join(folder, "demo.yaml")
	config := bytes.Replace(place.config(), []byte("job: sandbox\n"), []byte("job: demo\n"), 1)
	if d.config, err = configs.Parse(a.configPath, config, nil); err != nil {
		return err
	}

	ctx, stop := context.WithCancel(ctx)
	serving, serveCtx := errgroup.WithContext(ctx)
	serve(serveCtx, serving, graph, d.dir)
	serve(serveCtx, serving, ringCentral, d.account)
	if err = d.tell(ctx); err == nil && address != "" {
		err = d.goOn(ctx, config, address)
	}
	stop()
	return errors.Join(err, serving.Wait())
}

// tell runs the story. Each step fails if it did not come out as told, so that the demo is a test as well.
func (d *demo) tell(ctx context.Context) error {
	began := time.Now()
	for _, step := range []func(context.Context) error{d.first, d.again, d.day, d.accident} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	d.say("That was all. %s, %d requests to Microsoft Graph, %d to RingCentral.\nNext: ringsync sandbox lets you play with the same two services; ringsync config init starts a real configuration.",
		time.Since(began).Round(100*time.Millisecond), sum(d.dir.Requests()), sum(d.account.Requests()))
	return nil
}

// goOn serves the job with its console.
func (d *demo) goOn(ctx context.Context, config []byte, listen string) error {
	if err := os.WriteFile(d.app.configPath, config, 0o600); err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	d.step("Look around: the web console is at http://" + listen + "/ until Ctrl-C.")
	return d.app.run(ctx, listen, nil, consoleFlags{on: true})
}

func (d *demo) first(ctx context.Context) error {
	known, _ := d.dir.User(d.people[4])
	mail, _ := known["mail"].(string)
	d.account.Add(ringcentraltest.User{UserName: mail, Email: mail, GivenName: "Old", FamilyName: "Spelling", Active: true})
	d.account.Add(ringcentraltest.User{UserName: "lobby@contoso.com", Email: "lobby@contoso.com", GivenName: "Lobby", FamilyName: "Phone", Active: true})
	d.say("An Entra tenant has an enterprise application with 60 people assigned, most of them through 3 groups.\nRingCentral has 2 accounts: one is a person's, made by hand under an old name; the other is the phone in the lobby.")
	d.step("What would happen? (ringsync diff)")
	dry, err := d.diff(ctx, plan.Text{Brief: true})
	if err != nil {
		return err
	}
	d.some(dry, 2)
	if dry.Summary.Create != 59 || dry.Summary.Update != 1 || d.writes() != 0 {
		return fmt.Errorf("the dry run says %+v", dry.Summary)
	}
	d.say("  59 accounts to make, and the one made by hand to take over and correct. The phone in the lobby is nobody's here: it is left alone.\n  Nothing was written.")
	d.step("Let it happen. (ringsync sync)")
	done, err := d.sync(ctx)
	if err != nil {
		return err
	}
	if done.Summary.Create != 59 || done.Summary.Update != 1 || len(d.account.Users()) != 61 {
		return fmt.Errorf("the first sync did %+v", done.Summary)
	}
	return nil
}

func (d *demo) again(ctx context.Context) error {
	d.step("And again. (ringsync sync)")
	before := d.writes()
	done, err := d.sync(ctx)
	if err != nil {
		return err
	}
	if done.Summary.Changes() != 0 || d.writes() != before {
		return fmt.Errorf("the second sync did %+v", done.Summary)
	}
	d.say("  RingCentral answers \"US\" with \"United States\" and lists no phone numbers; neither is written again. No write at all.")
	return nil
}

func (d *demo) day(ctx context.Context) error {
	d.step("A day passes in the directory: a promotion, a leaver, somebody moved out of the group, a new hire, one without a mail address.")
	d.dir.UpdateUser(d.people[0], map[string]any{"jobTitle": "Head of Telephony"})
	d.dir.UpdateUser(d.people[1], map[string]any{"accountEnabled": false})
	d.leave(d.people[2])
	hire := d.dir.AddUser(entratest.User{"userPrincipalName": "ada@contoso.com", "mail": "ada@contoso.com", "displayName": "Ada Lovelace",
		"givenName": "Ada", "surname": "Lovelace", "jobTitle": "Engineer", "country": "Germany", "city": "Berlin", "mobilePhone": "+49 (30) 901820"})
	nobody := d.dir.AddUser(entratest.User{"userPrincipalName": "temp@contoso.com", "displayName": "Temp Account"})
	for _, id := range []string{hire, nobody} {
		d.dir.AddMember(d.groups[0], id)
	}
	dry, err := d.diff(ctx, plan.Text{})
	if err != nil {
		return err
	}
	s := dry.Summary
	if s.Create != 1 || s.Update != 1 || s.Disable != 2 || s.Skipped != 1 {
		return fmt.Errorf("the dry run says %+v", s)
	}
	d.step("Leavers go first. (ringsync sync)")
	done, err := d.sync(ctx)
	if err != nil {
		return err
	}
	if done.Summary != dry.Summary {
		return fmt.Errorf("the sync did %+v, the dry run said %+v", done.Summary, dry.Summary)
	}
	return nil
}

func (d *demo) accident(ctx context.Context) error {
	d.step("Somebody empties a group by mistake.")
	for _, id := range d.dir.Members(d.groups[1]) {
		d.dir.RemoveMember(d.groups[1], id)
	}
	d.dir.UpdateUser(d.people[0], map[string]any{"jobTitle": "Chief of Telephony"})
	done, err := d.sync(ctx)
	if err != nil {
		return err
	}
	if done.Summary.Held == 0 || done.Summary.Disable != 0 || done.Summary.Update != 1 {
		return fmt.Errorf("the sync did %+v", done.Summary)
	}
	d.say("  %d phones stay on until a person looks. Everything else went out: one update.", done.Summary.Held)
	return nil
}

func (d *demo) leave(id string) {
	d.dir.Unassign(id)
	for _, g := range d.groups {
		d.dir.RemoveMember(g, id)
	}
}

func (d *demo) diff(ctx context.Context, text plan.Text) (*plan.Report, error) {
	j, err := d.app.open(ctx, d.config, true)
	if err != nil {
		return nil, err
	}
	report, err := j.engine.Diff(ctx, j.target, engine.Listed)
	if err = errors.Join(err, j.close()); err != nil {
		return nil, err
	}
	return report, d.show(report, text)
}

func (d *demo) sync(ctx context.Context) (*plan.Report, error) {
	j, err := d.app.open(ctx, d.config, false)
	if err != nil {
		return nil, err
	}
	report, err := j.engine.Sync(ctx, j.target, d.app.keep())
	if err = errors.Join(err, j.close()); err != nil {
		return nil, err
	}
	return report, d.show(report, plan.Text{Live: true, Brief: true})
}

// show prints a report, indented as part of the story. A brief one is told by its summary.
func (d *demo) show(r *plan.Report, text plan.Text) error {
	if d.app.json {
		return r.WriteJSON(d.app.stdout)
	}
	if text.Brief {
		fmt.Fprintf(d.out, "  %s\n", text.Summary(r))
		return nil
	}
	var b strings.Builder
	text.Color = d.app.color()
	if err := text.Write(&b, r); err != nil {
		return err
	}
	for line := range strings.Lines(b.String()) {
		fmt.Fprint(d.out, "  "+line)
	}
	return nil
}

// some prints the first changes of a long report.
func (d *demo) some(r *plan.Report, n int) {
	short := *r
	short.Changes, short.Skipped, short.Warnings = r.Changes[:min(n, len(r.Changes))], nil, nil
	var b strings.Builder
	if (plan.Text{Color: d.app.color()}).Write(&b, &short) != nil {
		return // to memory: cannot fail
	}
	lines := strings.Split(b.String(), "\n")
	for _, line := range lines[:max(0, len(lines)-3)] {
		fmt.Fprintln(d.out, "  "+line)
	}
	fmt.Fprintf(d.out, "  … and %d more\n", len(r.Changes)-len(short.Changes))
}

func (d *demo) writes() int { return len(d.account.Writes()) }

func (d *demo) say(format string, args ...any) { fmt.Fprintf(d.out, format+"\n", args...) }

func (d *demo) step(text string) { fmt.Fprintf(d.out, "\n▸ %s\n", text) }

func sum(m map[string]int) (n int) {
	for _, v := range m {
		n += v
	}
	return n
}
