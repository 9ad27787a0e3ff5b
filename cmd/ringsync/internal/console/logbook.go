package console

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"ringsync/connectors"
	"ringsync/engine"
	"ringsync/engine/plan"
	"ringsync/state"
)

// shownEntries is how many log entries a page shows.
const shownEntries = 50

// The words of the provisioning log.
var (
	logActions  = []string{"create", "update", "enable", "disable", "delete", "other"}
	logStatuses = []string{"success", "failure", "skipped", "warning"}
)

// logPage is a page of the provisioning log, and what it was asked for.
type logPage struct {
	Job, Person, Action, Status, Since, Until, Cycle string
	Before                                           uint64
	Actions, Statuses                                []string
	Named                                            *personRow // whom Person stands for
	engine.LogPage
}

// query returns what the filters ask for.
func (v *visit) logQuery() (p logPage, q engine.LogQuery, err error) {
	get := func(name string) string { return strings.TrimSpace(v.r.FormValue(name)) }
	p = logPage{Job: v.job.Name(), Person: get("person"), Action: get("action"), Status: get("status"), Since: get("since"), Until: get("until"),
		Cycle: get("cycle"), Actions: logActions, Statuses: logStatuses}
	if p.Action != "" && !slices.Contains(logActions, p.Action) {
		return p, q, badRequest("the log has no action %q", p.Action)
	}
	if p.Status != "" && !slices.Contains(logStatuses, p.Status) {
		return p, q, badRequest("the log has no status %q", p.Status)
	}
	q = engine.LogQuery{Action: p.Action, Status: p.Status, Cycle: p.Cycle}
	if q.Since, err = moment(p.Since); err != nil {
		return p, q, err
	}
	if q.Until, err = moment(p.Until); err != nil {
		return p, q, err
	}
	if before := get("before"); before != "" {
		if q.Before, err = strconv.ParseUint(before, 10, 64); err != nil {
			return p, q, badRequest("%q is no place in the log", before)
		}
	}
	p.Before = q.Before
	if p.Person != "" {
		if p.Named, err = v.named(p.Person); err == nil {
			q.Person = p.Named.ID
		}
	}
	return p, q, err
}

// moment reads a time of a form: a browser's, or RFC 3339; UTC if it does not say.
func moment(text string) (t time.Time, err error) {
	if text == "" {
		return t, nil
	}
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05", time.DateOnly, time.RFC3339} {
		if t, err = time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return t, badRequest("%q is no time: write 2026-03-01 or 2026-03-01T08:00", text)
}

// named returns whom a name stands for: the only one who answers to it, or an object id that is in the log.
func (v *visit) named(text string) (*personRow, error) {
	found, err := v.job.Engine.Search(v.ctx, text, "", 2)
	if err != nil {
		return nil, err
	}
	if len(found.People) > 0 && (len(found.People) == 1 && found.Next == "" || connectors.FoldID(text) == found.People[0].ID) {
		row := rowOf(v.job.Name(), found.People[0])
		return &row, nil
	}
	id := connectors.FoldID(text)
	logged, err := v.job.Engine.LogOf(v.ctx, id, math.MaxUint64, 1)
	switch {
	case err != nil:
		return nil, err
	case len(logged) > 0:
		return &personRow{Job: v.job.Name(), ID: id, Name: logged[0].Source.DisplayName}, nil
	case len(found.People) > 1:
		return nil, badRequest("several people answer to %q: find the one under People, whose page leads to their log", text)
	}
	return nil, badRequest("nobody who answers to %q is remembered: somebody who has left is found by their object id", text)
}

func (c *Console) log(v *visit) error {
	data, q, err := v.logQuery()
	if err != nil {
		return err
	}
	if data.LogPage, err = v.job.Engine.LogPage(v.ctx, q, shownEntries); err != nil {
		return err
	}
	return v.page("log", page{Title: "Provisioning log", Tab: "log", Content: data})
}

// Query returns the filters as a query, going on behind a number if it is not 0.
func (p logPage) Query(before uint64) string {
	next := ""
	if before > 0 {
		next = fmt.Sprint(before)
	}
	return query("person", p.Person, "action", p.Action, "status", p.Status, "since", p.Since, "until", p.Until, "cycle", p.Cycle, "before", next)
}

// FirstPath leads to the newest entries, "" if this page has them.
func (p logPage) FirstPath() string {
	if p.Before == 0 {
		return ""
	}
	return path("jobs", p.Job, "log") + p.Query(0)
}

// NextPath leads to the next page, "" if there is none.
func (p logPage) NextPath() string {
	if p.Next == 0 {
		return ""
	}
	return path("jobs", p.Job, "log") + p.Query(p.Next)
}

// entryRow is a row of the log's table.
type entryRow struct {
	Job string
	state.LogEntry
}

// Rows are the entries as the table shows them.
func (p logPage) Rows() (rows []entryRow) {
	for _, e := range p.Entries {
		rows = append(rows, entryRow{p.Job, e})
	}
	return rows
}

// HistoryRows are a person's entries as the table shows them.
func (p personPage) HistoryRows() (rows []entryRow) {
	for _, e := range p.History {
		rows = append(rows, entryRow{p.Job, e})
	}
	return rows
}

// Who is whom the entry is about.
func (e entryRow) Who() string {
	return or(e.Source.DisplayName, e.Source.UserPrincipalName, e.Source.ID)
}

// What is what the entry tells, in a line.
func (e entryRow) What() string {
	return or(e.Error, e.Reason, strings.Join(e.Warnings, "; "))
}

// logCSV is everything that the filters ask for, newest first, as ringsync log --csv prints it.
func (c *Console) logCSV(v *visit) error {
	_, q, err := v.logQuery()
	if err != nil {
		return err
	}
	v.w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	v.w.Header().Set("Content-Disposition", `attachment; filename="`+v.job.Name()+`-log.csv"`)
	table := plan.NewTable(v.w)
	table.Add(plan.LogColumns())
	for {
		page, err := v.job.Engine.LogPage(v.ctx, q, 500)
		if err != nil {
			c.Logger.Error("the log cannot be read to its end", "job", v.job.Name(), "error", err)
			panic(http.ErrAbortHandler) // the browser is to see that the file is not whole
		}
		for i := range page.Entries {
			table.Add(v.job.Systems.Row(&page.Entries[i]))
		}
		if table.Flush() != nil || page.Next == 0 {
			return nil //nolint:nilerr // the browser is gone
		}
		q.Before = page.Next
	}
}

// entryPage is one entry of the log.
type entryPage struct {
	Row     entryRow
	Summary plan.ObjectSummary
}

func (c *Console) logEntry(v *visit) error {
	number, err := strconv.ParseUint(v.r.PathValue("entry"), 10, 64)
	if err != nil {
		return errNotFound
	}
	entry, err := v.job.Engine.LogEntry(v.ctx, number)
	if err != nil {
		return err
	}
	if entry == nil {
		return &problem{http.StatusNotFound, fmt.Errorf("the log has no entry %d any more", number)}
	}
	data := entryPage{entryRow{v.job.Name(), *entry}, v.job.Systems.Summarize(entry)}
	return v.page("entry", page{Title: fmt.Sprintf("Log entry %d", number), Tab: "log", Content: data})
}
