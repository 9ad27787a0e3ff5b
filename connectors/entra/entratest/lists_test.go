package entratest_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"ringsync/connectors"
	"ringsync/connectors/entra/entratest"
)

// The bodies to compare with are cut from Microsoft's documentation.
func TestShapes(t *testing.T) {
	s := newTenant(t, entratest.Options{})
	role := s.AddRole(entratest.Role{Value: "User", Enabled: true})
	u := s.AddUser(entratest.User{"userPrincipalName": "adele@contoso.com", "displayName": "Adele Vance", "mail": "adele@contoso.com"})
	g := s.AddGroup("Sales", entratest.GroupOptions{Description: "Sales people"})
	s.AddMember(g, u)
	s.Assign(u, role)

	for name, c := range map[string]struct {
		method, path, body string
		want               string
	}{
		"appRoleAssignedTo": {"GET", "/servicePrincipals/" + s.ServicePrincipal() + "/appRoleAssignedTo?$top=999", "", `{
			"@odata.context": "x", "value": [{"id": "41W1", "deletedDateTime": null, "appRoleId": "0", "createdDateTime": "2021",
			"principalDisplayName": "MOD", "principalId": "cdb5", "principalType": "User", "resourceDisplayName": "d", "resourceId": "8e"}]}`},
		"one user": {"GET", "/users/" + u, "", `{"@odata.context": "x", "businessPhones": [], "displayName": "x", "givenName": null,
			"jobTitle": null, "mail": "x", "mobilePhone": null, "officeLocation": null, "preferredLanguage": null, "surname": null,
			"userPrincipalName": "x", "id": "x"}`},
		"list of users carries no type": {"GET", "/users?$select=id,displayName", "", `{"@odata.context": "x", "value": [{"id": "x", "displayName": "x"}]}`},
		"members carry their type":      {"GET", "/groups/" + g + "/members?$select=id,mail", "", `{"@odata.context": "x", "value": [{"@odata.type": "x", "id": "x", "mail": "x"}]}`},
		"getByIds": {"POST", "/directoryObjects/getByIds?$select=id,displayName", fmt.Sprintf(`{"ids": [%q], "types": ["user"]}`, u), `{
			"@odata.context": "x", "value": [{"@odata.type": "#microsoft.graph.user", "id": "84b8", "displayName": "Trevor Jones"}]}`},
		"roles of the application": {"GET", "/servicePrincipals(appId='" + s.AppID() + "')?$select=id,appRoles", "", `{"@odata.context": "x", "id": "x",
			"appRoles": [{"id": "x", "value": "x", "displayName": "x", "description": "x", "isEnabled": true, "allowedMemberTypes": ["User"], "origin": "x"}]}`},
		"error": {"GET", "/users/nobody@contoso.com", "", `{"error": {"code": "Request_ResourceNotFound", "message": "(message)",
			"innerError": {"date": "2024-01-01T00:00:00", "request-id": "x", "client-request-id": "x"}}}`},
	} {
		t.Run(name, func(t *testing.T) {
			sameShape(t, s.call(c.method, c.path, c.body).body, c.want)
		})
	}
}

func TestHeaders(t *testing.T) {
	s := newTenant(t, entratest.Options{})
	r := s.must("/users", "client-request-id", "6f1c")
	for name, want := range map[string]string{
		"client-request-id": `^6f1c$`, "request-id": `^[0-9a-f-]{36}$`, "date": ` GMT$`, "x-ms-resource-unit": `^2$`,
		"content-type": `^application/json;odata\.metadata=minimal`,
	} {
		if !regexp.MustCompile(want).MatchString(r.header.Get(name)) {
			t.Errorf("%s: %q, want %s", name, r.header.Get(name), want)
		}
	}
	e := s.get("/users/nobody@contoso.com")
	inner := e.body["error"].(map[string]any)["innerError"].(map[string]any)
	if date := inner["date"].(string); len(date) != 19 {
		t.Errorf("innerError.date %q has a time zone", date)
	}
}

