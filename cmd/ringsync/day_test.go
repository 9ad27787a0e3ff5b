package main

import (
	"encoding/json"
	"fmt"
	"io"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/mail"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"ringsync/engine"
)

// TestDay is a day of an administrator's, on the real program against the sandbox, with a mail server that takes what the
// daemon has to say. Each part of it is what a part of the documentation promises.
func TestDay(t *testing.T) {
	d := &day{hour: newHour(t, 1), post: newPost(t)}
	d.flags = []string{"--listen", "127.0.0.1:0"}
	d.startServices(30, "1ms")
	sandbox, err := os.ReadFile(d.config)
	d.must(err)
	d.sandbox = strings.TrimSuffix(string(sandbox), hourSchedule)
	d.configure(3)
	d.enter()
	d.groups = d.sides.groups()

	t.Log("morning: the first start makes everybody an account")
	d.ask("0", "check")
	d.ask("2", "diff")
	d.startDaemon()
	d.until("everybody", func(s engine.Status) bool { return s.Linked == 30 && s.LastGood != nil })
	d.until("an incremental cycle", func(s engine.Status) bool { return s.LastCycle.Kind == string(engine.Incremental) })
	d.equal()
	people := listGraph[person](d.sides, "/users?$top=999&$select=id,userPrincipalName")

	t.Log("a change follows by itself")
	d.retitle(people[0], "Astronaut")
	d.says("Astronaut", "log", "--person", people[0].UserPrincipalName, "--action", "update")
	d.equal()

	t.Log("a broken configuration is refused, and the job goes on")
	d.must(os.WriteFile(d.config, []byte(d.sandbox+"scedule: {incremental: 1s}\n"), 0o600))
	d.says(`"configurationRefused"`, "status", "--json")
	d.retitle(people[1], "Juggler")
	d.says("Juggler", "log", "--person", people[1].UserPrincipalName, "--action", "update")

	t.Log("a good one is taken over")
	d.configure(2)
	d.says(`(?s)safety.removals.count.*3.*2`, "log", "--action", "other", "-n", "3")
	if out := d.ask("0", "status", "--json"); strings.Contains(out.stdout, "configurationRefused") {
		t.Errorf("the good file is refused: %s", out.stdout)
	}

	t.Log("five leave at once: nobody is disabled before somebody approves, and the mail says so")
	for _, p := range people[2:7] {
		d.dismiss(p)
	}
	d.says("list 1: 5 removals", "status")
	d.mailed("removals held for approval", people[2].UserPrincipalName[:3])
	if out := d.ask("0", "outbox", "--held"); strings.Count(out.stdout, "list 1") < 5 {
		t.Errorf("the held list:\n%s", out.stdout)
	}
	if n := d.active(); n != 30 {
		t.Errorf("%d accounts are active while the list is held", n)
	}
	d.ask("0", "approve", "1")
	d.until("the removals", func(s engine.Status) bool { return s.Active == 25 && len(s.Held) == 0 })
	d.equal()
	d.mailed("no removals wait for approval any more", "")

	t.Log("somebody is hired, and needs a phone now")
	d.ask("0", "pause")
	d.ask("0", "resume")
	d.hire()
	hired := d.staff[len(d.staff)-1]
	if out := d.ask("0", "provision", hired.mail); !regexp.MustCompile(`export +(success +create|skipped)`).MatchString(out.stdout) {
		t.Errorf("provision:\n%s", out.stdout)
	}
	d.equal()

	t.Log("power fails in the middle of a wave")
	before := len(d.writes(0))
	for range 40 {
		d.hire()
	}
	d.until("the wave", func(engine.Status) bool { return len(d.writes(before)) > 5 })
	d.kill()
	if out := d.say("status"); out.code != exitOK || !strings.Contains(out.stdout, "daemon      none") {
		t.Errorf("status without a daemon: %+v", out)
	}
	d.startDaemon()
	d.until("the rest", func(s engine.Status) bool { return s.Linked == 71 && s.Outbox["create"] == 0 })
	d.equal()

	t.Log("the auditor asks")
	d.says(`^\d{4}-.*  success  create `, "log", "--person", hired.mail)
	d.says(`(?m)^id,activityDateTime`, "log", "--csv", "--since", "1h", "-n", "0")
	d.says(`approve|released from held list 1\) by `, "log", "--action", "other", "-n", "0")
	d.says(`provisioned on demand, people: `+regexp.QuoteMeta(hired.mail), "log", "--action", "other", "-n", "0")
	d.shipped()

	t.Log("the monitoring asks")
	d.scraped(`ringsync_links{job="sandbox"} 71`, `ringsync_held_removals{job="sandbox"} 0`, `ringsync_last_cycle_success{job="sandbox"} 1`, `ringsync_outbox{job="sandbox",kind="create"} 0`)

	t.Log("evening: backup, SIGTERM")
	backup := filepath.Join(filepath.Dir(d.config), "backup.db")
	d.ask("0", "state", "backup", backup)
	d.terminate()
	if d.slowest > 5*time.Second {
		t.Errorf("it took %s to end", d.slowest)
	}
	if out := d.ask("0", "diff"); !strings.Contains(out.stdout, "no differences") {
		t.Errorf("in the end: %s", out.stdout)
	}
	for _, w := range d.writes(0) {
		if w.Method == http.MethodDelete {
			t.Errorf("account %s was deleted", w.User)
		}
	}
}

