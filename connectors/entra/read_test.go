package entra

import (
	"bytes"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"ringsync/connectors"
	"ringsync/connectors/entra/entratest"
)

// What a full read brings must be what the directory says is in scope, however awkwardly it says it.
func TestFull(t *testing.T) {
	for _, tc := range []struct {
		name   string
		server entratest.Options
		client func(*Options)
	}{
		{"well-behaved", entratest.Options{}, func(*Options) {}},
		{"small pages", entratest.Options{PageSize: 7}, func(*Options) {}},
		{"empty pages and repeated rows", entratest.Options{PageSize: 7, EmptyPages: true, RepeatRows: true}, func(*Options) {}},
		{"replayed deltas", entratest.Options{ReplayDelta: true, RepeatRows: true}, func(*Options) {}},
		{"no Directory.Read.All", entratest.Options{NoDirectoryRead: true}, func(*Options) {}},
		{"no Directory.Read.All, small pages", entratest.Options{NoDirectoryRead: true, PageSize: 4}, func(*Options) {}},
		{"getByIds does not heed $select", entratest.Options{IgnoreGetByIDsSelect: true}, func(*Options) {}},
		{"one request at a time", entratest.Options{}, func(o *Options) { o.PageConcurrency = 1 }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := entratest.New(tc.server)
			d.Populate(400, 12)
			d.Assign(d.AddPrincipal("daemon"), "")
			c := newTestClient(t, d, tc.client)
			f := full(t, c)
			ids, rowless := f.inScope()
			sameIDs(t, "in scope", ids, d.Assigned())
			sameIDs(t, "without a row", rowless, nil)
			if len(f.rows) != len(ids) {
				t.Errorf("read %d people for %d in scope", len(f.rows), len(ids))
			}
			for _, id := range ids {
				u, _ := d.User(id)
				if got, want := f.text(id, connectors.SlotUserPrincipalName), u["userPrincipalName"]; got != want {
					t.Errorf("%s: got userPrincipalName %s, want %s", id, got, want)
				}
			}
			if !f.complete[f.app.ID] || len(f.complete) != 13 || len(f.incomplete) != 0 {
				t.Errorf("complete: %v, incomplete: %v", f.complete, f.incomplete)
			}
		})
	}
}

func TestFullOfEveryUser(t *testing.T) {
	for _, roles := range []bool{false, true} {
		d := entratest.New(entratest.Options{PageSize: 9, EmptyPages: true})
		d.Populate(60, 3)
		for range 20 {
			d.AddUser(entratest.User{})
		}
		c := newTestClient(t, d, func(o *Options) {
			o.ScopeAll = true
			if roles {
				o.Slots = slotsOf("mail", "jobTitle", connectors.AttrAppRoleAssignments)
			}
		})
		f := full(t, c)
		if !f.complete[connectors.EveryUser] || len(f.rows) != len(d.Users()) {
			t.Errorf("roles %v: read %d of %d people", roles, len(f.rows), len(d.Users()))
		}
		ids, _ := f.inScope()
		want := d.Assigned()
		if !roles {
			want = nil
		}
		sameIDs(t, "assigned", ids, want)

		d.UpdateUser(d.Users()[0], map[string]any{"jobTitle": "Fettler"})
		added := d.AddUser(entratest.User{})
		f.changes(t.Context(), c)
		if f.text(d.Users()[0], 5) != "Fettler" {
			t.Errorf("jobTitle: got %q", f.text(d.Users()[0], 5))
		}
		if _, ok := f.rows[added]; !ok {
			t.Error("the new user did not come")
		}
	}
}

// The request budget of an incremental read in which nothing has changed: 1 + assignments/999 + groups/50 + 1.
func TestRequestsOfChanges(t *testing.T) {
	d := entratest.New(entratest.Options{})
	d.Populate(300, 120)
	c := newTestClient(t, d)
	f := full(t, c)
	d.ResetRequests()
	f.changes(t.Context(), c)
	total := 0
	for _, n := range d.Requests() {
		total += n
	}
	if want := 1 + 1 + 3 + 1; total != want {
		t.Errorf("got %d requests, want %d: %v", total, want, d.Requests())
	}
	if f.emitted != 0 {
		t.Errorf("emitted %d rows though nothing changed", f.emitted)
	}
}