func TestCredentials(t *testing.T) {
	s := newTenant(t, entratest.Options{Token: "secret"})
	for _, c := range []struct {
		header string
		status int
	}{{"", 401}, {"Bearer ", 401}, {"Bearer other", 401}, {"Basic secret", 401}, {"Bearer secret", 200}} {
		r := s.get("/users", "Authorization", c.header)
		if r.status != c.status || c.status == 401 && (r.code() != "InvalidAuthenticationToken" || r.header.Get("WWW-Authenticate") == "") {
			t.Errorf("%q: %d %s", c.header, r.status, r.raw)
		}
	}
}

// Every refusal with the status and code that Graph gives.
func TestRefusals(t *testing.T) {
	s := newTenant(t, entratest.Options{})
	users, groups := s.Populate(30, 1)
	sp := "/servicePrincipals/" + s.ServicePrincipal()
	eq := func(n int) string {
		parts := make([]string, n)
		for i := range parts {
			parts[i] = fmt.Sprintf("id eq '%s'", users[i%len(users)][:35]+fmt.Sprint(i%10))
		}
		return strings.Join(parts, " or ")
	}
	in := func(n int) string { return "id in ('" + strings.Join(users[:n], "','") + "')" }
	for path, want := range map[string]string{
		"/users?$top=999":  "200",
		"/users?$top=1000": "400 Request_UnsupportedQuery",
		"/users?$top=0":    "400 Request_UnsupportedQuery",
		"/groups/" + groups[0] + "/members?$top=1000":                        "400 Request_UnsupportedQuery",
		"/users?$select=id,favouriteColour":                                  "400 BadRequest",
		"/groups/" + groups[0] + "/members?$select=id,department,groupTypes": "200",
		"/groups/" + groups[0] + "/members?$select=colour":                   "400 BadRequest",
		"/users?$skip=10":                                                              "400 Request_UnsupportedQuery",
		"/users?$select=id&$select=mail":                                               "400 Request_BadRequest",
		`/users?$search="displayName:x"`:                                               "400 Request_UnsupportedQuery",
		"/users?$skiptoken=nonsense":                                                   "400 Directory_ExpiredPageToken",
		"/users?$filter=" + q(in(15)):                                                  "200",
		"/users?$filter=" + q(in(16)):                                                  "400 Request_UnsupportedQuery",
		"/users?$filter=" + q("endsWith(mail,'x')"):                                    "400 Request_BadRequest",
		"/users?$filter=" + q("mail eq 'a' and mail eq 'b'"):                           "400 Request_UnsupportedQuery",
		"/users?$filter=" + q("mail eq"):                                               "400 Request_BadRequest",
		"/users?$filter=" + q("aboutMe eq 'x'"):                                        "400 Request_UnsupportedQuery",
		sp + "/appRoleAssignedTo?$filter=" + q("principalId eq '"+users[0]+"'"):        "400 Request_UnsupportedQuery",
		sp + "/appRoleAssignedTo?$filter=" + q("startswith(resourceId,'x')"):           "400 Request_UnsupportedQuery",
		sp + "/appRoleAssignedTo?$filter=" + q("startswith(principalDisplayName,'A')"): "200",
		sp + "/appRoleAssignedTo?$top=1000":                                            "400 Request_UnsupportedQuery",
		"/servicePrincipals(appId='" + users[0] + "')":                                 "404 Request_ResourceNotFound",
		"/groups/" + users[0]:                                                          "404 Request_ResourceNotFound",
		"/nowhere":                                                                     "400 BadRequest",
		"/users/delta?$top=5":                                                          "400 Request_UnsupportedQuery",
		"/users/delta?$expand=manager":                                                 "400 Request_UnsupportedQuery",
		"/users/delta?$orderby=displayName":                                            "400 Request_UnsupportedQuery",
		"/users/delta()?$filter=" + q(eq(50)):                                          "200",
		"/users/delta()?$filter=" + q(eq(51)):                                          "400 Request_UnsupportedQuery",
		"/users/delta?$filter=" + q(in(2)):                                             "400 Request_UnsupportedQuery",
		"/users/delta?$filter=" + q("mail eq 'x'"):                                     "400 Request_UnsupportedQuery",
		"/users/delta?$select=signInActivity":                                          "501 NotImplemented",
		"/users/delta?$select=colour":                                                  "400 BadRequest",
		"/users/delta?$deltatoken=nonsense":                                            "400 Request_BadRequest",
		"/users/delta?$skiptoken=a&$deltatoken=b":                                      "400 Request_BadRequest",
	} {
		r := s.get(path)
		if got := strings.TrimSpace(fmt.Sprint(r.status, " ", r.code())); got != want {
			t.Errorf("%s: %s, want %s (%s)", path, got, want, r.raw)
		}
	}
	if r := s.call("PUT", "/users", "{}"); r.status != http.StatusMethodNotAllowed {
		t.Errorf("PUT: %d", r.status)
	}
}

