package configs

import (
	"reflect"
	"strconv"
	"strings"
)

// key is one key of a section as its struct field declares it.
type key struct {
	name  string
	index int // of the struct field
	rules rules
}

// rules are what a field's jsonschema tag asks of its value. The reader obeys the same tag that the schema is made
// from; it knows the keywords that types.go uses, and TestTagsAreKnown holds that there are no others.
type rules struct {
	required         bool
	enum             []string
	min, max         *float64
	exclusiveMinimum bool // min itself is not allowed
	minItems         int
	unique           bool
	defaults         []string // several for a list
}

// keysOf returns the keys of a section's struct type. Fields without a yaml tag are none.
func keysOf(t reflect.Type) []key {
	var keys []key
	for i := range t.NumField() {
		f := t.Field(i)
		if name := f.Tag.Get("yaml"); name != "" {
			r, _ := parseRules(f.Tag.Get("jsonschema"))
			keys = append(keys, key{name, i, r})
		}
	}
	return keys
}

// parseRules also returns the keywords that it does not know.
func parseRules(tag string) (r rules, unknown []string) {
	for part := range strings.SplitSeq(tag, ",") {
		word, arg, _ := strings.Cut(part, "=")
		number, _ := strconv.ParseFloat(arg, 64)
		switch word {
		case "":
		case "required":
			r.required = true
		case "enum":
			r.enum = append(r.enum, arg)
		case "default":
			r.defaults = append(r.defaults, arg)
		case "minimum":
			r.min = &number
		case "exclusiveMinimum":
			r.min, r.exclusiveMinimum = &number, true
		case "maximum":
			r.max = &number
		case "minItems":
			r.minItems = int(number)
		case "uniqueItems":
			r.unique = true
		case "pattern": // for editors; Validate says the same in words
		default:
			unknown = append(unknown, word)
		}
	}
	return r, unknown
}

// outside says in words how the number breaks the rules, "" if it does not.
func (r rules) outside(n float64) string {
	switch {
	case r.min != nil && r.exclusiveMinimum && n <= *r.min:
		return "must be more than " + plain(*r.min)
	case r.min != nil && n < *r.min:
		return "must be at least " + plain(*r.min)
	case r.max != nil && n > *r.max:
		return "must be at most " + plain(*r.max)
	}
	return ""
}

func plain(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }
