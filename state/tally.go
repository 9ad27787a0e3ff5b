package state

import "ringsync/connectors"

// tally is the one record of everything that is counted. A transaction reads it when it first needs it and writes it
// once, at its end.
type tally struct {
	Counts
	LastLog   uint64 `json:"lastLog"`
	LogBytes  uint64 `json:"logBytes"` // what the entries of the log take, less their keys
	LastCycle uint64 `json:"lastCycle"`
}

// counted returns the tally as this transaction sees it.
func (v *View) counted() *tally {
	if v.tally == nil {
		v.tally = new(tally)
		_, err := readMeta(v.r, metaCounters, v.tally)
		v.fail(err)
		v.stored = *v.tally
	}
	return v.tally
}

func (tx *Tx) writeCounters() error {
	if tx.tally == nil || *tx.tally == tx.stored {
		return nil
	}
	return writeMeta(tx.w, metaCounters, tx.tally)
}

// add counts p, nil for nobody, n times.
func (t *tally) add(p *Person, n int) {
	if p == nil {
		return
	}
	t.People += n
	if p.TargetID != "" {
		t.Linked += n
		if isActive(p) {
			t.Active += n
		}
	}
	if p.Class != ClassNone {
		t.Queued[p.Class] += n
	}
	if p.Escrowed {
		t.Escrowed += n
	}
	if p.Held != 0 {
		t.Held += n
	}
}

// isActive reports whether a linked person's account is active as far as is known: by what the target last showed, or
// else what it last acknowledged. A job that does not map active knows nothing; there, those in scope count.
func isActive(p *Person) bool {
	if a := p.Attribute("active"); a != nil {
		for _, known := range [...]connectors.Value{a.Answer, a.Sent} {
			if active, ok := known.AsBool(); ok {
				return active
			}
		}
	}
	return p.Scope == InScope
}
