package entratest_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ringsync/connectors/entra/entratest"
)

func TestBatch(t *testing.T) {
	s := newTenant(t, entratest.Options{Token: "secret"})
	s.header.Set("Authorization", "Bearer secret")
	users, groups := s.Populate(2, 1)
	r := s.call("POST", "/$batch", fmt.Sprintf(`{"requests": [
		{"id": "a", "method": "GET", "url": "/users?$filter=id in ('%s')&$select=id"},
		{"id": "b", "method": "GET", "url": "users/nobody@contoso.com"},
		{"id": "c", "method": "POST", "url": "/groups/%s/members/$ref", "headers": {"content-type": "application/json"},
			"body": {"@odata.id": "https://graph.microsoft.com/v1.0/directoryObjects/%s"}},
		{"id": "d", "method": "GET", "url": "/users", "dependsOn": ["b"]}]}`, users[0], groups[0], s.ServicePrincipal()))
	if r.status != 200 {
		t.Fatalf("batch: %d %s", r.status, r.raw)
	}
	var got []string
	for _, x := range r.body["responses"].([]any) {
		x := x.(map[string]any)
		got = append(got, fmt.Sprint(x["id"], x["status"]))
		if x["id"] == "a" && x["body"].(map[string]any)["value"].([]any)[0].(map[string]any)["id"] != users[0] {
			t.Errorf("a: %v", x)
		}
	}
	if want := []string{"d424", "c204", "b404", "a200"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestBatchRefusals(t *testing.T) {
	s := newTenant(t, entratest.Options{})
	item := func(id, url string) string { return fmt.Sprintf(`{"id": %q, "method": "GET", "url": %q}`, id, url) }
	many := func(n int) string {
		items := make([]string, n)
		for i := range items {
			items[i] = item(strconv.Itoa(i), "/users")
		}
		return strings.Join(items, ",")
	}
	for name, c := range map[string]struct {
		requests string
		status   int
	}{
		"20 items":            {many(20), 200},
		"21 items":            {many(21), 400},
		"none":                {"", 400},
		"same id":             {item("1", "/users") + "," + item("1", "/groups"), 400},
		"absolute url":        {item("1", "https://graph.microsoft.com/v1.0/users"), 400},
		"nested":              {item("1", "/$batch"), 400},
		"body of no type":     {`{"id": "1", "method": "POST", "url": "/users", "body": {}}`, 400},
		"unknown dependency":  {`{"id": "1", "method": "GET", "url": "/users", "dependsOn": ["0"]}`, 400},
		"not JSON":            {`{`, 400},
		"item of a bad url":   {item("1", "/users/%zz"), 200},
		"item of a bad query": {item("1", "/users?$top=1000"), 200},
	} {
		if r := s.call("POST", "/$batch", `{"requests": [`+c.requests+`]}`); r.status != c.status {
			t.Errorf("%s: %d, want %d (%s)", name, r.status, c.status, r.raw)
		}
	}
}

func TestFaults(t *testing.T) {
	date := time.Date(2026, 11, 2, 9, 0, 30, 0, time.UTC).Format(http.TimeFormat)
	for name, c := range map[string]struct {
		fault      *entratest.Fault
		status     int
		retryAfter string
		body       string
	}{
		"none":              {nil, 200, "", `^\{"@odata.context"`},
		"429":               {entratest.Throttled("2.128"), 429, "2.128", `"code":"TooManyRequests"`},
		"429, no hint":      {entratest.Throttled(""), 429, "", `"TooManyRequests"`},
		"429, date":         {entratest.Throttled(date), 429, date, `"TooManyRequests"`},
		"503, HTML":         {entratest.Gateway(503), 503, "", `<h1>503 Service Unavailable</h1>`},
		"504, JSON":         {&entratest.Fault{Status: 504}, 504, "", `"GatewayTimeout"`},
		"500 after effect":  {&entratest.Fault{Status: 500, After: true}, 500, "", `"InternalServerError"`},
		"status of no name": {&entratest.Fault{Status: 418}, 418, "", `"UnknownError"`},
	} {
		s := newTenant(t, entratest.Options{})
		s.Fault(func(*http.Request) *entratest.Fault { return c.fault })
		r := s.get("/users")
		if r.status != c.status || r.header.Get("Retry-After") != c.retryAfter || !regexp.MustCompile(c.body).MatchString(r.raw) {
			t.Errorf("%s: %d %q %s", name, r.status, r.header.Get("Retry-After"), r.raw)
		}
	}
}

// A write whose answer is lost may have happened, or not.
func TestLostAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		fault   entratest.Fault
		changed bool
	}{
		"dropped before":   {entratest.Fault{Drop: true}, false},
		"dropped after":    {entratest.Fault{Drop: true, After: true}, true},
		"refused before":   {entratest.Fault{Status: 500}, false},
		"refused after":    {entratest.Fault{Status: 500, After: true}, true},
		"answer cut":       {entratest.Fault{Truncate: true}, true},
		"none of the sort": {entratest.Fault{}, true},
	} {
		s := newTenant(t, entratest.Options{})
		s.Fault(func(*http.Request) *entratest.Fault { return &c.fault })
		body := `{"displayName": "g", "mailEnabled": false, "mailNickname": "g", "securityEnabled": true}`
		res, err := s.server.Client().Post(s.server.URL+"/v1.0/groups", "application/json", strings.NewReader(body))
		if err == nil {
			_, err = io.ReadAll(res.Body)
			res.Body.Close()
		}
		switch {
		case c.fault.Truncate && !errors.Is(err, io.ErrUnexpectedEOF):
			t.Errorf("%s: %v", name, err)
		case c.fault.Drop && err == nil:
			t.Errorf("%s: answered", name)
		}
		if changed := len(s.Groups()) == 1; changed != c.changed {
			t.Errorf("%s: took effect: %v", name, changed)
		}
	}
}

