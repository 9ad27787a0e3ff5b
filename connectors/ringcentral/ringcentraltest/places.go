package ringcentraltest

import (
	_ "embed"
	"strings"
	"sync"
)

// ISO 3166-1: "AD Andorra", a country a line.
//
//go:embed countries.txt
var countryList string

// ISO 3166-2 for the countries whose states are checked against a list: "US AL Alabama", a name a line.
//
//go:embed states.txt
var stateList string

// countryCodes finds the alpha-2 code by code or English name, in lower case, and countryNames the name by code.
var countryCodes, countryNames = sync.OnceValue(func() map[string]string {
	codes := map[string]string{"uk": "GB", "usa": "US", "great britain": "GB", "united states of america": "US"}
	for line := range strings.Lines(countryList) {
		code, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		codes[strings.ToLower(code)] = code
		codes[strings.ToLower(name)] = code
	}
	return codes
}), sync.OnceValue(func() map[string]string {
	names := make(map[string]string)
	for line := range strings.Lines(countryList) {
		code, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		names[code] = name
	}
	return names
})

// states holds "US al" and "US alabama" for every state of a listed country.
var states = sync.OnceValue(func() map[string]bool {
	known := make(map[string]bool)
	for line := range strings.Lines(stateList) {
		country, state, _ := strings.Cut(strings.TrimSpace(line), " ")
		code, name, _ := strings.Cut(state, " ")
		known[country+" "+strings.ToLower(code)] = true
		known[country+" "+strings.ToLower(name)] = true
	}
	return known
})

// normalCountry returns how RingCentral answers a country: by its English name. What it does not know stays.
func normalCountry(country string) string {
	if code, ok := countryCodes()[strings.ToLower(country)]; ok {
		return countryNames()[code]
	}
	return country
}

// validState reports whether RingCentral takes the state in the country: one that it knows in the USA and Canada, any
// in the United Kingdom, anything or nothing elsewhere.
func validState(country, state string) bool {
	switch code := countryCodes()[strings.ToLower(country)]; code {
	case "US", "CA":
		return states()[code+" "+strings.ToLower(state)]
	case "GB":
		return state != ""
	}
	return true
}
