package entra

import (
	"encoding/json"
	"errors"
)

// The lists whose rows are small or few, which encoding/json reads. A body without "value" is refused: taken for an
// empty list it would say that nobody is assigned.
var errNoValue = errors.New("no value in it")

// checked is a list that knows when it cannot be true.
type checked interface{ check() error }

// list decodes a page of a list.
func list[P checked](body []byte) (P, error) {
	var p P
	if err := json.Unmarshal(body, &p); err != nil {
		return p, err
	}
	return p, p.check()
}

// groupPage is a page of a groups delta with its members.
type groupPage struct {
	Next  string        `json:"@odata.nextLink"`
	Delta string        `json:"@odata.deltaLink"`
	Value []groupChange `json:"value"`
}

type groupChange struct {
	ID      string         `json:"id"`
	Removed *struct{}      `json:"@removed"`
	Members []memberChange `json:"members@delta"`
}

type memberChange struct {
	ID      string    `json:"id"`
	Type    string    `json:"@odata.type"`
	Removed *struct{} `json:"@removed"` // its reason is "deleted" even when only the membership ended
}

func (p groupPage) following() string { return p.Next }

func (p groupPage) check() error {
	for _, g := range p.Value {
		if g.ID == "" {
			return errors.New("a group without an id")
		}
		for _, m := range g.Members {
			if m.ID == "" {
				return errors.New("a member without an id")
			}
		}
	}
	if p.Value == nil {
		return errNoValue
	}
	return nil
}

// idPage is a page of objects of which only id and type count.
type idPage struct {
	Next  string `json:"@odata.nextLink"`
	Value []struct {
		ID   string `json:"id"`
		Type string `json:"@odata.type"`
	} `json:"value"`
}

func (p idPage) following() string { return p.Next }

func (p idPage) check() error {
	if p.Value == nil {
		return errNoValue
	}
	return nil
}

// assignmentPage is a page of appRoleAssignedTo.
type assignmentPage struct {
	next string
	rows []assignment
}

// assignment is what counts of an appRoleAssignment (Graph resource). A principal may hold several, one for each role.
type assignment struct{ Principal, Type, Role string }

// The principalType of those who can be in scope; the third is ServicePrincipal.
const (
	principalUser  = "User"
	principalGroup = "Group"
)

func (p assignmentPage) following() string { return p.next }

// assignments decodes a page of appRoleAssignedTo. All of them are listed in every cycle, so they are read token by token
// as people are, and types and roles, which are few, are kept once.
func assignments(body []byte) (p assignmentPage, err error) {
	s := scanner{data: body}
	few := map[string]string{}
	word := func() string {
		raw := s.text()
		word, known := few[string(raw)]
		if !known {
			word = string(raw)
			few[word] = word
		}
		return word
	}
	var a assignment
	property := func(name []byte) {
		switch string(name) {
		case "principalId":
			a.Principal = string(s.text())
		case "principalType":
			a.Type = word()
		case "appRoleId":
			a.Role = word()
		default:
			s.skip()
		}
	}
	listed := false
	s.object(func(name []byte) {
		switch string(name) {
		case "value":
			listed = true
			s.array(func() {
				a = assignment{}
				if s.object(property); s.err == nil && (a.Principal == "" || a.Type == "" || a.Role == "") {
					s.fail("an assignment without principal, type or role")
				}
				p.rows = append(p.rows, a)
			})
		case "@odata.nextLink":
			p.next = string(s.text())
		default:
			s.skip()
		}
	})
	if err := s.end(); err != nil {
		return assignmentPage{}, err
	}
	if !listed {
		return assignmentPage{}, errNoValue
	}
	return p, nil
}
