package entra

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	kiota "github.com/microsoft/kiota-abstractions-go"
	"github.com/microsoftgraph/msgraph-sdk-go/models/odataerrors"
)

// query is one request: a template with its parameters, or a link as Graph gave it.
type query struct {
	op         string // for messages: "read members of group 02bd…"
	permission string // what a 403 says is missing
	template   string // after the base URL; {name} is escaped, the rest is sent as it stands
	params     map[string]string
	link       string
	post       []byte // body of a POST; nil for GET
	// stored: link was kept from an earlier read, so its token may have expired.
	stored bool
}

// badPage is a success answer that is not what was asked for.
type badPage struct{ err error }

func (b *badPage) Error() string { return "not the JSON that Graph promises: " + b.err.Error() }
func (b *badPage) Unwrap() error { return b.err }

// fetch sends q until its answer has come whole and decodes. Bodies that break off or are not JSON are asked for again
// a few times; then the error has FaultUnavailable.
func fetch[P any](ctx context.Context, c *Client, q query, decode func([]byte) (P, error)) (page P, err error) {
	const tries = 4
	for try := 1; ; try++ {
		body, err := c.send(ctx, q)
		if err == nil {
			if page, err = decode(body); err == nil {
				return page, nil
			}
			err = &badPage{err}
		}
		_, broken := errors.AsType[*brokenBody](err)
		_, garbled := errors.AsType[*badPage](err)
		if !broken && !garbled || try == tries || ctx.Err() != nil {
			return page, fail(ctx, q, err)
		}
		c.log.Info("Graph's answer was cut short or garbled, asking again", "op", q.op, "error", err)
		if err := sleep(ctx, backoff(try)); err != nil {
			return page, fail(ctx, q, err)
		}
	}
}

// send returns the body of the answer. The error is the SDK's.
func (c *Client) send(ctx context.Context, q query) ([]byte, error) {
	began := time.Now()
	body, err := c.sendOnce(ctx, q)
	if api := apiError(err); api != nil && api.GetStatusCode() == http.StatusUnauthorized && time.Since(began) > time.Minute {
		// The token expired while the transport was told to wait; sending anew takes a new one.
		body, err = c.sendOnce(ctx, q)
	}
	return body, err
}

func (c *Client) sendOnce(ctx context.Context, q query) ([]byte, error) {
	info := kiota.NewRequestInformation()
	info.Method = kiota.GET
	if q.post != nil {
		info.Method, info.Content = kiota.POST, q.post
		info.Headers.Add("Content-Type", "application/json")
	}
	info.Headers.Add("Accept", "application/json")
	if q.link != "" {
		u, err := c.ownLink(q.link)
		if err != nil {
			return nil, err
		}
		info.SetUri(*u)
	} else {
		info.UrlTemplate = "{+baseurl}" + q.template
		for name, value := range q.params {
			info.PathParameters[name] = value
		}
	}
	raw, err := c.adapter.SendPrimitive(ctx, info, "[]byte",
		kiota.ErrorMappings{"XXX": odataerrors.CreateODataErrorFromDiscriminatorValue})
	if err != nil {
		return nil, err
	}
	body, _ := raw.([]byte) // nil for an empty body, which no decoder takes
	return body, nil
}

// ownLink refuses links that lead elsewhere: the token would go with them.
func (c *Client) ownLink(link string) (*url.URL, error) {
	u, err := url.Parse(link)
	if err != nil {
		return nil, refusal("refused a link that is no URL")
	}
	if u.Scheme != c.base.Scheme || !strings.EqualFold(u.Host, c.base.Host) || u.User != nil {
		return nil, refusal("refused a link to another host, %s://%s", u.Scheme, u.Host)
	}
	return u, nil
}

// mostPages is far beyond any tenant (200 users a page) and ends a walk whose links never do.
const mostPages = 1_000_000

// page is one page of any list.
type page interface {
	following() string // nextLink, "" on the last page
}

// walk reads the pages that begin with q and hands each to take. If a skip token expires on the way (they live minutes,
// and being throttled can take longer) the walk begins again, so take must bear repeats.
func walk[P page](ctx context.Context, c *Client, q query, decode func([]byte) (P, error), take func(P) error) error {
	const restarts = 2
	for restart := 0; ; restart++ {
		late, err := walkOnce(ctx, c, q, decode, take)
		if !late || restart == restarts {
			return err
		}
		c.log.Info("a skip token expired, beginning again", "op", q.op, "error", err)
	}
}

// walkObjects is walk for lists of objects, of which take gets some at a time, and returns the last page's deltaLink.
func (c *Client) walkObjects(ctx context.Context, q query, take func([]object) error) (delta string, err error) {
	decode := func(body []byte) (objectPage, error) { return c.sel.pieces(body, take) }
	err = walk(ctx, c, q, decode, func(p objectPage) error {
		delta = p.delta
		return p.refused
	})
	return delta, err
}

// walkOnce reports as late an error after the first page that says that Graph no longer takes the token.
func walkOnce[P page](ctx context.Context, c *Client, q query, decode func([]byte) (P, error), take func(P) error) (late bool, err error) {
	seen := map[string]bool{}
	for n := 1; ; n++ {
		p, err := fetch(ctx, c, q, decode)
		if err != nil {
			return n > 1 && refused(err, http.StatusBadRequest, http.StatusGone) != nil, err
		}
		if err := take(p); err != nil {
			return false, err
		}
		link := p.following()
		if link == "" {
			return false, nil
		}
		if seen[link] || n == mostPages {
			return false, fail(ctx, q, fmt.Errorf("the list never ends: page %d leads to one already read", n))
		}
		seen[link] = true
		q.link, q.post, q.stored = link, nil, false
	}
}
