package etcd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"ringsync/state"
)

// ErrCompacted says that what was being read has been compacted away by etcd.
var ErrCompacted = errors.New("etcd has compacted away the revision that was being read: run this again, and if it happens often let etcd keep more of its history (--auto-compaction-retention)")

// silentError is why no member answers.
type silentError struct{ error }

// InUseError says that another process owns the job.
type InUseError struct {
	Job    string
	Holder Holder
	TTL    time.Duration // after which the job is free if the holder is gone; 0 if it is this process
}

func (e *InUseError) Error() string {
	if e.TTL == 0 {
		return fmt.Sprintf("job %s is in use by this process already", e.Job)
	}
	return fmt.Sprintf("job %s is in use by %s: run the command there, or stop that; if it is gone, the job is free within %s", e.Job, e.Holder, e.TTL)
}

// LostError says that this process does not own the job any more, so that it may write neither to its state nor to
// its target.
type LostError struct{ Job string }

func (e *LostError) Error() string {
	return fmt.Sprintf("job %s is not this process's any more: its lease in etcd ended (the process stood still, or etcd could not be reached)", e.Job)
}

// TooLargeError refuses a record that etcd would not take.
type TooLargeError struct{ Size int }

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("a record of %d bytes is larger than etcd takes (%d)", e.Size, maxValue)
}

// passing reports whether a request that failed with err may succeed when it is made again: nobody answered, or the
// members are choosing a leader.
func passing(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	switch code(err) {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Aborted:
		return true
	case codes.ResourceExhausted:
		return !errors.Is(rpctypes.Error(err), rpctypes.ErrNoSpace) // "too many requests"
	case codes.Unauthenticated:
		return errors.Is(rpctypes.Error(err), rpctypes.ErrInvalidAuthToken) // the client fetches a new one
	}
	return false
}

// code returns the code of an error of the client, whose own type hides it.
func code(err error) codes.Code {
	if own, ok := errors.AsType[rpctypes.EtcdError](err); ok {
		return own.Code()
	}
	if s, ok := status.FromError(err); ok {
		return s.Code()
	}
	return codes.Unknown
}

// clarify gives an error of the client the words that help.
func (c *Cluster) clarify(err error) error {
	known := rpctypes.Error(err)
	_, silent := errors.AsType[silentError](err)
	switch {
	case err == nil:
		return nil
	case errors.Is(known, rpctypes.ErrNoSpace):
		return &state.UnwritableError{What: c.name, Err: err,
			Remedy: "compact and defragment it or raise --quota-backend-bytes, then clear the alarm (etcdctl alarm disarm)"}
	case errors.Is(known, rpctypes.ErrCompacted):
		return ErrCompacted
	case errors.Is(known, rpctypes.ErrPermissionDenied):
		return fmt.Errorf("%s: the user may not read and write keys that begin with %q: grant it a role that may: %w", c.name, c.prefix, err)
	case errors.Is(known, rpctypes.ErrAuthFailed):
		return fmt.Errorf("%s: wrong user name or password: %w", c.name, err)
	case errors.Is(known, rpctypes.ErrUserEmpty):
		return fmt.Errorf("%s asks for a user name and password: %w", c.name, err)
	case silent, errors.Is(err, context.DeadlineExceeded), code(err) == codes.DeadlineExceeded, code(err) == codes.Unavailable:
		return fmt.Errorf("%s does not answer: %w", c.name, err)
	}
	return fmt.Errorf("%s: %w", c.name, err)
}
