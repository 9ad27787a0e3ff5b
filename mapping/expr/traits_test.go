package expr

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"ringsync/connectors"
)

// What a mapping has to know of an expression besides its value.
func TestTraits(t *testing.T) {
	for source, want := range map[string]traits{
		`Join(" ", [a], "b")`: {},
		`Guid()`:              {random: true},
		`Append([a], RandomString(6, 3, 0, 0, 3))`:                        {random: true},
		`Redact(RandomString(6, 3, 0, 0, 3))`:                             {random: true, redacted: true},
		`IIF(IsNull(Redact([a])), "b", "c")`:                              {redacted: true},
		`IIF([a] = "b", Now(), "c")`:                                      {clock: true},
		`CDate([a])`:                                                      {},
		`FormatDateTime([a], "yyyy-MM-dd", "d")`:                          {},
		`FormatDateTime([a], "MM-dd", "d")`:                               {clock: true},
		`FormatDateTime([a], "NoCurrentDateDefault", "HH:mm", "t")`:       {},
		`FormatDateTime([a], "NoCurrentDateDefault", "MM-dd HH:mm", "t")`: {clock: true},
		`FormatDateTime([a], [b], "d")`:                                   {clock: true},
		`FormatDateTime([a], [b], "d", "d")`:                              {clock: true},
	} {
		p, err := Compile(source, newAnyone())
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		if got := (traits{random: p.Random(), clock: p.ReadsClock(), redacted: p.Redacted()}); got != want {
			t.Errorf("%s is %+v, want %+v", source, got, want)
		}
		if p.Unmappable() != nil {
			t.Errorf("%s: %v", source, p.Unmappable())
		}
	}
}

func TestUnmappable(t *testing.T) {
	for source, want := range map[string]string{
		`SelectUniqueValue([a], [b])`:     "column 1: SelectUniqueValue cannot be mapped: the target's unique attributes must hold the person's real values, not the first that is free",
		`Join("@", [a], DefaultDomain())`: `column 16: DefaultDomain cannot be mapped: the tenant's default domain is not read: write it as text, such as "contoso.com"`,
		`AppRoleAssignmentsComplex([appRoleAssignments])`: "column 1: AppRoleAssignmentsComplex cannot be mapped: it gives objects, and a mapped attribute takes text: " +
			"use SingleAppRoleAssignment or AppRoleAssignments",
		`IIF([a] = "b", AssertiveAppRoleAssignmentsComplex([appRoleAssignments]), DefaultDomain())`: "column 16: AssertiveAppRoleAssignmentsComplex cannot be mapped: " +
			"it gives objects, and a mapped attribute takes text: use SingleAppRoleAssignment or AppRoleAssignments",
	} {
		p, err := Compile(source, newAnyone())
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		if e, ok := errors.AsType[*Error](p.Unmappable()); !ok || e.Error() != want {
			t.Errorf("%s: got %v\nwant %s", source, p.Unmappable(), want)
		}
	}
}

// An error of a redacted expression quotes no value, wherever it comes from.
func TestRedactedErrors(t *testing.T) {
	const want = failure("this fails; the reason is not shown because of Redact")
	for _, expression := range []string{
		`Left("x", Redact([secret]))`,
		`Append(Redact("x"), CDate([secret]))`,
		`Error(Join(" ", "wrong password:", Redact([secret])))`,
		`CBool(Now() > Redact([secret]))`,
	} {
		evalCase{expression, person{"secret": "hunter2"}, want}.checkIn(t, &Environment{Now: documentedMoment})
	}
	evalCase{`Redact([secret])`, person{"secret": "hunter2"}, "hunter2"}.check(t)
	evalCase{`Redact([x])`, person{"x": []any{"a", "b"}}, []any{"a", "b"}}.check(t)
	evalCase{`Redact([x])`, nil, nil}.check(t)
}

