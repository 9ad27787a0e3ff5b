package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The file of tests that docs/mapping.md shows prints what the page says, and the difference that it shows is one.
func TestDocumentedMappingTest(t *testing.T) {
	page, err := os.ReadFile("../../docs/mapping.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "## Tests of your own")
	_, rest, found := strings.Cut(section, "```yaml\n")
	file, rest, closed := strings.Cut(rest, "```\n")
	if !found || !closed {
		t.Fatal("no example in the section")
	}
	config, err := os.ReadFile("../../configs/examples/contoso.yaml")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	runs := func(file string, code int) {
		t.Helper()
		for name, text := range map[string]string{"contoso.yaml": string(config), "contoso.test.yaml": file} {
			if err := os.WriteFile(filepath.Join(".", name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		var stdout, stderr bytes.Buffer
		if got := run(t.Context(), []string{"mapping", "test", "contoso.test.yaml"}, strings.NewReader(""), &stdout, &stderr); got != code {
			t.Fatalf("exits with %d: %s%s", got, &stdout, &stderr)
		}
		shown, _, _ := strings.Cut(stdout.String(), "\nok ")
		if code == exitOK {
			shown = stdout.String()
		}
		if indented := "    " + strings.ReplaceAll(strings.TrimRight(shown, "\n"), "\n", "\n    "); !strings.Contains(rest, indented) {
			t.Errorf("the page does not show\n%s", indented)
		}
	}
	runs(file, exitOK)
	runs(strings.Replace(file, "Sales representative", "Sales Representative", 1), exitFailed)
}