func TestFaultsInBatch(t *testing.T) {
	s := newTenant(t, entratest.Options{})
	s.Fault(func(r *http.Request) *entratest.Fault {
		switch {
		case strings.HasSuffix(r.URL.Path, "/users"):
			return entratest.Throttled("0.5")
		case strings.HasSuffix(r.URL.Path, "/groups"):
			return &entratest.Fault{Drop: true}
		case strings.HasSuffix(r.URL.Path, "/servicePrincipals"):
			return entratest.Gateway(502)
		}
		return nil
	})
	r := s.call("POST", "/$batch", `{"requests": [{"id": "1", "method": "GET", "url": "/users"}, {"id": "2", "method": "GET", "url": "/groups"},
		{"id": "3", "method": "GET", "url": "/servicePrincipals"}]}`)
	items := r.body["responses"].([]any)
	page, throttled := items[0].(map[string]any), items[2].(map[string]any)
	if r.status != 200 || throttled["status"] != 429.0 || throttled["headers"].(map[string]any)["Retry-After"] != "0.5" ||
		items[1].(map[string]any)["status"] != 504.0 {
		t.Errorf("batch: %d %s", r.status, r.raw)
	}
	if body, ok := page["body"].(string); !ok || !strings.Contains(body, "<html>") {
		t.Errorf("HTML in an item: %v", page)
	}
}

func TestDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := entratest.New(entratest.Options{})
		d.Fault(func(*http.Request) *entratest.Fault { return &entratest.Fault{Delay: time.Minute} })
		start := time.Now()
		req, _ := http.NewRequestWithContext(t.Context(), "GET", "http://graph/v1.0/users", http.NoBody)
		d.ServeHTTP(discard{}, req)
		if waited := time.Since(start); waited != time.Minute {
			t.Errorf("waited %v", waited)
		}
	})
}

type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Write(b []byte) (int, error) { return len(b), nil }
func (discard) WriteHeader(int)             {}

