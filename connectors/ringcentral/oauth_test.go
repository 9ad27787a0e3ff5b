package ringcentral_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ringsync/connectors"
	"ringsync/connectors/ringcentral"
	rc "ringsync/connectors/ringcentral/ringcentraltest"
	"ringsync/connectors/ringcentral/ringcentraltest/contract"
)

// The secrets hold what forms, headers and JSON write otherwise.
const (
	clientID     = "app:1"
	clientSecret = "s3cret/with+odd=letters & blanks"
)

// jwt is a JWT whose exp claim is that time, or that has none.
func jwt(exp time.Time) string {
	claims := `{"sub":"1"}`
	if !exp.IsZero() {
		claims = fmt.Sprintf(`{"sub":"1","exp":%d}`, exp.Unix())
	}
	return "eyJhbGciOiJSUzI1NiJ9." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2lnbmF0dXJl_-c2lnbmF0dXJl"
}

// app is an account that takes only tokens of the application.
func app(change ...func(*rc.App)) (*rc.Account, *rc.App) {
	return appWith(rc.Options{Licenses: -1, AllowDuplicates: true}, change...)
}

func appWith(o rc.Options, change ...func(*rc.App)) (*rc.Account, *rc.App) {
	o.App = &rc.App{ClientID: clientID, ClientSecret: clientSecret, JWT: jwt(time.Time{})}
	for _, f := range change {
		f(o.App)
	}
	return rc.New(o), o.App
}

// signedIn returns a client that signs in with the application's JWT, and the credential.
func signedIn(t testing.TB, base string, a *rc.App, transport http.RoundTripper, change ...func(*ringcentral.Options)) (*ringcentral.Client, *ringcentral.Credential) {
	t.Helper()
	credential, err := ringcentral.JWTGrant(ringcentral.JWT{URL: base + "/restapi/oauth/token", ClientID: a.ClientID, ClientSecret: a.ClientSecret,
		Assertion: a.JWT, Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	return newClient(t, base+"/scim/v2", append([]func(*ringcentral.Options){func(o *ringcentral.Options) {
		o.Token, o.Transport = credential, transport
	}}, change...)...), credential
}

// overApp is signedIn without sockets.
func overApp(t testing.TB, h http.Handler, a *rc.App, change ...func(*ringcentral.Options)) (*ringcentral.Client, *ringcentral.Credential) {
	return signedIn(t, "https://x.test", a, inMemory{handler: h}, change...)
}

func TestSignIn(t *testing.T) {
	a, with := app(func(a *rc.App) { a.Owner = "63012345" })
	server := httptest.NewServer(contract.Check(t, a))
	t.Cleanup(server.Close)
	c, credential := signedIn(t, server.URL, with, nil)
	if id := credential.Identity(); id.Owner != "" || id.Scopes != nil || !id.Ends.IsZero() {
		t.Errorf("before signing in: %+v", id)
	}
	for op, err := range every(t.Context(), c) {
		if err != nil && connectors.FaultOf(err) != connectors.FaultNotFound {
			t.Errorf("%s: %v", op, err)
		}
	}
	if a.SignIns() != 1 {
		t.Errorf("signed in %d times", a.SignIns())
	}
	if id := credential.Identity(); id.Owner != "63012345" || strings.Join(id.Scopes, " ") != "ReadAccounts EditAccounts" {
		t.Errorf("%+v", id)
	}
}

func TestJWTGrantRefuses(t *testing.T) {
	for want, change := range map[string]func(*ringcentral.JWT){
		"must be like https":          func(o *ringcentral.JWT) { o.URL = "platform" },
		"plain http only on loopback": func(o *ringcentral.JWT) { o.URL = "http://platform.ringcentral.com/restapi/oauth/token" },
		"client id, client secret":    func(o *ringcentral.JWT) { o.Assertion = " " },
	} {
		o := ringcentral.JWT{URL: "https://x.test/token", ClientID: "a", ClientSecret: "b", Assertion: "c"}
		change(&o)
		if c, err := ringcentral.JWTGrant(o); err == nil || c != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want an error with %q", err, want)
		}
	}
}

// When a JWT ends is read from it; what is no JWT ends nobody knows when.
func TestCredentialEnds(t *testing.T) {
	end := time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC)
	for assertion, want := range map[string]time.Time{
		jwt(end): end, jwt(time.Time{}): {}, "opaque": {}, "a.b.c": {}, "..": {}, "a.e30.c": {},
		"a." + base64.RawURLEncoding.EncodeToString([]byte(`{"exp":1e300}`)) + ".c":  {},
		"a." + base64.RawURLEncoding.EncodeToString([]byte(`{"exp":"soon"}`)) + ".c": {},
	} {
		c, err := ringcentral.JWTGrant(ringcentral.JWT{URL: "https://x.test", ClientID: "a", ClientSecret: "b", Assertion: assertion})
		if err != nil || !c.Identity().Ends.Equal(want) {
			t.Errorf("%s ends %v (%v); want %v", assertion, c.Identity().Ends, err, want)
		}
	}
}

