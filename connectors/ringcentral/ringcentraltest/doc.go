// Package ringcentraltest owns an emulated RingCentral account: the SCIM 2.0 API below /scim/v2 as RingCentral
// documents it and as its published examples and its users show it, the token endpoint of the JWT bearer grant, and
// the list of extensions of the REST API, for tests, the demo and the sandbox.
//
// It is as strict and as awkward as the real service is known to be. Where the public material is silent it takes the
// reading that is harder on a client: unknown attributes are refused, PATCH takes RFC 7644's shapes only, lists leave
// out telephone numbers and addresses, countries and telephone numbers come back rewritten, the numbers that
// RingCentral assigns sit among those that the client wrote, times and locations in meta mean nothing.
//
// An Account is an http.Handler and listens nowhere by itself. It keeps everything in memory and takes its time from
// Options.Now, but sleeps (Options.Latency, Fault.Delay) on package time's clock, so that a testing/synctest bubble
// with an in-memory transport sees both run on virtual time.
//
// The description of the API that requests and replies are held against is in the folder contract, which is for tests
// only. Of the REST API beside SCIM only what reads extensions is emulated.
package ringcentraltest
