// Package notify owns what people are told about a job without asking: quarantine, held removals, missing licences,
// credentials that end, cycles that fail, a job that has gone stale, and that each of these is over. It compares how
// the job stands with what each recipient was told last, which is kept in the job's state, so that a restart repeats
// nothing. How the job stands is engine's to say.
//
// Each recipient is a channel of its own, with its own memory: one dead address or a webhook that is down holds up
// nobody else, is tried again at growing intervals, and hears then what is true by then. About one thing a channel gets
// at most six messages in 24 hours, reminders included, however often it changes.
//
// Caveats: a crash between sending a message and noting it down sends it once more; the id of a webhook's message is
// then the same. Names and errors come from outside: each becomes one line without control characters.
package notify
