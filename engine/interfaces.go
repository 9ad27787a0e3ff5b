package engine

import (
	"context"

	"ringsync/connectors"
)

// Source reads a directory. It keeps no state of its own.
type Source interface {
	// Full reads everyone in scope. It returns a connectors.Error; FaultCredentials and FaultPermission say that no
	// retry helps.
	Full(ctx context.Context, sink connectors.Sink) error
	// Changes reads what has changed since the mark was given: rows, edges, and whole parents that are new. People who
	// come into scope through an edge alone have no row; whoever wants one asks People. FaultResync says that the mark is
	// not honoured any more.
	Changes(ctx context.Context, mark []byte, sink connectors.Sink) error
	// People reads the people of those ids, whole, in any order. Who does not exist is left out.
	People(ctx context.Context, ids []string, yield func(connectors.Row) error) error
	// Assignments reads who is assigned: App, an Edge for each assignment, Complete; nobody's row. What the mark settled of
	// it stays; nil if there is none.
	Assignments(ctx context.Context, mark []byte, sink connectors.Sink) error
	// Members reads the members of groups: rows, edges, and Complete or Incomplete for each group.
	Members(ctx context.Context, groups []string, sink connectors.Sink) error
	// Person reads one person by id or userPrincipalName, in scope or not; FaultNotFound if there is none.
	Person(ctx context.Context, who string) (connectors.Row, error)
	// Standing asks for each person alone. It yields once for every id.
	Standing(ctx context.Context, ids []string, yield func(connectors.Standing) error) error
}

// TargetReader is all of the target that a dry run gets.
type TargetReader interface {
	// List walks the whole list of accounts. Rows may lack attributes that the schema says are unlisted.
	List(ctx context.Context, yield func(connectors.Resource) error) (connectors.ListSummary, error)
	// Find returns the accounts whose attribute equals value, ignoring letter case.
	Find(ctx context.Context, attribute, value string) ([]connectors.Resource, error)
	// Get reads one account; FaultNotFound if there is none of that id.
	Get(ctx context.Context, id string) (connectors.Resource, error)
	// Fit adjusts wanted values, by target slot, to what the target accepts. It is pure.
	Fit(values []connectors.Value) connectors.Fitted
}

// Target also writes. Each write needs a place within the target's limits, so that the exporter can choose whom to
// send only when something can be sent: a leaver found meanwhile goes first.
type Target interface {
	TargetReader
	// Reserve waits until one more write may be sent and holds its place.
	Reserve(ctx context.Context) error
	// Release gives back a place that no write has used up.
	Release()
	// Create makes an account of the values that are not Absent, and says which. FaultUnsettled says that it may have been
	// made; with a status of success, that it most likely was.
	Create(ctx context.Context, want []connectors.Value) (connectors.Resource, error)
	// Update changes the slots named to their values in want; Null clears.
	Update(ctx context.Context, id string, changed []int, want []connectors.Value) (connectors.Resource, error)
	// Delete destroys the account. An account that is gone already is no error.
	Delete(ctx context.Context, id string) error
}
