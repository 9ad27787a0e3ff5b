package ringcentral

import (
	"strings"
	"testing"

	iso3166 "github.com/biter777/countries"
)

// The states that are accepted are those of ISO 3166-2, as a list that others keep has them.
func TestSubdivisionsAreISO(t *testing.T) {
	for country, own := range subdivisions {
		prefix := country.Alpha2()
		known := map[string]bool{}
		for _, s := range iso3166.AllSubdivisions() {
			if s.Country() == country && s.IsValid() {
				known[strings.ToLower(strings.TrimPrefix(string(s), prefix+"-"))] = true
			}
		}
		codes := 0
		for name := range own {
			if len(name) != 2 {
				continue
			}
			codes++
			if !known[name] {
				t.Errorf("%s-%s is in no list of ISO 3166-2", prefix, name)
			}
		}
		if codes != len(known) || len(own) != 2*codes {
			t.Errorf("%s: %d codes and %d names; ISO 3166-2 has %d codes: %v", prefix, codes, len(own)-codes, len(known), known)
		}
	}
}

func TestCountries(t *testing.T) {
	for name, want := range map[string]iso3166.CountryCode{
		"US": iso3166.USA, "usa": iso3166.USA, "U.S.A.": iso3166.USA, "United States": iso3166.USA, "united states of america": iso3166.USA,
		"The United States": iso3166.USA, "CA": iso3166.CAN, "canada": iso3166.CAN, "GB": iso3166.GBR, "UK": iso3166.GBR, "U.K.": iso3166.GBR,
		"Great Britain": iso3166.GBR, "united kingdom": iso3166.GBR, " Germany ": iso3166.DEU, "Deutschland": iso3166.DEU, "DEU": iso3166.DEU,
		"Vereinigtes Königreich": iso3166.GBR, "": iso3166.Unknown, " ": iso3166.Unknown, "Atlantis": iso3166.Unknown, "\xff": iso3166.Unknown,
	} {
		if got := countryOf(name); got != want {
			t.Errorf("%q is %v; want %v", name, got, want)
		}
	}
}

// Recognising a country costs nothing for what directories usually hold.
func TestCountriesAllocateNothing(t *testing.T) {
	for _, name := range []string{"US", "United States", "Germany", "DE", ""} {
		if n := testing.AllocsPerRun(10, func() { countryOf(name) }); n > 0 {
			t.Errorf("%q allocates %v times", name, n)
		}
	}
}
