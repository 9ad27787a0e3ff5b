package engine_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ringsync/engine"
	"ringsync/state"
	"ringsync/state/bolt"
)

// book is a job whose log is written by hand and kept as options say.
func book(t *testing.T, db state.DB, options engine.LogOptions) (*engine.Job, *state.Store) {
	t.Helper()
	w := newWorld(t, func(s *setup) { s.people, s.logbook, s.deaf = 0, options, true })
	job, _ := w.job(db)
	store := state.New(db)
	w.must(store.Bind(t.Context(), state.Identity{Tenant: w.dir.Tenant(), App: w.dir.AppID(), Target: "http://127.0.0.1:1/scim/v2"},
		w.connect().mapping.Target().Names(), []string{"userName"}))
	return job, store
}

func jot(t *testing.T, s *state.Store, n int, at time.Time) {
	t.Helper()
	if err := s.Update(t.Context(), func(tx *state.Tx) (err error) {
		for range n {
			err = errors.Join(err, tx.AppendLog(&state.LogEntry{Time: at, Action: "other", Status: "success", Reason: "noted"}))
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// lines returns the numbers of the entries that a file has, in its order. What is no entry is -1.
func lines(t *testing.T, path string) (numbers []int) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for s := bufio.NewScanner(bytes.NewReader(data)); s.Scan(); {
		var e struct{ ID string }
		n := -1
		if json.Unmarshal(s.Bytes(), &e) == nil {
			n, _ = strconv.Atoi(e.ID)
		}
		numbers = append(numbers, n)
	}
	return numbers
}

func upTo(from, to int) (numbers []int) {
	for n := from; n <= to; n++ {
		numbers = append(numbers, n)
	}
	return numbers
}

// The file has every entry once and in order, also when it is renamed between two batches or begins anew.
func TestLogFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.jsonl")
	job, s := book(t, state.NewOverlay(nil), engine.LogOptions{File: path})
	jot(t, s, 1201, time.Now())
	job.KeepLog(t.Context())
	if got := lines(t, path); !slices.Equal(got, upTo(1, 1201)) {
		t.Errorf("the file has %d entries", len(got))
	}
	job.KeepLog(t.Context())
	if got := lines(t, path); len(got) != 1201 {
		t.Errorf("with nothing new the file has %d entries", len(got))
	}
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	jot(t, s, 2, time.Now())
	job.KeepLog(t.Context())
	if got := lines(t, path); !slices.Equal(got, upTo(1202, 1203)) {
		t.Errorf("after it was renamed the new file has %v", got)
	}
	if got := lines(t, path+".1"); len(got) != 1201 {
		t.Errorf("and the old one %d entries", len(got))
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o007 != 0 {
		t.Errorf("everybody may read it: %v, %v", info.Mode(), err)
	}
}

// Another file gets all that is kept.
func TestLogFileElsewhere(t *testing.T) {
	db, folder := state.NewOverlay(nil), t.TempDir()
	for _, name := range []string{"a", "b"} {
		job, s := book(t, db, engine.LogOptions{File: filepath.Join(folder, name)})
		jot(t, s, 3, time.Now())
		job.KeepLog(t.Context())
	}
	if a, b := lines(t, filepath.Join(folder, "a")), lines(t, filepath.Join(folder, "b")); !slices.Equal(a, upTo(1, 3)) || !slices.Equal(b, upTo(1, 6)) {
		t.Errorf("a has %v, b %v", a, b)
	}
}

// failing is a store whose nth Update from now fails: a crash just before its commit.
type failing struct {
	state.DB
	n int
}

func (f *failing) Update(ctx context.Context, fn func(state.Writer) error) error {
	if f.n--; f.n == 0 {
		return errCrash
	}
	return f.DB.Update(ctx, fn)
}

// A crash between the lines and the note that they are there repeats lines. None is lost, and a line that was cut off
// stands by itself.
func TestLogFileAfterCrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.jsonl")
	db := &failing{DB: state.NewOverlay(nil)}
	job, s := book(t, db, engine.LogOptions{File: path})
	jot(t, s, 3, time.Now())
	db.n = 1
	job.KeepLog(t.Context())
	if got := lines(t, path); !slices.Equal(got, upTo(1, 3)) {
		t.Fatalf("before the crash the file has %v", got)
	}
	data, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, data[:len(data)-20], 0o600) // the last line did not get to the disk whole
	}
	if err != nil {
		t.Fatal(err)
	}
	job, s = book(t, db.DB, engine.LogOptions{File: path})
	jot(t, s, 1, time.Now())
	job.KeepLog(t.Context())
	if got, want := lines(t, path), []int{1, 2, -1, 1, 2, 3, 4}; !slices.Equal(got, want) {
		t.Errorf("after the crash the file has %v, want %v", got, want)
	}
}

// A file that cannot be written stops nothing, and gets what it lacks once it can be.
func TestLogFileOutOfReach(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "logs")
	path := filepath.Join(folder, "log.jsonl")
	job, s := book(t, state.NewOverlay(nil), engine.LogOptions{File: path})
	jot(t, s, 2, time.Now())
	job.KeepLog(t.Context())
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	job.KeepLog(t.Context())
	if got := lines(t, path); !slices.Equal(got, upTo(1, 2)) {
		t.Errorf("the file has %v", got)
	}
}

