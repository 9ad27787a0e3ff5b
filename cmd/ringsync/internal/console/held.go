package console

import (
	"fmt"
	"net/http"
	"strconv"

	"ringsync/engine"
	"ringsync/engine/plan"
)

// shownPeople is how many people a page shows.
const shownPeople = 50

// heldPage is the lists of removals that wait for approval.
type heldPage struct{ Lists []heldList }

type heldList struct {
	engine.HeldList
	Job  string
	Rows []plan.Change
	From string // where the page begins
	Next string // where the next one does
}

func (c *Console) held(v *visit) error {
	status, err := v.job.Engine.Status(v.ctx)
	if err != nil {
		return err
	}
	data := heldPage{}
	for _, l := range status.Held {
		list := heldList{HeldList: l, Job: v.job.Name()}
		if v.r.FormValue("list") == strconv.Itoa(int(l.Number)) {
			list.From = v.r.FormValue("after")
		}
		list.Rows, list.Next, err = v.job.Engine.Waiting(v.ctx, engine.Queue{Kind: engine.KindHeld, List: l.Number, After: list.From}, shownPeople)
		if err != nil {
			return badRequest("%v", err)
		}
		data.Lists = append(data.Lists, list)
	}
	return v.page("held", page{Title: "Held removals", Tab: "held", Content: data})
}

// decision is what somebody is about to decide on a held list, for them to confirm.
type decision struct {
	Job    string
	List   engine.HeldList
	Refuse bool
	All    bool
	People []plan.Change // those chosen
}

// confirm asks whether what was chosen is what is meant.
func (c *Console) confirm(v *visit) error {
	list, err := v.heldList()
	if err != nil {
		return err
	}
	d := decision{Job: v.job.Name(), List: list}
	switch choice := v.r.PostFormValue("choice"); choice {
	case "refuse":
		d.Refuse = true
	case "all":
		d.All = true
	case "chosen":
		for _, id := range v.r.PostForm["person"] {
			p, err := v.job.Engine.Profile(v.ctx, id)
			if err != nil {
				return err
			}
			if p != nil && p.Pending != nil && p.Pending.Held == list.Number {
				d.People = append(d.People, *p.Pending)
			}
		}
		if len(d.People) == 0 {
			return badRequest("nobody is chosen: tick the people whose removals may go out")
		}
	default:
		return badRequest("there is no choice %q", choice)
	}
	title := "Approve removals"
	if d.Refuse {
		title = "Refuse removals"
	}
	return v.page("confirm", page{Title: title, Tab: "held", Content: d})
}

// heldList returns the list that the path names.
func (v *visit) heldList() (engine.HeldList, error) {
	status, err := v.job.Engine.Status(v.ctx)
	if err != nil {
		return engine.HeldList{}, err
	}
	for _, l := range status.Held {
		if v.r.PathValue("list") == strconv.Itoa(int(l.Number)) {
			return l, nil
		}
	}
	return engine.HeldList{}, &problem{http.StatusNotFound, errNoList}
}

func (c *Console) approve(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return badRequest("%v", err)
	}
	people := v.r.PostForm["person"]
	if (v.r.PostFormValue("choice") == "all") == (len(people) > 0) {
		return badRequest("either everybody on the list is approved, or those who are named")
	}
	if _, err := v.run(append([]string{"approve", "--json", "--", v.r.PathValue("list")}, people...)...); err != nil {
		return err
	}
	return v.seeOther("held")
}

func (c *Console) refuse(v *visit) error {
	if _, err := v.run("refuse", "--json", "--", v.r.PathValue("list")); err != nil {
		return err
	}
	return v.seeOther("held")
}

// waitingPage is one kind of what is still to be sent.
type waitingPage struct {
	Job, Kind, Title string
	Kinds            []backlog
	Rows             []plan.Change
	From, Next       string
}

func (c *Console) waiting(v *visit) error {
	s, err := c.standing(v.ctx, v.job)
	if err != nil {
		return err
	}
	data := waitingPage{Job: v.job.Name(), Kind: v.r.FormValue("kind"), From: v.r.FormValue("after"), Kinds: s.Backlog}
	for _, k := range s.Backlog {
		if k.Kind == data.Kind {
			data.Title = k.Text
		}
	}
	data.Rows, data.Next, err = v.job.Engine.Waiting(v.ctx, engine.Queue{Kind: data.Kind, After: data.From}, shownPeople)
	if err != nil {
		return badRequest("%v", err)
	}
	return v.page("waiting", page{Title: "Waiting", Tab: "people", Content: data})
}

// FirstPath leads to the list's first page, "" if this is it.
func (l heldList) FirstPath() string {
	if l.From == "" {
		return ""
	}
	return path("jobs", l.Job, "held") + fmt.Sprintf("#list-%d", l.Number)
}

// NextPath leads to the list's next page, "" if there is none.
func (l heldList) NextPath() string {
	if l.Next == "" {
		return ""
	}
	return path("jobs", l.Job, "held") + query("list", l.Number, "after", l.Next) + fmt.Sprintf("#list-%d", l.Number)
}

func (p waitingPage) FirstPath() string { return p.at(p.From != "", "") }
func (p waitingPage) NextPath() string  { return p.at(p.Next != "", p.Next) }

// at is the path of a page, "" if there is none.
func (p waitingPage) at(is bool, after string) string {
	if !is {
		return ""
	}
	return path("jobs", p.Job, "waiting") + query("kind", p.Kind, "after", after)
}
