package expr

import (
	"strings"
	"testing"
)

// rules are what the documentation leaves open, or says without an example.
var rules = map[string][]evalCase{
	"null and empty": {
		{`[x]`, person{"x": nil}, nil},
		{`[x]`, nil, nil},
		{`[x]`, person{"x": []any{}}, nil},
		{`[x]`, person{"x": ""}, ""},
		{`Coalesce([a], [b])`, person{"b": ""}, ""},
		{`Coalesce([a], "")`, nil, ""},
		{`Coalesce([a], [b])`, nil, nil},
		{`Coalesce([a], [b], "c")`, person{"a": []any{}}, "c"},
		{`IsNull([x])`, person{"x": ""}, "False"},
		{`IsNullOrEmpty([x])`, nil, "True"},
		{`IsPresent([x])`, person{"x": ""}, "False"},
		{`IsPresent([x])`, person{"x": "y"}, "True"},
		{`IsPresent([x])`, person{"x": []any{"a", "b"}}, "True"},
		{`IsPresent([appRoleAssignments])`, person{"appRoleAssignments": []any{}}, "False"},
		{`IsString([x])`, person{"x": true}, "True"},
		{`IsString([x])`, nil, "False"},
		{`IsString([x])`, person{"x": []any{"a", "b"}}, "False"},
		{`IgnoreFlowIfNullOrEmpty([x])`, person{"x": "y"}, "y"},
		{`IIF([x] = "a", "b", IgnoreFlowIfNullOrEmpty([y]))`, nil, notSent},
		{`Coalesce(IgnoreFlowIfNullOrEmpty([x]), "z")`, nil, "z"},
	},
	"constants": {
		{`"a \"quoted\" \\ word"`, nil, `a "quoted" \ word`},
		{`"\d"`, nil, `\d`},
		{`""`, nil, ""},
		{`007`, nil, "007"},
		{`-2.50`, nil, "-2.50"},
		{`&hff`, nil, "255"},
		{`129699324000000000`, nil, "129699324000000000"},
	},
	"Switch": {
		{`Switch([x], , "a", "1")`, person{"x": "b"}, nil},
		{`Switch([x], "", "a", "1")`, person{"x": "b"}, ""},
		{`Switch([x], "default", "a", "1")`, person{"x": "A"}, "default"},
		{`Switch([x], "default", "", "nothing")`, person{"x": nil}, "nothing"},
		{`Switch([x], "default", "a", [y])`, person{"x": "a", "y": nil}, nil},
		{`Switch([IsSoftDeleted], , "False", "True", "True", "False")`, person{"IsSoftDeleted": true}, "False"},
		{`Switch([IsSoftDeleted], , "False", "True", "True", "False")`, person{"IsSoftDeleted": false}, "True"},
		{`Switch([x], , 1, "one", 2, "two")`, person{"x": 2}, "two"},
		{`Switch([x], Error("no"), "a", "fine")`, person{"x": "a"}, "fine"},
		{`Switch([x], , "a", "1")`, person{"x": []any{"a"}}, "1"},
		{`Switch([x], , "a", "1")`, person{"x": []any{"a", "b"}},
			failure("Switch: source takes one value and was given 2: choose one with Item, or Join them")},
	},
	"conditions": {
		{`IIF([x] <> "a", "other", "a or nothing")`, person{"x": nil}, "a or nothing"},
		{`IIF([x] = [y], "same", "not")`, nil, "not"},
		{`IIF([x] = "", "empty", "not")`, person{"x": ""}, "empty"},
		{`IIF([x] > 9, "big", "small")`, person{"x": "10"}, "big"},
		{`IIF([x] > 9, "big", "small")`, person{"x": 9}, "small"},
		{`IIF([x] >= 9, "big", "small")`, person{"x": 9}, "big"},
		{`IIF([x] < 0.5, "small", "big")`, person{"x": "-3"}, "small"},
		{`IIF([x] <= "b", "first", "last")`, person{"x": "apple"}, "first"},
		{`IIF([x] > "5", "after", "before")`, person{"x": "Inf"}, "after"},
		{`IIF([x] = 7, "same", "not")`, person{"x": "007"}, "not"},
		{`IIF([x] = "b", "one", "not")`, person{"x": []any{"b"}}, "one"},
		{`IIF([x] = "b", "one", "not")`, person{"x": []any{"a", "b"}},
			failure("each side of a comparison takes one value and was given 2: choose one with Item, or Join them")},
		{`IIF([x], "yes", "no")`, person{"x": true}, "yes"},
		{`IIF([x], "yes", "no")`, person{"x": "TRUE"}, "yes"},
		{`IIF([x], "yes", "no")`, nil, "no"},
		{`IIF([x], "yes", Error("needed"))`, person{"x": "2"}, "yes"},
		{`IIF(IsPresent([x]), [y], "no")`, person{"x": "a", "y": []any{"b", "c"}}, []any{"b", "c"}},
		{`CBool([x])`, person{"x": "0"}, "False"},
		{`CBool([x])`, person{"x": "-1"}, "True"},
		{`CBool([x])`, person{"x": "abc"}, "False"},
		{`CBool(1 < 2)`, nil, "True"},
		{`Not([x])`, person{"x": "true"}, "False"},
		{`Not([x])`, person{"x": true}, "False"},
		{`Not([x])`, person{"x": "False"}, "True"},
		{`Not([x])`, nil, "True"},
		{`Not("0")`, nil, "True"},
	},
	"Join, Append, Prepend": {
		{`Join("-", [list], "z")`, person{"list": []any{"a", "", nil, "b"}}, "a-b-z"},
		{`Join("", "a", 1, [x])`, person{"x": true}, "a1True"},
		{`Join(", ", [a], [b])`, nil, nil},
		{`Join(", ", [a], [b])`, person{"a": ""}, ""},
		{`Join([sep], "a", "b")`, nil, "ab"},
		{`Append([a], "@contoso.com")`, nil, "@contoso.com"},
		{`Append([a], [b])`, nil, nil},
		{`Append([a], [b])`, person{"b": ""}, ""},
		{`Prepend("+1", [a])`, person{"a": "555"}, "+1555"},
	},
	"UTF-16 units, as in .NET, and no half characters": {
		{`Left([x], 2)`, person{"x": "Łódź"}, "Łó"},
		{`Mid([x], 2, 2)`, person{"x": "Łódź"}, "ód"},
		{`InStr([x], "ź")`, person{"x": "Łódź"}, 4},
		{`Left([x], 1)`, person{"x": "😀!"}, "😀"},
		{`Left([x], 2)`, person{"x": "😀!"}, "😀"},
		{`Left([x], 3)`, person{"x": "😀!"}, "😀!"},
		{`Mid([x], 2, 1)`, person{"x": "😀!"}, ""},
		{`Mid([x], 3, 1)`, person{"x": "😀!"}, "!"},
		{`Mid([x], 1, 3)`, person{"x": "a😀!"}, "a😀"},
		{`InStr([x], "!")`, person{"x": "😀!"}, 3},
		{`InStr([x], "!", 4)`, person{"x": "😀!"}, 0},
		{`Left([x], 3)`, person{"x": "e\u0301tat"}, "e\u0301t"},
	},
	"Left, Mid": {
		{`Left(IIF("True", [list], "x"), 1)`, person{"list": []any{map[string]any{"a": "b"}}},
			failure("Left: String takes a text and was given an object")},
		{`Left([x], 99)`, person{"x": "abc"}, "abc"},
		{`Left([x], -1)`, person{"x": "abc"}, "abc"},
		{`Left([x], "2")`, person{"x": "abc"}, "ab"},
		{`Left([x], [n])`, person{"x": "abc", "n": "two"}, failure(`Left: NumChars takes a whole number, not "two"`)},
		{`Left([x], [n])`, person{"x": "abc"}, failure(`Left: NumChars takes a whole number, not null`)},
		{`Mid([x], 4, 2)`, person{"x": "abc"}, ""},
		{`Mid([x], 2, 9223372036854775807)`, person{"x": "abc"}, "bc"},
		{`Mid([x], 1, 0)`, person{"x": "abc"}, ""},
		{`Mid([x], 1, 5)`, nil, nil},
		{`Mid([x], [n], 1)`, person{"x": "abc", "n": 0}, failure("Mid: start is at least 1 and length at least 0, not 0 and 1")},
	},
	"InStr, Word, PCase": {
		{`InStr([x], "B")`, person{"x": "abc"}, 0},
		{`InStr([x], "B", , vbTextCompare)`, person{"x": "abc"}, 2},
		{`InStr([x], "a", 9)`, person{"x": "abc"}, 0},
		{`InStr([x], "", 2)`, person{"x": "abc"}, 2},
		{`InStr([x], "", 4)`, person{"x": "abc"}, 0},
		{`InStr([x], "")`, person{"x": ""}, 0},
		{`InStr([x], [y])`, person{"x": "abc"}, 1},
		{`InStr([x], "ist", , vbTextCompare)`, person{"x": "İİSTANBUL"}, 2},
		{`InStr([x], "a")`, nil, 0},
		{`InStr([x], "a", [n])`, person{"x": "abc", "n": 0}, failure("InStr: start is at least 1, not 0")},
		{`Word([x], 1, " ")`, nil, ""},
		{`Word([x], 0, " ")`, person{"x": "a b"}, ""},
		{`Word([x], 2, " ,")`, person{"x": "a, b"}, "b"},
		{`PCase([x])`, person{"x": "o'BRIEN-smith and sons"}, "O'brien-Smith And Sons"},
		{`PCase([x], "'")`, person{"x": "o'brien smith"}, "O'Brien smith"},
		{`PCase([x], "")`, person{"x": "o'brien smith"}, "O'brien Smith"},
		{`PCase([x])`, person{"x": "1st STREET 2b-or_not\u00a0to (x) 'quoted'"}, "1St Street 2B-Or_Not\u00a0To (X) 'Quoted'"},
		{`PCase([x], " ")`, person{"x": "1st STREET -x"}, "1st Street -x"},
		{`PCase([x])`, person{"x": "ǆ ÉCOLE straße"}, "ǅ École Straße"},
		{`PCase([x])`, nil, nil},
	},
	"letters": {
		{`ToUpper([x])`, nil, nil},
		{`ToLower([x])`, person{"x": "ÄI"}, "äi"},
		{`ToLower([x])`, person{"x": "İI"}, "İi"},
		{`ToLower([x], "en-US")`, person{"x": "İI"}, "ii"},
		{`ToUpper([x])`, person{"x": "ıi"}, "ıI"},
		{`ToUpper([x], "")`, person{"x": "ıi"}, "ıI"},
		{`ToUpper([x], "de-DE")`, person{"x": "ıiß"}, "IIß"},
		{`ToLower([x])`, person{"x": "ΟΔΟΣ"}, "οδοσ"},
		{`ToLower([x], "tr-TR")`, person{"x": "İI"}, "iı"},
		{`ToUpper([x], "az")`, person{"x": "i"}, "İ"},
		{`ToUpper([x], "ja-JP")`, person{"x": "straße i"}, "STRAßE I"},
		{`ToUpper([x], [c])`, person{"x": "i", "c": "not a culture"},
			failure(`ToUpper: "not a culture" is not the name of a culture, such as ja-JP`)},
		{`StripSpaces([x])`, person{"x": " a\tb c "}, "a\tbc"},
		{`Trim([x])`, person{"x": "\t a b \n"}, "a b"},
		{`Trim([x])`, person{"x": []any{" a", "b "}}, []any{"a", "b"}},
		{`Trim([x])`, nil, nil},
		{`CStr([x])`, person{"x": 5}, "5"},
		{`CStr([x])`, nil, nil},
	},
	"lists": {
		{`Split([x], ",")`, nil, nil},
		{`Split([x], ",")`, person{"x": "a,,b"}, []any{"a", "", "b"}},
		{`Split([x], ", ")`, person{"x": "a,b, c"}, []any{"a,b", "c"}},
		{`Split([x], "")`, person{"x": "abc"}, []any{"abc"}},
		{`Split([x])`, person{"x": " a  b\tc"}, []any{"a", "b", "c"}},
		{`Split([x], ",")`, person{"x": ""}, []any{""}},
		{`Split([x], "aa")`, person{"x": "aaa"}, []any{"", "a"}},
		{`RemoveDuplicates([x])`, person{"x": []any{nil}}, nil},
		{`Trim([x])`, person{"x": []any{nil}}, nil},
		{`Join(",", [x], "c")`, person{"x": []any{"a", nil, "", "b"}}, "a,b,c"},
		{`Join(",", Split([x], ";"))`, person{"x": "a; b;;c"}, "a,b,c"},
		{`Item(Split([x], "@"), 2)`, person{"x": "john@contoso.com"}, "contoso.com"},
		{`Item([x], 1)`, person{"x": "only"}, "only"},
		{`Item([x], 1)`, nil, nil},
		{`Item([x], 3)`, person{"x": []any{"a", "b"}}, failure("Item: there is no item 3: the attribute has 2")},
		{`Item([x], [n])`, person{"x": []any{"a"}, "n": 0}, failure("Item: there is no item 0: the attribute has 1")},
		{`Left([x], 1)`, person{"x": []any{"abc"}}, "a"},
		{`ToUpper([x])`, person{"x": []any{"a", "b"}},
			failure("ToUpper: source takes one value and was given 2: choose one with Item, or Join them")},
		{`Count([x])`, nil, 0},
		{`Count([x])`, person{"x": "one"}, 1},
		{`Count([appRoleAssignments])`, person{"appRoleAssignments": []any{map[string]any{"value": "a"}}}, 1},
		{`RemoveDuplicates([x])`, person{"x": []any{"a", "A", "a"}}, []any{"a", "A"}},
		{`RemoveDuplicates([x])`, person{"x": "a"}, "a"},
		{`SingleAppRoleAssignment([appRoleAssignments])`, nil, nil},
		{`SingleAppRoleAssignment([appRoleAssignments])`, person{"appRoleAssignments": []any{
			map[string]any{"value": "User", "displayName": "Everybody"},
			map[string]any{"value": nil, "displayName": "Boss"},
			map[string]any{"value": "", "displayName": ""}}}, "Boss"},
	},
	"Replace": {
		{`Replace([x], , [p], , "-", , )`, person{"x": "a", "p": strings.Repeat("a", maxCharacters+1)},
			failure("Replace: the regular expression is longer than 10000 bytes")},
		{`Replace([x], , "[()\\s-]+", , "", , )`, person{"x": "+1 (999) 888-7777"}, "+19998887777"},
		{`Replace([x], "a", , , "b")`, person{"x": "Aaa"}, "Abb"},
		{`Replace([x], "a", , , "b", , )`, nil, nil},
		{`Replace([x], "a", , , [y], , )`, person{"x": "bar"}, "br"},
		{`Replace([x], [y], , , "b", , )`, person{"x": "bar"}, "bar"},
		{`Replace([x], "<u>", , , , , "<u>@contoso.com")`, nil, nil},
		{`Replace([x], , "(\\w)(\\w)", , "$2$1$$$&${3}$", , )`, person{"x": "ab"}, "ba$ab${3}$"},
		{`Replace([x], , "b", , "[$_|$` + "`" + `|$'|$+]", , )`, person{"x": "abc"}, "a[abc|a|c|b]c"},
		{`Replace([x], , "(?<year>\\d{4})-(?<month>\\d\\d)", , "${month}/${year}", , )`, person{"x": "2024-05"}, "05/2024"},
		{`Replace([x], , "x*", , "-", , )`, person{"x": "abc"}, "-a-b-c-"},
		{`Replace([x], , "^a", , "b", , )`, person{"x": "Abc"}, "Abc"},
		{`Replace([x], , "(?i)^a", , "b", , )`, person{"x": "Abc"}, "bbc"},
		{`Replace([x], , "(?<=@).*", , "contoso.com", , )`, person{"x": "a@b"}, "a@contoso.com"},
		{`Replace([x], , [p], , "-", , )`, person{"x": "a.b", "p": `\.`}, "a-b"},
		{`Replace([x], , [p], , "-", , )`, person{"x": "a.b", "p": `(`},
			failure(`Replace: regular expression "(": missing closing )`)},
		{`Replace([x], , "(?<d>\\d)+", "d", "#", , )`, person{"x": "a12b3"}, "a##b#"},
		{`Replace([x], , "a(?=(?<n>b))", "n", "c", , )`, person{"x": "abab"}, "acac"},
		{`Replace([x], , "(?<a>a)|b", "a", "$0", , )`, person{"x": "ab"}, "$0b"},
		{`Replace([x], , "a", [g], "c", , )`, person{"x": "a", "g": "none"}, "a"},
		{`Replace([x], , "(?<n>\\d+)", "n", , [y], )`, person{"x": "here", "y": "1"}, "here"},
		{`Replace([x], , "(?<n>\\d+)", "n", , [y], )`, person{"y": "no digits"}, nil},
		{`Replace([x], , "(?<n>\\d+)?-", "n", , [y], )`, person{"y": "-"}, nil},
		{`Replace([x], , "(?<n>\\d+)", "n", , [y], )`, nil, nil},
	},
	"encodings and numbers": {
		{`ConvertFromBase64("SABlAGwAbABvAA==")`, nil, "Hello"},
		{`ConvertFromBase64("wyk=", utf8)`, nil, "\uFFFD)"},
		{`ConvertFromBase64("w2E=", ASCII)`, nil, "?a"},
		{`ConvertFromBase64("%")`, nil, failure(`ConvertFromBase64: "%" is not base64`)},
		{`ConvertFromBase64(ConvertToBase64([x]))`, person{"x": "Ł😀"}, "Ł😀"},
		{`ConvertToUTF8Hex([x])`, nil, nil},
		{`BitAnd([x], 4)`, person{"x": "6"}, 4},
		{`BitAnd([x], 4)`, nil, nil},
		{`BitAnd([x], 4)`, person{"x": "six"}, failure(`BitAnd: value1 takes a whole number, not "six"`)},
	},
	"Error": {
		{`Error(Join(" ", "no name for", [id]))`, person{"id": "7"}, failure("no name for 7")},
		{"Left(Error(\"a\nb\"), 1)", nil, failure("a b")},
	},
}

