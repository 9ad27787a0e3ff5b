package ringcentral_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"ringsync/connectors"
	"ringsync/connectors/ringcentral"
	rc "ringsync/connectors/ringcentral/ringcentraltest"
)

func TestCreate(t *testing.T) {
	a, c := account(t, rc.Options{Licenses: -1})
	r, err := c.Create(t.Context(), person("Ann@x.test"))
	if err != nil {
		t.Fatal(err)
	}
	u, ok := a.User(r.ID)
	if !ok || u.UserName != "Ann@x.test" || u.Email != "Ann@x.test" || u.ExternalID != "id-of-Ann@x.test" || !u.Active || u.Title != "Engineer" ||
		u.GivenName != "Ann" || u.FamilyName != "Bean" || u.Department != "Sales" || u.Phone("mobile") == "" ||
		u.Address == nil || u.Address.StreetAddress != "100 Main St" {
		t.Errorf("%+v", u)
	}
	// The answer is the account as RingCentral has it, which is not quite what was sent.
	if got := r.Values[country]; !got.Equal(str("United States")) || r.UserName != "Ann@x.test" || !r.Active || r.ExternalID != "id-of-Ann@x.test" {
		t.Errorf("%+v", r)
	}
}

// What is not wanted is not sent, except active: RingCentral takes a missing one for false.
func TestCreateOfLittle(t *testing.T) {
	a, c := account(t, rc.Options{Licenses: -1})
	little := person("a@x.test")
	for i := range little {
		if i != userName && i != mail && i != givenName && i != familyName {
			little[i] = connectors.Value{}
		}
	}
	little[title] = connectors.NullValue()
	if _, err := c.Create(t.Context(), little); err != nil {
		t.Fatal(err)
	}
	const want = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"a@x.test","active":true,` +
		`"name":{"givenName":"Ann","familyName":"Bean"},"emails":[{"type":"work","value":"a@x.test"}]}`
	if got := string(a.Writes()[0].Body); got != want {
		t.Errorf("body %s; want %s", got, want)
	}
	little[userName], little[mail], little[active] = str("b@x.test"), str("b@x.test"), connectors.BoolValue(false)
	if r, err := c.Create(t.Context(), little); err != nil || r.Active {
		t.Errorf("%+v (%v)", r, err)
	}
}

// Whether an account was made must not be guessed.
func TestCreateWithoutAProperAnswer(t *testing.T) {
	for name, test := range map[string]struct {
		h    http.Handler
		want connectors.Fault
	}{
		"201 without an id":     {replies(201, `{"userName":"a"}`), connectors.FaultUnsettled},
		"201 without a body":    {replies(201, ""), connectors.FaultUnsettled},
		"half a body":           {replies(201, `{"id":"1","userNa`), connectors.FaultUnsettled},
		"a list":                {replies(200, `{"totalResults":0}`), connectors.FaultUnsettled},
		"a login page":          {replies(200, "<html><title>Sign in</title></html>"), connectors.FaultProtocol},
		"500":                   {replies(500, ""), connectors.FaultUnsettled},
		"503 with HTML":         {replies(503, "<html>"), connectors.FaultUnsettled},
		"408":                   {replies(408, ""), connectors.FaultUnsettled},
		"501, which did not do": {replies(501, ""), connectors.FaultRejected},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := serve(t, test.h).Create(t.Context(), person("a@x.test"))
			wantFault(t, err, test.want)
		})
	}
	a := rc.New(rc.Options{Token: token, Licenses: -1})
	c := serve(t, a)
	a.Fault(func(*http.Request) *rc.Fault { return &rc.Fault{Drop: true, AfterEffect: true} })
	_, err := c.Create(t.Context(), person("a@x.test"))
	wantFault(t, err, connectors.FaultUnsettled)
	if n := len(a.ByMail("a@x.test")); n != 1 {
		t.Errorf("%d accounts after a lost answer", n)
	}
}

