package expr

import (
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"

	"ringsync/connectors"
)

// concatenate is Append and Prepend: a null side counts as empty, unless both are null.
func concatenate(c *call, in scope) (connectors.Value, error) {
	a, null1, err := c.text(0, in)
	if err != nil {
		return connectors.Value{}, err
	}
	b, null2, err := c.text(1, in)
	if err != nil || null1 && null2 {
		return connectors.NullValue(), err
	}
	return connectors.StringValue(a + b), nil
}

func cStr(c *call, in scope) (connectors.Value, error) {
	s, null, err := c.text(0, in)
	if err != nil || null {
		return connectors.NullValue(), err
	}
	return connectors.StringValue(s), nil
}

// left gives the first characters; nothing of null, all of it for a negative number.
func left(c *call, in scope) (connectors.Value, error) {
	s, _, err := c.text(0, in)
	if err != nil {
		return connectors.Value{}, err
	}
	n, err := c.integer(1, in)
	if err != nil {
		return connectors.Value{}, err
	}
	if n >= 0 {
		s = s[:byteOffset(s, n)]
	}
	return connectors.StringValue(s), nil
}

// mid gives length characters from start on, counted from 1; fewer where the text ends before.
func mid(c *call, in scope) (connectors.Value, error) {
	s, null, err := c.text(0, in)
	if err != nil || null {
		return connectors.NullValue(), err
	}
	start, err := c.integer(1, in)
	if err != nil {
		return connectors.Value{}, err
	}
	length, err := c.integer(2, in)
	if err != nil {
		return connectors.Value{}, err
	}
	if start < 1 || length < 0 {
		return connectors.Value{}, c.fail("start is at least 1 and length at least 0, not %d and %d", start, length)
	}
	from, to := byteOffset(s, start-1), len(s)
	if end := start - 1 + length; end >= length { // no overflow
		to = byteOffset(s, end)
	}
	return connectors.StringValue(s[from:to]), nil
}

// byteOffset is where the character begins that is n UTF-16 units into s, the end of s if it has fewer: .NET counts
// in these units. A character of two of them is never cut; it belongs to where its first half is.
func byteOffset(s string, n int64) int {
	for i, r := range s {
		if n <= 0 {
			return i
		}
		n -= int64(utf16.RuneLen(r))
	}
	return len(s)
}

// units is the length of s as .NET counts it.
func units(s string) int64 {
	n := int64(0)
	for _, r := range s {
		n += int64(utf16.RuneLen(r))
	}
	return n
}

// inStr gives the position, from 1, of the first occurrence at or after start; 0 if there is none. As in VB.NET an
// empty text is found where the search starts, and nothing is found in one.
func inStr(c *call, in scope) (connectors.Value, error) {
	s, _, err := c.text(0, in)
	if err != nil {
		return connectors.Value{}, err
	}
	wanted, _, err := c.text(1, in)
	if err != nil {
		return connectors.Value{}, err
	}
	start := int64(1)
	if c.given(2) {
		if start, err = c.integer(2, in); err != nil {
			return connectors.Value{}, err
		}
	}
	if start < 1 {
		return connectors.Value{}, c.fail("start is at least 1, not %d", start)
	}
	if method, _, err := c.text(3, in); err != nil {
		return connectors.Value{}, err
	} else if method == "vbTextCompare" {
		s, wanted = strings.Map(unicode.ToLower, s), strings.Map(unicode.ToLower, wanted)
	}
	skipped := byteOffset(s, start-1)
	i := strings.Index(s[skipped:], wanted)
	if i < 0 || skipped == len(s) {
		return connectors.IntValue(0), nil
	}
	return connectors.IntValue(units(s[:skipped+i]) + 1), nil
}

// word gives the n-th of the words that any of the delimiter characters separate; "" if there are not so many.
func word(c *call, in scope) (connectors.Value, error) {
	s, _, err := c.text(0, in)
	if err != nil {
		return connectors.Value{}, err
	}
	n, err := c.integer(1, in)
	if err != nil {
		return connectors.Value{}, err
	}
	delimiters, _, err := c.text(2, in)
	if err != nil {
		return connectors.Value{}, err
	}
	for w := range strings.FieldsFuncSeq(s, func(r rune) bool { return strings.ContainsRune(delimiters, r) }) {
		if n--; n == 0 {
			return connectors.StringValue(w), nil
		}
	}
	return connectors.StringValue(""), nil
}

// transform is a function of one text that gives null for null.
func transform(c *call, in scope, f func(string) string) (connectors.Value, error) {
	s, null, err := c.text(0, in)
	if err != nil || null {
		return connectors.NullValue(), err
	}
	return connectors.StringValue(f(s)), nil
}

