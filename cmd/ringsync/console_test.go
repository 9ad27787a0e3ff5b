package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// consoleAt serves the stage's job in this process and returns the address of its console.
func consoleAt(t *testing.T, s *stage, flags ...string) string {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	in, out := io.Pipe()
	code := make(chan int, 1)
	served := make(chan struct{})
	announce := sync.OnceFunc(func() { close(served) })
	go func() {
		stdout := stream(func([]byte) error { announce(); return nil })
		code <- run(ctx, append([]string{"--log-format", "json", "run", "--listen", "127.0.0.1:0", s.config}, flags...), strings.NewReader(""), stdout, out)
		announce()
		out.Close()
	}()
	addresses := make(chan string, 1)
	go func() {
		defer close(addresses)
		for lines := bufio.NewScanner(in); lines.Scan(); {
			var line struct{ Msg, Address string }
			if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "metrics and health" {
				addresses <- line.Address
			}
		}
	}()
	t.Cleanup(func() {
		stop()
		if got := <-code; got != exitOK {
			t.Errorf("the daemon exits with %d", got)
		}
	})
	address, ok := <-addresses
	if !ok {
		t.Fatal("it does not listen")
	}
	<-served // the job, to which commands go
	return address
}

// heldStage is a job of which three removals are held. Nora Quiet has no phone in the directory.
func heldStage(t *testing.T, more string) *stage {
	t.Helper()
	s := smallStage(t, rarely+"safety: {removals: {count: 1}}\n"+more)
	s.dir.UpdateUser(s.people[0], map[string]any{"displayName": "Nora Quiet", "mobilePhone": nil})
	s.must(t, exitOK, "sync")
	s.leave(s.people[3:6]...)
	s.must(t, exitHeld, "sync")
	return s
}

func (s *stage) display(n int) string {
	user, _ := s.dir.User(s.people[n])
	return fmt.Sprint(user["displayName"])
}

// What an administrator comes for: what is happening, what comes next, and why somebody's phone does not work.
func TestConsoleTells(t *testing.T) {
	b := newBrowser(t)
	at := "http://" + consoleAt(t, heldStage(t, ""))
	b.open(at)
	b.shows("region", "What is happening", "Nothing is being read or sent")
	b.shows("group", "Next cycle", " UTC, in 4")
	b.shows("group", "Last cycle", "full, 20")
	b.shows("group", "Still to send", "held for approval\n3")
	b.shows("region", "The last cycles", "2 cycles: 12 changes, 0 failures")
	b.fill("searchbox", "Find a person", "nora")
	b.click("button", "Find")
	b.click("link", "Nora Quiet")
	b.shows("region", "Does the phone work, and why", "is active")
	b.shows("region", "Does the phone work, and why", "No phone number")
	b.shows("region", "Does the phone work, and why", "the directory has none in [mobilePhone]")
	// Whom nobody knows, the directory is asked about.
	b.open(at + "/jobs/sandbox/people?q=nobody@contoso.com")
	b.click("button", "Explain “nobody@contoso.com”")
	b.find("heading", "Nobody is known by that name")
}

// A held list is approved in part, and the rest refused; the accounts follow, and the log says by whom.
func TestConsoleDecidesOnHeldLists(t *testing.T) {
	b := newBrowser(t)
	s := heldStage(t, "")
	at := "http://" + consoleAt(t, s)
	b.open(at)
	b.click("link", "Look at held list 1")
	b.find("heading", "List 1: 3 removals")
	b.click("button", "Approve those chosen")
	b.shows("alert", "", "nobody is chosen")
	b.open(at + "/jobs/sandbox/held")
	b.click("checkbox", "Choose "+s.display(4))
	b.click("button", "Approve those chosen")
	b.find("heading", "Approve removals")
	if text := b.body(); !strings.Contains(text, s.display(4)) || strings.Contains(text, s.display(3)) {
		t.Errorf("to confirm: %s", text)
	}
	b.click("link", "Cancel")
	b.find("heading", "List 1: 3 removals")
	b.click("checkbox", "Choose "+s.display(4))
	b.click("button", "Approve those chosen")
	b.click("button", "Yes, let them go")
	b.find("heading", "List 1: 2 removals")
	b.click("button", "Refuse list 1")
	b.find("heading", "Refuse removals")
	b.click("button", "Refuse list 1")
	b.find("heading", "List 1: 2 removals")
	b.says("Refused")
	b.says("by console, 127.0.0.1")
	if len(b.all("button", "Refuse list 1")) > 0 {
		t.Error("it can be refused once more")
	}
	b.open(at)
	b.shows("group", "People", "active\n11")
	for i := 3; i < 6; i++ {
		user, _ := s.dir.User(s.people[i])
		for _, account := range s.account.Users() {
			if account.UserName == user["mail"] && account.Active == (i == 4) {
				t.Errorf("account %s: active %t", account.UserName, account.Active)
			}
		}
	}
	log := s.must(t, exitOK, "log", "-n", "0").stdout
	for _, want := range []string{`released from held list 1\) by console, 127\.0\.0\.1`, `refused, list: 1, people: 2\) by console, 127\.0\.0\.1`} {
		if !regexp.MustCompile(want).MatchString(log) {
			t.Errorf("no %s in\n%s", want, log)
		}
	}
	b.open(at + "/jobs/sandbox/held")
	b.click("button", "Approve all 2")
	b.click("button", "Yes, let them go")
	b.says("No removals wait for approval.")
	b.open(at)
	b.shows("group", "People", "active\n9")
}

