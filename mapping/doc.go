// Package mapping owns attribute mappings: what a person's row at the source says that the target should have. Rules
// and scoping filters are checked and compiled once, against what both sides offer, and then applied to every row,
// always to the whole of it.
//
// It leaves the expression language to package expr and scoping to package filter; what the target will accept of the
// wanted values is the target's own business (fit), and what of them has to be sent is decided in the engine. It does
// no I/O and reads no clock.
//
// What a null means is Entra's rule: it is not sent, so the target keeps what it has, unless the rule says
// when_null: clear. An empty text is a value like any other. A default stands in for null on create only.
package mapping
