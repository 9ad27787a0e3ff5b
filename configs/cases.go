package configs

import (
	"fmt"
	"reflect"
	"time"

	"ringsync/connectors"
)

// Cases is a file of mapping tests: people as Microsoft Graph describes them, and what a configuration makes of them.
type Cases struct {
	// Configuration that is tested, relative to this file's folder, unless the command line names one.
	Config string `yaml:"config"`
	// Day (2026-01-31) or instant that filters and expressions take for now. Absent: the time of the test.
	Now string `yaml:"now"`
	// Source attributes that everybody in this file has whose case does not say otherwise.
	Object Object `yaml:"object"`
	// The people.
	Cases []Case `yaml:"cases" jsonschema:"required,minItems=1"`

	doc *document
	now time.Time
}

// Case is one person and what is expected of them.
type Case struct {
	// Name for the report.
	Name string `yaml:"name" jsonschema:"required"`
	// Source attributes of the person, as Microsoft Graph returns them. What is left out has no value.
	Object Object `yaml:"object"`
	// Whether the person's account at RingCentral has yet to be made.
	Account string `yaml:"account" jsonschema:"enum=new,enum=existing,default=new"`
	// Whether the person passes the scoping filters and is not disabled.
	InScope bool `yaml:"in_scope" jsonschema:"default=true"`
	// Text that the reason for that contains, such as the clause that decided: country EQUALS "DE" saw "US".
	Clause string `yaml:"clause"`
	// Target attributes with their values. Null: no value is sent; of an existing account, the value is cleared.
	// Attributes that are not named may be anything.
	Target Object `yaml:"target"`
	// Target attributes that are neither sent nor cleared.
	Absent []string `yaml:"absent"`
	// Texts, each of which some error contains: an attribute that cannot be worked out, or a person whom RingCentral would
	// not take. Other errors are not expected.
	Errors []string `yaml:"errors"`
	// Texts, each of which some warning contains. If the key is there, other warnings are not expected.
	Warnings []string `yaml:"warnings"`
}

// Object is attributes with their values, in the file's order.
type Object struct{ connectors.Value }

var objectType = reflect.TypeFor[Object]()

// LoadCases reads a file of mapping tests. The error is Problems unless the file could not be read. Unlike in a
// configuration, ${ is nothing special.
func LoadCases(path string) (*Cases, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, fmt.Errorf("read tests: %w", err)
	}
	return parseCases(path, data)
}

func parseCases(file string, data []byte) (*Cases, error) {
	doc := newDocument(file)
	c := &Cases{doc: doc}
	root := doc.parse(data)
	if len(doc.problems) > 0 {
		return nil, doc.problems
	}
	d := &decoder{document: doc}
	d.section("", root, reflect.ValueOf(c).Elem())
	c.check()
	if len(doc.problems) > 0 {
		return nil, doc.problems.sorted()
	}
	return c, nil
}

func (c *Cases) check() {
	if c.Config != "" {
		c.Config = c.doc.beside(c.Config)
	}
	if c.Now != "" {
		var err error
		if c.now, err = time.Parse(time.RFC3339, c.Now); err != nil {
			c.now, err = time.Parse(time.DateOnly, c.Now)
		}
		if err != nil {
			c.doc.add("now", "now is neither a day (2026-01-31) nor an instant (2026-01-31T08:00:00Z)")
		}
	}
	names := map[string]int{}
	for i, k := range c.Cases {
		path := fmt.Sprintf("cases[%d]", i)
		if first, twice := names[k.Name]; twice && k.Name != "" {
			c.doc.add(path+".name", "case %d has the name %q already", first+1, k.Name)
		} else {
			names[k.Name] = i
		}
		if !k.InScope && k.Target.Len()+len(k.Absent)+len(k.Errors)+len(k.Warnings) > 0 {
			c.doc.add(path+".in_scope", "nothing is mapped for somebody who is not in scope: leave target, absent, errors and warnings out")
		}
	}
}

// Time returns the moment that the tests are about, or the other one if the file names none.
func (c *Cases) Time(otherwise time.Time) time.Time {
	if c.now.IsZero() {
		return otherwise
	}
	return c.now
}

// Line returns the line of a case, from 1.
func (c *Cases) Line(index int) int {
	line, _ := position(c.doc.place(fmt.Sprintf("cases[%d]", index)))
	return line
}

// Check asks of every attribute that the file names whether there is one. known returns why not, "" if there is; of an
// attribute within another it gets both names, with a dot between them.
func (c *Cases) Check(source, target func(name string) string) error {
	c.checkNames("object", c.Object, source)
	for i, k := range c.Cases {
		path := fmt.Sprintf("cases[%d].", i)
		c.checkNames(path+"object", k.Object, source)
		c.checkNames(path+"target", k.Target, target)
		for j, name := range k.Absent {
			if wrong := target(name); wrong != "" {
				c.doc.add(fmt.Sprintf("%sabsent[%d]", path, j), "%s", wrong)
			}
		}
	}
	if len(c.doc.problems) > 0 {
		return c.doc.problems.sorted()
	}
	return nil
}

func (c *Cases) checkNames(path string, o Object, known func(name string) string) {
	for i := range o.Len() {
		name := o.FieldName(i)
		wrong := known(name)
		if inner := o.At(i); wrong != "" && inner.Kind() == connectors.Object && inner.Len() > 0 {
			c.checkNames(join(path, name), Object{inner}, func(part string) string { return known(name + "." + part) })
			continue
		}
		if wrong != "" {
			c.doc.add(join(path, name), "%s", wrong)
		}
	}
}
