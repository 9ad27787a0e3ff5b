package entra

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"ringsync/connectors"
	"ringsync/connectors/entra/entratest"
)

func TestPeople(t *testing.T) {
	for _, tc := range []struct {
		name   string
		server entratest.Options
		ask    int
		want   map[string]int // requests
	}{
		{"nobody", entratest.Options{}, 0, nil},
		{"a few", entratest.Options{}, 15, map[string]int{"GET /users": 1}},
		{"many", entratest.Options{}, 16, map[string]int{"POST /directoryObjects/getByIds": 1}},
		{"more than a call takes", entratest.Options{}, 1200, map[string]int{"POST /directoryObjects/getByIds": 2}},
		{"refused", entratest.Options{NoDirectoryRead: true}, 1200,
			map[string]int{"POST /directoryObjects/getByIds": 1, "POST /$batch": 5, "$batch GET /users": 81}},
		{"without attributes", entratest.Options{IgnoreGetByIDsSelect: true}, 100,
			map[string]int{"POST /directoryObjects/getByIds": 1, "POST /$batch": 1, "$batch GET /users": 7}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := entratest.New(tc.server)
			d.Populate(1300, 0)
			c := newTestClient(t, d)
			ids := d.Users()[:tc.ask]
			slices.Sort(ids)
			asked := append(slices.Clone(ids), ids...) // twice is once
			if tc.ask > 15 {
				asked = append(asked, "11111111-1111-1111-1111-111111111111", "not an id", "", "x'y")
			}
			var got []string
			if err := c.People(t.Context(), asked, func(r connectors.Row) error {
				if r.Values[connectors.SlotUserPrincipalName].IsEmpty() || r.Values[connectors.SlotAccountEnabled].IsNull() {
					t.Errorf("%s is not whole", r.ID)
				}
				got = append(got, r.ID)
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			slices.Sort(got)
			sameIDs(t, "people", got, ids)
			for what, n := range d.Requests() {
				if tc.want[what] != n {
					t.Errorf("%d × %s, want %d", n, what, tc.want[what])
				}
			}
		})
	}
}

// Attributes that do not come at all are a missing permission, not people without attributes.
func TestPeopleLimited(t *testing.T) {
	for _, n := range []int{3, 40} {
		c := newClientOf(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			list := `{"value":[{"@odata.type":"#microsoft.graph.user","id":"00000000-0000-0000-0000-000000000001","userPrincipalName":null}]}`
			if strings.HasSuffix(r.URL.Path, "$batch") {
				list = `{"responses":[{"id":"0","status":200,"body":` + list + `},{"id":"1","status":200,"body":` + list + `},{"id":"2","status":200,"body":` + list + `}]}`
			}
			_, _ = io.WriteString(w, list)
		}), func(*Options) {})
		var ids []string
		for i := range n {
			ids = append(ids, fmt.Sprintf("00000000-0000-0000-0000-%012d", i))
		}
		err := c.People(t.Context(), ids, func(connectors.Row) error { t.Error("emitted somebody"); return nil })
		if connectors.FaultOf(err) != connectors.FaultPermission || !strings.Contains(err.Error(), permUsers) {
			t.Errorf("%d: got %v", n, err)
		}
	}
}

// Should attributes come of some people and not of others, all are asked for in the other way.
func TestPeopleHalfHeeded(t *testing.T) {
	const many = 3 * blockRows
	id := func(n int) string { return fmt.Sprintf("00000000-0000-0000-0000-%012d", n) }
	var ids []string
	for n := range many {
		ids = append(ids, id(n))
	}
	c := newClientOf(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "$batch") {
			var users []string
			for n := range many {
				enabled := `,"accountEnabled":true`
				if n == many-1 {
					enabled = ""
				}
				users = append(users, `{"id":"`+id(n)+`","userPrincipalName":"u"`+enabled+`}`)
			}
			_, _ = io.WriteString(w, `{"value":[`+strings.Join(users, ",")+`]}`)
			return
		}
		var batch struct {
			Requests []struct{ ID, URL string }
		}
		if err := json.NewDecoder(r.Body).Decode(&batch); err != nil {
			t.Error(err)
		}
		var answers []string
		for _, q := range batch.Requests {
			var users []string
			for _, id := range ids {
				if strings.Contains(q.URL, id) {
					users = append(users, `{"id":"`+id+`","userPrincipalName":"whole","accountEnabled":true}`)
				}
			}
			answers = append(answers, `{"id":"`+q.ID+`","status":200,"body":{"value":[`+strings.Join(users, ",")+`]}}`)
		}
		_, _ = io.WriteString(w, `{"responses":[`+strings.Join(answers, ",")+`]}`)
	}), func(*Options) {})
	got := map[string]string{}
	if err := c.People(t.Context(), ids, func(row connectors.Row) error {
		got[row.ID] = row.Values[connectors.SlotUserPrincipalName].Text()
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if got[id] != "whole" {
			t.Errorf("%s is %q", id, got[id])
		}
	}
}