func TestRandomString(t *testing.T) {
	count := func(s, class string) (n int) {
		for _, r := range s {
			if strings.ContainsRune(class, r) {
				n++
			}
		}
		return n
	}
	for _, tc := range []struct {
		expression string
		length     int
		minimums   [4]int // digits, special, capital, small
		only       string // characters that may occur
	}{
		{`RandomString(6,3,0,0,3)`, 6, [4]int{3, 0, 0, 3}, classes[0] + classes[3]},
		{`RandomString(10,2,2,2,1,"?,")`, 10, [4]int{2, 2, 2, 1}, strings.NewReplacer("?", "", ",", "").Replace(strings.Join(classes[:], ""))},
		{`RandomString(256, 0, 0, 0, 0)`, 256, [4]int{}, strings.Join(classes[:], "")},
		{`RandomString(40, 1, 0, 0, 0)`, 40, [4]int{40, 0, 0, 0}, classes[0]},
		{`RandomString([n], 0, 0, "1", &H1, "abc")`, 12, [4]int{0, 0, 1, 1}, classes[2] + "defghijklmnopqrstuvwxyz"},
	} {
		attributes := newAnyone()
		p, err := Compile(tc.expression, attributes)
		if err != nil {
			t.Errorf("%s: %v", tc.expression, err)
			continue
		}
		seen := map[string]bool{}
		for range 50 {
			v, err := p.Eval(attributes.row(person{"n": 12}), nil)
			s := v.Text()
			if err != nil || len(s) != tc.length || count(s, tc.only) != len(s) {
				t.Fatalf("%s = %q, %v", tc.expression, s, err)
			}
			for i, least := range tc.minimums {
				if count(s, classes[i]) < least {
					t.Fatalf("%s = %q, which has fewer than %d of %s", tc.expression, s, least, classes[i])
				}
			}
			seen[s] = true
		}
		if len(seen) < 2 {
			t.Errorf("%s gives %d different texts of 50", tc.expression, len(seen))
		}
	}
	for expression, want := range map[string]failure{
		`RandomString([n], 0, 0, 0, 0)`:               "RandomString: Length is 1 to 256",
		`RandomString([m], 3, 0, 0, 3)`:               "RandomString: the minimums together are more than Length",
		`RandomString([m], 0, -1, 0, 3)`:              "RandomString: a minimum is 0 to 256",
		`RandomString([m], 1, 0, 0, 0, [digits])`:     "RandomString: CharactersToAvoid leaves none of a kind that is needed",
		`RandomString([x], 1, 0, 0, 0)`:               `RandomString: Length takes a whole number, not null`,
		`RandomString([m], 0, 0, 0, 0, [everything])`: "RandomString: CharactersToAvoid leaves no character",
	} {
		evalCase{expression, person{"n": 257, "m": 5, "digits": classes[0], "everything": strings.Join(classes[:], "")}, want}.check(t)
	}
}

func TestGuid(t *testing.T) {
	p, err := Compile(`guid()`, newAnyone())
	if err != nil {
		t.Fatal(err)
	}
	a, _ := p.Eval(nil, nil)
	b, _ := p.Eval(nil, nil)
	form := regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	if a.Equal(b) || !form.MatchString(a.Text()) || !form.MatchString(b.Text()) {
		t.Errorf("got %s and %s", a.Text(), b.Text())
	}
}

func TestUniqueValues(t *testing.T) {
	taken := func(texts ...string) *Environment {
		return &Environment{Taken: func(text string) bool { return strings.Contains(strings.Join(texts, " "), text) }, DefaultDomain: "contoso.com"}
	}
	evalCase{`SelectUniqueValue([a], [b])`, person{"a": "x", "b": "y"}, "x"}.check(t)
	evalCase{`SelectUniqueValue([a], [b])`, person{"a": "x", "b": "y"}, "x"}.checkIn(t, taken())
	evalCase{`SelectUniqueValue([a], [b], [c])`, person{"a": "x", "c": "z"}, "z"}.checkIn(t, taken("x", "y"))
	evalCase{`SelectUniqueValue([a], [b])`, person{"a": ""}, nil}.checkIn(t, taken("x"))
	evalCase{`SelectUniqueValue([a], [b])`, person{"a": "x", "b": "y"}, failure("SelectUniqueValue: every value is taken: add a rule")}.checkIn(t, taken("x", "y"))
	evalCase{`Join("@", [a], DefaultDomain())`, person{"a": "x"}, "x@contoso.com"}.checkIn(t, taken())
	evalCase{`DefaultDomain()`, nil, failure("DefaultDomain: the tenant's default domain is not known here: write it as text")}.check(t)
}

