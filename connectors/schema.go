package connectors

import (
	"slices"
	"strings"
)

// Type is an attribute's data type (RFC 7643, section 2.3, as far as Entra's mappings know them).
type Type uint8

const (
	TypeString Type = iota
	TypeBoolean
	TypeInteger
	TypeDateTime
	TypeReference
	TypeBinary
	TypeComplex
)

func (t Type) String() string {
	return [...]string{"String", "Boolean", "Integer", "DateTime", "Reference", "Binary", "Complex"}[t]
}

// Attribute describes one attribute of a source or target schema.
type Attribute struct {
	Name        string // canonical spelling; for a target a SCIM path such as emails[type eq "work"].value
	Type        Type
	Required    bool // the target refuses to create without it
	MultiValued bool
	CaseExact   bool // a change of letter case alone is a change
	Filterable  bool // the target can be searched by it, so it can match
	Unlisted    bool // the target's lists leave it out: only a read of the single resource shows it
	ReadOnly    bool
	Untyped     bool // only the directory knows its type: values may be of any, and several
	Secret      bool // its values are shown to nobody: messages have RedactedText in their place
	// Same, if not nil, reports whether the target takes two texts for the same value although they are written
	// differently: "US" and "United States". It spares the write of what is so already.
	Same func(a, b string) bool
}

// RedactedText stands for a value that is not to be shown, as it does in Entra's provisioning log.
const RedactedText = "[Redact]"

// Schema is what one side offers. Mappings are checked against it before anything is read.
type Schema struct {
	Name       string // "Microsoft Graph user", "RingCentral user"
	attributes []Attribute
	index      map[string]int
	open       func(name string) (Attribute, bool)
	fold       func(name string) string
}

// NewSchema returns a schema of the attributes. fold gives the form in which names are compared (nil: without regard
// to letter case). open, if not nil, is asked for names that are not listed, such as directory extensions.
func NewSchema(name string, attributes []Attribute, fold func(string) string, open func(string) (Attribute, bool)) *Schema {
	if fold == nil {
		fold = strings.ToLower
	}
	s := &Schema{Name: name, attributes: attributes, index: make(map[string]int, len(attributes)), open: open, fold: fold}
	for i, a := range attributes {
		s.index[fold(a.Name)] = i
	}
	return s
}

// Lookup returns the attribute of that name, in whatever spelling the schema takes for the same.
func (s *Schema) Lookup(name string) (Attribute, bool) {
	if i, ok := s.index[s.fold(name)]; ok {
		return s.attributes[i], true
	}
	if s.open != nil {
		return s.open(name)
	}
	return Attribute{}, false
}

// Attributes returns the listed attributes. It is not to be changed.
func (s *Schema) Attributes() []Attribute { return s.attributes }

// Nearest returns the listed name most like the given one, or that of which it is a part or the short form, as country is
// of addresses[type eq "work"].country; "" if none is near.
func (s *Schema) Nearest(name string) string {
	names := make([]string, len(s.attributes))
	for i, a := range s.attributes {
		names[i] = a.Name
	}
	if near := Nearest(name, names); near != "" {
		return near
	}
	for _, n := range names {
		head, rest, _ := strings.Cut(n, "[")
		_, tail, _ := strings.Cut(rest, "]")
		sub := n[strings.LastIndexAny(n, ".:")+1:]
		if strings.EqualFold(name, head) || strings.EqualFold(name, head+tail) || strings.EqualFold(name, sub) {
			return n
		}
	}
	return ""
}

// Nearest returns the candidate most like name by edit distance without regard to letter case, "" if none is within
// a third of the name's length (at least 2): a guess further off misleads more than it helps.
func Nearest(name string, candidates []string) string {
	limit := max(2, len(name)/3)
	best, bestDistance := "", limit+1
	for _, c := range candidates {
		if d := editDistance(strings.ToLower(name), strings.ToLower(c)); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best
}

// editDistance is Damerau's (adjacent transpositions count one), over bytes: names here are ASCII.
func editDistance(a, b string) int {
	prev2, prev, cur := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], prev2[j-2]+1)
			}
		}
		prev2, prev, cur = prev, cur, prev2
	}
	return prev[len(b)]
}

// SameValue reports whether a target attribute would not change from one value to the other: by the attribute's case
// rule, with a text and a boolean or number of the same meaning equal, and null equal to absent and to an empty text.
func (a Attribute) SameValue(v, w Value) bool {
	if v.IsEmpty() || w.IsEmpty() {
		return v.IsEmpty() && w.IsEmpty()
	}
	if a.Type == TypeBoolean {
		x, ok1 := v.AsBool()
		y, ok2 := w.AsBool()
		if ok1 && ok2 {
			return x == y
		}
	}
	if v.Kind() == List && w.Kind() == List {
		return a.sameSet(v, w)
	}
	if a.Same != nil && a.Same(v.Text(), w.Text()) {
		return true
	}
	if v.Kind() != w.Kind() {
		v, w = StringValue(v.Text()), StringValue(w.Text())
	}
	if a.CaseExact {
		return v.Equal(w)
	}
	return v.EqualFold(w)
}

// sameSet compares multi-valued attributes without regard to order (RFC 7643, section 2.4: no order is implied).
func (a Attribute) sameSet(v, w Value) bool {
	if v.Len() != w.Len() {
		return false
	}
	item := a
	item.MultiValued = false
	rest := make([]Value, w.Len())
	for i := range rest {
		rest[i] = w.At(i)
	}
	for i := range v.Len() {
		j := slices.IndexFunc(rest, func(x Value) bool { return item.SameValue(v.At(i), x) })
		if j < 0 {
			return false
		}
		rest = slices.Delete(rest, j, j+1)
	}
	return true
}
