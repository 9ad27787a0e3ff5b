package entra

import (
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	jsonserialization "github.com/microsoft/kiota-serialization-json-go"
	graphcore "github.com/microsoftgraph/msgraph-sdk-go-core"
	graphauth "github.com/microsoftgraph/msgraph-sdk-go-core/authentication"

	khttp "github.com/microsoft/kiota-http-go"

	"ringsync/connectors"
)

// Options say which application's assignments are read, how, and with which rights.
type Options struct {
	Tenant string // tenant id or verified domain
	App    string // application (client) id of the enterprise application
	Cloud  string // public (also ""), usgov, usgov-dod, china
	// Endpoint replaces the cloud's base URL, version included: http://127.0.0.1:8041/v1.0. Plain http only on loopback.
	Endpoint   string
	Credential Credential

	ScopeAll      bool   // every user of the tenant and not only the assigned
	NestedGroups  bool   // members of groups in assigned groups count too, which Entra itself does not do
	DefaultAccess string // auto (also ""), include, exclude: see IncludeDefaultAccess

	// Slots are the attributes to read; they begin with those of connectors.NewSourceSlots.
	Slots *connectors.Slots

	Transport http.RoundTripper // nil: the system's, with proxy settings from the environment
	// Wrap, if given, is put around the transport: it sees every request to Graph as it goes out, repeats included.
	Wrap            func(http.RoundTripper) http.RoundTripper
	Logger          *slog.Logger // nil: silent
	PageConcurrency int          // groups or bulk reads in flight, 0: 8
}

// The values of Options.DefaultAccess.
const (
	AccessAuto    = "auto"
	AccessInclude = "include"
	AccessExclude = "exclude"
)

// place is one of Microsoft's clouds. Tokens of one are worth nothing in another (Graph: national cloud deployments).
type place struct {
	graph string // base URL without version, which is also the audience of tokens
	login cloud.Configuration
}

func placeOf(name string) (place, bool) {
	switch name {
	case "", "public":
		return place{"https://graph.microsoft.com", cloud.AzurePublic}, true
	case "usgov":
		return place{"https://graph.microsoft.us", cloud.AzureGovernment}, true
	case "usgov-dod":
		return place{"https://dod-graph.microsoft.us", cloud.AzureGovernment}, true
	case "china":
		return place{"https://microsoftgraph.chinacloudapi.cn", cloud.AzureChina}, true
	}
	return place{}, false
}

// Client reads one enterprise application of one tenant. It is safe for concurrent use.
type Client struct {
	opts      Options
	base      *url.URL
	scope     string
	adapter   *graphcore.GraphRequestAdapterBase
	token     azcore.TokenCredential
	transport *transport
	sel       *selection
	log       *slog.Logger

	// noGetByIDs is set once directoryObjects/getByIds has been refused or has ignored $select.
	noGetByIDs atomic.Bool
}

// New returns a client. Nothing is sent. Errors have FaultConfig, or FaultCredentials if a certificate cannot be read.
func New(opts Options) (*Client, error) {
	pl, ok := placeOf(opts.Cloud)
	if !ok {
		return nil, misconfigured("cloud %q is not one of public, usgov, usgov-dod, china", opts.Cloud)
	}
	if opts.Tenant == "" || opts.App == "" {
		return nil, misconfigured("tenant and app are both needed")
	}
	switch opts.DefaultAccess {
	case "":
		opts.DefaultAccess = AccessAuto
	case AccessAuto, AccessInclude, AccessExclude:
	default:
		return nil, misconfigured("default_access %q is not one of auto, include, exclude", opts.DefaultAccess)
	}
	if opts.Slots == nil {
		opts.Slots = connectors.NewSourceSlots()
	}
	if first := connectors.NewSourceSlots().Names(); !slices.Equal(first, opts.Slots.Names()[:min(len(first), opts.Slots.Len())]) {
		return nil, misconfigured("the attributes to read must begin with %s", strings.Join(first, ", "))
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.PageConcurrency <= 0 {
		opts.PageConcurrency = 8
	}
	base, err := baseURL(opts.Endpoint, pl)
	if err != nil {
		return nil, err
	}
	c := &Client{opts: opts, base: base, scope: pl.graph + "/.default", sel: newSelection(opts.Slots), log: opts.Logger}
	c.transport = newTransport(opts.Transport, opts.PageConcurrency, c.log)
	if opts.Wrap != nil {
		c.transport.next = opts.Wrap(c.transport.next)
	}
	if c.token, err = newTokenSource(opts, base, pl.login); err != nil {
		return nil, err
	}
	return c, c.connect()
}

// connect joins credential, transport and the SDK's adapter.
func (c *Client) connect() error {
	// A host that is not listed would silently get no token.
	auth, err := graphauth.NewAzureIdentityAuthenticationProviderWithScopesAndValidHosts(
		c.token, []string{c.scope}, []string{c.base.Hostname()})
	if err != nil {
		return misconfigured("%v", err)
	}
	// No time-out here: it would cut a Retry-After of minutes. The transport bounds each attempt instead. Redirects
	// come back as answers, which the transport refuses.
	client := &http.Client{
		Transport: khttp.NewCustomTransportWithParentTransport(c.transport,
			graphcore.NewGraphTelemetryHandler(&graphcore.GraphClientOptions{})),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	c.adapter, err = graphcore.NewGraphRequestAdapterBaseWithParseNodeFactoryAndSerializationWriterFactoryAndHttpClient(
		auth, graphcore.GraphClientOptions{}, jsonserialization.NewJsonParseNodeFactory(), nil, client)
	if err != nil {
		return misconfigured("%v", err)
	}
	c.adapter.SetBaseUrl(c.base.String())
	return nil
}

func baseURL(endpoint string, pl place) (*url.URL, error) {
	if endpoint == "" {
		endpoint = pl.graph + "/v1.0"
	}
	u, err := url.Parse(strings.TrimRight(endpoint, "/"))
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, misconfigured("endpoint is not a base URL such as https://graph.microsoft.com/v1.0")
	case u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname()):
		return u, nil
	case u.Scheme == "http":
		return nil, misconfigured("endpoint %s: plain http is for 127.0.0.1, ::1 and localhost only", u)
	}
	return nil, misconfigured("endpoint %s: the scheme must be https", u)
}

// isLoopback knows the hosts that the SDK's token provider takes plain http for.
func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && (ip.Equal(net.IPv4(127, 0, 0, 1)) || ip.Equal(net.IPv6loopback))
}
