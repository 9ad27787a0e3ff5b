package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"
)

// sides are the two services as an administrator sees them: through their own APIs, knowing nothing of ringsync.
type sides struct {
	t     testing.TB
	place sandboxPlace
	role  string // the app role that people and groups are assigned under
	sp    string // the enterprise application's service principal
}

// send sends one request and decodes the answer's body into out, if that is not nil. It returns the status.
func (s *sides) send(method, url, token string, in, out any) (int, error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return 0, err
		}
		body = bytes.NewReader(b)
	}
	r, err := http.NewRequestWithContext(s.t.Context(), method, url, body)
	if err != nil {
		return 0, err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err == nil && out != nil && answer.StatusCode < 300 {
		err = json.Unmarshal(b, out)
	}
	return answer.StatusCode, err
}

// call is send where the test may end.
func (s *sides) call(method, url, token string, in, out any) int {
	s.t.Helper()
	status, err := s.send(method, url, token, in, out)
	s.must(err)
	return status
}

func (s *sides) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// graph sends a request to Microsoft Graph. Whoever is not found, or conflicts, is for the caller; all else is an error.
func (s *sides) graph(method, path string, in, out any) int {
	s.t.Helper()
	url := path
	if strings.HasPrefix(path, "/") {
		url = s.place.Graph + path
	}
	status := s.call(method, url, sandboxGraphToken, in, out)
	if status >= 300 && status != http.StatusNotFound && status != http.StatusBadRequest {
		s.t.Fatalf("%s %s is answered %d", method, url, status)
	}
	return status
}

// scim sends a request to RingCentral.
func (s *sides) scim(method, path string, in, out any) int {
	s.t.Helper()
	return s.call(method, s.place.RingCentral+path, sandboxRingCentralToken, in, out)
}

// control sends a request to the sandbox itself, beside one of the services.
func (s *sides) control(method, service, path string, out any) {
	s.t.Helper()
	root := strings.TrimSuffix(strings.TrimSuffix(service, "/v1.0"), "/scim/v2")
	if status := s.call(method, root+"/sandbox"+path, "", nil, out); status >= 300 {
		s.t.Fatalf("%s %s is answered %d", method, path, status)
	}
}

// listGraph reads all pages of a list.
func listGraph[T any](s *sides, path string) (all []T) {
	s.t.Helper()
	for path != "" {
		var page struct {
			Value []T
			Next  string `json:"@odata.nextLink"`
		}
		if status := s.graph("GET", path, nil, &page); status != http.StatusOK {
			s.t.Fatalf("GET %s is answered %d", path, status)
		}
		all, path = append(all, page.Value...), page.Next
	}
	return all
}

// enter finds the application.
func (s *sides) enter() {
	var app struct {
		ID       string
		AppRoles []struct{ ID string }
	}
	s.graph("GET", "/servicePrincipals(appId='"+s.place.App+"')", nil, &app)
	s.sp, s.role = app.ID, app.AppRoles[0].ID
}

type assigned struct{ ID, PrincipalID, PrincipalType string }

func (s *sides) assignments() []assigned {
	return listGraph[assigned](s, "/servicePrincipals/"+s.sp+"/appRoleAssignedTo?$top=999")
}

func (s *sides) groups() (ids []string) {
	for _, a := range s.assignments() {
		if a.PrincipalType == "Group" {
			ids = append(ids, a.PrincipalID)
		}
	}
	return ids
}

func (s *sides) members(group string) (ids []string) {
	for _, m := range listGraph[struct{ ID string }](s, "/groups/"+group+"/members?$top=999&$select=id") {
		ids = append(ids, m.ID)
	}
	return ids
}

// sourceNames are the user properties that the default mapping reads, by what they become.
var sourceNames = map[string]string{
	"userName": "mail", "email": "mail", "givenName": "givenName", "familyName": "surname", "title": "jobTitle", "department": "department",
	"mobile": "mobilePhone", "street": "streetAddress", "locality": "city", "region": "state", "postalCode": "postalCode", "country": "country",
}

// wanted reads the directory and returns, by object id, what the account of everybody in scope is to show.
func (s *sides) wanted() map[string]map[string]string {
	in := map[string]bool{}
	for _, a := range s.assignments() {
		if a.PrincipalType == "User" {
			in[a.PrincipalID] = true
			continue
		}
		for _, id := range s.members(a.PrincipalID) {
			in[id] = true
		}
	}
	names := slices.Compact(slices.Sorted(maps.Values(sourceNames)))
	all := map[string]map[string]string{}
	for _, u := range listGraph[map[string]any](s, "/users?$top=999&$select=id,accountEnabled,"+strings.Join(names, ",")) {
		id := fmt.Sprint(u["id"])
		if in[id] && u["accountEnabled"] == true {
			all[id] = project(u)
		}
	}
	return all
}

