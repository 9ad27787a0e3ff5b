package main

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime/debug"
	"strings"
)

// product is the program built for one platform.
type product struct {
	os, arch string
	program  string // its file's name
	binary   []byte
	info     *debug.BuildInfo
}

// name is that of its archive, without an extension.
func (p *product) name() string {
	return fmt.Sprintf("ringsync_%s_%s_%s", strings.TrimPrefix(p.info.Main.Version, "v"), p.os, p.arch)
}

// build builds the source for a platform, below dir.
func build(ctx context.Context, source, dir, platform string, env []string) (*product, error) {
	goos, goarch, ok := strings.Cut(platform, "/")
	if !ok {
		return nil, fmt.Errorf("%q is no platform such as linux/amd64", platform)
	}
	p := &product{os: goos, arch: goarch, program: "ringsync"}
	if goos == "windows" {
		p.program += ".exe"
	}
	file := filepath.Join(dir, goos+"-"+goarch)
	env = append([]string{"GOOS=" + goos, "GOARCH=" + goarch}, env...)
	if _, err := run(ctx, source, env, "go", "build", "-trimpath", "-buildvcs=true", "-ldflags=-s -w", "-o", file, "./cmd/ringsync"); err != nil {
		return nil, err
	}
	var err error
	if p.binary, err = os.ReadFile(file); err != nil {
		return nil, err
	}
	if p.info, err = buildinfo.Read(bytes.NewReader(p.binary)); err != nil {
		return nil, fmt.Errorf("read what is built into %s: %w", file, err)
	}
	return p, nil
}

// documents returns what comes with the program on every platform, manual pages and completions being its own work.
func documents(ctx context.Context, source, dir string, env []string) ([]entry, error) {
	program := filepath.Join(dir, "native")
	if _, err := run(ctx, source, env, "go", "build", "-trimpath", "-buildvcs=true", "-o", program, "./cmd/ringsync"); err != nil {
		return nil, err
	}
	if _, err := run(ctx, source, nil, program, "docs", "man", filepath.Join(dir, "made", "man1")); err != nil {
		return nil, err
	}
	var entries []entry
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		text, err := run(ctx, source, nil, program, "completion", shell)
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry{"completions/ringsync." + shell, []byte(text + "\n"), 0o644})
	}
	for _, f := range []struct{ from, to string }{
		{filepath.Join(dir, "made"), "man"},
		{filepath.Join(source, "docs"), "docs"},
		{filepath.Join(source, "configs", "examples"), "examples"},
		{filepath.Join(source, "deploy", "systemd"), "systemd"},
		{filepath.Join(source, "README.md"), "README.md"},
		{filepath.Join(source, "CHANGELOG.md"), "CHANGELOG.md"},
	} {
		more, err := collect(f.from, f.to)
		if err != nil {
			return nil, err
		}
		entries = append(entries, more...)
	}
	return entries, nil
}

// collect returns the files at or below a path, in order, under another name.
func collect(from, to string) (entries []entry, err error) {
	err = filepath.WalkDir(from, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(from, file)
		if err != nil {
			return err
		}
		data, err := os.ReadFile(file)
		entries = append(entries, entry{path.Join(to, filepath.ToSlash(rel)), data, 0o644})
		return err
	})
	return entries, err
}
