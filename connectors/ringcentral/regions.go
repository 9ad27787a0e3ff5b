package ringcentral

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// country is one of those for which RingCentral asks for a state (schema ContactBusinessAddressInfo).
type country uint8

const (
	elsewhere country = iota
	unitedStates
	canada
	unitedKingdom
)

var countryNames = [...]string{elsewhere: "", unitedStates: "United States", canada: "Canada", unitedKingdom: "United Kingdom"}

// countries has the ISO 3166-1 codes and the names in use, in lower case.
var countries = map[string]country{
	"us": unitedStates, "usa": unitedStates, "u.s.": unitedStates, "u.s.a.": unitedStates,
	"united states": unitedStates, "united states of america": unitedStates, "the united states": unitedStates,
	"ca": canada, "can": canada, "canada": canada,
	"gb": unitedKingdom, "gbr": unitedKingdom, "uk": unitedKingdom, "u.k.": unitedKingdom,
	"great britain": unitedKingdom, "united kingdom": unitedKingdom,
	"united kingdom of great britain and northern ireland": unitedKingdom,
}

// The subdivisions of ISO 3166-2:US and ISO 3166-2:CA, code and English name. That RingCentral also takes the French
// names is not known, and a state that it does not take costs the whole person, not only the address.
const (
	subdivisionsUS = `AL Alabama;AK Alaska;AZ Arizona;AR Arkansas;CA California;CO Colorado;CT Connecticut;DE Delaware;
FL Florida;GA Georgia;HI Hawaii;ID Idaho;IL Illinois;IN Indiana;IA Iowa;KS Kansas;KY Kentucky;LA Louisiana;ME Maine;
MD Maryland;MA Massachusetts;MI Michigan;MN Minnesota;MS Mississippi;MO Missouri;MT Montana;NE Nebraska;NV Nevada;
NH New Hampshire;NJ New Jersey;NM New Mexico;NY New York;NC North Carolina;ND North Dakota;OH Ohio;OK Oklahoma;
OR Oregon;PA Pennsylvania;RI Rhode Island;SC South Carolina;SD South Dakota;TN Tennessee;TX Texas;UT Utah;VT Vermont;
VA Virginia;WA Washington;WV West Virginia;WI Wisconsin;WY Wyoming;DC District of Columbia;AS American Samoa;GU Guam;
MP Northern Mariana Islands;PR Puerto Rico;UM United States Minor Outlying Islands;VI Virgin Islands, U.S.`

	subdivisionsCA = `AB Alberta;BC British Columbia;MB Manitoba;NB New Brunswick;NL Newfoundland and Labrador;
NT Northwest Territories;NS Nova Scotia;NU Nunavut;ON Ontario;PE Prince Edward Island;QC Quebec;
SK Saskatchewan;YT Yukon`
)

var subdivisions = map[country]map[string]bool{
	unitedStates: codesAndNames(subdivisionsUS),
	canada:       codesAndNames(subdivisionsCA),
}

func codesAndNames(list string) map[string]bool {
	set := map[string]bool{}
	for entry := range strings.SplitSeq(strings.ReplaceAll(list, "\n", ""), ";") {
		code, name, _ := strings.Cut(strings.ToLower(entry), " ")
		set[code], set[name] = true, true
	}
	return set
}

// countryOf recognises a country however the directory writes it.
func countryOf(s string) country {
	var room [64]byte
	return countries[string(lower(room[:0], strings.TrimSpace(s)))]
}

// accepts reports whether the country takes s as a state.
func (c country) accepts(s string) bool {
	switch c {
	case unitedStates, canada:
		var room [64]byte
		return subdivisions[c][string(lower(room[:0], s))]
	case unitedKingdom:
		return strings.TrimSpace(s) != ""
	default:
		return true
	}
}

// lower appends s in lower case. With room on the stack a lookup allocates nothing.
func lower(room []byte, s string) []byte {
	for _, r := range s {
		room = utf8.AppendRune(room, unicode.ToLower(r))
	}
	return room
}