// project says what an account is to show of a user, by the documentation and without ringsync's code. A property
// that is not set is left alone.
func project(u map[string]any) map[string]string {
	want := map[string]string{}
	for name, source := range sourceNames {
		if text, _ := u[source].(string); text != "" {
			want[name] = text
		}
	}
	if phone, ok := want["mobile"]; ok {
		want["mobile"] = strings.NewReplacer(" ", "", "(", "", ")", "", "-", "").Replace(phone)
	}
	countries := map[string]string{"US": "United States", "CA": "Canada", "GB": "United Kingdom", "DE": "Germany"}
	if name, ok := countries[want["country"]]; ok {
		want["country"] = name
	}
	return want
}

// scimAccount is an account as RingCentral answers it.
type scimAccount struct {
	ID, ExternalID, UserName, Title string
	Active                          bool
	Name                            struct{ GivenName, FamilyName string }
	Emails, PhoneNumbers            []struct{ Type, Value string }
	Addresses                       []struct{ Type, StreetAddress, Locality, Region, PostalCode, Country string }
	Enterprise                      struct{ Department string } `json:"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"`
}

// shows returns what project does, of an account.
func (a *scimAccount) shows() map[string]string {
	got := map[string]string{
		"userName": a.UserName, "title": a.Title, "givenName": a.Name.GivenName, "familyName": a.Name.FamilyName, "department": a.Enterprise.Department,
	}
	for _, e := range a.Emails {
		if e.Type == "work" {
			got["email"] = e.Value
		}
	}
	for _, p := range a.PhoneNumbers {
		if p.Type == "mobile" {
			got["mobile"] = p.Value
		}
	}
	for _, p := range a.Addresses {
		got["street"], got["locality"], got["region"], got["postalCode"], got["country"] = p.StreetAddress, p.Locality, p.Region, p.PostalCode, p.Country
	}
	return got
}

// accounts lists RingCentral's accounts, as lists show them.
func (s *sides) accounts() (all []scimAccount) {
	s.t.Helper()
	for {
		var page struct {
			TotalResults int
			Resources    []scimAccount
		}
		if status := s.scim("GET", fmt.Sprintf("/Users?startIndex=%d&count=1000", len(all)+1), nil, &page); status != http.StatusOK {
			s.t.Fatalf("the list of accounts is answered %d", status)
		}
		if all = append(all, page.Resources...); len(all) >= page.TotalResults || len(page.Resources) == 0 {
			return all
		}
	}
}

// wholeAccounts returns the accounts with what lists leave out.
func (s *sides) wholeAccounts() []scimAccount {
	s.t.Helper()
	all := s.accounts()
	var reading errgroup.Group
	reading.SetLimit(16)
	for i := range all {
		reading.Go(func() error {
			url := s.place.RingCentral + "/Users/" + all[i].ID
			all[i] = scimAccount{}
			status, err := s.send("GET", url, sandboxRingCentralToken, nil, &all[i])
			if err == nil && status != http.StatusOK {
				err = fmt.Errorf("GET %s is answered %d", url, status)
			}
			return err
		})
	}
	s.must(reading.Wait())
	return all
}

// writes returns the writes that RingCentral was sent, from a number on.
func (s *sides) writes(from int) (all []sandboxWrite) {
	s.control("GET", s.place.RingCentral, fmt.Sprintf("/writes?from=%d", from), &all)
	return all
}

// compare returns in words in what the two sides differ: everybody in scope has one account, which shows them and is
// active; nobody else has an active one.
func (s *sides) compare() (differences map[string]string) {
	differences = map[string]string{}
	wrong := func(who, format string, args ...any) {
		differences[who] += fmt.Sprintf(format+"; ", args...)
	}
	wanted, count, mails := s.wanted(), map[string]int{}, map[string]int{}
	for _, a := range s.wholeAccounts() {
		count[a.ExternalID]++
		mails[strings.ToLower(a.UserName)]++
		want, in := wanted[a.ExternalID]
		if a.Active != in {
			wrong(a.ExternalID, "account %s (%s) has active %v, should be %v", a.ID, a.UserName, a.Active, in)
		}
		got := a.shows()
		for _, name := range slices.Sorted(maps.Keys(want)) {
			if !strings.EqualFold(want[name], got[name]) {
				wrong(a.ExternalID, "account %s (%s) has %s %q, should be %q", a.ID, a.UserName, name, got[name], want[name])
			}
		}
	}
	for id, want := range wanted {
		if count[id] == 0 {
			wrong(id, "%s has no account", want["userName"])
		}
	}
	for id, n := range count {
		if n > 1 {
			wrong(id, "has %d accounts", n)
		}
	}
	for mail, n := range mails {
		if n > 1 {
			wrong(mail, "is the user name of %d accounts", n)
		}
	}
	return differences
}
