package ringcentraltest

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	filter "github.com/scim2/filter-parser/v2"
)

// patchBody is the body of a PATCH (RFC 7644, section 3.5.2).
type patchBody struct {
	Schemas    []string    `json:"schemas"`
	Operations []operation `json:"Operations"`
}

type operation struct {
	Op    string          `json:"op"`
	Path  string          `json:"path"`
	Value json.RawMessage `json:"value"`
}

// target is what a path names.
type target struct {
	attribute string // in lower case; "enterprise" for the extension
	sub       string // in lower case; "" for the attribute as a whole
	selection filter.Expression
}

// patch is PATCH /Users/{id}. It is all or nothing: the rules are checked on the outcome of all operations.
func (a *Account) patch(x *exchange) (reply, error) {
	operations, err := decodePatch(x.body)
	a.mu.Lock()
	defer a.mu.Unlock()
	r, ok := a.store.byID[x.id]
	if !ok {
		return reply{}, notFound(x.id)
	}
	if err != nil {
		return reply{}, err
	}
	u := r.user.clone()
	for _, op := range operations {
		if err := a.apply(&u, op); err != nil {
			return reply{}, err
		}
	}
	if err := u.accept(); err != nil {
		return reply{}, err
	}
	return a.replace(x, r, u)
}

func decodePatch(body []byte) ([]operation, error) {
	var p patchBody
	if err := decode(body, &p); err != nil {
		return nil, err
	}
	if !slices.Equal(p.Schemas, []string{patchSchema}) {
		return nil, badRequest("invalidSyntax", "schemas must be [%s]", patchSchema)
	}
	if len(p.Operations) == 0 {
		return nil, badRequest("invalidSyntax", "Operations must not be empty")
	}
	return p.Operations, nil
}

// apply carries out one operation.
func (a *Account) apply(u *User, op operation) error {
	switch {
	case op.Op != "add" && op.Op != "replace" && op.Op != "remove":
		return badRequest("invalidSyntax", "Operation [%s] is not one of add, replace, remove", op.Op)
	case op.Op == "remove" && op.Path == "":
		return badRequest("noTarget", "Operation remove needs a path")
	case op.Op == "remove" && op.Value != nil:
		return badRequest("invalidSyntax", "Operation remove takes no value")
	case op.Path == "":
		return a.applyObject(u, op)
	}
	t, err := a.target(op.Path)
	if err != nil {
		return err
	}
	return a.applyTo(u, t, op)
}

// applyObject carries out an operation without path: its value is an object of whole attributes.
func (a *Account) applyObject(u *User, op operation) error {
	if op.Value == nil {
		return badRequest("invalidValue", "Operation %s needs a value", op.Op)
	}
	var attributes map[string]json.RawMessage
	if err := decode(op.Value, &attributes); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		t, err := a.target(name)
		if err != nil {
			return err
		}
		if t.sub != "" || t.selection != nil {
			return badRequest("invalidPath", "Attribute [%s] is not supported without a path", name)
		}
		if err := a.applyTo(u, t, operation{Op: op.Op, Value: attributes[name]}); err != nil {
			return err
		}
	}
	return nil
}

// target returns what the path names. Clients send few different paths again and again, and parsing one takes longer
// than all the rest of a PATCH, so they are remembered. The caller holds the lock.
func (a *Account) target(path string) (target, error) {
	if t, ok := a.targets[path]; ok {
		return t, nil
	}
	t, err := parseTarget(path)
	if err == nil && len(a.targets) < maxTargets {
		a.targets[path] = t
	}
	return t, err
}

const maxTargets = 1000

// parseTarget reads a path (RFC 7644, section 3.5.2; figure 7).
func parseTarget(path string) (target, error) {
	if strings.EqualFold(path, enterpriseSchema) {
		return target{attribute: "enterprise"}, nil
	}
	invalid := badRequest("invalidPath", "Path [%s] is not supported", path)
	p, err := filter.ParsePath([]byte(path))
	if err != nil {
		return target{}, invalid
	}
	t := target{
		attribute: strings.ToLower(p.AttributePath.AttributeName),
		sub:       strings.ToLower(p.AttributePath.SubAttributeName() + p.SubAttributeName()),
		selection: p.ValueExpression,
	}
	switch uri := p.AttributePath.URI(); {
	case uri == "" || strings.EqualFold(uri, coreSchema):
		if t.attribute == "enterprise" {
			return target{}, invalid
		}
		return t, nil
	case strings.EqualFold(uri, enterpriseSchema) && t.sub == "" && t.selection == nil:
		return target{attribute: "enterprise", sub: t.attribute}, nil
	}
	return target{}, invalid
}

// applyTo carries out an operation on what the path names.
func (a *Account) applyTo(u *User, t target, op operation) error {
	if op.Op != "remove" && (op.Value == nil || string(op.Value) == "null") {
		return badRequest("invalidValue", "Operation %s needs a value", op.Op)
	}
	switch t.attribute {
	case "emails", "phonenumbers", "photos", "addresses":
		return u.applyElements(t, op)
	case "id", "meta", "schemas":
		return badRequest("mutability", "Attribute [%s] is read-only", t.attribute)
	}
	if t.selection != nil {
		return badRequest("invalidPath", "Attribute [%s] is not multi-valued", t.attribute)
	}
	switch t.attribute + "." + t.sub {
	case "username.":
		return setText(&u.UserName, op, true)
	case "externalid.":
		return setText(&u.ExternalID, op, false)
	case "title.":
		return setText(&u.Title, op, false)
	case "name.givenname":
		return setText(&u.GivenName, op, true)
	case "name.familyname":
		return setText(&u.FamilyName, op, true)
	case "enterprise.department":
		return setText(&u.Department, op, false)
	case "active.":
		return a.setActive(u, op)
	case "name.":
		return u.setName(op)
	case "enterprise.":
		return u.setEnterprise(op)
	}
	return badRequest("invalidPath", "Attribute [%s] is not supported", strings.TrimSuffix(t.attribute+"."+t.sub, "."))
}

func setText(text *string, op operation, required bool) error {
	if op.Op == "remove" {
		if required {
			return badRequest("mutability", "A required attribute cannot be removed")
		}
		*text = ""
		return nil
	}
	return decode(op.Value, text)
}

func (a *Account) setActive(u *User, op operation) (err error) {
	if op.Op == "remove" {
		u.Active = false
		return nil
	}
	u.Active, err = a.boolean(op.Value)
	return err
}

// setName sets the parts of the name that the value holds.
func (u *User) setName(op operation) error {
	if op.Op == "remove" {
		return badRequest("mutability", "A required attribute cannot be removed")
	}
	name := struct {
		GivenName  *string `json:"givenName"`
		FamilyName *string `json:"familyName"`
	}{&u.GivenName, &u.FamilyName}
	return decode(op.Value, &name)
}

func (u *User) setEnterprise(op operation) error {
	if op.Op == "remove" {
		u.Department = ""
		return nil
	}
	extension := wireEnterprise{Department: u.Department}
	if err := decode(op.Value, &extension); err != nil {
		return err
	}
	u.Department = extension.Department
	return nil
}
