package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ringsync/state"
)

// metaRefused is where refusals are kept, by number of the held list.
const metaRefused = "refused"

// Refusal says who decided that the removals of a held list shall not go out.
type Refusal struct {
	At time.Time `json:"at"`
	By string    `json:"by,omitempty"`
}

// Refuse decides against the removals of a held list, and returns how many people are on it: their accounts stay as they
// are, and nobody is reminded of the list any more. Who comes back in the directory leaves the list as before, and it may
// still be approved.
func (j *Job) Refuse(ctx context.Context, list uint32) (people int, err error) {
	s, err := j.Status(ctx)
	if err != nil {
		return 0, err
	}
	lists := map[uint32]bool{}
	for _, l := range s.Held {
		lists[l.Number] = true
		if l.Number == list {
			people = l.People
		}
	}
	if people == 0 {
		return 0, noHeldList(list)
	}
	defer j.touch()
	return people, j.store.Update(ctx, func(tx *state.Tx) error {
		refused := map[uint32]Refusal{}
		if _, err := tx.Get(metaRefused, &refused); err != nil {
			return err
		}
		if _, already := refused[list]; already {
			return nil
		}
		for number := range refused {
			if !lists[number] {
				delete(refused, number)
			}
		}
		refused[list] = Refusal{At: j.clock(), By: actor(ctx)}
		return errors.Join(tx.Set(metaRefused, refused),
			j.record(ctx, tx, "refused", map[string]string{"list": fmt.Sprint(list), "people": fmt.Sprint(people)}))
	})
}

func noHeldList(list uint32) error {
	return fmt.Errorf("there is no held list %d; ringsync outbox --held shows those there are", list)
}
