package expr

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"

	"ringsync/connectors"
)

// concatenate is Append and Prepend: a null side counts as empty, unless both are null.
func concatenate(c *call, row []connectors.Value) (connectors.Value, error) {
	a, null1, err := c.text(0, row)
	if err != nil {
		return connectors.Value{}, err
	}
	b, null2, err := c.text(1, row)
	if err != nil || null1 && null2 {
		return connectors.NullValue(), err
	}
	return connectors.StringValue(a + b), nil
}

func cStr(c *call, row []connectors.Value) (connectors.Value, error) {
	s, null, err := c.text(0, row)
	if err != nil || null {
		return connectors.NullValue(), err
	}
	return connectors.StringValue(s), nil
}

// left gives the first characters; nothing of null, all of it for a negative number.
func left(c *call, row []connectors.Value) (connectors.Value, error) {
	s, _, err := c.text(0, row)
	if err != nil {
		return connectors.Value{}, err
	}
	n, err := c.integer(1, row)
	if err != nil {
		return connectors.Value{}, err
	}
	if n >= 0 {
		s = s[:byteOffset(s, n)]
	}
	return connectors.StringValue(s), nil
}

// mid gives length characters from start on, counted from 1; fewer where the text ends before.
func mid(c *call, row []connectors.Value) (connectors.Value, error) {
	s, null, err := c.text(0, row)
	if err != nil || null {
		return connectors.NullValue(), err
	}
	start, err := c.integer(1, row)
	if err != nil {
		return connectors.Value{}, err
	}
	length, err := c.integer(2, row)
	if err != nil {
		return connectors.Value{}, err
	}
	if start < 1 || length < 0 {
		return connectors.Value{}, c.fail("start is at least 1 and length at least 0, not %d and %d", start, length)
	}
	s = s[byteOffset(s, start-1):]
	return connectors.StringValue(s[:byteOffset(s, length)]), nil
}

// byteOffset is where the character with index n begins, the end of s if it has fewer.
func byteOffset(s string, n int64) int {
	for i := range s {
		if n == 0 {
			return i
		}
		n--
	}
	return len(s)
}

// inStr gives the position, from 1, of the first occurrence at or after start; 0 if there is none.
func inStr(c *call, row []connectors.Value) (connectors.Value, error) {
	s, _, err := c.text(0, row)
	if err != nil {
		return connectors.Value{}, err
	}
	wanted, _, err := c.text(1, row)
	if err != nil {
		return connectors.Value{}, err
	}
	start := int64(1)
	if c.given(2) {
		if start, err = c.integer(2, row); err != nil {
			return connectors.Value{}, err
		}
	}
	if start < 1 {
		return connectors.Value{}, c.fail("start is at least 1, not %d", start)
	}
	if method, _, err := c.text(3, row); err != nil {
		return connectors.Value{}, err
	} else if method == "vbTextCompare" {
		s, wanted = strings.ToLower(s), strings.ToLower(wanted)
	}
	skipped := byteOffset(s, start-1)
	i := strings.Index(s[skipped:], wanted)
	if i < 0 {
		return connectors.IntValue(0), nil
	}
	return connectors.IntValue(int64(utf8.RuneCountInString(s[:skipped+i])) + 1), nil
}

// word gives the n-th of the words that any of the delimiter characters separate; "" if there are not so many.
func word(c *call, row []connectors.Value) (connectors.Value, error) {
	s, _, err := c.text(0, row)
	if err != nil {
		return connectors.Value{}, err
	}
	n, err := c.integer(1, row)
	if err != nil {
		return connectors.Value{}, err
	}
	delimiters, _, err := c.text(2, row)
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
func transform(c *call, row []connectors.Value, f func(string) string) (connectors.Value, error) {
	s, null, err := c.text(0, row)
	if err != nil || null {
		return connectors.NullValue(), err
	}
	return connectors.StringValue(f(s)), nil
}

func toLower(c *call, row []connectors.Value) (connectors.Value, error) {
	return changeCase(c, row, strings.ToLower, func(s string) string {
		return strings.ToLowerSpecial(unicode.TurkishCase, s)
	})
}

func toUpper(c *call, row []connectors.Value) (connectors.Value, error) {
	return changeCase(c, row, strings.ToUpper, func(s string) string {
		return strings.ToUpperSpecial(unicode.TurkishCase, s)
	})
}

// changeCase uses the rules of the culture in argument 1, the invariant ones without it.
func changeCase(c *call, row []connectors.Value, invariant, turkish func(string) string) (connectors.Value, error) {
	name, _, err := c.text(1, row)
	if err != nil {
		return connectors.Value{}, err
	}
	rules, err := caseRules(name)
	if err != nil {
		return connectors.Value{}, c.fail("%s is not the name of a culture, such as ja-JP", quote(name))
	}
	if rules == turkishCase {
		return transform(c, row, turkish)
	}
	return transform(c, row, invariant)
}

type caseRule uint8

const (
	invariantCase caseRule = iota
	turkishCase            // i and I are different letters
)

// caseRules returns how letters change case in a culture (RFC 4646). Only Turkish and Azerbaijani differ from the
// invariant culture in .NET, which never changes a text's number of letters.
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
	return invariantCase, nil
}

func stripSpaces(c *call, row []connectors.Value) (connectors.Value, error) {
	return transform(c, row, func(s string) string { return strings.ReplaceAll(s, " ", "") })
}

// pCase writes every word with a capital and the rest of it small. Without separators of its own a word ends at white
// space, punctuation and symbols, but not at an apostrophe, as in .NET's ToTitleCase.
func pCase(c *call, row []connectors.Value) (connectors.Value, error) {
	separators, _, err := c.text(1, row)
	if err != nil {
		return connectors.Value{}, err
	}
	own := c.given(1)
	return transform(c, row, func(s string) string {
		first := true
		return strings.Map(func(r rune) rune {
			separates := strings.ContainsRune(separators, r)
			if !own {
				separates = r != '\'' && (unicode.IsSpace(r) || unicode.IsPunct(r) || unicode.IsSymbol(r))
			}
			cased := unicode.ToLower(r)
			if first {
				cased = unicode.ToTitle(r)
			}
			first = separates
			return cased
		}, s)
	})
}

func normalizeDiacritics(c *call, row []connectors.Value) (connectors.Value, error) {
	return transform(c, row, plainLatin)
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
