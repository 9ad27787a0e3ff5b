package entraschema

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Schema is an export in neutral form. Names of keys are Graph's (resource synchronizationSchema), whatever their letter
// case; what is null or missing has Go's zero value.
type Schema struct {
	ID, Version string
	Rules       []Rule      // synchronizationRules
	Directories []Directory // what the two sides offer; may be empty

	source string
	notes  []Note
}

// Rule is a synchronizationRule: the object mappings of one direction.
type Rule struct {
	Place
	Name               string
	Priority           int64 // the lowest goes first
	Source, Target     string
	Objects            []ObjectMapping
	Containers, Groups []string // containerFilter.includedContainers, groupFilter.includedGroups
	Metadata           []Entry
}

// ObjectMapping is an objectMapping: what becomes of one kind of object.
type ObjectMapping struct {
	Place
	Name           string
	Enabled        bool // true if the export does not say
	Source, Target string
	// Flow is flowTypes: Add, Update and Delete; nil if the export does not say, empty for None.
	Flow       []string
	Scope      Scope
	Attributes []AttributeMapping
	Metadata   []Entry
}

// Scope is a filter: its groups are alternatives, a group's clauses conditions. Input and Category are of Entra's
// experimental kinds: both must pass too, and falling out of them does not deprovision.
type Scope struct{ Groups, Input, Category []Group }

// Group is a filterGroup, called a scoping filter in the portal.
type Group struct {
	Place
	Name    string
	Clauses []Clause
	refused string // why it cannot be translated, "" if it was not found out yet
}

// Clause is a filterClause.
type Clause struct {
	Place
	Attribute, Operator string
	Values              []string
}

// AttributeMapping is an attributeMapping.
type AttributeMapping struct {
	Place
	Target       string
	Source       *Source // nil if there is none: the target gets the default
	Default      *Scalar
	Priority     int64 // matchingPriority; 0 does not match
	FlowType     string
	FlowBehavior string
	Nulls        bool // flowNullValues
	Missing      bool // exportMissingReferences
	Enabled      bool
}

// Source is an attributeMappingSource: an expression, both as text and as a tree. Either may be missing.
type Source struct {
	Expression string
	Type       string // Attribute, Constant, Function
	Name       string // of the attribute or function; the constant's text
	Parameters []Parameter
}

// Parameter is an argument of a function, by Graph's name of it.
type Parameter struct {
	Key   string
	Value Source
}

// Scalar is a value as the export writes it.
type Scalar struct {
	Text   string
	Truth  bool // Text is true or false
	Number bool
}

// Entry is one of an object's metadata.
type Entry struct {
	Place
	Key, Value string
}

// Directory is a directoryDefinition.
type Directory struct {
	Name    string
	Objects []Object
}

// Object is an objectDefinition.
type Object struct {
	Name       string
	Attributes []Definition
}

// Definition is an attributeDefinition.
type Definition struct {
	Name, Type string
	Nulls      bool // flowNullValues
}

// Place is where something stands in the export. Line and Column are known once it has been imported.
type Place struct {
	Path         string // synchronizationRules[0].objectMappings[1].attributeMappings[3]
	Line, Column int    // from 1, the column in characters
	offset       int
}

// Note is something that does not carry over, or not exactly, or that the target will not take.
type Note struct {
	Place
	Text string
}

// newNote returns a note on one line, fit for a terminal whatever the export holds.
func newNote(at Place, format string, args ...any) Note {
	text := strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, fmt.Sprintf(format, args...))
	return Note{Place: at, Text: text}
}

// locate gives places their lines and columns, all in one pass: an export may be one long line.
func locate(source string, places []*Place) {
	places = slices.SortedStableFunc(slices.Values(places), func(a, b *Place) int { return cmp.Compare(a.offset, b.offset) })
	line, column, from := 1, 1, 0
	for _, p := range places {
		for _, r := range source[from:p.offset] {
			column++
			if r == '\n' {
				line, column = line+1, 1
			}
		}
		p.Line, p.Column, from = line, column, p.offset
	}
}

// definition returns what the export says of an attribute of either side, of the object type of that name.
func (s *Schema) definition(directory, object, attribute string) (Definition, bool) {
	for _, d := range s.Directories {
		if !sameName(d.Name, directory) {
			continue
		}
		for _, o := range d.Objects {
			if !sameName(o.Name, object) {
				continue
			}
			for _, a := range o.Attributes {
				if sameName(a.Name, attribute) {
					return a, true
				}
			}
		}
	}
	return Definition{}, false
}
