package entratest

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"ringsync/connectors"
)

// Options says what kind of service to be. The zero value is a well-behaved tenant with real page sizes that takes
// any token.
type Options struct {
	Tenant  string // tenant id, appOwnerOrganizationId of the application; a GUID from the seed if ""
	App     string // application (client) id of the enterprise application; a GUID from the seed if ""
	AppName string // "RingCentral" if ""
	Token   string // the bearer token that requests must carry; "" takes any that is not empty, and none
	Domain  string // of the people that Populate makes; "contoso.com" if ""
	Seed    uint64 // of ids and of the people that Populate makes

	// PageSize caps every page, whatever $top asks for. 0: 100 rows by default and 999 at most in lists, 200 objects
	// or 500 members in deltas.
	PageSize   int
	EmptyPages bool // every page with rows is preceded by an empty one
	RepeatRows bool // pages begin with the last row of the one before; deltas repeat objects within a page as well
	// Lag is how many delta requests pass after a change before deltas show it.
	Lag         int
	ReplayDelta bool // every delta round begins with the last few changes of the round before

	// Permissions are those granted to the caller, such as "User.Read.All"; nil grants everything.
	Permissions          []string
	NoDirectoryRead      bool // Directory.Read.All is missing, whatever Permissions says: getByIds answers 403
	IgnoreGetByIDsSelect bool // getByIds returns the default properties whatever $select says

	// Units is the number of resource units in the token bucket, refilled every 10 seconds (a small tenant has 3,500).
	// 0 never throttles.
	Units int

	Now func() time.Time // time.Now if nil
}

// Directory is a tenant's directory with one enterprise application. All methods may be called concurrently.
type Directory struct {
	options Options
	now     func() time.Time
	granted map[string]bool // nil: everything
	routes  []route
	secret  uint64 // keeps tokens of one directory from working at another

	mu          sync.RWMutex
	random      *rand.Rand
	byID        map[string]*object
	byUPN       map[string]*object // in lower case; soft-deleted people under their changed name
	byKind      [len(entities)][]*object
	app         *object
	roles       []Role
	assignments []*assignment // ended ones keep their place, as members do
	log         []change
	last        map[changeKey]int // newest entry of the log for each subject

	hooks    hooks
	throttle throttle
	tokens   tokens
	requests counter
	deltas   atomic.Int64 // delta requests served, the clock of Options.Lag
	serial   atomic.Uint64
}

// New returns an empty directory that knows its application and nobody else.
func New(o Options) *Directory {
	d := &Directory{
		options: o, now: o.Now,
		random: rand.New(rand.NewPCG(o.Seed, 0x656e747261)),
		byID:   make(map[string]*object), byUPN: make(map[string]*object), last: make(map[changeKey]int),
	}
	if d.now == nil {
		d.now = time.Now
	}
	if o.Permissions != nil || o.NoDirectoryRead {
		d.granted = grants(o)
	}
	d.secret = d.random.Uint64()
	tenant, appID, name := o.Tenant, o.App, o.AppName
	if tenant == "" {
		tenant = d.guid()
	}
	if appID == "" {
		appID = d.guid()
	}
	if name == "" {
		name = "RingCentral"
	}
	if o.Domain == "" {
		d.options.Domain = "contoso.com"
	}
	d.options.Tenant, d.options.App = tenant, appID
	d.app = d.create(principalKind, "", map[string]any{
		"displayName": name, "appDisplayName": name, "appId": appID, "appOwnerOrganizationId": tenant,
		"accountEnabled": true, "appRoleAssignmentRequired": true, "servicePrincipalType": "Application",
		"signInAudience": "AzureADMyOrg", "servicePrincipalNames": []string{appID}, "appRoles": []Role{},
		"tags": []string{"WindowsAzureActiveDirectoryIntegratedApp"},
	})
	d.routes = d.routeTable()
	return d
}

// Tenant returns the tenant's id.
func (d *Directory) Tenant() string { return d.options.Tenant }

// AppID returns the application (client) id, which configurations name.
func (d *Directory) AppID() string { return d.options.App }

// ServicePrincipal returns the object id of the enterprise application, the parent of assignments.
func (d *Directory) ServicePrincipal() string { return d.app.id }

