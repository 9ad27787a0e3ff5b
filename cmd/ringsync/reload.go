package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"ringsync/configs"
	"ringsync/engine"
)

const (
	// settleTime is how long files must have been left alone before they are looked at: whoever replaces them does it in
	// several steps. It is not waited for longer than settleMost.
	settleTime = 300 * time.Millisecond
	settleMost = 3 * time.Second
	// missingTime is how long a file must be gone before its job is stopped.
	missingTime = time.Second
	// pollTime is how often files are looked at without an event. Network file systems send none, nor do changes behind
	// a symbolic link.
	pollTime = time.Minute
)

// fingerprint tells whether files are the same as before.
type fingerprint [sha256.Size]byte

func fingerprintOf(files []string) (print fingerprint) {
	h := sha256.New()
	for _, name := range files {
		data, err := os.ReadFile(name)
		fmt.Fprintf(h, "%s\x00%v\x00%d\x00", name, err, len(data))
		_, _ = h.Write(data) // it never fails
	}
	h.Sum(print[:0])
	return print
}

// load reads the member's configuration from its files.
func (m *member) load() {
	m.files = configs.Files(m.file)
	m.seen = fingerprintOf(m.files) // before loading: what changes meanwhile is seen at the next look
	c, err := m.app.load()
	if m.problem = err; err == nil {
		c.Forget() // it has no problems
		m.wanted = c
	}
}

// refresh loads the configuration if its files have changed since, or in any case.
func (m *member) refresh(anyway bool) {
	if !anyway && fingerprintOf(m.files) == m.seen {
		return
	}
	files := configs.Files(m.file)
	now := fingerprintOf(files)
	if given := m.goesBy(); given != nil && now == m.taken { // as it was before, or still is
		m.files, m.seen, m.wanted, m.problem = files, now, given, nil
		return
	}
	m.load()
}

// problems returns, by member, what is wrong with its files, or why they cannot be served beside those of others.
func (f *fleet) problems() map[*member]error {
	problems := map[*member]error{}
	members := f.all()
	claims := map[string][]*member{}
	for _, m := range members {
		given := m.goesBy()
		for _, claim := range claimsOf(given) {
			claims[claim] = append(claims[claim], m)
		}
		if m.wanted != given {
			for _, claim := range claimsOf(m.wanted) {
				claims[claim] = append(claims[claim], m)
			}
		}
	}
	for _, m := range members {
		if problems[m] = m.problem; m.problem != nil {
			continue
		}
		for _, claim := range claimsOf(m.wanted) {
			for _, other := range claims[claim] {
				if other != m && problems[m] == nil {
					problems[m] = clash(m, other)
				}
			}
		}
	}
	return problems
}

// claimsOf is what only one member may have, of a configuration that may be nil.
func claimsOf(c *configs.Config) []string {
	if c == nil {
		return nil
	}
	return []string{"job " + c.Job, "state " + statePlace(c)}
}

// clash returns why a member cannot be served beside another. Of two files that name the same job, or the same state, the
// one that is being served stays; if neither is, which of them is meant is not ours to guess.
func clash(m, other *member) error {
	for _, theirs := range []*configs.Config{other.goesBy(), other.wanted} {
		if theirs == nil {
			continue
		}
		for _, c := range []struct {
			what string
			of   func(*configs.Config) string
		}{
			{"are both of job", func(c *configs.Config) string { return c.Job }},
			{"both have the state", statePlace},
		} {
			mine := c.of(m.wanted)
			if given := m.goesBy(); mine == c.of(theirs) && (given == nil || c.of(given) != mine) {
				return usageError("%s and %s %s %s: give one of them another, or remove it", m.file, other.file, c.what, mine)
			}
		}
	}
	return nil
}

// statePlace is where a configuration's state is, by whatever name the folder goes.
func statePlace(c *configs.Config) string {
	if c.State.Etcd != nil {
		return "job " + c.Job + " in etcd below " + c.State.Etcd.Prefix
	}
	if folder, err := filepath.EvalSymlinks(filepath.Dir(c.State.Path)); err == nil {
		return filepath.Join(folder, filepath.Base(c.State.Path))
	}
	return c.State.Path
}

