package plan

import (
	"bytes"
	"encoding/csv"
	"slices"
	"strings"
	"testing"
	"time"

	"ringsync/state"
)

// No cell of a table is a formula to any spreadsheet, and what is none stays as it is.
func TestTableHasNoFormulas(t *testing.T) {
	for cell, want := range map[string]string{
		"": "", "Ada": "Ada", "ada@contoso.com": "ada@contoso.com", "a=b": "a=b", "17": "17", "’=1": "’=1",
		`=HYPERLINK("http://example.com","x")`: `'=HYPERLINK("http://example.com","x")`,
		"+16505550100":                         "'+16505550100", "-1": "'-1", "@SUM(A1)": "'@SUM(A1)",
		"\t=1": "'\t=1", "\r=1": "'=1", "\n=1": "'\n=1", "\tx": "'\tx", "  =1": "'  =1", "\u00a0=1": "'\u00a0=1", "\ufeff=1": "'\ufeff=1",
		"＝1": "'＝1", "＋1": "'＋1", "－1": "'－1", "＠A": "'＠A", " ": " ",
		"a,\"b\"\nc": "a,\"b\"\nc",
	} {
		var b bytes.Buffer
		table := NewTable(&b)
		table.Add([]string{"x", cell})
		if err := table.Flush(); err != nil {
			t.Fatal(err)
		}
		// A carriage return within a cell is not written, and the reader makes \n of \r\n.
		rows, err := csv.NewReader(strings.NewReader(b.String())).ReadAll()
		if err != nil || len(rows) != 1 || !slices.Equal(rows[0], []string{"x", want}) {
			t.Errorf("%q becomes %q, %v; want %q", cell, rows, err, want)
		}
		if !strings.HasSuffix(b.String(), "\r\n") {
			t.Errorf("%q does not end as RFC 4180 has it", b.String())
		}
	}
}

var logged = state.LogEntry{
	Sequence: 7, Time: time.Date(2026, 3, 1, 8, 0, 0, 5e8, time.UTC), Cycle: "c1", Change: "c1/p1/3", Action: "enable", Status: "warning",
	Source: state.SourceRef{ID: "p1", UserPrincipalName: "ada@contoso.com", DisplayName: "=Ada"}, Target: state.TargetRef{ID: "101", UserName: "ada@contoso.com"},
	Reason: "differs in active", Warnings: []string{"the address is left out"}, Duration: 1500 * time.Microsecond, By: "root",
	Modified: []state.Modified{{Name: "active", Old: no, New: yes}, {Name: "title", Old: null, New: str("CTO")}},
	Steps:    []state.Step{{Type: "scoping", Status: "success", Description: "in scope"}},
}

var contoso = Systems{Job: "contoso", Tenant: "8f0c", App: "4d1e", Target: "https://platform.ringcentral.com/scim/v2", TargetName: "RingCentral"}

func TestLogRow(t *testing.T) {
	columns, row := LogColumns(), contoso.Row(&logged)
	if len(row) != len(columns) {
		t.Fatalf("%d columns, %d cells", len(columns), len(row))
	}
	for name, want := range map[string]string{
		"id": "7", "activityDateTime": "2026-03-01T08:00:00.5Z", "jobId": "contoso", "provisioningAction": "update", "status": "warning",
		"sourceDisplayName": "=Ada", "targetId": "101", "initiatedBy": "root", "durationInMilliseconds": "1", "reason": "the address is left out",
		"modifiedProperties": "active: False → True\ntitle:  → CTO", "errorCode": "",
	} {
		if got := row[slices.Index(columns, name)]; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

// The shape is Graph's: https://learn.microsoft.com/graph/api/resources/provisioningobjectsummary.
func TestSummarize(t *testing.T) {
	o := contoso.Summarize(&logged)
	if o.ID != "7" || o.Action != "update" || o.Status.Status != "warning" || o.Status.Error == nil || o.Status.Error.Reason != "the address is left out" ||
		o.InitiatedBy.Type != "user" || o.ServicePrincipal.ID != "4d1e" || o.SourceIdentity.Details["userPrincipalName"] != "ada@contoso.com" {
		t.Errorf("got %+v", o)
	}
	if p := o.ModifiedProperties; len(p) != 2 || p[1].OldValue != nil || *p[1].NewValue != "CTO" {
		t.Errorf("the properties are %+v", p)
	}
	var steps []string
	for _, s := range o.Steps {
		steps = append(steps, s.Name+" "+s.Type+" "+s.Status)
	}
	if want := []string{"EntryImport import success", "EntrySynchronizationScoping scoping success", "EntryImport matching success",
		"EntrySynchronizationUpdate processing warning", "EntryExportUpdate export warning"}; !slices.Equal(steps, want) {
		t.Errorf("the steps are %q, want %q", steps, want)
	}
	job := contoso.Summarize(&state.LogEntry{Action: "other", Status: "success", Steps: []state.Step{{Type: "processing", Status: "success", Description: "paused"}}})
	if len(job.Steps) != 1 || job.Steps[0].Description != "paused" || job.InitiatedBy.Type != "system" || job.Status.Error != nil {
		t.Errorf("of what concerns nobody: %+v", job)
	}
}
