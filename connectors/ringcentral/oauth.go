package ringcentral

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"ringsync/connectors"
	"ringsync/connectors/scim"
)

// JWT says how to sign in with a JWT that RingCentral issued to a service user (RFC 7523, section 2.1).
type JWT struct {
	// URL is the token endpoint, https://platform.ringcentral.com/restapi/oauth/token. Plain http only on loopback.
	URL                    string
	ClientID, ClientSecret string
	Assertion              string // the JWT itself
	// Transport replaces the HTTP transport; nil means one of our own.
	Transport http.RoundTripper
	// Wrap, if given, is put around the transport, as in Options.
	Wrap   func(http.RoundTripper) http.RoundTripper
	Logger *slog.Logger // nil: no log
}

const (
	jwtGrant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	signIn   = "sign in to RingCentral"

	signInTimeout = 30 * time.Second
	// refreshMargin is how long before its end a token is not used any more, at most a tenth of its life: the token and
	// the request that carries it both take time on their way.
	refreshMargin = time.Minute
	// leastLife is the shortest life that RingCentral gives a token (schema GetTokenRequest), for an answer that does
	// not say.
	leastLife = 10 * time.Minute
	// refusalHolds is how long a refused sign-in is not tried again: what is wrong with it, people must mend.
	refusalHolds = time.Minute
)

// RingCentral's documented limit of the Auth group, which is kept to from the first sign-in on: a program that signs in
// more often does something wrong, whatever an account allows.
var signInLimit = Limit{Requests: 5, Remaining: 5, Window: defaultWindow}

// grant holds one access token at a time and gets the next before it ends. Whoever finds none signs in; all others
// wait for the same answer.
type grant struct {
	jwt  JWT
	http *http.Client
	log  *slog.Logger
	pace *pacer
	turn chan struct{} // held by who signs in

	mu     sync.Mutex
	token  string
	until  time.Time // when to get the next
	known  Identity
	failed error // of the last sign-in
	at     time.Time
}

// JWTGrant returns the credential of a service user's JWT. It sends nothing.
func JWTGrant(o JWT) (*Credential, error) {
	endpoint, err := serviceURL(o.URL, "token URL", "https://platform.ringcentral.com/restapi/oauth/token")
	if err != nil {
		return nil, err
	}
	o.URL = endpoint.String()
	o.ClientID, o.ClientSecret, o.Assertion = strings.TrimSpace(o.ClientID), strings.TrimSpace(o.ClientSecret), strings.TrimSpace(o.Assertion)
	if o.ClientID == "" || o.ClientSecret == "" || o.Assertion == "" {
		return nil, errors.New("client id, client secret and JWT are all needed to sign in")
	}
	if o.Transport == nil {
		o.Transport = newTransport(1)
	}
	if o.Wrap != nil {
		o.Transport = o.Wrap(o.Transport)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	c := &Credential{pace: newPacer()}
	c.pace.assume(signIns, signInLimit)
	c.grant = &grant{jwt: o, log: o.Logger, pace: c.pace, turn: make(chan struct{}, 1),
		http:  &http.Client{Transport: o.Transport, CheckRedirect: noRedirect},
		known: Identity{Ends: expiry(o.Assertion)}}
	return c, nil
}

func (j JWT) secrets() []string {
	return []string{j.Assertion, j.ClientSecret, url.QueryEscape(j.ClientID) + ":" + url.QueryEscape(j.ClientSecret)}
}

// expiry reads the exp claim of a JWT (RFC 7519, section 4.1.4), zero if there is none. Nothing is verified: it only
// helps people to be in time.
func expiry(jwt string) time.Time {
	_, rest, _ := strings.Cut(jwt, ".")
	payload, _, _ := strings.Cut(rest, ".")
	decoded, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(payload, "="))
	var claims struct {
		Exp float64 `json:"exp"`
	}
	const farthest = 1 << 40 // seconds; what time.Unix takes and calendars can show
	if err != nil || json.Unmarshal(decoded, &claims) != nil || claims.Exp <= 0 || claims.Exp > farthest {
		return time.Time{}
	}
	return time.Unix(int64(claims.Exp), 0)
}

func (g *grant) identity() Identity {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.known
}

// drop forgets a token that was refused, unless there is a newer one already.
func (g *grant) drop(token string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.token == token {
		g.token = ""
	}
}

