package notify

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"strings"

	gomail "github.com/wneessen/go-mail"
)

// Email says where messages go by mail, and through which server (configuration: notify.email).
type Email struct {
	To   []string
	From string

	Host     string
	Port     int
	Username string // "": no authentication
	Password string
	// Security: starttls, tls (from the first byte on) or none; auto is tls on port 465 and starttls elsewhere.
	Security string
	TLS      *tls.Config // nil: the system's certificates
}

// The values of Email.Security.
const (
	SecurityAuto     = "auto"
	SecurityStartTLS = "starttls"
	SecurityTLS      = "tls"
	SecurityNone     = "none"
)

type mailbox struct {
	Email
	to string // the bare address
}

// Channels returns a recipient for each address: what one server refuses for one of them does not cost the others
// their mail. It connects to nothing.
func (e Email) Channels() ([]Channel, error) {
	if e.Security == "" || e.Security == SecurityAuto {
		e.Security = SecurityStartTLS
		if e.Port == 465 {
			e.Security = SecurityTLS
		}
	}
	var all []Channel
	for _, to := range e.To {
		address, err := mail.ParseAddress(to)
		if err != nil {
			return nil, fmt.Errorf("recipient %q: %w", to, err)
		}
		m := &mailbox{e, address.Address}
		if _, err := m.compose(Message{}); err != nil {
			return nil, err
		}
		if _, err := m.client(context.Background()); err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

func (m *mailbox) Name() string { return "mail to " + m.to }

func (m *mailbox) Send(ctx context.Context, message Message) error {
	msg, err := m.compose(message)
	if err != nil {
		return err
	}
	client, err := m.client(ctx)
	if err != nil {
		return err
	}
	if err := client.DialAndSendWithContext(ctx, msg); err != nil {
		return errors.New(m.conceal(line(err.Error())))
	}
	return nil
}

// compose writes the mail. It goes out as what nobody is to answer automatically (RFC 3834).
func (m *mailbox) compose(message Message) (*gomail.Msg, error) {
	msg := gomail.NewMsg()
	if err := msg.From(m.From); err != nil {
		return nil, fmt.Errorf("sender %q: %w", m.From, err)
	}
	if err := msg.To(m.to); err != nil {
		return nil, fmt.Errorf("recipient %q: %w", m.to, err)
	}
	msg.SetDateWithValue(message.At)
	msg.SetMessageID()
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.Subject(line(message.Subject))
	msg.SetBodyString(gomail.TypeTextPlain, message.body())
	return msg, nil
}

// client returns a client whose connection ends with ctx.
func (m *mailbox) client(ctx context.Context) (*gomail.Client, error) {
	dial := func(dialing context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(dialing, network, address)
		if err == nil && m.Security == SecurityTLS {
			conn = tls.Client(conn, m.tls())
		}
		if err == nil {
			context.AfterFunc(ctx, func() { _ = conn.Close() })
		}
		return conn, err
	}
	options := []gomail.Option{gomail.WithPort(m.Port), gomail.WithTimeout(patience), gomail.WithTLSConfig(m.tls()), gomail.WithDialContextFunc(dial)}
	switch m.Security {
	case SecurityTLS:
		options = append(options, gomail.WithSSL())
	case SecurityNone:
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	default:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	if m.Username != "" {
		// PLAIN and LOGIN refuse to send a password in the clear, but to this machine.
		options = append(options, gomail.WithUsername(m.Username), gomail.WithPassword(m.Password), gomail.WithOpportunisticSMTPAuth(
			gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthSCRAMSHA1, gomail.SMTPAuthPlain, gomail.SMTPAuthLogin, gomail.SMTPAuthCramMD5))
	}
	client, err := gomail.NewClient(m.Host, options...)
	if err != nil {
		return nil, fmt.Errorf("mail server %s: %w", m.Host, err)
	}
	return client, nil
}

func (m *mailbox) tls() *tls.Config {
	c := &tls.Config{}
	if m.TLS != nil {
		c = m.TLS.Clone()
	}
	c.ServerName, c.MinVersion = m.Host, tls.VersionTLS12
	return c
}

// conceal takes the password out of what a server says, in the forms in which it was sent one.
func (m *mailbox) conceal(text string) string {
	if m.Password == "" {
		return text
	}
	encoded := base64.StdEncoding.EncodeToString
	for _, secret := range []string{encoded([]byte("\x00" + m.Username + "\x00" + m.Password)), encoded([]byte(m.Password)), m.Password} {
		text = strings.ReplaceAll(text, secret, "[redacted]")
	}
	return text
}
