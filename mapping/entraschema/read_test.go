package entraschema

import (
	"encoding/binary"
	"errors"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"unicode/utf16"

	"ringsync/connectors/entra"
	"ringsync/connectors/ringcentral"
)

func sample(t testing.TB) string {
	t.Helper()
	data, err := os.ReadFile("testdata/export.json")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func mustImport(t testing.TB, export string) *Import {
	t.Helper()
	s, err := Read([]byte(export))
	if err != nil {
		t.Fatalf("%v\n%s", err, export)
	}
	return s.Import(entra.Schema(), ringcentral.Schema())
}

func utf16Bytes(text string, order binary.AppendByteOrder) string {
	var b []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		b = order.AppendUint16(b, unit)
	}
	return string(b)
}

// However an export was saved, the same comes of it.
func TestReadTolerates(t *testing.T) {
	export := sample(t)
	want := mustImport(t, export)
	replace := func(pattern, by string) string {
		changed := regexp.MustCompile(pattern).ReplaceAllString(export, by)
		if changed == export {
			t.Fatalf("%s changes nothing", pattern)
		}
		return changed
	}
	for name, saved := range map[string]string{
		"a byte order mark":                 "\ufeff" + export,
		"UTF-16, little endian":             utf16Bytes("\ufeff"+export, binary.LittleEndian),
		"UTF-16, big endian":                utf16Bytes("\ufeff"+export, binary.BigEndian),
		"UTF-16 without a byte order mark":  utf16Bytes(export, binary.LittleEndian),
		"big endian without one":            utf16Bytes(export, binary.BigEndian),
		"in a value":                        `{"@odata.context": "x", "value": ` + export + `}`,
		"in a list in a value":              `{"value": [` + export + `]}`,
		"in a list":                         "[" + export + "]",
		"the schema of a template":          `{"id": "x", "schema": ` + export + `}`,
		"Windows line ends":                 strings.ReplaceAll(export, "\n", "\r\n"),
		"one line":                          strings.ReplaceAll(export, "\n", ""),
		"keys in capitals":                  regexp.MustCompile(`"[a-zA-Z]+":`).ReplaceAllStringFunc(export, strings.ToUpper),
		"commas before a closing bracket":   replace(`\n( *)([}\]])`, ",\n$1$2"),
		"rules in a list in a list":         replace(`(?s)"synchronizationRules": (\[.*\]),\n "directories"`, `"synchronizationRules": [$1], "directories"`),
		"a list of one without its bracket": replace(`"values": \[\s*("[^"]*")\s*\]`, `"values": $1`),
		"numbers as texts":                  replace(`"(matchingPriority|priority)": (\d)`, `"$1": " $2 "`),
		"booleans as texts":                 replace(`"(enabled|exportMissingReferences|flowNullValues)": (true|false)`, `"$1": "$2"`),
		"booleans as PowerShell has them":   strings.NewReplacer(`"enabled": true`, `"enabled": "True"`, `"enabled": false`, `"enabled": "False"`).Replace(export),
		"blanks in flow types":              replace(`Add,Update,Delete`, "Add, Update, Delete"),
		"flow types as a list":              replace(`"Add,Update,Delete"`, `["add", "UPDATE", "Delete"]`),
		"flow types as a number":            replace(`"Add,Update,Delete"`, "7"),
		"an older export":                   replace(`(?m)^ *"(flowNullValues|containerFilter|groupFilter|flowBehavior|exportMissingReferences|defaultValue|scope)": (null|false|"FlowWhenChanged"),\n`, ""),
		"the old name of the directory":     replace(`Microsoft Entra ID"`, `Azure Active Directory"`),
		"operators by other names":          strings.NewReplacer("REGEX MATCH", "REGEX_MATCH", "IS NOT NULL", "Is_Not_Null", "EQUALS", "Equals").Replace(export),
		"a value that a unary operator has": replace(`"values": \[\]`, `"values": [""]`),
		"a source that is only a text":      replace(`(?s)"source": \{\s*"expression": "\[jobTitle\]".*?\n       \}`, `"source": "[jobTitle]"`),
		"a source without a text":           replace(`"expression": "(\[[a-zA-Z]*\])"`, `"expression": ""`),
	} {
		t.Run(name, func(t *testing.T) {
			got := mustImport(t, saved)
			for _, i := range []*Import{got, want} {
				unplace(i)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got\n%+v\nwant\n%+v", got, want)
			}
		})
	}
}

// unplace forgets places and names that are the export's own.
func unplace(i *Import) {
	for n := range i.Notes {
		i.Notes[n].Place = Place{}
	}
	for n := range i.Attributes {
		i.Attributes[n].Place = Place{}
	}
	for n := range i.Filters {
		i.Filters[n].Place = Place{}
	}
	if i.Name != "" {
		i.Name, i.Beside = "users", nil
	}
}

