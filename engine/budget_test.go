package engine_test

import (
	"fmt"
	"runtime/debug"
	"testing"

	"ringsync/connectors/entra/entratest"
	"ringsync/connectors/ringcentral/ringcentraltest"
	"ringsync/engine"
	"ringsync/engine/plan"
	"ringsync/state"
)

// pages is how many pages of so many rows each the rows take.
func pages(rows, each int) int { return (rows + each - 1) / each }

// crowd is a world of many people who have their accounts, right to the letter, and a job whose state is in memory:
// what is counted is requests, and the disk has no part in them.
type crowd struct {
	*world
	job         *engine.Job
	target      engine.Target
	assignments int // of groups and of people
	direct      int // people assigned themselves, a tenth
	memberPages int // of all groups
}

func newCrowd(t *testing.T, people, groups int) *crowd {
	t.Helper()
	c := &crowd{world: newWorld(t, func(s *setup) { s.people, s.account.NoJournal = 0, true })}
	role := c.role()
	for i := range groups {
		g := c.dir.AddGroup(fmt.Sprint("Group ", i), entratest.GroupOptions{})
		c.dir.Assign(g, role)
		c.groups = append(c.groups, g)
	}
	members := make([]int, groups)
	for i := range people {
		name := fmt.Sprintf("p%d@contoso.com", i)
		id := c.join(name)
		if i%10 == 9 {
			c.dir.Assign(id, role)
			c.direct++
		} else {
			c.dir.AddMember(c.groups[i%groups], id)
			members[i%groups]++
		}
		c.account.Add(ringcentraltest.User{ExternalID: id, UserName: name, Email: name, GivenName: "Pat", FamilyName: "Smith", Active: true})
	}
	c.assignments = groups + c.direct
	for _, n := range members {
		c.memberPages += max(1, pages(n, 999))
	}
	job, target := c.world.job(state.NewOverlay(nil))
	c.job, c.target = job, target
	return c
}

// join adds somebody to the tenant.
func (c *crowd) join(name string) string {
	id := c.dir.AddUser(entratest.User{"userPrincipalName": name, "mail": name, "displayName": name, "givenName": "Pat", "surname": "Smith"})
	c.people = append(c.people, id)
	return id
}

// cycle runs one and returns its report and the requests that it cost.
func (c *crowd) cycle(kind engine.Kind) (r *plan.Report, source, target map[string]int) {
	c.t.Helper()
	c.dir.ResetRequests()
	c.account.ResetRequests()
	r, err := c.job.Cycle(c.t.Context(), c.target, kind, 0)
	c.must(err)
	return r, c.dir.Requests(), c.account.Requests()
}

// unchanged is what an incremental cycle costs at the source when nothing has changed: the application, the
// assignments, a chain of deltas for every fifty groups, and one of the users'.
func (c *crowd) unchanged() int { return 1 + pages(c.assignments, 999) + pages(len(c.groups), 50) + 1 }

// What cycles cost in requests does not depend on how many people are linked, but for the pages of what is read whole.
func TestBudgets(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(200)) // much to keep, for a moment
	c := newCrowd(t, budgetPeople, 61)

	// Everything is read, nothing is to be written: the assignments and deltas twice, so that nothing slips through
	// while the members are being read, and the accounts once.
	r, source, target := c.cycle(engine.Full)
	if r.Kind != "initial" || r.Summary != (plan.Summary{Unchanged: budgetPeople}) {
		t.Errorf("%s: %+v", r.Kind, r.Summary)
	}
	whole := 1 + 2*pages(c.assignments, 999) + 2*pages(len(c.groups), 50) + 2 + c.memberPages + pages(c.direct, 1000)
	if got := sent(source); got != whole {
		t.Errorf("a whole read takes %d requests, should take %d: %v", got, whole, source)
	}
	if list := pages(budgetPeople, 1000); target["GET /Users"] != list || total(target) != list {
		t.Errorf("a list of %d pages: %v", list, target)
	}

	r, source, target = c.cycle(engine.Incremental)
	if r.Kind != "incremental" || r.Summary.Changes() != 0 {
		t.Errorf("%s: %+v", r.Kind, r.Summary)
	}
	if got := sent(source); got != c.unchanged() || total(target) != 0 {
		t.Errorf("nothing changed: %d requests, should be %d: %v and %v", got, c.unchanged(), source, target)
	}

	for i := range 5 {
		c.dir.AddMember(c.groups[i], c.join(fmt.Sprintf("new%d@contoso.com", i)))
	}
	for _, id := range c.people[:3] {
		c.dir.UpdateUser(id, map[string]any{"jobTitle": "Pilot"})
	}
	c.dir.UpdateUser(c.people[10], map[string]any{"accountEnabled": false})
	c.dir.SoftDelete(c.people[11])
	r, source, target = c.cycle(engine.Incremental)
	if r.Summary.Create != 5 || r.Summary.Update != 3 || r.Summary.Disable != 2 || r.Summary.Changes() != 10 {
		t.Errorf("%s: %+v", r.Kind, r.Summary)
	}
	if got, most := sent(source), c.unchanged()+pages(10, 200)+1; got > most {
		t.Errorf("10 changes, 5 newcomers: %d requests, should be at most %d: %v", got, most, source)
	}
	if target["POST /Users"] != 5 || target["PATCH /Users/{id}"] != 5 || target["GET /Users?filter"] != 5 || total(target) != 15 {
		t.Errorf("10 changes of which 5 are newcomers take 10 writes and 5 look-ups: %v", target)
	}
}
