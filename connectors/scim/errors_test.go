package scim

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestParseError(t *testing.T) {
	for _, test := range []struct {
		body string
		want ErrorBody
	}{
		{`{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"400","scimType":"invalidValue","detail":"Parameter [a.b] value\nis invalid."}`,
			ErrorBody{ShapeJSON, "invalidValue", "Parameter [a.b] value is invalid.", ""}},
		{`{"status":404,"detail":"no such user"}`, ErrorBody{ShapeJSON, "", "no such user", ""}},
		{`{"errorCode":"CMN-101","message":"Parameter is invalid","errors":[{"errorCode":"CMN-101","message":"m","parameterName":"extensionId"}]}`,
			ErrorBody{ShapeJSON, "CMN-101", "Parameter is invalid", "extensionId"}},
		{`{"errors":[{"errorCode":"OAU-213","message":"Token not found"}]}`, ErrorBody{ShapeJSON, "OAU-213", "Token not found", ""}},
		{`{"error":"invalid_grant","error_description":"expired"}`, ErrorBody{ShapeJSON, "invalid_grant", "expired", ""}},
		{`{"detail":{"x":1},"errors":"odd","errorCode":7}`, ErrorBody{Shape: ShapeJSON}},
		{"", ErrorBody{}},
		{" \r\n", ErrorBody{}},
		{"Access denied\x00\n by policy", ErrorBody{ShapeText, "", "Access denied by policy", ""}},
		{`[1]`, ErrorBody{ShapeText, "", "[1]", ""}},
		{`{"detail":"cut of`, ErrorBody{ShapeText, "", `{"detail":"cut of`, ""}},
		{"<!DOCTYPE html><html><head><TITLE>502 Bad\nGateway</TITLE></head>", ErrorBody{ShapeHTML, "", "an HTML page: 502 Bad Gateway", ""}},
		{"<html>no title</html>", ErrorBody{ShapeHTML, "", "an HTML page", ""}},
		{"</title><title>", ErrorBody{ShapeHTML, "", "an HTML page", ""}},
	} {
		if got := ParseError([]byte(test.body)); got != test.want {
			t.Errorf("ParseError(%q) = %+v; want %+v", test.body, got, test.want)
		}
	}
}

// Whatever a service answers, what gets into a log is one short printable line.
func FuzzParseError(f *testing.F) {
	for _, seed := range []string{`{"detail":"x"}`, `{"errors":[{}, null, 3]}`, "<title>\xff</title>", "<TİTLE>", "plain\ttext", `null`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		e := ParseError(body)
		for _, s := range []string{e.Code, e.Detail, e.Parameter} {
			if !utf8.ValidString(s) || strings.ContainsAny(s, "\r\n\t\x00\x1b") || len(s) > 400 {
				t.Fatalf("%q gives %q", body, s)
			}
		}
	})
}
