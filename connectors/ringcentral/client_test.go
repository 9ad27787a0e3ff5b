package ringcentral_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ringsync/connectors"
	"ringsync/connectors/ringcentral"
	rc "ringsync/connectors/ringcentral/ringcentraltest"
)

func TestSchema(t *testing.T) {
	s := ringcentral.Schema()
	for _, name := range append(paths, "USERNAME", `Emails[Type eq "Work"].Value`, "urn:ietf:params:scim:schemas:core:2.0:User:title",
		`phoneNumbers[type eq "work"].value`, `phoneNumbers[type eq "other"].value`, `photos[type eq "photo"].value`) {
		if _, ok := s.Lookup(name); !ok {
			t.Errorf("%s is not an attribute", name)
		}
	}
	for _, name := range []string{"displayName", "manager", `emails[type eq "home"].value`, "emails.value", "department", "name", ""} {
		if a, ok := s.Lookup(name); ok {
			t.Errorf("%s is taken for %s", name, a.Name)
		}
	}
	if near := s.Nearest(`email[type eq "work"].value`); near != paths[mail] {
		t.Errorf("nearest to email is %q", near)
	}
}

func TestNewRefuses(t *testing.T) {
	for want, change := range map[string]func(*ringcentral.Options){
		"must be like https":           func(o *ringcentral.Options) { o.URL = "platform.ringcentral.com/scim/v2" },
		"target URL":                   func(o *ringcentral.Options) { o.URL = "https://a b/\x7f" },
		"plain http only on loopback":  func(o *ringcentral.Options) { o.URL = "http://platform.ringcentral.com/scim/v2" },
		"no user, query or fragment":   func(o *ringcentral.Options) { o.URL = "https://x.test/scim?aadOptscim062020" },
		"no token":                     func(o *ringcentral.Options) { o.Token = nil },
		"no slots":                     func(o *ringcentral.Options) { o.Slots = nil },
		"rate share 1.5":               func(o *ringcentral.Options) { o.RateShare = 1.5 },
		"concurrency -1":               func(o *ringcentral.Options) { o.Concurrency = -1 },
		"slot displayName":             func(o *ringcentral.Options) { o.Slots = connectors.NewSlots("displayName") },
		"slot USERNAME: not an attrib": func(o *ringcentral.Options) { o.Slots = connectors.NewSlots("USERNAME") },
	} {
		o := ringcentral.Options{URL: "https://x.test/scim", Token: ringcentral.StaticToken("t"), Slots: connectors.NewSlots("userName")}
		change(&o)
		if c, err := ringcentral.New(o); err == nil || c != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want an error with %q", err, want)
		}
	}
	for _, url := range []string{"https://x.test", "http://localhost:1/scim/v2/", "http://127.8.0.1", "http://[::1]:9/x"} {
		newClient(t, url)
	}
}

func TestList(t *testing.T) {
	a, c := account(t, rc.Options{ListCap: 7, ShuffleList: true, RepeatRows: true})
	for i := range 40 {
		a.Add(rc.User{UserName: fmt.Sprintf("u%d@x.test", i), Email: fmt.Sprintf("u%d@x.test", i), GivenName: "A", FamilyName: "B",
			Active: i%2 == 0, ExternalID: fmt.Sprint("e", i), Phones: []rc.Phone{{Type: "mobile", Value: "+16505550100"}},
			Address: &rc.Address{Region: "CA", Country: "United States"}})
	}
	found, sum, err := list(t, c)
	if err != nil || len(found) != 40 || sum.Read != 40 {
		t.Fatalf("%d accounts, %+v (%v)", len(found), sum, err)
	}
	for id, r := range found {
		u, _ := a.User(id)
		if r.UserName != u.UserName || r.ExternalID != u.ExternalID || r.Active != u.Active || len(r.Values) != len(paths) ||
			!r.Values[mail].Equal(str(u.Email)) || r.Values[title].Kind() != connectors.Null {
			t.Errorf("account %s: %+v", id, r)
		}
		// Lists say nothing of phone numbers and addresses.
		for _, slot := range []int{mobile, street, region, country} {
			if r.Values[slot].Kind() != connectors.Absent {
				t.Errorf("account %s: %s is not absent", id, paths[slot])
			}
		}
	}
}

