package entratest_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"ringsync/connectors/entra/entratest"
)

// start opens a chain at the present.
func (s *tenant) start(path, query string) string {
	s.t.Helper()
	r := s.must(path + "?" + query + "&$deltatoken=latest")
	if len(r.rows()) != 0 || r.next() != "" {
		s.t.Fatalf("latest with data: %s", r.raw)
	}
	return r.delta()
}

// say prints delta rows in short, names for ids.
func say(rows []map[string]any, names map[string]string) string {
	var out []string
	for _, row := range rows {
		line := names[row["id"].(string)]
		if removed, ok := row["@removed"].(map[string]any); ok {
			line += " " + removed["reason"].(string)
		}
		if members, ok := row["members@delta"].([]any); ok {
			for _, m := range members {
				m := m.(map[string]any)
				sign := "+"
				if _, gone := m["@removed"]; gone {
					sign = "-"
				}
				line += " " + sign + names[m["id"].(string)]
			}
		}
		out = append(out, line)
	}
	return strings.Join(out, ", ")
}

func TestDeltaShapes(t *testing.T) {
	s := newTenant(t, entratest.Options{})
	u := s.AddUser(entratest.User{"displayName": "Adele", "surname": "Vance"})
	g := s.AddGroup("TestGroup1", entratest.GroupOptions{Description: "Employees"})
	s.AddMember(g, u)
	first := s.must("/users/delta?$select=displayName,givenName,surname")
	// givenName was never set and is left out; the id always comes.
	sameShape(t, first.body, `{"@odata.context": "x", "@odata.deltaLink": "x", "value": [{"displayName": "x", "surname": "x", "id": "x"}]}`)
	if !strings.HasSuffix(first.text("@odata.context"), "$metadata#users(displayName,givenName,surname)") {
		t.Errorf("context %s", first.text("@odata.context"))
	}
	sameShape(t, s.must("/groups/delta?$select=displayName,description,members").body, `{"@odata.context": "x", "@odata.deltaLink": "x", "value": [
		{"displayName": "x", "description": "x", "id": "x", "members@delta": [{"@odata.type": "#microsoft.graph.user", "id": "x"}]}]}`)

	again := s.must(first.delta())
	sameShape(t, again.body, `{"@odata.context": "x", "@odata.deltaLink": "x", "value": []}`)
	if again.delta() == first.delta() {
		t.Error("the same deltaLink twice")
	}
	s.UpdateUser(u, map[string]any{"surname": nil})
	sameShape(t, s.must(again.delta()).body, `{"@odata.context": "x", "@odata.deltaLink": "x", "value": [{"displayName": "x", "surname": null, "id": "x"}]}`)
	s.SoftDelete(u)
	s.RemoveMember(g, u)
	sameShape(t, s.must(first.delta()).body, `{"@odata.context": "x", "@odata.deltaLink": "x", "value": [{"id": "x", "@removed": {"reason": "changed"}}]}`)
	sameShape(t, s.must("/groups/delta?$select=displayName,members").body, `{"@odata.context": "x", "@odata.deltaLink": "x", "value": [
		{"displayName": "x", "id": "x", "members@delta": [{"@odata.type": "#microsoft.graph.user", "id": "x", "@removed": {"reason": "deleted"}}]}]}`)
}

