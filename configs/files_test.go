package configs_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"ringsync/configs"
)

// What a configuration is made of is known also where a secret is missing, or the file is no configuration at all.
func TestFiles(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string // beside the file
	}{
		"whole": {`job: a
source:
  credential: {kind: client-certificate, client_id: x, certificate: entra.pem, certificate_password: "${file:secrets/password}"}
target: {token: "${file:secrets/token}"}
state: {etcd: {endpoints: [x], tls: {ca: ca.pem, cert: entra.pem}}}
`, []string{"ca.pem", "entra.pem", "secrets/password", "secrets/token"}},
		"a key that there is not": {"jb: a\ntarget: {token: \"${file:token}\"}\n", []string{"token"}},
		"not YAML":                {"job: [", nil},
		"empty":                   {"", nil},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			path := filepath.Join(folder, "ringsync.yaml")
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			want := []string{path}
			for _, file := range c.want {
				want = append(want, filepath.Join(folder, file))
			}
			if got := configs.Files(path); !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
	if got := configs.Files("nothing.yaml"); !slices.Equal(got, []string{"nothing.yaml"}) {
		t.Errorf("of a file that there is not: %q", got)
	}
}

// The state's path is known as long as the file tells it, whatever else is wrong.
func TestPlace(t *testing.T) {
	for text, want := range map[string]string{
		"job: a\n": "a.db",
		"job: a\nscedule: {}\nstate: {path: b.db}\n": "b.db",
		"job: a\ntarget: {token: \"${NOT_SET}\"}\n":  "a.db",
		"job: \"${NOT_SET}\"\n":                      "",
		"job: \"${NOT_SET}\"\nstate: {path: b.db}\n": "",
		"job: a\nstate: {path: \"${NOT_SET}\"}\n":    "",
		"job: a\nstate: {paht: b.db}\n":              "",
		"job: a\nstate: {etcd: {endpoints: [x]}}\n":  "",
		"job: [\n": "",
		"":         "",
	} {
		folder := t.TempDir()
		path := filepath.Join(folder, "ringsync.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if want != "" {
			want = filepath.Join(folder, want)
		}
		if got := configs.Place(path); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	if got := configs.Place("nothing.yaml"); got != "" {
		t.Errorf("of a file that there is not: %q", got)
	}
}