// However awkwardly the pages come, they hold everybody.
func TestPaging(t *testing.T) {
	for name, o := range map[string]entratest.Options{
		"plain": {}, "single": {PageSize: 1}, "short": {PageSize: 7}, "empty pages": {PageSize: 7, EmptyPages: true},
		"single, repeats": {PageSize: 1, RepeatRows: true}, "repeats, empty pages": {PageSize: 7, EmptyPages: true, RepeatRows: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newTenant(t, o)
			users, groups := s.Populate(120, 2)
			sameSet(t, "users", idsOf(rowsOf(s.all("/users?$select=id,mail"))), users)
			sameSet(t, "members", idsOf(rowsOf(s.all("/groups/"+groups[0]+"/members?$top=50&$select=id"))), s.Members(groups[0]))
			var principals []string
			for _, row := range rowsOf(s.all("/servicePrincipals/" + s.ServicePrincipal() + "/appRoleAssignedTo?$top=999")) {
				principals = append(principals, row["principalId"].(string))
			}
			if len(slices.Compact(slices.Sorted(slices.Values(principals)))) != 2+12 {
				t.Errorf("%d principals", len(principals))
			}
			pages := s.all("/users?$top=50")
			empty := slices.ContainsFunc(pages, func(r reply) bool { return len(r.rows()) == 0 && r.next() != "" })
			if empty != o.EmptyPages {
				t.Errorf("empty pages: %v", empty)
			}
			if repeats := len(rowsOf(pages)) > 120; repeats != o.RepeatRows {
				t.Errorf("repeated rows: %v", repeats)
			}
		})
	}
}

func TestPageSizes(t *testing.T) {
	s := newTenant(t, entratest.Options{})
	s.Populate(1200, 0)
	sp := "/servicePrincipals(appId='" + s.AppID() + "')/appRoleAssignedTo"
	for path, want := range map[string][]int{
		"/users?$select=id&$top=999": {999, 201},
		"/users?$select=id&$top=700": {700, 500},
		sp + "?$top=999":             {999, 201},
		sp:                           {100}, // the rest is lost
	} {
		var got []int
		for _, p := range s.all(path) {
			got = append(got, len(p.rows()))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: pages of %v, want %v", path, got, want)
		}
	}
}

// A reader misses nobody who was there all the time, whatever happens between its pages.
func TestChangesDuringRead(t *testing.T) {
	s := newTenant(t, entratest.Options{PageSize: 5})
	users, groups := s.Populate(60, 1)
	members := s.Members(groups[0])
	nested := s.AddGroup("All", entratest.GroupOptions{})
	s.AddMember(nested, groups[0])
	n := 0
	s.OnRequest(func(*http.Request) {
		if n < 20 {
			s.RemoveMember(groups[0], members[n])
			s.SoftDelete(users[59-n])
			n++
		}
	})
	for _, path := range []string{"/groups/" + groups[0] + "/members", "/groups/" + nested + "/transitiveMembers", "/users"} {
		got := idsOf(rowsOf(s.all(path)))
		for _, id := range members[20:] {
			if _, alive := s.User(id); alive && !slices.Contains(got, id) {
				t.Errorf("%s: %s is missing", path, id)
			}
		}
	}
}

