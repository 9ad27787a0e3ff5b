package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// mutation is one file of this folder: a change of the program's source that breaks a safety rule, and the tests that
// must notice.
type mutation struct {
	name     string
	rule     string
	breaks   string
	caughtBy []string // arguments of go test
	hunks    []hunk
}

// hunk replaces text that occurs exactly once in a file.
type hunk struct {
	file          string // from the top folder
	before, after string
}

// load reads the mutations of the folder, or those named, in the order of their names.
func load(folder string, names []string) ([]mutation, error) {
	if len(names) == 0 {
		files, err := filepath.Glob(filepath.Join(folder, "*.patch"))
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			names = append(names, strings.TrimSuffix(filepath.Base(f), ".patch"))
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("no mutations in %s: run this from the top folder", folder)
	}
	var all []mutation
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(folder, name+".patch"))
		if err != nil {
			return nil, err
		}
		m, err := parse(name, string(text))
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

// parse reads what the README of this folder describes.
func parse(name, text string) (mutation, error) {
	m := mutation{name: name}
	h := hunk{}
	next := func() {
		if h.before != h.after {
			m.hunks = append(m.hunks, h)
		}
		h.before, h.after = "", ""
	}
	for line := range strings.Lines(text) {
		var err error
		switch file, isFile := strings.CutPrefix(line, "--- "); {
		case isFile:
			next()
			h.file = strings.TrimSpace(file)
		case h.file == "":
			err = m.header(strings.TrimSpace(line))
		case strings.HasPrefix(line, "@@"):
			next()
		default:
			err = h.add(line)
		}
		if err != nil {
			return m, fmt.Errorf("%s: %w", name, err)
		}
	}
	next()
	if m.rule == "" || m.breaks == "" || len(m.caughtBy) == 0 || len(m.hunks) == 0 {
		return m, fmt.Errorf("%s: a mutation has Rule, Breaks, Caught-by and a change", name)
	}
	return m, nil
}

func (m *mutation) header(line string) error {
	switch key, value, _ := strings.Cut(line, ": "); key {
	case "":
	case "Rule":
		m.rule = value
	case "Breaks":
		m.breaks = value
	case "Caught-by":
		m.caughtBy = append(m.caughtBy, value)
	default:
		return fmt.Errorf("%q is not Rule, Breaks or Caught-by", line)
	}
	return nil
}

// add takes one line of a hunk: of both texts, of the one before or of the one after.
func (h *hunk) add(line string) error {
	switch line[0] {
	case ' ':
		h.before, h.after = h.before+line[1:], h.after+line[1:]
	case '-':
		h.before += line[1:]
	case '+':
		h.after += line[1:]
	case '\n':
		h.before, h.after = h.before+line, h.after+line
	default:
		return fmt.Errorf("%q begins with neither space, - nor +", strings.TrimSpace(line))
	}
	return nil
}

// apply returns the files as the mutation leaves them, by name. Text that does not occur exactly once is an error: the
// source has moved on, and so must the mutation.
func (m mutation) apply(read func(file string) ([]byte, error)) (map[string]string, error) {
	files := map[string]string{}
	for _, h := range m.hunks {
		text, begun := files[h.file]
		if !begun {
			original, err := read(h.file)
			if err != nil {
				return nil, fmt.Errorf("%s does not apply: %w", m.name, err)
			}
			text = string(original)
		}
		text = "\n" + text // so that every line begins after another
		switch at := strings.Index(text, "\n"+h.before); {
		case at < 0:
			return nil, fmt.Errorf("%s does not apply: its text is no longer in %s", m.name, h.file)
		case at != strings.LastIndex(text, "\n"+h.before):
			return nil, fmt.Errorf("%s does not apply: its text is in %s more than once", m.name, h.file)
		}
		files[h.file] = strings.Replace(text, "\n"+h.before, "\n"+h.after, 1)[1:]
	}
	return files, nil
}

// commands returns the arguments of go test that the mutations name, each once.
func commands(all []mutation) []string {
	set := map[string]bool{}
	for _, m := range all {
		for _, c := range m.caughtBy {
			set[c] = true
		}
	}
	return slices.Sorted(maps.Keys(set))
}
