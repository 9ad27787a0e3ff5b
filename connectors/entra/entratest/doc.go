// Package entratest owns an emulator of Microsoft Graph v1.0 as a provisioning source: a directory of users, groups
// and one enterprise application, served the way the real service serves it, awkwardness included.
//
// It is an http.Handler for tests, for the demo and for the sandbox; whoever uses it brings the listener. A person
// can change the directory through it with the same requests that change a real tenant. Tests do so with the methods
// of Directory, and use hooks to inject faults or to change the directory in the middle of a read.
//
// Where Microsoft's documentation is silent, the emulator takes the reading that is harder on the client.
//
// Caveats: no access token is ever inspected beyond comparing it. Filters know eq, in, startswith and or, which is
// what a provisioning source sends; everything else is refused as an unsupported query. The directory lives in
// memory, and hard-deleted objects are remembered for the benefit of delta queries.
package entratest