// Casts are served from the index: the header and $count=true on every page.
func TestCasts(t *testing.T) {
	s := newTenant(t, entratest.Options{PageSize: 2})
	g := s.AddGroup("Sales", entratest.GroupOptions{})
	for range 3 {
		s.AddMember(g, s.AddUser(entratest.User{}))
	}
	s.AddMember(g, s.AddDevice("laptop"))
	for _, cast := range []string{"microsoft.graph.user", "graph.user"} {
		path := "/groups/" + g + "/members/" + cast
		if r := s.get(path + "?$count=true"); r.code() != "Request_UnsupportedQuery" {
			t.Errorf("without header: %s", r.raw)
		}
		if r := s.get(path, "ConsistencyLevel", "eventual"); r.code() != "Request_BadRequest" {
			t.Errorf("without $count: %s", r.raw)
		}
		first := s.must(path+"?$count=true", "ConsistencyLevel", "eventual")
		if first.body["@odata.count"] != 3.0 {
			t.Errorf("count: %s", first.raw)
		}
		if r := s.get(first.next()); r.code() != "Directory_ExpiredPageToken" {
			t.Errorf("page 2 without header: %s", r.raw)
		}
		second := s.must(first.next(), "ConsistencyLevel", "eventual")
		if _, ok := second.body["@odata.count"]; ok || len(second.rows()) != 1 {
			t.Errorf("page 2: %s", second.raw)
		}
	}
	if r := s.must("/groups/" + g + "/members?$count=true"); r.body["@odata.count"] != nil {
		t.Errorf("$count without header is not ignored: %s", r.raw)
	}
	if rows := rowsOf(s.all("/groups/" + g + "/members")); rows[3]["@odata.type"] != "#microsoft.graph.device" {
		t.Errorf("un-cast members hide other types: %v", rows)
	}
}

func TestNesting(t *testing.T) {
	s := newTenant(t, entratest.Options{})
	top, inner := s.AddGroup("Top", entratest.GroupOptions{}), s.AddGroup("Inner", entratest.GroupOptions{})
	direct, nested := s.AddUser(entratest.User{}), s.AddUser(entratest.User{})
	s.AddMember(top, direct)
	s.AddMember(top, inner)
	s.AddMember(inner, nested)
	s.AddMember(inner, top) // a circle
	s.Assign(top, "")
	sameSet(t, "members", s.must("/groups/"+top+"/members").ids(), []string{direct, inner})
	sameSet(t, "transitiveMembers", s.must("/groups/"+top+"/transitiveMembers").ids(), []string{direct, inner, nested})
	sameSet(t, "memberOf", s.must("/users/"+nested+"/memberOf").ids(), []string{inner})
	sameSet(t, "transitiveMemberOf", s.must("/users/"+nested+"/transitiveMemberOf").ids(), []string{inner, top})
	sameSet(t, "assigned", s.Assigned(), []string{direct})
	sameSet(t, "assigned, nested", s.AssignedIn(entratest.Scope{Nested: true}), []string{direct, nested})
	sameSet(t, "assigned, no default access", s.AssignedIn(entratest.Scope{NoDefaultAccess: true}), nil)
}

