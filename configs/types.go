package configs

import (
	"ringsync/connectors"
)

// Config is one job of ringsync: whom to read from Microsoft Entra ID and what to keep equal at RingCentral.
// Any text may hold ${NAME}, a variable of the environment, and ${file:PATH}, the content of a file; $${ stands for ${ itself.
type Config struct {
	// Name of the job, in logs and as the state file's name: letters, digits, dots, dashes and underscores.
	Job         string      `yaml:"job" jsonschema:"required,pattern=^([A-Za-z0-9_][A-Za-z0-9._-]*|.*\\$\\{.*)$"`
	Source      Source      `yaml:"source" jsonschema:"required"`
	Target      Target      `yaml:"target" jsonschema:"required"`
	Schedule    Schedule    `yaml:"schedule"`
	Users       Users       `yaml:"users"`
	Deprovision Deprovision `yaml:"deprovision"`
	Safety      Safety      `yaml:"safety"`
	Quarantine  Quarantine  `yaml:"quarantine"`
	Notify      Notify      `yaml:"notify"`
	State       State       `yaml:"state"`
	Log         Log         `yaml:"log"`

	doc *document
}

// Source is the Microsoft Entra tenant, and the enterprise application whose assignments say who is in scope.
type Source struct {
	// Tenant id (a GUID) or a verified domain of the tenant.
	Tenant string `yaml:"tenant" jsonschema:"required"`
	// Application (client) id of the enterprise application whose assigned users and groups are read.
	App string `yaml:"app" jsonschema:"required"`
	// Microsoft cloud that the tenant is in.
	Cloud string `yaml:"cloud" jsonschema:"enum=public,enum=usgov,enum=usgov-dod,enum=china,default=public"`
	// Another Microsoft Graph base URL, version included, such as http://127.0.0.1:8041/v1.0. Plain http only on loopback.
	Endpoint   string     `yaml:"endpoint"`
	Credential Credential `yaml:"credential" jsonschema:"required"`
	// Who is in scope: the people assigned to the application, directly or through a group, or everybody in the tenant.
	Scope string `yaml:"scope" jsonschema:"enum=assigned,enum=all,default=assigned"`
	// Whether members of groups inside an assigned group are in scope too. Microsoft's own provisioning leaves them out.
	NestedGroups bool `yaml:"nested_groups" jsonschema:"default=false"`
	// What an assignment with the Default Access role is worth: auto leaves it out when the application declares roles
	// that users can be given.
	DefaultAccess string `yaml:"default_access" jsonschema:"enum=auto,enum=include,enum=exclude,default=auto"`
}

// Credential is how ringsync signs in to Microsoft Graph. Keys that the kind has no use for are refused.
type Credential struct {
	// Kind of credential. static (a ready-made token) is for loopback endpoints only.
	Kind string `yaml:"kind" jsonschema:"required,enum=client-secret,enum=client-certificate,enum=workload-identity,enum=managed-identity,enum=default,enum=static"`
	// Client id of the app registration, or of a user-assigned managed identity.
	ClientID string `yaml:"client_id"`
	// Client secret, for client-secret.
	ClientSecret Secret `yaml:"client_secret"`
	// File with certificate and private key (PEM or PKCS #12), for client-certificate; relative to this file's folder.
	Certificate string `yaml:"certificate"`
	// Password of the certificate file, if it has one.
	CertificatePassword Secret `yaml:"certificate_password"`
	// Bearer token, for static.
	Token Secret `yaml:"token"`
}

// Target is RingCentral's SCIM service.
type Target struct {
	// SCIM base URL, such as https://platform.ringcentral.com/scim/v2. Plain http only on loopback.
	URL string `yaml:"url" jsonschema:"required"`
	// SCIM token of the RingCentral account.
	Token Secret `yaml:"token"`
	OAuth *OAuth `yaml:"oauth"`
	// What becomes of an address that RingCentral would refuse, and the whole person with it: it is left out with a
	// warning, or the person fails.
	Address string `yaml:"address" jsonschema:"enum=warn,enum=fail,default=warn"`
	// Share of RingCentral's rate limits that ringsync may use up; the rest is left to the account's other apps.
	RateShare float64 `yaml:"rate_share" jsonschema:"exclusiveMinimum=0,maximum=1,default=1"`
	// Requests in flight at most.
	Concurrency int `yaml:"concurrency" jsonschema:"minimum=1,maximum=256,default=16"`
	// Share of the read budget for re-reading accounts in the background, to see changes made at RingCentral; 0 is off.
	AuditShare float64 `yaml:"audit_share" jsonschema:"minimum=0,maximum=1,default=0"`
}

