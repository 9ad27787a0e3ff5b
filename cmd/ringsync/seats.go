package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"ringsync/configs"
	"ringsync/state/etcd"
)

// seats are this process's places in the etcd clusters that its jobs are in. Jobs of the same settings share one: a
// connection and a lease.
type seats struct {
	self etcd.Holder
	log  *slog.Logger
	// ending: the process is. What it has in etcd goes with its leases, all at once.
	ending atomic.Bool
	mu     sync.Mutex
	open   map[string]*seat
}

func newSeats(log *slog.Logger) *seats {
	return &seats{self: etcd.NewHolder(), log: log, open: map[string]*seat{}}
}

// seat is this process in one cluster, for as long as anybody uses it.
type seat struct {
	cluster *etcd.Cluster
	ttl     time.Duration
	all     *seats
	key     string
	users   int // guarded by all.mu

	leasing sync.Mutex
	taken   *etcd.Lease // nil until it is needed; another one once it has ended. Guarded by leasing

	mu     sync.Mutex
	roster *etcd.Roster // nil if the process is on none
	// offered are the jobs that the process could serve.
	offered map[string]etcd.Job
	changed chan struct{} // holds one when offered is to be told
	spread  chan struct{} // closed, and another in its place, when the roster is another
	stop    context.CancelFunc
	done    sync.WaitGroup
}

// seatKey tells settings apart.
func seatKey(c *configs.Config) string {
	e := c.State.Etcd
	parts := append([]string{e.Prefix, e.Lease, e.Username, e.Password.Reveal()}, e.Endpoints...)
	if e.TLS != nil {
		parts = append(parts, e.TLS.CA, e.TLS.Cert, e.TLS.Key)
	}
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return string(sum[:])
}

// take connects to the cluster of the job, if the process is not connected yet. What it returns is to be left.
func (all *seats) take(ctx context.Context, c *configs.Config) (*seat, error) {
	e, key := c.State.Etcd, seatKey(c)
	all.mu.Lock()
	defer all.mu.Unlock()
	if s := all.open[key]; s != nil {
		s.users++
		return s, nil
	}
	ttl, err := time.ParseDuration(e.Lease)
	if err != nil {
		return nil, &exitError{exitUsage, err} // Load has checked it
	}
	settings, err := clientTLS(e)
	if err != nil {
		return nil, &exitError{exitUsage, fmt.Errorf("state.etcd.tls: %w", err)}
	}
	cluster, err := etcd.Dial(ctx, etcd.Options{Endpoints: e.Endpoints, Prefix: e.Prefix, TLS: settings,
		Username: e.Username, Password: e.Password.Reveal(), Patience: ttl})
	if err != nil {
		return nil, err
	}
	s := &seat{cluster: cluster, ttl: ttl, all: all, key: key, users: 1,
		offered: map[string]etcd.Job{}, changed: make(chan struct{}, 1), spread: make(chan struct{})}
	all.open[key] = s
	return s, nil
}

// lease returns the process's lease, a new one if the last has ended.
func (s *seat) lease(ctx context.Context) (*etcd.Lease, error) {
	s.leasing.Lock()
	defer s.leasing.Unlock()
	if s.taken != nil && s.taken.Remaining() > 0 {
		return s.taken, nil
	}
	if s.taken != nil {
		s.taken.Close()
		s.taken = nil
	}
	var err error
	s.taken, err = s.cluster.Join(ctx, s.all.self, s.ttl)
	return s.taken, err
}

// leave disconnects once nobody uses the cluster any more.
func (s *seat) leave() error {
	s.all.mu.Lock()
	defer s.all.mu.Unlock()
	if s.users--; s.users > 0 {
		return nil
	}
	delete(s.all.open, s.key)
	if s.stop != nil {
		s.stop()
		s.done.Wait()
	}
	if s.taken != nil {
		s.taken.Close()
	}
	return s.cluster.Close()
}

