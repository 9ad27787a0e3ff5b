package expr

import (
	"slices"
	"strings"
)

// valueKind is what a parameter takes. The checker uses it for what can be seen before any person is: the kind of a
// constant, a comparison or word out of place, an attribute of objects where text is needed.
type valueKind uint8

const (
	anything  valueKind = iota // any value, lists included, passed on as it is
	text                       // one text
	texts                      // texts and lists of texts
	list                       // a multi-valued attribute, of objects too
	presence                   // anything, asked only whether it is there
	integer                    // a whole number
	position                   // a whole number from 1
	number                     // a number
	date                       // a date, or text that can be read as one
	unit                       // an interval of time
	condition                  // a comparison, or something that is true or false
	roles                      // the attribute appRoleAssignments
	culture                    // the name of a culture
	compareMethod
	encoding
)

// enumerations are the words that a parameter takes instead of a value.
var enumerations = map[valueKind][]string{
	compareMethod: {"vbTextCompare", "vbBinaryCompare"},
	encoding:      {"Unicode", "ASCII", "UTF8"},
}

type param struct {
	name     string
	kind     valueKind
	optional bool // may be left out: F(a, , c)
	repeats  bool // one of the last parameters, which may be given again and again, all in turn
}

// function is one entry of the language.
type function struct {
	name   string
	params []param
	body   evaluator
	dater  dater // for a function that gives a date; body gives its text
	// arguments, if there is one, puts the arguments as written into the places of the parameters.
	arguments func([]*Node) []*Node
	traits    trait
	// unmappable, if there is one, says why the function cannot be used in an attribute mapping.
	unmappable string
	// prepare, if there is one, checks what concerns several arguments at once and works out what is constant.
	prepare func(c *compiler, k *call, n *Node) error
}

// trait is what a function makes of every expression that it stands in.
type trait uint8

const (
	isRandom trait = 1 << iota
	readsClock
	redacts
	standsAlone // it is the whole expression
)

// signature is how the function is written: Switch(source, [defaultValue], key, value, …).
func (f *function) signature() string {
	names := make([]string, 0, len(f.params)+1)
	for _, p := range f.params {
		if p.optional {
			names = append(names, "["+p.name+"]")
		} else {
			names = append(names, p.name)
		}
	}
	if len(f.params) > 0 && f.params[len(f.params)-1].repeats {
		names = append(names, "…")
	}
	return f.name + "(" + strings.Join(names, ", ") + ")"
}

// paramAt returns the parameter that argument i belongs to.
func paramAt(params []param, i int) param {
	if i < len(params) {
		return params[i]
	}
	fixed := slices.IndexFunc(params, func(p param) bool { return p.repeats })
	return params[fixed+(i-fixed)%(len(params)-fixed)]
}

const givesObjects = "it gives objects, and a mapped attribute takes text: use SingleAppRoleAssignment or AppRoleAssignments"

