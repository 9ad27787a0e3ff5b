// Package entra owns everything that is said to Microsoft Graph: signing in, which requests tell who is assigned to an
// enterprise application and what they look like, how pages become rows, and how long to wait when the service says so.
//
// It is stateless and emits facts (connectors.Sink): who belongs to what, what a person looks like now, and a mark from
// which changes can be read later. Who is reachable over those edges, what becomes of them and where facts are kept is
// the caller's business.
//
// Caveats. Requests go through the Graph SDK's core adapter, never through its generated request builders: those take
// minutes to compile and cannot tell null from absent. A body has come whole before anything of it is emitted, so one cut
// short emits nothing; of one that is garbled further on, what comes before that may have been emitted. Nothing is ever
// waited for between two pages: skip tokens live minutes.
package entra
