package datetime

import (
	"errors"
	"fmt"
	"strings"
)

// Styles are how a text may deviate from its format, and what a missing zone means (System.Globalization
// .DateTimeStyles).
type Styles uint16

const (
	AllowLeadingWhite Styles = 1 << iota
	AllowTrailingWhite
	AllowInnerWhite
	NoCurrentDateDefault
	AdjustToUniversal
	AssumeLocal
	AssumeUniversal
	RoundtripKind

	AllowWhiteSpaces = AllowLeadingWhite | AllowTrailingWhite | AllowInnerWhite
)

// DefaultStyles are those that FormatDateTime uses when it is given none.
const DefaultStyles = RoundtripKind | AllowLeadingWhite | AllowTrailingWhite

var styleNames = []struct {
	name  string
	style Styles
}{
	{"None", 0},
	{"AllowLeadingWhite", AllowLeadingWhite},
	{"AllowTrailingWhite", AllowTrailingWhite},
	{"AllowInnerWhite", AllowInnerWhite},
	{"AllowWhiteSpaces", AllowWhiteSpaces},
	{"NoCurrentDateDefault", NoCurrentDateDefault},
	{"AdjustToUniversal", AdjustToUniversal},
	{"AssumeLocal", AssumeLocal},
	{"AssumeUniversal", AssumeUniversal},
	{"RoundtripKind", RoundtripKind},
}

// ParseStyles reads names of styles, separated by commas or bars; without any they are DefaultStyles.
func ParseStyles(s string) (Styles, error) {
	if strings.TrimSpace(s) == "" {
		return DefaultStyles, nil
	}
	var all Styles
	for name := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == ',' || r == '|' }) {
		style, ok := styleNamed(strings.TrimSpace(name))
		if !ok {
			return 0, fmt.Errorf("%q is not one of the DateTimeStyles", strings.TrimSpace(name))
		}
		all |= style
	}
	if all&AssumeLocal != 0 && all&AssumeUniversal != 0 {
		return 0, errors.New("AssumeLocal and AssumeUniversal exclude each other")
	}
	if all&RoundtripKind != 0 && all&(AssumeLocal|AssumeUniversal|AdjustToUniversal) != 0 {
		return 0, errors.New("RoundtripKind excludes AssumeLocal, AssumeUniversal and AdjustToUniversal")
	}
	return all, nil
}

func styleNamed(name string) (Styles, bool) {
	for _, s := range styleNames {
		if strings.EqualFold(s.name, name) {
			return s.style, true
		}
	}
	return 0, false
}

// StyleNames are the names that ParseStyles knows.
func StyleNames() []string {
	names := make([]string, len(styleNames))
	for i, s := range styleNames {
		names[i] = s.name
	}
	return names
}
