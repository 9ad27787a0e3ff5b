package bolt

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// CopyTo copies the file as it is at this moment into a new one, which only its owner may read, while others go on
// writing. An error leaves no new file; it wraps fs.ErrExist if there is one already.
func (db *DB) CopyTo(path string) (err error) {
	s, err := db.Snapshot()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("copy state file: %w", err)
	}
	err = s.write(file)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return errors.Join(fmt.Errorf("copy state file: %w", err), os.Remove(path))
	}
	return nil
}

// write writes the moment. It is alone with the transaction, so it takes no turns.
func (s *Snapshot) write(file *os.File) (err error) {
	defer s.db.guard(&err, false)
	defer faultsPanic(faultsPanic(true))
	protect(func() { _, err = s.tx.WriteTo(file) })
	return err
}

// Settle gives a finished state file its final name, which nothing has yet, and makes that durable.
func Settle(from, to string) error {
	if _, err := os.Lstat(to); err == nil {
		return fmt.Errorf("%s is there already: %w", to, os.ErrExist)
	} else if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(to))
}