// Requests of a full read: service principal, assignments twice, chains, members, the directly assigned in one call,
// the chains again.
func TestRequestsOfFull(t *testing.T) {
	d := entratest.New(entratest.Options{})
	d.Populate(500, 10)
	full(t, newTestClient(t, d))
	want := map[string]int{
		"GET /servicePrincipals(appId='{appId}')": 1, "GET /servicePrincipals/{id}/appRoleAssignedTo": 2,
		"GET /groups/delta": 2, "GET /users/delta": 2, "GET /groups/{id}/members": 10, "POST /directoryObjects/getByIds": 1,
	}
	got := d.Requests()
	total, wanted := 0, 0
	for _, n := range got {
		total += n
	}
	for _, n := range want {
		wanted += n
	}
	if total != wanted {
		t.Errorf("got %d requests, want %d: %v", total, wanted, got)
	}
}

// Whoever moves in the middle of a read is found all the same: by the read itself, or when people in sight are asked
// for alone. The move is made at every request in turn.
func TestMovesDuringFull(t *testing.T) {
	type world struct {
		d      *entratest.Directory
		a, b   string // groups
		person string
	}
	for _, tc := range []struct {
		name string
		prep func(world)
		move func(world)
	}{
		{"from group to group", func(w world) { w.d.AddMember(w.a, w.person) },
			func(w world) { w.d.RemoveMember(w.a, w.person); w.d.AddMember(w.b, w.person) }},
		{"back from group to group", func(w world) { w.d.AddMember(w.b, w.person) },
			func(w world) { w.d.RemoveMember(w.b, w.person); w.d.AddMember(w.a, w.person) }},
		{"from group to application", func(w world) { w.d.AddMember(w.a, w.person) },
			func(w world) { w.d.RemoveMember(w.a, w.person); w.d.Assign(w.person, "") }},
		{"from application to group", func(w world) { w.d.Assign(w.person, "") },
			func(w world) { w.d.Unassign(w.person); w.d.AddMember(w.b, w.person) }},
		{"to a group assigned in the same moment", func(w world) { w.d.AddMember(w.a, w.person) },
			func(w world) {
				n := w.d.AddGroup("new", entratest.GroupOptions{})
				w.d.AddMember(n, w.person)
				w.d.Assign(n, "")
				w.d.RemoveMember(w.a, w.person)
			}},
		{"created and assigned", func(world) {}, func(w world) { w.d.Assign(w.d.AddUser(entratest.User{}), "") }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for at, reached := 0, true; reached; at++ {
				w := world{d: entratest.New(entratest.Options{Seed: 7})}
				w.a, w.b = w.d.AddGroup("A", entratest.GroupOptions{}), w.d.AddGroup("B", entratest.GroupOptions{})
				w.person = w.d.AddUser(entratest.User{})
				for _, g := range []string{w.a, w.b} {
					w.d.Assign(g, "")
					w.d.AddMember(g, w.d.AddUser(entratest.User{}))
				}
				tc.prep(w)
				n := 0
				reached = false
				w.d.OnRequest(func(*http.Request) {
					if n++; n == at+1 {
						reached = true
						tc.move(w)
					}
				})
				c := newTestClient(t, w.d, func(o *Options) { o.PageConcurrency = 1 })
				f := full(t, c)
				w.d.OnRequest(nil)
				ids, _ := f.inScope()
				for _, missing := range slices.DeleteFunc(w.d.Assigned(), func(id string) bool { return slices.Contains(ids, id) }) {
					if _, seen := f.rows[missing]; !seen {
						continue // a newcomer whom the next read brings: nothing is taken from them
					}
					assigned := f.app.ID
					if err := c.Standing(t.Context(), []string{missing}, func(s connectors.Standing) error {
						for _, g := range s.Groups {
							if f.edges[connectors.Edge{Child: g, Parent: assigned, Role: connectors.DefaultAccessRole, Group: true}] {
								return nil
							}
						}
						t.Errorf("moved at request %d: %s is in no assigned group, though they are assigned", at, missing)
						return nil
					}); err != nil {
						t.Fatal(err)
					}
				}
				f.changes(t.Context(), c)
				ids, _ = f.inScope()
				sameIDs(t, "after the next read", ids, w.d.Assigned())
			}
		})
	}
}