// Pausing and resuming, and what others do meanwhile, shows without loading the page anew.
func TestConsoleIsLive(t *testing.T) {
	b := newBrowser(t)
	s := smallStage(t, rarely)
	at := "http://" + consoleAt(t, s)
	b.open(at)
	b.shows("group", "People", "active\n12")
	b.click("button", "Pause")
	b.find("button", "Resume")
	b.shows("region", "What is happening", "The job is paused since")
	b.evaluate(`document.title = "not loaded anew"`)
	s.dir.UpdateUser(s.people[1], map[string]any{"jobTitle": "Head of Telephony"})
	s.must(t, exitUnfinished, "sync")
	b.shows("group", "Still to send", "to update\n1")
	s.must(t, exitOK, "resume")
	b.shows("group", "Still to send", "to update\n0")
	b.shows("region", "The last cycles", "2 cycles: 13 changes")
	if title := b.evaluate(`document.title`); title != "not loaded anew" {
		t.Error("the page was loaded anew")
	}
}

func TestConsoleExplainsAndProvisions(t *testing.T) {
	b := newBrowser(t)
	s := smallStage(t, rarely)
	s.must(t, exitOK, "sync")
	at := "http://" + consoleAt(t, s)
	s.dir.UpdateUser(s.people[2], map[string]any{"jobTitle": "Archivist"})
	b.open(at + "/jobs/sandbox/people/" + s.people[2])
	b.click("button", "Explain every step")
	for _, step := range []string{"import success", "scoping success", "matching success", "processing success", "export planned"} {
		b.find("heading", step)
	}
	b.find("heading", "What would be sent")
	b.find("cell", "Archivist")
	b.open(at + "/jobs/sandbox/people/" + s.people[2])
	b.click("button", "Provision now")
	b.find("heading", "export success")
	b.open(at + "/jobs/sandbox/people/" + s.people[2])
	if text := b.body(); !strings.Contains(text, "by console, 127.0.0.1") && !strings.Contains(text, "Archivist") {
		t.Errorf("%s", text)
	}
}

func TestConsoleLog(t *testing.T) {
	b := newBrowser(t)
	s := heldStage(t, "")
	at := "http://" + consoleAt(t, s)
	b.open(at + "/jobs/sandbox/log")
	b.call("combobox", "Status", `function() { this.value = "skipped"; return "" }`)
	b.click("button", "Show")
	b.arrives("status=skipped")
	b.find("cell", "disable skipped")
	if text := b.body(); strings.Contains(text, "create success") || strings.Count(text, "waits for approval") != 3 {
		t.Errorf("of those skipped: %s", text)
	}
	b.fill("textbox", "Person", "nora quiet")
	b.call("combobox", "Status", `function() { this.value = ""; return "" }`)
	b.click("button", "Show")
	b.arrives("person=nora+quiet")
	b.find("cell", "create success")
	b.click("link", b.text("time", ""))
	b.find("heading", "Modified properties")
	b.find("heading", "Steps")
	b.find("heading", "scoping success")
	table := b.evaluate(`fetch("/jobs/sandbox/log.csv?status=skipped").then(r => r.text())`)
	want := s.must(t, exitOK, "log", "--csv", "-n", "0", "--status", "skipped").stdout
	if rows, wanted := rowsOf(t, table), rowsOf(t, want); len(rows) != 4 || !reflect.DeepEqual(rows[1:], [][]string{wanted[3], wanted[2], wanted[1]}) {
		t.Errorf("the table is\n%s\nand the command's\n%s", table, want)
	}
	b.open(at + "/jobs/sandbox/log?person=nobody")
	b.shows("alert", "", "nobody who answers to")
}