// What a change looks like to each chain.
func TestDeltaOfChanges(t *testing.T) {
	for name, c := range map[string]struct {
		change        func(s *tenant, u, v, g, h string)
		users, groups string
	}{
		"nothing":           {func(s *tenant, u, v, g, h string) {}, "", ""},
		"selected property": {func(s *tenant, u, v, g, h string) { s.UpdateUser(u, map[string]any{"department": "Sales"}) }, "u", ""},
		"other property":    {func(s *tenant, u, v, g, h string) { s.UpdateUser(u, map[string]any{"city": "Bonn"}) }, "", ""},
		"same value again":  {func(s *tenant, u, v, g, h string) { s.UpdateUser(u, map[string]any{"department": "HR"}) }, "", ""},
		"disabled":          {func(s *tenant, u, v, g, h string) { s.UpdateUser(u, map[string]any{"accountEnabled": false}) }, "u", ""},
		"twice, shown once": {func(s *tenant, u, v, g, h string) {
			s.UpdateUser(u, map[string]any{"department": "A"})
			s.SoftDelete(v)
			s.UpdateUser(u, map[string]any{"department": "B"})
		}, "v changed, u", ""},
		"joined":                    {func(s *tenant, u, v, g, h string) { s.AddMember(g, v) }, "", "g +v"},
		"left":                      {func(s *tenant, u, v, g, h string) { s.RemoveMember(g, u) }, "", "g -u"},
		"joined and left":           {func(s *tenant, u, v, g, h string) { s.AddMember(g, v); s.RemoveMember(g, v) }, "", "g -v"},
		"left and joined":           {func(s *tenant, u, v, g, h string) { s.RemoveMember(g, u); s.AddMember(g, u) }, "", "g +u"},
		"group nested":              {func(s *tenant, u, v, g, h string) { s.AddMember(g, h) }, "", "g +h"},
		"soft-deleted":              {func(s *tenant, u, v, g, h string) { s.SoftDelete(u) }, "u changed", ""},
		"hard-deleted":              {func(s *tenant, u, v, g, h string) { s.HardDelete(u) }, "u deleted", "g -u"},
		"soft-deleted, then purged": {func(s *tenant, u, v, g, h string) { s.SoftDelete(u); s.HardDelete(u) }, "u deleted", "g -u"},
		"restored":                  {func(s *tenant, u, v, g, h string) { s.SoftDelete(u); s.Restore(u) }, "u", ""},
		"group deleted":             {func(s *tenant, u, v, g, h string) { s.DeleteGroup(g) }, "", "g deleted"},
		"unified group deleted":     {func(s *tenant, u, v, g, h string) { s.DeleteGroup(h) }, "", "h changed"},
		"assigned":                  {func(s *tenant, u, v, g, h string) { s.Assign(u, "") }, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newTenant(t, entratest.Options{})
			u, v := s.AddUser(entratest.User{"department": "HR"}), s.AddUser(entratest.User{})
			g, h := s.AddGroup("g", entratest.GroupOptions{}), s.AddGroup("h", entratest.GroupOptions{Unified: true})
			s.AddMember(g, u)
			names := map[string]string{u: "u", v: "v", g: "g", h: "h"}
			users := s.start("/users/delta", "$select=department,accountEnabled")
			groups := s.start("/groups/delta()", "$select=members")
			c.change(s, u, v, g, h)
			rows, _ := s.round(users)
			if got := say(rows, names); got != c.users {
				t.Errorf("users: %q, want %q", got, c.users)
			}
			rows, _ = s.round(groups)
			if got := say(rows, names); got != c.groups {
				t.Errorf("groups: %q, want %q", got, c.groups)
			}
		})
	}
}

// Soft deletion moves the userPrincipalName out of the way, hides the person from lists, and undoes itself.
func TestSoftDeletion(t *testing.T) {
	s := newTenant(t, entratest.Options{})
	g := s.AddGroup("g", entratest.GroupOptions{})
	u := s.AddUser(entratest.User{"userPrincipalName": "ada@contoso.com"})
	s.AddMember(g, u)
	s.Assign(u, "")
	s.SoftDelete(u)
	for path, want := range map[string]int{
		"/users/" + u: 404, "/users/ada@contoso.com": 404,
		"/directory/deletedItems/" + u: 200, "/directory/deletedItems/" + u + "/microsoft.graph.user": 200,
	} {
		if r := s.get(path); r.status != want {
			t.Errorf("%s: %d, want %d", path, r.status, want)
		}
	}
	got := s.must("/directory/deletedItems/" + u + "/microsoft.graph.user?$select=userPrincipalName").text("userPrincipalName")
	if want := strings.ReplaceAll(u, "-", "") + "ada@contoso.com"; got != want {
		t.Errorf("userPrincipalName %s, want %s", got, want)
	}
	sameSet(t, "deletedItems", s.must("/directory/deletedItems/microsoft.graph.user").ids(), []string{u})
	sameSet(t, "members", s.must("/groups/"+g+"/members").ids(), nil)
	sameSet(t, "assigned", s.Assigned(), nil)

	other := s.AddUser(entratest.User{"userPrincipalName": "ada@contoso.com"})
	if s.Restore(u) {
		t.Error("restored although the userPrincipalName is taken")
	}
	s.HardDelete(other)
	if !s.Restore(u) || s.must("/users/ada@contoso.com").text("id") != u {
		t.Error("not restored")
	}
	sameSet(t, "members after restore", s.must("/groups/"+g+"/members").ids(), []string{u})
	sameSet(t, "assigned after restore", s.Assigned(), []string{u})
	s.HardDelete(u)
	if r := s.get("/directory/deletedItems/" + u); r.status != 404 {
		t.Errorf("purged: %d", r.status)
	}
}

