package connectors

import "strings"

// Slots gives each selected attribute a fixed place, so that a row is a slice and not a map. They are filled while
// the configuration is compiled and only read afterwards.
type Slots struct {
	names []string
	index map[string]int
}

// The source attributes that the engine itself needs: who somebody is, how to name them to people, and whether the
// account is enabled. NewSourceSlots puts them first.
const (
	SlotID = iota
	SlotUserPrincipalName
	SlotDisplayName
	SlotAccountEnabled
)

// The computed source attributes. No connector reads them: the engine fills them in before a row is mapped.
const (
	AttrIsSoftDeleted      = "IsSoftDeleted"      // Bool
	AttrAppRoleAssignments = "appRoleAssignments" // List of Object {id, value, displayName}
)

// NewSlots returns slots for the names, in their order.
func NewSlots(names ...string) *Slots {
	s := &Slots{index: make(map[string]int, len(names))}
	for _, n := range names {
		s.Add(n)
	}
	return s
}

// NewSourceSlots returns slots that begin with what the engine needs of every person.
func NewSourceSlots() *Slots {
	return NewSlots("id", "userPrincipalName", "displayName", "accountEnabled")
}

// Add returns the slot of name, a new one if it has none.
func (s *Slots) Add(name string) int {
	if i, ok := s.index[name]; ok {
		return i
	}
	i := len(s.names)
	s.names = append(s.names, name)
	s.index[name] = i
	return i
}

// Index returns the slot of name.
func (s *Slots) Index(name string) (int, bool) { i, ok := s.index[name]; return i, ok }

// Names returns the names in slot order. It is not to be changed.
func (s *Slots) Names() []string { return s.names }

// Len returns the number of slots.
func (s *Slots) Len() int { return len(s.names) }

// IsComputed reports whether the engine and not the source supplies the attribute.
func IsComputed(name string) bool { return name == AttrIsSoftDeleted || name == AttrAppRoleAssignments }

// Removal says how an object left the source.
type Removal uint8

const (
	NotRemoved  Removal = iota
	SoftDeleted         // restorable; Graph: @removed.reason "changed", or found in deletedItems
	HardDeleted         // gone for good; Graph: @removed.reason "deleted", or found nowhere
)

// Row is one person as the source describes them now, whole: a value for each slot. A removed person's row has only
// the id.
type Row struct {
	ID      string
	Values  []Value
	Removed Removal
}

// Name returns what to call the person in a message: userPrincipalName, or else the id.
func (r Row) Name() string {
	if len(r.Values) > SlotUserPrincipalName {
		if s := r.Values[SlotUserPrincipalName].Text(); s != "" {
			return s
		}
	}
	return r.ID
}

// Edge says that Child belongs to Parent directly, or no longer does: a member of a group, or an assignment to the
// application (Parent is then the service principal's id and Role the appRoleId).
type Edge struct {
	Child, Parent string
	Role          string // appRoleId of an assignment; "" for group membership
	Group         bool   // Child is a group, not a person
	Present       bool
}

// AppRole is a role that the application declares (Graph resource appRole).
type AppRole struct {
	ID, Value, DisplayName string
	Enabled                bool
	ForUsers               bool // allowedMemberTypes has "User"
}

// App is the enterprise application whose assignments decide who is in scope.
type App struct {
	ID          string // service principal object id
	AppID       string
	DisplayName string
	TenantID    string // appOwnerOrganizationId is not it: this is the tenant that was read
	Roles       []AppRole
	// DefaultAccess: by the rule, assignments with the Default Access role count (the application declares no role that
	// users can be given), whatever the configuration says.
	DefaultAccess bool
}

// DefaultAccessRole is the appRoleId of an assignment without a specific role (Graph resource appRoleAssignment).
const DefaultAccessRole = "00000000-0000-0000-0000-000000000000"

// Resource is one account at the target: a value for each target slot. A slot is Absent when this answer does not
// carry the attribute at all (lists omit phones and addresses) and Null when it shows the attribute empty.
type Resource struct {
	ID     string
	Values []Value

	// What the engine needs of every account, whether mapped or not.
	UserName   string
	ExternalID string
	Active     bool
}

// FoldID returns the form in which object ids are compared and stored: Graph writes GUIDs in lower case, people and
// other tools do not always.
func FoldID(id string) string { return strings.ToLower(strings.TrimSpace(id)) }
