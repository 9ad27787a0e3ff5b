package configs

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// Timing says when cycles start: every so often, or at the times of a cron expression. Exactly one is set.
type Timing struct {
	Every time.Duration // at least a second
	At    cron.Schedule
}

// ParseTiming reads a duration (40m, 1h30m) or a cron expression of five fields or a word such as @daily, in UTC unless
// it begins with TZ=Area/City.
func ParseTiming(text string) (Timing, error) {
	text = strings.TrimSpace(text)
	if every, err := time.ParseDuration(text); err == nil {
		if every < time.Second {
			return Timing{}, fmt.Errorf("%s is too short; the shortest interval is 1s", text)
		}
		return Timing{Every: every}, nil
	}
	if !strings.Contains(text, " ") && !strings.HasPrefix(text, "@") {
		return Timing{}, fmt.Errorf("%q is neither a duration (40m) nor a cron expression (0 3 * * 0)", text)
	}
	spec := text
	if !strings.HasPrefix(spec, "TZ=") && !strings.HasPrefix(spec, "CRON_TZ=") {
		spec = "TZ=UTC " + spec
	}
	if _, fields, ok := strings.Cut(spec, " "); !ok || strings.TrimSpace(fields) == "" {
		return Timing{}, fmt.Errorf("%q has a time zone and no times", text) // cron's parser would panic
	}
	at, err := cron.ParseStandard(spec)
	if err != nil {
		return Timing{}, fmt.Errorf("cron expression %q: %w", text, errors.New(oneLine(err)))
	}
	// Any moment will do: cron looks five years ahead, and a leap day is never further off than that here.
	if at.Next(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return Timing{}, fmt.Errorf("cron expression %q names a time that never comes", text)
	}
	return Timing{At: at}, nil
}
