package entratest

import (
	"net/http"
	"slices"
	"strings"

	"ringsync/connectors"
)

// listing is a collection that can be paged through by place. Places never move, so neither changes during the read
// nor rows that are not shown make a reader miss one.
type listing struct {
	n       int
	show    func(i int) bool
	emit    func(b []byte, i int) []byte
	context string
	chain   uint64
	counted bool // @odata.count on the first page
	silent  bool // what does not fit on the first page is lost without a nextLink
}

// page serves one page of l.
func (d *Directory) page(c *call, l listing) (answer, *failure) {
	top, f := d.top(c)
	if f != nil {
		return answer{}, f
	}
	t, f := d.openPage(c, l.chain)
	if f != nil {
		return answer{}, f
	}
	p := page{context: l.context, count: -1}
	if l.counted && !c.query.Has("$skiptoken") {
		p.count = l.count()
	}
	if d.options.EmptyPages && !t.blank && l.n > 0 && !l.silent {
		t.blank = true
		p.next = c.with(d.seal(t, c, false))
		return p.answer(c), nil
	}
	i := t.pos
	if d.options.RepeatRows {
		i, top = max(0, i-1), max(2, top)
	}
	for ; i < l.n; i++ {
		if !l.show(i) {
			continue
		}
		if p.n == top {
			if !l.silent {
				t.pos, t.blank = i, false
				p.next = c.with(d.seal(t, c, false))
			}
			break
		}
		p.rows = l.emit(p.open(min(top, l.n-i+1)), i)
	}
	return p.answer(c), nil
}

func (l *listing) count() int {
	n := 0
	for i := range l.n {
		if l.show(i) {
			n++
		}
	}
	return n
}

// eventual reports whether the request asks for the index, so that $count=true is more than decoration.
func (c *call) eventual() bool {
	return strings.EqualFold(c.header.Get("ConsistencyLevel"), "eventual") && c.query.Get("$count") == "true"
}

// collectionOptions refuses what collections do not take. $search and $orderby exist in Graph, but a provisioning
// source has no use for them.
func (c *call) collectionOptions(more ...string) *failure {
	if c.query.Has("$search") && !strings.EqualFold(c.header.Get("ConsistencyLevel"), "eventual") {
		return unsupported("Request with $search query parameter only works through MSGraph with a special request header: 'ConsistencyLevel: eventual'")
	}
	return c.allow(append(more, "$select", "$top", "$count", "$skiptoken")...)
}

// filterable are the properties that lists of users, groups and service principals can be filtered by.
var filterable = words(`id userPrincipalName mail displayName mailNickname givenName surname department jobTitle
	employeeId companyName country state city usageLocation userType accountEnabled appId securityEnabled`)

// listKind serves /users, /groups and /servicePrincipals.
func (d *Directory) listKind(c *call, k kind) (answer, *failure) {
	if f := c.collectionOptions("$filter"); f != nil {
		return answer{}, f
	}
	sel, f := c.sel(k)
	if f != nil {
		return answer{}, f
	}
	objects, match := d.byKind[k], func(*object) bool { return true }
	if filter := c.query.Get("$filter"); filter != "" {
		clauses, f := parseFilter(filter, mostClauses, func(p string, _ bool) bool {
			_, known := k.lookup(p)
			return known && slices.Contains(filterable, p)
		})
		if f != nil {
			return answer{}, f
		}
		if byKey, ok := d.indexed(clauses); ok {
			objects = byKey
		}
		match = func(o *object) bool {
			return slices.ContainsFunc(clauses, func(cl clause) bool { raw, _ := o.get(cl.property); return cl.matches(raw) })
		}
	}
	set := entities[k].set
	p := placesOf(objects, func(o *object) bool { return o.kind == k && o.life == live && match(o) })
	l := p.listing(defaultOr(sel, k), selected(set, sel))
	l.chain = hashOf(set, c.query.Get("$filter"))
	l.counted = c.eventual()
	return d.page(c, l)
}

// indexed answers a filter from the indexes by id and userPrincipalName, if those are all it asks about.
func (d *Directory) indexed(clauses []clause) ([]*object, bool) {
	var out []*object
	for _, cl := range clauses {
		if cl.prefix || cl.property != "id" && cl.property != "userPrincipalName" {
			return nil, false
		}
		for _, v := range cl.values {
			o := d.byID[connectors.FoldID(unquote(v))]
			if cl.property != "id" {
				o = d.byUPN[strings.ToLower(unquote(v))]
			}
			if !slices.Contains(out, o) {
				out = append(out, o)
			}
		}
	}
	return out, true
}

func defaultOr(sel []string, k kind) []string {
	if sel == nil {
		return entities[k].byDefault
	}
	return sel
}

// places are where objects stand in a collection; show says which of them the collection holds now.
type places struct {
	n    int
	at   func(i int) *object
	show func(i int) bool
}

func (p places) listing(sel []string, context string) listing {
	return listing{n: p.n, show: p.show, context: context,
		emit: func(b []byte, i int) []byte { return p.at(i).row(b, sel, false, false) }}
}

func placesOf(objects []*object, show func(*object) bool) places {
	return places{n: len(objects), at: func(i int) *object { return objects[i] },
		show: func(i int) bool { return objects[i] != nil && show(objects[i]) }}
}

