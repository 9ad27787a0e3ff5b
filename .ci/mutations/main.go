// Command mutations breaks each safety rule on purpose and fails unless the tests notice:
//
//	go run ./.ci/mutations [NAME...]
//
// It owns the mutations beside it (see README.md) and how they are applied, over a clean checkout and with go test
// -overlay, so that nothing in the working tree changes. Whether a test is a good one it leaves to whoever writes it.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
)

const (
	folder = ".ci/mutations"
	// atOnce is how many runs of go test go side by side.
	atOnce = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, names []string, stdout, stderr io.Writer) int {
	all, err := load(folder, names)
	if err == nil {
		err = healthy(ctx, commands(all))
	}
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	temp, err := os.MkdirTemp("", "mutations")
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	defer os.RemoveAll(temp)
	missed := 0
	var mu sync.Mutex
	each(all, func(m mutation) {
		findings, err := m.try(ctx, filepath.Join(temp, m.name))
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			missed++
			fmt.Fprintf(stdout, "%s: %v\n", m.name, err)
			return
		}
		fmt.Fprintf(stdout, "%s: caught by %s\n", m.name, strings.Join(findings, "; "))
	})
	fmt.Fprintf(stdout, "%d of %d mutations caught\n", len(all)-missed, len(all))
	return min(missed, 1)
}

// each calls fn for everything, a few at once.
func each[T any](all []T, fn func(T)) {
	places := make(chan struct{}, atOnce)
	var done sync.WaitGroup
	for _, one := range all {
		places <- struct{}{}
		done.Go(func() {
			fn(one)
			<-places
		})
	}
	done.Wait()
}

// healthy fails unless the tests pass while nothing is broken: only then does a failure mean anything.
func healthy(ctx context.Context, commands []string) error {
	var mu sync.Mutex
	var problems []error
	each(commands, func(args string) {
		r, err := goTest(ctx, args)
		switch {
		case err != nil:
		case r.failed:
			err = fmt.Errorf("go test %s fails without any mutation:\n%s", args, r.output)
		case r.passes == 0:
			err = fmt.Errorf("go test %s runs no test", args)
		}
		mu.Lock()
		defer mu.Unlock()
		problems = append(problems, err)
	})
	return errors.Join(problems...)
}

// try applies the mutation and returns what each command found.
func (m mutation) try(ctx context.Context, temp string) (findings []string, err error) {
	overlay, err := m.overlay(temp)
	if err != nil {
		return nil, err
	}
	for _, args := range m.caughtBy {
		r, err := goTest(ctx, args, "-overlay", overlay)
		switch {
		case err != nil:
			return nil, err
		case !r.failed:
			return nil, fmt.Errorf("SURVIVES go test %s: rule %s is broken (%s) and nobody notices", args, m.rule, m.breaks)
		case len(r.failures) == 0:
			return nil, fmt.Errorf("does not build:\n%s", r.output)
		case strings.Contains(r.output, "panic: test timed out"):
			return nil, fmt.Errorf("go test %s does not end, which is no finding", args)
		}
		findings = append(findings, r.finding())
	}
	return findings, nil
}

// overlay writes the mutated files and the file that has go test use them instead of the real ones.
func (m mutation) overlay(temp string) (path string, err error) {
	files, err := m.apply(os.ReadFile)
	if err != nil {
		return "", err
	}
	replace := map[string]string{}
	for file, text := range files {
		from, err := filepath.Abs(file)
		if err != nil {
			return "", err
		}
		to := filepath.Join(temp, file)
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			return "", err
		}
		if err := os.WriteFile(to, []byte(text), 0o600); err != nil {
			return "", err
		}
		replace[from] = to
	}
	path = filepath.Join(temp, "overlay.json")
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	return path, os.WriteFile(path, text, 0o600)
}

// result is what one run of go test came to.
type result struct {
	failed   bool
	passes   int
	failures []string // tests that failed; none if the program does not even build
	output   string
}

// goTest runs go test with the arguments of a Caught-by line and some more.
func goTest(ctx context.Context, args string, more ...string) (result, error) {
	cmd := exec.CommandContext(ctx, "go", append(append([]string{"test", "-json", "-vet=off", "-timeout=10m"}, more...), strings.Fields(args)...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && (!exited || ctx.Err() != nil) {
		return result{}, fmt.Errorf("go test %s: %w", args, err)
	}
	r := result{failed: err != nil}
	var output strings.Builder
	for line := range bytes.Lines(stdout.Bytes()) {
		var event struct{ Action, Test, Output string }
		if json.Unmarshal(line, &event) != nil {
			continue // what is no event is no test's
		}
		output.WriteString(event.Output)
		switch {
		case event.Test == "":
		case event.Action == "pass":
			r.passes++
		case event.Action == "fail":
			r.failures = append(r.failures, event.Test)
		}
	}
	r.output = output.String() + stderr.String()
	return r, nil
}

// broken is how TestSimulation tells of a history in which a rule was broken.
var broken = regexp.MustCompile(`(?m)_test\.go:\d+: (S\d+): |^\s+Replay: .* -seed (\d+)$`)

// finding says in a few words which tests failed: of the simulation, which rules it saw broken with which seeds; of
// tests with parts, which parts.
func (r result) finding() string {
	names := slices.DeleteFunc(slices.Clone(r.failures), func(name string) bool {
		return slices.ContainsFunc(r.failures, func(other string) bool { return strings.HasPrefix(other, name+"/") })
	})
	text := strings.Join(names, ", ")
	var seeds []string
	rule := ""
	for _, match := range broken.FindAllStringSubmatch(r.output, -1) {
		if match[1] != "" {
			rule = match[1]
		} else {
			seeds = append(seeds, fmt.Sprintf("%s with seed %s", rule, match[2]))
		}
	}
	if len(seeds) > 0 {
		text += " (" + strings.Join(seeds, ", ") + ")"
	}
	return text
}
