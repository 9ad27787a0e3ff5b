package engine

import (
	"context"
	"slices"

	"ringsync/connectors"
	"ringsync/state"
)

// recover takes care of what a process that was cut off has left behind. It comes before anything is decided.
func (j *Job) recover(ctx context.Context) error {
	if err := j.recoverDirect(ctx); err != nil {
		return err
	}
	return j.takeOver(ctx)
}

// setSending notes whether requests may be on their way whose outcome the state does not know.
func (j *Job) setSending(ctx context.Context, on bool) error {
	return j.store.Update(ctx, func(tx *state.Tx) error {
		if !on {
			return tx.Set(metaSending, nil)
		}
		return tx.Set(metaSending, true)
	})
}

// takeOver finds out whether a process was cut off while it sent. Whom its last requests were for is in the outbox, due
// or to be tried again later (but for somebody whose change was taken back in the moment in which it was on its way, whom
// the next full cycle sees), so whoever waits there and has an account becomes unsettled: the account is read again before
// anything is written to it, even if by then nothing seems to be left to write. Who has none needs no mark: before an
// account is made it is looked for anyway.
func (j *Job) takeOver(ctx context.Context) error {
	var sending bool
	var waiting []string
	err := j.store.View(ctx, func(v *state.View) error {
		if _, err := v.Get(metaSending, &sending); err != nil || !sending {
			return err
		}
		for e := range v.Outbox() {
			if e.Class != state.ClassHeld {
				waiting = append(waiting, e.ID)
			}
		}
		return nil
	})
	if err != nil || !sending {
		return err
	}
	people := 0
	for batch := range slices.Chunk(waiting, batchSize) {
		err := j.store.Update(ctx, func(tx *state.Tx) error {
			for _, id := range batch {
				p, err := tx.Person(id)
				if err != nil {
					return err
				}
				if p == nil || p.TargetID == "" || p.Unsettled {
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
		if err != nil {
			return err
		}
	}
	j.Logger.Info("the last run was cut off while it sent", "job", j.Name, "accounts to read again", people)
	return j.setSending(ctx, false)
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
