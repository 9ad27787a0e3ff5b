package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

const (
	adasToken  = "ada-s-token-5f0c2b7d9e1a4c36"
	bareToken  = "a-token-without-a-name-0451"
	wrongToken = "a-wrong-token-of-full-length"
)

// tokens writes a file of tokens and returns the flag that names it.
func tokens(t *testing.T, s *stage) string {
	t.Helper()
	file := filepath.Join(s.folder, "tokens")
	if err := os.WriteFile(file, []byte("# who may come in\nAda Lovelace "+adasToken+"\n\n"+bareToken+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return "--token-file=" + file
}

// ask sends a request as no browser would, and returns the answer with its body read.
func ask(t *testing.T, method, url, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // what goes on for ever, a live part, fails
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}
	answer, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	return answer, string(text)
}

// paused reports whether the job is.
func (s *stage) paused(t *testing.T) bool {
	t.Helper()
	return strings.Contains(s.must(t, exitOK, "status").stdout, "paused")
}

// What is written needs to come from the console's own pages: neither a form nor a script of another site gets anything
// done, nor a site whose name leads to this machine.
func TestConsoleTurnsOtherSitesAway(t *testing.T) {
	b := newBrowser(t)
	s := heldStage(t, "")
	address := consoleAt(t, s)
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	target := "http://" + address + "/jobs/sandbox/pause"
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<!doctype html><title>Prizes</title><form method="post" action="%s"><button>Win</button></form>
			<form method="post" enctype="text/plain" action="http://%s/v1/jobs/sandbox/command"><input name='{"args":["pause"],"x":"' value='"}'><button>Win more</button></form>`, target, address)
	}))
	t.Cleanup(site.Close)
	evil := "http://evil.test:" + strings.TrimPrefix(site.URL, "http://127.0.0.1:")
	for _, button := range []string{"Win", "Win more"} {
		b.open(evil)
		b.click("button", button)
		b.says("made by a page of another site")
	}
	b.open(evil)
	b.evaluate(fmt.Sprintf(`fetch(%q, {method: "POST", mode: "no-cors"}).then(() => "", () => "")`, target))
	if got := b.evaluate(fmt.Sprintf(`fetch("http://%s/jobs/sandbox/people").then(r => r.text(), () => "kept back")`, address)); got != "kept back" {
		t.Errorf("another site reads %s", got)
	}
	b.open("http://evil.test:" + port + "/jobs/sandbox/people")
	b.says("The console does not go by the name")
	if s.paused(t) {
		t.Error("another site has paused the job")
	}
	b.said() // what was kept from those sites
	for _, host := range []string{"evil.test", "127.0.0.1.evil.test", "localhost.evil.test", "sync.contoso.test"} {
		if answer, _ := ask(t, http.MethodGet, "http://"+address+"/", "", "Host", host); answer.StatusCode != http.StatusMisdirectedRequest {
			t.Errorf("as %s: %s", host, answer.Status)
		}
	}
	for _, headers := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "http://evil.test"}, {"Origin", "null"}} {
		if answer, _ := ask(t, http.MethodPost, target, "", headers...); answer.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %s", headers, answer.Status)
		}
	}
	for _, host := range []string{"evil.test", "localhost:" + port} { // a probe may call it what it likes
		if answer, _ := ask(t, http.MethodGet, "http://"+address+"/healthz", "", "Host", host); answer.StatusCode != http.StatusOK {
			t.Errorf("healthz as %s: %s", host, answer.Status)
		}
	}
	if s.paused(t) {
		t.Error("one of them has paused the job")
	}
}

// Names and titles from the directory are text, whatever they say, on every page that shows them.
func TestConsoleShowsHostileNames(t *testing.T) {
	b := newBrowser(t)
	s := smallStage(t, rarely+"safety: {removals: {count: 1}}\n")
	corpus := []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(2)>`, `<svg onload=alert(3)>`, `'onmouseover='alert(4)`, `</title><script>alert(5)</script>`,
		`javascript:alert(6)`, `{{.}}<!--`, `</textarea><script>alert(7)</script>`, `<a hx-get="/jobs/sandbox/pause" hx-trigger="load">x</a>`,
		"data: x\n\nevent: standing\ndata: <script>alert(8)</script>", `<iframe srcdoc="<script>alert(9)</script>">`, "\u202egnp.exe <b>bold</b>",
	}
	for i, text := range corpus {
		s.dir.UpdateUser(s.people[i], map[string]any{"displayName": text, "jobTitle": text, "department": text, "givenName": text, "surname": text})
	}
	s.must(t, exitOK, "sync")
	s.leave(s.people[:4]...)
	s.dir.UpdateUser(s.people[5], map[string]any{"jobTitle": corpus[0] + "!"})
	s.must(t, exitHeld, "sync")
	s.dir.UpdateUser(s.people[6], map[string]any{"jobTitle": corpus[1] + "!"})
	at := "http://" + consoleAt(t, s)
	b.open(at + "/jobs/sandbox/people/" + s.people[6])
	b.click("button", "Explain every step")
	b.find("heading", "export planned")
	b.open(at + "/jobs/sandbox/preview")
	b.click("button", "Start a dry run")
	b.find("link", "Download as JSON")
	paths := []string{"", "/held", "/people", "/log", "/waiting?kind=held", "/preview", "/preview?show=held", "/mapping",
		"/people?q=" + url.QueryEscape(corpus[0]), "/log?person=" + url.QueryEscape(corpus[1]), "/people?from=" + url.QueryEscape(corpus[1]),
		"/log?since=" + url.QueryEscape(corpus[1]), "/waiting?kind=" + url.QueryEscape(corpus[1]), "/people/" + url.PathEscape(corpus[1]), "/" + url.PathEscape(corpus[0])}
	for i := range corpus {
		paths = append(paths, "/people/"+s.people[i])
	}
	for n := range 18 {
		paths = append(paths, fmt.Sprintf("/log/%d", n+1))
	}
	for _, path := range paths {
		b.open(at + "/jobs/sandbox" + path)
		if foreign := b.evaluate(`String(document.querySelectorAll("script:not([src^='/assets/']), img, svg:not(.chart), iframe, b, [onerror], [onload], [style]").length)`); foreign != "0" {
			t.Errorf("%s has elements that come from the directory", path)
		}
	}
	b.open(at + "/jobs/sandbox/people")
	text := b.body()
	for _, want := range []string{corpus[0], corpus[1], corpus[6], "�gnp.exe <b>bold</b>"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
	b.open(at + "/jobs/sandbox/mapping")
	b.fill("textbox", "The person, as JSON", `{"a": "<img src=x onerror=alert(1)>"}`)
	b.fill("textbox", "Expression, in Entra's mapping language", `[a]`)
	b.shows("status", "Result", `<img src=x onerror=alert(1)>`)
	if s.paused(t) {
		t.Error("a name has paused the job")
	}
}

// With tokens, nobody sees or does anything without one; a session ends when told to; guessing is slow.
func TestConsoleSignIn(t *testing.T) {
	b := newBrowser(t)
	s := heldStage(t, "")
	at := "http://" + consoleAt(t, s, tokens(t, s))
	b.open(at + "/jobs/sandbox/held")
	b.find("heading", "Sign in")
	b.fill("textbox", "Token", wrongToken)
	b.click("button", "Sign in")
	b.shows("alert", "", "That is not a token of this console.")
	b.fill("textbox", "Token", adasToken)
	b.click("button", "Sign in")
	b.find("heading", "List 1: 3 removals") // where they wanted to go
	var cookies []*network.Cookie
	b.do(chromedp.ActionFunc(func(ctx context.Context) (err error) { cookies, err = network.GetCookies().Do(ctx); return err }))
	if len(cookies) != 1 {
		t.Fatalf("%d cookies", len(cookies))
	}
	c := cookies[0]
	if c.Name != "__Host-ringsync" || !c.Secure || !c.HTTPOnly || c.SameSite != network.CookieSameSiteStrict || c.Path != "/" || strings.HasPrefix(c.Domain, ".") ||
		time.Until(time.Unix(int64(c.Expires), 0)) > 13*time.Hour {
		t.Errorf("the cookie is %+v", c)
	}
	b.open(at)
	b.click("button", "Pause")
	b.find("button", "Resume")
	if log := s.must(t, exitOK, "log", "-n", "1").stdout; !strings.Contains(log, "(paused) by Ada Lovelace (console, 127.0.0.1)") {
		t.Errorf("the log says %s", log)
	}
	b.click("button", "Sign out")
	b.find("heading", "Sign in")
	for _, path := range []string{"/", "/jobs/sandbox", "/jobs/sandbox/live", "/jobs/sandbox/people", "/jobs/sandbox/log.csv", "/jobs/sandbox/preview.json", "/nothing"} {
		answer, body := ask(t, http.MethodGet, at+path, "", "Cookie", "__Host-ringsync="+c.Value)
		if to, _ := url.Parse(answer.Header.Get("Location")); answer.StatusCode != http.StatusSeeOther || to.Path != "/login" || to.Query().Get("next") != path || len(body) > 200 {
			t.Errorf("%s with the session that has ended: %s %s", path, answer.Status, body)
		}
	}
	for _, path := range []string{"/jobs/sandbox/resume", "/jobs/sandbox/tasks", "/jobs/sandbox/held/1/approve", "/jobs/sandbox/held/1/refuse", "/jobs/sandbox/mapping", "/v1/jobs/sandbox/command"} {
		if answer, _ := ask(t, http.MethodPost, at+path, "x=y"); answer.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s by nobody: %s", path, answer.Status)
		}
	}
	for _, path := range []string{"/v1/jobs", "/v1/openapi.yaml"} {
		if answer, _ := ask(t, http.MethodGet, at+path, ""); answer.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s by nobody: %s", path, answer.Status)
		}
	}
	if answer, _ := ask(t, http.MethodGet, at+"/v1/jobs", "", "Authorization", "Bearer "+bareToken); answer.StatusCode != http.StatusOK {
		t.Errorf("with a bearer token: %s", answer.Status)
	}
	for i := range 4 { // and the one in the browser
		if answer, _ := ask(t, http.MethodGet, at+"/v1/jobs", "", "Authorization", "Bearer "+wrongToken); answer.StatusCode != http.StatusUnauthorized {
			t.Errorf("wrong token %d: %s", i, answer.Status)
		}
	}
	answer, _ := ask(t, http.MethodGet, at+"/v1/jobs", "", "Authorization", "Bearer "+adasToken)
	if answer.StatusCode != http.StatusTooManyRequests || answer.Header.Get("Retry-After") == "" {
		t.Errorf("the right token after five wrong ones: %s", answer.Status)
	}
	b.fill("textbox", "Token", adasToken)
	b.click("button", "Sign in")
	b.shows("alert", "", "too many wrong tokens")
	for _, path := range []string{"/metrics", "/healthz", "/readyz"} {
		if answer, _ := ask(t, http.MethodGet, at+path, ""); answer.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", path, answer.Status)
		}
	}
}

