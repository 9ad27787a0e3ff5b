package ringcentral

import (
	"context"
	"strings"
	"time"
)

// Credential is one user of one application as RingCentral counts them: where the tokens of requests come from, and
// the rate limits that go with them. Clients that share a credential share both, so that several jobs neither spend a
// limit twice nor each sign in anew. It is safe for concurrent use.
type Credential struct {
	pace  *pacer
	token string // a static one
	grant *grant // nil for a static token
}

// StaticToken is a SCIM token that RingCentral issued once and for all.
func StaticToken(token string) *Credential {
	return &Credential{pace: newPacer(), token: strings.TrimSpace(token)}
}

// Identity is what a credential itself tells of who it is and what it may do. The zero value: nothing.
type Identity struct {
	// Owner is the id of the account whose credential it is, the service user; "" if not known (a static token, or
	// nobody has signed in yet).
	Owner string
	// Scopes are the application permissions that the token names; nil if it names none.
	Scopes []string
	// Ends is when the credential stops working for good; zero if it does not, or does not say.
	Ends time.Time
}

// Identity returns what is known by now. It sends nothing.
func (c *Credential) Identity() Identity {
	if c.grant == nil {
		return Identity{}
	}
	return c.grant.identity()
}

// access returns the bearer token for the next request, "" if there is none.
func (c *Credential) access(ctx context.Context) (string, error) {
	if c.grant == nil {
		return c.token, nil
	}
	return c.grant.access(ctx)
}

// refused takes note that the service refused a token, and reports whether another can be had.
func (c *Credential) refused(token string) bool {
	if c.grant == nil {
		return false
	}
	c.grant.drop(token)
	return true
}

// secrets are what no error and no log may show of a request with the token.
func (c *Credential) secrets(token string) []string {
	if c.grant == nil {
		return []string{token}
	}
	return append(c.grant.jwt.secrets(), token)
}