// offer has the process take part in the sharing of jobs with this one too, until the function that it returns is
// called.
func (s *seat) offer(job etcd.Job) (withdraw func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.offered[job.Name] = job
	if s.stop == nil {
		var ctx context.Context
		ctx, s.stop = context.WithCancel(context.Background())
		s.done.Go(func() { s.attend(ctx) })
	}
	s.tell()
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.offered, job.Name)
		if !s.all.ending.Load() {
			s.tell()
		}
	}
}

func (s *seat) tell() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// Jobs that are offered one after the other, as when a program starts, are told of together.
const offerTime = 100 * time.Millisecond

// attend keeps the process on the roster until ctx ends. A lease that has ended is followed by another.
func (s *seat) attend(ctx context.Context) {
	for ctx.Err() == nil {
		if err := s.enlist(ctx); err != nil && ctx.Err() == nil {
			s.all.log.Error("no part in the sharing of jobs for now", "etcd", s.cluster.String(), "error", err)
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
		}
	}
}

func (s *seat) enlist(ctx context.Context) error {
	lease, err := s.lease(ctx)
	if err != nil {
		return err
	}
	roster := lease.Enlist()
	ctx, stop := context.WithCancel(ctx)
	var following sync.WaitGroup
	defer func() {
		stop()
		following.Wait()
		s.follow(nil)
	}()
	followed := make(chan error, 1)
	following.Go(func() { followed <- roster.Follow(ctx) })
	following.Go(func() {
		for ctx.Err() == nil {
			_, changed := roster.Mine()
			s.follow(roster)
			select {
			case <-ctx.Done():
			case <-changed:
			}
		}
	})
	s.tell()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-lease.Ended():
			return errors.New("the lease in etcd has ended: this process stood still, or etcd could not be reached")
		case err := <-followed:
			return err
		case <-s.changed:
			if !sleep(ctx, offerTime) {
				return ctx.Err()
			}
			s.mu.Lock()
			var jobs []etcd.Job
			for _, job := range s.offered {
				jobs = append(jobs, job)
			}
			s.mu.Unlock()
			slices.SortFunc(jobs, func(a, b etcd.Job) int { return strings.Compare(a.Name, b.Name) })
			if err := roster.Offer(ctx, jobs); err != nil {
				return err
			}
		}
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// follow has everybody look at the roster, which is another one now or says something else.
func (s *seat) follow(roster *etcd.Roster) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.roster = roster
	close(s.spread)
	s.spread = make(chan struct{})
}

// mine reports whether the job is this process's to serve by the roster, and gives what is closed when that may have
// changed.
func (s *seat) mine(job string) (mine bool, changed <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.roster == nil {
		return false, s.spread
	}
	jobs, _ := s.roster.Mine()
	return jobs[job], s.spread
}

// shareGroup names the jobs that sign in to RingCentral alike, and so share its limits: one process must have them all.
// It tells nothing of the credential.
func shareGroup(c *configs.Config) string {
	sum := sha256.Sum256([]byte("ringsync share group\x00" + credentialKey(c)))
	return hex.EncodeToString(sum[:8])
}

// clientTLS returns nil where no endpoint asks for TLS.
func clientTLS(e *configs.Etcd) (*tls.Config, error) {
	if !strings.HasPrefix(e.Endpoints[0], "https://") {
		return nil, nil
	}
	settings := &tls.Config{MinVersion: tls.VersionTLS12}
	if e.TLS == nil {
		return settings, nil
	}
	if e.TLS.CA != "" {
		authorities, err := os.ReadFile(e.TLS.CA)
		if err != nil {
			return nil, err
		}
		settings.RootCAs = x509.NewCertPool()
		if !settings.RootCAs.AppendCertsFromPEM(authorities) {
			return nil, fmt.Errorf("%s holds no certificate", e.TLS.CA)
		}
	}
	if e.TLS.Cert == "" {
		return settings, nil
	}
	// Read for each connection, so that a renewed certificate is taken.
	load := func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(e.TLS.Cert, e.TLS.Key)
		return &pair, err
	}
	if _, err := load(nil); err != nil {
		return nil, err
	}
	settings.GetClientCertificate = load
	return settings, nil
}
