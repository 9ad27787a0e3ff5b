package entra

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"ringsync/connectors"
)

func TestNew(t *testing.T) {
	fine := Options{Tenant: "contoso.com", App: "a", Endpoint: testEndpoint, Credential: Credential{Kind: "static", Token: "t"}}
	for _, tc := range []struct {
		name   string
		change func(*Options)
		want   string // "" for none
	}{
		{"fine", func(*Options) {}, ""},
		{"IPv6 loopback", func(o *Options) { o.Endpoint = "http://[::1]:80/v1.0" }, ""},
		{"trailing slash", func(o *Options) { o.Endpoint += "/" }, ""},
		{"no tenant", func(o *Options) { o.Tenant = "" }, "tenant and app"},
		{"no app", func(o *Options) { o.App = "" }, "tenant and app"},
		{"unknown cloud", func(o *Options) { o.Cloud = "germany" }, `cloud "germany"`},
		{"unknown default access", func(o *Options) { o.DefaultAccess = "yes" }, `default_access "yes"`},
		{"plain http elsewhere", func(o *Options) { o.Endpoint = "http://graph.test/v1.0" }, "plain http"},
		{"another loopback address", func(o *Options) { o.Endpoint = "http://127.0.0.2/v1.0" }, "plain http"},
		{"another scheme", func(o *Options) { o.Endpoint = "ftp://graph.test/v1.0" }, "https"},
		{"no URL", func(o *Options) { o.Endpoint = "graph" }, "not a base URL"},
		{"password in the URL", func(o *Options) { o.Endpoint = "https://u:hidden@graph.test/v1.0" }, "not a base URL"},
		{"static elsewhere", func(o *Options) { o.Endpoint = "" }, "static is for endpoints on loopback"},
		{"static without a token", func(o *Options) { o.Credential.Token = "" }, "static needs token"},
		{"unknown credential", func(o *Options) { o.Credential.Kind = "password" }, `kind "password"`},
		{"secret without an id", func(o *Options) { o.Credential = Credential{Kind: "client-secret", ClientSecret: "hidden"} }, "needs client_id"},
		{"certificate without a path", func(o *Options) { o.Credential = Credential{Kind: "client-certificate", ClientID: "x"} }, "certificate_path"},
		{"other slots", func(o *Options) { o.Slots = connectors.NewSlots("mail") }, "must begin with id"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := fine
			tc.change(&o)
			_, err := New(o)
			switch {
			case tc.want == "" && err != nil:
				t.Errorf("got %v", err)
			case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want) || connectors.FaultOf(err) != connectors.FaultConfig):
				t.Errorf("got %v: %v, want %q", connectors.FaultOf(err), err, tc.want)
			case err != nil && strings.Contains(err.Error(), "hidden"):
				t.Errorf("a secret in %v", err)
			}
		})
	}
}

// Each cloud is asked at its own address, with a token of its own login service for its own audience.
func TestClouds(t *testing.T) {
	for cloud, want := range map[string]struct{ graph, login string }{
		"public":    {"graph.microsoft.com", "login.microsoftonline.com"},
		"usgov":     {"graph.microsoft.us", "login.microsoftonline.us"},
		"usgov-dod": {"dod-graph.microsoft.us", "login.microsoftonline.us"},
		"china":     {"microsoftgraph.chinacloudapi.cn", "login.chinacloudapi.cn"},
	} {
		asked := false
		c := newClientOf(t, tokenService(t, want.login, func(w http.ResponseWriter, r *http.Request) {
			if got := r.FormValue("scope"); !strings.HasPrefix(got, "https://"+want.graph+"/.default") {
				t.Errorf("%s: scope %s", cloud, got)
			}
			_, _ = io.WriteString(w, `{"access_token":"of-`+cloud+`","expires_in":3600,"token_type":"Bearer"}`)
		}, func(w http.ResponseWriter, r *http.Request) {
			asked = r.URL.Scheme == "https" && r.URL.Host == want.graph && r.Header.Get("Authorization") == "Bearer of-"+cloud
			_, _ = io.WriteString(w, `{"id":"sp","appId":"a"}`)
		}), func(o *Options) {
			o.Cloud, o.Endpoint = cloud, ""
			o.Credential = Credential{Kind: "client-secret", ClientID: "client", ClientSecret: "s3cret"}
		})
		if _, err := c.application(t.Context()); err != nil || !asked {
			t.Errorf("%s: asked %v, %v", cloud, asked, err)
		}
	}
}

