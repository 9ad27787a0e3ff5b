package ringcentral_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"ringsync/connectors"
	"ringsync/connectors/ringcentral"
	rc "ringsync/connectors/ringcentral/ringcentraltest"
)

func TestFit(t *testing.T) {
	c := newClient(t, "https://x.test")
	null, absent := connectors.NullValue(), connectors.Value{}
	long := strings.Repeat("ö", 65)
	type change map[int]connectors.Value
	for _, test := range []struct {
		name     string
		change   change
		dropped  []int
		warnings string // attribute: part of the text; one a line
		problems string
	}{
		{"all is well", nil, nil, "", ""},
		{"mail in another letter case", change{userName: str("ANN@x.test")}, nil, "", ""},
		{"no mail", change{mail: absent, userName: null}, nil, "", "userName: has no value\nemails: has no value"},
		{"mail is not filled in from userName", change{mail: null}, nil, "", "emails: has no value"},
		{"nor userName from mail", change{userName: str("")}, nil, "", "userName: has no value"},
		{"blank names", change{givenName: str("  "), familyName: absent}, nil, "", "name.givenName: has no value\nname.familyName: has no value"},
		{"userName is not the mail", change{userName: str("ann@y.test")}, nil, "", `userName: "ann@y.test" is not the work e-mail address "ann@x.test"`},
		{"64 characters, not bytes", change{title: str(long[2:])}, nil, "", ""},
		{"too long, optional", change{title: str(long), department: str(long)}, []int{title, department}, "title: more than the 64\nurn: more than the 64", ""},
		{"too long, required", change{familyName: str(long)}, nil, "", "name.familyName: more than the 64"},
		{"mail too long", change{userName: str(strings.Repeat("a", 250) + "@x.test"), mail: str(strings.Repeat("a", 250) + "@x.test")}, nil, "",
			"userName: more than the 254\nemails: more than the 254"},

		{"phone as people write it", change{mobile: str("+49 (0)89/1234-56.78")}, nil, "", ""},
		{"phone in brackets", change{mobile: str("[+1] 650 555 0100")}, nil, "", ""},
		{"phone that no library would take", change{mobile: str("+1 11")}, nil, "", ""},
		{"phone without a country", change{mobile: str("089 1234567"), country: null, region: null}, []int{mobile}, "phoneNumbers: not in the international form (+, country code, number): it is", ""},
		{"phone of another country", change{mobile: str("089 1234567")}, []int{mobile}, "phoneNumbers: not in the international form (+, country code, number) nor a number of United States", ""},
		{"phone with 00, no country", change{mobile: str("0049 89 1234567"), country: null, region: null}, []int{mobile}, "phoneNumbers: not in the international form", ""},
		{"national phone with an extension", change{mobile: str("(650) 555-0100 x12")}, []int{mobile}, "phoneNumbers: not in", ""},
		{"no phone at all", change{mobile: str("ask at the desk")}, []int{mobile}, "phoneNumbers: not in", ""},
		{"a novel", change{mobile: str(strings.Repeat("650 555 0100 ", 50))}, []int{mobile}, "phoneNumbers: not in", ""},
		{"phone that begins with zero", change{mobile: str("+049891234")}, []int{mobile}, "phoneNumbers: not in the international form", ""},
		{"phone with an extension", change{mobile: str("+1 650 555 0100 x12")}, []int{mobile}, "phoneNumbers: not in the international form", ""},
		{"phone too short", change{mobile: str("+4")}, []int{mobile}, "phoneNumbers: not in", ""},
		{"phone of 15 digits", change{mobile: str("+123456789012345")}, nil, "", ""},
		{"phone of 16 digits", change{mobile: str("+1234567890123456")}, []int{mobile}, "phoneNumbers: not in", ""},
		{"plus in the middle", change{mobile: str("1+234567")}, []int{mobile}, "phoneNumbers: not in", ""},
		{"phone cleared", change{mobile: null}, nil, "", ""},

		{"state by name", change{region: str("new york"), country: str("United States")}, nil, "", ""},
		{"district and territories", change{region: str("Puerto Rico"), country: str("USA")}, nil, "", ""},
		{"state of the last row", change{region: str("VI")}, nil, "", ""},
		{"province", change{region: str("Quebec"), country: str("canada")}, nil, "", ""},
		{"province by code", change{region: str("qc"), country: str("CAN")}, nil, "", ""},
		{"country with blanks", change{region: str("Bavaria"), country: str(" US ")}, []int{street, locality, region, postalCode, country}, `addresses: state "Bavaria"`, ""},
		{"county", change{region: str("Kent"), country: str("GB")}, nil, "", ""},
		{"elsewhere anything", change{region: str("Kalifornien"), country: str("Germany")}, nil, "", ""},
		{"elsewhere nothing", change{region: null, country: str("DE")}, nil, "", ""},
		{"no country", change{region: str("Kalifornien"), country: absent}, nil, "", ""},
		{"unknown state", change{region: str("Kalifornien")}, []int{street, locality, region, postalCode, country},
			`addresses: state "Kalifornien" is not one RingCentral knows for United States: the address is left out`, ""},
		{"a state of the other country", change{region: str("ON")}, []int{street, locality, region, postalCode, country}, `addresses: state "ON"`, ""},
		{"no state", change{region: null, country: str("Canada")}, []int{street, locality, region, postalCode, country},
			"addresses: there is no state, which RingCentral requires for Canada", ""},
		{"no county", change{region: str(" "), country: str("United Kingdom")}, []int{street, locality, region, postalCode, country}, "addresses: state", ""},
		{"address cleared", change{street: null, locality: null, region: null, postalCode: null, country: null}, nil, "", ""},

		{"active as text", change{active: str("false")}, nil, "", ""},
		{"active as a boolean", change{active: connectors.BoolValue(false)}, nil, "", ""},
		{"active not wanted", change{active: absent}, nil, "", ""},
		{"active cleared", change{active: null}, []int{active}, "active: cannot be cleared", ""},
		{"active is neither", change{active: str("perhaps")}, []int{active}, "", `active: "perhaps", neither true nor false`},
	} {
		t.Run(test.name, func(t *testing.T) {
			values := person("ann@x.test")
			for slot, v := range test.change {
				values[slot] = v
			}
			want := append([]connectors.Value(nil), values...)
			for _, slot := range test.dropped {
				want[slot] = absent
			}
			got := c.Fit(values)
			for i := range want {
				if !values[i].Equal(want[i]) {
					t.Errorf("%s is %q; want %q", paths[i], values[i].Text(), want[i].Text())
				}
			}
			compareNotes(t, "warnings", got.Warnings, test.warnings)
			compareNotes(t, "problems", got.Problems, test.problems)
			// What has been fitted stays as it is.
			if again := c.Fit(values); len(again.Warnings) != 0 {
				t.Errorf("fitting again warns of %v", again.Warnings)
			}
		})
	}
}

