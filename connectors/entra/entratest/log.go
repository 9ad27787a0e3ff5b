package entratest

import (
	"slices"
	"sort"
)

// change is one entry of the directory's history, which deltas are read from. It says what was touched, not what it
// became: deltas show the state at the time they are read.
type change struct {
	subject *object
	member  *object  // who joined or left the group subject; nil if subject's own properties changed
	props   []string // the properties that changed; nil: the whole object came, went or came back
	next    int      // the next entry for the same subject and member, 0 if there is none
	deltas  int64    // delta requests served before it
}

type changeKey struct{ subject, member *object }

// record appends to the history.
func (d *Directory) record(subject, member *object, props []string) {
	key := changeKey{subject, member}
	i := len(d.log)
	if before, ok := d.last[key]; ok {
		d.log[before].next = i
	}
	d.last[key] = i
	d.log = append(d.log, change{subject: subject, member: member, props: props, deltas: d.deltas.Load()})
}

// horizon returns how much of the history deltas may show to the request being served.
func (d *Directory) horizon() int {
	if d.options.Lag <= 0 {
		return len(d.log)
	}
	served := d.deltas.Load()
	return sort.Search(len(d.log), func(i int) bool { return served <= d.log[i].deltas+int64(d.options.Lag) })
}

// concerns reports whether a delta that tracks these properties shows the change. A change of one directory extension
// concerns whoever tracks any.
func (c *change) concerns(tracked []string) bool {
	if c.props == nil {
		return true
	}
	for _, p := range c.props {
		if slices.Contains(tracked, p) || isExtension(p) && slices.ContainsFunc(tracked, isExtension) {
			return true
		}
	}
	return false
}
