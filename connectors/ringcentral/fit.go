package ringcentral

import (
	"fmt"
	"strings"
	"unicode/utf8"

	iso3166 "github.com/biter777/countries"
	"github.com/nyaruka/phonenumbers"

	"ringsync/connectors"
)

// fitter says what RingCentral accepts of wanted values. It is compiled once for the slots; -1 is an attribute that is
// not mapped.
type fitter struct {
	userName, mail, active int
	required               []named
	limits                 []limited
	phones                 []named
	address                []named
	region, country        int
	refuse                 bool // a bad address is a problem, not a warning
}

type named struct {
	slot int // -1 if not mapped
	name string
}

type limited struct {
	named
	most     int // characters
	required bool
}

// The lengths are those of RingCentral's contact (schema ContactInfo), which its SCIM errors show to be behind the
// facade.
var lengths = map[string]int{attrGivenName: 64, attrFamilyName: 64, attrTitle: 64, attrDepartment: 64,
	attrUserName: 254, attrWorkMail: 254}

// Fits returns what Client.Fit does, where there is no account to be a client of; refuseBadAddress as in Options.
func Fits(slots *connectors.Slots, refuseBadAddress bool) func([]connectors.Value) connectors.Fitted {
	return newFitter(slots, refuseBadAddress).fit
}

func newFitter(slots *connectors.Slots, refuseBadAddress bool) *fitter {
	at := func(name string) int {
		if i, ok := slots.Index(name); ok {
			return i
		}
		return -1
	}
	f := &fitter{userName: at(attrUserName), mail: at(attrWorkMail), active: at(attrActive),
		region: at(attrRegion), country: at(attrCountry), refuse: refuseBadAddress}
	for _, a := range attributes {
		n := named{at(a.Name), a.Name}
		if a.Required {
			f.required = append(f.required, n)
		}
		if n.slot < 0 {
			continue
		}
		if most, ok := lengths[a.Name]; ok {
			f.limits = append(f.limits, limited{n, most, a.Required})
		}
		switch a.Name {
		case attrMobile, attrWorkPhone, attrOtherPhone:
			f.phones = append(f.phones, n)
		case attrStreet, attrLocality, attrRegion, attrPostalCode, attrCountry:
			f.address = append(f.address, n)
		}
	}
	return f
}

// fit adjusts values in place. What it drops becomes Absent, so that neither a comparison nor a write sees it; what it
// keeps stays as the directory writes it, but for a national phone number, which gets the country that it lacks. Nothing
// else is filled in: a userName is no proof of an e-mail address.
func (f *fitter) fit(values []connectors.Value) connectors.Fitted {
	var out connectors.Fitted
	f.fitRequired(values, &out)
	f.fitActive(values, &out)
	for _, l := range f.limits {
		if s := values[l.slot]; s.Kind() == connectors.String && utf8.RuneCountInString(s.Text()) > l.most {
			text := fmt.Sprintf("%q has more than the %d characters that RingCentral takes", clip(s.Text()), l.most)
			if l.required {
				out.Problems = append(out.Problems, connectors.Note{Attribute: l.name, Text: text})
			} else {
				drop(values, l.named, text+": it is left out", &out)
			}
		}
	}
	place := countryOf(textOf(values, f.country))
	for _, p := range f.phones {
		f.fitPhone(values, p, place, &out)
	}
	f.fitAddress(values, place, &out)
	return out
}

func (f *fitter) fitRequired(values []connectors.Value, out *connectors.Fitted) {
	for _, r := range f.required {
		if r.slot < 0 || strings.TrimSpace(textOf(values, r.slot)) == "" {
			out.Problems = append(out.Problems, connectors.Note{Attribute: r.name,
				Text: r.name + " has no value, and RingCentral requires one"})
		}
	}
	name, mail := textOf(values, f.userName), textOf(values, f.mail)
	if name != "" && mail != "" && !strings.EqualFold(name, mail) {
		out.Problems = append(out.Problems, connectors.Note{Attribute: attrUserName,
			Text: fmt.Sprintf("userName %q is not the work e-mail address %q, and RingCentral requires the two to be the same",
				clip(name), clip(mail))})
	}
}