// attend keeps the fleet up to date with its files until ctx ends, or all that there was to serve has.
func (f *fleet) attend(ctx context.Context, watch *fileWatch, hangup <-chan os.Signal) {
	poll := time.NewTicker(pollTime)
	defer poll.Stop()
	var settled <-chan time.Time
	var since time.Time
	anyway := false // somebody has asked for it
	for {
		if watch.follow(f.watched()) && settled == nil {
			settled, since = time.After(settleTime), time.Now()
		}
		select {
		case <-ctx.Done():
			return
		case <-f.ended:
			return
		case <-watch.changed:
			if settled == nil {
				since = time.Now()
			}
			settled = time.After(max(0, min(settleTime, settleMost-time.Since(since))))
			continue
		case <-settled:
		case <-poll.C:
		case <-hangup:
			anyway = true
			f.systemd.reloading()
		}
		settled = nil
		if !f.look(ctx, anyway) {
			settled, since = time.After(missingTime), time.Now()
			continue
		}
		if anyway {
			f.app.log.Info("reloaded", "now", f.summary())
			f.systemd.ready(f.summary())
		} else {
			f.systemd.status(f.summary())
		}
		anyway = false
	}
}

// watched are the files whose changes matter, and the folders in which any configuration does.
func (f *fleet) watched() (files map[string]bool, folders []string) {
	files = map[string]bool{}
	for _, m := range f.all() {
		for _, name := range m.files {
			files[absolute(name)] = true
		}
	}
	for source := range f.sources.folders {
		folders = append(folders, absolute(source))
	}
	return files, folders
}

// look brings the fleet up to date with its files; with anyway, what has not changed is tried again where it had failed.
// It reports false if files are missing that were there before: it is to be asked again in a moment.
func (f *fleet) look(ctx context.Context, anyway bool) (whole bool) {
	files, err := f.sources.find()
	if err != nil {
		f.app.log.Error("the jobs go on as they are", "error", err)
		return true
	}
	there := map[string]bool{}
	for _, file := range files {
		there[absolute(file)] = true
	}
	var gone []*member
	for _, m := range f.all() {
		switch {
		case there[absolute(m.file)]:
			m.absent = time.Time{}
		case m.absent.IsZero():
			m.absent = time.Now()
			fallthrough
		case time.Since(m.absent) < missingTime:
			return false
		default:
			gone = append(gone, m)
		}
	}
	for _, m := range gone {
		f.app.log.Info("the file is gone: its job is stopped", "job", m.name(), "file", m.file)
		f.leave(m)
	}
	var fresh []*member
	for _, file := range files {
		f.mu.Lock()
		_, known := f.members[absolute(file)]
		f.mu.Unlock()
		if !known {
			m := f.join(file)
			m.load()
			fresh = append(fresh, m)
		}
	}
	var group errgroup.Group
	group.SetLimit(opensAtOnce)
	members := f.all()
	for _, m := range members {
		if !slices.Contains(fresh, m) {
			m.refresh(anyway)
		}
	}
	problems := f.problems()
	for _, m := range members {
		if slices.Contains(fresh, m) {
			f.app.log.Info("a file has appeared", "file", m.file)
			f.start(ctx, m, problems[m], nil, func() {})
			continue
		}
		group.Go(func() error { f.update(ctx, m, problems[m], anyway); return nil })
	}
	_ = group.Wait()
	return true
}

// update has a member go by its files as they are now.
func (f *fleet) update(ctx context.Context, m *member, problem error, anyway bool) {
	actor := reloader(m.file)
	s := m.current()
	switch {
	case problem != nil:
		m.refuse(ctx, actor, problem)
		return
	case s != nil && m.wanted == m.goesBy():
		m.accept()
		if anyway {
			if err := s.job.engine.Retry(engine.WithActor(ctx, actor)); err != nil && ctx.Err() == nil {
				f.app.log.Error("try again in quarantine", "job", m.name(), "error", err)
			}
		}
		return
	case m.wanted == m.offered && !anyway:
		return // it has been told, and either tries by itself or has refused
	}
	answer := make(chan error, 1)
	select {
	case m.offers <- offer{m.wanted, actor, answer}:
	case <-m.done:
		return
	case <-ctx.Done():
		return
	}
	m.offered = m.wanted
	select {
	case err := <-answer:
		if err == nil || m.current() == nil { // else it goes on as it was
			m.taken = m.seen
			m.give(m.wanted)
		}
	case <-ctx.Done():
	}
}

// reloader says who has changed a file, as far as can be known: whom it belongs to.
func reloader(file string) string {
	if name := ownerOf(file); name != "" {
		return name + " (reload)"
	}
	return localUser() + " (reload)"
}