// Tombstones and removed members come in a chain's first read as well.
func TestFirstRead(t *testing.T) {
	s := newTenant(t, entratest.Options{})
	a, b, c := s.AddUser(entratest.User{}), s.AddUser(entratest.User{}), s.AddUser(entratest.User{})
	g, empty := s.AddGroup("g", entratest.GroupOptions{}), s.AddGroup("empty", entratest.GroupOptions{})
	s.AddMember(g, a)
	s.AddMember(g, b)
	s.RemoveMember(g, b)
	s.SoftDelete(b)
	s.HardDelete(c)
	names := map[string]string{a: "a", b: "b", c: "c", g: "g", empty: "empty"}
	rows, _ := s.round("/users/delta")
	if got := say(rows, names); got != "a, b changed, c deleted" {
		t.Errorf("users: %s", got)
	}
	rows, _ = s.round("/groups/delta?$select=members")
	if got := say(rows, names); got != "g +a -b, empty" {
		t.Errorf("groups: %s", got)
	}
	rows, _ = s.round("/groups/delta?$select=displayName")
	if got := say(rows, names); got != "g, empty" {
		t.Errorf("groups without members: %s", got)
	}
	rows, _ = s.round("/groups/delta?$select=members&$filter=" + q("id eq '"+g+"'"))
	if got := say(rows, names); got != "g +a -b" {
		t.Errorf("filtered: %s", got)
	}
}

// A reader that merges by id and by group gets the truth, however the pages are cut.
func TestDeltaPages(t *testing.T) {
	for name, o := range map[string]entratest.Options{
		"plain": {}, "single": {PageSize: 1}, "empty pages": {PageSize: 3, EmptyPages: true}, "repeats": {PageSize: 3, RepeatRows: true},
		"single, repeats, empty pages": {PageSize: 1, RepeatRows: true, EmptyPages: true},
		"replays":                      {ReplayDelta: true}, "replays, repeats": {PageSize: 2, ReplayDelta: true, RepeatRows: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newTenant(t, o)
			users, groups := s.Populate(60, 2)
			m := merger{}
			rows, link := s.round("/groups/delta?$select=displayName,members")
			m.take(rows)
			m.compare(t, s, groups)
			people, usersLink := s.round("/users/delta?$select=mail")
			sameSet(t, "users", idsOf(people), users)
			for i, u := range users[:30] {
				s.RemoveMember(groups[i%2], u)
				s.AddMember(groups[(i+1)%2], u)
				s.UpdateUser(u, map[string]any{"mail": fmt.Sprint(i, "@contoso.com")})
			}
			for range 2 { // the second round shows nothing new
				rows, link = s.round(link)
				m.take(rows)
				m.compare(t, s, groups)
			}
			people, usersLink = s.round(usersLink)
			changed := idsOf(people)
			if o.ReplayDelta { // and a few that were new in the round before
				changed = slices.DeleteFunc(changed, func(id string) bool { return slices.Contains(users[55:], id) })
			}
			sameSet(t, "changed users", changed, users[:30])
			people, _ = s.round(usersLink)
			if replays := len(people) > 0; replays != o.ReplayDelta {
				t.Errorf("replays: %v", replays)
			}
		})
	}
}

// merger keeps groups and members as a client does.
type merger map[string]map[string]bool

func (m merger) take(rows []map[string]any) {
	for _, row := range rows {
		g := row["id"].(string)
		if m[g] == nil {
			m[g] = map[string]bool{}
		}
		members, _ := row["members@delta"].([]any)
		for _, x := range members {
			x := x.(map[string]any)
			_, gone := x["@removed"]
			m[g][x["id"].(string)] = !gone
		}
	}
}

