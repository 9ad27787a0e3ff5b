package ringcentraltest

import (
	_ "embed"
	"encoding/json"
	"net/http"
	"strings"
)

// The User schema and its extension (RFC 7643, section 7), reduced to what RingCentral has.
//
//go:embed schemas.json
var schemaDocuments []byte

type supported struct {
	Supported bool `json:"supported"`
}

type providerConfig struct {
	Schemas []string  `json:"schemas"`
	Patch   supported `json:"patch"`
	Bulk    struct {
		supported
		MaxOperations  int `json:"maxOperations"`
		MaxPayloadSize int `json:"maxPayloadSize"`
	} `json:"bulk"`
	Filter struct {
		supported
		MaxResults int `json:"maxResults"`
	} `json:"filter"`
	ChangePassword        supported              `json:"changePassword"`
	Sort                  supported              `json:"sort"`
	ETag                  supported              `json:"etag"`
	XMLDataFormat         supported              `json:"xmlDataFormat"`
	AuthenticationSchemes []authenticationScheme `json:"authenticationSchemes"`
}

type authenticationScheme struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	SpecURI     string `json:"specUri"`
	Primary     bool   `json:"primary"`
}

type resourceType struct {
	ID               string            `json:"id"`
	Name             string            `json:"name"`
	Description      string            `json:"description"`
	Endpoint         string            `json:"endpoint"`
	Schema           string            `json:"schema"`
	SchemaExtensions []schemaExtension `json:"schemaExtensions"`
	Meta             meta              `json:"meta"`
}

type schemaExtension struct {
	Schema   string `json:"schema"`
	Required bool   `json:"required"`
}

// providerConfig is GET /ServiceProviderConfig (RFC 7643, section 5).
func (a *Account) providerConfig(*exchange) (reply, error) {
	config := providerConfig{
		Schemas: []string{"urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"},
		Patch:   supported{true},
		AuthenticationSchemes: []authenticationScheme{{
			Name:        "OAuth Bearer Token",
			Description: "Authentication by an OAuth 2.0 access token",
			SpecURI:     "https://www.rfc-editor.org/rfc/rfc6750",
			Primary:     true,
		}},
	}
	config.Filter.Supported = true
	config.Filter.MaxResults = a.options.ListCap
	return reply{status: http.StatusOK, body: config}, nil
}

// userType is the only resource type: there are no groups.
func userType() resourceType {
	return resourceType{
		ID:               "User",
		Name:             "User",
		Description:      "User Account",
		Endpoint:         "/Users",
		Schema:           coreSchema,
		SchemaExtensions: []schemaExtension{{Schema: enterpriseSchema}},
		Meta:             meta{ResourceType: "ResourceType", Location: elsewhere + "/ResourceTypes/User"},
	}
}

// resourceTypes is GET /ResourceTypes.
func (a *Account) resourceTypes(x *exchange) (reply, error) {
	if err := x.unfiltered(); err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusOK, body: newListReply([]resourceType{userType()}, 1, 1)}, nil
}

// resourceType is GET /ResourceTypes/{id}.
func (a *Account) resourceType(x *exchange) (reply, error) {
	if x.id != userType().ID {
		return reply{}, notFound(x.id)
	}
	return reply{status: http.StatusOK, body: userType()}, nil
}

// schemas is GET /Schemas.
func (a *Account) schemas(x *exchange) (reply, error) {
	if err := x.unfiltered(); err != nil {
		return reply{}, err
	}
	documents, err := schemaList()
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusOK, body: newListReply(documents, len(documents), 1)}, nil
}

// schema is GET /Schemas/{id}.
func (a *Account) schema(x *exchange) (reply, error) {
	documents, err := schemaList()
	if err != nil {
		return reply{}, err
	}
	for _, document := range documents {
		var head struct{ ID string }
		if json.Unmarshal(document, &head) == nil && strings.EqualFold(head.ID, x.id) {
			return reply{status: http.StatusOK, body: document}, nil
		}
	}
	return reply{}, notFound(x.id)
}

func schemaList() ([]json.RawMessage, error) {
	var documents []json.RawMessage
	err := json.Unmarshal(schemaDocuments, &documents)
	return documents, err
}

// unfiltered refuses a filter, which discovery does not take (RFC 7644, section 4).
func (x *exchange) unfiltered() error {
	if x.request.URL.Query().Has("filter") {
		return &refusal{http.StatusForbidden, "", "Filtering is not allowed"}
	}
	return nil
}
