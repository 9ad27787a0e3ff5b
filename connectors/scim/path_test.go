package scim

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	filter "github.com/scim2/filter-parser/v2"
	"pgregory.net/rapid"

	"ringsync/connectors"
)

func TestParsePath(t *testing.T) {
	str, yes := connectors.StringValue, connectors.BoolValue(true)
	for _, test := range []struct {
		in   string
		want Path
		text string // canonical form, "" if it is in
	}{
		{"userName", Path{Name: "userName"}, ""},
		{" userName\n", Path{Name: "userName"}, "userName"},
		{"name.givenName", Path{Name: "name", Sub: "givenName"}, ""},
		{`emails[type eq "work"].value`, Path{Name: "emails", Where: []Condition{{"type", str("work")}}, Sub: "value"}, ""},
		{`emails[Type EQ  "Work" AND primary eq true]`,
			Path{Name: "emails", Where: []Condition{{"Type", str("Work")}, {"primary", yes}}},
			`emails[Type eq "Work" and primary eq true]`},
		{`x[rank eq 12].y`, Path{Name: "x", Where: []Condition{{"rank", connectors.IntValue(12)}}, Sub: "y"}, ""},
		{`x[a eq "say \"hi\" \\ \u00E9"].y`, Path{Name: "x", Where: []Condition{{"a", str(`say "hi" \ é`)}}, Sub: "y"},
			`x[a eq "say \"hi\" \\ é"].y`},
		{EnterpriseUser + ":department", Path{URN: EnterpriseUser, Name: "department"}, ""},
		{EnterpriseUser + ":manager.value", Path{URN: EnterpriseUser, Name: "manager", Sub: "value"}, ""},
		{CoreUser + ":name.familyName", Path{Name: "name", Sub: "familyName"}, "name.familyName"},
		{strings.ToUpper(CoreUser) + ":title", Path{Name: "title"}, "title"},
	} {
		got, err := ParsePath(test.in)
		if err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("ParsePath(%q) = %#v, %v; want %#v", test.in, got, err, test.want)
		}
		want := test.text
		if want == "" {
			want = test.in
		}
		if got.String() != want {
			t.Errorf("ParsePath(%q) is written %q; want %q", test.in, got, want)
		}
	}
}

func TestParsePathRefuses(t *testing.T) {
	for in, want := range map[string]string{
		"":                            "not of the form",
		"a.b.c":                       "not of the form",
		"emails[":                     "not of the form",
		"emails[type eq work].value":  "not of the form",
		"em\xffails":                  "not of the form",
		`a.b[type eq "x"]`:            "a filter must follow the attribute",
		`emails[type ne "work"]`:      "only compare with eq",
		`emails[type pr].value`:       "only compare with eq",
		`emails[not(type eq "x")]`:    "only compare with eq",
		`a[b eq "x" or c eq "y"]`:     "only compare with eq",
		`a[b.c eq "x"]`:               "only compare with eq",
		`a[b eq null].c`:              "a string, a boolean or a whole number",
		`a[b eq 1.5].c`:               "a string, a boolean or a whole number",
		strings.Repeat("a", 513):      "longer than 512 bytes",
		`emails[type eq "work"] .val`: "not of the form",
	} {
		if p, err := ParsePath(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParsePath(%q) = %v, %v; want an error with %q", in, p, err, want)
		}
	}
}

func TestFold(t *testing.T) {
	same := [][]string{
		{"userName", "USERNAME", CoreUser + ":userName", " username "},
		{`emails[type eq "work"].value`, `Emails[Type EQ "Work"].Value`, `emails[type  eq  "work"].value`,
			CoreUser + `:emails[type eq "work"].value`},
		{EnterpriseUser + ":department", strings.ToLower(EnterpriseUser) + ":Department"},
		{"not a path(", "NOT A PATH("},
	}
	seen := map[string]string{}
	for _, spellings := range same {
		fold := Fold(spellings[0])
		if other, ok := seen[fold]; ok {
			t.Errorf("%q and %q fold to the same", spellings[0], other)
		}
		seen[fold] = spellings[0]
		for _, s := range spellings {
			if Fold(s) != fold {
				t.Errorf("Fold(%q) = %q; want %q", s, Fold(s), fold)
			}
		}
	}
}

func TestEqual(t *testing.T) {
	for value, want := range map[string]string{
		`ann@x.test`:      `userName eq "ann@x.test"`,
		`a"b\c`:           `userName eq "a\"b\\c"`,
		"tab\tand\x1f":    `userName eq "tab\u0009and\u001F"`,
		`" or 1 eq 1 or`:  `userName eq "\" or 1 eq 1 or"`,
		`o'neil+x@é.test`: `userName eq "o'neil+x@é.test"`,
	} {
		if got := Equal("userName", value); got != want {
			t.Errorf("Equal(%q) = %s; want %s", value, got, want)
		}
	}
}

// Whatever the value, a filter is one comparison with that value and nothing more.
func TestEqualCannotBeEscaped(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := strings.ToValidUTF8(rapid.String().Draw(t, "value"), "")
		e, err := filter.ParseFilter([]byte(Equal("userName", value)))
		if err != nil {
			t.Fatalf("%q does not parse: %v", Equal("userName", value), err)
		}
		compared, ok := e.(*filter.AttributeExpression)
		if !ok || compared.Operator != filter.EQ {
			t.Fatalf("%q is not one comparison", Equal("userName", value))
		}
		var got string
		if err := json.Unmarshal([]byte(`"`+compared.CompareValue.(string)+`"`), &got); err != nil || got != value {
			t.Fatalf("the server would read %q (%v)", got, err)
		}
	})
}

func FuzzPath(f *testing.F) {
	for _, seed := range []string{"userName", `emails[type eq "work"].value`, EnterpriseUser + ":manager.value",
		`a[b eq "\"" and c eq true and d eq 1].e`, "a[", `x[y eq "\u0041"]`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePath(s)
		if err != nil {
			return
		}
		again, err := ParsePath(p.String())
		if err != nil || !reflect.DeepEqual(again, p) {
			t.Fatalf("%q is read as %#v, written %q, and read as %#v (%v)", s, p, p.String(), again, err)
		}
		if Fold(Fold(s)) != Fold(s) {
			t.Fatalf("Fold(%q) is not final", s)
		}
	})
}