func toLower(c *call, in scope) (connectors.Value, error) {
	return c.changeCase(in, [...]func(rune) rune{
		invariantCase: func(r rune) rune {
			if r == 'İ' {
				return r
			}
			return unicode.ToLower(r)
		},
		cultureCase: unicode.ToLower,
		turkishCase: unicode.TurkishCase.ToLower,
	})
}

func toUpper(c *call, in scope) (connectors.Value, error) {
	return c.changeCase(in, [...]func(rune) rune{
		invariantCase: func(r rune) rune {
			if r == 'ı' {
				return r
			}
			return unicode.ToUpper(r)
		},
		cultureCase: unicode.ToUpper,
		turkishCase: unicode.TurkishCase.ToUpper,
	})
}

// changeCase uses the rules of the culture in argument 1, the invariant ones without it. Every letter becomes one
// letter, as in .NET: ß has no capital, whatever the culture.
func (c *call) changeCase(in scope, change [3]func(rune) rune) (connectors.Value, error) {
	name, _, err := c.text(1, in)
	if err != nil {
		return connectors.Value{}, err
	}
	rules, err := caseRules(name)
	if err != nil {
		return connectors.Value{}, c.fail("%s is not the name of a culture, such as ja-JP", quoted(name))
	}
	return transform(c, in, func(s string) string { return strings.Map(change[rules], s) })
}

type caseRule uint8

const (
	invariantCase caseRule = iota // the capital of i is I; the dotless ı and the dotted İ stay as they are
	cultureCase
	turkishCase // i and I are different letters
)

// caseRules returns how letters change case in a culture (RFC 4646).
func caseRules(culture string) (caseRule, error) {
	if culture == "" {
		return invariantCase, nil
	}
	tag, err := language.Parse(culture)
	if err != nil {
		return invariantCase, err
	}
	if base, _ := tag.Base(); base.String() == "tr" || base.String() == "az" {
		return turkishCase, nil
	}
	return cultureCase, nil
}

func stripSpaces(c *call, in scope) (connectors.Value, error) {
	return transform(c, in, func(s string) string { return strings.ReplaceAll(s, " ", "") })
}

// pCase writes every word with a capital and the rest of it small. Without separators of its own the words are those
// of .NET's ToTitleCase: a word begins at a letter and ends at white space, punctuation and symbols, but not at an
// apostrophe. With separators a word is what stands between them.
func pCase(c *call, in scope) (connectors.Value, error) {
	separators, _, err := c.text(1, in)
	if err != nil {
		return connectors.Value{}, err
	}
	begins, ends := unicode.IsLetter, endsWord
	if separators != "" {
		ends = func(r rune) bool { return strings.ContainsRune(separators, r) }
		begins = func(r rune) bool { return !ends(r) }
	}
	return transform(c, in, func(s string) string {
		inside := false
		return strings.Map(func(r rune) rune {
			switch {
			case inside:
				inside = !ends(r)
				return unicode.ToLower(r)
			case begins(r):
				inside = true
				return unicode.ToTitle(r)
			default:
				return unicode.ToLower(r)
			}
		}, s)
	})
}

// endsWord reports whether a character of that category separates words for ToTitleCase.
func endsWord(r rune) bool {
	return r != '\'' && unicode.In(r, unicode.Z, unicode.Cc, unicode.Cf, unicode.P, unicode.S)
}

func normalizeDiacritics(c *call, in scope) (connectors.Value, error) {
	return transform(c, in, plainLatin)
}

// plainLetters are the letters of Entra's table that no Unicode decomposition makes plain.
var plainLetters = map[rune]string{'æ': "ae", 'Æ': "AE", 'ø': "oe", 'Ø': "OE", 'œ': "oe", 'Œ': "OE", 'ß': "ss",
	'ł': "l", 'Ł': "L", 'ı': "i"}

// plainLatin replaces Latin letters with diacritics by plain ones. Marks on letters of other scripts stay: without
// them they are other letters.
func plainLatin(s string) string {
	ascii := strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf })
	if ascii < 0 {
		return s
	}
	var b strings.Builder
	latin := false
	for _, r := range norm.NFD.String(s) {
		if unicode.Is(unicode.Mn, r) {
			if !latin {
				b.WriteRune(r)
			}
			continue
		}
		latin = unicode.Is(unicode.Latin, r)
		if plain, ok := plainLetters[r]; ok {
			b.WriteString(plain)
		} else {
			b.WriteRune(r)
		}
	}
	return norm.NFC.String(b.String())
}
