package engine_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"ringsync/connectors/entra/entratest"
	"ringsync/connectors/ringcentral/ringcentraltest"
)

func (s *scene) addAccount(args []string) error {
	names, values, err := assignments(args)
	if err != nil {
		return err
	}
	for _, name := range names {
		mail := name + "@example.com"
		u := ringcentraltest.User{UserName: mail, Email: mail, GivenName: "Old", FamilyName: "Account", Active: true}
		if err := s.edit(&u, values); err != nil {
			return err
		}
		s.christen(s.account.Add(u), name)
	}
	return nil
}

func (s *scene) handEdit(args []string) error {
	names, values, err := assignments(args)
	if err != nil {
		return err
	}
	return s.eachAccount(names, func(id string) bool {
		return s.account.Edit(id, func(u *ringcentraltest.User) { err = s.edit(u, values) }) && err == nil
	})
}

func (s *scene) handDelete(args []string) error { return s.eachAccount(args, s.account.Remove) }

// edit gives an account other values.
func (s *scene) edit(u *ringcentraltest.User, values map[string]string) (err error) {
	for name, value := range values {
		switch name {
		case "userName":
			u.UserName, u.Email = value, value
		case "title":
			u.Title = value
		case "active":
			u.Active, err = strconv.ParseBool(value)
		case "externalId":
			u.ExternalID = value
			if id, ok := s.ids[value]; ok {
				u.ExternalID = id
			}
		default:
			err = fmt.Errorf("no script has needed an account's %s before", name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *scene) eachAccount(names []string, do func(id string) bool) error {
	for _, name := range names {
		id := s.accountCalled(name)
		if id == "" || !do(id) {
			return fmt.Errorf("there is no account %s, or it cannot be so", name)
		}
	}
	return nil
}

// accountCalled returns the id of the account of that name, "" if there is none.
func (s *scene) accountCalled(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, label := range s.labels {
		if _, exists := s.account.User(id); exists && label == name {
			return id
		}
	}
	return ""
}

// christen gives an account a name, with a dash behind it if there is another of that name.
func (s *scene) christen(id, name string) string {
	for s.accountCalled(name) != "" {
		name += "'"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.labels[id] = name
	return name
}

// label returns the name of an account, by default that of the person it was made for.
func (s *scene) label(account string) string {
	s.mu.Lock()
	name, known := s.labels[account]
	s.mu.Unlock()
	if known {
		return name
	}
	if u, exists := s.account.User(account); exists {
		return s.christen(account, s.named(u.ExternalID))
	}
	return account
}

// named replaces ids in a text by names.
func (s *scene) named(text string) string {
	for _, name := range s.names {
		text = strings.ReplaceAll(text, s.ids[name], name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, name := range s.labels {
		text = strings.ReplaceAll(text, id, name)
	}
	return text
}

func (s *scene) setLicences(args []string) error {
	if len(args) != 1 {
		return errUsage
	}
	n, err := strconv.Atoi(args[0])
	s.account.SetLicenses(n)
	return err
}

func (s *scene) failTarget(args []string) error {
	if len(args) == 0 || len(args) > 3 {
		return errUsage
	}
	fault, err := targetFails(args[0])
	if err != nil {
		return err
	}
	person, account := "", ""
	if len(args) == 3 {
		person, account = s.ids[args[2]], s.accountCalled(args[2])
	}
	s.account.Fault(func(r *http.Request) *ringcentraltest.Fault {
		if len(args) > 1 && r.Method != args[1] || len(args) > 2 && !(account != "" && at(r, account)) && !says(r, person) {
			return nil
		}
		return fault()
	})
	return nil
}

// targetFails returns how RingCentral fails.
func targetFails(status string) (func() *ringcentraltest.Fault, error) {
	switch status {
	case "400":
		return func() *ringcentraltest.Fault {
			return ringcentraltest.SCIMFault(400, "invalidValue", "This value is refused.")
		}, nil
	case "401":
		return func() *ringcentraltest.Fault {
			return ringcentraltest.GatewayFault(401, "OAU-128", "Access token expired")
		}, nil
	case "503":
		return unavailable, nil
	case "lost":
		return func() *ringcentraltest.Fault { return &ringcentraltest.Fault{Drop: true, AfterEffect: true} }, nil
	}
	return nil, fmt.Errorf("no script has needed a target that fails with %s before", status)
}

func (s *scene) failSource(args []string) error {
	if len(args) != 1 {
		return errUsage
	}
	status, err := strconv.Atoi(args[0])
	s.dir.Fault(func(*http.Request) *entratest.Fault { return entratest.Gateway(status) })
	return err
}

// recording notes down what is asked of RingCentral.
type recording struct {
	scene *scene
	next  http.RoundTripper
}

func (r recording) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
		req = req.Clone(req.Context())
		req.Body = io.NopCloser(bytes.NewReader(body))
	}
	res, err := r.next.RoundTrip(req)
	r.scene.note(req, body, res, err)
	return res, err
}

// note puts down a request, unless it is a page of the list of accounts.
func (s *scene) note(req *http.Request, body []byte, res *http.Response, failed error) {
	_, account, one := strings.Cut(req.URL.Path, "/Users/")
	filter := req.URL.Query().Get("filter")
	said := []string{req.Method}
	switch {
	case one:
		said = append(said, s.label(account))
	case strings.Contains(filter, "@ringsync.invalid"):
		said = []string{"FIND somebody who cannot exist"}
	case filter != "":
		said = []string{"FIND", filter}
	case req.Method == http.MethodGet:
		return
	}
	var sent map[string]any
	if len(body) > 0 {
		if err := json.Unmarshal(body, &sent); err != nil {
			said = append(said, err.Error())
		}
	}
	switch req.Method {
	case http.MethodPost:
		delete(sent, "schemas")
		said = append(append(said, s.named(fmt.Sprint(sent["externalId"]))), s.flat("", sent)...)
	case http.MethodPatch:
		operations, _ := sent["Operations"].([]any)
		for _, o := range operations {
			op, _ := o.(map[string]any)
			path, _ := op["path"].(string)
			if op["op"] == "remove" {
				said = append(said, "remove "+brief(path))
			}
			said = append(said, s.flat(brief(path), op["value"])...)
		}
	}
	switch {
	case failed != nil:
		said = append(said, "→ no answer")
	case res.StatusCode/100 != 2:
		said = append(said, fmt.Sprintf("→ %d", res.StatusCode))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, strings.Join(said, " "))
}

// flat turns a value into path=value, objects and lists of them into one for each of their leaves.
func (s *scene) flat(path string, value any) (out []string) {
	switch v := value.(type) {
	case nil:
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			out = append(out, s.flat(strings.TrimPrefix(path+"."+brief(key), "."), v[key])...)
		}
	case []any:
		for _, item := range v {
			if object, ok := item.(map[string]any); ok && object["type"] != nil {
				kind := object["type"]
				delete(object, "type")
				delete(object, "primary")
				out = append(out, s.flat(fmt.Sprintf("%s[%s]", path, kind), object)...)
			} else {
				out = append(out, s.flat(path, item)...)
			}
		}
	default:
		text := s.named(fmt.Sprint(v))
		if strings.Contains(text, " ") {
			text = strconv.Quote(text)
		}
		out = append(out, strings.TrimSuffix(path, ".value")+"="+text)
	}
	return out
}

// brief shortens a SCIM path: phoneNumbers[mobile] for phoneNumbers[type eq "mobile"].value.
func brief(path string) string {
	path = strings.TrimPrefix(path, "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:")
	path = strings.TrimPrefix(path, "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User")
	path = strings.ReplaceAll(path, `[type eq "`, "[")
	return strings.TrimSuffix(strings.ReplaceAll(path, `"]`, "]"), ".value")
}
