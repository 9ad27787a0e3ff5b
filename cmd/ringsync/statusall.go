package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"golang.org/x/sync/errgroup"

	"ringsync/engine"
)

// fileStatus is how the job of one of several files stands.
type fileStatus struct {
	File   string     `json:"file"`
	Status *jobStatus `json:"status,omitempty"`
	Error  string     `json:"error,omitempty"` // why that cannot be told
}

// statusAtOnce is how many jobs are asked at a time.
const statusAtOnce = 16

// statusAll tells of the jobs of all files named, and in folders named, a line each. What status says of one job it asks
// for as anybody would, of a daemon or of the state file.
func (a *app) statusAll(ctx context.Context, named []string) error {
	if a.caller != nil {
		return usageError("a daemon tells of its own job only")
	}
	if len(named) == 0 {
		named = []string{a.configPath}
	}
	from := newSources(named)
	files, err := from.find()
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return from.none()
	}
	all := make([]fileStatus, len(files))
	var group errgroup.Group
	group.SetLimit(statusAtOnce)
	for i, file := range files {
		group.Go(func() error { all[i] = statusOf(ctx, file); return nil })
	}
	_ = group.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	unknown := 0
	for _, s := range all {
		if s.Status == nil {
			unknown++
		}
	}
	if a.json {
		a.printJSON(all)
	} else if err := writeStatuses(a.stdout, all); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	if unknown > 0 {
		return &exitError{code: exitFailed}
	}
	return nil
}

func statusOf(ctx context.Context, file string) (s fileStatus) {
	s.File = file
	var out, problem bytes.Buffer
	if run(ctx, []string{"-c", file, "status", "--json"}, strings.NewReader(""), &out, &problem) != exitOK {
		lines := strings.Split(strings.TrimSpace(problem.String()), "\n")
		s.Error = strings.TrimPrefix(lines[0], "ringsync: ")
		return s
	}
	s.Status = &jobStatus{}
	if err := json.Unmarshal(out.Bytes(), s.Status); err != nil {
		s.Status, s.Error = nil, fmt.Sprintf("its status cannot be read: %v", err)
	}
	return s
}

func writeStatuses(w io.Writer, all []fileStatus) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "JOB\tSTATE\tLINKED\tWAITING\tLAST GOOD\tNEXT\tFILE")
	for _, f := range all {
		s := f.Status
		if s == nil {
			fmt.Fprintf(table, "-\t-\t-\t-\t-\t-\t%s: %s\n", f.File, f.Error)
			continue
		}
		state, good, next := s.State, "never", "-"
		switch {
		case !s.Served:
			state += ", no daemon"
		case s.Refused != nil:
			state += ", file refused"
		}
		if s.LastGood != nil {
			good = stamp(s.LastGood.Started)
		}
		if s.NextCycle != nil {
			next = stamp(*s.NextCycle)
		}
		fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%s\t%s\t%s\n", s.Job, state, s.Linked, s.waiting(), good, next, f.File)
	}
	return table.Flush()
}

// waiting is how many people have something to send, for whatever reason it has not been.
func (s *jobStatus) waiting() (n int) {
	for class, people := range s.Outbox {
		if class != engine.KindEscrowed { // who are in a class too
			n += people
		}
	}
	return n
}