// A server that refuses to list so many at once is asked for fewer.
func TestListAsksForFewer(t *testing.T) {
	var asked []string
	c := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		count := r.URL.Query().Get("count")
		asked = append(asked, count)
		if count != "100" {
			replies(400, `{"scimType":"tooMany","detail":"count"}`).ServeHTTP(w, r)
			return
		}
		replies(200, `{"totalResults":1,"Resources":[{"id":"1","userName":"a"}]}`).ServeHTTP(w, r)
	}))
	for range 2 {
		if found, _, err := list(t, c); err != nil || len(found) != 1 {
			t.Fatal(found, err)
		}
	}
	if got := strings.Join(asked, " "); got != "1000 100 100" {
		t.Errorf("asked for %s", got)
	}
}

func TestFind(t *testing.T) {
	a, c := account(t, rc.Options{AllowDuplicates: true})
	ann := a.Add(rc.User{UserName: "Ann@X.test", Email: "ann@x.test", GivenName: "A", FamilyName: "B"})
	two := a.Add(rc.User{UserName: "ANN@x.test", Email: "other+ann's@x.test", GivenName: "A", FamilyName: "B"})
	for _, test := range []struct {
		slot  int
		value string
		want  []string
	}{
		{userName, "ann@x.test", []string{ann, two}},
		{mail, "ANN@X.TEST", []string{ann}},
		{mail, "other+ann's@x.test", []string{two}},
		{userName, `nobody" or userName eq "ann@x.test`, nil},
	} {
		found, err := c.Find(t.Context(), paths[test.slot], test.value)
		var ids []string
		for _, r := range found {
			ids = append(ids, r.ID)
		}
		if err != nil || strings.Join(ids, " ") != strings.Join(test.want, " ") {
			t.Errorf("%s %q: %v (%v); want %v", paths[test.slot], test.value, ids, err, test.want)
		}
	}
	_, err := c.Find(t.Context(), "externalId", "x")
	wantFault(t, err, connectors.FaultConfig)
}

// A server that ignores filters and paging makes no false match, and one whose hit has no id is not passed over.
func TestFindAtOddServers(t *testing.T) {
	const row = `{"id":"%s","userName":"%s","emails":[{"type":"work","value":"%s"}]}`
	all := `{"totalResults":2,"Resources":[` + fmt.Sprintf(row, "1", "a@x.test", "a@x.test") + "," + fmt.Sprintf(row, "2", "b@x.test", "b@x.test") + `]}`
	c := serve(t, replies(200, all))
	for _, slot := range []int{userName, mail} {
		if found, err := c.Find(t.Context(), paths[slot], "B@X.test"); err != nil || len(found) != 1 || found[0].ID != "2" {
			t.Errorf("%+v (%v)", found, err)
		}
		if found, err := c.Find(t.Context(), paths[slot], "c@x.test"); err != nil || len(found) != 0 {
			t.Errorf("%+v (%v)", found, err)
		}
	}
	c = serve(t, replies(200, `{"totalResults":1,"Resources":[{"userName":"a@x.test"}]}`))
	_, err := c.Find(t.Context(), "userName", "a@x.test")
	wantFault(t, err, connectors.FaultProtocol)
}

// Matching by an attribute that is not mapped works too, and shows nobody the client's own slots.
func TestFindByUnmappedAttribute(t *testing.T) {
	c := serve(t, replies(200, `{"totalResults":1,"Resources":[{"id":"1","userName":"a","emails":[{"type":"work","value":"m"}]}]}`),
		func(o *ringcentral.Options) { o.Slots = connectors.NewSlots("title") })
	found, err := c.Find(t.Context(), paths[mail], "m")
	if err != nil || len(found) != 1 || len(found[0].Values) != 1 {
		t.Errorf("%+v (%v)", found, err)
	}
}

