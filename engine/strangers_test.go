package engine

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"ringsync/connectors"
	"ringsync/engine/plan"
	"ringsync/state"
)

// keeper is a job with just enough to keep accounts in mind.
func keeper(t *testing.T) *Job {
	t.Helper()
	names := []string{plan.AttrUserName, plan.AttrExternalID, plan.AttrActive, "title"}
	store := state.New(state.NewOverlay(nil))
	if err := store.Bind(t.Context(), state.Identity{Tenant: "t", App: "a", Target: "u"}, names, names[:1]); err != nil {
		t.Fatal(err)
	}
	return &Job{store: store, target: connectors.NewSlots(names...), Options: Options{Policy: plan.Policy{Matching: []int{0}}}}
}

// Whatever the list shows, accounts are found as a walk over all of them would find them, as they were shown and in their
// order.
func TestStrangers(t *testing.T) {
	j := keeper(t)
	name := rapid.SampledFrom([]string{"ada@contoso.com", "Ada@Contoso.com", "bob@contoso.com", "ſam@contoso.com", "SAM@contoso.com", ""})
	mark := rapid.SampledFrom([]string{"", "", " ", "8f0c1c2e-0000-4000-8000-000000000002", "8F0C1C2E-0000-4000-8000-000000000002 ", "another tool's"})
	nested := connectors.StringValue("deep down")
	for range 40 { // more than a record takes
		nested = connectors.ListValue(nested)
	}
	value := rapid.SampledFrom([]connectors.Value{{}, connectors.NullValue(), connectors.StringValue(""), connectors.StringValue("Engineer"),
		connectors.BoolValue(true), connectors.IntValue(-7), connectors.StringsValue("a", "b"), nested})
	rapid.Check(t, func(t *rapid.T) {
		s := newStrangers(j)
		var all []connectors.Resource
		for n := range rapid.IntRange(0, 40).Draw(t, "accounts") {
			r := connectors.Resource{ID: fmt.Sprint("account ", strings.Repeat("x", rapid.SampledFrom([]int{0, 300}).Draw(t, "longer")), n), UserName: name.Draw(t, "userName"), ExternalID: mark.Draw(t, "externalId"), Active: rapid.Bool().Draw(t, "active")}
			r.Values = []connectors.Value{connectors.StringValue(r.UserName), value.Draw(t, "mark"), value.Draw(t, "active"), value.Draw(t, "title")}
			s.add(r)
			all = append(all, r)
		}
		among := func(is func(connectors.Resource) bool) (rows []connectors.Resource) {
			for _, r := range all {
				if is(r) {
					rows = append(rows, r)
				}
			}
			return rows
		}
		wanted := name.Draw(t, "wanted")
		if wanted != "" {
			want := among(func(r connectors.Resource) bool { return strings.EqualFold(r.UserName, wanted) })
			if got := s.matching(plan.AttrUserName, wanted); !reflect.DeepEqual(got, want) {
				t.Errorf("%q: %+v, want %+v", wanted, got, want)
			}
		}
		own := mark.Draw(t, "own")
		want := among(func(r connectors.Resource) bool {
			return connectors.FoldID(own) != "" && connectors.FoldID(r.ExternalID) == connectors.FoldID(own)
		})
		if got := s.marked(own); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, want %+v", own, got, want)
		}
		var marks, wantMarks []string
		for mark, first := range s.marks() {
			marks = append(marks, mark+" of "+first.ID)
		}
		seen := map[string]bool{}
		for _, r := range all {
			if mark := connectors.FoldID(r.ExternalID); mark != "" && !seen[mark] {
				seen[mark], wantMarks = true, append(wantMarks, mark+" of "+r.ID)
			}
		}
		if !slices.Equal(marks, wantMarks) {
			t.Errorf("marks %q, want %q", marks, wantMarks)
		}
		if s.has("account 40") || len(all) > 0 && !s.has(all[0].ID) {
			t.Error("who is there is not known")
		}
	})
}
