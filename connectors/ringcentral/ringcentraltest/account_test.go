package ringcentraltest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	rc "ringsync/connectors/ringcentral/ringcentraltest"
)

// What tests put in, read and change is theirs: the account shares no memory with it.
func TestBehindTheScenes(t *testing.T) {
	account, c := setup(t, rc.Options{})
	u := original()
	u.Phones = nil
	if id := account.Add(u); id != "5" {
		t.Fatalf("id = %s, want its own", id)
	}
	if id := account.Add(u); id == "5" || id == "" {
		t.Fatalf("id = %q of a second with the same", id)
	}
	u.Address.Locality = "changed"
	got, ok := account.User("5")
	if !ok || got.Address.Locality != "Reno" || got.Phone("work") == "" || got.Phone("other") == "" || got.Phone("mobile") != "" {
		t.Errorf("added = %+v, %+v", got, got.Address)
	}
	got.Phones[0].Value = "changed"
	if again, _ := account.User("5"); again.Phones[0].Value == "changed" {
		t.Error("a change of the copy reached the account")
	}

	var leaked *rc.User
	if !account.Edit("5", func(u *rc.User) {
		u.ID, u.Title, u.Email, leaked = "6", "Captain", "Murray@example.com", u
	}) {
		t.Fatal("no account to edit")
	}
	leaked.Address.Locality = "leaked"
	edited, _ := account.User("5")
	if edited.Title != "Captain" || edited.Address.Locality != "Reno" || len(account.ByMail("murray@example.com")) != 1 {
		t.Errorf("edited = %+v", edited)
	}
	if _, ok := account.User("6"); ok || account.Edit("6", func(*rc.User) {}) || account.Remove("6") {
		t.Error("an edit changed the id")
	}
	if got := c.page("filter=email+eq+%22murray@example.com%22").String(); got != "1 1 1 [5]" {
		t.Errorf("found by the edited mail: %s", got)
	}
	if !account.Remove("5") || len(account.Users()) != 1 {
		t.Error("not removed")
	}
}

// The journal tells what was written, when, by whom, and with what effect.
func TestJournal(t *testing.T) {
	account, c := setup(t, rc.Options{Licenses: -1})
	id := c.create("grace@example.com", `"externalId":"g"`)
	c.do("PATCH", "/Users/"+id, operations(`{"op":"replace","path":"title","value":"x"}`))
	c.do("PUT", "/Users/"+id, person("Grace@example.com", `"title":"y"`))
	c.do("DELETE", "/Users/"+id, "")
	c.do("DELETE", "/Users/"+id, "")
	c.do("GET", "/Users/"+id, "")
	c.do("GET", "/Users?count=1", "")
	c.do("GET", "/Users?filter=userName+eq+%22x%22", "")

	var journal []string
	for _, w := range account.Writes() {
		if !w.Time.Equal(start) {
			t.Errorf("%s at %v", w.Method, w.Time)
		}
		journal = append(journal, fmt.Sprint(w.Method, " ", w.ID == id, w.Status, w.Effect, len(w.Body) > 0))
	}
	want := []string{
		"POST true 201 true true", "PATCH true 200 true true", "PUT true 200 true true",
		"DELETE true 204 true false", "DELETE true 404 false false",
	}
	if !reflect.DeepEqual(journal, want) {
		t.Errorf("writes:\n%s\nwant:\n%s", strings.Join(journal, "\n"), strings.Join(want, "\n"))
	}
	requests := map[string]int{
		"POST /Users": 1, "PATCH /Users/{id}": 1, "PUT /Users/{id}": 1, "DELETE /Users/{id}": 2,
		"GET /Users/{id}": 1, "GET /Users": 1, "GET /Users?filter": 1,
	}
	if got := account.Requests(); !reflect.DeepEqual(got, requests) {
		t.Errorf("requests = %v, want %v", got, requests)
	}

	silent, c := setup(t, rc.Options{Licenses: -1, NoJournal: true})
	c.create("grace@example.com")
	if len(silent.Writes()) != 0 || len(silent.Posts()) != 0 || silent.Requests()["POST /Users"] != 1 {
		t.Error("a journal was kept")
	}
}