func TestChanges(t *testing.T) {
	d := entratest.New(entratest.Options{PageSize: 3, RepeatRows: true, EmptyPages: true, ReplayDelta: true})
	people, groups := d.Populate(40, 4)
	c := newTestClient(t, d, func(o *Options) { o.DefaultAccess = AccessInclude })
	f := full(t, c)
	var newcomer string
	for _, step := range []struct {
		name  string
		do    func()
		check func() bool
	}{
		{"a title changes", func() { d.UpdateUser(people[0], map[string]any{"jobTitle": "Fettler"}) },
			func() bool { return f.text(people[0], 5) == "Fettler" }},
		{"a title is cleared", func() { d.UpdateUser(people[0], map[string]any{"jobTitle": nil}) },
			func() bool { return f.rows[people[0]].Values[5].Kind() == connectors.Null }},
		{"somebody is disabled", func() { d.UpdateUser(people[1], map[string]any{"accountEnabled": false}) },
			func() bool { return f.text(people[1], connectors.SlotAccountEnabled) == "False" }},
		{"a member leaves", func() { d.RemoveMember(groups[2], people[2]) }, nil},
		{"a member is deleted", func() { d.SoftDelete(people[3]) },
			func() bool { return f.rows[people[3]].Removed == connectors.SoftDeleted }},
		{"and restored", func() { d.Restore(people[3]) },
			func() bool { return f.rows[people[3]].Removed == connectors.NotRemoved }},
		{"and deleted for good", func() { d.SoftDelete(people[3]); d.HardDelete(people[3]) },
			func() bool { return f.rows[people[3]].Removed == connectors.HardDeleted }},
		{"somebody is unassigned", func() { d.Unassign(people[9]) }, nil},
		{"a group is unassigned", func() { d.Unassign(groups[1]) }, nil},
		{"its members change meanwhile", func() { d.AddMember(groups[1], people[9]); d.RemoveMember(groups[1], people[1]) }, nil},
		{"and it is assigned again", func() { d.Assign(groups[1], "") },
			func() bool { return f.complete[groups[1]] }},
		{"a newcomer joins", func() { newcomer = d.AddUser(entratest.User{}); d.AddMember(groups[0], newcomer) }, nil},
		{"a group is deleted", func() { d.DeleteGroup(groups[3]) }, nil},
	} {
		step.do()
		f.changes(t.Context(), c)
		ids, rowless := f.inScope()
		// Rows of newcomers are the caller's to ask for.
		if err := c.People(t.Context(), rowless, f.Row); err != nil {
			t.Fatal(err)
		}
		if len(rowless) > 0 {
			ids, _ = f.inScope()
		}
		sameIDs(t, step.name, ids, d.Assigned())
		if step.check != nil && !step.check() {
			t.Errorf("%s: not seen", step.name)
		}
	}
}

func TestNestedGroups(t *testing.T) {
	d := entratest.New(entratest.Options{PageSize: 2})
	top, mid, low := d.AddGroup("top", entratest.GroupOptions{}), d.AddGroup("mid", entratest.GroupOptions{}), d.AddGroup("low", entratest.GroupOptions{})
	for _, g := range []string{top, mid, low} {
		for range 3 {
			d.AddMember(g, d.AddUser(entratest.User{}))
		}
	}
	d.AddMember(top, mid)
	d.AddMember(mid, low)
	d.AddMember(low, top) // a cycle
	d.AddMember(top, d.AddDevice("laptop"))
	d.AddMember(top, d.AddContact("supplier"))
	d.Assign(top, "")

	flat := full(t, newTestClient(t, d))
	ids, _ := flat.inScope()
	sameIDs(t, "direct members only", ids, d.Assigned())

	c := newTestClient(t, d, func(o *Options) { o.NestedGroups = true })
	f := full(t, c)
	nested := entratest.Scope{Nested: true}
	ids, _ = f.inScope()
	sameIDs(t, "nested", ids, d.AssignedIn(nested))

	lower := d.AddGroup("lower", entratest.GroupOptions{})
	for range 3 {
		d.AddMember(lower, d.AddUser(entratest.User{}))
	}
	d.AddMember(low, lower)
	f.changes(t.Context(), c)
	ids, rowless := f.inScope()
	sameIDs(t, "a group joins", ids, d.AssignedIn(nested))
	sameIDs(t, "without a row", rowless, nil)

	d.RemoveMember(mid, low)
	f.changes(t.Context(), c)
	ids, _ = f.inScope()
	sameIDs(t, "a group leaves", ids, d.AssignedIn(nested))
}

