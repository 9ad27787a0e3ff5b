package ringcentral

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net/http"

	"ringsync/connectors"
	"ringsync/connectors/scim"
)

// Create makes an account of the wanted values, one for each slot; what is empty is not sent. active always is, true
// unless wanted otherwise: RingCentral takes a missing one for false.
//
// FaultUnsettled means that the account may exist now: find it before creating it again. FaultProtocol after an answer
// that is no SCIM says nothing about that either.
func (c *Client) Create(ctx context.Context, want []connectors.Value) (connectors.Resource, error) {
	values := c.extend(want)
	if active, _ := c.index.Index(attrActive); values[active].IsEmpty() {
		values[active] = connectors.BoolValue(true)
	}
	name, _ := c.index.Index(attrUserName)
	r := call{op: "create user " + cmp.Or(values[name].Text(), "without userName"), method: http.MethodPost,
		path: "/Users", body: c.encoder.Resource(values)}
	a, err := c.send(ctx, r)
	if err != nil {
		return connectors.Resource{}, err
	}
	created, err := c.decoder.Resource(a.body)
	if err != nil && !empty(a.body) {
		return connectors.Resource{}, notSCIM(r, a, err)
	}
	if created.ID == "" {
		return connectors.Resource{}, &connectors.Error{Fault: connectors.FaultUnsettled, Op: r.op, Status: a.status,
			Code: incompatible, Detail: "the answer has no id"}
	}
	return c.own(created), nil
}

// extend gives the values room for the client's own slots.
func (c *Client) extend(values []connectors.Value) []connectors.Value {
	extended := make([]connectors.Value, c.index.Len())
	copy(extended[:c.slots], values)
	return extended
}

// Update sends the changed slots of the wanted values as one PATCH: Null clears, Absent is not sent. If nothing is left
// to send, nothing is, and a reserved place is given back. What comes back is the whole account, or only its id, all
// values Absent and Active unknown, if the answer has no body.
func (c *Client) Update(ctx context.Context, id string, changed []int, want []connectors.Value) (connectors.Resource, error) {
	op := "patch user " + id
	path, err := userPath(op, id)
	if err != nil {
		c.Release()
		return connectors.Resource{}, err
	}
	bare := connectors.Resource{ID: id, Values: make([]connectors.Value, c.slots)}
	operations, err := c.operations(changed, want)
	if err != nil || len(operations) == 0 {
		c.Release()
		if err != nil {
			return connectors.Resource{}, &connectors.Error{Fault: connectors.FaultRejected, Op: op,
				Code: "MandatoryFieldsMissing", Err: err}
		}
		return bare, nil
	}
	r := call{op: op, method: http.MethodPatch, path: path, body: scim.PatchBody(operations), id: id}
	a, err := c.send(ctx, r)
	if err != nil {
		return connectors.Resource{}, err
	}
	if empty(a.body) {
		return bare, nil
	}
	updated, err := c.decoder.Resource(a.body)
	if err == nil {
		updated.ID = cmp.Or(updated.ID, id)
		err = sameID(id, updated.ID)
	}
	if err != nil {
		return connectors.Resource{}, notSCIM(r, a, err)
	}
	return c.own(updated), nil
}

// Delete destroys the account with everything in it; RingCentral keeps only its numbers and devices. That there is no
// such account is success.
func (c *Client) Delete(ctx context.Context, id string) error {
	op := "delete user " + id
	path, err := userPath(op, id)
	if err != nil {
		c.Release()
		return err
	}
	a, err := c.send(ctx, call{op: op, method: http.MethodDelete, path: path, id: id})
	if connectors.FaultOf(err) == connectors.FaultNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	if said := a.said(); said.Shape == scim.ShapeHTML {
		return protocolError(op, a.status, "not SCIM: "+said.Detail)
	}
	return nil
}

func empty(body []byte) bool { return len(bytes.TrimSpace(body)) == 0 }

// operations turns changed slots into PATCH operations, one for each attribute, in slot order.
//
// What may be written how is RingCentral's: lists hide phone numbers and addresses, so nobody knows whether an element
// is there, and replace with a filter that matches nothing is an error (RFC 7644, section 3.5.2.3, noTarget). Phone
// numbers and photos are therefore added, which puts the value in place either way. The address is replaced as a whole
// with the one work address there is. phoneNumbers as a whole is never written: the person's RingCentral numbers are
// in it.
func (c *Client) operations(changed []int, want []connectors.Value) ([]scim.Operation, error) {
	var operations []scim.Operation
	addressDone := false
	for _, slot := range changed {
		v, path := want[slot], c.paths[slot]
		switch {
		case v.Kind() == connectors.Absent:
		case path.Name == "addresses":
			if !addressDone {
				operations = append(operations, c.replaceAddress(want))
			}
			addressDone = true
		case v.IsEmpty():
			if a := c.attributes[slot]; a.Required || a.Name == attrActive {
				return nil, fmt.Errorf("%s cannot be cleared", a.Name)
			}
			operations = append(operations, scim.Operation{Op: "remove", Path: path.Element().String()})
		case path.Name == "phoneNumbers" || path.Name == "photos":
			operations = append(operations, scim.Operation{Op: "add", Path: path.String(), Value: c.encoder.Value(slot, v)})
		default:
			operations = append(operations, scim.Operation{Op: "replace", Path: path.String(), Value: c.encoder.Value(slot, v)})
		}
	}
	return operations, nil
}

func (c *Client) replaceAddress(want []connectors.Value) scim.Operation {
	if address := c.encoder.Attribute("addresses", want); address != nil {
		return scim.Operation{Op: "replace", Path: "addresses", Value: address}
	}
	return scim.Operation{Op: "remove", Path: "addresses"}
}
