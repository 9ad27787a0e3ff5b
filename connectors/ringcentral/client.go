package ringcentral

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"ringsync/connectors"
	"ringsync/connectors/scim"
)

// Options says which account is written, and how hard.
type Options struct {
	// URL is the SCIM base URL, https://platform.ringcentral.com/scim/v2. Plain http only on loopback.
	URL string
	// Token is who signs in. Clients that share it share its tokens and its rate limits.
	Token *Credential
	// Slots are the target slots of the mapping: canonical names of the Schema.
	Slots *connectors.Slots
	// Shape is that of Slots, which clients of the same slots may share; nil has one made.
	Shape *Shape
	// RateShare is the part of each rate limit that is ours, above 0 and at most 1; 0 means 1. Of several clients with
	// one credential the smallest counts.
	RateShare float64
	// RefuseBadAddress makes an address that RingCentral would refuse a problem of the person. Without it the address is
	// left out with a warning.
	RefuseBadAddress bool
	// Concurrency is how many connections are kept open and, over HTTP/1.1, used at once; 0 means 16.
	Concurrency int
	// Timeout bounds one request from sending it to the end of its answer; 0 means a minute. Waiting for a rate limit
	// is not part of it.
	Timeout time.Duration
	// Backoff is the pause before a failed read is repeated, doubled each time; 0 means a second.
	Backoff time.Duration
	// Transport replaces the HTTP transport, and may be others' too; nil means one of our own.
	Transport http.RoundTripper
	// Wrap, if given, is put around the transport: it sees every request as it goes out.
	Wrap   func(http.RoundTripper) http.RoundTripper
	Logger *slog.Logger // nil: no log
}

// Client reads and writes the users of one RingCentral account. It is safe for concurrent use.
type Client struct {
	base           *url.URL
	root, restRoot string // of what is sent, SCIM and REST
	token          *Credential
	http           http.RoundTripper
	alone          *http.Transport // that http goes to, if it is ours alone
	timeout        time.Duration
	backoff        time.Duration
	log            *slog.Logger
	pace           *pacer
	fits           *fitter

	*Shape
	rows atomic.Int64 // how many rows of a list to ask for
	skew atomic.Int64 // of the service's clock, as the last answer gave it; nanoseconds
}

// New returns a client. It sends nothing.
func New(o Options) (*Client, error) {
	base, err := serviceURL(o.URL, "target URL", "https://platform.ringcentral.com/scim/v2")
	if err != nil {
		return nil, err
	}
	switch {
	case o.Token == nil:
		return nil, errors.New("no token")
	case o.Slots == nil:
		return nil, errors.New("no slots")
	case o.RateShare < 0 || o.RateShare > 1:
		return nil, fmt.Errorf("rate share %v: must be above 0 and at most 1", o.RateShare)
	case o.Concurrency < 0:
		return nil, fmt.Errorf("concurrency %d: must not be negative", o.Concurrency)
	}
	if o.RateShare == 0 {
		o.RateShare = 1
	}
	if o.Concurrency == 0 {
		o.Concurrency = 16
	}
	var own *http.Transport
	if o.Transport == nil {
		own = newTransport(o.Concurrency)
		o.Transport = own
	}
	if o.Wrap != nil {
		o.Transport = o.Wrap(o.Transport)
	}
	if o.Timeout == 0 {
		o.Timeout = time.Minute
	}
	if o.Backoff == 0 {
		o.Backoff = time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Shape == nil {
		if o.Shape, err = NewShape(o.Slots); err != nil {
			return nil, err
		}
	}
	c := &Client{base: base, token: o.Token, timeout: o.Timeout, backoff: o.Backoff, log: o.Logger,
		pace: o.Token.pace, fits: newFitter(o.Slots, o.RefuseBadAddress), Shape: o.Shape,
		http: o.Transport, alone: own}
	rest := *base
	rest.Path = restPath
	c.root, c.restRoot = base.String(), rest.String()
	c.pace.open(c, o.RateShare)
	c.rows.Store(rowsAsked)
	return c, nil
}

// Close ends the client's part in what it shares with others of its credential: its RateShare no longer counts. Nothing is
// to be asked of the client afterwards.
func (c *Client) Close() {
	c.pace.close(c)
	if c.alone != nil {
		c.alone.CloseIdleConnections()
	}
}

func newTransport(concurrency int) *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConns, t.MaxIdleConnsPerHost, t.MaxConnsPerHost = 0, concurrency, concurrency
	return t
}

// noRedirect: a redirect could carry a token elsewhere, and neither SCIM nor OAuth has use for any.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// serviceURL parses an address to which a secret is sent.
func serviceURL(s, what, example string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(s))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	u.Path = strings.TrimRight(u.Path, "/")
	switch {
	case u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return nil, fmt.Errorf("%s %q: must be like %s", what, u.Redacted(), example)
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return nil, fmt.Errorf("%s %q: plain http only on loopback, since the token would be readable", what, u.Redacted())
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("%s %q: must have no user, query or fragment", what, u.Redacted())
	}
	return u, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Identity returns what the credential has told of itself by now. It sends nothing.
func (c *Client) Identity() Identity { return c.token.Identity() }

// Identify is Identity after signing in, if the credential does that and has not yet.
func (c *Client) Identify(ctx context.Context) (Identity, error) {
	_, err := c.token.access(ctx)
	return c.token.Identity(), err
}

