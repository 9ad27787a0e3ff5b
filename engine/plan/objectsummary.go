package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"ringsync/connectors"
	"ringsync/state"
)

// ObjectSummary is an entry of the provisioning log as Microsoft Graph shows those of Entra's own service: the resource
// type provisioningObjectSummary, with its names, words and types. What reads the one reads the other.
type ObjectSummary struct {
	ID                 string             `json:"id"`
	ActivityDateTime   time.Time          `json:"activityDateTime"`
	TenantID           string             `json:"tenantId"`
	JobID              string             `json:"jobId"`
	CycleID            string             `json:"cycleId"`
	ChangeID           string             `json:"changeId"`
	Action             string             `json:"provisioningAction"` // create, update, disable, delete, other
	Duration           int64              `json:"durationInMilliseconds"`
	InitiatedBy        Initiator          `json:"initiatedBy"`
	ServicePrincipal   Named              `json:"servicePrincipal"`
	SourceSystem       System             `json:"sourceSystem"`
	TargetSystem       System             `json:"targetSystem"`
	SourceIdentity     Identity           `json:"sourceIdentity"`
	TargetIdentity     Identity           `json:"targetIdentity"`
	Status             StatusInfo         `json:"provisioningStatusInfo"`
	Steps              []SummaryStep      `json:"provisioningSteps"`
	ModifiedProperties []ModifiedProperty `json:"modifiedProperties"`
}

// Named is Graph's identity: an id and what people call it.
type Named struct {
	ID          string `json:"id"`
	DisplayName string `json:"displayName"`
}

// Initiator is who had it done: system for the job itself, user for somebody at this machine.
type Initiator struct {
	Named
	Type string `json:"initiatorType"`
}

// System is Graph's provisioningSystem.
type System struct {
	Named
	Details map[string]string `json:"details"`
}

// Identity is Graph's provisionedIdentity.
type Identity struct {
	Named
	Type    string            `json:"identityType"`
	Details map[string]string `json:"details"`
}

// StatusInfo is Graph's provisioningStatusInfo.
type StatusInfo struct {
	Status string     `json:"status"`           // success, failure, skipped, warning
	Error  *ErrorInfo `json:"errorInformation"` // null when there is nothing to explain
}

// ErrorInfo is Graph's provisioningErrorInfo.
type ErrorInfo struct {
	Code        string `json:"errorCode"`
	Reason      string `json:"reason"`
	Details     string `json:"additionalDetails"`
	Category    string `json:"errorCategory"` // failure, nonServiceFailure
	Recommended string `json:"recommendedAction"`
}

// SummaryStep is Graph's provisioningStep.
type SummaryStep struct {
	Name string `json:"name"`
	state.Step
}

// ModifiedProperty is Graph's modifiedProperty. A list or object is its JSON; null is no value.
type ModifiedProperty struct {
	DisplayName string  `json:"displayName"`
	OldValue    *string `json:"oldValue"`
	NewValue    *string `json:"newValue"`
}

// Systems says what all entries of a job's log have in common.
type Systems struct {
	Job, Tenant string
	App         string // application id of the enterprise application
	Target      string // base URL
	TargetName  string
}

// Program is what the log calls the program itself.
const Program = "ringsync"

// Summarize puts an entry into Graph's shape. Graph has no word for enable, which is an update there.
func (s Systems) Summarize(e *state.LogEntry) ObjectSummary {
	o := ObjectSummary{
		ID: strconv.FormatUint(e.Sequence, 10), ActivityDateTime: e.Time.UTC(),
		TenantID: s.Tenant, JobID: s.Job, CycleID: e.Cycle, ChangeID: e.Change, Action: e.Action, Duration: e.Duration.Milliseconds(),
		InitiatedBy:      Initiator{Named{"", Program}, "system"},
		ServicePrincipal: Named{s.App, ""},
		SourceSystem:     System{Named{s.Tenant, "Microsoft Entra ID"}, map[string]string{"ApplicationId": s.App}},
		TargetSystem:     System{Named{s.Target, s.TargetName}, map[string]string{}},
		SourceIdentity: Identity{Named{e.Source.ID, cmp.Or(e.Source.DisplayName, e.Source.UserPrincipalName)}, "User",
			details("userPrincipalName", e.Source.UserPrincipalName)},
		TargetIdentity:     Identity{Named{e.Target.ID, e.Target.UserName}, "User", details("userName", e.Target.UserName)},
		Status:             StatusInfo{Status: e.Status},
		Steps:              steps(e),
		ModifiedProperties: []ModifiedProperty{},
	}
	if e.Action == string(Enable) {
		o.Action = string(Update)
	}
	if e.By != "" {
		o.InitiatedBy = Initiator{Named{e.By, e.By}, "user"}
	}
	if o.Status.Status != "success" {
		o.Status.Error = &ErrorInfo{Code: e.Code, Reason: why(e), Details: e.Details, Recommended: e.Remedy, Category: cmp.Or(e.Category, "nonServiceFailure")}
	}
	for _, m := range e.Modified {
		o.ModifiedProperties = append(o.ModifiedProperties, ModifiedProperty{m.Name, property(m.Old), property(m.New)})
	}
	return o
}

