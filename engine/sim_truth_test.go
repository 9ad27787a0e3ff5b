package engine_test

import (
	"maps"
	"slices"
	"strings"

	"ringsync/connectors/entra"
	"ringsync/connectors/entra/entratest"
	"ringsync/connectors/ringcentral/ringcentraltest"
	"ringsync/engine/plan"
	"ringsync/state"
)

// The oracle says by the rules, and without any code of the engine, what the directory asks for. It looks at the
// directory itself, not at what the service shows of it.

// standing is where somebody stands at one moment.
type standing struct {
	in        bool // assigned, through the filters, not gone; perhaps disabled, where that does not count
	creatable bool // in, and enabled
	removable bool // for a cause that counts
	cause     state.Scope
}

func (h *history) standings() map[string]standing {
	assigned := map[string]bool{}
	if h.plan.scopeAll {
		for _, id := range h.dir.Users() {
			assigned[id] = true
		}
	} else {
		scope := entratest.Scope{Nested: h.plan.nested, NoDefaultAccess: h.plan.defaultAccess != entra.AccessInclude}
		for _, id := range h.dir.AssignedIn(scope) {
			assigned[id] = true
		}
	}
	all := make(map[string]standing, len(h.people))
	for _, id := range h.people {
		u, live := h.user(id)
		all[id] = h.judge(id, u, live, assigned[id])
	}
	return all
}

func (h *history) judge(id string, u entratest.User, live, assigned bool) standing {
	var causes []state.Scope
	enabled, _ := u["accountEnabled"].(bool)
	switch {
	case !live && h.purged[id]:
		causes = append(causes, state.HardDeleted)
	case !live:
		causes = append(causes, state.SoftDeleted)
	default:
		if !assigned {
			causes = append(causes, state.Unassigned)
		}
		if !enabled {
			causes = append(causes, state.Disabled)
		}
		if len(h.plan.filters) > 0 && u["department"] == "Finance" {
			causes = append(causes, state.OutOfScope)
		}
	}
	s := standing{in: true, creatable: len(causes) == 0, cause: state.InScope}
	for _, cause := range causes {
		keep := h.plan.deprovision[cause] == plan.DeprovisionKeep
		if !keep {
			return standing{cause: cause, removable: true}
		}
		if cause != state.Disabled {
			s.in, s.cause = false, cause
		}
	}
	return s
}

// window is all that was true of somebody at some moment of a cycle.
type window struct {
	removable, deletable, creatable bool
	mails                           []string
}

// look adds the present moment to the window of the cycle. It is called whenever the directory has changed.
func (h *history) look() {
	for id, s := range h.standings() {
		w := h.windows[0][id]
		w.removable = w.removable || s.removable
		w.creatable = w.creatable || s.creatable
		w.deletable = w.deletable || s.removable && h.plan.deprovision[s.cause] == plan.DeprovisionDelete
		if u, ok := h.user(id); ok {
			if mail, _ := u["mail"].(string); !slices.Contains(w.mails, mail) {
				w.mails = append(slices.Clone(w.mails), mail)
			}
		}
		h.windows[0][id] = w
	}
}

// open begins the window of a new cycle. Where deltas lag, what they showed last may be as old as a few cycles.
func (h *history) open() {
	const behind = 3
	h.windows = slices.Insert(h.windows, 0, map[string]window{})
	h.windows = h.windows[:min(len(h.windows), behind+1)]
	h.look()
}

// during returns what was true of somebody in the cycle.
func (h *history) during(id string) window {
	all := h.windows[0][id]
	for _, w := range h.windows[1:] {
		all.creatable = all.creatable || w[id].creatable // a create that was decided on goes out while the directory is in doubt
		if h.plan.directory.Lag == 0 && !h.deaf {
			continue
		}
		all.removable = all.removable || w[id].removable
		all.deletable = all.deletable || w[id].deletable
		all.mails = append(slices.Clone(all.mails), w[id].mails...)
	}
	return all
}

// fit reports whether an account can be made of the person.
func fit(u entratest.User) bool {
	for _, name := range []string{"mail", "givenName", "surname"} {
		if s, _ := u[name].(string); s == "" {
			return false
		}
	}
	return true
}

// nowhere is a state that no country has.
const nowhere = "Nowhere"

