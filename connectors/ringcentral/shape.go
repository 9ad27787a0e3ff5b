package ringcentral

import (
	"fmt"

	"ringsync/connectors"
	"ringsync/connectors/scim"
)

// Shape is how accounts are read and written whose attributes are the slots of a mapping. It is made once, and is safe
// for concurrent use.
//
// What a client itself needs of an account, mapped or not, has slots of its own behind those of the mapping: active,
// which every create sends, and what accounts are found by.
type Shape struct {
	slots      int // those of the mapping
	index      *connectors.Slots
	paths      []scim.Path            // by slot
	attributes []connectors.Attribute // by slot
	decoder    *scim.Decoder
	encoder    *scim.Encoder
}

// NewShape compiles slots that are canonical names of the Schema.
func NewShape(slots *connectors.Slots) (*Shape, error) {
	s := &Shape{slots: slots.Len(), index: connectors.NewSlots(slots.Names()...)}
	for _, name := range []string{attrActive, attrUserName, attrWorkMail} {
		s.index.Add(name)
	}
	schema := Schema()
	for _, name := range s.index.Names() {
		a, ok := schema.Lookup(name)
		if !ok || a.Name != name {
			return nil, fmt.Errorf("slot %s: not an attribute of a %s", name, schema.Name)
		}
		p, err := scim.ParsePath(name)
		if err != nil {
			return nil, err
		}
		s.paths, s.attributes = append(s.paths, p), append(s.attributes, a)
	}
	var err error
	if s.decoder, err = scim.NewDecoder(s.index, schema); err != nil {
		return nil, err
	}
	s.encoder, err = scim.NewEncoder(s.index, schema)
	return s, err
}

// own takes the client's own slots off a resource.
func (s *Shape) own(r connectors.Resource) connectors.Resource {
	if len(r.Values) > s.slots {
		r.Values = r.Values[:s.slots:s.slots]
	}
	return r
}