func TestGet(t *testing.T) {
	a, c := account(t, rc.Options{})
	id := a.Add(rc.User{UserName: "a@x.test", Email: "a@x.test", GivenName: "A", FamilyName: "B", Active: true, Department: "Sales",
		Phones:  []rc.Phone{{Type: "mobile", Value: "+16505550100"}, {Type: "other", Value: "146"}},
		Address: &rc.Address{Region: "CA", Country: "United States"}})
	r, err := c.Get(t.Context(), id)
	const want = `userName="a@x.test"
externalId=null
active=true
title=null
name.givenName="A"
name.familyName="B"
emails[type eq "work"].value="a@x.test"
phoneNumbers[type eq "mobile"].value="+16505550100"
addresses[type eq "work"].streetAddress=null
addresses[type eq "work"].locality=null
addresses[type eq "work"].region="CA"
addresses[type eq "work"].postalCode=null
addresses[type eq "work"].country="United States"
urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department="Sales"`
	if err != nil || show(r.Values) != want {
		t.Errorf("(%v)\n%s\nwant\n%s", err, show(r.Values), want)
	}
	_, err = c.Get(t.Context(), "4711")
	wantFault(t, err, connectors.FaultNotFound)
}

// An answer about somebody else, or about nobody, is not about the account that was asked for.
func TestGetOfAnotherAccount(t *testing.T) {
	for _, body := range []string{`{"id":"8","userName":"a"}`, `{}`, `{"totalResults":1,"Resources":[{"id":"7"}]}`} {
		_, err := serve(t, replies(200, body)).Get(t.Context(), "7")
		wantFault(t, err, connectors.FaultProtocol)
	}
}

// An id never turns a request for one account into one for all of them.
func TestIDsArePathSegments(t *testing.T) {
	var seen []string
	c := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.URL.EscapedPath())
		w.WriteHeader(204)
	}))
	for _, id := range []string{"", ".", ".."} {
		if err := c.Delete(t.Context(), id); err == nil {
			t.Errorf("id %q is taken", id)
		}
		if _, err := c.Update(t.Context(), id, []int{title}, person("a")); err == nil {
			t.Errorf("id %q is taken", id)
		}
		if _, err := c.Get(t.Context(), id); err == nil {
			t.Errorf("id %q is taken", id)
		}
	}
	if err := c.Delete(t.Context(), "a/../b?c#d"); err != nil {
		t.Error(err)
	}
	if got := strings.Join(seen, " "); got != "/scim/v2/Users/a%2F..%2Fb%3Fc%23d" {
		t.Errorf("requests for %s", got)
	}
}

// Reads outlast what passes: 5xx, broken answers, lost connections. Writes are sent once.
func TestReadsAreRepeated(t *testing.T) {
	for name, fault := range map[string]*rc.Fault{
		"500": rc.SCIMFault(500, "", "oops"), "502 HTML": rc.HTMLFault(502), "no answer": {Drop: true}, "half an answer": {Truncate: true},
		"503": rc.GatewayFault(503, "CMN-211", "unavailable"),
	} {
		t.Run(name, func(t *testing.T) {
			a := rc.New(rc.Options{Token: token, Licenses: -1})
			id := a.Add(rc.User{UserName: "a@x.test", Email: "a@x.test", GivenName: "A", FamilyName: "B"})
			// net/http repeats a read of its own accord when a kept connection is closed: no kept ones here.
			fresh := &http.Transport{DisableKeepAlives: true}
			c := serve(t, a, func(o *ringcentral.Options) { o.Transport = fresh })
			var n atomic.Int32
			a.Fault(func(*http.Request) *rc.Fault {
				if n.Add(1) <= 2 {
					return fault
				}
				return nil
			})
			if r, err := c.Get(t.Context(), id); err != nil || r.UserName != "a@x.test" {
				t.Errorf("%+v (%v)", r, err)
			}
			a.Fault(func(*http.Request) *rc.Fault { return fault })
			a.ResetRequests()
			_, err := c.Get(t.Context(), id)
			wantFault(t, err, connectors.FaultTransient)
			_, err = c.Create(t.Context(), person("b@x.test"))
			wantFault(t, err, connectors.FaultUnsettled)
			_, err = c.Update(t.Context(), id, []int{title}, person("a@x.test"))
			wantFault(t, err, connectors.FaultUnsettled)
			if err := c.Delete(t.Context(), id); !fault.Truncate { // what has no body cannot break off
				wantFault(t, err, connectors.FaultUnsettled)
			}
			if got := fmt.Sprint(a.Requests()); got != "map[DELETE /Users/{id}:1 GET /Users/{id}:4 PATCH /Users/{id}:1 POST /Users:1]" {
				t.Errorf("requests: %s", got)
			}
		})
	}
}