// The bucket empties, says for how long to wait in fractions of a second, and starts anew for the impatient.
func TestThrottling(t *testing.T) {
	clock := newClock()
	s := newTenant(t, entratest.Options{Units: 10, Now: clock.now})
	for i := range 5 {
		r := s.must("/users") // 2 units
		if high := r.header.Get("x-ms-throttle-limit-percentage"); (high != "") != (i == 4) {
			t.Errorf("request %d: percentage %q", i, high)
		}
	}
	r := s.get("/users")
	if r.status != 429 || !regexp.MustCompile(`^\d+\.\d{3}$`).MatchString(r.header.Get("Retry-After")) ||
		r.header.Get("x-ms-throttle-information") != "ResourceUnitLimitExceeded" ||
		r.header.Get("x-ms-throttle-scope") != "Tenant_Application/ReadWrite/"+s.AppID()+"/"+s.Tenant() {
		t.Fatalf("full bucket: %d %v", r.status, r.header)
	}
	seconds, _ := strconv.ParseFloat(r.header.Get("Retry-After"), 64)
	wait := time.Duration(seconds * float64(time.Second))
	clock.advance(wait - time.Millisecond)
	if r := s.get("/users"); r.status != 429 || s.EarlyCalls() != 1 {
		t.Errorf("too early: %d, %d early calls", r.status, s.EarlyCalls())
	}
	clock.advance(wait - time.Millisecond)
	if r := s.get("/users"); r.status != 429 {
		t.Errorf("the wait did not start anew: %d", r.status)
	}
	clock.advance(wait)
	s.must("/users")
}

func TestUnits(t *testing.T) {
	s := newTenant(t, entratest.Options{})
	users, groups := s.Populate(1, 1)
	for path, want := range map[string]string{
		"/users": "2", "/users?$select=id": "1", "/users?$select=id&$top=5": "1", "/users?$top=5": "1",
		"/groups/" + groups[0] + "/members": "3", "/groups/" + groups[0] + "/members?$select=id": "2",
		"/groups/" + groups[0] + "/transitiveMembers": "5", "/users/" + users[0] + "/memberOf": "2",
		"/servicePrincipals/" + s.ServicePrincipal() + "/appRoleAssignedTo": "1",
	} {
		if got := s.must(path).header.Get("x-ms-resource-unit"); got != want {
			t.Errorf("%s: %s units, want %s", path, got, want)
		}
	}
	for query, want := range map[string]string{"": "5", "?$select=id": "2"} {
		r := s.call("POST", "/directoryObjects/getByIds"+query, fmt.Sprintf(`{"ids": [%q]}`, users[0]))
		if got := r.header.Get("x-ms-resource-unit"); got != want {
			t.Errorf("getByIds%s: %s units, want %s", query, got, want)
		}
	}
}

// An injected 429 can be as strict.
func TestPenalty(t *testing.T) {
	clock := newClock()
	s := newTenant(t, entratest.Options{Now: clock.now})
	first := sync.OnceValue(func() *entratest.Fault {
		return &entratest.Fault{Status: 429, RetryAfter: clock.now().Add(30 * time.Second).Format(http.TimeFormat), Penalty: true}
	})
	asked := 0
	s.Fault(func(*http.Request) *entratest.Fault {
		if asked++; asked == 1 {
			return first()
		}
		return nil
	})
	for i, c := range []struct {
		after  time.Duration
		status int
	}{{0, 429}, {29 * time.Second, 429}, {29 * time.Second, 429}, {30 * time.Second, 200}} {
		clock.advance(c.after)
		if r := s.get("/users"); r.status != c.status {
			t.Errorf("request %d: %d, want %d", i, r.status, c.status)
		}
	}
	if s.EarlyCalls() != 2 {
		t.Errorf("%d early calls", s.EarlyCalls())
	}
}