func TestUpdateOperations(t *testing.T) {
	var body string
	c := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		body = r.Method + " " + r.URL.Path + " " + r.Header.Get("Content-Type") + " " + string(b)
		w.WriteHeader(204)
	}))
	null := connectors.NullValue()
	noAddress := person("a")
	for i := street; i <= country; i++ {
		noAddress[i] = null
	}
	partly := person("a")
	partly[locality], partly[postalCode] = null, connectors.Value{}
	cleared := person("a")
	cleared[title], cleared[mobile], cleared[department], cleared[externalID] = null, null, str(""), null
	for _, test := range []struct {
		changed []int
		want    []connectors.Value
		ops     string
	}{
		{[]int{active}, person("a"), `{"op":"replace","path":"active","value":true}`},
		{[]int{userName, title, givenName}, person("a"), `{"op":"replace","path":"userName","value":"a"},{"op":"replace","path":"title","value":"Engineer"},` +
			`{"op":"replace","path":"name.givenName","value":"Ann"}`},
		{[]int{mail}, person("a"), `{"op":"replace","path":"emails[type eq \"work\"].value","value":"a"}`},
		// A number may be there or not, and replace with a filter that matches nothing is refused.
		{[]int{mobile}, person("a"), `{"op":"add","path":"phoneNumbers[type eq \"mobile\"].value","value":"+1 (650) 555-0100"}`},
		{[]int{department}, person("a"), `{"op":"replace","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","value":"Sales"}`},
		// One part differs: the whole address goes.
		{[]int{region, postalCode}, person("a"), `{"op":"replace","path":"addresses","value":[{"type":"work","streetAddress":"100 Main St",` +
			`"locality":"Belmont","region":"CA","postalCode":"94002","country":"US"}]}`},
		{[]int{locality}, partly, `{"op":"replace","path":"addresses","value":[{"type":"work","streetAddress":"100 Main St","region":"CA","country":"US"}]}`},
		{[]int{street, country}, noAddress, `{"op":"remove","path":"addresses"}`},
		{[]int{title, mobile, department, externalID}, cleared, `{"op":"remove","path":"title"},{"op":"remove","path":"phoneNumbers[type eq \"mobile\"]"},` +
			`{"op":"remove","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department"},{"op":"remove","path":"externalId"}`},
		{[]int{postalCode, title}, partly, `{"op":"replace","path":"title","value":"Engineer"}`}, // Absent is left alone
	} {
		if _, err := c.Update(t.Context(), "7", test.changed, test.want); err != nil {
			t.Errorf("%v: %v", test.changed, err)
		}
		want := `PATCH /scim/v2/Users/7 application/scim+json {"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + test.ops + `]}`
		if body != want {
			t.Errorf("%s\nwant\n%s", body, want)
		}
	}
}

// What must not be cleared is not, whoever asks.
func TestUpdateNeverClearsWhatIsRequired(t *testing.T) {
	a, c := account(t, rc.Options{})
	for _, slot := range []int{userName, mail, givenName, familyName, active} {
		want := person("a")
		want[slot] = connectors.NullValue()
		_, err := c.Update(t.Context(), "1", []int{slot}, want)
		wantFault(t, err, connectors.FaultRejected)
	}
	if n := len(a.Writes()); n != 0 {
		t.Errorf("%d writes", n)
	}
}

func TestUpdate(t *testing.T) {
	a, c := account(t, rc.Options{Licenses: -1})
	created, err := c.Create(t.Context(), person("a@x.test"))
	if err != nil {
		t.Fatal(err)
	}
	a.Edit(created.ID, func(u *rc.User) { // an account as it is before anybody synced it
		u.Phones = []rc.Phone{{Type: "work", Value: "+16505550199"}, {Type: "other", Value: "146"}}
		u.Address = nil
	})
	want := person("b@x.test")
	want[active] = connectors.BoolValue(false)
	everything := make([]int, len(want))
	for i := range everything {
		everything[i] = i
	}
	r, err := c.Update(t.Context(), created.ID, everything, want)
	if err != nil || r.ID != created.ID || r.Active || !r.Values[mail].Equal(str("b@x.test")) || !r.Values[region].Equal(str("CA")) {
		t.Errorf("%s (%v)", show(r.Values), err)
	}
	u, _ := a.User(created.ID)
	if u.Active || u.UserName != "b@x.test" || u.Email != "b@x.test" || u.Address == nil || u.Phone("mobile") == "" ||
		u.Phone("work") != "+16505550199" || u.Phone("other") != "146" {
		t.Errorf("%+v lost something", u)
	}
	// And clearing what can be cleared.
	for i := range want {
		if i == title || i == mobile || i == department || i >= street && i <= country {
			want[i] = connectors.NullValue()
		}
	}
	if _, err = c.Update(t.Context(), created.ID, []int{title, mobile, street, region, department}, want); err != nil {
		t.Fatal(err)
	}
	if u, _ = a.User(created.ID); u.Title != "" || u.Phone("mobile") != "" || u.Address != nil || u.Department != "" || u.Phone("work") == "" {
		t.Errorf("%+v", u)
	}
	_, err = c.Update(t.Context(), "4711", []int{title}, person("a@x.test"))
	wantFault(t, err, connectors.FaultNotFound)
}

func TestUpdateAnswers(t *testing.T) {
	for name, test := range map[string]struct {
		h    http.Handler
		want connectors.Fault // FaultOther: success
	}{
		"204":             {replies(204, ""), 0},
		"200 and nothing": {replies(200, " \n"), 0},
		"without id":      {replies(200, `{"userName":"a","title":"T"}`), 0},
		"someone else":    {replies(200, `{"id":"8","userName":"a"}`), connectors.FaultProtocol},
		"a page":          {replies(200, "<html>"), connectors.FaultProtocol},
		"half a body":     {replies(200, `{"id":"7","user`), connectors.FaultUnsettled},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := serve(t, test.h).Update(t.Context(), "7", []int{title}, person("a"))
			if test.want != 0 {
				wantFault(t, err, test.want)
				return
			}
			if err != nil || r.ID != "7" || len(r.Values) != len(paths) {
				t.Errorf("%+v (%v)", r, err)
			}
			if name != "without id" && show(r.Values) != "" {
				t.Errorf("an empty answer says %s", show(r.Values))
			}
		})
	}
}