// functions is the language (Entra: "Reference for writing expressions for attribute mappings"; ConvertFromBase64,
// DNComponent, Error, StringFromSid and Trim come from the cloud sync reference; AppRoleAssignments, DefaultDomain,
// IsNothing and Prepend from Graph's list of functions). Parameters have the names of that reference.
var functions = []function{
	{name: "Append", params: []param{{name: "source", kind: text}, {name: "suffix", kind: text}}, body: concatenate},
	{name: "AppRoleAssignments", params: []param{{name: "appRoleAssignments", kind: roles}}, body: appRoleAssignments},
	{name: "AppRoleAssignmentsComplex", params: []param{{name: "appRoleAssignments", kind: roles}}, body: appRoleAssignmentsComplex, unmappable: givesObjects},
	{name: "AssertiveAppRoleAssignmentsComplex", params: []param{{name: "appRoleAssignments", kind: roles}}, body: assertiveAppRoleAssignmentsComplex, unmappable: givesObjects},
	{name: "BitAnd", params: []param{{name: "value1", kind: integer}, {name: "value2", kind: integer}}, body: bitAnd},
	{name: "CBool", params: []param{{name: "Expression", kind: condition}}, body: cBool},
	{name: "CDate", params: []param{{name: "Expression", kind: date}}, body: dateText, dater: cDate},
	{name: "Coalesce", params: []param{{name: "source", kind: anything, repeats: true}}, body: coalesce},
	{name: "ConvertFromBase64", params: []param{{name: "source", kind: text},
		{name: "encoding", kind: encoding, optional: true}}, body: convertFromBase64},
	{name: "ConvertToBase64", params: []param{{name: "source", kind: text}}, body: convertToBase64},
	{name: "ConvertToUTF8Hex", params: []param{{name: "source", kind: text}}, body: convertToUTF8Hex},
	{name: "Count", params: []param{{name: "attribute", kind: list}}, body: count},
	{name: "CStr", params: []param{{name: "value", kind: text}}, body: cStr},
	{name: "DateAdd", params: []param{{name: "interval", kind: unit}, {name: "value", kind: number},
		{name: "dateTime", kind: date}}, body: dateText, dater: dateAdd},
	{name: "DateDiff", params: []param{{name: "interval", kind: unit}, {name: "date1", kind: date},
		{name: "date2", kind: date}}, body: dateDiff},
	{name: "DateFromNum", params: []param{{name: "value", kind: integer}}, body: isoText, dater: dateFromNum},
	{name: "DefaultDomain", body: defaultDomain,
		unmappable: "the tenant's default domain is not read: write it as text, such as \"contoso.com\""},
	{name: "DNComponent", params: []param{{name: "dn", kind: text}, {name: "ComponentNumber", kind: position}}, body: dnComponent},
	{name: "Error", params: []param{{name: "ErrorMessage", kind: text}}, body: raise},
	{name: "FormatDateTime", params: []param{{name: "source", kind: text}, {name: "dateTimeStyles", kind: text, optional: true},
		{name: "inputFormat", kind: text}, {name: "outputFormat", kind: text}}, body: formatDateTime,
		arguments: withStyles, prepare: prepareFormat},
	{name: "Guid", body: guid, traits: isRandom},
	{name: "IgnoreFlowIfNullOrEmpty", params: []param{{name: "expression", kind: anything}}, body: ignoreFlow},
	{name: "IIF", params: []param{{name: "condition", kind: condition}, {name: "valueIfTrue", kind: anything},
		{name: "valueIfFalse", kind: anything}}, body: iif},
	{name: "InStr", params: []param{{name: "value1", kind: text}, {name: "value2", kind: text},
		{name: "start", kind: position, optional: true},
		{name: "compareType", kind: compareMethod, optional: true}}, body: inStr},
	{name: "IsNothing", params: []param{{name: "source", kind: presence}}, body: isNull},
	{name: "IsNull", params: []param{{name: "Expression", kind: presence}}, body: isNull},
	{name: "IsNullOrEmpty", params: []param{{name: "Expression", kind: presence}}, body: isNullOrEmpty},
	{name: "IsPresent", params: []param{{name: "Expression", kind: presence}}, body: isPresent},
	{name: "IsString", params: []param{{name: "Expression", kind: presence}}, body: isString},
	{name: "Item", params: []param{{name: "attribute", kind: anything}, {name: "index", kind: position}}, body: item},
	{name: "Join", params: []param{{name: "separator", kind: text}, {name: "source", kind: texts, repeats: true}}, body: join},
	{name: "Left", params: []param{{name: "String", kind: text}, {name: "NumChars", kind: integer}}, body: left},
	{name: "Mid", params: []param{{name: "source", kind: text}, {name: "start", kind: position},
		{name: "length", kind: integer}}, body: mid},
	{name: "NormalizeDiacritics", params: []param{{name: "source", kind: text}}, body: normalizeDiacritics},
	{name: "Not", params: []param{{name: "source", kind: text}}, body: not},
	{name: "Now", body: dateText, dater: now, traits: readsClock},
	{name: "NumFromDate", params: []param{{name: "value", kind: date}}, body: numFromDate},
	{name: "PCase", params: []param{{name: "source", kind: text}, {name: "wordSeparators", kind: text, optional: true}}, body: pCase},
	{name: "Prepend", params: []param{{name: "prefix", kind: text}, {name: "source", kind: text}}, body: concatenate},
	{name: "RandomString", params: []param{{name: "Length", kind: integer}, {name: "MinimumNumbers", kind: integer},
		{name: "MinimumSpecialCharacters", kind: integer}, {name: "MinimumCapital", kind: integer},
		{name: "MinimumLowerCase", kind: integer}, {name: "CharactersToAvoid", kind: text, optional: true}},
		body: randomString, prepare: prepareRandom, traits: isRandom},
	{name: "Redact", params: []param{{name: "value", kind: anything}}, body: redact, traits: redacts},
	{name: "RemoveDuplicates", params: []param{{name: "attribute", kind: anything}}, body: removeDuplicates},
	{name: "Replace", params: []param{{name: "source", kind: text}, {name: "oldValue", kind: text, optional: true},
		{name: "regexPattern", kind: text, optional: true}, {name: "regexGroupName", kind: text, optional: true},
		{name: "replacementValue", kind: text, optional: true},
		{name: "replacementAttributeName", kind: text, optional: true},
		{name: "template", kind: text, optional: true}}, body: replaceOld, prepare: prepareReplace},
	{name: "SelectUniqueValue", params: []param{{name: "uniqueValueRule1", kind: text}, {name: "uniqueValueRule2", kind: text, repeats: true}},
		body: selectUniqueValue, traits: standsAlone,
		unmappable: "the target's unique attributes must hold the person's real values, not the first that is free"},
	{name: "SingleAppRoleAssignment", params: []param{{name: "appRoleAssignments", kind: roles}}, body: singleAppRoleAssignment},
	{name: "Split", params: []param{{name: "source", kind: text}, {name: "delimiter", kind: text, optional: true}}, body: split},
	{name: "StringFromSid", params: []param{{name: "ObjectSID", kind: text}}, body: stringFromSid},
	{name: "StripSpaces", params: []param{{name: "source", kind: text}}, body: stripSpaces},
	{name: "Switch", params: []param{{name: "source", kind: text}, {name: "defaultValue", kind: anything, optional: true},
		{name: "key", kind: text, repeats: true}, {name: "value", kind: anything, repeats: true}}, body: switchOn},
	{name: "ToLower", params: []param{{name: "source", kind: text}, {name: "culture", kind: culture, optional: true}}, body: toLower},
	{name: "ToUpper", params: []param{{name: "source", kind: text}, {name: "culture", kind: culture, optional: true}}, body: toUpper},
	{name: "Trim", params: []param{{name: "value", kind: texts}}, body: trim},
	{name: "Word", params: []param{{name: "String", kind: text}, {name: "WordNumber", kind: integer},
		{name: "delimiters", kind: text}}, body: word},
}

// functionNamed returns the function of that name in whatever letter case, nil if there is none.
func functionNamed(name string) *function {
	i := slices.IndexFunc(functions, func(f function) bool { return strings.EqualFold(f.name, name) })
	if i < 0 {
		return nil
	}
	return &functions[i]
}

func functionNames() []string {
	names := make([]string, len(functions))
	for i, f := range functions {
		names[i] = f.name
	}
	return names
}

// canonicalName is the function's name as the reference spells it, or the name itself if no function has it.
func canonicalName(name string) string {
	if f := functionNamed(name); f != nil {
		return f.name
	}
	return name
}