// What a person does with curl.
func TestWrites(t *testing.T) {
	s := newTenant(t, entratest.Options{})
	role := s.AddRole(entratest.Role{Value: "User", Enabled: true})
	sp := "/servicePrincipals/" + s.ServicePrincipal() + "/appRoleAssignedTo"
	post := func(path, body string, want int) reply {
		t.Helper()
		r := s.call("POST", path, body)
		if r.status != want {
			t.Fatalf("POST %s: %d, want %d: %s", path, r.status, want, r.raw)
		}
		return r
	}
	do := func(method, path, body string, want int) {
		t.Helper()
		if r := s.call(method, path, body); r.status != want {
			t.Errorf("%s %s: %d, want %d: %s", method, path, r.status, want, r.raw)
		}
	}
	person := `{"accountEnabled": true, "displayName": "Ada O'Hara", "mailNickname": "ada", "userPrincipalName": "ada@contoso.com",
		"mail": "ada@contoso.com", "passwordProfile": {"password": "…"}}`
	made := post("/users", person, 201)
	u := made.text("id")
	if !strings.HasSuffix(made.text("@odata.context"), "$metadata#users/$entity") {
		t.Errorf("created: %s", made.raw)
	}
	if r := post("/users", person, 400); !strings.Contains(r.raw, `"target":"userPrincipalName"`) {
		t.Errorf("duplicate: %s", r.raw)
	}
	post("/users", `{"displayName": "Nobody"}`, 400)
	do("PATCH", "/users/ada@contoso.com", `{"jobTitle": "Engineer", "mobilePhone": null}`, 204)
	do("PATCH", "/users/"+u, `{"shoeSize": 38}`, 400)
	do("PATCH", "/users/"+u, `{"accountEnabled": "false"}`, 400)
	do("PATCH", "/users/"+u, `{"accountEnabled": null}`, 400)
	do("PATCH", "/users/"+u, `{"userPrincipalName": ""}`, 400)
	do("PATCH", "/users/"+u, `{"id": "x"}`, 400)
	do("PATCH", "/users/"+u, `{"businessPhones": "1"}`, 400)
	do("PATCH", "/users/nobody", `{}`, 404)
	if r := s.must("/users/" + u + "?$select=jobTitle,passwordProfile"); r.text("jobTitle") != "Engineer" || r.body["passwordProfile"] != nil {
		t.Errorf("after PATCH: %s", r.raw)
	}

	g := post("/groups", `{"displayName": "Sales", "mailEnabled": false, "mailNickname": "sales", "securityEnabled": true}`, 201).text("id")
	ref := fmt.Sprintf(`{"@odata.id": "https://graph.microsoft.com/v1.0/directoryObjects/%s"}`, u)
	do("POST", "/groups/"+g+"/members/$ref", ref, 204)
	do("POST", "/groups/"+g+"/members/$ref", ref, 400)
	do("POST", "/groups/"+g+"/members/$ref", `{"@odata.id": "https://x/nobody"}`, 404)
	grant := func(principal, role string) string {
		return fmt.Sprintf(`{"principalId": %q, "resourceId": %q, "appRoleId": %q}`, principal, s.ServicePrincipal(), role)
	}
	a := post(sp, grant(g, role), 201).text("id")
	post(sp, grant(g, role), 400)
	post(sp, grant(g, "b3c2a1d0-0000-0000-0000-000000000000"), 400)
	post(sp, grant("nobody", role), 404)
	sameSet(t, "assigned", s.Assigned(), []string{u})

	do("PATCH", "/groups/"+g, `{"displayName": "Sales EMEA"}`, 204)
	do("DELETE", sp+"/"+a, "", 204)
	do("DELETE", sp+"/"+a, "", 404)
	sameSet(t, "assigned", s.Assigned(), nil)
	do("DELETE", "/groups/"+g+"/members/"+u+"/$ref", "", 204)
	do("DELETE", "/groups/"+g+"/members/"+u+"/$ref", "", 404)
	do("DELETE", "/users/"+u, "", 204)
	post("/directory/deletedItems/"+u+"/restore", "{}", 200)
	do("DELETE", "/directory/deletedItems/"+u, "", 404)
	do("DELETE", "/users/"+u, "", 204)
	do("DELETE", "/directory/deletedItems/"+u, "", 204)
	do("DELETE", "/groups/"+g, "", 204)
	do("DELETE", "/groups/"+g, "", 404)
	if len(s.Users())+len(s.Groups()) != 0 {
		t.Errorf("left over: %v %v", s.Users(), s.Groups())
	}
}

func TestPopulate(t *testing.T) {
	d := entratest.New(entratest.Options{Seed: 7})
	users, groups := d.Populate(500, 4)
	again, _ := entratest.New(entratest.Options{Seed: 7}).Populate(500, 4)
	if !slices.Equal(users, again) {
		t.Error("the same seed gives other people")
	}
	sameSet(t, "assigned", d.Assigned(), users)
	if n := len(d.Members(groups[0])); n < 100 {
		t.Errorf("%d members", n)
	}
	upns, countries, odd, differs, noMobile := map[string]bool{}, map[any]int{}, 0, 0, 0
	for _, id := range users {
		u, _ := d.User(id)
		upns[strings.ToLower(u["userPrincipalName"].(string))] = true
		countries[u["country"]]++
		mail := u["mail"].(string)
		if strings.ContainsFunc(mail, func(r rune) bool { return r > 126 }) {
			t.Errorf("mail %s has accents", mail)
		}
		if strings.ContainsFunc(u["displayName"].(string), func(r rune) bool { return r > 126 || r == '\'' }) {
			odd++
		}
		if u["userPrincipalName"] != mail {
			differs++
		}
		if u["mobilePhone"] == nil {
			noMobile++
		}
	}
	if len(upns) != 500 || len(countries) != 4 || odd < 50 || differs == 0 || differs > 50 || noMobile < 20 || noMobile > 150 {
		t.Errorf("%d names, countries %v, %d odd names, %d with another mail, %d without mobile", len(upns), countries, odd, differs, noMobile)
	}
}