// A number as it is dialled within the person's country gets the country, though their address is left out.
func TestNationalPhones(t *testing.T) {
	c := newClient(t, "https://x.test")
	for _, test := range []struct{ phone, state, country, want string }{
		{"(650) 555-0100", "CA", "US", "+16505550100"},
		{"650.555.0100", "CA", "United States", "+16505550100"},
		{"089 1234567", "", "Germany", "+49891234567"},
		{"0171/1234567", "Bayern", "DE", "+491711234567"},
		{"0049 89 1234567", "", "Deutschland", "+49891234567"},
		{"020 7946 0958", "London", "UK", "+442079460958"},
		{"06 12 34 56 78", "", "France", "+33612345678"},
		{"089 1234567", "", "", ""},
		{"12", "", "DE", ""},
		{"(650) 555-0100", "Kalifornien", "US", "+16505550100"},
	} {
		values := person("ann@x.test")
		values[mobile], values[region], values[country] = str(test.phone), str(test.state), str(test.country)
		c.Fit(values)
		if got := values[mobile].Text(); got != test.want {
			t.Errorf("%s in %q is %q; want %q", test.phone, test.country, got, test.want)
		}
	}
}

// With target.address: fail a bad address is a problem of the person; with or without, none of it is sent.
func TestRefuseBadAddress(t *testing.T) {
	c := newClient(t, "https://x.test", func(o *ringcentral.Options) { o.RefuseBadAddress = true })
	values := person("ann@x.test")
	if got := c.Fit(values); len(got.Problems)+len(got.Warnings) > 0 {
		t.Errorf("a good address: %+v", got)
	}
	values[region] = str("Kalifornien")
	got := c.Fit(values)
	compareNotes(t, "problems", got.Problems, `addresses: state "Kalifornien" is not one RingCentral knows for United States`)
	compareNotes(t, "warnings", got.Warnings, "")
	for _, slot := range []int{street, locality, region, postalCode, country} {
		if values[slot].Kind() != connectors.Absent {
			t.Errorf("%s is %q", paths[slot], values[slot].Text())
		}
	}
}

