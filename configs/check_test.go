package configs

import (
	"strings"
	"testing"
	"time"
)

// with returns base with one piece replaced; it must be there.
func with(t *testing.T, old, new string) string {
	t.Helper()
	if !strings.Contains(base, old) {
		t.Fatalf("base has no %q", old)
	}
	return strings.Replace(base, old, new, 1)
}

func TestCheck(t *testing.T) {
	const credential = `{kind: client-secret, client_id: x, client_secret: "${SECRET}"}`
	const url = "https://platform.ringcentral.com/scim/v2"
	kind := func(s string) string { return with(t, credential, s) }
	local := func(s string) string {
		return strings.Replace(kind(s), "  app:", "  endpoint: http://127.0.0.1:8041/v1.0\n  app:", 1)
	}
	for _, tc := range []struct{ name, text, want string }{
		{"right", base, ""},
		{"job with a slash", with(t, "contoso\n", "a/b\n"), `1:6: job "a/b" cannot be a file's name: use letters, digits, dots, dashes and underscores, 100 at most`},
		{"job of dots", with(t, "contoso\n", "..\n"), `1:6: job ".." cannot be a file's name: use letters, digits, dots, dashes and underscores, 100 at most`},
		{"tenant name", with(t, "contoso.com", "Contoso Ltd"), "3:11: source.tenant must be the tenant's id (a GUID) or a verified domain of it"},
		{"common tenant", with(t, "contoso.com", "common"), "3:11: source.tenant must be the tenant's id (a GUID) or a verified domain of it"},
		{"app name", with(t, "4d1e2c3b-0a19-4f28-b7c6-d5e4f3a2b1c0", "RingCentral"), "4:8: source.app must be the application (client) id of the enterprise application, a GUID"},
		{"unknown cloud", with(t, "  app", "  cloud: usgov-doe\n  app"), `4:10: source.cloud cannot be "usgov-doe"; did you mean "usgov-dod"?`},
		{"endpoint without version", with(t, "  app", "  endpoint: https://graph.microsoft.com/\n  app"), "4:13: source.endpoint lacks the version, such as /v1.0"},
		{"endpoint in clear", with(t, "  app", "  endpoint: http://graph.example/v1.0\n  app"), "4:13: source.endpoint must begin with https://; plain http is for loopback only"},

		{"unknown kind", kind("{kind: secret}"), `5:22: source.credential.kind cannot be "secret"; it is one of client-secret, client-certificate, workload-identity, managed-identity, default, static`},
		{"no kind", kind("{client_id: x}"), `5:3: missing key "kind" in source.credential`},
		{"secret lacks", kind("{kind: client-secret}"), "5:3: credential kind client-secret needs client_id"},
		{"secret with token", kind(`{kind: client-secret, client_id: x, client_secret: y, token: z}`), "5:76: credential kind client-secret has no use for token"},
		{"certificate", kind("{kind: client-certificate, client_id: x, certificate: a.pem, certificate_password: y}"), ""},
		{"certificate lacks", kind("{kind: client-certificate, client_id: x}"), "5:3: credential kind client-certificate needs certificate"},
		{"workload", kind("{kind: workload-identity}"), ""},
		{"managed", kind("{kind: managed-identity, client_id: x}"), ""},
		{"managed with secret", kind("{kind: managed-identity, client_secret: x}"), "5:55: credential kind managed-identity has no use for client_secret"},
		{"default", kind("{kind: default}"), ""},
		{"default with id", kind("{kind: default, client_id: x}"), "5:42: credential kind default has no use for client_id"},
		{"static", local("{kind: static, token: x}"), ""},
		{"static lacks", local("{kind: static}"), "6:3: credential kind static needs token"},
		{"static, far away", kind("{kind: static, token: x}"), "5:22: credential kind static is for a loopback source.endpoint only"},

		{"target in clear", with(t, url, "http://scim.example/v2"), "7:8: target.url must begin with https://; plain http is for loopback only"},
		{"target on loopback", with(t, url, "http://127.0.0.1:8042/scim/v2"), ""},
		{"target on localhost", with(t, url, "http://localhost:8042/scim/v2"), ""},
		{"target on ::1", with(t, url, "'http://[::1]:8042/scim/v2'"), ""},
		{"no address", with(t, url, "platform.ringcentral.com"), "7:8: target.url is not a web address: it begins with https:// and has a host"},
		{"user in address", with(t, url, "https://a:b@platform.ringcentral.com/scim/v2"), "7:8: target.url must not hold a user name or password"},
		{"query in address", with(t, url, "https://platform.ringcentral.com/scim/v2?a=b"), "7:8: target.url must not have a query or fragment"},
		{"no token", with(t, "  token: t0ken\n", ""), "6:1: target needs a token, or oauth"},
		{"oauth", with(t, "token: t0ken", "oauth: {url: "+url+", client_id: a, client_secret: b, jwt: c}"), ""},
		{"oauth in clear", with(t, "token: t0ken", "oauth: {url: http://x.test/token, client_id: a, client_secret: b, jwt: c}"),
			"8:16: target.oauth.url must begin with https://; plain http is for loopback only"},
		{"oauth without a JWT", with(t, "token: t0ken", "oauth: {url: "+url+", client_id: a, client_secret: b}"), `8:3: missing key "jwt" in target.oauth`},
		{"address", base + "  address: maybe", `9:12: target.address cannot be "maybe"; it is one of warn, fail`},
		{"token and oauth", base + "  oauth: {url: " + url + ", client_id: a, client_secret: b, jwt: c}", "9:3: target has both token and oauth: keep one"},

		{"timing", base + "schedule: {incremental: 500ms}", "9:25: schedule.incremental: 500ms is too short; the shortest interval is 1s"},
		{"cron", base + "schedule: {full: 0 3 * * 8}", `9:18: schedule.full: cron expression "0 3 * * 8": end of range (8) above maximum (6): 8`},

		{"no mapping", base + "users: {attributes: []}", "9:9: users.attributes must not be an empty list"},
		{"match zero", base + "users: {attributes: [{target: active, source: a, match: 0}]}", "9:57: users.attributes[0].match must be at least 1"},
		{"apply", base + "users: {attributes: [{target: active, source: a, apply: creation}]}", `9:57: users.attributes[0].apply cannot be "creation"; it is one of always, create`},
		{"when_null", base + "users: {attributes: [{target: active, source: a, when_null: clean}]}", `9:61: users.attributes[0].when_null cannot be "clean"; did you mean "clear"?`},

		{"delete", base + "deprovision: {disabled: delete}", "9:25: deprovision.disabled: delete needs delete in users.actions"},
		{"delete allowed", base + "deprovision: {disabled: delete}\nusers: {actions: [create, update, disable, delete]}", ""},
		{"active unmapped", base + "users: {attributes: [{target: userName, source: mail, match: 1}]}", "9:9: nobody can be disabled: no attribute mapping has the target active"},
		{"active unmapped, nobody disabled", base + "users: {actions: [create], attributes: [{target: userName, source: mail, match: 1}]}", ""},

		{"nobody protected", base + `safety: {protect: [" "]}`, "9:20: an empty name protects nobody"},
		{"mail", base + "notify: {email: {to: [me], from: a@b.c, smtp: {host: h}}}", "9:23: notify.email.to[0] is not a mail address"},
		{"mail to nobody", base + "notify: {email: {to: [], from: a@b.c, smtp: {host: h}}}", "9:18: notify.email.to must not be an empty list"},
		{"mail password", base + "notify: {email: {to: [a@b.c], from: a@b.c, smtp: {host: h, password: p}}}", "9:70: notify.email.smtp has a password and no username"},
		{"mail password in the clear", base + "notify: {email: {to: [a@b.c], from: a@b.c, smtp: {host: h, username: u, password: p, tls: none}}}", "9:91: notify.email.smtp.tls: none would send the password readable for everybody on the way; it is for a server on this machine, or without a password"},
		{"webhook", base + "notify: {webhook: {url: http://a.example}}", "9:25: notify.webhook.url must begin with https://; plain http is for loopback only"},
		{"two states", base + "state: {path: a.db, etcd: {endpoints: ['https://a:2379']}}", "9:15: state has both path and etcd: keep one"},
		{"etcd nowhere", base + "state: {etcd: {endpoints: []}}", "9:16: state.etcd.endpoints must not be an empty list"},
		{"etcd in the clear", base + "state: {etcd: {endpoints: ['http://a:2379']}}", "9:28: state.etcd.endpoints[0] must begin with https://; plain http is for loopback only"},
		{"etcd without a scheme", base + "state: {etcd: {endpoints: ['a:2379']}}", "9:28: state.etcd.endpoints[0] is not a web address: it begins with https:// and has a host"},
		{"etcd with a path", base + "state: {etcd: {endpoints: ['https://a:2379/v3']}}", "9:28: state.etcd.endpoints[0] must be an address such as https://etcd-1:2379"},
		{"etcd's certificates for nothing", base + "state: {etcd: {endpoints: ['http://127.0.0.1:2379'], tls: {ca: a}}}", "9:28: state.etcd.endpoints[0] is plain http, and state.etcd has tls: begin it with https://"},
		{"etcd's half certificate", base + "state: {etcd: {endpoints: ['https://a:2379'], tls: {cert: a}}}", "9:47: state.etcd.tls needs cert and key together, or neither"},
		{"etcd's password alone", base + "state: {etcd: {endpoints: ['https://a:2379'], password: p}}", "9:57: state.etcd has a password and no username"},
		{"a short lease", base + "state: {etcd: {endpoints: ['https://a:2379'], lease: 1s}}", "9:54: state.etcd.lease must be whole seconds from 5s to 5m, such as 15s"},
		{"half a second of a lease", base + "state: {etcd: {endpoints: ['https://a:2379'], lease: 7500ms}}", "9:54: state.etcd.lease must be whole seconds from 5s to 5m, such as 15s"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			first, _, _ := strings.Cut(problemsOf(tc.text), "\n")
			if got := strings.TrimPrefix(first, "ringsync.yaml:"); got != tc.want {
				t.Errorf("got\n%s\nwant\n%s", got, tc.want)
			}
		})
	}
}

