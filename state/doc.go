// Package state owns the durable records of one job: people, the edges that put them in scope, the outbox, marks, the
// provisioning log and the history of cycles. Store keeps them over a small ordered key-value contract (DB), which the
// folders below it meet: bolt on one machine. What the records mean is engine's business.
//
// Caveats: one Update runs at a time, and a View must not wait for one (a store that maps a file cannot grow it under
// a reader). What a Store returns is a copy and may be kept. Ids are compared as they are: fold them first
// (connectors.FoldID).
package state