// held returns the token that can be used now, "" if there is none, or the error of a sign-in that ended after began
// or was refused a moment ago.
func (g *grant) held(began time.Time) (string, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	if g.token != "" && now.Before(g.until) {
		return g.token, nil
	}
	if g.failed != nil && (g.at.After(began) || connectors.FaultOf(g.failed) == connectors.FaultCredentials && now.Before(g.at.Add(refusalHolds))) {
		return "", g.failed
	}
	return "", nil
}

// access returns a token, signing in if need be.
func (g *grant) access(ctx context.Context) (string, error) {
	began := time.Now()
	if token, err := g.held(began); token != "" || err != nil {
		return token, err
	}
	select {
	case g.turn <- struct{}{}:
		defer func() { <-g.turn }()
	case <-ctx.Done():
		return "", &connectors.Error{Fault: connectors.FaultTransient, Op: signIn, Detail: "not sent", Err: ctx.Err()}
	}
	if token, err := g.held(began); token != "" || err != nil { // somebody else was here first
		return token, err
	}
	a, err := g.ask(ctx)
	g.mu.Lock()
	defer g.mu.Unlock()
	if err != nil {
		if ctx.Err() == nil { // that somebody lost patience is their own affair
			g.failed, g.at = err, time.Now()
		}
		return "", err
	}
	life := time.Duration(a.ExpiresIn) * time.Second
	if life <= 0 {
		life = leastLife
	}
	g.token, g.until, g.failed = a.AccessToken, time.Now().Add(life-min(refreshMargin, life/10)), nil
	g.known.Owner, g.known.Scopes = a.OwnerID, strings.Fields(a.Scope)
	g.log.DebugContext(ctx, "signed in to RingCentral", "owner", a.OwnerID, "scopes", a.Scope, "life", life)
	return g.token, nil
}

// tokenAnswer is what the token endpoint answers (schema TokenInfo; RFC 6749, section 5.1).
type tokenAnswer struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	ExpiresIn   int64  `json:"expires_in"` // seconds
	Scope       string `json:"scope"`
	OwnerID     string `json:"owner_id"`
}

// ask waits for its turn in the Auth group and signs in once.
func (g *grant) ask(ctx context.Context) (tokenAnswer, error) {
	group, err := g.pace.begin(ctx, signIns, nil)
	if err != nil {
		return tokenAnswer{}, &connectors.Error{Fault: connectors.FaultTransient, Op: signIn, Detail: "not sent", Err: err}
	}
	resp, body, err := g.post(ctx)
	if err != nil {
		g.pace.lost(group)
		e := &connectors.Error{Fault: connectors.FaultTransient, Op: signIn, Err: err}
		if neverConnected(err) {
			e.Remedy = "Check target.oauth.url, the network and the certificates."
		}
		return tokenAnswer{}, e
	}
	var said scim.ErrorBody
	if resp.StatusCode != http.StatusOK {
		said = hide(redactor(g.jwt.secrets()...), body)
	}
	stopped := g.pace.answer(signIns, group, resp.Header, resp.StatusCode == http.StatusOK, resp.StatusCode == http.StatusTooManyRequests)
	g.log.DebugContext(ctx, "request", "op", signIn, "method", http.MethodPost, "status", resp.StatusCode)
	if resp.StatusCode != http.StatusOK {
		return tokenAnswer{}, g.refusal(resp, said, stopped)
	}
	var a tokenAnswer
	if err := json.Unmarshal(body, &a); err != nil || a.AccessToken == "" || !strings.EqualFold(a.TokenType, "bearer") {
		return tokenAnswer{}, &connectors.Error{Fault: connectors.FaultProtocol, Op: signIn, Status: resp.StatusCode, Code: incompatible,
			Detail: "the answer has no bearer token", Remedy: remedyTokenURL}
	}
	return a, nil
}

func (g *grant) post(ctx context.Context) (*http.Response, []byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, signInTimeout, errTimeout)
	defer cancel()
	form := url.Values{"grant_type": {jwtGrant}, "assertion": {g.jwt.Assertion}}.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, g.jwt.URL, strings.NewReader(form))
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", userAgent)
	// Both halves are form-encoded before they are joined (RFC 6749, section 2.3.1).
	req.SetBasicAuth(url.QueryEscape(g.jwt.ClientID), url.QueryEscape(g.jwt.ClientSecret))
	resp, err := g.http.Do(req)
	if err != nil {
		return nil, nil, cause(ctx, err)
	}
	defer resp.Body.Close()
	body, err := readBody(resp)
	if err != nil {
		return nil, nil, fmt.Errorf("the answer broke off: %w", cause(ctx, err))
	}
	return resp, body, nil
}

