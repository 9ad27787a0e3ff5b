//go:build !race

// With the race detector Go checks pointers, and ends the process where bbolt follows a damaged one: nothing can recover
// from that.

package bolt_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ringsync/state"
	"ringsync/state/bolt"
)

var everyByte = flag.Bool("every-byte", false, "TestFlippedBits: flip a bit of every byte of the file, not of some")

// One bit of a state file is flipped, somewhere: a disk that gives back other bytes than it was given. Opened for writing,
// the file is refused, or it is what it was. Only of the last commit itself, if bbolt's note of it is broken, nobody can
// tell: that is what a power cut leaves, too. The file is then as it was before that commit, whole.
func TestFlippedBits(t *testing.T) {
	raw := whole(t)
	now, err := contents(t.Context(), damagedCopy(t, raw))
	if err != nil {
		t.Fatal(err)
	}
	// step tells how far the next byte is to be from that one. The list of spaces, and what leads to other pages, is worth a
	// closer look.
	step := func(at int) int {
		inPage := at % pageSize
		page := raw[at-inPage : min(len(raw), at-inPage+pageSize)]
		if *everyByte || inPage < 300 && (bytes.Contains(page, []byte("sums")) || binary.NativeEndian.Uint16(page[8:]) == 1) {
			return 1
		}
		return min(211, pageSize-inPage)
	}
	path := filepath.Join(t.TempDir(), "contoso.db")
	refused, unharmed, older := 0, 0, 0
	for at := 0; at < len(bytes.TrimRight(raw, "\x00")); at += step(at) {
		damaged := bytes.Clone(raw)
		damaged[at] ^= 1 << (at % 8)
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := contents(t.Context(), path)
		_, isDamage := errors.AsType[*state.DamagedError](err)
		switch {
		case isDamage:
			refused++
			if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, damaged) {
				t.Errorf("bit %d of byte %d: what is refused was written to (%v)", at%8, at, err)
			}
		case err != nil:
			t.Errorf("bit %d of byte %d: %v, which does not say that the file is damaged", at%8, at, err)
		case maps.Equal(got, now):
			unharmed++
		default:
			if older++; at >= 2*pageSize {
				t.Errorf("bit %d of byte %d: records of before are taken for those of now", at%8, at)
			}
			for key, value := range got {
				if was, _, _ := strings.Cut(value, " of round "); !strings.HasPrefix(now[key], was) || was == "" {
					t.Errorf("bit %d of byte %d: %q is %.40q, which nobody wrote", at%8, at, key, value)
				}
			}
		}
	}
	t.Logf("%d refused, %d unharmed, %d as before the last commit", refused, unharmed, older)
	if refused < 100 || unharmed < 100 {
		t.Error("that is not what is to be expected")
	}
}

// contents reads everything in a file.
func contents(ctx context.Context, path string) (all map[string]string, err error) {
	db, err := bolt.Open(path, bolt.Options{})
	if err != nil {
		return nil, err
	}
	all = map[string]string{}
	err = db.View(ctx, func(r state.Reader) error {
		for _, space := range state.Spaces {
			for key, value := range r.Scan(space, nil, nil) {
				all[string(rune(space))+string(key)] = string(value)
				if got := r.Get(space, key); !bytes.Equal(got, value) {
					return fmt.Errorf("%s is found as %q, listed as %q", key, got, value)
				}
			}
		}
		return nil
	})
	return all, errors.Join(err, db.Close())
}
