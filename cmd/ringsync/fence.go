package main

import (
	"context"
	"errors"
	"io"
	"net/http"

	"ringsync/state/etcd"
)

// fenced lets requests out only as long as the job is this process's, and ends those that are under way when its lease
// does. Whose state is a file, that is always so.
func (j *job) fenced(wrap func(http.RoundTripper) http.RoundTripper) func(http.RoundTripper) http.RoundTripper {
	if j.config.State.Etcd == nil {
		return wrap
	}
	return func(next http.RoundTripper) http.RoundTripper {
		if wrap != nil {
			next = wrap(next)
		}
		return roundTripper(func(req *http.Request) (*http.Response, error) {
			r, _ := j.records.(etcdRecords)
			if r.owner == nil {
				return next.RoundTrip(req) // of a job that only looks, and writes nothing
			}
			return whileOwned(next, req, r.owner)
		})
	}
}

func whileOwned(next http.RoundTripper, req *http.Request, owner *etcd.Owner) (*http.Response, error) {
	lost := &etcd.LostError{Job: owner.Job()}
	if owner.Remaining() <= 0 {
		return nil, lost
	}
	ctx, cancel := context.WithCancelCause(req.Context())
	stop := context.AfterFunc(owner.Context(), func() { cancel(lost) })
	done := func() { stop(); cancel(nil) }
	resp, err := next.RoundTrip(req.WithContext(ctx))
	if err != nil {
		if errors.Is(context.Cause(ctx), lost) {
			err = errors.Join(lost, err)
		}
		done()
		return nil, err
	}
	resp.Body = &lastingBody{resp.Body, done}
	return resp, nil
}

// lastingBody tells when nobody reads it any more.
type lastingBody struct {
	io.ReadCloser
	done func()
}

// Close meets io.Closer.
func (b *lastingBody) Close() error {
	defer b.done()
	return b.ReadCloser.Close()
}