func TestReadErrors(t *testing.T) {
	for _, test := range []struct{ export, want string }{
		{"", "line 1, column 1: the file is empty"},
		{" \n\t", "line 1, column 1: the file is empty"},
		{"<html>", "line 1, column 1: this is not JSON: invalid character '<' looking for beginning of value"},
		{"{\n  \"id\": \"é\" 1}", "line 2, column 13: this is not JSON: invalid character '1' after object key:value pair"},
		{`{"id": "x"`, "line 1, column 10: this is not JSON: unexpected end of JSON input"},
		{`{"id": "x"} {}`, "line 1, column 13: this is not JSON: invalid character '{' after top-level value"},
		{`{"synchronizationRules": [,]}`, "line 1, column 27: this is not JSON: invalid character ',' looking for beginning of value"},
		{`{"id": 1,, }`, `line 1, column 10: this is not JSON: invalid character ',' looking for beginning of object key string`},
		{"\xff", "line 1, column 1: the file is neither UTF-8 nor UTF-16 text"},
		{"{}\n{\xc3(", "line 2, column 2: the file is neither UTF-8 nor UTF-16 text"},
		{"{}", "line 1, column 1: there are no synchronizationRules here: is this a provisioning schema?"},
		{"[]", "line 1, column 1: there are no synchronizationRules here: is this a provisioning schema?"},
		{"null", "line 1, column 1: the file must be an object, not null"},
		{`"schema"`, "line 1, column 1: the file must be an object, not a text"},
		{`{"value": [1]}`, "line 1, column 12: value[0] must be an object, not a number"},
		{`{"synchronizationRules": true}`, "line 1, column 26: synchronizationRules must be an object, not true or false"},
		{`{"synchronizationRules": ["System.Object"]}`, "line 1, column 27: synchronizationRules[0] was cut off when it was saved: use ConvertTo-Json -Depth 20"},
		{`{"synchronizationRules": [{"objectMappings": "@{name=x}"}]}`, "line 1, column 46: synchronizationRules[0].objectMappings was cut off when it was saved: use ConvertTo-Json -Depth 20"},
		{`{"synchronizationRules": [{"priority": "first"}]}`, "line 1, column 40: synchronizationRules[0].priority must be a whole number"},
		{`{"synchronizationRules": [{"priority": 1e99}]}`, "line 1, column 40: synchronizationRules[0].priority must be a whole number"},
		{`{"synchronizationRules": [{"name": {}}]}`, "line 1, column 36: synchronizationRules[0].name must be a text, not an object"},
		{`{"synchronizationRules": [{"objectMappings": [{"enabled": "maybe"}]}]}`, "line 1, column 59: synchronizationRules[0].objectMappings[0].enabled must be true or false"},
		{`{"synchronizationRules": [{"objectMappings": [{"scope": {"groups": [{"clauses": [{"targetOperand": {"values": [{}]}}]}]}}]}]}`,
			"line 1, column 112: synchronizationRules[0].objectMappings[0].scope.groups[0].clauses[0].targetOperand.values[0] must be a text, not an object"},
		{strings.Repeat("[", maxDepth+1) + strings.Repeat("]", maxDepth+1), "line 1, column 401: this is nested more than 400 deep: is this a provisioning schema?"},
		{strings.Repeat("[", 20_000), "line 1, column 10001: this is not JSON: invalid character '[' exceeded max depth"},
		{strings.Repeat(" ", maxSize+1), "line 1, column 1: the file is larger than 16 MiB: is this a provisioning schema?"},
	} {
		_, err := Read([]byte(test.export))
		wrong, ok := errors.AsType[*Error](err)
		if !ok || wrong.Error() != test.want {
			t.Errorf("%.60s\n got %v\nwant %s", test.export, err, test.want)
		}
	}
}

func TestReadNotesWhatItDoesNotKnow(t *testing.T) {
	i := mustImport(t, "{\n \"colour\": 1, \"synchronizationRules\":\n [{\"Name\": \"a\", \"name\": \"b\", \"@odata.type\": \"x\", \"objectMappings\": [{\"flowTypes\": \"Add,Rename\", \"x@odata.y\": 1}]}]}")
	var got []string
	for _, n := range i.Notes {
		got = append(got, (&Error{n.Line, n.Column, n.Text}).Error())
	}
	want := []string{
		"line 1, column 1: the export maps no users: the default mapping is used",
		"line 2, column 2: colour is not known and left out",
		"line 3, column 17: name is there twice: the last one counts",
		`line 3, column 69: The mapping of "" (without a name) is not imported: ringsync provisions users.`,
		`line 3, column 83: the flow type "Rename" is not known and left out`,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func FuzzImport(f *testing.F) {
	f.Add([]byte(export(matchByMail+", "+mapsActive, `{"groups": [{"clauses": [{"sourceOperandName": "city", "operatorName": "EQUALS", "targetOperand": {"values": ["B"]}}]}]}`)))
	f.Add([]byte(export(`{"targetAttributeName": "title", "matchingPriority": 1, "flowType": "ObjectAddOnly", "flowNullValues": true, "defaultValue": "x", "source": {"expression": "Left([mobile], 3)"}}`, "null")))
	f.Add([]byte(`{"synchronizationRules": [{"a\nb": 1}]}`))
	f.Add([]byte(`{"value":[{"synchronizationRules":[[{"sourceDirectoryName":"Azure Active Directory","objectMappings":{"sourceObjectName":"User",
		"flowTypes":3,"scope":{"groups":[{"clauses":[{"operatorName":"&","sourceOperandName":"mobile"}]}],"inputFilterGroups":[{"clauses":[]}]},
		"attributeMappings":[{"targetAttributeName":"userName","matchingPriority":"1","source":{"name":"Switch","type":"Function",
		"parameters":[{"key":"source","value":{"name":"mail"}},{"key":"a","value":"\"b\""}]}},{"targetAttributeName":"active","defaultValue":true}]}}]],}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Read(data)
		if err != nil {
			if wrong, ok := errors.AsType[*Error](err); !ok || wrong.Line < 1 || wrong.Column < 1 || strings.ContainsAny(wrong.Text, "\n\r") {
				t.Fatalf("%v", err)
			}
			return
		}
		checkCompiles(t, s.Import(entra.Schema(), ringcentral.Schema()))
	})
}
