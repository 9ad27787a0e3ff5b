// Package entraschema owns the import of an Entra provisioning schema (Graph resource synchronizationSchema; the portal's
// "Review your schema here" download): reading it however it was saved, and translating its user mapping into attribute
// mappings and scoping filters that package mapping accepts.
//
// What comes of it is written by package configs; what RingCentral makes of the values is its own connector's business.
// It does no I/O.
//
// Two rules hold throughout. What is imported always compiles: what does not is left out with the reason. And nothing is
// left out in silence: whatever the export says that has no counterpart is a Note with its place in the export.
//
// Caveats: an export holds neither the job's scope (assigned or everybody) nor its notification and accidental-deletion
// settings nor any secret; those are kept elsewhere in Entra.
package entraschema
