package notify

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"ringsync/connectors"
	"ringsync/connectors/entra"
	"ringsync/connectors/ringcentral"
	"ringsync/engine"
	"ringsync/engine/plan"
	"ringsync/mapping"
	"ringsync/state"
)

// scene is a job whose state the test writes, and a clock.
type scene struct {
	t     *testing.T
	store *state.Store
	job   *engine.Job
	now   time.Time
	ends  []Expiry
	every time.Duration // 0: no cycles, and so none that are missed
}

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{t: t, store: state.New(state.NewOverlay(nil)), now: time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)}
	slots := connectors.NewSourceSlots()
	m, err := mapping.Compile([]mapping.Rule{{Target: "userName", Source: "mail", Match: 1}}, nil, entra.Schema(), ringcentral.Schema(), slots)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.store.Bind(t.Context(), state.Identity{Tenant: "t", App: "a", Target: "r"}, m.Target().Names(), engine.MatchingNames(m)); err != nil {
		t.Fatal(err)
	}
	s.job = engine.New(s.store, nil, engine.Options{Name: "contoso", Slots: slots, Mapping: m, Policy: plan.Policy{Create: true},
		Now: func() time.Time { return s.now }})
	return s
}

// next is the schedule's.
func (s *scene) next(after time.Time) time.Time {
	if s.every == 0 {
		return time.Time{}
	}
	return after.Add(s.every)
}

func (s *scene) notifier(channels ...Channel) *Notifier {
	s.t.Helper()
	n, err := New(s.t.Context(), Options{Job: s.job, Store: s.store, Schedule: engine.Schedule{Incremental: s.next}, Channels: channels,
		Command: "ringsync -c contoso.yaml", Credentials: func() []Expiry { return s.ends }, Now: func() time.Time { return s.now }})
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

func (s *scene) update(fn func(tx *state.Tx) error) {
	s.t.Helper()
	if err := s.store.Update(s.t.Context(), fn); err != nil {
		s.t.Fatal(err)
	}
}

// quarantine puts the job into quarantine, or takes it out with nil.
func (s *scene) quarantine(q *engine.Quarantine) {
	s.t.Helper()
	s.update(func(tx *state.Tx) error {
		if q == nil {
			return tx.Set("quarantine", nil)
		}
		return tx.Set("quarantine", q)
	})
}

// cycle puts down one that took a minute until now.
func (s *scene) cycle(result, failure string) {
	s.t.Helper()
	s.update(func(tx *state.Tx) error {
		return tx.PutCycle(&state.Cycle{ID: "c", Kind: "incremental", Started: s.now.Add(-time.Minute), Ended: s.now, Result: result, Error: failure})
	})
}

// hold puts people on a held list.
func (s *scene) hold(list uint32, ids ...string) {
	s.t.Helper()
	s.update(func(tx *state.Tx) error {
		for _, id := range ids {
			p := &state.Person{ID: id, UserPrincipalName: id + "@contoso.com", DisplayName: "Name of " + id, TargetID: "7" + id, Held: list, Class: state.ClassHeld, Due: s.now}
			p.Set("userName").Sent = connectors.StringValue(id + "@contoso.com")
			if err := tx.PutPerson(p); err != nil {
				return err
			}
		}
		return nil
	})
}

// look has the notifier look once, and waits for what it sends.
func look(ctx context.Context, n *Notifier) {
	var sending sync.WaitGroup
	n.Look(ctx, &sending)
	sending.Wait()
}

// letter is a mail as a server got it.
type letter struct {
	from, to, text string
	tls            bool
	user           string
}

// post is a real SMTP server on loopback.
type post struct {
	port    int
	roots   *x509.CertPool
	mu      sync.Mutex
	letters []letter
	refuse  func(to string) error
}

type postOptions struct{ implicitTLS, plain bool }

func newPost(t *testing.T, o postOptions) *post {
	t.Helper()
	p := &post{roots: x509.NewCertPool()}
	certificate := newCertificate(t, p.roots)
	server := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &session{post: p, conn: c}, nil }))
	server.Domain, server.ErrorLog = "localhost", quiet{}
	if !o.plain {
		server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.port = l.Addr().(*net.TCPAddr).Port
	if o.implicitTLS {
		l = tls.NewListener(l, server.TLSConfig)
	}
	done := make(chan error)
	go func() { done <- server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close(); <-done })
	return p
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

func newCertificate(t *testing.T, roots *x509.CertPool) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

const (
	postUser     = "ringsync"
	postPassword = "hunter2-hunter2"
)

func (p *post) email(to ...string) Email {
	return Email{To: to, From: "ringsync <sync@contoso.com>", Host: "localhost", Port: p.port, Username: postUser, Password: postPassword,
		Security: SecurityStartTLS, TLS: &tls.Config{RootCAs: p.roots}}
}

func (p *post) got() []letter {
	p.mu.Lock()
	defer p.mu.Unlock()
	got := p.letters
	p.letters = nil
	return got
}

type session struct {
	post   *post
	conn   *smtp.Conn
	letter letter
}

func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != postUser || password != postPassword {
			return &smtp.SMTPError{Code: 535, EnhancedCode: smtp.EnhancedCode{5, 7, 8}, Message: "no entry with " + password}
		}
		s.letter.user = user
		return nil
	}), nil
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.letter.from = from
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.letter.to = to
	if s.post.refuse != nil {
		return s.post.refuse(to)
	}
	return nil
}

func (s *session) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	_, s.letter.tls = s.conn.TLSConnectionState()
	s.letter.text = string(b)
	s.post.mu.Lock()
	defer s.post.mu.Unlock()
	s.post.letters = append(s.post.letters, s.letter)
	return err
}

func (*session) Reset()        {}
func (*session) Logout() error { return nil }