// What every answer carries, so that a browser holds on to nothing and loads nothing from elsewhere.
func TestConsoleHeaders(t *testing.T) {
	s := smallStage(t, rarely)
	at := "http://" + consoleAt(t, s, tokens(t, s))
	for _, path := range []string{"/login", "/", "/jobs/sandbox", "/nothing", "/assets/htmx.min.js", "/v1/jobs"} {
		answer, _ := ask(t, http.MethodGet, at+path, "", "Authorization", "Bearer "+adasToken)
		h := answer.Header
		if p := h.Get("Content-Security-Policy"); !strings.HasPrefix(p, "default-src 'none';") || strings.Contains(p, "unsafe") || !strings.Contains(p, "frame-ancestors 'none'") {
			t.Errorf("%s: policy %q", path, p)
		}
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Cache-Control") != "no-store" || h.Get("Cross-Origin-Resource-Policy") != "same-origin" || h.Get("Referrer-Policy") != "same-origin" {
			t.Errorf("%s: %v", path, h)
		}
	}
	answer, _ := ask(t, http.MethodPost, at+"/login", url.Values{"token": {bareToken}, "next": {"//evil.test/"}}.Encode())
	if answer.StatusCode != http.StatusSeeOther || answer.Header.Get("Location") != "/" {
		t.Errorf("a login that was to lead elsewhere: %s, %s", answer.Status, answer.Header.Get("Location"))
	}
}

