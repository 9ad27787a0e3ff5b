package connectors

// Sink takes the facts that a source reads, in the order in which they hold: a later fact about the same thing wins,
// and repeats are harmless. A source calls it from one goroutine at a time. An error ends the read.
type Sink interface {
	// App describes the application; it comes first.
	App(App) error
	// Row describes one person, whole. The row and its values may be kept; the slice of values may not.
	Row(Row) error
	// Edge says who belongs to what.
	Edge(Edge) error
	// Complete says that every present edge below parent (a group, or the application's service principal) has been
	// emitted since the read began, so edges known before and not repeated are gone. With scope "all" the parent
	// EveryUser is completed once every user of the tenant has been emitted as a Row.
	Complete(parent string) error
	// Incomplete says that what is below parent could not be read, and why. Nobody is removed on account of it.
	Incomplete(parent string, why error) error
	// Mark gives the opaque watermark from which changes can be read later. It comes last.
	Mark([]byte) error
}

// EveryUser is the parent that Complete names when all users of the tenant have been read.
const EveryUser = "*"

// Standing is the answer to one question asked about one person alone, before a removal: where do they stand now?
type Standing struct {
	ID  string
	Row Row // whole if the person exists; Removed set if they do not
	// Groups are the ids of every group that the person belongs to now (directly, or through nesting if nested groups
	// are followed).
	Groups []string
	// Doubt, if not nil, is why the question could not be answered. The rest then means nothing.
	Doubt error
}

// ListSummary is what a walk over the target's whole list amounted to.
type ListSummary struct {
	Total int // totalResults, as the last page gave it
	Read  int // distinct resources seen
	Pages int // requests sent
}

// Whole reports whether the walk saw as many accounts as the target says there are. Even so, missing from a list
// proves nothing about one account.
func (s ListSummary) Whole() bool { return s.Read >= s.Total }

// Note is something about one attribute that a person should know.
type Note struct {
	Attribute string
	Text      string // "state \"Kalifornien\" is not one RingCentral knows for United States: the address is left out"
}

// Fitted is what the target will make of wanted values.
type Fitted struct {
	// Dropped attributes were set to Absent in the values; each has its warning.
	Warnings []Note
	// Problems stop a create, and an update of the attribute named: a required attribute without a value, say.
	// They never stop a removal.
	Problems []Note
}