// OAuth is the JWT bearer grant of a RingCentral app, instead of a SCIM token.
type OAuth struct {
	// Token endpoint, such as https://platform.ringcentral.com/restapi/oauth/token.
	URL string `yaml:"url" jsonschema:"required"`
	// Client id of the RingCentral app.
	ClientID string `yaml:"client_id" jsonschema:"required"`
	// Client secret of the RingCentral app.
	ClientSecret Secret `yaml:"client_secret" jsonschema:"required"`
	// JWT credential of the service user.
	JWT Secret `yaml:"jwt" jsonschema:"required"`
}

// Schedule says when ringsync run reads the source: a duration from 1s (40m), or a cron expression (0 3 * * 0), in UTC
// unless it begins with TZ=.
type Schedule struct {
	// Incremental cycles.
	Incremental string `yaml:"incremental" jsonschema:"default=40m"`
	// Full cycles.
	Full string `yaml:"full" jsonschema:"default=0 3 * * 0"`
}

// Users says what is done with people, with which of them, and what is written about them.
type Users struct {
	// What may be done at RingCentral. delete is final there, and must be chosen here and under deprovision.
	Actions []string `yaml:"actions" jsonschema:"minItems=1,uniqueItems=true,enum=create,enum=update,enum=disable,enum=delete,default=create,default=update,default=disable"`
	// Scoping filters: a person is in scope if all clauses of any one filter hold. None: everybody assigned is.
	Filters []Filter `yaml:"filters"`
	// Attribute mappings. Absent: the default mapping for RingCentral.
	Attributes []Attribute `yaml:"attributes" jsonschema:"minItems=1"`
}

// Filter is one scoping filter, named for the log.
type Filter struct {
	// Name for logs and explanations.
	Name string `yaml:"name"`
	// Clauses that must all hold.
	All []Clause `yaml:"all" jsonschema:"required,minItems=1"`
}

// Clause compares one source attribute with a value.
type Clause struct {
	// Source attribute, such as department.
	Attribute string `yaml:"attribute" jsonschema:"required"`
	// Operator, by Entra's name: EQUALS, NOT EQUALS, IS TRUE, IS FALSE, IS NULL, IS NOT NULL, REGEX MATCH,
	// NOT REGEX MATCH, Greater_Than, Greater_Than_OR_EQUALS, Includes, ENDS_WITH; Less_Than and Less_Than_OR_EQUALS are
	// ringsync's own.
	Operator string `yaml:"operator" jsonschema:"required"`
	// Value to compare with; none for the IS operators. For a date 2026-01-31, an instant, today, or today-90d.
	Value string `yaml:"value"`
	// How many values of a multi-valued attribute have to pass.
	Multivalued string `yaml:"multivalued" jsonschema:"enum=any,enum=all"`
}

// Attribute maps one attribute: target, and exactly one of source, expression and constant.
type Attribute struct {
	// Target attribute, a SCIM path such as name.givenName or emails[type eq "work"].value.
	Target string `yaml:"target" jsonschema:"required"`
	// Source attribute whose value is taken as it is.
	Source string `yaml:"source"`
	// Expression in Entra's mapping language.
	Expression string `yaml:"expression"`
	// Constant for everybody.
	Constant *string `yaml:"constant"`
	// Matching order: 1 is looked up first when somebody's account is searched. Absent: not a matching attribute.
	Match int `yaml:"match" jsonschema:"minimum=1"`
	// Value when the source has none, sent when an account is created.
	Default *connectors.Value `yaml:"default"`
	// When the attribute is sent: always, or only when the account is created.
	Apply string `yaml:"apply" jsonschema:"enum=always,enum=create,default=always"`
	// What becomes of the attribute at RingCentral when the source has no value: it is kept, or cleared.
	WhenNull string `yaml:"when_null" jsonschema:"enum=keep,enum=clear,default=keep"`
}

// Deprovision says what happens to the account of somebody who leaves, by cause: disable it, delete it (needs delete
// in users.actions), or keep it as it is.
type Deprovision struct {
	// No longer assigned, directly or through a group.
	Unassigned string `yaml:"unassigned" jsonschema:"enum=disable,enum=delete,enum=keep,default=disable"`
	// Assigned, but no scoping filter lets the person in.
	OutOfScope string `yaml:"out_of_scope" jsonschema:"enum=disable,enum=delete,enum=keep,default=disable"`
	// The Entra account is disabled (accountEnabled false).
	Disabled string `yaml:"disabled" jsonschema:"enum=disable,enum=delete,enum=keep,default=disable"`
	// The Entra account is deleted and can still be restored.
	SoftDeleted string `yaml:"soft_deleted" jsonschema:"enum=disable,enum=delete,enum=keep,default=disable"`
	// The Entra account is gone for good.
	HardDeleted string `yaml:"hard_deleted" jsonschema:"enum=disable,enum=delete,enum=keep,default=disable"`
}

