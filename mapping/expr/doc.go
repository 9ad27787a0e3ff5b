// Package expr owns the expression language of Entra's attribute mappings: its grammar, its function table, its
// checks and its evaluation. An expression is compiled once against the attributes a source offers and then
// evaluated for every person; evaluation is pure and reads no clock.
//
// It leaves to package mapping what a result means for a target attribute (types, defaults, nulls), and to the
// caller where attributes live in a row.
//
// What people get wrong:
//
//   - Between functions everything is text, or a list of texts. Booleans are the texts "True" and "False".
//   - Null and the empty text differ. Coalesce skips null only; a null result is not sent to the target, an empty
//     text is. Functions that transform text give null for null, unless documented otherwise (Left, Word).
//   - A comparison with null is false, whichever its operator, as it is in scoping filters.
//   - Text compares with regard to letter case.
//   - A list is not text: a function that takes one value accepts a list of one, and fails on more.
//   - A backslash in text is written twice, so a digit in a regular expression is "\\d". A single backslash before
//     anything but a backslash or quote stands for itself.
package expr
