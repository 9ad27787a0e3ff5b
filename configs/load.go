package configs

import (
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"sync"
)

//go:embed default-mapping.yaml
var defaultMapping []byte

//go:embed starter.yaml
var starter []byte

// Starter returns a commented configuration to fill in. Only the ids in it, all zeros, and the two environment
// variables that it names are missing.
func Starter() []byte { return append([]byte(nil), starter...) }

// Load reads, completes and checks the configuration of one job. env answers for environment variables; nil is
// os.LookupEnv. The error is Problems, everything wrong at once, unless the file could not be read.
//
// checks look for what this package cannot know, such as attributes that there are not. They get the configuration as
// far as it could be read, and what they find (Problems) is told together with the rest.
func Load(path string, env func(name string) (string, bool), checks ...func(*Config) error) (*Config, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	return Parse(path, data, env, checks...)
}

// LoadUsers is Load for the sake of the users section: what is wrong elsewhere is let pass, so that mappings and filters
// can be tried where secrets and ids are not at hand.
func LoadUsers(path string, checks ...func(*Config) error) (*Config, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	c, problems := parse(path, data, lookups{os.LookupEnv, readSecretFile})
	problems = slices.DeleteFunc(problems, func(p Problem) bool { return p.Path != "" && !within(p.Path, "users") })
	return c.checked(problems, checks)
}

// Place is the path that is the job's own on this machine: of its state file, or for a state in etcd of nothing, beside
// the configuration. The control socket is named after it.
func (c *Config) Place() string {
	if c.State.Etcd == nil {
		return c.State.Path
	}
	place := filepath.Join(c.Folder(), c.Job)
	if abs, err := filepath.Abs(place); err == nil { // it fails only where there is no working directory
		return abs
	}
	return place
}

// Place returns the path that is the job's own on this machine, "" if the file does not tell. Nothing else in it counts:
// it may be wrong, or name secrets that are not at hand.
func Place(path string) string {
	data, err := readFile(path)
	if err != nil {
		return ""
	}
	c, problems := parse(path, data, lookups{os.LookupEnv, readSecretFile})
	for _, p := range problems {
		if p.Path == "" && c.Job == "" || p.Path == "job" || within(p.Path, "state") && p.Path != "" {
			return ""
		}
	}
	return c.Place()
}

// readFile reads as much of a file as may be parsed, and one byte more if there is.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxSize+1))
}

// Parse is Load for a configuration that is in memory. file names it in problems, and paths in it are relative to
// file's folder.
func Parse(file string, data []byte, env func(name string) (string, bool), checks ...func(*Config) error) (*Config, error) {
	if env == nil {
		env = os.LookupEnv
	}
	c, problems := parse(file, data, lookups{env, readSecretFile})
	return c.checked(problems, checks)
}

// parse returns the configuration as far as it can be read, and what is wrong with it. Files that references name are
// looked for beside the configuration.
func parse(file string, data []byte, from lookups) (*Config, Problems) {
	doc := newDocument(file)
	c := &Config{doc: doc}
	root := doc.parse(data)
	if len(doc.problems) > 0 {
		return c, doc.problems
	}
	d := &decoder{doc, lookups{from.env, func(path string) (string, error) { return from.file(doc.beside(path)) }}}
	d.section("", root, reflect.ValueOf(c).Elem())
	c.complete()
	c.check()
	return c, doc.problems
}

// checked lets the further checks have their say and returns the configuration if nothing at all is wrong with it.
func (c *Config) checked(problems Problems, checks []func(*Config) error) (*Config, error) {
	if !slices.ContainsFunc(problems, func(p Problem) bool { return p.Path == "" }) { // else it is no configuration at all
		for _, check := range checks {
			err := check(c)
			found, ok := errors.AsType[Problems](err)
			if err != nil && !ok {
				return nil, err
			}
			problems = problems.with(found)
		}
	}
	if len(problems) > 0 {
		return nil, problems.sorted()
	}
	return c, nil
}

// etcdLogSize is log.size where the log is in etcd, which all jobs share and which holds a few gigabytes.
const etcdLogSize = "4MB"

// complete fills in what depends on more than one key, and makes paths that are relative to the file's folder absolute.
func (c *Config) complete() {
	if c.Users.Attributes == nil {
		c.Users.Attributes = slices.Clip(defaultAttributes()) // all who have none share it
	}
	if c.State.Path == "" && c.State.Etcd == nil {
		c.State.Path = c.Job + ".db"
	}
	paths := []*string{&c.State.Path, &c.Source.Credential.Certificate, &c.Log.File}
	if e := c.State.Etcd; e != nil {
		if c.doc.places["log.size"] == nil {
			c.Log.Size = etcdLogSize
		}
		if e.TLS != nil {
			paths = append(paths, &e.TLS.CA, &e.TLS.Cert, &e.TLS.Key)
		}
	}
	for _, path := range paths {
		if *path == "" {
			continue
		}
		*path = c.doc.beside(*path)
		if abs, err := filepath.Abs(*path); err == nil { // it fails only where there is no working directory
			*path = abs
		}
	}
}

// DefaultMapping returns the attribute mappings of a configuration that has none: those of the RingCentral app in the
// Entra gallery, less what RingCentral's SCIM does not take.
func DefaultMapping() []Attribute { return slices.Clone(defaultAttributes()) }

var defaultAttributes = sync.OnceValue(func() []Attribute {
	doc := newDocument("default-mapping.yaml")
	var users struct {
		Attributes []Attribute `yaml:"attributes"`
	}
	d := &decoder{document: doc}
	d.section("", doc.parse(defaultMapping), reflect.ValueOf(&users).Elem())
	return users.Attributes // TestDefaultMapping: it has no problems
})

// Forget drops what is kept of the file's text to tell where problems are: several times the size of the rest. From then
// on every problem is at the beginning of the file.
func (c *Config) Forget() { c.doc = newDocument(c.doc.file) }

// File returns the path that the configuration was loaded from.
func (c *Config) File() string { return c.doc.file }

// Folder returns the folder that paths in the configuration are relative to.
func (c *Config) Folder() string { return filepath.Dir(c.doc.file) }

// Position returns the line and column, in characters and from 1, of the value at a path such as
// users.attributes[2].expression; of a section, its key. What the file leaves out stands where the section around it
// stands.
func (c *Config) Position(path string) (line, column int) { return position(c.doc.place(path)) }

// Problem returns a problem of the value at path.
func (c *Config) Problem(path, format string, args ...any) Problem {
	return c.doc.problem(path, format, args...)
}

// ProblemInside returns a problem at a byte offset within the value at path. Its column is that of the character
// where the value stands on one line, plain or quoted; else that of the value.
func (c *Config) ProblemInside(path string, offset int, format string, args ...any) Problem {
	p := c.doc.problem(path, format, args...)
	p.Line, p.Column, _ = c.doc.inside(path, offset)
	return p
}
