package expr

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"ringsync/connectors"
)

// directory offers a few attributes, as a schema would.
type directory struct{}

var directoryAttributes = []connectors.Attribute{
	{Name: "mail"}, {Name: "givenName"}, {Name: "surname"},
	{Name: "businessPhones", MultiValued: true},
	{Name: "appRoleAssignments", Type: connectors.TypeComplex, MultiValued: true},
	{Name: "onPremises", Type: connectors.TypeComplex},
}

func (directory) Attribute(name string) (int, connectors.Attribute, bool) {
	i := slices.IndexFunc(directoryAttributes, func(a connectors.Attribute) bool { return strings.EqualFold(a.Name, name) })
	if i < 0 {
		return 0, connectors.Attribute{}, false
	}
	return i, directoryAttributes[i], true
}

func (directory) Nearest(name string) string {
	names := make([]string, len(directoryAttributes))
	for i, a := range directoryAttributes {
		names[i] = a.Name
	}
	return connectors.Nearest(name, names)
}

// Each case is the expression with a caret below the column, the message, and where there is one the nearest name.
func TestCompileErrors(t *testing.T) {
	for _, tc := range []struct{ caret, want string }{
		{"\n^", "column 1: the expression is empty"},
		{"Join(\", \", [givenName]\n                      ^", `column 23: expected "," or ")" in the arguments of Join, found the end`},
		{"[mail] [surname]\n       ^", "column 8: expected the end, found [surname]"},
		{"Left([mail] 3)\n            ^", `column 13: expected "," or ")" in the arguments of Left, found 3`},
		{"Append(\"a\"\"b\", \"c\")\n          ^", `column 11: expected "," or ")" in the arguments of Append, found "b"`},
		{"Append(\"ä\", \"b)\n            ^", "column 13: this text has no closing quote"},
		{"[mail\n^", `column 1: this attribute has no closing "]"`},
		{"[ ]\n^", "column 1: an attribute needs a name between its brackets"},
		{"[mail\t]\n^", ""},
		{"[ma\til]\n^", "column 1: an attribute's name stands on one line"},
		{"\"t-\" & [mail]\n     ^", "column 6: there is no & operator: join texts with Join or Append"},
		{"'a'\n^", "column 1: text is written in double quotes"},
		{"Left(“a”, 1)\n     ^", "column 6: text is written in straight double quotes, not in “"},
		{"[mail];\n      ^", `column 7: unexpected character ';'`},
		{"&H10000000000000000\n^", "column 1: &H10000000000000000 does not fit into 64 bits"},
		{"mail\n^", `column 1: unknown word mail: text is written "mail", an attribute [mail]`},
		{"InStr([mail], \"a\", , vbTxtCompare)\n                     ^",
			`column 22: unknown word vbTxtCompare: text is written "vbTxtCompare", an attribute [vbTxtCompare]; did you mean vbTextCompare?`},
		{"IIF([mail] = \"a\" = \"b\", 1, 2)\n                 ^", "column 18: a comparison has two sides: nest IIF to combine conditions"},
		{"(\"a\")\n^", `column 1: expected a function, an attribute or text, found "("`},

		{"Swich([mail], , \"a\", \"b\")\n^", "column 1: unknown function Swich; did you mean Switch?"},
		{"Frobnicate()\n^", "column 1: unknown function Frobnicate"},
		{"Left([maill], 3)\n     ^", "column 6: unknown attribute [maill]; did you mean [mail]?"},
		{"Left([mail])\n^", "column 1: Left takes 2 arguments: Left(String, NumChars), not 1"},
		{"Not()\n^", "column 1: Not takes 1 argument: Not(source), not 0"},
		{"ToLower([mail], \"de\", 1)\n^", "column 1: ToLower takes 1 to 2 arguments: ToLower(source, [culture]), not 3"},
		{"Switch([mail], \"a\", \"b\")\n^", "column 1: Switch(source, [defaultValue], key, value, …), not 3 arguments"},
		{"Switch([mail], \"a\", \"b\", )\n^", "column 1: Switch needs value (argument 4)"},
		{"Left(, 3)\n^", "column 1: Left needs String (argument 1)"},
		{"Mid([mail], \"one\", 2)\n            ^", `column 13: expected a whole number, not "one"`},
		{"Mid([mail], 1.5, 2)\n            ^", "column 13: expected a whole number, not 1.5"},
		{"Item([mail], 0)\n             ^", "column 14: positions are counted from 1"},
		{"ToLower([mail], \"no such\")\n                ^", `column 17: "no such" is not the name of a culture, such as ja-JP`},
		{"InStr([mail], \"a\", 1, \"vbTextCompare\")\n                      ^", "column 23: expected one of the words vbTextCompare, vbBinaryCompare"},
		{"InStr([mail], \"a\", 1, UTF8)\n                      ^", "column 23: expected one of the words vbTextCompare, vbBinaryCompare, not UTF8"},
		{"Left(UTF8, 1)\n     ^", "column 6: the word UTF8 does not belong here"},
		{"[mail] = \"a\"\n       ^", "column 8: a comparison stands in the condition of IIF or in CBool"},
		{"Not([mail] = \"a\")\n           ^", "column 12: a comparison stands in the condition of IIF or in CBool"},
		{"IIF([mail] = [mial], 1, 2)\n             ^", "column 14: unknown attribute [mial]; did you mean [mail]?"},
		{"[appRoleAssignments]\n^", "column 1: [appRoleAssignments] holds objects, not text: SingleAppRoleAssignment makes a text of it"},
		{"Append([onPremises], \"a\")\n       ^", "column 8: [onPremises] holds objects, not text"},
		{"SingleAppRoleAssignment(\"a\")\n                        ^", "column 25: expected the attribute [appRoleAssignments]"},
		{"SingleAppRoleAssignment([mail])\n                        ^", "column 25: expected the attribute [appRoleAssignments]"},

		{"Replace([mail], \"a\")\n^", "column 1: Replace takes one of: oldValue with replacementValue or template; regexPattern with " +
			"replacementValue, with or without regexGroupName; regexPattern with regexGroupName and replacementAttributeName"},
		{"Replace([mail], \"\", , , \"b\", , )\n                ^", "column 17: oldValue is empty"},
		{"Replace([mail], , \"(a\", , \"b\", , )\n                  ^", `column 19: regular expression "(a": missing closing )`},
		{"Replace([mail], , \"(?<year>a)\", \"yaer\", \"b\", , )\n                                ^",
			`column 33: the regular expression has no group "yaer"; did you mean year?`},

		{"CDate(\"16 March\")\n      ^", `column 7: expected a date, not "16 March": the date has no year`},
		{"CDate(5)\n      ^", "column 7: expected a date, not 5: the date has no year"},
		{"NumFromDate(\"2019-02-29\")\n            ^", `column 13: expected a date, not "2019-02-29": there is no such date`},
		{"DateAdd(\"week\", 1, Now())\n        ^", `column 9: the intervals are yyyy, m, ww, d, h, n (minute) and s, not "week"`},
		{"DateAdd(\"d\", \"one\", Now())\n             ^", `column 14: expected a number, not "one"`},
		{"DateDiff(\"d\", Now())\n^", "column 1: DateDiff takes 3 arguments: DateDiff(interval, date1, date2), not 2"},
		{"Now(1)\n^", "column 1: Now takes no arguments: Now(), not 1"},
		{"FormatDateTime([mail], \"d\")\n^",
			"column 1: FormatDateTime takes 4 arguments: FormatDateTime(source, [dateTimeStyles], inputFormat, outputFormat), not 2"},
		{"FormatDateTime([mail], , \"dd 'of' MMMM\", \"d 'of\")\n                                         ^",
			`column 42: outputFormat: the format "'of" lacks a closing '`},
		{"FormatDateTime([mail], \"x\", \"d\")\n                       ^", `column 24: inputFormat: there is no standard format "x"`},
		{"FormatDateTime([mail], \"AssumeLoacl\", \"d\", \"d\")\n                       ^",
			`column 24: dateTimeStyles: "AssumeLoacl" is not one of the DateTimeStyles; did you mean AssumeLocal?`},
		{"FormatDateTime([mail], , , \"d\")\n^", "column 1: FormatDateTime needs inputFormat (argument 3)"},
		{"IIF(Now() > \"soon\", 1, 2)\n            ^", `column 13: expected a date, not "soon": this is not a date`},
		{"IIF(\"2020-13-01\" < Now(), 1, 2)\n    ^", `column 5: expected a date, not "2020-13-01": there is no such date`},
		{"RandomString(5, 3, 0, 0, 3)\n^", "column 1: RandomString: the minimums together are more than Length"},
		{"RandomString(300, 0, 0, 0, 0)\n^", "column 1: RandomString: Length is 1 to 256"},
		{"Append(SelectUniqueValue([mail], \"a\"), \"b\")\n       ^", "column 8: SelectUniqueValue is the whole expression, never an argument"},
		{"SelectUniqueValue([mail])\n^", "column 1: SelectUniqueValue(uniqueValueRule1, uniqueValueRule2, …), not 1 argument"},
		{"AppRoleAssignments([businessPhones])\n                   ^", "column 20: expected the attribute [appRoleAssignments]"},
		{"DNComponent([mail], 0)\n                    ^", "column 21: positions are counted from 1"},
		{"\tLeft(\t[maill], 3)\n\t     \t^", "column 8: unknown attribute [maill]; did you mean [mail]?"},
		{"Append([mail], Left([maill], 3))\n                    ^", "column 21: unknown attribute [maill]; did you mean [mail]?"},
	} {
		source, _, _ := strings.Cut(tc.caret, "\n")
		_, err := Compile(source, directory{})
		if tc.want == "" {
			if err != nil {
				t.Errorf("%s: %v", source, err)
			}
			continue
		}
		e, ok := errors.AsType[*Error](err)
		if !ok {
			t.Errorf("%s compiled", source)
			continue
		}
		if e.Error() != tc.want || e.Caret() != tc.caret {
			t.Errorf("\n got %s\n%s\nwant %s\n%s", e, e.Caret(), tc.want, tc.caret)
		}
	}
}