// why is the reason that an entry gives for not being a plain success.
func why(e *state.LogEntry) string {
	return cmp.Or(e.Error, strings.Join(e.Warnings, "; "), e.Reason)
}

func details(name, value string) map[string]string {
	if value == "" {
		return map[string]string{}
	}
	return map[string]string{name: value}
}

func property(v connectors.Value) *string {
	if v.IsNull() {
		return nil
	}
	text := v.Text()
	return &text
}

// steps completes the steps that the entry holds by those that follow from the rest of it. What concerns nobody in
// particular has only its own.
func steps(e *state.LogEntry) []SummaryStep {
	list := []SummaryStep{}
	add := func(s state.Step) { list = append(list, SummaryStep{stepName(s.Type, e), s}) }
	if e.Source.ID == "" {
		for _, s := range e.Steps {
			add(s)
		}
		return list
	}
	add(state.Step{Type: "import", Status: "success", Description: "read " + cmp.Or(e.Source.UserPrincipalName, e.Source.ID), Details: map[string]string{
		"objectId": e.Source.ID, "userPrincipalName": e.Source.UserPrincipalName, "displayName": e.Source.DisplayName}})
	for _, s := range e.Steps {
		add(s)
	}
	if e.Action == "other" {
		return list
	}
	if !slices.ContainsFunc(e.Steps, func(s state.Step) bool { return s.Type == "matching" }) {
		s := state.Step{Type: "matching", Status: "success", Description: "linked to account " + e.Target.ID}
		if e.Target.ID == "" || e.Action == string(Create) {
			s.Description = "no account is linked"
		}
		add(s)
	}
	if len(e.Modified)+len(e.Warnings) > 0 {
		s := state.Step{Type: "processing", Status: "success", Description: fmt.Sprintf("%d attributes differ", len(e.Modified)), Details: map[string]string{}}
		for _, m := range e.Modified {
			s.Details[m.Name] = m.New.Text()
		}
		if len(e.Warnings) > 0 {
			s.Status, s.Description = "warning", strings.Join(e.Warnings, "; ")
		}
		add(s)
	}
	add(state.Step{Type: "export", Status: e.Status, Description: cmp.Or(e.Error, e.Reason, e.Action), Details: details("id", e.Target.ID)})
	return list
}

// stepName is the name that Entra gives a step of that type.
func stepName(kind string, e *state.LogEntry) string {
	switch kind {
	case "import":
		return "EntryImport"
	case "scoping":
		return "EntrySynchronizationScoping"
	case "matching":
		return "EntryImport"
	}
	ends := map[string]string{"create": "Add", "delete": "Delete"}
	if e.Status == "skipped" {
		return "EntrySynchronizationSkip"
	}
	before := "EntrySynchronization"
	if kind == "export" {
		before = "EntryExport"
	}
	return before + cmp.Or(ends[e.Action], "Update")
}

// LogColumns returns the names of what Row gives.
func LogColumns() []string {
	return []string{"id", "activityDateTime", "jobId", "cycleId", "changeId", "provisioningAction", "status", "sourceId",
		"sourceUserPrincipalName", "sourceDisplayName", "targetId", "targetUserName", "initiatedBy", "durationInMilliseconds",
		"errorCode", "reason", "additionalDetails", "recommendedAction", "modifiedProperties", "steps"}
}

// Row puts an entry into a line of a table, with the columns of LogColumns.
func (s Systems) Row(e *state.LogEntry) []string {
	o := s.Summarize(e)
	reason, fault := why(e), ErrorInfo{}
	if o.Status.Error != nil {
		fault = *o.Status.Error
	}
	var modified, steps []string
	for _, m := range e.Modified {
		modified = append(modified, fmt.Sprintf("%s: %s → %s", m.Name, m.Old.Text(), m.New.Text()))
	}
	for _, step := range o.Steps {
		steps = append(steps, fmt.Sprintf("%s: %s: %s", step.Type, step.Status, step.Description))
	}
	return []string{o.ID, e.Time.UTC().Format(time.RFC3339Nano), o.JobID, o.CycleID, o.ChangeID, o.Action, e.Status, e.Source.ID,
		e.Source.UserPrincipalName, e.Source.DisplayName, e.Target.ID, e.Target.UserName, o.InitiatedBy.DisplayName,
		strconv.FormatInt(o.Duration, 10), fault.Code, reason, fault.Details, fault.Recommended,
		strings.Join(modified, "\n"), strings.Join(steps, "\n")}
}
