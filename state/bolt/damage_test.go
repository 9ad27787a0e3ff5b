package bolt_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ringsync/state"
	"ringsync/state/bolt"
)

const pageSize = 4096

// whole writes a state file with enough in it to have pages of every kind, and returns its bytes.
func whole(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "contoso.db")
	db := open(t, path, bolt.Options{Create: true})
	for round := range 3 {
		if err := db.Update(t.Context(), func(w state.Writer) error {
			for n := range 600 {
				value := fmt.Appendf(nil, "value %d of round %d", n, round)
				if err := w.Put(state.SpacePeople, fmt.Appendf(nil, "%d", n*7919%600), value); err != nil {
					return err
				}
			}
			return w.Put(state.SpaceLog, []byte("large"), make([]byte, 3*pageSize))
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

var errGoesOn = errors.New("a damaged file is written to again")

// use does everything to a file that people do to one, and returns what went wrong.
func use(ctx context.Context, path string, options bolt.Options) error {
	db, err := bolt.Open(path, options)
	if err != nil {
		return err
	}
	readAll := func(r state.Reader) error {
		for _, space := range state.Spaces {
			for key, value := range r.Scan(space, nil, nil) {
				_ = string(key) + string(value) // look at every byte
				_ = r.Get(space, key)
			}
		}
		return nil
	}
	err = db.View(ctx, readAll)
	if !options.ReadOnly {
		var broken *state.DamagedError
		for n := range 3 {
			failed := db.Update(ctx, func(w state.Writer) error {
				for i := range 60 {
					if err := w.Put(state.SpacePeople, fmt.Appendf(nil, "%d", i*10), fmt.Appendf(nil, "new %d", n)); err != nil {
						return err
					}
					if err := w.Delete(state.SpacePeople, fmt.Appendf(nil, "%d", i*10+1)); err != nil {
						return err
					}
				}
				return nil
			})
			if broken != nil && failed != broken {
				return fmt.Errorf("%w: after %w the next Update returned %w", errGoesOn, broken, failed)
			}
			if damage, ok := errors.AsType[*state.DamagedError](failed); ok {
				broken = damage
			}
			err = errors.Join(err, failed)
		}
		err = errors.Join(err, db.View(ctx, readAll))
	}
	return errors.Join(err, db.Close())
}

// Every page of a state file is replaced, one at a time, by several sorts of rubbish, and the file is cut off after
// every page. Whatever that does to bbolt, it must end as an error, with the lock let go, or not matter. A file that
// is too short must be found at once, before anything is read.
func TestDamagedFile(t *testing.T) {
	raw := whole(t)
	used := len(raw)
	for used > 0 && raw[used-1] == 0 {
		used--
	}
	if err := use(t.Context(), damagedCopy(t, raw), bolt.Options{}); err != nil {
		t.Fatal("the whole file:", err)
	}
	check := func(what string, damaged []byte) (harmed bool) {
		path := damagedCopy(t, damaged)
		for _, options := range []bolt.Options{{ReadOnly: true}, {}, {ReadOnly: true}} {
			err := use(t.Context(), path, options)
			if _, inUse := errors.AsType[*bolt.InUseError](err); inUse || errors.Is(err, errGoesOn) {
				t.Fatalf("%s: %v", what, err)
			}
			harmed = harmed || err != nil
		}
		return harmed
	}
	harmed := 0
	for at := 0; at < used; at += pageSize {
		for name, spoil := range map[string]func(page []byte){
			"zeros": func(page []byte) { clear(page) },
			"ones": func(page []byte) {
				for i := range page {
					page[i] = 0xFF
				}
			},
			"flags": func(page []byte) { page[8] ^= 0x55 },
			"count": func(page []byte) { page[10], page[11] = 0xFF, 0xFF },
			"items": func(page []byte) {
				for i := 16; i < 80; i++ {
					page[i] ^= 0xA5
				}
			},
			"text": func(page []byte) {
				for i := range page {
					page[i] = "damaged "[i%8]
				}
			},
		} {
			damaged := append([]byte{}, raw...)
			spoil(damaged[at : at+pageSize])
			if check(fmt.Sprintf("%s in page %d", name, at/pageSize), damaged) {
				harmed++
			}
		}
		if at == 0 {
			continue // an empty file is a new one
		}
		_, err := bolt.Open(damagedCopy(t, raw[:at]), bolt.Options{ReadOnly: true})
		if damage, ok := errors.AsType[*state.DamagedError](err); !ok || at >= 4*pageSize && !strings.Contains(damage.Error(), "it ends after") {
			t.Errorf("cut off after %d pages: %v", at/pageSize, err)
		}
		path := damagedCopy(t, raw[:at-1000])
		for range 2 { // the second time it would be said to be in use, had the first not let go of the lock
			if _, err := bolt.Open(path, bolt.Options{}); !errors.As(err, new(*state.DamagedError)) {
				t.Errorf("cut off within page %d, for writing: %v", at/pageSize-1, err)
			}
		}
	}
	if harmed == 0 {
		t.Error("no damage was ever noticed")
	}
}

func damagedCopy(t *testing.T, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "contoso.db")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// An error that only a record's own content causes says nothing about the file, which goes on being written.
func TestDamagedRecordIsNotADamagedFile(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "contoso.db"), bolt.Options{Create: true})
	damage := &state.DamagedError{What: "the record of person a", Err: errors.New("it ends too early")}
	if err := db.Update(t.Context(), func(state.Writer) error { return damage }); !errors.Is(err, damage) {
		t.Errorf("Update = %v, want the function's own error", err)
	}
	put(t, db, state.SpacePeople, "b", "value")
}
