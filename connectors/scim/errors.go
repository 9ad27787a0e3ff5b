package scim

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode"
)

// Shape is the form of an answer that is no resource.
type Shape uint8

const (
	ShapeEmpty Shape = iota
	ShapeJSON        // a SCIM error, a gateway's error, or some other object
	ShapeHTML        // a proxy's or a login page
	ShapeText
)

// ErrorBody is what an error answer says, in whatever form it says it: a SCIM Error (RFC 7644, section 3.12), a
// gateway's {"errorCode", "message", "errors"}, OAuth's {"error", "error_description"} (RFC 6749, section 5.2), plain
// text, or HTML.
type ErrorBody struct {
	Shape  Shape
	Code   string // scimType, errorCode or error; "" if none
	Detail string // the service's words on one line, "" if none
	// Parameter is the parameter that a gateway's error names apart from its words.
	Parameter string
}

// ParseError reads the body of an answer. It never fails: what has no known form is text.
func ParseError(body []byte) ErrorBody {
	body = bytes.TrimSpace(body)
	if len(body) == 0 {
		return ErrorBody{}
	}
	var m map[string]any
	if json.Unmarshal(body, &m) == nil && m != nil {
		return jsonError(m)
	}
	if body[0] == '<' {
		return ErrorBody{Shape: ShapeHTML, Detail: title(string(body))}
	}
	return ErrorBody{Shape: ShapeText, Detail: plain(string(body))}
}

func jsonError(m map[string]any) ErrorBody {
	e := ErrorBody{Shape: ShapeJSON, Code: word(m, "scimType", "errorCode", "error"),
		Detail: word(m, "detail", "message", "error_description"), Parameter: word(m, "parameterName")}
	// The list repeats the first error and may say more about it.
	list, _ := m["errors"].([]any)
	for _, item := range list {
		one, _ := item.(map[string]any)
		if e.Code == "" {
			e.Code = word(one, "errorCode")
		}
		if e.Detail == "" {
			e.Detail = word(one, "message")
		}
		if e.Parameter == "" {
			e.Parameter = word(one, "parameterName")
		}
	}
	return e
}

// word returns the first of the named members that is a string with something in it.
func word(m map[string]any, names ...string) string {
	for _, name := range names {
		if s, _ := m[name].(string); plain(s) != "" {
			return plain(s)
		}
	}
	return ""
}

// title returns an HTML page's title, which is all that a log has use for.
func title(page string) string {
	lower := strings.ToLower(page)
	if len(lower) != len(page) { // folding changed the length: indexes would not fit
		return "an HTML page"
	}
	from := strings.Index(lower, "<title>")
	to := strings.Index(lower, "</title>")
	if from < 0 || to < from+len("<title>") || plain(page[from+len("<title>"):to]) == "" {
		return "an HTML page"
	}
	return "an HTML page: " + plain(page[from+len("<title>"):to])
}

// plain makes one printable line of s, short enough for a log.
func plain(s string) string {
	const most = 300
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
