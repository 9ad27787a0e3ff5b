package configs

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"ringsync/connectors"
)

// Draft is a configuration made of what Entra's own provisioning service did, for people to go on with. What nobody but
// them knows stands as ${ENTRA_TENANT}, ${ENTRA_APP}, ${ENTRA_CLIENT_ID}, ${ENTRA_CLIENT_SECRET} and
// ${RINGCENTRAL_SCIM_TOKEN}; everything else is there, so that the result is right once these are set.
type Draft struct {
	Origin  string // what it was made of, a sentence
	Actions []string
	Filters []DraftFilter
	// HoldScope leaves the accounts of people whom no filter lets in as they are, because filters are missing.
	HoldScope bool
	// Attributes: if all are off, or there are none, the default mapping is in use.
	Attributes []DraftAttribute
	Beside     []string // comments at the end of users, a paragraph each
}

// DraftFilter is a scoping filter, commented out if it is Off, with Remarks.
type DraftFilter struct {
	Filter
	Off     bool
	Remarks []string
}

// DraftAttribute is an attribute mapping, commented out if it is Off, with Remarks.
type DraftAttribute struct {
	Attribute
	Off     bool
	Remarks []string
}

// draftWidth is how long a line may get before it is broken.
const draftWidth = 118

// draftHead and draftSafety are what is the same in every draft.
const (
	draftHead = `#
# Export ENTRA_TENANT, ENTRA_APP, ENTRA_CLIENT_ID, ENTRA_CLIENT_SECRET and RINGCENTRAL_SCIM_TOKEN, then run
#
#   ringsync config validate    is this file right?
#   ringsync check              do both sides let ringsync in?
#   ringsync diff               what would be done? Nothing is written.
#   ringsync sync               do it. Switch Entra's own service off first: two engines undo each other's work.
#
# An export does not hold these; look them up in the portal, under Provisioning > Settings:
#
#   scope                                     source.scope
#   notification e-mail                       notify.email
#   prevention of accidental deletions        safety.removals

job: ringcentral                       # names the log lines and the state file, ringcentral.db beside this file

source:
  tenant: "${ENTRA_TENANT}"            # tenant id, or a verified domain of it
  app: "${ENTRA_APP}"                  # application id of the enterprise app that people are assigned to
  credential:                          # the app registration that ringsync signs in as
    kind: client-secret                # or client-certificate, workload-identity, managed-identity, default
    client_id: "${ENTRA_CLIENT_ID}"
    client_secret: "${ENTRA_CLIENT_SECRET}"
  scope: assigned                      # assigned: the people assigned to the app; all: everybody in the tenant
  default_access: include              # as Entra's service has it since 2020; auto and exclude leave people out

target:
  url: https://platform.ringcentral.com/scim/v2
  token: "${RINGCENTRAL_SCIM_TOKEN}"

users:
`
	draftSafety = `
safety:
  removals: {count: 25, percent: 10, from: 20}       # more removals than this in 24 hours wait for approval
  protect: []                                        # accounts never written: userName, userPrincipalName or mail
  adopt: always                                      # take over the accounts that Entra's service made; set it back to
                                                     # unclaimed once "ringsync diff" shows no creates and conflicts for them
`
)

// YAML returns the draft as Parse reads it. Whatever its texts hold, Parse gives them back as they are.
func (d Draft) YAML() []byte {
	var w draftWriter
	w.comment("", d.Origin)
	w.WriteString(draftHead)
	w.line("  actions: [%s]", strings.Join(d.Actions, ", "))
	w.filters(d.Filters)
	w.attributes(d.Attributes)
	for _, beside := range d.Beside {
		w.line("")
		w.comment("  ", beside)
	}
	w.deprovision(d)
	w.WriteString(draftSafety)
	return []byte(w.String())
}

// draftWriter writes YAML line by line.
type draftWriter struct{ strings.Builder }

func (w *draftWriter) line(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }

// comment writes a paragraph as a comment, wrapped.
func (w *draftWriter) comment(indent, paragraph string) {
	line := indent + "#"
	for _, word := range strings.Fields(strings.Map(visible, paragraph)) {
		if len(line)+len(word) >= draftWidth && line != indent+"#" {
			w.line("%s", line)
			line = indent + "#"
		}
		line += " " + word
	}
	w.line("%s", line)
}

func visible(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return ' '
}