func (m merger) compare(t *testing.T, s *tenant, groups []string) {
	t.Helper()
	for _, g := range groups {
		var have []string
		for id, in := range m[g] {
			if in {
				have = append(have, id)
			}
		}
		sameSet(t, "merged members", have, s.Members(g))
	}
}

func TestDeltaPageSizes(t *testing.T) {
	s := newTenant(t, entratest.Options{})
	users, groups := s.Populate(1000, 1)
	link := s.start("/users/delta", "$select=mail")
	var got []int
	for _, p := range s.all("/users/delta?$select=id") {
		got = append(got, len(p.rows()))
	}
	if !slices.Equal(got, []int{200, 200, 200, 200, 200}) {
		t.Errorf("users: %v", got)
	}
	got = nil
	for _, p := range s.all("/groups/delta?$select=displayName,members") {
		if len(p.rows()) != 1 || p.rows()[0]["id"] != groups[0] {
			t.Fatalf("not the same group again: %s", p.raw)
		}
		got = append(got, len(p.rows()[0]["members@delta"].([]any)))
	}
	if !slices.Equal(got, []int{500, 400}) {
		t.Errorf("members: %v", got)
	}
	for _, u := range users[:200] {
		s.UpdateUser(u, map[string]any{"mail": "x"})
	}
	if pages := s.all(link); len(pages) != 1 {
		t.Errorf("%d pages for 200 changes", len(pages))
	}
}

func TestLag(t *testing.T) {
	s := newTenant(t, entratest.Options{Lag: 2})
	u := s.AddUser(entratest.User{})
	for range 3 {
		s.must("/users/delta?$deltatoken=latest")
	}
	link := s.start("/users/delta", "$select=mail")
	s.UpdateUser(u, map[string]any{"mail": "a@contoso.com"})
	for i, want := range []int{0, 0, 1, 0} {
		rows, next := s.round(link)
		if len(rows) != want {
			t.Errorf("request %d: %d rows, want %d", i+1, len(rows), want)
		}
		link = next
	}
}

func TestReturnMinimal(t *testing.T) {
	s := newTenant(t, entratest.Options{})
	u := s.AddUser(entratest.User{"mail": "a@contoso.com", "department": "HR"})
	link := s.start("/users/delta", "$select=mail,department,surname")
	s.UpdateUser(u, map[string]any{"department": nil, "city": "Bonn"})
	r := s.must(link, "Prefer", "return=minimal")
	if row := r.rows()[0]; len(row) != 2 || row["department"] != nil || row["id"] != u {
		t.Errorf("minimal: %v", row)
	}
	if r.header.Get("Preference-Applied") != "return=minimal" {
		t.Errorf("Preference-Applied: %q", r.header.Get("Preference-Applied"))
	}
	if row := s.must(link).rows()[0]; len(row) != 3 || row["mail"] != "a@contoso.com" {
		t.Errorf("default: %v", row)
	}
}

func TestDirectoryExtensions(t *testing.T) {
	const one, two = "extension_0123456789abcdef0123456789abcdef_costCentre", "extension_0123456789abcdef0123456789abcdef_badge"
	s := newTenant(t, entratest.Options{})
	u := s.AddUser(entratest.User{one: "17"})
	link := s.start("/users/delta", "$select="+one)
	s.UpdateUser(u, map[string]any{two: "4711"})
	if rows, _ := s.round(link); len(rows) != 1 || rows[0][one] != "17" {
		t.Errorf("a change of another extension: %v", rows)
	}
	if r := s.must("/users/" + u + "?$select=" + two); r.text(two) != "4711" {
		t.Errorf("selected: %s", r.raw)
	}
}

