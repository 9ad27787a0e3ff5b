package entra

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"ringsync/connectors"
)

// Credential is how the program proves who it is. Which fields count depends on Kind.
type Credential struct {
	// Kind is client-secret, client-certificate, workload-identity, managed-identity, default or static.
	Kind     string
	ClientID string // managed-identity: of a user-assigned identity; workload-identity: "" takes AZURE_CLIENT_ID

	ClientSecret        string
	CertificatePath     string // PEM or PKCS#12 with certificate and private key
	CertificatePassword string // PKCS#12 only
	Token               string // static: the bearer token as it is, for emulators on loopback
}

// tokenSource is a credential whose errors are already one line that says what to do. The libraries keep a token until the
// clock on the wall says that it has ended; one that is set back would have them keep it for as long again, and the service
// refuse it all the while. So it also goes by what has passed since the token came.
type tokenSource struct {
	tenant string
	anew   func() (azcore.TokenCredential, error) // makes a credential that keeps no token yet

	mu         sync.Mutex // never held while the service is asked: whoever shows when credentials end does not wait for it
	credential azcore.TokenCredential
	token      string    // the last
	ends       time.Time // when, with its monotonic reading
}

func (t *tokenSource) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	credential := t.current()
	token, err := credential.GetToken(ctx, o)
	if err == nil && t.outlived(token) {
		if credential, err = t.renew(); err != nil {
			return azcore.AccessToken{}, err
		}
		if token, err = credential.GetToken(ctx, o); err == nil {
			t.outlived(token)
		}
	}
	if err != nil {
		return token, signInError(ctx, t.tenant, err)
	}
	return token, nil
}

func (t *tokenSource) current() azcore.TokenCredential {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.credential
}

// renew forgets the token that is kept.
func (t *tokenSource) renew() (credential azcore.TokenCredential, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if credential, err = t.anew(); err == nil {
		t.credential, t.token = credential, ""
	}
	return credential, err
}

// outlived reports whether a token that was given before has ended since.
func (t *tokenSource) outlived(token azcore.AccessToken) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if token.Token != t.token {
		t.token, t.ends = token.Token, now.Add(token.ExpiresOn.Sub(now))
	}
	return now.After(t.ends)
}

// newTokenSource returns the credential of the options against the cloud's login service.
func newTokenSource(o Options, base *url.URL, login cloud.Configuration) (azcore.TokenCredential, error) {
	client := azcore.ClientOptions{Cloud: login}
	if o.Transport != nil {
		client.Transport = &http.Client{Transport: o.Transport}
	}
	anew := func() (azcore.TokenCredential, error) { return newCredential(o.Tenant, o.Credential, client, base) }
	cred, err := anew()
	if err != nil {
		return nil, err
	}
	return &tokenSource{tenant: o.Tenant, anew: anew, credential: cred}, nil
}

func newCredential(tenant string, c Credential, client azcore.ClientOptions, base *url.URL) (cred azcore.TokenCredential, err error) {
	switch c.Kind {
	case "client-secret":
		if c.ClientID == "" || c.ClientSecret == "" {
			return nil, misconfigured("credential client-secret needs client_id and client_secret")
		}
		cred, err = azidentity.NewClientSecretCredential(tenant, c.ClientID, c.ClientSecret,
			&azidentity.ClientSecretCredentialOptions{ClientOptions: client})
	case "client-certificate":
		return certificateCredential(tenant, c, client)
	case "workload-identity":
		cred, err = azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
			ClientOptions: client, ClientID: c.ClientID, TenantID: tenant})
	case "managed-identity":
		o := &azidentity.ManagedIdentityCredentialOptions{ClientOptions: client}
		if c.ClientID != "" {
			o.ID = azidentity.ClientID(c.ClientID)
		}
		cred, err = azidentity.NewManagedIdentityCredential(o)
	case "default":
		cred, err = azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{
			ClientOptions: client, TenantID: tenant})
	case "static":
		if c.Token == "" {
			return nil, misconfigured("credential static needs token")
		}
		if !isLoopback(base.Hostname()) {
			return nil, misconfigured("credential static is for endpoints on loopback only, not for %s", base.Host)
		}
		cred = staticToken(c.Token)
	default:
		return nil, misconfigured("credential kind %q is not one of client-secret, client-certificate, "+
			"workload-identity, managed-identity, default, static", c.Kind)
	}
	if err != nil {
		return nil, misconfigured("credential %s: %v", c.Kind, err)
	}
	return cred, nil
}

func certificateCredential(tenant string, c Credential, client azcore.ClientOptions) (azcore.TokenCredential, error) {
	if c.ClientID == "" || c.CertificatePath == "" {
		return nil, misconfigured("credential client-certificate needs client_id and certificate_path")
	}
	unusable := func(err error) error {
		return &connectors.Error{Fault: connectors.FaultCredentials, Op: "read certificate " + c.CertificatePath, Err: err}
	}
	data, err := os.ReadFile(c.CertificatePath)
	if err != nil {
		return nil, unusable(err)
	}
	var password []byte
	if c.CertificatePassword != "" {
		password = []byte(c.CertificatePassword)
	}
	certs, key, err := azidentity.ParseCertificates(data, password)
	if err != nil {
		return nil, unusable(err)
	}
	if end := certs[0].NotAfter; time.Now().After(end) { // spares a round trip whose refusal would not name the file
		return nil, unusable(fmt.Errorf("it expired on %s", end.Format(time.DateOnly)))
	}
	cred, err := azidentity.NewClientCertificateCredential(tenant, c.ClientID, certs, key,
		&azidentity.ClientCertificateCredentialOptions{ClientOptions: client})
	if err != nil {
		return nil, unusable(err)
	}
	return expiring{cred, certs[0].NotAfter}, nil
}

// expiring is a credential that says when it stops working for good.
type expiring struct {
	azcore.TokenCredential
	ends time.Time
}

// credentialEnds returns the end of the credential, zero if it does not say.
func credentialEnds(c azcore.TokenCredential) time.Time {
	if source, ok := c.(*tokenSource); ok {
		c = source.current()
	}
	e, _ := c.(expiring)
	return e.ends
}

// staticToken is a token that somebody else obtained.
type staticToken string

func (s staticToken) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: string(s), ExpiresOn: time.Now().Add(24 * time.Hour)}, nil
}
