package notify

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"ringsync/engine"
)

// text is what a condition says to people.
type text struct {
	headline string   // of the subject: no word in it comes from outside but the configuration's
	over     string   // the headline once it is over
	details  []string // a line each
	commands []Command
	// people: the message names those who are concerned.
	people bool
}

// Command is something to run, without program and configuration in front.
type Command struct {
	Run string `json:"run"`
	For string `json:"for"` // what it does
}

var (
	runStatus = Command{"status", "shows how the job stands"}
	runCheck  = Command{"check", "tries both connections and says what is missing"}
)

func quarantineText(s engine.Status, now time.Time) text {
	q := s.Quarantine
	t := text{over: "out of quarantine", commands: []Command{runStatus}}
	switch q.Reason {
	case "source":
		t.headline = "in quarantine: Microsoft Entra ID refuses ringsync"
		t.details = []string{"No changes are read. What was found before still goes out."}
		t.commands = append(t.commands, runCheck)
	case "target":
		t.headline = "in quarantine: RingCentral refuses ringsync"
		t.details = []string{"Nothing is written, leavers included."}
		t.commands = append(t.commands, runCheck)
	default:
		t.headline = "in quarantine: too many people fail"
		t.details = []string{"Only removals are written."}
		t.commands = append(t.commands, Command{"log", "shows who failed and why"})
	}
	t.details = append([]string{"Error: " + line(q.Error)}, t.details...)
	restart := Command{"restart --reset quarantine", "starts the job again, once the cause is gone"}
	switch {
	case q.Next.IsZero():
		t.headline = "switched off after four weeks of quarantine"
		t.details = append(t.details, "Nothing is tried any more until somebody starts it again.")
	case q.Ends().Sub(now) <= quarantineLate:
		t.headline = "about to be switched off: in quarantine for four weeks"
		t.details = append(t.details, "After "+stamp(q.Ends())+" nothing is tried any more until somebody starts it again.")
	default:
		t.details = append(t.details, "It is tried again "+stamp(q.Next)+", and after "+stamp(q.Ends())+" no more.")
	}
	t.commands = append(t.commands, restart)
	return t
}

func storageText(s engine.Status) text {
	return text{headline: "its state cannot be written: the disk may be full", over: "its state can be written again",
		details: []string{"Error: " + line(s.Unwritable.Error),
			"Nothing is read or sent, leavers included, since nothing could be written down. It goes on by itself, where it stood, once its state can be written."},
		commands: []Command{runStatus}}
}

func logFileText(u *engine.Unwritable) text {
	return text{headline: "the file of its provisioning log cannot be written", over: "the file of its provisioning log is whole again",
		details:  []string{"Error: " + line(u.Error), "The log itself is whole, and provisioning goes on. What is missing in the file follows once it can be written."},
		commands: []Command{{"log", "shows the log itself"}}}
}

func heldText(s engine.Status) text {
	t := text{over: "no removals wait for approval any more", people: true}
	people := 0
	for _, l := range s.Held {
		people += l.People
		t.details = append(t.details, fmt.Sprintf("List %d: %s, since %s.", l.Number, count(l.People, "removal"), stamp(l.Since)))
	}
	t.headline = count(people, "removal") + " held for approval"
	t.details = append(t.details, "More accounts were to be disabled, deleted or renamed than safety.removals lets pass. Nothing happens to them until somebody approves; everything else goes on.")
	t.commands = []Command{{"outbox --held", "shows them all"}}
	for _, l := range s.Held {
		t.commands = append(t.commands, Command{fmt.Sprintf("approve %d", l.Number), fmt.Sprintf("lets list %d go", l.Number)})
	}
	return t
}

func capacityText(s engine.Status) text {
	return text{headline: count(s.Waiting, "new account") + " waiting for a RingCentral licence", over: "no new account waits for a licence any more", people: true,
		details:  []string{"RingCentral has no free licence. Everything else goes on, and the accounts are made by themselves once there are licences: buy some, or unassign extensions."},
		commands: []Command{{"outbox", "shows who waits"}, runCheck}}
}

func credentialText(e Expiry, left time.Duration) text {
	day := e.Ends.UTC().Format(time.DateOnly)
	t := text{headline: e.Name + " ends on " + day, over: e.Name + " has been renewed",
		details:  []string{"Without it the job stops. Make a new one, and put it where the configuration takes it from. A file is taken over by itself; what comes from the environment, or by systemd's LoadCredential, takes a restart."},
		commands: []Command{runCheck}}
	if left <= 0 {
		t.headline = e.Name + " ended on " + day
	}
	return t
}

func cycleText(s engine.Status) text {
	t := text{headline: "a cycle failed", over: "cycles succeed again", commands: []Command{runStatus, runCheck}}
	if c := s.LastCycle; c != nil {
		t.details = []string{fmt.Sprintf("The %s cycle of %s failed: %s", c.Kind, stamp(c.Started), line(c.Error))}
	}
	if s.NextCycle != nil {
		t.details = append(t.details, "The next one begins "+stamp(*s.NextCycle)+".")
	}
	return t
}

func staleText(s engine.Status, served time.Time) text {
	t := text{headline: "no cycle has succeeded since the daemon was started", over: "a cycle has succeeded again",
		commands: []Command{runStatus, runCheck}}
	if c := s.LastGood; c != nil {
		t.headline = "no cycle has succeeded since " + stamp(c.Started)
	} else {
		t.details = append(t.details, "It was started "+stamp(served)+".")
	}
	t.details = append(t.details, "What has changed since in the directory has not reached RingCentral, leavers included.")
	if s.Paused != nil {
		t.details = append(t.details, "Somebody paused the job "+stamp(*s.Paused)+".")
		t.commands = append(t.commands, Command{"resume", "continues after the pause"})
	}
	if c := s.LastCycle; c != nil && c.Error != "" {
		t.details = append(t.details, fmt.Sprintf("The last one failed %s: %s", stamp(c.Ended), line(c.Error)))
	}
	return t
}

// stamp is a time as people are shown it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// longest is how much of a text from outside is told.
const longest = 500

// line makes one line of a text from outside: what could end a line, hide a part of it or turn its direction is a blank
// or gone.
func line(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r) || unicode.IsControl(r) || r == '\u2028' || r == '\u2029':
			return ' '
		case unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	s = strings.Join(strings.Fields(s), " ")
	if len(s) <= longest {
		return s
	}
	cut := longest
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}