// certificate writes a key pair for a name, and returns the flags.
func certificate(t *testing.T, s *stage, name string) []string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	flags := []string{}
	for _, part := range []struct {
		flag, kind string
		data       []byte
	}{{"--tls-cert", "CERTIFICATE", der}, {"--tls-key", "PRIVATE KEY", private}} {
		file := filepath.Join(s.folder, strings.TrimPrefix(part.flag, "--tls-")+".pem")
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: part.kind, Bytes: part.data}), 0o600); err != nil {
			t.Fatal(err)
		}
		flags = append(flags, part.flag+"="+file)
	}
	return flags
}

// On an address that other machines reach there is a console only over TLS and with tokens; metrics and health are there
// all the same.
func TestConsoleBeyondThisMachine(t *testing.T) {
	s := smallStage(t, rarely)
	secure := certificate(t, s, "sync.contoso.test")
	for _, test := range []struct {
		name   string
		scheme string
		flags  []string
		want   int
	}{
		{"plain", "http", nil, http.StatusForbidden},
		{"a token alone", "http", []string{tokens(t, s)}, http.StatusForbidden},
		{"TLS alone", "https", secure, http.StatusForbidden},
		{"both", "https", append([]string{tokens(t, s)}, secure...), http.StatusOK},
	} {
		t.Run(test.name, func(t *testing.T) {
			address := consoleAt(t, s, append([]string{"--listen=0.0.0.0:0"}, test.flags...)...)
			_, port, err := net.SplitHostPort(address)
			if err != nil {
				t.Fatal(err)
			}
			at := test.scheme + "://127.0.0.1:" + port
			answer, body := ask(t, http.MethodGet, at+"/v1/jobs", "", "Authorization", "Bearer "+adasToken)
			if answer.StatusCode != test.want || test.want == http.StatusForbidden && !strings.Contains(body, "needs --tls-cert, --tls-key and --token-file") {
				t.Errorf("%s %s", answer.Status, body)
			}
			if answer, _ := ask(t, http.MethodPost, at+"/jobs/sandbox/pause", "x=y"); answer.StatusCode < 400 || s.paused(t) {
				t.Errorf("a write: %s", answer.Status)
			}
			if answer, body := ask(t, http.MethodGet, at+"/healthz", ""); answer.StatusCode != http.StatusOK || body != "ok\n" {
				t.Errorf("healthz: %s %s", answer.Status, body)
			}
			if test.want == http.StatusOK {
				b := newBrowser(t)
				b.trust()
				b.open("https://sync.contoso.test:" + port + "/")
				b.fill("textbox", "Token", adasToken)
				b.click("button", "Sign in")
				b.shows("group", "People", "known")
			}
		})
	}
}