// fitActive keeps everything but true and false away from active: RingCentral takes a cleared active for false, which
// would disable the person.
func (f *fitter) fitActive(values []connectors.Value, out *connectors.Fitted) {
	if f.active < 0 || values[f.active].Kind() == connectors.Absent {
		return
	}
	v := values[f.active]
	if _, ok := v.AsBool(); ok {
		return
	}
	if v.IsEmpty() {
		drop(values, named{f.active, attrActive}, "active cannot be cleared: it is left out", out)
		return
	}
	values[f.active] = connectors.Value{}
	out.Problems = append(out.Problems, connectors.Note{Attribute: attrActive,
		Text: fmt.Sprintf("active is %q, neither true nor false", clip(v.Text()))})
}

// fitPhone completes a number that is written as it is dialled within the person's country, and drops what is no
// number even then.
func (f *fitter) fitPhone(values []connectors.Value, p named, place iso3166.CountryCode, out *connectors.Fitted) {
	v := values[p.slot]
	if v.IsEmpty() || isPhone(v.Text()) {
		return
	}
	if full, ok := completePhone(v.Text(), place); ok {
		values[p.slot] = connectors.StringValue(full)
		return
	}
	why := "is not in the international form (+, country code, number)"
	if place != iso3166.Unknown {
		why += " nor a number of " + place.String()
	}
	drop(values, p, fmt.Sprintf("phone number %q %s: it is left out", clip(v.Text()), why), out)
}

// fitAddress drops the whole address if its state would make RingCentral refuse the whole person.
func (f *fitter) fitAddress(values []connectors.Value, place iso3166.CountryCode, out *connectors.Fitted) {
	region := textOf(values, f.region)
	if accepts(place, region) {
		return
	}
	text := fmt.Sprintf("state %q is not one RingCentral knows for %s", clip(region), place)
	if region == "" {
		text = fmt.Sprintf("there is no state, which RingCentral requires for %s", place)
	}
	if f.refuse {
		out.Problems = append(out.Problems, connectors.Note{Attribute: attrRegion, Text: text})
	} else {
		out.Warnings = append(out.Warnings, connectors.Note{Attribute: attrRegion, Text: text + ": the address is left out"})
	}
	for _, part := range f.address {
		values[part.slot] = connectors.Value{}
	}
}

func drop(values []connectors.Value, a named, text string, out *connectors.Fitted) {
	values[a.slot] = connectors.Value{}
	out.Warnings = append(out.Warnings, connectors.Note{Attribute: a.name, Text: text})
}

func textOf(values []connectors.Value, slot int) string {
	if slot < 0 {
		return ""
	}
	return values[slot].Text()
}

// isPhone reports whether s is an E.164 number, ^\+[1-9]\d{1,14}$, once what people write between digits is gone.
// Whether a number is in use is not asked: RingCentral does not ask either.
func isPhone(s string) bool {
	digits, plus := 0, false
	for i := range len(s) {
		switch b := s[i]; {
		case strings.IndexByte(" .-/()[]", b) >= 0:
		case b == '+' && !plus && digits == 0:
			plus = true
		case '0' <= b && b <= '9' && plus && (digits > 0 || b != '0'):
			digits++
		default:
			return false
		}
	}
	return digits >= 2 && digits <= 15
}

// completePhone turns a number as it is dialled within a country into E.164, if the library knows it for one of that
// country. A number with an extension is not: a mobile phone has none, and to cut it off would be to guess.
func completePhone(s string, place iso3166.CountryCode) (string, bool) {
	if place == iso3166.Unknown || len(s) > longestPhone || strings.Contains(s, "+") {
		return "", false
	}
	number, err := phonenumbers.Parse(s, place.Alpha2())
	if err != nil || number.GetExtension() != "" || !phonenumbers.IsValidNumber(number) {
		return "", false
	}
	whole := phonenumbers.Format(number, phonenumbers.E164)
	return whole, isPhone(whole) // some countries' plans are wider than E.164
}

// longestPhone keeps texts that are no numbers away from a parser that takes its time.
const longestPhone = 40

// clip keeps a message readable whatever the directory holds.
func clip(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