func TestRoles(t *testing.T) {
	some := person{connectors.AttrAppRoleAssignments: []any{
		map[string]any{"id": "1", "value": "User", "displayName": "Everybody"},
		map[string]any{"id": "2", "value": nil, "displayName": "Boss"},
		map[string]any{"id": "3"}}}
	evalCase{`AppRoleAssignments([appRoleAssignments])`, some, []any{"User", "Boss"}}.check(t)
	evalCase{`Count(AppRoleAssignmentsComplex([appRoleAssignments]))`, some, 3}.check(t)
	evalCase{`AssertiveAppRoleAssignmentsComplex([appRoleAssignments])`, person{connectors.AttrAppRoleAssignments: []any{
		map[string]any{"id": "1", "value": "User", "displayName": "Everybody"}}}, []any{
		map[string]any{"primary": false, "type": "WindowsAzureActiveDirectoryRole", "display": "Everybody", "value": "User"}}}.check(t)
	for _, function := range []string{"SingleAppRoleAssignment", "AppRoleAssignments", "AppRoleAssignmentsComplex", "AssertiveAppRoleAssignmentsComplex"} {
		evalCase{function + `([appRoleAssignments])`, nil, nil}.check(t)
		evalCase{function + `([appRoleAssignments])`, person{connectors.AttrAppRoleAssignments: []any{}}, nil}.check(t)
	}
}

func TestDirectoryValues(t *testing.T) {
	for _, tc := range []evalCase{
		{`DNComponent([dn], 1)`, person{"dn": "cn=Joe,dc=contoso,dc=com"}, "Joe"},
		{`DNComponent([dn], 3)`, person{"dn": "CN=Doe\\, Joe, OU = Sales,DC=com"}, "com"},
		{`DNComponent([dn], 1)`, person{"dn": "CN=Doe\\, Joe, OU = Sales,DC=com"}, "Doe, Joe"},
		{`DNComponent([dn], 2)`, person{"dn": "CN=Doe\\, Joe, OU = Sales,DC=com"}, "Sales"},
		{`DNComponent([dn], 1)`, person{"dn": `CN=Lu\C4\8Di\c4\87`}, "Lučić"},
		{`DNComponent([dn], 1)`, person{"dn": `CN=a\`}, `a\`},
		{`DNComponent([dn], 4)`, person{"dn": "cn=Joe,dc=contoso,dc=com"}, nil},
		{`DNComponent([dn], [n])`, person{"dn": "cn=Joe", "n": 0}, nil},
		{`DNComponent([dn], 1)`, person{"dn": "Joe"}, nil},
		{`DNComponent([dn], 1)`, nil, nil},
		{`StringFromSid([sid])`, person{"sid": "AQUAAAAAAAUVAAAA3PSk5NLXmBLWhWGRUAQAAA=="}, "S-1-5-21-3836015836-312006610-2439087574-1104"},
		{`StringFromSid([sid])`, person{"sid": "AQIAAAAAAAUgAAAAIAIAAA=="}, "S-1-5-32-544"},
		{`StringFromSid([sid])`, person{"sid": "S-1-5-18"}, "S-1-5-18"},
		{`StringFromSid([sid])`, person{"sid": "AQIAAAAAAAUgAAAA"}, failure(`StringFromSid: "AQIAAAAAAAUgAAAA" is not a security identifier in base64`)},
		{`StringFromSid([sid])`, person{"sid": "%"}, failure(`StringFromSid: "%" is not a security identifier in base64`)},
		{`StringFromSid([sid])`, nil, nil},
		{`IsNothing([x])`, nil, "True"},
		{`IsNothing([x])`, person{"x": ""}, "False"},
	} {
		tc.check(t)
	}
}
