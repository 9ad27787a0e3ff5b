// Package state owns the durable records of one job: people, the edges that put them in scope, the outbox, marks, the
// provisioning log and the history of cycles. It keeps them over a small ordered key-value contract (DB), which the
// folders below it meet: bolt on one machine. What the records mean is engine's business.
//
// Caveats: one Update runs at a time; what a View returns is a copy and may be kept.
package state
