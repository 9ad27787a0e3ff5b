package mapping

import (
	"errors"
	"fmt"

	"ringsync/connectors"
)

// coerce gives v in the form that the target attribute takes: a Boolean of "True", an Integer of digits, a list where
// several values go, and text for everything else. A list of one is that one, a list of none is null.
func coerce(v connectors.Value, to *connectors.Attribute) (connectors.Value, error) {
	if v.Kind() == connectors.List && v.Len() == 0 {
		return connectors.NullValue(), nil
	}
	switch {
	case v.IsNull():
		return v, nil
	case to.MultiValued:
		return coerceAll(v, to)
	case v.Kind() == connectors.List && v.Len() > 1:
		return connectors.Value{}, fmt.Errorf("SchemaPropertyCanOnlyAcceptValue: there are %d values for an attribute "+
			"that takes one; choose with Item, or Join them", v.Len())
	case v.Kind() == connectors.List:
		return coerceOne(v.At(0), to.Type)
	default:
		return coerceOne(v, to.Type)
	}
}

// coerceAll gives a list of what is in v, nulls left out.
func coerceAll(v connectors.Value, to *connectors.Attribute) (connectors.Value, error) {
	if v.Kind() != connectors.List {
		v = connectors.ListValue(v)
	}
	items := make([]connectors.Value, 0, v.Len())
	for i := range v.Len() {
		item, err := coerceOne(v.At(i), to.Type)
		if err != nil {
			return connectors.Value{}, fmt.Errorf("value %d: %w", i+1, err)
		}
		if !item.IsNull() {
			items = append(items, item)
		}
	}
	if len(items) == 0 {
		return connectors.NullValue(), nil
	}
	return connectors.ListValue(items...), nil
}

func coerceOne(v connectors.Value, to connectors.Type) (connectors.Value, error) {
	if v.IsNull() {
		return connectors.NullValue(), nil
	}
	switch to {
	case connectors.TypeBoolean:
		if b, ok := v.AsBool(); ok {
			return connectors.BoolValue(b), nil
		}
	case connectors.TypeInteger:
		if n, ok := v.AsInt(); ok {
			return connectors.IntValue(n), nil
		}
	case connectors.TypeComplex:
		if v.Kind() == connectors.Object {
			return v, nil
		}
	default:
		switch v.Kind() {
		case connectors.String:
			return v, nil
		case connectors.Bool, connectors.Int:
			return connectors.StringValue(v.Text()), nil
		}
	}
	return connectors.Value{}, mismatch(v, to)
}

func mismatch(v connectors.Value, to connectors.Type) error {
	switch v.Kind() {
	case connectors.Object:
		return fmt.Errorf("an object does not fit an attribute of type %s", to)
	case connectors.List:
		return errors.New("a list within a list fits no attribute")
	}
	const most = 40
	text := []rune(v.Text())
	if len(text) > most {
		text = append(text[:most], '…')
	}
	return fmt.Errorf("%q does not fit an attribute of type %s", string(text), to)
}
