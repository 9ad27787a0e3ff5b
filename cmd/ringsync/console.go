package main

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/spf13/pflag"

	"ringsync/cmd/ringsync/internal/console"
	"ringsync/engine"
)

// consoleFlags say how the web console is reached.
type consoleFlags struct {
	on        bool
	cert, key string
	tokenFile string
	hosts     []string
}

// tokenVariable is the variable of the environment that may hold the console's tokens.
const tokenVariable = "RINGSYNC_TOKEN"

func (f *consoleFlags) add(flags *pflag.FlagSet) {
	flags.BoolVar(&f.on, "console", true, "serve the web console too")
	flags.StringVar(&f.cert, "tls-cert", "", "serve --listen over TLS with the certificate chain in this `file` (PEM)")
	flags.StringVar(&f.key, "tls-key", "", "`file` with the private key of --tls-cert (PEM)")
	flags.StringVar(&f.tokenFile, "token-file", "", "`file` with the tokens that open the console: one a line, behind the name of whose it is")
	flags.StringSliceVar(&f.hosts, "console-host", nil, "`name` under which the console is reached, beside IP addresses, localhost and the names of the certificate (repeatable)")
}

// door is how the console is reached.
type door struct {
	on      bool
	pair    *keyPair // nil: no TLS
	tokens  console.Tokens
	hosts   []string
	refused string // why the console is not served at the address
}

// openDoor checks the flags.
func openDoor(f consoleFlags) (*door, error) {
	d := &door{on: f.on, hosts: f.hosts}
	text, name := os.Getenv(tokenVariable), tokenVariable
	if f.tokenFile != "" {
		data, err := os.ReadFile(f.tokenFile)
		if err != nil {
			return nil, usageError("--token-file: %w", err)
		}
		text, name = string(data), f.tokenFile
	}
	var err error
	if d.tokens, err = console.ParseTokens(text); err != nil {
		return nil, usageError("%s: %w", name, err)
	}
	if f.tokenFile != "" && len(d.tokens) == 0 {
		return nil, usageError("%s has no token", f.tokenFile)
	}
	if (f.cert == "") != (f.key == "") {
		return nil, usageError("--tls-cert and --tls-key belong together")
	}
	if f.cert != "" {
		d.pair = &keyPair{cert: f.cert, key: f.key}
		first, err := d.pair.get(nil)
		if err != nil {
			return nil, usageError("--tls-cert, --tls-key: %w", err)
		}
		d.hosts = append(d.hosts, first.Leaf.DNSNames...)
	}
	return d, nil
}

// around puts TLS around the listener if there is a certificate, and decides whether the console may be served there.
func (d *door) around(l net.Listener, log *slog.Logger) net.Listener {
	at, _ := l.Addr().(*net.TCPAddr)
	switch local := at != nil && at.IP.IsLoopback(); {
	case !d.on:
	case !local && (d.pair == nil || len(d.tokens) == 0):
		d.refused = "an address that other machines reach needs --tls-cert, --tls-key and --token-file (or " + tokenVariable + ")."
		log.Warn("the console is not served: " + d.refused)
	case len(d.tokens) == 0:
		log.Info("the console asks for no token: every user of this machine may use it; --token-file changes that", "address", l.Addr().String())
	}
	if d.pair == nil {
		return l
	}
	return tls.NewListener(l, &tls.Config{GetCertificate: d.pair.get, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}})
}

// keyPair is a certificate that is read anew when its file has changed: it is renewed every few weeks.
type keyPair struct {
	cert, key string
	mu        sync.Mutex
	looked    time.Time
	changed   time.Time
	pair      *tls.Certificate
}

func (k *keyPair) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.pair != nil && time.Since(k.looked) < time.Minute {
		return k.pair, nil
	}
	k.looked = time.Now()
	info, err := os.Stat(k.cert)
	if err == nil && k.pair != nil && info.ModTime().Equal(k.changed) {
		return k.pair, nil
	}
	var pair tls.Certificate
	if err == nil {
		pair, err = tls.LoadX509KeyPair(k.cert, k.key)
	}
	switch {
	case err == nil:
		k.pair, k.changed = &pair, info.ModTime()
	case k.pair == nil:
		return nil, err
	}
	return k.pair, nil // half of the pair may be in its place: the old one works until it ends
}

// console returns the web console of the fleet, nil if there is to be none.
func (f *fleet) console(ctx context.Context) http.Handler {
	if !f.door.on {
		return nil
	}
	return console.New(console.Options{
		Context: ctx, Refused: f.door.refused, Tokens: f.door.tokens, Hosts: f.door.hosts, Version: thisBuild().Version, Logger: f.app.log,
		Jobs: func() (jobs []console.Job) {
			for _, s := range f.jobs() {
				jobs = append(jobs, s.console())
			}
			return jobs
		},
		Down: func() (down []console.Down) {
			for _, s := range f.standings() {
				if s.watched == nil {
					down = append(down, console.Down{Name: s.name, Why: s.down})
				}
			}
			return down
		},
	})
}

// console is the served job as the console sees it.
func (s *served) console() console.Job {
	j := s.job
	return console.Job{
		Engine: j.engine, Config: j.config, Systems: systems(j.config), Source: j.source,
		Credentials: func() (all []console.Credential) {
			for _, e := range j.expiries() {
				all = append(all, console.Credential(e))
			}
			return all
		},
		Limits: func() (all []console.Limit) {
			for _, l := range j.target.Limits() {
				all = append(all, console.Limit{Group: l.Group, Requests: l.Requests, Remaining: l.Remaining, Window: l.Window})
			}
			return all
		},
		Outdated: func() string {
			if r := s.refused(); r != nil {
				return r.Error
			}
			return ""
		},
		Run: func(ctx context.Context, user string, args []string, send func(console.Frame) error) (int, error) {
			return s.control.execute(engine.WithActor(ctx, user), &caller{web: true, send: oneByOne(send)}, args)
		},
	}
}

// oneByOne lets a function be called by one goroutine at a time: a command prints while its progress is told.
func oneByOne(send func(frame) error) func(frame) error {
	var mu sync.Mutex
	return func(f frame) error {
		mu.Lock()
		defer mu.Unlock()
		return send(f)
	}
}