// projection returns what the account is to show, by attribute; what is missing from it is left alone.
func projection(u entratest.User) map[string]string {
	want := map[string]string{}
	for attribute, source := range map[string]string{
		"userName": "mail", "email": "mail", "givenName": "givenName", "familyName": "surname", "title": "jobTitle",
		"department": "department", "mobile": "mobilePhone",
		"street": "streetAddress", "locality": "city", "region": "state", "postalCode": "postalCode", "country": "country",
	} {
		if s, _ := u[source].(string); s != "" {
			want[attribute] = s
		}
	}
	if phone := want["mobile"]; !strings.HasPrefix(phone, "+") {
		delete(want, "mobile")
	} else {
		want["mobile"] = strings.NewReplacer(" ", "", "(", "", ")", "", "-", "").Replace(phone)
	}
	checked := want["country"] == "US" || want["country"] == "CA" || want["country"] == "GB"
	if checked && (want["region"] == "" || want["region"] == nowhere && want["country"] != "GB") {
		for _, part := range []string{"street", "locality", "region", "postalCode", "country"} {
			delete(want, part)
		}
	}
	if name, ok := map[string]string{"US": "United States", "CA": "Canada", "GB": "United Kingdom", "DE": "Germany"}[want["country"]]; ok {
		want["country"] = name
	}
	return want
}

// shows returns the same of an account.
func shows(a ringcentraltest.User) map[string]string {
	got := map[string]string{
		"userName": a.UserName, "email": a.Email, "givenName": a.GivenName, "familyName": a.FamilyName, "title": a.Title,
		"department": a.Department, "mobile": a.Phone("mobile"),
	}
	if p := a.Address; p != nil {
		got["street"], got["locality"], got["region"], got["postalCode"], got["country"] =
			p.StreetAddress, p.Locality, p.Region, p.PostalCode, p.Country
	}
	return got
}

// differences names the attributes in which an account is not as the directory asks.
func differences(u entratest.User, a ringcentraltest.User, mails bool) []string {
	want, got := projection(u), shows(a)
	var names []string
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if !mails && (name == "userName" || name == "email") {
			continue
		}
		if !strings.EqualFold(want[name], got[name]) {
			names = append(names, name+": "+got[name]+", not "+want[name])
		}
	}
	return names
}

// blocked says why somebody cannot have the mail that the directory gives them: it is someone else's, and stays so.
func (h *history) blocked(id string, all map[string]standing, asking map[string]bool) string {
	u, _ := h.user(id)
	mail, _ := u["mail"].(string)
	asking[id] = true
	accounts := h.accountsOf(id)
	own := len(accounts) > 0
	if own && !h.written[accounts[0].ID] && len(h.account.ByMail(mail)) > 1 {
		return "several accounts have the mail"
	}
	for _, other := range h.people {
		v, live := h.user(other)
		theirs, _ := v["mail"].(string)
		if live && other != id && all[other].in && strings.EqualFold(theirs, mail) {
			return "shares the mail with " + h.name(other)
		}
	}
	strangers := 0
	for _, a := range h.account.ByMail(mail) {
		if a.ExternalID == id {
			continue
		}
		if !slices.Contains(h.people, a.ExternalID) {
			if strangers++; strangers > 1 {
				return "several accounts have the mail"
			}
		}
		if why := h.keeps(a, mail, own, all, asking); why != "" {
			return why
		}
	}
	return ""
}

// keeps says why an account with somebody's mail stays as it is.
func (h *history) keeps(a ringcentraltest.User, mail string, own bool, all map[string]standing, asking map[string]bool) string {
	_, untouchable := h.kept[a.ID]
	owner := a.ExternalID
	s, known := all[owner]
	switch {
	case untouchable:
		return "account " + a.ID + " is not ours"
	case !known: // unclaimed, or another tool's that may be taken over, but only by whoever has none
		if own {
			return "account " + a.ID + " has the mail"
		}
		return ""
	case s.cause == state.HardDeleted || s.cause == state.SoftDeleted:
		if !h.written[a.ID] {
			return h.name(owner) + ", who left before it all began, has the mail"
		}
		if own {
			return "the account of " + h.name(owner) + ", who has left, has the mail"
		}
		return ""
	case !s.in:
		return h.name(owner) + ", who is out of scope, has the mail"
	case !h.written[a.ID]:
		return h.name(owner) + " has the mail and is not linked"
	}
	v, _ := h.user(owner)
	theirs, _ := v["mail"].(string)
	if theirs == "" || strings.EqualFold(theirs, mail) || asking[owner] || h.blocked(owner, all, asking) != "" {
		return h.name(owner) + " has the mail and keeps it"
	}
	return ""
}

// accountsOf returns the accounts that carry the person's id.
func (h *history) accountsOf(id string) []ringcentraltest.User {
	var found []ringcentraltest.User
	for _, a := range h.account.Users() {
		if a.ExternalID == id {
			found = append(found, a)
		}
	}
	return found
}
