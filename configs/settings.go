package configs

import (
	"fmt"
	"reflect"

	"ringsync/connectors"
)

// Setting is the value of one key of a configuration, "" if it has none. A secret's is the secret.
type Setting struct {
	Value  string
	Secret bool
}

// Settings returns what the configuration amounts to, defaults included, by key: source.tenant,
// users.filters[0].all[0].value.
func (c *Config) Settings() map[string]Setting {
	settings := map[string]Setting{}
	flatten(settings, "", reflect.ValueOf(*c))
	const hook = "notify.webhook.url" // who knows it may post there
	if s, ok := settings[hook]; ok {
		settings[hook] = Setting{s.Value, true}
	}
	return settings
}

func flatten(into map[string]Setting, path string, v reflect.Value) {
	switch value := v.Interface().(type) {
	case Secret:
		into[path] = Setting{value.Reveal(), true}
		return
	case connectors.Value:
		into[path] = Setting{Value: value.Text()}
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			flatten(into, path, v.Elem())
		}
	case reflect.Struct:
		for _, k := range keysOf(v.Type()) {
			flatten(into, join(path, k.name), v.Field(k.index))
		}
	case reflect.Slice:
		for i := range v.Len() {
			flatten(into, fmt.Sprintf("%s[%d]", path, i), v.Index(i))
		}
	default:
		into[path] = Setting{Value: fmt.Sprint(v.Interface())}
	}
}
