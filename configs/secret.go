package configs

import (
	"fmt"
	"io"
	"log/slog"
)

// Secret is a text that must not be seen. Whatever prints, logs or marshals it gets "[redacted]"; only Reveal gives
// the text. It lies behind a pointer, so that even fmt on an unexported field, where no method is asked, shows an
// address and not the text. The zero Secret is empty.
type Secret struct{ text *string }

const redacted = "[redacted]"

// NewSecret returns text as a Secret.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{&text}
}

// Reveal returns the text, for the request that needs it.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// Empty reports whether there is no text.
func (s Secret) Empty() bool { return s.text == nil }

// String returns "[redacted]".
func (Secret) String() string { return redacted }

// Format writes "[redacted]" for every verb. A Stringer alone would not do: fmt prints the operand itself when the
// verb does not fit it.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText serves JSON and YAML.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue serves slog.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }
