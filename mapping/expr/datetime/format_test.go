package datetime

import (
	"testing"
	"time"
)

// moment is a Monday: 1 June 2009, 13:05:07.0891234.
var moment = time.Date(2009, 6, 1, 13, 5, 7, 89123400, time.UTC)

func TestWrite(t *testing.T) {
	morning := time.Date(14, 12, 25, 0, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		format string
		time   time.Time
		want   string
	}{
		{"d", moment, "6/1/2009"}, {"D", moment, "Monday, June 1, 2009"},
		{"f", moment, "Monday, June 1, 2009 1:05 PM"}, {"F", moment, "Monday, June 1, 2009 1:05:07 PM"},
		{"g", moment, "6/1/2009 1:05 PM"}, {"G", moment, "6/1/2009 1:05:07 PM"},
		{"M", moment, "June 1"}, {"m", moment, "June 1"}, {"Y", moment, "June 2009"}, {"y", moment, "June 2009"},
		{"O", moment, "2009-06-01T13:05:07.0891234"}, {"o", moment, "2009-06-01T13:05:07.0891234"},
		{"R", moment, "Mon, 01 Jun 2009 13:05:07 GMT"}, {"r", moment, "Mon, 01 Jun 2009 13:05:07 GMT"},
		{"s", moment, "2009-06-01T13:05:07"}, {"u", moment, "2009-06-01 13:05:07Z"},
		{"t", moment, "1:05 PM"}, {"T", moment, "1:05:07 PM"}, {"U", moment, "Monday, June 1, 2009 1:05:07 PM"},

		{"%d", moment, "1"}, {"dd", moment, "01"}, {"ddd", moment, "Mon"}, {"dddd", moment, "Monday"}, {"ddddd", moment, "Monday"},
		{"%M", moment, "6"}, {"MM", moment, "06"}, {"MMM", moment, "Jun"}, {"MMMM", moment, "June"},
		{"%y", moment, "9"}, {"yy", moment, "09"}, {"yyy", moment, "2009"}, {"yyyy", moment, "2009"}, {"yyyyy", moment, "02009"},
		{"%y", morning, "14"}, {"yyy", morning, "014"}, {"yyyy", morning, "0014"},
		{"%h", moment, "1"}, {"hh", moment, "01"}, {"hhh", moment, "01"}, {"%H", moment, "13"}, {"HH", morning, "00"}, {"hh", morning, "12"},
		{"%m", moment, "5"}, {"mm", moment, "05"}, {"%s", moment, "7"}, {"ss", moment, "07"},
		{"%t", moment, "P"}, {"tt", moment, "PM"}, {"ttt", morning, "AM"}, {"%g", moment, "A.D."},
		{"%f", moment, "0"}, {"ff", moment, "08"}, {"fff", moment, "089"}, {"fffffff", moment, "0891234"},
		{"%F", moment, ""}, {"FF", moment, "08"}, {"s.FFFF", moment, "7.0891"}, {"s.F", moment, "7"}, {"s.FFFFFFF", morning, "0"},
		{"%z", moment, "+0"}, {"zz", moment, "+00"}, {"zzz", moment, "+00:00"}, {"%K", moment, ""},
		{"HH:mm", moment, "13:05"}, {"d/M", moment, "1/6"}, {"yyyyMMddHHmmss.fZ", moment, "20090601130507.0Z"},
		{"yyyy-MM-ddTHH:mm:ss", moment, "2009-06-01T13:05:07"}, {"GMT", moment, "G6T"},
		{"h 'o''clock'", moment, "1 oclock"}, {`"it is" h\h`, moment, "it is 1h"}, {`'a\'b'`, moment, "a'b"}, {"%dd", moment, "11"},
		{"d. MMMM", moment, "1. June"}, {"ü d", moment, "ü 1"}, {`\ä`, moment, "ä"},
	} {
		w, err := NewWriter(tc.format)
		if err != nil {
			t.Errorf("%s: %v", tc.format, err)
			continue
		}
		if got := w.Write(Moment{Time: tc.time}); got != tc.want {
			t.Errorf("%s of %v = %q, want %q", tc.format, tc.time, got, tc.want)
		}
	}
}

func TestWriteKind(t *testing.T) {
	w, err := NewWriter("HH:mmK")
	if err != nil {
		t.Fatal(err)
	}
	for kind, want := range map[Kind]string{Unspecified: "13:05", UTC: "13:05Z", Local: "13:05+00:00"} {
		if got := w.Write(Moment{moment, kind}); got != want {
			t.Errorf("kind %d: got %s, want %s", kind, got, want)
		}
	}
}

