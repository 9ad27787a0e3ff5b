package console

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"ringsync/engine/plan"
)

// shownChanges is how many changes a page of a dry run shows.
const shownChanges = 50

// previewPage is a dry run: nil if there was none lately.
type previewPage struct {
	Job    string
	Task   *taskView
	Groups []changeGroup
	Group  changeGroup // which is shown
	Rows   []plan.Change
	Skips  []plan.Skipped // of the group of those who are left out
	From   int
	Next   int // index of the next page's first row, 0 if there is none
}

// changeGroup is what a dry run would do of one kind.
type changeGroup struct {
	Name, Title string
	Size        int
}

const groupSkipped = "skipped"

// groups are the kinds in the order in which they are sent, and then what would not be.
var groups = []changeGroup{{Name: "disable", Title: "Disable"}, {Name: "delete", Title: "Delete"}, {Name: "enable", Title: "Enable"},
	{Name: "create", Title: "Create"}, {Name: "update", Title: "Update"}, {Name: plan.StatusHeld, Title: "Held for approval"},
	{Name: plan.StatusEscrowed, Title: "In escrow or conflict"}, {Name: plan.StatusWaiting, Title: "Waiting for a licence"}, {Name: groupSkipped, Title: "Left out"}}

// groupOf returns the name of the group that a change is in.
func groupOf(c plan.Change) string {
	switch c.Status {
	case plan.StatusPlanned, plan.StatusDone:
		return string(c.Action)
	case plan.StatusConflict:
		return plan.StatusEscrowed
	}
	return c.Status
}

// previewOf is the page of a dry run, as far as the visit asks to see it.
func (v *visit) previewOf(t *task) (p previewPage) {
	p.Job = v.job.Name()
	if t == nil {
		return p
	}
	at := t.view(v.c.Now())
	p.Task = &at
	report := at.Report
	if report == nil {
		return p
	}
	sizes := map[string]int{groupSkipped: len(report.Skipped)}
	for _, c := range report.Changes {
		sizes[groupOf(c)]++
	}
	asked := v.r.FormValue("show")
	for _, g := range groups {
		if g.Size = sizes[g.Name]; g.Size == 0 {
			continue
		}
		p.Groups = append(p.Groups, g)
		if g.Name == asked || p.Group.Name == "" {
			p.Group = g
		}
	}
	p.From, _ = strconv.Atoi(v.r.FormValue("from")) // what is no number is the first page
	p.From = max(0, p.From)
	if p.Group.Name == groupSkipped {
		p.Skips, p.Next = cut(report.Skipped, p.From, func(plan.Skipped) bool { return true })
	} else {
		p.Rows, p.Next = cut(report.Changes, p.From, func(c plan.Change) bool { return groupOf(c) == p.Group.Name })
	}
	return p
}

// cut returns a page of the rows that are as asked for, beginning with the row of that index, and the next page's.
func cut[T any](rows []T, from int, is func(T) bool) (page []T, next int) {
	for i := from; i < len(rows); i++ {
		switch {
		case !is(rows[i]):
		case len(page) == shownChanges:
			return page, i
		default:
			page = append(page, rows[i])
		}
	}
	return page, 0
}

func (c *Console) preview(v *visit) error {
	data := v.previewOf(c.tasks.find(v.job.Name(), (*task).isPreview))
	reload := 0
	if data.Task != nil {
		reload = data.Task.reload()
	}
	return v.page("preview", page{Title: "Preview", Tab: "preview", Reload: reload, Content: data})
}

// previewJSON is the dry run as ringsync diff --json prints it.
func (c *Console) previewJSON(v *visit) error {
	t := c.tasks.find(v.job.Name(), (*task).isPreview)
	if t == nil || t.view(c.Now()).Report == nil {
		return &problem{http.StatusNotFound, fmt.Errorf("there is no dry run to download: start one")}
	}
	v.w.Header().Set("Content-Type", "application/json")
	v.w.Header().Set("Content-Disposition", `attachment; filename="`+v.job.Name()+`-diff.json"`)
	_ = t.view(c.Now()).Report.WriteJSON(v.w) // an error says that the browser is gone
	return nil
}

// Sentence is how a dry run's licences stand, "" if there is nothing to say.
func (p previewPage) Sentence() string {
	if p.Task == nil || p.Task.Report == nil || p.Task.Report.Capacity == nil {
		return ""
	}
	need := p.Task.Report.Capacity
	return fmt.Sprintf("New accounts need %s; %s free.", count(need.Needs, "licence"), thousands(strconv.Itoa(need.Free)))
}

// Empty reports whether a dry run has nothing to show.
func (p previewPage) Empty() bool {
	return !slices.ContainsFunc(p.Groups, func(g changeGroup) bool { return g.Size > 0 })
}

// TasksPath is where a dry run is started.
func (p previewPage) TasksPath() string { return path("jobs", p.Job, "tasks") }

func (p previewPage) FirstPath() string { return p.at(p.From > 0, 0) }
func (p previewPage) NextPath() string  { return p.at(p.Next > 0, p.Next) }

// at is the path of a page, "" if there is none.
func (p previewPage) at(is bool, from int) string {
	if !is {
		return ""
	}
	return path("jobs", p.Job, "preview") + query("show", p.Group.Name, "from", from)
}
