package main

import (
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"sync"

	"github.com/fsnotify/fsnotify"
)

// fileWatch tells when files may have changed. It watches their folders, since whoever replaces a file gives it another
// inode. Of what else happens in the folders, where state files are written all the time, it says nothing.
type fileWatch struct {
	changed <-chan struct{} // gets a value some time after a change

	log      *slog.Logger
	notifier *fsnotify.Watcher // nil if there is none: then changes are found by looking
	ended    sync.WaitGroup

	mu      sync.Mutex
	files   map[string]bool
	folders []string // in which every configuration matters
}

func newFileWatch(log *slog.Logger) *fileWatch {
	changed := make(chan struct{}, 1)
	w := &fileWatch{changed: changed, log: log}
	var err error
	if w.notifier, err = fsnotify.NewWatcher(); err != nil {
		log.Warn("changes of files are seen within a minute, and not at once", "error", err)
		return w
	}
	tell := func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
	w.ended.Go(func() {
		for event := range w.notifier.Events {
			if w.matters(event.Name) {
				tell()
			}
		}
	})
	w.ended.Go(func() {
		for range w.notifier.Errors { // some events were lost
			tell()
		}
	})
	return w
}

// follow says which files matter from now on, and in which folders every configuration does. It reports whether there is
// a folder that was not watched before: what has changed in it until now is seen only by looking.
func (w *fileWatch) follow(files map[string]bool, folders []string) (more bool) {
	if w.notifier == nil {
		return false
	}
	w.mu.Lock()
	w.files, w.folders = files, folders
	w.mu.Unlock()
	parents := map[string]bool{}
	for _, folder := range folders {
		parents[folder] = true
	}
	for file := range files {
		parents[filepath.Dir(file)] = true
	}
	watched := w.notifier.WatchList()
	for _, folder := range watched {
		if !parents[folder] {
			_ = w.notifier.Remove(folder) // it may be gone already
		}
	}
	for _, folder := range slices.Sorted(maps.Keys(parents)) {
		if !slices.Contains(watched, folder) {
			if err := w.notifier.Add(folder); err != nil {
				w.log.Debug("changes in a folder are seen within a minute, and not at once", "folder", folder, "error", err)
			} else {
				more = true
			}
		}
	}
	return more
}

// matters reports whether a change of that name in a watched folder may change a configuration. Kubernetes replaces the
// files of a mounted volume all at once by a link named ..data.
func (w *fileWatch) matters(name string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.files[name] || filepath.Base(name) == "..data" || isJobFile(filepath.Base(name)) && slices.Contains(w.folders, filepath.Dir(name))
}

func (w *fileWatch) close() {
	if w.notifier != nil {
		_ = w.notifier.Close()
	}
	w.ended.Wait()
}