func (w *draftWriter) deprovision(d Draft) {
	w.line("\n# What happens to an account when its person leaves: disable, keep, or delete.\ndeprovision:")
	for _, cause := range (Deprovision{}).causes() {
		switch {
		case cause.key == "out_of_scope" && d.HoldScope:
			w.line("  out_of_scope: keep                   # while filters are left out above, nobody is to lose their account for it")
		case cause.key == "hard_deleted" && slices.Contains(d.Actions, "delete"):
			w.line("  hard_deleted: disable                # delete does as Entra's service did; at RingCentral it is final")
		default:
			w.line("  %s: disable", cause.key)
		}
	}
}

func (w *draftWriter) filters(filters []DraftFilter) {
	if len(filters) == 0 {
		return
	}
	w.line("\n  # A person is in scope if all clauses of any one filter hold.")
	if !slices.ContainsFunc(filters, func(f DraftFilter) bool { return !f.Off }) {
		w.line("  # filters:")
	} else {
		w.line("  filters:")
	}
	for _, f := range filters {
		mark := offMark(f.Off)
		if f.Name != "" {
			w.line("    %s- name: %s", mark, scalar(f.Name))
			w.line("    %s  all:", mark)
		} else {
			w.line("    %s- all:", mark)
		}
		for _, c := range f.All {
			w.item("    "+mark+"    ", entries(c), nil)
		}
		for _, r := range f.Remarks {
			w.comment("    ", r)
		}
	}
}

func (w *draftWriter) attributes(attributes []DraftAttribute) {
	if len(attributes) == 0 {
		return
	}
	if slices.ContainsFunc(attributes, func(a DraftAttribute) bool { return !a.Off }) {
		w.line("\n  attributes:")
	} else {
		w.line("\n  # Without this list the default mapping is in use.\n  # attributes:")
	}
	for _, a := range attributes {
		w.item("    "+offMark(a.Off), entries(a.Attribute), a.Remarks)
	}
}

func offMark(off bool) string {
	if off {
		return "# "
	}
	return ""
}

// entries are the keys and values of a section of scalars, those left out that are absent or the default.
func entries(section any) []string {
	var entries []string
	v := reflect.ValueOf(section)
	for _, k := range keysOf(v.Type()) {
		field := v.Field(k.index)
		if field.IsZero() {
			continue
		}
		var text string
		switch x := reflect.Indirect(field).Interface().(type) {
		case string:
			if slices.Contains(k.rules.defaults, x) {
				continue
			}
			text = scalar(x)
		case connectors.Value:
			text = valueScalar(x)
		default:
			text = fmt.Sprint(x)
		}
		entries = append(entries, k.name+": "+text)
	}
	return entries
}

// item writes a list item on one line if it fits, else with a line for each entry. A short remark goes behind it, others
// below.
func (w *draftWriter) item(indent string, entries, remarks []string) {
	line := indent + "- {" + strings.Join(entries, ", ") + "}"
	if utf8.RuneCountInString(line) > draftWidth {
		line = indent + "- " + strings.Join(entries, "\n"+indent+"  ")
	} else if len(remarks) == 1 && utf8.RuneCountInString(line+remarks[0]) < draftWidth-4 {
		line += "  # " + strings.Map(visible, remarks[0])
		remarks = nil
	}
	w.line("%s", line)
	for _, r := range remarks {
		w.comment(strings.TrimSuffix(indent, "# ")+"  ", r)
	}
}

// valueScalar writes a value so that it keeps its kind.
func valueScalar(v connectors.Value) string {
	switch v.Kind() {
	case connectors.Bool:
		return strings.ToLower(v.Text())
	case connectors.Int:
		return v.Text()
	}
	return scalar(v.Text())
}

var (
	// plainText needs no quotes, in flow style either; reserved would be something else without them.
	plainText = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_./]*([ -][A-Za-z0-9_./]+)*$`)
	reserved  = regexp.MustCompile(`(?i)^(true|false|null|yes|no|on|off|y|n)$`)
)

// scalar writes a text as YAML that Parse reads as that very text: references in it are none.
func scalar(text string) string {
	text = strings.ReplaceAll(text, "${", "$${")
	switch {
	case plainText.MatchString(text) && !reserved.MatchString(text):
		return text
	case !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }):
		return "'" + strings.ReplaceAll(text, "'", "''") + "'"
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteRune('\\')
			b.WriteRune(r)
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
