package mapping

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"ringsync/connectors"
	"ringsync/mapping/expr"
	"ringsync/mapping/filter"
)

func TestCompileErrors(t *testing.T) {
	text, empty := "x", ""
	for _, tc := range []struct {
		rule        Rule
		field, want string
	}{
		{Rule{Source: "mail"}, "target", "attribute mapping 2, target: a target attribute is needed"},
		{Rule{Target: "titel", Source: "mail"}, "target", "attribute mapping of titel, target: the service has no attribute titel; did you mean title?"},
		{Rule{Target: "shoeSize", Source: "mail"}, "target", "attribute mapping of shoeSize, target: the service has no attribute shoeSize"},
		{Rule{Target: "ID", Source: "mail"}, "target", "attribute mapping of ID, target: id is set by the target and cannot be written"},
		{Rule{Target: "USERNAME", Source: "mail"}, "target", "attribute mapping of USERNAME, target: userName is mapped already, by mapping 1"},
		{Rule{Target: "title"}, "", "attribute mapping of title: exactly one of source, expression and constant is needed, not 0"},
		{Rule{Target: "title", Source: "mail", Constant: &text}, "", "attribute mapping of title: exactly one of source, expression and constant is needed, not 2"},
		{Rule{Target: "title", Source: "jobTitel"}, "source", "attribute mapping of title, source: unknown attribute jobTitel; did you mean jobTitle?"},
		{Rule{Target: "title", Source: "shoeSize"}, "source", "attribute mapping of title, source: unknown attribute shoeSize"},
		{Rule{Target: "title", Source: "appRoleAssignment"}, "source", "attribute mapping of title, source: unknown attribute appRoleAssignment; did you mean appRoleAssignments?"},
		{Rule{Target: "title", Source: "appRoleAssignments"}, "source", "attribute mapping of title, source: appRoleAssignments holds objects, not text: it needs an expression"},
		{Rule{Target: "title", Expression: "Lft([mail], 1)"}, "expression", "attribute mapping of title, expression: column 1: unknown function Lft; did you mean Left?"},
		{Rule{Target: "department", Source: "mail"}, "target", "attribute mapping of department, target: the service has no attribute department; did you mean " + department + "?"},
		{Rule{Target: "title", Expression: `RandomString(8, 1, 1, 1, 1)`}, "apply", "attribute mapping of title, apply: the expression gives another value each time: it needs apply: create"},
		{Rule{Target: "title", Expression: `Guid()`, Apply: "always"}, "apply", "attribute mapping of title, apply: the expression gives another value each time: it needs apply: create"},
		{Rule{Target: "externalId", Expression: `Guid()`, Match: 2}, "match", "attribute mapping of externalId, match: nobody's account would be found again: the expression gives another value each time"},
		{Rule{Target: "externalId", Expression: `Redact([id])`, Match: 2}, "match", "attribute mapping of externalId, match: conflicts are told by the matching value, so it cannot be redacted"},
		{Rule{Target: "title", Constant: &empty}, "constant", "attribute mapping of title, constant: it is empty"},
		{Rule{Target: "active", Constant: &text}, "constant", `attribute mapping of active, constant: "x" does not fit an attribute of type Boolean`},
		{Rule{Target: "level", Source: "mail", Default: valueOf("high")}, "default", `attribute mapping of level, default: "high" does not fit an attribute of type Integer`},
		{Rule{Target: "title", Source: "mail", Apply: "never"}, "apply", `attribute mapping of title, apply: unknown value "never": always or create`},
		{Rule{Target: "title", Source: "mail", WhenNull: "delete"}, "when_null", `attribute mapping of title, when_null: unknown value "delete": keep or clear`},
		{Rule{Target: "title", Source: "mail", Apply: "create", WhenNull: "clear"}, "when_null",
			"attribute mapping of title, when_null: clear has no effect with apply: create, which leaves existing accounts alone"},
		{Rule{Target: "title", Source: "mail", Match: 2}, "match", "attribute mapping of title, match: the service cannot be searched by title"},
		{Rule{Target: "externalId", Source: "id", Match: 1}, "match", "attribute mapping of externalId, match: 1 is the order of userName already"},
		{Rule{Target: "externalId", Source: "id", Match: -1}, "match", "attribute mapping of externalId, match: the order of matching attributes is counted from 1, not -1"},
		{Rule{Target: "externalId", Constant: &text, Match: 2}, "match", "attribute mapping of externalId, match: everyone would match the same account: the value is the same for all"},
		{Rule{Target: "externalId", Expression: `"x"`, Match: 2}, "match", "attribute mapping of externalId, match: everyone would match the same account: the value is the same for all"},
		{Rule{Target: "externalId", Source: "id", Match: 2, Apply: "create"}, "apply", "attribute mapping of externalId, apply: a matching attribute applies always"},
		{Rule{Target: "externalId", Source: "id", Match: 2, WhenNull: "clear"}, "when_null", "attribute mapping of externalId, when_null: a matching attribute is never cleared"},
		{Rule{Target: "externalId", Source: "id", Match: 2, Default: valueOf("x")}, "default",
			"attribute mapping of externalId, default: a matching attribute has no default: all who lack a value would share it"},
	} {
		_, err := Compile([]Rule{matchByMail, tc.rule}, nil, directory, service, connectors.NewSlots())
		e, ok := errors.AsType[*Error](err)
		if !ok {
			t.Errorf("%+v: got %v", tc.rule, err)
			continue
		}
		if e.Index != 1 || e.Filter || e.Clause != -1 || e.Field != tc.field || err.Error() != tc.want {
			t.Errorf("%+v: field %q of %d\n got %s\nwant %s", tc.rule, e.Field, e.Index, err, tc.want)
		}
	}
}