// Safety limits what one mistake in the directory can do.
type Safety struct {
	Removals Removals `yaml:"removals"`
	// People whose accounts are never written: userName, userPrincipalName or mail.
	Protect []string `yaml:"protect"`
	// Which accounts that ringsync did not make it may link: those without an externalId, those marked by another tool
	// too (moving in from Entra), or none.
	Adopt string `yaml:"adopt" jsonschema:"enum=unclaimed,enum=always,enum=never,default=unclaimed"`
}

// Removals is the accidental-removal limit: above it, accounts to disable, delete or rename wait for approval.
type Removals struct {
	// Removals within 24 hours that need no approval.
	Count int `yaml:"count" jsonschema:"minimum=0,default=25"`
	// The same as a percentage of the active linked people.
	Percent float64 `yaml:"percent" jsonschema:"minimum=0,maximum=100,default=10"`
	// Number of linked people from which the percentage counts; below it, half of them is the limit.
	From int `yaml:"from" jsonschema:"minimum=0,default=20"`
}

// Quarantine says how many failures make a job slow down and call for help.
type Quarantine struct {
	// Attempts within 24 hours before the percentage counts.
	MinAttempts int `yaml:"min_attempts" jsonschema:"minimum=1,default=20"`
	// Percentage of distinct people whose first attempt failed.
	FailurePercent float64 `yaml:"failure_percent" jsonschema:"minimum=1,maximum=100,default=40"`
}

// Notify says who hears of what needs a person: quarantine, held removals, missing licences, credentials that end, cycles
// that fail, and that these are over. Only ringsync run tells.
type Notify struct {
	Email   *Email   `yaml:"email"`
	Webhook *Webhook `yaml:"webhook"`
}

// Email is where messages go by mail.
type Email struct {
	// Recipients.
	To []string `yaml:"to" jsonschema:"required,minItems=1"`
	// Sender.
	From string `yaml:"from" jsonschema:"required"`
	SMTP SMTP   `yaml:"smtp" jsonschema:"required"`
}

// SMTP is the server that takes the mail.
type SMTP struct {
	// Host name, as in its certificate.
	Host string `yaml:"host" jsonschema:"required"`
	// Port.
	Port int `yaml:"port" jsonschema:"minimum=1,maximum=65535,default=587"`
	// User name, if the server asks for one.
	Username string `yaml:"username"`
	// Password of that user.
	Password Secret `yaml:"password"`
	// Encryption: starttls (which the server must offer), tls from the first byte on, or none; auto is tls on port 465 and
	// starttls on every other.
	TLS string `yaml:"tls" jsonschema:"enum=auto,enum=starttls,enum=tls,enum=none,default=auto"`
}

// Webhook is where messages go by HTTP POST.
type Webhook struct {
	// Where to post; it may have a query. Plain http only on loopback.
	URL string `yaml:"url" jsonschema:"required"`
	// Key of the signature by which the receiver knows the sender. None: nothing is signed.
	Secret Secret `yaml:"secret"`
}

// Log says how long the provisioning log is kept, and where a copy of it goes.
type Log struct {
	// How long entries are kept: a duration such as 90d, 12h or 1h30m; 0 is for ever.
	Keep string `yaml:"keep" jsonschema:"default=90d"`
	// How much space entries may take before the oldest go: a number with KB, MB or GB (of 1,000) or KiB, MiB or GiB (of
	// 1,024); 0 is without limit. With state.etcd the default is 4MB.
	Size string `yaml:"size" jsonschema:"default=512MB"`
	// A file that gets each entry as a line of JSON too, for other programs; relative to this file's folder.
	File string `yaml:"file"`
}

// State says where the job's memory is kept.
type State struct {
	// The state file, relative to this file's folder. Absent: the job's name with .db. Not beside etcd.
	Path string `yaml:"path"`
	Etcd *Etcd  `yaml:"etcd"`
}

// Etcd keeps the state in an etcd cluster, so that several machines can serve the job: one at a time, and another when
// that one is gone. All jobs of a fleet have the same.
type Etcd struct {
	// Addresses of the cluster's members, such as https://etcd-1:2379. Plain http only on loopback.
	Endpoints []string `yaml:"endpoints" jsonschema:"required,minItems=1"`
	// What all keys of ringsync in the cluster begin with.
	Prefix string `yaml:"prefix" jsonschema:"default=ringsync/"`
	// How long a machine that has vanished keeps its jobs before another takes them: whole seconds from 5s to 5m.
	Lease string `yaml:"lease" jsonschema:"default=15s"`
	// User name, if the cluster asks for one.
	Username string `yaml:"username"`
	// Password of that user.
	Password Secret `yaml:"password"`
	TLS      *TLS   `yaml:"tls"`
}

// TLS names the files of a TLS client, relative to this file's folder.
type TLS struct {
	// Certificates of the authorities to trust. Absent: those of the system.
	CA string `yaml:"ca"`
	// Client certificate.
	Cert string `yaml:"cert"`
	// Private key of the client certificate.
	Key string `yaml:"key"`
}
