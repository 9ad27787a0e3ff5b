package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"ringsync/connectors/ringcentral/ringcentraltest"
)

// signsIn has the stage's job sign in with a JWT that ends when it says.
func (s *stage) signsIn(t *testing.T, app *ringcentraltest.App, more string) {
	t.Helper()
	base := strings.TrimSuffix(s.place.RingCentral, "/scim/v2")
	oauth := fmt.Sprintf("  oauth: {url: %s/restapi/oauth/token, client_id: %q, client_secret: %q, jwt: %s}\n", base, app.ClientID, app.ClientSecret, app.JWT)
	config := strings.Replace(string(s.place.config()), "  token: "+sandboxRingCentralToken+"\n", oauth, 1)
	if err := os.WriteFile(s.config, []byte(config+more), 0o600); err != nil {
		t.Fatal(err)
	}
}

func newApp(ends time.Time) *ringcentraltest.App {
	claims := base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"exp":%d}`, ends.Unix()))
	return &ringcentraltest.App{ClientID: "app one", ClientSecret: "k3y/of+the app", JWT: "aGVhZA." + claims + ".c2lnbmVkLWJ5LXJpbmdjZW50cmFs"}
}

// command runs the program and returns all it printed.
func command(t *testing.T, want int, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	if code := run(t.Context(), args, strings.NewReader(""), &out, &errs); code != want {
		t.Fatalf("ringsync %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), code, want, &out, &errs)
	}
	return out.String(), errs.String()
}

// A job that signs in with a JWT checks, syncs and is in step, and no output, with every request logged, has a secret
// in it, in whatever form.
func TestJobThatSignsIn(t *testing.T) {
	ends := time.Now().Add(12*24*time.Hour + time.Hour)
	app := newApp(ends)
	s := newStage(t, 8, 2, ringcentraltest.Options{Licenses: 20, App: app})
	s.signsIn(t, app, "")
	app.Owner = s.account.Add(ringcentraltest.User{UserName: "svc@contoso.com", Email: "svc@contoso.com", GivenName: "Sync", FamilyName: "Service", Active: true})
	// The service user is in scope by mistake.
	s.dir.UpdateUser(s.people[0], map[string]any{"mail": "svc@contoso.com", "jobTitle": "Robot"})
	s.account.Add(ringcentraltest.User{UserName: "other@contoso.com", Email: "other@contoso.com", GivenName: "O", FamilyName: "T", ExternalID: "hr-7"})
	var all strings.Builder
	keep := func(stdout, stderr string) string {
		all.WriteString(stdout + stderr)
		return stdout
	}
	checked := keep(command(t, exitOK, "-c", s.config, "check", "--log-level", "debug"))
	for _, want := range []string{
		"signed in as", "Sync Service <svc@contoso.com>, account " + app.Owner, "the token names it", "20 unassigned extensions",
		"target.oauth.jwt ends on " + ends.UTC().Format(time.DateOnly) + ", in 12 days: renew it",
		"0 linked, 0 ours without a link, 1 marked by another tool, 1 nobody's; those of another tool are left alone unless safety.adopt is always",
	} {
		if !strings.Contains(checked, want) {
			t.Errorf("check does not say %q:\n%s", want, checked)
		}
	}
	synced := keep(command(t, exitUnfinished, "-c", s.config, "sync", "--log-level", "debug"))
	if !strings.Contains(synced, "account "+app.Owner+" (svc@contoso.com) is protected") {
		t.Errorf("sync does not say why the service user is left alone:\n%s", synced)
	}
	writes := len(s.account.Writes())
	if u, _ := s.account.User(app.Owner); !u.Active || u.ExternalID != "" {
		t.Errorf("the service user was written: %+v", u)
	}
	status := keep(command(t, exitOK, "-c", s.config, "status"))
	for _, want := range []string{"  daemon      none: ", "  credential  target.oauth.jwt ends on " + ends.UTC().Format(time.DateOnly) + ", in 12 days: renew it\n"} {
		if !strings.Contains(status, want) {
			t.Errorf("status does not say %q:\n%s", want, status)
		}
	}
	keep(command(t, exitUnfinished, "-c", s.config, "diff", "--log-level", "debug"))
	keep(command(t, exitUnfinished, "-c", s.config, "sync", "--log-level", "debug"))
	if again := len(s.account.Writes()); writes != 7 || again != writes {
		t.Errorf("%d writes, then %d", writes, again)
	}
	if checked = keep(command(t, exitOK, "-c", s.config, "check")); !strings.Contains(checked, "7 linked, 0 ours without a link, 1 marked by another tool, 1 nobody's") {
		t.Errorf("after the sync\n%s", checked)
	}
	app.Expired = true
	for _, args := range [][]string{{"check"}, {"check", "--json"}, {"sync"}} {
		keep(command(t, exitHeld, append([]string{"-c", s.config, "--log-level", "debug"}, args...)...))
	}
	if text := all.String(); !strings.Contains(text, "Make a new JWT in RingCentral's Developer Console") || !strings.Contains(text, "signed in to RingCentral") {
		t.Errorf("the output does not tell of the sign-in:\n%s", text)
	}
	for _, secret := range []string{app.ClientSecret, app.JWT, "c2lnbmVkLWJ5LXJpbmdjZW50cmFs", app.ClientID + ":" + app.ClientSecret, "access/token"} {
		for _, form := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret),
			base64.RawStdEncoding.EncodeToString([]byte(secret)), base64.RawURLEncoding.EncodeToString([]byte(secret))} {
			if strings.Contains(all.String(), form) {
				t.Errorf("the output has %q", form)
			}
		}
	}
}

// What check finds wrong, and the exit code that goes with it.
func TestCheckFindings(t *testing.T) {
	for _, test := range []struct {
		name    string
		app     func(*ringcentraltest.App)
		options ringcentraltest.Options
		code    int
		want    string
	}{
		{"no right to write", func(a *ringcentraltest.App) { a.Scopes = []string{"ReadAccounts"} }, ringcentraltest.Options{}, exitFailed, "missing   EditAccounts"},
		{"no licence", nil, ringcentraltest.Options{}, exitOK, "none: whoever is to get an account waits"},
		{"JWT revoked", func(a *ringcentraltest.App) { a.Expired = true }, ringcentraltest.Options{}, exitHeld, "Make a new JWT"},
		{"ends far away", nil, ringcentraltest.Options{}, exitOK, "target.oauth.jwt works until"},
	} {
		t.Run(test.name, func(t *testing.T) {
			app := newApp(time.Now().Add(100 * 24 * time.Hour))
			if test.app != nil {
				test.app(app)
			}
			test.options.App = app
			s := newStage(t, 3, 1, test.options)
			s.signsIn(t, app, "")
			if out, _ := command(t, test.code, "-c", s.config, "check"); !strings.Contains(out, test.want) {
				t.Errorf("no %q in\n%s", test.want, out)
			}
		})
	}
}

// A SCIM token that opens nothing else is enough, and a state file is not needed.
func TestCheckWithASCIMToken(t *testing.T) {
	s := newStage(t, 3, 1, ringcentraltest.Options{Licenses: 5, SCIMOnly: true, AllowDuplicates: true})
	for range 2 {
		s.account.Add(ringcentraltest.User{UserName: "twice@contoso.com", Email: "twice@contoso.com", GivenName: "T", FamilyName: "T"})
	}
	out, _ := command(t, exitOK, "-c", s.config, "check", "--json")
	var report findings
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatal(err)
	}
	status := map[string]string{}
	for _, f := range report.Findings {
		status[f.What] = f.Status
	}
	if !report.OK || status["EditAccounts"] != "unproven" || status["free licences"] != "unproven" || status["duplicates"] != "warning" || status["signed in as"] != "" {
		t.Errorf("%s", out)
	}
	if _, err := os.Stat(s.place.State); !os.IsNotExist(err) {
		t.Errorf("check made a state file: %v", err)
	}
	// A state file that cannot be read keeps nobody from testing the connection.
	if err := os.WriteFile(s.place.State, []byte("no database"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, _ = command(t, exitOK, "-c", s.config, "check"); !strings.Contains(out, "which accounts are linked is not known") {
		t.Errorf("%s", out)
	}
}

// A bad address is left out, or nobody is made with it, as the configuration has it.
func TestBadAddress(t *testing.T) {
	for _, policy := range []string{"warn", "fail"} {
		s := newStage(t, 3, 1, ringcentraltest.Options{Licenses: -1})
		s.dir.UpdateUser(s.people[0], map[string]any{"country": "US", "state": "Kalifornien", "city": "Belmont"})
		config := strings.Replace(string(s.place.config()), "target:\n", "target:\n  address: "+policy+"\n", 1)
		if err := os.WriteFile(s.config, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		made := 3
		if policy == "fail" {
			made = 2
		}
		out, _ := command(t, exitOK, "-c", s.config, "sync")
		if !strings.Contains(out, `state "Kalifornien" is not one RingCentral knows for United States`) || len(s.account.Users()) != made {
			t.Errorf("%s: %d accounts\n%s", policy, len(s.account.Users()), out)
		}
	}
}
