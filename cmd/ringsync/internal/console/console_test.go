package console

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"ringsync/configs"
	"ringsync/state"
)

// By which names the console may be reached: those that no other site's name can lead to.
func TestHosts(t *testing.T) {
	c := New(Options{Hosts: []string{"sync.contoso.com", "*.apps.contoso.com"}})
	for host, want := range map[string]bool{
		"127.0.0.1:8040": true, "127.0.0.1": true, "[::1]:8040": true, "[::1]": true, "10.1.2.3:8040": true, "localhost": true, "LocalHost:8040": true, "localhost.": true,
		"sync.contoso.com": true, "SYNC.contoso.com:443": true, "one.apps.contoso.com": true,
		"": false, "evil.test": false, "localhost.evil.test": false, "127.0.0.1.evil.test": false, "sync.contoso.com.evil.test": false, "xsync.contoso.com": false,
		"apps.contoso.com": false, "a.b.apps.contoso.com": false, ".apps.contoso.com": false, "127.0.0.1:80:80": false,
	} {
		if got := c.ours(host); got != want {
			t.Errorf("%q: %t", host, got)
		}
	}
}

func TestTokens(t *testing.T) {
	long, other := strings.Repeat("x", minToken), strings.Repeat("y", minToken)
	tokens, err := ParseTokens("# people\r\n\n Ada  Lovelace\t" + long + "\n" + other)
	if err != nil || len(tokens) != 2 {
		t.Fatalf("%d tokens, %v", len(tokens), err)
	}
	if name, ok := tokens.match(long); !ok || name != "Ada Lovelace" {
		t.Errorf("%q, %t", name, ok)
	}
	if name, ok := tokens.match(other); !ok || name != "" {
		t.Errorf("%q, %t", name, ok)
	}
	for _, wrong := range []string{"", long + "x", long[1:], "Ada"} {
		if _, ok := tokens.match(wrong); ok {
			t.Errorf("%q opens it", wrong)
		}
	}
	for text, want := range map[string]string{"Ada abc": "line 1", "# x\n" + long + "\nB " + long: "line 3"} {
		if _, err := ParseTokens(text); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "abc") || strings.Contains(err.Error(), long) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzParseTokens(f *testing.F) {
	f.Add("Ada " + strings.Repeat("x", 30) + "\n# c\n\n")
	f.Fuzz(func(t *testing.T, text string) {
		tokens, err := ParseTokens(text)
		if err != nil && tokens != nil {
			t.Error("tokens and an error")
		}
		if _, ok := tokens.match(""); ok {
			t.Error("nothing opens the console")
		}
	})
}

// A session ends an hour after it was last used, and for good after twelve, and when its owner says so.
func TestSessions(t *testing.T) {
	now := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	s := newSessions(func() time.Time { return now })
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	if _, ok := s.find(r); ok {
		t.Error("a session of nobody")
	}
	r.AddCookie(s.begin("Ada"))
	alive := func(want bool) {
		t.Helper()
		if name, ok := s.find(r); ok != want || ok && name != "Ada" {
			t.Errorf("at %s: %q, %t", now, name, ok)
		}
	}
	for range 12 {
		alive(true)
		now = now.Add(time.Hour)
	}
	alive(true)
	now = now.Add(time.Second)
	alive(false)
	r = httptest.NewRequest(http.MethodGet, "/", nil)
	r.AddCookie(s.begin("Ada"))
	now = now.Add(sessionIdle + time.Second)
	alive(false)
	r = httptest.NewRequest(http.MethodGet, "/", nil)
	r.AddCookie(s.begin("Ada"))
	s.end(r)
	alive(false)
	for range 2 * maxSessions {
		s.begin("Bob")
	}
	if len(s.all) > maxSessions {
		t.Errorf("%d sessions are kept", len(s.all))
	}
}

// Wrong tokens slow down the place that they come from, and a flood of them everybody, for a minute.
func TestAttempts(t *testing.T) {
	now := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	a := newAttempts(func() time.Time { return now })
	here, there := netip.MustParsePrefix("10.0.0.1/32"), netip.MustParsePrefix("10.0.0.2/32")
	for range attemptsEach {
		if a.blocked(here) > 0 {
			t.Error("blocked too soon")
		}
		a.failed(here)
	}
	if a.blocked(here) != attemptsWindow || a.blocked(there) != 0 {
		t.Errorf("here for %s, there for %s", a.blocked(here), a.blocked(there))
	}
	now = now.Add(attemptsWindow)
	if a.blocked(here) != 0 {
		t.Error("blocked for longer than a minute")
	}
	for i := range attemptsAll {
		a.failed(netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 1, byte(i), 1}), 32))
	}
	if a.blocked(there) == 0 {
		t.Error("a flood from everywhere goes on")
	}
	for address, want := range map[string]string{"192.0.2.7:80": "192.0.2.7/32", "[2001:db8:1:2:3::4]:80": "2001:db8:1:2::/64", "[::ffff:192.0.2.7]:80": "192.0.2.7/32"} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = address
		if got := placeOf(r).String(); got != want {
			t.Errorf("%s is at %s", address, got)
		}
	}
}

// A link to the login leads nowhere but into the console.
func FuzzOwnPath(f *testing.F) {
	for _, next := range []string{"/jobs/a?b=c", "//evil.test", "/\\evil.test", "https://evil.test/", "javascript:alert(1)", "/\t/evil.test", "", "jobs", "/%2f/evil.test"} {
		f.Add(next)
	}
	f.Fuzz(func(t *testing.T, next string) {
		got := ownPath(next)
		if !strings.HasPrefix(got, "/") || strings.HasPrefix(got, "//") || strings.HasPrefix(got, "/\\") || strings.ContainsAny(got, "\r\n\t") {
			t.Errorf("%q leads to %q", next, got)
		}
	})
}