// mixed serves a collection of directoryObject: each row with its type, and those of types that the caller may not
// read with limited information.
func (d *Directory) mixed(c *call, p places) (answer, *failure) {
	if f := c.collectionOptions(); f != nil {
		return answer{}, f
	}
	sel, f := c.sel(userKind, groupKind, principalKind, deviceKind, contactKind)
	if f != nil {
		return answer{}, f
	}
	l := listing{n: p.n, show: p.show, context: selected("directoryObjects", sel), chain: hashOf(c.path...)}
	l.counted = c.eventual()
	l.emit = func(b []byte, i int) []byte { return d.directoryObject(b, p.at(i), sel) }
	return d.page(c, l)
}

func (d *Directory) directoryObject(b []byte, o *object, sel []string) []byte {
	sel = defaultOr(sel, o.kind)
	if !d.mayRead(o.kind) {
		return o.limited(b, sel)
	}
	return o.row(b, sel, true, false)
}

// mayRead reports whether the caller may see the properties of objects of that kind.
func (d *Directory) mayRead(k kind) bool {
	switch k {
	case userKind:
		return d.may(readUsers...)
	case groupKind:
		return d.may(readGroups...)
	case principalKind:
		return d.may(readApps...)
	default:
		return d.may(readAll...)
	}
}

// membersOf serves members and transitiveMembers, plain or cast to one type.
func (d *Directory) membersOf(c *call, transitive bool, cast string) (answer, *failure) {
	g := d.find(groupKind, c.vars[0])
	switch {
	case g == nil:
		return answer{}, notFound(c.vars[0])
	case g.text("visibility") == "HiddenMembership" && !d.may("Member.Read.Hidden"):
		return answer{}, denied()
	}
	p := membership(g, below, transitive)
	if cast == "" {
		return d.mixed(c, p)
	}
	k := userKind
	if cast == "/microsoft.graph.group" {
		k = groupKind
	}
	if f := c.advanced(); f != nil {
		return answer{}, f
	}
	if f := c.collectionOptions(); f != nil {
		return answer{}, f
	}
	sel, f := c.sel(k)
	if f != nil {
		return answer{}, f
	}
	l := p.listing(defaultOr(sel, k), selected(entities[k].set, sel))
	l.show = func(i int) bool { return p.at(i).kind == k && p.show(i) }
	l.chain, l.counted = hashOf(c.path...), true
	return d.page(c, l)
}

// membership returns the places below or above o.
func membership(o *object, next func(*object) []member, transitive bool) places {
	if !transitive {
		edges := next(o)
		return places{n: len(edges), at: func(i int) *object { return edges[i].obj },
			show: func(i int) bool { return !edges[i].gone && edges[i].obj.life == live }}
	}
	now := make(map[*object]bool)
	for _, x := range reach(o, next, false) {
		now[x] = true
	}
	return placesOf(reach(o, next, true), func(x *object) bool { return now[x] && x.life == live })
}

// memberOf serves a user's groups.
func (d *Directory) memberOf(c *call, transitive bool) (answer, *failure) {
	u := d.findUser(c.vars[0])
	if u == nil {
		return answer{}, notFound(c.vars[0])
	}
	return d.mixed(c, membership(u, above, transitive))
}

// one serves a single object.
func (d *Directory) one(c *call, o *object, set string, typed bool) (answer, *failure) {
	if f := c.allow("$select"); f != nil {
		return answer{}, f
	}
	sel, f := c.sel(o.kind)
	if f != nil {
		return answer{}, f
	}
	row := o.row(nil, defaultOr(sel, o.kind), typed, false)
	return entityAnswer(c, http.StatusOK, selected(set, sel)+"/$entity", row), nil
}

func (d *Directory) getUser(c *call) (answer, *failure) {
	if o := d.findUser(c.vars[0]); o != nil {
		return d.one(c, o, "users", false)
	}
	return answer{}, notFound(c.vars[0])
}

func (d *Directory) getGroup(c *call) (answer, *failure) {
	if o := d.find(groupKind, c.vars[0]); o != nil {
		return d.one(c, o, "groups", false)
	}
	return answer{}, notFound(c.vars[0])
}

func (d *Directory) getPrincipal(c *call) (answer, *failure) {
	o, f := d.principal(c.vars[0])
	if f != nil {
		return answer{}, f
	}
	return d.one(c, o, "servicePrincipals", false)
}

// deletedItem returns a soft-deleted object, of the named type unless that is "".
func (d *Directory) deletedItem(id, typeName string) (*object, *failure) {
	o := d.byID[connectors.FoldID(id)]
	if o == nil || o.life != softDeleted || typeName != "" && entities[o.kind].typeName != typeName {
		return nil, notFound(id)
	}
	return o, nil
}

func (d *Directory) getDeleted(c *call, typeName string) (answer, *failure) {
	o, f := d.deletedItem(c.vars[0], typeName)
	if f != nil {
		return answer{}, f
	}
	if typeName != "" {
		return d.one(c, o, entities[o.kind].set, false)
	}
	return d.one(c, o, "directoryObjects", true)
}

func (d *Directory) listDeleted(c *call, k kind) (answer, *failure) {
	if f := c.collectionOptions(); f != nil {
		return answer{}, f
	}
	sel, f := c.sel(k)
	if f != nil {
		return answer{}, f
	}
	p := placesOf(d.byKind[k], func(o *object) bool { return o.life == softDeleted })
	l := p.listing(defaultOr(sel, k), selected(entities[k].set, sel))
	l.chain = hashOf(c.path...)
	return d.page(c, l)
}