// Nothing to send, nothing sent.
func TestUpdateOfNothing(t *testing.T) {
	a, c := account(t, rc.Options{})
	want := person("a")
	want[title] = connectors.Value{}
	for _, changed := range [][]int{nil, {title}} {
		if r, err := c.Update(t.Context(), "7", changed, want); err != nil || r.ID != "7" || show(r.Values) != "" {
			t.Errorf("%+v (%v)", r, err)
		}
	}
	if n := len(a.Writes()); n != 0 {
		t.Errorf("%d writes", n)
	}
}

func TestDelete(t *testing.T) {
	a, c := account(t, rc.Options{})
	id := a.Add(rc.User{UserName: "a@x.test", Email: "a@x.test", GivenName: "A", FamilyName: "B"})
	for range 2 { // that it is gone already is no error
		if err := c.Delete(t.Context(), id); err != nil {
			t.Error(err)
		}
	}
	if len(a.Users()) != 0 {
		t.Error("the account is still there")
	}
	// A wrong address is no proof that anything was deleted.
	for body, want := range map[string]connectors.Fault{
		"<html>404</html>": connectors.FaultOther, "404 page not found": connectors.FaultOther,
	} {
		if err := serve(t, replies(404, body)).Delete(t.Context(), "7"); err == nil {
			t.Errorf("%q is taken for success", body)
		} else {
			wantFault(t, err, want)
		}
	}
	wantFault(t, serve(t, replies(200, "<html>Sign in")).Delete(t.Context(), "7"), connectors.FaultProtocol)
}

// Every request says who it is and what it takes.
func TestHeaders(t *testing.T) {
	var got []string
	c := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, fmt.Sprint(r.Method, " ", r.Header.Get("Authorization"), " ", r.Header.Get("Accept"), " ", r.Header.Get("Content-Type")))
		replies(200, `{"totalResults":0,"Resources":[],"id":"7"}`).ServeHTTP(w, r)
	}), func(o *ringcentral.Options) { o.Token = ringcentral.StaticToken(" t\n") })
	for op, err := range every(t.Context(), c) {
		if err != nil {
			t.Errorf("%s: %v", op, err)
		}
	}
	const read, write = "%s Bearer t application/scim+json, application/json ", "%s Bearer t application/scim+json, application/json application/scim+json"
	want := []string{fmt.Sprintf(read, "GET"), fmt.Sprintf(read, "GET"), fmt.Sprintf(read, "GET"), fmt.Sprintf(write, "POST"),
		fmt.Sprintf(write, "PATCH"), fmt.Sprintf(read, "DELETE")}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
