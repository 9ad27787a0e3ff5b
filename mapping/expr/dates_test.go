package expr

import (
	"testing"
	"time"
)

// dateRules are what VB.NET, .NET and Windows say of dates where the reference is silent.
var dateRules = map[string][]evalCase{
	"CDate": {
		{`CDate([x])`, nil, nil},
		{`CDate([x])`, person{"x": ""}, failure(`CDate: Expression takes a date, not "": this is not a date`)},
		{`CDate([x])`, person{"x": "soon"}, failure(`CDate: Expression takes a date, not "soon": this is not a date`)},
		{`CDate([x])`, person{"x": "March 16"}, failure(`CDate: Expression takes a date, not "March 16": the date has no year`)},
		{`CDate([x])`, person{"x": []any{"2020-03-16"}}, "3/16/2020 12:00:00 AM"},
		{`CDate([x])`, person{"x": "2020-03-16T12:00:00.9Z"}, "3/16/2020 12:00:00 PM"},
		{`CDate(CDate([x]))`, person{"x": "16 March 2020 07:00 -07:00"}, "3/16/2020 2:00:00 PM"},
		{`Left(CDate([x]), 4)`, person{"x": "2020-03-16"}, "3/16"},
	},
	"DateAdd": {
		{`DateAdd("d", 1, [x])`, nil, nil},
		{`DateAdd("m", 1, [x])`, person{"x": "2020-01-31"}, "2/29/2020 12:00:00 AM"},
		{`DateAdd("M", -1, [x])`, person{"x": "2020-03-31"}, "2/29/2020 12:00:00 AM"},
		{`DateAdd("yyyy", 1, [x])`, person{"x": "2020-02-29"}, "2/28/2021 12:00:00 AM"},
		{`DateAdd("q", 1, [x])`, person{"x": "2020-01-31"}, "4/30/2020 12:00:00 AM"},
		{`DateAdd("h", 25, [x])`, person{"x": "2020-02-28"}, "2/29/2020 1:00:00 AM"},
		{`DateAdd("n", -1, [x])`, person{"x": "2020-01-01"}, "12/31/2019 11:59:00 PM"},
		{`DateAdd("s", 86401, [x])`, person{"x": "2020-01-01"}, "1/2/2020 12:00:01 AM"},
		{`DateAdd("w", 7, [x])`, person{"x": "2020-01-01"}, "1/8/2020 12:00:00 AM"},
		{`DateAdd("y", 1, [x])`, person{"x": "2020-01-01"}, "1/2/2020 12:00:00 AM"},
		{`DateAdd("d", 1.9, [x])`, person{"x": "2020-01-01"}, "1/2/2020 12:00:00 AM"},
		{`DateAdd("d", -1.9, [x])`, person{"x": "2020-01-01"}, "12/31/2019 12:00:00 AM"},
		{`DateAdd("d", [n], [x])`, person{"x": "2020-01-01", "n": "two"}, failure(`DateAdd: value takes a number, not "two"`)},
		{`DateAdd("d", [n], [x])`, person{"x": "2020-01-01"}, failure(`DateAdd: value takes a number, not null`)},
		{`DateAdd("d", 99999999999, [x])`, person{"x": "2020-01-01"}, failure(`DateAdd: value takes a number, not "99999999999"`)},
		{`DateAdd("yyyy", 8000, [x])`, person{"x": "2020-01-01"}, failure(`DateAdd: the date is not in the years 1 to 9999`)},
		{`DateAdd("ww", -2147483647, [x])`, person{"x": "2020-01-01"}, failure(`DateAdd: the date is not in the years 1 to 9999`)},
		{`DateAdd([i], 1, [x])`, person{"x": "2020-01-01", "i": "weeks"},
			failure(`DateAdd: the intervals are yyyy, m, ww, d, h, n (minute) and s, not "weeks"`)},
	},
	"DateDiff": {
		{`DateDiff("d", [x], [y])`, person{"x": "2020-01-01"}, nil},
		{`DateDiff("d", [x], [y])`, person{"y": "2020-01-01"}, nil},
		{`DateDiff("d", [x], [y])`, person{"x": "2020-01-01 23:00", "y": "2020-01-02 01:00"}, 0},
		{`DateDiff("d", [x], [y])`, person{"x": "2020-01-02 01:00", "y": "2020-01-01 00:30"}, -1},
		{`DateDiff("h", [x], [y])`, person{"x": "2020-01-01 23:00", "y": "2020-01-02 00:59"}, 1},
		{`DateDiff("n", [x], [y])`, person{"x": "2020-01-01 10:00:59", "y": "2020-01-01 10:01:00"}, 0},
		{`DateDiff("n", [x], [y])`, person{"x": "2020-01-01", "y": "2020-01-02"}, 1440},
		{`DateDiff("yyyy", [x], [y])`, person{"x": "2020-12-31", "y": "2021-01-01"}, 1},
		{`DateDiff("m", [x], [y])`, person{"x": "2020-12-31", "y": "2021-01-01"}, 1},
		{`DateDiff("q", [x], [y])`, person{"x": "2020-12-31", "y": "2021-01-01"}, 1},
		{`DateDiff("q", [x], [y])`, person{"x": "2020-01-01", "y": "2020-03-31"}, 0},
		{`DateDiff("w", [x], [y])`, person{"x": "2020-01-01", "y": "2020-01-14"}, 1},
		{`DateDiff("ww", [x], [y])`, person{"x": "2022-01-01", "y": "2022-01-02"}, 1}, // Saturday, Sunday
		{`DateDiff("ww", [x], [y])`, person{"x": "2022-01-02", "y": "2022-01-08"}, 0},
		{`DateDiff("y", [x], [y])`, person{"x": "2020-02-28", "y": "2020-03-01"}, 2},
		{`DateDiff("s", [x], [y])`, person{"x": "0001-01-01", "y": "9999-12-31"}, 315537811200},
		{`DateDiff("s", CDate([x]), CDate([y]))`, person{"x": "2020-01-01T00:00:00.9Z", "y": "2020-01-01T00:00:01.1Z"}, 0},
	},
	"numbers": {
		{`DateFromNum([x])`, nil, nil},
		{`DateFromNum(0)`, nil, "1601-01-01T00:00:00Z"},
		{`DateFromNum(15)`, nil, "1601-01-01T00:00:00.0000015Z"},
		{`DateFromNum([x])`, person{"x": -1}, failure("DateFromNum: -1 is not the number of a date")},
		{`DateFromNum(9223372036854775807)`, nil, failure("DateFromNum: 9223372036854775807 is not the number of a date")},
		{`DateFromNum([x])`, person{"x": "never"}, failure(`DateFromNum: value takes a whole number, not "never"`)},
		{`NumFromDate([x])`, nil, nil},
		{`NumFromDate(DateFromNum([x]))`, person{"x": "129699324000000001"}, "129699324000000001"},
		{`NumFromDate([x])`, person{"x": "2012-01-01T23:00:00Z"}, "129699324000000000"},
		{`NumFromDate([x])`, person{"x": "1600-12-31"}, failure("NumFromDate: dates are numbered from 1601 on, and this is 1600-12-31T00:00:00Z")},
		{`DateAdd("d", 1, DateFromNum([x]))`, person{"x": "129699324000000000"}, "1/2/2012 11:00:00 PM"},
	},
	"FormatDateTime": {
		{`FormatDateTime([x], , "yyyy-MM-dd", "d")`, nil, nil},
		{`FormatDateTime([x], , "yyyy-MM-ddzzz", "yyyyMMddHHmmss.fZ")`, person{"x": "2020-12-31-08:00"}, "20201231080000.0Z"},
		{`FormatDateTime([x], "yyyy-MM-dd", "dddd, d MMMM yyyy")`, person{"x": " 2020-12-31 "}, "Thursday, 31 December 2020"},
		{`FormatDateTime([x], "None", "yyyy-MM-dd", "d")`, person{"x": " 2020-12-31 "},
			failure(`FormatDateTime: " 2020-12-31 " cannot be read as "yyyy-MM-dd": the text is not in this format`)},
		{`FormatDateTime([x], "AssumeUniversal, AdjustToUniversal", "yyyy-MM-dd HH:mm", "o")`, person{"x": "2020-12-31 10:00"}, "2020-12-31T10:00:00.0000000Z"},
		{`FormatDateTime([x], "yyyy-MM-dd", "d")`, person{"x": "2019-02-29"},
			failure(`FormatDateTime: "2019-02-29" cannot be read as "yyyy-MM-dd": there is no such date`)},
		{`FormatDateTime([x], "yyyy-MM-dd", "d")`, person{"x": ""}, failure(`FormatDateTime: "" cannot be read as "yyyy-MM-dd": the text is not in this format`)},
		{`FormatDateTime([x], [s], [i], [o])`, person{"x": "31.12.2020", "i": "dd.MM.yyyy", "o": "%d"}, "31"},
		{`FormatDateTime([x], [s], [i], [o])`, person{"x": "1", "s": "Sloppy", "i": "%d", "o": "%d"},
			failure(`FormatDateTime: dateTimeStyles: "Sloppy" is not one of the DateTimeStyles`)},
		{`FormatDateTime([x], [s], [i], [o])`, person{"x": "1", "o": "%d"}, failure(`FormatDateTime: inputFormat: the format is empty`)},
		{`FormatDateTime([x], [s], [i], [o])`, person{"x": "1", "i": "%d", "o": "z"}, failure(`FormatDateTime: outputFormat: there is no standard format "z"`)},
		{`FormatDateTime(CDate([x]), , "M/d/yyyy h:mm:ss tt", "yyyy-MM-dd")`, person{"x": "2020-03-16-07:00"}, "2020-03-16"},
		{`FormatDateTime(DateFromNum([x]), , "M/d/yyyy h:mm:ss tt", "yyyy-MM-dd")`, person{"x": "129699324000000000"}, "2012-01-01"},
		{`FormatDateTime(CDate([x]), , "yyyy-MM-ddTHH:mm:ssZ", "yyyy-MM-dd")`, person{"x": "2020-03-16"}, "2020-03-16"},
		{`FormatDateTime("10:30", , "HH:mm", "yyyy-MM-dd h:mm tt")`, nil, "2021-07-02 10:30 AM"},
		{`FormatDateTime("24 Dec", , "d MMM", "yyyy-MM-dd")`, nil, "2021-12-24"},
	},
	"comparisons": {
		{`IIF(CDate([x]) > Now(), "later", "now")`, person{"x": "2021-10-01"}, "later"}, // as text 1 < 7
		{`IIF(Now() >= [x], "now", "later")`, person{"x": "2021-07-02"}, "now"},
		{`CBool(CDate([x]) = [y])`, person{"x": "2020-03-16-07:00", "y": "2020-03-16T07:00:00Z"}, "True"},
		{`CBool(CDate([x]) <> [y])`, person{"x": "2020-03-16", "y": "2020-03-17"}, "True"},
		{`CBool(CDate([x]) < [y])`, person{"x": "2020-03-16"}, "False"},
		{`CBool(CDate([x]) < [y])`, person{"x": "2020-03-16", "y": "soon"}, failure(`the other side is a date, and "soon" is none: this is not a date`)},
	},
}

func TestDates(t *testing.T) {
	for name, cases := range dateRules {
		t.Run(name, func(t *testing.T) {
			for _, tc := range cases {
				tc.checkIn(t, &Environment{Now: documentedMoment})
			}
		})
	}
}

// Without a clock what reads it fails, and nothing else.
func TestNoClock(t *testing.T) {
	for _, tc := range []evalCase{
		{`Now()`, nil, failure("Now: the time of the evaluation is not known here")},
		{`DateAdd("d", 1, Now())`, nil, failure("Now: the time of the evaluation is not known here")},
		{`FormatDateTime("10:30", "HH:mm", "t")`, nil, failure("FormatDateTime: the time of the evaluation is not known here")},
		{`FormatDateTime("10:30", "NoCurrentDateDefault", "HH:mm", "t")`, nil, "10:30 AM"},
	} {
		tc.check(t)
		tc.checkIn(t, &Environment{})
	}
}

func TestNowIsUTC(t *testing.T) {
	at := documentedMoment.In(time.FixedZone("far west", -11*3600))
	evalCase{`Now()`, nil, "7/2/2021 3:33:38 PM"}.checkIn(t, &Environment{Now: at})
}
