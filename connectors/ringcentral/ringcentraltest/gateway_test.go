package ringcentraltest_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	rc "ringsync/connectors/ringcentral/ringcentraltest"
	"ringsync/connectors/ringcentral/ringcentraltest/contract"
)

func TestCredentials(t *testing.T) {
	account, c := setupAbuse(t, rc.Options{Limits: rc.DocumentedLimits()})
	for header, code := range map[string]string{
		"":                      "OAU-149",
		"Bearer":                "OAU-149",
		"Basic " + token:        "OAU-149",
		"Bearer " + token + "x": "OAU-213",
		"bearer another-token":  "OAU-213",
	} {
		r := c.request("GET", "/Users", "")
		r.Header.Set("Authorization", header)
		a, err := c.try(r)
		if err != nil {
			t.Fatal(err)
		}
		var e struct {
			ErrorCode string
			Errors    []struct{ ErrorCode string }
		}
		a.want(t, 401).decode(t, &e)
		if e.ErrorCode != code || len(e.Errors) != 1 || e.Errors[0].ErrorCode != code {
			t.Errorf("%q: %s, want %s", header, a.body, code)
		}
		if a.header.Get("Content-Type") != "application/json" || a.header.Get("X-Rate-Limit-Limit") != "" || strings.Contains(a.body, token) {
			t.Errorf("%q: %v %s", header, a.header, a.body)
		}
	}
	if a := c.do("GET", "/Users", "").want(t, 200); a.header.Get("X-Rate-Limit-Remaining") != "49" {
		t.Errorf("requests without credentials count in the limit: %v", a.header)
	}
	if n := account.Requests()["GET /Users"]; n != 6 {
		t.Errorf("%d requests counted, want 6", n)
	}
}

func TestMediaTypes(t *testing.T) {
	_, c := setupAbuse(t, rc.Options{Licenses: -1})
	for i, kind := range []string{"application/scim+json", "application/json", "Application/JSON; charset=utf-8"} {
		r := c.request("POST", "/Users", person(fmt.Sprintf("p%d@example.com", i)))
		r.Header.Set("Content-Type", kind)
		a, err := c.try(r)
		if err != nil {
			t.Fatal(err)
		}
		a.want(t, 201)
	}
	for _, kind := range []string{"", "text/plain", "application/xml"} {
		r := c.request("POST", "/Users", person("grace@example.com"))
		r.Header.Set("Content-Type", kind)
		a, err := c.try(r)
		if err != nil {
			t.Fatal(err)
		}
		a.wantError(t, 415, "")
	}
	for accept, want := range map[string]string{
		"":                 "application/scim+json",
		"*/*":              "application/scim+json",
		"application/json": "application/json",
		"application/json, application/scim+json": "application/scim+json",
	} {
		r := c.request("GET", "/Users", "")
		r.Header.Set("Accept", accept)
		a, err := c.try(r)
		if err != nil {
			t.Fatal(err)
		}
		if got := a.want(t, 200).header.Get("Content-Type"); got != want {
			t.Errorf("Accept %q: Content-Type %q, want %q", accept, got, want)
		}
	}
}

// Bodies may be 10 MiB where a user is written, 1 MiB elsewhere.
func TestBodyLimit(t *testing.T) {
	_, c := setupAbuse(t, rc.Options{Licenses: -1})
	spaces := strings.Repeat(" ", 1<<20)
	c.do("POST", "/Users", spaces+person("grace@example.com")).want(t, 201)
	c.do("POST", "/Users", strings.Repeat(spaces, 10)+person("ada@example.com")).wantError(t, 413, "")
	c.do("POST", "/Users/.search", spaces+"{}").wantError(t, 413, "")
}

func TestUnknownPaths(t *testing.T) {
	account, c := setupAbuse(t, rc.Options{})
	c.do("GET", "/Groups", "").wantError(t, 404, "")
	c.do("POST", "/Bulk", "{}").wantError(t, 404, "")
	c.do("GET", "/health", "").wantError(t, 404, "")
	c.do("DELETE", "/Users", "").wantError(t, 404, "")
	c.base = strings.TrimSuffix(c.base, "/scim/v2")
	c.do("GET", "/restapi/v1.0/account/~/call-log", "").want(t, 404)
	if n := account.Requests()["other"]; n != 5 {
		t.Errorf("%d other requests, want 5", n)
	}
}

