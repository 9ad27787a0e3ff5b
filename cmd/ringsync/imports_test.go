package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// may says which of our own packages each one may import, tests and the emulators apart. What is not listed imports
// none. The order is that of the folders in CONTRIBUTING.md: imports run one way.
var may = map[string][]string{
	"cmd/ringsync/internal/console": {"configs", "engine", "engine/plan", "state", "mapping", "mapping/expr", "connectors"},
	"cmd/ringsync": {"cmd/ringsync/internal/console", "configs", "engine", "engine/plan", "engine/notify", "state", "state/bolt", "state/etcd", "mapping", "mapping/expr", "mapping/filter", "mapping/entraschema", "connectors",
		"connectors/entra", "connectors/scim", "connectors/ringcentral", "connectors/entra/entratest", "connectors/ringcentral/ringcentraltest"},
	"configs":                                {"mapping", "mapping/expr", "mapping/filter", "connectors"},
	"engine":                                 {"engine/plan", "state", "mapping", "mapping/expr", "mapping/filter", "connectors"},
	"engine/plan":                            {"state", "connectors"},
	"engine/notify":                          {"engine", "engine/plan", "state"},
	"state":                                  {"connectors"},
	"state/bolt":                             {"state"},
	"state/etcd":                             {"state"},
	"state/statetest":                        {"state", "connectors"},
	"mapping":                                {"mapping/expr", "mapping/filter", "connectors"},
	"mapping/expr":                           {"mapping/expr/datetime", "connectors"},
	"mapping/filter":                         {"mapping/expr", "connectors"},
	"mapping/entraschema":                    {"mapping", "mapping/expr", "mapping/filter", "connectors"},
	"connectors/entra":                       {"connectors"},
	"connectors/entra/entratest":             {"connectors"},
	"connectors/scim":                        {"connectors"},
	"connectors/ringcentral":                 {"connectors", "connectors/scim"},
	"connectors/ringcentral/ringcentraltest": {"connectors"},
}

// pure packages do no I/O and read no clock.
var pure = []string{"engine/plan", "mapping", "mapping/expr", "mapping/expr/datetime", "mapping/filter", "mapping/entraschema"}

func TestImportsRunOneWay(t *testing.T) {
	err := filepath.WalkDir("../..", func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), ".") && d.Name() != "..":
			return filepath.SkipDir
		case !strings.HasSuffix(file, ".go"):
			return nil
		}
		rel, err := filepath.Rel("../..", file)
		if err != nil {
			return err
		}
		pkg := path.Dir(filepath.ToSlash(rel))
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, spec := range parsed.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			checkImport(t, pkg, rel, name, strings.HasSuffix(file, "_test.go"))
		}
		if slices.Contains(pure, pkg) && !strings.HasSuffix(file, "_test.go") {
			checkClock(t, rel, parsed)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func checkImport(t *testing.T, pkg, file, name string, test bool) {
	t.Helper()
	if rest, ok := strings.CutPrefix(name, "github.com/microsoftgraph/msgraph-sdk-go/"); ok && rest != "models/odataerrors" || name == "github.com/microsoftgraph/msgraph-sdk-go" {
		t.Errorf("%s imports %s, which takes gigabytes to compile", file, name)
	}
	if strings.HasPrefix(name, "github.com/microsoftgraph/") && pkg != "connectors/entra" {
		t.Errorf("%s imports %s: only connectors/entra sees the SDK", file, name)
	}
	if test || strings.HasSuffix(pkg, "/contract") {
		return
	}
	if own, ok := strings.CutPrefix(name, "ringsync/"); ok && !slices.Contains(may[pkg], own) {
		t.Errorf("%s imports %s, which its room may not", file, own)
	}
	if slices.Contains(pure, pkg) && (name == "os" || name == "net" || strings.HasPrefix(name, "net/")) {
		t.Errorf("%s imports %s: this package does no I/O", file, name)
	}
}

func checkClock(t *testing.T, file string, parsed *ast.File) {
	t.Helper()
	ast.Inspect(parsed, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains([]string{"Now", "Since", "Until", "After", "AfterFunc", "Tick", "Sleep", "NewTimer", "NewTicker"}, s.Sel.Name) {
				t.Errorf("%s calls time.%s: this package reads no clock", file, s.Sel.Name)
			}
		}
		return true
	})
}