// The policy lets no script or style run that stands in a page, so there is to be none, and no page says what another
// says already.
func TestTemplates(t *testing.T) {
	inline := regexp.MustCompile(`(?i)<style|\sstyle=|\son[a-z]+=|hx-on|hx-vals=.js:|<script>|javascript:|https?://`)
	names, err := fs.Glob(files, "templates/*.html")
	if err != nil || len(names) < 10 {
		t.Fatalf("%d templates, %v", len(names), err)
	}
	parts := map[string]string{}
	for _, name := range names {
		data, err := files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if found := inline.Find(data); found != nil {
			t.Errorf("%s has %q", name, found)
		}
		for line := range strings.Lines(string(data)) {
			if line = strings.TrimSpace(line); len(line) < 110 || strings.Contains(line, `name="kind" value="explain"`) {
				continue
			}
			if before, twice := parts[line]; twice {
				t.Errorf("%s says what %s does: %s", name, before, line)
			}
			parts[line] = name
		}
	}
}

func TestFiltersInWords(t *testing.T) {
	for want, clause := range map[string]configs.Clause{
		`department is “Sales”`:             {Attribute: "department", Operator: "EQUALS", Value: "Sales"},
		`mail has a value`:                  {Attribute: "mail", Operator: "IS NOT NULL"},
		`any of proxies contains “contoso”`: {Attribute: "proxies", Operator: "Includes", Value: "contoso", Multivalued: "any"},
		`hired is at least “today-90d”`:     {Attribute: "hired", Operator: "Greater_Than_OR_EQUALS", Value: "today-90d"},
		`x SOMETHING NEW “1”`:               {Attribute: "x", Operator: "SOMETHING NEW", Value: "1"},
	} {
		if got := inWords(clause); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestNumbers(t *testing.T) {
	for text, want := range map[string]string{"0": "0", "999": "999", "1000": "1,000", "1234567": "1,234,567", "-1000": "-1,000", "-100": "-100"} {
		if got := thousands(text); got != want {
			t.Errorf("%s is %s", text, got)
		}
	}
	for d, want := range map[time.Duration]string{0: "less than a second", time.Second: "1 second", 90 * time.Second: "1 minute", 61 * time.Minute: "1 h 1 min", 72 * time.Hour: "3 days"} {
		if got := roughly(d); got != want {
			t.Errorf("%s is %s", d, got)
		}
	}
}

// The newest cycle is to the right, something is never nothing, and nothing leaves the picture.
func TestChart(t *testing.T) {
	began := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	cycles := []state.Cycle{
		{Number: 3, ID: "c", Kind: "full", Started: began, Result: "running"},
		{Number: 2, ID: "b", Kind: "full", Started: began, Ended: began.Add(time.Minute), Result: "failed", Counters: map[string]int{"update": 1, "failed": 1}},
		{Number: 1, ID: "a", Kind: "initial", Started: began, Ended: began.Add(time.Hour), Result: "succeeded", Counters: map[string]int{"create": 9990, "disable": 10}},
	}
	c := newChart("job", cycles)
	if c.Changes != 10001 || c.Failures != 1 || c.Stopped != 1 || c.MostChanges != 10000 || c.Longest != time.Hour {
		t.Errorf("%+v", c)
	}
	if c.Bars[2].Cycle.ID != "c" || c.Bars[2].X+barWidth != c.Width || c.Newest()[0].Cycle.ID != "c" {
		t.Errorf("%+v", c.Bars)
	}
	if c.Bars[1].Height == 0 || c.Bars[1].Failed == 0 || c.Bars[2].Height != 0 {
		t.Errorf("%+v", c.Bars)
	}
	for _, b := range c.Bars {
		if b.X < 0 || b.Height > chartHeight || b.Lasts < 0 || b.Lasts > chartHeight {
			t.Errorf("%+v", b)
		}
	}
	if empty := newChart("job", nil); len(empty.Bars) != 0 || empty.Line() != "" {
		t.Errorf("%+v", empty)
	}
}

// Of the tasks of a job one dry run is at work at a time; what has ended is forgotten after an hour, and before if there are
// too many.
func TestTasks(t *testing.T) {
	now := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	s := newTasks(func() time.Time { return now })
	add := func(id, kind string) (*task, bool, error) {
		return s.add(&task{ID: id, Job: "a", Kind: kind, Begun: now})
	}
	first, isNew, _ := add("1", taskPreview)
	if !isNew {
		t.Error("the first is not new")
	}
	if again, isNew, _ := add("2", taskDeep); isNew || again != first {
		t.Error("two dry runs at a time")
	}
	first.ended = now
	if second, isNew, _ := add("3", taskDeep); !isNew || s.find("a", (*task).isPreview) != second || len(s.all) != 1 {
		t.Error("the dry run before is kept beside the new one")
	} else {
		second.ended = now
	}
	if s.find("b", (*task).isPreview) != nil {
		t.Error("another job's task")
	}
	now = now.Add(tasksKept + time.Second)
	if s.find("a", (*task).isPreview) != nil {
		t.Error("it is kept for longer than an hour")
	}
	for i := range maxTasks {
		if _, _, err := add(strings.Repeat("x", i), taskExplain); err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
	if _, _, err := add("more", taskExplain); err == nil {
		t.Error("there may be any number at work")
	}
	s.all[0].ended = now
	if _, _, err := add("more", taskExplain); err != nil {
		t.Error(err)
	}
}