func TestErrorOnLaterLine(t *testing.T) {
	_, err := Compile("Join(\", \",\r\n\t[surname],\r\n\tLft([givenName], 1))", directory{})
	e, ok := errors.AsType[*Error](err)
	if !ok {
		t.Fatalf("got %v", err)
	}
	if want := "line 3, column 2: unknown function Lft; did you mean Left?"; e.Error() != want {
		t.Errorf("got %q, want %q", e.Error(), want)
	}
	if want := "\tLft([givenName], 1))\n\t^"; e.Caret() != want {
		t.Errorf("got\n%s\nwant\n%s", e.Caret(), want)
	}
	if e.Line != 3 || e.Column != 2 || e.Offset != 26 || e.Nearest != "Left" {
		t.Errorf("got %+v", e)
	}
}

func TestEvaluationErrorHasItsPlace(t *testing.T) {
	program, err := Compile(`Append("a", Item([businessPhones], 2))`, directory{})
	if err != nil {
		t.Fatal(err)
	}
	row := make([]connectors.Value, len(directoryAttributes))
	row[3] = connectors.StringsValue("1")
	_, err = program.Eval(row, nil)
	e, ok := errors.AsType[*Error](err)
	if want := "Append(\"a\", Item([businessPhones], 2))\n            ^"; !ok || e.Caret() != want {
		t.Errorf("got %v", err)
	}
}

func TestBudgets(t *testing.T) {
	for _, tc := range []struct{ source, want string }{
		{`"` + strings.Repeat("ä", maxCharacters-2) + `"`, ""},
		{`"` + strings.Repeat("ä", maxCharacters-1) + `"`, "the expression has 10001 characters; at most 10000 are allowed"},
		{strings.Repeat("Not(", maxDepth) + "1" + strings.Repeat(")", maxDepth), ""},
		{strings.Repeat("Not(", maxDepth+1) + "1" + strings.Repeat(")", maxDepth+1), "functions are nested more than 64 deep"},
		{"\"a\xff\"", "this is not valid UTF-8"},
	} {
		_, err := Parse(tc.source)
		if e, ok := errors.AsType[*Error](err); ok != (tc.want != "") || ok && e.Message != tc.want {
			t.Errorf("%.20s…: got %v, want %q", tc.source, err, tc.want)
		}
	}
}
