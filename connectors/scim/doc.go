// Package scim owns SCIM 2.0 on the wire, whoever the vendor: attribute paths, the way from a path to JSON and back,
// the bodies of POST and PATCH, list pages, filters, error bodies and discovery documents (RFC 7643, RFC 7644).
//
// It sends nothing: the vendor's package owns requests, their pace and what an error means for the caller. What an
// account may hold is the vendor's schema.
//
// Caveats: attribute names are compared without regard to letter case, as RFC 7643, section 2.1 asks; bodies must be
// whole JSON documents; the value filter of a path is a conjunction of eq comparisons, since nothing else says what a
// new element is to look like.
package scim

// The schema URNs that bodies name (RFC 7643, section 8.7; RFC 7644, section 8.2).
const (
	CoreUser       = "urn:ietf:params:scim:schemas:core:2.0:User"
	EnterpriseUser = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	patchOp        = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
)