func TestWarnings(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"nothing unusual", base + "safety: {adopt: always}", ""},
		{"unsigned", base + "notify: {webhook: {url: 'https://a.example/hook?sig=x'}}", "9:10: notify.webhook"},
		{"nothing unusual in every section", base + "  audit_share: 0.1\nschedule: {full: 24h}\nquarantine: {min_attempts: 5}\nnotify: {webhook: {url: 'https://a.example', secret: s}}", ""},
		{"delete", base + "deprovision: {hard_deleted: delete}\nusers: {actions: [disable, delete]}", "9:29: deprovision.hard_deleted"},
		{"no disable", base + "deprovision: {disabled: keep, unassigned: keep}\nusers: {actions: [create]}", "10:9: users.actions"},
		{"no disable wanted", base + "deprovision: {unassigned: keep, out_of_scope: keep, disabled: keep, soft_deleted: keep, hard_deleted: keep}\nusers: {actions: [create]}", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got []string
			for _, w := range mustParse(t, tc.text).Warnings() {
				text, _, _ := strings.Cut(strings.TrimPrefix(w.Error(), "ringsync.yaml:")+" ", " ")
				line, _, _ := strings.Cut(w.Error(), ": ")
				got = append(got, strings.TrimPrefix(line, "ringsync.yaml:")+": "+w.Path)
				if !strings.Contains(w.Text, w.Path) {
					t.Errorf("%q does not name %s (%s)", w.Text, w.Path, text)
				}
			}
			if joined := strings.Join(got, "\n"); joined != tc.want {
				t.Errorf("got\n%s\nwant\n%s", joined, tc.want)
			}
		})
	}
}

