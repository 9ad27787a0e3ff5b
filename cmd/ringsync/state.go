package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"ringsync/configs"
	"ringsync/state"
	"ringsync/state/bolt"
)

func newStateCommand(a *app) *cobra.Command {
	commands := []*cobra.Command{newBackupCommand(a), newExportCommand(a)}
	if a.caller == nil {
		commands = append(commands, newImportCommand(a))
	}
	commands = append(commands, newCompactCommand(a))
	return newGroup("state", "Back up what the job remembers, write it as text and read it back, and compact it", commands...)
}

// kept is what state prints of what it did.
type kept struct {
	Job      string         `json:"job"`
	File     string         `json:"file"`
	Contents state.Contents `json:"contents"`
}

func (a *app) showKept(k kept, done string) {
	switch {
	case a.json:
		a.printJSON(k)
	case !a.quiet:
		fmt.Fprintf(a.stdout, "%s: %s %s: %d people, %d edges, %d log entries, %d cycles\n", k.Job, done, k.File, k.Contents.People, k.Contents.Edges, k.Contents.Log, k.Contents.Cycles)
	}
}

func newBackupCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "backup FILE",
		Short: "Copy the state into a file, also while the daemon writes to it",
		Long: `Copies the state as it is at this moment into a new state file, which takes the place of the old one when that is lost.
The copy has no watermark: the cycle that follows a restore reads everybody, since accounts may have been written after
the copy was made. Held removals stay held, and a pause stays.

To restore: stop the daemon, move the old state file away, put the copy at state.path, start the daemon.

Exit codes: 0 copied; 1 failed, or there is such a file already; 64 wrong usage or configuration.`,
		Example: `  ringsync state backup /var/backups/contoso.db`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := a.place("backup", args[0])
			if err != nil {
				return err
			}
			backup := func(j *job) (kept, error) { return j.backup(cmd.Context(), path) }
			return onJob(cmd.Context(), a, looks, backup, func(k kept) error { a.showKept(k, "copied to"); return nil })
		},
	}
}

func newExportCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "export [FILE]",
		Short: "Write everything that the job remembers as lines of JSON",
		Long: `Writes the state as it is at this moment, a line of JSON for each record, into a new file or to standard output, also
while the daemon writes to it. The format is described in docs/backup.md; ringsync state import reads it. It holds
personal data: people's names, mail addresses and all attributes that are mapped.

Exit codes: 0 written; 1 failed, or there is such a file already; 64 wrong usage or configuration.`,
		Example: `  ringsync state export contoso.jsonl
  ringsync state export > contoso.jsonl`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path := ""
			if len(args) > 0 {
				var err error
				if path, err = a.place("export", args[0]); err != nil {
					return err
				}
			}
			export := func(j *job) (kept, error) { return j.export(cmd.Context(), path) }
			return onJob(cmd.Context(), a, looks, export, func(k kept) error {
				if path == "" {
					return a.pour(k.File)
				}
				a.showKept(k, "written to")
				return nil
			})
		},
	}
}

func newImportCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "import FILE",
		Short: "Make the job's state of an export",
		Long: `Reads what ringsync state export has written, from a file or with - from standard input, into the job's state file, of
which there must be none yet. It is all there or not at all. The next cycle reads everybody.

Exit codes: 0 imported; 1 failed, or there is a state file already; 64 wrong usage or configuration.`,
		Example: `  ringsync state import contoso.jsonl`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			k, err := a.importState(cmd.Context(), args[0])
			if err == nil {
				a.showKept(k, "imported into")
			}
			return err
		},
	}
}

// compacted is what state compact prints.
type compacted struct {
	Job    string `json:"job"`
	File   string `json:"file"`
	Before int64  `json:"bytesBefore"`
	After  int64  `json:"bytesAfter"`
}

func newCompactCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "compact",
		Short: "Make the state file as small as what is in it, also while the daemon uses it",
		Long: `Writes what is in the state file into a new one, which takes its place, so that room that was freed goes back to the
disk. Freed room is used again by itself, so this pays after much has gone for good: thousands of people, or a long
provisioning log of which log.keep or log.size keep less than before. Every record is read and checked on the way.

It needs room on the disk for the new file beside the old one. While it works, a second for every hundred megabytes or
so, the job reads on and writes nothing. Whatever goes wrong, the file is as it was. Not on Windows; a state in etcd is
compacted by etcd.

Exit codes: 0 done; 1 failed, and the file is as it was; 64 wrong usage or configuration.`,
		Example: `  ringsync state compact
  ringsync state compact -c contoso.yaml --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.wantsFile(); err != nil {
				return err
			}
			compact := func(j *job) (compacted, error) { return j.compact(cmd.Context()) }
			return onJob(cmd.Context(), a, works, compact, func(c compacted) error {
				switch {
				case a.json:
					a.printJSON(c)
				case !a.quiet:
					fmt.Fprintf(a.stdout, "%s: %s had %.1f MB and has %.1f MB\n", c.Job, c.File, float64(c.Before)/1e6, float64(c.After)/1e6)
				}
				return nil
			})
		},
	}
}

// wantsFile returns why there is no state file of the job, so that none is made.
func (a *app) wantsFile() error {
	if a.caller != nil {
		return nil // of a job that is served there is one
	}
	c, err := a.load()
	if err != nil {
		return err
	}
	if c.State.Etcd != nil {
		return fmt.Errorf("the state of job %s is in etcd, which compacts itself: see docs/scale.md", c.Job)
	}
	if _, err := os.Stat(c.State.Path); errors.Is(err, fs.ErrNotExist) {
		return (&job{config: c}).missing()
	}
	return nil
}

func (j *job) compact(ctx context.Context) (c compacted, err error) {
	file, ok := j.records.(fileRecords)
	if !ok {
		return c, fmt.Errorf("the state of job %s is in etcd, which compacts itself: see docs/scale.md", j.config.Job)
	}
	c = compacted{Job: j.config.Job, File: file.Path(), Before: file.Size()}
	err = file.Compact(ctx)
	c.After = file.Size()
	return c, err
}

// place makes a path that the caller names one that a daemon finds as well.
func (a *app) place(command, name string) (path string, err error) {
	if a.caller != nil {
		return name, nil
	}
	if path, err = filepath.Abs(name); err != nil {
		return "", err
	}
	a.args = append(a.lineFor("state", command), path)
	return path, nil
}

// backup copies the state file. The watermark is taken out before the copy gets its name.
func (j *job) backup(ctx context.Context, path string) (k kept, err error) {
	if j.records == nil {
		return k, j.missing()
	}
	if _, err := os.Lstat(path); err == nil {
		return k, fmt.Errorf("%s is there already: move it away, or name another file", path)
	}
	partial := path + ".partial"
	err = clearAway(partial)
	if err == nil {
		err = j.copyTo(ctx, partial)
	}
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		err = fmt.Errorf("write %s: %w for %s (with a daemon at work, its user is who writes): name another place", path, cause(err), localUser())
	}
	if err != nil {
		return k, err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(partial)
		}
	}()
	if k.Contents, err = j.rewind(ctx, partial); err != nil {
		return k, err
	}
	k.Job, k.File = j.config.Job, path
	return k, bolt.Settle(partial, path)
}

// cause is what the system says, without what was tried.
func cause(err error) error {
	if refused, ok := errors.AsType[syscall.Errno](err); ok {
		return refused
	}
	return err
}

// clearAway removes what a command that was killed has left of a file that it was making.
func clearAway(partial string) error {
	if err := os.Remove(partial); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// copyTo makes a state file of the records.
func (j *job) copyTo(ctx context.Context, path string) error {
	if file, ok := j.records.(fileRecords); ok {
		return file.CopyTo(path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) { // of a backup that was broken off
		return err
	}
	out, in := io.Pipe()
	go func() {
		_, err := j.store.Export(ctx, in)
		_ = in.CloseWithError(err) // it has no error of its own
	}()
	_, err := j.fill(ctx, path, out)
	_ = out.CloseWithError(err) // likewise
	return err
}

// rewind takes the watermark out of a copy, and reads it from end to end.
func (j *job) rewind(ctx context.Context, path string) (n state.Contents, err error) {
	file, err := bolt.Open(path, bolt.Options{})
	if err != nil {
		return n, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	store, err := j.bind(ctx, file)
	if err != nil {
		return n, err
	}
	if err := store.Update(ctx, (*state.Tx).ClearMark); err != nil {
		return n, err
	}
	return store.Export(ctx, io.Discard)
}

// export writes the state into a new file; "" is one that pour removes again, for nobody is to wait for whoever reads
// standard output.
func (j *job) export(ctx context.Context, path string) (k kept, err error) {
	if j.records == nil {
		return k, j.missing()
	}
	var file *os.File
	if path == "" {
		if file, err = os.CreateTemp("", "ringsync-export-*"); err != nil && j.config.State.Etcd == nil {
			// A container has no folder for temporary files, and the state's is there to be written to.
			file, err = os.CreateTemp(filepath.Dir(j.config.State.Path), "ringsync-export-*")
		}
	} else {
		file, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	}
	if err != nil {
		return k, fmt.Errorf("export the state: %w", err)
	}
	k.Job, k.File = j.config.Job, file.Name()
	k.Contents, err = j.store.Export(ctx, file)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		_ = os.Remove(k.File)
	}
	return k, err
}

// pour prints a temporary file and removes it.
func (a *app) pour(path string) error {
	defer func() { _ = os.Remove(path) }()
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	if _, err := io.Copy(a.stdout, file); err != nil {
		return fmt.Errorf("print the export: %w", err)
	}
	return nil
}

// importState makes the job's state of an export, whole or not at all.
func (a *app) importState(ctx context.Context, name string) (k kept, err error) {
	c, err := a.load()
	if err != nil {
		return k, err
	}
	j, err := a.newJob(c)
	if err != nil {
		return k, err
	}
	if err := vacant(ctx, c); err != nil {
		return k, err
	}
	in := a.stdin
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return k, fmt.Errorf("import the state: %w", err)
		}
		defer func() { _ = file.Close() }()
		in = file
	}
	k.Job, k.File = c.Job, home(c)
	if c.State.Etcd != nil {
		k.Contents, err = a.importPlace(ctx, j, in)
	} else {
		k.Contents, err = j.importFile(ctx, in)
	}
	return k, err
}

// vacant returns why there can be no new state file of the job, nil if there can.
func vacant(ctx context.Context, c *configs.Config) error {
	if c.State.Etcd != nil {
		return nil // whoever is about to make it is told
	}
	path := c.State.Path
	if _, err := os.Lstat(path); err != nil {
		return nil
	}
	file, err := openFile(ctx, path, bolt.Options{ReadOnly: true})
	if err == nil {
		err = file.Close()
	}
	if _, inUse := errors.AsType[*bolt.InUseError](err); inUse {
		return err
	}
	return fmt.Errorf("%s is there already: move it away first, or give the job another state.path", path)
}

// importFile makes the state file beside its place, and gives it its name when all is in it.
func (j *job) importFile(ctx context.Context, in io.Reader) (n state.Contents, err error) {
	path := j.config.State.Path
	partial := path + ".import"
	if err := clearAway(partial); err != nil {
		return n, err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(partial)
		}
	}()
	if n, err = j.fill(ctx, partial, in); err != nil {
		return n, err
	}
	return n, bolt.Settle(partial, path)
}

// importPlace makes the job's state in its cluster.
func (a *app) importPlace(ctx context.Context, j *job, in io.Reader) (n state.Contents, err error) {
	seat, err := a.seat(ctx, j.config)
	if err != nil {
		return n, err
	}
	defer func() { err = errors.Join(err, seat.leave()) }()
	lease, err := seat.lease(ctx)
	if err != nil {
		return n, err
	}
	owner, err := lease.Own(ctx, j.config.Job, patience)
	if err != nil {
		return n, err
	}
	defer func() { err = errors.Join(err, owner.Release()) }()
	err = owner.Fill(ctx, func(db state.DB) (err error) {
		n, err = j.take(ctx, db, in)
		return err
	})
	if errors.Is(err, state.ErrNotEmpty) {
		err = fmt.Errorf("job %s has a state in etcd already: give the job another name or state.etcd.prefix, or delete its keys with etcdctl", j.config.Job)
	}
	return n, err
}

// fill makes a state file of an export, which must be this job's.
func (j *job) fill(ctx context.Context, path string, in io.Reader) (n state.Contents, err error) {
	file, err := bolt.Open(path, bolt.Options{Create: true})
	if err != nil {
		return n, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return j.take(ctx, file, in)
}

// take imports into an empty state.
func (j *job) take(ctx context.Context, db state.DB, in io.Reader) (n state.Contents, err error) {
	if n, err = state.Import(ctx, db, in); err != nil {
		return n, fmt.Errorf("import the state: %w", err)
	}
	_, err = j.bind(ctx, db)
	return n, err
}
