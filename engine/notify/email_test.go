package notify

import (
	"io"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"ringsync/engine"
)

// read returns a letter's headers and its text, decoded.
func (l letter) read(t *testing.T) (mail.Header, string) {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(l.text))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if err != nil {
		t.Fatal(err)
	}
	return m.Header, strings.ReplaceAll(string(body), "\r\n", "\n")
}

func subject(t *testing.T, h mail.Header) string {
	t.Helper()
	s, err := new(mime.WordDecoder).DecodeHeader(h.Get("Subject"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mailboxes(t *testing.T, e Email) []Channel {
	t.Helper()
	channels, err := e.Channels()
	if err != nil {
		t.Fatal(err)
	}
	return channels
}

// A mail says what happened, to whom, and what to run, whichever way the server is reached.
func TestMail(t *testing.T) {
	for name, c := range map[string]struct {
		server   postOptions
		security string
		anyone   bool
	}{
		"STARTTLS": {security: SecurityStartTLS},
		"auto":     {security: SecurityAuto},
		"TLS":      {server: postOptions{implicitTLS: true}, security: SecurityTLS},
		"relay":    {server: postOptions{plain: true}, security: SecurityNone, anyone: true},
	} {
		t.Run(name, func(t *testing.T) {
			s, p := newScene(t), newPost(t, c.server)
			e := p.email("Ops <ops@contoso.com>")
			e.Security = c.security
			if c.anyone {
				e.Username, e.Password = "", ""
			}
			s.hold(3, "adele", "joni")
			look(t.Context(), s.notifier(mailboxes(t, e)...))
			got := p.got()
			if len(got) != 1 {
				t.Fatalf("%d letters", len(got))
			}
			if l := got[0]; l.from != "sync@contoso.com" || l.to != "ops@contoso.com" || l.tls == c.anyone || (l.user == postUser) == c.anyone {
				t.Errorf("from %s to %s, TLS %v, user %q", l.from, l.to, l.tls, l.user)
			}
			h, body := got[0].read(t)
			if s := subject(t, h); s != "[ringsync] contoso: 2 removals held for approval" {
				t.Errorf("subject %q", s)
			}
			if h.Get("Auto-Submitted") != "auto-generated" || h.Get("To") != "<ops@contoso.com>" {
				t.Errorf("headers %v", h)
			}
			for _, want := range []string{"Since 2026-05-04 10:00:00Z.\n", "List 3: 2 removals, since 2026-05-04 10:00:00Z.\n",
				"  Name of adele, adele@contoso.com", "  ringsync -c contoso.yaml outbox --held\n", "  ringsync -c contoso.yaml approve 3\n"} {
				if !strings.Contains(body, want) {
					t.Errorf("no %q in\n%s", want, body)
				}
			}
		})
	}
}

// What cannot be delivered is told in one line, with what the server said and never the password, and nothing is sent
// without the encryption that was asked for.
func TestMailRefused(t *testing.T) {
	for name, c := range map[string]struct {
		server postOptions
		change func(*Email)
		refuse func(string) error
		want   string
	}{
		"wrong password":    {change: func(e *Email) { e.Password = "s3cret-of-another" }, want: "535"},
		"unknown authority": {change: func(e *Email) { e.TLS = nil }, want: "certificate"},
		"no STARTTLS":       {server: postOptions{plain: true}, want: "STARTTLS"},
		"nobody there":      {change: func(e *Email) { e.Port = 1 }, want: "refused"},
		"recipient not wanted": {want: "550",
			refuse: func(string) error { return &smtp.SMTPError{Code: 550, Message: "who?\r\nwho?"} }},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPost(t, c.server)
			p.refuse = c.refuse
			e := p.email("ops@contoso.com")
			if c.change != nil {
				c.change(&e)
			}
			err := mailboxes(t, e)[0].Send(t.Context(), Message{Job: "contoso", Subject: "s", At: time.Now()})
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), e.Password) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v, want %s", err, c.want)
			}
			if got := p.got(); len(got) != 0 {
				t.Errorf("sent all the same: %v", got)
			}
		})
	}
}

// One address that the server refuses costs the others nothing.
func TestMailOneDeadAddress(t *testing.T) {
	s, p := newScene(t), newPost(t, postOptions{})
	p.refuse = func(to string) error {
		if to == "gone@contoso.com" {
			return &smtp.SMTPError{Code: 550, Message: "no such mailbox"}
		}
		return nil
	}
	n := s.notifier(mailboxes(t, p.email("gone@contoso.com", "ops@contoso.com"))...)
	s.quarantine(&engine.Quarantine{Reason: "target", Error: "401", Since: s.now, Next: s.now.Add(5 * time.Minute)})
	for range 3 {
		look(t.Context(), n)
		s.now = s.now.Add(time.Hour)
	}
	if got := p.got(); len(got) != 1 || got[0].to != "ops@contoso.com" {
		t.Errorf("%+v", got)
	}
}

// Nothing that the directory or a service says can add a header or forge a line.
func TestMailInjection(t *testing.T) {
	s, p := newScene(t), newPost(t, postOptions{})
	n := s.notifier(mailboxes(t, p.email("ops@contoso.com"))...)
	evil := "x\r\nBcc: all@contoso.com\r\n\r\n.\r\nMAIL FROM:<a@b.c>\u2028\u202egnp.exe\x00"
	s.hold(1, "adele"+evil)
	s.quarantine(&engine.Quarantine{Reason: "source", Error: evil, Since: s.now, Next: s.now.Add(time.Hour)})
	look(t.Context(), n)
	got := p.got()
	if len(got) != 2 {
		t.Fatalf("%d letters", len(got))
	}
	for _, l := range got {
		h, body := l.read(t)
		if h.Get("Bcc") != "" || len(h["To"]) != 1 {
			t.Errorf("headers %v", h)
		}
		if strings.Contains(body, "\nBcc") || strings.Contains(body, "\nMAIL") || strings.ContainsAny(body, "\u2028\u202e\x00") {
			t.Errorf("body %q", body)
		}
	}
}

func TestEmailRefusesAddresses(t *testing.T) {
	for _, e := range []Email{
		{To: []string{"nobody"}, From: "a@b.c", Host: "h", Port: 25},
		{To: []string{"a@b.c"}, From: "a@b.c\r\nBcc: d@e.f", Host: "h", Port: 25},
		{To: []string{"a@b.c"}, From: "a@b.c", Host: "", Port: 25},
		{To: []string{"a@b.c"}, From: "a@b.c", Host: "h", Port: 0},
	} {
		if _, err := e.Channels(); err == nil {
			t.Errorf("%+v is taken", e)
		}
	}
}