// A broken JSON document under a whole HTTP answer is repeated, too.
func TestBrokenJSONIsRepeated(t *testing.T) {
	var n atomic.Int32
	c := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1) == 1 {
			fmt.Fprint(w, `{"totalResults":1,"Resources":[{"id":`)
			return
		}
		fmt.Fprint(w, `{"totalResults":1,"Resources":[{"id":"1","userName":"a"}]}`)
	}))
	if found, sum, err := list(t, c); err != nil || len(found) != 1 || sum.Pages != 1 {
		t.Error(found, sum, err)
	}
}

// A service that does not exist is transient, for creates too: nothing was sent.
func TestNobodyThere(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	for op, err := range every(t.Context(), newClient(t, server.URL)) {
		if connectors.FaultOf(err) != connectors.FaultTransient {
			t.Errorf("%s: %v", op, err)
		}
	}
}

// What ends a request early is told apart: our own time limit, and the caller's wish.
func TestTimeAndCancellation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, "https://x.test/scim", func(o *ringcentral.Options) { o.Transport = silence{} })
		_, err := c.Create(t.Context(), person("a"))
		wantFault(t, err, connectors.FaultUnsettled)
		if errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v is taken for the end of the caller's time", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = c.Create(ctx, person("a"))
		wantFault(t, err, connectors.FaultUnsettled)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v hides that the caller's time is up", err)
		}
		// Sent after that, a create cannot have happened.
		_, err = c.Create(ctx, person("a"))
		wantFault(t, err, connectors.FaultTransient)
	})
}

// silence never answers.
type silence struct{}

func (silence) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// A redirect would carry the token away. It is not followed, to whatever host.
func TestRedirectsAreNotFollowed(t *testing.T) {
	leaked := false
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { leaked = true }))
	defer elsewhere.Close()
	for op, err := range every(t.Context(), serve(t, replies(307, "", "Location", elsewhere.URL+"/login?session=private"))) {
		if connectors.FaultOf(err) != connectors.FaultProtocol || strings.Contains(fmt.Sprint(err), "private") {
			t.Errorf("%s: %v", op, err)
		}
	}
	if leaked {
		t.Error("a redirect was followed")
	}
}

// The token is in no error, whatever the server or the token itself does.
func TestTokenStaysSecret(t *testing.T) {
	for name, h := range map[string]http.Handler{
		"text that repeats it":       replies(401, "bad token "+token),
		"a SCIM error that does":     replies(403, `{"detail":"token `+token+` may not"}`),
		"a page title that does":     replies(500, "<title>"+token+"</title>"),
		"a success that is not SCIM": replies(200, "hello "+token),
	} {
		for op, err := range every(t.Context(), serve(t, h)) {
			if err != nil && strings.Contains(err.Error(), token) {
				t.Errorf("%s, %s: %v", name, op, err)
			}
		}
	}
	c := serve(t, replies(200, "{}"), func(o *ringcentral.Options) { o.Token = ringcentral.StaticToken("secret\nsecret") })
	if _, err := c.Get(t.Context(), "1"); err == nil || strings.Contains(err.Error(), "secret") {
		t.Error(err)
	}
	c = serve(t, replies(200, "{}"), func(o *ringcentral.Options) { o.Token = ringcentral.StaticToken(" \n") })
	for op, err := range every(t.Context(), c) {
		if connectors.FaultOf(err) != connectors.FaultCredentials {
			t.Errorf("without a token, %s: %v", op, err)
		}
	}
}

func TestBodiesAreBounded(t *testing.T) {
	endless := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `{"id":"1","x":"`)
		junk := []byte(strings.Repeat("x", 1<<20))
		for range 64 {
			if _, err := w.Write(junk); err != nil {
				return
			}
		}
	})
	_, err := serve(t, endless).Create(t.Context(), person("a"))
	wantFault(t, err, connectors.FaultUnsettled)
	if !strings.Contains(fmt.Sprint(err), "longer than") {
		t.Error(err)
	}
}
