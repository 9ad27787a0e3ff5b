package configs

import (
	"strings"
	"testing"
	"time"
)

func TestParseAge(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"90d": 90 * day, "1d12h": 36 * time.Hour, "30m": 30 * time.Minute, "0": 0, "0d": 0, " 7d ": 7 * day, "1h30m": 90 * time.Minute,
		"106751d": 106751 * day,
	} {
		if got, err := ParseAge(text); got != want || err != nil {
			t.Errorf("%q: %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "d", "90", "-1h", "-1d", "1d-1h", "1.5d", "12h1d", "1d1d", "106752d", "106751d24h", "99999999999999999999d", "forever", "1 d"} {
		if got, err := ParseAge(text); err == nil || !strings.Contains(err.Error(), "no duration such as 90d") {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]uint64{
		"512MB": 512e6, "1.5GiB": 3 << 29, "4096": 4096, "0": 0, "10 kb": 10e3, "1TiB": 1 << 40, " 7B ": 7, "2TB": 2e12, "1KiB": 1024, "3GB": 3e9, "1mib": 1 << 20,
	} {
		if got, err := ParseSize(text); got != want || err != nil {
			t.Errorf("%q: %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "MB", "-1", "-1MB", "1XB", "1M", "1 M B", "1iB", "NaN", "Inf", "0x10", "1_000", "9999999TB", "1e99", "1,5GB", "many"} {
		if got, err := ParseSize(text); err == nil || !strings.Contains(err.Error(), "no size such as 512MB") {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
}

func FuzzQuantities(f *testing.F) {
	for _, seed := range []string{"90d", "1d12h", "106751d23h47m16.854775807s", "106751d23h47m16.854775808s", "0d0", "1d-1ns", "d", "9e9d", "512MB", "1.5GiB", "1e18B", "4EiB", "-0", "NaNMB", "0x1p3KB", "+1TiB"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if age, err := ParseAge(text); age < 0 || err != nil && age != 0 {
			t.Errorf("%q is the age %v, %v", text, age, err)
		}
		if size, err := ParseSize(text); size > 1<<62 || err != nil && size != 0 {
			t.Errorf("%q is the size %d, %v", text, size, err)
		}
	})
}

func TestLogSection(t *testing.T) {
	if c := mustParse(t, base); c.Log != (Log{Keep: "90d", Size: "512MB"}) {
		t.Errorf("without the section it is %+v", c.Log)
	}
	c := mustParse(t, base+"log: {keep: 0, size: 1GiB, file: provisioning.jsonl}\n")
	if c.Log.Keep != "0" || c.Log.Size != "1GiB" || !strings.HasSuffix(c.Log.File, "provisioning.jsonl") {
		t.Errorf("it is %+v", c.Log)
	}
	got := problemsOf(base + "log:\n  keep: a while\n  size: big\n")
	for _, want := range []string{`ringsync.yaml:10:9: log.keep: "a while" is no duration`, `ringsync.yaml:11:9: log.size: "big" is no size`} {
		if !strings.Contains(got, want) {
			t.Errorf("the problems are\n%s\nwant %s", got, want)
		}
	}
}

// What the configuration amounts to has every key that is set, defaults too, and says which values are secrets.
func TestSettings(t *testing.T) {
	c := mustParse(t, base+`notify: {webhook: {url: "https://hooks.example.com/T0/B0/x", secret: s3cret}}
safety: {protect: [ada@contoso.com, alan@contoso.com], removals: {count: 3}}
users:
  filters: [{name: sales, all: [{attribute: department, operator: EQUALS, value: Sales}]}]
`)
	settings := c.Settings()
	for key, want := range map[string]Setting{
		"job": {"contoso", false}, "source.credential.client_secret": {"hunter2", true}, "target.token": {"t0ken", true},
		"target.rate_share": {"1", false}, "source.nested_groups": {"false", false}, "safety.removals.count": {"3", false},
		"safety.protect[1]": {"alan@contoso.com", false}, "users.filters[0].all[0].value": {"Sales", false},
		"notify.webhook.url": {"https://hooks.example.com/T0/B0/x", true}, "notify.webhook.secret": {"s3cret", true},
		"log.keep": {"90d", false}, "users.attributes[0].target": {"userName", false}, "users.attributes[0].match": {"1", false},
	} {
		if got, ok := settings[key]; got != want || !ok {
			t.Errorf("%s = %q (secret: %t), want %q (secret: %t)", key, got.Value, got.Secret, want.Value, want.Secret)
		}
	}
	for key, s := range settings {
		for _, secret := range []string{"hunter2", "t0ken", "s3cret"} {
			if strings.Contains(s.Value, secret) && !s.Secret {
				t.Errorf("%s shows a secret", key)
			}
		}
	}
}
