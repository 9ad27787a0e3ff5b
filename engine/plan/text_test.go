package plan

import (
	"bytes"
	"encoding/json"
	"testing"

	"ringsync/state"
)

func report() *Report {
	r := &Report{
		Job: "contoso", Cycle: "c1", Kind: "full", Strangers: 3,
		Changes: []Change{
			{Action: Update, Reason: "differs in title", Status: StatusPlanned,
				Source: state.SourceRef{ID: "p2", UserPrincipalName: "grace@contoso.com", DisplayName: "Grace Hopper"}, Target: state.TargetRef{ID: "102", UserName: "grace@contoso.com"},
				Attributes: []Attribute{{Name: "title", Old: str("Admiral"), New: str("Rear \x1b[31mAdmiral")}}},
			{Action: Create, Reason: "in scope, no account yet", Status: StatusPlanned,
				Source:     state.SourceRef{ID: "p1", UserPrincipalName: "ada@contoso.com", DisplayName: "Ada Lovelace"},
				Attributes: []Attribute{{Name: "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", Old: null, New: str("R&D")}}, Warnings: []string{"the address is left out"}},
			{Action: Disable, Reason: "unassigned", Status: StatusHeld, Held: 2,
				Source: state.SourceRef{ID: "p3", UserPrincipalName: "alan@contoso.com"}, Target: state.TargetRef{ID: "103"}, Attributes: []Attribute{{Name: "active", Old: yes, New: no}}},
		},
		Skipped:  []Skipped{{Source: state.SourceRef{ID: "p4", UserPrincipalName: "x@contoso.com", DisplayName: "No Mail"}, Reason: "userName: no value"}},
		Warnings: []string{"removals are held"},
	}
	for _, c := range r.Changes {
		r.Summary.Count(c)
	}
	r.Summary.Skipped = 1
	r.Sort()
	return r
}

// A control character from the directory never reaches the terminal.
func TestText(t *testing.T) {
	var b bytes.Buffer
	if err := (Text{}).Write(&b, report()); err != nil {
		t.Fatal(err)
	}
	want := `- disable  alan@contoso.com → 103  (unassigned)  [held for approval, list 2]
      active: true → false
+ create   Ada Lovelace <ada@contoso.com>
      department: "R&D"
      warning: the address is left out
~ update   Grace Hopper <grace@contoso.com> → 102  (differs in title)
      title: "Admiral" → "Rear \u001b[31mAdmiral"
! skip     No Mail <x@contoso.com>: userName: no value
warning: removals are held

contoso: full cycle: would create 1, update 1; 1 skipped, 1 held for approval, 3 accounts of nobody here
`
	if got := b.String(); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestSummaryLine(t *testing.T) {
	for _, test := range []struct {
		text Text
		sum  Summary
		want string
	}{
		{Text{Live: true}, Summary{Create: 2, Disable: 1, Unchanged: 5}, "contoso: full cycle: 2 created, 1 disabled; 5 unchanged"},
		{Text{Live: true}, Summary{Unchanged: 5}, "contoso: full cycle: nothing to write; 5 unchanged"},
		{Text{}, Summary{Waiting: 2, Escrowed: 1}, "contoso: full cycle: no differences; 1 in escrow or conflict, 2 waiting for a licence"},
	} {
		if got := test.text.Summary(&Report{Job: "contoso", Kind: "full", Summary: test.sum}); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

// Programs depend on these names; lists are never null.
func TestJSON(t *testing.T) {
	var b bytes.Buffer
	if err := (&Report{Job: "contoso", Changes: []Change{{Action: Disable}}}).WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"job", "cycle", "kind", "summary", "changes", "skipped"} {
		if got[key] == nil {
			t.Errorf("%s is missing or null", key)
		}
	}
	change := got["changes"].([]any)[0].(map[string]any)
	for _, key := range []string{"action", "reason", "source", "target", "attributes", "status", "error", "warnings"} {
		if change[key] == nil {
			t.Errorf("changes[0].%s is missing or null", key)
		}
	}
	for _, key := range []string{"create", "update", "enable", "disable", "delete", "unchanged", "skipped", "held", "escrowed", "waiting"} {
		if _, ok := got["summary"].(map[string]any)[key]; !ok {
			t.Errorf("summary.%s is missing", key)
		}
	}
}