// Flags that cannot be meant end the program before it listens.
func TestConsoleFlags(t *testing.T) {
	s := smallStage(t, rarely)
	short := filepath.Join(s.folder, "short")
	if err := os.WriteFile(short, []byte("Ada abc123\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(s.folder, "empty")
	if err := os.WriteFile(empty, []byte("# nobody\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		flags []string
		want  string
	}{
		{[]string{"--token-file=" + short}, "line 1: a token has at least 22 characters"},
		{[]string{"--token-file=" + empty}, "has no token"},
		{[]string{"--token-file=" + filepath.Join(s.folder, "none")}, "no such file"},
		{[]string{"--tls-cert=" + short}, "--tls-cert and --tls-key belong together"},
		{[]string{"--tls-cert=" + short, "--tls-key=" + short}, "--tls-cert, --tls-key: "},
	} {
		out := s.must(t, exitUsage, append([]string{"run", "--listen", "127.0.0.1:0"}, test.flags...)...)
		if !strings.Contains(out.stderr, test.want) || strings.Contains(out.stderr, "abc123") {
			t.Errorf("%s: %s", test.flags, out.stderr)
		}
	}
	at := "http://" + consoleAt(t, s, "--console=false")
	if answer, _ := ask(t, http.MethodGet, at+"/", ""); answer.StatusCode != http.StatusNotFound {
		t.Errorf("without a console: %s", answer.Status)
	}
	if answer, _ := ask(t, http.MethodGet, at+"/metrics", ""); answer.StatusCode != http.StatusOK {
		t.Errorf("metrics: %s", answer.Status)
	}
}