func TestFilters(t *testing.T) {
	s := newTenant(t, entratest.Options{})
	a := s.AddUser(entratest.User{"userPrincipalName": "a@contoso.com", "displayName": "Maeve O'Brien", "accountEnabled": false})
	b := s.AddUser(entratest.User{"userPrincipalName": "B@contoso.com", "displayName": "Maeve Quinn", "mail": "b@contoso.com"})
	for filter, want := range map[string][]string{
		"id in ('" + a + "','" + b + "','" + s.ServicePrincipal() + "')": {a, b},
		"id eq '" + a + "' or id eq '" + a + "'":                         {a},
		"userPrincipalName eq 'b@CONTOSO.com'":                           {b},
		"displayName eq 'Maeve O''Brien'":                                {a},
		"startswith(displayName,'maeve')":                                {a, b},
		"startswith(displayName,'x') or mail eq 'b@contoso.com'":         {b},
		"accountEnabled eq false":                                        {a},
		"mail eq null":                                                   {a},
	} {
		sameSet(t, filter, s.must("/users?$filter="+q(filter)).ids(), want)
	}
	if r := s.must("/users/B@CONTOSO.COM"); r.text("id") != b {
		t.Errorf("by userPrincipalName: %s", r.raw)
	}
	if r := s.must("/servicePrincipals?$filter=" + q("appId eq '"+s.AppID()+"'")); !slices.Equal(r.ids(), []string{s.ServicePrincipal()}) {
		t.Errorf("service principal by filter: %s", r.raw)
	}
}

// In lists what was never set is null; accountEnabled comes only when it is selected.
func TestSelect(t *testing.T) {
	s := newTenant(t, entratest.Options{})
	u := s.AddUser(entratest.User{"displayName": "Ada"})
	r := s.must("/users/" + u)
	if _, ok := r.body["accountEnabled"]; ok {
		t.Errorf("accountEnabled without $select: %s", r.raw)
	}
	r = s.must("/users/" + u + "?$select=accountEnabled,mobilePhone,otherMails")
	if !strings.HasSuffix(r.raw, `"accountEnabled":true,"mobilePhone":null,"otherMails":[]}`) {
		t.Errorf("selected: %s", r.raw)
	}
	if !strings.Contains(r.raw, "$metadata#users(accountEnabled,mobilePhone,otherMails)/$entity") {
		t.Errorf("context: %s", r.raw)
	}
}

// An assignment's id begins with the principal's id as a little-endian GUID, and its time has seven digits.
func TestAssignmentRow(t *testing.T) {
	s := newTenant(t, entratest.Options{})
	const principal = "cdb555e3-b33e-4fd5-a427-17fadacbdfa7"
	s.AddUser(entratest.User{"id": principal})
	id := s.Assign(principal, "")
	sp := s.AddPrincipal("Other app")
	s.Assign(sp, "")
	raw, err := base64.RawURLEncoding.DecodeString(id)
	if err != nil || len(raw) != 32 || hex.EncodeToString(raw[:16]) != "e355b5cd3eb3d54fa42717fadacbdfa7" {
		t.Errorf("id %s: %x", id, raw)
	}
	rows := s.must("/servicePrincipals/" + s.ServicePrincipal() + "/appRoleAssignedTo?$top=999").rows()
	if !regexp.MustCompile(`\.\d{7}Z$`).MatchString(rows[0]["createdDateTime"].(string)) {
		t.Errorf("createdDateTime %v", rows[0]["createdDateTime"])
	}
	sameSet(t, "the principal's own list", s.must("/users/"+principal+"/appRoleAssignments").ids(), []string{id})
	if r := s.must("/servicePrincipals/" + s.ServicePrincipal() + "/appRoleAssignedTo?$top=1&$select=principalId"); len(r.rows()[0]) != 1 {
		t.Errorf("$select: %s", r.raw)
	}
	if r := s.get("/users/" + principal + "/appRoleAssignments?$select=colour"); r.code() != "BadRequest" {
		t.Errorf("unknown property: %s", r.raw)
	}
	if rows[0]["appRoleId"] != connectors.DefaultAccessRole || rows[1]["principalType"] != "ServicePrincipal" {
		t.Errorf("rows: %v", rows)
	}
}