// rates is a reply's "status group limit remaining window retry-after".
func rates(a answer) string {
	h := a.header
	return strings.TrimSpace(fmt.Sprintln(a.status, h.Get("X-Rate-Limit-Group"), h.Get("X-Rate-Limit-Limit"),
		h.Get("X-Rate-Limit-Remaining"), h.Get("X-Rate-Limit-Window"), h.Get("Retry-After")))
}

// The window slides; each group has its own; a request inside the penalty begins it anew.
func TestLimits(t *testing.T) {
	now := start
	account, c := setup(t, rc.Options{
		Licenses: -1,
		Now:      func() time.Time { return now },
		Limits: map[string]rc.Limit{
			"Light": {Requests: 3, Window: 10 * time.Second, Penalty: 20 * time.Second},
			"Heavy": {Requests: 1, Window: time.Minute, Penalty: time.Minute},
		},
	})
	at := func(second int, want string) {
		t.Helper()
		now = start.Add(time.Duration(second) * time.Second)
		if got := rates(c.do("GET", "/Users", "")); got != want {
			t.Errorf("after %d s: %q, want %q", second, got, want)
		}
	}
	at(0, "200 light 3 2 10")
	at(4, "200 light 3 1 10")
	at(8, "200 light 3 0 10")
	at(10, "200 light 3 0 10") // the first has left the window
	at(11, "429 light 3 0 10 20")
	at(15, "429 light 3 0 10 20") // inside the penalty: it begins anew
	at(34, "429 light 3 0 10 20")
	at(54, "200 light 3 2 10")
	if n := account.EarlyRequests(); n != 2 {
		t.Errorf("%d early requests, want 2", n)
	}

	if got := rates(c.do("POST", "/Users", person("grace@example.com"))); got != "201 heavy 1 0 60" {
		t.Errorf("first write: %q", got)
	}
	over := c.do("POST", "/Users", person("ada@example.com"))
	if got := rates(over); got != "429 heavy 1 0 60 60" || !strings.Contains(over.body, `"errorCode":"CMN-301"`) {
		t.Errorf("second write: %q %s", got, over.body)
	}
	if n := len(account.Writes()); n != 1 {
		t.Errorf("%d writes, want 1: what the gateway refuses is none", n)
	}
	account.ResetRequests()
	if n, early := len(account.Requests()), account.EarlyRequests(); n != 0 || early != 0 {
		t.Errorf("%d routes, %d early requests after the reset", n, early)
	}
}

func TestNoLimits(t *testing.T) {
	_, c := setup(t, rc.Options{})
	for range 100 {
		if got := rates(c.do("GET", "/Users", "")); got != "200" {
			t.Fatalf("reply without limits: %q", got)
		}
	}
}

// Faults whose replies the description allows: errors in either form, and HTML from what stands before the service.
func TestErrorFaults(t *testing.T) {
	account, c := setup(t, rc.Options{Licenses: -1, Limits: rc.DocumentedLimits()})
	tests := []struct {
		fault        *rc.Fault
		status       int
		kind, within string
	}{
		{rc.GatewayFault(401, "OAU-128", "Access token expired"), 401, "application/json", "OAU-128"},
		{rc.GatewayFault(403, "CMN-401", "In order to call this API endpoint, application needs to have [EditAccounts] permission"), 403, "application/json", "CMN-401"},
		{rc.SCIMFault(500, "", "Internal error"), 500, "application/scim+json", "Internal error"},
		{rc.GatewayFault(503, "CMN-211", "Service temporarily unavailable"), 503, "application/json", "CMN-211"},
		{rc.HTMLFault(502), 502, "text/html; charset=utf-8", "Bad Gateway"},
	}
	for _, test := range tests {
		account.Fault(func(*http.Request) *rc.Fault { return test.fault })
		a := c.do("POST", "/Users", person("grace@example.com")).want(t, test.status)
		if a.header.Get("Content-Type") != test.kind || !strings.Contains(a.body, test.within) || a.header.Get("X-Rate-Limit-Group") != "heavy" {
			t.Errorf("%d: %v %s", test.status, a.header, a.body)
		}
		if len(account.Users()) != 0 {
			t.Fatalf("%d: the request took effect", test.status)
		}
	}
	account.Fault(nil)
	c.create("grace@example.com")
	if got, want := account.Posts()["grace@example.com"], (rc.PostCount{All: 6, Created: 1}); got != want {
		t.Errorf("posts = %v, want %v", got, want)
	}
}

