// Package engine owns a job at work: a cycle that reads the source, decides for every person, and an exporter that
// sends what was decided. Decisions themselves are in engine/plan, records in state, attribute values in mapping;
// what the two services are like is known only to the connectors behind Source and Target.
//
// # The way of one change
//
// Reading fills person records with what is wanted. Deciding puts the keys of people with something to send into the
// outbox, an ordered set of keys without copies. The exporter takes a key, compares what is wanted with what is known
// at that moment, sends the difference and commits the result, the log entry and the removal of the key together.
// A crash anywhere leaves a record that the next run understands: see commit.go.
//
// # Caveats
//
// Nobody is removed because they were not seen: Job.absent asks first. A dry run is this code over a TargetReader,
// which has no method that writes, and a state that keeps its changes in memory.
package engine
