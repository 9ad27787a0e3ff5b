package engine

import (
	"fmt"
	"time"
)

// Two clocks. Now is the one on this machine's wall: it says when the next cycle begins, how long somebody has been in
// quarantine, what people are shown. Whoever sets it changes the schedule, which does no harm.
//
// clock dates what is forgotten, counted or decided by its age: removals (safety rule S3), the provisioning log, what
// mappings and filters take for today, writes beside listings. It is the wall's as long as that agrees with the directory's,
// and else the directory's, which nobody sets together with this machine's. Between two answers of the directory it goes
// by the monotonic clock, so a wall clock that jumps is noticed at once.

// Timed is a Source that tells what time it is at the service; known is false before that was heard.
type Timed interface {
	Time() (now time.Time, known bool)
}

// clockTolerance is how far the two clocks may be apart and still agree: far more than answers are on their way, far less
// than anything that is judged by its age.
const clockTolerance = 5 * time.Minute

// clock returns what time it is.
func (j *Job) clock() time.Time {
	wall := j.Now()
	if now, known := j.directoryTime(); known && wall.Sub(now).Abs() > clockTolerance {
		return now
	}
	return wall
}

// directoryTime returns what time it is in the directory; false if that is not known.
func (j *Job) directoryTime() (now time.Time, known bool) {
	if t, ok := j.source.(Timed); ok {
		return t.Time()
	}
	return now, false
}

// certain reports whether clock can be relied on to throw something away: the directory has confirmed it, or cannot.
func (j *Job) certain() bool {
	_, timed := j.source.(Timed)
	_, known := j.directoryTime()
	return known || !timed
}

// clockWarning says that this machine's clock is wrong; "" if it is not, or nobody knows.
func (j *Job) clockWarning() string {
	wall := j.Now()
	now, known := j.directoryTime()
	ahead := wall.Sub(now).Round(time.Second)
	if !known || ahead.Abs() <= clockTolerance {
		return ""
	}
	where := "ahead of"
	if ahead < 0 {
		where = "behind"
	}
	return fmt.Sprintf("this machine's clock is %s %s the directory's: set it right (NTP). Until then the directory's says how old removals, log entries and dates are", ahead.Abs(), where)
}
