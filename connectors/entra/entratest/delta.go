package entratest

import (
	"net/http"
	"strings"

	"ringsync/connectors"
)

// What a delta page holds at most: figures that users report, not promises.
const (
	deltaObjects = 200
	deltaMembers = 500
	// mostFilteredIDs is the documented limit on `id eq` clauses in a delta filter.
	mostFilteredIDs = 50
	// replayed is how many changes of the round before ReplayDelta shows again.
	replayed = 5
)

// deltaQuery is what the query options of a chain's first request asked for. The chain's tokens stand for it.
type deltaQuery struct {
	resource       string // "users"
	kind           kind
	link           string // the path that the client used, "/users/delta" or "/users/delta()"
	sel, filter    string // as given
	fields         []string
	members        bool      // members is among the selected: memberships are tracked
	objects        []*object // those filtered by id; nil for all
	only           map[*object]bool
	contextOptions string // "users(displayName)" on the first page
}

// restart is a URL that begins the chain anew, as a 410 gives it in Location: its $deltatoken is empty.
func (q *deltaQuery) restart(c *call) string {
	url := c.base + q.link + "?"
	if q.sel != "" {
		url += "$select=" + escape(q.sel) + "&"
	}
	if q.filter != "" {
		url += "$filter=" + escape(q.filter) + "&"
	}
	return url + "$deltatoken="
}

// wants reports whether the chain follows o.
func (q *deltaQuery) wants(o *object) bool { return o.kind == q.kind && (q.only == nil || q.only[o]) }

// delta serves /users/delta and /groups/delta.
func (d *Directory) delta(c *call, k kind) (answer, *failure) {
	d.deltas.Add(1)
	if f := c.allow("$select", "$filter", "$skiptoken", "$deltatoken"); f != nil {
		return answer{}, f
	}
	skip, stored := c.query.Get("$skiptoken"), c.query.Get("$deltatoken")
	resumed := c.query.Has("$skiptoken") || stored != "" && stored != "latest"
	switch {
	case c.query.Has("$skiptoken") && c.query.Has("$deltatoken"):
		return answer{}, badRequest("Both skiptoken and deltatoken can't be in the same request.")
	case resumed && (c.query.Has("$select") || c.query.Has("$filter")):
		return answer{}, unsupported("Query options are encoded in the token and can't be given with it.")
	case c.query.Has("$skiptoken"):
		t, q, f := d.openDelta(c, skip, entities[k].set, pageTokenLife)
		if f != nil {
			return answer{}, f
		}
		return d.deltaPage(c, q, t), nil
	case resumed:
		t, q, f := d.openDelta(c, stored, entities[k].set, deltaTokenLife)
		if f != nil {
			return answer{}, f
		}
		t.from, t.pos, t.to, t.first, t.blank = t.to, min(t.to, len(d.log)), d.horizon(), false, false
		if d.options.ReplayDelta {
			t.pos = max(0, t.pos-replayed)
		}
		return d.deltaPage(c, q, t), nil
	}
	q, f := d.parseDelta(c, k)
	if f != nil {
		return answer{}, f
	}
	t := token{chain: d.chain(q), first: true, to: d.horizon()}
	if stored == "latest" {
		p := page{context: q.contextOptions, count: -1, delta: d.deltaLink(c, q, t)}
		return p.answer(c), nil
	}
	return d.deltaPage(c, q, t), nil
}

// parseDelta reads the query options that begin a chain.
func (d *Directory) parseDelta(c *call, k kind) (*deltaQuery, *failure) {
	q := &deltaQuery{resource: entities[k].set, kind: k, link: c.link,
		sel: c.query.Get("$select"), filter: c.query.Get("$filter"), contextOptions: entities[k].set}
	if f := q.parseSelect(c); f != nil {
		return nil, f
	}
	if q.filter == "" {
		return q, nil
	}
	clauses, f := parseFilter(q.filter, mostFilteredIDs, func(p string, prefix bool) bool { return p == "id" && !prefix })
	if f != nil {
		return nil, f
	}
	if strings.Contains(strings.ToLower(q.filter), " in ") {
		return nil, unsupported("Only 'id eq' clauses are supported in the filter of a change tracking request.")
	}
	q.only = make(map[*object]bool)
	for _, cl := range clauses {
		for _, v := range cl.values {
			if o := d.byID[connectors.FoldID(unquote(v))]; o != nil && !q.only[o] {
				q.only[o] = true
				q.objects = append(q.objects, o)
			}
		}
	}
	return q, nil
}