// Many writers at once: every create is there once, and licences add up.
func TestConcurrentWriters(t *testing.T) {
	const writers, each = 8, 25
	account, c := setup(t, rc.Options{Licenses: writers*each + 3})
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				a, err := c.try(c.request("POST", "/Users", person(fmt.Sprintf("w%d-%d@example.com", w, i))))
				if err != nil || a.status != 201 {
					t.Errorf("create: %d %v %s", a.status, err, a.body)
				}
				account.Users()
				account.Requests()
			}
		})
	}
	wg.Wait()
	if n := len(account.Users()); n != writers*each || account.Licenses() != 3 {
		t.Errorf("%d accounts, %d licences left", n, account.Licenses())
	}
}

// Whatever is done in whatever order, the account agrees with a plain map: who is there, who is found by which mail,
// how many licences are left, and what the list adds up to.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		licenses := rapid.IntRange(0, 6).Draw(t, "licenses")
		options := rc.Options{Licenses: licenses, ShuffleList: rapid.Bool().Draw(t, "shuffle")}
		account := rc.New(options)
		model := make(map[string]string) // id to mail
		mails := rapid.SampledFrom([]string{"a@x.org", "b@x.org", "c@x.org", "A@X.org", "B@x.org"})
		taken := func(mail, but string) bool {
			for id, other := range model {
				if id != but && strings.EqualFold(mail, other) {
					return true
				}
			}
			return false
		}
		anyone := func(t *rapid.T) string {
			ids := []string{"404"}
			for _, u := range account.Users() {
				ids = append(ids, u.ID)
			}
			return rapid.SampledFrom(ids).Draw(t, "id")
		}
		expect := func(t *rapid.T, recorder *httptest.ResponseRecorder, status int) {
			if recorder.Code != status {
				t.Fatalf("status = %d, want %d: %s", recorder.Code, status, recorder.Body)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"create": func(t *rapid.T) {
				mail := mails.Draw(t, "mail")
				recorder := serve(account, "POST", "/Users", person(mail))
				switch {
				case taken(mail, ""):
					expect(t, recorder, http.StatusConflict)
				case licenses == 0:
					expect(t, recorder, http.StatusForbidden)
				default:
					expect(t, recorder, http.StatusCreated)
					licenses--
					model[account.ByMail(mail)[0].ID] = mail
				}
			},
			"rename": func(t *rapid.T) {
				id, mail := anyone(t), mails.Draw(t, "mail")
				recorder := serve(account, "PATCH", "/Users/"+id, operations(
					fmt.Sprintf(`{"op":"replace","path":"userName","value":%q}`, mail),
					fmt.Sprintf(`{"op":"replace","path":"emails[type eq \"work\"].value","value":%q}`, mail)))
				switch {
				case model[id] == "":
					expect(t, recorder, http.StatusNotFound)
				case taken(mail, id):
					expect(t, recorder, http.StatusConflict)
				default:
					expect(t, recorder, http.StatusOK)
					model[id] = mail
				}
			},
			"delete": func(t *rapid.T) {
				id := anyone(t)
				recorder := serve(account, "DELETE", "/Users/"+id, "")
				if model[id] == "" {
					expect(t, recorder, http.StatusNotFound)
					return
				}
				expect(t, recorder, http.StatusNoContent)
				delete(model, id)
				licenses++
			},
			"": func(t *rapid.T) {
				users := account.Users()
				if len(users) != len(model) || account.Licenses() != licenses {
					t.Fatalf("%d accounts, %d licences, want %d and %d", len(users), account.Licenses(), len(model), licenses)
				}
				for id, mail := range model {
					if found := account.ByMail(strings.ToUpper(mail)); len(found) != 1 || found[0].ID != id || found[0].UserName != mail {
						t.Fatalf("by mail %s: %+v, want %s", mail, found, id)
					}
				}
				list := serve(account, "GET", "/Users", "").Body.String()
				for id := range model {
					if strings.Count(list, fmt.Sprintf(`"id":%q`, id)) != 1 {
						t.Fatalf("%s is not in the list once: %s", id, list)
					}
				}
			},
		})
	})
}

// serve hands one request to the handler.
func serve(handler http.Handler, method, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "/scim/v2"+path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/scim+json")
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, r)
	return recorder
}
