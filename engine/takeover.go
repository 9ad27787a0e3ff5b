package engine

import (
	"context"

	"ringsync/connectors"
	"ringsync/state"
)

// TakeOver is told that another process was cut off while it worked on the job, and may have had requests on their way
// that it could not put down. Who they were for is in the outbox, due or to be tried again later, so whoever waits there
// becomes unsettled: the account of somebody who is linked is read again before anything is written to it, and whoever is
// not is looked for before they are created. It returns how many people that are.
func (j *Job) TakeOver(ctx context.Context) (people int, err error) {
	var waiting []string
	err = j.store.View(ctx, func(v *state.View) error {
		for e := range v.Outbox() {
			if e.Class != state.ClassHeld {
				waiting = append(waiting, e.ID)
			}
		}
		return nil
	})
	for len(waiting) > 0 && err == nil {
		batch := waiting[:min(batchSize, len(waiting))]
		waiting = waiting[len(batch):]
		err = j.store.Update(ctx, func(tx *state.Tx) error {
			for _, id := range batch {
				p, err := tx.Person(id)
				if err != nil {
					return err
				}
				if p == nil || p.Unsettled {
					continue
				}
				people++
				p.Unsettled = true
				if err := tx.PutPerson(p); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return people, err
}

// unseen reports whether it is not known what a linked person's account shows.
func unseen(p *state.Person) bool { return p.TargetID != "" && p.Unsettled }

// reread asks what the account of such a person shows.
func (j *Job) reread(ctx context.Context, target TargetReader, p *state.Person) error {
	account, err := target.Get(ctx, p.TargetID)
	if err != nil {
		return err
	}
	j.show(p, account)
	p.Unsettled = false
	return nil
}

// takeShown puts what an account showed when it was read on the way to a write into the record.
func takeShown(p, read *state.Person) {
	p.Unsettled, p.Tried = false, nil
	for _, a := range read.Attributes {
		if a.Answer.Kind() != connectors.Absent {
			b := p.Set(a.Name)
			b.Sent, b.Answer = a.Sent, a.Answer
		}
	}
}