func (q *deltaQuery) parseSelect(c *call) *failure {
	if q.sel == "" {
		q.fields = entities[q.kind].byDefault
		return nil
	}
	var kept []string
	for name := range strings.SplitSeq(q.sel, ",") {
		name = strings.TrimSpace(name)
		if name == "members" && q.kind == groupKind {
			q.members = true
			continue
		}
		if t, _ := q.kind.lookup(name); t&untracked != 0 {
			return fail(http.StatusNotImplemented, "NotImplemented", "Change tracking is not supported for property '%s'.", name)
		}
		kept = append(kept, name)
	}
	q.fields = []string{}
	if kept == nil {
		return nil
	}
	plain := *c
	plain.query = map[string][]string{"$select": {strings.Join(kept, ",")}}
	fields, f := plain.sel(q.kind)
	if f != nil {
		return f
	}
	q.fields = fields
	q.contextOptions = selected(q.resource, fields)
	return nil
}

// chain registers the query under a number that tokens carry.
func (d *Directory) chain(q *deltaQuery) uint64 {
	id := hashOf(q.link, q.sel, q.filter)
	d.tokens.mu.Lock()
	defer d.tokens.mu.Unlock()
	if d.tokens.chains == nil {
		d.tokens.chains = make(map[uint64]*deltaQuery)
	}
	d.tokens.chains[id] = q
	return id
}

func (d *Directory) deltaLink(c *call, q *deltaQuery, t token) string {
	return c.base + q.link + "?$deltatoken=" + d.seal(token{chain: t.chain, to: t.to}, c, true)
}

func (d *Directory) deltaNext(c *call, q *deltaQuery, t token) string {
	return c.base + q.link + "?$skiptoken=" + d.seal(t, c, true)
}

// deltaPage serves one page of a round, beginning at t.
func (d *Directory) deltaPage(c *call, q *deltaQuery, t token) answer {
	p := page{context: q.resource, count: -1}
	if c.query.Has("$select") {
		p.context = q.contextOptions
	}
	if d.options.EmptyPages && !t.blank {
		t.blank = true
		p.next = d.deltaNext(c, q, t)
		return p.answer(c)
	}
	b := deltaRows{d: d, q: q, at: make(map[*object]int), minimal: strings.Contains(c.header.Get("Prefer"), "return=minimal") && !t.first,
		most: deltaObjects, mostMembers: deltaMembers}
	if n := d.options.PageSize; n > 0 {
		b.most, b.mostMembers = min(b.most, n), min(b.mostMembers, n)
	}
	if d.options.RepeatRows {
		b.most, b.mostMembers = max(b.most, 2), max(b.mostMembers, 2)
	}
	var done bool
	if t.first {
		done = b.existing(&t)
	} else {
		done = b.changed(&t)
	}
	b.render(&p)
	if done {
		p.delta = d.deltaLink(c, q, t)
	} else {
		t.blank = false
		p.next = d.deltaNext(c, q, t)
	}
	a := p.answer(c)
	if b.minimal {
		a.header = http.Header{"Preference-Applied": {"return=minimal"}}
	}
	return a
}

// deltaRows gathers one page. An object has one row a page, which collects its changes.
type deltaRows struct {
	d           *Directory
	q           *deltaQuery
	minimal     bool // Prefer: return=minimal
	most        int  // rows
	mostMembers int
	rows        []deltaRow
	at          map[*object]int
	members     int
}

type deltaRow struct {
	obj     *object
	whole   bool     // all selected properties
	fields  []string // else only these
	members []byte   // entries of members@delta, comma-separated
}

func (b *deltaRows) full() bool { return len(b.rows) >= b.most || b.members >= b.mostMembers }

