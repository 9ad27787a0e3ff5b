package plan_test

import (
	"strings"
	"testing"
	"time"

	"ringsync/connectors"
	"ringsync/engine/plan"
	"ringsync/state"
)

var ada = state.SourceRef{ID: "a1", UserPrincipalName: "ada@contoso.com", DisplayName: "Ada \x1b[31mLovelace"}

func disabling() plan.Change {
	return plan.Change{
		Action: plan.Disable, Reason: "unassigned", Source: ada, Target: state.TargetRef{ID: "7", UserName: "ada@contoso.com"},
		Attributes: []plan.Attribute{{Name: "active", Old: connectors.BoolValue(true), New: connectors.BoolValue(false)}},
		Status:     plan.StatusHeld, Held: 2,
	}
}

func TestWriteChanges(t *testing.T) {
	changes := []plan.Change{disabling()}
	for _, tc := range []struct {
		text plan.Text
		want string
	}{
		{plan.Text{}, "- disable  Ada �[31mLovelace <ada@contoso.com> → 7  (unassigned)  [held for approval, list 2]\n      active: true → false\n"},
		{plan.Text{Brief: true}, "- disable  Ada �[31mLovelace <ada@contoso.com> → 7  (unassigned)  [held for approval, list 2]\n"},
	} {
		var b strings.Builder
		if err := tc.text.WriteChanges(&b, changes); err != nil || b.String() != tc.want {
			t.Errorf("%+v: got\n%s%v\nwant\n%s", tc.text, &b, err, tc.want)
		}
	}
	var b strings.Builder
	if err := plan.WriteChangesJSON(&b, changes); err != nil || !strings.Contains(b.String(), `"warnings": []`) || !strings.Contains(b.String(), `"held": 2`) {
		t.Errorf("%s%v", &b, err)
	}
	b.Reset()
	if err := plan.WriteChangesJSON(&b, nil); err != nil || b.String() != "[]\n" {
		t.Errorf("%q, %v", &b, err)
	}
}

func TestWriteExplanation(t *testing.T) {
	c := disabling()
	e := &plan.Explanation{
		Person: ada, Known: true, Change: &c, Warnings: []string{"a group could not be read"},
		Steps: []state.Step{{Type: "scoping", Status: "skipped", Description: "unassigned", Details: map[string]string{"IsActive": "True", "Assigned": "False"}}},
	}
	const want = `Ada �[31mLovelace <ada@contoso.com>  (a1)
  scoping     skipped   unassigned
      Assigned: False
      IsActive: True

- disable  Ada �[31mLovelace <ada@contoso.com> → 7  (unassigned)  [held for approval, list 2]
      active: true → false
warning: a group could not be read
`
	var b strings.Builder
	if err := (plan.Text{}).WriteExplanation(&b, e); err != nil || b.String() != want {
		t.Errorf("got\n%s%v\nwant\n%s", &b, err, want)
	}
	b.Reset()
	nobody := &plan.Explanation{Steps: []state.Step{{Type: "import", Status: "failure", Description: "nobody knows x"}}}
	if err := (plan.Text{}).WriteExplanation(&b, nobody); err != nil || b.String() != "  import      failure   nobody knows x\n" {
		t.Errorf("%q, %v", &b, err)
	}
	b.Reset()
	if err := (&plan.Explanation{}).WriteJSON(&b); err != nil || !strings.Contains(b.String(), `"steps": []`) || !strings.Contains(b.String(), `"change": null`) {
		t.Errorf("%s%v", &b, err)
	}
}

func TestWriteLog(t *testing.T) {
	at := time.Date(2026, 3, 4, 6, 0, 0, 0, time.FixedZone("CET", 3600))
	c := disabling()
	entries := []state.LogEntry{
		{Time: at, Action: "create", Status: "success", Source: ada, Target: c.Target, Reason: "in scope, no account yet",
			Modified: []state.Modified{{Name: "title", Old: connectors.NullValue(), New: connectors.StringValue("Engineer")}}, Warnings: []string{"the address was left out"}},
		{Time: at.Add(time.Second), Action: "disable", Status: "failure", Source: ada, Target: c.Target, Reason: c.Reason,
			Modified: []state.Modified{c.Attributes[0]}, Code: "Conflict", Error: "no\nway"},
	}
	const want = `2026-03-04 05:00:00Z  success  create   Ada �[31mLovelace <ada@contoso.com> → 7  (in scope, no account yet)
      title: "Engineer"
      warning: the address was left out
2026-03-04 05:00:01Z  failure  disable  Ada �[31mLovelace <ada@contoso.com> → 7  (unassigned)
      active: true → false
      error: Conflict no�way
`
	var b strings.Builder
	if err := (plan.Text{}).WriteLog(&b, entries); err != nil || b.String() != want {
		t.Errorf("got\n%s%v\nwant\n%s", &b, err, want)
	}
	b.Reset()
	if err := (plan.Text{Brief: true}).WriteLog(&b, entries); err != nil || strings.Contains(b.String(), "Engineer") || !strings.Contains(b.String(), "no�way") {
		t.Errorf("%s%v", &b, err)
	}
}
