package ringcentral

import (
	"context"
	"crypto/rand"
	"net/http"
	"time"

	"ringsync/connectors"
	"ringsync/connectors/scim"
)

// Report is what a test of the connection found. Discovery is for people: what the documents say decides nothing.
type Report struct {
	URL      string
	Provider scim.ProviderConfig
	Types    []scim.ResourceType
	Schemas  []scim.SchemaDocument
	Accounts int     // in the account, as the list says
	Limits   []Limit // those that the answers named
	// ClockSkew is how far the service's clock is ahead of ours, to the second its Date header is precise to.
	ClockSkew time.Duration
	// Warnings are what did not work and is not needed.
	Warnings []string
}

// Check tests the connection as a cycle uses it: it searches for somebody who cannot exist, which must find nobody, and
// reads one list page. It writes nothing, so the right to write stays unproven. An error says why a cycle cannot run.
func (c *Client) Check(ctx context.Context) (Report, error) {
	report := Report{URL: c.base.String()}
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
	if err := c.discover(ctx, &report); err != nil {
		return report, err
	}
	report.Limits = c.Limits()
	report.ClockSkew = time.Duration(c.skew.Load())
	return report, nil
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