// SelectUniqueValue asks the target, which no mapping does: it is refused wherever it stands, with its place.
func TestSelectUniqueValueIsRefused(t *testing.T) {
	for expression, caret := range map[string]string{
		`SelectUniqueValue([mail], [displayName])`:          "^",
		`ToLower(SelectUniqueValue([mail], [displayName]))`: "        ^",
	} {
		_, err := Compile([]Rule{matchByMail, {Target: "title", Expression: expression, Apply: "create"}}, nil, directory, service, connectors.NewSlots())
		e, ok := errors.AsType[*expr.Error](err)
		if !ok || !strings.HasSuffix(e.Caret(), "\n"+caret) || !strings.Contains(e.Message, "SelectUniqueValue") {
			t.Errorf("%s: got %v", expression, err)
		}
	}
}

func TestExpressionErrorDrawsACaret(t *testing.T) {
	_, err := Compile([]Rule{matchByMail, {Target: "title", Expression: "Left([mial], 3)"}}, nil, directory, service, connectors.NewSlots())
	e, ok := errors.AsType[*expr.Error](err)
	if want := "Left([mial], 3)\n     ^"; !ok || e.Caret() != want {
		t.Errorf("got %v", err)
	}
}

func TestSomethingMatches(t *testing.T) {
	_, err := Compile([]Rule{{Target: "userName", Source: "mail"}}, nil, directory, service, connectors.NewSlots())
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Index != -1 || e.Field != "" || e.Error() != "no attribute mapping has match: 1, so accounts could not be found again" {
		t.Errorf("got %v", err)
	}
}

// Everything wrong is reported at once, each with its place.
func TestAllErrorsAreReported(t *testing.T) {
	_, err := Compile(
		[]Rule{{Target: "usrName", Source: "mial", Match: 1}, {Target: "title", Expression: "Left(", Apply: "x"}},
		[]filter.Group{{Name: "a"}, {Name: "b", All: []filter.Clause{
			{Attribute: "country", Operator: "IS NULL"}, {Attribute: "contry", Operator: "EQUALS", Value: "US"}}}},
		directory, service, connectors.NewSlots())
	var got []string
	for _, e := range unjoin(err) {
		me, ok := e.(*Error)
		if !ok {
			t.Fatalf("got a %T", e)
		}
		got = append(got, fmt.Sprintf("%t %d %d %s: %v", me.Filter, me.Index, me.Clause, me.Field, me))
	}
	want := `false 0 -1 target: attribute mapping of usrName, target: the service has no attribute usrName; did you mean userName?
false 0 -1 source: attribute mapping of usrName, source: unknown attribute mial; did you mean mail?
false 1 -1 expression: attribute mapping of title, expression: column 6: expected a function, an attribute or text, found the end
false 1 -1 apply: attribute mapping of title, apply: unknown value "x": always or create
true 0 -1 all: filter "a": it has no clauses, so everyone would pass
true 1 1 attribute: filter "b", clause 2: unknown attribute "contry"; did you mean country?`
	if joined := strings.Join(got, "\n"); joined != want {
		t.Errorf("got\n%s\nwant\n%s", joined, want)
	}
}
