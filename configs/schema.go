package configs

import (
	_ "embed"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"strings"

	"github.com/invopop/jsonschema"
)

// typesSource and casesSource are where the descriptions in the schemas come from: the comments of the types.
var (
	//go:embed types.go
	typesSource string
	//go:embed cases.go
	casesSource string
)

// Schema returns the JSON Schema (draft 2020-12) of a configuration file, for editors. It knows keys, types, words
// and ranges; what two keys have to do with each other only Load knows.
func Schema() []byte {
	s := reflected(&Config{}, typesSource)
	s.Title = "ringsync configuration"
	allowReferences(s)
	return indented(s)
}

// CasesSchema is Schema for a file of mapping tests.
func CasesSchema() []byte {
	s := reflected(&Cases{}, casesSource)
	s.Title = "ringsync mapping tests"
	return indented(s)
}

func reflected(of any, source string) *jsonschema.Schema {
	r := jsonschema.Reflector{
		Anonymous:                  true,
		FieldNameTag:               "yaml",
		RequiredFromJSONSchemaTags: true,
		DoNotReference:             true,
		ExpandedStruct:             true,
		LookupComment:              comments(source),
		Mapper:                     mapType,
	}
	return r.Reflect(of)
}

func indented(s *jsonschema.Schema) []byte {
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		panic(err) // of types fixed at compile time: TestSchema would have failed
	}
	return append(b, '\n')
}

// mapType describes the types whose fields say nothing of their form in YAML.
func mapType(t reflect.Type) *jsonschema.Schema {
	switch t {
	case objectType:
		return &jsonschema.Schema{Type: "object"}
	case secretType:
		return &jsonschema.Schema{Type: "string"}
	case valueType:
		return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{{Type: "string"}, {Type: "boolean"}, {Type: "number"}}}
	}
	return nil
}

// allowReferences lets a text with a reference stand for every number, boolean and word, as Load does.
func allowReferences(s *jsonschema.Schema) {
	if s.Properties != nil {
		for p := s.Properties.Oldest(); p != nil; p = p.Next() {
			allowReferences(p.Value)
		}
	}
	if s.Items != nil {
		allowReferences(s.Items)
	}
	scalar := s.Type == "integer" || s.Type == "number" || s.Type == "boolean"
	if !scalar && len(s.Enum) == 0 {
		return
	}
	own := &jsonschema.Schema{Type: s.Type, Enum: s.Enum, Minimum: s.Minimum, ExclusiveMinimum: s.ExclusiveMinimum, Maximum: s.Maximum}
	*s = jsonschema.Schema{Description: s.Description, Default: s.Default,
		AnyOf: []*jsonschema.Schema{own, {Type: "string", Pattern: `\$\{`}}}
}

// comments returns the comment of a type, without "Name is", or of one of its fields; a section's field that has none
// gets that of the section's type.
func comments(source string) func(reflect.Type, string) string {
	file, err := parser.ParseFile(token.NewFileSet(), "types.go", source, parser.ParseComments)
	if err != nil {
		panic(err) // this very package was compiled from it
	}
	found := map[string]string{}
	for _, decl := range file.Decls {
		group, ok := decl.(*ast.GenDecl)
		if !ok || group.Tok != token.TYPE {
			continue
		}
		spec := group.Specs[0].(*ast.TypeSpec)
		about := strings.TrimPrefix(group.Doc.Text(), spec.Name.Name+" ")
		found[spec.Name.Name] = oneParagraph(strings.TrimPrefix(about, "is "))
		for _, field := range spec.Type.(*ast.StructType).Fields.List {
			for _, name := range field.Names {
				found[spec.Name.Name+"."+name.Name] = oneParagraph(field.Doc.Text())
			}
		}
	}
	return func(t reflect.Type, field string) string {
		if own := found[t.Name()+"."+field]; own != "" {
			return own
		}
		if field != "" {
			f, _ := t.FieldByName(field)
			t = f.Type
		}
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		return found[t.Name()]
	}
}

func oneParagraph(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:]
}