// guid draws a random GUID (RFC 9562, version 4).
func (d *Directory) guid() string { return formatGUID(d.random.Uint64(), d.random.Uint64()) }

func formatGUID(hi, lo uint64) string {
	return fmt.Sprintf("%08x-%04x-4%03x-%04x-%012x", uint32(hi>>32), uint16(hi>>16), hi&0xfff, 0x8000|lo>>48&0x3fff, lo&0xffffffffffff)
}

// create makes a live object without recording the change. An id already taken is replaced by a new one.
func (d *Directory) create(k kind, id string, fields map[string]any) *object {
	id = connectors.FoldID(id)
	if id == "" || d.byID[id] != nil {
		id = d.guid()
	}
	o := &object{kind: k, id: id, props: make([]property, 0, len(fields)+1)}
	o.set("id", encode(id))
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if name != "id" {
			o.props = append(o.props, property{name, encode(fields[name])})
		}
	}
	d.byID[id] = o
	d.byKind[k] = append(d.byKind[k], o)
	return o
}

// find returns the live object of that kind and id, or nil.
func (d *Directory) find(k kind, id string) *object {
	if o := d.byID[connectors.FoldID(id)]; o != nil && o.kind == k && o.life == live {
		return o
	}
	return nil
}

// findUser takes an id or a userPrincipalName, as /users/{id | userPrincipalName} does.
func (d *Directory) findUser(key string) *object {
	if o := d.find(userKind, key); o != nil {
		return o
	}
	if o := d.byUPN[strings.ToLower(key)]; o != nil && o.life == live {
		return o
	}
	return nil
}

// assignment is one app role granted to one principal (Graph resource appRoleAssignment).
type assignment struct {
	id        string
	principal *object
	role      string
	created   time.Time
	ended     bool
}

// shown reports whether appRoleAssignedTo lists the assignment. A soft-deleted principal is not listed and comes
// back with its assignments when restored.
func (a *assignment) shown() bool { return !a.ended && a.principal.life == live }

// assignmentID builds an id of the form seen in Graph: unpadded base64url of 32 bytes, the first 16 being principalId
// as a little-endian GUID.
func (d *Directory) assignmentID(principal string) string {
	var b [32]byte
	// An id that is no GUID gives what decodes of it; only real ids have the form.
	raw, _ := hex.DecodeString(strings.ReplaceAll(principal, "-", ""))
	copy(b[:16], raw)
	b[0], b[1], b[2], b[3] = b[3], b[2], b[1], b[0]
	b[4], b[5] = b[5], b[4]
	b[6], b[7] = b[7], b[6]
	for i := 16; i < 32; i++ {
		b[i] = byte(d.random.Uint32())
	}
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// Role is an app role that the application declares (Graph resource appRole).
type Role struct {
	ID          string   `json:"id"`
	Value       string   `json:"value"`
	DisplayName string   `json:"displayName"`
	Description string   `json:"description"`
	Enabled     bool     `json:"isEnabled"`
	MemberTypes []string `json:"allowedMemberTypes"` // User, Application
	Origin      string   `json:"origin"`
}

// counter counts requests by route template.
type counter struct {
	mu sync.Mutex
	n  map[string]int
}

func (c *counter) add(template string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = make(map[string]int)
	}
	c.n[template]++
}

// Requests returns the number of requests served since the last ResetRequests by method and route template, such as
// "GET /groups/{id}/members". The items of a batch count as "$batch GET /users", the batch itself as "POST /$batch".
func (d *Directory) Requests() map[string]int {
	d.requests.mu.Lock()
	defer d.requests.mu.Unlock()
	out := make(map[string]int, len(d.requests.n))
	maps.Copy(out, d.requests.n)
	return out
}

// ResetRequests starts counting anew.
func (d *Directory) ResetRequests() {
	d.requests.mu.Lock()
	defer d.requests.mu.Unlock()
	d.requests.n = nil
}

// hooks are the functions that a test sets with OnRequest and Fault.
type hooks struct {
	mu    sync.RWMutex
	onReq func(*http.Request)
	fault func(*http.Request) *Fault
}