func TestParseTiming(t *testing.T) {
	now := time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC) // a Saturday, the day before European clocks go forward
	for _, tc := range []struct {
		text  string
		every time.Duration
		next  string // after now, in UTC
		wrong string
	}{
		{"40m", 40 * time.Minute, "", ""},
		{" 1h30m ", 90 * time.Minute, "", ""},
		{"1s", time.Second, "", ""},
		{"0 3 * * 0", 0, "2026-03-29T03:00:00Z", ""},
		{"TZ=Europe/Berlin 0 5 * * *", 0, "2026-03-29T03:00:00Z", ""},
		{"CRON_TZ=America/New_York 0 5 * * *", 0, "2026-03-29T09:00:00Z", ""},
		{"@daily", 0, "2026-03-29T00:00:00Z", ""},
		{"*/40 * * * *", 0, "2026-03-28T12:40:00Z", ""},
		{"0 0 29 2 *", 0, "2028-02-29T00:00:00Z", ""},
		{"999ms", 0, "", "999ms is too short; the shortest interval is 1s"},
		{"-5m", 0, "", "-5m is too short; the shortest interval is 1s"},
		{"", 0, "", `"" is neither a duration (40m) nor a cron expression (0 3 * * 0)`},
		{"40", 0, "", `"40" is neither a duration (40m) nor a cron expression (0 3 * * 0)`},
		{"1d", 0, "", `"1d" is neither a duration (40m) nor a cron expression (0 3 * * 0)`},
		{"TZ=UTC", 0, "", `"TZ=UTC" is neither a duration (40m) nor a cron expression (0 3 * * 0)`},
		{"TZ= ", 0, "", `"TZ=" is neither a duration (40m) nor a cron expression (0 3 * * 0)`},
		{"TZ=Nowhere/City 0 3 * * *", 0, "", `cron expression "TZ=Nowhere/City 0 3 * * *": provided bad location Nowhere/City: unknown time zone Nowhere/City`},
		{"0 3 * *", 0, "", `cron expression "0 3 * *": expected exactly 5 fields, found 4: [0 3 * *]`},
		{"0 0 30 2 *", 0, "", `cron expression "0 0 30 2 *" names a time that never comes`},
		{"@sometimes", 0, "", `cron expression "@sometimes": unrecognized descriptor: @sometimes`},
	} {
		got, err := ParseTiming(tc.text)
		if message(err) != tc.wrong || got.Every != tc.every {
			t.Errorf("%q: %v, %q; want %v, %q", tc.text, got.Every, message(err), tc.every, tc.wrong)
		}
		if (got.At != nil) != (tc.next != "") {
			t.Errorf("%q: cron schedule %v", tc.text, got.At)
		} else if got.At != nil {
			if next := got.At.Next(now).UTC().Format(time.RFC3339); next != tc.next {
				t.Errorf("%q comes next at %s, want %s", tc.text, next, tc.next)
			}
		}
	}
}

func FuzzParseTiming(f *testing.F) {
	for _, seed := range []string{"40m", "0 3 * * 0", "TZ=UTC 0 3 * * *", "TZ= ", "@every 1s", "CRON_TZ=", "TZ=/ * * * * *", "1-0/5 * * * *", "@every "} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := ParseTiming(text)
		if err == nil && (got.Every < time.Second) == (got.At == nil) {
			t.Errorf("%q gives %+v", text, got)
		}
	})
}
