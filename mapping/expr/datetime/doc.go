// Package datetime owns the text of dates as .NET reads and writes it, which is what Entra's date functions speak:
// custom and standard format strings in both directions, and the free form that CDate takes. What dates are for
// (adding, comparing, numbering) it leaves to package expr.
//
// The culture is en-US with the Gregorian calendar, and local time is UTC, as in the service itself. Times count in
// ticks of 100 nanoseconds, from year 1 to year 9999. It reads no clock: where .NET fills in today's date, the caller
// says what today is.
//
// What people get wrong:
//
//   - Letter case decides: MM is the month and mm the minute, HH the hour of 24 and hh the hour of 12.
//   - A format of one letter is a standard format. %d is the day, d the short date.
//   - Reading and writing differ: Z is the name of the UTC zone when read, and a plain letter when written.
package datetime