// Everything may happen at once.
func TestConcurrency(t *testing.T) {
	s := newTenant(t, entratest.Options{PageSize: 10, EmptyPages: true, RepeatRows: true, Lag: 1, ReplayDelta: true, Units: 1 << 20})
	users, groups := s.Populate(100, 3)
	var wg sync.WaitGroup
	for _, path := range []string{"/users", "/users/delta?$select=mail", "/groups/delta?$select=members", "/groups/" + groups[0] + "/transitiveMembers"} {
		wg.Go(func() {
			for link := path; link != ""; {
				r := s.get(link)
				if r.status != 200 {
					t.Errorf("%s: %d", link, r.status)
				}
				link = r.next()
			}
		})
	}
	wg.Go(func() {
		for i, u := range users {
			s.UpdateUser(u, map[string]any{"mail": fmt.Sprint(i)})
			s.RemoveMember(groups[i%3], u)
			s.Unassign(u)
			s.SoftDelete(u)
			if i%2 == 0 {
				s.Restore(u)
			} else {
				s.HardDelete(u)
			}
			s.AddUser(entratest.User{})
			s.Assigned()
		}
	})
	wg.Wait()
}

// A new userPrincipalName frees the old one.
func TestRename(t *testing.T) {
	d := entratest.New(entratest.Options{})
	a := d.AddUser(entratest.User{"userPrincipalName": "a@contoso.com"})
	b := d.AddUser(entratest.User{"userPrincipalName": "b@contoso.com"})
	for name, c := range map[string]bool{"B@contoso.com": false, "": false, "A@contoso.com": true, "c@contoso.com": true} {
		if done := d.UpdateUser(a, map[string]any{"userPrincipalName": name}); done != c {
			t.Errorf("rename to %q: %v", name, done)
		}
	}
	d.UpdateUser(a, map[string]any{"userPrincipalName": "c@contoso.com"})
	if id := d.AddUser(entratest.User{"userPrincipalName": "A@CONTOSO.COM"}); id == "" {
		t.Error("the old name is still taken")
	}
	if id := d.AddUser(entratest.User{"userPrincipalName": "b@contoso.com"}); id != "" || !d.HardDelete(b) {
		t.Error("two people of one name")
	}
}

// recovering is a transport without a network, as simulations in virtual time need it.
type recovering struct{ http.Handler }

func (h recovering) RoundTrip(r *http.Request) (res *http.Response, err error) {
	w := httptest.NewRecorder()
	defer func() {
		if p := recover(); p != nil {
			res, err = nil, io.ErrUnexpectedEOF
		}
	}()
	h.ServeHTTP(w, r)
	return w.Result(), nil
}

func TestWithoutNetwork(t *testing.T) {
	d := entratest.New(entratest.Options{PageSize: 1})
	d.Populate(2, 0)
	client := http.Client{Transport: recovering{d}}
	res, err := client.Get("https://graph.example/v1.0/users?$select=id")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(res.Body)
	res.Body.Close()
	if !strings.Contains(string(body), `"@odata.nextLink":"https://graph.example/v1.0/users?$select=id&$skiptoken=`) {
		t.Errorf("links leave the origin: %s", body)
	}
	d.Fault(func(*http.Request) *entratest.Fault { return &entratest.Fault{Drop: true} })
	if _, err := client.Get("https://graph.example/v1.0/users"); err == nil {
		t.Error("answered")
	}
}

func TestRequestTooLarge(t *testing.T) {
	s := newTenant(t, entratest.Options{})
	if r := s.call("POST", "/users", strings.Repeat(" ", 4<<20+1)); r.status != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d", r.status)
	}
}