func TestPerson(t *testing.T) {
	d := entratest.New(entratest.Options{})
	id := d.AddUser(entratest.User{"userPrincipalName": "ana_fabrikam.com#EXT#@contoso.com", "displayName": "Ana"})
	c := newTestClient(t, d)
	for _, who := range []string{id, strings.ToUpper(id), "ana_fabrikam.com#EXT#@contoso.com"} {
		row, err := c.Person(t.Context(), who)
		if err != nil || row.ID != id {
			t.Errorf("%s: got %s, %v", who, row.ID, err)
		}
	}
	if _, err := c.Person(t.Context(), "nobody@contoso.com"); connectors.FaultOf(err) != connectors.FaultNotFound {
		t.Errorf("got %v", err)
	}
}

func TestStanding(t *testing.T) {
	d := entratest.New(entratest.Options{PageSize: 2})
	people, _ := d.Populate(30, 0)
	top, low := d.AddGroup("top", entratest.GroupOptions{}), d.AddGroup("low", entratest.GroupOptions{})
	d.AddMember(top, low)
	d.AddMember(low, people[0])
	var many []string
	for range 5 {
		g := d.AddGroup("more", entratest.GroupOptions{})
		d.AddMember(g, people[1])
		many = append(many, g)
	}
	slices.Sort(many)
	d.SoftDelete(people[2])
	d.SoftDelete(people[3])
	d.HardDelete(people[3])
	never := "11111111-1111-1111-1111-111111111111"

	ask := func(c *Client) map[string]connectors.Standing {
		got := map[string]connectors.Standing{}
		if err := c.Standing(t.Context(), append(slices.Clone(people), never, "", "nonsense"), func(s connectors.Standing) error {
			if (s.Doubt != nil) != (s.ID == "" || s.ID == "nonsense") {
				t.Errorf("%s: doubt %v", s.ID, s.Doubt)
			}
			slices.Sort(s.Groups)
			got[s.ID] = s
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return got
	}
	got := ask(newTestClient(t, d))
	if len(got) != len(people)+3 {
		t.Errorf("%d answers for %d ids", len(got), len(people)+3)
	}
	sameIDs(t, "groups", got[people[0]].Groups, []string{low})
	sameIDs(t, "groups over several pages", got[people[1]].Groups, many)
	for id, want := range map[string]connectors.Removal{people[0]: connectors.NotRemoved, people[2]: connectors.SoftDeleted,
		people[3]: connectors.HardDeleted, never: connectors.HardDeleted} {
		if got[id].Row.Removed != want || got[id].Row.ID != id {
			t.Errorf("%s: got %v, want %v", id, got[id].Row.Removed, want)
		}
	}
	both := []string{top, low}
	slices.Sort(both)
	nested := ask(newTestClient(t, d, func(o *Options) { o.NestedGroups = true }))
	sameIDs(t, "groups through nesting", nested[people[0]].Groups, both)
}

// Only Graph's own word counts as absence. Everything else is doubt about this one person.
func TestStandingDoubt(t *testing.T) {
	notFound := `{"error":{"code":"Request_ResourceNotFound","message":"x"}}`
	user := `{"id":"%s","userPrincipalName":"u@contoso.com","accountEnabled":true}`
	for _, tc := range []struct {
		name                  string
		user, groups, deleted string // status and body
		doubt                 bool
		want                  connectors.Removal
	}{
		{"exists", "200 " + user, `200 {"value":[]}`, "", false, connectors.NotRemoved},
		{"soft-deleted", "404 " + notFound, "404 " + notFound, `200 {"id":"x"}`, false, connectors.SoftDeleted},
		{"hard-deleted", "404 " + notFound, "404 " + notFound, "404 " + notFound, false, connectors.HardDeleted},
		{"the bin may not be read", "404 " + notFound, "404 " + notFound, "403 {}", false, connectors.SoftDeleted},
		{"the bin is broken", "404 " + notFound, "404 " + notFound, "500 {}", true, 0},
		{"a 404 from elsewhere", "404 {}", "404 {}", "", true, 0},
		{"a web page", `404 "<html>"`, `404 "<html>"`, "", true, 0},
		{"forbidden", "403 {}", `200 {"value":[]}`, "", true, 0},
		{"broken", "500 {}", `200 {"value":[]}`, "", true, 0},
		{"throttled without an end", "429 {}", `200 {"value":[]}`, "", true, 0},
		{"limited information", `200 {"id":"%s"}`, `200 {"value":[]}`, "", true, 0},
		{"not a user", `200 []`, `200 {"value":[]}`, "", true, 0},
		{"groups forbidden", "200 " + user, "403 {}", "", true, 0},
		{"groups missing", "200 " + user, "200 {}", "", true, 0},
		{"no answer at all", "", `200 {"value":[]}`, "", true, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const id = "00000000-0000-0000-0000-000000000001"
				c := newClientOf(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					body, _ := io.ReadAll(r.Body)
					answers := []string{tc.user, tc.groups}
					if strings.Contains(string(body), "deletedItems") {
						answers = []string{tc.deleted}
					}
					var out []string
					for i, a := range answers {
						status, said, ok := strings.Cut(a, " ")
						if ok && strings.Contains(string(body), fmt.Sprintf(`"id":"%d"`, i)) {
							out = append(out, fmt.Sprintf(`{"id":"%d","status":%s,"body":%s}`, i, status, strings.ReplaceAll(said, "%s", id)))
						}
					}
					_, _ = io.WriteString(w, `{"responses":[`+strings.Join(out, ",")+`]}`)
				}), func(*Options) {})
				n := 0
				if err := c.Standing(t.Context(), []string{id}, func(s connectors.Standing) error {
					n++
					if (s.Doubt != nil) != tc.doubt || !tc.doubt && s.Row.Removed != tc.want {
						t.Errorf("got %v, doubt %v", s.Row.Removed, s.Doubt)
					}
					return nil
				}); err != nil || n != 1 {
					t.Errorf("%d answers, %v", n, err)
				}
			})
		})
	}
}

