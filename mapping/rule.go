package mapping

import (
	"fmt"

	"ringsync/connectors"
)

// Rule is one attribute mapping as it is written. Exactly one of Source, Expression and Constant is given.
type Rule struct {
	Target string // attribute of the target, such as emails[type eq "work"].value

	Source     string  // attribute of the source, copied as it is
	Expression string  // expression of Entra's language
	Constant   *string // the same text for everyone

	// Match, if not zero, makes the attribute a matching one; lower numbers are asked first.
	Match int
	// Default is what a create sends in place of null. Nil, null and empty texts are no default.
	Default *connectors.Value
	// Apply is when the rule counts: "always" (or empty), or "create" to leave an existing account alone.
	Apply string
	// WhenNull is what a null does to an existing account: "keep" (or empty), or "clear".
	WhenNull string
}

// Error is what is wrong with one field of one rule, of one clause of a scoping filter, or of the mapping as a whole.
type Error struct {
	// Filter tells that Index counts scoping filters and Clause the clauses of one, -1 for the filter itself.
	// Otherwise Index counts rules, -1 for the mapping itself.
	Filter        bool
	Index, Clause int
	// Field is the key of the rule (target, source, expression, constant, match, default, apply, when_null) or of the
	// clause (attribute, operator, value, multivalued; all for a filter's list of clauses); "" if no field is to blame.
	Field string
	// Target is the rule's target attribute, as written.
	Target string
	Err    error // *expr.Error if an expression is wrong: it can draw a caret
}

func (e *Error) Error() string {
	if e.Filter || e.Index < 0 { // a filter's error names filter and clause
		return e.Err.Error()
	}
	rule := fmt.Sprintf("attribute mapping %d", e.Index+1)
	if e.Target != "" {
		rule = "attribute mapping of " + e.Target
	}
	if e.Field != "" {
		rule += ", " + e.Field
	}
	return rule + ": " + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }
