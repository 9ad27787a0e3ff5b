package configs

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestExpand(t *testing.T) {
	files := func(path string) (string, error) {
		if path == "a b" {
			return "content", nil
		}
		return "", errors.New("open " + path + ": no such file")
	}
	l := lookups{environment, files}
	for _, tc := range []struct{ text, want, wrong string }{
		{"", "", ""},
		{"plain", "plain", ""},
		{"${SECRET}", "hunter2", ""},
		{"a${SECRET}b${PORT}c", "ahunter2b2525c", ""},
		{"${EMPTY}", "", ""},
		{"${file:a b}", "content", ""},
		{"x${file:a b}${SECRET}", "xcontenthunter2", ""},
		{"^a$", "^a$", ""},
		{"$", "$", ""},
		{"$$", "$$", ""},
		{"$1 $SECRET", "$1 $SECRET", ""},
		{"$${SECRET}", "${SECRET}", ""},
		{"a$${1}${PORT}", "a${1}2525", ""},
		{"$${", "${", ""},
		{"$$${PORT}", "$${PORT}", ""},
		{"${PORT}${", "", "${ without its }; write $${ for the two characters themselves"},
		{"${NAMES}", "a ${SECRET}", ""}, // what a variable holds is not expanded again
		{"${NONE}", "", "environment variable NONE is not set"},
		{"${1}", "", "${1} names no environment variable and no file (${file:PATH}); write $${1} for the text itself"},
		{"${}", "", "${} names no environment variable and no file (${file:PATH}); write $${} for the text itself"},
		{"${a-b}", "", "${a-b} names no environment variable and no file (${file:PATH}); write $${a-b} for the text itself"},
		{"${file:x}", "", "open x: no such file"},
	} {
		got, err := l.expand(tc.text)
		if wrong := message(err); got != tc.want || wrong != tc.wrong {
			t.Errorf("expand(%q) = %q, %q; want %q, %q", tc.text, got, wrong, tc.want, tc.wrong)
		}
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestReferencesEverywhere(t *testing.T) {
	c := mustParse(t, base+`  rate_share: ${SHARE}
notify:
  email: {to: ["a@b.c"], from: a@b.c, smtp: {host: "${SECRET}.example", port: "${PORT}"}}
users:
  attributes:
    - {target: active, source: "${SECRET}", default: "x${PORT}"}
    - {target: b, expression: "Replace([a], , \"(?<x>.)\", , \"$${x}$\", , )"}
`)
	if got := c.Source.Credential.ClientSecret.Reveal(); got != "hunter2" {
		t.Errorf("client_secret %q", got)
	}
	if c.Target.RateShare != 0.5 || c.Notify.Email.SMTP.Port != 2525 || c.Notify.Email.SMTP.Host != "hunter2.example" {
		t.Errorf("%v, %v", c.Target.RateShare, c.Notify.Email.SMTP)
	}
	if a := c.Users.Attributes; a[0].Source != "hunter2" || a[0].Default.Text() != "x2525" ||
		a[1].Expression != `Replace([a], , "(?<x>.)", , "${x}$", , )` {
		t.Errorf("%+v", a)
	}
	for _, tc := range []struct{ text, want string }{
		{base + "state: {path: \"${NOWHERE}\"}", "ringsync.yaml:9:15: environment variable NOWHERE is not set"},
		{base + "  concurrency: ${SECRET}", "ringsync.yaml:9:16: target.concurrency must be a whole number, not a text"},
		{base + "  concurrency: ${SHARE}", "ringsync.yaml:9:16: target.concurrency must be a whole number, not a text"},
		{base + "safety: {adopt: \"${SECRET}\"}", `ringsync.yaml:9:17: safety.adopt cannot be "${SECRET}"; it is one of unclaimed, always, never`},
		{strings.Replace(base, "t0ken", "${EMPTY}", 1), "ringsync.yaml:8:10: target needs a token, or oauth"},
	} {
		if got := problemsOf(tc.text); got != tc.want {
			t.Errorf("got\n%s\nwant\n%s", got, tc.want)
		}
	}
}

func TestPosition(t *testing.T) {
	c := mustParse(t, base+`users:
  filters:
    - name: é
      all: [{attribute: department, operator: EQUALS, value: "x"}]
  attributes:
    - target: active
      source: b
    - {target: ü, source: b}
`)
	for _, tc := range []struct {
		path         string
		line, column int
	}{
		{"", 1, 1},
		{"job", 1, 6},
		{"source", 2, 1},
		{"source.tenant", 3, 11},
		{"source.cloud", 2, 1}, // left out: the section stands for it
		{"users.filters[0]", 11, 7},
		{"users.filters[0].name", 11, 13},
		{"users.filters[0].all[0].value", 12, 62},
		{"users.attributes[0]", 14, 7},
		{"users.attributes[0].expression", 14, 7},
		{"users.attributes[1]", 16, 7},
		{"users.attributes[1].source", 16, 27},
		{"users.attributes[7].source", 13, 3},
		{"nothing.here", 1, 1},
	} {
		if line, column := c.Position(tc.path); line != tc.line || column != tc.column {
			t.Errorf("%s is at %d:%d, want %d:%d", tc.path, line, column, tc.line, tc.column)
		}
	}
	p := c.Problem("users.attributes[1].target", "no attribute %q", "ü")
	if got, want := p.Error(), `ringsync.yaml:16:16: no attribute "ü"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	p.Caret = "a\n^\n"
	if got, want := p.Error(), "ringsync.yaml:16:16: no attribute \"ü\"\n    a\n    ^"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Each expression has one #; the place inside the value must be that of the # in the file.
func TestPositionInsideExpression(t *testing.T) {
	for _, tc := range []struct {
		name, yaml string
		exact      bool
	}{
		{"plain", `expression: Join(é,#)`, true},
		{"plain before a comment", `expression: Joi#(1)  # the # of a comment`, true},
		{"single quotes", `expression: 'Switch(''é'', #'`, true},
		{"double quotes", `expression: "a\\b\"c\té\u00e9\U0001F600\x41#"`, true},
		{"spaces before", `expression:     "   #"`, true},
		{"flow", `{expression: 'a #', source: }`, true},
		{"at the end", `expression: 'aé#'`, true},
		{"before a reference", `expression: 'a#${PORT}'`, true},
		{"after a reference", `expression: 'a${PORT}#'`, false},
		{"over two lines", "expression: 'a\n          b #'", false},
		{"block", "expression: |\n          a #", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			item := "    - " + strings.ReplaceAll(tc.yaml, "\n  ", "\n    ")
			if !strings.HasPrefix(tc.yaml, "{") {
				item += "\n      target: active\n"
			} else {
				item = strings.Replace(item, "{", "{target: active, ", 1)
			}
			c := mustParse(t, base+"users:\n  attributes:\n"+item)
			const path = "users.attributes[0].expression"
			expression := c.Users.Attributes[0].Expression
			p := c.ProblemInside(path, strings.Index(expression, "#"), "wrong")
			wantLine, wantColumn := c.Position(path)
			if tc.exact {
				first, _, _ := strings.Cut(item, "#")
				wantColumn = utf8.RuneCountInString(first) + 1
			}
			if p.Line != wantLine || p.Column != wantColumn {
				t.Errorf("at %d:%d, want %d:%d", p.Line, p.Column, wantLine, wantColumn)
			}
		})
	}
}

// For any one-line text in any of the three styles, every character is found where it stands.
func TestPositionInsideProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		runes := rapid.SliceOfN(rapid.SampledFrom([]rune(`aZ09()[],.'"\ é😀_-`)), 1, 30).Draw(t, "text")
		text := "x" + string(runes) + "y" // plain scalars begin and end with neither space nor quote
		var quoted string
		switch rapid.SampledFrom([]string{"plain", "single", "double"}).Draw(t, "style") {
		case "plain":
			quoted = text
		case "single":
			quoted = "'" + strings.ReplaceAll(text, "'", "''") + "'"
		case "double":
			quoted = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "é", `\u00e9`).Replace(text) + `"`
		}
		c, err := Parse("f", []byte(base+"users:\n  attributes:\n    - target: active\n      expression: "+quoted+"\n"), environment)
		if err != nil {
			t.Fatal(err)
		}
		a := c.Users.Attributes[0]
		if a.Expression != text {
			t.Fatalf("%q was read as %q", text, a.Expression)
		}
		const path = "users.attributes[0].expression"
		at := rapid.IntRange(0, len(runes)+1).Draw(t, "character")
		offset := len(string([]rune(text)[:at]))
		line, column, exact := c.doc.inside(path, offset)
		rest := c.doc.textAt(line, column)
		want := string([]rune(text)[at])
		if escaped := map[string]string{"'": "''", `"`: `\"`, `\`: `\\`, "é": `\u00e9`}[want]; quoted[0] != 'x' && strings.HasPrefix(rest, escaped) {
			want = escaped
		}
		if !exact || !strings.HasPrefix(rest, want) {
			t.Fatalf("character %d of %s: the file has %q there, want %q (exact %v)", at, quoted, rest, want, exact)
		}
	})
}
