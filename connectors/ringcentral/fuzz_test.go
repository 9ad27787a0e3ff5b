package ringcentral_test

import (
	"regexp"
	"testing"
	"time"

	"ringsync/connectors/ringcentral"
)

// Whatever the directory holds, fitting it neither panics nor goes on for ever, what is sent as a phone number is one,
// and what was fitted once fits.
func FuzzFit(f *testing.F) {
	for _, seed := range [][3]string{{"(650) 555-0100", "CA", "US"}, {"0049 89 1234567", "Bayern", "Deutschland"}, {"+1 11", "Kent", "u.k."},
		{"0171 1234567 ext. 9", "", "DE"}, {"1-800-FLOWERS", "Kalifornien", "United States"}, {"tel:0171;phone-context=+49", "\xff", "(x"}, {"٠١٧١", "QC", "ca"}, {"00492100000000AAA0", "", "AX"}} {
		f.Add(seed[0], seed[1], seed[2])
	}
	c := newClient(f, "https://x.test")
	number := regexp.MustCompile(`^\+[1-9]\d{1,14}$`)
	layout := regexp.MustCompile(`[ .\-/()\[\]]`)
	f.Fuzz(func(t *testing.T, phone, state, land string) {
		values := person("ann@x.test")
		values[mobile], values[region], values[country] = str(phone), str(state), str(land)
		c.Fit(values)
		if got := values[mobile].Text(); got != "" && !number.MatchString(layout.ReplaceAllString(got, "")) {
			t.Errorf("%q in %q is sent as %q", phone, land, got)
		}
		if again := c.Fit(values); len(again.Warnings) > 0 {
			t.Errorf("what fits does not: %+v", again)
		}
	})
}

// When a JWT ends is read from whatever stands in the configuration.
func FuzzCredentialEnds(f *testing.F) {
	for _, seed := range []string{jwt(time.Unix(1e9, 0)), "a.b.c", "...", "a.e30.c", "a.eyJleHAiOi0xfQ.c", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, assertion string) {
		c, err := ringcentral.JWTGrant(ringcentral.JWT{URL: "https://x.test", ClientID: "a", ClientSecret: "b", Assertion: assertion})
		if err != nil {
			return
		}
		if ends := c.Identity().Ends; !ends.IsZero() && ends.Unix() <= 0 {
			t.Errorf("%q ends %v", assertion, ends)
		}
	})
}
