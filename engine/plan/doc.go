// Package plan owns the decisions: from what is wanted and what is known of one person it says which change follows,
// why, and whether the change takes something away. It also prints what was decided, as text and as JSON.
//
// Nothing here reads or writes anything or looks at a clock, so a dry run and a live run cannot come to different
// decisions. When a change goes out, and what is done when it fails, is engine's business.
package plan
