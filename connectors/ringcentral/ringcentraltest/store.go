package ringcentraltest

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Ids and numbers are handed out in sequence, so that runs repeat exactly.
const (
	firstID        = 1_271_000_020
	idStep         = 1_000
	firstExtension = 101
	firstNumber    = 16_502_000_000 // +1 650 200 0000
)

// store holds the accounts and what finds them. A record's user is never changed in place but replaced, so readers
// may keep the pointer after the lock is gone. The caller holds the lock.
type store struct {
	shuffle bool
	next    int // how many users have been added
	byID    map[string]*record
	byName  map[string][]*record // folded user name
	byEmail map[string][]*record // folded work e-mail
	listed  []*record            // by rank
}

// record is one account in its place in lists.
type record struct {
	rank uint64
	user *User
}

func newStore(shuffle bool) *store {
	return &store{
		shuffle: shuffle,
		byID:    make(map[string]*record),
		byName:  make(map[string][]*record),
		byEmail: make(map[string][]*record),
	}
}

// add stores u and returns it with its id. An id that u brings is kept if it is free.
func (s *store) add(u User) *User {
	if _, taken := s.byID[u.ID]; taken || u.ID == "" {
		u.ID = s.freeID()
	}
	r := &record{rank: s.rank(), user: &u}
	s.next++
	s.byID[u.ID] = r
	s.index(r)
	at, _ := slices.BinarySearchFunc(s.listed, r.rank, byRank)
	s.listed = slices.Insert(s.listed, at, r)
	return r.user
}

// replace puts u in the place of the record's user, whose id it keeps.
func (s *store) replace(r *record, u User) {
	s.unindex(r)
	u.ID = r.user.ID
	r.user = &u
	s.index(r)
}

func (s *store) remove(r *record) {
	s.unindex(r)
	delete(s.byID, r.user.ID)
	if at, found := slices.BinarySearchFunc(s.listed, r.rank, byRank); found {
		s.listed = slices.Delete(s.listed, at, at+1)
	}
}

// holders returns the records that use the mail as user name or e-mail, each once, in the order of their ids.
func (s *store) holders(mail string) []*record {
	mail = fold(mail)
	holders := slices.Clone(s.byName[mail])
	for _, r := range s.byEmail[mail] {
		if !slices.Contains(holders, r) {
			holders = append(holders, r)
		}
	}
	slices.SortFunc(holders, func(a, b *record) int { return compareIDs(a.user.ID, b.user.ID) })
	return holders
}

// taken reports whether an account other than r uses the mail.
func (s *store) taken(mail string, r *record) bool {
	return slices.ContainsFunc(s.holders(mail), func(holder *record) bool { return holder != r })
}

// assign gives u the numbers that RingCentral chooses for the account added next: a line of its own and an extension.
func (s *store) assign(u *User) {
	if u.Phone("work") == "" {
		u.setPhone("work", "+"+strconv.Itoa(firstNumber+s.next))
	}
	if u.Phone("other") == "" {
		u.setPhone("other", strconv.Itoa(firstExtension+s.next))
	}
}

func (s *store) freeID() string {
	for n := s.next; ; n++ {
		id := strconv.Itoa(firstID + n*idStep)
		if _, taken := s.byID[id]; !taken {
			return id
		}
	}
}

// rank is the place in lists of the account added next: behind all others or, shuffled, anywhere, but the same for
// good. The multiplier is odd, so no two accounts share a rank.
func (s *store) rank() uint64 {
	if s.shuffle {
		return uint64(s.next) * 0x9e3779b97f4a7c15
	}
	return uint64(s.next)
}

func (s *store) index(r *record) {
	addTo(s.byName, fold(r.user.UserName), r)
	addTo(s.byEmail, fold(r.user.Email), r)
}

func (s *store) unindex(r *record) {
	dropFrom(s.byName, fold(r.user.UserName), r)
	dropFrom(s.byEmail, fold(r.user.Email), r)
}

func addTo(index map[string][]*record, key string, r *record) {
	if key != "" {
		index[key] = append(index[key], r)
	}
}

func dropFrom(index map[string][]*record, key string, r *record) {
	rest := slices.DeleteFunc(index[key], func(other *record) bool { return other == r })
	if len(rest) == 0 {
		delete(index, key)
		return
	}
	index[key] = rest
}

func byRank(r *record, rank uint64) int { return cmp.Compare(r.rank, rank) }

// compareIDs orders decimal ids by number.
func compareIDs(a, b string) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}
