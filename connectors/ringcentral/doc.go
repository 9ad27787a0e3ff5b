// Package ringcentral owns what RingCentral makes of SCIM: which attributes its users have and what it accepts in
// them (Schema, Fit), how it is searched, the shape of writes that do not lose a person's own numbers, its two error
// bodies sorted into faults, how to sign in, and its rate limits, of which it uses all it may and never a request more.
//
// It leaves the wire format to connectors/scim, and to its caller which account to write, when, in what order, and
// whether a write whose outcome is unknown took effect. It knows nothing of sources, mappings or dry runs.
//
// Caveats: one process should hold a credential, since two pacers do not see each other's requests. A write is never
// repeated here, but for one that was refused together with its token. SCIM's lists carry neither phone numbers nor
// addresses (Attribute.Unlisted says so); the REST API's do, if the token opens it.
package ringcentral
