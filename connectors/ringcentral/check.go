package ringcentral

import (
	"context"
	"crypto/rand"
	"net/http"
	"slices"
	"strings"
	"time"

	"ringsync/connectors"
	"ringsync/connectors/scim"
)

// Report is what a test of the connection found. Discovery is for people: what the documents say decides nothing.
type Report struct {
	URL      string
	Scopes   []Scope
	Provider scim.ProviderConfig
	Types    []scim.ResourceType
	Schemas  []scim.SchemaDocument
	Accounts int     // in the account, as the list says
	Limits   []Limit // those that the answers named
	// Self is whose token it is, and FreeLicences how many accounts can be created; nil if NoREST says why not.
	Self         *Self
	FreeLicences *int
	NoREST       error
	// Ends is when the credential stops working for good; zero if it does not, or does not say.
	Ends time.Time
	// ClockSkew is how far the service's clock is ahead of ours, to the second its Date header is precise to.
	ClockSkew time.Duration
	// Warnings are what did not work and is not needed.
	Warnings []string
}

// Scope is what is known of one application permission of RingCentral.
type Scope struct {
	Name  string
	State ScopeState
	Why   string
}

// ScopeState is whether a permission is there.
type ScopeState string

// The states of a scope.
const (
	Proved   ScopeState = "proved"   // a request that needs it succeeded, or the token names it
	Missing  ScopeState = "missing"  // the token names others
	Unproven ScopeState = "unproven" // only a write would show it
)

// Check tests the connection as a cycle uses it: it searches for somebody who cannot exist, which must find nobody, and
// reads one list page. It writes nothing, so the right to write is proved only by a token that names it. The REST API,
// which a SCIM token need not open, is tried last. An error says why a cycle cannot run.
func (c *Client) Check(ctx context.Context) (Report, error) {
	report := Report{URL: c.base.String(), Ends: c.token.Identity().Ends}
	nobody := rand.Text() + "@example.invalid"
	page, err := c.page(ctx, "find a user who cannot exist", scim.Equal(filterNames[attrUserName], nobody), 1)
	if err != nil {
		return report, err
	}
	if len(page.Resources) > 0 {
		report.Warnings = append(report.Warnings, "the service ignores filters: each search reads the whole list")
	}
	if page, err = c.page(ctx, "list users", "", 1); err != nil {
		return report, err
	}
	report.Accounts = page.Total
	report.Scopes = []Scope{{"ReadAccounts", Proved, "accounts were listed"}, c.editAccounts()}
	if err := c.discover(ctx, &report); err != nil {
		return report, err
	}
	c.checkREST(ctx, &report)
	report.Limits = c.Limits()
	report.ClockSkew = time.Duration(c.skew.Load())
	return report, ctx.Err()
}

// editAccounts says what is known of the right to write.
func (c *Client) editAccounts() Scope {
	s := Scope{Name: "EditAccounts"}
	switch scopes := c.token.Identity().Scopes; {
	case len(scopes) == 0:
		s.State, s.Why = Unproven, "writing takes it, and it cannot be seen from reads; the first sync will tell"
	case slices.Contains(scopes, s.Name):
		s.State, s.Why = Proved, "the token names it"
	default:
		s.State, s.Why = Missing, "the token names only "+strings.Join(scopes, ", ")+". "+remedyScope
	}
	return s
}

// checkREST finds out what only the REST API tells. Nothing of it is needed.
func (c *Client) checkREST(ctx context.Context, report *Report) {
	self, err := c.WhoAmI(ctx)
	if err == nil {
		report.Self = &self
		var free int
		if free, err = c.FreeLicences(ctx); err == nil {
			report.FreeLicences = &free
		}
	}
	report.NoREST = err
}

// discover reads the discovery documents. Of its failures only a refused token is one of the check.
func (c *Client) discover(ctx context.Context, report *Report) error {
	documents := []struct {
		path  string
		parse func([]byte) error
	}{
		{"/ServiceProviderConfig", func(b []byte) (err error) { report.Provider, err = scim.ParseProviderConfig(b); return err }},
		{"/ResourceTypes", func(b []byte) (err error) { report.Types, err = scim.ParseResourceTypes(b); return err }},
		{"/Schemas", func(b []byte) (err error) { report.Schemas, err = scim.ParseSchemas(b); return err }},
	}
	for _, d := range documents {
		err := c.read(ctx, call{op: "get " + d.path[1:], method: http.MethodGet, path: d.path}, d.parse)
		if connectors.FaultOf(err) == connectors.FaultCredentials || ctx.Err() != nil {
			return err
		}
		if err != nil {
			report.Warnings = append(report.Warnings, err.Error())
		}
	}
	return nil
}
