package connectors

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
)

// FromJSON turns what encoding/json decoded (into an any) into a Value. Numbers may be json.Number or float64.
func FromJSON(raw any) Value {
	switch x := raw.(type) {
	case string:
		return StringValue(x)
	case bool:
		return BoolValue(x)
	case json.Number:
		if n, err := strconv.ParseInt(x.String(), 10, 64); err == nil {
			return IntValue(n)
		}
		return StringValue(x.String())
	case float64:
		if n := int64(x); float64(n) == x {
			return IntValue(n)
		}
		return StringValue(strconv.FormatFloat(x, 'f', -1, 64))
	case []any:
		items := make([]Value, len(x))
		for i, item := range x {
			items[i] = FromJSON(item)
		}
		return ListValue(items...)
	case map[string]any:
		fields := make([]Field, 0, len(x))
		for _, name := range slices.Sorted(maps.Keys(x)) {
			fields = append(fields, Field{Name: name, Value: FromJSON(x[name])})
		}
		return ObjectValue(fields...)
	default:
		return NullValue()
	}
}
