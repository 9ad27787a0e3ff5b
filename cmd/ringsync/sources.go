package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// sources are where several jobs are configured: files, and folders of files.
type sources struct {
	named   []string        // as they were named
	folders map[string]bool // which of them were folders then: one that is gone is no file that is
}

func newSources(named []string) *sources {
	s := &sources{named: named, folders: map[string]bool{}}
	for _, source := range named {
		if info, err := os.Stat(source); err == nil && info.IsDir() {
			s.folders[source] = true
		}
	}
	return s
}

// oneFile reports whether one file was named, and nothing else.
func (s *sources) oneFile() bool { return len(s.named) == 1 && len(s.folders) == 0 }

// none is the error of sources in which there is no configuration.
func (s *sources) none() error {
	return usageError("there is no *.yaml or *.yml in %s: ringsync config init FILE writes one", strings.Join(s.named, ", "))
}

// find returns the configuration files as they are now. A file that was named need not be there.
func (s *sources) find() (files []string, err error) {
	known := map[string]bool{}
	add := func(file string) {
		if !known[absolute(file)] {
			known[absolute(file)] = true
			files = append(files, file)
		}
	}
	for _, source := range s.named {
		if !s.folders[source] {
			add(source)
			continue
		}
		entries, err := os.ReadDir(source)
		if err != nil {
			return nil, fmt.Errorf("look for configurations: %w", err)
		}
		for _, e := range entries {
			file := filepath.Join(source, e.Name())
			if info, err := os.Stat(file); isJobFile(e.Name()) && (err != nil || !info.IsDir()) {
				add(file)
			}
		}
	}
	return files, nil
}

// isJobFile reports whether a file in a folder is the configuration of a job by its name. Hidden files are what editors
// and mounted volumes leave, and *.test.yaml is for ringsync mapping test.
func isJobFile(name string) bool {
	ext := filepath.Ext(name)
	return (ext == ".yaml" || ext == ".yml") && !strings.HasPrefix(name, ".") && filepath.Ext(strings.TrimSuffix(name, ext)) != ".test"
}