// day is an hour with a script that is the same each time.
type day struct {
	*hour
	post    *post
	sandbox string // the configuration that the sandbox wrote
	read    int    // letters that were read
}

type person struct{ ID, UserPrincipalName string }

// configure writes the configuration, as an editor does that replaces the file.
func (d *day) configure(removals int) {
	text := d.sandbox + fmt.Sprintf(`schedule: {incremental: 1s, full: 1h}
safety: {removals: {count: %d, percent: 100}}
log: {file: provisioning.jsonl}
notify:
  email: {to: [ops@contoso.com], from: ringsync@contoso.com, smtp: {host: 127.0.0.1, port: %d, tls: none}}
`, removals, d.post.port)
	d.must(os.WriteFile(d.config+".new", []byte(text), 0o600))
	d.must(os.Rename(d.config+".new", d.config))
}

func (d *day) retitle(p person, title string) {
	d.graph("PATCH", "/users/"+p.ID, map[string]any{"jobTitle": title}, nil)
}

func (d *day) dismiss(p person) {
	e := &employee{id: p.ID}
	groups, assignments := d.places(e)
	d.quit(e, groups, assignments)
}

// says waits until a command prints what is to be expected.
func (d *day) says(pattern string, args ...string) {
	d.t.Helper()
	expected := regexp.MustCompile("(?m)" + pattern)
	var out said
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if out = d.say(args...); out.code == exitOK && expected.MatchString(out.stdout) {
			return
		}
	}
	d.fail("ringsync %q does not say %q: %+v", args, pattern, out)
}

// equal waits until both sides are.
func (d *day) equal() {
	d.t.Helper()
	var left map[string]string
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if left = d.compare(); len(left) == 0 {
			return
		}
	}
	d.fail("the sides differ: %v", left)
}

func (d *day) active() (n int) {
	for _, a := range d.accounts() {
		if a.Active {
			n++
		}
	}
	return n
}

// mailed waits for a letter about something, with a word in its text.
func (d *day) mailed(about, word string) {
	d.t.Helper()
	expected := regexp.MustCompile(about)
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		for _, l := range d.post.got()[d.read:] {
			d.read++
			if expected.MatchString(l.subject) && strings.Contains(strings.ToLower(l.text), word) {
				return
			}
		}
	}
	d.fail("no mail says %q: %+v", about, d.post.got())
}

// shipped reads the log's file: it has each entry once, in order.
func (d *day) shipped() {
	file, err := os.Open(filepath.Join(filepath.Dir(d.config), "provisioning.jsonl"))
	d.must(err)
	defer file.Close()
	seen, lines := map[string]bool{}, json.NewDecoder(file)
	for lines.More() {
		var entry struct{ ID string }
		d.must(lines.Decode(&entry)) // a line that the kill cut off would be repeated, and stand by itself
		seen[entry.ID] = true
	}
	for n := 1; n <= len(seen); n++ {
		if !seen[fmt.Sprint(n)] {
			d.fail("the log's file has %d entries and lacks number %d", len(seen), n)
		}
	}
	if len(seen) < 80 {
		d.fail("the log's file has %d entries only", len(seen))
	}
}

// scraped asks the daemon that runs now for its metrics and health.
func (d *day) scraped(samples ...string) {
	log, err := os.ReadFile(d.log)
	d.must(err)
	found := regexp.MustCompile(`msg="metrics and health" address=(\S+)`).FindAllStringSubmatch(string(log), -1)
	if len(found) != d.starts {
		d.fail("%d starts, and %d times an address in the log:\n%s", d.starts, len(found), log)
	}
	for path, want := range map[string][]string{"/metrics": samples, "/healthz": {"ok"}, "/readyz": {"sandbox: ready; last good cycle 20"}} {
		answer, err := http.Get("http://" + found[len(found)-1][1] + path)
		d.must(err)
		body, err := io.ReadAll(answer.Body)
		d.must(err)
		answer.Body.Close()
		for _, text := range want {
			if answer.StatusCode != http.StatusOK || !strings.Contains(string(body), text) {
				d.t.Errorf("%s answers %d, without %s:\n%s", path, answer.StatusCode, text, body)
			}
		}
	}
}

// post is a mail server on loopback.
type post struct {
	port    int
	mu      sync.Mutex
	letters []letter
}

type letter struct{ subject, text string }

func newPost(t *testing.T) *post {
	p := new(post)
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return mailbox{p}, nil }))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.port = l.Addr().(*net.TCPAddr).Port
	done := make(chan error)
	go func() { done <- server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close(); <-done })
	return p
}

func (p *post) got() []letter {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.letters
}

// mailbox takes everything.
type mailbox struct{ *post }

func (mailbox) Mail(string, *smtp.MailOptions) error { return nil }
func (mailbox) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (mailbox) Reset()                               {}
func (mailbox) Logout() error                        { return nil }

func (m mailbox) Data(r io.Reader) error {
	message, err := mail.ReadMessage(r)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(quotedprintable.NewReader(message.Body))
	m.mu.Lock()
	defer m.mu.Unlock()
	m.letters = append(m.letters, letter{message.Header.Get("Subject"), string(text)})
	return err
}