// tokenService plays the login service at host, and everything else with other.
func tokenService(t *testing.T, host string, token, other http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		base := "https://" + host + "/contoso.com"
		switch {
		case strings.HasSuffix(r.URL.Path, "/discovery/instance"):
			_, _ = fmt.Fprintf(w, `{"tenant_discovery_endpoint":"%s/v2.0/.well-known/openid-configuration","metadata":[]}`, base)
		case r.URL.Host != host:
			other(w, r)
		case strings.HasSuffix(r.URL.Path, "/openid-configuration"):
			_, _ = fmt.Fprintf(w, `{"token_endpoint":"%s/oauth2/v2.0/token","authorization_endpoint":"%s/oauth2/v2.0/authorize","issuer":"%s/v2.0"}`, base, base, base)
		case strings.HasSuffix(r.URL.Path, "/token"):
			token(w, r)
		default:
			t.Errorf("unexpected %s", r.URL)
		}
	})
}

func TestSignInErrors(t *testing.T) {
	for _, tc := range []struct {
		name   string
		status int
		body   string
		fault  connectors.Fault
		want   string
	}{
		{"wrong secret", 401, `{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided. Trace ID: 1\r\nCorrelation ID: 2","error_codes":[7000215]}`,
			connectors.FaultCredentials, "AADSTS7000215: Invalid client secret provided. (401 AADSTS7000215). Put the value of the client secret"},
		{"expired secret", 401, `{"error":"invalid_client","error_description":"AADSTS7000222: The provided client secret keys are expired.","error_codes":[7000222]}`,
			connectors.FaultCredentials, "Create a new client secret"},
		{"unknown client", 400, `{"error":"unauthorized_client","error_description":"AADSTS700016: Application not found.","error_codes":[700016]}`,
			connectors.FaultCredentials, "client_id"},
		{"unknown tenant", 400, `{"error":"invalid_request","error_description":"AADSTS90002: Tenant 'contoso.com' not found.","error_codes":[90002]}`,
			connectors.FaultConfig, "sign in to tenant contoso.com: AADSTS90002: Tenant 'contoso.com' not found. (400 AADSTS90002). Check source.tenant"},
		{"a number nobody knows", 400, `{"error":"invalid_request","error_description":"AADSTS1: x","error_codes":[1]}`,
			connectors.FaultCredentials, "AADSTS1: x (400 AADSTS1)"},
		{"a web page", 403, `<html>blocked</html>`, connectors.FaultCredentials, "Forbidden (status 403)"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newClientOf(t, tokenService(t, "login.microsoftonline.com", func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(tc.status)
				_, _ = io.WriteString(w, tc.body)
			}, func(_ http.ResponseWriter, r *http.Request) {
				t.Errorf("asked %s without a token", r.URL)
			}), func(o *Options) {
				o.Endpoint = ""
				o.Credential = Credential{Kind: "client-secret", ClientID: "client", ClientSecret: "s3cret"}
			})
			_, err := c.Check(t.Context())
			if err == nil || connectors.FaultOf(err) != tc.fault || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("got %v: %v, want %v: %s", connectors.FaultOf(err), err, tc.fault, tc.want)
			}
			if strings.ContainsAny(err.Error(), "\r\n") || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("several lines or a secret: %q", err)
			}
			_, again := c.application(t.Context())
			if again == nil || again.Error() != err.Error() {
				t.Errorf("through a request: %v", again)
			}
		})
	}
}

