package configs

import (
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
)

var (
	jobName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$`)
	guid    = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	domain  = regexp.MustCompile(`^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$`)
)

const zeroID = "00000000-0000-0000-0000-000000000000"

// check notes everything that the file alone shows to be wrong and that one key's tag cannot say. Empty values of
// required keys are noted already; what is wrong within mappings and filters, package mapping says.
func (c *Config) check() {
	if c.Job != "" && !jobName.MatchString(c.Job) {
		c.doc.add("job", "job %q cannot be a file's name: use letters, digits, dots, dashes and underscores, 100 at most", c.Job)
	}
	c.checkSource()
	c.checkTarget()
	c.checkTiming("schedule.incremental", c.Schedule.Incremental)
	c.checkTiming("schedule.full", c.Schedule.Full)
	c.checkDeprovision()
	c.checkNotify()
	c.checkLog()
	for i, who := range c.Safety.Protect {
		if strings.TrimSpace(who) == "" {
			c.doc.add(fmt.Sprintf("safety.protect[%d]", i), "an empty name protects nobody")
		}
	}
	c.checkState()
}

func (c *Config) checkSource() {
	s := c.Source
	switch {
	case s.Tenant == zeroID:
		c.doc.add("source.tenant", "fill in the tenant id, or a verified domain of the tenant")
	case s.Tenant != "" && !guid.MatchString(s.Tenant) && !domain.MatchString(s.Tenant):
		c.doc.add("source.tenant", "source.tenant must be the tenant's id (a GUID) or a verified domain of it")
	}
	switch {
	case s.App == zeroID:
		c.doc.add("source.app", "fill in the application (client) id of the enterprise application")
	case s.App != "" && !guid.MatchString(s.App):
		c.doc.add("source.app", "source.app must be the application (client) id of the enterprise application, a GUID")
	}
	if s.Endpoint != "" {
		c.checkURL("source.endpoint", s.Endpoint)
		if u, err := url.Parse(s.Endpoint); err == nil && strings.Trim(u.Path, "/") == "" {
			c.doc.add("source.endpoint", "source.endpoint lacks the version, such as /v1.0")
		}
	}
	c.checkCredential()
}

// checkCredential knows what each kind needs and may have. What a kind has no use for is refused, lest somebody
// believes that it is in use.
func (c *Config) checkCredential() {
	k := c.Source.Credential
	given := []struct {
		key string
		set bool
	}{
		{"client_id", k.ClientID != ""}, {"client_secret", !k.ClientSecret.Empty()},
		{"certificate", k.Certificate != ""}, {"certificate_password", !k.CertificatePassword.Empty()},
		{"token", !k.Token.Empty()},
	}
	var needs, allows []string
	switch k.Kind {
	case "client-secret":
		needs = []string{"client_id", "client_secret"}
	case "client-certificate":
		needs, allows = []string{"client_id", "certificate"}, []string{"certificate_password"}
	case "workload-identity", "managed-identity":
		allows = []string{"client_id"}
	case "static":
		needs = []string{"token"}
		if !isLoopback(c.Source.Endpoint) {
			c.doc.add("source.credential.kind", "credential kind static is for a loopback source.endpoint only")
		}
	case "default":
	default:
		return // noted as unknown
	}
	const section = "source.credential."
	for _, g := range given {
		switch {
		case slices.Contains(needs, g.key) && !g.set:
			c.doc.add(section+g.key, "credential kind %s needs %s", k.Kind, g.key)
		case g.set && !slices.Contains(needs, g.key) && !slices.Contains(allows, g.key):
			c.doc.add(section+g.key, "credential kind %s has no use for %s", k.Kind, g.key)
		}
	}
	if k.ClientID == zeroID {
		c.doc.add(section+"client_id", "fill in the client id of the app registration that ringsync signs in as")
	}
}

func (c *Config) checkTarget() {
	t := c.Target
	c.checkURL("target.url", t.URL)
	switch {
	case t.OAuth != nil && !t.Token.Empty():
		c.doc.add("target.oauth", "target has both token and oauth: keep one")
	case t.OAuth != nil:
		c.checkURL("target.oauth.url", t.OAuth.URL)
	case t.Token.Empty() && t.URL != "":
		c.doc.add("target.token", "target needs a token, or oauth")
	}
}

func (c *Config) checkTiming(path, text string) {
	if _, err := ParseTiming(text); err != nil {
		c.doc.add(path, "%s: %v", path, err)
	}
}

func (c *Config) checkLog() {
	if _, err := ParseAge(c.Log.Keep); err != nil {
		c.doc.add("log.keep", "log.keep: %v", err)
	}
	if _, err := ParseSize(c.Log.Size); err != nil {
		c.doc.add("log.size", "log.size: %v", err)
	}
}

func (c *Config) checkState() {
	e := c.State.Etcd
	if e == nil {
		return
	}
	if c.State.Path != "" {
		c.doc.add("state.path", "state has both path and etcd: keep one")
	}
	for i, endpoint := range e.Endpoints {
		path := fmt.Sprintf("state.etcd.endpoints[%d]", i)
		c.checkURL(path, endpoint)
		if u, err := url.Parse(endpoint); endpoint == "" || err == nil && strings.Trim(u.Path, "/") != "" {
			c.doc.add(path, "%s must be an address such as https://etcd-1:2379", path)
		} else if err == nil && u.Scheme == "http" && e.TLS != nil {
			c.doc.add(path, "%s is plain http, and state.etcd has tls: begin it with https://", path)
		}
	}
	if e.Prefix == "" || strings.ContainsFunc(e.Prefix, unicode.IsControl) {
		c.doc.add("state.etcd.prefix", "state.etcd.prefix must be a text such as ringsync/")
	}
	if lease, err := time.ParseDuration(e.Lease); err != nil || lease < 5*time.Second || lease > 5*time.Minute || lease%time.Second != 0 {
		c.doc.add("state.etcd.lease", "state.etcd.lease must be whole seconds from 5s to 5m, such as 15s")
	}
	if e.Username == "" && !e.Password.Empty() {
		c.doc.add("state.etcd.password", "state.etcd has a password and no username")
	}
	if t := e.TLS; t != nil && (t.Cert == "") != (t.Key == "") {
		c.doc.add("state.etcd.tls", "state.etcd.tls needs cert and key together, or neither")
	}
}

func (c *Config) checkDeprovision() {
	var disables bool
	for _, cause := range c.Deprovision.causes() {
		switch {
		case cause.effect == "disable":
			disables = true
		case cause.effect == "delete" && !slices.Contains(c.Users.Actions, "delete"):
			c.doc.add("deprovision."+cause.key, "deprovision.%s: delete needs delete in users.actions", cause.key)
		}
	}
	mapsActive := slices.ContainsFunc(c.Users.Attributes, func(a Attribute) bool { return strings.EqualFold(a.Target, "active") })
	if disables && slices.Contains(c.Users.Actions, "disable") && !mapsActive {
		c.doc.add("users.attributes", "nobody can be disabled: no attribute mapping has the target active")
	}
}

// cause is one reason to deprovision and what is done about it.
type cause struct{ key, effect string }

func (d Deprovision) causes() []cause {
	return []cause{{"unassigned", d.Unassigned}, {"out_of_scope", d.OutOfScope}, {"disabled", d.Disabled},
		{"soft_deleted", d.SoftDeleted}, {"hard_deleted", d.HardDeleted}}
}

func (c *Config) checkNotify() {
	if e := c.Notify.Email; e != nil {
		c.checkAddress("notify.email.from", e.From)
		for i, to := range e.To {
			c.checkAddress(fmt.Sprintf("notify.email.to[%d]", i), to)
		}
		switch {
		case e.SMTP.Username == "" && !e.SMTP.Password.Empty():
			c.doc.add("notify.email.smtp.password", "notify.email.smtp has a password and no username")
		case e.SMTP.TLS == "none" && !e.SMTP.Password.Empty() && !isLoopback("smtp://"+net.JoinHostPort(e.SMTP.Host, "25")):
			c.doc.add("notify.email.smtp.tls", "notify.email.smtp.tls: none would send the password readable for everybody on the way; it is for a server on this machine, or without a password")
		}
	}
	if w := c.Notify.Webhook; w != nil {
		address, _, _ := strings.Cut(w.URL, "?") // many services put their key into the query
		c.checkURL("notify.webhook.url", address)
	}
}

func (c *Config) checkAddress(path, address string) {
	if _, err := mail.ParseAddress(address); address != "" && err != nil {
		c.doc.add(path, "%s is not a mail address", path)
	}
}

// checkURL accepts https, and http where no network carries it. It does not show the URL, which may hold a password.
func (c *Config) checkURL(path, text string) {
	if text == "" {
		return
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		c.doc.add(path, "%s is not a web address: it begins with https:// and has a host", path)
	case u.User != nil:
		c.doc.add(path, "%s must not hold a user name or password", path)
	case u.RawQuery != "" || u.Fragment != "":
		c.doc.add(path, "%s must not have a query or fragment", path)
	case u.Scheme == "http" && !isLoopback(text):
		c.doc.add(path, "%s must begin with https://; plain http is for loopback only", path)
	}
}

// isLoopback reports whether a URL's host is this machine, by its address or as localhost.
func isLoopback(text string) bool {
	u, err := url.Parse(text)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return strings.EqualFold(u.Hostname(), "localhost") || ip != nil && ip.IsLoopback()
}