// row returns the object's row on this page.
func (b *deltaRows) row(o *object) *deltaRow {
	i, ok := b.at[o]
	if !ok {
		i = len(b.rows)
		b.at[o] = i
		b.rows = append(b.rows, deltaRow{obj: o, whole: !b.minimal})
	}
	return &b.rows[i]
}

// member adds an entry to a group's members@delta. A plain removal is "deleted" here, too.
func (b *deltaRows) member(r *deltaRow, child *object, gone bool) {
	m := r.members
	if len(m) > 0 {
		m = append(m, ',')
	}
	m = append(append(append(m, `{"@odata.type":"#microsoft.graph.`...), entities[child.kind].typeName...), `","id":`...)
	m = append(m, encode(child.id)...)
	if gone {
		m = append(m, `,"@removed":{"reason":"deleted"}`...)
	}
	r.members = append(m, '}')
	b.members++
}

// existing fills a page of a chain's first round: whatever there is, and the tombstones of what is gone. It moves t on
// and reports whether the round is over.
func (b *deltaRows) existing(t *token) bool {
	objects := b.d.byKind[b.q.kind]
	if b.q.only != nil {
		objects = b.q.objects
	}
	if b.d.options.RepeatRows && t.sub > 0 {
		t.sub--
	}
	for ; t.pos < len(objects); t.pos, t.sub = t.pos+1, 0 {
		o := objects[t.pos]
		if !b.q.wants(o) {
			continue
		}
		if b.full() {
			return false
		}
		r := b.row(o)
		r.whole = true
		if !b.q.members || o.life != live {
			continue
		}
		for ; t.sub < len(o.members); t.sub++ {
			if b.members >= b.mostMembers {
				return false
			}
			b.member(r, o.members[t.sub].obj, o.members[t.sub].gone)
		}
	}
	return true
}

// changed fills a page from the history. It moves t on and reports whether the round is over.
func (b *deltaRows) changed(t *token) bool {
	repeat := b.d.options.RepeatRows
	if repeat && t.pos > t.from {
		t.pos--
	}
	for ; t.pos < min(t.to, len(b.d.log)); t.pos++ {
		e := &b.d.log[t.pos]
		if !b.shows(e) || !repeat && !b.minimal && b.again(e, t.to) {
			continue
		}
		if b.full() {
			return false
		}
		r := b.row(e.subject)
		switch {
		case e.member != nil:
			b.member(r, e.member, !e.subject.holds(e.member))
		case e.props == nil:
			r.whole = true
		default:
			r.fields = append(r.fields, e.props...)
		}
	}
	return true
}

// shows reports whether the chain shows the change at all.
func (b *deltaRows) shows(e *change) bool {
	switch {
	case !b.q.wants(e.subject):
		return false
	case e.member != nil:
		return b.q.members && e.subject.life == live
	default:
		return e.concerns(b.q.fields)
	}
}

// again reports whether the same thing is shown once more in this round, later on.
func (b *deltaRows) again(e *change, to int) bool {
	for i := e.next; i != 0 && i < to; i = b.d.log[i].next {
		if b.shows(&b.d.log[i]) {
			return true
		}
	}
	return false
}

// render writes the rows; with RepeatRows the first one comes once more at the end.
func (b *deltaRows) render(p *page) {
	for i := range b.rows {
		p.rows = b.rows[i].render(p.open(len(b.rows)), b.q)
	}
	if b.d.options.RepeatRows && len(b.rows) > 0 {
		p.rows = b.rows[0].render(p.open(0), b.q)
	}
}

func (r *deltaRow) render(out []byte, q *deltaQuery) []byte {
	if r.obj.life != live {
		return r.obj.removed(out)
	}
	fields := q.fields
	if !r.whole {
		fields = nil
		for _, f := range q.fields {
			for _, changed := range r.fields {
				if f == changed {
					fields = append(fields, f)
					break
				}
			}
		}
	}
	out = r.obj.row(out, fields, false, true)
	if len(r.members) > 0 {
		out = append(append(out[:len(out)-1], `,"members@delta":[`...), r.members...)
		out = append(out, `]}`...)
	}
	return out
}