func TestRules(t *testing.T) {
	for name, cases := range rules {
		t.Run(name, func(t *testing.T) {
			for _, tc := range cases {
				tc.check(t)
			}
		})
	}
}

// A letter of each row of Entra's table of diacritics, and what the table does not list and must leave alone.
func TestNormalizeDiacritics(t *testing.T) {
	for in, want := range map[string]string{
		"äàâãåáąăā": "aaaaaaaaa", "ÄÀÂÃÅÁĄĂĀ": "AAAAAAAAA", "ǟǡå̄": "aaa",
		"æǣÆǢ": "aeaeAEAE", "çčć": "ccc", "ÇČĆC̱": "CCCC", "ďḏĎḎ": "ddDD",
		"ëèéêęěėēḗ": "eeeeeeeee", "ğḡĞḠ": "ggGG", "ïîìíıī": "iiiiii", "ÏÎÌÍİĪ": "IIIIII",
		"ľłḹḻĽŁ": "llllLL", "ñńňṉÑ": "nnnnN", "öòőõôóōṓȫǭȭȱ": "oooooooooooo",
		"øØœ̄Œ̄": "oeOEoeOE", "řṟṝŘ": "rrrR", "ß": "ss", "šśșşŠŚȘŞ": "ssssSSSS",
		"ťțṯŤȚ": "tttTT", "üùûúůűūǖṻ": "uuuuuuuuu", "ÿýȳŸÝ": "yyyYY", "źžżẕŹŽŻ": "zzzzZZZ",
		"Nguyễn": "Nguyen", "plain": "plain", "": "",
		"й": "й", "が": "が", "한글": "한글", "हिन्दी": "हिन्दी", "日本": "日本",
	} {
		evalCase{`NormalizeDiacritics([x])`, person{"x": in}, want}.check(t)
	}
}

func TestResultIsLimited(t *testing.T) {
	large := failure("the result is larger than 1048576 bytes")
	half := strings.Repeat("x", maxResult/2)
	for _, tc := range []evalCase{
		{`Append([x], [x])`, person{"x": half + half}, "Append: " + large},
		{`Join("-", [x], [x], [x])`, person{"x": half}, "Join: " + large},
		{`Replace([x], "x", , , "yyy", , )`, person{"x": half}, "Replace: " + large},
		{`Replace([x], , "x", , "$_", , )`, person{"x": half[:2048]}, "Replace: " + large},
		{`ConvertToUTF8Hex([x])`, person{"x": half + "x"}, "ConvertToUTF8Hex: " + large},
	} {
		tc.check(t)
	}
	evalCase{`Append([x], [x])`, person{"x": half}, half + half}.check(t)
	many := strings.Repeat("a,", maxItems)
	evalCase{`Count(Split([x], ","))`, person{"x": many[:len(many)-1]}, maxItems}.check(t)
	evalCase{`Count(Split([x], ","))`, person{"x": many}, failure("Split: the result has more than 10000 values")}.check(t)
}

// A pattern that backtracks without end stops, whether at its first match or after others, and never gives a result.
func TestRegularExpressionTime(t *testing.T) {
	endless := strings.Repeat("a", 60) + "!"
	want := failure("Replace: the regular expression took longer than 100ms: make it simpler")
	evalCase{`Replace([x], , "(a+)+$", , "", , )`, person{"x": endless}, want}.check(t)
	evalCase{`Replace([x], , "b|(a+)+$", , "", , )`, person{"x": "b" + endless}, want}.check(t)
	evalCase{`Replace([y], , "(?<n>(a+)+)$", "n", , [x], )`, person{"x": endless}, want}.check(t)
}
