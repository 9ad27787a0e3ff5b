// Package connectors owns the vocabulary that both sides of a job share: rows of values in fixed slots, schemas,
// the edges that say who belongs to what, and errors sorted by what the caller does about them.
//
// It knows no service. The folders below it do: entra reads Microsoft Graph, scim speaks RFC 7643/7644, ringcentral
// adds what RingCentral makes of it. None of them imports another part of ringsync.
package connectors