// A nested group that cannot be read once is read when it can be, though nothing names it again.
func TestNestedGroupReadLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := entratest.New(entratest.Options{})
		top, mid := d.AddGroup("top", entratest.GroupOptions{}), d.AddGroup("mid", entratest.GroupOptions{})
		d.AddMember(mid, d.AddUser(entratest.User{}))
		d.AddMember(top, mid)
		d.Assign(top, "")
		d.Fault(func(r *http.Request) *entratest.Fault {
			if strings.Contains(r.URL.Path, mid+"/members") {
				return entratest.Gateway(503)
			}
			return nil
		})
		c := newTestClient(t, d, func(o *Options) { o.NestedGroups = true })
		f := full(t, c)
		if connectors.FaultOf(f.incomplete[mid]) != connectors.FaultUnavailable {
			t.Errorf("incomplete: %v", f.incomplete)
		}
		d.Fault(nil)
		f.changes(t.Context(), c)
		ids, _ := f.inScope()
		sameIDs(t, "afterwards", ids, d.AssignedIn(entratest.Scope{Nested: true}))
	})
}

// What is wrong with one group holds only that group.
func TestIncompleteGroups(t *testing.T) {
	for _, tc := range []struct {
		name  string
		fault *entratest.Fault
		want  connectors.Fault
	}{
		{"forbidden", &entratest.Fault{Status: 403}, connectors.FaultPermission},
		{"not there", &entratest.Fault{Status: 404}, connectors.FaultNotFound},
		{"broken for hours", entratest.Gateway(502), connectors.FaultUnavailable},
		{"throttled for hours", entratest.Throttled("7200"), connectors.FaultUnavailable},
		{"always cut short", &entratest.Fault{Truncate: true}, connectors.FaultUnavailable},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := entratest.New(entratest.Options{})
				_, groups := d.Populate(60, 4)
				d.Fault(func(r *http.Request) *entratest.Fault {
					if strings.Contains(r.URL.Path, groups[1]+"/members") {
						return tc.fault
					}
					return nil
				})
				c := newTestClient(t, d)
				f := full(t, c)
				if got := connectors.FaultOf(f.incomplete[groups[1]]); len(f.incomplete) != 1 || got != tc.want {
					t.Errorf("incomplete %v, want %v for %s only", f.incomplete, tc.want, groups[1])
				}
				if len(f.complete) != 4 {
					t.Errorf("complete: %v", f.complete)
				}
				d.Fault(nil)
				f.changes(t.Context(), c)
				ids, _ := f.inScope()
				sameIDs(t, "once it can be read", ids, d.Assigned())
			})
		})
	}
}

// When the service as a whole is down the read ends, instead of trying every group for minutes.
func TestServiceDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := entratest.New(entratest.Options{})
		d.Populate(100, 40)
		d.Fault(func(r *http.Request) *entratest.Fault {
			if strings.HasSuffix(r.URL.Path, "/members") {
				return entratest.Gateway(503)
			}
			return nil
		})
		f := newFacts(t).begin()
		err := newTestClient(t, d, func(o *Options) { o.PageConcurrency = 2 }).Full(t.Context(), f)
		if connectors.FaultOf(err) != connectors.FaultUnavailable || f.mark != nil {
			t.Errorf("got %v, mark %s", err, f.mark)
		}
		if len(f.incomplete) > mostFailed {
			t.Errorf("tried %d groups", len(f.incomplete))
		}
	})
}

