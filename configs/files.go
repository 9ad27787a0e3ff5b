package configs

import (
	"os"
	"reflect"
	"slices"
)

// Files returns the paths of the files that the configuration at path is made of: itself, those that ${file:PATH} names,
// and certificates. Of a configuration that is broken it returns as many as can be told. A change of any of them is a
// change of the configuration.
func Files(path string) []string {
	files := []string{path}
	data, err := readFile(path)
	if err != nil {
		return files
	}
	doc := newDocument(path)
	c := &Config{doc: doc}
	root := doc.parse(data)
	if len(doc.problems) > 0 {
		return files
	}
	from := lookups{env: os.LookupEnv, file: func(path string) (string, error) {
		path = doc.beside(path)
		files = append(files, path)
		return readSecretFile(path)
	}}
	(&decoder{doc, from}).section("", root, reflect.ValueOf(c).Elem())
	more := []string{c.Source.Credential.Certificate}
	if c.State.Etcd != nil && c.State.Etcd.TLS != nil {
		t := c.State.Etcd.TLS
		more = append(more, t.CA, t.Cert, t.Key)
	}
	for _, name := range more {
		if name != "" {
			files = append(files, doc.beside(name))
		}
	}
	slices.Sort(files[1:])
	return slices.Compact(files)
}
