package state

import (
	"time"

	"ringsync/connectors"
)

// LogEntry is one record of the provisioning log: one change, or one decision not to change, of one person. The words
// are those of Graph's provisioningObjectSummary.
type LogEntry struct {
	Sequence uint64    `json:"id"`
	Time     time.Time `json:"activityDateTime"`
	Cycle    string    `json:"cycleId"`
	Change   string    `json:"changeId"`
	Action   string    `json:"provisioningAction"` // create, update, enable, disable, delete, other
	Status   string    `json:"status"`             // success, failure, skipped, warning
	Source   SourceRef `json:"sourceIdentity"`
	Target   TargetRef `json:"targetIdentity"`
	Reason   string    `json:"reason,omitempty"`
	Code     string    `json:"errorCode,omitempty"`
	Error    string    `json:"error,omitempty"`
	// Category is whose failure it is, in Graph's words: failure (the service's), nonServiceFailure (what it was given).
	Category string `json:"errorCategory,omitempty"`
	Details  string `json:"additionalDetails,omitempty"` // of an error: the service's own words
	Remedy   string `json:"recommendedAction,omitempty"`
	// By is the user of the machine who had it done, "" for the job itself.
	By       string        `json:"initiatedBy,omitempty"`
	Duration time.Duration `json:"durationInNanoseconds,omitempty"`
	Modified []Modified    `json:"modifiedProperties,omitempty"`
	Steps    []Step        `json:"provisioningSteps,omitempty"`
	Warnings []string      `json:"warnings,omitempty"`
}

// SourceRef names a source object.
type SourceRef struct {
	ID                string `json:"id"`
	UserPrincipalName string `json:"userPrincipalName"`
	DisplayName       string `json:"displayName"`
}

// TargetRef names a target account.
type TargetRef struct {
	ID       string `json:"id"`
	UserName string `json:"userName"`
}

// Modified is one attribute before and after.
type Modified struct {
	Name string           `json:"name"`
	Old  connectors.Value `json:"old"`
	New  connectors.Value `json:"new"`
}

// Step is one step on the way of a change: import, scoping, matching, processing or export.
type Step struct {
	Type        string            `json:"provisioningStepType"`
	Status      string            `json:"status"`
	Description string            `json:"description"`
	Details     map[string]string `json:"details,omitempty"`
}

// Cycle is the record of one cycle.
type Cycle struct {
	Number   uint64         `json:"number"`
	ID       string         `json:"id"`
	Kind     string         `json:"kind"` // initial, full, incremental
	Started  time.Time      `json:"started"`
	Ended    time.Time      `json:"ended,omitzero"`
	Result   string         `json:"result"` // running, succeeded, failed, interrupted
	Error    string         `json:"error,omitempty"`
	Counters map[string]int `json:"counters,omitempty"`
}