// Tokens are renewed before they end, so that none is ever refused, however long or short they live.
func TestTokensAreRenewedInTime(t *testing.T) {
	for _, life := range []time.Duration{time.Hour, 7199 * time.Second, 30 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			a, with := app(func(a *rc.App) { a.Life = life })
			refused := 0
			c, _ := overApp(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				recorder := httptest.NewRecorder()
				a.ServeHTTP(recorder, r)
				if recorder.Code == http.StatusUnauthorized {
					refused++
				}
				copyReply(w, recorder)
			}), with)
			began := time.Now()
			for time.Since(began) < 10*life {
				if _, _, err := list(t, c); err != nil {
					t.Fatal(err)
				}
				time.Sleep(life / 20)
			}
			if refused > 0 || a.SignIns() < 10 || a.SignIns() > 13 {
				t.Errorf("life %v: %d refused, signed in %d times in ten lives", life, refused, a.SignIns())
			}
		})
	}
}

// Whoever needs a token while another signs in waits for the same one.
func TestOneSignInForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, with := app()
		c, _ := signedIn(t, "https://x.test", with, inMemory{a, time.Second})
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				if _, err := c.Create(t.Context(), person(fmt.Sprintf("u%d@x.test", i))); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if a.SignIns() != 1 || len(a.Users()) != 16 {
			t.Errorf("%d accounts with %d tokens", len(a.Users()), a.SignIns())
		}
	})
}

// A token that is refused in flight is renewed once for all who held it, and each request, writes too, is sent again
// once: the gateway refused it before anything happened.
func TestTokenRefusedInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, with := app()
		c, _ := signedIn(t, "https://x.test", with, inMemory{a, time.Second})
		if _, _, err := list(t, c); err != nil {
			t.Fatal(err)
		}
		a.Revoke()
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				if _, err := c.Create(t.Context(), person(fmt.Sprintf("u%d@x.test", i))); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if a.SignIns() != 2 || len(a.Users()) != 8 {
			t.Errorf("%d accounts with %d tokens", len(a.Users()), a.SignIns())
		}
	})
}

// A service that refuses every token is not asked for tokens without end.
func TestTokensRefusedForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, with := app()
		sent := 0
		c, _ := overApp(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			a.ServeHTTP(w, r)
			if strings.HasPrefix(r.URL.Path, "/scim") {
				sent++
			}
			a.Revoke()
		}), with)
		_, err := c.Create(t.Context(), person("a@x.test"))
		wantFault(t, err, connectors.FaultCredentials)
		if !strings.Contains(err.Error(), "refuses even a token that it has just issued") || sent != 2 || a.SignIns() != 2 {
			t.Errorf("%v, %d requests, %d tokens", err, sent, a.SignIns())
		}
	})
}

