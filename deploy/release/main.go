// Command release makes the archives of a release: go run ./deploy/release [-out DIR] [-only GOOS/GOARCH,...] [-verify].
//
// It owns which platforms there are and what an archive holds. It builds a commit, never the working tree: from a fresh
// clone, so that the same commit and the same Go give the same bytes to everybody. With -verify it does so twice, in
// two places and with an empty build cache the second time, and compares. The version is the one that Go itself stamps:
// the commit's tag, else a pseudo-version.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// platforms are those that a release is made for.
var platforms = [...]string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64", "windows/amd64", "windows/arm64"}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	out := flag.String("out", "dist", "`folder` to write to; it must be empty or not there")
	commit := flag.String("commit", "HEAD", "`commit` to build")
	only := flag.String("only", strings.Join(platforms[:], ","), "`platforms` to build for")
	verify := flag.Bool("verify", false, "build again from nothing, and fail unless every byte is the same")
	flag.Parse()
	if err := release(ctx, *out, *commit, strings.Split(*only, ","), *verify); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func release(ctx context.Context, out, commit string, platforms []string, verify bool) error {
	if entries, err := os.ReadDir(out); err == nil && len(entries) > 0 {
		return fmt.Errorf("%s is not empty", out)
	}
	work, err := os.MkdirTemp("", "ringsync-release-")
	if err != nil {
		return err
	}
	defer func() {
		_ = filepath.WalkDir(work, func(path string, _ os.DirEntry, _ error) error { return os.Chmod(path, 0o700) })
		_ = os.RemoveAll(work)
	}()
	files, err := makeFiles(ctx, filepath.Join(work, "first"), commit, platforms)
	if err != nil {
		return err
	}
	if verify {
		again, err := makeFiles(ctx, filepath.Join(work, "second", "elsewhere"), commit, platforms, "GOCACHE="+filepath.Join(work, "cache"))
		if err != nil {
			return fmt.Errorf("build again: %w", err)
		}
		if name, differs := difference(files, again); differs {
			return fmt.Errorf("%s is not reproducible: two builds of it differ", name)
		}
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(out, name), data, 0o644); err != nil {
			return err
		}
	}
	_, err = os.Stdout.Write(files["SHA256SUMS"])
	return err
}

// difference names a file that is not the same in both.
func difference(a, b map[string][]byte) (name string, differs bool) {
	for _, name := range slices.Sorted(maps.Keys(a)) {
		if !bytes.Equal(a[name], b[name]) {
			return name, true
		}
	}
	return "", len(a) != len(b)
}

// makeFiles clones the commit into dir and returns a release's files by name. env is added to the environment.
func makeFiles(ctx context.Context, dir, commit string, platforms []string, env ...string) (map[string][]byte, error) {
	source := filepath.Join(dir, "source")
	id, err := run(ctx, ".", nil, "git", "rev-parse", "--verify", commit+"^{commit}")
	if err != nil {
		return nil, err
	}
	top, err := run(ctx, ".", nil, "git", "rev-parse", "--show-toplevel")
	if err != nil {
		return nil, err
	}
	if _, err := run(ctx, ".", nil, "git", "clone", "--quiet", "--no-checkout", top, source); err != nil {
		return nil, err
	}
	if _, err := run(ctx, source, nil, "git", "checkout", "--quiet", "--detach", id); err != nil {
		return nil, err
	}
	when, err := sourceDate(ctx, source)
	if err != nil {
		return nil, err
	}
	env = append(env, "CGO_ENABLED=0", "GOFLAGS=-mod=readonly", "GOWORK=off", "GOEXPERIMENT=", "GOAMD64=v1", "GOARM64=v8.0", "GOFIPS140=off")
	common, err := documents(ctx, source, dir, env)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, platform := range platforms {
		p, err := build(ctx, source, dir, platform, env)
		if err != nil {
			return nil, err
		}
		entries := append([]entry{{name: p.program, data: p.binary, mode: 0o755}}, common...)
		if p.os != "linux" {
			entries = slices.DeleteFunc(entries, func(e entry) bool { return strings.HasPrefix(e.name, "systemd/") })
		}
		archive := tarball
		if p.os == "windows" {
			archive = zipped
		}
		data, extension, err := archive(p.name(), entries, when)
		if err != nil {
			return nil, err
		}
		files[p.name()+extension] = data
		if files[p.name()+".cdx.json"], err = bom(p, when); err != nil {
			return nil, err
		}
	}
	files["SHA256SUMS"] = sums(files)
	return files, nil
}

// sourceDate is the time that everything in a release bears: SOURCE_DATE_EPOCH, else the commit's.
func sourceDate(ctx context.Context, source string) (time.Time, error) {
	seconds := os.Getenv("SOURCE_DATE_EPOCH")
	if seconds == "" {
		var err error
		if seconds, err = run(ctx, source, nil, "git", "log", "-1", "--format=%ct"); err != nil {
			return time.Time{}, err
		}
	}
	n, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil || n < 0 {
		return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH %q is no number of seconds", seconds)
	}
	return time.Unix(n, 0).UTC(), nil
}

// sums returns what sha256sum --check reads.
func sums(files map[string][]byte) []byte {
	var b bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(&b, "%x  %s\n", sha256.Sum256(files[name]), name)
	}
	return b.Bytes()
}

// run returns a command's standard output without white space around it.
func run(ctx context.Context, dir string, env []string, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	var failure bytes.Buffer
	cmd.Stderr = &failure
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, failure.String())
	}
	return strings.TrimSpace(string(out)), nil
}