// Fit says what RingCentral will accept of the wanted values, one for each slot, and adjusts them in place. It does no
// I/O and knows no account.
func (c *Client) Fit(values []connectors.Value) connectors.Fitted { return c.fits.fit(values) }

// Reserve waits until RingCentral's limits allow one more write now, and holds its place: who decides afterwards what
// to write decides as late as can be. Each Create, Update and Delete uses up one place if any is held, else waits for
// its own.
func (c *Client) Reserve(ctx context.Context) error {
	if err := c.pace.reserve(ctx, c); err != nil {
		return fmt.Errorf("wait for rate limit: %w", err)
	}
	return nil
}

// Release gives back a place that Reserve held and nobody will use.
func (c *Client) Release() { c.pace.release() }

// ETA is how long it takes until so many further writes have been sent, by the limit as it stands. ok is false as long
// as no answer to a write has named one.
func (c *Client) ETA(pending int) (wait time.Duration, ok bool) {
	return c.pace.soonest(writes, pending)
}

// ReadLimit is how many single reads are ours in a window; ok is false as long as no answer has named a limit.
func (c *Client) ReadLimit() (requests int, window time.Duration, ok bool) {
	return c.pace.allowance(reads)
}

// Limits returns RingCentral's rate limits as far as answers have named them, by group.
func (c *Client) Limits() []Limit { return c.pace.limits() }

// How many rows of a list are asked for. RingCentral documents no maximum (default 100, and others ask for 1,000); a
// server that refuses so many is asked for the documented default. What comes is what counts.
const (
	rowsAsked    = 1000
	rowsFallback = 100
)

// List yields every account once, as far as the server lists them, in its order. An error from yield ends the walk and
// is returned as it is.
func (c *Client) List(ctx context.Context, yield func(connectors.Resource) error) (connectors.ListSummary, error) {
	return scim.Walk(ctx, func(ctx context.Context, start int) (scim.Page, error) {
		return c.page(ctx, "list users", "", start)
	}, func(r connectors.Resource) error { return yield(c.own(r)) })
}

// Find returns the accounts whose attribute, a Filterable one of the Schema, equals value ignoring letter case. It
// compares for itself what comes back: a server that ignores the filter sends everybody.
func (c *Client) Find(ctx context.Context, attribute, value string) ([]connectors.Resource, error) {
	op := fmt.Sprintf("find user by %s %q", attribute, value)
	name, ok := filterNames[attribute]
	if !ok {
		return nil, &connectors.Error{Fault: connectors.FaultConfig, Op: op, Attribute: attribute,
			Detail: "RingCentral searches by " + attrUserName + " and " + attrWorkMail + " only",
			Remedy: "Match by one of these."}
	}
	slot, _ := c.index.Index(attribute)
	var found []connectors.Resource
	_, err := scim.Walk(ctx, func(ctx context.Context, start int) (scim.Page, error) {
		page, err := c.page(ctx, op, scim.Equal(name, value), start)
		if slices.ContainsFunc(page.Resources, func(r connectors.Resource) bool { return r.ID == "" }) {
			// It exists and cannot be linked: to go on would be to create it again.
			return page, protocolError(op, http.StatusOK, "an account came without an id")
		}
		return page, err
	}, func(r connectors.Resource) error {
		if strings.EqualFold(r.Values[slot].Text(), value) {
			found = append(found, c.own(r))
		}
		return nil
	})
	return found, err
}

func (c *Client) page(ctx context.Context, op, filter string, start int) (scim.Page, error) {
	for {
		count := c.rows.Load()
		query := "startIndex=" + strconv.Itoa(start) + "&count=" + strconv.FormatInt(count, 10)
		if filter != "" {
			// %20 and not +, which not every server takes for a blank.
			query += "&filter=" + strings.ReplaceAll(url.QueryEscape(filter), "+", "%20")
		}
		var page scim.Page
		err := c.read(ctx, call{op: op, method: http.MethodGet, path: "/Users", query: query}, func(body []byte) (err error) {
			page, err = c.decoder.Page(body)
			return err
		})
		if connectors.FaultOf(err) == connectors.FaultRejected && count > rowsFallback && filter == "" {
			c.rows.Store(rowsFallback)
			continue
		}
		return page, err
	}
}

// Get reads one account. FaultNotFound means that RingCentral says there is none of that id.
func (c *Client) Get(ctx context.Context, id string) (connectors.Resource, error) {
	op := "get user " + id
	path, err := userPath(op, id)
	if err != nil {
		return connectors.Resource{}, err
	}
	var r connectors.Resource
	err = c.read(ctx, call{op: op, method: http.MethodGet, path: path, id: id}, func(body []byte) (err error) {
		if r, err = c.decoder.Resource(body); err == nil {
			err = sameID(id, r.ID)
		}
		return err
	})
	return c.own(r), err
}

func sameID(want, got string) error {
	if got == "" {
		return errors.New("the answer has no id")
	}
	if !strings.EqualFold(want, got) {
		return fmt.Errorf("the answer is about another account, %s", got)
	}
	return nil
}

// userPath refuses ids that would turn a request for one account into one for all of them.
func userPath(op, id string) (string, error) {
	if id == "" || id == "." || id == ".." {
		return "", &connectors.Error{Fault: connectors.FaultOther, Op: op, Detail: "not the id of an account"}
	}
	return "/Users/" + url.PathEscape(id), nil
}