func rowsOf(t *testing.T, table string) [][]string {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(table)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestConsoleTriesExpressions(t *testing.T) {
	b := newBrowser(t)
	s := smallStage(t, rarely+"users: {filters: [{name: Sales, all: [{attribute: department, operator: EQUALS, value: Sales}, {attribute: country, operator: IS NOT NULL}]}]}\n")
	at := "http://" + consoleAt(t, s)
	b.open(at + "/jobs/sandbox/mapping")
	if text := b.body(); !strings.Contains(text, "Sales: department is “Sales” and country has a value") {
		t.Errorf("the filter in words: %s", text)
	}
	b.fill("textbox", "Expression, in Entra's mapping language", `ToUpper([surname], )`)
	b.shows("status", "Result", `"LOVELACE"`)
	b.fill("textbox", "Expression, in Entra's mapping language", `ToUper([surname])`)
	b.shows("status", "Result", "did you mean ToUpper?")
	b.shows("status", "Result", "\n^")
	user, _ := s.dir.User(s.people[0])
	b.fill("textbox", "Expression, in Entra's mapping language", `[mail]`)
	b.fill("textbox", "Sample person from the directory", fmt.Sprint(user["userPrincipalName"]))
	b.click("button", "Read person")
	b.shows("status", "Result", fmt.Sprintf("%q", user["mail"]))
	b.fill("textbox", "The person, as JSON", `{"mail": null}`)
	b.shows("status", "Result", "no value")
	b.fill("textbox", "The person, as JSON", `{`)
	b.shows("status", "Result", "the person is not JSON")
}

// The dry run in the browser is the one of the command line, and writes nothing.
func TestConsolePreview(t *testing.T) {
	b := newBrowser(t)
	s := heldStage(t, "")
	s.dir.UpdateUser(s.people[1], map[string]any{"jobTitle": "Head of Telephony"})
	at := "http://" + consoleAt(t, s)
	before := len(s.account.Writes())
	b.open(at + "/jobs/sandbox/preview")
	b.click("button", "Start a dry run")
	b.find("heading", "Update: 1")
	b.find("cell", "Head of Telephony")
	got := b.evaluate(`fetch("/jobs/sandbox/preview.json").then(r => r.text())`)
	want := s.must(t, exitHeld, "diff", "--json").stdout
	if cycleID.ReplaceAllString(got, "") != cycleID.ReplaceAllString(want, "") {
		t.Errorf("the page's is\n%s\nand the command's\n%s", got, want)
	}
	b.click("link", "Held for approval 3")
	b.find("heading", "Held for approval: 3")
	if after := len(s.account.Writes()); after != before {
		t.Errorf("%d writes", after-before)
	}
}

func TestConsoleSettings(t *testing.T) {
	b := newBrowser(t)
	s := smallStage(t, rarely+"notify: {webhook: {url: 'http://127.0.0.1:1/hook', secret: very-secret}}\n")
	at := "http://" + consoleAt(t, s)
	b.open(at + "/jobs/sandbox/settings")
	html := b.evaluate(`document.documentElement.outerHTML`)
	for _, secret := range []string{sandboxGraphToken, sandboxRingCentralToken, "very-secret", "127.0.0.1:1/hook"} {
		if strings.Contains(html, secret) {
			t.Errorf("the page has %s", secret)
		}
	}
	if !strings.Contains(html, "source.credential.token") || strings.Count(html, "[redacted]") != 4 {
		t.Errorf("the page is %s", html)
	}
	b.click("button", "Test the connections")
	b.find("heading", "Connection test")
	b.shows("main", "", "Everything that is needed works.")
	b.shows("main", "", "12 linked")
}

// Everything that reads works without JavaScript, a dry run too.
func TestConsoleWithoutJavaScript(t *testing.T) {
	b := newBrowser(t)
	b.withoutScript()
	s := heldStage(t, "")
	at := "http://" + consoleAt(t, s)
	for path, want := range map[string]string{"": "Nothing is being read or sent", "/held": "List 1: 3 removals", "/people": "Nora Quiet", "/people?q=nora": "quentin",
		"/people/" + s.people[0]: "No phone number", "/log": "waits for approval on held list 1", "/log/1": "Steps", "/mapping": "givenName", "/settings": "source.app", "/waiting": "to disable"} {
		b.open(at + "/jobs/sandbox" + path)
		b.shows("main", "", want)
	}
	b.open(at + "/jobs/sandbox/preview")
	b.click("button", "Start a dry run")
	b.find("heading", "Held for approval: 3") // by loading the page anew
	b.open(at + "/jobs/sandbox/mapping")
	b.click("button", "Evaluate")
	b.shows("status", "Result", `"Ada Lovelace"`)
}

var screenshots = flag.String("screenshots", "", "write the pictures of docs/console into this `folder`")

// Every page is as wide as the screen, says what everything on it is, and can be read: in light and in dark, on a telephone
// and on a desk.
func TestConsoleLooks(t *testing.T) {
	b := newBrowser(t)
	s := heldStage(t, "users: {filters: [{name: Offices, all: [{attribute: country, operator: IS NOT NULL}]}]}\n")
	for i := range 9 { // for the chart
		for n := range i % 4 {
			s.dir.UpdateUser(s.people[6+n], map[string]any{"jobTitle": fmt.Sprint("Engineer ", i)})
		}
		s.must(t, exitHeld, "sync")
	}
	s.dir.UpdateUser(s.people[1], map[string]any{"jobTitle": "Head of Telephony"})
	at := "http://" + consoleAt(t, s)
	b.open(at + "/jobs/sandbox/people/" + s.people[1])
	b.click("button", "Explain every step")
	b.find("heading", "export planned")
	explained := b.evaluate(`location.pathname`)
	b.open(at + "/jobs/sandbox/preview")
	b.click("button", "Start a dry run")
	b.find("link", "Download as JSON")
	for name, path := range map[string]string{"overview": "", "held": "/held", "people": "/people", "person": "/people/" + s.people[0], "log": "/log",
		"entry": "/log/3", "mapping": "/mapping", "preview": "/preview", "settings": "/settings", "waiting": "/waiting", "explained": strings.TrimPrefix(explained, "/jobs/sandbox")} {
		b.open(at + "/jobs/sandbox" + path)
		b.find("heading", "")
		for _, role := range []string{"link", "button", "textbox", "searchbox", "combobox", "checkbox", "progressbar", "image"} {
			for _, n := range b.all(role, "") {
				if n.Name == nil || len(n.Name.Value) <= 2 {
					t.Errorf("%s: a %s without a name", name, role)
				}
			}
		}
		for _, width := range []int64{360, 1280} {
			picture := b.shot(width)
			if wide := b.evaluate(`String(document.documentElement.scrollWidth > document.documentElement.clientWidth)`); wide != "false" {
				t.Errorf("%s is wider than a screen of %d", name, width)
			}
			for _, dark := range []bool{true, false} {
				b.dark(dark)
				if faint := b.evaluate(faintText); faint != "" {
					t.Errorf("%s at %d, dark %t: hard to read: %s", name, width, dark, faint)
				}
				if dark && name == "overview" && width == 360 {
					picture = b.shot(width)
				}
			}
			if *screenshots != "" {
				if err := os.WriteFile(filepath.Join(*screenshots, fmt.Sprintf("%s-%d.png", name, width)), picture, 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// faintText returns the texts of a page whose contrast is less than 4.5 to 1 (WCAG 2.2, 1.4.3).
const faintText = `(() => {
	const light = c => { const [r, g, b] = c.map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b }
	const parse = text => text.match(/[\d.]+/g).map(Number)
	const back = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c.length == 3 || c[3] > 0) return c.slice(0, 3) } return [255, 255, 255] }
	const faint = []
	for (const e of document.querySelectorAll("body *")) {
		if (!e.checkVisibility() || ![...e.childNodes].some(n => n.nodeType == 3 && n.data.trim())) continue
		const [a, b] = [light(parse(getComputedStyle(e).color).slice(0, 3)), light(back(e))].sort((x, y) => y - x)
		if ((a + 0.05) / (b + 0.05) < 4.5) faint.push(e.tagName + "." + e.className + " " + e.textContent.trim().slice(0, 40))
	}
	return [...new Set(faint)].join("; ")
})()`

// With the keyboard alone: the first stop leads past the menus, and what has the focus shows it.
func TestConsoleByKeyboard(t *testing.T) {
	b := newBrowser(t)
	at := "http://" + consoleAt(t, heldStage(t, ""))
	b.open(at)
	b.find("link", "Look at held list 1")
	b.press("\t")
	if got := b.evaluate(`document.activeElement.textContent`); got != "Skip to the content" {
		t.Errorf("the first stop is %q", got)
	}
	b.press("\r")
	b.press("\t")
	if got := b.evaluate(`document.activeElement.id`); got != "q" {
		t.Errorf("behind the menus comes %q", got)
	}
	if got := b.evaluate(`getComputedStyle(document.activeElement).outlineStyle`); got != "solid" {
		t.Errorf("the focus shows as %q", got)
	}
	b.press("nora\r")
	b.find("link", "Nora Quiet")
}
