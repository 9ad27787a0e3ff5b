package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

const head = "Rule: S1\nBreaks: something\nCaught-by: ./a -run ^TestA$\nCaught-by: ./b\n\n"

func TestApply(t *testing.T) {
	source := map[string]string{"a.go": "one\n\ttwo\n\nthree\ntwo\n", "b.go": "x\nxx\n", "c.go": "y\ny\n"}
	read := func(file string) ([]byte, error) {
		text, ok := source[file]
		if !ok {
			return nil, fmt.Errorf("there is no %s", file)
		}
		return []byte(text), nil
	}
	for _, test := range []struct {
		name, patch string
		want        map[string]string
		err         string
	}{
		{"a line is replaced", "--- a.go\n-\ttwo\n+\tzwei\n", map[string]string{"a.go": "one\n\tzwei\n\nthree\ntwo\n"}, ""},
		{"a line is added between others", "--- a.go\n \n+new\n three\n", map[string]string{"a.go": "one\n\ttwo\n\nnew\nthree\ntwo\n"}, ""},
		{"an empty line without its space", "--- a.go\n \ttwo\n\n-three\n", map[string]string{"a.go": "one\n\ttwo\n\ntwo\n"}, ""},
		{"two places and two files", "--- a.go\n-one\n+eins\n@@\n-three\n+drei\n--- b.go\n-xx\n+y\n",
			map[string]string{"a.go": "eins\n\ttwo\n\ndrei\ntwo\n", "b.go": "x\ny\n"}, ""},
		{"only whole lines count", "--- b.go\n-x\n+y\n", map[string]string{"b.go": "y\nxx\n"}, ""},
		{"a text that is gone", "--- a.go\n-four\n+five\n", nil, "no longer in a.go"},
		{"a text that is there twice", "--- c.go\n-y\n+z\n", nil, "in c.go more than once"},
		{"a file that is gone", "--- gone.go\n-four\n+five\n", nil, "there is no gone.go"},
	} {
		m, err := parse("m", head+test.patch)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		got, err := m.apply(read)
		if test.err != "" {
			if err == nil || !strings.Contains(err.Error(), test.err) {
				t.Errorf("%s: %v, want %q", test.name, err, test.err)
			}
			continue
		}
		if err != nil || fmt.Sprint(got) != fmt.Sprint(test.want) {
			t.Errorf("%s: %q, %v, want %q", test.name, got, err, test.want)
		}
	}
}

// Every mutation here fits the source as it is, and each rule has one.
func TestMutations(t *testing.T) {
	all, err := load(".", nil)
	if err != nil {
		t.Fatal(err)
	}
	rules := map[string]bool{}
	for _, m := range all {
		rules[m.rule] = true
		if !strings.HasPrefix(m.name, m.rule+"-") {
			t.Errorf("%s is about %s", m.name, m.rule)
		}
		if _, err := m.apply(func(file string) ([]byte, error) { return os.ReadFile("../../" + file) }); err != nil {
			t.Error(err)
		}
	}
	for n := range 11 {
		if rule := fmt.Sprint("S", n+1); !rules[rule] {
			t.Errorf("nothing breaks %s", rule)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"no change":            head,
		"a change of nothing":  head + "--- a.go\n same\n",
		"no rule":              "Breaks: x\nCaught-by: y\n--- a.go\n-x\n+y\n",
		"an unknown key":       "Why: x\n" + head + "--- a.go\n-x\n+y\n",
		"a line of no kind":    head + "--- a.go\n-x\n+y\nz\n",
		"nobody to catch it":   "Rule: S1\nBreaks: x\n--- a.go\n-x\n+y\n",
		"a change of no file":  head + "-x\n+y\n",
		"nothing at all":       "",
		"no word of what harm": "Rule: S1\nCaught-by: y\n--- a.go\n-x\n+y\n",
	} {
		if m, err := parse("m", text); err == nil {
			t.Errorf("%s: %+v", name, m)
		}
	}
}

func TestFinding(t *testing.T) {
	r := result{failures: []string{"TestA/b", "TestA", "TestSimulation"}, output: `--- FAIL: TestSimulation (1.44s)
    sim_history_test.go:332: S2: account 7 of p25 is disabled
        192h45m9.656s  BROKEN S2: account 7 of p25 is disabled
        Replay: go test ./engine -run TestSimulation -seed 5
    sim_history_test.go:332: S5: p35 has no account
        Replay: go test ./engine -run TestSimulation -seed 7
`}
	if got, want := r.finding(), "TestA/b, TestSimulation (S2 with seed 5, S5 with seed 7)"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
