package configs

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// lookups are where references in the file are answered from. Without any, texts are taken as they are.
type lookups struct {
	env  func(name string) (string, bool)
	file func(path string) (string, error)
}

// expand replaces ${NAME} and ${file:PATH} in a value and $${ with ${. Every other dollar stands for itself, since
// patterns are full of them. What the references give is not looked at again.
func (l lookups) expand(text string) (string, error) {
	if l.env == nil || !strings.Contains(text, "${") {
		return text, nil
	}
	var b strings.Builder
	for {
		i := strings.Index(text, "${")
		if i < 0 {
			b.WriteString(text)
			return b.String(), nil
		}
		if i > 0 && text[i-1] == '$' {
			b.WriteString(text[:i-1])
			b.WriteString("${")
			text = text[i+2:]
			continue
		}
		b.WriteString(text[:i])
		name, rest, closed := strings.Cut(text[i+2:], "}")
		if !closed {
			return "", fmt.Errorf("${ without its }; write $${ for the two characters themselves")
		}
		value, err := l.reference(name)
		if err != nil {
			return "", err
		}
		b.WriteString(value)
		text = rest
	}
}

func (l lookups) reference(name string) (string, error) {
	if path, ok := strings.CutPrefix(name, "file:"); ok {
		return l.file(path)
	}
	if !isVariable(name) {
		return "", fmt.Errorf("${%s} names no environment variable and no file (${file:PATH}); write $${%[1]s} for the text itself", name)
	}
	value, ok := l.env(name)
	if !ok {
		return "", fmt.Errorf("environment variable %s is not set", name)
	}
	return value, nil
}

// isVariable reports whether name is one a shell can export.
func isVariable(name string) bool {
	for i, r := range name {
		letter := r == '_' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return name != ""
}

// readSecretFile returns a file's text without the line end that editors and echo leave.
func readSecretFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err // "open PATH: no such file or directory"
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return "", err
	}
	if len(data) > maxSize {
		return "", fmt.Errorf("%s is larger than 256 KiB", path)
	}
	return strings.TrimRight(string(data), "\r\n"), nil
}