// At most five sign-ins a minute, whatever happens and whether or not the service says so; none inside a penalty.
func TestSignInsAreFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at []time.Time
		_, with := app()
		c, _ := overApp(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			at = append(at, time.Now())
			w.WriteHeader(http.StatusServiceUnavailable)
		}), with)
		for range 30 {
			_, err := c.Find(t.Context(), "userName", "a@x.test")
			wantFault(t, err, connectors.FaultTransient)
		}
		for i := 5; i < len(at); i++ {
			if at[i].Sub(at[i-5]) < time.Minute {
				t.Fatalf("six sign-ins within %v", at[i].Sub(at[i-5]))
			}
		}
	})
	synctest.Test(t, func(t *testing.T) {
		a, with := appWith(rc.Options{Licenses: -1, Limits: rc.DocumentedLimits()})
		a.Fault(func(r *http.Request) *rc.Fault {
			if strings.HasSuffix(r.URL.Path, "/token") && a.Requests()["POST /restapi/oauth/token"] == 1 {
				return rc.ThrottleFault(45 * time.Second)
			}
			return nil
		})
		c, _ := overApp(t, a, with)
		began := time.Now()
		_, err := c.Create(t.Context(), person("a@x.test"))
		wantFault(t, err, connectors.FaultTransient)
		if e, ok := errors.AsType[*connectors.Error](err); !ok || e.RetryAfter < 45*time.Second {
			t.Errorf("%v", err)
		}
		if _, err := c.Create(t.Context(), person("a@x.test")); err != nil || time.Since(began) < 45*time.Second || a.EarlyRequests() > 0 {
			t.Errorf("%v after %v, %d early", err, time.Since(began), a.EarlyRequests())
		}
	})
}

// What the token endpoint refuses is told in its own words and with what to do; nothing is sent to SCIM, and nobody
// tries again at once.
func TestSignInErrors(t *testing.T) {
	for _, test := range []struct {
		name string
		app  func(*rc.App)
		want string
	}{
		{"wrong secret", func(a *rc.App) { a.ClientSecret = "other" }, "Invalid client application: [app:1] (401 invalid_client). Check target.oauth.client_id"},
		{"grant not allowed", func(a *rc.App) { a.Forbidden = true }, "Unauthorized for this grant type (400 unauthorized_client). Allow the JWT auth flow"},
		{"JWT revoked", func(a *rc.App) { a.Expired = true }, "JWT is invalid, expired or revoked (400 invalid_grant). Make a new JWT"},
		{"JWT ended", func(a *rc.App) { a.Expired, a.JWT = true, jwt(time.Date(1999, 5, 1, 0, 0, 0, 0, time.UTC)) }, "The JWT ended on 1999-05-01. Make a new JWT"},
		{"service user disabled", func(a *rc.App) { a.Owner = "7" }, "(400 invalid_grant). Make a new JWT in RingCentral's Developer Console as the service user, who must be enabled"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, with := app(test.app)
				a.Add(rc.User{ID: "7", UserName: "svc@x.test", Email: "svc@x.test", GivenName: "S", FamilyName: "U"})
				right := *with
				right.ClientSecret = clientSecret
				c, _ := overApp(t, a, &right)
				for op, err := range every(t.Context(), c) {
					if connectors.FaultOf(err) != connectors.FaultCredentials || !strings.Contains(fmt.Sprint(err), test.want) || !strings.Contains(err.Error(), "sign in to RingCentral") {
						t.Errorf("%s: %v; want %q", op, err, test.want)
					}
				}
				if got := fmt.Sprint(a.Requests()); got != "map[POST /restapi/oauth/token:1]" {
					t.Errorf("requests: %s", got)
				}
			})
		})
	}
}

// What is no answer of a token endpoint is told apart from wrong credentials.
func TestSignInElsewhere(t *testing.T) {
	for name, test := range map[string]struct {
		h    http.Handler
		want connectors.Fault
	}{
		"a login page":    {replies(200, "<html><title>Sign in</title></html>"), connectors.FaultProtocol},
		"JSON, no token":  {replies(200, `{"token_type":"bearer"}`), connectors.FaultProtocol},
		"not for bearers": {replies(200, `{"access_token":"x","token_type":"mac"}`), connectors.FaultProtocol},
		"nothing there":   {replies(404, "<html>404</html>"), connectors.FaultProtocol},
		"a redirect":      {replies(302, "", "Location", "https://elsewhere.test/?x=y"), connectors.FaultProtocol},
		"a proxy's page":  {replies(403, "<html><title>Blocked</title></html>"), connectors.FaultProtocol},
		"out of order":    {replies(503, "<html>"), connectors.FaultTransient},
		"a lost answer":   {http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), connectors.FaultTransient},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(test.h)
			t.Cleanup(server.Close)
			_, with := app()
			c, _ := signedIn(t, server.URL, with, nil)
			_, err := c.Create(t.Context(), person("a@x.test"))
			wantFault(t, err, test.want)
		})
	}
}