func TestDefaultAccess(t *testing.T) {
	for _, tc := range []struct {
		setting string
		role    entratest.Role
		want    bool // people with Default Access count
	}{
		{"auto", entratest.Role{}, true},
		{"auto", entratest.Role{Value: "User", Enabled: true, MemberTypes: []string{"User"}}, false},
		{"auto", entratest.Role{Value: "User", Enabled: false, MemberTypes: []string{"User"}}, true},
		{"auto", entratest.Role{Value: "daemon", Enabled: true, MemberTypes: []string{"Application"}}, true},
		{"include", entratest.Role{Value: "User", Enabled: true, MemberTypes: []string{"User"}}, true},
		{"exclude", entratest.Role{}, false},
	} {
		d := entratest.New(entratest.Options{})
		named, plain := d.AddUser(entratest.User{}), d.AddUser(entratest.User{})
		group := d.AddGroup("all", entratest.GroupOptions{})
		d.AddMember(group, d.AddUser(entratest.User{}))
		role := "11111111-1111-1111-1111-111111111111"
		if tc.role.Value != "" {
			role = d.AddRole(tc.role)
		}
		d.Assign(named, role)
		d.Assign(plain, "")
		d.Assign(group, "")
		c := newTestClient(t, d, func(o *Options) { o.DefaultAccess = tc.setting })
		f := full(t, c)
		ids, _ := f.inScope()
		sameIDs(t, tc.setting, ids, d.AssignedIn(entratest.Scope{NoDefaultAccess: !tc.want}))

		// Roles declared later do not change what auto came to.
		if tc.setting == "auto" {
			d.AddRole(entratest.Role{Value: "later", Enabled: true, MemberTypes: []string{"User"}})
			f.changes(t.Context(), c)
			ids, _ = f.inScope()
			sameIDs(t, "auto, a role later", ids, d.AssignedIn(entratest.Scope{NoDefaultAccess: !tc.want}))
		}
	}
}

func TestExpiredMark(t *testing.T) {
	for form := entratest.ExpiredGone; form <= entratest.ExpiredMalformed; form++ {
		d := entratest.New(entratest.Options{})
		d.Populate(20, 2)
		c := newTestClient(t, d)
		f := full(t, c)
		d.ExpireTokens(form)
		if err := c.Changes(t.Context(), f.mark, newFacts(t).begin()); connectors.FaultOf(err) != connectors.FaultResync {
			t.Errorf("form %d: got %v", form, err)
		}
	}
}

// A mark of other settings is worth nothing, whatever the service thinks of its tokens.
func TestMarkOfOtherSettings(t *testing.T) {
	d := entratest.New(entratest.Options{})
	d.Populate(20, 2)
	mark := full(t, newTestClient(t, d)).mark
	for name, change := range map[string]func(*Options){
		"attributes": func(o *Options) { o.Slots = slotsOf("mail", "jobTitle", "city") },
		"scope":      func(o *Options) { o.ScopeAll = true },
		"nesting":    func(o *Options) { o.NestedGroups = true },
		"endpoint":   func(o *Options) { o.Endpoint = "http://127.0.0.1:8042/v1.0" },
	} {
		err := newTestClient(t, d, change).Changes(t.Context(), mark, newFacts(t).begin())
		if connectors.FaultOf(err) != connectors.FaultResync {
			t.Errorf("%s: got %v", name, err)
		}
	}
	for _, bad := range []string{"", "{}", "null", `{"version":99}`, strings.Replace(string(mark), `"link":"`, `"link":"","x":"`, 1)} {
		err := newTestClient(t, d).Changes(t.Context(), []byte(bad), newFacts(t).begin())
		if connectors.FaultOf(err) != connectors.FaultResync {
			t.Errorf("mark %q: got %v", bad, err)
		}
	}
}

// Page tokens that expire on the way make the list begin again.
func TestPageTokensExpire(t *testing.T) {
	d := entratest.New(entratest.Options{PageSize: 10})
	d.Populate(100, 1)
	expire := once(d.ExpirePages)
	d.OnRequest(func(r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/members") && strings.Contains(r.URL.RawQuery, "skiptoken") {
			expire()
		}
	})
	f := full(t, newTestClient(t, d))
	ids, _ := f.inScope()
	sameIDs(t, "in scope", ids, d.Assigned())
	if len(f.incomplete) != 0 {
		t.Errorf("incomplete: %v", f.incomplete)
	}
}

