package scim

import "testing"

func TestProviderConfig(t *testing.T) {
	c, err := ParseProviderConfig([]byte(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],"patch":{"supported":true},
		"bulk":{"supported":false,"maxOperations":0,"maxPayloadSize":0},"filter":{"supported":true,"maxResults":200},
		"authenticationSchemes":[{"type":"oauthbearertoken","name":"OAuth Bearer Token"}]}`))
	if err != nil || !c.Patch.Supported || c.Bulk.Supported || !c.Filter.Supported || c.Filter.MaxResults != 200 ||
		len(c.AuthenticationSchemes) != 1 || c.AuthenticationSchemes[0].Type != "oauthbearertoken" {
		t.Errorf("%+v (%v)", c, err)
	}
	if c, err := ParseProviderConfig([]byte(`<html>`)); err == nil {
		t.Errorf("HTML is taken for %+v", c)
	}
}

// Both the ListResponse that RFC 7644, section 4 asks for and the bare array that some servers send are read.
func TestDiscoveryLists(t *testing.T) {
	const item = `{"id":"User","name":"User","endpoint":"/Users","schema":"` + CoreUser + `","schemaExtensions":[{"schema":"` + EnterpriseUser + `"}]}`
	for _, body := range []string{`{"totalResults":1,"Resources":[` + item + `]}`, `[` + item + `]`} {
		types, err := ParseResourceTypes([]byte(body))
		if err != nil || len(types) != 1 || types[0].Endpoint != "/Users" || types[0].Schema != CoreUser ||
			len(types[0].Extensions) != 1 || types[0].Extensions[0].Schema != EnterpriseUser {
			t.Errorf("%s: %+v (%v)", body, types, err)
		}
	}
	schemas, err := ParseSchemas([]byte(`{"Resources":[{"id":"` + CoreUser + `","attributes":[{"name":"userName","required":true}]}]}`))
	if err != nil || len(schemas) != 1 || schemas[0].ID != CoreUser || !schemas[0].Attributes[0].Required {
		t.Errorf("%+v (%v)", schemas, err)
	}
	if _, err := ParseSchemas([]byte(`"x"`)); err == nil {
		t.Error("a string is taken for schemas")
	}
}
