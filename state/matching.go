package state

import (
	"bytes"
	"context"
	"slices"
	"strings"
)

// batch bounds what one transaction of a rebuild, or one stretch of a scan in a Tx, holds.
const batch = 1000

// matchKeys returns p's keys in SpaceByMatch, each once: for every matching attribute what is wanted and what is
// known, and what an unsettled create may have used. A nil person has none.
func (b *binding) matchKeys(p *Person) [][]byte {
	if p == nil {
		return nil
	}
	var keys [][]byte
	add := func(attribute uint64, folded string) {
		key := appendID(appendMatch(make([]byte, 0, 64), attribute, folded), p.ID)
		if !contains(keys, key) {
			keys = append(keys, key)
		}
	}
	for _, number := range b.matching {
		a := p.Attribute(b.dictionary.names[number-1])
		if a == nil {
			continue
		}
		last := ""
		for _, value := range [...]string{a.Want.Text(), a.Sent.Text(), a.Answer.Text()} {
			if value != "" && value != last { // most often all three are the same
				add(number, fold(value))
			}
			last = value
		}
	}
	for _, tried := range p.Tried {
		name, folded, _ := strings.Cut(tried, "\x00")
		if number := b.dictionary.numbers[name]; slices.Contains(b.matching, number) {
			add(number, fold(folded))
		}
	}
	return keys
}

func contains(keys [][]byte, key []byte) bool {
	return slices.ContainsFunc(keys, func(k []byte) bool { return bytes.Equal(k, key) })
}

// rebuildMatches makes SpaceByMatch anew. It starts over if it was interrupted: only the last transaction says that
// the index is complete.
func (s *Store) rebuildMatches(ctx context.Context, b *binding, done matchingRecord) error {
	for more := true; more; {
		if err := s.db.Update(ctx, func(w Writer) (err error) {
			more, err = clearSome(w, SpaceByMatch)
			return err
		}); err != nil {
			return err
		}
	}
	for from := []byte{}; from != nil; {
		if err := s.db.Update(ctx, func(w Writer) (err error) {
			from, err = b.indexSome(w, from)
			if err == nil && from == nil {
				done.Complete = true
				err = writeMeta(w, metaMatching, done)
			}
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

func clearSome(w Writer, space Space) (more bool, err error) {
	keys := make([][]byte, 0, batch)
	for key := range w.Scan(space, nil, nil) {
		if len(keys) == batch {
			more = true
			break
		}
		keys = append(keys, bytes.Clone(key))
	}
	for _, key := range keys {
		if err := w.Delete(space, key); err != nil {
			return false, err
		}
	}
	return more, nil
}

// indexSome writes the keys of some people and returns the key to go on from, nil after the last.
func (b *binding) indexSome(w Writer, from []byte) (next []byte, err error) {
	n := 0
	for key, record := range w.Scan(SpacePeople, from, nil) {
		if n++; n > batch {
			return bytes.Clone(key), nil
		}
		p, err := b.person(key, record)
		if err != nil {
			return nil, err
		}
		for _, k := range b.matchKeys(p) {
			if err := w.Put(SpaceByMatch, k, nil); err != nil {
				return nil, err
			}
		}
	}
	return nil, nil
}
