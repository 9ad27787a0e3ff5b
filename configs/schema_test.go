package configs

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/goccy/go-yaml"

	"ringsync/connectors"
)

// validator reads the schema with a library that had no part in making it.
func validator(t *testing.T) *openapi3.Schema {
	t.Helper()
	s := &openapi3.Schema{}
	if err := s.UnmarshalJSON(Schema()); err != nil {
		t.Fatal(err)
	}
	return s
}

func validate(s *openapi3.Schema, text string) error {
	b, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		return err
	}
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	return s.VisitJSON(v, openapi3.EnableJSONSchema2020())
}

func TestSchemaAcceptsExamples(t *testing.T) {
	s := validator(t)
	for _, file := range append(exampleFiles(t, false), "starter.yaml") {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate(s, string(data)); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// What the tags say, both the schema and the reader hold to.
func TestSchemaAndReaderAgree(t *testing.T) {
	s := validator(t)
	for _, tc := range []struct {
		name, text string
		right      bool
	}{
		{"base", base, true},
		{"reference for a number", base + "  rate_share: ${SHARE}\n", true},
		{"reference for a boolean", strings.Replace(base, "  app:", "  nested_groups: ${YES}\n  app:", 1), true},
		{"default false", base + "users: {attributes: [{target: active, source: a, default: false}]}", true},
		{"default number", base + "users: {attributes: [{target: active, source: a, default: 5}]}", true},
		{"unknown root key", base + "x: 1", false},
		{"unknown nested key", base + "safety: {removals: {x: 1}}", false},
		{"unknown key in a list", base + "users: {attributes: [{target: active, source: a, x: 1}]}", false},
		{"missing key", strings.Replace(base, "  tenant: contoso.com\n", "", 1), false},
		{"missing section", strings.Replace(base, "source:", "users: {}\nsafety:", 1), false},
		{"unknown word", base + "safety: {adopt: x}", false},
		{"unknown word in a list", base + "users: {actions: [x]}", false},
		{"too much", base + "  rate_share: 1.5", false},
		{"too little", base + "  rate_share: 0", false},
		{"fraction", base + "  concurrency: 1.5", false},
		{"text for a number", base + "  concurrency: many", false},
		{"number for a section", base + "state: 5", false},
		{"empty list", base + "users: {actions: []}", false},
		{"twice", base + "users: {actions: [create, create]}", false},
		{"job", strings.Replace(base, "contoso\n", "a/b\n", 1), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inSchema := validate(s, tc.text)
			inReader := problemsOf(tc.text)
			if (inSchema == nil) != tc.right || (inReader == "") != tc.right {
				t.Errorf("want right: %v\nschema: %v\nreader: %s", tc.right, inSchema, inReader)
			}
		})
	}
}

// Every key that the schema has, at any depth, the reader knows, and the other way round; each has a description and
// the tag's default.
func TestSchemaHasEveryKey(t *testing.T) {
	inSchema := map[string]bool{}
	var walk func(path string, s *openapi3.Schema)
	walk = func(path string, s *openapi3.Schema) {
		if s.Items != nil {
			walk(path+"[]", s.Items.Value)
		}
		if s.Type.Is("object") && (s.AdditionalProperties.Has == nil || *s.AdditionalProperties.Has) {
			t.Errorf("%s takes any key", path)
		}
		for name, p := range s.Properties {
			child := join(path, name)
			inSchema[child] = true
			if p.Value.Description == "" {
				t.Errorf("%s has no description", child)
			}
			walk(child, p.Value)
		}
	}
	walk("", validator(t))

	inTypes := map[string]bool{}
	var keys func(path string, of reflect.Type)
	keys = func(path string, of reflect.Type) {
		switch {
		case of.Kind() == reflect.Pointer:
			keys(path, of.Elem())
		case of.Kind() == reflect.Slice:
			keys(path+"[]", of.Elem())
		case of.Kind() == reflect.Struct && of != secretType && of != reflect.TypeFor[connectors.Value]():
			for _, k := range keysOf(of) {
				child := join(path, k.name)
				inTypes[child] = true
				keys(child, of.Field(k.index).Type)
			}
		}
	}
	keys("", reflect.TypeFor[Config]())
	if !reflect.DeepEqual(inSchema, inTypes) || len(inTypes) < 70 {
		t.Errorf("schema %d keys, types %d keys:\n%v\n%v", len(inSchema), len(inTypes), inSchema, inTypes)
	}
}

func TestTagsAreKnown(t *testing.T) {
	var walk func(reflect.Type)
	seen := map[reflect.Type]bool{}
	walk = func(of reflect.Type) {
		for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice {
			of = of.Elem()
		}
		if of.Kind() != reflect.Struct || seen[of] || of == secretType || of == valueType || of == objectType {
			return
		}
		seen[of] = true
		for i := range of.NumField() {
			f := of.Field(i)
			if !f.IsExported() {
				continue
			}
			if f.Tag.Get("yaml") == "" {
				t.Errorf("%s.%s has no yaml tag", of.Name(), f.Name)
			}
			r, unknown := parseRules(f.Tag.Get("jsonschema"))
			if len(unknown) > 0 {
				t.Errorf("%s.%s: unknown keywords %v", of.Name(), f.Name, unknown)
			}
			for _, d := range r.defaults {
				if len(r.enum) > 0 && !slices.Contains(r.enum, d) {
					t.Errorf("%s.%s: default %q is none of %v", of.Name(), f.Name, d, r.enum)
				}
			}
			walk(f.Type)
		}
	}
	walk(reflect.TypeFor[Config]())
	walk(reflect.TypeFor[Cases]())
	if len(seen) < 18 {
		t.Errorf("only %d types seen", len(seen))
	}
	if _, unknown := parseRules("required,oneof=a"); fmt.Sprint(unknown) != "[oneof]" {
		t.Errorf("an unknown keyword is not noticed: %v", unknown)
	}
}

func TestSchema(t *testing.T) {
	text := string(Schema())
	for _, want := range []string{
		`"$schema": "https://json-schema.org/draft/2020-12/schema"`,
		`"description": "Application (client) id of the enterprise application whose assigned users and groups are read."`,
		`"description": "The accidental-removal limit: above it, accounts to disable, delete or rename wait for approval."`,
		`"default": 25`, `"exclusiveMinimum": 0`, `"title": "ringsync configuration"`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the schema lacks %s", want)
		}
	}
}
