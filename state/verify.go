package state

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
)

// Verify compares what is stored with what was counted while it was written: how many people, links and entries of the
// outbox there are, and that the log has no gap. The error is a *DamagedError if something is missing. It looks at keys
// only, and so takes as long as the store takes to list them. Ask before anything is built on the records: whoever is
// missing would be taken for new, and a leaver who is missing would be forgotten.
func (s *Store) Verify(ctx context.Context) error {
	return s.View(ctx, func(v *View) error {
		t := v.counted()
		queued := 0
		for _, n := range t.Queued {
			queued += n
		}
		for _, part := range [...]struct {
			space   Space
			what    string
			counted int
		}{
			{SpacePeople, "people", t.People},
			{SpaceByTarget, "links", t.Linked},
			{SpaceOutbox, "entries of the outbox", queued},
		} {
			n := 0
			for range v.scan(part.space, nil, nil) {
				n++
			}
			if n != part.counted {
				return &DamagedError{What: "the state", Err: fmt.Errorf("it has %d %s, and had %d when it was last written", n, part.what, part.counted)}
			}
		}
		return verifyLog(v, t.LastLog)
	})
}

// verifyLog reports a gap in the log. Its beginning may be missing, which is dropped with time.
func verifyLog(v *View, end uint64) error {
	gap := &DamagedError{What: "the provisioning log", Err: errors.New("entries are missing")}
	var last uint64
	for key := range v.scan(SpaceLog, nil, nil) {
		if len(key) != 8 {
			return damagedKey(SpaceLog, key, errKey)
		}
		number := binary.BigEndian.Uint64(key)
		if last != 0 && number != last+1 {
			return gap
		}
		last = number
	}
	if last != 0 && last != end {
		return gap
	}
	return nil
}