// A throttling fault shuts the group like an exceeded limit, announced or not.
func TestThrottleFault(t *testing.T) {
	now := start
	account, c := setup(t, rc.Options{Now: func() time.Time { return now }})
	fault := rc.ThrottleFault(30 * time.Second)
	fault.Header.Del("Retry-After")
	account.Fault(func(*http.Request) *rc.Fault { return fault })
	if got := rates(c.do("GET", "/Users", "")); got != "429" {
		t.Errorf("the fault: %q", got)
	}
	account.Fault(nil)
	now = now.Add(29 * time.Second)
	if got := rates(c.do("GET", "/Users", "")); got != "429     30" {
		t.Errorf("inside the penalty: %q", got)
	}
	now = now.Add(30 * time.Second)
	c.do("GET", "/Users", "").want(t, 200)
	if n := account.EarlyRequests(); n != 1 {
		t.Errorf("%d early requests, want 1", n)
	}
}

// Faults that break the reply: the effect is there or not, but the client cannot tell.
func TestLostReplies(t *testing.T) {
	tests := []struct {
		name   string
		fault  rc.Fault
		effect bool
		status int // as journaled
	}{
		{"dropped before the effect", rc.Fault{Drop: true}, false, 0},
		{"dropped after the effect", rc.Fault{Drop: true, AfterEffect: true}, true, 0},
		{"truncated", rc.Fault{Truncate: true}, true, 201},
		{"truncated error", rc.Fault{Truncate: true, Status: 500, Body: "<html></html>"}, false, 500},
	}
	for _, test := range tests {
		account := newAccount(rc.Options{Licenses: -1})
		for _, handler := range []http.Handler{account, contract.CheckRequests(t, account)} {
			c := connect(t, handler)
			account.Fault(func(*http.Request) *rc.Fault { return &test.fault })
			account.ResetRequests()
			if a, err := c.try(c.request("POST", "/Users", person("grace@example.com"))); err == nil {
				t.Errorf("%s: answered %+v", test.name, a)
			}
			if n := len(account.Users()); (n == 1) != test.effect {
				t.Errorf("%s: %d accounts", test.name, n)
			}
			w := account.Writes()
			if len(w) != 1 || w[0].Effect != test.effect || w[0].Status != test.status || (w[0].ID != "") != test.effect {
				t.Errorf("%s: journal %+v", test.name, w)
			}
			for _, u := range account.Users() {
				account.Remove(u.ID)
			}
		}
	}
}

// A success answer that is not SCIM, and half a list for a whole one.
func TestMisleadingFaults(t *testing.T) {
	account := newAccount(rc.Options{})
	people(account, 6)
	c := connect(t, contract.CheckRequests(t, account))
	account.Fault(func(*http.Request) *rc.Fault { return rc.HTMLFault(200) })
	if a := c.do("GET", "/Users/1", "").want(t, 200); !strings.HasPrefix(a.body, "<!DOCTYPE html>") {
		t.Errorf("body = %s", a.body)
	}
	account.Fault(func(*http.Request) *rc.Fault { return &rc.Fault{HalfList: true} })
	if got := c.page("").String(); got != "3 1 3 [1 2 3]" {
		t.Errorf("half a list: %s", got)
	}
	if got := c.page(`filter=userName+eq+"p6@example.com"`).String(); got != "1 1 1 [6]" {
		t.Errorf("a search: %s", got)
	}
}

