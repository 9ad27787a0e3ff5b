package configs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

func TestSecretIsNeverShown(t *testing.T) {
	s := NewSecret("hunter2")
	type holder struct {
		Public  Secret
		private Secret
		list    []Secret
		mapped  map[string]Secret
	}
	h := holder{s, s, []Secret{s}, map[string]Secret{"k": s}}
	var shown strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%T", "%p", "%10v", "%z"} {
		for _, operand := range []any{s, &s, h, &h, []Secret{s}, struct{ any }{s}} {
			fmt.Fprintf(&shown, verb+"\n", operand)
		}
	}
	fmt.Fprintln(&shown, s, h, fmt.Errorf("wrong: %v %w", s, fmt.Errorf("%v", h)))
	for _, marshal := range []func(any) ([]byte, error){json.Marshal, yaml.Marshal} {
		for _, operand := range []any{s, &s, h, map[string]Secret{"a": s}} {
			b, err := marshal(operand)
			if err != nil {
				t.Fatal(err)
			}
			shown.Write(b)
		}
	}
	var log bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(handler).Info("x", "secret", s, "holder", h, "pointer", &s, slog.Group("g", "s", s))
	}
	for text := range strings.Lines(shown.String() + log.String()) {
		if strings.Contains(text, "hunter2") || strings.Contains(strings.ToLower(text), "68756e74657232") {
			t.Errorf("shown: %s", text)
		}
	}
	if got := fmt.Sprintf("%v|%s|%q|%#v|%+v|%d", s, s, s, s, s, s); got != strings.Repeat("|[redacted]", 6)[1:] {
		t.Error(got)
	}
	if b, _ := json.Marshal(s); string(b) != `"[redacted]"` {
		t.Error(string(b))
	}
	if s.Reveal() != "hunter2" || s.Empty() || !NewSecret("").Empty() || (Secret{}).Reveal() != "" {
		t.Error("Reveal and Empty")
	}
}

func TestConfigNeverShowsSecrets(t *testing.T) {
	c := mustParse(t, base)
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	shown := fmt.Sprintf("%v %+v %#v %s", c, *c, *c, b)
	for _, secret := range []string{"hunter2", "t0ken"} {
		if strings.Contains(shown, secret) {
			t.Errorf("%s is shown: %s", secret, shown)
		}
	}
	// Nor do problems with a secret's place, or on its line.
	for _, text := range []string{
		strings.Replace(base, "token: t0ken", "token: [hunter2]", 1),
		strings.Replace(base, "token: t0ken", "tokn: hunter2", 1),
		strings.Replace(base, "token: t0ken", "token: hunter2: x", 1),
		strings.Replace(base, "token: t0ken", `token: "hunter2`, 1),
		strings.Replace(base, "https://platform", "https://me:hunter2@platform", 1),
		base + "  concurrency: hunter2\n",
		base + "hunter2\n",
	} {
		if wrong := problemsOf(text); wrong == "" || strings.Contains(wrong, "hunter2") {
			t.Errorf("%s\ngives: %s", text, wrong)
		}
	}
}