// The unknown tenant shows before any token is asked for.
func TestTenantThatDoesNotExist(t *testing.T) {
	c := newClientOf(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/discovery/instance") {
			_, _ = io.WriteString(w, `{"tenant_discovery_endpoint":"https://login.microsoftonline.com/contoso.com/v2.0/.well-known/openid-configuration","metadata":[]}`)
			return
		}
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"error":"invalid_tenant","error_description":"AADSTS90002: Tenant 'contoso.com' not found.","error_codes":[90002]}`)
	}), func(o *Options) {
		o.Endpoint = ""
		o.Credential = Credential{Kind: "client-secret", ClientID: "client", ClientSecret: "s3cret"}
	})
	if _, err := c.application(t.Context()); connectors.FaultOf(err) != connectors.FaultConfig || !strings.Contains(err.Error(), "90002") {
		t.Errorf("got %v", err)
	}
}

func TestCertificates(t *testing.T) {
	dir := t.TempDir()
	elliptical, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, end time.Time, key crypto.Signer) string {
		template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ringsync"}, NotBefore: end.Add(-time.Hour), NotAfter: end}
		cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		private, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name)
		data := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	empty := filepath.Join(dir, "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ path, want string }{
		{filepath.Join(dir, "none.pem"), "no such file"},
		{empty, "empty.pem"},
		{write("old.pem", time.Now().Add(-24*time.Hour), elliptical), "it expired on"},
		{write("elliptic.pem", time.Now().Add(time.Hour), elliptical), "RSA"},
	} {
		_, err := New(Options{Tenant: "t", App: "a", Credential: Credential{Kind: "client-certificate", ClientID: "c", CertificatePath: tc.path}})
		if connectors.FaultOf(err) != connectors.FaultCredentials || !strings.Contains(fmt.Sprint(err), tc.want) {
			t.Errorf("%s: got %v, want %q", tc.path, err, tc.want)
		}
	}

	// When a certificate ends is known beforehand; of a secret it is not.
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	end := time.Now().Add(10 * 24 * time.Hour).Truncate(time.Second)
	for _, tc := range []struct {
		credential Credential
		want       time.Time
	}{
		{Credential{Kind: "client-certificate", ClientID: "c", CertificatePath: write("good.pem", end, key)}, end},
		{Credential{Kind: "client-secret", ClientID: "c", ClientSecret: "s"}, time.Time{}},
	} {
		c, err := New(Options{Tenant: "t", App: "a", Credential: tc.credential, Slots: connectors.NewSourceSlots()})
		if err != nil {
			t.Fatal(err)
		}
		if got := credentialEnds(c.token); !got.Equal(tc.want) {
			t.Errorf("%s ends %v, want %v", tc.credential.Kind, got, tc.want)
		}
	}
}

// keeper is a credential that keeps a token for ever, as the libraries do once the clock has been set back.
type keeper struct{ token azcore.AccessToken }

func (k *keeper) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return k.token, nil
}

// A token is given for as long as it lives by the time that passes, whatever the clock on the wall says.
func TestTokenThatHasOutlivedItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		made := 0
		anew := func() (azcore.TokenCredential, error) {
			made++
			return &keeper{azcore.AccessToken{Token: fmt.Sprint("token ", made), ExpiresOn: time.Now().Add(time.Hour)}}, nil
		}
		first, _ := anew()
		source := &tokenSource{tenant: "contoso.com", anew: anew, credential: first}
		for _, c := range []struct {
			pass time.Duration
			want string
		}{{0, "token 1"}, {59 * time.Minute, "token 1"}, {2 * time.Minute, "token 2"}, {59 * time.Minute, "token 2"}, {365 * 24 * time.Hour, "token 3"}} {
			time.Sleep(c.pass)
			token, err := source.GetToken(t.Context(), policy.TokenRequestOptions{})
			if err != nil || token.Token != c.want {
				t.Errorf("after %s more: %q, %v, want %q", c.pass, token.Token, err, c.want)
			}
		}
	})
}