// A fault chooser sees the request whole and may use the account.
func TestFaultChooser(t *testing.T) {
	account, c := setup(t, rc.Options{})
	people(account, 2)
	account.Fault(func(r *http.Request) *rc.Fault {
		body, err := io.ReadAll(r.Body)
		u, _ := account.User(r.PathValue("id"))
		if err == nil && u.UserName == "p2@example.com" && strings.Contains(string(body), "title") {
			return &rc.Fault{Status: 500, Body: `{"errorCode":"CMN-211","message":"down"}`, Unrated: true, Header: http.Header{"Content-Type": {"application/json"}}}
		}
		return nil
	})
	title := operations(`{"op":"replace","path":"title","value":"x"}`)
	c.do("PATCH", "/Users/1", title).want(t, 200)
	c.do("PATCH", "/Users/2", title).want(t, 500)
	c.do("PATCH", "/Users/2", operations(`{"op":"replace","path":"externalId","value":"x"}`)).want(t, 200)
}

// memory is a transport that hands requests to a handler without sockets, so that virtual time goes on.
type memory struct{ handler http.Handler }

func (m memory) RoundTrip(r *http.Request) (response *http.Response, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		recorder := httptest.NewRecorder()
		defer func() {
			if recover() != nil {
				err = io.ErrUnexpectedEOF
				return
			}
			response = recorder.Result()
		}()
		m.handler.ServeHTTP(recorder, r)
	}()
	select {
	case <-done:
		return response, err
	case <-r.Context().Done():
		<-done
		return nil, r.Context().Err()
	}
}

// Latency and delays pass on the bubble's clock. A delay outlives no client; latency does, and so the effect.
func TestVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		account := newAccount(rc.Options{Licenses: -1, Latency: 5 * time.Millisecond})
		c := &http.Client{Transport: memory{account}, Timeout: time.Second}
		post := func(mail string) error {
			r := client{t, "http://ringcentral.test/scim/v2"}.request("POST", "/Users", person(mail))
			response, err := c.Do(r)
			if err != nil {
				return err
			}
			return response.Body.Close()
		}
		begin := time.Now()
		if err := post("grace@example.com"); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took != 5*time.Millisecond {
			t.Errorf("a create took %v", took)
		}
		account.Fault(func(*http.Request) *rc.Fault { return &rc.Fault{Delay: time.Hour} })
		begin = time.Now()
		if err := post("ada@example.com"); !isTimeout(err) {
			t.Errorf("error = %v, want a time-out", err)
		}
		if took := time.Since(begin); took != time.Second {
			t.Errorf("the time-out took %v", took)
		}
		if n := len(account.ByMail("ada@example.com")); n != 1 {
			t.Errorf("%d accounts made behind the client's back, want 1", n)
		}
	})
}

func isTimeout(err error) bool {
	timeout, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err)
	return ok && timeout.Timeout()
}

// Two writes of one user at a time: the later is refused without rate-limit headers. Other users' writes go on.
func TestRefuseConcurrent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		account := newAccount(rc.Options{Licenses: -1, RefuseConcurrent: true, Latency: time.Second, Limits: rc.DocumentedLimits()})
		people(account, 2)
		c := &http.Client{Transport: memory{account}}
		var mu sync.Mutex
		counts := make(map[string]int)
		var wg sync.WaitGroup
		send := func(method, path, body string) {
			r := client{t, "http://ringcentral.test/scim/v2"}.request(method, path, body)
			wg.Go(func() {
				response, err := c.Do(r)
				if err != nil {
					t.Error(err)
					return
				}
				defer response.Body.Close()
				mu.Lock()
				defer mu.Unlock()
				counts[fmt.Sprint(method, path, response.StatusCode, response.Header.Get("X-Rate-Limit-Group"))]++
			})
		}
		title := operations(`{"op":"replace","path":"title","value":"x"}`)
		for range 2 {
			send("PATCH", "/Users/1", title)
			send("POST", "/Users", person("grace@example.com"))
		}
		send("PATCH", "/Users/2", title)
		wg.Wait()
		want := map[string]int{
			"PATCH/Users/1200heavy": 1, "PATCH/Users/1429": 1, "PATCH/Users/2200heavy": 1,
			"POST/Users201heavy": 1, "POST/Users429": 1,
		}
		if fmt.Sprint(counts) != fmt.Sprint(want) {
			t.Errorf("replies = %v, want %v", counts, want)
		}
	})
}
