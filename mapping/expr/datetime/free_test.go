package datetime

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"2020-03-16-07:00":                "3/16/2020 7:00:00 AM",
		"2021-06-30+08:00":                "6/29/2021 4:00:00 PM",
		"8/25/2021 5:41:18 PM":            "8/25/2021 5:41:18 PM",
		"2021-08-24":                      "8/24/2021 12:00:00 AM",
		"2021-08-24Z":                     "8/24/2021 12:00:00 AM",
		"2021/8/4":                        "8/4/2021 12:00:00 AM",
		"2020-12-31 23:59:59-08:00":       "1/1/2021 7:59:59 AM",
		"2020-12-31T23:59:59.9999999Z":    "12/31/2020 11:59:59 PM",
		"2020-12-31T23:59:59+0130":        "12/31/2020 10:29:59 PM",
		"2020-12-31 10:00 +5":             "12/31/2020 5:00:00 AM",
		"3-16-2020":                       "3/16/2020 12:00:00 AM",
		"3.16.2020":                       "3/16/2020 12:00:00 AM",
		"3/16/20":                         "3/16/2020 12:00:00 AM",
		"3/16/49":                         "3/16/2049 12:00:00 AM",
		"3/16/50":                         "3/16/1950 12:00:00 AM",
		"March 16, 2020":                  "3/16/2020 12:00:00 AM",
		"mar 16 20":                       "3/16/2020 12:00:00 AM",
		"Mar. 16, 2020":                   "3/16/2020 12:00:00 AM",
		"16 March 2020":                   "3/16/2020 12:00:00 AM",
		"16-Mar-2020 5 pm":                "3/16/2020 5:00:00 PM",
		"2020 March 16":                   "3/16/2020 12:00:00 AM",
		"March 2020":                      "3/1/2020 12:00:00 AM",
		"2020-03":                         "3/1/2020 12:00:00 AM",
		"3/2020":                          "3/1/2020 12:00:00 AM",
		"Mon, 16 Mar 2020 07:00:00 GMT":   "3/16/2020 7:00:00 AM",
		"Monday, March 16, 2020 12:05 AM": "3/16/2020 12:05:00 AM",
		"10:30 3/16/2020":                 "3/16/2020 10:30:00 AM",
		"3/16/2020 13:00 PM":              "3/16/2020 1:00:00 PM",
		" 3/16/2020  12 PM ":              "3/16/2020 12:00:00 PM",
		"2020-02-29":                      "2/29/2020 12:00:00 AM",
		"0001-01-01":                      "1/1/0001 12:00:00 AM",
	} {
		got, err := Parse(text)
		if err != nil || Text(got) != want {
			t.Errorf("%s = %s, %v, want %s", text, Text(got), err, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for want, texts := range map[error][]string{
		errNotDate: {"", " ", "soon", "20200316", "2020-03-16-", "2020--03-16", "3/16/2020/1", "2020-03-16T", "T10:00", "Z", "-07:00",
			"3/16/2020 10:", "3/16/2020 10:30:", "3/16/2020 10:30:15.", "3/16/2020 1:00 2:00", "3/16/2020 13:00 AM", "3/16/2020 5 AM PM",
			"March April 2020", "2020-03-16 Z GMT", "2020-03-16+100", "2020-03-16+01:60", "2020-03-16 1 2", "3/16/2020!", "AM",
			"12345-01-01", "1 2 3 4 5", "3/16/2020 " + strings.Repeat(" ", maxText) + "x"},
		errNoYear:  {"3/16", "March 16", "10:30", "5 PM", "March", "16"},
		errNoDate:  {"2019-02-29", "13/1/2020", "16.03.2020", "3/16/2020 24:00", "3/16/2020 10:60", "0000-01-01", "2020-00-01"},
		errWeekday: {"Tue, 16 Mar 2020"},
		ErrRange:   {"0001-01-01+01:00", "9999-12-31T23:59:59.99999999Z"},
	} {
		for _, text := range texts {
			if got, err := Parse(text); !errors.Is(err, want) {
				t.Errorf("%q = %v, %v, want %v", text, got, err, want)
			}
		}
	}
}

func TestAddMonths(t *testing.T) {
	for _, tc := range []struct {
		from   string
		months int
		want   string
	}{
		{"2020-01-31T10:00:00.5Z", 1, "2/29/2020 10:00:00 AM"},
		{"2020-01-31", 13, "2/28/2021 12:00:00 AM"},
		{"2020-02-29", 12, "2/28/2021 12:00:00 AM"},
		{"2020-03-31", -1, "2/29/2020 12:00:00 AM"},
		{"2020-01-15", -1, "12/15/2019 12:00:00 AM"},
	} {
		from, err := Parse(tc.from)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := AddMonths(from, tc.months); err != nil || Text(got) != tc.want {
			t.Errorf("%s + %d = %s, %v, want %s", tc.from, tc.months, Text(got), err, tc.want)
		}
	}
	for _, months := range []int{12 * 9000, -12 * 9000, 1 << 40} {
		if _, err := AddMonths(moment, months); !errors.Is(err, ErrRange) {
			t.Errorf("%d months: %v", months, err)
		}
	}
}

// What is written in a format that says everything is read back the same, in that format and in free form.
func TestWrittenIsRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		format := rapid.SampledFrom([]string{"o", "yyyy-MM-ddTHH:mm:ss.fffffffZ", "M/d/yyyy h:mm:ss.FFFFFFF tt", "dddd, d MMMM yyyy HH:mm:ss.fffffff zzz",
			"ddd, d MMM yyyy HH:mm:ss.fffffff 'GMT'"}).Draw(t, "format")
		ticks := rapid.Int64Range(0, 9_999_999).Draw(t, "ticks")
		want := time.Unix(rapid.Int64Range(-62135596800, 253402300799).Draw(t, "seconds"), ticks*100).UTC()
		w, err := NewWriter(format)
		if err != nil {
			t.Fatal(err)
		}
		r, err := NewReader(format, DefaultStyles)
		if err != nil {
			t.Fatal(err)
		}
		text := w.Write(Moment{want, UTC})
		m, err := r.Read(text, moment)
		if err != nil || !m.Time.Equal(want) {
			t.Fatalf("%s was read as %v, %v", text, m.Time, err)
		}
		if got, err := Parse(text); err != nil || !got.Equal(want) {
			t.Fatalf("%s was parsed as %v, %v", text, got, err)
		}
	})
}

