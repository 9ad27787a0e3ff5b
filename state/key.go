package state

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"ringsync/connectors"
)

// Keys are made of parts of which none begins another, so that parts can follow one another and a whole number of
// parts is a range of keys. The order of the keys is the order of what they say.

// What a part of text begins with.
const (
	tagGUID = 1 // 16 bytes follow
	tagText = 2 // the text, NUL as 00 FF, then 00 01
	tagHash = 3 // SHA-256 of a text too long for a key
)

const (
	maxID        = 256 // bytes in an id
	maxMatchText = 256 // bytes in a folded matching value before its hash stands for it
)

// checkID returns why id cannot be stored, nil if it can.
func checkID(id string) error {
	switch {
	case id == "":
		return errors.New("an id must not be empty")
	case len(id) > maxID:
		return fmt.Errorf("the id %s… is longer than %d bytes", strings.ToValidUTF8(id[:32], "\uFFFD"), maxID)
	}
	return nil
}

func idKey(id string) []byte { return appendID(make([]byte, 0, 20), id) }

// appendID appends an id. A GUID in its usual lower-case form takes 17 bytes.
func appendID(b []byte, id string) []byte {
	if guid, ok := connectors.ParseGUID(id); ok {
		return append(append(b, tagGUID), guid[:]...)
	}
	return appendText(b, id)
}

func appendText(b []byte, text string) []byte {
	b = append(b, tagText)
	for i := range len(text) {
		b = append(b, text[i])
		if text[i] == 0 {
			b = append(b, 0xFF)
		}
	}
	return append(b, 0, 1)
}

var errKey = errors.New("the key is malformed")

// cutID returns the id that key begins with, and the rest of the key.
func cutID(key []byte) (id string, rest []byte, err error) {
	switch {
	case len(key) >= 17 && key[0] == tagGUID:
		return connectors.GUID(key[1:17]).String(), key[17:], nil
	case len(key) > 0 && key[0] == tagText:
		text, rest, ok := bytes.Cut(key[1:], []byte{0, 1})
		if ok {
			return string(bytes.ReplaceAll(text, []byte{0, 0xFF}, []byte{0})), rest, nil
		}
	}
	return "", nil, errKey
}

// wholeID returns the id that is all of key.
func wholeID(key []byte) (string, error) {
	id, rest, err := cutID(key)
	if err == nil && len(rest) > 0 {
		err = errKey
	}
	return id, err
}

// appendTime appends a moment, to the millisecond.
func appendTime(b []byte, t time.Time) []byte {
	return binary.BigEndian.AppendUint64(b, uint64(t.UnixMilli())^1<<63)
}

func cutTime(key []byte) (time.Time, []byte, error) {
	if len(key) < 8 {
		return time.Time{}, nil, errKey
	}
	return time.UnixMilli(int64(binary.BigEndian.Uint64(key) ^ 1<<63)).UTC(), key[8:], nil
}

func numberKey(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func outboxKey(class Class, due time.Time, id string) []byte {
	return appendID(appendTime(append(make([]byte, 0, 28), byte(class)), due), id)
}

func parseOutboxKey(key []byte) (Entry, error) {
	if len(key) == 0 || Class(key[0]) > ClassHeld {
		return Entry{}, errKey
	}
	due, rest, err := cutTime(key[1:])
	if err != nil {
		return Entry{}, err
	}
	id, err := wholeID(rest)
	return Entry{Class: Class(key[0]), Due: due, ID: id}, err
}

// appendMatch appends what all people with that value of the matching attribute have in common.
func appendMatch(b []byte, attribute uint64, folded string) []byte {
	b = binary.AppendUvarint(b, attribute)
	if len(folded) > maxMatchText {
		sum := sha256.Sum256([]byte(folded))
		return append(append(b, tagHash), sum[:]...)
	}
	return appendText(b, folded)
}

// after returns the key behind all keys with the prefix, nil if there is none.
func after(prefix []byte) []byte {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] != 0xFF {
			next := bytes.Clone(prefix[:i+1])
			next[i]++
			return next
		}
	}
	return nil
}

// MatchKey returns the form in which the values of a matching attribute are compared: two are the same if their keys
// are, which is the case when strings.EqualFold says so.
func MatchKey(attribute, value string) string { return attribute + "\x00" + fold(value) }

// fold maps all texts that strings.EqualFold takes for the same to one of them.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for next := unicode.SimpleFold(r); next != r && r > unicode.MaxASCII; next = unicode.SimpleFold(next) {
			least = min(least, next)
		}
		if 'A' <= least && least <= 'Z' {
			return least + 'a' - 'A'
		}
		return least
	}, s)
}