// A job that is served copies what is logged at once, and ends with all of it copied but what comes at the very end.
func TestServedLogFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.jsonl")
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *setup) { s.logbook.File = path })
		s := w.serve(daily)
		pass(time.Minute)
		if got := lines(t, path); !slices.Equal(got, upTo(1, 12)) {
			t.Errorf("after the first cycle the file has %v", got)
		}
		w.must(s.job.Pause(engine.WithActor(t.Context(), "ada")))
		synctest.Wait()
		if got := lines(t, path); !slices.Equal(got, upTo(1, 13)) {
			t.Errorf("after the pause the file has %v", got)
		}
		data, _ := os.ReadFile(path)
		if !strings.Contains(string(data), `"initiatedBy":{"id":"ada","displayName":"ada","initiatorType":"user"}`) {
			t.Error("the file does not say who has paused the job")
		}
		s.stop()
	})
}

// counting counts Updates.
type counting struct {
	state.DB
	n int
}

func (c *counting) Update(ctx context.Context, fn func(state.Writer) error) error {
	c.n++
	return c.DB.Update(ctx, fn)
}

// What is too old goes, in transactions that are short; when nothing is, none is made.
func TestTrimming(t *testing.T) {
	db := &counting{DB: state.NewOverlay(nil)}
	job, s := book(t, db, engine.LogOptions{Keep: 24 * time.Hour})
	now := time.Now()
	jot(t, s, 1700, now.Add(-25*time.Hour))
	jot(t, s, 3, now.Add(-23*time.Hour))
	db.n = 0
	job.KeepLog(t.Context())
	if got, err := job.Log(t.Context(), 0, 5000); err != nil || len(got) != 3 || got[0].Sequence != 1701 {
		t.Errorf("%d entries are kept, %v", len(got), err)
	}
	if db.n != 4 {
		t.Errorf("1,700 entries took %d transactions, want 4", db.n)
	}
	job.KeepLog(t.Context())
	if db.n != 4 {
		t.Errorf("with nothing to do there were %d more transactions", db.n-4)
	}
	job, _ = book(t, db, engine.LogOptions{Size: 1})
	job.KeepLog(t.Context())
	if got, err := job.Log(t.Context(), 0, 5000); err != nil || len(got) != 0 {
		t.Errorf("of one byte %d entries are kept, %v", len(got), err)
	}
}

// The log says which keys of the configuration have changed, and of secrets only that they have.
func TestConfigured(t *testing.T) {
	db := state.NewOverlay(nil)
	job, _ := book(t, db, engine.LogOptions{})
	plain := func(value string) engine.Setting { return engine.Setting{Value: value} }
	secret := func(value string) engine.Setting { return engine.Setting{Value: value, Secret: true} }
	for i, c := range []struct {
		settings map[string]engine.Setting
		want     string
	}{
		{map[string]engine.Setting{"a": plain("1"), "b": plain("2"), "token": secret("hunter2")}, ""},
		{map[string]engine.Setting{"a": plain("1"), "b": plain("2"), "token": secret("hunter2")}, ""},
		{map[string]engine.Setting{"a": plain("9"), "c": plain("3"), "token": secret("hunter3")}, "a: 1 → 9; b: 2 → ; c:  → 3; token: [redacted] → [redacted]"},
		{map[string]engine.Setting{"a": plain("9"), "c": plain("3"), "token": secret("")}, "token: [redacted] → "},
	} {
		before, err := job.LogEnd(t.Context())
		if err == nil {
			err = job.Configured(engine.WithActor(t.Context(), "ada"), c.settings)
		}
		if err != nil {
			t.Fatal(err)
		}
		entries, err := job.Log(t.Context(), before+1, 9)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range entries {
			if e.Action != "other" || e.By != "ada" || e.Reason != "configuration changed" {
				t.Errorf("%d: the entry is %+v", i, e)
			}
			for _, m := range e.Modified {
				got = append(got, fmt.Sprintf("%s: %s → %s", m.Name, m.Old.Text(), m.New.Text()))
			}
		}
		if strings.Join(got, "; ") != c.want {
			t.Errorf("%d: the log says %q, want %q", i, got, c.want)
		}
	}
	if err := db.View(t.Context(), func(r state.Reader) error {
		for _, space := range state.Spaces {
			for _, value := range r.Scan(space, nil, nil) {
				if bytes.Contains(value, []byte("hunter")) {
					t.Errorf("space %d keeps a secret", space)
				}
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// A person is found by every name, also once nothing but the log remembers them.
func TestLogOfPerson(t *testing.T) {
	w := newWorld(t, nil)
	w.sync()
	who := w.people[3]
	account := w.accountOf(who)
	db, err := bolt.Open(w.path, bolt.Options{ReadOnly: true})
	w.must(err)
	defer func() { w.must(db.Close()) }()
	job, _ := w.job(db)
	for _, name := range []string{who, strings.ToUpper(who), account.ID, account.UserName} {
		id, err := job.PersonID(t.Context(), name)
		if err != nil || id != who {
			t.Errorf("%s is %q, %v", name, id, err)
		}
	}
	entries, err := job.LogOf(t.Context(), who, 1<<63, 9)
	if err != nil || len(entries) != 1 || entries[0].Source.ID != who || entries[0].Action != "create" {
		t.Errorf("the log of %s is %+v, %v", who, entries, err)
	}
	if id, err := job.PersonID(t.Context(), "nobody"); id != "" || err != nil {
		t.Errorf("nobody is %q, %v", id, err)
	}
}