// Groups that are assigned one by one each bring a chain; before there are too many they are joined.
func TestChainsAreJoined(t *testing.T) {
	d := entratest.New(entratest.Options{})
	d.Populate(10, 1)
	c := newTestClient(t, d, func(o *Options) { o.DefaultAccess = AccessInclude })
	f := full(t, c)
	for range 12 {
		g := d.AddGroup("g", entratest.GroupOptions{})
		d.AddMember(g, d.AddUser(entratest.User{}))
		d.Assign(g, "")
		f.changes(t.Context(), c)
		ids, _ := f.inScope()
		sameIDs(t, "in scope", ids, d.Assigned())
	}
	m, err := parseMark(f.mark)
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Chains) > 6 {
		t.Errorf("%d chains for 13 groups", len(m.Chains))
	}
}

// Faults of every kind at a third of all requests delay a read and change nothing.
func TestFullThroughFaults(t *testing.T) {
	faults := []*entratest.Fault{
		entratest.Throttled("2.128"), entratest.Throttled(""), entratest.Gateway(503), {Status: 500}, {Status: 504, After: true},
		{Truncate: true}, {Drop: true}, {Drop: true, After: true}, {Status: 429, RetryAfter: "5", Penalty: true},
	}
	for _, server := range []entratest.Options{{PageSize: 20}, {PageSize: 20, NoDirectoryRead: true}} {
		synctest.Test(t, func(t *testing.T) {
			d := entratest.New(server)
			d.Populate(200, 3)
			random := rand.New(rand.NewPCG(1, 2))
			d.Fault(func(*http.Request) *entratest.Fault {
				if random.IntN(3) > 0 {
					return nil
				}
				return faults[random.IntN(len(faults))]
			})
			var log bytes.Buffer
			f := full(t, newTestClient(t, d, func(o *Options) {
				o.PageConcurrency, o.Logger = 1, slog.New(slog.NewTextHandler(&log, nil))
			}))
			if said := log.String(); !strings.Contains(said, "trying again") || strings.Contains(said, "secret-token") || strings.Contains(said, "deltatoken=") {
				t.Errorf("the log says nothing, or a token: %s", said)
			}
			d.Fault(nil)
			ids, _ := f.inScope()
			sameIDs(t, "in scope", ids, d.Assigned())
			if d.EarlyCalls() != 0 {
				t.Errorf("%d requests before Retry-After was over", d.EarlyCalls())
			}
		})
	}
}

// Throttling by resource units slows a read down and nothing else.
func TestFullThrottled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := entratest.New(entratest.Options{PageSize: 10, Units: 60})
		d.Populate(500, 10)
		f := full(t, newTestClient(t, d, func(o *Options) { o.PageConcurrency = 1 }))
		ids, _ := f.inScope()
		sameIDs(t, "in scope", ids, d.Assigned())
		if d.EarlyCalls() != 0 {
			t.Errorf("%d requests before Retry-After was over", d.EarlyCalls())
		}
	})
}

func TestPermissions(t *testing.T) {
	for _, tc := range []struct {
		have []string
		want string
	}{
		{[]string{"User.Read.All", "GroupMember.Read.All"}, "Application.Read.All"},
		{[]string{"Application.Read.All", "GroupMember.Read.All"}, "User.Read.All"},
		{[]string{"User.Read.All", "Application.Read.All"}, "GroupMember.Read.All"},
	} {
		d := entratest.New(entratest.Options{Permissions: tc.have})
		d.Populate(40, 2)
		err := newTestClient(t, d).Full(t.Context(), newFacts(t).begin())
		if connectors.FaultOf(err) != connectors.FaultPermission || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("without %s: got %v", tc.want, err)
		}
	}
}

func BenchmarkFull(b *testing.B) {
	d := entratest.New(entratest.Options{})
	d.Populate(20_000, 50)
	c := newTestClient(b, d)
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Full(b.Context(), newFacts(b).begin()); err != nil {
			b.Fatal(err)
		}
	}
}