// The ways in which a stored link stops working.
func TestExpiry(t *testing.T) {
	for _, c := range []struct {
		form     entratest.Expiry
		status   int
		code     string
		inner    string
		location bool
	}{
		{entratest.ExpiredGone, 410, "syncStateNotFound", "", true},
		{entratest.ExpiredGoneWithoutLocation, 410, "SyncStateNotFound", "", false},
		{entratest.ExpiredResyncApply, 410, "resyncRequired", "resyncApplyDifferences", true},
		{entratest.ExpiredResyncUpload, 410, "resyncRequired", "resyncUploadDifferences", true},
		{entratest.ExpiredSyncState, 400, "syncStateNotFound", "", false},
		{entratest.ExpiredNotFound, 404, "syncStateNotFound", "", false},
		{entratest.ExpiredMalformed, 400, "Request_BadRequest", "", false},
	} {
		s := newTenant(t, entratest.Options{PageSize: 1})
		s.Populate(3, 0)
		page := s.must("/users/delta?$select=mail,displayName").next()
		link := s.start("/users/delta", "$select=mail,displayName")
		s.ExpireTokens(c.form)
		for _, stale := range []string{page, link} {
			r := s.get(stale)
			inner, _ := r.body["error"].(map[string]any)["innerError"].(map[string]any)["code"].(string)
			if r.status != c.status || r.code() != c.code || inner != c.inner {
				t.Errorf("form %d: %d %s", c.form, r.status, r.raw)
			}
			location := r.header.Get("Location")
			if (location != "") != c.location {
				t.Errorf("form %d: Location %q", c.form, location)
			}
			if location == "" {
				continue
			}
			if !strings.HasSuffix(location, "/users/delta?$select=mail,displayName&$deltatoken=") {
				t.Errorf("form %d: Location %q", c.form, location)
			}
			if rows, _ := s.round(location); len(rows) != 3 {
				t.Errorf("form %d: %d rows from Location", c.form, len(rows))
			}
		}
		s.must(s.start("/users/delta", "$select=mail"))
	}
}

// Delta tokens live a week, page tokens minutes.
func TestTokenLife(t *testing.T) {
	clock := newClock()
	s := newTenant(t, entratest.Options{Now: clock.now, PageSize: 1})
	s.Populate(3, 0)
	link := s.start("/users/delta", "$select=mail")
	list, delta := s.must("/users?$select=id").next(), s.must("/users/delta").next()
	s.must(list)
	s.must(delta)
	clock.advance(20 * time.Minute)
	if r := s.get(list); r.code() != "Directory_ExpiredPageToken" {
		t.Errorf("page of a list: %s", r.raw)
	}
	if r := s.get(delta); r.code() != "syncStateNotFound" {
		t.Errorf("page of a delta: %s", r.raw)
	}
	clock.advance(6 * 24 * time.Hour)
	s.must(link)
	clock.advance(24 * time.Hour)
	if r := s.get(link); r.status != http.StatusBadRequest || r.code() != "syncStateNotFound" {
		t.Errorf("after a week: %d %s", r.status, r.raw)
	}
	list = s.must("/users?$select=id").next()
	s.ExpirePages()
	if r := s.get(list); r.code() != "Directory_ExpiredPageToken" {
		t.Errorf("after ExpirePages: %s", r.raw)
	}
}

// Links stand for the whole query: nothing may be added, and they work for their own resource and service only.
func TestLinksAreWhole(t *testing.T) {
	s, other := newTenant(t, entratest.Options{Seed: 1}), newTenant(t, entratest.Options{Seed: 2})
	link := s.start("/users/delta()", "$select=mail")
	if !strings.Contains(link, "/users/delta()?$deltatoken=") {
		t.Errorf("link %s", link)
	}
	token := link[strings.LastIndexByte(link, '=')+1:]
	for path, want := range map[string]string{
		"/users/delta?$select=mail&$deltatoken=" + token:                  "400 Request_UnsupportedQuery",
		"/users/delta?$filter=" + q("id eq 'a'") + "&$skiptoken=" + token: "400 Request_UnsupportedQuery",
		"/groups/delta?$deltatoken=" + token:                              "400 Request_BadRequest",
		"/users/delta?$deltatoken=" + token[:len(token)-2]:                "400 Request_BadRequest",
	} {
		if r := s.get(path); fmt.Sprint(r.status, " ", r.code()) != want {
			t.Errorf("%s: %d %s", path, r.status, r.raw)
		}
	}
	if r := other.get("/users/delta?$deltatoken=" + token); r.status != 400 {
		t.Errorf("another service: %d", r.status)
	}
}
