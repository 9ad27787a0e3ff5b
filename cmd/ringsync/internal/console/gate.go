package console

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// policy lets a page load this package's script and style, talk to where it came from, and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// guard sets what every answer carries, and turns away what comes from other pages or under another name.
func (c *Console) guard(next http.Handler) http.Handler {
	crossOrigin := http.NewCrossOriginProtection()
	crossOrigin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "this request was made by a page of another site, and is not carried out", http.StatusForbidden)
	}))
	next = crossOrigin.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
		h.Set("Cache-Control", "no-store")
		if r.TLS != nil {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		switch {
		case c.Refused != "":
			http.Error(w, "The console is not served here: "+c.Refused, http.StatusForbidden)
		case !c.ours(r.Host):
			// A page elsewhere may have its own name lead to this address: the browser would then take the console for it.
			http.Error(w, fmt.Sprintf("The console does not go by the name %q: use an IP address or localhost, or start ringsync with --console-host for it.", r.Host), http.StatusMisdirectedRequest)
		default:
			r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
			next.ServeHTTP(w, r)
		}
	})
}

// ours reports whether the console goes by the name in a Host header. An IP address is nobody's name.
func (c *Console) ours(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.ToLower(strings.Trim(host, "[]")), ".")
	if _, err := netip.ParseAddr(host); err == nil || host == "localhost" {
		return true
	}
	for _, name := range c.Hosts {
		suffix, wild := strings.CutPrefix(strings.ToLower(name), "*.") // as in a certificate
		first, rest, _ := strings.Cut(host, ".")
		if !wild && suffix == host || wild && first != "" && rest == suffix {
			return true
		}
	}
	return false
}

// userKey is under what a request's context says in whose name it is made.
type userKey struct{}

// userOf returns who makes the request, as the provisioning log will name them.
func userOf(r *http.Request) string {
	name, _ := r.Context().Value(userKey{}).(string)
	return name
}

// signedIn lets a request through once it is known in whose name it is made: by a session, by a bearer token, or, where
// there are no tokens, by having reached this address at all.
func (c *Console) signedIn(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, err := c.who(r)
		var blocked *blockedError
		switch {
		case err == nil:
			user := "console, " + placeOf(r).Addr().String()
			if name != "" {
				user = name + " (" + user + ")"
			}
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), userKey{}, user)))
		case errors.As(err, &blocked):
			blocked.answer(w)
		case r.Method == http.MethodGet && !strings.HasPrefix(r.URL.Path, "/v1/") && r.Header.Get("HX-Request") == "" && r.Header.Get("Authorization") == "":
			http.Redirect(w, r, "/login?"+url.Values{"next": {r.URL.RequestURI()}}.Encode(), http.StatusSeeOther)
		default:
			w.Header().Set("WWW-Authenticate", `Bearer realm="ringsync"`)
			http.Error(w, "sign in first: with Authorization: Bearer TOKEN, or at /login", http.StatusUnauthorized)
		}
	})
}

var errNobody = errors.New("nobody has signed in")

// blockedError is the answer to somebody who has sent too many wrong tokens.
type blockedError struct{ wait time.Duration }

func (e *blockedError) Error() string {
	return fmt.Sprintf("too many wrong tokens; try again in %d seconds", e.seconds())
}

func (e *blockedError) seconds() int { return 1 + int(e.wait/time.Second) }

func (e *blockedError) answer(w http.ResponseWriter) {
	w.Header().Set("Retry-After", fmt.Sprint(e.seconds()))
	http.Error(w, e.Error(), http.StatusTooManyRequests)
}

// who returns in whose name a request is made: errNobody, or a *blockedError.
func (c *Console) who(r *http.Request) (string, error) {
	if len(c.Tokens) == 0 {
		return "", nil
	}
	if given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return c.present(r, strings.TrimSpace(given))
	}
	if name, ok := c.sessions.find(r); ok {
		return name, nil
	}
	return "", errNobody
}

// present takes a token that a request brings.
func (c *Console) present(r *http.Request, given string) (string, error) {
	from := placeOf(r)
	if wait := c.attempts.blocked(from); wait > 0 {
		return "", &blockedError{wait}
	}
	name, ok := c.Tokens.match(given)
	if !ok {
		c.attempts.failed(from)
		c.Logger.Warn("a wrong token at the console", "from", from.Addr())
		return "", errNobody
	}
	return name, nil
}

// signIn is the page of the login form.
type signIn struct {
	Next, Problem string
	Needless      bool
}

func (c *Console) loginForm(w http.ResponseWriter, r *http.Request) {
	c.showLogin(w, http.StatusOK, signIn{Next: ownPath(r.FormValue("next"))})
}

func (c *Console) showLogin(w http.ResponseWriter, status int, s signIn) {
	s.Needless = len(c.Tokens) == 0
	c.render(w, status, "login", page{Title: "Sign in", Content: s})
}

func (c *Console) login(w http.ResponseWriter, r *http.Request) {
	next := ownPath(r.PostFormValue("next"))
	name, err := c.present(r, strings.TrimSpace(r.PostFormValue("token")))
	var blocked *blockedError
	switch {
	case errors.As(err, &blocked):
		w.Header().Set("Retry-After", fmt.Sprint(blocked.seconds()))
		c.showLogin(w, http.StatusTooManyRequests, signIn{next, blocked.Error() + ".", false})
	case err != nil:
		c.showLogin(w, http.StatusForbidden, signIn{next, "That is not a token of this console.", false})
	default:
		c.sessions.end(r) // a session is never taken over from before the login
		http.SetCookie(w, c.sessions.begin(name))
		http.Redirect(w, r, next, http.StatusSeeOther)
	}
}

func (c *Console) logout(w http.ResponseWriter, r *http.Request) {
	c.sessions.end(r)
	http.SetCookie(w, cookie("", -1))
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}

// ownPath returns where to go after the login: a path of this console, whatever a link to the login said.
func ownPath(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n\t") {
		return "/"
	}
	return next
}
