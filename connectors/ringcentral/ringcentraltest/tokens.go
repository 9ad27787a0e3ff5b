package ringcentraltest

import (
	"cmp"
	"crypto/subtle"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// App is an application and the JWT by which it signs in as a service user.
type App struct {
	ClientID, ClientSecret, JWT string
	// Owner is the id of the service user's account. If an account of that id exists and is not active, nobody signs
	// in and no token works; "" is an administrator who is no SCIM user.
	Owner string
	// Life is how long access tokens work; 0 for an hour.
	Life time.Duration
	// Scopes are the application permissions of the tokens; nil for ReadAccounts and EditAccounts.
	Scopes []string
	// Forbidden has the application not allow this grant.
	Forbidden bool
	// Expired has the JWT be out of date or revoked.
	Expired bool
}

const (
	adminID  = "1270000020"
	sessions = 5 // at a time; an older one's token stops working
	jwtGrant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
)

// tokens are the access tokens issued, oldest first. The caller holds the lock.
type tokens struct {
	issued int
	live   []accessToken
}

type accessToken struct {
	text string
	ends time.Time
}

// tokenReply is a new access token (schema TokenInfo).
type tokenReply struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	ExpiresIn   int    `json:"expires_in"`
	Scope       string `json:"scope"`
	OwnerID     string `json:"owner_id"`
	EndpointID  string `json:"endpoint_id"`
}

// oauthError is what the token endpoint refuses with (RFC 6749, section 5.2), in RingCentral's form.
type oauthError struct {
	Error       string         `json:"error"`
	Description string         `json:"error_description"`
	Errors      []gatewayError `json:"errors,omitempty"`
}

func oauthReply(status int, name, code, message string) reply {
	e := oauthError{Error: name, Description: message}
	if code != "" {
		e.Errors = []gatewayError{{ErrorCode: code, Message: message}}
	}
	return reply{status: status, header: http.Header{"Content-Type": {plainJSON}}, body: e}
}

// signIn is POST /restapi/oauth/token.
func (a *Account) signIn(x *exchange) (reply, error) {
	app := a.options.App
	if app == nil {
		return oauthReply(http.StatusBadRequest, "invalid_client", "OAU-153", "Invalid client application"), nil
	}
	kind, _, _ := strings.Cut(x.request.Header.Get("Content-Type"), ";")
	form, err := url.ParseQuery(string(x.body))
	if err != nil || kind != "application/x-www-form-urlencoded" || x.request.URL.RawQuery != "" {
		return oauthReply(http.StatusBadRequest, "invalid_request", "", "Request body must be a form"), nil
	}
	for name, values := range form {
		if name != "grant_type" && name != "assertion" && name != "scope" || len(values) > 1 {
			return oauthReply(http.StatusBadRequest, "invalid_request", "", "Parameter ["+name+"] is not allowed"), nil
		}
	}
	if refused, ok := app.authenticate(x.request); !ok {
		return refused, nil
	}
	if form.Get("grant_type") != jwtGrant || app.Forbidden {
		return oauthReply(http.StatusBadRequest, "unauthorized_client", "OAU-251", "Unauthorized for this grant type"), nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if subtle.ConstantTimeCompare([]byte(form.Get("assertion")), []byte(app.JWT)) == 0 || app.Expired || !a.ownerEnabled() {
		return oauthReply(http.StatusBadRequest, "invalid_grant", "", "JWT is invalid, expired or revoked"), nil
	}
	return reply{status: http.StatusOK, header: http.Header{"Content-Type": {plainJSON}}, body: a.issue(x.now)}, nil
}

// authenticate checks the Basic header, whose halves are form-encoded (RFC 6749, section 2.3.1).
func (app *App) authenticate(r *http.Request) (reply, bool) {
	id, secret, ok := r.BasicAuth()
	if !ok {
		return oauthReply(http.StatusBadRequest, "invalid_client", "OAU-123", "Client authentication is required"), false
	}
	id, err1 := url.QueryUnescape(id)
	secret, err2 := url.QueryUnescape(secret)
	if err := cmp.Or(err1, err2); err != nil || id != app.ClientID || subtle.ConstantTimeCompare([]byte(secret), []byte(app.ClientSecret)) == 0 {
		return oauthReply(http.StatusUnauthorized, "invalid_client", "OAU-153", "Invalid client application: ["+id+"]"), false
	}
	return reply{}, true
}

// ownerEnabled reports whether the service user can sign in. The caller holds the lock.
func (a *Account) ownerEnabled() bool {
	owner, ok := a.store.byID[a.options.App.Owner]
	return !ok || owner.user.Active
}

// issue makes an access token. The caller holds the lock.
func (a *Account) issue(now time.Time) tokenReply {
	app := a.options.App
	life := cmp.Or(app.Life, time.Hour)
	scopes := app.Scopes
	if scopes == nil {
		scopes = []string{"ReadAccounts", "EditAccounts"}
	}
	a.tokens.issued++
	text := "access/token+" + strconv.Itoa(a.tokens.issued) + "-of-" + app.ClientID
	live := append(a.tokens.live, accessToken{text, now.Add(life)})
	a.tokens.live = live[max(0, len(live)-sessions):]
	return tokenReply{AccessToken: text, TokenType: "bearer", ExpiresIn: int(life / time.Second), Scope: strings.Join(scopes, " "),
		OwnerID: cmp.Or(app.Owner, adminID), EndpointID: "emulator"}
}

// signedIn says why an access token does not work; "" if it does.
func (a *Account) signedIn(token string, now time.Time) (code, message string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, t := range a.tokens.live {
		switch {
		case subtle.ConstantTimeCompare([]byte(t.text), []byte(token)) == 0:
		case !now.Before(t.ends):
			return "OAU-128", "Access token expired"
		case !a.ownerEnabled():
			return "OAU-213", "Token not found"
		default:
			return "", ""
		}
	}
	return "OAU-213", "Token not found"
}

// Revoke ends every access token that was issued, as a changed password does.
func (a *Account) Revoke() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tokens.live = nil
}

// SignIns is how many access tokens have been issued.
func (a *Account) SignIns() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.tokens.issued
}
