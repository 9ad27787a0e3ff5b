package ringcentral

import (
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	iso3166 "github.com/biter777/countries"
)

// countryCodes finds a country by its ISO 3166-1 codes and English name, in lower case. The library's own search takes
// a hundred allocations, which the address of everybody in every full cycle would cost.
var countryCodes = sync.OnceValue(func() map[string]iso3166.CountryCode {
	codes := map[string]iso3166.CountryCode{}
	for _, c := range iso3166.All() {
		for _, name := range []string{c.Alpha2(), c.Alpha3(), c.String()} {
			codes[strings.ToLower(name)] = c
		}
	}
	return codes
})

// countryOf recognises a country however the directory writes it, iso3166.Unknown if it does not.
func countryOf(s string) iso3166.CountryCode {
	s = strings.TrimSpace(s)
	if s == "" {
		return iso3166.Unknown
	}
	var room [64]byte
	if c, ok := countryCodes()[string(lower(room[:0], s))]; ok {
		return c
	}
	return iso3166.ByName(strings.TrimPrefix(strings.ToLower(s), "the ")) // other names and spellings, and other languages'
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

var subdivisions = map[iso3166.CountryCode]map[string]bool{
	iso3166.USA: codesAndNames(subdivisionsUS),
	iso3166.CAN: codesAndNames(subdivisionsCA),
}

func codesAndNames(list string) map[string]bool {
	set := map[string]bool{}
	for entry := range strings.SplitSeq(strings.ReplaceAll(list, "\n", ""), ";") {
		code, name, _ := strings.Cut(strings.ToLower(entry), " ")
		set[code], set[name] = true, true
	}
	return set
}

// accepts reports whether RingCentral takes s as a state of the country. It asks for one in three countries (schema
// ContactBusinessAddressInfo), and is known to know those of two.
func accepts(c iso3166.CountryCode, s string) bool {
	switch c {
	case iso3166.USA, iso3166.CAN:
		var room [64]byte
		return subdivisions[c][string(lower(room[:0], s))]
	case iso3166.GBR:
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