func TestGetByIDs(t *testing.T) {
	s := newTenant(t, entratest.Options{})
	users, groups := s.Populate(3, 1)
	s.SoftDelete(users[2])
	ask := func(s *tenant, query string, types string, ids ...string) reply {
		return s.call("POST", "/directoryObjects/getByIds"+query, fmt.Sprintf(`{"ids": ["%s"], "types": [%s]}`, strings.Join(ids, `","`), types))
	}
	sameSet(t, "all types", ask(s, "", "", append(users, groups...)...).ids(), []string{users[0], users[1], groups[0]})
	sameSet(t, "users", ask(s, "", `"user"`, append(users, groups...)...).ids(), users[:2])
	if r := ask(s, "", "", slices.Repeat([]string{users[0]}, 1001)...); r.status != 400 {
		t.Errorf("1001 ids: %d", r.status)
	}
	row := ask(s, "?$select=accountEnabled", "", users[0]).rows()[0]
	if row["accountEnabled"] != true || row["displayName"] != nil {
		t.Errorf("$select: %v", row)
	}

	deaf := newTenant(t, entratest.Options{IgnoreGetByIDsSelect: true})
	users, _ = deaf.Populate(1, 0)
	row = ask(deaf, "?$select=accountEnabled", "", users[0]).rows()[0]
	if _, ok := row["accountEnabled"]; ok || row["displayName"] == nil {
		t.Errorf("$select ignored: %v", row)
	}
}

func TestPermissions(t *testing.T) {
	small := []string{"User.Read.All", "GroupMember.Read.All", "Application.Read.All"}
	for _, c := range []struct {
		permissions []string
		noDirectory bool
		path        string
		status      int
	}{
		{small, false, "/users", 200},
		{small, false, "/users/delta", 200},
		{small, false, "/groups/delta", 200},
		{small, false, "/directoryObjects/getByIds", 403},
		{nil, true, "/directoryObjects/getByIds", 403},
		{nil, true, "/users", 200},
		{nil, false, "/directoryObjects/getByIds", 200},
		{[]string{"Directory.Read.All"}, false, "/directoryObjects/getByIds", 200},
		{[]string{"Application.Read.All"}, false, "/users", 403},
		{[]string{"User.ReadWrite.All"}, false, "/users", 200},
	} {
		s := newTenant(t, entratest.Options{Permissions: c.permissions, NoDirectoryRead: c.noDirectory})
		r := s.get(c.path)
		if strings.HasSuffix(c.path, "getByIds") {
			r = s.call("POST", c.path, `{"ids": ["x"]}`)
		}
		if r.status != c.status || c.status == 403 && r.code() != "Authorization_RequestDenied" {
			t.Errorf("%v %s: %d, want %d", c.permissions, c.path, r.status, c.status)
		}
	}
}

// A caller that may not read users still sees who is a member, and nothing else of them.
func TestLimitedInformation(t *testing.T) {
	s := newTenant(t, entratest.Options{Permissions: []string{"GroupMember.Read.All"}})
	users, groups := s.Populate(1, 1)
	row := s.must("/groups/" + groups[0] + "/members?$select=id,userPrincipalName,accountEnabled").rows()[0]
	if row["id"] != users[0] || row["@odata.type"] != "#microsoft.graph.user" || row["userPrincipalName"] != nil || row["accountEnabled"] != nil {
		t.Errorf("row: %v", row)
	}
	hidden := s.AddGroup("Secret", entratest.GroupOptions{Hidden: true})
	if r := s.get("/groups/" + hidden + "/members"); r.status != 403 {
		t.Errorf("hidden membership: %d", r.status)
	}
}

func TestRequests(t *testing.T) {
	s := newTenant(t, entratest.Options{})
	users, _ := s.Populate(2, 0)
	s.get("/users/" + users[0])
	s.get("/users/" + users[1])
	s.get("/users/delta()")
	s.get("/servicePrincipals(appId='" + s.AppID() + "')/appRoleAssignedTo")
	s.call("POST", "/$batch", `{"requests": [{"id": "1", "method": "GET", "url": "/users"}]}`)
	want := map[string]int{"GET /users/{id}": 2, "GET /users/delta": 1, "GET /servicePrincipals/{id}/appRoleAssignedTo": 1,
		"POST /$batch": 1, "$batch GET /users": 1}
	if got := s.Requests(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
	s.ResetRequests()
	if got := s.Requests(); len(got) != 0 {
		t.Errorf("after reset: %v", got)
	}
}