func compareNotes(t *testing.T, what string, got []connectors.Note, want string) {
	t.Helper()
	lines := strings.Split(want, "\n")
	if want == "" {
		lines = nil
	}
	ok := len(got) == len(lines)
	for i := 0; ok && i < len(lines); i++ {
		attribute, text, _ := strings.Cut(lines[i], ": ")
		ok = strings.HasPrefix(got[i].Attribute, attribute) && strings.Contains(got[i].Text, text)
	}
	if !ok {
		t.Errorf("%s %+v; want %q", what, got, lines)
	}
}

// A mapping without an attribute that RingCentral requires suits nobody.
func TestFitOfUnmapped(t *testing.T) {
	c := newClient(t, "https://x.test", func(o *ringcentral.Options) { o.Slots = connectors.NewSlots("title") })
	if got := c.Fit([]connectors.Value{str("T")}); len(got.Problems) != 4 || len(got.Warnings) != 0 {
		t.Errorf("%+v", got)
	}
}

// What fits is accepted: RingCentral refuses nobody who has no problem, however odd their attributes.
func TestWhatFitsIsAccepted(t *testing.T) {
	_, c := account(t, rc.Options{Licenses: -1, AllowDuplicates: true})
	odd := rapid.OneOf(rapid.Just(""), rapid.StringMatching(`[ -~äéß]{0,70}`), rapid.SampledFrom([]string{"US", "usa", "Canada", "UK", "Germany", "CA",
		"ca", "Ontario", "Québec", "+1 650 555 0100", "+49 89/123", "0650", "(650) 555-0100", "089 1234567", "California"}))
	rapid.Check(t, func(t *rapid.T) {
		values := person("ann@x.test")
		for _, slot := range []int{title, mobile, street, locality, region, postalCode, country, department} {
			if s := odd.Draw(t, paths[slot]); s != "" {
				values[slot] = str(s)
			} else {
				values[slot] = connectors.NullValue()
			}
		}
		if fitted := c.Fit(values); len(fitted.Problems) > 0 {
			t.Fatalf("problems %+v", fitted.Problems)
		}
		if _, err := c.Create(t.Context(), values); err != nil {
			t.Fatalf("%s\n%v", show(values), err)
		}
	})
}

func BenchmarkFit(b *testing.B) {
	c := newClient(b, "https://x.test")
	for name, phone := range map[string]string{"E.164": "+1 (650) 555-0100", "national": "(650) 555-0100"} {
		b.Run(name, func(b *testing.B) {
			good := person("ann@x.test")
			good[mobile] = str(phone)
			values := make([]connectors.Value, len(good))
			b.ReportAllocs()
			for b.Loop() {
				copy(values, good)
				c.Fit(values)
			}
		})
	}
}
