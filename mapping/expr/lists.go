package expr

import (
	"strings"

	"ringsync/connectors"
)

// join puts the separator between the texts of all sources, lists flattened, null and empty ones skipped. It is null
// only if every source is.
func join(c *call, in scope) (connectors.Value, error) {
	separator, _, err := c.text(0, in)
	if err != nil {
		return connectors.Value{}, err
	}
	var b strings.Builder
	null := true
	add := func(s string) bool {
		null = false
		if s != "" {
			if b.Len() > 0 {
				b.WriteString(separator)
			}
			b.WriteString(s)
		}
		return b.Len() <= maxResult
	}
	for i := 1; i < len(c.args); i++ {
		v, err := c.value(i, in)
		if err != nil {
			return v, err
		}
		for item := range items(v) {
			if !add(item.Text()) {
				return connectors.Value{}, c.tooLarge()
			}
		}
	}
	if null {
		return connectors.NullValue(), nil
	}
	return connectors.StringValue(b.String()), nil
}

// items are the values of a list that are not null, or the one value itself.
func items(v connectors.Value) func(yield func(connectors.Value) bool) {
	return func(yield func(connectors.Value) bool) {
		if v.Kind() != connectors.List {
			if !v.IsNull() {
				yield(v)
			}
			return
		}
		for i := range v.Len() {
			if item := v.At(i); !item.IsNull() && !yield(item) {
				return
			}
		}
	}
}

// maxItems is the most values that a list made of a text may have.
const maxItems = 10_000

// split makes a list of a text; white space around the parts is removed. Without a delimiter white space separates.
func split(c *call, in scope) (connectors.Value, error) {
	source, null, err := c.text(0, in)
	if err != nil || null {
		return connectors.NullValue(), err
	}
	delimiter, _, err := c.text(1, in)
	if err != nil {
		return connectors.Value{}, err
	}
	parts := []string{source}
	switch {
	case !c.given(1):
		parts = strings.Fields(source)
	case delimiter != "":
		parts = strings.SplitN(source, delimiter, maxItems+1)
	}
	if len(parts) > maxItems {
		return connectors.Value{}, c.fail("the result has more than %d values", maxItems)
	}
	for i, part := range parts {
		parts[i] = strings.TrimSpace(part)
	}
	return connectors.StringsValue(parts...), nil
}

// item gives one value of a list, counted from 1. One that is not there is an error; of null there is none to give.
func item(c *call, in scope) (connectors.Value, error) {
	v, err := c.value(0, in)
	if err != nil || v.IsNull() {
		return connectors.NullValue(), err
	}
	index, err := c.integer(1, in)
	if err != nil {
		return connectors.Value{}, err
	}
	length := int64(1)
	if v.Kind() == connectors.List {
		length = int64(v.Len())
	}
	if index < 1 || index > length {
		return connectors.Value{}, c.fail("there is no item %d: the attribute has %d", index, length)
	}
	if v.Kind() == connectors.List {
		return v.At(int(index - 1)), nil
	}
	return v, nil
}

func count(c *call, in scope) (connectors.Value, error) {
	v, err := c.value(0, in)
	if err != nil {
		return v, err
	}
	n := int64(0)
	for range items(v) {
		n++
	}
	return connectors.IntValue(n), nil
}

// removeDuplicates keeps the first of equal texts, letter case regarded.
func removeDuplicates(c *call, in scope) (connectors.Value, error) {
	v, err := c.value(0, in)
	if err != nil || v.Kind() != connectors.List {
		return v, err
	}
	seen := make(map[string]bool, v.Len())
	var kept []connectors.Value
	for item := range items(v) {
		if s := item.Text(); !seen[s] {
			seen[s] = true
			kept = append(kept, item)
		}
	}
	return listOf(kept), nil
}

// trim removes white space around a text, or around every text of a list.
func trim(c *call, in scope) (connectors.Value, error) {
	v, err := c.value(0, in)
	if err != nil || v.IsNull() {
		return connectors.NullValue(), err
	}
	if v.Kind() != connectors.List {
		return connectors.StringValue(strings.TrimSpace(v.Text())), nil
	}
	trimmed := make([]connectors.Value, 0, v.Len())
	for item := range items(v) {
		trimmed = append(trimmed, connectors.StringValue(strings.TrimSpace(item.Text())))
	}
	return listOf(trimmed), nil
}

// listOf is null if there are no values.
func listOf(values []connectors.Value) connectors.Value {
	if len(values) == 0 {
		return connectors.NullValue()
	}
	return connectors.ListValue(values...)
}
