package state

import (
	"errors"
	"fmt"
	"strings"
)

var (
	// ErrClosed is returned by every transaction after Close.
	ErrClosed = errors.New("the state is closed")
	// ErrReadOnly is returned by Update where nothing can be written.
	ErrReadOnly = errors.New("the state is open for reading only")
	// ErrUnbound is returned by a Store that was not bound to a job yet.
	ErrUnbound = errors.New("the state is not bound to a job")
)

// CheckKey returns why no store takes the key, nil if all do.
func CheckKey(key []byte) error {
	switch {
	case len(key) == 0:
		return errors.New("a key must not be empty")
	case len(key) > MaxKey:
		return fmt.Errorf("a key of %d bytes is longer than %d", len(key), MaxKey)
	}
	return nil
}

// DamagedError says that something stored cannot be read.
type DamagedError struct {
	What string // "state file contoso.db", "the record of person 8f0c…"
	Err  error  // what is wrong with it
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("%s is damaged: %v. Restore the state from a backup, or start with an empty one: "+
		"accounts are found again by matching", e.What, e.Err)
}

func (e *DamagedError) Unwrap() error { return e.Err }

// UnwritableError says that nothing can be stored for now, as on a full disk. What was stored before is whole, and can be
// read; of what was to be stored nothing is there.
type UnwritableError struct {
	What   string // "state file contoso.db", "etcd at …"
	Remedy string // what to do, a clause
	Err    error
}

func (e *UnwritableError) Error() string {
	return fmt.Sprintf("%s cannot be written (%v): %s", e.What, e.Err, e.Remedy)
}

func (e *UnwritableError) Unwrap() error { return e.Err }

// MismatchError says that the state belongs to another job (rule S11).
type MismatchError struct {
	Has   Identity // what the state belongs to
	Asked Identity
}

func (e *MismatchError) Error() string {
	var has, asked []string
	for _, part := range [...]struct{ name, has, asked string }{
		{"tenant", e.Has.Tenant, e.Asked.Tenant},
		{"app", e.Has.App, e.Asked.App},
		{"target", e.Has.Target, e.Asked.Target},
	} {
		if !strings.EqualFold(part.has, part.asked) {
			has = append(has, part.name+" "+part.has)
			asked = append(asked, part.name+" "+part.asked)
		}
	}
	return fmt.Sprintf("the state belongs to %s, not to %s: give this job another state.path",
		strings.Join(has, ", "), strings.Join(asked, ", "))
}

// SchemaError says that a newer program wrote the state.
type SchemaError struct {
	Has, Knows int
}

func (e *SchemaError) Error() string {
	return fmt.Sprintf("the state was written by a newer version (schema %d, this one knows up to %d): use that version",
		e.Has, e.Knows)
}

// LinkedError refuses to link an account to two people (rule S1).
type LinkedError struct {
	TargetID string
	Person   string // source id of whoever was to be linked
	Holder   string // source id of whoever is linked
}

func (e *LinkedError) Error() string {
	return fmt.Sprintf("account %s is linked to person %s already and cannot be linked to person %s: unlink the first",
		e.TargetID, e.Holder, e.Person)
}