const (
	remedyTokenURL = "Check that target.oauth.url is RingCentral's token endpoint and that no proxy or login page stands before it."
	remedyClient   = "Check target.oauth.client_id and client_secret: they are those of the app in RingCentral's Developer Console."
	remedyApp      = "Allow the JWT auth flow in the app's settings in RingCentral's Developer Console, and this app in the JWT's own settings."
	remedyJWT      = "Make a new JWT in RingCentral's Developer Console as the service user, who must be enabled, and put it into target.oauth.jwt."
)

// signInRules sort what the token endpoint refuses, by status and the codes of RFC 6749, section 5.2.
var signInRules = []rule{
	{status: 429, fault: connectors.FaultTransient, name: tooMany},
	{code: "invalid_client", fault: connectors.FaultCredentials, name: unauthorized, remedy: remedyClient},
	{code: "unauthorized_client", fault: connectors.FaultCredentials, name: unauthorized, remedy: remedyApp},
	{code: "unsupported_grant_type", fault: connectors.FaultCredentials, name: unauthorized, remedy: remedyApp},
	{code: "invalid_grant", fault: connectors.FaultCredentials, name: unauthorized, remedy: remedyJWT},
	{status: 400, fault: connectors.FaultCredentials, name: unauthorized, remedy: remedyJWT},
	{status: 401, fault: connectors.FaultCredentials, name: unauthorized, remedy: remedyClient},
	{status: 403, fault: connectors.FaultCredentials, name: insufficient, remedy: remedyApp},
	{status: 404, fault: connectors.FaultProtocol, name: incompatible, remedy: remedyTokenURL},
	{status: 405, fault: connectors.FaultProtocol, name: incompatible, remedy: remedyTokenURL},
	{status: anyServerError, fault: connectors.FaultTransient, name: "InternalServerError"},
}

// refusal sorts an answer without a token.
func (g *grant) refusal(resp *http.Response, said scim.ErrorBody, stopped time.Duration) *connectors.Error {
	e := &connectors.Error{Op: signIn, Status: resp.StatusCode, Code: said.Code,
		Detail: said.Detail, RetryAfter: cmp.Or(stopped, retryAfter(resp.Header, time.Now()))}
	switch {
	case resp.StatusCode/100 == 3:
		e.Fault, e.Code, e.Remedy = connectors.FaultProtocol, incompatible, remedyTokenURL
		e.Detail = "redirected to " + host(resp.Header.Get("Location")) + ", which is not followed"
	case resp.StatusCode/100 == 2 || resp.StatusCode/100 == 4 && said.Shape == scim.ShapeHTML:
		e.Fault, e.Code, e.Remedy = connectors.FaultProtocol, incompatible, remedyTokenURL
	default:
		decide(signInRules, e)
		if ends := g.identity().Ends; e.Remedy == remedyJWT && !ends.IsZero() && time.Now().After(ends) {
			e.Remedy = fmt.Sprintf("The JWT ended on %s. %s", ends.UTC().Format(time.DateOnly), remedyJWT)
		}
	}
	e.Detail = cmp.Or(e.Detail, http.StatusText(resp.StatusCode))
	return e
}

// redactor replaces secrets in what others say, in every form in which a request carries them or an answer repeats
// them: as they are, escaped for JSON or a URL, and in base64 as in a Basic header.
func redactor(secrets ...string) *strings.Replacer {
	var pairs []string
	for _, s := range secrets {
		if s == "" {
			continue
		}
		for _, form := range []string{s, strings.ReplaceAll(s, "/", `\/`), url.QueryEscape(s), url.PathEscape(s),
			base64.StdEncoding.EncodeToString([]byte(s)), base64.URLEncoding.EncodeToString([]byte(s)),
			base64.RawStdEncoding.EncodeToString([]byte(s)), base64.RawURLEncoding.EncodeToString([]byte(s))} {
			pairs = append(pairs, form, "[redacted]")
		}
	}
	return strings.NewReplacer(pairs...)
}

// hide reads what an answer says without the secrets that it repeats. They go before the words are cut to length,
// which could leave half of one, and again afterwards, for those that were escaped.
func hide(secrets *strings.Replacer, body []byte) scim.ErrorBody {
	said := scim.ParseError([]byte(secrets.Replace(string(bytes.ToValidUTF8(body, nil)))))
	said.Detail, said.Code, said.Parameter = secrets.Replace(said.Detail), secrets.Replace(said.Code), secrets.Replace(said.Parameter)
	return said
}
