package engine

import (
	"hash/maphash"
	"iter"
	"slices"
	"strings"

	"ringsync/connectors"
	"ringsync/state"
)

// strangers are the accounts that nobody is linked to, as the target's list showed them. When a job moves in there may be
// a million of them, so they are packed, as people are in the state, and found by hashes; what a hash finds is compared.
// Once the list has been read they are only read, by many.
type strangers struct {
	job  *Job
	seed maphash.Seed
	ids  *connectors.Hashes
	rows connectors.Numbered[packedAccount]
	n    int32
	// finds leads from the hash of a key to its last find, by number and one, and each to the one before.
	last  map[uint64]int32
	finds connectors.Numbered[find]
	found int32
}

type packedAccount struct {
	id     string
	record []byte
	plain  *connectors.Resource // one that cannot be packed, nil for the others
}

type find struct{ row, before int32 }

func newStrangers(j *Job) *strangers {
	return &strangers{job: j, seed: maphash.MakeSeed(), ids: connectors.NewHashes(), last: map[uint64]int32{}}
}

// has reports whether the account is one of them.
func (s *strangers) has(id string) bool { return s != nil && s.ids.Has(id) }

// What accounts are found by, beside matching values, which have an attribute before the first NUL.
func markKey(mark string) string { return "\x00mark\x00" + connectors.FoldID(mark) }
func idKey(id string) string     { return "\x00id\x00" + id }

// add keeps an account as the list shows it.
func (s *strangers) add(r connectors.Resource) {
	keys := make([]string, 0, 4)
	if r.ExternalID != "" {
		keys = append(keys, markKey(r.ExternalID))
	}
	for _, slot := range s.job.Policy.Matching {
		if value := r.Values[slot]; !value.IsEmpty() {
			keys = append(keys, state.MatchKey(s.job.target.Names()[slot], value.Text()))
		}
	}
	s.keep(r, keys...)
}

// keep keeps an account that is to be found by these keys.
func (s *strangers) keep(r connectors.Resource, keys ...string) {
	*s.rows.At(s.n) = s.pack(r)
	s.ids.Add(r.ID)
	for _, key := range keys {
		hash := maphash.String(s.seed, key)
		*s.finds.At(s.found) = find{s.n, s.last[hash]}
		s.found++
		s.last[hash] = s.found
	}
	s.n++
}

// someID is what the record of an account says it is of: no account has an id that is too long for it.
const someID = "account"

func (s *strangers) pack(r connectors.Resource) packedAccount {
	p := state.Person{ID: someID, UserPrincipalName: r.UserName, DisplayName: r.ExternalID, Ours: r.Active}
	for slot, v := range r.Values {
		if v.Kind() != connectors.Absent {
			p.Attributes = append(p.Attributes, state.Attribute{Name: s.job.target.Names()[slot], Answer: v})
		}
	}
	record, err := s.job.store.Pack(&p)
	packed := packedAccount{id: strings.Clone(r.ID), record: record}
	if err == nil {
		_, err = s.unpack(packed) // now, and not when a create is about to meet it
	}
	if err != nil { // a value nested beyond all sense, say
		return packedAccount{plain: &r}
	}
	return packed
}

// row returns an account by its number.
func (s *strangers) row(n int32) connectors.Resource {
	packed := s.rows.Get(n)
	if packed.plain != nil {
		return *packed.plain
	}
	r, _ := s.unpack(packed) // pack has seen to it that there is no error
	return r
}

func (s *strangers) unpack(packed packedAccount) (r connectors.Resource, err error) {
	var p state.Person
	if err := s.job.store.Unpack(&p, someID, packed.record); err != nil {
		return r, err
	}
	r = connectors.Resource{ID: packed.id, UserName: p.UserPrincipalName, ExternalID: p.DisplayName, Active: p.Ours}
	r.Values = make([]connectors.Value, s.job.target.Len())
	for _, a := range p.Attributes {
		if slot, ok := s.job.target.Index(a.Name); ok {
			r.Values[slot] = a.Answer
		}
	}
	return r, nil
}

// look returns the accounts that were indexed by the key, in the order of the list, and the number of the first.
func (s *strangers) look(key string, is func(connectors.Resource) bool) (rows []connectors.Resource, first int32) {
	for n := s.last[maphash.String(s.seed, key)]; n != 0; {
		at := s.finds.Get(n - 1)
		n = at.before
		if r := s.row(at.row); is(r) {
			rows, first = append(rows, r), at.row
		}
	}
	slices.Reverse(rows)
	return rows, first
}

// matching returns those whose matching attribute has the value.
func (s *strangers) matching(attribute, value string) []connectors.Resource {
	slot, ok := s.job.target.Index(attribute)
	if !ok {
		return nil
	}
	key := state.MatchKey(attribute, value)
	rows, _ := s.look(key, func(r connectors.Resource) bool { return state.MatchKey(attribute, r.Values[slot].Text()) == key })
	return rows
}

// marked returns those that carry the externalId.
func (s *strangers) marked(mark string) []connectors.Resource {
	rows, _ := s.lookMarked(mark)
	return rows
}

func (s *strangers) lookMarked(mark string) (rows []connectors.Resource, first int32) {
	if mark = connectors.FoldID(mark); mark == "" {
		return nil, 0
	}
	return s.look(markKey(mark), func(r connectors.Resource) bool { return connectors.FoldID(r.ExternalID) == mark })
}

// marks yields every externalId once, folded, with the first account that carries it.
func (s *strangers) marks() iter.Seq2[string, connectors.Resource] {
	return func(yield func(string, connectors.Resource) bool) {
		for n := range s.n {
			r := s.row(n)
			mark := connectors.FoldID(r.ExternalID)
			if _, first := s.lookMarked(mark); mark != "" && first == n && !yield(mark, r) {
				return
			}
		}
	}
}