// A token's life that nobody names is short, and one that says nonsense is no reason to sign in for every request.
func TestTokenWithoutLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		_, with := app()
		c, _ := overApp(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/scim") {
				replies(200, `{"id":"7","userName":"a"}`).ServeHTTP(w, r)
				return
			}
			n++
			fmt.Fprint(w, `{"access_token":"x","token_type":"Bearer","expires_in":-5}`)
		}), with)
		for range 20 {
			if _, err := c.Get(t.Context(), "7"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
		}
		if n < 2 || n > 3 {
			t.Errorf("signed in %d times in twenty minutes", n)
		}
	})
}

// Somebody who gives up while signing in spoils it for nobody else.
func TestPatienceWhileSigningIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, with := app()
		c, _ := signedIn(t, "https://x.test", with, inMemory{a, 5 * time.Second})
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := c.Get(short, "7"); err == nil {
				t.Error("an answer in no time")
			}
		})
		time.Sleep(time.Millisecond)
		wg.Go(func() {
			if _, _, err := list(t, c); err != nil {
				t.Error(err)
			}
		})
		wg.Wait()
	})
}

// The service user that owns the JWT is never written by the sync that it signs in for.
func TestServiceUserIsProtected(t *testing.T) {
	a, with := app(func(a *rc.App) { a.Owner = "7" })
	a.Add(rc.User{ID: "7", UserName: "svc@x.test", Email: "svc@x.test", GivenName: "S", FamilyName: "U", Active: true})
	c, _ := overApp(t, contract.Check(t, a), with)
	off := person("svc@x.test")
	off[active] = connectors.BoolValue(false)
	_, err := c.Update(t.Context(), "7", []int{active}, off)
	wantFault(t, err, connectors.FaultRejected)
	if err := c.Delete(t.Context(), "7"); connectors.FaultOf(err) != connectors.FaultRejected || !strings.Contains(err.Error(), "service user") {
		t.Error(err)
	}
	if u, ok := a.User("7"); !ok || !u.Active || len(a.Writes()) > 0 {
		t.Errorf("%+v, %d writes", u, len(a.Writes()))
	}
	if r, err := c.Get(t.Context(), "7"); err != nil || r.UserName != "svc@x.test" {
		t.Errorf("it can be read: %+v (%v)", r, err)
	}
}

func TestCheckOfAnApp(t *testing.T) {
	end := time.Now().Add(10 * 24 * time.Hour).Truncate(time.Second)
	a, with := appWith(rc.Options{Licenses: 3}, func(a *rc.App) { a.JWT, a.Owner = jwt(end), "7" })
	a.Add(rc.User{ID: "7", UserName: "svc@x.test", Email: "svc@x.test", GivenName: "Svc", FamilyName: "User", Active: true})
	c, _ := overApp(t, contract.Check(t, a), with)
	r, err := c.Check(t.Context())
	if err != nil || r.Self == nil || r.Self.ID != "7" || r.Self.Name != "Svc User" || !r.Self.Enabled || *r.FreeLicences != 3 || !r.Ends.Equal(end) ||
		r.Scopes[1].State != ringcentral.Proved {
		t.Errorf("%+v (%v)", r, err)
	}
	a, with = app(func(a *rc.App) { a.Scopes = []string{"ReadAccounts"} })
	c, _ = overApp(t, a, with)
	if r, err = c.Check(t.Context()); err != nil || r.Scopes[1].State != ringcentral.Missing || !strings.Contains(r.Scopes[1].Why, "ReadAccounts. Give the app") {
		t.Errorf("%+v (%v)", r.Scopes, err)
	}
	_, err = c.Create(t.Context(), person("a@x.test"))
	wantFault(t, err, connectors.FaultPermission)
}