// FuzzParse feeds any text to the free form. What it takes is in the range of dates, and its own text is taken too.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"2020-03-16-07:00", "8/25/2021 5:41:18 PM", "Mon, 16 Mar 2020 07:00:00 GMT", "16-Mar-2020 5 pm", "2020-12-31T23:59:59.9999999Z"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		at, err := Parse(text)
		if err != nil {
			return
		}
		if _, err := InRange(at); err != nil {
			t.Fatalf("%q = %v", text, at)
		}
		if again, err := Parse(Text(at)); err != nil || !again.Equal(at.Truncate(time.Second)) {
			t.Fatalf("%q = %v, and its text %s is %v, %v", text, at, Text(at), again, err)
		}
	})
}

// FuzzFormat feeds any format and any text to reading and writing.
func FuzzFormat(f *testing.F) {
	for _, seed := range []string{"o", "yyyyMMddHHmmss.fZ", "dddd, d MMMM yyyy h:mm tt zzz", `'a\'' %d\d "x"`, " K.FFF GMT g"} {
		f.Add(seed, "2020-06-01T10:00:00Z", uint16(DefaultStyles))
	}
	f.Fuzz(func(t *testing.T, format, text string, styles uint16) {
		if w, err := NewWriter(format); err == nil {
			w.Write(Moment{moment, UTC})
		}
		r, err := NewReader(format, Styles(styles))
		if err != nil {
			return
		}
		if m, err := r.Read(text, moment); err == nil {
			if _, err := InRange(m.Time); err != nil {
				t.Fatalf("%q as %q = %v", text, format, m.Time)
			}
		}
	})
}
