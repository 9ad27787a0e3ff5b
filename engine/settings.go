package engine

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"
	"slices"

	"ringsync/connectors"
	"ringsync/state"
)

// Setting is the value of one configuration key.
type Setting struct {
	Value  string `json:"value"`
	Secret bool   `json:"secret,omitempty"`
}

// settingsRecord is the configuration that the job last worked with. Of a secret there are two bytes of a keyed hash:
// enough to see that it has changed, too little to find it by trying.
type settingsRecord struct {
	Key      []byte             `json:"key"`
	Settings map[string]Setting `json:"settings"`
}

const metaSettings = "settings"

// secretShown stands for a secret in the log.
const secretShown = "[redacted]"

// Configured notes in the provisioning log what has changed in the configuration since the job last worked with one, by
// key. The first configuration is only remembered.
func (j *Job) Configured(ctx context.Context, settings map[string]Setting) error {
	var before settingsRecord
	known := false
	err := j.store.View(ctx, func(v *state.View) (err error) { known, err = v.Get(metaSettings, &before); return err })
	if err != nil {
		return err
	}
	now := settingsRecord{Key: before.Key, Settings: maps.Clone(settings)}
	if !known {
		now.Key = make([]byte, 16)
		_, _ = rand.Read(now.Key) // it never fails
	}
	for key, s := range now.Settings {
		if s.Secret && s.Value != "" {
			h := hmac.New(sha256.New, now.Key)
			h.Write([]byte(key + "\x00" + s.Value))
			s.Value = hex.EncodeToString(h.Sum(nil)[:2])
			now.Settings[key] = s
		}
	}
	if known && maps.Equal(before.Settings, now.Settings) {
		return nil
	}
	defer j.logged()
	return j.store.Update(ctx, func(tx *state.Tx) error {
		err := tx.Set(metaSettings, now)
		if !known {
			return err
		}
		return errors.Join(err, j.recordChange(ctx, tx, "configuration changed", settingChanges(before.Settings, now.Settings)))
	})
}

// settingChanges lists the keys whose values differ, in their order.
func settingChanges(before, now map[string]Setting) (changes []state.Modified) {
	keys := maps.Clone(before)
	maps.Copy(keys, now)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if was, is := before[key], now[key]; was != is {
			changes = append(changes, state.Modified{Name: key, Old: was.shown(), New: is.shown()})
		}
	}
	return changes
}

func (s Setting) shown() connectors.Value {
	switch {
	case s.Value == "":
		return connectors.NullValue()
	case s.Secret:
		return connectors.StringValue(secretShown)
	}
	return connectors.StringValue(s.Value)
}

// Reloaded notes what a new configuration changes, as Configured does, and gives a job in quarantine another chance:
// whoever changes the configuration, or has it read again, says that what was wrong is mended.
func (j *Job) Reloaded(ctx context.Context, settings map[string]Setting) error {
	if err := j.Configured(ctx, settings); err != nil {
		return err
	}
	return j.Retry(ctx)
}

// Retry has a job in quarantine try at once, with all its patience before it, which lifts the quarantine if it goes well.
// Until then nobody is told that it is over.
func (j *Job) Retry(ctx context.Context) error {
	var q *Quarantine
	err := j.store.View(ctx, func(v *state.View) (err error) { q, err = quarantine(v); return err })
	if q == nil || err != nil {
		return err
	}
	defer j.touch()
	if q.Next.IsZero() { // given up: it begins anew
		q.Since = j.Now()
	}
	q.Next, q.Tries = j.Now(), 0
	return j.store.Update(ctx, func(tx *state.Tx) error {
		return errors.Join(tx.Set(metaQuarantine, q), j.record(ctx, tx, "reloaded in quarantine: tried again at once", map[string]string{"quarantine": q.Reason}))
	})
}

// codeRefused is the log's code for a configuration that was not taken. Entra has no name for it.
const codeRefused = "ConfigurationRefused"

// Refused notes that a new configuration was not taken, and why.
func (j *Job) Refused(ctx context.Context, why string) error {
	defer j.logged()
	return j.store.Update(ctx, func(tx *state.Tx) error {
		e := j.done(ctx, "configuration refused", nil)
		e.Reason += ": " + why
		e.Status, e.Code, e.Category = "failure", codeRefused, "nonServiceFailure"
		e.Remedy = "Mend the file: ringsync config validate tells all that is wrong with it. The job goes on with the configuration that it has."
		e.Steps[0].Status = "failure"
		return tx.AppendLog(e)
	})
}