func TestWrongFormats(t *testing.T) {
	for format, want := range map[string]string{
		"":         "the format is empty",
		"x":        `there is no standard format "x"`,
		"%":        `there is no standard format "%"`,
		"ffffffff": "a second has at most 7 digits after its point, not 8",
		"FFFFFFFF": "a second has at most 7 digits after its point, not 8",
		"yyyy 'a":  `the format "'a" lacks a closing '`,
		`yyyy "a\`: `the format "\"a\\" lacks a closing "`,
		`yyyy\`:    "the format ends with a backslash",
		"yyyy%":    "a % stands before a letter of the format",
		"%%d":      "a % stands before a letter of the format",
	} {
		if _, err := NewWriter(format); err == nil || err.Error() != want {
			t.Errorf("written %q: got %v, want %s", format, err, want)
		}
		if _, err := NewReader(format, DefaultStyles); err == nil || err.Error() != want {
			t.Errorf("read %q: got %v, want %s", format, err, want)
		}
	}
}

func TestReadInFormat(t *testing.T) {
	today := time.Date(2026, 2, 14, 9, 0, 0, 0, time.UTC)
	const wrong = "the text is not in this format"
	for _, tc := range []struct {
		text, format, styles string
		want                 string // in the format o, or the error
	}{
		{"20150123105347.1Z", "yyyyMMddHHmmss.fZ", "", "2015-01-23T10:53:47.1000000Z"},
		{"2020-12-31-08:00", "yyyy-MM-ddzzz", "", "2020-12-31T08:00:00.0000000+00:00"},
		{"2020-12-31+0800", "yyyy-MM-ddzzz", "", "2020-12-30T16:00:00.0000000+00:00"},
		{"2020-12-31 +8", "yyyy-MM-dd z", "", "2020-12-30T16:00:00.0000000+00:00"},
		{"2020-12-31+08", "yyyy-MM-ddzz", "", "2020-12-30T16:00:00.0000000+00:00"},
		{"2020-12-31", "yyyy-MM-dd", "", "2020-12-31T00:00:00.0000000"},
		{"2020-12-31", "yyyy-MM-dd", "AssumeUniversal, AdjustToUniversal", "2020-12-31T00:00:00.0000000Z"},
		{"2020-12-31", "yyyy-MM-dd", "AssumeLocal", "2020-12-31T00:00:00.0000000+00:00"},
		{"2020-12-31T10:00:00Z", "yyyy-MM-ddTHH:mm:ssK", "", "2020-12-31T10:00:00.0000000Z"},
		{"2020-12-31T10:00:00Z", "yyyy-MM-ddTHH:mm:ssK", "None", "2020-12-31T10:00:00.0000000+00:00"},
		{"2020-12-31T10:00:00+02:00", "yyyy-MM-ddTHH:mm:ssK", "AdjustToUniversal", "2020-12-31T08:00:00.0000000Z"},
		{"2020-12-31T10:00:00", "yyyy-MM-ddTHH:mm:ssK", "", "2020-12-31T10:00:00.0000000"},
		{"Mon, 01 Jun 2009 13:05:07 GMT", "r", "", "2009-06-01T13:05:07.0000000"},
		{"Tue, 01 Jun 2009 13:05:07 GMT", "r", "", "the day of the week is another one"},
		{"01 Jun 2009 13:05 GMT", "dd MMM yyyy HH:mm GMT", "", "2009-06-01T13:05:00.0000000+00:00"},
		{"Monday, June 1, 2009 1:05:07 PM", "U", "", "2009-06-01T13:05:07.0000000Z"},
		{"6/1/2009 1:05:07 PM", "G", "", "2009-06-01T13:05:07.0000000"},
		{"2009-06-01T13:05:07.0891234Z", "o", "", "2009-06-01T13:05:07.0891234Z"},
		{"2009-06-01 13:05:07Z", "u", "", "2009-06-01T13:05:07.0000000"},

		{"1/2/2003", "M/d/yyyy", "", "2003-01-02T00:00:00.0000000"},
		{"11/12/2003", "M/d/yyyy", "", "2003-11-12T00:00:00.0000000"},
		{"1/2/2003", "MM/dd/yyyy", "", wrong},
		{"1/2/03", "d/M/yy", "", "2003-02-01T00:00:00.0000000"},
		{"1.1.49", "d.M.yy", "", "2049-01-01T00:00:00.0000000"}, {"1.1.50", "d.M.yy", "", "1950-01-01T00:00:00.0000000"},
		{"5 january 2020", "d MMMM yyyy", "", "2020-01-05T00:00:00.0000000"},
		{"5 Jan 2020", "d MMMM yyyy", "", wrong},
		{"MAY 5 2020", "MMM d yyyy", "", "2020-05-05T00:00:00.0000000"},
		{"202013", "yyyyMM", "", "there is no such date"},
		{"20200230", "yyyyMMdd", "", "there is no such date"},
		{"20200229", "yyyyMMdd", "", "2020-02-29T00:00:00.0000000"},
		{"202002291", "yyyyMMdd", "", wrong},
		{"2020-06-01 2020-06-02", "yyyy-MM-dd yyyy-MM-dd", "", wrong},
		{"2020-06", "yyyy-MM", "", "2020-06-01T00:00:00.0000000"},
		{"2020", "yyyy", "", "2020-01-01T00:00:00.0000000"},
		{"06-01", "MM-dd", "", "2026-06-01T00:00:00.0000000"},
		{"10:30", "HH:mm", "", "2026-02-14T10:30:00.0000000"},
		{"10:30", "HH:mm", "NoCurrentDateDefault", "0001-01-01T10:30:00.0000000"},
		{"12:30 AM", "h:mm tt", "NoCurrentDateDefault", "0001-01-01T00:30:00.0000000"},
		{"12:30 pm", "h:mm tt", "NoCurrentDateDefault", "0001-01-01T12:30:00.0000000"},
		{"3:30 P", "h:mm t", "NoCurrentDateDefault", "0001-01-01T15:30:00.0000000"},
		{"13:30 PM", "h:mm tt", "NoCurrentDateDefault", wrong},
		{"13:30 PM", "H:mm tt", "NoCurrentDateDefault", "0001-01-01T13:30:00.0000000"},
		{"13:30 AM", "H:mm tt", "NoCurrentDateDefault", wrong},
		{"10:30:15.12", "H:mm:ss.FFF", "NoCurrentDateDefault", "0001-01-01T10:30:15.1200000"},
		{"10:30:15", "H:mm:ss.FFF", "NoCurrentDateDefault", "0001-01-01T10:30:15.0000000"},
		{"10:30:15.12", "H:mm:ss.fff", "NoCurrentDateDefault", wrong},
		{"24:00", "HH:mm", "NoCurrentDateDefault", "there is no such date"},

		{"  2020-06-01 ", "yyyy-MM-dd", "", "2020-06-01T00:00:00.0000000"},
		{"  2020-06-01 ", "yyyy-MM-dd", "None", wrong},
		{"2020-06-01", " yyyy-MM-dd ", "", "2020-06-01T00:00:00.0000000"},
		{"2020 - 06  -01", "yyyy-MM-dd", "", wrong},
		{"2020 - 06  -01", "yyyy-MM-dd", "AllowWhiteSpaces", "2020-06-01T00:00:00.0000000"},
		{"2020-06-01 at 10", "yyyy-MM-dd 'at' HH", "", "2020-06-01T10:00:00.0000000"},
		{`1\d6`, `d\\\dM`, "NoCurrentDateDefault", "2026-06-01T00:00:00.0000000"},
		{"", "yyyy", "", wrong},
		{"2020-06-01+15:00", "yyyy-MM-ddzzz", "", "an offset is at most 14 hours"},
		{"2020-06-01+01:60", "yyyy-MM-ddzzz", "", wrong},
		{"0001-01-01+01:00", "yyyy-MM-ddzzz", "", "the date is not in the years 1 to 9999"},
		{"9 A.D.", "y g", "", "2009-01-01T00:00:00.0000000"},
	} {
		styles, err := ParseStyles(tc.styles)
		if err != nil {
			t.Fatal(err)
		}
		r, err := NewReader(tc.format, styles)
		if err != nil {
			t.Fatal(err)
		}
		m, err := r.Read(tc.text, today)
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			w, _ := NewWriter("o")
			got = w.Write(m)
		}
		if got != tc.want {
			t.Errorf("%q as %q %s = %s, want %s", tc.text, tc.format, tc.styles, got, tc.want)
		}
	}
}

func TestNeedsToday(t *testing.T) {
	for format, want := range map[string]bool{"yyyy": false, "MM-dd": true, "HH:mm": true, "d": false, "t": true, "'y' HH": true, "dddd": true} {
		r, err := NewReader(format, DefaultStyles)
		if err != nil || r.NeedsToday() != want {
			t.Errorf("%s: %v, want %t", format, err, want)
		}
	}
	if r, _ := NewReader("dddd HH:mm", NoCurrentDateDefault); r.NeedsToday() {
		t.Error("a time alone needs the day although it was not to be filled in")
	}
}

func TestStyles(t *testing.T) {
	for names, want := range map[string]Styles{
		"": DefaultStyles, " ": DefaultStyles, "None": 0, "roundtripkind": RoundtripKind,
		"AllowWhiteSpaces":                   AllowLeadingWhite | AllowTrailingWhite | AllowInnerWhite,
		"AssumeUniversal, AdjustToUniversal": AssumeUniversal | AdjustToUniversal, "AssumeLocal|AllowInnerWhite": AssumeLocal | AllowInnerWhite,
	} {
		if got, err := ParseStyles(names); err != nil || got != want {
			t.Errorf("%q: got %b, %v, want %b", names, got, err, want)
		}
	}
	for names, want := range map[string]string{
		"Sloppy":                         `"Sloppy" is not one of the DateTimeStyles`,
		"AssumeLocal, AssumeUniversal":   "AssumeLocal and AssumeUniversal exclude each other",
		"RoundtripKind, AssumeUniversal": "RoundtripKind excludes AssumeLocal, AssumeUniversal and AdjustToUniversal",
	} {
		if _, err := ParseStyles(names); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", names, err, want)
		}
	}
}