// Throttled items are sent again, alone, when their own time has come.
func TestBatchItemsThrottled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := entratest.New(entratest.Options{})
		people, _ := d.Populate(30, 0)
		seen := map[string]int{}
		d.Fault(func(r *http.Request) *entratest.Fault {
			if strings.HasSuffix(r.URL.Path, "$batch") {
				return nil
			}
			if seen[r.URL.Path]++; seen[r.URL.Path] == 1 && len(seen)%3 == 0 {
				return entratest.Throttled("17.5")
			}
			return nil
		})
		n := 0
		c := newTestClient(t, d, func(o *Options) { o.PageConcurrency = 1 })
		if err := c.Standing(t.Context(), people, func(s connectors.Standing) error {
			if n++; s.Doubt != nil {
				t.Errorf("%s: %v", s.ID, s.Doubt)
			}
			return nil
		}); err != nil || n != len(people) {
			t.Errorf("%d answers, %v", n, err)
		}
		for path, times := range seen {
			if times > 2 {
				t.Errorf("%s was sent %d times", path, times)
			}
		}
		if got := d.Requests()["POST /$batch"]; got != 6 {
			t.Errorf("%d batches, want 3 and 3 again", got)
		}
	})
}

// Somebody restored between the question for the user and the one for the recycle bin is in neither answer, and is not
// gone for good.
func TestStandingOfSomebodyRestoredMeanwhile(t *testing.T) {
	d := entratest.New(entratest.Options{})
	people, _ := d.Populate(2, 0)
	d.SoftDelete(people[0])
	c := newClientOf(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		if bytes.Contains(body, []byte("deletedItems")) {
			d.Restore(people[0])
		}
		d.ServeHTTP(w, r)
	}), func(*Options) {})
	err := c.Standing(t.Context(), people[:1], func(s connectors.Standing) error {
		if s.Doubt == nil || s.Row.Removed != connectors.NotRemoved {
			t.Errorf("%+v", s)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