// Jobs that share a credential share its limits: together they take no more than there is, and sign in once.
func TestSharedCredential(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, with := appWith(rc.Options{Licenses: -1, Limits: rc.DocumentedLimits(), NoJournal: true})
		one, credential := overApp(t, a, with, func(o *ringcentral.Options) { o.RateShare = 0.8 })
		two := overMemory(t, a, func(o *ringcentral.Options) { o.Token = credential })
		began := time.Now()
		var wg sync.WaitGroup
		for name, c := range map[string]*ringcentral.Client{"one": one, "two": two} {
			wg.Go(func() {
				if err := drain(t.Context(), c, 8, 40, func(i int) error {
					_, err := c.Create(t.Context(), person(fmt.Sprintf("%s%d@x.test", name, i)))
					return err
				}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if took := time.Since(began); took < 9*time.Minute || took > 9*time.Minute+5*time.Second || len(a.Users()) != 80 || a.SignIns() != 1 || a.EarlyRequests() > 0 {
			t.Errorf("%d accounts in %v at 8 a minute, %d sign-ins, %d early", len(a.Users()), took, a.SignIns(), a.EarlyRequests())
		}
	})
}

// No secret is in any line of a full log or in any error, in whatever form, though the service repeats all it was sent.
func TestSecretsOfASignIn(t *testing.T) {
	a, with := app()
	var log bytes.Buffer
	var access []string
	echo := false
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if echo {
			_ = r.ParseForm()
			said, _ := json.Marshal(map[string]string{"error": "invalid_grant", "message": strings.Repeat("x", 250) + r.PostForm.Get("assertion"),
				"detail": fmt.Sprint(r.Header.Get("Authorization"), " ", strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), " ",
					base64.StdEncoding.EncodeToString([]byte(clientSecret)), " ", url.QueryEscape(clientSecret), " ", clientSecret, " ", r.PostForm)})
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write(said)
			return
		}
		recorder := httptest.NewRecorder()
		a.ServeHTTP(recorder, r)
		var token struct {
			Access string `json:"access_token"`
		}
		if json.Unmarshal(recorder.Body.Bytes(), &token) == nil && token.Access != "" {
			access = append(access, token.Access)
		}
		copyReply(w, recorder)
	})
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug - 8, AddSource: true}))
	client := func() *ringcentral.Client {
		credential, err := ringcentral.JWTGrant(ringcentral.JWT{URL: server.URL + "/restapi/oauth/token", ClientID: clientID, ClientSecret: clientSecret,
			Assertion: with.JWT, Logger: logger})
		if err != nil {
			t.Fatal(err)
		}
		return newClient(t, server.URL+"/scim/v2", func(o *ringcentral.Options) { o.Token, o.Logger = credential, logger })
	}
	c := client()
	for range 2 {
		for op, err := range every(t.Context(), c) {
			fmt.Fprintln(&log, op, err)
		}
		_, err := c.Check(t.Context())
		fmt.Fprintln(&log, err)
		a.Revoke()
	}
	echo = true
	for _, c := range []*ringcentral.Client{c, client()} {
		for op, err := range every(t.Context(), c) {
			if err == nil {
				t.Errorf("%s succeeds", op)
			}
			fmt.Fprintf(&log, "%s %v %+v %#v\n", op, err, err, err)
		}
	}
	if len(access) != 2 || !strings.Contains(log.String(), "signed in to RingCentral") || !strings.Contains(log.String(), "[redacted]") {
		t.Fatalf("%d tokens; the log is\n%s", len(access), &log)
	}
	secrets := append([]string{clientSecret, with.JWT, with.JWT[len(with.JWT)-20:], clientID + ":" + clientSecret,
		url.QueryEscape(clientID) + ":" + url.QueryEscape(clientSecret)}, access...)
	for _, secret := range secrets {
		for _, form := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret), strings.Trim(fmt.Sprintf("%q", secret), `"`),
			base64.RawStdEncoding.EncodeToString([]byte(secret)), base64.RawURLEncoding.EncodeToString([]byte(secret)), fmt.Sprintf("%x", secret)} {
			if strings.Contains(log.String(), form) {
				t.Errorf("the log has %q", form)
			}
		}
	}
}

func copyReply(w http.ResponseWriter, recorder *httptest.ResponseRecorder) {
	for name, values := range recorder.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(recorder.Code)
	_, _ = w.Write(recorder.Body.Bytes())
}
